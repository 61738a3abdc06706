/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libntfs-3g believes while it opens a volume, looked at before: the boot sector and the first records of $MFT.
 * It sizes its memory by them. */
#include "fs_ntfs_int.h"
#include <inttypes.h>
#include <string.h>

enum {
    RECORD_MAX = 4096,
    INDEX_MAX = 64 << 10,
    CLUSTER_MAX = 2 << 20,
    STRIDE = 512,            /* bytes that a word of an update sequence guards */
    UPCASE_SIZE = 65536 * 2, /* one UTF-16 unit for each */
    ATTRDEF_MAX = 64 << 10,
    CHECKED = 12, /* records with a meaning: FILE_MFT to FILE_Extend */
};

static int bad_boot(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "fs.ntfs.boot", "the boot sector of an NTFS volume is damaged: %s", what);
}

static bool is_power_of_2(uint64_t v)
{
    return v && (v & (v - 1)) == 0;
}

/* Clusters when positive, else the power of two.  0 when it is too large for anything. */
static uint32_t record_size(uint8_t coded, uint32_t cluster)
{
    if (coded < 0x80)
        return coded <= 64 ? coded * cluster : 0;
    return 256 - coded < 32 ? UINT32_C(1) << (256 - coded) : 0;
}

static uint32_t cluster_size(const uint8_t *b, uint32_t sector)
{
    uint32_t n = b[13];
    if (n > 0x80) /* large clusters of Windows 10 */
        n = 256 - n < 16 ? UINT32_C(1) << (256 - n) : 0;
    return n * sector;
}

static bool is_size(uint32_t v, uint32_t min, uint32_t max)
{
    return is_power_of_2(v) && v >= min && v <= max;
}

static int parse_sizes(const uint8_t *b, struct su_ntfs_geometry *g, struct su_err *e)
{
    g->sector = su_le16(b + 11);
    if (!is_size(g->sector, SU_SECTOR, 4096))
        return bad_boot(e, "the size of its sectors");
    g->cluster = cluster_size(b, g->sector);
    if (!is_size(g->cluster, g->sector, CLUSTER_MAX))
        return bad_boot(e, "the size of its clusters");
    g->record = record_size(b[64], g->cluster);
    if (!is_size(g->record, STRIDE, RECORD_MAX))
        return bad_boot(e, "the size of its records");
    g->index = record_size(b[68], g->cluster);
    return is_size(g->index, STRIDE, INDEX_MAX) ? 0 : bad_boot(e, "the size of its index blocks");
}

static int parse_boot(const uint8_t *b, uint64_t blk_size, struct su_ntfs_geometry *g, struct su_err *e)
{
    if (memcmp(b + 3, "NTFS    ", 8) != 0)
        return su_fail(e, SU_E_FORMAT, "fs.ntfs.boot", "no NTFS boot sector");
    if (parse_sizes(b, g, e) < 0)
        return -1;
    uint64_t sectors = su_le64(b + 40), mft = su_le64(b + 48), mirror = su_le64(b + 56);
    if (sectors == 0 || sectors > blk_size / g->sector)
        return bad_boot(e, "it is larger than the partition");
    uint64_t clusters = sectors / (g->cluster / g->sector);
    if (mft == 0 || mirror == 0 || mft >= clusters || mirror >= clusters || mft == mirror)
        return bad_boot(e, "the place of the MFT");
    g->size = clusters * g->cluster;
    g->mft = mft * g->cluster;
    g->mirror = mirror * g->cluster;
    return 0;
}

/* Records -------------------------------------------------------------------*/

static int bad_record(struct su_err *e, unsigned n)
{
    return su_fail(e, SU_E_FORMAT, "fs.ntfs.mft", "record %u of the MFT is damaged", n);
}

/* Puts the words back that the update sequence replaced. */
static bool unprotect(uint8_t *r, uint32_t size)
{
    uint32_t at = su_le16(r + 4), n = su_le16(r + 6);
    if (n != size / STRIDE + 1 || at % 2 || at < 40 || at + 2 * n > STRIDE - 2)
        return false;
    for (uint32_t i = 1; i < n; i++) {
        uint8_t *end = r + i * STRIDE - 2;
        if (memcmp(end, r + at, 2) != 0)
            return false;
        memcpy(end, r + at + 2 * i, 2);
    }
    return true;
}

static int read_record(struct su_blk *blk, const struct su_ntfs_geometry *g, uint64_t at, unsigned n, uint8_t *out,
                       struct su_err *e)
{
    uint64_t off = at + (uint64_t)n * g->record;
    if (off > blk->size || g->record > blk->size - off)
        return bad_record(e, n);
    if (su_blk_read(blk, off, out, g->record, e) < 0)
        return -1;
    uint32_t used = su_le32(out + 24), first = su_le16(out + 20);
    if (memcmp(out, "FILE", 4) != 0 || !unprotect(out, g->record) || used > g->record || su_le32(out + 28) != g->record)
        return bad_record(e, n);
    return first % 8 || first < 40 || first + 8 > used ? bad_record(e, n) : 0;
}

/* The size of an attribute without a name; -1: it has none.  False when the record makes no sense. */
static bool value_size(const uint8_t *r, uint32_t type, int64_t *out)
{
    uint32_t used = su_le32(r + 24);
    *out = -1;
    for (uint32_t at = su_le16(r + 20); at + 4 <= used;) {
        const uint8_t *a = r + at;
        uint32_t kind = su_le32(a), left = used - at, n = left >= 24 ? su_le32(a + 4) : 0;
        if (kind == 0xffffffff)
            return true;
        if (n < 24 || n > left || n % 8 || (a[8] ? n < 64 : su_le16(a + 20) + (uint64_t)su_le32(a + 16) > n))
            return false;
        if (kind == type && a[9] == 0 && *out < 0)
            *out = a[8] ? (int64_t)su_le64(a + 48) : su_le32(a + 16);
        at += n;
    }
    return false;
}

/* What the library loads whole, or walks, when it opens a volume. */
static const struct limit {
    unsigned record;
    uint32_t type;
    uint64_t min, max; /* of the value; max 0: the volume's size */
    bool may_move;     /* to another record, when there are so many pieces that an attribute list is needed */
} limits[] = {
    {0, 0x80, SU_NTFS_SYSTEM *STRIDE, 0}, /* $MFT */
    {0, 0xb0, 1, 1 << 29},                /* its bitmap: 2^32 records */
    {1, 0x80, SU_NTFS_MIRRORED *STRIDE, CLUSTER_MAX},
    {2, 0x80, 1, 0}, /* $LogFile */
    {3, 0x70, 12, 64},
    {4, 0x80, 160, ATTRDEF_MAX},
    {6, 0x80, 1, 0, true}, /* $Bitmap */
    {10, 0x80, UPCASE_SIZE, UPCASE_SIZE},
};

static bool is_within(const struct su_ntfs_geometry *g, const uint8_t *r, const struct limit *l)
{
    int64_t size, list;
    if (!value_size(r, l->type, &size) || !value_size(r, 0x20, &list))
        return false;
    if (size < 0 && list > 0 && l->may_move)
        return true;
    return size >= (int64_t)l->min && (uint64_t)size <= (l->max ? l->max : g->size);
}

static int check_record(const struct su_ntfs_geometry *g, const uint8_t *r, unsigned n, struct su_err *e)
{
    int64_t size;
    if (!value_size(r, 0, &size))
        return bad_record(e, n);
    for (size_t i = 0; i < SU_ARRAY_LEN(limits); i++)
        if (limits[i].record == n && !is_within(g, r, &limits[i]))
            return bad_record(e, n);
    return 0;
}

int su_ntfs_check(struct su_blk *blk, struct su_ntfs_geometry *out, struct su_err *e)
{
    uint8_t b[SU_SECTOR], r[RECORD_MAX];
    struct su_ntfs_geometry g = {0};
    if (blk->size < sizeof b)
        return su_fail(e, SU_E_FORMAT, "fs.ntfs.boot", "%" PRIu64 " bytes are too few for NTFS", blk->size);
    if (su_blk_read(blk, 0, b, sizeof b, e) < 0 || parse_boot(b, blk->size, &g, e) < 0)
        return -1;
    for (unsigned n = 0; n < CHECKED; n++)
        if (read_record(blk, &g, g.mft, n, r, e) < 0 || check_record(&g, r, n, e) < 0)
            return -1;
    *out = g;
    return 0;
}

int su_ntfs_mirror_differs(struct su_blk *blk, const struct su_ntfs_geometry *g, bool *out, struct su_err *e)
{
    uint8_t a[RECORD_MAX], b[RECORD_MAX];
    struct su_err why = {0};
    *out = false;
    for (unsigned n = 0; n < SU_NTFS_MIRRORED && !*out; n++) {
        if (read_record(blk, g, g->mft, n, a, e) < 0)
            return -1;
        if (read_record(blk, g, g->mirror, n, b, &why) == 0)
            *out = memcmp(a, b, su_le32(a + 24)) != 0;
        else if (why.kind == SU_E_FORMAT)
            *out = true;
        else
            return *e = why, -1;
    }
    return 0;
}
