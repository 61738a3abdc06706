/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "child_exec.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum step { FILES, SIGNALS, GROUP, DIRECTORY, CONFINE, DEATH_SIGNAL, EXEC, STEPS };
static const char *const step_names[] = {
    [FILES] = "setting up its files",
    [SIGNALS] = "resetting signals",
    [GROUP] = "its process group",
    [DIRECTORY] = "entering its directory",
    [CONFINE] = "giving up privileges",
    [DEATH_SIGNAL] = "setting its death signal",
    [EXEC] = "executing it",
};
_Static_assert(SU_ARRAY_LEN(step_names) == STEPS, "a step without a name");

/* By number and not by name: Debian, Fedora and the kernel's overflow uid agree on it, and getpwnam is not
 * async-signal-safe. */
enum { NOBODY = 65534 };

const char *su_child_step_name(int step)
{
    return step >= 0 && step < STEPS ? step_names[step] : "?";
}

static int files(const struct su_child_setup *s)
{
    if (dup2(s->in, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0)
        return -1;
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -1;
    for (size_t i = 0; i < s->spec->n_keep_fds; i++)
        if (fcntl(s->spec->keep_fds[i], F_SETFD, 0) < 0)
            return -1;
    return 0;
}

static int signals(void)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &dfl, NULL); /* fails for SIGKILL, SIGSTOP and the C library's own, rightly */
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int limit(int what, uint64_t value)
{
    struct rlimit r = {.rlim_cur = value, .rlim_max = value};
    return prlimit(0, what, &r, NULL);
}

static uint64_t or_default(uint64_t v, uint64_t otherwise)
{
    return v ? v : otherwise;
}

static int confine(const struct su_child *c)
{
    if (geteuid() == 0) {
        (void)unshare(CLONE_NEWNET | CLONE_NEWIPC); /* an extra: containers may forbid it */
        /* raw system calls: the C library's wrappers signal the other threads it remembers from the parent */
        if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) < 0 ||
            syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) < 0)
            return -1;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    if (limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_FSIZE, or_default(c->max_file, 64 * SU_MIB)) < 0 ||
        limit(RLIMIT_AS, or_default(c->max_memory, 512 * SU_MIB)) < 0 ||
        limit(RLIMIT_NOFILE, or_default(c->max_files, 64)) < 0 || limit(RLIMIT_CPU, or_default(c->max_cpu_s, 20)) < 0)
        return -1;
    return limit(RLIMIT_NPROC, 0); /* after setresuid, or exec would be refused: no fork in such a tool */
}

/* A change of user clears the death signal, so this comes last; and a parent that is gone by now will never send it. */
static int death_signal(const struct su_child_setup *s)
{
    if (prctl(PR_SET_PDEATHSIG, s->death_signal, 0, 0, 0) < 0)
        return -1;
    if (getppid() != s->parent) {
        errno = ESRCH;
        return -1;
    }
    return 0;
}

static _Noreturn void give_up(const struct su_child_setup *s, enum step step)
{
    struct su_child_report r = {.os_errno = errno, .step = (int)step};
    ssize_t n = write(s->report, &r, sizeof r);
    _exit(n == (ssize_t)sizeof r ? 126 : 127);
}

_Noreturn void su_child_exec(const struct su_child_setup *s)
{
    const struct su_child *c = s->spec;
    if (signals() < 0)
        give_up(s, SIGNALS);
    if (files(s) < 0)
        give_up(s, FILES);
    if (c->own_group && setpgid(0, 0) < 0)
        give_up(s, GROUP);
    if (chdir(c->cwd ? c->cwd : "/") < 0)
        give_up(s, DIRECTORY);
    if (c->confined && confine(c) < 0)
        give_up(s, CONFINE);
    if (death_signal(s) < 0)
        give_up(s, DEATH_SIGNAL);
    execve(s->path, (char *const *)c->argv, s->env);
    give_up(s, EXEC);
}
