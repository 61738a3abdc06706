/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blk_file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* QEMU's permission bits, and where their lock bytes are (block/file-posix.c, include/block/block-common.h). */
enum {
    PERM_CONSISTENT_READ = 0x01,
    PERM_WRITE = 0x02,
    PERM_WRITE_UNCHANGED = 0x04,
    PERM_RESIZE = 0x08,
    PERM_ALL = 0x0F,
    PERM_BITS = 4,
    LOCK_HELD = 100,
    LOCK_NOT_SHARED = 200,
};

struct file {
    struct su_blk blk;
    int fd;
};

static int lock_byte(int fd, int cmd, off_t at, short type)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    int rc = fcntl(fd, cmd, &l);
    if (rc == 0 && cmd == F_OFD_GETLK && l.l_type != F_UNLCK)
        return 1; /* somebody holds it */
    return rc;
}

static int lock_bits(int fd, off_t base, unsigned bits)
{
    for (int i = 0; i < PERM_BITS; i++)
        if ((bits >> i & 1) && lock_byte(fd, F_OFD_SETLK, base + i, F_RDLCK) < 0)
            return -1;
    return 0;
}

static bool held(int fd, off_t base, unsigned bits)
{
    for (int i = 0; i < PERM_BITS; i++)
        if ((bits >> i & 1) && lock_byte(fd, F_OFD_GETLK, base + i, F_WRLCK) == 1)
            return true;
    return false;
}

/* A file system without such locks (EINVAL, ENOLCK) is used without, as QEMU's locking=auto does. */
static int take_image_lock(int fd, bool writing, const char *path, struct su_err *e)
{
    unsigned perm = writing ? PERM_ALL : PERM_CONSISTENT_READ;
    unsigned not_shared = writing ? PERM_ALL : PERM_WRITE | PERM_RESIZE;
    if (lock_bits(fd, LOCK_HELD, perm) < 0 || lock_bits(fd, LOCK_NOT_SHARED, not_shared) < 0) {
        if (errno == EINVAL || errno == ENOLCK)
            return 0;
        if (errno != EAGAIN && errno != EACCES)
            return su_fail_os(e, "disk.lock", "locking %s", path);
    } else if (!held(fd, LOCK_NOT_SHARED, perm) && !held(fd, LOCK_HELD, not_shared)) {
        return 0;
    }
    (void)su_fail(e, SU_E_CONFLICT, "disk.in-use", "%s is in use by another process (QEMU's image lock is held)", path);
    return su_remedy(e, "shut the VM down (or end the other program), then run the command again");
}

static int file_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct file *f = (struct file *)d;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(f->fd, (uint8_t *)buf + done, n - done, (off_t)(off + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return su_fail_os(e, "disk.read", "reading the disk");
        if (got == 0)
            return su_fail(e, SU_E_IO, "disk.read", "reading the disk: it became shorter");
        done += (size_t)got;
    }
    return 0;
}

static int file_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct file *f = (struct file *)d;
    for (size_t done = 0; done < n;) {
        ssize_t put = pwrite(f->fd, (const uint8_t *)buf + done, n - done, (off_t)(off + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return su_fail_os(e, "disk.write", "writing the disk");
        if (put == 0)
            return su_fail(e, SU_E_IO, "disk.write", "writing the disk: nothing is taken any more");
        done += (size_t)put;
    }
    return 0;
}

static int file_flush(struct su_blk *d, struct su_err *e)
{
    return fdatasync(((struct file *)d)->fd) < 0 ? su_fail_os(e, "disk.flush", "flushing the disk") : 0;
}

static int file_resize(struct su_blk *d, uint64_t size, struct su_err *e)
{
    return ftruncate(((struct file *)d)->fd, (off_t)size) < 0 ? su_fail_os(e, "disk.resize", "resizing the file") : 0;
}

static void file_close(struct su_blk *d)
{
    close(((struct file *)d)->fd);
    free(d);
}

static const struct su_blk_ops reading = {.read = file_read, .close = file_close};
static const struct su_blk_ops device = {
    .read = file_read, .write = file_write, .flush = file_flush, .close = file_close};
static const struct su_blk_ops regular = {
    .read = file_read, .write = file_write, .flush = file_flush, .resize = file_resize, .close = file_close};

static int device_facts(int fd, const char *path, uint64_t *size, struct su_file_facts *facts, struct su_err *e)
{
    int sector = 0;
    if (ioctl(fd, BLKGETSIZE64, size) < 0 || ioctl(fd, BLKSSZGET, &sector) < 0)
        return su_fail_os(e, "disk.open", "asking %s for its size", path);
    facts->block_device = true;
    facts->sector_size = (uint32_t)sector;
    return 0;
}

/* The name of a file that was made is stable only when its directory is. */
static int sync_parent(const char *path, struct su_err *e)
{
    const char *slash = strrchr(path, '/');
    SU_FREE char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!dir)
        return su_fail_nomem(e, strlen(path));
    SU_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? su_fail_os(e, "disk.flush", "flushing the directory of %s", path) : 0;
}

static bool reads(enum su_file_mode mode)
{
    return mode == SU_FILE_READ || mode == SU_FILE_SHARE;
}

static int open_fd(const char *path, enum su_file_mode mode, struct stat *st, struct su_err *e)
{
    int flags = O_CLOEXEC | (reads(mode) ? O_RDONLY : O_RDWR);
    if (mode == SU_FILE_CREATE)
        flags |= O_CREAT | O_NOFOLLOW;
    else if (mode == SU_FILE_WRITE && stat(path, st) == 0 && S_ISBLK(st->st_mode))
        flags |= O_EXCL; /* on a block device: not while it is mounted or otherwise claimed */
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == EBUSY) {
        (void)su_fail(e, SU_E_CONFLICT, "disk.in-use", "%s is in use on this host", path);
        return su_remedy(e, "unmount it or stop what uses it, then run the command again");
    }
    if (fd < 0 && (errno == EROFS || errno == EACCES) && mode == SU_FILE_WRITE) {
        (void)su_fail_os(e, "disk.read-only", "opening %s for writing", path);
        return su_remedy(e, "make the image writable for this user, then run the command again");
    }
    if (fd < 0)
        return su_fail_os(e, "disk.open", "opening %s", path);
    if (fstat(fd, st) < 0) {
        (void)su_fail_os(e, "disk.open", "opening %s", path);
        close(fd);
        return -1;
    }
    return fd;
}

int su_blk_file_open(const char *path, enum su_file_mode mode, struct su_blk **out, struct su_file_facts *facts,
                     struct su_err *e)
{
    struct stat st = {0};
    struct su_file_facts f = {0};
    SU_CLOSE int fd = open_fd(path, mode, &st, e);
    if (fd < 0)
        return -1;
    uint64_t size = (uint64_t)st.st_size;
    bool block = S_ISBLK(st.st_mode);
    if (!S_ISREG(st.st_mode) && (!block || mode == SU_FILE_CREATE))
        return su_fail(e, SU_E_USAGE, "disk.open", "%s is neither a file nor a block device", path);
    if (block && device_facts(fd, path, &size, &f, e) < 0)
        return -1;
    if (mode != SU_FILE_SHARE && take_image_lock(fd, !reads(mode), path, e) < 0)
        return -1;
    if (mode == SU_FILE_CREATE && sync_parent(path, e) < 0)
        return -1;
    struct file *d = malloc(sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    *d = (struct file){.blk = {.ops = reads(mode) ? &reading : block ? &device : &regular, .size = size}};
    d->fd = fd;
    fd = -1;
    *out = &d->blk;
    if (facts)
        *facts = f;
    return 0;
}
