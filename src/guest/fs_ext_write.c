/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ext2/3/4: new contents for an existing file.  Three ways, the first that fits: in the inode, into
 * the very blocks it has, or freeing those and allocating again. */
#include "fs_ext_int.h"
#include <inttypes.h>
#include <string.h>

struct job {
    struct su_ext *x;
    ext2_ino_t ino;
    const uint8_t *data;
    size_t len;
    struct su_err *e;
};

static int lib_fail(const struct job *j, errcode_t rc)
{
    return su_ext_fail(j->x, rc, "writing a file", j->e);
}

/* From here on memory and disk may differ until all is written. */
static void begin(const struct job *j)
{
    j->x->broken = true;
}

static int check_target(const struct job *j, struct ext2_inode_large *i)
{
    static const char unlock[] = "run chattr -i -a FILE in the guest";
    static const char copy[] = "replace the file by a plain copy of it in the guest";
    static const struct {
        uint32_t flag;
        const char *id, *what, *remedy;
    } refused[] = {
        {EXT4_ENCRYPT_FL, "fs.ext4.encrypted", "encrypted by fscrypt", copy},
        {EXT2_IMMUTABLE_FL, "fs.ext4.immutable", "marked immutable", unlock},
        {EXT2_APPEND_FL, "fs.ext4.immutable", "marked append-only", unlock},
        {EXT4_VERITY_FL, "fs.ext4.verity", "protected by fs-verity", copy},
        {EXT4_EA_INODE_FL, "fs.ext4.kind", "part of an extended attribute", NULL},
    };
    if (!LINUX_S_ISREG(i->i_mode))
        return su_fail(j->e, SU_E_FORMAT, "fs.ext4.kind", "not a regular file");
    for (size_t k = 0; k < SU_ARRAY_LEN(refused); k++)
        if (i->i_flags & refused[k].flag) {
            (void)su_fail(j->e, SU_E_REFUSED, refused[k].id, "inode %u is %s", j->ino, refused[k].what);
            return su_remedy(j->e, refused[k].remedy);
        }
    uint64_t size = EXT2_I_SIZE(i);
    if (size > SU_EXT_REPLACE_MAX || j->len > SU_EXT_REPLACE_MAX)
        return su_fail(j->e, SU_E_RANGE, "fs.file.size", "replacing %" PRIu64 " by %zu bytes, more than %d", size,
                       j->len, SU_EXT_REPLACE_MAX);
    return 0;
}

/* In the inode ---------------------------------------------------------------*/

/* Where 60 bytes are enough libext2fs leaves the attribute that holds the rest as it is. */
static errcode_t drop_inline_rest(const struct job *j)
{
    struct ext2_xattr_handle *h = NULL;
    errcode_t rc = ext2fs_xattrs_open(j->x->e2, j->ino, &h);
    if (rc)
        return rc;
    rc = ext2fs_xattrs_read(h);
    if (!rc)
        rc = ext2fs_xattr_set(h, "system.data", "", 0);
    errcode_t rc2 = ext2fs_xattrs_close(&h);
    return rc ? rc : rc2;
}

/* *done: the contents are in place; otherwise they do not fit and nothing happened. */
static int write_inline(const struct job *j, bool *done)
{
    enum { IN_INODE = 60 };
    uint8_t head[IN_INODE] = {0};
    const void *data = j->data;
    size_t len = j->len, before = 0;
    errcode_t rc = ext2fs_inline_data_size(j->x->e2, j->ino, &before);
    if (!rc && before > (size_t)EXT2_INODE_SIZE(j->x->e2->super))
        return su_fail(j->e, SU_E_FORMAT, "fs.ext4.inline", "a file kept in its inode is larger than the inode");
    begin(j);
    if (!rc && len <= IN_INODE) {
        memcpy(head, j->data, len);
        data = head;
        len = IN_INODE;
        if (before > IN_INODE)
            rc = drop_inline_rest(j);
    }
    if (!rc) /* takes void *, but only reads */
        rc = ext2fs_inline_data_set(j->x->e2, j->ino, NULL, (void *)(uintptr_t)data, len);
    *done = rc == 0;
    return rc == 0 || rc == EXT2_ET_INLINE_DATA_NO_SPACE ? 0 : lib_fail(j, rc);
}

/* Into the blocks it has -----------------------------------------------------*/

/* One run of the file: is it on disk, and, with write, the new contents. */
static int in_place_run(const struct job *j, struct ext2_inode *i, uint64_t lblk, uint64_t blocks, bool write,
                        uint64_t *n)
{
    struct su_ext_run run;
    if (su_ext_map(j->x, j->ino, i, lblk, blocks - lblk, &run, j->e) < 0)
        return -1;
    *n = run.pblk ? run.n : 0;
    size_t bs = j->x->e2->blocksize;
    for (uint64_t k = 0; write && k < *n; k++) {
        size_t off = (size_t)(lblk + k) * bs, have = j->len - off < bs ? j->len - off : bs;
        uint8_t block[65536];
        memcpy(block, j->data + off, have);
        memset(block + have, 0, bs - have);
        begin(j);
        errcode_t rc = io_channel_write_blk64(j->x->e2->io, run.pblk + k, 1, block);
        if (rc)
            return lib_fail(j, rc);
    }
    return 0;
}

static int write_in_place(const struct job *j, struct ext2_inode *i, bool *done)
{
    uint64_t bs = j->x->e2->blocksize, blocks = (j->len + bs - 1) / bs;
    *done = (EXT2_I_SIZE(i) + bs - 1) / bs == blocks;
    for (int write = 0; write < 2 && *done; write++)
        for (uint64_t at = 0, n; at < blocks && *done; at += n) {
            if (in_place_run(j, i, at, blocks, write, &n) < 0)
                return -1;
            *done = n > 0;
        }
    return 0;
}

/* Anew -----------------------------------------------------------------------*/

/* The first block is written by itself: where contents move out of the inode, libext2fs copies all
 * of what it is given into a buffer of a few blocks first. */
static errcode_t write_blocks(const struct job *j)
{
    ext2_filsys fs = j->x->e2;
    ext2_file_t f;
    errcode_t rc = ext2fs_file_open(fs, j->ino, EXT2_FILE_WRITE, &f);
    if (rc)
        return rc;
    for (size_t done = 0; done < j->len && !rc;) {
        size_t n = done == 0 && j->len > fs->blocksize ? fs->blocksize : j->len - done;
        unsigned put = 0;
        rc = ext2fs_file_write(f, j->data + done, (unsigned)n, &put);
        if (!rc && put != n)
            rc = EXT2_ET_SHORT_WRITE;
        done += n;
    }
    errcode_t rc2 = ext2fs_file_close(f); /* flushes the last block, and frees f in any case */
    return rc ? rc : rc2;
}

static errcode_t rewrite(const struct job *j, bool is_inline)
{
    ext2_filsys fs = j->x->e2;
    struct ext2_inode i;
    begin(j);
    errcode_t rc = ext2fs_read_inode(fs, j->ino, &i);
    if (!rc && !is_inline)
        rc = ext2fs_punch(fs, j->ino, &i, NULL, 0, ~0ULL);
    if (!rc) {
        i.i_size = i.i_size_high = 0;
        rc = ext2fs_write_inode(fs, j->ino, &i);
    }
    return rc ? rc : write_blocks(j);
}

static int write_anew(const struct job *j, struct ext2_inode *i)
{
    ext2_filsys fs = j->x->e2;
    if (ext2fs_has_feature_quota(fs->super)) {
        su_fail(j->e, SU_E_REFUSED, "fs.ext4.quota",
                "the file needs another number of blocks, and the file system keeps quotas");
        return su_remedy(j->e, "turn the quota feature off (tune2fs -O ^quota), convert, and turn it on again");
    }
    /* data, then extent or indirect blocks: at most one for each 60 of data (1 KiB blocks), and some levels */
    uint64_t blocks = (j->len + fs->blocksize - 1) / fs->blocksize;
    struct su_ext_alloc *a SU_AUTO(su_ext_alloc_endp) = NULL;
    if (su_ext_alloc_begin(j->x, j->ino, i, blocks + blocks / 60 + 8, &a, j->e) < 0)
        return -1;
    errcode_t rc = rewrite(j, i->i_flags & EXT4_INLINE_DATA_FL);
    return rc ? lib_fail(j, rc) : su_ext_alloc_commit(a, j->e);
}

/* ----------------------------------------------------------------------------*/

/* The low 32 bits are signed; two bits of the extra field count how often they went round. */
static void set_time(uint32_t *low, uint32_t *extra, int64_t now)
{
    *low = (uint32_t)now;
    *extra = (uint32_t)(((uint64_t)now - (uint64_t)(int64_t)(int32_t)now) >> 32) & 3;
}

static errcode_t finish_inode(const struct job *j, int64_t now)
{
    ext2_filsys fs = j->x->e2;
    struct ext2_inode_large i = {0};
    begin(j);
    errcode_t rc = ext2fs_read_inode_full(fs, j->ino, (struct ext2_inode *)&i, sizeof i);
    if (rc)
        return rc;
    uint32_t unused;
    bool large = EXT2_INODE_SIZE(fs->super) > EXT2_GOOD_OLD_INODE_SIZE;
    bool extra =
        large && i.i_extra_isize + (size_t)EXT2_GOOD_OLD_INODE_SIZE >= offsetof(struct ext2_inode_large, i_atime_extra);
    i.i_size = (uint32_t)j->len;
    i.i_size_high = 0;
    set_time(&i.i_mtime, extra ? &i.i_mtime_extra : &unused, now);
    set_time(&i.i_ctime, extra ? &i.i_ctime_extra : &unused, now);
    return ext2fs_write_inode_full(fs, j->ino, (struct ext2_inode *)&i,
                                   large ? (int)sizeof i : EXT2_GOOD_OLD_INODE_SIZE);
}

/* The primary superblock, all of it (libext2fs writes changed words only, when it has a copy to
 * compare with), and a flush.  Descriptors are on disk already; backups are left alone, as the
 * kernel does. */
static errcode_t finish_super(const struct job *j, int64_t now)
{
    ext2_filsys fs = j->x->e2;
    ext2fs_free_mem(&fs->orig_super);
    fs->now = (time_t)now;
    fs->flags |= EXT2_FLAG_SUPER_ONLY | EXT2_FLAG_MASTER_SB_ONLY;
    ext2fs_mark_super_dirty(fs);
    errcode_t rc = ext2fs_flush2(fs, EXT2_FLAG_FLUSH_NO_SYNC);
    return rc ? rc : io_channel_flush(fs->io);
}

static int replace(const struct job *j, int64_t now)
{
    struct ext2_inode_large large;
    struct ext2_inode i;
    bool done = false;
    if (su_ext_inode(j->x, j->ino, &large, j->e) < 0 || check_target(j, &large) < 0)
        return -1;
    memcpy(&i, &large, sizeof i);
    j->x->e2->now = (time_t)now;
    if ((i.i_flags & EXT4_INLINE_DATA_FL ? write_inline(j, &done) : write_in_place(j, &i, &done)) < 0)
        return -1;
    if (!done && write_anew(j, &i) < 0)
        return -1;
    errcode_t rc = finish_inode(j, now);
    if (!rc)
        rc = finish_super(j, now);
    if (rc)
        return lib_fail(j, rc);
    j->x->broken = false;
    return 0;
}

int su_ext_replace(struct su_fs *fs, struct su_fs_node n, const void *buf, size_t len, int64_t now, struct su_err *e)
{
    struct su_ext *x = (struct su_ext *)fs;
    su_ext_io_begin(x->io);
    if (x->broken)
        return su_fail(e, SU_E_CONFLICT, "fs.ext4.broken", "an earlier change of this file system failed half-way");
    if (n.ino > UINT32_MAX)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.inode", "inode %" PRIu64 " is not a file", n.ino);
    struct job j = {.x = x, .ino = (ext2_ino_t)n.ino, .data = buf, .len = len, .e = e};
    return replace(&j, now);
}
