/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the legacy network (legacy.h) and the table of VMs, the listeners and the API. */
#include "base/clock.h"
#include "daemon/legacy_json.h"
#include "daemon/log.h"
#include "daemon/virt_int.h"
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
    pthread_mutex_unlock(&v->legacy_lock);
    const bool ends = su_nap_until(v->d->stop_fd, ms);
    pthread_mutex_lock(&v->legacy_lock);
    return !ends;
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

struct granting {
    struct su_virt *v;
    struct su_legacy_want *w;
    size_t n;
    unsigned flags;  /* SU_LEGACY_PREPARED, and perhaps SU_LEGACY_CONFIG_ONLY */
    bool else_later; /* who takes no card while it runs gets it with its next start */
    bool all;        /* none failed yet */
    json_t *granted, *failed;
};

static int grant_one(const struct granting *g, const struct su_legacy_want *w, struct su_legacy_vm *vm, bool *changed,
                     struct su_err *e)
{
    SU_CLOSE int lock = -1;
    struct su_legacy *l = &g->v->legacy;
    if (su_legacy_fail_clash(w, e) < 0 || su_vm_lock(&g->v->d->jobs, w->uuid, &lock, e) < 0)
        return -1;
    int rc = su_legacy_grant(l, w->uuid, g->flags, vm, changed, e);
    if (rc == 0 || !g->else_later || strcmp(e->id, "legacy.poweroff") != 0)
        return rc;
    return su_legacy_grant(l, w->uuid, g->flags | SU_LEGACY_CONFIG_ONLY, vm, changed, e);
}

static void tell_failed(struct granting *g, const char *uuid, const char *name, const struct su_err *e)
{
    g->all = false;
    (void)json_array_append_new(g->failed, json_pack("{s:s,s:s,s:s,s:o,s:s?}", "uuid", uuid, "name", name, "id", e->id,
                                                     "detail", su_legacy_text(e->msg), "remedy", e->remedy));
}

/* Takes vm. */
static void tell_granted(struct granting *g, json_t *vm, bool changed)
{
    const char *state = json_string_value(json_object_get(vm, "state"));
    const bool now = state && strcmp(state, su_legacy_state_name(SU_LEGACY_CONNECTED)) == 0;
    (void)json_array_append_new(g->granted, json_pack("{s:O,s:O,s:s,s:b,s:o}", "uuid", json_object_get(vm, "uuid"),
                                                      "name", json_object_get(vm, "name"), "next",
                                                      now ? "now" : "start", "changed", (int)changed, "vm", vm));
}

/* As many as go in a short while; others have the lock then.  Returns how far it came. */
static size_t grant_some(struct granting *g, size_t at)
{
    int64_t until = su_monotonic_ms() + SLICE_MS;
    SU_HOLD(&g->v->legacy_lock);
    for (; at < g->n && su_monotonic_ms() < until; at++) {
        struct su_err e = {0};
        struct su_legacy_vm vm = {0};
        bool changed = false;
        int rc = su_nap_until(g->v->d->stop_fd, 0) ? su_fail(&e, SU_E_CONFLICT, "server.stopping", "suretyd is ending")
                                                   : grant_one(g, &g->w[at], &vm, &changed, &e);
        if (rc < 0)
            tell_failed(g, g->w[at].uuid, g->w[at].name, &e);
        else
            tell_granted(g, su_legacy_vm_json(&vm, 0), changed);
    }
    return at;
}

/* In turns with whoever else asks for the network; it is looked at once, in the end. */
static int grant_many(struct granting *g, struct su_err *e)
{
    struct su_virt *v = g->v;
    int rc;
    g->all = true;
    atomic_fetch_add(&v->at_work, 1); /* libvirt tells of each of them */
    {
        SU_HOLD(&v->legacy_lock);
        tell_enrolled(v);
        rc = su_legacy_prepare(&v->legacy, g->w, g->n, e);
    }
    for (size_t at = 0; rc == 0 && at < g->n;) {
        at = grant_some(g, at);
        su_nap_ms(PAUSE_MS); /* a mutex is not fair */
    }
    if (rc == 0) {
        SU_HOLD(&v->legacy_lock);
        su_legacy_granted(&v->legacy, g->all);
    }
    atomic_fetch_sub(&v->at_work, 1);
    su_virt_legacy_look(v);
    return rc;
}

static int give(struct granting *g, json_t **granted, json_t **failed, struct su_err *e)
{
    if (grant_many(g, e) < 0) {
        json_decref(g->granted);
        json_decref(g->failed);
        return -1;
    }
    *granted = g->granted;
    *failed = g->failed;
    return 0;
}

int su_virt_legacy_grant_all(struct su_daemon *d, json_t **granted, json_t **failed, struct su_err *e)
{
    struct su_legacy_want *w SU_FREE = NULL;
    struct granting g = {.v = d->virt, .flags = SU_LEGACY_PREPARED, .else_later = true};
    if (collect(d, &w, &g.n, e) < 0)
        return -1;
    g.w = w;
    g.granted = json_array();
    g.failed = json_array();
    return give(&g, granted, failed, e);
}

/* One that is named twice is granted once. */
static bool named(const struct granting *g, const char *uuid)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->w[i].uuid, uuid) == 0)
            return true;
    return false;
}

/* Those that the table knows; the names of the others. */
static void look_up(struct su_daemon *d, struct granting *g, const json_t *names, json_t *others)
{
    SU_HOLD(&d->lock);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        struct su_legacy_want *w = &g->w[g->n];
        struct su_vm *vm;
        struct su_err why = {0};
        if (su_vmtab_lookup(&d->vms, name, &vm, &why) < 0) {
            if (why.kind == SU_E_MISSING)
                (void)json_array_append(others, json_array_get(names, i));
            else
                tell_failed(g, "", name, &why);
        } else if (!named(g, vm->uuid)) {
            w->running = vm->desc && vm->desc->running && !(g->flags & SU_LEGACY_CONFIG_ONLY);
            snprintf(w->uuid, sizeof w->uuid, "%s", vm->uuid);
            snprintf(w->name, sizeof w->name, "%s", vm->name);
            g->n++;
        }
    }
}

/* libvirt may have one that the table has not yet. */
static void grant_others(struct su_daemon *d, struct granting *g, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_t *vm = NULL;
        bool changed = false;
        struct su_err e = {0};
        if (su_virt_legacy_grant(d, name, g->flags & SU_LEGACY_CONFIG_ONLY, &vm, &changed, &e) < 0)
            tell_failed(g, "", name, &e);
        else
            tell_granted(g, vm, changed);
    }
}

int su_virt_legacy_grant_these(struct su_daemon *d, const json_t *names, bool config_only, json_t **granted,
                               json_t **failed, struct su_err *e)
{
    struct su_legacy_want *w SU_FREE = calloc(json_array_size(names) + 1, sizeof *w);
    json_t *others = json_array();
    struct granting g = {
        .v = d->virt, .w = w, .flags = SU_LEGACY_PREPARED | (config_only ? SU_LEGACY_CONFIG_ONLY : 0u)};
    if (!w) {
        json_decref(others);
        return su_fail_nomem(e, sizeof *w);
    }
    g.granted = json_array();
    g.failed = json_array();
    look_up(d, &g, names, others);
    int rc = give(&g, granted, failed, e);
    if (rc == 0)
        grant_others(d, &g, others);
    json_decref(others);
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
