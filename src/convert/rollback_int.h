/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/rollback_int.h - what the files of a rollback share. */
#pragma once
#include "undo.h"

/* One rollback under way. */
struct su_back {
    const struct su_options *opt;
    const char *undo;
    struct su_image image;
    struct su_blk *journal, *overlay;
    struct su_journal j;
    struct su_undo_meta meta;
    struct su_gpt gpt;
    struct su_vols vols;
    struct su_plan plan;
    unsigned edits, left;
    bool in_appliance, harmless_in_appliance; /* edits that it is to make */
    bool grub_changed;  /* the guest upgraded GRUB since: the old core does not go with its modules */
    struct su_buf core; /* a new one, for the gap; empty when none is needed or none could be made */
};

/* The edits taken back, on b->overlay, so that newer contents stay. */
int su_back_undo_edits(struct su_back *b, struct su_err *e) SU_MUST_CHECK;
