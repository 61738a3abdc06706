/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/blk_file.h - a raw image file or a block device of the host, by pread and pwrite.
 *
 * While it is open (but for SU_FILE_SHARE) it holds QEMU's image lock (QEMU's block/file-posix.c: open-file-description
 * locks on the bytes from 100 and 200), so QEMU refuses the disk, and a disk that QEMU holds is refused here:
 * SU_E_CONFLICT "disk.in-use". */
#pragma once
#include "blk.h"

enum su_file_mode {
    SU_FILE_READ,   /* nobody may write meanwhile */
    SU_FILE_SHARE,  /* read; others may write meanwhile: no lock is taken or looked at */
    SU_FILE_WRITE,  /* nobody else may open it meanwhile */
    SU_FILE_CREATE, /* as WRITE, a regular file, made (0600) when missing and never a symbolic link; its name
                      is stable on return */
};

struct su_file_facts {
    bool block_device;
    uint32_t sector_size; /* the device's logical sectors; 0: a file, it has none */
};

/* *out is owned by the caller.  facts may be NULL. */
int su_blk_file_open(const char *path, enum su_file_mode mode, struct su_blk **out, struct su_file_facts *facts,
                     struct su_err *e) SU_MUST_CHECK;
