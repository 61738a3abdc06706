/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written: events, tokens, certificates, revocations. */
#include "sql.h"
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

void su_hex(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = 0;
}

static struct su_bytes column(struct su_db *db, enum su_query q, int i)
{
    const void *p = sqlite3_column_blob(db->st[q], i);
    return (struct su_bytes){p, p ? (size_t)sqlite3_column_bytes(db->st[q], i) : 0};
}

static int64_t number(struct su_db *db, enum su_query q, int i)
{
    return sqlite3_column_int64(db->st[q], i);
}

static int odd_row(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "authority.ledger.corrupt", "a row of the ledger has a strange %s", what);
}

/* Events ------------------------------------------------------------------- */

static void add_text(struct su_buf *b, const char *s)
{
    uint8_t n[8];
    su_put_le64(n, strlen(s));
    su_buf_add(b, n, sizeof n);
    su_buf_add(b, s, strlen(s));
}

int su_event_hash(const uint8_t previous[SU_HASH], int64_t id, uint64_t at, const char *kind, const char *host,
                  const char *detail, uint8_t out[SU_HASH], struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    uint8_t n[16];
    su_put_le64(n, (uint64_t)id);
    su_put_le64(n + 8, at);
    su_buf_add(&b, previous, SU_HASH);
    su_buf_add(&b, n, sizeof n);
    add_text(&b, kind);
    add_text(&b, host);
    add_text(&b, detail);
    if (su_buf_ok(&b, e) < 0)
        return -1;
    SHA256(b.p, b.n, out);
    return 0;
}

static int last_event(struct su_db *db, int64_t *id, uint64_t *at, uint8_t hash[SU_HASH], struct su_err *e)
{
    int rc = su_sql(db, Q_LAST_EVENT, e, "");
    *id = 0, *at = 0;
    memset(hash, 0, SU_HASH);
    if (rc <= 0)
        return rc;
    struct su_bytes h = column(db, Q_LAST_EVENT, 2);
    *id = number(db, Q_LAST_EVENT, 0);
    *at = (uint64_t)number(db, Q_LAST_EVENT, 1);
    bool good = h.n == SU_HASH;
    if (good)
        memcpy(hash, h.p, SU_HASH);
    su_sql_end(db, Q_LAST_EVENT);
    return good ? 0 : odd_row(e, "hash");
}

int su_ledger_clock(struct su_db *db, uint64_t now, uint64_t *at, struct su_err *e)
{
    int64_t id;
    uint64_t last;
    uint8_t hash[SU_HASH];
    if (last_event(db, &id, &last, hash, e) < 0)
        return -1;
    if (now + SU_CLOCK_SLACK < last) {
        su_fail(e, SU_E_CONFLICT, "authority.clock", "the clock is %" PRIu64 " s behind the last entry of the ledger",
                last - now);
        return su_remedy(e, "Set the clock of the authority; hosts that ask again are answered then.");
    }
    *at = now > last ? now : last;
    return 0;
}

int su_ledger_event(struct su_db *db, uint64_t at, const char *kind, const char *host, const char *detail,
                    struct su_err *e)
{
    int64_t id;
    uint64_t last;
    uint8_t previous[SU_HASH], hash[SU_HASH];
    if (last_event(db, &id, &last, previous, e) < 0 ||
        su_event_hash(previous, ++id, at, kind, host, detail, hash, e) < 0)
        return -1;
    return su_sql(db, Q_EVENT_ADD, e, "iitttb", id, (int64_t)at, kind, host, detail,
                  (struct su_bytes){hash, sizeof hash});
}

/* Hosts and tokens --------------------------------------------------------- */

static int host_id(struct su_db *db, const char *host, int64_t *id, struct su_err *e)
{
    int rc = su_sql(db, Q_HOST, e, "t", host);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return su_fail(e, SU_E_MISSING, "authority.host.none", "no host %s is known", host);
    *id = number(db, Q_HOST, 0);
    su_sql_end(db, Q_HOST);
    return 0;
}

static int need_host(struct su_db *db, const char *host, uint64_t at, int64_t *id, struct su_err *e)
{
    int rc = su_sql(db, Q_HOST, e, "t", host);
    if (rc == 0) {
        if (su_sql(db, Q_HOST_ADD, e, "ti", host, (int64_t)at) < 0)
            return -1;
        *id = sqlite3_last_insert_rowid(db->db);
        return 0;
    }
    if (rc < 0)
        return -1;
    *id = number(db, Q_HOST, 0);
    su_sql_end(db, Q_HOST);
    return 0;
}

static int end_token(struct su_db *db, int64_t token, uint64_t at, enum su_token_state state, int64_t certificate,
                     struct su_err *e)
{
    uint64_t until = state == SU_TOKEN_USED ? at + SU_TOKEN_GRACE : 0;
    if (su_sql(db, Q_TOKEN_END, e, "iiii", token, (int64_t)at, (int64_t)state, certificate) < 0)
        return -1;
    return su_sql(db, Q_SECRET_UNTIL, e, "ii", token, (int64_t)until);
}

/* Ends the host's token if it has a live one; of a used one only the secret. */
static int void_token(struct su_db *db, const char *host, uint64_t at, struct su_err *e)
{
    struct su_token t;
    struct su_err none = {0};
    if (su_ledger_token(db, host, &t, &none) < 0)
        return none.kind == SU_E_MISSING ? 0 : (*e = none, -1);
    if (t.state != SU_TOKEN_LIVE)
        return su_sql(db, Q_SECRET_UNTIL, e, "ii", t.id, (int64_t)0);
    char detail[64];
    snprintf(detail, sizeof detail, "token=%" PRId64, t.id);
    return end_token(db, t.id, at, SU_TOKEN_VOID, 0, e) < 0 ? -1
                                                            : su_ledger_event(db, at, "token-void", host, detail, e);
}

int su_ledger_token_new(struct su_db *db, const char *host, const uint8_t sealed[SU_TOKEN_SEALED], uint64_t now,
                        uint64_t expires, const char *who, struct su_err *e)
{
    uint64_t at;
    int64_t id, token;
    char detail[256];
    if (su_ledger_clock(db, now, &at, e) < 0 || need_host(db, host, at, &id, e) < 0 ||
        void_token(db, host, at, e) < 0 || su_sql(db, Q_TOKEN_ADD, e, "iii", id, (int64_t)at, (int64_t)expires) < 0)
        return -1;
    token = sqlite3_last_insert_rowid(db->db);
    snprintf(detail, sizeof detail, "token=%" PRId64 " expires=%" PRIu64 " by=%.100s", token, expires, who);
    if (su_sql(db, Q_SECRET_ADD, e, "ibi", token, (struct su_bytes){sealed, SU_TOKEN_SEALED}, (int64_t)expires) < 0 ||
        su_ledger_wipe(db, at, e) < 0)
        return -1;
    return su_ledger_event(db, at, "token", host, detail, e);
}

int su_ledger_token(struct su_db *db, const char *host, struct su_token *out, struct su_err *e)
{
    int rc = su_sql(db, Q_TOKEN, e, "t", host);
    if (rc < 0)
        return -1;
    if (rc == 0) {
        su_fail(e, SU_E_MISSING, "authority.token.none", "host %s has no token", host);
        return su_remedy(e, "Make one with: surety authority token HOST");
    }
    struct su_token t = {.id = number(db, Q_TOKEN, 0),
                         .created = (uint64_t)number(db, Q_TOKEN, 1),
                         .expires = (uint64_t)number(db, Q_TOKEN, 2),
                         .state = (enum su_token_state)number(db, Q_TOKEN, 3),
                         .ended = (uint64_t)number(db, Q_TOKEN, 4),
                         .certificate = number(db, Q_TOKEN, 5)};
    struct su_bytes sealed = column(db, Q_TOKEN, 6);
    t.wiped = sealed.n != SU_TOKEN_SEALED;
    if (!t.wiped)
        memcpy(t.sealed, sealed.p, SU_TOKEN_SEALED);
    su_sql_end(db, Q_TOKEN);
    *out = t;
    return 0;
}

int su_token_usable(const struct su_token *t, uint64_t now, struct su_err *e)
{
    static const char remedy[] = "Make a new one with: surety authority token HOST";
    if (t->state == SU_TOKEN_VOID) {
        su_fail(e, SU_E_REFUSED, "authority.token.void", "the token was withdrawn");
    } else if (t->state == SU_TOKEN_USED && (t->wiped || now > t->ended + SU_TOKEN_GRACE)) {
        su_fail(e, SU_E_REFUSED, "authority.token.used", "the token was used already");
    } else if (t->state == SU_TOKEN_LIVE && (t->wiped || now > t->expires)) {
        su_fail(e, SU_E_REFUSED, "authority.token.expired", "the token has expired");
    } else {
        return 0;
    }
    return su_remedy(e, remedy);
}

int su_ledger_wipe(struct su_db *db, uint64_t now, struct su_err *e)
{
    return su_sql(db, Q_WIPE, e, "i", (int64_t)now) < 0 ? -1 : 0;
}

int su_ledger_wipeable(struct su_db *db, uint64_t now, bool *any, struct su_err *e)
{
    if (su_sql(db, Q_WIPE_COUNT, e, "i", (int64_t)now) <= 0)
        return -1;
    *any = number(db, Q_WIPE_COUNT, 0) > 0;
    su_sql_end(db, Q_WIPE_COUNT);
    return 0;
}

/* Certificates ------------------------------------------------------------- */

void su_entry_done(struct su_entry *c)
{
    su_buf_done(&c->der);
}

/* The row q stands on, in the columns of ENTRY. */
static int take_entry(struct su_db *db, enum su_query q, struct su_entry *out, struct su_err *e)
{
    struct su_bytes serial = column(db, q, 1), key = column(db, q, 4), der = column(db, q, 7);
    const char *host = (const char *)sqlite3_column_text(db->st[q], 3);
    if (serial.n != SU_SERIAL || key.n != SU_HASH || !host || strlen(host) >= sizeof out->host)
        return odd_row(e, "certificate");
    struct su_entry c = {.id = number(db, q, 0),
                         .issuer = (unsigned)number(db, q, 2),
                         .not_before = (uint64_t)number(db, q, 5),
                         .not_after = (uint64_t)number(db, q, 6),
                         .revoked = (uint64_t)number(db, q, 8),
                         .reason = (unsigned)number(db, q, 9)};
    memcpy(c.host, host, strlen(host) + 1);
    memcpy(c.serial, serial.p, SU_SERIAL);
    memcpy(c.key, key.p, SU_HASH);
    su_buf_add(&c.der, der.p, der.n);
    if (su_buf_ok(&c.der, e) < 0)
        return -1;
    su_entry_done(out);
    *out = c;
    return 0;
}

static int one_entry(struct su_db *db, enum su_query q, int rc, struct su_entry *out, struct su_err *e)
{
    if (rc > 0) {
        rc = take_entry(db, q, out, e) < 0 ? -1 : 1;
        su_sql_end(db, q);
    }
    return rc;
}

int su_ledger_by_serial(struct su_db *db, const uint8_t serial[SU_SERIAL], struct su_entry *out, struct su_err *e)
{
    int rc = su_sql(db, Q_BY_SERIAL, e, "b", (struct su_bytes){serial, SU_SERIAL});
    rc = one_entry(db, Q_BY_SERIAL, rc, out, e);
    return rc == 0  ? su_fail(e, SU_E_MISSING, "authority.certificate.none", "no certificate has this serial number")
           : rc < 0 ? -1
                    : 0;
}

int su_ledger_superseded(struct su_db *db, const struct su_entry *c, bool *yes, struct su_err *e)
{
    int rc = su_sql(db, Q_NEWER, e, "tii", c->host, c->id, (int64_t)c->not_after);
    *yes = rc > 0;
    if (rc > 0)
        su_sql_end(db, Q_NEWER);
    return rc < 0 ? -1 : 0;
}

static int check_key(struct su_db *db, const struct su_issue *i, struct su_err *e)
{
    int rc = su_sql(db, Q_KEY_TAKEN, e, "bt", (struct su_bytes){i->key, SU_HASH}, i->host);
    if (rc <= 0)
        return rc;
    su_sql_end(db, Q_KEY_TAKEN);
    su_fail(e, SU_E_REFUSED, "authority.key.taken", "another host has this key");
    return su_remedy(e, "Make a new key on this host; an image that hosts are made from must not hold one.");
}

static int check_transaction(struct su_db *db, const struct su_issue *i, struct su_entry *again, struct su_err *e)
{
    SU_ENTRY struct su_entry c = {0};
    int rc = su_sql(db, Q_BY_TRANSACTION, e, "tb", i->host, i->transaction);
    rc = one_entry(db, Q_BY_TRANSACTION, rc, &c, e);
    if (rc <= 0)
        return rc;
    if (memcmp(c.key, i->key, SU_HASH) != 0 || c.revoked)
        return su_fail(e, SU_E_REFUSED, "authority.replay",
                       "a request with this transaction's id was answered already");
    su_entry_done(again);
    *again = c;
    c = (struct su_entry){0};
    return 0;
}

/* A token that was used is good once more for the same key: then the answer was lost. */
static int check_token(struct su_db *db, const struct su_issue *i, uint64_t at, struct su_entry *again,
                       struct su_err *e)
{
    struct su_token t;
    SU_ENTRY struct su_entry c = {0};
    if (su_ledger_token(db, i->host, &t, e) < 0)
        return -1;
    if (t.id != i->token)
        t.state = SU_TOKEN_VOID; /* a newer one was made since */
    if (su_token_usable(&t, at, e) < 0)
        return -1;
    if (t.state == SU_TOKEN_LIVE)
        return 0;
    int rc = su_sql(db, Q_BY_ID, e, "i", t.certificate);
    if ((rc = one_entry(db, Q_BY_ID, rc, &c, e)) < 0)
        return -1;
    if (rc == 0 || memcmp(c.key, i->key, SU_HASH) != 0 || c.revoked) {
        su_fail(e, SU_E_REFUSED, "authority.token.used", "the token was used already, with another key");
        return su_remedy(e, "Make a new one with: surety authority token HOST");
    }
    su_entry_done(again);
    *again = c;
    c = (struct su_entry){0};
    return 0;
}

static int check_signer(struct su_db *db, int64_t signer, struct su_err *e)
{
    int rc = su_sql(db, Q_REVOKED, e, "i", signer);
    if (rc <= 0)
        return rc;
    su_sql_end(db, Q_REVOKED);
    return su_fail(e, SU_E_REFUSED, "authority.signer.revoked", "the certificate that signed the request is revoked");
}

int su_ledger_may_issue(struct su_db *db, const struct su_issue *i, struct su_entry *again, struct su_err *e)
{
    uint64_t at;
    if (su_ledger_clock(db, i->now, &at, e) < 0 || check_key(db, i, e) < 0 ||
        (i->signer && check_signer(db, i->signer, e) < 0) || check_transaction(db, i, again, e) < 0)
        return -1;
    return i->token && !again->id ? check_token(db, i, at, again, e) : 0;
}

int su_ledger_issue(struct su_db *db, const struct su_issue *i, struct su_entry *again, int64_t *id, struct su_err *e)
{
    uint64_t at;
    int64_t host = 0;
    char serial[2 * SU_SERIAL + 1], key[2 * SU_HASH + 1], digest[2 * SU_HASH + 1], detail[320];
    uint8_t hash[SU_HASH];
    if (su_ledger_may_issue(db, i, again, e) < 0 || su_ledger_clock(db, i->now, &at, e) < 0)
        return -1;
    if (again->id) /* the same request came twice at once, and the other one was quicker */
        return 0;
    if (host_id(db, i->host, &host, e) < 0 ||
        su_sql(db, Q_CERT_ADD, e, "biibiibb", (struct su_bytes){i->serial, SU_SERIAL}, (int64_t)i->issuer, host,
               (struct su_bytes){i->key, SU_HASH}, (int64_t)i->not_before, (int64_t)i->not_after, i->transaction,
               i->der) < 0)
        return -1;
    *id = sqlite3_last_insert_rowid(db->db);
    if (i->token && end_token(db, i->token, at, SU_TOKEN_USED, *id, e) < 0)
        return -1;
    SHA256(i->der.p, i->der.n, hash);
    su_hex(hash, sizeof hash, digest);
    su_hex(i->serial, SU_SERIAL, serial);
    su_hex(i->key, SU_HASH, key);
    snprintf(detail, sizeof detail, "serial=%s key=%s sha256=%s not-after=%" PRIu64 " by=%s", serial, key, digest,
             i->not_after, i->token ? "token" : "certificate");
    return su_ledger_event(db, at, "certificate", i->host, detail, e);
}

int su_ledger_confirm(struct su_db *db, int64_t certificate, uint64_t now, struct su_err *e)
{
    SU_ENTRY struct su_entry c = {0};
    uint64_t at;
    char serial[2 * SU_SERIAL + 1], detail[64];
    int rc = su_sql(db, Q_BY_ID, e, "i", certificate);
    if ((rc = one_entry(db, Q_BY_ID, rc, &c, e)) <= 0)
        return rc < 0 ? -1 : odd_row(e, "certificate");
    if (su_ledger_clock(db, now, &at, e) < 0)
        return -1;
    su_hex(c.serial, SU_SERIAL, serial);
    snprintf(detail, sizeof detail, "serial=%s", serial);
    return su_ledger_event(db, at, "confirmed", c.host, detail, e);
}

/* Revocation --------------------------------------------------------------- */

int su_ledger_revoke(struct su_db *db, const struct su_entry *c, unsigned reason, uint64_t now, const char *who,
                     struct su_err *e)
{
    uint64_t at;
    char serial[2 * SU_SERIAL + 1], detail[256];
    if (su_ledger_clock(db, now, &at, e) < 0)
        return -1;
    int rc = su_sql(db, Q_REVOKED, e, "i", c->id);
    if (rc < 0)
        return -1;
    if (rc > 0) {
        su_sql_end(db, Q_REVOKED);
        return su_fail(e, SU_E_CONFLICT, "authority.revoked.already", "the certificate is revoked already");
    }
    if (su_sql(db, Q_REVOKE_ADD, e, "iii", c->id, (int64_t)at, (int64_t)reason) < 0)
        return -1;
    su_hex(c->serial, SU_SERIAL, serial);
    snprintf(detail, sizeof detail, "serial=%s reason=%u by=%.100s", serial, reason, who);
    return su_ledger_event(db, at, "revoked", c->host, detail, e);
}

/* The rows are collected first: a statement that is being read must not see what it causes. */
static int live_of(struct su_db *db, const char *host, uint64_t now, struct su_buf *all, struct su_err *e)
{
    int rc = su_sql(db, Q_HOST_LIVE, e, "ti", host, (int64_t)now);
    for (; rc > 0; rc = su_sql_next(db, Q_HOST_LIVE, e)) {
        SU_ENTRY struct su_entry c = {0};
        if (take_entry(db, Q_HOST_LIVE, &c, e) < 0) {
            su_sql_end(db, Q_HOST_LIVE);
            return -1;
        }
        su_buf_done(&c.der);
        su_buf_add(all, &c, sizeof c);
    }
    return rc < 0 ? -1 : su_buf_ok(all, e);
}

int su_ledger_revoke_host(struct su_db *db, const char *host, unsigned reason, uint64_t now, const char *who,
                          unsigned *n, struct su_err *e)
{
    SU_BUF struct su_buf all = {0};
    uint64_t at;
    int64_t id;
    if (su_ledger_clock(db, now, &at, e) < 0 || host_id(db, host, &id, e) < 0 || void_token(db, host, at, e) < 0 ||
        su_ledger_wipe(db, at, e) < 0 ||
        live_of(db, host, at > SU_RENEW_EXPIRED_MAX ? at - SU_RENEW_EXPIRED_MAX : 0, &all, e) < 0)
        return -1;
    unsigned done = 0;
    for (size_t i = 0; i < all.n; i += sizeof(struct su_entry), done++) {
        struct su_entry c;
        memcpy(&c, all.p + i, sizeof c);
        if (su_ledger_revoke(db, &c, reason, now, who, e) < 0)
            return -1;
    }
    *n = done;
    return 0;
}

int su_ledger_revocations(struct su_db *db, unsigned issuer, uint64_t before,
                          int (*each)(void *arg, const struct su_entry *c, struct su_err *e), void *arg,
                          struct su_err *e)
{
    int rc = su_sql(db, Q_CRL_LIST, e, "ii", (int64_t)issuer, (int64_t)before);
    for (; rc > 0; rc = su_sql_next(db, Q_CRL_LIST, e)) {
        SU_ENTRY struct su_entry c = {0};
        if (take_entry(db, Q_CRL_LIST, &c, e) < 0 || each(arg, &c, e) < 0) {
            su_sql_end(db, Q_CRL_LIST);
            return -1;
        }
    }
    return rc;
}

int su_ledger_last_revocation(struct su_db *db, int64_t *id, struct su_err *e)
{
    if (su_sql(db, Q_LAST_REVOCATION, e, "") <= 0)
        return -1;
    *id = number(db, Q_LAST_REVOCATION, 0);
    su_sql_end(db, Q_LAST_REVOCATION);
    return 0;
}

int su_ledger_crl(struct su_db *db, unsigned issuer, uint64_t now, int64_t *number_out, struct su_err *e)
{
    uint64_t at;
    char detail[64];
    if (su_ledger_clock(db, now, &at, e) < 0 || su_sql(db, Q_CRL_ADD, e, "ii", (int64_t)issuer, (int64_t)at) < 0)
        return -1;
    int64_t n = sqlite3_last_insert_rowid(db->db);
    snprintf(detail, sizeof detail, "number=%" PRId64 " issuer=%u", n, issuer);
    if (su_ledger_event(db, at, "crl", "", detail, e) < 0)
        return -1;
    *number_out = n;
    return 0;
}
