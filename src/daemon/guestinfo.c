/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which systems the VMs run: asked of their guest agents one after the other, kept in the store beside the jobs, where
 * runners put what they find on the disks of VMs that are off.
 *
 * A guest may never answer, so this has a thread of its own, which holds no lock then, and a limit for each question;
 * when which VM is asked, asking.h tells.  One that answers otherwise each time costs a write each time that it is
 * asked. The question goes through virDomainQemuAgentCommand(), the one call that takes such a limit without changing
 * the domain. */
#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/virt_int.h"
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

enum {
    ANSWER_S = 5,          /* of one question */
    TOGETHER_S = 60,       /* an hour is over so much earlier, when somebody is asked anyway */
    WRITE_S = 86400,       /* a record that says the same is written again, so that its time is not too old */
    FORGET_S = 30 * 86400, /* of VMs that are not there any more */
    SWEEP_S = 86400,
    SWEEP_MORE_S = 60,
    RETRY_S = 5,  /* when libvirt cannot be asked */
    AT_ONCE = 64, /* questions, and deletions, before the thread looks around again */
    KEPT = SU_VMTAB_MAX * 2,
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
    int kick_fd; /* eventfd: the thread looks again; -1: none */
    uint64_t sweep_at;
    bool failing;        /* the last write failed */
    struct guests known; /* with the daemon's lock, as all below */
    struct su_jobs_mark mark;
    bool read;
};

static uint64_t seconds(void)
{
    return (uint64_t)su_monotonic_s();
}

/* The store ----------------------------------------------------------------------- */

static int make_room(struct guests *g)
{
    if (g->n < g->cap)
        return 0;
    size_t cap = g->cap ? g->cap * 2 : 64;
    struct guest *more = reallocarray(g->row, cap, sizeof *more);
    if (!more)
        return -1;
    g->row = more;
    g->cap = cap;
    return 0;
}

static int add(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    struct guests *g = arg;
    struct su_err ignored = {0};
    struct guest row = {0};
    (void)revision;
    if (strlen(key) != strlen(PREFIX) + SU_UUID_TEXT - 1 || g->n == KEPT ||
        su_guest_os_parse(value, &row.os, &ignored) < 0)
        return 0;
    memcpy(row.uuid, key + strlen(PREFIX), sizeof row.uuid);
    if (make_room(g) < 0) {
        g->failed = true;
        return 1;
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

/* Whether it is worth a write; with what was known before. */
static bool worth_writing(const struct su_guest_os *was, struct su_guest_os *is)
{
    if (!was)
        return true;
    su_guest_os_keep(was, is);
    return su_guest_os_differ(was, is) || is->at < was->at || is->at - was->at >= WRITE_S;
}

/* Before the store is read again: a list of all for each of them would be quadratic. */
static void remember(struct su_daemon *d, const char *uuid, const struct su_guest_os *os)
{
    struct guests *g = &d->guests->known;
    struct guest row = {.os = *os};
    size_t at = 0;
    memcpy(row.uuid, uuid, sizeof row.uuid);
    while (at < g->n && strcmp(g->row[at].uuid, uuid) < 0)
        at++;
    if (at < g->n && strcmp(g->row[at].uuid, uuid) == 0)
        g->row[at] = row;
    else if (make_room(g) == 0) {
        memmove(&g->row[at + 1], &g->row[at], (g->n++ - at) * sizeof row);
        g->row[at] = row;
    } else {
        d->guests->read = false;
    }
}

static void failed(struct su_guests *g, const struct su_err *e)
{
    if (!g->failing)
        su_log_err(LOG_WARNING, "guests", e);
    g->failing = true;
}

static void take(struct su_daemon *d, const char *uuid, struct su_guest_os *os)
{
    struct su_err e = {0};
    {
        SU_HOLD(&d->lock);
        if (!worth_writing(su_guests_find(d, uuid), os))
            return;
        remember(d, uuid, os);
    }
    if (write_record(d, uuid, os, &e) < 0)
        failed(d->guests, &e);
    else
        d->guests->failing = false;
}

/* Records of VMs that nobody has any more: the old ones, and all when there are too many. */
static bool is_old(const struct su_daemon *d, const struct guest *g)
{
    return !su_vmtab_find(&d->vms, g->uuid) && (d->guests->known.n > SU_VMTAB_MAX || su_now() > g->os.at + FORGET_S);
}

/* The first ones.  Before libvirt has told its VMs, none is known to be gone. */
static size_t find_old(struct su_daemon *d, char (*uuid)[SU_UUID_TEXT])
{
    size_t n = 0;
    SU_HOLD(&d->lock);
    for (size_t k = 0; k < d->guests->known.n && d->libvirt_here && n < AT_ONCE; k++)
        if (is_old(d, &d->guests->known.row[k]))
            memcpy(uuid[n++], d->guests->known.row[k].uuid, SU_UUID_TEXT);
    return n;
}

static void sweep(struct su_daemon *d)
{
    char key[64], uuid[AT_ONCE][SU_UUID_TEXT];
    struct su_err e = {0};
    size_t n = 0;
    int rc = su_guests_refresh(d, &e);
    if (rc == 0)
        n = find_old(d, uuid);
    for (size_t i = 0; i < n && rc == 0; i++) {
        snprintf(key, sizeof key, PREFIX "%.36s", uuid[i]);
        rc = su_store_del(d->jobs.store, key, SU_STORE_ANY, &e);
    }
    if (rc < 0)
        failed(d->guests, &e);
    d->guests->sweep_at = seconds() + (n == AT_ONCE && rc == 0 ? SWEEP_MORE_S : SWEEP_S);
}

/* The agents ------------------------------------------------------------------------ */

static bool may_ask(struct su_vm *vm)
{
    if (!vm->desc || !vm->desc->running)
        vm->ask = (struct su_asking){0};
    return vm->desc && vm->desc->running && vm->desc->agent_channel && strcmp(vm->source, "libvirt") == 0;
}

/* The running VM with an agent's channel that comes first, and when.  UINT64_MAX: there is none. */
static uint64_t next_due(struct su_daemon *d, uint64_t now, char uuid[SU_UUID_TEXT])
{
    const struct su_vm *best = NULL;
    uint64_t first = UINT64_MAX;
    SU_HOLD(&d->lock);
    for (size_t i = 0; i < d->vms.n && d->facts.libvirt_connected; i++) {
        struct su_vm *vm = d->vms.vm[i];
        if (!may_ask(vm))
            continue;
        first = vm->ask.at < first ? vm->ask.at : first;
        uint64_t until = now + (vm->ask.wait == SU_ASKING_AGAIN_S ? TOGETHER_S : 0);
        if (vm->ask.at <= until && (!best || su_asking_before(&vm->ask, &best->ask)))
            best = vm;
    }
    uuid[0] = 0;
    if (best)
        memcpy(uuid, best->uuid, SU_UUID_TEXT);
    return first;
}

static bool ask(virConnectPtr conn, const char *uuid, struct su_guest_os *os)
{
    struct su_err ignored = {0};
    virDomainPtr dom = virDomainLookupByUUIDString(conn, uuid);
    char *text SU_FREE = dom ? virDomainQemuAgentCommand(dom, "{\"execute\":\"guest-get-osinfo\"}", ANSWER_S, 0) : NULL;
    if (dom)
        virDomainFree(dom);
    size_t n = text ? strnlen(text, SU_GUEST_ANSWER + 1) : 0;
    return text && su_guest_os_from_agent((struct su_bytes){(const uint8_t *)text, n}, su_now(), os, &ignored) == 0;
}

static void note(struct su_daemon *d, const char *uuid, bool answered, uint64_t took)
{
    SU_HOLD(&d->lock);
    struct su_vm *vm = su_vmtab_find(&d->vms, uuid);
    if (vm)
        su_asking_done(&vm->ask, seconds(), answered, took);
}

static void ask_all(struct su_daemon *d, virConnectPtr conn)
{
    char uuid[SU_UUID_TEXT];
    struct su_guest_os os;
    for (unsigned i = 0; i < AT_ONCE && !su_nap_until(d->stop_fd, 0); i++) {
        uint64_t from = seconds();
        (void)next_due(d, from, uuid);
        if (!uuid[0])
            return;
        bool answered = ask(conn, uuid, &os);
        note(d, uuid, answered, seconds() - from);
        if (answered)
            take(d, uuid, &os);
    }
}

static int ask_round(struct su_daemon *d)
{
    virConnectPtr conn = su_virt_borrow(d);
    if (!conn)
        return -1;
    ask_all(d, conn);
    virConnectClose(conn);
    return 0;
}

/* Until then, or until somebody says that something changed. */
static bool await(const struct su_daemon *d, uint64_t until)
{
    struct pollfd p[] = {{.fd = d->stop_fd, .events = POLLIN}, {.fd = d->guests->kick_fd, .events = POLLIN}};
    uint64_t now = seconds(), left = until > now ? until - now : 0;
    eventfd_t ignored;
    (void)poll(p, 2, (int)(left < SWEEP_S ? left : SWEEP_S) * 1000);
    if (p[1].revents)
        (void)eventfd_read(p[1].fd, &ignored);
    return !p[0].revents;
}

static void *run(void *arg)
{
    struct su_daemon *d = arg;
    uint64_t at = 0;
    while (await(d, at)) {
        char uuid[SU_UUID_TEXT];
        bool asked = true;
        if (next_due(d, seconds(), uuid) <= seconds())
            asked = ask_round(d) == 0;
        if (seconds() >= d->guests->sweep_at)
            sweep(d);
        at = asked ? next_due(d, 0, uuid) : seconds() + RETRY_S;
        at = at < d->guests->sweep_at ? at : d->guests->sweep_at;
    }
    return NULL;
}

void su_guests_kick(struct su_daemon *d)
{
    if (d->guests && d->guests->kick_fd >= 0)
        eventfd_write(d->guests->kick_fd, 1);
}

int su_guests_start(struct su_daemon *d, struct su_err *e)
{
    struct su_guests *g = calloc(1, sizeof *g);
    if (!g)
        return su_fail_nomem(e, sizeof *g);
    g->kick_fd = -1;
    g->sweep_at = seconds() + SWEEP_MORE_S;
    {
        SU_HOLD(&d->lock);
        d->guests = g;
    }
    if (su_guests_refresh(d, e) < 0)
        return -1;
    if (!d->facts.libvirt_wanted)
        return 0;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return su_fail_os(e, "daemon.event", "making an eventfd");
    {
        SU_HOLD(&d->lock);
        g->kick_fd = fd;
    }
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
    {
        SU_HOLD(&d->lock);
        d->guests = NULL;
    }
    if (g->kick_fd >= 0)
        close(g->kick_fd);
    free(g->known.row);
    free(g);
}
