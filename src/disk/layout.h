/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/layout.h - the new partition table, decided from the old one.  Pure: facts in, layout out.
 *
 * Partitions keep their place and their number; the extended container disappears.  New are the EFI
 * system partition (at the end of a disk that can grow, else in the first gap that fits) and, when
 * asked for and possible, a BIOS boot partition in the gap before the first partition.  Units are
 * logical sectors unless a name says bytes. */
#pragma once
#include "gpt.h"
#include "mbr.h"

enum {
    SU_LAYOUT_ALIGN = 1 << 20, /* bytes; what every current tool aligns to */
    SU_LAYOUT_ESP_NUMBER = 15, /* the numbers Debian's and Ubuntu's cloud images use */
    SU_LAYOUT_BIOS_NUMBER = 14,
    SU_LAYOUT_MAX_PROBLEMS = 16,
};

/* What Windows gives a recovery partition: required by the platform, no drive letter. */
#define SU_LAYOUT_RECOVERY_ATTRIBUTES UINT64_C(0x8000000000000001)

/* One row of the table that turns MBR types into GPT types. */
struct su_type_row {
    uint8_t mbr;
    uint8_t gpt[16]; /* as on disk */
    uint64_t attributes;
};

/* What a partition becomes, whatever its MBR type says. */
struct su_layout_override {
    unsigned number; /* of the MBR */
    uint8_t gpt[16];
    uint64_t attributes;
};
enum { SU_LAYOUT_MAX_OVERRIDES = 8 };

struct su_layout_request {
    const struct su_mbr *mbr; /* without problems */
    uint64_t disk_bytes;
    bool can_grow;
    uint64_t esp_bytes;            /* a multiple of the sector size; not looked at with esp_reuse */
    uint64_t bios_sectors;         /* room a GRUB core needs; 0: no BIOS boot partition */
    const struct su_type_row *map; /* the operator's own rows, looked at first */
    size_t n_map;
    /* Windows counts the partitions it finds, so entries are in the order of the disk and without gaps (a boot entry
     * whose number differs does not start, upgrade.md 1.5); number_of[] of the layout then tells who became what. */
    bool in_order;
    bool msr;           /* a Microsoft reserved partition of 16 MiB beside the ESP, where there is room for it */
    unsigned esp_reuse; /* number of the MBR partition that becomes the ESP; 0: a new one */
    size_t n_overrides;
    struct su_layout_override override[SU_LAYOUT_MAX_OVERRIDES];
    const uint8_t *random; /* NULL: GUIDs derived from the disk; else 32 random bytes to derive them from */
};

enum su_layout_trouble {
    SU_LAYOUT_TYPE,  /* partition `part` has an MBR type without a row */
    SU_LAYOUT_HEAD,  /* it starts where the primary table goes */
    SU_LAYOUT_TAIL,  /* it ends where the backup table goes, and the disk cannot grow */
    SU_LAYOUT_ROOM,  /* no gap for the EFI system partition, and the disk cannot grow */
    SU_LAYOUT_SLOTS, /* more partitions than a GPT has entries */
    SU_LAYOUT_TROUBLES
};

struct su_layout_problem {
    enum su_layout_trouble what;
    unsigned part;
    uint8_t type;
};

struct su_layout {
    struct su_gpt gpt;
    uint64_t disk_bytes;                          /* new size */
    unsigned esp_number, bios_number, msr_number; /* bios_number, msr_number 0: none */
    bool esp_reused;
    uint8_t number_of[SU_GPT_ENTRIES + 1]; /* by MBR number: the number in the GPT; 0: no such partition */
    size_t n_problems;                     /* with any, the rest is not meaningful */
    struct su_layout_problem problem[SU_LAYOUT_MAX_PROBLEMS];
};

/* Same request, same layout (with random == NULL).  Fails only without memory.
 *
 * Promise without problems: every partition of the MBR is there with its number (or, in_order, the one number_of[]
 * tells), first sector and length; the ESP is esp_bytes long and aligned, or the partition that was named; nothing
 * overlaps; both tables fit. */
int su_layout_make(const struct su_layout_request *r, struct su_layout *out, struct su_err *e) SU_MUST_CHECK;

/* The GPT type for an MBR type; false when there is no row.  Rows of map win. */
bool su_layout_type(uint8_t mbr, const struct su_type_row *map, size_t n_map, struct su_type_row *out);

/* Sectors of the gap that a BIOS boot partition could take: [first usable, first partition), at most to
 * 1 MiB; 0 on disks with other than 512-byte sectors, which no BIOS boots. */
uint64_t su_layout_bios_room(const struct su_mbr *m);
