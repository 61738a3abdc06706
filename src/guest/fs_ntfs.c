/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTFS: opening, nodes, reading.  Anything libntfs-3g answers is checked again before it is used. */
#include "fs_driver.h"
#include "fs_ntfs_int.h"
#include <inttypes.h>

enum { TAG_WOF = 0x80000017 - (INT64_C(1) << 32) }; /* as an int: compared after a cast */

bool su_ntfs_is_bitlocker(const uint8_t sector[512])
{
    return memcmp(sector + 3, "-FVE-FS-", 8) == 0;
}

int su_ntfs_fail(struct su_ntfs *x, const char *what, struct su_err *e)
{
    int no = errno;
    if (x->dev.err.kind != SU_OK) {
        *e = x->dev.err;
        return su_context(e, "%s", what);
    }
    if (x->dev.exhausted)
        return su_fail(e, SU_E_FORMAT, "fs.ntfs.loop", "%s takes more reads than any sound file system", what);
    if (no == ENOMEM)
        return su_fail(e, SU_E_NOMEM, "host.memory", "no memory for %s", what);
    if (no == ENOSPC) {
        su_fail(e, SU_E_REFUSED, "fs.full", "%s: no space is left on the NTFS volume", what);
        return su_remedy(e, "make room on the volume, then try again");
    }
    return su_fail(e, SU_E_FORMAT, "fs.ntfs.damaged", "%s: %s", what, no ? strerror(no) : "nothing was found");
}

struct su_ntfs *su_ntfs_of(struct su_fs *fs, uint64_t data)
{
    struct su_ntfs *x = (struct su_ntfs *)fs;
    su_ntfs_dev_begin(&x->dev, data);
    return x;
}

/* Nodes ---------------------------------------------------------------------*/

ntfs_inode *su_ntfs_inode(struct su_ntfs *x, struct su_fs_node n, struct su_err *e)
{
    uint64_t record = MREF(n.ino), count = (uint64_t)x->vol->mft_na->initialized_size / x->geo.record;
    if ((record < SU_NTFS_SYSTEM && record != FILE_root) || record >= count) {
        su_fail(e, SU_E_FORMAT, "fs.ntfs.inode", "record %" PRIu64 " of the MFT is not a file", record);
        return NULL;
    }
    errno = 0;
    ntfs_inode *ni = ntfs_inode_open(x->vol, n.ino);
    if (!ni) {
        su_ntfs_fail(x, "opening a file's record", e);
        return NULL;
    }
    if (ni->mrec->base_mft_record == 0 && (ni->mrec->flags & MFT_RECORD_IN_USE) && ni->data_size >= 0)
        return ni;
    su_fail(e, SU_E_FORMAT, "fs.ntfs.inode", "record %" PRIu64 " of the MFT is named but not in use", record);
    ntfs_inode_close(ni);
    return NULL;
}

static enum su_fs_kind kind_of(const ntfs_inode *ni)
{
    if (ni->flags & FILE_ATTR_REPARSE_POINT)
        return SU_FS_OTHER;
    return ni->mrec->flags & MFT_RECORD_IS_DIRECTORY ? SU_FS_DIR : SU_FS_FILE;
}

/* From the attribute, as read() sees it: on a damaged volume ni->data_size may be of another one. */
static int size_of(struct su_ntfs *x, ntfs_inode *ni, uint64_t *out, struct su_err *e)
{
    errno = 0;
    ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
    if (!na && errno != ENOENT)
        return su_ntfs_fail(x, "opening a file's contents", e);
    s64 size = na ? na->data_size : 0;
    if (na)
        ntfs_attr_close(na);
    if (size < 0)
        return su_fail(e, SU_E_FORMAT, "fs.ntfs.damaged", "a file's sizes do not fit together");
    *out = (uint64_t)size;
    return 0;
}

static int ntfs_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    struct su_ntfs *x = su_ntfs_of(fs, 0);
    ntfs_inode *ni = su_ntfs_inode(x, n, e);
    if (!ni)
        return -1;
    struct su_fs_stat st = {.kind = kind_of(ni)};
    int r = st.kind == SU_FS_DIR ? 0 : size_of(x, ni, &st.size, e);
    ntfs_inode_close(ni);
    if (r == 0)
        *out = st;
    return r;
}

/* Reading -------------------------------------------------------------------*/

static int tag_of(struct su_ntfs *x, ntfs_inode *ni, uint32_t *out, struct su_err *e)
{
    uint8_t head[8];
    ntfs_attr *na = ntfs_attr_open(ni, AT_REPARSE_POINT, AT_UNNAMED, 0);
    s64 got = na ? ntfs_attr_pread(na, 0, sizeof head, head) : -1;
    if (na)
        ntfs_attr_close(na);
    if (got != sizeof head)
        return su_ntfs_fail(x, "reading a reparse point", e);
    *out = su_le32(head);
    return 0;
}

int su_ntfs_check_file(struct su_ntfs *x, ntfs_inode *ni, struct su_err *e)
{
    uint32_t tag = 0;
    if (ni->flags & FILE_ATTR_REPARSE_POINT) {
        if (tag_of(x, ni, &tag, e) < 0)
            return -1;
        if (tag == (uint32_t)TAG_WOF)
            return su_fail(e, SU_E_REFUSED, "fs.ntfs.compact", "the file is compressed by Windows (Compact OS)");
    }
    if (kind_of(ni) != SU_FS_FILE)
        return su_fail(e, SU_E_FORMAT, "fs.ntfs.kind", "not a regular file");
    if (ni->flags & FILE_ATTR_ENCRYPTED)
        return su_fail(e, SU_E_REFUSED, "fs.ntfs.encrypted", "the file is encrypted by EFS");
    return 0;
}

ntfs_attr *su_ntfs_data(struct su_ntfs *x, ntfs_inode *ni, struct su_err *e)
{
    errno = 0;
    ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
    if (!na) {
        su_ntfs_fail(x, "opening a file's contents", e);
        return NULL;
    }
    if (na->data_flags & ATTR_IS_ENCRYPTED)
        su_fail(e, SU_E_REFUSED, "fs.ntfs.encrypted", "the file is encrypted by EFS");
    else if (na->data_size < 0 || na->initialized_size < 0 || na->initialized_size > na->data_size)
        su_fail(e, SU_E_FORMAT, "fs.ntfs.damaged", "a file's sizes do not fit together");
    else
        return na;
    ntfs_attr_close(na);
    return NULL;
}

static int read_range(struct su_ntfs *x, ntfs_attr *na, uint64_t off, uint8_t *buf, size_t want, struct su_err *e)
{
    for (size_t done = 0; done < want;) {
        errno = 0;
        s64 got = ntfs_attr_pread(na, (s64)(off + done), (s64)(want - done), buf + done);
        if (got <= 0 || (uint64_t)got > want - done)
            return su_ntfs_fail(x, "reading a file", e);
        done += (size_t)got;
    }
    return 0;
}

static int ntfs_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                     struct su_err *e)
{
    struct su_ntfs *x = su_ntfs_of(fs, len);
    ntfs_inode *ni = su_ntfs_inode(x, n, e);
    if (!ni)
        return -1;
    ntfs_attr *na = su_ntfs_check_file(x, ni, e) < 0 ? NULL : su_ntfs_data(x, ni, e);
    int r = -1;
    if (na) {
        uint64_t size = (uint64_t)na->data_size, left = off < size ? size - off : 0;
        size_t want = left < len ? (size_t)left : len;
        r = read_range(x, na, off, buf, want, e);
        if (r == 0)
            *got = want;
        ntfs_attr_close(na);
    }
    ntfs_inode_close(ni);
    return r;
}

static int ntfs_readlink(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e)
{
    (void)fs, (void)n, (void)buf, (void)cap; /* no node is a SU_FS_LINK */
    return su_fail(e, SU_E_FORMAT, "fs.ntfs.kind", "not a symbolic link");
}

/* Opening -------------------------------------------------------------------*/

void su_ntfs_forget(ntfs_inode *ni)
{
    if (!ni)
        return;
    NInoClearDirty(ni);
    NInoAttrListClearDirty(ni);
    NInoFileNameClearDirty(ni);
    for (s32 i = 0; i < ni->nr_extents; i++)
        NInoClearDirty(ni->extent_nis[i]);
}

static void close_volume(struct su_fs *fs)
{
    struct su_ntfs *x = su_ntfs_of(fs, 0);
    x->dev.writable = false; /* nothing may be written from here */
    if (x->vol) {
        ntfs_inode *const kept[] = {x->vol->lcnbmp_ni, x->vol->mft_ni, x->vol->mftmirr_ni, x->vol->vol_ni};
        for (size_t i = 0; i < SU_ARRAY_LEN(kept); i++)
            su_ntfs_forget(kept[i]);
        ntfs_umount(x->vol, TRUE);
    }
    free(x);
}

static const struct su_fs_ops ops = {
    .type = "ntfs",
    .stat = ntfs_stat,
    .lookup = su_ntfs_lookup,
    .list = su_ntfs_list,
    .read = ntfs_read,
    .readlink = ntfs_readlink,
    .replace = su_ntfs_replace,
    .close = close_volume,
};

static const struct su_fs_ops ops_read_only = {
    .type = "ntfs",
    .stat = ntfs_stat,
    .lookup = su_ntfs_lookup,
    .list = su_ntfs_list,
    .read = ntfs_read,
    .readlink = ntfs_readlink,
    .close = close_volume,
};

static int mount_volume(struct su_ntfs *x, struct su_err *e)
{
    struct ntfs_device *dev = ntfs_device_alloc("volume", 0, &su_ntfs_dev_ops, &x->dev);
    if (!dev)
        return su_fail_nomem(e, sizeof *dev);
    ntfs_log_set_handler(ntfs_log_handler_null);
    errno = 0;
    x->vol = ntfs_device_mount(dev, NTFS_MNT_FORENSIC | (x->dev.writable ? 0 : NTFS_MNT_RDONLY));
    if (!x->vol) {
        su_ntfs_fail(x, "opening an NTFS volume", e);
        ntfs_device_free(dev);
        return -1;
    }
    NVolClearCaseSensitive(x->vol);
    (void)ntfs_set_shown_files(x->vol, TRUE, TRUE, FALSE);
    return 0;
}

static int open_volume(struct su_ntfs *x, struct su_err *e)
{
    struct su_ntfs_dev *dev = &x->dev;
    if (su_ntfs_check(dev->blk, &x->geo, e) < 0 ||
        su_ntfs_mirror_differs(dev->blk, &x->geo, &x->state.mirror_differs, e) < 0)
        return -1;
    if (x->state.mirror_differs && dev->writable)
        return su_fail(e, SU_E_FORMAT, "fs.ntfs.mirror", "the NTFS volume's MFT and its mirror differ");
    if (x->state.mirror_differs) { /* libntfs-3g would refuse to read: it gets to see two copies of the first one */
        dev->hide_at = x->geo.mirror;
        dev->hide_n = SU_NTFS_MIRRORED * x->geo.record;
        dev->show = x->geo.mft;
    }
    su_ntfs_dev_begin(dev, 0);
    if (mount_volume(x, e) < 0 || su_ntfs_take_state(x, e) < 0)
        return -1;
    return dev->writable ? su_ntfs_may_write(x, e) : 0;
}

int su_fs_open_ntfs(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e)
{
    struct su_ntfs *x = calloc(1, sizeof *x);
    if (!x)
        return su_fail_nomem(e, sizeof *x);
    *x = (struct su_ntfs){.fs = {.ops = writable ? &ops : &ops_read_only, .root = {.ino = FILE_root}},
                          .dev = {.blk = blk, .writable = writable}};
    if (open_volume(x, e) < 0) {
        close_volume(&x->fs);
        return -1;
    }
    *out = &x->fs;
    return 0;
}

int su_fs_ntfs_state(struct su_fs *fs, struct su_ntfs_state *out)
{
    if (fs->ops != &ops && fs->ops != &ops_read_only)
        return -1;
    *out = ((struct su_ntfs *)fs)->state;
    return 0;
}
