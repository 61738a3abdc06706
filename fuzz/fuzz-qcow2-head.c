/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a qcow2 file: refused without a trace, or with texts that end. */
#include "upgrade/inventory.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct su_qcow2_head h, before;
    char path[SU_DOM_PATH];
    struct su_err e = {0};
    memset(&h, 0x5A, sizeof h);
    before = h;
    if (su_qcow2_head((struct su_bytes){data, n}, &h, &e) < 0) {
        if (!e.id || memcmp(&h, &before, sizeof h) != 0)
            abort();
        return 0;
    }
    if (h.version < 2 || h.version > 3 || strnlen(h.backing, sizeof h.backing) == sizeof h.backing ||
        strnlen(h.backing_format, sizeof h.backing_format) == sizeof h.backing_format)
        abort();
    if (su_inventory_backing("/images/a.qcow2", h.backing, path, sizeof path) &&
        strnlen(path, sizeof path) == sizeof path)
        abort();
    return 0;
}
