/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "jail.h"
#include "base/sanitized.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Every right of Landlock's first version, reading and executing too. */
#define ALL_RIGHTS ((uint64_t)(LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int no_files(struct su_err *e)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = ALL_RIGHTS};
    SU_CLOSE int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0) /* a kernel without it, or with it switched off: seccomp still refuses to open */
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : su_fail_os(e, "imds.jail", "making Landlock rules");
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        return su_fail_os(e, "imds.jail", "entering the Landlock domain");
    return 0;
}

/* Sending, receiving, waiting, memory, time, ending. */
static const int allowed_imds[] = {
    SCMP_SYS(accept4),        SCMP_SYS(brk),          SCMP_SYS(clock_gettime),
    SCMP_SYS(close),          SCMP_SYS(epoll_ctl),    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),     SCMP_SYS(exit),         SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),          SCMP_SYS(futex),        SCMP_SYS(getpeername),
    SCMP_SYS(getpid),         SCMP_SYS(getrandom),    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),     SCMP_SYS(gettid),       SCMP_SYS(gettimeofday),
    SCMP_SYS(geteuid),        SCMP_SYS(madvise),      SCMP_SYS(mremap),
    SCMP_SYS(munmap),         SCMP_SYS(read),         SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),       SCMP_SYS(recvmsg),      SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),        SCMP_SYS(sendto),       SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),       SCMP_SYS(tgkill),       SCMP_SYS(time),
    SCMP_SYS(write),          SCMP_SYS(writev),
};
static const int allowed_connector[] = {
    SCMP_SYS(close),   SCMP_SYS(connect),      SCMP_SYS(exit_group),      SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
        if (rc == -EDOM) /* a call this architecture does not have */
            rc = 0;
    }
    return rc;
}

/* Memory that can be executed is not made any more. */
static int allow_memory(scmp_filter_ctx f)
{
    int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return rc ? rc
              : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_unix_sockets(scmp_filter_ctx f)
{
    return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
                            SCMP_A1(SCMP_CMP_EQ, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int filter(const int *calls, size_t n, int (*more)(scmp_filter_ctx), struct su_err *e)
{
    if (SU_SANITIZED)
        return 0;
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f)
        return su_fail_nomem(e, 0);
    int rc = allow(f, calls, n);
    if (rc == 0)
        rc = more(f);
    if (rc == 0)
        rc = seccomp_load(f);
    seccomp_release(f);
    if (rc == 0)
        return 0;
    errno = rc == -ECANCELED ? ENOSYS : -rc;
    return su_fail_os(e, "imds.jail", "loading the system call filter");
}

static int give_up(struct su_err *e)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return su_fail_os(e, "imds.jail", "forbidding core dumps");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return su_fail_os(e, "imds.jail", "giving up new privileges");
    return SU_SANITIZED ? 0 : no_files(e);
}

int su_jail_imds(struct su_err *e)
{
    return give_up(e) < 0 ? -1 : filter(allowed_imds, SU_ARRAY_LEN(allowed_imds), allow_memory, e);
}

int su_jail_connector(struct su_err *e)
{
    return give_up(e) < 0 ? -1 : filter(allowed_connector, SU_ARRAY_LEN(allowed_connector), allow_unix_sockets, e);
}

int su_jail_drop_user(const char *name, struct su_err *e)
{
    errno = 0;
    const struct passwd *p = getpwnam(name);
    if (!p)
        return su_fail(e, SU_E_MISSING, "imds.user", "there is no user %s", name);
    if (initgroups(name, p->pw_gid) < 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
        setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
        return su_fail_os(e, "imds.user", "cannot become the user %s", name);
    return 0;
}
