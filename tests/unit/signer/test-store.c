/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store, and its promise: a process killed at any step of a change leaves the old or the new generation, whole,
 * with its key; and sweeping afterwards leaves nothing else. */
#include "signer/store.h"
#include "tests/unit/pki/pki_sample.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Counts the calls that change files; at the one of this number the process is killed, before or after it. */
static int steps, die_at, die_after;

static void step(int after)
{
    if (after == 0)
        steps++;
    if (steps == die_at && after == die_after)
        _exit(42);
}
#define WRAPPED(name, params, args)                                                                                    \
    int __real_##name params;                                                                                          \
    int __wrap_##name params;                                                                                          \
    int __wrap_##name params                                                                                           \
    {                                                                                                                  \
        step(0);                                                                                                       \
        int rc = __real_##name args;                                                                                   \
        step(1);                                                                                                       \
        return rc;                                                                                                     \
    }
WRAPPED(fsync, (int fd), (fd))
WRAPPED(rename, (const char *a, const char *b), (a, b))
WRAPPED(symlink, (const char *a, const char *b), (a, b))
WRAPPED(mkdir, (const char *a, mode_t m), (a, m))
WRAPPED(unlink, (const char *a), (a))
WRAPPED(rmdir, (const char *a), (a))
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    step(0);
    if (steps == die_at && die_after == 1 && fd > 2) { /* cut in the middle */
        if (__real_write(fd, p, n / 2) < 0)
            abort();
        _exit(42);
    }
    return __real_write(fd, p, n);
}

static struct su_store store;

/* As a renewal does it: leftovers, a record of what will be made, the key, the certificate, the switch, leftovers. */
static int change(struct su_err *e)
{
    struct su_generation g = {.host = "node1"};
    SU_KEY struct su_key *key = NULL;
    const struct su_key_options o = {.dir = store.keys};
    if (su_store_sweep(&store, &o, e) < 0 || su_key_new_uri("file:k", g.uri, sizeof g.uri, e) < 0 ||
        su_store_pending(&store, g.uri, e) < 0 || su_key_make(g.uri, SU_KEY_P256, &o, &key, e) < 0)
        return -1;
    int rc = su_generation_set_leaf(&g, sample_leaf(su_key_pkey(key), NULL), e);
    su_buf_add(&g.chain, g.leaf_der.p, g.leaf_der.n);
    su_buf_add(&g.roots, g.leaf_der.p, g.leaf_der.n);
    rc = rc < 0 ? -1 : su_store_save(&store, &g, e);
    su_generation_done(&g);
    return rc < 0 ? -1 : su_store_sweep(&store, &o, e);
}

static unsigned count(const char *dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        n += f->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* The generation in use is whole and its key works; 0: there is none. */
static unsigned whole(bool *good)
{
    struct su_generation g = {0};
    struct su_err e = {0};
    const struct su_key_options o = {.dir = store.keys};
    SU_KEY struct su_key *key = NULL;
    unsigned number = 0;
    if (su_store_load(&store, &g, &e) < 0)
        *good = e.kind == SU_E_MISSING && strcmp(e.id, "store.none") == 0;
    else {
        *good = su_key_open(g.uri, &o, &key, &e) == 0 && su_key_is_of(key, g.leaf) && g.chain.n && g.roots.n;
        number = g.number;
    }
    if (!*good)
        printf("# %s: %s\n", e.id, e.msg);
    su_generation_done(&g);
    return number;
}

static int killed_at(int at, int after, unsigned before, bool forget)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct su_err e = {0};
        steps = 0;
        die_at = at;
        die_after = after;
        int rc = forget ? su_store_forget(&store, &e) : change(&e);
        _exit(rc < 0 ? 1 : 0);
    }
    int status;
    bool good = false;
    struct su_err e = {0};
    const struct su_key_options o = {.dir = store.keys};
    waitpid(child, &status, 0);
    unsigned now = whole(&good);
    if (!good || (now != before && now != before + 1 && !(now > before)))
        return -1;
    if (su_store_sweep(&store, &o, &e) < 0) {
        printf("# %s: %s\n", e.id, e.msg);
        return -1;
    }
    if (whole(&good) != now || !good || count(store.keys) != (now ? 1 : 0) || count(store.dir) != (now ? 3 : 1))
        return -1;
    return WEXITSTATUS(status) == 42 ? 1 : WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void crashes(bool first)
{
    unsigned cuts = 0, bad = 0, old = 0, new = 0;
    for (int at = 1; at < 200; at++)
        for (int after = 0; after < 2; after++) {
            if (tap_skips((size_t)at * 2 + (size_t)after, 5) && at < 200)
                continue;
            struct su_err e = {0};
            bool good;
            const struct su_key_options o = {.dir = store.keys};
            if (first && (su_store_forget(&store, &e) < 0 || su_store_sweep(&store, &o, &e) < 0))
                abort();
            unsigned before = whole(&good);
            int rc = killed_at(at, after, before, false);
            bad += rc < 0 || !good;
            cuts += rc == 1;
            unsigned now = whole(&good);
            old += now == before;
            new += now != before;
            if (rc == 0)
                at = 200;
        }
    unsigned enough = getenv("SURETY_FEW") ? 6 : 30;
    ok(bad == 0 && cuts > enough,
       "%s: killed at %u places: %u times the old state, %u times the new one, never another",
       first ? "enrolment" : "renewal", cuts, old, new);
}

static void broken(void)
{
    struct su_err e = {0};
    struct su_generation g = {0};
    char path[600];
    ok(su_store_load(&store, &g, &e) == 0 && strlen(g.serial) >= 8, "loaded: %s", e.msg);
    snprintf(path, sizeof path, "%s/gen-%010u/leaf.der", store.dir, g.number);
    su_generation_done(&g);
    int fd = open(path, O_WRONLY | O_TRUNC);
    if (fd < 0)
        abort();
    close(fd);
    ok(su_store_load(&store, &g, &e) < 0);
    is_str(e.id, "store.broken");
    unlink(path);
    ok(su_store_load(&store, &g, &e) < 0);
    is_str(e.id, "store.broken");
    ok(change(&e) == 0 && su_store_load(&store, &g, &e) == 0, "a new enrolment cures it");
    su_generation_done(&g);
    ok(su_store_forget(&store, &e) == 0 && su_store_load(&store, &g, &e) < 0);
    is_str(e.id, "store.none");
}

int main(void)
{
    struct su_err e = {0};
    char dir[64];
    sample_begin();
    snprintf(dir, sizeof dir, "%s/signer", sample_dir);
    ok(su_store_open(dir, &store, &e) == 0, "%s", e.msg);
    ok(su_store_open(dir, &store, &e) == 0, "again");
    crashes(true);
    ok(change(&e) == 0, "enrolled: %s", e.msg);
    crashes(false);
    broken();
    sample_end();
    return tap_done();
}
