/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from a change: the table, the state, what the peers have to be told. */
#include "daemon.h"
#include "log.h"
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

uint64_t su_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec > 0 ? (uint64_t)t.tv_sec : 0;
}

void su_daemon_wake(struct su_daemon *d)
{
    eventfd_write(d->wake_fd, 1);
}

int su_daemon_path(const char *dir, const char *name, char *out, size_t cap, struct su_err *e)
{
    if (snprintf(out, cap, "%s/%s", dir, name) >= (int)cap)
        return su_fail(e, SU_E_RANGE, "daemon.path", "the path %s/%s is too long", dir, name);
    return 0;
}

static void log_state(const struct su_server_state *was, const struct su_server_state *is)
{
    if (was->status != is->status || !was->why.id || strcmp(was->why.id, is->why.id) != 0)
        su_log(is->status == SU_SERVER_ACTIVE ? LOG_NOTICE : LOG_WARNING, "state: %s: %s [%s]",
               su_server_status_name(is->status), is->why.text, is->why.id);
    for (unsigned i = 0; i < is->n_warnings; i++) {
        bool new = true;
        for (unsigned j = 0; j < was->n_warnings; j++)
            new &= strcmp(was->warning[j].id, is->warning[i].id) != 0;
        if (new)
            su_log(LOG_WARNING, "warning: %s [%s]", is->warning[i].text, is->warning[i].id);
    }
}

/* What surety-imds answers with: documents, or why not.  410 while it may be over in a moment. */
static void make_host_message(struct su_daemon *d)
{
    struct su_imds_host h = {.status = 200, .chain = su_buf_bytes(&d->copy.chain)};
    struct su_buf made SU_BUF = {0};
    struct su_err e = {0};
    h.serving = d->state.status == SU_SERVER_ACTIVE;
    h.rate = d->conf.rate;
    h.burst = d->conf.burst;
    memcpy(h.host, d->conf.host, sizeof h.host);
    if (!h.serving) {
        h.status = strcmp(d->state.why.id, "server.signer") == 0 ? 410 : 503;
        /* the reason's details are the operator's business */
        snprintf(h.text, sizeof h.text, "Documents are not available on this host: %s [%s]",
                 su_server_status_name(d->state.status), d->state.why.id);
    }
    su_imds_host_put(&made, &h);
    if (su_buf_ok(&made, &e) < 0 ||
        (d->host_rev && made.n == d->host_message.n && memcmp(made.p, d->host_message.p, made.n) == 0))
        return;
    struct su_buf old = d->host_message;
    d->host_message = made;
    made = old;
    d->host_rev++;
}

void su_daemon_state(struct su_daemon *d)
{
    struct su_server_state now;
    d->facts.cut_off = 0;
    for (size_t i = 0; i < d->vms.n; i++)
        d->facts.cut_off += strstr(d->vms.vm[i]->problem_id, "-collision") != NULL;
    su_server_state(&d->facts, su_now(), &now);
    log_state(&d->state, &now);
    d->state = now;
    make_host_message(d);
}

static void log_problems(struct su_daemon *d)
{
    for (size_t i = 0; i < d->vms.n; i++) {
        struct su_vm *vm = d->vms.vm[i];
        if (!vm->recalled) {
            su_audit_recall(d, vm);
            vm->recalled = true;
        }
        if (strcmp(vm->problem_id, vm->logged_id) != 0 && vm->problem_id[0])
            su_log(LOG_ERR, "vm %s (%s): %s [%s]", vm->uuid, vm->name, vm->problem, vm->problem_id);
        memcpy(vm->logged_id, vm->problem_id, sizeof vm->logged_id);
    }
}

/* When a run began that was not there at the last look.  Of what ran before the first complete look pids.c tells. */
static void note_runs(struct su_daemon *d)
{
    for (size_t i = 0; i < d->vms.n; i++) {
        struct su_vm *vm = d->vms.vm[i];
        bool runs = vm->desc && vm->desc->running;
        if (runs && (vm->seen ? vm->seen_off : d->vms_complete))
            su_vm_begins(vm, su_now());
        vm->seen_off = !runs;
        vm->seen = true;
    }
    d->vms_complete = d->libvirt_here || !d->facts.libvirt_wanted;
}

static void resolve(struct su_daemon *d)
{
    struct su_err e = {0};
    if (su_vmtab_resolve(&d->vms, &e) < 0)
        su_log_err(LOG_ERR, "table of VMs", &e);
}

void su_daemon_refresh(struct su_daemon *d)
{
    if (d->vms.dirty) {
        resolve(d);
        su_pids_update(d); /* a VM has its claim only now; one whose process is gone stops */
        resolve(d);
        su_listeners_vms(d);
        log_problems(d);
        note_runs(d);
        su_guests_kick(d);
    } else if (!d->vms_complete) {
        note_runs(d);
    }
    su_daemon_state(d);
    su_peer_kick(&d->signer);
    su_peer_kick(&d->imds);
    pthread_cond_broadcast(&d->changed);
}
