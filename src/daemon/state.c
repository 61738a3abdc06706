/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"
#include "store/store.h"
#include "wire/sign.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SYNC "Run: surety server sync"

const char *su_server_status_name(uint8_t status)
{
    static const char *const names[] = {
        [SU_SERVER_ACTIVE] = "Active",
        [SU_SERVER_EXPIRED] = "Expired",
        [SU_SERVER_INACTIVE] = "Inactive",
        [SU_SERVER_ERROR] = "Error",
    };
    return status < SU_ARRAY_LEN(names) && names[status] ? names[status] : "Error";
}

void su_time_text(uint64_t t, char out[SU_TIME_TEXT])
{
    struct tm tm;
    time_t s = (time_t)t;
    out[0] = 0;
    if (t == 0 || t > INT64_C(253402300799) || !gmtime_r(&s, &tm)) /* up to the end of year 9999 */
        return;
    strftime(out, SU_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

SU_PRINTF(4, 5) static void say(struct su_notice *n, const char *id, const char *remedy, const char *fmt, ...)
{
    va_list ap;
    n->id = id;
    n->remedy = remedy;
    va_start(ap, fmt);
    vsnprintf(n->text, sizeof n->text, fmt, ap);
    va_end(ap);
}

static uint64_t sync_by(const struct su_server_facts *f)
{
    uint64_t by = f->not_after;
    if (by && f->last_sync && f->last_sync + SU_SYNC_WITHIN_S < by)
        by = f->last_sync + SU_SYNC_WITHIN_S;
    return by;
}

/* A key in a device is opened anew after each sync: documents wait for it at the signer, and when it does not come,
 * the signer soon names another problem. */
static bool key_broken(const struct su_server_facts *f)
{
    return f->signer_state == SU_SIGNER_BROKEN && strcmp(f->signer_problem_id, "key.opening") != 0;
}

/* What stops documents whatever the certificate says; true when something does. */
static bool stopped(const struct su_server_facts *f, struct su_server_state *s)
{
    s->status = SU_SERVER_ERROR;
    if (!f->signer_connected) {
        say(&s->why, "server.signer", "Start it: systemctl start surety-signer; its log says why it ended",
            "surety-signer cannot be reached: %s", f->signer_problem[0] ? f->signer_problem : "it does not run");
        return true;
    }
    if (key_broken(f)) {
        say(&s->why, "server.key", "Repair the key's token, or enrol again: surety server enrol", "%s [%s]",
            f->signer_problem[0] ? f->signer_problem : "the signing key cannot be used", f->signer_problem_id);
        return true;
    }
    if (f->not_after == 0) {
        s->status = SU_SERVER_INACTIVE;
        say(&s->why, "server.not-enrolled",
            "Make a token at the authority (surety authority token HOST), then: surety server enrol",
            "this host is not enrolled at an authority");
        return true;
    }
    if (f->revoked) {
        say(&s->why, "server.revoked", "If that was a mistake, enrol again with a new token: surety server enrol",
            "the authority has revoked this host's certificate");
        return true;
    }
    if (f->outcome == SU_SYNC_REFUSED) {
        say(&s->why, "server.refused",
            "Look for the host at the authority (surety authority list), then: surety server enrol",
            "the authority refuses this host: %s", f->problem);
        return true;
    }
    return false;
}

/* What the clock says of the certificate; true when it is no good now. */
static bool out_of_time(const struct su_server_facts *f, uint64_t now, struct su_server_state *s)
{
    char when[SU_TIME_TEXT], here[SU_TIME_TEXT];
    su_time_text(now, here);
    s->status = SU_SERVER_ERROR;
    if (now + SU_CLOCK_SKEW_S < f->not_before || now + SU_CLOCK_SKEW_S < f->last_sync) {
        bool cert = now + SU_CLOCK_SKEW_S < f->not_before;
        su_time_text(cert ? f->not_before : f->last_sync, when);
        say(&s->why, "server.clock", "Set the clock (chronyc makestep, or timedatectl), then: surety server sync",
            "this host's clock says %s, before %s %s", here,
            cert ? "its certificate became valid at" : "its last sync at", when);
        return true;
    }
    s->status = SU_SERVER_EXPIRED;
    if (now >= f->not_after) {
        su_time_text(f->not_after, when);
        say(&s->why, "server.expired", SYNC, "the certificate expired at %s", when);
        return true;
    }
    if (f->last_sync && now >= f->last_sync + SU_SYNC_WITHIN_S) {
        su_time_text(f->last_sync, when);
        say(&s->why, "server.sync-overdue", SYNC, "the last sync was at %s, more than 30 days ago", when);
        return true;
    }
    return false;
}

static struct su_notice *next_warning(struct su_server_state *s)
{
    static struct su_notice spill; /* never read */
    return s->n_warnings < SU_SERVER_WARNINGS ? &s->warning[s->n_warnings++] : &spill;
}

/* What to do about the last attempt to sync. */
static const char *sync_remedy(const struct su_server_facts *f, const char *otherwise)
{
    return f->problem_remedy[0] ? f->problem_remedy : otherwise;
}

static void warn_of_sync(const struct su_server_facts *f, uint64_t now, struct su_server_state *s)
{
    char by[SU_TIME_TEXT];
    su_time_text(s->sync_by, by);
    if (f->outcome == SU_SYNC_UNREACHABLE)
        say(next_warning(s), "server.authority",
            sync_remedy(f, "Repair the way to the authority; suretyd tries again by itself"),
            "the authority cannot be reached (%s); a sync must succeed before %s", f->problem, by);
    else if (f->outcome == SU_SYNC_FAILED)
        say(next_warning(s), "server.sync", sync_remedy(f, "suretyd tries again by itself; now: surety server sync"),
            "the last sync failed (%s); one must succeed before %s", f->problem, by);
    else if (f->last_sync && now >= f->last_sync + SU_SYNC_LATE_S)
        say(next_warning(s), "server.sync-late", SYNC, "no sync for more than 3 days; one must succeed before %s", by);
    else if (s->sync_by && now + SU_EXPIRES_SOON_S >= s->sync_by)
        say(next_warning(s), "server.expires-soon", SYNC, "a sync must succeed before %s", by);
}

static void warn(const struct su_server_facts *f, uint64_t now, struct su_server_state *s)
{
    if (s->status == SU_SERVER_ACTIVE)
        warn_of_sync(f, now, s);
    else if ((s->status == SU_SERVER_EXPIRED || s->status == SU_SERVER_INACTIVE) &&
             (f->outcome == SU_SYNC_UNREACHABLE || f->outcome == SU_SYNC_FAILED))
        say(next_warning(s), f->outcome == SU_SYNC_FAILED ? "server.sync" : "server.authority",
            sync_remedy(f, "Repair that; suretyd tries again by itself"), "the last attempt to sync failed: %s",
            f->problem);
    if (!f->imds_connected)
        say(next_warning(s), "server.imds", "Start it: systemctl start surety-imds; its log says why it ended",
            "surety-imds cannot be reached: guests get no answer");
    if (f->libvirt_wanted && !f->libvirt_connected)
        say(next_warning(s), "server.libvirt", "Start libvirt's daemon; suretyd connects by itself",
            "libvirt cannot be reached: VMs that start now are not known");
    if (f->vsock_wanted && !f->vsock_open)
        say(next_warning(s), "server.vsock",
            "Load vhost_vsock, or set vsock-port = 0 in surety.conf and use the legacy network",
            "guests cannot use vsock: %s", f->vsock_problem);
    if (f->store_failed)
        say(next_warning(s), "server.store", SU_STORE_REMEDY, "the audit log cannot be written: %s", f->store_problem);
    if (f->cut_off)
        say(next_warning(s), "server.vm-collision", "See: surety vm list",
            "%u VMs get no answer, because two claim the same identity", f->cut_off);
}

void su_server_state(const struct su_server_facts *f, uint64_t now, struct su_server_state *out)
{
    memset(out, 0, sizeof *out);
    out->sync_by = sync_by(f);
    if (!stopped(f, out) && !out_of_time(f, now, out)) {
        char by[SU_TIME_TEXT];
        su_time_text(out->sync_by, by);
        out->status = SU_SERVER_ACTIVE;
        say(&out->why, "server.active", NULL, "VMs are attested; the next sync is needed before %s", by);
    }
    warn(f, now, out);
}
