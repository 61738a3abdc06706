/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/lock.c - locks on batches, VMs and disks: flock(2) on files of STATE/jobs/lock, which the kernel gives back.
 *
 * The lock belongs to the open file: two threads of one process exclude each other like two processes. */
#include "jobs_int.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct kind {
    const char *prefix, *id, *what, *remedy;
};
static const struct kind batches = {"batch", "job.running", "another process runs batch",
                                    "Wait for it, or look with: surety job show"};
static const struct kind vms = {"vm", "vm.locked", "another job works on the VM", "Wait until that job has ended"};
static const struct kind disks = {"disk", "vm.disk.locked", "another job works on the disk",
                                  "Wait until that job has ended"};

static bool good_name(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < 48 && strspn(s, "0123456789abcdefABCDEF-") == n;
}

/* Trimming removes lock files: what was locked may have no name any more, and then locks nothing. */
static bool still_named(int fd, int dir, const char *name)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

static int lock(struct su_jobs *j, const struct kind *k, const char *key, int *out, struct su_err *e)
{
    char path[sizeof j->dir + 8], name[64];
    if (!good_name(key))
        return su_fail(e, SU_E_USAGE, "job.lock-name", "\"%.48s\" is no name for a lock", key);
    snprintf(path, sizeof path, "%s/lock", j->dir);
    snprintf(name, sizeof name, "%s-%s", k->prefix, key);
    SU_CLOSE int dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return su_fail_os(e, "job.state", "opening %s", path);
    for (int i = 0; i < 100; i++) {
        SU_CLOSE int fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return su_fail_os(e, "job.state", "opening %s/%s", path, name);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EWOULDBLOCK)
                return su_fail_os(e, "job.state", "locking %s/%s", path, name);
            su_fail(e, SU_E_CONFLICT, k->id, "%s %s", k->what, key);
            return su_remedy(e, k->remedy);
        }
        if (still_named(fd, dir, name)) {
            *out = fd;
            fd = -1;
            return 0;
        }
    }
    return su_fail(e, SU_E_CONFLICT, k->id, "%s %s", k->what, key);
}

int su_batch_lock(struct su_jobs *j, const char *id, int *fd, struct su_err *e)
{
    return jobs_check_id(id, e) < 0 ? -1 : lock(j, &batches, id, fd, e);
}

int su_vm_lock(struct su_jobs *j, const char *uuid, int *fd, struct su_err *e)
{
    return lock(j, &vms, uuid, fd, e);
}

int su_disk_lock(struct su_jobs *j, const char *key, int *fd, struct su_err *e)
{
    return lock(j, &disks, key, fd, e);
}
