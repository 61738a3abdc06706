/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read by people: lists, and the proof that nothing was changed. */
#include "sql.h"
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static const char *text(struct su_db *db, enum su_query q, int i)
{
    const char *s = (const char *)sqlite3_column_text(db->st[q], i);
    return s ? s : "";
}

static uint64_t number(struct su_db *db, enum su_query q, int i)
{
    return (uint64_t)sqlite3_column_int64(db->st[q], i);
}

static const uint8_t *blob(struct su_db *db, enum su_query q, int i, int n)
{
    const void *p = sqlite3_column_blob(db->st[q], i);
    return sqlite3_column_bytes(db->st[q], i) == n ? p : NULL;
}

static struct su_ledger_row row_of(struct su_db *db, enum su_query q)
{
    struct su_ledger_row r = {.id = (int64_t)number(db, q, 0)};
    if (q == Q_LIST_HOSTS) {
        r.host = text(db, q, 1);
        r.at = number(db, q, 2);
        r.certificates = (int64_t)number(db, q, 3);
        r.serial = blob(db, q, 4, SU_SERIAL);
        r.not_before = number(db, q, 5);
        r.not_after = number(db, q, 6);
        r.revoked = number(db, q, 7);
        r.reason = (unsigned)number(db, q, 8);
        r.token_expires = number(db, q, 9);
    } else if (q == Q_LIST_CERTS) {
        r.host = text(db, q, 3);
        r.serial = blob(db, q, 1, SU_SERIAL);
        r.not_before = r.at = number(db, q, 5);
        r.not_after = number(db, q, 6);
        r.revoked = number(db, q, 8);
        r.reason = (unsigned)number(db, q, 9);
    } else {
        r.at = number(db, q, 1);
        r.kind = text(db, q, 2);
        r.host = text(db, q, 3);
        r.detail = text(db, q, 4);
        r.hash = blob(db, q, 5, SU_HASH);
    }
    return r;
}

int su_ledger_list(struct su_db *db, enum su_ledger_list what, const char *host, uint64_t now,
                   int (*each)(void *arg, const struct su_ledger_row *r, struct su_err *e), void *arg, struct su_err *e)
{
    enum su_query q = what == SU_LIST_HOSTS ? Q_LIST_HOSTS : what == SU_LIST_EVENTS ? Q_LIST_EVENTS : Q_LIST_CERTS;
    int rc = su_sql(db, q, e, what == SU_LIST_HOSTS ? "ti" : "t", host, (int64_t)now);
    for (; rc > 0; rc = su_sql_next(db, q, e)) {
        struct su_ledger_row r = row_of(db, q);
        if (each(arg, &r, e) < 0) {
            su_sql_end(db, q);
            return -1;
        }
    }
    return rc;
}

/* Verification ------------------------------------------------------------- */

static int tampered(struct su_db *db, enum su_query q, struct su_err *e, const char *table, int64_t id)
{
    if (q != Q_COUNT)
        su_sql_end(db, q);
    su_fail(e, SU_E_FORMAT, "authority.ledger.tampered", "row %" PRId64 " of %s is not what was written", id, table);
    return su_remedy(e, "Compare with a backup; treat what the authority issued since then with suspicion.");
}

/* The events of one kind, in order, against the rows of a table: each row must be told of by the next event. */
struct cursor {
    struct su_db *db;
    const char *kind;
    sqlite3_stmt *st;
};

static int cursor_open(struct cursor *c, struct su_db *db, const char *kind, struct su_err *e)
{
    *c = (struct cursor){.db = db, .kind = kind};
    if (sqlite3_prepare_v2(db->db, "SELECT host, detail FROM events WHERE kind = ? ORDER BY id", -1, &c->st, NULL) ||
        sqlite3_bind_text(c->st, 1, kind, -1, SQLITE_STATIC))
        return su_sql_fail(db, e, "the ledger");
    return 0;
}

static void cursor_done(struct cursor *c)
{
    sqlite3_finalize(c->st);
}

static bool cursor_is(struct cursor *c, const char *host, const char *begins)
{
    if (sqlite3_step(c->st) != SQLITE_ROW)
        return false;
    const char *h = (const char *)sqlite3_column_text(c->st, 0), *d = (const char *)sqlite3_column_text(c->st, 1);
    return h && d && strcmp(h, host) == 0 && strncmp(d, begins, strlen(begins)) == 0;
}

static bool cursor_ended(struct cursor *c)
{
    return sqlite3_step(c->st) == SQLITE_DONE;
}

static int verify_events(struct su_db *db, struct su_ledger_proof *p, struct su_err *e)
{
    uint8_t hash[SU_HASH];
    int rc = su_sql(db, Q_V_EVENTS, e, "");
    for (; rc > 0; rc = su_sql_next(db, Q_V_EVENTS, e)) {
        int64_t id = (int64_t)number(db, Q_V_EVENTS, 0);
        const uint8_t *stored = blob(db, Q_V_EVENTS, 5, SU_HASH);
        if (su_event_hash(p->head, id, number(db, Q_V_EVENTS, 1), text(db, Q_V_EVENTS, 2), text(db, Q_V_EVENTS, 3),
                          text(db, Q_V_EVENTS, 4), hash, e) < 0) {
            su_sql_end(db, Q_V_EVENTS);
            return -1;
        }
        if (id != (int64_t)++p->events || !stored || memcmp(stored, hash, SU_HASH) != 0)
            return tampered(db, Q_V_EVENTS, e, "events", id);
        memcpy(p->head, hash, SU_HASH);
    }
    return rc;
}

static bool certificate_told(struct su_db *db, struct cursor *c)
{
    char serial[2 * SU_SERIAL + 1], key[2 * SU_HASH + 1], digest[2 * SU_HASH + 1], begins[320];
    uint8_t hash[SU_HASH];
    const uint8_t *s = blob(db, Q_V_CERTS, 1, SU_SERIAL), *k = blob(db, Q_V_CERTS, 4, SU_HASH);
    const uint8_t *der = sqlite3_column_blob(db->st[Q_V_CERTS], 7);
    if (!s || !k || !der)
        return false;
    SHA256(der, (size_t)sqlite3_column_bytes(db->st[Q_V_CERTS], 7), hash);
    su_hex(s, SU_SERIAL, serial);
    su_hex(k, SU_HASH, key);
    su_hex(hash, sizeof hash, digest);
    snprintf(begins, sizeof begins, "serial=%s key=%s sha256=%s not-after=%" PRIu64 " ", serial, key, digest,
             number(db, Q_V_CERTS, 6));
    return cursor_is(c, text(db, Q_V_CERTS, 3), begins);
}

static bool revocation_told(struct su_db *db, struct cursor *c)
{
    char serial[2 * SU_SERIAL + 1], begins[96];
    const uint8_t *s = blob(db, Q_V_REVOCATIONS, 1, SU_SERIAL);
    if (!s)
        return false;
    su_hex(s, SU_SERIAL, serial);
    snprintf(begins, sizeof begins, "serial=%s reason=%" PRIu64 " ", serial, number(db, Q_V_REVOCATIONS, 2));
    return cursor_is(c, text(db, Q_V_REVOCATIONS, 3), begins);
}

static bool token_told(struct su_db *db, struct cursor *c)
{
    char begins[96];
    snprintf(begins, sizeof begins, "token=%" PRIu64 " expires=%" PRIu64 " ", number(db, Q_V_TOKENS, 0),
             number(db, Q_V_TOKENS, 3));
    return cursor_is(c, text(db, Q_V_TOKENS, 1), begins);
}

static int verify_table(struct su_db *db, enum su_query q, const char *kind, const char *table,
                        bool (*told)(struct su_db *, struct cursor *), uint64_t *n, struct su_err *e)
{
    SU_AUTO(cursor_done) struct cursor c;
    if (cursor_open(&c, db, kind, e) < 0)
        return -1;
    int rc = su_sql(db, q, e, "");
    for (; rc > 0; rc = su_sql_next(db, q, e), ++*n)
        if (!told(db, &c))
            return tampered(db, q, e, table, (int64_t)number(db, q, 0));
    if (rc == 0 && !cursor_ended(&c))
        return tampered(db, Q_COUNT, e, table, (int64_t)*n + 1);
    return rc;
}

/* Whoever is asked for goes through indexes, so they must say what the tables say. */
static int verify_pages(struct su_db *db, struct su_err *e)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->db, "PRAGMA integrity_check(1)", -1, &s, NULL) != SQLITE_OK)
        return su_sql_fail(db, e, "the ledger");
    const char *said = sqlite3_step(s) == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    int rc = said && strcmp(said, "ok") == 0 ? 0 : -1;
    if (rc < 0) {
        const char *head = said ? strrchr(said, '\n') : NULL; /* a line before says which database */
        const char *what = head ? head + 1 : said ? said : sqlite3_errmsg(db->db);
        su_fail(e, SU_E_FORMAT, "authority.ledger.corrupt", "the ledger: %.160s", what);
        su_remedy(e, "Restore the ledger from its backup; docs/authority.md tells how.");
    }
    sqlite3_finalize(s);
    return rc;
}

static int verify_all(struct su_db *db, void *arg, struct su_err *e)
{
    struct su_ledger_proof *p = arg;
    if (verify_pages(db, e) < 0 || verify_events(db, p, e) < 0 ||
        verify_table(db, Q_V_CERTS, "certificate", "certificates", certificate_told, &p->certificates, e) < 0 ||
        verify_table(db, Q_V_REVOCATIONS, "revoked", "revocations", revocation_told, &p->revocations, e) < 0)
        return -1;
    return verify_table(db, Q_V_TOKENS, "token", "tokens", token_told, &p->tokens, e);
}

int su_ledger_verify(struct su_db *db, struct su_ledger_proof *out, struct su_err *e)
{
    struct su_ledger_proof p = {0};
    /* one reading transaction, so that a server at work does not look like tampering */
    if (sqlite3_exec(db->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return su_sql_fail(db, e, "the ledger");
    int rc = verify_all(db, &p, e);
    su_db_rollback(db);
    if (rc == 0)
        *out = p;
    return rc;
}
