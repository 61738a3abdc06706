/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "convert.h"
#include "guest/grubcore.h"
#include "os.h"
#include <stdio.h>
#include <string.h>

#define KEEP_AT_ONCE (16 * SU_MIB)

void su_conversion_done(struct su_conversion *c)
{
    su_plan_done(&c->plan);
}

/* Everything one conversion is made from. */
struct maker {
    struct su_facts *f;
    struct su_conversion *c;
    struct su_buf core; /* GRUB for BIOS, padded to sectors */
};

static void maker_done(struct maker *m)
{
    su_buf_done(&m->core);
}

/* GRUB for BIOS ------------------------------------------------------------ */

static bool dual_wanted(const struct su_facts *f)
{
    return f->opt->dual != SU_OFF && f->bios.grub_in_mbr && f->bios.room && f->bios.files_readable;
}

/* With "auto" a core that cannot be built costs the dual boot, not the conversion. */
static int make_core(struct maker *m, struct su_err *e)
{
    struct su_err why = {0};
    if (!dual_wanted(m->f))
        return 0;
    if (su_bios_core(&m->f->vols, &m->f->linux_, su_gpt_first_usable(m->f->sector_size), m->f->bios.room, &m->core,
                     &why) == 0) {
        m->c->core_sectors = m->core.n / SU_SECTOR;
        m->c->dual = true;
        return 0;
    }
    if (m->f->opt->dual == SU_ON || why.kind == SU_E_NOMEM) {
        *e = why;
        return su_context(e, "building GRUB for BIOS");
    }
    snprintf(m->c->dual_why, sizeof m->c->dual_why, "%s", why.msg);
    su_buf_done(&m->core);
    return 0;
}

/* Layout ------------------------------------------------------------------- */

static int make_layout(struct maker *m, struct su_err *e)
{
    if (su_facts_layout(m->f, m->c->core_sectors, &m->c->layout, e) < 0)
        return -1;
    m->c->dual = m->c->dual && m->c->layout.bios_number != 0;
    if (m->c->layout.n_problems)
        return su_fail(e, SU_E_RANGE, "disk.layout", "the new partition table does not fit");
    return 0;
}

/* Plan --------------------------------------------------------------------- */

struct esp_plan {
    struct su_plan *p;
    uint64_t at, end; /* bytes on the disk; end: behind the last run seen */
    bool dense;       /* the ESP lies where other data was: its holes must be written too */
};

static int esp_run(void *arg, uint64_t off, struct su_bytes data, struct su_err *e)
{
    struct esp_plan *x = arg;
    uint64_t from = x->dense ? x->end : off, n = data.n;
    x->end = off + n;
    return su_plan_write_src(x->p, SU_AREA_ESP, "EFI system partition", x->at + from, from, off + n - from, e);
}

/* The rest of a partition that becomes the ESP: kept whole, so that it can come back.  Its last sector is a copy of
 * the boot sector it had, by which it would still be found. */
static int plan_reused(struct maker *m, uint64_t at, uint64_t end, struct su_err *e)
{
    struct su_plan *p = &m->c->plan;
    uint64_t ss = m->f->sector_size;
    SU_FREE uint8_t *zero = calloc(1, ss);
    if (!zero)
        return su_fail_nomem(e, ss);
    for (uint64_t to = end - ss, n; at < to; at += n) {
        n = to - at < KEEP_AT_ONCE ? to - at : KEEP_AT_ONCE;
        if (su_plan_keep(p, SU_AREA_ESP, "old system partition", at, n, e) < 0)
            return -1;
    }
    return at >= end ? 0 : su_plan_write(p, SU_AREA_ESP, "copy of the old boot sector", end - ss, zero, ss, e);
}

static int plan_esp(struct maker *m, struct su_err *e)
{
    struct su_conversion *c = m->c;
    const struct su_gpt_entry *en = &c->layout.gpt.entry[c->layout.esp_number - 1];
    uint64_t ss = m->f->sector_size, at = en->first * ss;
    struct esp_plan x = {.p = &c->plan, .at = at, .dense = at < m->f->image.blk->size};
    if (su_esp_extents(c->plan.src_fd, esp_run, &x, e) < 0)
        return -1;
    return c->layout.esp_reused ? plan_reused(m, at + x.end, (en->last + 1) * ss, e) : 0;
}

static int plan_tables(struct maker *m, struct su_err *e)
{
    struct su_plan *p = &m->c->plan;
    const struct su_gpt *g = &m->c->layout.gpt;
    uint32_t ss = m->f->sector_size;
    uint64_t backup = (g->sectors - 1 - su_gpt_table_sectors(ss)) * ss;
    SU_BUF struct su_buf table = {0}, copy = {0};
    uint8_t header[SU_SECTOR], record[SU_SECTOR];
    su_buf_zero(&table, SU_GPT_TABLE);
    if (su_buf_ok(&table, e) < 0)
        return -1;
    su_gpt_put_table(g, table.p);
    su_gpt_put_header(g, ss, SU_GPT_BACKUP, table.p, header);
    su_buf_add(&copy, table.p, table.n);
    su_buf_add(&copy, header, sizeof header);
    su_buf_zero(&copy, ss - sizeof header);
    if (su_buf_ok(&copy, e) < 0 || su_plan_write(p, SU_AREA_TABLE, "backup GPT", backup, copy.p, copy.n, e) < 0 ||
        su_plan_barrier(p, "contents and backup GPT are stable", e) < 0)
        return -1;
    su_gpt_put_header(g, ss, SU_GPT_PRIMARY, table.p, header);
    copy.n = 0;
    su_buf_add(&copy, header, sizeof header);
    su_buf_zero(&copy, ss - sizeof header);
    su_buf_add(&copy, table.p, table.n);
    su_gpt_put_protective(g, m->f->mbr.sector, record);
    if (m->c->dual)
        su_grub_set_core_lba(record, su_gpt_first_usable(ss));
    if (su_buf_ok(&copy, e) < 0 || su_plan_write(p, SU_AREA_TABLE, "primary GPT", ss, copy.p, copy.n, e) < 0 ||
        su_plan_barrier(p, "primary GPT is stable", e) < 0)
        return -1;
    return su_plan_write(p, SU_AREA_TABLE, "protective boot record", 0, record, sizeof record, e);
}

static uint64_t first_partition(const struct su_mbr *mbr)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < mbr->n; i++)
        if (mbr->part[i].first < first)
            first = mbr->part[i].first;
    return first;
}

/* What of [at, end) no step writes. */
static int keep_rest(struct su_plan *p, enum su_area area, const char *why, uint64_t at, uint64_t end, struct su_err *e)
{
    while (at < end) {
        uint64_t next = end, skip = 0;
        for (size_t i = 0; i < p->n; i++) {
            const struct su_step *s = &p->step[i];
            if (s->kind != SU_STEP_WRITE || s->off + s->n <= at || s->off >= next)
                continue;
            next = s->off > at ? s->off : at;
            skip = s->off + s->n;
        }
        if (next > at && su_plan_keep(p, area, why, at, next - at, e) < 0)
            return -1;
        at = skip > next ? skip : next;
    }
    return 0;
}

/* The log of a volume whose files are edited: every system that mounts it writes there, so that a rollback sees
 * whether one did. */
static int keep_log(struct maker *m, int vol, struct su_err *e)
{
    struct su_ntfs_state st;
    const struct su_vol *x = &m->f->vols.vol[vol];
    if (!x->fs || su_fs_ntfs_state(x->fs, &st) < 0 || st.log_n == 0)
        return 0;
    for (size_t i = 0; i < m->f->n_parts; i++) {
        const struct su_part *part = &m->f->part[i];
        bool inside = st.log_at < part->n && st.log_n <= part->n - st.log_at;
        if (part->number == x->partition && x->parent < 0 && inside)
            return keep_rest(&m->c->plan, SU_AREA_FS, "log of the file system", part->off + st.log_at,
                             part->off + st.log_at + st.log_n, e);
    }
    return 0;
}

/* The rest of the gap before the first partition, which the running guest may write (grub-install); and the logs. */
static int plan_keeps(struct maker *m, struct su_err *e)
{
    uint64_t end = first_partition(&m->f->mbr), ss = m->f->sector_size;
    end = end > SU_MIB / ss ? SU_MIB : end * ss;
    if (keep_rest(&m->c->plan, SU_AREA_BOOT, "old boot area", 0, end, e) < 0)
        return -1;
    const struct su_edits *l = &m->c->edits;
    for (size_t i = 0; i < l->n; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && l->edit[k].vol != l->edit[i].vol;
        if (first && keep_log(m, l->edit[i].vol, e) < 0)
            return -1;
    }
    return 0;
}

static int make_plan(struct maker *m, struct su_err *e)
{
    struct su_plan *p = &m->c->plan;
    p->size_before = m->f->image.blk->size;
    p->size_during = p->size_after = m->c->layout.disk_bytes;
    if (plan_esp(m, e) < 0 || su_plan_changes(p, m->f->overlay, e) < 0)
        return -1;
    if (m->c->dual &&
        su_plan_write(p, SU_AREA_BOOT, "GRUB for BIOS", su_gpt_first_usable(m->f->sector_size) * m->f->sector_size,
                      m->core.p, m->core.n, e) < 0)
        return -1;
    if (plan_tables(m, e) < 0 || plan_keeps(m, e) < 0)
        return -1;
    return su_plan_check(p, e);
}

static int edit_natively(struct su_facts *f, struct su_edits *edits, struct su_err *e)
{
    if (f->edit_why.kind != SU_OK)
        return *e = f->edit_why, -1;
    if (f->edited) /* with what was found then */
        *edits = *f->edits;
    return f->edited ? 0 : su_edits_apply(&f->vols, edits, f->partuuid, f->n_partuuid, false, f->opt->now, e);
}

static int make(struct su_facts *f, struct su_esp_job **esp, const struct su_watch *watch, struct su_conversion *out,
                struct su_err *e)
{
    SU_CONVERSION struct su_conversion c = SU_CONVERSION_INIT;
    SU_AUTO(maker_done) struct maker m = {.f = f, .c = &c};
    f->os->edits(f, &c.edits);
    if (su_phase_tell(f, watch, SU_PHASE_CORE, "building GRUB for BIOS", e) < 0 || make_core(&m, e) < 0 ||
        make_layout(&m, e) < 0)
        return -1;
    if (su_phase_tell(f, watch, SU_PHASE_EDIT, "editing the guest's files", e) < 0 || edit_natively(f, &c.edits, e) < 0)
        return -1;
    struct su_appliance job = {.name = f->opt->image,
                               .image = &f->image,
                               .overlay = f->overlay,
                               .vols = &f->vols,
                               .edits = &c.edits,
                               .map = f->partuuid,
                               .n_map = f->n_partuuid};
    if (f->opt->engine == SU_ENGINE_APPLIANCE && su_appliance_edit(&job, e) < 0)
        return su_context(e, "editing in the appliance");
    if (su_phase_tell(f, watch, SU_PHASE_ESP, "building the EFI system partition", e) < 0 ||
        su_esp_job_finish(su_steal(esp), f, &c.plan.src_fd, &c.esp_content, e) < 0 || make_plan(&m, e) < 0)
        return -1;
    *out = c;
    c = SU_CONVERSION_INIT;
    return 0;
}

/* The signal that interrupts us may have met a helper, too: then its failure is none. */
int su_conversion_make(struct su_facts *f, struct su_esp_job *job, const struct su_watch *watch,
                       struct su_conversion *out, struct su_err *e)
{
    SU_ESP_JOB struct su_esp_job *esp = job;
    if (make(f, &esp, watch, out, e) == 0)
        return 0;
    struct su_err interrupted = {0};
    if (su_watch_tell(watch, "the conversion cannot be made", &interrupted) < 0)
        *e = interrupted;
    return -1;
}
