/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/pe_sample.h - a small PE32+ image made by hand: two sections, a gap of nothing, no signature. */
#pragma once
#include "base/su.h"
#include <string.h>

enum {
    PE_AT = 0x80,
    PE_OPTIONAL = PE_AT + 24,
    PE_DIRS = PE_OPTIONAL + 112,
    PE_CERT_DIR = PE_DIRS + 8 * 4,
    PE_SECTIONS = PE_OPTIONAL + 112 + 8 * 16,
    PE_HEADERS = 0x200,
    PE_SIZE = 0x200 + 0x300 + 0x100 + 16, /* with 16 bytes behind the last section */
};

static inline void pe_sample_section(uint8_t *h, const char *name, uint32_t off, uint32_t size, uint32_t vsize)
{
    memset(h, 0, 40);
    memcpy(h, name, strlen(name) < 8 ? strlen(name) : 8);
    su_put_le32(h + 8, vsize);
    su_put_le32(h + 12, 0x1000);
    su_put_le32(h + 16, size);
    su_put_le32(h + 20, off);
}

/* p: PE_SIZE bytes. The sections are listed against the order of their bytes, as the format allows. */
static inline void pe_sample(uint8_t *p)
{
    for (size_t i = 0; i < PE_SIZE; i++)
        p[i] = i < PE_HEADERS ? 0 : (uint8_t)(i * 7 + (i >> 8));
    memcpy(p, "MZ", 2);
    su_put_le32(p + 60, PE_AT);
    memcpy(p + PE_AT, "PE\0\0", 4);
    su_put_le16(p + PE_AT + 4, 0x8664);
    su_put_le16(p + PE_AT + 6, 3);
    su_put_le16(p + PE_AT + 20, 112 + 8 * 16);
    su_put_le16(p + PE_OPTIONAL, 0x20b);
    su_put_le32(p + PE_OPTIONAL + 60, PE_HEADERS);
    su_put_le32(p + PE_OPTIONAL + 64, 0x12345678); /* checksum */
    su_put_le32(p + PE_OPTIONAL + 108, 16);
    pe_sample_section(p + PE_SECTIONS, ".sbat", 0x500, 0x100, 0x40);
    pe_sample_section(p + PE_SECTIONS + 40, ".bss", 0, 0, 0x1000);
    pe_sample_section(p + PE_SECTIONS + 80, ".text", 0x200, 0x300, 0x300);
    memcpy(p + 0x500, "sbat,1,SBAT Version,sbat,1,https://x\ngrub,3,F,g,2,u\n\0\0\0\0\0\0\0\0\0\0\0", 64);
}
