/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of a server over facts and the clock. */
#include "daemon/state.h"
#include "tests/lib/tap.h"
#include "wire/sign.h"

enum { DAY = 86400 };
#define T0 UINT64_C(1795000000) /* the certificate became valid, and the last sync was */

static struct su_server_facts good(void)
{
    struct su_server_facts f = {.signer_connected = true,
                                .signer_state = SU_SIGNER_READY,
                                .not_before = T0 - 300,
                                .not_after = T0 + 30 * DAY,
                                .last_sync = T0,
                                .last_attempt = T0,
                                .outcome = SU_SYNC_DONE,
                                .imds_connected = true,
                                .libvirt_wanted = true,
                                .libvirt_connected = true,
                                .vsock_wanted = true,
                                .vsock_open = true};
    return f;
}

static void over_the_clock(void)
{
    static const struct {
        const char *name;
        int64_t at; /* from T0 */
        uint8_t status;
        const char *id, *warning;
    } rows[] = {
        {"at the sync", 0, SU_SERVER_ACTIVE, "server.active", NULL},
        {"clock a little behind", -250, SU_SERVER_ACTIVE, "server.active", NULL},
        {"clock behind by more than the skew", -301, SU_SERVER_ERROR, "server.clock", NULL},
        {"clock 31 days back", -31 * DAY, SU_SERVER_ERROR, "server.clock", NULL},
        {"clock at 1970", -(int64_t)T0, SU_SERVER_ERROR, "server.clock", NULL},
        {"12 hours later", DAY / 2, SU_SERVER_ACTIVE, "server.active", NULL},
        {"over a change of summer time", 4 * DAY - 3600, SU_SERVER_ACTIVE, "server.active", "server.sync-late"},
        {"just before 3 days", 3 * DAY - 1, SU_SERVER_ACTIVE, "server.active", NULL},
        {"3 days later", 3 * DAY, SU_SERVER_ACTIVE, "server.active", "server.sync-late"},
        {"a second before the end", 30 * DAY - 1, SU_SERVER_ACTIVE, "server.active", "server.sync-late"},
        {"the end", 30 * DAY, SU_SERVER_EXPIRED, "server.expired", NULL},
        {"31 days ahead", 31 * DAY, SU_SERVER_EXPIRED, "server.expired", NULL},
        {"ten years ahead", 3650 * DAY, SU_SERVER_EXPIRED, "server.expired", NULL},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_server_facts f = good();
        struct su_server_state s;
        su_server_state(&f, (uint64_t)((int64_t)T0 + rows[i].at), &s);
        ok(s.status == rows[i].status && strcmp(s.why.id, rows[i].id) == 0, "%s: %s %s", rows[i].name,
           su_server_status_name(s.status), s.why.id);
        ok(rows[i].warning ? s.n_warnings == 1 && strcmp(s.warning[0].id, rows[i].warning) == 0 : s.n_warnings == 0,
           "%s: %s", rows[i].name, rows[i].warning ? rows[i].warning : "no warning");
        ok(s.status == SU_SERVER_ACTIVE || s.why.remedy, "%s: a remedy unless all is well", rows[i].name);
    }
}

static const char *id_of(const struct su_server_facts *f, uint8_t want)
{
    static struct su_server_state s;
    su_server_state(f, T0 + DAY, &s);
    return s.status == want ? s.why.id : "(another state)";
}

static void what_stops(void)
{
    struct su_server_facts f = good();
    f.signer_connected = false;
    is_str(id_of(&f, SU_SERVER_ERROR), "server.signer");
    f = good();
    f.signer_state = SU_SIGNER_BROKEN;
    is_str(id_of(&f, SU_SERVER_ERROR), "server.key");
    snprintf(f.signer_problem_id, sizeof f.signer_problem_id, "key.opening"); /* documents wait for that */
    is_str(id_of(&f, SU_SERVER_ACTIVE), "server.active");
    f = good();
    f.not_after = f.not_before = 0;
    is_str(id_of(&f, SU_SERVER_INACTIVE), "server.not-enrolled");
    f = good();
    f.revoked = true;
    f.outcome = SU_SYNC_REFUSED;
    is_str(id_of(&f, SU_SERVER_ERROR), "server.revoked");
    f.revoked = false;
    is_str(id_of(&f, SU_SERVER_ERROR), "server.refused");
    f = good();
    f.last_sync = T0 - 31 * DAY;
    f.not_after = T0 + 300 * DAY; /* a certificate that lives longer does not make up for it */
    is_str(id_of(&f, SU_SERVER_EXPIRED), "server.sync-overdue");
    f = good();
    f.signer_state = SU_SIGNER_BUSY;
    is_str(id_of(&f, SU_SERVER_ACTIVE), "server.active");
}

static void what_warns(void)
{
    struct su_server_facts f = good();
    struct su_server_state s;
    char by[SU_TIME_TEXT];
    f.outcome = SU_SYNC_UNREACHABLE;
    snprintf(f.problem, sizeof f.problem, "no route");
    su_server_state(&f, T0 + DAY, &s);
    su_time_text(T0 + 30 * DAY, by);
    ok(s.status == SU_SERVER_ACTIVE, "the authority is away: still active");
    ok(s.n_warnings == 1 && strcmp(s.warning[0].id, "server.authority") == 0, "with a warning");
    ok(strstr(s.warning[0].text, by) != NULL, "and the date by which a sync must happen");
    ok(s.sync_by == T0 + 30 * DAY, "which is also a number");
    f.imds_connected = f.libvirt_connected = f.vsock_open = false;
    f.store_failed = true;
    f.cut_off = 2;
    su_server_state(&f, T0 + DAY, &s);
    ok(s.status == SU_SERVER_ACTIVE && s.n_warnings == 6, "every part that is missing is named: %u", s.n_warnings);
    f.libvirt_wanted = f.vsock_wanted = false;
    su_server_state(&f, T0 + DAY, &s);
    ok(s.n_warnings == 4, "unless it is not wanted");
    f.outcome = SU_SYNC_FAILED;
    su_server_state(&f, T0 + 40 * DAY, &s);
    ok(s.status == SU_SERVER_EXPIRED && strcmp(s.warning[0].id, "server.sync") == 0, "expired, and why it stays so");
    snprintf(f.problem_remedy, sizeof f.problem_remedy, "Set the clock");
    su_server_state(&f, T0 + 40 * DAY, &s);
    is_str(s.warning[0].remedy, "Set the clock");
    su_server_state(&f, T0 + DAY, &s);
    is_str(s.warning[0].remedy, "Set the clock");
}

int main(void)
{
    char text[SU_TIME_TEXT];
    over_the_clock();
    what_stops();
    what_warns();
    su_time_text(0, text);
    is_str(text, "");
    su_time_text(1790000000, text);
    is_str(text, "2026-09-21T14:13:20Z");
    su_time_text(UINT64_MAX, text);
    is_str(text, "");
    is_str(su_server_status_name(77), "Error");
    return tap_done();
}
