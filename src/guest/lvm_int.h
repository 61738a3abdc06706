/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/lvm_int.h - between the on-disk areas (lvm.c) and the meaning of the text (lvm_vg.c). */
#pragma once
#include "lvm.h"
#include "lvm_text.h"

enum { SU_LVM_MAX_AREAS = 8 };

struct su_lvm_areas {
    uint8_t uuid[32];
    uint64_t size;     /* of the physical volume, bytes */
    uint64_t head_end; /* bytes: where the label sectors end */
    size_t n;
    struct su_extent area[SU_LVM_MAX_AREAS]; /* metadata areas, inside the volume, n > 0 bytes each */
};

int su_lvm_read_vg(const struct su_lvm_tree *t, const struct su_lvm_areas *areas, struct su_lvm *out, struct su_err *e);
