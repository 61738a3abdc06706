/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/grubenv.h - GRUB's environment block: a header line, NAME=value lines, '#' up to a fixed size (1024 bytes as
 * grub-editenv makes it).  GRUB writes it back in place from the boot menu, so its size must never change.
 * GRUB manual, "The GRUB environment block".  Thread safe. */
#pragma once
#include "guest/partuuid.h"

enum { SU_GRUBENV_MAX = 64 << 10 }; /* bytes we look at */

/* Appends the value to out.  "guest.grubenv.format": not such a block; "guest.grubenv.missing" (SU_E_MISSING). */
int su_grubenv_get(struct su_bytes block, const char *name, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* As su_partuuid_rewrite(), at the same size: the padding gives or takes.  "guest.grubenv.full": too little of it. */
int su_grubenv_rewrite(struct su_bytes block, enum su_partuuid_way way, const struct su_partuuid *map, size_t n,
                       struct su_buf *out, unsigned *changed, struct su_err *e) SU_MUST_CHECK;
