/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "child.h"
#include "child_exec.h"
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

enum { DEFAULT_TIMEOUT_MS = 30000, DEFAULT_MAX_OUT = 1 << 20, TAIL = 4096, MAX_ENV = 64 };

/* What was written last, for the error message. */
struct tail {
    char p[TAIL];
    size_t n;
};

static void tail_add(struct tail *t, const char *p, size_t n)
{
    if (n >= TAIL) {
        memcpy(t->p, p + (n - TAIL), TAIL);
        t->n = TAIL;
        return;
    }
    size_t keep = t->n < TAIL - n ? t->n : TAIL - n;
    memmove(t->p, t->p + (t->n - keep), keep);
    memcpy(t->p + keep, p, n);
    t->n = keep + n;
}

/* The last line that says something, printable, as ": text" or "". */
static void last_line(const struct tail *t, char *out, size_t cap)
{
    size_t end = t->n, start;
    while (end > 0 && (unsigned char)t->p[end - 1] <= ' ')
        end--;
    for (start = end; start > 0 && t->p[start - 1] != '\n'; start--)
        ;
    size_t n = end - start;
    out[0] = 0;
    if (n == 0 || cap < 3)
        return;
    n = n < cap - 3 ? n : cap - 3;
    memcpy(out, ": ", 2);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)t->p[start + i];
        out[2 + i] = c >= ' ' && c < 0x7f ? (char)c : '?';
    }
    out[2 + n] = 0;
}

static int fail_tool(struct su_err *e, const char *name, const siginfo_t *si, const struct tail *t)
{
    char why[160];
    last_line(t, why, sizeof why);
    if (si->si_code == CLD_EXITED)
        return su_fail(e, SU_E_IO, "host.tool.failed", "%s: exit status %d%s", name, si->si_status, why);
    return su_fail(e, SU_E_IO, "host.tool.failed", "%s: ended by signal %d (%s)%s", name, si->si_status,
                   strsignal(si->si_status), why);
}

/* Descriptors of a child being set up; -1: none.  The "our" side is kept, the "its" side closed after the fork. */
struct pipes {
    int in, out_r, out_w, err_r, err_w, report_r, report_w;
};

static void pipes_done(struct pipes *p)
{
    const int fds[] = {p->in, p->out_r, p->out_w, p->err_r, p->err_w, p->report_r, p->report_w};
    for (size_t i = 0; i < SU_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Descriptors 0 to 2 may be closed in the parent; what the child is to get must not sit there. */
static int above_2(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int up = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int os = errno;
    close(fd);
    errno = os;
    return up;
}

static int make_pipe(int *r, int *w)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0)
        return -1;
    *r = above_2(fd[0]);
    *w = above_2(fd[1]);
    return *r < 0 || *w < 0 ? -1 : 0;
}

static int make_input(struct su_bytes b)
{
    if (b.n == 0)
        return above_2(open("/dev/null", O_RDONLY | O_CLOEXEC));
    int fd = above_2(memfd_create("input", MFD_CLOEXEC)); /* no pipe: it could fill, and raise SIGPIPE */
    while (fd >= 0 && b.n > 0) {
        ssize_t n = write(fd, b.p, b.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(fd);
            return -1;
        }
        su_skip(&b, (size_t)n);
    }
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int make_env(const struct su_child *spec, const char *env[MAX_ENV + 3], struct su_err *e)
{
    size_t n = 0;
    env[n++] = "PATH=" SU_CHILD_PATH;
    env[n++] = "LC_ALL=C";
    for (size_t i = 0; spec->env && spec->env[i]; i++) {
        if (i == MAX_ENV)
            return su_fail(e, SU_E_USAGE, "host.tool.spec", "more than %d variables for %s", MAX_ENV, spec->argv[0]);
        env[n++] = spec->env[i];
    }
    env[n] = NULL;
    return 0;
}

/* fork with every signal held back until the child has reset its handlers. */
static pid_t fork_quietly(const struct su_child_setup *s)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    pid_t pid = fork();
    if (pid == 0)
        su_child_exec(s);
    int os = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = os;
    return pid;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* Waits for exec to happen; a report means that it did not. */
static int await_exec(int report, const char *name, struct su_err *e)
{
    struct su_child_report r;
    ssize_t n;
    do {
        n = read(report, &r, sizeof r);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    errno = n == (ssize_t)sizeof r ? r.os_errno : EIO;
    return su_fail_os(e, "host.tool.failed", "%s: %s", name,
                      n == (ssize_t)sizeof r ? su_child_step_name(r.step) : "starting it");
}

/* A child that stays has one pipe for both streams.  It must not be able to fill it up and hang on it, nor be
 * killed by writing: what does not fit is lost. */
static int make_pipes(struct pipes *p, const struct su_child *spec, bool stays)
{
    p->in = make_input(spec->input);
    if (p->in < 0 || make_pipe(&p->err_r, &p->err_w) < 0 || make_pipe(&p->report_r, &p->report_w) < 0)
        return -1;
    if (!stays && !spec->out_fd)
        return make_pipe(&p->out_r, &p->out_w);
    p->out_w = fcntl(spec->out_fd ? *spec->out_fd : p->err_w, F_DUPFD_CLOEXEC, 3);
    return p->out_w < 0 ? -1 : stays ? fcntl(p->err_w, F_SETFL, O_NONBLOCK) : 0;
}

/* On success pid and pidfd are the caller's, and so are p's reading ends. */
static int spawn(const struct su_child *spec, bool stays, struct pipes *p, pid_t *pid, int *pidfd, struct su_err *e)
{
    char path[1024];
    const char *env[MAX_ENV + 3];
    const char *name = spec->argv[0];
    for (size_t i = 0; i < spec->n_keep_fds; i++)
        if (spec->keep_fds[i] < 3)
            return su_fail(e, SU_E_USAGE, "host.tool.spec", "%s cannot keep descriptor %d", name, spec->keep_fds[i]);
    if (su_child_find(name, path, sizeof path, e) < 0 || make_env(spec, env, e) < 0)
        return -1;
    if (make_pipes(p, spec, stays) < 0)
        return su_fail_os(e, "host.tool.failed", "%s: pipes", name);
    struct su_child_setup s = {
        .spec = spec,
        .path = path,
        .env = (char *const *)env,
        .in = p->in,
        .out = p->out_w,
        .err = p->err_w,
        .report = p->report_w,
        .death_signal = stays ? SIGTERM : SIGKILL,
        .parent = getpid(),
    };
    pid_t child = fork_quietly(&s);
    if (child < 0)
        return su_fail_os(e, "host.tool.failed", "%s: fork", name);
    int *const ends[] = {&p->in, &p->out_w, &p->err_w, &p->report_w};
    for (size_t i = 0; i < SU_ARRAY_LEN(ends); i++) {
        close(*ends[i]);
        *ends[i] = -1;
    }
    int fd = pidfd_open(child, 0);
    if (fd < 0 || await_exec(p->report_r, name, e) < 0) {
        if (fd < 0) {
            su_fail_os(e, "host.tool.failed", "%s: pidfd", name);
            kill(child, SIGKILL);
        } else {
            close(fd);
        }
        reap(child);
        return -1;
    }
    *pid = child;
    *pidfd = fd;
    return 0;
}

/* A running child and what it says. */
struct pump {
    const char *name;
    int out, err; /* -1 at the end of the stream; borrowed */
    struct su_buf got;
    bool want_out, over;
    size_t max;
    struct tail tail;
};

static void pump_done(struct pump *p)
{
    su_buf_done(&p->got);
}

/* Takes what is there, once. */
static void pump_read(struct pump *p, int *fd, bool is_out)
{
    char b[16384];
    ssize_t n = read(*fd, b, sizeof b);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        *fd = -1;
        return;
    }
    if (!is_out || !p->want_out) {
        tail_add(&p->tail, b, (size_t)n);
        return;
    }
    if ((size_t)n > p->max - p->got.n)
        p->over = true;
    else
        su_buf_add(&p->got, b, (size_t)n);
}

/* What the pipes still hold after the child ended; a grandchild may keep them open, so never wait. */
static void pump_drain(struct pump *p)
{
    for (int rounds = 0; rounds < 64 && (p->out >= 0 || p->err >= 0); rounds++) {
        struct pollfd f[2] = {{p->out, POLLIN, 0}, {p->err, POLLIN, 0}};
        if (poll(f, 2, 0) <= 0)
            return;
        if (f[0].revents)
            pump_read(p, &p->out, true);
        if (f[1].revents)
            pump_read(p, &p->err, false);
    }
}

/* 0: the child has ended, 1: out of time or over the output limit */
static int pump_until_end(struct pump *p, int pidfd, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - su_monotonic_ms();
        if (left <= 0 || p->over)
            return 1;
        struct pollfd f[3] = {{p->out, POLLIN, 0}, {p->err, POLLIN, 0}, {pidfd, POLLIN, 0}};
        int n = poll(f, 3, left > 60000 ? 60000 : (int)left);
        if (n < 0 && errno != EINTR)
            return 1;
        if (n <= 0)
            continue;
        if (f[0].revents)
            pump_read(p, &p->out, true);
        if (f[1].revents)
            pump_read(p, &p->err, false);
        if (f[2].revents) {
            pump_drain(p);
            return p->over;
        }
    }
}

static int wait_end(int pidfd, siginfo_t *si)
{
    int r;
    *si = (siginfo_t){0};
    do {
        r = waitid(P_PIDFD, (id_t)pidfd, si, WEXITED);
    } while (r < 0 && errno == EINTR);
    return r;
}

int su_child_run(const struct su_child *spec, struct su_buf *out, struct su_err *e)
{
    SU_AUTO(pipes_done) struct pipes fd = {-1, -1, -1, -1, -1, -1, -1};
    SU_CLOSE int pidfd = -1;
    SU_AUTO(pump_done) struct pump p = {.name = spec->argv[0], .want_out = out != NULL};
    unsigned timeout = spec->timeout_ms ? spec->timeout_ms : DEFAULT_TIMEOUT_MS;
    int64_t deadline = su_monotonic_ms() + timeout;
    siginfo_t si;
    pid_t pid;
    if (spawn(spec, false, &fd, &pid, &pidfd, e) < 0)
        return -1;
    p.out = fd.out_r;
    p.err = fd.err_r;
    p.max = spec->max_out ? spec->max_out : DEFAULT_MAX_OUT;
    int cut = pump_until_end(&p, pidfd, deadline);
    if (cut)
        kill(spec->own_group ? -pid : pid, SIGKILL); /* not reaped yet, so the number is still its own */
    if (wait_end(pidfd, &si) < 0)
        return su_fail_os(e, "host.tool.failed", "%s: waiting for it", p.name);
    if (p.over)
        return su_fail(e, SU_E_IO, "host.tool.failed", "%s: more than %zu bytes of output", p.name, p.max);
    if (cut)
        return su_fail(e, SU_E_IO, "host.tool.timeout", "%s: not done after %u ms", p.name, timeout);
    if (si.si_code != CLD_EXITED || si.si_status != 0)
        return fail_tool(e, p.name, &si, &p.tail);
    if (su_buf_ok(&p.got, e) < 0)
        return -1;
    if (out)
        su_buf_add(out, p.got.p, p.got.n);
    return out ? su_buf_ok(out, e) : 0;
}

int su_child_start(const struct su_child *spec, struct su_proc *out, struct su_err *e)
{
    SU_AUTO(pipes_done) struct pipes fd = {-1, -1, -1, -1, -1, -1, -1};
    pid_t pid;
    int pidfd;
    if (spawn(spec, true, &fd, &pid, &pidfd, e) < 0)
        return -1;
    *out = (struct su_proc){.pid = pid, .pidfd = pidfd, .err_fd = fd.err_r, .name = spec->argv[0]};
    fd.err_r = -1;
    return 0;
}

static void read_tail(const struct su_proc *p, struct tail *t)
{
    struct pump pump = {.name = p->name, .out = -1, .err = p->err_fd};
    pump_drain(&pump);
    *t = pump.tail;
}

static int poll_end(int pidfd, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - su_monotonic_ms();
        struct pollfd f = {pidfd, POLLIN, 0};
        int n = poll(&f, 1, left < 0 ? 0 : (int)left);
        if (n >= 0 || errno != EINTR)
            return n > 0;
    }
}

int su_child_alive(const struct su_proc *p, unsigned wait_ms, struct su_err *e)
{
    siginfo_t si = {0};
    struct tail t;
    if (!poll_end(p->pidfd, su_monotonic_ms() + wait_ms))
        return 0;
    if (waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED | WNOWAIT) < 0)
        return su_fail_os(e, "host.tool.failed", "%s: waiting for it", p->name);
    read_tail(p, &t);
    return fail_tool(e, p->name, &si, &t);
}

static void proc_close(struct su_proc *p)
{
    close(p->pidfd);
    close(p->err_fd);
}

int su_child_stop(struct su_proc *p, unsigned timeout_ms, struct su_err *e)
{
    if (p->pid == 0)
        return 0;
    SU_AUTO(proc_close) struct su_proc was = *p;
    siginfo_t si;
    struct tail t;
    *p = (struct su_proc)SU_PROC_NONE;
    kill(was.pid, SIGTERM);
    bool ended = poll_end(was.pidfd, su_monotonic_ms() + timeout_ms);
    if (!ended)
        kill(was.pid, SIGKILL);
    if (wait_end(was.pidfd, &si) < 0)
        return su_fail_os(e, "host.tool.failed", "%s: waiting for it", was.name);
    if (!ended)
        return su_fail(e, SU_E_IO, "host.tool.timeout", "%s: did not stop within %u ms", was.name, timeout_ms);
    if ((si.si_code == CLD_EXITED && si.si_status == 0) || (si.si_code == CLD_KILLED && si.si_status == SIGTERM))
        return 0;
    read_tail(&was, &t);
    return fail_tool(e, was.name, &si, &t);
}

void su_child_stopp(struct su_proc *p)
{
    struct su_err e;
    (void)su_child_stop(p, 2000, &e);
}
