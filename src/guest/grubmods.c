/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grubmods.h"
#include "guest/text.h"
#include <string.h>

static bool is_name(struct su_bytes b)
{
    if (b.n == 0 || b.n >= SU_GRUB_MODULE_NAME)
        return false;
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '_' && c != '+' && c != '-')
            return false;
    }
    return b.p[0] != '-';
}

/* The words after "name:". */
static bool find(struct su_bytes moddep, const char *name, struct su_bytes *needs)
{
    size_t n = strlen(name);
    struct su_bytes line;
    while (su_text_line(&moddep, &line)) {
        if (line.n > n && memcmp(line.p, name, n) == 0 && line.p[n] == ':') {
            *needs = line;
            return su_skip(needs, n + 1);
        }
    }
    return false;
}

static bool has(const struct su_grub_modules *m, struct su_bytes name)
{
    for (size_t i = 0; i < m->n; i++)
        if (su_text_is(name, m->name[i]))
            return true;
    return false;
}

static int append(struct su_grub_modules *m, struct su_bytes name, struct su_err *e)
{
    if (has(m, name))
        return 0;
    if (!is_name(name))
        return su_fail(e, SU_E_FORMAT, "guest.grubcore.moddep", "GRUB's moddep.lst holds a name that is none");
    if (m->n == SU_GRUB_MAX_MODULES)
        return su_fail(e, SU_E_RANGE, "guest.grubcore.modules", "a GRUB core needs more than %d modules",
                       SU_GRUB_MAX_MODULES);
    memcpy(m->name[m->n], name.p, name.n);
    m->name[m->n++][name.n] = 0;
    return 0;
}

int su_grub_modules_add(struct su_bytes moddep, const char *name, struct su_grub_modules *m, struct su_err *e)
{
    struct su_grub_modules new = *m;
    struct su_bytes needs, word;
    if (moddep.n > SU_GRUB_MODDEP_MAX)
        return su_fail(e, SU_E_FORMAT, "guest.grubcore.moddep", "GRUB's moddep.lst is too large");
    if (append(&new, (struct su_bytes){(const uint8_t *)name, strlen(name)}, e) < 0)
        return -1;
    for (size_t i = m->n; i < new.n; i++) { /* the list is its own queue, and has an end */
        if (!find(moddep, new.name[i], &needs))
            return su_fail(e, SU_E_MISSING, "guest.grubcore.module", "the guest's GRUB has no module %s", new.name[i]);
        while (su_text_word(&needs, &word))
            if (append(&new, word, e) < 0)
                return -1;
    }
    *m = new;
    return 0;
}

static bool needs_are_placed(struct su_bytes moddep, const struct su_grub_modules *m, size_t i, const bool *placed)
{
    struct su_bytes needs, word;
    if (!find(moddep, m->name[i], &needs))
        return true;
    while (su_text_word(&needs, &word))
        for (size_t k = 0; k < m->n; k++)
            if (!placed[k] && su_text_is(word, m->name[k]))
                return false;
    return true;
}

int su_grub_modules_check(struct su_bytes moddep, const struct su_grub_modules *m, struct su_err *e)
{
    bool placed[SU_GRUB_MAX_MODULES] = {0}, more = true;
    while (more) { /* each round but the last places one */
        more = false;
        for (size_t i = 0; i < m->n; i++)
            if (!placed[i] && needs_are_placed(moddep, m, i, placed))
                placed[i] = more = true;
    }
    for (size_t i = 0; i < m->n; i++)
        if (!placed[i])
            return su_fail(e, SU_E_FORMAT, "guest.grubcore.moddep",
                           "GRUB's moddep.lst says that %s needs itself, by itself or through others", m->name[i]);
    return 0;
}

int su_grub_modules_print(struct su_bytes moddep, const struct su_grub_modules *m, struct su_buf *out, struct su_err *e)
{
    struct su_bytes needs, word;
    for (size_t i = 0; i < m->n; i++) {
        su_buf_printf(out, "%s:", m->name[i]);
        if (!find(moddep, m->name[i], &needs))
            needs = (struct su_bytes){NULL, 0};
        while (su_text_word(&needs, &word)) {
            su_buf_text(out, " ");
            su_buf_add(out, word.p, word.n);
        }
        su_buf_text(out, "\n");
    }
    return su_buf_ok(out, e);
}
