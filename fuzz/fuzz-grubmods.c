/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names are names, no two alike, and what is printed is closed: adding from it gives the same modules. */
#include "guest/grubmods.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_names(const struct su_grub_modules *m)
{
    for (size_t i = 0; i < m->n; i++) {
        size_t len = strnlen(m->name[i], SU_GRUB_MODULE_NAME);
        if (len == 0 || len == SU_GRUB_MODULE_NAME || strchr(m->name[i], '/') || m->name[i][0] == '-')
            abort();
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->name[i], m->name[k]) == 0)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_grub_modules m = {0}, again = {0};
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    if (su_grub_modules_add((struct su_bytes){data, n}, "ext2", &m, &e) < 0) {
        if (!e.id || m.n != 0)
            abort();
        return 0;
    }
    check_names(&m);
    if (su_grub_modules_print((struct su_bytes){data, n}, &m, &out, &e) < 0)
        abort();
    if (su_grub_modules_add(su_buf_bytes(&out), "ext2", &again, &e) < 0 || again.n != m.n)
        abort();
    return 0;
}
