/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the legacy network (legacy.h) and the table of VMs, the listeners and the API. */
#include "base/clock.h"
#include "daemon/legacy_json.h"
#include "daemon/log.h"
#include "daemon/virt_int.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LISTENERS "legacy:"
enum { LET_GO_S = 5, SLICE_MS = 200, PAUSE_MS = 2 };

static void tell_enrolled(struct su_virt *v)
{
    SU_HOLD(&v->d->lock);
    v->legacy.enrolled = v->d->facts.not_after != 0;
}

static void tell_whether(struct su_virt *v, bool enabled)
{
    SU_HOLD(&v->d->lock);
    v->d->legacy_known = true;
    v->d->legacy_enabled = enabled;
}

void su_virt_legacy_marks(struct su_virt *v)
{
    struct su_legacy_vms all = {0};
    struct su_err e = {0};
    if (su_legacy_list(&v->legacy, &all, &e) < 0) {
        su_log_err(LOG_WARNING, "legacy network", &e);
        return;
    }
    struct su_vm_mark *m SU_FREE = calloc(all.n + 1, sizeof *m);
    size_t n = 0;
    for (size_t i = 0; i < all.n && m; i++)
        if (all.vm[i].mark || all.vm[i].state == SU_LEGACY_CONFIGURED || all.vm[i].state == SU_LEGACY_BROKEN) {
            memcpy(m[n].uuid, all.vm[i].uuid, sizeof m[n].uuid);
            m[n].later = all.vm[i].state == SU_LEGACY_CONFIGURED;
            m[n++].mark = all.vm[i].mark;
        }
    su_legacy_vms_done(&all);
    SU_HOLD(&v->d->lock);
    if (m)
        su_vmtab_marks(&v->d->vms, m, n);
    su_daemon_wake(v->d);
}

static void hand_over(struct su_virt *v)
{
    struct su_err e = {0};
    SU_HOLD(&v->d->lock);
    su_listeners_drop(v->d, LISTENERS);
    for (size_t i = 0; i < v->listeners.n; i++)
        if (su_listeners_add(v->d, v->listeners.listener[i].name, SU_BY_MARK, SU_OVER_HTTP, "",
                             v->listeners.listener[i].fd, "", &e) < 0)
            su_log_err(LOG_ERR, v->listeners.listener[i].name, &e);
    su_daemon_wake(v->d);
}

void su_virt_legacy_look(struct su_virt *v)
{
    struct su_err e = {0};
    bool enabled = false, repaired = false, moved = false;
    if (atomic_load(&v->at_work))
        return;
    SU_HOLD(&v->legacy_lock);
    if (v->watch_fd >= 0)
        su_legacy_watch_drain(v->watch_fd);
    if (!v->legacy.conn || su_legacy_enabled(&v->legacy, &enabled, &e) < 0)
        return;
    tell_whether(v, enabled);
    if (!enabled)
        return;
    tell_enrolled(v);
    if (su_legacy_ensure(&v->legacy, &repaired, &e) < 0)
        su_log_err(LOG_ERR, "legacy network", &e);
    if (repaired)
        su_log(LOG_NOTICE, "legacy network: put in order");
    if (v->watch_fd >= 0)
        su_legacy_watch_drain(v->watch_fd); /* what we did ourselves */
    if (su_legacy_listen(&v->legacy, &v->listeners, &moved, &e) < 0)
        su_log_err(LOG_ERR, "legacy network", &e);
    if (moved)
        hand_over(v);
    su_virt_legacy_marks(v);
}

bool su_virt_legacy_pause(void *arg, unsigned ms)
{
    struct su_virt *v = arg;
    struct pollfd end = {.fd = v->d->stop_fd, .events = POLLIN};
    pthread_mutex_unlock(&v->legacy_lock);
    int ended = poll(&end, 1, (int)ms);
    pthread_mutex_lock(&v->legacy_lock);
    return ended <= 0;
}

void su_virt_legacy_done(struct su_virt *v)
{
    su_legacy_unlisten(&v->listeners);
    su_legacy_done(&v->legacy);
}

/* Waits until surety-imds has let go of what `still` looks at; it is told with the next wake. */
static void let_go(struct su_daemon *d, bool (*still)(struct su_daemon *d, const char *what), const char *what)
{
    struct timespec until = su_deadline_ms(LET_GO_S * 1000);
    su_daemon_wake(d);
    while (still(d, what))
        if (pthread_cond_clockwait(&d->changed, &d->lock, CLOCK_MONOTONIC, &until) != 0) {
            su_log(LOG_WARNING, "surety-imds does not let go of %s", what);
            return;
        }
}

static bool has_mark(struct su_daemon *d, const char *uuid)
{
    struct su_vm *vm = su_vmtab_find(&d->vms, uuid);
    return vm && vm->at[SU_PEER_IMDS].rev && vm->at[SU_PEER_IMDS].mark;
}

static bool has_listener(struct su_daemon *d, const char *prefix)
{
    return su_listeners_at_imds(d, prefix);
}

static uint64_t last_request(void *arg, const char *uuid)
{
    struct su_daemon *d = arg;
    SU_HOLD(&d->lock);
    struct su_vm *vm = su_vmtab_find(&d->vms, uuid);
    return vm && vm->last_transport == SU_OVER_HTTP ? vm->last_document * 1000 : 0;
}

int su_virt_legacy_show(struct su_daemon *d, json_t **json, struct su_err *e)
{
    struct su_virt *v = d->virt;
    struct su_legacy_vms all = {0};
    struct su_legacy_findings *f SU_FREE = calloc(1, sizeof *f);
    bool enabled;
    SU_HOLD(&v->legacy_lock);
    if (!f)
        return su_fail_nomem(e, sizeof *f);
    tell_enrolled(v);
    if (su_legacy_enabled(&v->legacy, &enabled, e) < 0)
        return -1;
    if (su_legacy_check(&v->legacy, f, e) < 0 || su_legacy_list(&v->legacy, &all, e) < 0)
        return -1;
    *json = su_legacy_json(enabled, &d->conf, f, &all, last_request, d);
    su_legacy_vms_done(&all);
    return *json ? 0 : su_fail_nomem(e, 0);
}

int su_virt_legacy_enable(struct su_daemon *d, bool *changed, struct su_err *e)
{
    struct su_virt *v = d->virt;
    {
        SU_HOLD(&v->legacy_lock);
        tell_enrolled(v);
        if (su_legacy_enable(&v->legacy, changed, e) < 0)
            return -1;
    }
    su_virt_legacy_look(v);
    return 0;
}

int su_virt_legacy_disable(struct su_daemon *d, bool remove_vms, bool *changed, struct su_err *e)
{
    struct su_virt *v = d->virt;
    int rc;
    atomic_fetch_add(&v->at_work, 1); /* the listeners would come back while guests let go of their cards */
    {
        SU_HOLD(&v->legacy_lock);
        {
            SU_HOLD(&d->lock);
            su_listeners_drop(d, LISTENERS);
            let_go(d, has_listener, LISTENERS);
        }
        su_legacy_unlisten(&v->listeners);
        rc = su_legacy_disable(&v->legacy, remove_vms, changed, e);
        if (rc == 0)
            tell_whether(v, false);
        su_virt_legacy_marks(v);
    }
    atomic_fetch_sub(&v->at_work, 1);
    if (rc < 0) /* it stays: so do the listeners */
        su_virt_legacy_look(v);
    return rc;
}

static int one(const struct su_legacy_vm *vm, json_t **json, struct su_err *e)
{
    *json = su_legacy_vm_json(vm, 0);
    return *json ? 0 : su_fail_nomem(e, 0);
}

/* An upgrade would find another definition than it made.  A VM that is not in the table has no upgrade. */
static int lock_vm(struct su_daemon *d, const char *name, int *lock, struct su_err *e)
{
    char uuid[SU_UUID_TEXT];
    {
        struct su_vm *vm = NULL;
        struct su_err ignored = {0};
        SU_HOLD(&d->lock);
        if (su_vmtab_lookup(&d->vms, name, &vm, &ignored) < 0)
            return 0;
        memcpy(uuid, vm->uuid, sizeof uuid);
    }
    return su_vm_lock(&d->jobs, uuid, lock, e);
}

int su_virt_legacy_grant(struct su_daemon *d, const char *vm, bool config_only, json_t **json, bool *changed,
                         struct su_err *e)
{
    struct su_virt *v = d->virt;
    struct su_legacy_vm out = {0};
    SU_CLOSE int lock = -1;
    SU_HOLD(&v->legacy_lock);
    tell_enrolled(v);
    if (lock_vm(d, vm, &lock, e) < 0)
        return -1;
    int rc = su_legacy_grant(&v->legacy, vm, config_only ? SU_LEGACY_CONFIG_ONLY : 0, &out, changed, e);
    su_virt_legacy_marks(v);
    return rc < 0 ? -1 : one(&out, json, e);
}

/* All of them ------------------------------------------------------------------------------------------------------ */

/* Who has no other way. */
static int collect(struct su_daemon *d, struct su_legacy_want **out, size_t *n, struct su_err *e)
{
    SU_HOLD(&d->lock);
    struct su_legacy_want *w = calloc(d->vms.n + 1, sizeof *w);
    if (!w)
        return su_fail_nomem(e, d->vms.n * sizeof *w);
    *n = 0;
    for (size_t i = 0; i < d->vms.n; i++) {
        const struct su_vm *vm = d->vms.vm[i];
        if (!vm->desc || vm->desc->vsock_device || vm->desc->vsock_later || vm->granted ||
            strcmp(vm->source, "libvirt") != 0)
            continue;
        w[*n].running = vm->desc->running;
        snprintf(w[*n].uuid, sizeof w->uuid, "%s", vm->uuid);
        snprintf(w[(*n)++].name, sizeof w->name, "%s", vm->name);
    }
    *out = w;
    return 0;
}

static int grant_one(struct su_virt *v, const struct su_legacy_want *w, bool *live, struct su_err *e)
{
    SU_CLOSE int lock = -1;
    bool changed = false;
    if (su_legacy_fail_clash(w, e) < 0 || su_vm_lock(&v->d->jobs, w->uuid, &lock, e) < 0)
        return -1;
    *live = w->running;
    int rc = su_legacy_grant(&v->legacy, w->uuid, SU_LEGACY_PREPARED, NULL, &changed, e);
    if (rc == 0 || strcmp(e->id, "legacy.poweroff") != 0)
        return rc;
    *live = false;
    return su_legacy_grant(&v->legacy, w->uuid, SU_LEGACY_PREPARED | SU_LEGACY_CONFIG_ONLY, NULL, &changed, e);
}

static json_t *what_failed(const struct su_legacy_want *w, const struct su_err *e)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s?}", "uuid", w->uuid, "name", w->name, "id", e->id, "detail", e->msg,
                     "remedy", e->remedy);
}

/* As many as go in a short while; others have the lock then.  Returns how far it came. */
static size_t grant_some(struct su_virt *v, const struct su_legacy_want *w, size_t at, size_t n, json_t *granted,
                         json_t *failed)
{
    int64_t until = su_monotonic_ms() + SLICE_MS;
    SU_HOLD(&v->legacy_lock);
    for (; at < n && su_monotonic_ms() < until; at++) {
        struct su_err e = {0};
        bool live = false;
        int rc = grant_one(v, &w[at], &live, &e);
        if (rc < 0)
            (void)json_array_append_new(failed, what_failed(&w[at], &e));
        else
            (void)json_array_append_new(granted, json_pack("{s:s,s:s,s:s}", "uuid", w[at].uuid, "name", w[at].name,
                                                           "next", live ? "now" : "start"));
    }
    return at;
}

int su_virt_legacy_grant_all(struct su_daemon *d, json_t **granted, json_t **failed, struct su_err *e)
{
    struct su_virt *v = d->virt;
    struct su_legacy_want *w SU_FREE = NULL;
    size_t n = 0;
    int rc;
    if (collect(d, &w, &n, e) < 0)
        return -1;
    atomic_fetch_add(&v->at_work, 1); /* libvirt tells of each of them */
    {
        SU_HOLD(&v->legacy_lock);
        rc = su_legacy_prepare(&v->legacy, w, n, e);
    }
    *granted = rc == 0 ? json_array() : NULL;
    *failed = rc == 0 ? json_array() : NULL;
    for (size_t at = 0; rc == 0 && at < n;) {
        at = grant_some(v, w, at, n, *granted, *failed);
        su_nap_ms(PAUSE_MS); /* a mutex is not fair */
    }
    atomic_fetch_sub(&v->at_work, 1);
    su_virt_legacy_look(v);
    return rc;
}

int su_virt_legacy_revoke(struct su_daemon *d, const char *name, json_t **json, bool *changed, struct su_err *e)
{
    struct su_virt *v = d->virt;
    struct su_legacy_vm out = {0};
    struct su_err ignored = {0};
    SU_CLOSE int lock = -1;
    SU_HOLD(&v->legacy_lock);
    if (lock_vm(d, name, &lock, e) < 0)
        return -1;
    {
        struct su_vm *vm = NULL;
        SU_HOLD(&d->lock);
        if (su_vmtab_lookup(&d->vms, name, &vm, &ignored) == 0) {
            char uuid[SU_UUID_TEXT];
            memcpy(uuid, vm->uuid, sizeof uuid);
            su_vmtab_unmark(&d->vms, uuid);
            let_go(d, has_mark, uuid);
        }
    }
    int rc = su_legacy_revoke(&v->legacy, name, 0, &out, changed, e);
    su_virt_legacy_marks(v);
    return rc < 0 ? -1 : one(&out, json, e);
}
