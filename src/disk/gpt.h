/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/gpt.h - GUID partition tables, read and made.
 *
 * Format: UEFI specification 2.10, section 5.3.  Units are logical sectors.  The table always has
 * SU_GPT_ENTRIES entries of 128 bytes, which is what every firmware and system expects; a table of
 * another shape is read as "not ours". */
#pragma once
#include "blk.h"

enum {
    SU_GPT_ENTRIES = 128,
    SU_GPT_ENTRY = 128,
    SU_GPT_TABLE = SU_GPT_ENTRIES * SU_GPT_ENTRY, /* bytes */
    SU_GPT_NAME = 36,                             /* UTF-16 units */
};

struct su_gpt_entry {
    uint8_t type[16], guid[16]; /* as on disk (mixed endian); an all-zero type is an unused entry */
    uint64_t first, last;       /* sectors, both inclusive */
    uint64_t attributes;
    char name[SU_GPT_NAME + 1]; /* ASCII; other characters are read as '?' */
};

struct su_gpt {
    uint8_t disk_guid[16];
    uint64_t sectors;                  /* of the disk this table is made for */
    uint64_t first_usable, last_usable; /* inclusive */
    struct su_gpt_entry entry[SU_GPT_ENTRIES];
};

enum su_gpt_copies { SU_GPT_PRIMARY = 1, SU_GPT_BACKUP = 2 };

/* Sectors that the entries of one table take, and the first sector a partition may start at. */
uint64_t su_gpt_table_sectors(uint32_t sector_size);
uint64_t su_gpt_first_usable(uint32_t sector_size);

/* Reads the primary table, or the backup at the last sector when the primary is damaged.
 * *copies says which are valid (a set of su_gpt_copies).  Fails with SU_E_FORMAT "disk.gpt.missing" when none is.
 *
 * Promise: used entries lie in [first_usable, last_usable], which lies inside the disk and leaves
 * room for both tables; no two overlap; the checksums of header and table match. */
int su_gpt_read(struct su_blk *disk, uint32_t sector_size, struct su_gpt *out, unsigned *copies,
                struct su_err *e) SU_MUST_CHECK;

/* The exact bytes of both copies.  table: SU_GPT_TABLE bytes, the same for both; header: one 512-byte
 * record for the named copy (the rest of its sector is zero).  Both are caller's buffers. */
void su_gpt_put_table(const struct su_gpt *g, uint8_t table[SU_GPT_TABLE]);
void su_gpt_put_header(const struct su_gpt *g, uint32_t sector_size, enum su_gpt_copies which,
                       const uint8_t table[SU_GPT_TABLE], uint8_t header[SU_SECTOR]);

/* The protective record: boot code and disk id of old stay, the four slots become one of type EE. */
void su_gpt_put_protective(const struct su_gpt *g, const uint8_t old[SU_SECTOR], uint8_t out[SU_SECTOR]);

bool su_gpt_used(const struct su_gpt_entry *en);
