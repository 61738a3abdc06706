/* SPDX-License-Identifier: GPL-3.0-or-later */
/* benefit/benefit.h - what VMs get because they run on a trusted host, as rows of data files; and of which VM that can
 * be said to hold.
 *
 * A file host-benefits.d/ID.conf in DATADIR/surety or /etc/surety (base/conf.h's syntax) is a benefit; one in /etc
 * stands in the place of one of the same name.  docs/operations.md, "Benefits", tells the keys.
 * Thread safe; all but su_benefits_load() is pure.
 * Failures: those of base/conf.h, SU_E_FORMAT "benefit.id", "benefit.value". */
#pragma once
#include "benefit/guestos.h"

enum { SU_BENEFITS_MAX = 64, SU_BENEFIT_BUILDS = 16, SU_BENEFIT_ID = 64 };

enum su_benefit_transport { SU_BENEFIT_ANY, SU_BENEFIT_VSOCK, SU_BENEFIT_LEGACY, SU_BENEFIT_TRANSPORTS };
const char *su_benefit_transport_name(enum su_benefit_transport t); /* "any", "vsock", "legacy" */

struct su_benefit {
    char id[SU_BENEFIT_ID]; /* lower case letters, digits, '-' */
    char title[128], description[512];
    /* Eligible: all that is not "" has to fit.  Lists are separated by ','. */
    char os[128];        /* IDs of systems */
    char version[256];   /* "12" is 12 and 12.4, not 120 */
    char edition[256];   /* patterns with '*', without regard to case, of the system's name or its EditionID */
    uint32_t build_from; /* the lowest build; 0: any */
    enum su_benefit_transport transport;
    bool secure_boot, vtpm;
    unsigned n_builds; /* the lowest revision of each build, in the order of the builds */
    struct {
        uint32_t build, revision;
    } min_build[SU_BENEFIT_BUILDS];
    bool own; /* of /etc */
};

/* Pure.  *off: the file takes a shipped benefit away ("enabled = no"). */
int su_benefit_parse(const char *id, struct su_bytes text, const char *name, struct su_benefit *out, bool *off,
                     struct su_err *e) SU_MUST_CHECK;

struct su_benefits {
    struct su_benefit row[SU_BENEFITS_MAX]; /* by id */
    size_t n;
    struct su_benefit_problem { /* files that are not believed; the text is fit to be shown (base/clean.h) */
        char id[64], text[240];
    } problem[16];
    size_t n_problems;
};
/* Both may be missing.  What is wrong with a file is a problem, not a failure. */
void su_benefits_load(const char *shipped, const char *own, struct su_benefits *out);
const struct su_benefit *su_benefits_find(const struct su_benefits *b, const char *id); /* NULL: none */

/* A VM ---------------------------------------------------------------------- */

enum { SU_BENEFIT_PERIOD_S = 86400 }; /* how long a verification counts; guests verify more often */

struct su_benefit_facts {
    struct su_guest_os os;                       /* id "": not known */
    bool agent_channel;                          /* it has the guest agent's channel */
    bool vsock, legacy;                          /* it has a vsock device; it was granted the legacy network */
    bool agent_later, vsock_later, legacy_later; /* that is in its definition alone: it runs without until it is off */
    bool secure_boot, vtpm;
    bool vsock_off;         /* this host serves nobody by its vsock, and the VM has no other one */
    bool foreign;           /* not libvirt's: nothing of its definition can be changed from here */
    bool stopped;           /* it does not run */
    bool server_off;        /* the server is not Active: it signs nothing */
    uint64_t last_verified; /* seconds since 1970; 0: never */
    uint64_t runs_since;    /* what was verified before was another run of it; 0: not known */
    uint64_t now;
};

/* The worst of several is the lowest. */
enum su_benefit_status {
    SU_BENEFIT_INACTIVE,       /* eligible, and something is to be done first */
    SU_BENEFIT_UNKNOWN,        /* whether it is eligible is not known: which system it runs, or which version */
    SU_BENEFIT_ACTIVE,         /* eligible, the server Active, and this run verified a document within the period */
    SU_BENEFIT_NOT_APPLICABLE, /* not eligible */
    SU_BENEFIT_STATUSES
};
enum su_benefit_action {
    SU_BENEFIT_NOTHING,
    SU_BENEFIT_INSTALL_UPDATES, /* in the guest */
    SU_BENEFIT_UPGRADE,         /* to Trusted Launch: Secure Boot or vTPM is missing */
    SU_BENEFIT_ADD_VSOCK,
    SU_BENEFIT_LEGACY_NETWORK,
    SU_BENEFIT_AGENT_CHANNEL,
    SU_BENEFIT_SYNC,    /* the server is not Active */
    SU_BENEFIT_START,   /* it does not run */
    SU_BENEFIT_RESTART, /* what it needs comes with its next start */
    SU_BENEFIT_VERIFY,  /* in the guest: all is there, but nothing was verified lately */
    SU_BENEFIT_ACTIONS
};
struct su_benefit_verdict {
    enum su_benefit_status status;
    enum su_benefit_action action; /* what can be done from here */
    const char *todo;              /* a sentence for people, of what cannot, too; static; "" */
};
/* Inactive without an action: something is missing that this host cannot give the VM. */
struct su_benefit_verdict su_benefit_judge(const struct su_benefit *b, const struct su_benefit_facts *f);
/* Of this run of the VM, and within the period: what was started since, or taken back to a snapshot, may be another. */
bool su_benefit_verified(uint64_t last_verified, uint64_t runs_since, uint64_t now);
const char *su_benefit_status_name(enum su_benefit_status s);     /* "inactive", ... */
const char *su_benefit_action_name(enum su_benefit_action a);     /* "install-updates", ...; NULL: nothing */
const char *su_benefit_action_sentence(enum su_benefit_action a); /* for people; "" */
