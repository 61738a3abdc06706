/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "authority/ledger.h"
#include "authority/seal.h"
#include "authority/writer.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

static struct su_err e;
static const uint64_t T0 = 1790000000;

static struct su_db *fresh(const char *name)
{
    struct su_db *db = NULL;
    sh("rm -f '%s'*", name);
    if (su_db_open(sh_path("%s", name), true, &db, &e) < 0)
        printf("# %s\n", e.msg);
    return db;
}

/* With SQLite itself, as somebody who is not us. */
static int raw(const char *name, const char *sql)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open(sh_path("%s", name), &db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

static int token(struct su_db *db, void *arg, struct su_err *err)
{
    static const uint8_t sealed[SU_TOKEN_SEALED] = {1};
    return su_ledger_token_new(db, arg, sealed, T0, T0 + 100, "test", err);
}

static struct su_issue issue_of(const char *host, int64_t tok, uint8_t n)
{
    static uint8_t txn[16];
    txn[0] = n;
    struct su_issue i = {.host = host,
                         .token = tok,
                         .now = T0,
                         .not_before = T0,
                         .not_after = T0 + 1000,
                         .issuer = 1,
                         .transaction = {txn, sizeof txn},
                         .der = {(const uint8_t *)"der", 3}};
    memset(i.serial, n, sizeof i.serial);
    memset(i.key, n, sizeof i.key);
    return i;
}

static void test_acts(void)
{
    SU_DB struct su_db *db = fresh("acts.db");
    struct su_token t;
    SU_ENTRY struct su_entry again = {0}, c = {0};
    int64_t id = 0;
    struct stat st;
    ok(stat(sh_path("acts.db"), &st) == 0 && (st.st_mode & 0777) == 0600, "for its owner alone");
    ok(su_ledger_token(db, "h1", &t, &e) < 0 && !strcmp(e.id, "authority.token.none"));
    ok(su_db_change(db, token, "h1", &e) == 0 && su_ledger_token(db, "h1", &t, &e) == 0 && t.state == SU_TOKEN_LIVE);
    ok(su_token_usable(&t, T0 + 100, &e) == 0 && su_token_usable(&t, T0 + 101, &e) < 0 &&
       !strcmp(e.id, "authority.token.expired"));
    struct su_issue i = issue_of("h1", t.id, 7);
    ok(su_db_begin(db, &e) == 0 && su_ledger_issue(db, &i, &again, &id, &e) == 0 && su_db_commit(db, &e) == 0 &&
           id == 1,
       "%s", e.msg);
    ok(su_ledger_by_serial(db, i.serial, &c, &e) == 0 && !strcmp(c.host, "h1") && c.not_after == T0 + 1000 &&
       c.der.n == 3);
    ok(su_ledger_token(db, "h1", &t, &e) == 0 && t.state == SU_TOKEN_USED && t.certificate == 1);
    ok(su_db_begin(db, &e) == 0 && su_ledger_revoke(db, &c, 1, T0, "test", &e) == 0 && su_db_commit(db, &e) == 0);
    ok(su_db_begin(db, &e) == 0 && su_ledger_revoke(db, &c, 1, T0, "test", &e) < 0 &&
       !strcmp(e.id, "authority.revoked.already"));
    su_db_rollback(db);
    struct su_ledger_proof p;
    ok(su_ledger_verify(db, &p, &e) == 0 && p.events == 3 && p.certificates == 1 && p.revocations == 1 &&
       p.tokens == 1);
    uint64_t at;
    ok(su_ledger_clock(db, T0 - SU_CLOCK_SLACK, &at, &e) == 0 && at == T0, "time in the ledger never goes back");
    ok(su_ledger_clock(db, T0 - SU_CLOCK_SLACK - 1, &at, &e) < 0 && !strcmp(e.id, "authority.clock"));
}

static void test_frozen(void)
{
    static const char *const changes[] = {"DELETE FROM events",       "UPDATE events SET detail = 'x'",
                                          "DELETE FROM certificates", "UPDATE certificates SET der = x'00'",
                                          "DELETE FROM revocations",  "UPDATE tokens SET expires = 0",
                                          "DELETE FROM token_ends",   "UPDATE hosts SET name = 'x'"};
    for (size_t i = 0; i < SU_ARRAY_LEN(changes); i++)
        ok(raw("acts.db", changes[i]) == SQLITE_CONSTRAINT, "refused: %s", changes[i]);
}

static void tampered(const char *what, const char *sql)
{
    struct su_ledger_proof p;
    sh("cp acts.db bad.db; rm -f bad.db-wal bad.db-shm");
    int rc = raw("bad.db", sql);
    SU_DB struct su_db *db = NULL;
    ok(rc == SQLITE_OK && su_db_open(sh_path("bad.db"), false, &db, &e) == 0 && su_ledger_verify(db, &p, &e) < 0 &&
           !strcmp(e.id, "authority.ledger.tampered"),
       "%s: %s", what, e.msg);
}

static void test_tampering(void)
{
    ok(raw("acts.db", "PRAGMA wal_checkpoint(TRUNCATE)") == SQLITE_OK);
    tampered("an event altered", "DROP TRIGGER events_no_update; UPDATE events SET detail = 'x' WHERE id = 2");
    tampered("an event taken out", "DROP TRIGGER events_no_delete; DELETE FROM events WHERE id = 2");
    tampered("a certificate altered", "DROP TRIGGER certificates_no_update; UPDATE certificates SET der = x'00'");
    tampered("a certificate given to another", "DROP TRIGGER certificates_no_update; INSERT INTO hosts(name, created)"
                                               " VALUES('h9', 1); UPDATE certificates SET host = 2");
    tampered("a certificate added", "INSERT INTO certificates VALUES(9, x'11', 1, 1, x'22', 0, 9, x'33', x'44')");
    tampered("a revocation undone", "DROP TRIGGER revocations_no_delete; DELETE FROM revocations");
    tampered("a token's time", "DROP TRIGGER tokens_no_update; UPDATE tokens SET expires = 1e10");
}

static void test_versions(void)
{
    struct su_db *db = NULL;
    ok(raw("other.db", "CREATE TABLE x(y)") == SQLITE_OK && su_db_open(sh_path("other.db"), false, &db, &e) < 0);
    is_str(e.id, "authority.ledger.version");
    ok(su_db_open(sh_path("none.db"), false, &db, &e) < 0 && !db, "%s", e.id);
    ok(su_db_open(sh_path("acts.db"), true, &db, &e) < 0 && !db, "an old file is not made anew");
    ok(raw("acts.db", "PRAGMA user_version = 2") == SQLITE_OK && su_db_open(sh_path("acts.db"), false, &db, &e) < 0);
    is_str(e.id, "authority.ledger.version");
}

/* The writer ------------------------------------------------------------------- */

enum { THREADS = 16, CHANGES = 40 };
static struct su_writer *writer;

static int event(struct su_db *db, void *arg, struct su_err *err)
{
    int n = *(int *)arg;
    if (su_ledger_event(db, T0, n % 10 == 9 ? "bad" : "good", "", "x", err) < 0)
        return -1;
    return n % 10 == 9 ? su_fail(err, SU_E_REFUSED, "test.no", "this one fails") : 0;
}

static void *changes(void *arg)
{
    size_t wrong = 0;
    (void)arg;
    for (int i = 0; i < CHANGES; i++) {
        struct su_err err = {0};
        int rc = su_writer_run(writer, event, &i, &err);
        wrong += (rc == 0) != (i % 10 != 9) || (rc < 0 && strcmp(err.id, "test.no") != 0);
    }
    return (void *)wrong;
}

static void test_writer(void)
{
    struct su_db *db = fresh("writer.db");
    pthread_t t[THREADS];
    size_t wrong = 0;
    ok(su_writer_start(db, &writer, &e) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, changes, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *w;
        pthread_join(t[i], &w);
        wrong += (size_t)w;
    }
    struct su_writer_stats s;
    su_writer_stats(writer, &s);
    su_writer_stop(&writer);
    ok(wrong == 0, "each was told of its own change");
    ok(s.changes == THREADS * CHANGES && s.failures == THREADS * CHANGES / 10 && s.commits < s.changes,
       "%llu changes in %llu commits", (unsigned long long)s.changes, (unsigned long long)s.commits);
    SU_DB struct su_db *again = NULL;
    struct su_ledger_proof p;
    ok(su_db_open(sh_path("writer.db"), false, &again, &e) == 0 && su_ledger_verify(again, &p, &e) == 0 &&
           p.events == THREADS * CHANGES * 9 / 10,
       "the failed ones left nothing");
}

/* A database that may not grow is what a full disk looks like to SQLite. */
static int fill(struct su_db *db, void *arg, struct su_err *err)
{
    static char text[20000];
    (void)arg;
    memset(text, 'x', sizeof text - 1);
    return su_ledger_event(db, T0, "fill", "", text, err);
}

static void test_full(void)
{
    if (!sh_have("unshare") || sh("mkdir -p full && unshare -m true") != 0) {
        ok(1, "a full disk # SKIP no mount namespaces");
        return;
    }
    ok(sh("mkdir -p full; mount -t tmpfs -o size=256k none full") == 0, "a small file system");
    struct su_db *db = fresh("full/full.db");
    int one = 1, rc = 0;
    ok(db && su_writer_start(db, &writer, &e) == 0 && su_writer_run(writer, event, &one, &e) == 0);
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = su_writer_run(writer, fill, NULL, &e);
    ok(rc < 0 && (!strcmp(e.id, "authority.ledger.full") || !strcmp(e.id, "authority.ledger.io")), "%s: %s", e.id,
       e.msg);
    ok(sh("mount -o remount,size=8m full") == 0 && su_writer_run(writer, event, &one, &e) == 0, "goes on with room: %s",
       e.msg);
    su_writer_stop(&writer);
    SU_DB struct su_db *again = NULL;
    struct su_ledger_proof p;
    ok(su_db_open(sh_path("full/full.db"), false, &again, &e) == 0 && su_ledger_verify(again, &p, &e) == 0,
       "and is whole");
    su_db_close(&again);
    ok(sh("umount full") == 0);
}

static void test_seal(void)
{
    SU_SECRET struct su_secret key = {0};
    static const char secret[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    uint8_t sealed[SU_TOKEN_SEALED], other[SU_TOKEN_SEALED];
    char back[SU_TOKEN_SECRET];
    ok(su_secret_new(SU_SEAL_KEY, &key, &e) == 0 && su_seal(&key, "h1", secret, sealed, &e) == 0);
    ok(su_seal(&key, "h1", secret, other, &e) == 0 && memcmp(sealed, other, sizeof sealed) != 0,
       "never twice the same");
    ok(su_unseal(&key, "h1", sealed, back, &e) == 0 && memcmp(back, secret, sizeof back) == 0);
    ok(su_unseal(&key, "h2", sealed, back, &e) < 0 && !strcmp(e.id, "authority.token.sealed"), "another host's");
    sealed[20] ^= 1;
    ok(su_unseal(&key, "h1", sealed, back, &e) < 0, "altered");
    sealed[20] ^= 1;
    key.p[0] ^= 1;
    ok(su_unseal(&key, "h1", sealed, back, &e) < 0, "another key");
}

int main(void)
{
    test_acts();
    test_frozen();
    test_tampering();
    test_versions();
    test_writer();
    test_full();
    test_seal();
    return tap_done();
}
