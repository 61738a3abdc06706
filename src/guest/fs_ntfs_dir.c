/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories of NTFS.  The file system's own files ($MFT and so on) are never seen. */
#include "fs_driver.h"
#include "fs_ntfs_int.h"
#include "utf16.h"

enum { MAX_INDEX = 1 << 30 }; /* bytes of a directory's index blocks: a million names take a fifth of it */

static ntfs_inode *open_dir(struct su_ntfs *x, struct su_fs_node dir, struct su_err *e)
{
    ntfs_inode *ni = su_ntfs_inode(x, dir, e);
    if (!ni)
        return NULL;
    if ((ni->mrec->flags & MFT_RECORD_IS_DIRECTORY) && !(ni->flags & FILE_ATTR_REPARSE_POINT))
        return ni;
    su_fail(e, SU_E_MISSING, "fs.missing", "not a directory");
    ntfs_inode_close(ni);
    return NULL;
}

/* Listing -------------------------------------------------------------------*/

struct visit {
    struct su_ntfs *x;
    su_fs_entry_fn *fn;
    void *arg;
    struct su_err *e;
    struct su_buf name;
    size_t entries;
    int rc; /* -1 with *e set, 0 to go on, 1 stopped */
};

static int hand_out(struct visit *v, const ntfschar *name, int len, MFT_REF ref)
{
    if (++v->entries > SU_NTFS_MAX_ENTRIES)
        return su_fail(v->e, SU_E_FORMAT, "fs.ntfs.dir", "a directory of more than %d entries", SU_NTFS_MAX_ENTRIES);
    v->name.n = 0;
    su_utf16_to_utf8((struct su_bytes){(const uint8_t *)name, (size_t)len * 2}, false, &v->name);
    if (su_buf_ok(&v->name, v->e) < 0)
        return -1;
    const char *s = su_buf_str(&v->name);
    if (v->name.n == 0 || memchr(s, '/', v->name.n) || memchr(s, 0, v->name.n))
        return su_fail(v->e, SU_E_FORMAT, "fs.ntfs.dir", "a directory entry without a proper name");
    if (su_fs_is_dots(s, v->name.n))
        return 0;
    return v->fn(v->arg, s, v->name.n, (struct su_fs_node){.ino = ref}, v->e);
}

static int visit_entry(void *arg, const ntfschar *name, const int len, const int type, const s64 pos, const MFT_REF ref,
                       const unsigned kind)
{
    (void)pos, (void)kind;
    struct visit *v = arg;
    if (v->rc == 0 && type != FILE_NAME_DOS && MREF(ref) >= SU_NTFS_SYSTEM)
        v->rc = hand_out(v, name, len, ref);
    return v->rc ? -1 : 0;
}

/* ntfs_readdir() goes through the index's bitmap bit by bit, however long a hostile one says it is. */
static int check_index(struct su_ntfs *x, ntfs_inode *ni, ATTR_TYPES type, uint64_t max, struct su_err *e)
{
    ntfs_attr *na = ntfs_attr_open(ni, type, NTFS_INDEX_I30, 4);
    if (!na)
        return errno == ENOENT ? 0 : su_ntfs_fail(x, "opening a directory's index", e);
    bool good = na->data_size >= 0 && (uint64_t)na->data_size <= max;
    ntfs_attr_close(na);
    return good ? 0 : su_fail(e, SU_E_FORMAT, "fs.ntfs.dir", "a directory's index is larger than any");
}

static int list_dir(struct su_ntfs *x, ntfs_inode *ni, struct visit *v)
{
    uint64_t max = x->geo.size < MAX_INDEX ? x->geo.size : MAX_INDEX;
    if (check_index(x, ni, AT_INDEX_ALLOCATION, max, v->e) < 0 || check_index(x, ni, AT_BITMAP, max / 512, v->e) < 0)
        return -1;
    s64 pos = 0;
    errno = 0;
    int rc = ntfs_readdir(ni, &pos, v, visit_entry);
    if (v->rc < 0)
        return -1;
    return rc != 0 && v->rc == 0 ? su_ntfs_fail(x, "reading a directory", v->e) : 0;
}

int su_ntfs_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    struct su_ntfs *x = su_ntfs_of(fs, MAX_INDEX / 4);
    struct visit v = {.x = x, .fn = fn, .arg = arg, .e = e};
    ntfs_inode *ni = open_dir(x, dir, e);
    if (!ni)
        return -1;
    int r = list_dir(x, ni, &v);
    su_buf_done(&v.name);
    ntfs_inode_close(ni);
    return r;
}

/* Looking up ----------------------------------------------------------------*/

int su_ntfs_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                   struct su_err *e)
{
    struct su_ntfs *x = su_ntfs_of(fs, 0);
    SU_BUF struct su_buf utf16 = {0};
    if (len == 0 || su_fs_is_dots(name, len) || len > 3 * SU_FS_NAME_MAX)
        return su_fs_missing(e, "no such name in the directory");
    if (su_utf8_to_utf16(name, len, &utf16, e) < 0)
        return e->kind == SU_E_NOMEM ? -1 : su_fs_missing(e, "no such name in the directory");
    if (utf16.n / 2 > NTFS_MAX_NAME_LEN)
        return su_fs_missing(e, "no such name in the directory");
    ntfs_inode *ni = open_dir(x, dir, e);
    if (!ni)
        return -1;
    errno = 0;
    u64 ref = ntfs_inode_lookup_by_name(ni, (const ntfschar *)(void *)utf16.p, (int)(utf16.n / 2));
    int no = errno;
    ntfs_inode_close(ni);
    errno = no;
    if (ref == (u64)-1 && no != ENOENT)
        return su_ntfs_fail(x, "looking up a name", e);
    if (ref == (u64)-1 || MREF(ref) < SU_NTFS_SYSTEM)
        return su_fs_missing(e, "no such name in the directory");
    *out = (struct su_fs_node){.ino = ref};
    return 0;
}
