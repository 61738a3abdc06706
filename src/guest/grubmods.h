/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/grubmods.h - which GRUB modules need which: moddep.lst, as GRUB's build writes it beside its modules, a
 * line "name: other other" for each.  Thread safe. */
#pragma once
#include "base/buf.h"

enum { SU_GRUB_MAX_MODULES = 128, SU_GRUB_MODULE_NAME = 48 /* with the NUL */, SU_GRUB_MODDEP_MAX = 256 << 10 };

struct su_grub_modules {
    size_t n;
    char name[SU_GRUB_MAX_MODULES][SU_GRUB_MODULE_NAME]; /* of [A-Za-z0-9_+-]; no two alike */
};

/* Adds a module and all it needs, unless they are there.  m is as it was on failure: "guest.grubcore.moddep" (the
 * file is too large, or a name in it is no name), "guest.grubcore.module" (SU_E_MISSING: not listed),
 * "guest.grubcore.modules" (more than fit). */
int su_grub_modules_add(struct su_bytes moddep, const char *name, struct su_grub_modules *m,
                        struct su_err *e) SU_MUST_CHECK;
/* Whether they can be put in an order in which each comes after all it needs, as grub-mkimage takes for granted:
 * SU_E_FORMAT "guest.grubcore.moddep" names one of a circle. */
int su_grub_modules_check(struct su_bytes moddep, const struct su_grub_modules *m, struct su_err *e) SU_MUST_CHECK;
/* A moddep.lst of these modules alone, in their order, appended to out. */
int su_grub_modules_print(struct su_bytes moddep, const struct su_grub_modules *m, struct su_buf *out,
                          struct su_err *e) SU_MUST_CHECK;
