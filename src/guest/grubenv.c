/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grubenv.h"
#include <string.h>

static const char header[] = "# GRUB Environment Block\n";

static int check(struct su_bytes *block, struct su_err *e)
{
    size_t n = sizeof header - 1;
    if (block->n > SU_GRUBENV_MAX || block->n < n || memcmp(block->p, header, n) != 0)
        return su_fail(e, SU_E_FORMAT, "guest.grubenv.format", "this is not a GRUB environment block");
    return 0;
}

/* A backslash takes the next byte as it is, a newline for one: a value ends at the first bare newline. */
static void take_value(struct su_bytes *b, struct su_buf *out)
{
    uint8_t c;
    while (su_take_u8(b, &c) && c != '\n') {
        if (c == '\\' && !su_take_u8(b, &c))
            return;
        if (out)
            su_buf_add(out, &c, 1);
    }
}

int su_grubenv_get(struct su_bytes block, const char *name, struct su_buf *out, struct su_err *e)
{
    size_t n = strlen(name);
    if (check(&block, e) < 0)
        return -1;
    su_skip(&block, sizeof header - 1);
    while (block.n > 0 && block.p[0] != '#') {
        bool found = block.n > n && memcmp(block.p, name, n) == 0 && block.p[n] == '=';
        su_skip(&block, found ? n + 1 : 0);
        take_value(&block, found ? out : NULL);
        if (found)
            return su_buf_ok(out, e);
    }
    return su_fail(e, SU_E_MISSING, "guest.grubenv.missing", "the GRUB environment block has no %s", name);
}

int su_grubenv_rewrite(struct su_bytes block, enum su_partuuid_way way, const struct su_partuuid *map, size_t n,
                       struct su_buf *out, unsigned *changed, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    unsigned count = 0;
    if (check(&block, e) < 0 || su_partuuid_rewrite(block, way, map, n, &b, &count, e) < 0)
        return -1;
    while (b.n > block.n && b.p[b.n - 1] == '#')
        b.n--;
    if (b.n > block.n)
        return su_fail(e, SU_E_RANGE, "guest.grubenv.full", "the GRUB environment block has no room for longer values");
    su_buf_add(out, b.p, b.n);
    for (size_t i = b.n; i < block.n; i++)
        su_buf_add(out, "#", 1);
    if (su_buf_ok(out, e) < 0)
        return -1;
    *changed = count;
    return 0;
}
