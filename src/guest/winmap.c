/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/winmap.c - a partition of this disk by either of its names. */
#include "winmap.h"
#include <string.h>

const struct su_winmap_part *su_winmap_by_offset(const struct su_winmap *m, uint32_t signature, uint64_t offset)
{
    for (size_t i = 0; signature == m->signature && i < m->n; i++)
        if (m->part[i].offset == offset)
            return &m->part[i];
    return NULL;
}

const struct su_winmap_part *su_winmap_by_guid(const struct su_winmap *m, const uint8_t guid[16])
{
    for (size_t i = 0; i < m->n; i++)
        if (memcmp(m->part[i].guid, guid, sizeof m->part[i].guid) == 0)
            return &m->part[i];
    return NULL;
}

const struct su_winmap_part *su_winmap_by_number(const struct su_winmap *m, unsigned number)
{
    for (size_t i = 0; number > 0 && i < m->n; i++)
        if (m->part[i].number == number)
            return &m->part[i];
    return NULL;
}
