/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/restore.h - restore points: disks, definition, NVRAM and vTPM state as one set.
 *
 * The set's disks are all that the VM can write and nobody else can: the upgrade changes one, but a volume group or a
 * RAID may lie on several, and a set that is older on one disk than on another is no restore point.
 * Every step may be cut and called again: it looks what is there first.  The VM is off for all of them but
 * su_restore_commit().  Files live in the VM's directory of the job state (jobs/batch.h), which nobody else may write:
 * before.xml, before-nvram, before-tpm/ and restore.stage, which says how far the set is.
 * Errors: SU_E_REFUSED "vm.restore.format", ".block", ".shared", ".path", ".disks", ".state" (NVRAM or vTPM state that
 * is not plain files); SU_E_CONFLICT ".exists" (an earlier set is in use); SU_E_MISSING ".gone" (the set is not whole
 * any more); SU_E_IO ".space" (full disk), ".io"; SU_E_FORMAT ".stage", ".record"; and base/child.h's of qemu-img. */
#pragma once
#include "upgrade/hv.h"
#include "upgrade/inventory.h"
#include <jansson.h>

struct su_restore_disk {
    char target[16], format[16];
    char source[SU_DOM_PATH];  /* as it was */
    char overlay[SU_DOM_PATH]; /* SU_RESTORE_OVERLAY: the file in use since; "" */
    char key[40];
};
struct su_restore {
    enum su_restore_kind kind; /* never AUTO */
    bool taken;                /* the set is complete */
    char name[64];             /* of the snapshot: "surety-BATCHID" */
    bool had_nvram, had_tpm;   /* before; what was not there is removed by going back */
    struct su_hv_places places;
    uint32_t n_disks;
    struct su_restore_disk disk[SU_DOM_DISKS];
};

/* Decides kind and disks, and whether there is room; writes nothing. */
int su_restore_plan(const struct su_domain *d, const struct su_disk_use *use, const struct su_job_options *opt,
                    const struct su_hv_places *places, const char *batch, struct su_restore *out,
                    struct su_err *e) SU_MUST_CHECK;
/* Takes it; dir: the VM's directory, which gets xml as before.xml.  On failure nothing of it but that is left, and *r
 * is as it was. */
int su_restore_take(struct su_restore *r, const char *dir, struct su_bytes xml, struct su_err *e) SU_MUST_CHECK;
/* NVRAM and vTPM state of whoever had this name or UUID before must not be used by the new firmware. */
int su_restore_clear_state(const struct su_restore *r, struct su_err *e) SU_MUST_CHECK;
/* Disks, NVRAM and TPM state as they were, and then nothing of the set is left but before.xml, which the caller
 * defines. state_only: disks and set stay (SU_RESTORE_NONE, keep-data); also after su_restore_commit().  A set that was
 * not completed, or that the record does not know of yet (!taken), is only removed: nothing was done after it. */
int su_restore_back(const struct su_restore *r, const char *dir, bool state_only, struct su_err *e) SU_MUST_CHECK;
/* The restore point is given up: overlays are merged (live, or with the VM off), snapshots deleted.  The copies of
 * NVRAM and vTPM state stay until the next set, for su_restore_back() without the disks. *changed_xml: sources of disks
 * are the old ones again; when the VM is off the caller must define it so. */
int su_restore_commit(struct su_restore *r, struct su_hv *hv, const char *uuid, bool running, const char *dir,
                      bool *changed_xml, struct su_err *e) SU_MUST_CHECK;
/* All of it; strict on the way back.  New reference, NULL: out of memory. */
json_t *su_restore_json(const struct su_restore *r);
int su_restore_parse(const json_t *o, struct su_restore *out, struct su_err *e) SU_MUST_CHECK;
