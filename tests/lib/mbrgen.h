/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/mbrgen.h - random disks with legacy partition tables, all of them valid, and what they hold. */
#pragma once
#include "disk/mbr.h"

struct su_mbrgen {
    uint32_t sector_size;
    uint64_t bytes, sectors;
    struct su_mbr_part part[SU_MBR_MAX_PARTS]; /* by number: what a reader must find */
    size_t n;
    size_t n_logical;
    uint64_t ext_first, ext_count; /* count 0: none */
    bool unknown_type;             /* one of them has a type without a row */
    uint64_t record[SU_MBR_MAX_PARTS]; /* sectors of the extended records */
    size_t n_records;
    unsigned ext_slot; /* 1-4, 0: none */
};

/* Decides a disk: primaries, an extended partition with 0 to 12 logical ones, gaps, full disks, starts at 63
 * and elsewhere, 512 and 4096 byte sectors, up to 3 TiB.  *seed != 0 is advanced. */
void su_mbrgen_make(uint64_t *seed, struct su_mbrgen *g);
/* Writes boot code, disk id and tables, and marks the first and last sector of each partition. */
int su_mbrgen_write(uint64_t *seed, const struct su_mbrgen *g, struct su_blk *disk, struct su_err *e) SU_MUST_CHECK;
