/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/efivars_sample.h - a variable store of OVMF made by hand. */
#pragma once
#include "guest/efivars.h"
#include <string.h>

static const uint8_t efivars_volume_guid[16] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
                                                0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};
static const uint8_t efivars_vars_guid[16] = {0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
                                              0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92};
enum { EFIVARS_HEADER = 72, EFIVARS_STORE = 16384 };
struct efivars_store {
    uint8_t p[EFIVARS_HEADER + EFIVARS_STORE];
    size_t at;
};

static inline void efivars_checksum(struct efivars_store *s)
{
    uint16_t sum = 0;
    su_put_le16(s->p + 50, 0);
    for (int i = 0; i < EFIVARS_HEADER; i += 2)
        sum = (uint16_t)(sum + su_le16(s->p + i));
    su_put_le16(s->p + 50, (uint16_t)-sum);
}

static inline void efivars_empty(struct efivars_store *s)
{
    memset(s->p, 0xff, sizeof s->p);
    memset(s->p, 0, EFIVARS_HEADER + 28);
    memcpy(s->p + 16, efivars_volume_guid, 16);
    su_put_le64(s->p + 32, sizeof s->p);
    memcpy(s->p + 40, "_FVH", 4);
    su_put_le16(s->p + 48, EFIVARS_HEADER);
    efivars_checksum(s);
    memcpy(s->p + EFIVARS_HEADER, efivars_vars_guid, 16);
    su_put_le32(s->p + EFIVARS_HEADER + 16, EFIVARS_STORE);
    s->p[EFIVARS_HEADER + 20] = 0x5a;
    s->p[EFIVARS_HEADER + 21] = 0xfe;
    s->at = EFIVARS_HEADER + 28;
}

static inline void efivars_put(struct efivars_store *s, uint8_t state, const char *name, const uint8_t *guid,
                               struct su_bytes value)
{
    uint8_t *h = s->p + s->at;
    size_t n = strlen(name) + 1;
    memset(h, 0, 60);
    su_put_le16(h, 0x55aa);
    h[2] = state;
    su_put_le32(h + 4, 7);
    su_put_le32(h + 36, (uint32_t)(2 * n));
    su_put_le32(h + 40, (uint32_t)value.n);
    memcpy(h + 44, guid, 16);
    for (size_t i = 0; i < n; i++)
        su_put_le16(h + 60 + 2 * i, (uint8_t)name[i]);
    memcpy(h + 60 + 2 * n, value.p, value.n);
    s->at = (s->at - EFIVARS_HEADER + 60 + 2 * n + value.n + 3) / 4 * 4 + EFIVARS_HEADER;
}

static inline void efivars_put_text(struct efivars_store *s, uint8_t state, const char *name, const uint8_t *guid,
                                    const char *value)
{
    efivars_put(s, state, name, guid, (struct su_bytes){(const uint8_t *)value, strlen(value)});
}
