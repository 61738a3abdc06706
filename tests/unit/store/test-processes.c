/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several processes at one store: they make it at once, and no compare-and-swap of theirs is lost. */
#include "base/tmpdir.h"
#include "store/store.h"
#include "tests/lib/tap.h"
#include <sys/stat.h>
#include <sys/wait.h>

enum { PROCESSES = 4, TIMES = 60 };

static int count_key(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    (void)key, (void)revision, (void)value;
    ++*(unsigned *)arg;
    return 0;
}

/* One more, in the way of a reader that writes what it made of it. */
static int add_one(struct su_store *s, struct su_err *e)
{
    for (int tries = 0; tries < 10000; tries++) {
        struct su_buf v SU_BUF = {0};
        char text[24];
        uint64_t rev = 0;
        if (su_store_get(s, "count", &v, &rev, e) < 0 && e->kind != SU_E_MISSING)
            return -1;
        int n = snprintf(text, sizeof text, "%lu", strtoul(su_buf_str(&v), NULL, 10) + 1);
        if (su_store_put(s, "count", (struct su_bytes){(const uint8_t *)text, (size_t)n}, rev, NULL, e) == 0)
            return 0;
        if (e->kind != SU_E_CONFLICT)
            return -1;
    }
    return -1;
}

static int work(const char *path, int me)
{
    struct su_store *s SU_AUTO(su_store_close) = NULL;
    struct su_err e = {0};
    char key[40];
    if (su_store_open(path, &s, &e) < 0)
        return fprintf(stderr, "# opening: %s\n", e.msg), 1;
    for (int i = 0; i < TIMES; i++) {
        unsigned n = 0;
        snprintf(key, sizeof key, "own/%d/%d", me, i);
        struct su_store_write w[] = {{.key = key, .compare = true}, {.subject = "all", .text = key}};
        if (add_one(s, &e) < 0 || su_store_batch(s, w, 2, 1000, &e) < 0 ||
            su_store_put_lazy(s, "progress", (struct su_bytes){(const uint8_t *)key, strlen(key)}, &e) < 0 ||
            su_store_list(s, "own/", count_key, &n, &e) < 0 || n <= (unsigned)i)
            return fprintf(stderr, "# process %d, round %d: %s\n", me, i, e.msg), 1;
    }
    return 0;
}

static void together(const char *path)
{
    pid_t pid[PROCESSES];
    int status, bad = 0, go[2];
    char c;
    if (pipe(go) < 0)
        return;
    for (int i = 0; i < PROCESSES; i++)
        if ((pid[i] = fork()) == 0) {
            close(go[1]);
            _exit(read(go[0], &c, 1) == 0 ? work(path, i) : 1); /* all at once, when the pipe closes */
        }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < PROCESSES; i++)
        bad += waitpid(pid[i], &status, 0) != pid[i] || status != 0;
    ok(bad == 0, "%d processes, %d rounds each, from making the store on", PROCESSES, TIMES);
}

/* Another store of this process is opened and closed: the first one's locks stay. */
static void reopened(const char *path)
{
    struct su_store *a SU_AUTO(su_store_close) = NULL, *b = NULL;
    struct su_err e = {0};
    int status = 1;
    ok(su_store_open(path, &a, &e) == 0 && su_store_open(path, &b, &e) == 0, "twice in one process");
    su_store_close(&b);
    pid_t pid = fork();
    if (pid == 0) {
        struct su_store *c = NULL; /* comes and goes as if it were the last one */
        int bad = su_store_open(path, &c, &e) < 0 || add_one(c, &e) < 0;
        su_store_close(&c);
        _exit(bad);
    }
    ok(waitpid(pid, &status, 0) == pid && status == 0, "another process comes and goes");
    ok(add_one(a, &e) == 0, "and the first still writes: %s", e.msg);
}

static int no_entry(void *arg, uint64_t number, const char *subject, const char *t)
{
    (void)number, (void)subject, (void)t;
    ++*(unsigned *)arg;
    return 0;
}

int main(void)
{
    struct su_tmpdir t SU_TMPDIR = SU_TMPDIR_NONE;
    struct su_err e = {0};
    char path[300], link[300];
    struct su_buf v SU_BUF = {0}, w SU_BUF = {0};
    uint64_t rev = 0;
    unsigned n = 0, entries = 0;
    if (su_tmpdir_make(&t, 0, &e) < 0)
        return 1;
    snprintf(path, sizeof path, "%s/state.db", t.path);
    together(path);
    reopened(path);
    struct su_store *s SU_AUTO(su_store_close) = NULL;
    ok(su_store_open(path, &s, &e) == 0 && su_store_get(s, "count", &v, &rev, &e) == 0, "read: %s", e.msg);
    ok(strtoul(su_buf_str(&v), NULL, 10) == PROCESSES * TIMES + 2 && rev == PROCESSES * TIMES + 2,
       "every one counted: %s", su_buf_str(&v));
    ok(su_store_list(s, "own/", count_key, &n, &e) == 0 && n == PROCESSES * TIMES, "every record is there");
    ok(su_store_log(s, &(struct su_store_which){"all", NULL}, 0, 1000, no_entry, &entries, &e) == 0 && entries == n,
       "every entry of the log");
    struct su_store_write twice[] = {{.key = "own/x", .compare = true}, {.key = "own/0/0", .compare = true}};
    ok(su_store_batch(s, twice, 2, 1000, &e) < 0 && strcmp(e.id, "store.revision") == 0 &&
           su_store_get(s, "own/x", &w, NULL, &e) < 0,
       "all or nothing, when one was there already");
    n = 0;
    ok(su_store_put(s, "own0", (struct su_bytes){0}, 0, NULL, &e) == 0 && su_store_drop(s, "own/", &e) == 0 &&
           su_store_list(s, "own", count_key, &n, &e) == 0 && n == 1,
       "a prefix is dropped, its neighbour stays");
    snprintf(link, sizeof link, "%s/link.db", t.path);
    struct su_store *l = NULL;
    ok(symlink(path, link) == 0 && su_store_open(link, &l, &e) < 0 && strcmp(e.id, "store.io") == 0, "no link");
    return tap_done();
}
