/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTFS: before a file is written, whether its clusters are its own.
 *
 * A volume that calls itself clean need not be.  Where $Bitmap calls clusters free that are in use, a file that grows
 * would take another one's; where two runs share a cluster, a write to one changes the other.  Looked at are the file
 * and what the volume cannot do without, so that the cost does not depend on the number of files. */
#include "fs_ntfs_int.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 4096, MAX_RUNS = 1 << 20 };

struct run {
    uint64_t at, n; /* clusters */
};

struct runs {
    struct run *v; /* owned */
    size_t n, cap;
};

static void runs_done(struct runs *r)
{
    free(r->v);
}

static int chkdsk(struct su_err *e)
{
    return su_remedy(e, "start Windows, run \"chkdsk /f\" on that volume, and shut it down cleanly");
}

static int add(struct runs *r, uint64_t at, uint64_t n, struct su_err *e)
{
    if (r->n == MAX_RUNS)
        return su_fail(e, SU_E_RANGE, "fs.ntfs.size", "a file in more than %d pieces", MAX_RUNS);
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 64;
        struct run *v = realloc(r->v, cap * sizeof *v);
        if (!v)
            return su_fail_nomem(e, cap * sizeof *v);
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n++] = (struct run){at, n};
    return 0;
}

static int add_attr(struct su_ntfs *x, ntfs_attr *na, struct runs *r, struct su_err *e)
{
    if (!NAttrNonResident(na))
        return 0;
    errno = 0;
    if (ntfs_attr_map_whole_runlist(na) != 0)
        return su_ntfs_fail(x, "reading where a file lies", e);
    for (const runlist_element *rl = na->rl; rl && rl->length > 0; rl++)
        if (rl->lcn >= 0 && add(r, (uint64_t)rl->lcn, (uint64_t)rl->length, e) < 0)
            return -1;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int check_overlap(const struct su_ntfs *x, const struct runs *r, struct su_err *e)
{
    uint64_t end = 0, clusters = x->geo.size / x->geo.cluster;
    for (size_t i = 0; i < r->n; i++) {
        if (r->v[i].at >= clusters || r->v[i].n > clusters - r->v[i].at)
            return su_fail(e, SU_E_FORMAT, "fs.ntfs.damaged", "a file lies beyond the end of its volume");
        if (r->v[i].at < end) {
            (void)su_fail(e, SU_E_FORMAT, "fs.ntfs.overlap", "cluster %" PRIu64 " of the NTFS volume is used twice",
                          r->v[i].at);
            return chkdsk(e);
        }
        end = r->v[i].at + r->v[i].n;
    }
    return 0;
}

/* A part of $Bitmap; runs come in the order of the volume, so each part is read once. */
struct window {
    uint8_t b[WINDOW];
    uint64_t at; /* byte of $Bitmap */
    bool there;
};

static int is_used(struct su_ntfs *x, struct window *w, uint64_t cluster, bool *used, struct su_err *e)
{
    uint64_t byte = cluster / 8, at = byte - byte % WINDOW;
    if (!w->there || w->at != at) {
        memset(w->b, 0, sizeof w->b);
        errno = 0;
        if (ntfs_attr_pread(x->vol->lcnbmp_na, (s64)at, WINDOW, w->b) < 0)
            return su_ntfs_fail(x, "reading $Bitmap", e);
        w->at = at;
        w->there = true;
    }
    *used = w->b[byte - at] >> (cluster % 8) & 1;
    return 0;
}

static int check_bitmap(struct su_ntfs *x, const struct runs *r, struct su_err *e)
{
    struct window w = {.there = false};
    for (size_t i = 0; i < r->n; i++)
        for (uint64_t k = 0; k < r->v[i].n; k++) {
            bool used = false;
            if (is_used(x, &w, r->v[i].at + k, &used, e) < 0)
                return -1;
            if (used)
                continue;
            (void)su_fail(e, SU_E_FORMAT, "fs.ntfs.bitmap",
                          "the NTFS volume calls cluster %" PRIu64 " free, which is in use", r->v[i].at + k);
            return chkdsk(e);
        }
    return 0;
}

int su_ntfs_check_runs(struct su_ntfs *x, ntfs_attr *na, struct su_err *e)
{
    SU_AUTO(runs_done) struct runs r = {0};
    if (add(&r, 0, 1, e) < 0 || /* the boot sector's */
        add_attr(x, x->vol->mft_na, &r, e) < 0 || add_attr(x, x->vol->mftmirr_na, &r, e) < 0 ||
        add_attr(x, x->vol->lcnbmp_na, &r, e) < 0 || add_attr(x, na, &r, e) < 0)
        return -1;
    qsort(r.v, r.n, sizeof *r.v, by_place);
    return check_overlap(x, &r, e) < 0 ? -1 : check_bitmap(x, &r, e);
}
