/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs real children: sh and coreutils are on every host. */
#include "base/child.h"
#include "tests/lib/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void output_and_environment(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf out = {0};
    const char *const env[] = {"EXTRA=yes and no", NULL};
    setenv("SECRET", "1", 1);
    struct su_child c = {.argv = (const char *const[]){"env", NULL}, .env = env};
    su_buf_text(&out, "before\n");
    ok(su_child_run(&c, &out, &e) == 0, "env runs");
    ok(strcmp(
           su_buf_str(&out),
           "before\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\nEXTRA=yes and no\n") ==
           0,
       "its output");
    su_buf_done(&out);
    c = (struct su_child){.argv = SH("pwd; cat; echo \"$0 $#\"")};
    ok(su_child_run(&c, &out, &e) == 0, "no input is an empty input");
    ok(strcmp(su_buf_str(&out), "/\nsh 0\n") == 0, "its output");
    su_buf_done(&out);
    c = (struct su_child){
        .argv = (const char *const[]){"/bin/cat", NULL}, .input = {(const uint8_t *)"a\0b", 3}, .cwd = "/tmp"};
    ok(su_child_run(&c, &out, &e) == 0 && out.n == 3 && memcmp(out.p, "a\0b", 3) == 0, "input reaches it, NUL and all");
    c = (struct su_child){.argv = (const char *const[]){"printf", "%s", "$HOME `id` 'x' *", NULL}};
    su_buf_done(&out);
    ok(su_child_run(&c, &out, &e) == 0, "arguments are not looked at");
    ok(strcmp(su_buf_str(&out), "$HOME `id` 'x' *") == 0, "its output");
}

static void large_input_and_output(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf in = {0}, out = {0};
    su_buf_zero(&in, 5 << 20);
    struct su_child c = {.argv = (const char *const[]){"cat", NULL}, .input = su_buf_bytes(&in), .max_out = in.n};
    ok(su_child_run(&c, &out, &e) == 0 && out.n == in.n && su_all_zero(out.p, out.n), "5 MiB through cat");
    c.max_out--;
    su_buf_done(&out);
    ok(su_child_run(&c, &out, &e) < 0 && out.n == 0, "a byte too many is refused, the output untouched");
    is_str(e.id, "host.tool.failed");
    c.argv = SH("cat; sleep 1000");
    double t = now();
    ok(su_child_run(&c, &out, &e) < 0 && now() - t < 25, "too much output ends it at once");
}

static void output_to_a_file(void)
{
    struct su_err e = {0};
    char text[16] = "";
    SU_CLOSE int fd = memfd_create("out", MFD_CLOEXEC);
    SU_BUF struct su_buf out = {0};
    struct su_child c = {.argv = (const char *const[]){"dd", "conv=fsync", "status=none", NULL},
                         .input = {(const uint8_t *)"into the file", 13},
                         .out_fd = &fd};
    ok(su_child_run(&c, &out, &e) == 0 && out.n == 0, "a tool that syncs: %s", e.msg);
    ok(pread(fd, text, sizeof text, 0) == 13 && strcmp(text, "into the file") == 0, "its output is there");
}

static void failures(void)
{
    static const struct {
        const char *name, *script, *msg;
    } rows[] = {
        {"status", "echo first >&2; printf 'no \\001 space\\n\\n' >&2; exit 3", "sh: exit status 3: no ? space"},
        {"stdout counts too", "echo said on stdout; exit 1", "sh: exit status 1: said on stdout"},
        {"silent", "exit 1", "sh: exit status 1"},
        {"signal", "kill -9 $$", "sh: ended by signal 9 (Killed)"},
        {"long tail", "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo last; exit 1",
         "sh: exit status 1: last"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_err e = {0};
        struct su_child c = {.argv = SH(rows[i].script)};
        ok(su_child_run(&c, NULL, &e) < 0, "%s fails", rows[i].name);
        is_str(e.id, "host.tool.failed");
        is_str(e.msg, rows[i].msg);
    }
    struct su_err e = {0};
    struct su_child c = {.argv = (const char *const[]){"surety-no-such-tool", NULL}};
    ok(su_child_run(&c, NULL, &e) < 0 && e.remedy, "a missing tool has a remedy");
    is_str(e.id, "host.tool.missing");
    c.argv = (const char *const[]){"/nonexistent/mkfs.fat", NULL};
    ok(su_child_run(&c, NULL, &e) < 0, "a missing path");
    is_str(e.remedy, "install the Debian package dosfstools");
    c.argv = (const char *const[]){"../bin/true", NULL};
    ok(su_child_run(&c, NULL, &e) < 0, "a relative path is not looked at");
    is_str(e.id, "host.tool.missing");
    c = (struct su_child){.argv = (const char *const[]){"true", NULL}, .cwd = "/nonexistent"};
    ok(su_child_run(&c, NULL, &e) < 0, "a missing directory");
    is_str(e.msg, "true: entering its directory: No such file or directory");
    c = (struct su_child){.argv = (const char *const[]){"true", NULL}, .keep_fds = (const int[]){1}, .n_keep_fds = 1};
    ok(su_child_run(&c, NULL, &e) < 0, "standard descriptors cannot be kept");
    is_str(e.id, "host.tool.spec");
}

static void timeouts(void)
{
    struct su_err e = {0};
    struct su_child c = {.argv = SH("trap '' TERM; sleep 1000 & wait"), .timeout_ms = 100, .own_group = true};
    double t = now();
    ok(su_child_run(&c, NULL, &e) < 0 && now() - t < 60, "ended in time");
    is_str(e.id, "host.tool.timeout");
    c = (struct su_child){.argv = SH("sleep 20 & echo done")}; /* keeps stdout open */
    SU_BUF struct su_buf out = {0};
    t = now();
    ok(su_child_run(&c, &out, &e) == 0 && now() - t < 18, "a grandchild does not hold us up");
    ok(strcmp(su_buf_str(&out), "done\n") == 0, "its output");
}

static void descriptors(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf out = {0};
    SU_CLOSE int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC on purpose */
    SU_CLOSE int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char want[64];
    struct su_child c = {.argv = (const char *const[]){"ls", "/proc/self/fd", NULL}};
    ok(leak > 2 && su_child_run(&c, &out, &e) == 0, "ls runs");
    ok(strcmp(su_buf_str(&out), "0\n1\n2\n3\n") == 0, "its output"); /* 3 is the directory ls reads */
    c.argv = SH("test -e /proc/self/fd/$FD && ! test -e /proc/self/fd/$LEAK");
    char fd[32], lk[32];
    snprintf(fd, sizeof fd, "FD=%d", kept);
    snprintf(lk, sizeof lk, "LEAK=%d", leak);
    snprintf(want, sizeof want, "%d", kept);
    c.env = (const char *const[]){fd, lk, NULL};
    c.keep_fds = &kept;
    c.n_keep_fds = 1;
    ok(su_child_run(&c, NULL, &e) == 0, "kept is there, leak is not: %s", e.msg);
}

/* A parent with 0, 1 and 2 closed must not get its pipes mixed up. */
static void closed_standard_descriptors(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct su_err e;
        SU_BUF struct su_buf out = {0};
        struct su_child c = {.argv = SH("cat; echo err >&2"), .input = {(const uint8_t *)"in", 2}};
        close(0);
        close(1);
        close(2);
        int r = su_child_run(&c, &out, &e);
        _exit(r == 0 && out.n == 2 && memcmp(out.p, "in", 2) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    ok(status == 0, "with 0, 1 and 2 closed");
}

static void signals_are_reset(void)
{
    struct su_err e = {0};
    sigset_t set, old;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGPIPE, SIG_IGN);
    struct su_child c = {.argv = SH("grep -q 'SigBlk:.0000000000000000' /proc/self/status && "
                                    "grep -q 'SigIgn:.0000000000000000' /proc/self/status")};
    ok(su_child_run(&c, NULL, &e) == 0, "nothing blocked or ignored: %s", e.msg);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    sigprocmask(SIG_SETMASK, NULL, &set);
    ok(sigismember(&set, SIGTERM) == 0, "the caller's mask is as it was");
}

static void confinement(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf out = {0};
    struct su_child c = {
        .argv = (const char *const[]){"grep", "-E", "^(Uid|Gid|Groups|CapEff|NoNewPrivs):", "/proc/self/status", NULL},
        .confined = true};
    ok(su_child_run(&c, &out, &e) == 0, "confined: %s", e.msg);
    ok(strstr(su_buf_str(&out), "NoNewPrivs:\t1\n") != NULL, "no new privileges");
    ok(strstr(su_buf_str(&out), "CapEff:\t0000000000000000\n") != NULL, "no capabilities");
    if (geteuid() == 0)
        ok(strstr(su_buf_str(&out),
                  "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t \n") != NULL,
           "user and group nobody, no others");
    c.argv = SH("/bin/true & wait");
    ok(su_child_run(&c, NULL, &e) < 0, "no fork");
    c.argv = (const char *const[]){"head", "-c", "40000000", "/dev/zero", NULL};
    c.max_memory = 1000000;
    ok(su_child_run(&c, NULL, &e) < 0, "not in 1 MB of memory");
    c = (struct su_child){
        .argv = (const char *const[]){"dd", "if=/dev/zero", "of=/tmp/surety-test-child", "bs=64k", "count=4", NULL},
        .confined = true,
        .max_file = 100000};
    ok(su_child_run(&c, NULL, &e) < 0, "files do not grow beyond the limit");
    unlink("/tmp/surety-test-child");
    c = (struct su_child){.argv = SH("ulimit -t"), .confined = true, .max_cpu_s = 7};
    su_buf_done(&out);
    ok(su_child_run(&c, &out, &e) == 0 && strcmp(su_buf_str(&out), "7\n") == 0, "processor time is limited");
}

/* The child of a killed parent ends too. */
static void no_orphans(void)
{
    int fd[2], status;
    if (pipe(fd) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        struct su_err e;
        struct su_proc p = SU_PROC_NONE;
        struct su_child c = {.argv = (const char *const[]){"sleep", "1000", NULL},
                             .keep_fds = &fd[1],
                             .n_keep_fds = 1,
                             .own_group = true};
        if (su_child_start(&c, &p, &e) == 0 && write(fd[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(fd[1]);
    char b;
    ok(read(fd[0], &b, 1) == 1, "started");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    struct pollfd f = {fd[0], POLLIN, 0};
    ok(poll(&f, 1, 60000) == 1 && read(fd[0], &b, 1) == 0, "the child went with its parent");
    close(fd[0]);
}

/* A shell that writes to /proc/self/fd/$READY when it minds signals as it shall; 0: it does. */
static int start_ready(const char *script, struct su_proc *p)
{
    struct su_err e = {0};
    int fd[2];
    char b, env[32];
    if (pipe(fd) < 0)
        return -1;
    snprintf(env, sizeof env, "READY=%d", fd[1]);
    struct su_child c = {
        .argv = SH(script), .env = (const char *const[]){env, NULL}, .keep_fds = &fd[1], .n_keep_fds = 1};
    int rc = su_child_start(&c, p, &e);
    close(fd[1]);
    if (rc == 0 && read(fd[0], &b, 1) != 1)
        rc = -1;
    close(fd[0]);
    return rc;
}

static void daemons(void)
{
    struct su_err e = {0};
    struct su_proc p = SU_PROC_NONE;
    struct su_child c = {.argv = SH("exec sleep 1000")};
    ok(su_child_start(&c, &p, &e) == 0 && p.pid > 0, "starts");
    ok(su_child_alive(&p, 0, &e) == 0, "lives");
    ok(su_child_stop(&p, 5000, &e) == 0 && p.pid == 0, "stops");
    ok(su_child_stop(&p, 5000, &e) == 0, "stopping nothing is fine");

    ok(start_ready("trap 'echo bye >&2; exit 7' TERM; echo up >/proc/self/fd/$READY; while :; do sleep 0.01; done",
                   &p) == 0 &&
           su_child_alive(&p, 50, &e) == 0,
       "one with a handler");
    ok(su_child_stop(&p, 60000, &e) < 0, "its status counts");
    is_str(e.msg, "sh: exit status 7: bye");

    ok(start_ready("trap '' TERM; echo up >/proc/self/fd/$READY; while :; do sleep 0.01; done", &p) == 0 &&
           su_child_alive(&p, 50, &e) == 0,
       "a stubborn one");
    ok(su_child_stop(&p, 50, &e) < 0 && p.pid == 0, "is killed");
    is_str(e.id, "host.tool.timeout");

    c.argv = SH("echo cannot bind >&2; exit 1");
    ok(su_child_start(&c, &p, &e) == 0, "one that fails at once");
    ok(su_child_alive(&p, 60000, &e) < 0, "is seen to be gone");
    is_str(e.msg, "sh: exit status 1: cannot bind");
    ok(su_child_alive(&p, 0, &e) < 0, "and again");
    ok(su_child_stop(&p, 100, &e) < 0, "and reaped");

    c.argv =
        SH("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; exit 0");
    ok(su_child_start(&c, &p, &e) == 0 && su_child_alive(&p, 60000, &e) < 0, "a talker does not hang");
    is_str(e.id, "host.tool.failed");
    (void)su_child_stop(&p, 100, &e);
    c.argv = (const char *const[]){"/nonexistent/qemu-storage-daemon", NULL};
    ok(su_child_start(&c, &p, &e) < 0 && p.pid == 0, "a missing daemon");
    is_str(e.remedy, "install the Debian package qemu-system-common");
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left behind");
}

int main(void)
{
    output_and_environment();
    large_input_and_output();
    output_to_a_file();
    failures();
    timeouts();
    descriptors();
    closed_standard_descriptors();
    signals_are_reset();
    confinement();
    no_orphans();
    daemons();
    return tap_done();
}
