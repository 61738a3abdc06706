/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/journal_format.h - bytes of the undo journal; docs/formats/undo-journal.md is the text. */
#pragma once
#include "journal.h"

enum {
    SU_JF_BLOCK = 4096,
    SU_JF_HEADER_AT = 0,
    SU_JF_COMMIT_AT = 1 * SU_JF_BLOCK,
    SU_JF_REVERT_AT = 2 * SU_JF_BLOCK,
    SU_JF_BODY_AT = 3 * SU_JF_BLOCK,
    SU_JF_EXTENT = 56, /* bytes of one extent record */
    SU_JF_MAX_EXTENTS = 4096,
    SU_JF_MAX_META = 1 << 20,
};

struct su_jf_header {
    uint64_t size_before, size_during, size_after;
    uint8_t witness[6];
    uint32_t n_extents, meta_len, crc_extents, crc_meta;
};

void su_jf_put_header(const struct su_jf_header *h, uint8_t block[SU_JF_BLOCK]);
/* false: not a sealed journal of a version we know */
bool su_jf_take_header(const uint8_t block[SU_JF_BLOCK], struct su_jf_header *h);
void su_jf_put_extent(const struct su_journal_extent *x, uint8_t rec[SU_JF_EXTENT]);
bool su_jf_take_extent(const uint8_t rec[SU_JF_EXTENT], struct su_journal_extent *x);

/* A mark belongs to the header whose bytes it names by checksum, so a stale one counts for nothing. */
enum su_jf_mark { SU_JF_COMMIT, SU_JF_REVERT };
void su_jf_put_mark(enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], uint8_t sector[SU_SECTOR]);
bool su_jf_is_mark(enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], const uint8_t sector[SU_SECTOR]);
uint32_t su_jf_crc(uint32_t crc, const uint8_t *p, size_t n); /* CRC-32 (IEEE 802.3), continued from crc, 0 to start */
