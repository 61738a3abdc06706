/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox.h"
#include "base/confine.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { SECURE_HEAP = 1 << 19, SECURE_MIN = 32 };

/* The event loop, threads, OpenSSL, the TPM software stack, PKCS#11 modules, and opening all of these again. */
static const int allowed[] = {
    SCMP_SYS(accept4),
    SCMP_SYS(access),
    SCMP_SYS(brk),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(close),
    SCMP_SYS(connect),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fchmod),
    SCMP_SYS(fcntl),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(futex),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(link),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(munlock),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(prlimit64),
    SCMP_SYS(pselect6),
    SCMP_SYS(pwrite64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rmdir),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(select),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(signalfd4),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(sysinfo),
    SCMP_SYS(tgkill),
    SCMP_SYS(uname),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

/* Of a TPM emulator; never of a real TPM. */
static bool needs_tcp(const char *key)
{
    return strncmp(key, "tpm2:", 5) == 0 && (strstr(key, "tcti=swtpm:") || strstr(key, "tcti=mssim:"));
}

static int allow_socket(scmp_filter_ctx f, int family)
{
    return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
}

static int add_rules(scmp_filter_ctx f, const struct su_sandbox *b)
{
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(allowed) && rc == 0; i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
        if (rc == -EDOM) /* a call this architecture does not have */
            rc = 0;
    }
    rc = rc ? rc : allow_socket(f, AF_UNIX);
    if (rc == 0 && needs_tcp(b->key))
        rc = allow_socket(f, AF_INET) ? -1 : allow_socket(f, AF_INET6);
    rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, 0x5401 /* TCGETS */));
    rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, 0x5421 /* FIONBIO */));
    return rc;
}

static int enter_filter(const struct su_sandbox *b, struct su_err *e)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!f)
        return su_fail_nomem(e, 0);
    int rc = add_rules(f, b);
    if (rc == 0)
        rc = seccomp_load(f);
    seccomp_release(f);
    if (rc == 0)
        return 0;
    errno = -rc;
    return su_fail_os(e, "host.confine", "loading the system call filter");
}

static void allow_device(struct su_confine *c, const char *key, char *path, size_t cap)
{
    static const char named[] = "tcti=device:";
    if (strncmp(key, "tpm2:", 5) != 0)
        return;
    const char *at = strstr(key, named);
    if (!at && strstr(key, "tcti="))
        return;
    snprintf(path, cap, "%s", at ? at + sizeof named - 1 : "/dev/tpmrm0");
    path[strcspn(path, ";")] = 0;
    su_confine_allow(c, path, false);
}

int su_sandbox_enter(const struct su_sandbox *b, struct su_err *e)
{
    struct su_confine c = {0};
    const struct rlimit none = {0, 0};
    char device[256];
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return su_fail_os(e, "host.confine", "turning core dumps off");
    /* private numbers in locked memory that is in no dump; without it keys lie in the heap as they always do */
    (void)CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_MIN);
    su_confine_allow(&c, b->state, true);
    su_confine_allow(&c, b->token_dir, true);
    su_confine_allow(&c, "/dev/null", false);
    allow_device(&c, b->key, device, sizeof device);
    if (su_confine_enter(&c, NULL, e) < 0)
        return -1;
    return enter_filter(b, e);
}
