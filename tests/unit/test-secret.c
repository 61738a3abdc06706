/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/secret.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <sys/wait.h>

static struct su_err e;

static void test_files(void)
{
    SU_SECRET struct su_secret s = {0};
    ok(sh("printf 'pass word\\n' >nl; printf 'a\\0b\\n' >nul; : >empty; head -c 8388608 /dev/zero >max; "
          "head -c 8388609 /dev/zero >over") == 0);
    ok(su_secret_from_file(sh_path("nl"), &s, &e) == 0 && s.n == 10 && memcmp(s.p, "pass word\n", 10) == 0,
       "newline kept");
    su_secret_done(&s);
    ok(su_secret_from_file(sh_path("nul"), &s, &e) == 0 && s.n == 4 && memcmp(s.p, "a\0b\n", 4) == 0, "NUL kept");
    su_secret_done(&s);
    ok(su_secret_from_file(sh_path("max"), &s, &e) == 0 && s.n == SU_SECRET_MAX, "8 MiB");
    su_secret_done(&s);
    ok(su_secret_from_file(sh_path("over"), &s, &e) < 0 && !s.p && !strcmp(e.id, "secret.size"), "one byte more");
    ok(su_secret_from_file(sh_path("empty"), &s, &e) < 0 && !s.p && !strcmp(e.id, "secret.empty"), "empty");
    ok(su_secret_from_file(sh_path("none"), &s, &e) < 0 && !s.p && !strcmp(e.id, "secret.open"), "no file");
    ok(su_secret_from_file(sh_tmp(), &s, &e) < 0 && !s.p && !strcmp(e.id, "secret.read"), "a directory");
}

static void test_pipe(void)
{
    SU_SECRET struct su_secret s = {0};
    int fd[2];
    ok(pipe(fd) == 0 && write(fd[1], "abc", 3) == 3 && close(fd[1]) == 0);
    ok(su_secret_from_fd(fd[0], &s, &e) == 0 && s.n == 3 && memcmp(s.p, "abc", 3) == 0, "from a pipe");
    close(fd[0]);
}

/* Exit status of a child that touches one byte. */
static int touch(volatile uint8_t *p)
{
    pid_t pid = fork();
    if (pid == 0) {
        fclose(stderr);
        *p = 1;
        _exit(0);
    }
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void test_memory(void)
{
    SU_SECRET struct su_secret s = {0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    ok(su_secret_new(3 * page, &s, &e) == 0 && su_all_zero(s.p, 3 * page), "zeros");
    memset(s.p, 7, 3 * page);
    ok(touch(s.p) == 0 && touch(s.p + 3 * page - 1) == 0, "usable to its ends");
    ok(touch(s.p - 1) < 0 && touch(s.p + 3 * page) < 0, "guarded on both sides");
    su_secret_cut(&s, page + 10);
    ok(s.n == page + 10 && s.p[page + 9] == 7 && su_all_zero(s.p + s.n, page - 10), "cut: the rest is wiped");
    ok(touch(s.p + 2 * page) < 0, "cut: the guard moved");
    su_secret_cut(&s, page + 20);
    ok(s.n == page + 10, "a cut never grows");
    su_secret_done(&s);
    ok(!s.p && s.n == 0);
    ok(su_secret_new(SU_SECRET_MAX + 1, &s, &e) < 0 && !strcmp(e.id, "secret.size"));
}

static void test_not_inherited(void)
{
    SU_SECRET struct su_secret s = {0};
    ok(su_secret_new(16, &s, &e) == 0);
    memcpy(s.p, "swordfish", 9);
    pid_t pid = fork();
    if (pid == 0)
        _exit(s.p[0] == 0 ? 0 : 1);
    int status = 0;
    ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 0, "a child sees zeros");
    ok(s.p[0] == 's');
}

int main(void)
{
    test_files();
    test_pipe();
    test_memory();
    test_not_inherited();
    return tap_done();
}
