/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "confine.h"
#include "sanitized.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Rights of Landlock's first version that change something; reading and executing stay free. */
#define FILE_RIGHTS ((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE)
#define DIR_RIGHTS                                                                                                     \
    ((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |       \
                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |             \
                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |          \
                LANDLOCK_ACCESS_FS_MAKE_SYM))

void su_confine_allow(struct su_confine *c, const char *path, bool dir)
{
    if (!path || !*path || c->n == SU_CONFINE_MAX)
        return;
    c->place[c->n].path = path;
    c->place[c->n++].dir = dir;
}

static int allow_place(int rules, const char *path, bool dir, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0;
    struct landlock_path_beneath_attr rule = {.parent_fd = fd,
                                              .allowed_access = dir && S_ISDIR(st.st_mode) ? DIR_RIGHTS : FILE_RIGHTS};
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return su_fail_os(e, "host.confine", "allowing %s", path);
    return 0;
}

static int enter_landlock(const struct su_confine *c, bool *landlocked, struct su_err *e)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = DIR_RIGHTS};
    SU_CLOSE int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    *landlocked = rules >= 0;
    if (rules < 0) /* a kernel without it, or with it switched off */
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : su_fail_os(e, "host.confine", "making Landlock rules");
    for (size_t i = 0; i < c->n; i++)
        if (allow_place(rules, c->place[i].path, c->place[i].dir, e) < 0)
            return -1;
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        return su_fail_os(e, "host.confine", "entering the Landlock domain");
    return 0;
}

/* Never needed, by us, a storage daemon, mkfs.fat, mtools, grub-mkimage or libguestfs. */
static const int refused[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(reboot),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(setns),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(syslog),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(vhangup),
    SCMP_SYS(lookup_dcookie),
};

static int enter_seccomp(struct su_err *e)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    if (!f)
        return su_fail_nomem(e, 0);
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(refused) && rc == 0; i++) {
        if (SU_SANITIZED && refused[i] == SCMP_SYS(ptrace)) /* the search for leaks would end us with a bad status */
            continue;
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
        if (rc == -EDOM) /* a call this architecture does not have */
            rc = 0;
    }
    if (rc == 0)
        rc = seccomp_load(f);
    seccomp_release(f);
    if (rc == 0 || rc == -ECANCELED || rc == -EOPNOTSUPP) /* a kernel without filters */
        return 0;
    errno = -rc;
    return su_fail_os(e, "host.confine", "loading the system call filter");
}

int su_confine_enter(const struct su_confine *c, bool *landlocked, struct su_err *e)
{
    bool have = false;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return su_fail_os(e, "host.confine", "giving up new privileges");
    if (enter_landlock(c, &have, e) < 0 || enter_seccomp(e) < 0)
        return -1;
    if (landlocked)
        *landlocked = have;
    return 0;
}
