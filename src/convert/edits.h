/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/edits.h - what changes in the guest's own files, and the way back.
 *
 * Edits are made on the overlay of the facts: nothing reaches the disk until the plan runs.  They are
 *   fstab       the ESP is added
 *   references  PARTUUIDs of the old table become those of the new one
 *   menu        resume=PARTUUID=... is added where the initramfs holds an old one
 * Rollback makes the exact inverse on whatever the files have become since. */
#pragma once
#include "facts.h"

enum { SU_EDITS_MAX = 64 };

enum su_edit_kind { SU_EDIT_ESP, SU_EDIT_PARTUUID, SU_EDIT_RESUME, SU_EDIT_RESUME_DEFAULTS, SU_EDIT_KINDS };
const char *su_edit_kind_name(enum su_edit_kind k); /* "fstab", "partuuid", "resume", "resume-defaults" */

struct su_edit {
    enum su_edit_kind kind;
    int vol;
    char path[SU_LINUX_PATH]; /* from the root of that file system */
};

struct su_edits {
    size_t n;
    struct su_edit edit[SU_EDITS_MAX];
    char esp_uuid[16]; /* "ABCD-1234" */
    char resume[64];   /* the kernel argument, when one is added */
};

/* The volume's files can be changed: natively, or by the engine that was chosen. */
bool su_edit_possible(const struct su_facts *f, int vol);
/* The initramfs holds a PARTUUID of the old table to resume from. */
bool su_edit_resume(const struct su_facts *f);
/* The volume id the new ESP gets. */
uint32_t su_edit_esp_id(const struct su_facts *f);
void su_edit_esp_uuid(const struct su_facts *f, char out[16]);

/* Which files are edited, and how.  Pure. */
void su_edits_list(const struct su_facts *f, struct su_edits *out);
/* The new text of one file. */
int su_edit_text(const struct su_edit *ed, const struct su_edits *all, const struct su_partuuid *map, size_t n,
                 bool undo, struct su_bytes text, struct su_buf *out, unsigned *changed,
                 struct su_err *e) SU_MUST_CHECK;
/* All of them, through the native drivers, onto the overlay.  undo: the inverse. */
int su_edits_apply(struct su_vols *v, const struct su_edits *all, const struct su_partuuid *map, size_t n, bool undo,
                   int64_t now, struct su_err *e) SU_MUST_CHECK;
