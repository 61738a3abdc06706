/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/initramfs.h - the files inside a Linux initramfs, one after the other.
 *
 * Format: Documentation/driver-api/early-userspace/buffer-format.rst of Linux: cpio archives in the "newc" format,
 * plain (early microcode) or packed, one after the other with zero padding between them.
 *
 * Streaming: nothing but the window, the current name and a wanted file's contents is in memory.  At most
 * SU_INITRAMFS_MAX_OUT bytes are unpacked and SU_INITRAMFS_MAX_ENTRIES entries shown.
 * Errors: "initramfs...." and what guest/unpack.h says.  One thread at a time. */
#pragma once
#include "unpack.h"

#define SU_INITRAMFS_MAX_OUT (UINT64_C(1) << 30) /* bytes */
enum { SU_INITRAMFS_MAX_ENTRIES = 1 << 18, SU_INITRAMFS_MAX_NAME = 1024 };

struct su_initramfs_entry {
    const char *name; /* borrowed; NUL-terminated, without leading "./" and "/"; never empty but "." for the root */
    uint32_t mode;    /* as in stat(2) */
    uint32_t size;    /* bytes */
    enum su_packing packing; /* of the archive it lies in */
};

enum su_initramfs_step { SU_INITRAMFS_ON, SU_INITRAMFS_WANT, SU_INITRAMFS_STOP };

struct su_initramfs_visitor {
    void *arg;
    size_t max_content; /* bytes; a wanted file that is longer is passed over */
    /* WANT: show me what is in it.  STOP: su_initramfs_walk() returns 0 at once. */
    enum su_initramfs_step (*entry)(void *arg, const struct su_initramfs_entry *en);
    /* content is borrowed and followed by a NUL that it does not count; returns ON or STOP. */
    enum su_initramfs_step (*content)(void *arg, const struct su_initramfs_entry *en, struct su_bytes content);
};

/* *whole (may be NULL): the end was reached, no visitor said STOP. */
int su_initramfs_walk(struct su_pull src, const struct su_initramfs_visitor *v, bool *whole,
                      struct su_err *e) SU_MUST_CHECK;
