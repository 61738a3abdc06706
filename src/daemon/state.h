/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/state.h - the state of a server, computed from facts and the clock.
 *
 * A pure function: nothing is remembered between calls, so a clock that jumps, a restart and a repaired fault all end
 * in the state that the facts of that moment give. */
#pragma once
#include "base/su.h"

enum su_server_status {
    SU_SERVER_ACTIVE = 1,
    SU_SERVER_EXPIRED,
    SU_SERVER_INACTIVE,
    SU_SERVER_ERROR,
    SU_SERVER_STATUSES
};

/* How the last attempt to sync ended. */
enum su_sync_outcome {
    SU_SYNC_NEVER = 0,
    SU_SYNC_DONE,
    SU_SYNC_UNREACHABLE, /* no usable answer from the authority: it may well be alive and we be cut off */
    SU_SYNC_REFUSED,     /* the authority said no: the host is revoked, unknown or removed */
    SU_SYNC_FAILED       /* something here: the key, the disk, the signer */
};

enum {
    SU_CLOCK_SKEW_S = 300,         /* clocks of host and authority may differ by this much */
    SU_SYNC_WITHIN_S = 30 * 86400, /* one sync in this time is what is asked of a host */
    SU_EXPIRES_SOON_S = 7 * 86400,
    SU_SYNC_LATE_S = 3 * 86400 /* so long without a sync is worth a warning */
};

struct su_server_facts {
    bool signer_connected;
    uint8_t signer_state; /* enum su_sign_state */
    char signer_problem_id[64], signer_problem[240];
    uint64_t not_before, not_after; /* of the certificate, seconds since 1970; 0: there is none */
    uint64_t last_sync;             /* the last that succeeded; 0: never */
    uint64_t last_attempt;
    uint8_t outcome;                   /* enum su_sync_outcome, of the last attempt */
    char problem_id[64], problem[240]; /* of the last attempt, unless SU_SYNC_DONE */
    char problem_remedy[160];          /* empty: none */
    bool revoked;                      /* our certificate is on the authority's list */
    bool imds_connected;
    bool libvirt_wanted, libvirt_connected;
    bool vsock_wanted, vsock_open;
    char vsock_problem[240];
    bool store_failed;
    char store_problem[240];
    uint32_t cut_off; /* VMs that are refused because two claim the same identity */
};

struct su_notice {
    const char *id;     /* static, "server....": stable */
    const char *remedy; /* static, of a warning also one of the facts; NULL: none */
    char text[320];     /* one sentence, no trailing period */
};

enum { SU_SERVER_WARNINGS = 8 };
struct su_server_state {
    uint8_t status; /* enum su_server_status */
    struct su_notice why;
    unsigned n_warnings;
    struct su_notice warning[SU_SERVER_WARNINGS];
    uint64_t sync_by; /* the moment from which the state is Expired without another sync; 0: no certificate */
};

/* now: seconds since 1970. */
void su_server_state(const struct su_server_facts *f, uint64_t now, struct su_server_state *out);
const char *su_server_status_name(uint8_t status); /* "Active" ...; static */

enum { SU_TIME_TEXT = 24 };
/* "2026-11-21T23:46:00Z"; "" for 0. */
void su_time_text(uint64_t t, char out[SU_TIME_TEXT]);
