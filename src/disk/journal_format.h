/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/journal_format.h - bytes of the undo journal; docs/formats/undo-journal.md is the text. */
#pragma once
#include "journal.h"

enum {
    SU_JF_BLOCK = 4096,
    SU_JF_HEADER_AT = 0,
    SU_JF_COMMIT_AT = 1 * SU_JF_BLOCK,
    SU_JF_REVERT_AT = 2 * SU_JF_BLOCK,
    SU_JF_SETTLE_AT = 3 * SU_JF_BLOCK,
    SU_JF_BODY_AT = 4 * SU_JF_BLOCK,
    SU_JF_HEADER_USED = 58, /* bytes of the header; then zeros up to its checksum */
    SU_JF_EXTENT = 56,      /* bytes of one extent record */
    SU_JF_MAX_EXTENTS = 4096,
    SU_JF_MAX_META = 1 << 20,
    SU_JF_WITNESS_AT = 440, /* on the disk */
    SU_JF_WITNESS = sizeof((struct su_journal *)0)->witness,
    SU_JF_CHUNK = 256 * 1024, /* bytes copied at a time */
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
enum su_jf_mark { SU_JF_COMMIT, SU_JF_REVERT, SU_JF_SETTLE, SU_JF_MARKS };
uint64_t su_jf_mark_at(enum su_jf_mark which);
void su_jf_put_mark(enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], uint8_t sector[SU_SECTOR]);
bool su_jf_is_mark(enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], const uint8_t sector[SU_SECTOR]);
uint32_t su_jf_crc(uint32_t crc, const uint8_t *p, size_t n); /* CRC-32 (IEEE 802.3), continued from crc, 0 to start */

/* What running and recovering share.  header: the sealed header block as it is in the journal. */
int su_jf_read_header(struct su_blk *journal, uint8_t block[SU_JF_BLOCK], struct su_jf_header *h, bool *sealed,
                      struct su_err *e) SU_MUST_CHECK;
int su_jf_read_state(struct su_blk *journal, const uint8_t header[SU_JF_BLOCK], struct su_journal *j,
                     struct su_err *e) SU_MUST_CHECK; /* sets j->state, j->settled */
int su_jf_mark(struct su_blk *journal, enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK],
               struct su_err *e) SU_MUST_CHECK; /* and flushes */
int su_jf_set_size(struct su_blk *disk, uint64_t size, struct su_err *e) SU_MUST_CHECK; /* and flushes */
int su_jf_settle(struct su_blk *journal, struct su_blk *disk, uint64_t size, const uint8_t header[SU_JF_BLOCK],
                 struct su_err *e) SU_MUST_CHECK;
