/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan.h"
#include "blk_overlay.h"
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

static const char *const area_names[] = {
    [SU_AREA_ESP] = "esp", [SU_AREA_BOOT] = "boot", [SU_AREA_TABLE] = "table", [SU_AREA_FS] = "fs"};
_Static_assert(SU_ARRAY_LEN(area_names) == SU_AREAS, "an area without a name");

const char *su_area_name(enum su_area area)
{
    return area < SU_AREAS ? area_names[area] : "?";
}

void su_plan_done(struct su_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->step[i].bytes);
    free(p->step);
    su_closep(&p->src_fd);
    *p = SU_PLAN_INIT;
}

static struct su_step *add_step(struct su_plan *p, struct su_err *e)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 32;
        struct su_step *s = realloc(p->step, cap * sizeof *s);
        if (!s) {
            (void)su_fail_nomem(e, cap * sizeof *s);
            return NULL;
        }
        p->step = s;
        p->cap = cap;
    }
    return &p->step[p->n];
}

int su_plan_write(struct su_plan *p, enum su_area area, const char *why, uint64_t off, const void *bytes, size_t n,
                  struct su_err *e)
{
    SU_FREE uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        return su_fail_nomem(e, n);
    if (n)
        memcpy(copy, bytes, n);
    struct su_step *s = add_step(p, e);
    if (!s)
        return -1;
    *s = (struct su_step){
        .kind = SU_STEP_WRITE, .area = area, .why = why, .off = off, .n = n, .bytes = su_steal(&copy)};
    p->n++;
    return 0;
}

int su_plan_write_src(struct su_plan *p, enum su_area area, const char *why, uint64_t off, uint64_t src_off, uint64_t n,
                      struct su_err *e)
{
    struct su_step *s = add_step(p, e);
    if (!s)
        return -1;
    *s = (struct su_step){.kind = SU_STEP_WRITE, .area = area, .why = why, .off = off, .n = n, .src_off = src_off};
    p->n++;
    return 0;
}

int su_plan_barrier(struct su_plan *p, const char *why, struct su_err *e)
{
    struct su_step *s = add_step(p, e);
    if (!s)
        return -1;
    *s = (struct su_step){.kind = SU_STEP_BARRIER, .why = why};
    p->n++;
    return 0;
}

int su_plan_keep(struct su_plan *p, enum su_area area, const char *why, uint64_t off, uint64_t n, struct su_err *e)
{
    struct su_step *s = add_step(p, e);
    if (!s)
        return -1;
    *s = (struct su_step){.kind = SU_STEP_KEEP, .area = area, .why = why, .off = off, .n = n};
    p->n++;
    return 0;
}

static int fs_change(void *arg, uint64_t off, const uint8_t *bytes, size_t n, struct su_err *e)
{
    return su_plan_write(arg, SU_AREA_FS, "files of the guest", off, bytes, n, e);
}

int su_plan_changes(struct su_plan *p, struct su_blk *overlay, struct su_err *e)
{
    return su_blk_overlay_changes(overlay, fs_change, p, e);
}

static int by_offset(const void *a, const void *b)
{
    const struct su_step *x = *(const struct su_step *const *)a, *y = *(const struct su_step *const *)b;
    return x->off < y->off ? -1 : x->off > y->off;
}

int su_plan_check(const struct su_plan *p, struct su_err *e)
{
    SU_FREE const struct su_step **w = calloc(p->n + 1, sizeof *w);
    size_t n = 0;
    if (!w)
        return su_fail_nomem(e, p->n * sizeof *w);
    for (size_t i = 0; i < p->n; i++)
        if (p->step[i].kind != SU_STEP_BARRIER)
            w[n++] = &p->step[i];
    qsort(w, n, sizeof *w, by_offset);
    if (p->size_during < p->size_before)
        return su_fail(e, SU_E_RANGE, "disk.plan.invalid", "the plan shrinks the disk before it writes");
    for (size_t i = 0; i < n; i++) {
        if (w[i]->n == 0 || w[i]->off > p->size_during || w[i]->n > p->size_during - w[i]->off)
            return su_fail(e, SU_E_RANGE, "disk.plan.invalid", "step '%s' leaves the disk", w[i]->why);
        if (i && w[i - 1]->off + w[i - 1]->n > w[i]->off)
            return su_fail(e, SU_E_RANGE, "disk.plan.invalid", "steps '%s' and '%s' overlap", w[i - 1]->why, w[i]->why);
    }
    return 0;
}

int su_plan_bytes(const struct su_plan *p, const struct su_step *s, uint64_t at, uint8_t *buf, size_t n,
                  struct su_err *e)
{
    if (at > s->n || n > s->n - at)
        return su_fail(e, SU_E_RANGE, "disk.plan.invalid", "step '%s' has no byte %" PRIu64, s->why, at);
    if (s->bytes) {
        memcpy(buf, s->bytes + at, n);
        return 0;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(p->src_fd, buf + done, n - done, (off_t)(s->src_off + at + done));
        if (got < 0)
            return su_fail_os(e, "host.read", "reading the prepared EFI system partition");
        if (got == 0)
            return su_fail(e, SU_E_IO, "host.read", "the prepared EFI system partition is too short");
        done += (size_t)got;
    }
    return 0;
}

uint64_t su_plan_total(const struct su_plan *p)
{
    uint64_t total = 0;
    for (size_t i = 0; i < p->n; i++)
        total += p->step[i].kind == SU_STEP_WRITE ? p->step[i].n : 0;
    return total;
}

static int step_crc(const struct su_plan *p, const struct su_step *s, uint32_t *out, struct su_err *e)
{
    uint8_t buf[16384];
    uLong crc = crc32(0, NULL, 0);
    for (uint64_t at = 0; at < s->n;) {
        size_t n = s->n - at < sizeof buf ? (size_t)(s->n - at) : sizeof buf;
        if (su_plan_bytes(p, s, at, buf, n, e) < 0)
            return -1;
        crc = crc32(crc, buf, (uInt)n);
        at += n;
    }
    *out = (uint32_t)crc;
    return 0;
}

int su_plan_print(const struct su_plan *p, FILE *out, struct su_err *e)
{
    if (p->size_during != p->size_before)
        fprintf(out, "     grow    from %" PRIu64 " to %" PRIu64 " bytes\n", p->size_before, p->size_during);
    for (size_t i = 0; i < p->n; i++) {
        const struct su_step *s = &p->step[i];
        uint32_t crc;
        if (s->kind == SU_STEP_BARRIER) {
            fprintf(out, "%4zu barrier %42s %s\n", i + 1, "", s->why);
            continue;
        }
        if (s->kind == SU_STEP_KEEP) {
            fprintf(out, "%4zu keep    %10" PRIu64 " bytes at %-14" PRIu64 " %-5s  %s\n", i + 1, s->n, s->off,
                    su_area_name(s->area), s->why);
            continue;
        }
        if (step_crc(p, s, &crc, e) < 0)
            return -1;
        fprintf(out, "%4zu write   %10" PRIu64 " bytes at %-14" PRIu64 " %-5s  %s crc %08" PRIx32 "\n", i + 1, s->n,
                s->off, su_area_name(s->area), s->why, crc);
    }
    if (p->size_after != p->size_during)
        fprintf(out, "     shrink  from %" PRIu64 " to %" PRIu64 " bytes\n", p->size_during, p->size_after);
    return 0;
}
