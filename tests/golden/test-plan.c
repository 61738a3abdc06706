/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What would be written to disks of known shape, as text: tests/golden/plan/NAME.txt.  The system on
 * them is a port made for this test, so that nothing depends on a guest or on the boot files of the day.
 * UPDATE_GOLDEN=1 rewrites the files. */
#include "convert/convert.h"
#include "convert/os.h"
#include "disk/blk_overlay.h"
#include "tests/lib/memblk.h"
#include "tests/lib/tap.h"
#include <inttypes.h>

struct row {
    const char *name;
    uint32_t sector_size;
    uint64_t bytes;
    bool can_grow;
    size_t n;
    struct su_mbr_part part[14]; /* number, type, active, first, count; logical ones by number */
    unsigned windows;            /* what its port wants of the layout */
};
enum { IN_ORDER = 1, MSR = 2, REUSE = 4 };

#define GIB (UINT64_C(1) << 30)
static const struct row rows[] = {
    {"debian-default", 512, 4 * GIB, true, 2, {{1, 0x83, true, 2048, 7596032}, {5, 0x82, false, 7600128, 786432}}},
    {"full-to-the-end", 512, 4 * GIB, true, 1, {{1, 0x83, true, 2048, 8386560}}},
    {"four-primaries",
     512,
     4 * GIB,
     true,
     4,
     {{1, 0x83, true, 2048, 1048576}, {2, 0x83, false, 1050624, 6000000}, {3, 0x82, false, 7051264, 524288}, {4, 0x83, false, 7575552, 811008}}},
    {"sector-63", 512, 2 * GIB, true, 2, {{1, 0x83, true, 63, 2000000}, {2, 0x8E, false, 2000063, 2000000}}},
    {"sectors-of-4096", 4096, 4 * GIB, true, 2, {{1, 0x83, true, 256, 900000}, {2, 0x82, false, 900352, 131072}}},
    {"fixed-size-with-gap", 512, 4 * GIB, false, 2, {{1, 0x83, true, 2048, 4000000}, {2, 0x83, false, 4405248, 3900000}}},
    {"recovery-and-data", 512, 8 * GIB, true, 3, {{1, 0x07, true, 2048, 204800}, {2, 0x07, false, 206848, 15000000}, {3, 0x27, false, 15206848, 1024000}}},
    {"eleven-logical",
     512,
     4 * GIB,
     true,
     12,
     {{1, 0x83, true, 2048, 204800},   {5, 0x83, false, 210944, 10240},  {6, 0x83, false, 223232, 10240},
      {7, 0x83, false, 235520, 10240}, {8, 0x83, false, 247808, 10240},  {9, 0x83, false, 260096, 10240},
      {10, 0x83, false, 272384, 10240}, {11, 0x83, false, 284672, 10240}, {12, 0x83, false, 296960, 10240},
      {13, 0x83, false, 309248, 10240}, {14, 0x83, false, 321536, 10240}, {15, 0x82, false, 333824, 10240}}},
    {"windows",
     512,
     4 * GIB,
     true,
     3,
     {{1, 0x07, true, 2048, 204800}, {2, 0x07, false, 206848, 7000000}, {3, 0x27, false, 7208960, 1024000}},
     IN_ORDER},
    {"windows-logical-msr",
     512,
     4 * GIB,
     true,
     4,
     {{1, 0x07, true, 1026048, 204800}, {2, 0x07, false, 2048, 1024000}, {3, 0x07, false, 1230848, 2000000},
      {5, 0x07, false, 4000000, 1000000}},
     IN_ORDER | MSR},
    {"windows-reuse", 512, 4 * GIB, true, 2, {{1, 0x07, true, 2048, 716800}, {2, 0x07, false, 718848, 7000000}}, IN_ORDER | REUSE},
    {"windows-reuse-full",
     4096,
     4 * GIB,
     true,
     2,
     {{1, 0x07, true, 256, 70000}, {2, 0x07, false, 70400, 978176}},
     IN_ORDER | REUSE},
    {"three-tebibytes", 512, 3072 * GIB, true, 1, {{1, 0x83, true, 2048, 4000000000}}},
};

/* A port with one small file on the ESP and no edits. */
static int esp_files(const struct su_facts *f, struct su_esp_list *l, struct su_err *e)
{
    static const uint8_t loader[] = "not a boot loader";
    (void)f;
    return su_esp_list_add(l, "BOOT", "BOOTX64.EFI", (struct su_bytes){loader, sizeof loader - 1}, e);
}

static void no_edits(const struct su_facts *f, struct su_edits *out)
{
    (void)f;
    *out = (struct su_edits){0};
}

/* As the port to Windows has it: the first partition is the system's. */
static const struct row *now;
static void wishes(const struct su_facts *f, struct su_layout_request *r)
{
    (void)f;
    if (!now->windows)
        return;
    r->in_order = true;
    r->msr = now->windows & MSR;
    r->esp_reuse = now->windows & REUSE ? 1 : 0;
    if (r->esp_reuse)
        return;
    r->n_overrides = 1;
    r->override[0] = (struct su_layout_override){.number = 1, .attributes = SU_LAYOUT_RECOVERY_ATTRIBUTES};
    memcpy(r->override[0].gpt, su_gpt_type_guid(SU_GPT_MS_RECOVERY), 16);
}

static const struct su_os_port port = {.name = "golden", .layout = wishes, .esp = esp_files, .edits = no_edits};

/* Facts as facts.c would have them for such a disk. */
static int make_facts(const struct row *r, struct su_facts *f, struct su_err *e)
{
    f->image.can_grow = r->can_grow;
    f->sector_size = r->sector_size;
    f->table = SU_TABLE_MBR;
    f->os = &port;
    f->linux_.root.vol = f->linux_.boot.vol = -1;
    f->mbr = (struct su_mbr){.disk_id = 0x5eed1234, .sector_size = r->sector_size, .n = r->n};
    memset(f->mbr.sector, 0x90, 440);
    su_put_le32(f->mbr.sector + 440, 0x5eed1234);
    memcpy(f->mbr.part, r->part, r->n * sizeof *r->part);
    if (su_memblk_new(r->bytes, &f->image.blk, e) < 0 || su_blk_write(f->image.blk, 0, f->mbr.sector, SU_SECTOR, e) < 0 ||
        su_blk_overlay_open(f->image.blk, &f->overlay, e) < 0)
        return -1;
    struct su_layout_request q = {
        .mbr = &f->mbr, .disk_bytes = r->bytes, .can_grow = r->can_grow, .esp_bytes = su_facts_esp_bytes(f)};
    now = r;
    wishes(f, &q);
    return su_layout_make(&q, &f->layout, e);
}

static int print_table(const struct su_gpt *g, FILE *out)
{
    fprintf(out, "GPT of %" PRIu64 " sectors, usable %" PRIu64 "-%" PRIu64 "\n", g->sectors, g->first_usable, g->last_usable);
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *en = &g->entry[i];
        char guid[SU_GUID_TEXT];
        int type = su_gpt_type_find(en->type);
        if (!su_gpt_used(en))
            continue;
        su_guid_text(en->guid, guid);
        fprintf(out, "%3d %12" PRIu64 "-%-12" PRIu64 " %s %-20s %016" PRIx64 " %s\n", i + 1, en->first, en->last, guid,
                type < 0 ? "?" : su_gpt_type_name((enum su_gpt_type)type), en->attributes, en->name);
    }
    return 0;
}

static int write_plan(const struct row *r, char **text, size_t *n, struct su_err *e)
{
    static const struct su_options opt = {.image = "golden", .dual = SU_OFF};
    SU_FACTS struct su_facts *f = calloc(1, sizeof *f);
    SU_CONVERSION struct su_conversion c = SU_CONVERSION_INIT;
    FILE *out = open_memstream(text, n);
    if (!f || !out)
        return su_fail_nomem(e, sizeof *f);
    f->opt = &opt;
    int rc = make_facts(r, f, e) < 0 || su_conversion_make(f, NULL, NULL, &c, e) < 0 ? -1 : 0;
    if (rc == 0)
        rc = print_table(&c.layout.gpt, out) < 0 || su_plan_print(&c.plan, out, e) < 0 ? -1 : 0;
    fclose(out);
    return rc;
}

static char *slurp(const char *path)
{
    static char buf[65536];
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(buf, 1, sizeof buf - 1, f) : 0;
    buf[n] = 0;
    if (f)
        fclose(f);
    return buf;
}

static void check(const struct row *r)
{
    struct su_err e = {0};
    SU_FREE char *text = NULL;
    size_t n = 0;
    char path[128];
    snprintf(path, sizeof path, "tests/golden/plan/%s.txt", r->name);
    if (!ok(write_plan(r, &text, &n, &e) == 0, "%s: a plan", r->name)) {
        printf("# %s\n", e.msg);
        return;
    }
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "wbe");
        ok(f && fwrite(text, 1, n, f) == n && fclose(f) == 0, "%s rewritten", path);
        return;
    }
    if (!ok(strcmp(slurp(path), text) == 0, "%s is what it was", path))
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            printf("# %s\n", line);
}

int main(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        check(&rows[i]);
    return tap_done();
}
