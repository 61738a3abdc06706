/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "base/tmpdir.h"
#include "store/store.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct su_bytes text(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static void records(struct su_store *s)
{
    struct su_err e = {0};
    struct su_buf v SU_BUF = {0};
    uint64_t rev = 0;
    ok(su_store_get(s, "a", &v, &rev, &e) < 0 && strcmp(e.id, "store.none") == 0, "nothing there at first");
    ok(su_store_put(s, "a", text("one"), 0, &rev, &e) == 0 && rev == 1, "made with revision 1");
    ok(su_store_put(s, "a", text("two"), 0, &rev, &e) < 0 && strcmp(e.id, "store.revision") == 0, "not made twice");
    ok(su_store_put(s, "a", text("two"), 1, &rev, &e) == 0 && rev == 2, "written where it was read");
    ok(su_store_put(s, "a", text("three"), 1, &rev, &e) < 0 && e.kind == SU_E_CONFLICT, "not over what was not read");
    ok(su_store_get(s, "a", &v, &rev, &e) == 0 && rev == 2 && strcmp(su_buf_str(&v), "two") == 0, "the second stays");
    ok(su_store_put(s, "a", text(""), SU_STORE_ANY, &rev, &e) == 0 && rev == 3, "any revision, and an empty value");
    ok(su_store_del(s, "a", 2, &e) < 0 && strcmp(e.id, "store.revision") == 0, "not deleted at another revision");
    ok(su_store_del(s, "a", 3, &e) == 0, "deleted");
    ok(su_store_del(s, "a", SU_STORE_ANY, &e) == 0, "deleting nothing is fine");
    ok(su_store_put(s, "", text("x"), 0, NULL, &e) < 0 && strcmp(e.id, "store.size") == 0, "no empty key");
    char big[SU_STORE_KEY + 2];
    memset(big, 'k', sizeof big - 1);
    big[sizeof big - 1] = 0;
    ok(su_store_put(s, big, text("x"), 0, NULL, &e) < 0 && e.kind == SU_E_RANGE, "no key that is too long");
}

struct seen {
    char keys[200];
    unsigned n;
};

static int see(void *arg, const char *key, uint64_t rev, struct su_bytes v)
{
    struct seen *x = arg;
    (void)rev, (void)v;
    snprintf(x->keys + strlen(x->keys), sizeof x->keys - strlen(x->keys), "%s ", key);
    return ++x->n == 3;
}

static void lists(struct su_store *s)
{
    static const char *const keys[] = {"vm/b", "vm/a", "vm", "vn", "vm/%", "vm/c", "vm/d"};
    struct su_err e = {0};
    struct seen x = {{0}, 0};
    for (size_t i = 0; i < SU_ARRAY_LEN(keys); i++)
        if (su_store_put(s, keys[i], text("1"), 0, NULL, &e) < 0)
            ok(0, "%s", e.msg);
    ok(su_store_list(s, "vm/", see, &x, &e) == 0, "a prefix is listed");
    is_str(x.keys, "vm/% vm/a vm/b ");
}

static int see_entry(void *arg, uint64_t number, const char *subject, const char *t)
{
    struct seen *x = arg;
    snprintf(x->keys + strlen(x->keys), sizeof x->keys - strlen(x->keys), "%llu:%s:%s ", (unsigned long long)number,
             subject, t);
    x->n++;
    return 0;
}

static int count_entry(void *arg, uint64_t number, const char *subject, const char *t)
{
    (void)number, (void)subject, (void)t;
    ++*(size_t *)arg;
    return 0;
}

static void logs(struct su_store *s)
{
    struct su_err e = {0};
    struct su_store_write w[] = {{.subject = "u1", .text = "a"},
                                 {.subject = "u2", .text = "b"},
                                 {.key = "with", .value = text("it")},
                                 {.subject = "u1", .text = "c"}};
    struct seen x = {{0}, 0}, y = {{0}, 0}, z = {{0}, 0};
    struct su_buf v SU_BUF = {0};
    ok(su_store_batch(s, w, 4, 100, &e) == 0, "a batch of entries and a record");
    ok(su_store_get(s, "with", &v, NULL, &e) == 0, "the record is there");
    ok(su_store_log(s, &(struct su_store_which){NULL, NULL}, 0, 10, see_entry, &x, &e) == 0, "read");
    is_str(x.keys, "3:u1:c 2:u2:b 1:u1:a ");
    ok(su_store_log(s, &(struct su_store_which){"u1", NULL}, 3, 10, see_entry, &y, &e) == 0,
       "of one subject, before a number");
    is_str(y.keys, "1:u1:a ");
    struct su_store_write more[] = {{.subject = "u3", .text = "d"}};
    ok(su_store_batch(s, more, 1, 2, &e) == 0, "only two are kept");
    ok(su_store_log(s, &(struct su_store_which){NULL, NULL}, 0, 10, see_entry, &z, &e) == 0, "read");
    is_str(z.keys, "4:u3:d 3:u1:c ");
    char *big = calloc(1, SU_STORE_VALUE + 2);
    memset(big, 'x', SU_STORE_VALUE + 1);
    struct su_store_write bad[] = {{.subject = "u", .text = "good"}, {.subject = "u", .text = big}};
    struct seen same = {{0}, 0};
    ok(su_store_batch(s, bad, 2, 100, &e) < 0 && strcmp(e.id, "store.size") == 0, "all or nothing");
    ok(su_store_log(s, &(struct su_store_which){"u", NULL}, 0, 10, see_entry, &same, &e) == 0 && same.n == 0,
       "nothing");
    free(big);
}

/* Many of one kind do not push out those of another. */
static void kinds(const char *path)
{
    struct su_err e = {0};
    struct su_store *s = NULL;
    struct su_store_write few = {.subject = "u1", .kind = "few", .text = "kept"}, many[200];
    struct seen x = {{0}, 0}, y = {{0}, 0}, z = {{0}, 0};
    int failed = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(many); i++)
        many[i] = (struct su_store_write){.subject = "u1", .kind = "many", .text = "m"};
    ok(su_store_open(path, &s, &e) == 0 && su_store_batch(s, &few, 1, 100, &e) == 0, "one of a kind");
    for (int i = 0; i < 20 && s; i++)
        failed |= su_store_batch(s, many, SU_ARRAY_LEN(many), 100, &e);
    ok(failed == 0, "thousands of another");
    ok(su_store_log(s, &(struct su_store_which){NULL, "few"}, 0, 10, see_entry, &x, &e) == 0, "read by kind");
    is_str(x.keys, "1:u1:kept ");
    ok(su_store_log(s, &(struct su_store_which){"u1", "few"}, 0, 10, see_entry, &y, &e) == 0 && y.n == 1,
       "and subject");
    ok(su_store_log(s, &(struct su_store_which){"u2", "few"}, 0, 10, see_entry, &z, &e) == 0 && z.n == 0, "another's");
    size_t n = 0;
    ok(su_store_log(s, &(struct su_store_which){"u1", "many"}, 0, 1000, count_entry, &n, &e) == 0 && n == 100,
       "a hundred of the many: %zu", n);
    su_store_close(&s);
}

/* As the first version made it. */
static void first_version(const char *path)
{
    sqlite3 *db = NULL;
    struct su_err e = {0};
    struct su_store *s = NULL;
    struct seen x = {{0}, 0};
    int rc = sqlite3_open(path, &db);
    rc |= sqlite3_exec(
        db,
        "CREATE TABLE record(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL)"
        " WITHOUT ROWID;"
        "CREATE TABLE log(number INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, text TEXT NOT "
        "NULL); CREATE INDEX log_subject ON log(subject, number);"
        "INSERT INTO log(subject, text) VALUES ('u1', 'old'); PRAGMA user_version = 1",
        NULL, NULL, NULL);
    sqlite3_close(db);
    struct su_store_write w = {.subject = "u1", .kind = "new", .text = "new"};
    ok(rc == 0 && su_store_open(path, &s, &e) == 0, "a store of the first version: %s", e.msg);
    ok(s && su_store_batch(s, &w, 1, 100, &e) == 0, "takes kinds");
    ok(s && su_store_log(s, &(struct su_store_which){"u1", NULL}, 0, 10, see_entry, &x, &e) == 0, "and has kept");
    is_str(x.keys, "2:u1:new 1:u1:old ");
    su_store_close(&s);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit l;
    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &l);
}

/* Another process, that opens a store when it is told so.  It waits as for a transaction, and no longer. */
static pid_t shut_out(const char *path, int told)
{
    struct su_store *s = NULL;
    struct su_err e = {0};
    char c;
    pid_t child = fork();
    if (child)
        return child;
    if (read(told, &c, 1) != 1)
        _exit(2);
    const int64_t since = su_monotonic_s();
    int rc = su_store_open(path, &s, &e);
    _exit(rc < 0 && strcmp(e.id, "store.io") == 0 && su_monotonic_s() - since < 30 ? 0 : 1);
}

/* No file can be made larger, as on a full disk: neither what processes share of a store, nor its log. */
static void sparing(const char *path)
{
    struct su_err e = {0}, full = {0};
    struct su_store *s = NULL, *other = NULL;
    struct su_buf v SU_BUF = {0}, w SU_BUF = {0};
    int tell[2] = {-1, -1}, status = -1;
    pid_t child = pipe(tell) == 0 ? shut_out(path, tell[0]) : -1;
    int rc = su_store_open(path, &s, &e);
    rc |= s ? su_store_put(s, "key", text("text"), 0, NULL, &e) : 0;
    su_store_close(&s);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(100);
    int refused = su_store_open(path, &other, &full);
    int opened = su_store_open_sparing(path, &s, &e);
    int got = s ? su_store_get(s, "key", &v, NULL, &e) : -1;
    int put = s ? su_store_put(s, "key", text("text"), 1, NULL, &e) : -1;
    limit_files(RLIM_INFINITY);
    ok(rc == 0 && refused < 0 && strcmp(full.id, "store.io") == 0, "no room: not opened, %s", full.id);
    ok(opened == 0 && got == 0 && v.n == 4, "sparing: opened, and read");
    ok(put < 0 && strcmp(e.id, "store.io") == 0 && e.remedy, "a write fails by name: %s, %s", e.id, e.msg);
    if (!s)
        return;
    bool waited = write(tell[1], "", 1) == 1 && waitpid(child, &status, 0) == child;
    ok(waited && status == 0, "another process is told: %d", status);
    close(tell[0]);
    close(tell[1]);
    e = (struct su_err){0};
    ok(su_store_put(s, "key", text("text"), 1, NULL, &e) == 0, "room: the next one does not: %s", e.msg);
    su_nap_ms(2100); /* it looks for room that often */
    ok(su_store_get(s, "key", &w, NULL, &e) == 0 && su_store_open(path, &other, &e) == 0, "and others are let in: %s",
       e.msg);
    su_store_close(&other);
    su_store_close(&s);
}

int main(void)
{
    struct su_tmpdir t SU_TMPDIR = SU_TMPDIR_NONE;
    struct su_err e = {0};
    char path[300], bad[300];
    struct stat st;
    if (su_tmpdir_make(&t, 0, &e) < 0)
        return 1;
    snprintf(path, sizeof path, "%s/state.db", t.path);
    struct su_store *s = NULL;
    ok(su_store_open(path, &s, &e) == 0, "opened: %s", e.msg);
    if (!s)
        return 1;
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for its owner alone");
    records(s);
    lists(s);
    logs(s);
    snprintf(bad, sizeof bad, "%s/kinds.db", t.path);
    kinds(bad);
    snprintf(bad, sizeof bad, "%s/first.db", t.path);
    first_version(bad);
    snprintf(bad, sizeof bad, "%s/sparing.db", t.path);
    sparing(bad);
    su_store_close(&s);
    struct su_buf v SU_BUF = {0};
    ok(su_store_open(path, &s, &e) == 0 && su_store_get(s, "with", &v, NULL, &e) == 0,
       "what was written is there again");
    su_store_close(&s);
    snprintf(bad, sizeof bad, "%s/bad.db", t.path);
    int fd = open(bad, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 200; i++)
        if (write(fd, "this is no database, not at all. ", 33) != 33)
            return 1;
    close(fd);
    ok(su_store_open(bad, &s, &e) < 0 && strcmp(e.id, "store.format") == 0, "a file that is no store: %s", e.id);
    return tap_done();
}
