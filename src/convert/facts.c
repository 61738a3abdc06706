/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "facts.h"
#include "disk/blk_overlay.h"
#include "os.h"
#include <stdio.h>
#include <string.h>

enum { SECTOR_512 = 512, SECTOR_4K = 4096 };

void su_facts_freep(struct su_facts **pf)
{
    struct su_facts *f = *pf;
    if (!f)
        return;
    su_linux_done(&f->linux_);
    su_bootfiles_done(&f->files);
    su_buf_done(&f->store.bytes);
    free(f->edits);
    su_vols_done(&f->vols);
    su_blk_close(f->overlay);
    su_image_done(&f->image);
    free(f);
    *pf = NULL;
}

/* Table -------------------------------------------------------------------- */

/* A GPT counts only beside a protective record, as for Linux and UEFI: an old one at the end of a disk that was
 * partitioned anew is a leftover. */
static bool is_plain_mbr(struct su_facts *f)
{
    struct su_err why = {0};
    return su_mbr_read(f->overlay, f->sector_size, &f->mbr, &why) == 0 && !f->mbr.protective && f->mbr.n > 0;
}

static int read_table(struct su_facts *f, struct su_err *e)
{
    unsigned copies;
    struct su_err why = {0};
    f->table = SU_TABLE_NONE;
    f->n_parts = 0;
    if (su_gpt_read(f->overlay, f->sector_size, &f->gpt, &copies, &why) == 0 && !is_plain_mbr(f)) {
        f->table = SU_TABLE_GPT;
        f->table_why = (struct su_err){0};
        if (su_mbr_read(f->overlay, f->sector_size, &f->mbr, &why) < 0) /* only its boot code is of interest then */
            f->mbr.sector_size = f->sector_size;
        f->n_parts = su_parts_of_gpt(&f->gpt, f->sector_size, f->part, SU_ARRAY_LEN(f->part));
        return 0;
    }
    if (why.kind != SU_OK && why.kind != SU_E_FORMAT) {
        *e = why;
        return -1;
    }
    if (su_mbr_read(f->overlay, f->sector_size, &f->mbr, &f->table_why) < 0) {
        if (f->table_why.kind == SU_E_FORMAT)
            return 0;
        *e = f->table_why;
        return -1;
    }
    if (f->mbr.protective) {
        (void)su_fail(&f->table_why, SU_E_FORMAT, "disk.gpt.damaged",
                      "the disk claims to have a GPT, but both copies are damaged");
        return 0;
    }
    f->table = SU_TABLE_MBR;
    if (f->mbr.n_problems == 0)
        f->n_parts = su_parts_of_mbr(&f->mbr, f->part, SU_ARRAY_LEN(f->part));
    return 0;
}

static bool any_known(const struct su_vols *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->vol[i].what.type[0])
            return true;
    return false;
}

static int read_with(struct su_facts *f, uint32_t sector_size, struct su_err *e)
{
    f->sector_size = sector_size;
    if (read_table(f, e) < 0)
        return -1;
    return su_vols_open(f->overlay, f->part, f->n_parts, f->opt->key, &f->vols, e);
}

/* An image file does not record its sector size.  With the wrong one the table points at nothing that
 * anybody would recognise, with the right one at file systems. */
static int read_disk(struct su_facts *f, struct su_err *e)
{
    uint32_t given = f->opt->sector_size ? f->opt->sector_size : f->image.sector_size;
    if (given)
        return read_with(f, given, e);
    f->sector_size_guessed = true;
    if (read_with(f, SECTOR_512, e) < 0)
        return -1;
    if (f->table == SU_TABLE_GPT || any_known(&f->vols))
        return 0;
    su_vols_done(&f->vols);
    if (read_with(f, SECTOR_4K, e) < 0)
        return -1;
    if (any_known(&f->vols))
        return 0;
    su_vols_done(&f->vols);
    return read_with(f, SECTOR_512, e);
}

/* Layout ------------------------------------------------------------------- */

int su_facts_layout(const struct su_facts *f, uint64_t bios_sectors, struct su_layout *out, struct su_err *e)
{
    struct su_layout_request r = {.mbr = &f->mbr,
                                  .disk_bytes = f->image.blk->size,
                                  .can_grow = f->image.can_grow && !f->opt->no_grow,
                                  .esp_bytes = su_facts_esp_bytes(f),
                                  .bios_sectors = bios_sectors,
                                  .map = f->opt->map,
                                  .n_map = f->opt->n_map,
                                  .random = f->opt->random};
    if (f->os && f->os->layout)
        f->os->layout(f, &r);
    return su_layout_make(&r, out, e);
}

static const uint8_t *new_guid(const struct su_facts *f, unsigned old_number)
{
    unsigned number = f->layout.number_of[old_number]; /* 0 where the layout has a problem with it */
    return f->layout.gpt.entry[number ? number - 1 : 0].guid;
}

static void name_partitions(struct su_facts *f)
{
    struct su_winmap *m = &f->winmap;
    *m = (struct su_winmap){.signature = f->mbr.disk_id};
    memcpy(m->disk_guid, f->layout.gpt.disk_guid, sizeof m->disk_guid);
    if (f->layout.esp_number)
        memcpy(m->esp_guid, f->layout.gpt.entry[f->layout.esp_number - 1].guid, sizeof m->esp_guid);
    f->n_partuuid = 0;
    for (size_t i = 0; i < f->mbr.n; i++) {
        unsigned number = f->mbr.part[i].number;
        struct su_winmap_part *w = &m->part[m->n++];
        *w = (struct su_winmap_part){.number = number, .offset = f->mbr.part[i].first * f->sector_size};
        memcpy(w->guid, new_guid(f, number), sizeof w->guid);
        if (f->mbr.disk_id == 0)
            continue;
        struct su_partuuid *p = &f->partuuid[f->n_partuuid++];
        *p = (struct su_partuuid){.disk_id = f->mbr.disk_id, .slot = (uint8_t)number};
        memcpy(p->guid, new_guid(f, number), sizeof p->guid);
    }
    if (f->windows.found && f->windows.system >= 0)
        m->system = f->vols.vol[f->windows.system].partition;
}

static int plan_layout(struct su_facts *f, struct su_err *e)
{
    if (f->table != SU_TABLE_MBR || f->mbr.n_problems)
        return 0;
    if (su_facts_layout(f, 0, &f->layout, e) < 0)
        return -1;
    name_partitions(f);
    return 0;
}

/* Once more, where the system has wishes. */
static int plan_for_system(struct su_facts *f, struct su_err *e)
{
    return f->os && f->os->layout ? plan_layout(f, e) : 0;
}

uint64_t su_facts_esp_bytes(const struct su_facts *f)
{
    uint64_t usual = (f->sector_size == SECTOR_4K ? 260 : 100) * SU_MIB;
    uint64_t least = f->os && f->os->esp_bytes ? f->os->esp_bytes(f) : 0;
    if (f->opt->esp_bytes)
        return su_round_up(f->opt->esp_bytes, SU_MIB);
    return least > usual ? least : usual;
}

void su_facts_win_disk(const struct su_facts *f, unsigned active[SU_MBR_MAX_PARTS], struct su_win_disk *out)
{
    *out = (struct su_win_disk){.vols = &f->vols, .part = f->part, .n_parts = f->n_parts, .active = active};
    if (f->table != SU_TABLE_MBR)
        return;
    out->signature = f->mbr.disk_id;
    for (size_t i = 0; i < f->mbr.n; i++)
        if (f->mbr.part[i].active)
            active[out->n_active++] = f->mbr.part[i].number;
}

/* The first port that knows the system has it; without one the disk is data, or a stranger. */
static int read_system(struct su_facts *f, struct su_err *e)
{
    for (const struct su_os_port *const *p = su_os_ports; *p; p++) {
        bool mine = false;
        if ((*p)->read(f, &mine, e) < 0)
            return -1;
        if (mine && f->os)
            f->also = *p;
        else if (mine)
            f->os = *p;
    }
    return 0;
}

int su_facts_open(const struct su_options *opt, bool writable, struct su_facts **out, struct su_err *e)
{
    SU_FACTS struct su_facts *f = calloc(1, sizeof *f);
    if (!f)
        return su_fail_nomem(e, sizeof *f);
    f->opt = opt;
    f->linux_.root.vol = f->linux_.boot.vol = -1;
    f->windows.system = f->windows.os = f->windows.winre = -1;
    enum su_blk_use use = writable ? SU_BLK_WRITE : opt->shared ? SU_BLK_SHARE : SU_BLK_READ;
    if (su_image_open(opt->image, opt->format, use, &f->image, e) < 0 ||
        su_blk_overlay_open(f->image.blk, &f->overlay, e) < 0 || read_disk(f, e) < 0 || plan_layout(f, e) < 0)
        return -1;
    if (f->table == SU_TABLE_MBR || f->table == SU_TABLE_GPT)
        if (read_system(f, e) < 0 || plan_for_system(f, e) < 0)
            return -1;
    *out = su_steal(&f);
    return 0;
}

int su_facts_judge(struct su_facts *f, struct su_err *e)
{
    if (f->os && f->os->judge && f->os->judge(f, e) < 0)
        return -1;
    return plan_for_system(f, e); /* the size of the ESP's contents is known now */
}

int su_facts_read(const struct su_options *opt, bool writable, struct su_facts **out, struct su_err *e)
{
    SU_FACTS struct su_facts *f = NULL;
    if (su_facts_open(opt, writable, &f, e) < 0 || su_facts_judge(f, e) < 0)
        return -1;
    *out = su_steal(&f);
    return 0;
}
