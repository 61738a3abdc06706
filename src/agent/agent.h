/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent.h - surety-guest, the program inside the VM: asks the host for a document, verifies it with libsurety, and
 * turns benefits on for as long as that holds. */
#pragma once
#include "base/buf.h"
#include "base/cmdline.h"
#include "surety/surety.h"

#define SU_GUEST_CONF "/etc/surety/guest.conf"
enum { SU_GUEST_OK = 0, SU_GUEST_REFUSED = 1, SU_GUEST_USAGE = 2, SU_BENEFITS_MAX = 128 };

/* /etc/surety/guest.conf; docs/man/surety-guest.1 describes the keys. */
struct su_guest_conf {
    char roots[512], intermediates[512], crl[512]; /* [trust]; "": none */
    bool azure;
    char domain[512], cluster[128], subscription[512], vm_id[40], security_type[32]; /* [expect] */
    bool secure_boot, vtpm;
    uint32_t max_age, skew;
    char endpoints[512]; /* [fetch]; "": the library's */
    uint32_t timeout;
    bool report;
    char admin_dir[512], vendor_dir[512], run_dir[512]; /* [benefits] */
};
int su_guest_conf_load(const char *path, bool missing_ok, struct su_guest_conf *out, struct su_err *e) SU_MUST_CHECK;

/* What is asked beside the configuration; all borrowed, NULL: nothing. */
struct su_guest_ask {
    const char *nonce, *audience, *key, *api_version;
    bool secure_boot, vtpm;
    const char *security_type, *cluster;
    int64_t at;          /* 0: now */
    bool any_audience;   /* of a file */
    unsigned busy_tries; /* more tries when the host says "later" */
};
struct su_proof {
    struct surety_answer *answer;     /* owned */
    struct surety_document *document; /* owned; NULL when only fetched */
};
void su_proof_done(struct su_proof *p);
#define SU_PROOF SU_AUTO(su_proof_done)

/* Records what the library says: the id is the reason's name.  Returns -1. */
int su_fail_surety(struct su_err *e, const struct surety_error *why);
/* True when there was no answer to judge, so that what was proved before still holds until it expires. */
bool su_is_transport(const struct su_err *e);

/* Fetches, without verifying. */
int su_guest_fetch(const struct su_guest_conf *c, const struct su_guest_ask *a, struct su_proof *out,
                   struct su_err *e) SU_MUST_CHECK;
/* Fetches with a new nonce, verifies, and tells the host how it went. */
int su_guest_prove(const struct su_guest_conf *c, const struct su_guest_ask *a, struct su_proof *out,
                   struct su_err *e) SU_MUST_CHECK;
/* Verifies a document that lies in a file: no nonce unless one is asked for. */
int su_guest_judge(const struct su_guest_conf *c, const struct su_guest_ask *a, struct su_bytes file,
                   struct su_proof *out, struct su_err *e) SU_MUST_CHECK;

/* Root notes the VM's UUID beside the grants, once a boot; others verify against the note. */
void su_vm_id_note(const struct su_guest_conf *c);
bool su_vm_id_noted(const struct su_guest_conf *c, char out[SURETY_UUID_TEXT]);

/* Benefits ------------------------------------------------------------------ */
struct su_benefit {
    char id[64]; /* the file's name without ".conf" */
    char title[128], audience[256], cluster[128], security_type[32];
    bool enabled, secure_boot, vtpm;
    char hook[512], deactivate[512]; /* words between blanks, the first an absolute path; "": none */
    uint32_t timeout;
};
struct su_benefits {
    size_t n;
    struct su_benefit row[SU_BENEFITS_MAX]; /* by id */
};
/* The vendor's, then the administrator's, which take the place of those with the same name.  When root asks, a file
 * that others may write is refused: SU_E_REFUSED "benefit.owner". */
int su_benefits_load(const struct su_guest_conf *c, struct su_benefits *out, struct su_err *e) SU_MUST_CHECK;
int su_benefit_find(const struct su_benefits *all, const char *id, const struct su_benefit **out,
                    struct su_err *e) SU_MUST_CHECK;

/* A grant is the file RUN/NAME.json: the answer itself, so that anybody may verify it again, and what came of it. */
struct su_grant {
    bool there;
    int64_t expires;
    struct su_err why; /* not there: why not, when a file is; kind SU_OK otherwise */
};
/* Verifies the grant's document again. */
void su_grant_look(const struct su_guest_conf *c, const struct su_benefit *b, struct su_grant *out);
/* Whoever changes grants holds RUN/lock; *fd is the caller's to close. */
int su_grant_lock(const struct su_guest_conf *c, int *fd, struct su_err *e) SU_MUST_CHECK;
int su_grant_write(const struct su_guest_conf *c, const struct su_benefit *b, const struct su_proof *p,
                   struct su_err *e) SU_MUST_CHECK;
/* 1: removed, 0: there was none */
int su_grant_remove(const struct su_guest_conf *c, const struct su_benefit *b, struct su_err *e) SU_MUST_CHECK;
bool su_grant_exists(const struct su_guest_conf *c, const struct su_benefit *b);

/* Verify, run the hook, write the grant.  When the document is refused, or the hook fails, the benefit is taken away.
 */
int su_benefit_activate(const struct su_guest_conf *c, const struct su_benefit *b, int64_t *expires,
                        struct su_err *e) SU_MUST_CHECK;
/* Grant first, then the hook, so that nobody relies on it meanwhile.  reason: for the hook.  Without a grant: nothing.
 */
int su_benefit_deactivate(const struct su_guest_conf *c, const struct su_benefit *b, const char *reason,
                          struct su_err *e) SU_MUST_CHECK;
/* Until SIGTERM or SIGINT. */
int su_guest_watch(const struct su_guest_conf *c, const struct su_benefits *all, struct su_err *e) SU_MUST_CHECK;

/* Text ---------------------------------------------------------------------- */
void su_json_string(struct su_buf *b, const char *s);                     /* quoted; NULL: null */
void su_json_facts_of(struct su_buf *b, const struct surety_document *d); /* {"vmId":...} */
void su_json_checked(struct su_buf *b, unsigned checked);                 /* ["nonce",...] */
/* Calls f with each word of a list between blanks, copied; stops at the first -1. */
int su_each_word(const char *list, int (*f)(void *ctx, const char *word, struct su_err *e), void *ctx,
                 struct su_err *e) SU_MUST_CHECK;
