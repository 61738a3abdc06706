/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether an NTFS volume may be written: what Windows left on it. */
#include "fs_ntfs_int.h"
#include <inttypes.h>
#include <string.h>

enum { RESTART_PAGE_MAX = 64 << 10 };

/* Flags by which Windows checks the volume before it uses it. */
#define ASKS_FOR_CHKDSK (VOLUME_IS_DIRTY | VOLUME_CHKDSK_UNDERWAY)

/* Where the two restart pages lie, when they lie in one piece. */
static void find_restart_pages(struct su_ntfs *x, ntfs_attr *na, const RESTART_PAGE_HEADER *rp)
{
    uint32_t page = rp ? le32_to_cpu(rp->system_page_size) : DefaultLogPageSize;
    runlist_element *rl = NAttrNonResident(na) ? ntfs_attr_find_vcn(na, 0) : NULL;
    if (!rl || rl->lcn < 0 || rl->length <= 0 || page < SU_SECTOR || page > RESTART_PAGE_MAX)
        return;
    uint64_t at = (uint64_t)rl->lcn, cs = x->geo.cluster, n = 2 * page;
    if (at >= x->geo.size / cs || (uint64_t)rl->length > x->geo.size / cs - at || (uint64_t)rl->length * cs < n)
        return;
    x->state.log_at = at * cs;
    x->state.log_n = n;
}

static void look_at_log(struct su_ntfs *x)
{
    RESTART_PAGE_HEADER *rp = NULL;
    ntfs_inode *ni = ntfs_inode_open(x->vol, FILE_LogFile);
    ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
    x->state.log_dirty = true; /* what cannot be read is not clean */
    if (na && na->data_size > 0) {
        x->state.log_dirty = !ntfs_check_logfile(na, &rp) || !ntfs_is_logfile_clean(na, rp);
        find_restart_pages(x, na, rp);
    }
    free(rp);
    if (na)
        ntfs_attr_close(na);
    if (ni)
        ntfs_inode_close(ni);
}

static int look_at_hiberfile(struct su_ntfs *x, struct su_err *e)
{
    struct su_fs_node n;
    struct su_fs_stat st;
    uint8_t head[4] = {0};
    size_t got = 0;
    struct su_fs *fs = &x->fs;
    if (fs->ops->lookup(fs, fs->root, "hiberfil.sys", 12, &n, e) < 0)
        return e->kind == SU_E_MISSING ? 0 : -1;
    if (fs->ops->stat(fs, n, &st, e) < 0)
        return -1;
    if (st.kind != SU_FS_FILE) /* none that Windows would wake up from */
        return 0;
    if (fs->ops->read(fs, n, 0, head, sizeof head, &got, e) < 0)
        return -1;
    x->state.hibernated = got == 4 && (memcmp(head, "hibr", 4) == 0 || memcmp(head, "HIBR", 4) == 0);
    return 0;
}

int su_ntfs_take_state(struct su_ntfs *x, struct su_err *e)
{
    struct su_ntfs_state *s = &x->state;
    struct su_err why = {0};
    s->dirty = x->vol->flags & ASKS_FOR_CHKDSK;
    s->major = x->vol->major_ver;
    s->minor = x->vol->minor_ver;
    s->cluster_size = x->geo.cluster;
    su_ntfs_dev_begin(&x->dev, 0);
    look_at_log(x);
    if (x->dev.err.kind != SU_OK)
        return su_ntfs_fail(x, "reading $LogFile", e);
    if (look_at_hiberfile(x, &why) < 0) {
        if (why.kind == SU_E_IO || why.kind == SU_E_NOMEM)
            return *e = why, -1;
        if (why.kind != SU_E_MISSING)
            x->doubt = why;
    }
    s->writable = x->doubt.kind == SU_OK && !s->dirty && !s->log_dirty && !s->hibernated && !s->mirror_differs &&
                  s->major == 3 && s->minor <= 1;
    return 0;
}

int su_ntfs_may_write(const struct su_ntfs *x, struct su_err *e)
{
    const struct su_ntfs_state *s = &x->state;
    if (s->writable)
        return 0;
    if (s->hibernated) {
        su_fail(e, SU_E_REFUSED, "volume.hibernated", "the NTFS volume holds a system that sleeps in hiberfil.sys");
        return su_remedy(e, "start Windows, turn off hibernation with \"powercfg /h off\", and shut it down");
    }
    if (s->dirty || s->log_dirty) {
        su_fail(e, SU_E_REFUSED, "volume.dirty", "the NTFS volume was not shut down properly%s",
                s->dirty ? ": its flag asks for chkdsk" : "");
        return su_remedy(e, "start Windows, run \"chkdsk /f\" if it asks for it, and shut it down cleanly");
    }
    if (x->doubt.kind != SU_OK) {
        *e = x->doubt;
        return su_context(e, "hiberfil.sys");
    }
    return su_fail(e, SU_E_REFUSED, "fs.ntfs.version", "NTFS %u.%u cannot be written", s->major, s->minor);
}
