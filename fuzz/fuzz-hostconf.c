/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VM's file of vms.d, and what becomes of it. */
#include "daemon/desc.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct su_vm_desc d, before;
    struct su_err e = {0};
    memset(&d, 0x5A, sizeof d);
    before = d;
    if (su_desc_from_file((struct su_bytes){data, n}, "x.conf", &d, &e) < 0) {
        if (!e.id || memcmp(&d, &before, sizeof d) != 0)
            abort();
        return 0;
    }
    if (!su_uuid_valid(d.uuid) || !d.name[0] || (d.cid != 0) == (d.socket[0] != 0) ||
        (d.socket[0] && d.socket[0] != '/') || strnlen(d.socket, sizeof d.socket) + 12 > sizeof d.socket)
        abort();
    return 0;
}
