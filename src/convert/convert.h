/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/convert.h - from facts that passed the rules to a plan, and from a converted disk back.
 *
 * Making a conversion writes nothing to the image: the ESP is built in a private file, the guest's
 * files are edited on the overlay of the facts, and all of it becomes writes of one plan. */
#pragma once
#include "disk/journal.h"
#include "edits.h"
#include "espjob.h"
#include "facts.h"
#include "rules.h"
#include <jansson.h>

struct su_conversion {
    struct su_plan plan;
    struct su_layout layout;
    struct su_edits edits;
    bool dual;             /* boots under BIOS too */
    uint64_t core_sectors; /* of the GRUB core for BIOS; 0: none */
    char dual_why[240];    /* why not, when it was tried and failed */
    uint64_t esp_content;  /* bytes of the files on the ESP */
};

void su_conversion_done(struct su_conversion *c);
#define SU_CONVERSION SU_AUTO(su_conversion_done)
#define SU_CONVERSION_INIT ((struct su_conversion){.plan = SU_PLAN_INIT})

/* Tries what the rules cannot foresee: makes the native edits onto the overlay and, with another engine, the texts
 * of the rest.  Only on a convertible disk that nothing in v stops.  What the guest's files do not allow becomes a
 * stop in v under the error's own id; this fails for I/O and memory.  On a disk that is in use nothing is tried.  The
 * edits stay on the overlay, f->edited says so, and a second call does nothing. */
int su_edits_try(struct su_facts *f, struct su_verdict *v, struct su_err *e) SU_MUST_CHECK;

/* Edits that su_edits_try() did not make are made here.  esp is taken; NULL: it is made here, too.
 * watch is told what is being prepared; may be NULL. */
int su_conversion_make(struct su_facts *f, struct su_esp_job *esp, const struct su_watch *watch,
                       struct su_conversion *out, struct su_err *e) SU_MUST_CHECK;

/* What the journal remembers beside bytes: how to undo edits when the guest has run since.  New reference. */
json_t *su_conversion_meta(const struct su_facts *f, const struct su_conversion *c);

/* The edits that only the appliance can make, onto the overlay.  All borrowed. */
struct su_appliance {
    const char *name; /* of the image, as the operator gave it */
    const struct su_image *image;
    struct su_blk *overlay;
    const struct su_vols *vols;
    struct su_edits *edits;
    const struct su_partuuid *map;
    size_t n_map;
    bool undo;
};
int su_appliance_edit(const struct su_appliance *job, struct su_err *e) SU_MUST_CHECK;

/* Running ------------------------------------------------------------------
 * undo: path of the undo journal.  A conversion runs on the image its facts hold open; the others open
 * it themselves.  Each opens the journal, and so holds both locks. */

struct su_outcome {
    enum { SU_DONE_CONVERTED, SU_DONE_ROLLED_BACK, SU_DONE_RECOVERED_OLD, SU_DONE_RECOVERED_NEW, SU_DONE_NOTHING } what;
    bool exact;     /* rollback: file systems that were edited had not been used since, and got their old bytes */
    unsigned edits; /* rollback: files whose edits were taken back */
    unsigned left;  /* rollback: edits that stay in the guest's files, where they do no harm */
    bool grub_changed, grub_renewed; /* rollback: the guest upgraded GRUB for BIOS since; a new core was made for it */
    uint64_t written;                /* bytes written to the image */
};

/* A journal, or a rollback's, that was sealed and not settled: the disk may be half written.  Only looks. */
int su_undo_unfinished(const char *undo, bool *unfinished, struct su_err *e) SU_MUST_CHECK;

/* Makes SU_IMAGE_UNDO_DIR when path lies in it; any other directory is the operator's. */
int su_undo_prepare(const char *path, struct su_err *e) SU_MUST_CHECK;

/* Runs the plan.  When a step fails everything is put back; *e then says what failed, and when putting
 * back failed too, its remedy names the recover command. */
int su_conversion_run(struct su_facts *f, struct su_conversion *c, const char *undo, const struct su_watch *watch,
                      struct su_outcome *out, struct su_err *e) SU_MUST_CHECK;
int su_disk_rollback(const struct su_options *opt, const char *undo, const struct su_watch *watch,
                     struct su_outcome *out, struct su_err *e) SU_MUST_CHECK;
/* blk: the image, open for writing; NULL: opened here. */
int su_disk_recover(const struct su_options *opt, struct su_blk *blk, const char *undo, struct su_outcome *out,
                    struct su_err *e) SU_MUST_CHECK;
