/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which systems the VMs run: asked of their guest agents one after the other, kept in the store beside the jobs, where
 * runners put what they find on the disks of VMs that are off.
 *
 * A guest may never answer, so this has a thread and a connection to libvirt of its own, and a limit for each question.
 * The question goes through virDomainQemuAgentCommand(), the one call that takes such a limit without changing the
 * domain. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    TURN_MS = 2000,
    ANSWER_S = 5,          /* of one question */
    AGAIN_S = 3600,        /* systems seldom become others while they run */
    SILENT_S = 10,         /* after the first question without an answer; doubled up to AGAIN_S */
    WRITE_S = 86400,       /* a record that says the same is written again, so that its time is not too old */
    FORGET_S = 30 * 86400, /* of VMs that are not there any more */
    SWEEP_S = 86400,
    AT_ONCE = 64, /* questions before it is looked whether suretyd ends */
};
#define PREFIX "guest/"

struct guest {
    char uuid[SU_UUID_TEXT];
    struct su_guest_os os;
};

struct guests {
    struct guest *row; /* owned; in the order of the UUIDs */
    size_t n, cap;
    bool failed;
};

struct su_guests {
    pthread_t thread;
    bool runs;
    uint64_t sweep_at;
    struct guests known; /* with the daemon's lock */
    struct su_jobs_mark mark;
    bool read;
};

static uint64_t seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec;
}

/* The store ----------------------------------------------------------------------- */

static int add(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    struct guests *g = arg;
    struct su_err ignored = {0};
    struct guest row = {0};
    (void)revision;
    if (strlen(key) != strlen(PREFIX) + SU_UUID_TEXT - 1 || g->n == SU_VMTAB_MAX * 2 ||
        su_guest_os_parse(value, &row.os, &ignored) < 0)
        return 0;
    memcpy(row.uuid, key + strlen(PREFIX), sizeof row.uuid);
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct guest *more = reallocarray(g->row, cap, sizeof *more);
        if (!more) {
            g->failed = true;
            return 1;
        }
        g->row = more;
        g->cap = cap;
    }
    g->row[g->n++] = row;
    return 0;
}

int su_guests_refresh(struct su_daemon *d, struct su_err *e)
{
    struct guests g = {0};
    struct su_jobs_mark m;
    su_jobs_look(d, &m);
    {
        SU_HOLD(&d->lock);
        if (d->guests->read && memcmp(&m, &d->guests->mark, sizeof m) == 0)
            return 0;
    }
    if (su_store_list(d->jobs.store, PREFIX, add, &g, e) < 0) {
        free(g.row);
        return -1;
    }
    if (g.failed) {
        free(g.row);
        return su_fail_nomem(e, g.n * sizeof *g.row);
    }
    SU_HOLD(&d->lock);
    free(d->guests->known.row);
    d->guests->known = g;
    d->guests->mark = m;
    d->guests->read = true;
    return 0;
}

static int by_uuid(const void *key, const void *row)
{
    return strcmp(key, ((const struct guest *)row)->uuid);
}

const struct su_guest_os *su_guests_find(const struct su_daemon *d, const char *uuid)
{
    const struct guests *g = &d->guests->known;
    const struct guest *found = g->n ? bsearch(uuid, g->row, g->n, sizeof *g->row, by_uuid) : NULL;
    return found ? &found->os : NULL;
}

static int write_record(struct su_daemon *d, const char *uuid, const struct su_guest_os *os, struct su_err *e)
{
    char key[64];
    json_t *o = su_guest_os_json(os);
    char *text SU_FREE = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return su_fail_nomem(e, 512);
    snprintf(key, sizeof key, PREFIX "%s", uuid);
    return su_store_put_lazy(d->jobs.store, key, (struct su_bytes){(const uint8_t *)text, strlen(text)}, e);
}

/* The agent tells no edition; one that was found on the disk of the same system stays. */
static bool worth_writing(const struct su_guest_os *was, struct su_guest_os *is)
{
    bool same = was && strcmp(was->id, is->id) == 0 && strcmp(was->name, is->name) == 0;
    if (same && !is->edition[0])
        memcpy(is->edition, was->edition, sizeof is->edition);
    return !was || su_guest_os_differ(was, is) || is->at - was->at >= WRITE_S;
}

static bool is_old(const struct su_daemon *d, const struct guest *g)
{
    return !su_vmtab_find(&d->vms, g->uuid) && su_now() > g->os.at + FORGET_S;
}

/* Records of VMs that nobody has any more. */
static void sweep(struct su_daemon *d)
{
    char key[64];
    struct su_err e = {0};
    for (unsigned i = 0; i < AT_ONCE; i++) {
        key[0] = 0;
        {
            SU_HOLD(&d->lock);
            for (size_t k = 0; k < d->guests->known.n && d->libvirt_here && !key[0]; k++)
                if (is_old(d, &d->guests->known.row[k]))
                    snprintf(key, sizeof key, PREFIX "%s", d->guests->known.row[k].uuid);
        }
        if (!key[0])
            return;
        if (su_store_del(d->jobs.store, key, SU_STORE_ANY, &e) < 0 || su_guests_refresh(d, &e) < 0) {
            su_log_err(LOG_WARNING, "guests", &e);
            return;
        }
    }
}

/* The agents ------------------------------------------------------------------------ */

/* A running VM with an agent's channel whose time has come. */
static bool next_due(struct su_daemon *d, char uuid[SU_UUID_TEXT])
{
    uint64_t now = seconds();
    SU_HOLD(&d->lock);
    for (size_t i = 0; i < d->vms.n && d->facts.libvirt_connected; i++) {
        struct su_vm *vm = d->vms.vm[i];
        if (!vm->desc || !vm->desc->running) {
            vm->ask_at = vm->ask_wait = 0;
            continue;
        }
        if (!vm->desc->agent_channel || vm->ask_at > now || strcmp(vm->source, "libvirt") != 0)
            continue;
        memcpy(uuid, vm->uuid, SU_UUID_TEXT);
        return true;
    }
    return false;
}

static bool ask(virConnectPtr conn, const char *uuid, struct su_guest_os *os)
{
    struct su_err ignored = {0};
    virDomainPtr dom = virDomainLookupByUUIDString(conn, uuid);
    char *text SU_FREE = dom ? virDomainQemuAgentCommand(dom, "{\"execute\":\"guest-get-osinfo\"}", ANSWER_S, 0) : NULL;
    if (dom)
        virDomainFree(dom);
    return text &&
           su_guest_os_from_agent((struct su_bytes){(const uint8_t *)text, strlen(text)}, su_now(), os, &ignored) == 0;
}

static void note(struct su_daemon *d, const char *uuid, bool answered)
{
    SU_HOLD(&d->lock);
    struct su_vm *vm = su_vmtab_find(&d->vms, uuid);
    if (!vm)
        return;
    vm->ask_wait = answered ? AGAIN_S : vm->ask_wait ? vm->ask_wait * 2 : SILENT_S;
    if (vm->ask_wait > AGAIN_S)
        vm->ask_wait = AGAIN_S;
    vm->ask_at = seconds() + vm->ask_wait;
}

static void take(struct su_daemon *d, const char *uuid, struct su_guest_os *os)
{
    struct su_err e = {0};
    bool write;
    {
        SU_HOLD(&d->lock);
        write = worth_writing(su_guests_find(d, uuid), os);
    }
    if (write && (write_record(d, uuid, os, &e) < 0 || su_guests_refresh(d, &e) < 0))
        su_log_err(LOG_WARNING, "guests", &e);
}

static bool ends(const struct su_daemon *d, int ms)
{
    struct pollfd p = {.fd = d->stop_fd, .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

static void ask_all(struct su_daemon *d)
{
    char uuid[SU_UUID_TEXT];
    struct su_guest_os os;
    virConnectPtr conn = NULL;
    for (unsigned i = 0; i < AT_ONCE && !ends(d, 0) && next_due(d, uuid); i++) {
        if (!conn && !(conn = virConnectOpen(d->conf.libvirt)))
            return;
        bool answered = ask(conn, uuid, &os);
        note(d, uuid, answered);
        if (answered)
            take(d, uuid, &os);
    }
    if (conn)
        virConnectClose(conn);
}

static void *run(void *arg)
{
    struct su_daemon *d = arg;
    struct su_err e = {0};
    while (!ends(d, TURN_MS)) {
        ask_all(d);
        if (seconds() < d->guests->sweep_at)
            continue;
        d->guests->sweep_at = seconds() + SWEEP_S;
        if (su_guests_refresh(d, &e) < 0)
            su_log_err(LOG_WARNING, "guests", &e);
        else
            sweep(d);
    }
    return NULL;
}

int su_guests_start(struct su_daemon *d, struct su_err *e)
{
    struct su_guests *g = calloc(1, sizeof *g);
    if (!g)
        return su_fail_nomem(e, sizeof *g);
    d->guests = g;
    g->sweep_at = seconds() + 60;
    if (su_guests_refresh(d, e) < 0)
        return -1;
    if (!d->facts.libvirt_wanted)
        return 0;
    g->runs = pthread_create(&g->thread, NULL, run, d) == 0;
    return g->runs ? 0 : su_fail(e, SU_E_NOMEM, "daemon.thread", "cannot start a thread");
}

void su_guests_stop(struct su_daemon *d)
{
    struct su_guests *g = d->guests;
    if (!g)
        return;
    if (g->runs)
        pthread_join(g->thread, NULL); /* stop_fd is readable; at most one question is under way */
    d->guests = NULL;
    free(g->known.row);
    free(g);
}
