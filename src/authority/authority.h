/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/authority.h - the operator's certificate authority, in one directory (0700, of its own user).
 *
 *   authority.conf            what it is called and where it listens; written last, so its presence means "complete"
 *   bundle.pem                the roots that consumers pin: one, or two while the root is being replaced
 *   issuing-N.pem, .key       issuing certificates; the highest N signs
 *   responder-N.pem, .key     protects the answers (ca.h)
 *   root/root-N.pem, .key     the roots; may live elsewhere, the server never reads them
 *   token.key                 seals the secrets of tokens at rest (seal.h)
 *   ledger.db                 ledger.h
 *
 * Failures beside those of ca.h, ledger.h and seal.h: SU_E_CONFLICT "authority.exists", SU_E_MISSING "authority.none",
 * SU_E_USAGE "authority.domain", "authority.url", "authority.host", SU_E_IO "authority.file". */
#pragma once
#include "ledger.h"

#define SU_AUTHORITY_DIR "/var/lib/surety-authority"
enum { SU_AUTHORITY_MAX_ISSUERS = 16, SU_AUTHORITY_MAX_ROOTS = 8, SU_AUTHORITY_NAME = 64 };

/* Making one ----------------------------------------------------------------- */
struct su_authority_plan {
    const char *dir, *root_dir; /* root_dir NULL: dir/root */
    const char *domain, *url;   /* url NULL: http://authority.DOMAIN:8829 */
    const char *algorithm;      /* NULL: rsa3072 */
    uint64_t now;
};
struct su_authority_made {
    char dir[512], root_dir[512], url[512];
    char root_fingerprint[2 * SU_HASH + 1];   /* SHA-256 of the newest root's DER */
    char bundle_fingerprint[2 * SU_HASH + 1]; /* SHA-256 of bundle.pem, as sha256sum prints it */
    unsigned issuing;
};
int su_authority_init(const struct su_authority_plan *p, struct su_authority_made *out, struct su_err *e) SU_MUST_CHECK;
/* A new root, published in the bundle beside the old one; nothing is signed with it before the next issuing key. */
int su_authority_rotate_root(const struct su_authority_plan *p, struct su_authority_made *out,
                             struct su_err *e) SU_MUST_CHECK;
/* A new issuing key under the newest root; the server uses it after a restart. */
int su_authority_rotate_issuing(const struct su_authority_plan *p, struct su_authority_made *out,
                                struct su_err *e) SU_MUST_CHECK;
/* When root works on somebody's directory it becomes that somebody, so that no file in it gets another owner. */
int su_authority_become_owner(const char *dir, struct su_err *e) SU_MUST_CHECK;

/* Working with one ------------------------------------------------------------ */
struct su_authority_conf {
    char domain[201], url[512], listen[64];
    uint32_t certificate_lifetime, token_lifetime; /* s */
    uint32_t renew_expired; /* s after its end that a certificate may still ask for the next one; 0: never */
    uint32_t connections;
};
int su_authority_conf_load(const char *dir, struct su_authority_conf *out, struct su_err *e) SU_MUST_CHECK;
int su_authority_ledger(const char *dir, struct su_db **out, struct su_err *e) SU_MUST_CHECK;
/* "sut1_HOST_SECRET"; out has room for SU_TOKEN_TEXT bytes. */
enum { SU_TOKEN_TEXT = 5 + SU_HOST_TEXT + 1 + SU_TOKEN_SECRET + 1 };
int su_authority_token(const char *dir, const char *host, uint32_t lifetime /* s; 0: the configured one */,
                       uint64_t now, const char *who, char *out, uint64_t *expires, struct su_err *e) SU_MUST_CHECK;
/* The host's name fits into a certificate of this domain. */
int su_authority_host_ok(const char *host, const char *domain, struct su_err *e) SU_MUST_CHECK;
/* "" , "keyCompromise", "cessationOfOperation", ... (RFC 5280, 5.3.1); SU_E_USAGE "authority.reason". */
int su_reason_parse(const char *name, unsigned *out, struct su_err *e) SU_MUST_CHECK;
const char *su_reason_name(unsigned reason);

/* The server ------------------------------------------------------------------ */
struct su_authority;
/* clock NULL: the system's.  Everything after that is thread safe. */
int su_authority_open(const char *dir, uint64_t (*clock)(void), struct su_authority **out,
                      struct su_err *e) SU_MUST_CHECK;
void su_authority_close(struct su_authority **a); /* no call may be running */
#define SU_AUTHORITY SU_AUTO(su_authority_close)
const struct su_authority_conf *su_authority_configuration(const struct su_authority *a);

struct su_authority_outcome { /* for the log; what happened to one request */
    char text[320];           /* "kur: certificate 40a1..."; may hold bytes of the sender */
    const char *id;           /* of the refusal; NULL: none */
    bool unavailable;         /* the ledger could not be written: answer 503, the sender should try again */
};
/* One CMP message in, one out.  -1: what came was no CMP message, or there is no memory. */
int su_authority_cmp(struct su_authority *a, const char *host, struct su_bytes request, struct su_buf *answer,
                     struct su_authority_outcome *outcome, struct su_err *e) SU_MUST_CHECK;
/* DER; n 0: the newest issuer.  SU_E_MISSING "authority.issuer.none". */
int su_authority_crl(struct su_authority *a, unsigned n, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_authority_issuing_der(struct su_authority *a, unsigned n, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_authority_issuing_pem(struct su_authority *a, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_authority_bundle(struct su_authority *a, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
/* The ledger answers and the clock is not behind it. */
int su_authority_health(struct su_authority *a, struct su_buf *json, struct su_err *e) SU_MUST_CHECK;
/* To be called every minute or so: forgets secrets and transactions whose time is over. */
void su_authority_tick(struct su_authority *a);
