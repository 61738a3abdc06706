/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ext2/3/4: opening and reading.  Anything libext2fs answers is checked again before it is used:
 * inode numbers, block numbers, lengths. */
#include "fs_ext_int.h"
#include <inttypes.h>
#include <string.h>

/* Features that this driver may write beside: nothing it does depends on them, or it keeps them. */
#define WRITABLE_RO_COMPAT                                                                                             \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |      \
     EXT4_FEATURE_RO_COMPAT_GDT_CSUM | EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |         \
     EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_BIGALLOC | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM |           \
     EXT4_FEATURE_RO_COMPAT_PROJECT | EXT4_FEATURE_RO_COMPAT_VERITY)

static struct su_ext *ext_of(struct su_fs *fs)
{
    struct su_ext *x = (struct su_ext *)fs;
    su_ext_io_begin(x->io);
    return x;
}

int su_ext_fail(struct su_ext *x, errcode_t code, const char *what, struct su_err *e)
{
    if (su_ext_io_error(x->io, e))
        return su_context(e, "%s", what);
    if (su_ext_io_exhausted(x->io))
        return su_fail(e, SU_E_FORMAT, "fs.ext4.loop", "%s takes more reads than any sound file system", what);
    if (code == EXT2_ET_NO_MEMORY)
        return su_fail(e, SU_E_NOMEM, "host.memory", "no memory for %s", what);
    if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_RO_UNSUPP_FEATURE || code == EXT2_ET_REV_TOO_HIGH)
        return su_fail(e, SU_E_REFUSED, "fs.ext4.feature", "%s: %s", what, error_message(code));
    return su_fail(e, SU_E_FORMAT, "fs.ext4.damaged", "%s: %s", what, error_message(code));
}

/* Inodes -------------------------------------------------------------------*/

/* Inodes that belong to the file system itself: no directory may lead to them. */
static bool is_internal(const struct ext2_super_block *sb, uint64_t ino)
{
    if (ino < EXT2_FIRST_INODE(sb))
        return ino != EXT2_ROOT_INO;
    return ino == sb->s_usr_quota_inum || ino == sb->s_grp_quota_inum || ino == sb->s_prj_quota_inum ||
           ino == sb->s_orphan_file_inum || ino == sb->s_journal_inum;
}

int su_ext_inode(struct su_ext *x, uint64_t ino, struct ext2_inode_large *out, struct su_err *e)
{
    if (ino > x->e2->super->s_inodes_count || is_internal(x->e2->super, ino))
        return su_fail(e, SU_E_FORMAT, "fs.ext4.inode", "inode %" PRIu64 " is not a file", ino);
    struct ext2_inode_large i = {0};
    errcode_t rc = ext2fs_read_inode_full(x->e2, (ext2_ino_t)ino, (struct ext2_inode *)&i, sizeof i);
    if (rc)
        return su_ext_fail(x, rc, "reading an inode", e);
    if (i.i_links_count == 0 || i.i_mode == 0)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.inode", "inode %" PRIu64 " is named but not in use", ino);
    *out = i;
    return 0;
}

static int plain_inode(struct su_ext *x, uint64_t ino, struct ext2_inode *out, struct su_err *e)
{
    struct ext2_inode_large large;
    if (su_ext_inode(x, ino, &large, e) < 0)
        return -1;
    memcpy(out, &large, sizeof *out);
    return 0;
}

static int refuse_encrypted(const struct ext2_inode *i, struct su_err *e)
{
    if (!(i->i_flags & EXT4_ENCRYPT_FL))
        return 0;
    return su_fail(e, SU_E_REFUSED, "fs.ext4.encrypted", "the file or directory is encrypted by fscrypt");
}

static int ext_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    struct ext2_inode i;
    if (plain_inode(ext_of(fs), n.ino, &i, e) < 0)
        return -1;
    *out = (struct su_fs_stat){
        .kind = LINUX_S_ISREG(i.i_mode)   ? SU_FS_FILE
                : LINUX_S_ISDIR(i.i_mode) ? SU_FS_DIR
                : LINUX_S_ISLNK(i.i_mode) ? SU_FS_LINK
                                          : SU_FS_OTHER,
        .size = EXT2_I_SIZE(&i),
    };
    return 0;
}

/* Reading ------------------------------------------------------------------*/

static int checked_run(struct su_ext *x, blk64_t pblk, uint64_t n, struct su_ext_run *out, struct su_err *e)
{
    uint64_t end = ext2fs_blocks_count(x->e2->super);
    if (pblk <= x->e2->super->s_first_data_block || pblk >= end || n > end - pblk)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.block", "block %" PRIu64 " of a file lies outside the file system",
                       (uint64_t)pblk);
    *out = (struct su_ext_run){pblk, n};
    return 0;
}

static int map_extent(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t lblk, uint64_t max,
                      struct su_ext_run *out, struct su_err *e)
{
    ext2_extent_handle_t h;
    struct ext2fs_extent ext = {0};
    errcode_t rc = ext2fs_extent_open2(x->e2, ino, inode, &h);
    if (rc)
        return su_ext_fail(x, rc, "reading a file's extents", e);
    rc = ext2fs_extent_goto(h, lblk);
    bool hole = rc == EXT2_ET_EXTENT_NOT_FOUND;
    if (!rc)
        rc = ext2fs_extent_get(h, EXT2_EXTENT_CURRENT, &ext);
    ext2fs_extent_free(h);
    if (hole) {
        *out = (struct su_ext_run){0, 1};
        return 0;
    }
    if (rc)
        return su_ext_fail(x, rc, "reading a file's extents", e);
    if (lblk < ext.e_lblk || lblk - ext.e_lblk >= ext.e_len)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.damaged", "a file's extents are out of order");
    uint64_t skip = lblk - ext.e_lblk, n = ext.e_len - skip;
    if (ext.e_flags & EXT2_EXTENT_FLAGS_UNINIT)
        *out = (struct su_ext_run){0, n < max ? n : max};
    else
        return checked_run(x, ext.e_pblk + skip, n < max ? n : max, out, e);
    return 0;
}

/* Indirect blocks: the run grows as long as the blocks follow each other. */
static int map_indirect(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t lblk, uint64_t max,
                        struct su_ext_run *out, struct su_err *e)
{
    blk64_t first = 0;
    uint64_t n = 0;
    for (; n < max && n < 4096; n++) {
        blk64_t p = 0;
        errcode_t rc = ext2fs_bmap2(x->e2, ino, inode, NULL, 0, lblk + n, NULL, &p);
        if (rc)
            return su_ext_fail(x, rc, "reading a file's block list", e);
        if (n == 0)
            first = p;
        else if (p != (first ? first + n : 0))
            break;
    }
    if (first)
        return checked_run(x, first, n, out, e);
    *out = (struct su_ext_run){0, n};
    return 0;
}

int su_ext_map(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t lblk, uint64_t max,
               struct su_ext_run *out, struct su_err *e)
{
    if (lblk > UINT32_MAX || max > UINT32_MAX - lblk + 1)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.damaged", "a file is longer than the format allows");
    if (inode->i_flags & EXT4_EXTENTS_FL)
        return map_extent(x, ino, inode, lblk, max, out, e);
    return map_indirect(x, ino, inode, lblk, max, out, e);
}

/* The piece of a file that lies in one block run; *got: bytes read, at least 1. */
static int read_piece(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t off, uint8_t *buf,
                      size_t len, size_t *got, struct su_err *e)
{
    uint64_t bs = x->e2->blocksize, in = off % bs;
    struct su_ext_run run;
    if (su_ext_map(x, ino, inode, off / bs, (in + len - 1) / bs + 1, &run, e) < 0)
        return -1;
    size_t n = run.n * bs - in < len ? (size_t)(run.n * bs - in) : len;
    if (run.pblk == 0)
        memset(buf, 0, n);
    else if (su_blk_read(x->blk, run.pblk * bs + in, buf, n, e) < 0)
        return su_context(e, "reading a file");
    *got = n;
    return 0;
}

static int read_inline(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t off, uint8_t *buf,
                       size_t len, struct su_err *e)
{
    size_t size = 0;
    errcode_t rc = ext2fs_inline_data_size(x->e2, ino, &size);
    if (rc)
        return su_ext_fail(x, rc, "reading a file kept in its inode", e);
    if (EXT2_I_SIZE(inode) > size || size > 65536)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.inline", "a file kept in its inode is longer than the data there");
    SU_FREE uint8_t *all = malloc(size + 1);
    if (!all)
        return su_fail_nomem(e, size);
    size_t got = size;
    rc = ext2fs_inline_data_get(x->e2, ino, inode, all, &got);
    if (rc || got != size)
        return su_ext_fail(x, rc, "reading a file kept in its inode", e);
    memcpy(buf, all + off, len);
    return 0;
}

/* buf has room for len bytes, and off + len does not pass the end of the file. */
static int read_range(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t off, uint8_t *buf,
                      size_t len, struct su_err *e)
{
    if (len == 0)
        return 0;
    if (inode->i_flags & EXT4_INLINE_DATA_FL)
        return read_inline(x, ino, inode, off, buf, len, e);
    for (size_t done = 0, got = 0; done < len; done += got)
        if (read_piece(x, ino, inode, off + done, buf + done, len - done, &got, e) < 0)
            return -1;
    return 0;
}

static int ext_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                    struct su_err *e)
{
    struct su_ext *x = ext_of(fs);
    struct ext2_inode i;
    if (plain_inode(x, n.ino, &i, e) < 0 || refuse_encrypted(&i, e) < 0)
        return -1;
    if (!LINUX_S_ISREG(i.i_mode))
        return su_fail(e, SU_E_FORMAT, "fs.ext4.kind", "not a regular file");
    uint64_t size = EXT2_I_SIZE(&i), left = off < size ? size - off : 0;
    size_t want = left < len ? (size_t)left : len;
    if (read_range(x, (ext2_ino_t)n.ino, &i, off, buf, want, e) < 0)
        return -1;
    *got = want;
    return 0;
}

static int ext_readlink(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e)
{
    struct su_ext *x = ext_of(fs);
    struct ext2_inode i;
    if (plain_inode(x, n.ino, &i, e) < 0 || refuse_encrypted(&i, e) < 0)
        return -1;
    if (!LINUX_S_ISLNK(i.i_mode))
        return su_fail(e, SU_E_FORMAT, "fs.ext4.kind", "not a symbolic link");
    uint64_t size = EXT2_I_SIZE(&i);
    if (size == 0 || size >= cap || size > SU_FS_MAX_PATH)
        return su_fail(e, SU_E_FORMAT, "fs.link", "a symbolic link of %" PRIu64 " bytes", size);
    char target[SU_FS_MAX_PATH + 1] = {0};
    if (ext2fs_is_fast_symlink(&i) && size <= sizeof i.i_block)
        memcpy(target, i.i_block, (size_t)size);
    else if (read_range(x, (ext2_ino_t)n.ino, &i, 0, (uint8_t *)target, (size_t)size, e) < 0)
        return -1;
    if (strlen(target) != size)
        return su_fail(e, SU_E_FORMAT, "fs.link", "a symbolic link's target holds a NUL byte");
    memcpy(buf, target, (size_t)size + 1);
    return 0;
}

/* Directories --------------------------------------------------------------*/

struct visit {
    su_fs_entry_fn *fn;
    void *arg;
    struct su_err *e;
    size_t entries;
    int rc; /* -1 with *e set, 0 to go on, 1 stopped */
};

static int visit_entry(ext2_ino_t dir, int where, struct ext2_dir_entry *ent, int off, int bs, char *buf, void *arg)
{
    (void)dir, (void)where, (void)off, (void)bs, (void)buf;
    struct visit *v = arg;
    size_t len = (size_t)ext2fs_dirent_name_len(ent);
    if (++v->entries > SU_EXT_MAX_ENTRIES)
        v->rc = su_fail(v->e, SU_E_FORMAT, "fs.ext4.dir", "a directory of more than %d entries", SU_EXT_MAX_ENTRIES);
    else if (len == 0 || memchr(ent->name, 0, len) || memchr(ent->name, '/', len))
        v->rc = su_fail(v->e, SU_E_FORMAT, "fs.ext4.dir", "a directory entry without a proper name");
    else if (!(ent->name[0] == '.' && (len == 1 || (len == 2 && ent->name[1] == '.'))))
        v->rc = v->fn(v->arg, ent->name, len, (struct su_fs_node){.ino = ent->inode}, v->e);
    return v->rc ? DIRENT_ABORT : 0;
}

static int ext_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    struct su_ext *x = ext_of(fs);
    struct ext2_inode i;
    if (plain_inode(x, dir.ino, &i, e) < 0 || refuse_encrypted(&i, e) < 0)
        return -1;
    if (!LINUX_S_ISDIR(i.i_mode))
        return su_fail(e, SU_E_MISSING, "fs.missing", "not a directory");
    struct visit v = {.fn = fn, .arg = arg, .e = e};
    errcode_t rc = ext2fs_dir_iterate2(x->e2, (ext2_ino_t)dir.ino, 0, NULL, visit_entry, &v);
    if (v.rc < 0)
        return -1;
    return rc && v.rc == 0 ? su_ext_fail(x, rc, "reading a directory", e) : 0;
}

struct wanted {
    const char *name;
    size_t len;
    struct su_fs_node found;
};

static int match(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    (void)e;
    struct wanted *w = arg;
    if (len != w->len || memcmp(name, w->name, len) != 0)
        return 0;
    w->found = node;
    return 1;
}

static int ext_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                      struct su_err *e)
{
    struct wanted w = {.name = name, .len = len};
    if (ext_list(fs, dir, match, &w, e) < 0)
        return -1;
    if (w.found.ino == 0)
        return su_fail(e, SU_E_MISSING, "fs.missing", "no such name in the directory");
    *out = w.found;
    return 0;
}

/* Opening ------------------------------------------------------------------*/

static void ext_close(struct su_fs *fs)
{
    struct su_ext *x = (struct su_ext *)fs;
    if (x->e2)
        ext2fs_free(x->e2); /* not ext2fs_close(): nothing may be written from here */
    su_ext_io_free(x->io);
    free(x);
}

static const struct su_fs_ops ops = {
    .type = "ext4",
    .stat = ext_stat,
    .lookup = ext_lookup,
    .list = ext_list,
    .read = ext_read,
    .readlink = ext_readlink,
    .replace = su_ext_replace,
    .close = ext_close,
};

static const struct su_fs_ops ops_read_only = {
    .type = "ext4",
    .stat = ext_stat,
    .lookup = ext_lookup,
    .list = ext_list,
    .read = ext_read,
    .readlink = ext_readlink,
    .close = ext_close,
};

/* What libext2fs would size its memory by, before it does. */
static int check_super(struct su_blk *blk, struct su_err *e)
{
    struct ext2_super_block sb;
    if (blk->size < SUPERBLOCK_OFFSET + sizeof sb)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.size", "%" PRIu64 " bytes are too few for ext4", blk->size);
    if (su_blk_read(blk, SUPERBLOCK_OFFSET, &sb, sizeof sb, e) < 0)
        return -1;
    if (sb.s_magic != EXT2_SUPER_MAGIC)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.magic", "no ext4 superblock");
    if (sb.s_log_block_size > 6)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.size", "blocks of 2^%u KiB", sb.s_log_block_size);
    if (ext2fs_has_feature_journal_dev(&sb))
        return su_fail(e, SU_E_REFUSED, "fs.ext4.feature", "an external journal, not a file system");
    uint64_t blocks = ext2fs_blocks_count(&sb), bs = UINT64_C(1024) << sb.s_log_block_size;
    if (blocks <= sb.s_first_data_block || blocks > blk->size / bs)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.size",
                       "%" PRIu64 " blocks of %" PRIu64 " bytes on a volume of %" PRIu64, blocks, bs, blk->size);
    if (sb.s_blocks_per_group < 256 || blocks / sb.s_blocks_per_group >= SU_EXT_MAX_GROUPS || sb.s_inodes_count == 0)
        return su_fail(e, SU_E_FORMAT, "fs.ext4.size", "%" PRIu64 " blocks in groups of %u", blocks,
                       sb.s_blocks_per_group);
    return 0;
}

static bool mmp_in_use(struct su_ext *x)
{
    struct ext2_super_block *sb = x->e2->super;
    if (!ext2fs_has_feature_mmp(sb))
        return false;
    struct mmp_struct mmp = {0};
    errcode_t rc = io_channel_read_blk64(x->e2->io, sb->s_mmp_block, -(int)sizeof mmp, &mmp);
    return rc || mmp.mmp_magic != EXT4_MMP_MAGIC || mmp.mmp_seq != EXT4_MMP_SEQ_CLEAN;
}

static void take_state(struct su_ext *x)
{
    struct ext2_super_block *sb = x->e2->super;
    const uint8_t *u = sb->s_uuid;
    x->state = (struct su_ext_state){
        .needs_recovery = ext2fs_has_feature_journal_needs_recovery(sb) || sb->s_last_orphan != 0 ||
                          ext2fs_has_feature_orphan_present(sb) || !(sb->s_state & EXT2_VALID_FS),
        .errors = sb->s_state & EXT2_ERROR_FS,
        .mmp = mmp_in_use(x),
    };
    for (size_t i = 0, o = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            x->state.uuid[o++] = '-';
        x->state.uuid[o++] = "0123456789abcdef"[u[i] >> 4];
        x->state.uuid[o++] = "0123456789abcdef"[u[i] & 15];
    }
}

static int may_write(const struct su_ext *x, struct su_err *e)
{
    if (x->state.mmp) {
        su_fail(e, SU_E_REFUSED, "volume.mmp", "the ext4 file system %s is in use by another host", x->state.uuid);
        return su_remedy(e, "unmount it wherever it is mounted, or run e2fsck");
    }
    if (x->state.errors) {
        su_fail(e, SU_E_REFUSED, "volume.errors", "the ext4 file system %s has recorded errors", x->state.uuid);
        return su_remedy(e, "run e2fsck on it, or boot the guest once so that it checks its file systems");
    }
    if (x->state.needs_recovery) {
        su_fail(e, SU_E_REFUSED, "volume.dirty", "the ext4 file system %s was not unmounted cleanly", x->state.uuid);
        return su_remedy(e, "start the guest and shut it down cleanly");
    }
    uint32_t odd = x->e2->super->s_feature_ro_compat & ~(uint32_t)WRITABLE_RO_COMPAT;
    if (odd)
        return su_fail(e, SU_E_REFUSED, "fs.ext4.feature", "ext4 feature ro_compat 0x%x cannot be written safely", odd);
    return 0;
}

int su_fs_open_ext(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e)
{
    if (check_super(blk, e) < 0)
        return -1;
    initialize_ext2_error_table();
    struct su_ext *x = calloc(1, sizeof *x);
    if (!x)
        return su_fail_nomem(e, sizeof *x);
    *x = (struct su_ext){.fs = {.ops = writable ? &ops : &ops_read_only, .root = {.ino = EXT2_ROOT_INO}},
                         .blk = blk,
                         .writable = writable,
                         .io = su_ext_io_new(blk, writable)};
    errcode_t rc = x->io ? 0 : EXT2_ET_NO_MEMORY;
    if (rc == 0)
        rc = su_ext_io_open(x->io, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | (writable ? EXT2_FLAG_RW : 0), &x->e2);
    int bad = rc ? (x->io ? su_ext_fail(x, rc, "opening an ext4 file system", e) : su_fail_nomem(e, 1)) : 0;
    if (!bad)
        take_state(x);
    if (bad || (writable && may_write(x, e) < 0)) {
        ext_close(&x->fs);
        return -1;
    }
    *out = &x->fs;
    return 0;
}

int su_fs_ext_state(struct su_fs *fs, struct su_ext_state *out)
{
    if (fs->ops != &ops && fs->ops != &ops_read_only)
        return -1;
    *out = ((struct su_ext *)fs)->state;
    return 0;
}
