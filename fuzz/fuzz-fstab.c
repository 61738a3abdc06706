/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries are whole, and the ESP's line comes and goes without a trace. */
#include "guest/fstab.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_entries(const struct su_fstab *f)
{
    char v[16];
    if (f->n > SU_FSTAB_MAX_ENTRIES)
        abort();
    for (size_t i = 0; i < f->n; i++) {
        const struct su_fstab_entry *x = &f->entry[i];
        if (!x->spec || !x->file || !x->type || !x->options || !x->line || x->kind >= SU_SPEC_KINDS)
            abort();
        if (x->value < x->spec || x->value > x->spec + strlen(x->spec))
            abort();
        if (su_fstab_option(x, "subvol", v, sizeof v) && strlen(v) >= sizeof v)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SU_FSTAB struct su_fstab f = {.bad_lines = 77};
    SU_BUF struct su_buf with = {0}, without = {0}, first = {0};
    struct su_err e = {0};
    struct su_bytes text = {data, n};
    unsigned had = 0, removed = 0;
    if (su_fstab_parse(text, &f, &e) < 0) {
        if (!e.id || f.bad_lines != 77)
            abort();
        return 0;
    }
    check_entries(&f);
    if (su_fstab_remove_esp(text, "ABCD-1234", &first, &had, &e) < 0)
        abort();
    if (su_fstab_add_esp(text, "ABCD-1234", &with, &e) < 0)
        return su_fstab_find(&f, "/boot/efi") ? 0 : (abort(), 0);
    if (had != 0) /* in a line too broken to be an entry */
        return 0;
    if (su_fstab_remove_esp(su_buf_bytes(&with), "ABCD-1234", &without, &removed, &e) < 0 || removed != 1)
        abort();
    if (without.n != n || (n > 0 && memcmp(without.p, data, n) != 0))
        abort();
    return 0;
}
