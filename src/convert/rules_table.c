/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about the partition table, old and new. */
#include "rules.h"
#include <inttypes.h>

#define MOST "60"
_Static_assert(SU_MBR_MAX_LOGICAL == 60, "the sentence names the number");

#define REPAIR "repair the partition table in the guest or with fdisk, then run validate again"
#define FEWER "the table is sound, but too long for surety: remove or join logical partitions until " MOST " are left"

enum { TYPE_DYNAMIC = 0x42, TYPE_ESP = 0xEF };

static void mbr_present(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->table == SU_TABLE_NONE)
        su_found_as(v, SU_STOP, f->table_why.id ? f->table_why.id : row->id, row->remedy, "%s", f->table_why.msg);
}

static bool about(enum su_mbr_trouble what, const struct su_rule *row, const char **text);

/* One sentence a trouble; the parts are filled in where %u stands. */
static const struct {
    const char *id, *text;
} troubles[] = {
    [SU_MBR_OUTSIDE] = {"disk.mbr.outside", "partition %u does not lie inside the disk"},
    [SU_MBR_OVERLAP] = {"disk.mbr.overlap", "partitions %u and %u overlap"},
    [SU_MBR_NOT_INSIDE] = {"disk.mbr.logical", "logical partition %u does not lie inside the extended partition"},
    [SU_MBR_CHAIN_LOOP] = {"disk.mbr.chain", "the chain of logical partitions runs in a circle"},
    [SU_MBR_CHAIN_LONG] = {"disk.mbr.chain", "there are more logical partitions than the " MOST " that surety reads"},
    [SU_MBR_CHAIN_BAD] = {"disk.mbr.chain", "the chain of logical partitions is broken"},
    [SU_MBR_TWO_EXTENDED] = {"disk.mbr.extended", "there are two extended partitions, %u and %u"},
    [SU_MBR_ON_RECORD] = {"disk.mbr.record", "partition %u covers a record of the extended partition"},
};
_Static_assert(SU_ARRAY_LEN(troubles) == SU_MBR_TROUBLES, "a trouble without a sentence");

static bool about(enum su_mbr_trouble what, const struct su_rule *row, const char **text)
{
    *text = troubles[what].text;
    return __builtin_strcmp(troubles[what].id, row->id) == 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats are the table above */
static void mbr_problems(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const char *text;
    if (f->table != SU_TABLE_MBR)
        return;
    for (size_t i = 0; i < f->mbr.n_problems; i++)
        if (about(f->mbr.problem[i].what, row, &text))
            su_found_as(v, row->severity, row->id, f->mbr.problem[i].what == SU_MBR_CHAIN_LONG ? FEWER : row->remedy,
                        text, f->mbr.problem[i].a, f->mbr.problem[i].b);
}
#pragma GCC diagnostic pop

static void no_type(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v, uint8_t type,
                    const char *what)
{
    for (size_t i = 0; f->table == SU_TABLE_MBR && i < f->mbr.n; i++)
        if (f->mbr.part[i].type == type)
            su_found(v, row, "partition %u is %s", f->mbr.part[i].number, what);
}

static void no_dynamic(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    no_type(f, row, v, TYPE_DYNAMIC, "part of a dynamic disk of Windows");
}

static void no_esp(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    struct su_type_row t;
    if (su_layout_type(TYPE_ESP, f->opt->map, f->opt->n_map, &t) && f->opt->n_map)
        return;
    no_type(f, row, v, TYPE_ESP, "an EFI system partition already");
}

static void known_types(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->layout.n_problems; i++) {
        const struct su_layout_problem *p = &f->layout.problem[i];
        if (p->what == SU_LAYOUT_TYPE && p->type != TYPE_DYNAMIC)
            su_found(v, row, "partition %u has the MBR type %02X, which surety does not know", p->part, p->type);
    }
}

static void head_free(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->layout.n_problems; i++)
        if (f->layout.problem[i].what == SU_LAYOUT_HEAD)
            su_found(v, row, "partition %u starts before sector %" PRIu64 ", where the GPT has to be",
                     f->layout.problem[i].part, su_gpt_first_usable(f->sector_size));
}

static void tail_free(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->layout.n_problems; i++)
        if (f->layout.problem[i].what == SU_LAYOUT_TAIL)
            su_found(v, row, "partition %u reaches into the last %" PRIu64 " sectors, where the backup GPT has to be",
                     f->layout.problem[i].part, su_gpt_table_sectors(f->sector_size) + 1);
}

static void room_for_esp(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->layout.n_problems; i++)
        if (f->layout.problem[i].what == SU_LAYOUT_ROOM)
            su_found(v, row, "this disk cannot grow and has no free gap for the EFI system partition");
}

static void slots_left(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->layout.n_problems; i++)
        if (f->layout.problem[i].what == SU_LAYOUT_SLOTS)
            su_found(v, row, "a GPT has no entry left for partition %u", f->layout.problem[i].part);
}

#define GROW                                                                                                           \
    "make the device at least 102 MiB larger (on 4096-byte sectors 262 MiB), or free such a gap, or copy the "         \
    "disk into a qcow2 or raw image with qemu-img convert"

const struct su_rule su_rules_table[] = {
    {"disk.mbr.missing", SU_STOP, "the disk has a partition table", "name the right disk, and its --format",
     mbr_present, "V1", SU_MBR2GPT_READ},
    {"disk.mbr.outside", SU_STOP, "every partition lies inside the disk", REPAIR, mbr_problems},
    {"disk.mbr.overlap", SU_STOP, "no two partitions overlap", REPAIR, mbr_problems},
    {"disk.mbr.logical", SU_STOP, "logical partitions lie inside the extended one", REPAIR, mbr_problems},
    {"disk.mbr.chain", SU_STOP, "the chain of logical partitions is sound", REPAIR, mbr_problems},
    {"disk.mbr.extended", SU_STOP, "there is at most one extended partition", REPAIR, mbr_problems},
    {"disk.mbr.record", SU_STOP, "no partition covers an extended boot record", REPAIR, mbr_problems},
    {"disk.mbr.dynamic", SU_STOP, "it is not a dynamic disk",
     "turn the dynamic disk back into a basic one in the guest, then run validate again", no_dynamic, "V8",
     SU_MBR2GPT_LAYOUT},
    {"disk.mbr.esp", SU_STOP, "there is no EFI system partition yet",
     "if that partition is not needed, say --map ef=0fc63daf-8483-4772-8e79-3d69d8477de4 (Linux data), or "
     "ef=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7 (of Windows)",
     no_esp},
    {0},
};

const struct su_rule su_rules_layout[] = {
    {"disk.mbr.type", SU_STOP, "every partition type has a GPT counterpart",
     "say which GPT type it becomes, with --map TYPE=GUID", known_types, "V8", SU_MBR2GPT_LAYOUT},
    {"disk.gpt.head", SU_STOP, "the primary GPT has room before the first partition",
     "move the first partition (for example with gparted) to sector 2048", head_free, "V2", SU_MBR2GPT_LAYOUT},
    {"disk.gpt.tail", SU_STOP, "the backup GPT has room after the last partition", GROW, tail_free, "V2",
     SU_MBR2GPT_LAYOUT},
    {"disk.gpt.room", SU_STOP, "there is room for an EFI system partition", GROW, room_for_esp},
    {"disk.gpt.slots", SU_STOP, "the GPT has an entry for every partition", "remove a partition that is not needed",
     slots_left},
    {0},
};
