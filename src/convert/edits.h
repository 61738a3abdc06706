/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/edits.h - what changes in the guest's own files, and the way back.
 *
 * Edits are made on the overlay of the facts: nothing reaches the disk until the plan runs.  They are
 *   fstab       the ESP is added
 *   references  PARTUUIDs of the old table become those of the new one
 *   menu        resume=PARTUUID=... is added where the initramfs holds an old one
 *   system-hive drive letters and volumes by their new names, and the boot driver of the new bus (Windows)
 *   reagent     where the recovery environment is (Windows)
 * Rollback makes the exact inverse on whatever the files have become since. */
#pragma once
#include "facts.h"

enum { SU_EDITS_MAX = 64, SU_EDIT_DRIVER = 128 };

enum su_edit_kind {
    SU_EDIT_ESP,
    SU_EDIT_PARTUUID,
    SU_EDIT_RESUME,
    SU_EDIT_RESUME_DEFAULTS,
    SU_EDIT_SYSTEM_HIVE,
    SU_EDIT_REAGENT,
    SU_EDIT_KINDS
};
/* "fstab", "partuuid", "resume", "resume-defaults", "system-hive", "reagent" */
const char *su_edit_kind_name(enum su_edit_kind k);
/* The old system starts as well when this edit stays in its files. */
bool su_edit_harmless(enum su_edit_kind k);

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
    /* Windows: */
    struct su_winmap map;
    unsigned os_number; /* partition of the system, by the old table */
    int bus;            /* enum su_winbus whose driver is to start at boot; -1: none is asked for */
    int64_t now;        /* as given to su_edits_apply() */
    /* Found while the edits were made, and needed for the way back: */
    size_t n_letters; /* taken from the system partition */
    char letter[SU_MOUNTED_MAX_LETTERS];
    char driver[SU_EDIT_DRIVER]; /* what su_winsystem_boot_driver() noted; "" nothing */
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
/* What one edit begins with: the file's bytes; of a hive, with what its logs add. */
int su_edit_read(struct su_fs *fs, const struct su_edit *ed, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
/* The new bytes of one file.  all gets what is found. */
int su_edit_text(const struct su_edit *ed, struct su_edits *all, const struct su_partuuid *map, size_t n, bool undo,
                 struct su_bytes text, struct su_buf *out, unsigned *changed, struct su_err *e) SU_MUST_CHECK;
/* All of them, through the native drivers, onto the overlay.  undo: the inverse. */
int su_edits_apply(struct su_vols *v, struct su_edits *all, const struct su_partuuid *map, size_t n, bool undo,
                   int64_t now, struct su_err *e) SU_MUST_CHECK;

/* For edits.c (edits_windows.c): */
int su_edit_hive_read(struct su_fs *fs, const struct su_edit *ed, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_edit_hive(struct su_edits *all, bool undo, struct su_bytes hive, struct su_buf *out, unsigned *changed,
                 struct su_err *e) SU_MUST_CHECK;
