/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suretyd's connection to surety-imds: listeners and routes go there, a record of every request comes back. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "wire/fields.h"
#include <stdio.h>
#include <string.h>

static void forget_all(struct su_daemon *d)
{
    memset(&d->at_imds, 0, sizeof d->at_imds);
    su_vmtab_forgot(&d->vms, SU_PEER_IMDS);
    for (size_t i = 0; i < d->n_listeners; i++)
        d->listener[i].told = d->listener[i].refused = false;
}

static void on_up(void *ctx)
{
    struct su_daemon *d = ctx;
    forget_all(d);
    d->at_imds.status_due = true;
    su_log(LOG_INFO, "surety-imds: connected");
}

static void on_down(void *ctx, const struct su_err *why)
{
    struct su_daemon *d = ctx;
    if (d->facts.imds_connected)
        su_log_err(LOG_WARNING, "surety-imds", why);
    d->facts.imds_connected = false;
    memset(&d->imds_status, 0, sizeof d->imds_status);
    forget_all(d);
    su_daemon_wake(d);
}

/* What leaves comes before what arrives, since names are used again. */
static bool next_listener(struct su_daemon *d, struct su_peer_ask *ask)
{
    for (size_t i = 0; i < d->n_listeners; i++) {
        struct su_listener *l = &d->listener[i];
        if (l->gone && l->told) {
            ask->op = SU_IMDS_UNLISTEN;
            su_put_str(&ask->body, l->l.name);
            memcpy(d->at_imds.listener, l->l.name, sizeof d->at_imds.listener);
            return true;
        }
    }
    for (size_t i = 0; i < d->n_listeners; i++) {
        struct su_listener *l = &d->listener[i];
        if (!l->gone && !l->told && !l->refused) {
            ask->op = SU_IMDS_LISTEN;
            ask->fd = l->fd;
            su_imds_listener_put(&ask->body, &l->l);
            memcpy(d->at_imds.listener, l->l.name, sizeof d->at_imds.listener);
            l->told = true;
            return true;
        }
    }
    return false;
}

static bool next_vm(struct su_daemon *d, struct su_peer_ask *ask)
{
    struct su_vm *vm = NULL;
    enum su_vm_change change = su_vmtab_next(&d->vms, SU_PEER_IMDS, &vm);
    if (change == SU_VM_NOTHING)
        return false;
    su_vmtab_sent(vm, SU_PEER_IMDS, change, &d->at_imds.sent);
    ask->op = change == SU_VM_PUT ? SU_IMDS_VM_PUT : SU_IMDS_VM_DEL;
    if (change == SU_VM_PUT)
        su_buf_add(&ask->body, vm->route.p, vm->route.n);
    else
        su_put_str(&ask->body, vm->uuid);
    return true;
}

static bool next(void *ctx, struct su_peer_ask *ask)
{
    struct su_daemon *d = ctx;
    if (!d->at_imds.cleared) {
        ask->op = SU_IMDS_CLEAR;
    } else if (d->at_imds.host_rev != d->host_rev) {
        ask->op = SU_IMDS_HOST;
        su_buf_add(&ask->body, d->host_message.p, d->host_message.n);
        d->at_imds.host_rev = d->host_rev;
    } else if (!next_listener(d, ask) && !next_vm(d, ask)) {
        if (!d->at_imds.status_due)
            return false;
        ask->op = SU_IMDS_STATUS;
        d->at_imds.status_due = false;
    }
    d->at_imds.asked = ask->op;
    return true;
}

static void listener_answer(struct su_daemon *d, const struct su_err *no)
{
    for (size_t i = 0; i < d->n_listeners; i++) {
        struct su_listener *l = &d->listener[i];
        if (strcmp(l->l.name, d->at_imds.listener) != 0 || !l->told)
            continue;
        if (d->at_imds.asked == SU_IMDS_UNLISTEN || no)
            l->told = false;
        if (d->at_imds.asked == SU_IMDS_LISTEN && no) {
            l->refused = true;
            su_log_err(LOG_ERR, l->l.name, no);
        }
        break;
    }
    su_listeners_sweep(d);
    d->vms.dirty |= d->at_imds.asked == SU_IMDS_UNLISTEN; /* its VM may have a socket elsewhere now */
    pthread_cond_broadcast(&d->changed);
}

static bool take_answer(struct su_daemon *d, const struct su_err *no)
{
    switch (d->at_imds.asked) {
    case SU_IMDS_CLEAR:
        d->at_imds.cleared = !no;
        d->facts.imds_connected = !no;
        return !no;
    case SU_IMDS_HOST:
        return !no; /* without it, it would answer wrongly */
    case SU_IMDS_LISTEN:
    case SU_IMDS_UNLISTEN:
        listener_answer(d, no);
        return true;
    case SU_IMDS_VM_PUT:
    case SU_IMDS_VM_DEL:
        if (no && d->at_imds.sent.change == SU_VM_PUT)
            su_log_err(LOG_WARNING, d->at_imds.sent.uuid, no);
        su_vmtab_answered(&d->vms, SU_PEER_IMDS, &d->at_imds.sent, no);
        pthread_cond_broadcast(&d->changed);
        return true;
    default:
        return false;
    }
}

static bool answered(void *ctx, uint8_t op, struct su_bytes body)
{
    struct su_daemon *d = ctx;
    struct su_wire_error w;
    struct su_err no = {.kind = SU_E_REFUSED, .id = "imds.refused"};
    su_daemon_wake(d);
    if (d->at_imds.asked == SU_IMDS_STATUS) {
        struct su_imds_status s;
        if (op != SU_IMDS_STATUS || !su_imds_status_take(&body, &s) || body.n)
            return false;
        d->imds_status = s;
        return true;
    }
    if (op == SU_IMDS_DONE && body.n == 0)
        return take_answer(d, NULL);
    if (op != SU_IMDS_ERROR || !su_wire_error_take(&body, &w) || body.n)
        return false;
    snprintf(no.msg, sizeof no.msg, "%.170s [%.60s]", w.msg, w.id);
    return take_answer(d, &no);
}

static bool unasked(void *ctx, uint8_t op, struct su_bytes body)
{
    struct su_imds_audit a;
    if (op != SU_IMDS_AUDIT || !su_imds_audit_take(&body, &a) || body.n)
        return false;
    su_audit_take(ctx, &a);
    return true;
}

const struct su_peer_ops su_imds_ops = {on_up, on_down, next, answered, unasked};
