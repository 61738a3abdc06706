/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LVM2 metadata from hostile bytes.  The input is the text, put into a physical volume with right
 * checksums, or, when it begins with "SPRS", a whole sparse image.  Checks the promise of lvm.h. */
#include "guest/lvm.h"
#include "tests/lib/lvmtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                                       \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static void check_name(const char *s)
{
    size_t n = strlen(s);
    CHECK(n > 0 && n < SU_LVM_NAME && s[0] != '-' && strcmp(s, ".") != 0 && strcmp(s, "..") != 0);
    for (; *s; s++)
        CHECK(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-", *s));
}

static bool apart(struct su_extent a, struct su_extent b)
{
    return a.off + a.n <= b.off || b.off + b.n <= a.off;
}

static void check_extents(const struct su_lvm *l, const struct su_lvm_lv *lv, uint64_t disk)
{
    const struct su_lvm_pv *here = NULL;
    uint64_t sum = 0;
    for (size_t i = 0; i < l->n_pv; i++) {
        CHECK(!(here && l->pv[i].here));
        here = l->pv[i].here ? &l->pv[i] : here;
    }
    CHECK(here && here->data >= 2048);
    for (size_t i = 0; i < lv->n; i++) {
        struct su_extent x = lv->ext[i];
        sum += x.n;
        CHECK(x.n > 0 && x.off >= here->data && x.off <= disk && x.n <= disk - x.off && x.n % l->extent_size == 0);
        CHECK(x.off + x.n <= here->data + here->extents * l->extent_size);
        for (size_t k = 0; k < l->n_lv; k++)
            for (size_t m = 0; m < l->lv[k].n; m++)
                CHECK((&l->lv[k] == lv && m == i) || apart(x, l->lv[k].ext[m]));
    }
    CHECK(sum == lv->size);
}

static void check(const struct su_lvm *l, uint64_t disk)
{
    check_name(l->vg);
    CHECK(l->n_lv <= SU_LVM_MAX_LV && l->n_pv <= SU_LVM_MAX_PV && l->extent_size > 0);
    for (size_t i = 0; i < l->n_pv; i++)
        check_name(l->pv[i].name);
    for (size_t i = 0; i < l->n_lv; i++) {
        const struct su_lvm_lv *lv = &l->lv[i];
        check_name(lv->name);
        CHECK(strlen(lv->uuid) == 38 && lv->supported == !lv->reason && lv->supported == (lv->n > 0));
        if (lv->supported)
            check_extents(l, lv, disk);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(lv->name, l->lv[k].name) != 0);
    }
}

static struct su_blk *disk_of(const uint8_t *data, size_t n)
{
    struct su_err e;
    struct su_blk *d = NULL;
    if (n > 4 && memcmp(data, "SPRS", 4) == 0)
        return su_memblk_sparse((struct su_bytes){data, n}, &d, &e) == 0 ? d : NULL;
    if (n > 60000)
        return NULL;
    SU_FREE char *text = malloc(n + 1);
    if (!text)
        return NULL;
    memcpy(text, data, n);
    text[n] = 0;
    return lvmtext_pv(4 * SU_MIB, 65536, 512, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_err e = {0};
    SU_LVM struct su_lvm l = {.seqno = 4711};
    SU_BLK struct su_blk *d = disk_of(data, n);
    if (!d)
        return 0;
    if (su_lvm_parse(d, &l, &e) < 0)
        CHECK(e.kind != SU_OK && e.id && l.seqno == 4711 && !l.lv && !l.pv);
    else
        check(&l, d->size);
    return 0;
}
