/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk's own file says of it: kind, sizes, the chain below it, and whether somebody has it open. */
#include "upgrade/inventory_int.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* QEMU's image locks: block/file-posix.c and include/block/block-common.h. */
enum { LOCK_HELD = 100, LOCK_NOT_SHARED = 200, PERM_WRITE_BIT = 1, PERM_RESIZE_BIT = 3 };

static bool lock_held(int fd, off_t at)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

/* Somebody writes, or forbids that others do. */
static bool write_locked(int fd)
{
    return lock_held(fd, LOCK_HELD + PERM_WRITE_BIT) || lock_held(fd, LOCK_HELD + PERM_RESIZE_BIT) ||
           lock_held(fd, LOCK_NOT_SHARED + PERM_WRITE_BIT);
}

static struct su_inventory_id identity(const struct stat *st)
{
    return S_ISBLK(st->st_mode) ? (struct su_inventory_id){st->st_rdev, 0}
                                : (struct su_inventory_id){st->st_dev, st->st_ino};
}

static void identify(const struct stat *st, struct su_disk_use *u)
{
    struct su_inventory_id id = identity(st);
    u->exists = true;
    u->block = S_ISBLK(st->st_mode);
    u->dev = id.dev;
    u->ino = id.ino;
    snprintf(u->key, sizeof u->key, "%llx-%llx", (unsigned long long)u->dev, (unsigned long long)u->ino);
}

/* -1: not there, or nothing that a disk can be.  Operators use links to images, so they are followed. */
static int open_disk(const char *path, struct stat *st, bool *exists)
{
    *exists = stat(path, st) == 0 && (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode));
    if (!*exists)
        return -1;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, st) < 0 || !(S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool read_head(int fd, struct su_qcow2_head *h)
{
    enum { FIRST = 4096 };
    struct su_err e;
    SU_FREE uint8_t *buf = malloc(SU_QCOW2_HEAD);
    if (!buf)
        return false;
    ssize_t n = pread(fd, buf, FIRST, 0);
    if (n > 0 && su_qcow2_head((struct su_bytes){buf, (size_t)n}, h, &e) == 0)
        return true;
    n = n < FIRST ? -1 : pread(fd, buf, SU_QCOW2_HEAD, 0); /* a name further behind */
    return n > 0 && su_qcow2_head((struct su_bytes){buf, (size_t)n}, h, &e) == 0;
}

static bool starts_as_qcow2(int fd)
{
    uint8_t magic[4];
    return pread(fd, magic, sizeof magic, 0) == sizeof magic && memcmp(magic, "QFI\xfb", sizeof magic) == 0;
}

bool su_inventory_backing(const char *path, const char *backing, char *out, size_t cap)
{
    static const char file[] = "file:";
    if (strncmp(backing, file, sizeof file - 1) == 0 && strncmp(backing, "file://", 7) != 0)
        backing += sizeof file - 1;
    else if (backing[strcspn(backing, ":/")] == ':')
        return false; /* json:, nbd:, rbd:, ssh: ... */
    const char *slash = backing[0] == '/' ? NULL : strrchr(path, '/');
    int n = snprintf(out, cap, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, backing);
    return backing[0] && n > 0 && (size_t)n < cap;
}

/* Follows what h names, to the end or to what cannot be followed. */
static void follow(const char *path, struct su_qcow2_head h, struct su_disk_use *u, struct su_inventory_id *id,
                   size_t *n)
{
    char at[SU_DOM_PATH], next[SU_DOM_PATH];
    snprintf(at, sizeof at, "%s", path);
    u->chain_unknown = true; /* until its end was seen */
    while (h.backing[0] && u->backing < SU_CHAIN_MAX && su_inventory_backing(at, h.backing, next, sizeof next)) {
        struct stat st;
        bool exists;
        memcpy(at, next, sizeof at);
        if (u->backing++ == 0)
            memcpy(u->backing_file, at, sizeof u->backing_file);
        SU_CLOSE int fd = open_disk(at, &st, &exists);
        if (exists)
            id[(*n)++] = identity(&st);
        if (fd < 0)
            return;
        bool raw = strcmp(h.backing_format, "raw") == 0 || (!h.backing_format[0] && !starts_as_qcow2(fd));
        if (raw)
            h = (struct su_qcow2_head){0};
        else if (!read_head(fd, &h))
            return;
    }
    u->chain_unknown = h.backing[0] != 0;
}

static void sizes(int fd, const struct stat *st, struct su_disk_use *u)
{
    struct statvfs fs;
    if (u->block && ioctl(fd, BLKGETSIZE64, &u->virtual_size) < 0)
        u->virtual_size = 0;
    if (u->block)
        return;
    u->virtual_size = (uint64_t)st->st_size;
    if (fstatvfs(fd, &fs) == 0)
        u->free_space = (uint64_t)fs.f_bavail * fs.f_frsize;
}

static void take_head(const struct su_qcow2_head *h, struct su_disk_use *u)
{
    u->virtual_size = h->virtual_size;
    u->compat_v2 = h->version == 2;
    u->internal_snapshots = h->snapshots;
    u->encrypted = h->encrypted;
    u->data_file = h->data_file;
    u->dirty = h->dirty;
}

void su_inventory_chain(const char *path, const char *format, struct su_disk_use *out,
                        struct su_inventory_id id[SU_CHAIN_MAX + 1], size_t *n)
{
    struct stat st;
    struct su_qcow2_head h = {0};
    bool exists;
    *n = 0;
    *out = (struct su_disk_use){0};
    snprintf(out->format, sizeof out->format, "%s", format[0] ? format : "raw");
    bool qcow2 = strcmp(out->format, "qcow2") == 0;
    if (!path[0])
        return;
    SU_CLOSE int fd = open_disk(path, &st, &exists);
    if (exists) {
        identify(&st, out);
        id[(*n)++] = identity(&st);
    }
    if (fd < 0)
        return;
    out->readable = true;
    out->locked = write_locked(fd);
    sizes(fd, &st, out);
    out->head_unknown = qcow2 && !read_head(fd, &h);
    out->chain_unknown = out->head_unknown || (!qcow2 && strcmp(out->format, "raw") != 0);
    if (out->head_unknown)
        out->virtual_size = 0;
    if (!qcow2 || out->head_unknown)
        return;
    take_head(&h, out);
    follow(path, h, out, id, n);
}

void su_inventory_file(const char *path, const char *format, struct su_disk_use *out)
{
    struct su_inventory_id id[SU_CHAIN_MAX + 1];
    size_t n;
    su_inventory_chain(path, format, out, id, &n);
}
