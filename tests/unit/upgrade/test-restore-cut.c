/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restore points, cut at every step and called again.
 *
 * "Cut" ends the process without a word, like kill -9, before or after the Nth call that changes something; the calls
 * are wrapped by the linker. */
#include "tests/unit/upgrade/restore_bed.h"
#include <sys/wait.h>

enum { CUT = 77, MOST_STEPS = 400 };

/* The knife ---------------------------------------------------------------------- */

static unsigned steps, cut_at; /* 0: never */

static void step(void)
{
    if (++steps == cut_at)
        _exit(CUT);
}

int __real_su_child_run(const struct su_child *spec, struct su_buf *out, struct su_err *e);
int __wrap_su_child_run(const struct su_child *spec, struct su_buf *out, struct su_err *e);
int __wrap_su_child_run(const struct su_child *spec, struct su_buf *out, struct su_err *e)
{
    step();
    int r = __real_su_child_run(spec, out, e);
    step();
    return r;
}

int __real_renameat(int a, const char *b, int c, const char *d);
int __wrap_renameat(int a, const char *b, int c, const char *d);
int __wrap_renameat(int a, const char *b, int c, const char *d)
{
    step();
    int r = __real_renameat(a, b, c, d);
    step();
    return r;
}

int __real_unlinkat(int a, const char *b, int flags);
int __wrap_unlinkat(int a, const char *b, int flags);
int __wrap_unlinkat(int a, const char *b, int flags)
{
    step();
    return __real_unlinkat(a, b, flags);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    step();
    return __real_fsync(fd);
}

int __real_mkdirat(int a, const char *b, mode_t m);
int __wrap_mkdirat(int a, const char *b, mode_t m);
int __wrap_mkdirat(int a, const char *b, mode_t m)
{
    int r = __real_mkdirat(a, b, m);
    step();
    return r;
}

/* Tests ------------------------------------------------------------------------- */

/* The set is made anew for each cut, with the same files. */
static int in_child(int (*run)(struct bed *b, struct su_restore *r), struct bed *b, struct su_restore *r, unsigned at)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        steps = 0;
        cut_at = at;
        _exit(run(b, r) < 0 ? 1 : 0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_cut_take(enum su_restore_kind kind)
{
    unsigned at, bad = 0;
    for (at = 1; at < MOST_STEPS; at++) {
        struct bed b BED;
        if (bed_make(&b, kind) < 0)
            break;
        struct su_restore *r SU_FREE = calloc(1, sizeof *r), *old SU_FREE = calloc(1, sizeof *old);
        struct su_err e = {0};
        bad += su_restore_plan(b.d, b.use, &b.opt, &b.places, BATCH, r, &e) < 0;
        *old = *r; /* as the record says, which was not written again */
        int x = in_child(run_take, &b, r, at);
        if (at % 2 == 0) { /* go on */
            bad += run_take(&b, r) < 0 || !complete(&b, r);
            use_it(&b, r);
            old = r;
        }
        bad += su_restore_back(old, b.dir, false, &e) < 0 || !exactly_old(&b, r);
        if (old == r)
            old = NULL;
        if (x != CUT)
            break;
    }
    ok(at > 10 && at < MOST_STEPS && bad == 0, "cut at each of %u steps of taking: %u bad", at, bad);
}

static void test_cut_after(enum su_restore_kind kind, int (*run)(struct bed *b, struct su_restore *r),
                           bool (*good)(const struct bed *b, const struct su_restore *r), const char *what)
{
    unsigned at, bad = 0;
    for (at = 1; at < MOST_STEPS; at++) {
        struct bed b BED;
        if (bed_make(&b, kind) < 0)
            break;
        struct su_restore *r SU_FREE = calloc(1, sizeof *r);
        struct su_err e = {0};
        bad += su_restore_plan(b.d, b.use, &b.opt, &b.places, BATCH, r, &e) < 0 || run_take(&b, r) < 0;
        use_it(&b, r);
        int x = in_child(run, &b, r, at);
        bad += run(&b, r) < 0 || !good(&b, r);
        if (x != CUT)
            break;
    }
    ok(at > 5 && at < MOST_STEPS && bad == 0, "cut at each of %u steps of %s: %u bad", at, what, bad);
}

int main(void)
{
    static const enum su_restore_kind both[] = {SU_RESTORE_INTERNAL, SU_RESTORE_OVERLAY};
    for (size_t i = 0; i < SU_ARRAY_LEN(both); i++) {
        test_cut_take(both[i]);
        test_cut_after(both[i], run_back, exactly_old, "going back");
        test_cut_after(both[i], run_commit, merged, "giving it up");
    }
    return tap_done();
}
