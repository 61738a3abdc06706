/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/ledger.h - what the authority did, in an SQLite file that is only ever added to.
 *
 * Triggers refuse to change or delete a row; the one exception are the sealed secrets of tokens, which are wiped.
 * Every act is also an event, and every event holds the SHA-256 of the one before it, so a row that was changed with
 * other tools is found (su_ledger_verify).  Times are seconds since 1970.  A change runs inside a transaction: through
 * su_writer (writer.h) in the server, through su_db_change elsewhere.  A connection is for one thread at a time.
 *
 * Failures: SU_E_IO "authority.ledger.full", "authority.ledger.io", "authority.ledger.busy" (held by another process
 * for more than 5 s), SU_E_FORMAT "authority.ledger.corrupt", and what the functions name. */
#pragma once
#include "base/buf.h"

enum {
    SU_HOST_TEXT = 201,
    SU_SERIAL = 16,
    SU_HASH = 32,
    SU_TOKEN_SECRET = 64,                        /* hexadecimal digits */
    SU_TOKEN_SEALED = 12 + SU_TOKEN_SECRET + 16, /* nonce, ciphertext, tag: seal.h */
    SU_TOKEN_GRACE = 600,                        /* s: an answer that was lost may be asked for again */
    SU_CLOCK_SLACK = 300,                        /* s: the clock may be this much behind the last entry */
};

void su_hex(const uint8_t *p, size_t n, char *out); /* 2 n + 1 bytes */

struct su_db;
/* create: a new file, mode 0600.  Otherwise one that exists, of a version this program knows:
 * SU_E_FORMAT "authority.ledger.version". */
int su_db_open(const char *path, bool create, struct su_db **out, struct su_err *e) SU_MUST_CHECK;
void su_db_close(struct su_db **db);
#define SU_DB SU_AUTO(su_db_close)

/* fn runs in a transaction, which is on stable storage when 0 is returned and never happened otherwise. */
typedef int (*su_db_fn)(struct su_db *db, void *arg, struct su_err *e);
int su_db_change(struct su_db *db, su_db_fn fn, void *arg, struct su_err *e) SU_MUST_CHECK;
int su_db_begin(struct su_db *db, struct su_err *e) SU_MUST_CHECK;
int su_db_commit(struct su_db *db, struct su_err *e) SU_MUST_CHECK; /* on failure the transaction is gone */
void su_db_rollback(struct su_db *db);
bool su_db_in_transaction(struct su_db *db); /* false after an error so bad that SQLite took the transaction back */
int su_db_savepoint(struct su_db *db, const char *verb /* SAVEPOINT, RELEASE, ROLLBACK TO */,
                    struct su_err *e) SU_MUST_CHECK;

/* The time an entry gets: now, or the last entry's when the clock is a little behind.  SU_E_CONFLICT
 * "authority.clock": more than SU_CLOCK_SLACK behind. */
int su_ledger_clock(struct su_db *db, uint64_t now, uint64_t *at, struct su_err *e) SU_MUST_CHECK;
int su_ledger_event(struct su_db *db, uint64_t at, const char *kind, const char *host, const char *detail,
                    struct su_err *e) SU_MUST_CHECK;

/* Tokens ------------------------------------------------------------------ */
enum su_token_state { SU_TOKEN_LIVE, SU_TOKEN_USED, SU_TOKEN_VOID };
struct su_token {
    int64_t id;
    uint64_t created, expires, ended; /* ended: used or voided */
    enum su_token_state state;
    int64_t certificate; /* of a used one */
    uint8_t sealed[SU_TOKEN_SEALED];
    bool wiped; /* sealed is gone */
};
/* A new token; the host's earlier ones end.  The host is made when it is new. */
int su_ledger_token_new(struct su_db *db, const char *host, const uint8_t sealed[SU_TOKEN_SEALED], uint64_t now,
                        uint64_t expires, const char *who, struct su_err *e) SU_MUST_CHECK;
/* The host's latest.  SU_E_MISSING "authority.token.none". */
int su_ledger_token(struct su_db *db, const char *host, struct su_token *out, struct su_err *e) SU_MUST_CHECK;
/* May it still prove somebody?  SU_E_REFUSED "authority.token.used", "authority.token.void", "authority.token.expired".
 */
int su_token_usable(const struct su_token *t, uint64_t now, struct su_err *e) SU_MUST_CHECK;
/* Secrets that nobody may use any more. */
int su_ledger_wipe(struct su_db *db, uint64_t now, struct su_err *e) SU_MUST_CHECK;
int su_ledger_wipeable(struct su_db *db, uint64_t now, bool *any, struct su_err *e) SU_MUST_CHECK;

/* Certificates ------------------------------------------------------------ */
struct su_entry {
    int64_t id;
    char host[SU_HOST_TEXT];
    uint8_t serial[SU_SERIAL], key[SU_HASH]; /* key: SHA-256 of the SubjectPublicKeyInfo */
    uint64_t not_before, not_after, revoked; /* revoked 0: it is not */
    unsigned issuer, reason;
    struct su_buf der;
};
void su_entry_done(struct su_entry *c);
#define SU_ENTRY SU_AUTO(su_entry_done)
/* SU_E_MISSING "authority.certificate.none". */
int su_ledger_by_serial(struct su_db *db, const uint8_t serial[SU_SERIAL], struct su_entry *out,
                        struct su_err *e) SU_MUST_CHECK;

/* Did the host get another certificate while this one was valid, or with a token since?  One that is revoked does not
 * count.  What it got with this one after the end does not either: its answer may have been lost. */
int su_ledger_superseded(struct su_db *db, const struct su_entry *c, bool *yes, struct su_err *e) SU_MUST_CHECK;

struct su_issue {
    const char *host;
    int64_t token, signer; /* what proved the host, one of them; the other 0 */
    uint8_t serial[SU_SERIAL], key[SU_HASH];
    struct su_bytes transaction, der;
    uint64_t now, not_before, not_after;
    unsigned issuer;
};
/* May the host have a certificate for this key?  Asked before it is signed, and again with su_ledger_issue.
 * again: what this transaction, or this token with this key, was answered with already; its id stays 0 otherwise.
 * SU_E_REFUSED: su_token_usable's, "authority.key.taken" (another host's), "authority.replay" (the transaction was
 * about another key), "authority.signer.revoked". */
int su_ledger_may_issue(struct su_db *db, const struct su_issue *i, struct su_entry *again,
                        struct su_err *e) SU_MUST_CHECK;
/* Writes nothing when again is found; *id is the new row otherwise. */
int su_ledger_issue(struct su_db *db, const struct su_issue *i, struct su_entry *again, int64_t *id,
                    struct su_err *e) SU_MUST_CHECK;
int su_ledger_confirm(struct su_db *db, int64_t certificate, uint64_t now, struct su_err *e) SU_MUST_CHECK;

/* reason: CRLReason, 0..10 without 7 and 8.  SU_E_CONFLICT "authority.revoked.already". */
int su_ledger_revoke(struct su_db *db, const struct su_entry *c, unsigned reason, uint64_t now, const char *who,
                     struct su_err *e) SU_MUST_CHECK;
/* A certificate that expired longer ago proves nothing any more, whatever the configuration says: seconds. */
enum { SU_RENEW_EXPIRED_MAX = 730 * 86400 };
/* All certificates of a host that could still prove something, and its token.  SU_E_MISSING "authority.host.none". */
int su_ledger_revoke_host(struct su_db *db, const char *host, unsigned reason, uint64_t now, const char *who,
                          unsigned *n, struct su_err *e) SU_MUST_CHECK;

/* Revocation lists -------------------------------------------------------- */
/* Of certificates of this issuer that are not expired since before; latest: the last revocation of all. */
int su_ledger_revocations(struct su_db *db, unsigned issuer, uint64_t before,
                          int (*each)(void *arg, const struct su_entry *c, struct su_err *e), void *arg,
                          struct su_err *e) SU_MUST_CHECK;
int su_ledger_last_revocation(struct su_db *db, int64_t *id, struct su_err *e) SU_MUST_CHECK;
/* The number of a new list: above every earlier one. */
int su_ledger_crl(struct su_db *db, unsigned issuer, uint64_t now, int64_t *number, struct su_err *e) SU_MUST_CHECK;

/* Looking ----------------------------------------------------------------- */
enum su_ledger_list { SU_LIST_HOSTS, SU_LIST_CERTIFICATES, SU_LIST_EVENTS };
struct su_ledger_row {
    const char *host, *kind, *detail; /* NULL where the list has none */
    int64_t id;
    uint64_t at, not_before, not_after, revoked, token_expires; /* 0: none */
    const uint8_t *serial;                                      /* SU_SERIAL bytes or NULL */
    const uint8_t *hash;                                        /* of an event */
    int64_t certificates;
    unsigned reason;
};
int su_ledger_list(struct su_db *db, enum su_ledger_list what, const char *host /* NULL: all */, uint64_t now,
                   int (*each)(void *arg, const struct su_ledger_row *r, struct su_err *e), void *arg,
                   struct su_err *e) SU_MUST_CHECK;

struct su_ledger_proof {
    uint64_t events, certificates, revocations, tokens;
    uint8_t head[SU_HASH]; /* of the last event: noted elsewhere, it also proves that nothing was cut off */
};
/* Reads all of it.  SU_E_FORMAT "authority.ledger.tampered" names the first row that is wrong. */
int su_ledger_verify(struct su_db *db, struct su_ledger_proof *out, struct su_err *e) SU_MUST_CHECK;
