/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/inventory_int.h - private to inventory*.c. */
#pragma once
#include "upgrade/inventory.h"

struct su_inventory_id {
    uint64_t dev, ino; /* as in struct su_disk_use */
};
/* su_inventory_file(), and who the files of the chain are, the disk itself first; *n: those that exist. */
void su_inventory_chain(const char *path, const char *format, struct su_disk_use *out,
                        struct su_inventory_id id[SU_CHAIN_MAX + 1], size_t *n);
