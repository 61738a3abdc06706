/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libvirt: its events say which domains to look at, its XML says what they are.
 *
 * When the connection breaks, the table stays: the VMs run on.  What may not be believed for long is a running VM whose
 * process is gone; pids.c sees that without libvirt. */
#include "base/clock.h"
#include "daemon/log.h"
#include "daemon/virt_int.h"
#include <errno.h>
#include <libvirt/virterror.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RETRY_MIN_S = 1, RETRY_MAX_S = 30, ENSURE_S = 60, CLAIM_TRIES = 16 };
#define SOURCE "libvirt"

static void quiet(void *arg, virErrorPtr err)
{
    (void)arg, (void)err; /* libvirt would print it */
}

static void set_connected(struct su_virt *v, bool yes)
{
    SU_HOLD(&v->d->lock);
    v->shared = yes ? v->conn : NULL;
    v->d->facts.libvirt_connected = yes;
    su_daemon_wake(v->d);
}

virConnectPtr su_virt_borrow(struct su_daemon *d)
{
    SU_HOLD(&d->lock);
    virConnectPtr c = d->virt ? d->virt->shared : NULL;
    return c && virConnectRef(c) == 0 ? c : NULL;
}

/* What the domain is --------------------------------------------------------- */

static void stopped(struct su_virt *v, const char *uuid)
{
    SU_HOLD(&v->d->lock);
    su_vmtab_stopped(&v->d->vms, SOURCE, uuid);
    su_daemon_wake(v->d);
}

static void gone(struct su_virt *v, const char *uuid)
{
    SU_HOLD(&v->d->lock);
    su_vmtab_unclaim(&v->d->vms, SOURCE, uuid);
    su_daemon_wake(v->d);
}

static bool runs(virDomainPtr dom)
{
    return virDomainIsActive(dom) == 1;
}

/* libvirt's QEMU driver keeps the process id there. */
static void set_pid_file(struct su_virt *v, struct su_vm_desc *desc)
{
    if (desc->running && strncmp(v->d->conf.libvirt, "qemu:///system", 14) == 0 && !strchr(desc->name, '/'))
        snprintf(desc->pid_file, sizeof desc->pid_file, "/run/libvirt/qemu/%s.pid", desc->name);
}

bool su_virt_defined(virDomainPtr dom, struct su_vm_desc *out)
{
    struct su_err ignored = {0};
    char *xml SU_FREE = virDomainIsPersistent(dom) == 1 ? virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_INACTIVE) : NULL;
    return xml && su_desc_from_xml((struct su_bytes){(const uint8_t *)xml, strlen(xml)}, false, out, &ignored) == 0;
}

/* Most have all that can be added, and are not asked twice. */
static void look_later(virDomainPtr dom, struct su_vm_desc *desc)
{
    struct su_vm_desc *next SU_FREE = NULL;
    if (!desc->running || (desc->vsock_device && desc->agent_channel))
        return;
    next = malloc(sizeof *next);
    if (!next || !su_virt_defined(dom, next))
        return;
    desc->vsock_later = next->vsock_device && !desc->vsock_device;
    desc->agent_later = next->agent_channel && !desc->agent_channel;
}

static uint64_t ended_until_now(struct su_virt *v)
{
    SU_HOLD(&v->d->lock);
    return v->d->vms.ended;
}

/* False: a VM stopped or went while this one was read, so it may have been this one; unless it is to count anyway. */
static bool claim(struct su_virt *v, virDomainPtr dom, bool anyway)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    struct su_err e = {0};
    struct su_vm_desc *desc SU_FREE = malloc(sizeof *desc);
    uint64_t ended = ended_until_now(v);
    virDomainGetUUIDString(dom, uuid); /* it would reset the error of the next ones */
    bool live = runs(dom);
    char *xml SU_FREE = virDomainGetXMLDesc(dom, live ? 0 : VIR_DOMAIN_XML_INACTIVE);
    if (!xml || !desc) { /* undefined meanwhile, or the connection broke: then everything is read again */
        if (xml || (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN))
            gone(v, uuid);
        return true;
    }
    if (su_desc_from_xml((struct su_bytes){(const uint8_t *)xml, strlen(xml)}, live && runs(dom), desc, &e) < 0) {
        su_log_err(LOG_ERR, uuid, &e);
        gone(v, uuid);
        return true;
    }
    set_pid_file(v, desc);
    look_later(dom, desc);
    SU_HOLD(&v->d->lock);
    if (v->d->vms.ended != ended && !anyway)
        return false;
    if (su_vmtab_claim(&v->d->vms, SOURCE, desc, &v->d->conf, &e) < 0)
        su_log_err(LOG_ERR, desc->name, &e);
    su_daemon_wake(v->d);
    return true;
}

/* What was read may be old when it is claimed: threads of the API do this, too, and no event would put it right. */
void su_virt_claim(struct su_virt *v, virDomainPtr dom)
{
    for (unsigned tries = 1; !claim(v, dom, tries == CLAIM_TRIES); tries++)
        ;
}

static void free_domains(virDomainPtr *all, int n)
{
    for (int i = 0; i < n; i++)
        virDomainFree(all[i]);
    free(all);
}

static void resync(struct su_virt *v)
{
    virDomainPtr *all = NULL;
    uint64_t round;
    v->n_dirty = 0;
    {
        SU_HOLD(&v->d->lock);
        round = su_vmtab_begin(&v->d->vms);
    }
    int n = virConnectListAllDomains(v->conn, &all, 0);
    if (n < 0) {
        su_log(LOG_WARNING, "libvirt: listing the domains: %s", virGetLastErrorMessage());
        v->closed = true;
        return;
    }
    for (int i = 0; i < n; i++)
        su_virt_claim(v, all[i]);
    free_domains(all, n);
    v->resync = virConnectIsAlive(v->conn) != 1;
    if (v->resync)
        return;
    malloc_trim(0); /* the XML of all VMs went through it, and will not again for long */
    SU_HOLD(&v->d->lock);
    su_vmtab_end(&v->d->vms, SOURCE, round);
    v->d->libvirt_here = true;
    su_daemon_wake(v->d);
}

static void work_off(struct su_virt *v)
{
    if (v->resync)
        resync(v);
    for (size_t i = 0; i < v->n_dirty && !v->resync && !v->closed; i++) {
        virDomainPtr dom = virDomainLookupByUUIDString(v->conn, v->dirty[i]);
        if (dom) {
            su_virt_claim(v, dom);
            virDomainFree(dom);
        } else if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
            gone(v, v->dirty[i]);
        } else {
            v->resync = true;
        }
    }
    v->n_dirty = 0;
}

/* Events --------------------------------------------------------------------- */

static void mark_dirty(struct su_virt *v, virDomainPtr dom)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    v->look_at_legacy = true;
    if (v->resync || virDomainGetUUIDString(dom, uuid) < 0)
        return;
    for (size_t i = 0; i < v->n_dirty; i++)
        if (strcmp(v->dirty[i], uuid) == 0)
            return;
    if (v->n_dirty == SU_VIRT_DIRTY) {
        v->resync = true;
        return;
    }
    memcpy(v->dirty[v->n_dirty++], uuid, SU_UUID_TEXT);
}

/* Another run of it, or another state of its memory and disks: what it proved before, it has to prove again. */
static bool is_other_run(int event, int detail)
{
    return event == VIR_DOMAIN_EVENT_STARTED ||
           (event == VIR_DOMAIN_EVENT_RESUMED && detail == VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT) ||
           (event == VIR_DOMAIN_EVENT_SUSPENDED && detail == VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT);
}

static void other_run(struct su_virt *v, const char *uuid)
{
    SU_HOLD(&v->d->lock);
    struct su_vm *vm = su_vmtab_find(&v->d->vms, uuid);
    if (vm) /* one that is not there yet is new when it comes */
        su_vm_begins(vm, su_now());
}

static int on_lifecycle(virConnectPtr c, virDomainPtr dom, int event, int detail, void *arg)
{
    struct su_virt *v = arg;
    char uuid[VIR_UUID_STRING_BUFLEN];
    (void)c;
    if (is_other_run(event, detail) && virDomainGetUUIDString(dom, uuid) == 0)
        other_run(v, uuid);
    /* its context id may be given away at once */
    if ((event == VIR_DOMAIN_EVENT_STOPPED || event == VIR_DOMAIN_EVENT_CRASHED) &&
        virDomainGetUUIDString(dom, uuid) == 0)
        stopped(v, uuid);
    mark_dirty(v, dom);
    return 0;
}

static void on_device(virConnectPtr c, virDomainPtr dom, const char *alias, void *arg)
{
    (void)c, (void)alias;
    mark_dirty(arg, dom);
}

static void on_metadata(virConnectPtr c, virDomainPtr dom, int type, const char *ns, void *arg)
{
    (void)c, (void)type, (void)ns;
    mark_dirty(arg, dom);
}

/* Somebody answers there now. */
static void on_agent(virConnectPtr c, virDomainPtr dom, int state, int why, void *arg)
{
    struct su_virt *v = arg;
    char uuid[VIR_UUID_STRING_BUFLEN];
    (void)c, (void)why;
    if (state != VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED || virDomainGetUUIDString(dom, uuid) < 0)
        return;
    SU_HOLD(&v->d->lock);
    struct su_vm *vm = su_vmtab_find(&v->d->vms, uuid);
    if (vm) {
        su_asking_connected(&vm->ask, (uint64_t)su_monotonic_s());
        su_guests_kick(v->d);
    }
}

static void on_network(virConnectPtr c, virNetworkPtr net, int event, int detail, void *arg)
{
    struct su_virt *v = arg;
    (void)c, (void)net, (void)event, (void)detail;
    v->look_at_legacy = true;
}

/* In the thread whose call found it broken, which may be another one than ours. */
static void on_close(virConnectPtr c, int why, void *arg)
{
    struct su_virt *v = arg;
    (void)c, (void)why;
    v->closed = true;
    virEventUpdateTimeout(v->tick, 0);
}

static void on_nftables(int watch, int fd, int events, void *arg)
{
    struct su_virt *v = arg;
    (void)watch, (void)events;
    su_legacy_watch_drain(fd); /* while somebody is at work nobody else does */
    v->look_at_legacy = true;
}

static void on_stop(int watch, int fd, int events, void *arg)
{
    struct su_virt *v = arg;
    (void)watch, (void)fd, (void)events;
    v->stopping = true;
}

static void on_tick(int timer, void *arg)
{
    (void)timer, (void)arg; /* the loop looks at the clock */
}

/* The connection -------------------------------------------------------------- */

static void disconnect(struct su_virt *v)
{
    if (!v->conn)
        return;
    pthread_mutex_lock(&v->legacy_lock); /* nobody else uses it now */
    v->legacy.conn = NULL;
    pthread_mutex_unlock(&v->legacy_lock);
    set_connected(v, false); /* nobody borrows it any more */
    virConnectUnregisterCloseCallback(v->conn, on_close);
    virConnectClose(v->conn);
    v->conn = NULL;
    v->closed = false;
    v->n_dirty = 0;
}

static int register_events(struct su_virt *v)
{
    static const struct {
        int id;
        virConnectDomainEventGenericCallback cb;
    } events[] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
        {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata)},
        {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent)},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(events); i++)
        if (virConnectDomainEventRegisterAny(v->conn, NULL, events[i].id, events[i].cb, v, NULL) < 0 && i == 0)
            return -1; /* without the first nothing can be known; a driver may lack the others */
    virConnectNetworkEventRegisterAny(v->conn, NULL, VIR_NETWORK_EVENT_ID_LIFECYCLE,
                                      VIR_NETWORK_EVENT_CALLBACK(on_network), v, NULL);
    return 0;
}

static void try_connect(struct su_virt *v)
{
    v->conn = virConnectOpen(v->d->conf.libvirt);
    if (v->conn) {
        virConnectSetKeepAlive(v->conn, 5, 3);
        virConnectRegisterCloseCallback(v->conn, on_close, v, NULL);
    }
    if (!v->conn || register_events(v) < 0) {
        if (v->retry_s == RETRY_MIN_S)
            su_log(LOG_WARNING, "libvirt: %s: %s", v->d->conf.libvirt, virGetLastErrorMessage());
        if (v->conn)
            virConnectClose(v->conn);
        v->conn = NULL;
        v->retry_at = su_monotonic_s() + v->retry_s;
        v->retry_s = v->retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S : v->retry_s * 2;
        return;
    }
    su_log(LOG_INFO, "libvirt: connected to %s", v->d->conf.libvirt);
    v->retry_s = RETRY_MIN_S;
    v->resync = v->look_at_legacy = true;
    pthread_mutex_lock(&v->legacy_lock);
    v->legacy.conn = v->conn;
    pthread_mutex_unlock(&v->legacy_lock);
    set_connected(v, true);
}

static void turn(struct su_virt *v)
{
    if (v->closed && v->conn) {
        su_log(LOG_WARNING, "libvirt: the connection broke; the table stays, and is read again");
        disconnect(v);
        v->retry_at = su_monotonic_s() + 1;
    }
    if (!v->conn && su_monotonic_s() >= v->retry_at)
        try_connect(v);
    if (v->conn)
        work_off(v);
    if (v->conn && (v->look_at_legacy || su_monotonic_s() >= v->ensure_at)) {
        v->look_at_legacy = false;
        v->ensure_at = su_monotonic_s() + ENSURE_S;
        su_virt_legacy_look(v);
    }
}

/* Until there is something to do of which no event tells. */
static int turn_ms(const struct su_virt *v)
{
    int64_t at = v->conn ? v->ensure_at : v->retry_at, left = at - su_monotonic_s();
    if (v->resync || v->closed || left < 1)
        left = 1;
    return (int)(left < ENSURE_S ? left : ENSURE_S) * 1000;
}

static void *run(void *arg)
{
    struct su_virt *v = arg;
    int stop = virEventAddHandle(v->d->stop_fd, VIR_EVENT_HANDLE_READABLE, on_stop, v, NULL);
    v->tick = virEventAddTimeout(1000, on_tick, v, NULL);
    int watch = v->watch_fd >= 0 ? virEventAddHandle(v->watch_fd, VIR_EVENT_HANDLE_READABLE, on_nftables, v, NULL) : -1;
    while (!v->stopping) {
        turn(v);
        virEventUpdateTimeout(v->tick, turn_ms(v));
        if (virEventRunDefaultImpl() < 0) {
            su_log(LOG_ERR, "libvirt: its event loop fails: %s", virGetLastErrorMessage());
            sleep(1);
        }
    }
    disconnect(v);
    virEventRemoveHandle(stop);
    virEventRemoveTimeout(v->tick);
    if (watch >= 0)
        virEventRemoveHandle(watch);
    return NULL;
}

int su_virt_start(struct su_daemon *d, struct su_err *e)
{
    struct su_virt *v = calloc(1, sizeof *v);
    if (!v)
        return su_fail_nomem(e, sizeof *v);
    v->d = d;
    v->watch_fd = -1;
    v->retry_s = RETRY_MIN_S;
    v->legacy.conf = &d->conf;
    v->legacy.store = d->store;
    v->legacy.host = &su_legacy_real_host;
    v->legacy.pause = su_virt_legacy_pause;
    v->legacy.pause_arg = v;
    pthread_mutex_init(&v->legacy_lock, NULL);
    d->virt = v;
    d->facts.libvirt_wanted = strcmp(d->conf.libvirt, "none") != 0;
    if (!d->facts.libvirt_wanted)
        return 0;
    struct su_err ignored = {0};
    if (su_legacy_watch(&v->watch_fd, &ignored) < 0)
        su_log_err(LOG_INFO, "nftables", &ignored);
    virSetErrorFunc(NULL, quiet);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        return su_fail(e, SU_E_IO, "daemon.libvirt", "libvirt: %s", virGetLastErrorMessage());
    if (pthread_create(&v->thread, NULL, run, v) != 0)
        return su_fail(e, SU_E_NOMEM, "daemon.thread", "cannot start a thread");
    return 0;
}

void su_virt_stop(struct su_daemon *d)
{
    struct su_virt *v = su_steal(&d->virt);
    if (!v)
        return;
    if (d->facts.libvirt_wanted)
        pthread_join(v->thread, NULL); /* stop_fd is readable */
    su_virt_legacy_done(v);
    if (v->watch_fd >= 0)
        close(v->watch_fd);
    pthread_mutex_destroy(&v->legacy_lock);
    free(v);
}
