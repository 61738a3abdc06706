/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal_format.h"
#include <string.h>
#include <zlib.h>

enum { VERSION = 1, CRC_AT = SU_JF_BLOCK - 4, MARK_BODY = 16 };

static const char seal_magic[8] = {'S', 'U', 'R', 'E', 'T', 'Y', 'U', 'J'};
static const char mark_magic[][8] = {
    [SU_JF_COMMIT] = {'C', 'O', 'M', 'M', 'I', 'T', 'T', 'D'},
    [SU_JF_REVERT] = {'R', 'E', 'V', 'E', 'R', 'T', 'E', 'D'},
    [SU_JF_SETTLE] = {'S', 'E', 'T', 'T', 'L', 'E', 'D', '.'},
};
_Static_assert(SU_ARRAY_LEN(mark_magic) == SU_JF_MARKS, "a mark without its bytes");

uint64_t su_jf_mark_at(enum su_jf_mark which)
{
    static const uint64_t at[] = {
        [SU_JF_COMMIT] = SU_JF_COMMIT_AT, [SU_JF_REVERT] = SU_JF_REVERT_AT, [SU_JF_SETTLE] = SU_JF_SETTLE_AT};
    return at[which];
}

uint32_t su_jf_crc(uint32_t crc, const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(crc, p, (uInt)n);
}

void su_jf_put_header(const struct su_jf_header *h, uint8_t block[SU_JF_BLOCK])
{
    memset(block, 0, SU_JF_BLOCK);
    memcpy(block, seal_magic, sizeof seal_magic);
    su_put_le32(block + 8, VERSION);
    su_put_le32(block + 12, h->n_extents);
    su_put_le64(block + 16, h->size_before);
    su_put_le64(block + 24, h->size_during);
    su_put_le64(block + 32, h->size_after);
    su_put_le32(block + 40, h->meta_len);
    su_put_le32(block + 44, h->crc_extents);
    su_put_le32(block + 48, h->crc_meta);
    memcpy(block + 52, h->witness, sizeof h->witness);
    su_put_le32(block + CRC_AT, su_jf_crc(0, block, CRC_AT));
}

bool su_jf_take_header(const uint8_t block[SU_JF_BLOCK], struct su_jf_header *h)
{
    if (memcmp(block, seal_magic, sizeof seal_magic) != 0 || su_le32(block + 8) != VERSION ||
        su_le32(block + CRC_AT) != su_jf_crc(0, block, CRC_AT))
        return false;
    *h = (struct su_jf_header){
        .n_extents = su_le32(block + 12),
        .size_before = su_le64(block + 16),
        .size_during = su_le64(block + 24),
        .size_after = su_le64(block + 32),
        .meta_len = su_le32(block + 40),
        .crc_extents = su_le32(block + 44),
        .crc_meta = su_le32(block + 48),
    };
    memcpy(h->witness, block + 52, sizeof h->witness);
    return true;
}

void su_jf_put_extent(const struct su_journal_extent *x, uint8_t rec[SU_JF_EXTENT])
{
    memset(rec, 0, SU_JF_EXTENT);
    su_put_le64(rec, x->off);
    su_put_le64(rec + 8, x->n);
    su_put_le64(rec + 16, x->saved);
    su_put_le64(rec + 24, x->data_at);
    su_put_le32(rec + 32, x->crc_old);
    su_put_le32(rec + 36, x->crc_new);
    su_put_le32(rec + 40, (uint32_t)x->area);
    su_put_le32(rec + 44, x->keep ? 1 : 0);
    su_put_le64(rec + 48, x->new_at);
}

bool su_jf_take_extent(const uint8_t rec[SU_JF_EXTENT], struct su_journal_extent *x)
{
    uint32_t area = su_le32(rec + 40), flags = su_le32(rec + 44);
    if (area >= SU_AREAS || flags > 1)
        return false;
    *x = (struct su_journal_extent){
        .off = su_le64(rec),
        .n = su_le64(rec + 8),
        .saved = su_le64(rec + 16),
        .data_at = su_le64(rec + 24),
        .crc_old = su_le32(rec + 32),
        .crc_new = su_le32(rec + 36),
        .area = (enum su_area)area,
        .keep = flags == 1,
        .new_at = su_le64(rec + 48),
    };
    return true;
}

void su_jf_put_mark(enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], uint8_t sector[SU_SECTOR])
{
    memset(sector, 0, SU_SECTOR);
    memcpy(sector, mark_magic[which], 8);
    memcpy(sector + 8, header + CRC_AT, 4);
    su_put_le32(sector + MARK_BODY, su_jf_crc(0, sector, MARK_BODY));
}

bool su_jf_is_mark(enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], const uint8_t sector[SU_SECTOR])
{
    uint8_t want[SU_SECTOR];
    su_jf_put_mark(which, header, want);
    return memcmp(sector, want, MARK_BODY + 4) == 0;
}

int su_jf_read_header(struct su_blk *journal, uint8_t block[SU_JF_BLOCK], struct su_jf_header *h, bool *sealed,
                       struct su_err *e)
{
    *sealed = false;
    if (journal->size < SU_JF_BODY_AT)
        return 0;
    if (su_blk_read(journal, SU_JF_HEADER_AT, block, SU_JF_BLOCK, e) < 0)
        return -1;
    *sealed = su_jf_take_header(block, h);
    return 0;
}

int su_jf_read_state(struct su_blk *journal, const uint8_t header[SU_JF_BLOCK], struct su_journal *j, struct su_err *e)
{
    bool marked[SU_JF_MARKS];
    uint8_t s[SU_SECTOR];
    for (int i = 0; i < SU_JF_MARKS; i++) {
        enum su_jf_mark which = (enum su_jf_mark)i;
        if (su_blk_read(journal, su_jf_mark_at(which), s, sizeof s, e) < 0)
            return -1;
        marked[i] = su_jf_is_mark(which, header, s);
    }
    j->state = marked[SU_JF_REVERT]   ? SU_JOURNAL_REVERTED
               : marked[SU_JF_COMMIT] ? SU_JOURNAL_COMMITTED
                                      : SU_JOURNAL_SEALED;
    j->settled = j->state == SU_JOURNAL_COMMITTED && (marked[SU_JF_SETTLE] || j->size_after == j->size_during);
    return 0;
}

int su_jf_mark(struct su_blk *journal, enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], struct su_err *e)
{
    uint8_t s[SU_SECTOR];
    su_jf_put_mark(which, header, s);
    return su_blk_write(journal, su_jf_mark_at(which), s, sizeof s, e) < 0 || su_blk_flush(journal, e) < 0 ? -1 : 0;
}

int su_jf_set_size(struct su_blk *disk, uint64_t size, struct su_err *e)
{
    return su_blk_resize(disk, size, e) < 0 || su_blk_flush(disk, e) < 0 ? su_context(e, "setting the final size") : 0;
}

/* The last resize of a committed plan, and the mark that it is done: a journal that lies around must not
 * resize the disk again years later. */
int su_jf_settle(struct su_blk *journal, struct su_blk *disk, uint64_t size, const uint8_t header[SU_JF_BLOCK],
                  struct su_err *e)
{
    return su_jf_set_size(disk, size, e) < 0 ? -1 : su_jf_mark(journal, SU_JF_SETTLE, header, e);
}
