/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/lock.c - locks on batches, VMs and disks: of files of STATE/jobs/lock, which the kernel gives back.
 *
 * The lock belongs to the open file: two threads of one process exclude each other like two processes.  It is one of
 * fcntl(2), not of flock(2), because whoever only looks must not hold it, not even for a moment: the one who comes to
 * hold it would be told that somebody works. */
#include "jobs_int.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

/* The directory, and the lock's name in it. */
static int find(struct su_jobs *j, const struct kind *k, const char *key, char name[64], int *dir, struct su_err *e)
{
    char path[sizeof j->dir + 8];
    if (!good_name(key))
        return su_fail(e, SU_E_USAGE, "job.lock-name", "\"%.48s\" is no name for a lock", key);
    snprintf(path, sizeof path, "%s/lock", j->dir);
    snprintf(name, 64, "%s-%s", k->prefix, key);
    *dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *dir < 0 ? su_fail_os(e, "job.state", "opening %s", path) : 0;
}

static int whole_file(int fd, int cmd, struct flock *l)
{
    *l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, cmd, l);
}

static int lock(struct su_jobs *j, const struct kind *k, const char *key, int *out, struct su_err *e)
{
    char name[64];
    struct flock l;
    SU_CLOSE int dir = -1;
    if (find(j, k, key, name, &dir, e) < 0)
        return -1;
    for (int i = 0; i < 100; i++) {
        SU_CLOSE int fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return su_fail_os(e, "job.state", "opening %s/lock/%s", j->dir, name);
        if (whole_file(fd, F_OFD_SETLK, &l) < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN && errno != EACCES)
                return su_fail_os(e, "job.state", "locking %s/lock/%s", j->dir, name);
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

int su_batch_running(struct su_jobs *j, const char *id, bool *running, struct su_err *e)
{
    char name[64];
    struct flock l;
    SU_CLOSE int dir = -1;
    if (jobs_check_id(id, e) < 0 || find(j, &batches, id, name, &dir, e) < 0)
        return -1;
    SU_CLOSE int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return su_fail_os(e, "job.state", "opening %s/lock/%s", j->dir, name);
    if (fd >= 0 && whole_file(fd, F_OFD_GETLK, &l) < 0)
        return su_fail_os(e, "job.state", "looking at the lock %s/lock/%s", j->dir, name);
    *running = fd >= 0 && l.l_type != F_UNLCK;
    return 0;
}

int su_vm_lock(struct su_jobs *j, const char *uuid, int *fd, struct su_err *e)
{
    return lock(j, &vms, uuid, fd, e);
}

int su_disk_lock(struct su_jobs *j, const char *key, int *fd, struct su_err *e)
{
    return lock(j, &disks, key, fd, e);
}

/* To remove a file, it is held for a moment: whoever wants it then is told that somebody works.  So it is only done to
 * those that were made long ago, once a day. */
void jobs_trim_locks(struct su_jobs *j, uint64_t before)
{
    static const struct kind *const kinds[] = {&vms, &disks};
    char path[sizeof j->dir + 8];
    const struct dirent *f;
    snprintf(path, sizeof path, "%s/lock", j->dir);
    DIR *dir = opendir(path);
    while (dir && (f = readdir(dir)))
        for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++) {
            struct stat st;
            struct su_err ignored;
            SU_CLOSE int fd = -1;
            size_t n = strlen(kinds[i]->prefix);
            if (strncmp(f->d_name, kinds[i]->prefix, n) == 0 && f->d_name[n] == '-' &&
                fstatat(dirfd(dir), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (uint64_t)st.st_mtime < before &&
                lock(j, kinds[i], f->d_name + n + 1, &fd, &ignored) == 0)
                unlinkat(dirfd(dir), f->d_name, 0);
        }
    if (dir)
        closedir(dir);
}
