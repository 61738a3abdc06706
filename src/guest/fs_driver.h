/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_driver.h - what the drivers of guest/fs.h written in this project share. */
#pragma once
#include "fs.h"
#include <ext2fs/ext2fs.h> /* ext2fs_crc32c_le(): XFS and btrfs guard their metadata with the same CRC */
#include <string.h>
#include <sys/stat.h>

enum { SU_FS_NAME_MAX = 255 };

static inline enum su_fs_kind su_fs_kind_of(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return SU_FS_FILE;
    case S_IFDIR:
        return SU_FS_DIR;
    case S_IFLNK:
        return SU_FS_LINK;
    default:
        return SU_FS_OTHER;
    }
}

/* "." and "..": never handed out, never found */
static inline bool su_fs_is_dots(const char *name, size_t len)
{
    return (len == 1 || len == 2) && name[0] == '.' && name[len - 1] == '.';
}

/* A name the port may hand out. */
static inline bool su_fs_name_valid(const char *name, size_t len)
{
    return len > 0 && len <= SU_FS_NAME_MAX && !memchr(name, '/', len) && !memchr(name, '\0', len);
}

static inline int su_fs_missing(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_MISSING, "fs.missing", "%s", what);
}

/* The value both file systems store: CRC-32C, here of a structure with its checksum field at [at, at + 4). */
static inline uint32_t su_fs_crc32c(const uint8_t *p, size_t n, size_t at)
{
    static const uint8_t zero[4];
    uint32_t crc = ext2fs_crc32c_le(~UINT32_C(0), p, at);
    crc = ext2fs_crc32c_le(crc, zero, sizeof zero);
    return ~ext2fs_crc32c_le(crc, p + at + sizeof zero, n - at - sizeof zero);
}

/* Fuzzing must get past the checksums to reach what stands behind them. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define SU_FS_CRC_MATTERS 0
#else
#define SU_FS_CRC_MATTERS 1
#endif
