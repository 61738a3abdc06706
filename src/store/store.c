/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store.h"
#include "base/clock.h"
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    VERSION = 2,
    BUSY_MS = 10000, /* how long one waits for another process's transaction */
    ROOM = 1 << 20,  /* with so much, a store is opened for all */
    LOOK_S = 2,
    CUT_PART = 64, /* the log is cut when it may be longer than it should be by this part */
};

enum statement {
    S_GET,
    S_PUT,
    S_DEL,
    S_DROP,
    S_LIST,
    S_LOG_ADD,
    S_LOG_CUT,
    S_LOG_READ, /* and with a subject, a kind, both */
    S_LOG_READ_S,
    S_LOG_READ_K,
    S_LOG_READ_SK,
    S_BEGIN,
    S_COMMIT,
    S_ROLLBACK,
    S_COUNT
};
#define LOG_READ(which)                                                                                                \
    "SELECT number, subject, text FROM log WHERE " which " AND number < ?3 ORDER BY number DESC LIMIT ?4"
static const char *const sql[S_COUNT] = {
    [S_GET] = "SELECT revision, value FROM record WHERE key = ?1",
    [S_PUT] = "INSERT INTO record(key, revision, value) VALUES (?1, 1, ?2)"
              " ON CONFLICT(key) DO UPDATE SET revision = revision + 1, value = excluded.value",
    [S_DEL] = "DELETE FROM record WHERE key = ?1",
    /* what begins with the prefix lies between it and the prefix with the last character there is */
    [S_DROP] = "DELETE FROM record WHERE key >= ?1 AND key < ?1 || char(1114111)",
    [S_LIST] = "SELECT key, revision, value FROM record WHERE key >= ?1 AND key < ?1 || char(1114111) ORDER BY key",
    [S_LOG_ADD] = "INSERT INTO log(subject, kind, text) VALUES (?1, ?2, ?3)",
    /* kind by kind: a table of kinds would have to be kept, and the index has them */
    [S_LOG_CUT] =
        "WITH RECURSIVE k(kind) AS (SELECT min(kind) FROM log UNION ALL"
        " SELECT (SELECT min(kind) FROM log WHERE kind > k.kind) FROM k WHERE k.kind IS NOT NULL)"
        " DELETE FROM log WHERE number IN (SELECT l.number FROM k JOIN log l ON l.kind = k.kind AND l.number <="
        " (SELECT number FROM log WHERE kind = k.kind ORDER BY number DESC LIMIT 1 OFFSET ?1))",
    /* a statement each, so that each uses its index */
    [S_LOG_READ] = LOG_READ("1"),
    [S_LOG_READ_S] = LOG_READ("subject = ?1"),
    [S_LOG_READ_K] = LOG_READ("kind = ?2"),
    [S_LOG_READ_SK] = LOG_READ("subject = ?1 AND kind = ?2"),
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
};

struct su_store {
    sqlite3 *db;
    pthread_mutex_t lock;
    sqlite3_stmt *st[S_COUNT];
    char *path;         /* owned */
    bool sparing;       /* su_store_open_sparing() */
    bool alone;         /* nobody else can have it open meanwhile */
    int64_t look_at;    /* when that may end; seconds, monotonic */
    bool short_of_room; /* what the last failure was for, as far as SQLite tells */
    bool lazy;          /* commits are not flushed now */
    uint64_t log_added; /* entries since it was cut; at first many: nobody knows */
};

static void unlockp(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}
static int ready(struct su_store *s, struct su_err *e);
#define HOLD(s, e)                                                                                                     \
    pthread_mutex_t *held_ SU_AUTO(unlockp) = &(s)->lock;                                                              \
    pthread_mutex_lock(held_);                                                                                         \
    if (ready(s, e) < 0)                                                                                               \
    return -1

static int fail(struct su_store *s, const char *what, struct su_err *e)
{
    int code = sqlite3_errcode(s->db);
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    su_fail(e, damaged ? SU_E_FORMAT : SU_E_IO, damaged ? "store.format" : "store.io", "%s: %s", what,
            sqlite3_errmsg(s->db));
    s->short_of_room =
        code == SQLITE_FULL || code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_IOERR;
    if (damaged)
        su_remedy(e, "Move the state file away, start suretyd, and sync: only the audit log is lost");
    else if (s->short_of_room)
        su_remedy(e, SU_STORE_REMEDY);
    return -1;
}

/* Runs a statement that gives no rows, and makes it ready for the next time. */
static int run(struct su_store *s, enum statement which, const char *what, struct su_err *e)
{
    int rc = sqlite3_step(s->st[which]);
    int failed = rc == SQLITE_DONE ? 0 : fail(s, what, e);
    sqlite3_reset(s->st[which]);
    sqlite3_clear_bindings(s->st[which]);
    return failed;
}

static void rewindp(sqlite3_stmt **st)
{
    sqlite3_reset(*st);
    sqlite3_clear_bindings(*st);
}

/* What makes version n + 1 of version n. */
static const char *const steps[VERSION] = {
    "CREATE TABLE record(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE log(number INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX log_subject ON log(subject, number);"
    "PRAGMA user_version = 1",
    "ALTER TABLE log ADD COLUMN kind TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX log_kind ON log(kind, number);"
    "CREATE INDEX log_subject_kind ON log(subject, kind, number);"
    "PRAGMA user_version = 2",
};

/* Several processes may make the same new store at once.  The switch to a write-ahead log is the one step for which
 * SQLite does not wait, since two of them would wait for each other.  So nothing of this is left to SQLite: it would
 * wait in each turn for one that has the store alone. */
static int set_up(struct su_store *s, struct su_err *e)
{
    const int64_t until = su_monotonic_ms() + BUSY_MS;
    int rc;
    const char *how = s->alone ? "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
                               : "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
    while ((rc = sqlite3_exec(s->db, how, NULL, NULL, NULL)) == SQLITE_BUSY && su_monotonic_ms() < until)
        sqlite3_sleep(50);
    return rc == SQLITE_OK ? 0 : fail(s, "setting up", e);
}

static int version_of(struct su_store *s, int *version, struct su_err *e)
{
    sqlite3_stmt *v = NULL;
    *version = -1;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &v, NULL) == SQLITE_OK && sqlite3_step(v) == SQLITE_ROW)
        *version = sqlite3_column_int(v, 0);
    sqlite3_finalize(v);
    if (*version < 0)
        return fail(s, "reading the version", e);
    if (*version > VERSION)
        return su_fail(e, SU_E_FORMAT, "store.format", "version %d of the store is newer than this program", *version);
    return 0;
}

/* Another process may do the same; what counts is the version once it has ended. */
static int bring_up(struct su_store *s, struct su_err *e)
{
    int version, rc = 0;
    if (version_of(s, &version, e) < 0)
        return -1;
    if (version == VERSION)
        return 0;
    if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return fail(s, "making the tables", e);
    rc = version_of(s, &version, e);
    for (; rc == 0 && version < VERSION; version++)
        if (sqlite3_exec(s->db, steps[version], NULL, NULL, NULL) != SQLITE_OK)
            rc = fail(s, "making the tables", e);
    if (rc == 0 && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(s, "making the tables", e);
    if (rc < 0)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static int prepare(struct su_store *s, struct su_err *e)
{
    if (set_up(s, e) < 0)
        return -1;
    sqlite3_busy_timeout(s->db, BUSY_MS);
    if (bring_up(s, e) < 0)
        return -1;
    for (int i = 0; i < S_COUNT; i++)
        if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
            return fail(s, "preparing", e);
    return 0;
}

static void close_db(struct su_store *s)
{
    for (int i = 0; i < S_COUNT; i++) {
        sqlite3_finalize(s->st[i]);
        s->st[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
    s->lazy = false;
}

void su_store_close(struct su_store **sp)
{
    struct su_store *s = su_steal(sp);
    if (!s)
        return;
    close_db(s);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

/* SQLite gives its side files the mode of the main file, so that is made first; and made without opening it: closing a
 * file takes away the locks that another connection of this process has on it. */
static int make_file(const char *path, struct su_err *e)
{
    struct stat st;
    if (mknod(path, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
        return su_fail_os(e, "store.io", "making %s", path);
    if (lstat(path, &st) < 0)
        return su_fail_os(e, "store.io", "looking at %s", path);
    if (!S_ISREG(st.st_mode))
        return su_fail(e, SU_E_IO, "store.io", "%s is no file", path);
    return 0;
}

static int open_db(struct su_store *s, bool alone, struct su_err *e)
{
    int rc;
    s->alone = alone;
    if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        rc = s->db ? fail(s, s->path, e) : su_fail_nomem(e, 0);
    else
        rc = prepare(s, e) < 0 ? su_context(e, "%s", s->path) : 0;
    if (rc < 0)
        close_db(s);
    return rc;
}

/* The index of the log that processes share is a file, which has to be made; who is alone has it in memory. */
static int open_either(struct su_store *s, struct su_err *e)
{
    struct su_err shared = {0}, met = {0};
    s->short_of_room = false;
    s->look_at = su_monotonic_s() + LOOK_S;
    if (open_db(s, false, &shared) == 0 || (s->sparing && s->short_of_room && open_db(s, true, &met) == 0))
        return 0;
    *e = shared;
    return -1;
}

/* As soon as there is room, others are let in again. */
static int ready(struct su_store *s, struct su_err *e)
{
    struct statvfs v;
    if (s->db && (!s->alone || su_monotonic_s() < s->look_at || statvfs(s->path, &v) < 0 ||
                  (uint64_t)v.f_bfree * v.f_frsize < ROOM))
        return 0;
    close_db(s);
    return open_either(s, e);
}

static int open_store(const char *path, bool sparing, struct su_store **out, struct su_err *e)
{
    struct su_store *s SU_AUTO(su_store_close) = calloc(1, sizeof *s);
    if (!s)
        return su_fail_nomem(e, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->log_added = UINT64_MAX / 2;
    s->sparing = sparing;
    s->path = strdup(path);
    if (!s->path)
        return su_fail_nomem(e, strlen(path));
    if (make_file(path, e) < 0 || open_either(s, e) < 0)
        return -1;
    *out = su_steal(&s);
    return 0;
}

int su_store_open(const char *path, struct su_store **out, struct su_err *e)
{
    return open_store(path, false, out, e);
}

int su_store_open_sparing(const char *path, struct su_store **out, struct su_err *e)
{
    return open_store(path, true, out, e);
}

static int check_key(const char *key, size_t value, struct su_err *e)
{
    size_t n = strlen(key);
    if (n == 0 || n > SU_STORE_KEY || value > SU_STORE_VALUE)
        return su_fail(e, SU_E_RANGE, "store.size", "a record of %zu bytes with a key of %zu bytes", value, n);
    return 0;
}

/* 0 and revision 0 when there is none.  value may be NULL. */
static int look(struct su_store *s, const char *key, struct su_buf *value, uint64_t *revision, struct su_err *e)
{
    sqlite3_stmt *st SU_AUTO(rewindp) = s->st[S_GET];
    sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    *revision = 0;
    if (rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_ROW)
        return fail(s, "reading", e);
    *revision = (uint64_t)sqlite3_column_int64(st, 0);
    if (value)
        su_buf_add(value, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
    return value ? su_buf_ok(value, e) : 0;
}

int su_store_get(struct su_store *s, const char *key, struct su_buf *value, uint64_t *revision, struct su_err *e)
{
    uint64_t found;
    HOLD(s, e);
    if (check_key(key, 0, e) < 0 || look(s, key, value, &found, e) < 0)
        return -1;
    if (found == 0)
        return su_fail(e, SU_E_MISSING, "store.none", "there is no record %s", key);
    if (revision)
        *revision = found;
    return 0;
}

static int expect(struct su_store *s, const char *key, uint64_t expected, uint64_t *found, struct su_err *e)
{
    if (look(s, key, NULL, found, e) < 0)
        return -1;
    if (expected != SU_STORE_ANY && expected != *found)
        return su_fail(e, SU_E_CONFLICT, "store.revision", "record %s is at revision %llu, not %llu", key,
                       (unsigned long long)*found, (unsigned long long)expected);
    return 0;
}

static int put(struct su_store *s, const char *key, struct su_bytes value, struct su_err *e)
{
    sqlite3_bind_text(s->st[S_PUT], 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s->st[S_PUT], 2, value.n ? (const void *)value.p : "", (int)value.n, SQLITE_STATIC);
    return run(s, S_PUT, "writing", e);
}

/* Ends the transaction; what was an error stays one. */
static int finish(struct su_store *s, int rc, struct su_err *e)
{
    struct su_err ignored = {0};
    if (rc == 0)
        rc = run(s, S_COMMIT, "writing", e);
    if (rc < 0 && !sqlite3_get_autocommit(s->db)) {
        int back = run(s, S_ROLLBACK, "rolling back", &ignored);
        (void)back;
    }
    return rc;
}

/* Begins a transaction that is flushed when it commits, or that is not. */
static int begin(struct su_store *s, bool lazy, struct su_err *e)
{
    if (s->lazy != lazy) {
        const char *how = lazy ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL";
        if (sqlite3_exec(s->db, how, NULL, NULL, NULL) != SQLITE_OK)
            return fail(s, "writing", e);
        s->lazy = lazy;
    }
    return run(s, S_BEGIN, "writing", e);
}

int su_store_put(struct su_store *s, const char *key, struct su_bytes value, uint64_t expected, uint64_t *revision,
                 struct su_err *e)
{
    uint64_t found = 0;
    HOLD(s, e);
    if (check_key(key, value.n, e) < 0 || begin(s, false, e) < 0)
        return -1;
    int rc = expect(s, key, expected, &found, e);
    if (rc == 0)
        rc = put(s, key, value, e);
    if (finish(s, rc, e) < 0)
        return -1;
    if (revision)
        *revision = found + 1;
    return 0;
}

int su_store_put_lazy(struct su_store *s, const char *key, struct su_bytes value, struct su_err *e)
{
    HOLD(s, e);
    if (check_key(key, value.n, e) < 0 || begin(s, true, e) < 0)
        return -1;
    return finish(s, put(s, key, value, e), e);
}

int su_store_drop(struct su_store *s, const char *prefix, struct su_err *e)
{
    HOLD(s, e);
    if (check_key(prefix, 0, e) < 0 || begin(s, false, e) < 0)
        return -1;
    sqlite3_bind_text(s->st[S_DROP], 1, prefix, -1, SQLITE_STATIC);
    return finish(s, run(s, S_DROP, "writing", e), e);
}

int su_store_del(struct su_store *s, const char *key, uint64_t expected, struct su_err *e)
{
    uint64_t found = 0;
    HOLD(s, e);
    if (check_key(key, 0, e) < 0 || begin(s, false, e) < 0)
        return -1;
    int rc = expect(s, key, expected, &found, e);
    if (rc == 0 && found) {
        sqlite3_bind_text(s->st[S_DEL], 1, key, -1, SQLITE_STATIC);
        rc = run(s, S_DEL, "writing", e);
    }
    return finish(s, rc, e);
}

int su_store_list(struct su_store *s, const char *prefix, su_store_each each, void *arg, struct su_err *e)
{
    HOLD(s, e);
    sqlite3_stmt *st SU_AUTO(rewindp) = s->st[S_LIST];
    int rc;
    sqlite3_bind_text(st, 1, prefix, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct su_bytes v = {sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2)};
        if (each(arg, (const char *)sqlite3_column_text(st, 0), (uint64_t)sqlite3_column_int64(st, 1), v) != 0)
            return 0;
    }
    return rc == SQLITE_DONE ? 0 : fail(s, "reading", e);
}

static int log_add(struct su_store *s, const struct su_store_write *w, struct su_err *e)
{
    sqlite3_bind_text(s->st[S_LOG_ADD], 1, w->subject, -1, SQLITE_STATIC);
    sqlite3_bind_text(s->st[S_LOG_ADD], 2, w->kind ? w->kind : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(s->st[S_LOG_ADD], 3, w->text, -1, SQLITE_STATIC);
    s->log_added++;
    return run(s, S_LOG_ADD, "writing", e);
}

/* To find where to cut, all that stays is counted: not for every entry. */
static int log_cut(struct su_store *s, uint64_t keep, struct su_err *e)
{
    if (s->log_added <= keep / CUT_PART)
        return 0;
    sqlite3_bind_int64(s->st[S_LOG_CUT], 1, (sqlite3_int64)keep);
    if (run(s, S_LOG_CUT, "writing", e) < 0)
        return -1;
    s->log_added = 0;
    return 0;
}

static int write_one(struct su_store *s, const struct su_store_write *w, struct su_err *e)
{
    uint64_t found;
    if (!w->key)
        return log_add(s, w, e);
    if (w->compare && expect(s, w->key, w->expected, &found, e) < 0)
        return -1;
    return put(s, w->key, w->value, e);
}

int su_store_batch(struct su_store *s, const struct su_store_write *w, size_t n, uint64_t keep_log, struct su_err *e)
{
    HOLD(s, e);
    for (size_t i = 0; i < n; i++)
        if (w[i].key ? check_key(w[i].key, w[i].value.n, e) < 0 : check_key("log", strlen(w[i].text), e) < 0)
            return -1;
    if (begin(s, false, e) < 0)
        return -1;
    int rc = 0;
    bool logs = false;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = write_one(s, &w[i], e);
        logs |= !w[i].key;
    }
    return finish(s, rc == 0 && logs ? log_cut(s, keep_log, e) : rc, e);
}

int su_store_log(struct su_store *s, const struct su_store_which *w, uint64_t before, unsigned max, su_store_entry each,
                 void *arg, struct su_err *e)
{
    HOLD(s, e);
    sqlite3_stmt *st SU_AUTO(rewindp) = s->st[S_LOG_READ + (w->subject ? 1 : 0) + (w->kind ? 2 : 0)];
    int rc;
    if (w->subject)
        sqlite3_bind_text(st, 1, w->subject, -1, SQLITE_STATIC);
    if (w->kind)
        sqlite3_bind_text(st, 2, w->kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)(before == 0 || before > INT64_MAX ? INT64_MAX : before));
    sqlite3_bind_int64(st, 4, max);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        if (each(arg, (uint64_t)sqlite3_column_int64(st, 0), (const char *)sqlite3_column_text(st, 1),
                 (const char *)sqlite3_column_text(st, 2)) != 0)
            return 0;
    return rc == SQLITE_DONE ? 0 : fail(s, "reading", e);
}
