/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suretyd's connection to surety-signer: the facts of the VMs go there, its state comes back. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "wire/fields.h"
#include <stdio.h>
#include <string.h>

static void on_up(void *ctx)
{
    struct su_daemon *d = ctx;
    memset(&d->at_signer, 0, sizeof d->at_signer);
    d->at_signer.status_due = true;
    su_vmtab_forgot(&d->vms, SU_PEER_SIGNER);
    su_log(LOG_INFO, "surety-signer: connected");
}

static void on_down(void *ctx, const struct su_err *why)
{
    struct su_daemon *d = ctx;
    if (d->facts.signer_connected || !d->facts.signer_problem[0])
        su_log_err(LOG_WARNING, "surety-signer", why);
    d->facts.signer_connected = false;
    snprintf(d->facts.signer_problem, sizeof d->facts.signer_problem, "%s", why->msg);
    memset(&d->at_signer, 0, sizeof d->at_signer);
    su_vmtab_forgot(&d->vms, SU_PEER_SIGNER);
    su_daemon_wake(d);
}

static bool next(void *ctx, struct su_peer_ask *ask)
{
    struct su_daemon *d = ctx;
    struct su_vm *vm = NULL;
    enum su_vm_change change;
    if (d->at_signer.status_due) {
        ask->op = SU_SIGN_STATUS;
    } else if (!d->at_signer.cleared) {
        ask->op = SU_SIGN_VM_CLEAR;
    } else if ((change = su_vmtab_next(&d->vms, SU_PEER_SIGNER, &vm)) == SU_VM_PUT) {
        ask->op = SU_SIGN_VM_PUT;
        su_vmtab_sent(vm, SU_PEER_SIGNER, change, &d->at_signer.sent);
        su_buf_add(&ask->body, vm->facts.p, vm->facts.n);
    } else if (change == SU_VM_REMOVE) {
        ask->op = SU_SIGN_VM_DEL;
        su_vmtab_sent(vm, SU_PEER_SIGNER, change, &d->at_signer.sent);
        su_put_str(&ask->body, vm->uuid);
    } else {
        return false;
    }
    d->at_signer.asked = ask->op;
    return true;
}

static void set_bytes(struct su_buf *to, struct su_bytes from)
{
    su_buf_done(to);
    *to = (struct su_buf){0};
    su_buf_add(to, from.p, from.n);
}

static bool take_status(struct su_daemon *d, uint8_t op, struct su_bytes body)
{
    struct su_sign_status s;
    if (op != SU_SIGN_STATUS || !su_sign_status_take(&body, &s) || body.n)
        return false;
    struct su_server_facts *f = &d->facts;
    f->signer_connected = true;
    f->signer_state = s.state;
    f->not_before = s.not_before;
    f->not_after = s.not_after;
    memcpy(f->signer_problem_id, s.problem_id, sizeof f->signer_problem_id);
    memcpy(f->signer_problem, s.problem, sizeof f->signer_problem);
    memcpy(d->copy.key, s.key, sizeof d->copy.key);
    memcpy(d->copy.serial, s.serial, sizeof d->copy.serial);
    d->copy.signed_documents = s.signed_documents;
    set_bytes(&d->copy.leaf, s.leaf);
    set_bytes(&d->copy.chain, s.chain);
    set_bytes(&d->copy.roots, s.roots);
    f->revoked = s.serial[0] && strcmp(s.serial, d->revoked_serial) == 0;
    d->at_signer.status_due = false;
    return true;
}

static bool answered(void *ctx, uint8_t op, struct su_bytes body)
{
    struct su_daemon *d = ctx;
    struct su_wire_error w;
    struct su_err no = {.kind = SU_E_REFUSED, .id = "signer.refused"};
    bool good = op == SU_SIGN_DONE && body.n == 0;
    su_daemon_wake(d);
    if (d->at_signer.asked == SU_SIGN_STATUS)
        return take_status(d, op, body);
    if (!good && (op != SU_SIGN_ERROR || !su_wire_error_take(&body, &w) || body.n))
        return false;
    if (!good)
        snprintf(no.msg, sizeof no.msg, "%.170s [%.60s]", w.msg, w.id);
    if (d->at_signer.asked == SU_SIGN_VM_CLEAR) {
        d->at_signer.cleared = good;
        return good;
    }
    if (!good)
        su_log_err(LOG_WARNING, d->at_signer.sent.uuid, &no);
    su_vmtab_answered(&d->vms, SU_PEER_SIGNER, &d->at_signer.sent, good ? NULL : &no);
    return true;
}

static bool unasked(void *ctx, uint8_t op, struct su_bytes body)
{
    (void)ctx, (void)op, (void)body;
    return false;
}

const struct su_peer_ops su_signer_ops = {on_up, on_down, next, answered, unasked};
