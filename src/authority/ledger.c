/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file: its tables, its statements, its transactions. */
#include "sql.h"
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

enum { APPLICATION = 0x53757265 /* "Sure" */, VERSION = 1, BUSY_MS = 5000 };

#define FROZEN(t)                                                                                                      \
    "CREATE TRIGGER " t "_no_update BEFORE UPDATE ON " t " BEGIN SELECT RAISE(ABORT, 'append-only'); END;"             \
    "CREATE TRIGGER " t "_no_delete BEFORE DELETE ON " t " BEGIN SELECT RAISE(ABORT, 'append-only'); END;"

static const char schema[] =
    "CREATE TABLE hosts(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE tokens(id INTEGER PRIMARY KEY, host INTEGER NOT NULL REFERENCES hosts, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL) STRICT;"
    "CREATE INDEX tokens_host ON tokens(host);"
    /* how a token ended; state as enum su_token_state */
    "CREATE TABLE token_ends(token INTEGER PRIMARY KEY REFERENCES tokens, at INTEGER NOT NULL, state INTEGER NOT NULL,"
    " certificate INTEGER) STRICT;"
    /* the one table that forgets */
    "CREATE TABLE token_secrets(token INTEGER PRIMARY KEY REFERENCES tokens, sealed BLOB NOT NULL,"
    " until INTEGER NOT NULL) STRICT;"
    "CREATE INDEX token_secrets_until ON token_secrets(until);"
    "CREATE TABLE certificates(id INTEGER PRIMARY KEY, serial BLOB NOT NULL UNIQUE, issuer INTEGER NOT NULL,"
    " host INTEGER NOT NULL REFERENCES hosts, key BLOB NOT NULL, not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL, txn BLOB NOT NULL, der BLOB NOT NULL) STRICT;"
    "CREATE INDEX certificates_key ON certificates(key, host);"
    "CREATE UNIQUE INDEX certificates_txn ON certificates(host, txn);"
    "CREATE INDEX certificates_live ON certificates(host, not_after);"
    "CREATE TABLE revocations(id INTEGER PRIMARY KEY, certificate INTEGER NOT NULL UNIQUE REFERENCES certificates,"
    " at INTEGER NOT NULL, reason INTEGER NOT NULL) STRICT;"
    "CREATE TABLE crls(id INTEGER PRIMARY KEY, issuer INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL,"
    " detail TEXT NOT NULL, hash BLOB NOT NULL) STRICT;" FROZEN("hosts") FROZEN("tokens") FROZEN("token_ends")
        FROZEN("certificates") FROZEN("revocations") FROZEN("crls") FROZEN("events");

#define ENTRY "c.id, c.serial, c.issuer, h.name, c.key, c.not_before, c.not_after, c.der, r.at, r.reason"
#define FROM " FROM certificates c JOIN hosts h ON h.id = c.host LEFT JOIN revocations r ON r.certificate = c.id "
#define TOKEN_OF "(SELECT max(id) FROM tokens WHERE host = h.id)"

static const char *const queries[Q_COUNT] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_SAVE] = "SAVEPOINT job",
    [Q_RELEASE] = "RELEASE job",
    [Q_UNDO] = "ROLLBACK TO job",
    [Q_LAST_EVENT] = "SELECT id, at, hash FROM events ORDER BY id DESC LIMIT 1",
    [Q_EVENT_ADD] = "INSERT INTO events VALUES(?,?,?,?,?,?)",
    [Q_HOST] = "SELECT id FROM hosts WHERE name = ?",
    [Q_HOST_ADD] = "INSERT INTO hosts(name, created) VALUES(?,?)",
    [Q_TOKEN] = "SELECT t.id, t.created, t.expires, e.state, e.at, e.certificate, s.sealed FROM tokens t"
                " LEFT JOIN token_ends e ON e.token = t.id LEFT JOIN token_secrets s ON s.token = t.id"
                " WHERE t.host = (SELECT id FROM hosts WHERE name = ?) ORDER BY t.id DESC LIMIT 1",
    [Q_TOKEN_ADD] = "INSERT INTO tokens(host, created, expires) VALUES(?,?,?)",
    [Q_SECRET_ADD] = "INSERT INTO token_secrets VALUES(?,?,?)",
    [Q_TOKEN_END] = "INSERT INTO token_ends VALUES(?,?,?,?)",
    [Q_SECRET_UNTIL] = "UPDATE token_secrets SET until = ?2 WHERE token = ?1",
    [Q_WIPE] = "DELETE FROM token_secrets WHERE until < ?",
    [Q_WIPE_COUNT] = "SELECT count(*) FROM token_secrets WHERE until < ?",
    [Q_BY_SERIAL] = "SELECT " ENTRY FROM "WHERE c.serial = ?",
    [Q_BY_ID] = "SELECT " ENTRY FROM "WHERE c.id = ?",
    [Q_BY_TRANSACTION] = "SELECT " ENTRY FROM "WHERE c.host = (SELECT id FROM hosts WHERE name = ?) AND c.txn = ?",
    [Q_KEY_TAKEN] = "SELECT h.name FROM certificates c JOIN hosts h ON h.id = c.host"
                    " WHERE c.key = ?1 AND c.host <> ifnull((SELECT id FROM hosts WHERE name = ?2), 0) LIMIT 1",
    [Q_CERT_ADD] = "INSERT INTO certificates(serial, issuer, host, key, not_before, not_after, txn, der)"
                   " VALUES(?,?,?,?,?,?,?,?)",
    [Q_REVOKED] = "SELECT at FROM revocations WHERE certificate = ?",
    [Q_REVOKE_ADD] = "INSERT INTO revocations(certificate, at, reason) VALUES(?,?,?)",
    [Q_HOST_LIVE] = "SELECT " ENTRY FROM
                    "WHERE c.host = (SELECT id FROM hosts WHERE name = ?) AND c.not_after >= ? AND r.id IS NULL"
                    " ORDER BY c.id",
    [Q_NEWER] = "SELECT 1 FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id"
                " WHERE c.host = (SELECT id FROM hosts WHERE name = ?1) AND c.id > ?2 AND r.id IS NULL"
                " AND (c.not_before <= ?3 OR EXISTS(SELECT 1 FROM tokens t JOIN token_ends e ON e.token = t.id"
                " WHERE t.host = c.host AND e.certificate = c.id)) LIMIT 1",
    [Q_CRL_LIST] = "SELECT " ENTRY " FROM revocations r JOIN certificates c ON c.id = r.certificate"
                   " JOIN hosts h ON h.id = c.host WHERE c.issuer = ? AND c.not_after >= ? ORDER BY r.id",
    [Q_LAST_REVOCATION] = "SELECT max(id) FROM revocations",
    [Q_CRL_LAST] = "SELECT max(id) FROM crls",
    [Q_CRL_ADD] = "INSERT INTO crls(issuer, at) VALUES(?,?)",
    [Q_LIST_HOSTS] =
        "SELECT h.id, h.name, h.created, (SELECT count(*) FROM certificates WHERE host = h.id), c.serial,"
        " c.not_before, c.not_after, r.at, r.reason,"
        " CASE WHEN EXISTS(SELECT 1 FROM token_ends WHERE token = " TOKEN_OF ") THEN 0 ELSE"
        " (SELECT expires FROM tokens WHERE id = " TOKEN_OF " AND expires >= ?2) END"
        " FROM hosts h LEFT JOIN certificates c ON c.id = (SELECT max(id) FROM certificates WHERE host = h.id)"
        " LEFT JOIN revocations r ON r.certificate = c.id WHERE ?1 IS NULL OR h.name = ?1 ORDER BY h.name",
    [Q_LIST_CERTS] = "SELECT " ENTRY FROM "WHERE ?1 IS NULL OR h.name = ?1 ORDER BY c.id",
    [Q_LIST_EVENTS] = "SELECT id, at, kind, host, detail, hash FROM events WHERE ?1 IS NULL OR host = ?1 ORDER BY id",
    [Q_V_EVENTS] = "SELECT id, at, kind, host, detail, hash FROM events ORDER BY id",
    [Q_V_CERTS] = "SELECT " ENTRY FROM "ORDER BY c.id",
    [Q_V_REVOCATIONS] = "SELECT r.id, c.serial, r.reason, h.name, r.at FROM revocations r LEFT JOIN certificates c"
                        " ON c.id = r.certificate LEFT JOIN hosts h ON h.id = c.host ORDER BY r.id",
    [Q_V_TOKENS] = "SELECT t.id, h.name, t.created, t.expires FROM tokens t LEFT JOIN hosts h ON h.id = t.host"
                   " ORDER BY t.id",
};

int su_sql_fail(struct su_db *db, struct su_err *e, const char *doing)
{
    int rc = sqlite3_extended_errcode(db->db);
    switch (rc & 0xFF) {
    case SQLITE_FULL:
        su_fail(e, SU_E_IO, "authority.ledger.full", "%s: the file system of the ledger is full", doing);
        return su_remedy(e, "Make room; nothing was issued that the ledger does not hold.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return su_fail(e, SU_E_IO, "authority.ledger.busy", "%s: another process holds the ledger", doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        su_fail(e, SU_E_FORMAT, "authority.ledger.corrupt", "%s: %s", doing, sqlite3_errmsg(db->db));
        return su_remedy(e, "Restore the ledger from its backup; docs/authority.md tells how.");
    case SQLITE_NOMEM:
        return su_fail_nomem(e, 0);
    default:
        return su_fail(e, SU_E_IO, "authority.ledger.io", "%s: %s (%d)", doing, sqlite3_errmsg(db->db), rc);
    }
}

static int bind_all(sqlite3_stmt *st, const char *format, va_list ap)
{
    int rc = SQLITE_OK;
    for (int i = 0; format[i] && rc == SQLITE_OK; i++) {
        if (format[i] == 'i') {
            rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
        } else if (format[i] == 't') {
            rc = sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
        } else {
            struct su_bytes b = va_arg(ap, struct su_bytes);
            rc = sqlite3_bind_blob(st, i + 1, b.p ? (const void *)b.p : "", (int)b.n, SQLITE_STATIC);
        }
    }
    return rc;
}

int su_sql_next(struct su_db *db, enum su_query q, struct su_err *e)
{
    int rc = sqlite3_step(db->st[q]);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        su_sql_fail(db, e, "the ledger");
    su_sql_end(db, q);
    return rc == SQLITE_DONE ? 0 : -1;
}

void su_sql_end(struct su_db *db, enum su_query q)
{
    sqlite3_reset(db->st[q]);
    sqlite3_clear_bindings(db->st[q]);
}

int su_sql(struct su_db *db, enum su_query q, struct su_err *e, const char *format, ...)
{
    if (!db->st[q] && sqlite3_prepare_v3(db->db, queries[q], -1, SQLITE_PREPARE_PERSISTENT, &db->st[q], NULL))
        return su_sql_fail(db, e, "the ledger");
    su_sql_end(db, q);
    va_list ap;
    va_start(ap, format);
    int rc = bind_all(db->st[q], format, ap);
    va_end(ap);
    return rc == SQLITE_OK ? su_sql_next(db, q, e) : su_sql_fail(db, e, "the ledger");
}

/* Opening ------------------------------------------------------------------ */

static int pragma_number(struct su_db *db, const char *sql, int64_t *out, struct su_err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : su_sql_fail(db, e, "opening the ledger");
}

static int exec(struct su_db *db, const char *sql, struct su_err *e)
{
    return sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : su_sql_fail(db, e, "opening the ledger");
}

static int make(struct su_db *db, struct su_err *e)
{
    char mark[96];
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION, VERSION);
    return exec(db, "BEGIN EXCLUSIVE", e) < 0 || exec(db, schema, e) < 0 || exec(db, mark, e) < 0 ||
                   exec(db, "COMMIT", e) < 0
               ? -1
               : 0;
}

static int check(struct su_db *db, struct su_err *e)
{
    int64_t application = 0, version = 0;
    if (pragma_number(db, "PRAGMA application_id", &application, e) < 0 ||
        pragma_number(db, "PRAGMA user_version", &version, e) < 0)
        return -1;
    if (application != APPLICATION || version != VERSION)
        return su_fail(e, SU_E_FORMAT, "authority.ledger.version", "the ledger is of version %d, not %d", (int)version,
                       VERSION);
    return 0;
}

static int set_up(struct su_db *db, bool create, struct su_err *e)
{
    sqlite3_extended_result_codes(db->db, 1);
    sqlite3_busy_timeout(db->db, BUSY_MS);
    /* the file may come from elsewhere: nothing in it may call functions with effects */
    if (exec(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;", e) < 0)
        return -1;
    if (create ? exec(db, "PRAGMA journal_mode = WAL", e) < 0 || make(db, e) < 0 : check(db, e) < 0)
        return -1;
    return exec(db,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
                "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
                e);
}

int su_db_open(const char *path, bool create, struct su_db **out, struct su_err *e)
{
    if (create) { /* SQLite would use the umask */
        SU_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            return su_fail_os(e, "authority.ledger.io", "making %s", path);
    }
    SU_DB struct su_db *db = calloc(1, sizeof *db);
    if (!db)
        return su_fail_nomem(e, sizeof *db);
    if (sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) !=
        SQLITE_OK) {
        if (!db->db)
            return su_fail_nomem(e, 0);
        su_sql_fail(db, e, path);
        return e->remedy ? -1 : su_remedy(e, "Run it as root on the authority's machine, and name its --dir");
    }
    if (set_up(db, create, e) < 0)
        return su_context(e, "%s", path);
    *out = su_steal(&db);
    return 0;
}

void su_db_close(struct su_db **pp)
{
    struct su_db *db = su_steal(pp);
    if (!db)
        return;
    for (size_t i = 0; i < Q_COUNT; i++)
        sqlite3_finalize(db->st[i]);
    sqlite3_close(db->db);
    free(db);
}

/* Transactions ------------------------------------------------------------- */

bool su_db_in_transaction(struct su_db *db)
{
    return !sqlite3_get_autocommit(db->db);
}

int su_db_begin(struct su_db *db, struct su_err *e)
{
    return su_sql(db, Q_BEGIN, e, "") < 0 ? -1 : 0;
}

void su_db_rollback(struct su_db *db)
{
    struct su_err ignored = {0};
    if (su_db_in_transaction(db))
        (void)su_sql(db, Q_ROLLBACK, &ignored, "");
}

int su_db_commit(struct su_db *db, struct su_err *e)
{
    if (su_sql(db, Q_COMMIT, e, "") >= 0)
        return 0;
    su_db_rollback(db);
    return -1;
}

int su_db_savepoint(struct su_db *db, const char *verb, struct su_err *e)
{
    enum su_query q = verb[0] == 'S' ? Q_SAVE : verb[1] == 'E' ? Q_RELEASE : Q_UNDO;
    return su_sql(db, q, e, "") < 0 ? -1 : 0;
}

int su_db_change(struct su_db *db, su_db_fn fn, void *arg, struct su_err *e)
{
    if (su_db_begin(db, e) < 0)
        return -1;
    if (fn(db, arg, e) < 0) {
        su_db_rollback(db);
        return -1;
    }
    return su_db_commit(db, e);
}
