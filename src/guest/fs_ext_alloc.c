/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block allocation for libext2fs that reads and writes a few bitmaps instead of all of them.
 *
 * fs->block_map covers the whole file system, as libext2fs demands, but begins as "all in use"
 * (one node of a red-black tree).  Then the groups that matter are loaded: those where the inode's
 * present blocks lie, since freeing clears their bits, and some with room.  Nothing else can be
 * allocated, so nothing else can change. */
#include "fs_ext_int.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "group descriptors are written as they are in memory");

enum { MAX_LOADED = 256, MAX_SCANNED_FOR_ROOM = 64 };

struct group {
    dgrp_t g;
    uint8_t *before; /* owned: the bitmap block as it was on disk */
    bool uninit;     /* BLOCK_UNINIT at first: its bitmap on disk means nothing */
    uint32_t free_before;
};

struct su_ext_alloc {
    struct su_ext *x;
    uint64_t super_free_before; /* blocks */
    uint64_t room;              /* free clusters in the loaded groups */
    size_t n;
    struct group group[MAX_LOADED];
};

struct bits {
    uint64_t first; /* cluster */
    size_t n;       /* clusters */
};

static struct bits bits_of(ext2_filsys fs, dgrp_t g)
{
    uint64_t first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + (uint64_t)g * fs->super->s_clusters_per_group;
    uint64_t end = EXT2FS_B2C(fs, ext2fs_blocks_count(fs->super) - 1) + 1;
    uint64_t n = first < end ? end - first : 0;
    return (struct bits){first, n < fs->super->s_clusters_per_group ? (size_t)n : fs->super->s_clusters_per_group};
}

static int bitmap_bytes(ext2_filsys fs)
{
    return (int)(fs->super->s_clusters_per_group / 8);
}

static bool has_group(const struct su_ext_alloc *a, dgrp_t g)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->group[i].g == g)
            return true;
    return false;
}

static int bad_bitmap(struct su_err *e, dgrp_t g)
{
    return su_fail(e, SU_E_FORMAT, "fs.ext4.bitmap", "the block bitmap of group %u is damaged", g);
}

/* An uninitialised group holds nothing but metadata, its own and, with flex_bg, that of others. */
static errcode_t mark_metadata(ext2_filsys fs, dgrp_t g)
{
    dgrp_t lo = g, hi = g + 1;
    if (ext2fs_has_feature_flex_bg(fs->super)) {
        lo = 0;
        hi = fs->group_desc_count;
    }
    uint64_t end = ext2fs_blocks_count(fs->super);
    ext2fs_reserve_super_and_bgd(fs, g, fs->block_map);
    for (dgrp_t i = lo; i < hi; i++) {
        blk64_t table = ext2fs_inode_table_loc(fs, i);
        blk64_t maps[] = {ext2fs_block_bitmap_loc(fs, i), ext2fs_inode_bitmap_loc(fs, i)};
        if (table >= end || fs->inode_blocks_per_group > end - table || maps[0] >= end || maps[1] >= end)
            return EXT2_ET_CORRUPT_SUPERBLOCK;
        if (table)
            ext2fs_mark_block_bitmap_range2(fs->block_map, table, fs->inode_blocks_per_group);
        for (size_t k = 0; k < 2; k++)
            if (maps[k])
                ext2fs_mark_block_bitmap2(fs->block_map, maps[k]);
    }
    return 0;
}

static uint64_t zero_bits(const uint8_t *map, size_t n)
{
    uint64_t zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += !(map[i / 8] >> i % 8 & 1);
    return zeros;
}

/* The group's part of the block map, from the bitmap block in gr->before or from nothing. */
static errcode_t set_bits(ext2_filsys fs, struct group *gr, struct bits b)
{
    uint64_t first = EXT2FS_C2B(fs, b.first), n = (uint64_t)b.n << fs->cluster_ratio_bits;
    uint64_t left = ext2fs_blocks_count(fs->super) - first;
    ext2fs_unmark_block_bitmap_range2(fs->block_map, first, (unsigned)(n < left ? n : left));
    if (!gr->uninit) /* this adds bits only */
        return ext2fs_set_block_bitmap_range2(fs->block_map, b.first, b.n, gr->before);
    errcode_t rc = mark_metadata(fs, gr->g);
    return rc ? rc : ext2fs_get_block_bitmap_range2(fs->block_map, b.first, b.n, gr->before);
}

static int load_bitmap(struct su_ext_alloc *a, struct group *gr, struct su_err *e)
{
    ext2_filsys fs = a->x->e2;
    struct bits b = bits_of(fs, gr->g);
    blk64_t loc = ext2fs_block_bitmap_loc(fs, gr->g);
    if (b.n == 0 || loc <= fs->super->s_first_data_block || loc >= ext2fs_blocks_count(fs->super))
        return bad_bitmap(e, gr->g);
    errcode_t rc = io_channel_read_blk64(fs->io, loc, 1, gr->before);
    if (!rc && !gr->uninit && !ext2fs_block_bitmap_csum_verify(fs, gr->g, (char *)gr->before, bitmap_bytes(fs)))
        return bad_bitmap(e, gr->g);
    if (!rc)
        rc = set_bits(fs, gr, b);
    if (rc)
        return su_ext_fail(a->x, rc, "reading a block bitmap", e);
    a->room += zero_bits(gr->before, b.n);
    return 0;
}

static int load(struct su_ext_alloc *a, dgrp_t g, struct su_err *e)
{
    ext2_filsys fs = a->x->e2;
    if (has_group(a, g))
        return 0;
    if (g >= fs->group_desc_count)
        return bad_bitmap(e, g);
    if (a->n == MAX_LOADED)
        return su_fail(e, SU_E_REFUSED, "fs.ext4.scattered", "the file's blocks lie in more than %d block groups",
                       MAX_LOADED);
    struct group *gr = &a->group[a->n];
    *gr = (struct group){.g = g,
                         .before = malloc(fs->blocksize),
                         .uninit = ext2fs_has_group_desc_csum(fs) && ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT),
                         .free_before = ext2fs_bg_free_blocks_count(fs, g)};
    if (!gr->before)
        return su_fail_nomem(e, fs->blocksize);
    a->n++;
    return load_bitmap(a, gr, e);
}

/* Groups of present blocks ---------------------------------------------------*/

struct present {
    struct su_ext_alloc *a;
    struct su_err *e;
    int rc;
};

static int load_present(ext2_filsys fs, blk64_t *blk, e2_blkcnt_t cnt, blk64_t ref, int off, void *arg)
{
    (void)cnt, (void)ref, (void)off;
    struct present *p = arg;
    if (*blk <= fs->super->s_first_data_block || *blk >= ext2fs_blocks_count(fs->super))
        p->rc = su_fail(p->e, SU_E_FORMAT, "fs.ext4.block", "a block of a file lies outside the file system");
    else
        p->rc = load(p->a, ext2fs_group_of_blk2(fs, *blk), p->e);
    return p->rc < 0 ? BLOCK_ABORT : 0;
}

static int load_inode_groups(struct su_ext_alloc *a, ext2_ino_t ino, struct ext2_inode *inode, struct su_err *e)
{
    ext2_filsys fs = a->x->e2;
    struct present p = {.a = a, .e = e};
    errcode_t rc = 0;
    if (ext2fs_inode_has_valid_blocks2(fs, inode))
        rc = ext2fs_block_iterate3(fs, ino, BLOCK_FLAG_READ_ONLY, NULL, load_present, &p);
    if (p.rc < 0)
        return -1;
    if (rc)
        return su_ext_fail(a->x, rc, "reading a file's block list", e);
    blk64_t acl = ext2fs_file_acl_block(fs, inode);
    if (acl && load_present(fs, &acl, 0, 0, 0, &p) == BLOCK_ABORT)
        return -1;
    return 0;
}

/* Groups with room, from the inode's own on: first those whose bitmap is in use already. */
static int load_room(struct su_ext_alloc *a, ext2_ino_t ino, uint64_t clusters, struct su_err *e)
{
    ext2_filsys fs = a->x->e2;
    dgrp_t count = fs->group_desc_count, home = ext2fs_group_of_ino(fs, ino), loaded = 0;
    for (int pass = 0; pass < 2; pass++)
        for (dgrp_t i = 0; i < count && a->room < clusters && loaded < MAX_SCANNED_FOR_ROOM; i++) {
            dgrp_t g = (home + i) % count;
            bool uninit = ext2fs_has_group_desc_csum(fs) && ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT);
            if (ext2fs_bg_free_blocks_count(fs, g) == 0 || uninit != (pass == 1))
                continue;
            loaded++;
            if (load(a, g, e) < 0)
                return -1;
        }
    if (a->room >= clusters)
        return 0;
    su_fail(e, SU_E_REFUSED, "fs.full", "the file system has no room for another %llu clusters",
            (unsigned long long)(clusters - a->room));
    return su_remedy(e, "free some space in the guest's file system");
}

int su_ext_alloc_begin(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t blocks,
                       struct su_ext_alloc **out, struct su_err *e)
{
    ext2_filsys fs = x->e2;
    struct su_ext_alloc *a SU_AUTO(su_ext_alloc_endp) = calloc(1, sizeof *a);
    if (!a)
        return su_fail_nomem(e, sizeof *a);
    a->x = x;
    a->super_free_before = ext2fs_free_blocks_count(fs->super);
    fs->default_bitmap_type = EXT2FS_BMAP64_RBTREE;
    errcode_t rc = ext2fs_allocate_block_bitmap(fs, "blocks", &fs->block_map);
    if (rc)
        return su_ext_fail(x, rc, "making a block bitmap", e);
    uint64_t first = fs->super->s_first_data_block, end = ext2fs_blocks_count(fs->super);
    for (uint64_t n; first < end; first += n) { /* the call takes an unsigned int */
        n = end - first < (1U << 30) ? end - first : 1U << 30;
        ext2fs_mark_block_bitmap_range2(fs->block_map, first, (unsigned)n);
    }
    uint64_t clusters = blocks / (uint64_t)EXT2FS_CLUSTER_RATIO(fs) + 2;
    if (load_inode_groups(a, ino, inode, e) < 0 || load_room(a, ino, clusters, e) < 0)
        return -1;
    *out = su_steal(&a);
    return 0;
}

/* Writing back ---------------------------------------------------------------*/

/* The descriptor block of group g, where libext2fs read it from. */
static errcode_t write_descriptor(ext2_filsys fs, dgrp_t g)
{
    dgrp_t per_block = (dgrp_t)EXT2_DESC_PER_BLOCK(fs->super), i = g / per_block;
    blk64_t loc = ext2fs_descriptor_block_loc2(fs, fs->super->s_first_data_block, i);
    return io_channel_write_blk64(fs->io, loc, 1, (char *)fs->group_desc + (size_t)i * fs->blocksize);
}

static errcode_t write_group(ext2_filsys fs, const struct group *gr, uint8_t *map)
{
    struct bits b = bits_of(fs, gr->g);
    memset(map, 0xff, fs->blocksize); /* bits beyond the group count as used */
    errcode_t rc = ext2fs_get_block_bitmap_range2(fs->block_map, b.first, b.n, map);
    if (rc)
        return rc;
    for (size_t i = b.n; i % 8; i++)
        map[i / 8] |= (uint8_t)(1 << i % 8);
    bool uninit = ext2fs_has_group_desc_csum(fs) && ext2fs_bg_flags_test(fs, gr->g, EXT2_BG_BLOCK_UNINIT);
    bool same = zero_bits(map, b.n) == gr->free_before && ext2fs_bg_free_blocks_count(fs, gr->g) == gr->free_before &&
                memcmp(map, gr->before, b.n / 8) == 0;
    if (uninit || (same && !gr->uninit))
        return 0;
    rc = ext2fs_block_bitmap_csum_set(fs, gr->g, (char *)map, bitmap_bytes(fs));
    if (rc)
        return rc;
    ext2fs_group_desc_csum_set(fs, gr->g);
    rc = io_channel_write_blk64(fs->io, ext2fs_block_bitmap_loc(fs, gr->g), 1, map);
    return rc ? rc : write_descriptor(fs, gr->g);
}

/* Whatever left or entered the free count of the file system did so in a group that gets written. */
static bool accounts_match(const struct su_ext_alloc *a)
{
    ext2_filsys fs = a->x->e2;
    int64_t groups = 0;
    for (size_t i = 0; i < a->n; i++)
        groups += (int64_t)ext2fs_bg_free_blocks_count(fs, a->group[i].g) - (int64_t)a->group[i].free_before;
    int64_t super = (int64_t)ext2fs_free_blocks_count(fs->super) - (int64_t)a->super_free_before;
    return groups * EXT2FS_CLUSTER_RATIO(fs) == super;
}

int su_ext_alloc_commit(struct su_ext_alloc *a, struct su_err *e)
{
    ext2_filsys fs = a->x->e2;
    if (!accounts_match(a))
        return su_fail(e, SU_E_FORMAT, "fs.ext4.bitmap", "the counts of free blocks do not add up");
    SU_FREE uint8_t *map = malloc(fs->blocksize);
    if (!map)
        return su_fail_nomem(e, fs->blocksize);
    for (size_t i = 0; i < a->n; i++) {
        errcode_t rc = write_group(fs, &a->group[i], map);
        if (rc)
            return su_ext_fail(a->x, rc, "writing a block bitmap", e);
    }
    return 0;
}

void su_ext_alloc_end(struct su_ext_alloc *a)
{
    if (!a)
        return;
    ext2_filsys fs = a->x->e2;
    if (fs->block_map)
        ext2fs_free_block_bitmap(fs->block_map);
    fs->block_map = NULL;
    fs->flags &= ~EXT2_FLAG_BB_DIRTY; /* libext2fs must never write bitmaps that mostly say "in use" */
    for (size_t i = 0; i < a->n; i++)
        free(a->group[i].before);
    free(a);
}
