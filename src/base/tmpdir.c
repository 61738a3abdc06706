/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tmpdir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>

#define NAME "surety-"
enum { SWEEP_AGE_S = 5, SWEEP_MAX = 64 };

/* In memory, writable by us, and with room for need bytes. */
static bool suits(const char *dir, uint64_t need)
{
    struct statfs s;
    if (statfs(dir, &s) < 0 || access(dir, W_OK | X_OK) < 0)
        return false;
    if (s.f_type != TMPFS_MAGIC && s.f_type != RAMFS_MAGIC)
        return false;
    /* a tmpfs without a limit, and any ramfs, report no blocks at all */
    return s.f_blocks == 0 || (uint64_t)s.f_bavail * (uint64_t)s.f_bsize >= need;
}

/* takes fd.  Recursion is bounded by left. */
static void empty(int fd, dev_t dev, int left)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    for (struct dirent *n = readdir(d); n; n = readdir(d)) {
        if (strcmp(n->d_name, ".") == 0 || strcmp(n->d_name, "..") == 0)
            continue;
        struct stat s;
        if (fstatat(fd, n->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0 || s.st_dev != dev)
            continue;
        if (!S_ISDIR(s.st_mode)) {
            unlinkat(fd, n->d_name, 0);
            continue;
        }
        int sub = left > 0 ? openat(fd, n->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (sub >= 0)
            empty(sub, dev, left - 1);
        unlinkat(fd, n->d_name, AT_REMOVEDIR);
    }
    closedir(d);
}

/* A process that was killed leaves its directory behind, and perhaps memory with it.  Every owner holds a lock on its
 * directory; one without a lock is nobody's, unless it is so new that its owner has not come to locking it. */
static void sweep(const char *dir)
{
    DIR *d = opendir(dir);
    int left = SWEEP_MAX;
    for (struct dirent *n = d ? readdir(d) : NULL; n && left > 0; n = readdir(d)) {
        struct stat s;
        if (strncmp(n->d_name, NAME, strlen(NAME)) != 0 || strlen(n->d_name) != strlen(NAME) + 6)
            continue;
        int fd = openat(dirfd(d), n->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fstat(fd, &s) < 0 || s.st_uid != geteuid() || time(NULL) - s.st_ctime < SWEEP_AGE_S ||
            flock(fd, LOCK_EX | LOCK_NB) < 0) {
            close(fd);
            continue;
        }
        empty(fd, s.st_dev, SU_TMPDIR_MAX_DEPTH); /* takes the descriptor */
        unlinkat(dirfd(d), n->d_name, AT_REMOVEDIR);
        left--;
    }
    if (d)
        closedir(d);
}

static int try_in(struct su_tmpdir *t, const char *dir)
{
    char path[sizeof t->path];
    int n = snprintf(path, sizeof path, "%s/" NAME "XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    sweep(dir);
    if (!mkdtemp(path))
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int os = errno;
        if (fd >= 0)
            close(fd);
        rmdir(path);
        errno = os;
        return -1;
    }
    memcpy(t->path, path, sizeof path);
    t->fd = fd;
    return 0;
}

static int no_place(struct su_err *e, int rc)
{
    (void)su_remedy(e, "name a directory with room in TMPDIR, one that you may write to");
    return rc;
}

int su_tmpdir_make(struct su_tmpdir *t, uint64_t need, struct su_err *e)
{
    static const char *const in_memory[] = {"/run", "/dev/shm", "/tmp"};
    static const char *const anywhere[] = {"/tmp", "/var/tmp"};
    const char *wish = getenv("TMPDIR");
    if (wish && wish[0] == '/') {
        if (try_in(t, wish) < 0)
            return no_place(e, su_fail_os(e, "host.tmpdir", "a private directory in %s (TMPDIR)", wish));
        return 0;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(in_memory); i++)
        if (suits(in_memory[i], need) && try_in(t, in_memory[i]) == 0)
            return 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(anywhere); i++)
        if (try_in(t, anywhere[i]) == 0)
            return 0;
    return no_place(e, su_fail_os(e, "host.tmpdir", "a private directory in /tmp"));
}

void su_tmpdir_remove(struct su_tmpdir *t)
{
    struct stat s;
    if (t->fd >= 0) {
        if (fstat(t->fd, &s) == 0)
            empty(t->fd, s.st_dev, SU_TMPDIR_MAX_DEPTH); /* takes the descriptor */
        else
            close(t->fd);
        rmdir(t->path);
    }
    *t = (struct su_tmpdir)SU_TMPDIR_NONE;
}

int su_tmpdir_put(const struct su_tmpdir *t, const char *name, mode_t mode, struct su_bytes content, struct su_err *e)
{
    SU_CLOSE int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode ? mode : 0600);
    if (fd < 0 || (mode && fchmod(fd, mode) < 0)) /* the umask has no say in what the caller asks for */
        return su_fail_os(e, "host.tmpdir", "%s/%s", t->path, name);
    while (content.n > 0) {
        ssize_t n = write(fd, content.p, content.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return no_place(e, su_fail_os(e, "host.tmpdir", "writing %s/%s", t->path, name));
        su_skip(&content, (size_t)n);
    }
    return 0;
}

int su_tmpdir_mkdir(const struct su_tmpdir *t, const char *name, mode_t mode, struct su_err *e)
{
    if (mkdirat(t->fd, name, 0700) < 0 || fchmodat(t->fd, name, mode ? mode : 0700, 0) < 0)
        return su_fail_os(e, "host.tmpdir", "%s/%s", t->path, name);
    return 0;
}
