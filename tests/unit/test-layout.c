/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of old partitions and what becomes of them. */
#include "disk/guid.h"
#include "disk/layout.h"
#include "tests/lib/promise.h"
#include "tests/lib/tap.h"

enum { M = 2048, NONE = -1 }; /* sectors of 1 MiB */

struct in {
    unsigned number;
    uint8_t type;
    uint64_t first, count;
};

static const struct {
    const char *name;
    uint64_t mib;
    bool grow;
    uint64_t esp_mib, bios;
    struct in part[6];
    int problem; /* the first; NONE: none */
    unsigned problem_part;
    uint64_t esp_first, new_mib;
    unsigned esp_number, bios_number;
} cases[] = {
    {"growing", 20, true, 100, 0, {{1, 0x83, M, 19 * M}}, NONE, 0, 20 * M, 121, 15, 0},
    {"growing, with room for GRUB", 20, true, 100, 57, {{1, 0x83, M, 19 * M}}, NONE, 0, 20 * M, 121, 15, 14},
    {"an old start at 63 leaves 29 sectors", 20, true, 100, 29, {{1, 0x83, 63, 100}}, NONE, 0, 20 * M, 121, 15, 14},
    {"which is not enough for 30", 20, true, 100, 30, {{1, 0x83, 63, 100}}, NONE, 0, 20 * M, 121, 15, 0},
    {"a gap at the end", 200, false, 100, 0, {{1, 0x83, M, 50 * M}}, NONE, 0, 51 * M, 200, 15, 0},
    {"a gap in the middle that just fits", 200, false, 100, 0,
     {{1, 0x83, M, 9 * M}, {2, 0x83, 110 * M, 89 * M}}, NONE, 0, 10 * M, 200, 15, 0},
    {"a gap one sector short", 200, false, 100, 0,
     {{1, 0x83, M, 9 * M}, {2, 0x83, 110 * M - 1, 89 * M}}, SU_LAYOUT_ROOM, 0, 0, 0, 0, 0},
    {"a gap before the first", 200, false, 100, 0, {{1, 0x83, 101 * M, 90 * M}}, NONE, 0, M, 200, 15, 0},
    {"a gap that needs aligning", 200, false, 100, 0,
     {{1, 0x83, M, 9 * M + 1}, {2, 0x83, 115 * M, 80 * M}}, NONE, 0, 11 * M, 200, 15, 0},
    {"a gap at the end cut by the backup table", 101, false, 100, 0, {{0}}, SU_LAYOUT_ROOM, 0, 0, 0, 0, 0},
    {"partition 15 and 14 are taken", 20, true, 1, 57,
     {{1, 0x83, M, M}, {14, 0x83, 2 * M, M}, {15, 0x83, 3 * M, M}}, NONE, 0, 20 * M, 22, 16, 17},
    {"a partition at the primary table", 20, true, 1, 0, {{1, 0x83, 33, M}}, SU_LAYOUT_HEAD, 1, 0, 0, 0, 0},
    {"the first usable sector", 20, true, 1, 10, {{1, 0x83, 34, M}}, NONE, 0, 20 * M, 22, 15, 0},
    {"a partition to the end", 20, false, 1, 0, {{3, 0x83, 2 * M, 18 * M}}, SU_LAYOUT_TAIL, 3, 0, 0, 0, 0},
    {"a partition to the last usable sector", 20, false, 1, 0,
     {{3, 0x83, 2 * M, 18 * M - 33}}, NONE, 0, M, 20, 15, 0},
    {"one sector more", 20, false, 1, 0, {{3, 0x83, 2 * M, 18 * M - 32}}, SU_LAYOUT_TAIL, 3, 0, 0, 0, 0},
    {"an unknown type", 20, true, 1, 0, {{2, 0x99, M, M}}, SU_LAYOUT_TYPE, 2, 0, 0, 0, 0},
    {"a disk of nothing", 0, false, 1, 0, {{0}}, SU_LAYOUT_ROOM, 0, 0, 0, 0, 0},
};

static void fill(struct su_mbr *m, const struct in *part, size_t n)
{
    *m = (struct su_mbr){.sector_size = 512, .disk_id = 77};
    for (size_t i = 0; i < n && part[i].number; i++)
        m->part[m->n++] = (struct su_mbr_part){
            .number = part[i].number, .type = part[i].type, .first = part[i].first, .count = part[i].count};
}

static void layouts(void)
{
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        struct su_err e = {0};
        struct su_mbr m;
        fill(&m, cases[i].part, SU_ARRAY_LEN(cases[i].part));
        struct su_layout_request r = {.mbr = &m, .disk_bytes = cases[i].mib * SU_MIB, .can_grow = cases[i].grow,
            .esp_bytes = cases[i].esp_mib * SU_MIB, .bios_sectors = cases[i].bios};
        bool made = su_layout_make(&r, l, &e) == 0;
        const char *broken = made ? su_promise_layout(&r, l) : "not made";
        ok(!broken, "%s: %s", cases[i].name, broken ? broken : "kept");
        if (cases[i].problem != NONE) {
            ok(l->n_problems && (int)l->problem[0].what == cases[i].problem &&
                   l->problem[0].part == cases[i].problem_part,
               "problem");
            continue;
        }
        ok(l->n_problems == 0 && l->esp_number == cases[i].esp_number && l->bios_number == cases[i].bios_number &&
               l->gpt.entry[l->esp_number - 1].first == cases[i].esp_first &&
               l->disk_bytes == cases[i].new_mib * SU_MIB,
           "ESP %u at %lu", l->esp_number, (unsigned long)l->gpt.entry[l->esp_number - 1].first);
    }
}

/* A gap at the end, to the sector: behind the ESP come the backup table and its header. */
static void exact_end(void)
{
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    struct su_mbr m = {.sector_size = 512};
    for (uint64_t behind = 31; behind <= 34; behind++) {
        struct su_err e = {0};
        struct su_layout_request r = {.mbr = &m, .disk_bytes = 11 * SU_MIB + behind * 512, .esp_bytes = 10 * SU_MIB};
        bool made = su_layout_make(&r, l, &e) == 0;
        ok(made && !su_promise_layout(&r, l) && (l->n_problems == 0) == (behind >= 33), "%d sectors behind",
           (int)behind);
    }
}

static void types(void)
{
    static const struct su_type_row map[] = {{.mbr = 0x83, .gpt = {1, 2, 3}, .attributes = 5},
                                             {.mbr = 0x99, .gpt = {9}}};
    static const struct {
        uint8_t mbr;
        int gpt;
    } rows[] = {{0x82, SU_GPT_LINUX_SWAP}, {0x83, SU_GPT_LINUX_DATA}, {0x8E, SU_GPT_LINUX_LVM},
                {0xFD, SU_GPT_LINUX_RAID}, {0xEF, SU_GPT_ESP},        {0x27, SU_GPT_MS_RECOVERY},
                {0x07, SU_GPT_MS_BASIC},   {0x0C, SU_GPT_MS_BASIC},   {0xE8, SU_GPT_LINUX_DATA}};
    struct su_type_row out = {.mbr = 1};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        ok(su_layout_type(rows[i].mbr, NULL, 0, &out) && su_gpt_type_find(out.gpt) == rows[i].gpt &&
               out.mbr == rows[i].mbr,
           "type %02x", rows[i].mbr);
    ok(su_layout_type(0x27, NULL, 0, &out) && out.attributes == UINT64_C(0x8000000000000001), "recovery is hidden");
    ok(!su_layout_type(0x99, NULL, 0, &out) && !su_layout_type(0, NULL, 0, &out) && !su_layout_type(5, NULL, 0, &out),
       "no row");
    ok(su_layout_type(0x83, map, 2, &out) && out.gpt[0] == 1 && out.attributes == 5, "the operator's row wins");
    ok(su_layout_type(0x99, map, 2, &out) && out.gpt[0] == 9, "and adds");
    ok(su_layout_type(0x82, map, 2, &out) && su_gpt_type_find(out.gpt) == SU_GPT_LINUX_SWAP, "others stay");
}

/* GUIDs: derived from the disk, all different, other disks others; random ones when asked for. */
static void guids(void)
{
    struct su_err e = {0};
    struct su_mbr m;
    static const struct in part[] = {{1, 0x83, M, M}, {2, 0x82, 3 * M, M}};
    uint8_t random[32] = {1};
    SU_FREE struct su_layout *l = calloc(4, sizeof *l);
    fill(&m, part, 2);
    struct su_layout_request r = {.mbr = &m, .disk_bytes = 20 * SU_MIB, .can_grow = true, .esp_bytes = SU_MIB};
    ok(su_layout_make(&r, l, &e) == 0, "made");
    m.disk_id++;
    ok(su_layout_make(&r, l + 1, &e) == 0 && memcmp(l[0].gpt.disk_guid, l[1].gpt.disk_guid, 16) != 0,
       "another disk id");
    m.disk_id--;
    m.part[1].count++;
    ok(su_layout_make(&r, l + 2, &e) == 0 && memcmp(l[0].gpt.disk_guid, l[2].gpt.disk_guid, 16) != 0,
       "another partition");
    m.part[1].count--;
    r.random = random;
    ok(su_layout_make(&r, l + 3, &e) == 0 && memcmp(l[0].gpt.disk_guid, l[3].gpt.disk_guid, 16) != 0, "random");
    r.random = NULL;
    ok(su_layout_make(&r, l + 1, &e) == 0 && memcmp(l, l + 1, sizeof *l) == 0, "the same again");
    const struct su_gpt *g = &l[0].gpt;
    ok(memcmp(g->entry[0].guid, g->entry[1].guid, 16) && memcmp(g->entry[0].guid, g->entry[14].guid, 16) &&
       memcmp(g->entry[0].guid, g->disk_guid, 16), "all different");
}

/* More problems than are stored. */
static void many(void)
{
    struct su_err e = {0};
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    struct su_mbr m = {.sector_size = 512};
    for (unsigned i = 0; i < SU_MBR_MAX_PARTS; i++)
        m.part[m.n++] = (struct su_mbr_part){.number = i + 1, .type = 0x99, .first = M + i, .count = 1};
    struct su_layout_request r = {.mbr = &m, .disk_bytes = 20 * SU_MIB, .can_grow = true, .esp_bytes = SU_MIB};
    ok(su_layout_make(&r, l, &e) == 0 && l->n_problems == SU_LAYOUT_MAX_PROBLEMS, "the first ones are kept");
}

/* A Windows disk: System Reserved, C:, WinRE in front of a logical D:, in the order of slots 2, 1, 3, 5. */
static const struct in windows[] = {{1, 0x07, 100 * M, 50 * M}, {2, 0x07, M, 99 * M}, {3, 0x27, 150 * M, 10 * M},
                                    {5, 0x07, 161 * M, 20 * M}};

static void orders(void)
{
    struct su_err e = {0};
    struct su_mbr m;
    fill(&m, windows, SU_ARRAY_LEN(windows));
    SU_FREE struct su_layout *l = calloc(2, sizeof *l);
    struct su_layout_request r = {.mbr = &m, .disk_bytes = 200 * SU_MIB, .can_grow = true, .esp_bytes = 100 * SU_MIB,
        .in_order = true};
    ok(su_layout_make(&r, l, &e) == 0 && !su_promise_layout(&r, l), "in order");
    ok(l->number_of[1] == 2 && l->number_of[2] == 1 && l->number_of[3] == 3 && l->number_of[5] == 4 &&
           l->esp_number == 5 && !l->number_of[4], "numbers by place");
    ok(l->disk_bytes == 301 * SU_MIB && !l->msr_number && !l->esp_reused, "the ESP at the end");
    r.msr = true;
    ok(su_layout_make(&r, l + 1, &e) == 0 && !su_promise_layout(&r, l + 1) && l[1].msr_number == 6 &&
           l[1].disk_bytes == 317 * SU_MIB, "a reserved partition behind it");
    ok(memcmp(l[0].gpt.entry[4].guid, l[1].gpt.entry[4].guid, 16) == 0, "which changes no other GUID");
    r.can_grow = false;
    r.esp_bytes = 2 * SU_MIB;
    ok(su_layout_make(&r, l + 1, &e) == 0 && !su_promise_layout(&r, l + 1) && l[1].esp_number == 5 &&
           l[1].msr_number == 6 && l[1].disk_bytes == r.disk_bytes, "both in the gap");
    r.esp_bytes = 17 * SU_MIB;
    ok(su_layout_make(&r, l + 1, &e) == 0 && l[1].n_problems == 0 && l[1].msr_number == 0, "no room for the second");
}

static void reuse(void)
{
    struct su_err e = {0};
    struct su_mbr m;
    fill(&m, windows, SU_ARRAY_LEN(windows));
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    struct su_layout_request r = {.mbr = &m, .disk_bytes = 200 * SU_MIB, .can_grow = true, .in_order = true,
        .esp_reuse = 2};
    ok(su_layout_make(&r, l, &e) == 0 && !su_promise_layout(&r, l) && l->esp_reused && l->esp_number == 1, "in place");
    ok(l->disk_bytes == 200 * SU_MIB, "no growth where the tail is free");
    ok(strcmp(l->gpt.entry[0].name, "EFI system partition") == 0, "its name");
    m.part[3].count = 39 * M;
    ok(su_layout_make(&r, l, &e) == 0 && !su_promise_layout(&r, l) && l->disk_bytes == 201 * SU_MIB, "1 MiB where not");
    r.can_grow = false;
    ok(su_layout_make(&r, l, &e) == 0 && l->n_problems == 1 && l->problem[0].what == SU_LAYOUT_TAIL, "a fixed size");
    r.can_grow = true;
    r.disk_bytes += 100;
    ok(su_layout_make(&r, l, &e) == 0 && !su_promise_layout(&r, l) && l->disk_bytes == 202 * SU_MIB, "half a sector");
    r.esp_reuse = 7;
    ok(su_layout_make(&r, l, &e) == 0 && l->n_problems == 1 && l->problem[0].what == SU_LAYOUT_ROOM,
       "none of that number");
}

static void overrides(void)
{
    struct su_err e = {0};
    struct su_mbr m;
    fill(&m, windows, SU_ARRAY_LEN(windows));
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    struct su_layout_request r = {.mbr = &m, .disk_bytes = 200 * SU_MIB, .can_grow = true, .esp_bytes = SU_MIB,
        .n_overrides = 1, .override = {{.number = 2, .attributes = SU_LAYOUT_RECOVERY_ATTRIBUTES}}};
    memcpy(r.override[0].gpt, su_gpt_type_guid(SU_GPT_MS_RECOVERY), 16);
    m.part[1].type = 0x99;
    ok(su_layout_make(&r, l, &e) == 0 && !su_promise_layout(&r, l), "whatever the MBR says");
    ok(su_gpt_type_find(l->gpt.entry[1].type) == SU_GPT_MS_RECOVERY &&
           l->gpt.entry[1].attributes == UINT64_C(0x8000000000000001) &&
           su_gpt_type_find(l->gpt.entry[0].type) == SU_GPT_MS_BASIC,
       "that one alone");
}

static void room(void)
{
    struct su_mbr m = {.sector_size = 512};
    ok(su_layout_bios_room(&m) == 2048 - 34, "no partitions");
    m.n = 2;
    m.part[0].first = 4096;
    m.part[1].first = 100;
    ok(su_layout_bios_room(&m) == 66, "to the first one, whichever that is");
    m.part[1].first = 34;
    ok(su_layout_bios_room(&m) == 0, "none");
    m.part[1].first = 5;
    ok(su_layout_bios_room(&m) == 0, "less than none");
    m.part[1].first = 2048;
    m.sector_size = 4096;
    ok(su_layout_bios_room(&m) == 0, "no BIOS boots from 4K sectors");
}

int main(void)
{
    layouts();
    exact_end();
    types();
    guids();
    many();
    orders();
    reuse();
    overrides();
    room();
    return tap_done();
}
