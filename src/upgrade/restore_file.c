/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of a VM's state, in directories that others may write. */
#include "upgrade/restore_int.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_LINKS = 16, MAX_REMOVED = 4096, MAX_DEPTH = 8, CHUNK = 64 << 10 };

int su_restore_fail_os(struct su_err *e, const char *doing, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    su_fail_os(e, full ? "vm.restore.space" : "vm.restore.io", "%s %.120s", doing, path);
    return full ? su_remedy(e, "make room, then run the same command again") : -1;
}

static int refuse(struct su_err *e, const char *path, const char *why)
{
    su_fail(e, SU_E_REFUSED, "vm.restore.state", "%.150s: %s", path, why);
    return su_remedy(e, "look who put it there; a VM's state is plain files in plain directories");
}

/* Walking a path ------------------------------------------------------------ */

struct walk {
    char left[2 * SU_DOM_PATH]; /* what is still to be walked, without the first slash */
    int dir;                    /* owned */
    unsigned links;
};

static void walk_done(struct walk *w)
{
    if (w->dir >= 0)
        close(w->dir);
}

static int walk_root(struct walk *w, struct su_err *e)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return su_restore_fail_os(e, "opening", "/");
    if (w->dir >= 0)
        close(w->dir);
    w->dir = fd;
    return 0;
}

/* Takes the first part of left into name; false: it was the only one, and stays there. */
static bool next_part(struct walk *w, char name[SU_STATE_NAME], bool *bad)
{
    char *s = w->left + strspn(w->left, "/");
    size_t n = strcspn(s, "/");
    char *rest = s + n + strspn(s + n, "/");
    *bad = n == 0 || n >= SU_STATE_NAME || strncmp(s, "..", n < 2 ? 2 : n) == 0;
    if (*bad)
        return false;
    memcpy(name, s, n);
    name[n] = 0;
    bool more = *rest != 0;
    if (more)
        memmove(w->left, rest, strlen(rest) + 1);
    return more;
}

/* The link's target comes before what is left. */
static int follow(struct walk *w, const char *name, const char *rest, const char *path, struct su_err *e)
{
    struct stat st;
    char target[SU_DOM_PATH], all[sizeof w->left];
    int link SU_CLOSE = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC); /* it may be replaced meanwhile */
    if (link < 0 || fstat(link, &st) < 0)
        return su_restore_fail_os(e, "looking at", path);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || ++w->links > MAX_LINKS)
        return refuse(e, path, "a link of somebody else leads there");
    ssize_t n = readlinkat(link, "", target, sizeof target - 1);
    if (n <= 0 || n >= (ssize_t)sizeof target - 1)
        return refuse(e, path, "a link leads nowhere");
    target[n] = 0;
    int m = snprintf(all, sizeof all, "%s%s%s", target, *rest ? "/" : "", rest);
    if (m < 0 || (size_t)m >= sizeof all)
        return refuse(e, path, "the path is too long");
    memcpy(w->left, all, (size_t)m + 1);
    return target[0] == '/' ? walk_root(w, e) : 0;
}

/* 1: there is no such directory */
static int enter(struct walk *w, const char *name, const char *path, struct su_err *e)
{
    int fd = openat(w->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        char rest[sizeof w->left];
        memcpy(rest, w->left, sizeof rest);
        return follow(w, name, rest, path, e);
    }
    if (fd < 0)
        return su_restore_fail_os(e, "opening", path);
    close(w->dir);
    w->dir = fd;
    return 0;
}

/* 1: there is no such directory */
static int walk(struct walk *w, const char *path, char name[SU_STATE_NAME], struct su_err *e)
{
    bool bad = false;
    while (next_part(w, name, &bad)) {
        int r = enter(w, name, path, e);
        if (r != 0)
            return r;
    }
    return bad ? refuse(e, path, "not the path of a file") : 0;
}

static int walk_begin(struct walk *w, const char *path, struct su_err *e)
{
    size_t n = strlen(path);
    if (path[0] != '/' || n >= SU_DOM_PATH)
        return refuse(e, path, "not an absolute path");
    memcpy(w->left, path, n + 1);
    return walk_root(w, e);
}

int su_state_parent(const char *path, int *dir, char name[SU_STATE_NAME], struct su_err *e)
{
    struct walk w SU_AUTO(walk_done) = {.dir = -1};
    int r = walk_begin(&w, path, e) < 0 ? -1 : walk(&w, path, name, e);
    int fd = r == 0 ? openat(w.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (r < 0 || (r == 0 && fd < 0))
        return r < 0 ? -1 : su_restore_fail_os(e, "opening the directory of", path);
    *dir = fd;
    return 0;
}

int su_state_open(const char *path, int flags, int *out, struct su_err *e)
{
    struct walk w SU_AUTO(walk_done) = {.dir = -1};
    char name[SU_STATE_NAME] = "";
    struct stat st;
    int r = walk_begin(&w, path, e), fd = -1;
    while (r == 0 && fd < 0) {
        r = walk(&w, path, name, e);
        fd = r == 0 ? openat(w.dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
        if (r == 0 && fd < 0)
            r = errno == ELOOP ? follow(&w, name, "", path, e) : su_restore_fail_os(e, "opening", path);
    }
    if (r != 0)
        return r < 0 ? -1 : su_fail(e, SU_E_MISSING, "vm.restore.gone", "%.150s: its directory is gone", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return refuse(e, path, "not a regular file");
    }
    *out = fd;
    return 0;
}

static int sync_fd(int fd, const char *path, struct su_err *e)
{
    return fsync(fd) == 0 ? 0 : su_restore_fail_os(e, "writing", path);
}

int su_state_sync_parent(const char *path, struct su_err *e)
{
    char name[SU_STATE_NAME];
    int dir SU_CLOSE = -1;
    if (su_state_parent(path, &dir, name, e) < 0)
        return -1;
    return dir < 0 ? 0 : sync_fd(dir, path, e);
}

bool su_state_exists(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Copies --------------------------------------------------------------------- */

static int keep_owner(int fd, const struct stat *st, const char *name, struct su_err *e)
{
    if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 0777) < 0)
        return su_restore_fail_os(e, "giving owner and mode to", name);
    return sync_fd(fd, name, e);
}

static int write_all(int fd, const uint8_t *p, size_t n, const char *name, struct su_err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, p + done, n - done);
        if (w < 0 && errno != EINTR)
            return su_restore_fail_os(e, "writing", name);
        done += w > 0 ? (size_t)w : 0;
    }
    return 0;
}

static int pump(int in, int out, const char *name, struct su_state_budget *b, struct su_err *e)
{
    uint8_t *buf SU_FREE = malloc(CHUNK);
    if (!buf)
        return su_fail_nomem(e, CHUNK);
    for (;;) {
        ssize_t n = read(in, buf, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return su_restore_fail_os(e, "reading", name);
        if (n == 0)
            return 0;
        if ((uint64_t)n > b->bytes)
            return refuse(e, name, "larger than any such state is");
        b->bytes -= (uint64_t)n;
        if (write_all(out, buf, (size_t)n, name, e) < 0)
            return -1;
    }
}

int su_state_copy_file(int from, const char *name, int to, const char *as, struct su_state_budget *b, struct su_err *e)
{
    struct stat st;
    int in SU_CLOSE = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (in < 0)
        return errno == ELOOP ? refuse(e, name, "a link") : su_restore_fail_os(e, "opening", name);
    if (fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
        return refuse(e, name, "not a regular file");
    if (st.st_nlink > 1)
        return refuse(e, name, "it has another name elsewhere");
    if (b->files-- == 0)
        return refuse(e, name, "there are more files than such state has");
    int out SU_CLOSE = openat(to, as, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return su_restore_fail_os(e, "making", as);
    return pump(in, out, name, b, e) < 0 || keep_owner(out, &st, as, e) < 0 ? -1 : 0;
}

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* fd is taken over */
static DIR *list_of(int fd)
{
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    return d;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int su_state_copy_tree(int from, const char *name, int to, const char *as, unsigned depth, struct su_state_budget *b,
                       struct su_err *e)
{
    struct stat st;
    DIR *d SU_AUTO(closedirp) = list_of(openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!d)
        return errno == ELOOP || errno == ENOTDIR ? refuse(e, name, "not a directory")
                                                  : su_restore_fail_os(e, "opening", name);
    if (depth > SU_STATE_DEPTH || b->files-- == 0)
        return refuse(e, name, "more than such state has");
    int out SU_CLOSE = mkdirat(to, as, 0700) < 0 ? -1 : openat(to, as, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0 || fstat(dirfd(d), &st) < 0)
        return su_restore_fail_os(e, "making", as);
    for (struct dirent *x; (x = readdir(d));) {
        struct stat in;
        if (is_dots(x->d_name))
            continue;
        if (fstatat(dirfd(d), x->d_name, &in, AT_SYMLINK_NOFOLLOW) < 0)
            return su_restore_fail_os(e, "looking at", x->d_name);
        int r = S_ISDIR(in.st_mode) ? su_state_copy_tree(dirfd(d), x->d_name, out, x->d_name, depth + 1, b, e)
                                    : su_state_copy_file(dirfd(d), x->d_name, out, x->d_name, b, e);
        if (r < 0)
            return -1;
    }
    return keep_owner(out, &st, as, e);
}

/* Removing and writing -------------------------------------------------------- */

static int remove_tree(int dir, const char *name, unsigned depth, unsigned *left, struct su_err *e)
{
    if (*left == 0 || depth > MAX_DEPTH)
        return refuse(e, name, "more than such state has");
    --*left;
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return su_restore_fail_os(e, "removing", name);
    DIR *d SU_AUTO(closedirp) = list_of(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!d)
        return su_restore_fail_os(e, "removing", name);
    for (struct dirent *x; (x = readdir(d));)
        if (!is_dots(x->d_name) && remove_tree(dirfd(d), x->d_name, depth + 1, left, e) < 0)
            return -1;
    if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return su_restore_fail_os(e, "removing", name);
    return 0;
}

int su_state_remove(int dir, const char *name, struct su_err *e)
{
    unsigned left = MAX_REMOVED;
    return remove_tree(dir, name, 0, &left, e) < 0 ? -1 : sync_fd(dir, name, e);
}

int su_state_write(int dir, const char *name, struct su_bytes content, struct su_err *e)
{
    char tmp[SU_STATE_NAME];
    int n = snprintf(tmp, sizeof tmp, "%s.new", name);
    if (n < 0 || (size_t)n >= sizeof tmp)
        return su_fail(e, SU_E_RANGE, "vm.restore.io", "a name is too long");
    if (unlinkat(dir, tmp, 0) < 0 && errno != ENOENT)
        return su_restore_fail_os(e, "removing", tmp);
    int fd SU_CLOSE = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return su_restore_fail_os(e, "making", tmp);
    if (write_all(fd, content.p, content.n, tmp, e) < 0 || sync_fd(fd, tmp, e) < 0)
        return -1;
    return renameat(dir, tmp, dir, name) < 0 ? su_restore_fail_os(e, "renaming", tmp) : sync_fd(dir, name, e);
}
