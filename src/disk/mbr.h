/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/mbr.h - reader of the master boot record and its chain of extended boot records.
 *
 * Pure over the su_blk port: it reads at most 1 + SU_MBR_MAX_LOGICAL + 1 sectors and writes none.
 * Units are logical sectors of sector_size bytes (512 or 4096); the records themselves occupy the
 * first 512 bytes of their sector.  Format: the "Legacy MBR" of the UEFI specification 2.10, 5.2.1,
 * and for the extended chain what Linux (block/partitions/msdos.c) accepts. */
#pragma once
#include "blk.h"

enum {
    SU_MBR_PRIMARIES = 4,
    SU_MBR_MAX_LOGICAL = 60, /* Linux stops much earlier by default; GPT entries are the real bound */
    SU_MBR_MAX_PARTS = SU_MBR_PRIMARIES + SU_MBR_MAX_LOGICAL,
    SU_MBR_MAX_PROBLEMS = 32,
};

struct su_mbr_part {
    unsigned number; /* as Linux counts: 1-4 primary, 5... logical */
    uint8_t type;    /* never 0, never an extended container */
    bool active;
    uint64_t first, count; /* sectors; count > 0 */
};

enum su_mbr_trouble {
    SU_MBR_OUTSIDE,    /* part a starts at sector 0 or ends past the disk */
    SU_MBR_OVERLAP,    /* parts a and b share sectors */
    SU_MBR_NOT_INSIDE, /* logical part a is not inside the extended partition */
    SU_MBR_CHAIN_LOOP, /* the chain of extended records returns to a sector it has been at */
    SU_MBR_CHAIN_LONG, /* more than SU_MBR_MAX_LOGICAL logical partitions */
    SU_MBR_CHAIN_BAD,  /* a link leaves the extended partition, its record has no signature, or an entry has
                        * a length but no type */
    SU_MBR_TWO_EXTENDED,
    SU_MBR_ON_RECORD, /* part a covers a sector that holds an extended boot record */
    SU_MBR_TROUBLES
};

struct su_mbr_problem {
    enum su_mbr_trouble what;
    unsigned a, b; /* partition numbers; 0 when none is meant */
};

struct su_mbr {
    uint8_t sector[SU_SECTOR]; /* the record itself */
    uint32_t disk_id;
    uint32_t sector_size;
    bool protective;  /* a slot of type EE: the disk claims to be GPT; then no other field below counts */
    unsigned ext_slot; /* 1-4, 0 without an extended partition */
    uint64_t ext_first, ext_count;
    size_t n;
    struct su_mbr_part part[SU_MBR_MAX_PARTS]; /* by number */
    size_t n_problems;
    struct su_mbr_problem problem[SU_MBR_MAX_PROBLEMS]; /* the first ones, each once; more are not stored */
};

/* Fails with SU_E_FORMAT "disk.mbr.missing" when sector 0 holds no partition table (no 55 AA, or a
 * boot flag that is neither 00 nor 80: a file system's own boot sector).  Everything else that is
 * wrong becomes a problem, so that all of them can be shown at once.
 *
 * Promise when n_problems == 0 and not protective: every partition lies inside the disk, after
 * sector 0; no two share a sector; logical ones lie inside the extended partition; numbers are
 * unique and ascending. */
int su_mbr_read(struct su_blk *disk, uint32_t sector_size, struct su_mbr *out, struct su_err *e) SU_MUST_CHECK;

bool su_mbr_type_is_extended(uint8_t type);
