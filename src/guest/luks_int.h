/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/luks_int.h - between the header (luks.c) and the sectors (luks_blk.c). */
#pragma once
#include "luks.h"

struct su_luks_layout {
    uint64_t data, size; /* bytes of the volume: where the encrypted segment lies */
    uint64_t iv;         /* number of its first 512-byte sector, for the IV */
    uint32_t sector;     /* bytes encrypted at a time */
    bool dynamic;        /* size was not given: to the end of the volume */
    uint64_t digests;    /* PBKDF2 iterations to check one key */
};

/* vol is borrowed, vk (32 or 64 bytes) only for the call. */
int su_luks_blk_open(struct su_blk *vol, const struct su_luks_layout *l, const struct su_secret *vk, bool writable,
                     struct su_blk **out, struct su_err *e);
