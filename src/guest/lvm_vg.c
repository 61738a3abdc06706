/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the tree of an LVM2 text to struct su_lvm. */
#include "lvm_int.h"
#include <inttypes.h>
#include <string.h>

struct vg {
    const struct su_lvm_tree *t;
    const struct su_lvm_areas *areas;
    struct su_lvm *out;
    const struct su_lvm_pv *here;
    uint32_t lvs; /* the section of logical volumes */
    size_t segments;
    struct su_err *e;
};

static bool alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool valid_name(struct su_bytes s)
{
    if (s.n == 0 || s.n >= SU_LVM_NAME || s.p[0] == '-' || su_lvm_is(s, ".") || su_lvm_is(s, ".."))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!alnum(s.p[i]) && (s.p[i] == 0 || !strchr("+_.-", s.p[i])))
            return false;
    return true;
}

static int take_name(struct vg *v, struct su_bytes s, char out[SU_LVM_NAME])
{
    if (!valid_name(s))
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.name", "LVM metadata with a name that LVM does not allow");
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return 0;
}

static int take_uuid(struct vg *v, uint32_t section, char out[SU_LVM_UUID])
{
    uint32_t i = su_lvm_find(v->t, section, "id");
    struct su_bytes s = i ? v->t->node[i].text : (struct su_bytes){0};
    bool good = s.n == SU_LVM_UUID - 1;
    for (size_t k = 0; good && k < s.n; k++) {
        bool dash = k >= 6 && k <= 31 && k % 5 == 1; /* 6-4-4-4-4-4-6 */
        good = dash ? s.p[k] == '-' : alnum(s.p[k]) || s.p[k] == '!' || s.p[k] == '#';
    }
    if (!good)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.id", "LVM metadata with an id that is none");
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return 0;
}

static bool same_uuid(const char *dashed, const uint8_t raw[32])
{
    size_t k = 0;
    for (; *dashed; dashed++)
        if (*dashed != '-' && (k == 32 || (uint8_t)*dashed != raw[k++]))
            return false;
    return k == 32;
}

static bool has_flag(const struct vg *v, uint32_t section, const char *flag)
{
    uint32_t list = su_lvm_find(v->t, section, "status");
    for (uint32_t i = list ? v->t->node[list].child : 0; i; i = v->t->node[i].next)
        if (su_lvm_is(v->t->node[i].text, flag))
            return true;
    return false;
}

/* The sections inside section; at most max. */
static int count_sections(struct vg *v, uint32_t section, size_t max, size_t *out)
{
    size_t n = 0;
    for (uint32_t i = section ? v->t->node[section].child : 0; i; i = v->t->node[i].next)
        n += v->t->node[i].kind == SU_LVM_SECTION;
    if (n > max)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.limit", "LVM metadata with %zu volumes, more than %zu", n, max);
    *out = n;
    return 0;
}

/* Physical volumes -----------------------------------------------------------*/

static int take_pv(struct vg *v, uint32_t section, struct su_lvm_pv *pv)
{
    uint64_t start, es = v->out->extent_size;
    if (take_name(v, v->t->node[section].key, pv->name) < 0 || take_uuid(v, section, pv->uuid) < 0 ||
        su_lvm_number(v->t, section, "pe_start", 0, UINT64_MAX >> 10, &start, v->e) < 0 ||
        su_lvm_number(v->t, section, "pe_count", 0, UINT32_MAX, &pv->extents, v->e) < 0)
        return -1;
    pv->data = start * SU_SECTOR;
    pv->here = same_uuid(pv->uuid, v->areas->uuid);
    if (!pv->here)
        return 0;
    if (v->here)
        return su_fail(v->e, SU_E_FORMAT, "lvm.pv", "LVM metadata names the same physical volume twice");
    v->here = pv;
    if (pv->data > v->areas->size || pv->extents > (v->areas->size - pv->data) / es)
        return su_fail(v->e, SU_E_FORMAT, "lvm.pv.size", "the physical volume is smaller than its metadata says");
    if (pv->data < v->areas->head_end)
        return su_fail(v->e, SU_E_FORMAT, "lvm.pv.start", "physical extents begin inside the label");
    return 0;
}

static int take_pvs(struct vg *v, uint32_t vg)
{
    uint32_t section = su_lvm_find(v->t, vg, "physical_volumes");
    struct su_lvm *l = v->out;
    if (count_sections(v, section, SU_LVM_MAX_PV, &l->n_pv) < 0)
        return -1;
    l->pv = calloc(l->n_pv + 1, sizeof *l->pv);
    if (!l->pv)
        return su_fail_nomem(v->e, l->n_pv * sizeof *l->pv);
    size_t k = 0;
    for (uint32_t i = section ? v->t->node[section].child : 0; i; i = v->t->node[i].next)
        if (v->t->node[i].kind == SU_LVM_SECTION && take_pv(v, i, &l->pv[k++]) < 0)
            return -1;
    if (!v->here)
        return su_fail(v->e, SU_E_FORMAT, "lvm.pv", "LVM metadata does not name the physical volume it lies on");
    for (size_t i = 0; i < l->n_pv; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(l->pv[i].name, l->pv[j].name) == 0)
                return su_fail(v->e, SU_E_FORMAT, "lvm.text.name", "two physical volumes are called %s", l->pv[i].name);
    return 0;
}

/* Segments -------------------------------------------------------------------*/

struct segment {
    uint64_t first, count; /* logical extents */
    uint64_t pe;           /* physical extent on this volume, when reason is NULL */
    const char *reason;    /* static */
};

static int by_first(const void *a, const void *b)
{
    uint64_t x = ((const struct segment *)a)->first, y = ((const struct segment *)b)->first;
    return x < y ? -1 : x > y;
}

static bool named_pv(const struct vg *v, struct su_bytes name)
{
    for (size_t i = 0; i < v->out->n_pv; i++)
        if (su_lvm_is(name, v->out->pv[i].name))
            return true;
    return false;
}

/* stripes = ["pv0", 17] */
static int take_stripe(struct vg *v, uint32_t section, struct segment *s)
{
    uint64_t stripes;
    if (su_lvm_number(v->t, section, "stripe_count", 1, 1 << 16, &stripes, v->e) < 0)
        return -1;
    if (stripes != 1) {
        s->reason = "it is striped";
        return 0;
    }
    uint32_t list = su_lvm_find(v->t, section, "stripes");
    uint32_t name = list ? v->t->node[list].child : 0, at = name ? v->t->node[name].next : 0;
    if (!at || v->t->node[name].kind != SU_LVM_STRING || v->t->node[at].kind != SU_LVM_INT || v->t->node[at].next)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.segment", "an LVM segment without a proper place");
    if (!su_lvm_is(v->t->node[name].text, v->here->name)) {
        s->reason = named_pv(v, v->t->node[name].text) ? "it uses another physical volume"
                                                       : "it is made of other logical volumes";
        return 0;
    }
    int64_t pe = v->t->node[at].num;
    if (pe < 0 || (uint64_t)pe > v->here->extents || s->count > v->here->extents - (uint64_t)pe)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.segment", "an LVM segment leaves its physical volume");
    s->pe = (uint64_t)pe;
    return 0;
}

static const char *unsupported_type(struct su_bytes type)
{
    static const struct {
        const char *prefix, *reason;
    } known[] = {
        {"raid", "it is a RAID volume"},      {"mirror", "it is a mirror"},
        {"thin", "it is thinly provisioned"}, {"cache", "it is cached"},
        {"writecache", "it is cached"},       {"snapshot", "it is a snapshot"},
        {"vdo", "it is a VDO volume"},        {"integrity", "it has integrity metadata"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++)
        if (type.n >= strlen(known[i].prefix) && memcmp(type.p, known[i].prefix, strlen(known[i].prefix)) == 0)
            return known[i].reason;
    return "its segment type is not supported";
}

static int take_segment(struct vg *v, uint32_t section, struct segment *s)
{
    if (++v->segments > SU_LVM_MAX_SEGMENTS)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.limit", "LVM metadata with more than %d segments",
                       SU_LVM_MAX_SEGMENTS);
    if (su_lvm_number(v->t, section, "start_extent", 0, UINT32_MAX, &s->first, v->e) < 0 ||
        su_lvm_number(v->t, section, "extent_count", 1, UINT32_MAX, &s->count, v->e) < 0)
        return -1;
    uint32_t type = su_lvm_find(v->t, section, "type");
    if (!type || v->t->node[type].kind != SU_LVM_STRING)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.segment", "an LVM segment without a type");
    struct su_bytes t = v->t->node[type].text;
    if (su_lvm_is(t, "striped") || su_lvm_is(t, "linear"))
        return take_stripe(v, section, s);
    s->reason = unsupported_type(t);
    return 0;
}

/* Logical volumes ------------------------------------------------------------*/

static int fill_extents(struct vg *v, struct su_lvm_lv *lv, const struct segment *seg, size_t n)
{
    uint64_t es = v->out->extent_size, next = 0;
    lv->supported = n > 0;
    lv->reason = n > 0 ? NULL : "it has no segments";
    for (size_t i = 0; i < n; i++) {
        if (seg[i].first != next)
            return su_fail(v->e, SU_E_FORMAT, "lvm.text.segment", "segments of %s overlap or leave gaps", lv->name);
        next += seg[i].count;
        if (seg[i].reason && lv->supported) {
            lv->supported = false;
            lv->reason = seg[i].reason;
        }
    }
    if (next > (UINT64_MAX >> 1) / es)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.value", "logical volume %s is too large", lv->name);
    lv->size = next * es;
    if (!lv->supported)
        return 0;
    lv->ext = calloc(n, sizeof *lv->ext);
    if (!lv->ext)
        return su_fail_nomem(v->e, n * sizeof *lv->ext);
    lv->n = n;
    for (size_t i = 0; i < n; i++)
        lv->ext[i] = (struct su_extent){v->here->data + seg[i].pe * es, seg[i].count * es};
    return 0;
}

static int take_lv(struct vg *v, uint32_t section, struct su_lvm_lv *lv)
{
    uint64_t want;
    if (take_name(v, v->t->node[section].key, lv->name) < 0 || take_uuid(v, section, lv->uuid) < 0 ||
        su_lvm_number(v->t, section, "segment_count", 0, SU_LVM_MAX_SEGMENTS, &want, v->e) < 0)
        return -1;
    lv->visible = has_flag(v, section, "VISIBLE");
    lv->writable = has_flag(v, section, "WRITE");
    SU_FREE struct segment *seg = calloc((size_t)want + 1, sizeof *seg);
    if (!seg)
        return su_fail_nomem(v->e, (size_t)want * sizeof *seg);
    size_t n = 0;
    for (uint32_t i = v->t->node[section].child; i; i = v->t->node[i].next) {
        if (v->t->node[i].kind != SU_LVM_SECTION)
            continue;
        if (n == want)
            return su_fail(v->e, SU_E_FORMAT, "lvm.text.segment", "%s has more segments than it says", lv->name);
        if (take_segment(v, i, &seg[n++]) < 0)
            return -1;
    }
    if (n != want)
        return su_fail(v->e, SU_E_FORMAT, "lvm.text.segment", "%s has fewer segments than it says", lv->name);
    qsort(seg, n, sizeof *seg, by_first);
    return fill_extents(v, lv, seg, n);
}

static void give_up(struct su_lvm_lv *lv, const char *reason)
{
    free(lv->ext);
    lv->ext = NULL;
    lv->n = 0;
    if (lv->supported)
        lv->reason = reason;
    lv->supported = false;
}

/* Volumes that a segment of another kind refers to by name: writing to a snapshot's origin would
 * change the snapshot as well, and the parts of a cache are not what they seem. */
static void mark_users(struct vg *v, uint32_t lv_section)
{
    static const struct {
        const char *key, *reason;
    } refs[] = {
        {"origin", "it is the origin of a snapshot or cache"},
        {"cow_store", "it holds the changes of a snapshot"},
        {"merging_store", "it is being merged"},
        {"external_origin", "thin volumes build on it"},
        {"cache_pool", "it is a cache"},
        {"writecache", "it is a cache"},
    };
    for (uint32_t s = v->t->node[lv_section].child; s; s = v->t->node[s].next)
        for (size_t r = 0; r < SU_ARRAY_LEN(refs) && v->t->node[s].kind == SU_LVM_SECTION; r++) {
            uint32_t ref = su_lvm_find(v->t, s, refs[r].key);
            for (size_t i = 0; ref && i < v->out->n_lv; i++)
                if (su_lvm_is(v->t->node[ref].text, v->out->lv[i].name))
                    give_up(&v->out->lv[i], refs[r].reason);
        }
}

static int take_lvs(struct vg *v)
{
    struct su_lvm *l = v->out;
    size_t n = 0;
    if (count_sections(v, v->lvs, SU_LVM_MAX_LV, &n) < 0)
        return -1;
    l->lv = calloc(n + 1, sizeof *l->lv);
    if (!l->lv)
        return su_fail_nomem(v->e, n * sizeof *l->lv);
    l->n_lv = n; /* su_lvm_done() frees what is there */
    size_t k = 0;
    for (uint32_t i = v->lvs ? v->t->node[v->lvs].child : 0; i; i = v->t->node[i].next)
        if (v->t->node[i].kind == SU_LVM_SECTION && take_lv(v, i, &l->lv[k++]) < 0)
            return -1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(l->lv[i].name, l->lv[j].name) == 0)
                return su_fail(v->e, SU_E_FORMAT, "lvm.text.name", "two logical volumes are called %s", l->lv[i].name);
    return 0;
}

/* Overlaps -------------------------------------------------------------------*/

static int by_off(const void *a, const void *b)
{
    uint64_t x = ((const struct su_extent *)a)->off, y = ((const struct su_extent *)b)->off;
    return x < y ? -1 : x > y;
}

static int check_overlaps(struct vg *v)
{
    const struct su_lvm *l = v->out;
    SU_FREE struct su_extent *all = calloc(v->segments + SU_LVM_MAX_AREAS, sizeof *all);
    if (!all)
        return su_fail_nomem(v->e, v->segments * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < v->areas->n; i++)
        all[n++] = v->areas->area[i];
    for (size_t i = 0; i < l->n_lv; i++)
        for (size_t k = 0; k < l->lv[i].n; k++)
            all[n++] = l->lv[i].ext[k];
    qsort(all, n, sizeof *all, by_off);
    for (size_t i = 1; i < n; i++)
        if (all[i].off - all[i - 1].off < all[i - 1].n)
            return su_fail(v->e, SU_E_FORMAT, "lvm.overlap", "logical volumes or LVM's own areas overlap");
    return 0;
}

int su_lvm_read_vg(const struct su_lvm_tree *t, const struct su_lvm_areas *areas, struct su_lvm *out, struct su_err *e)
{
    SU_LVM struct su_lvm l = {0};
    struct vg v = {.t = t, .areas = areas, .out = &l, .e = e};
    uint32_t vg = t->node[0].child;
    while (vg && t->node[vg].kind != SU_LVM_SECTION)
        vg = t->node[vg].next;
    if (!vg)
        return su_fail(e, SU_E_FORMAT, "lvm.text.vg", "LVM metadata without a volume group");
    if (take_name(&v, t->node[vg].key, l.vg) < 0 || take_uuid(&v, vg, l.uuid) < 0 ||
        su_lvm_number(t, vg, "seqno", 0, UINT32_MAX, &l.seqno, e) < 0 ||
        su_lvm_number(t, vg, "extent_size", 1, UINT32_MAX, &l.extent_size, e) < 0)
        return -1;
    l.extent_size *= SU_SECTOR;
    v.lvs = su_lvm_find(t, vg, "logical_volumes");
    if (take_pvs(&v, vg) < 0 || take_lvs(&v) < 0)
        return -1;
    for (uint32_t i = v.lvs ? t->node[v.lvs].child : 0; i; i = t->node[i].next)
        if (t->node[i].kind == SU_LVM_SECTION)
            mark_users(&v, i);
    if (check_overlaps(&v) < 0)
        return -1;
    *out = l;
    l = (struct su_lvm){0};
    return 0;
}
