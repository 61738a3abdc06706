/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries are whole and form a tree, the default is one of them, and an argument comes and goes without a trace. */
#include "guest/grubcfg.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_entry(const struct su_grubcfg *g, size_t i)
{
    const struct su_grub_entry *x = &g->entry[i];
    if (!x->title || (!x->kernel != !x->cmdline) || x->n_initrds > SU_GRUBCFG_MAX_INITRDS || (x->submenu && x->kernel))
        abort();
    if (x->parent < -1 || x->parent >= (int)i || (x->parent >= 0 && !g->entry[x->parent].submenu))
        abort();
    size_t all = strlen(x->title) + (x->id ? strlen(x->id) : 0) + (x->kernel ? strlen(x->kernel) : 0);
    for (size_t k = 0; k < x->n_initrds; k++)
        all += strlen(x->initrd[k]);
    if (all > 2 * SU_TEXT_MAX)
        abort();
}

static void check_menu(struct su_bytes text)
{
    static const char env[] = "# GRUB Environment Block\nsaved_entry=1>0\n###";
    SU_GRUBCFG struct su_grubcfg g = {.n = 77};
    struct su_err e = {0};
    size_t at = 77777;
    if (su_grubcfg_parse(text, &g, &e) < 0) {
        if (!e.id || g.n != 77)
            abort();
        g.n = 0;
        return;
    }
    for (size_t i = 0; i < g.n; i++)
        check_entry(&g, i);
    if (su_grubcfg_default(&g, (struct su_bytes){(const uint8_t *)env, sizeof env - 1}, &at, &e) == 0
            ? at >= g.n || g.entry[at].submenu
            : at != 77777 || !e.id)
        abort();
}

static void check_edit(struct su_bytes text)
{
    static const char arg[] = "resume=PARTUUID=x";
    SU_BUF struct su_buf clean = {0}, with = {0}, without = {0};
    struct su_err e = {0};
    unsigned added = 0, removed = 0;
    if (su_grubcfg_remove_argument(text, arg, &clean, &removed, &e) < 0) {
        if (clean.n != 0)
            abort();
        return;
    }
    if (su_grubcfg_add_argument(su_buf_bytes(&clean), arg, &with, &added, &e) < 0)
        return;
    if (with.n != clean.n + added * sizeof arg)
        abort();
    if (su_grubcfg_remove_argument(su_buf_bytes(&with), arg, &without, &removed, &e) < 0)
        return;
    if (removed != added || without.n != clean.n || (clean.n > 0 && memcmp(without.p, clean.p, clean.n) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_menu((struct su_bytes){data, n});
    check_edit((struct su_bytes){data, n});
    return 0;
}
