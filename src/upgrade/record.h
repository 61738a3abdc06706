/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/record.h - the life of one VM's upgrade: a table of states, and the record that survives everything.
 *
 *   forward   checked -> stopped -> saved -> converted -> redefined -> started -> verified -> done
 *   back      undoing -> undone (as before)                    from every state before "done", and by rollback after it
 *
 * A state says what HAS been done.  Before a step begins the record names it (going), so that whoever continues knows
 * that it may be half done; each step looks first and may be run again. */
#pragma once
#include "jobs/batch.h"
#include "upgrade/restore.h"
#include "upgrade/verify.h"

enum su_vm_state {
    SU_VM_NEW,
    SU_VM_CHECKED,
    SU_VM_OFF,
    SU_VM_SAVED,
    SU_VM_CONVERTED,
    SU_VM_REDEFINED,
    SU_VM_STARTED,
    SU_VM_VERIFIED,
    SU_VM_DONE,    /* upgraded */
    SU_VM_UNDOING, /* on the way back; the record says how far (undo_step) */
    SU_VM_UNDONE,  /* as before */
    SU_VM_KEPT,    /* upgraded, restore point given up (commit) */
    SU_VM_STATES
};

struct su_vm_record {
    char uuid[37], name[SU_DOM_TEXT], batch[SU_BATCH_ID], connect[256];
    enum su_vm_state state;
    bool going; /* the step after state has begun */
    uint32_t undo_step;
    bool was_running, started_by_us, converted, switch_only /* UEFI already: no conversion */;
    bool redefining; /* the definition, or state beside it, may have been changed by us */
    struct su_job_options options;
    struct su_restore restore;
    struct su_expect expect;
    char boot_target[16], image[SU_DOM_PATH], format[16]; /* what is converted: the overlay when there is one */
    char boot_key[40];                                    /* su_disk_lock's, of the boot disk as it was */
    char undo[SU_DOM_PATH];                               /* journal: DIR/disk/undo, all the worker may write there */
    uint32_t sector_size;                                 /* as the definition says; 0: it does not */
    bool by_request;                                      /* undoing: a rollback was asked for; nothing failed */
    bool keep_data;                                       /* that rollback: the layout alone */
    char old_machine[64], old_firmware[8], new_machine[64], version[32];
    char os_name[128];
    uint64_t begun, changed, done;  /* seconds since 1970 */
    uint64_t saved, started;        /* when the restore point was taken; when we started it with UEFI; 0: never */
    uint64_t step_us[SU_VM_STATES]; /* how long each step took */
    struct su_err_text {
        char id[96], text[240], remedy[240];
    } error; /* why it was undone; "" */
};

int su_record_get(struct su_jobs *j, const char *uuid, struct su_vm_record *out, uint64_t *revision,
                  struct su_err *e) SU_MUST_CHECK; /* SU_E_MISSING "vm.not-upgraded" */
int su_record_put(struct su_jobs *j, const struct su_vm_record *r, uint64_t *revision, struct su_err *e) SU_MUST_CHECK;
int su_record_each(struct su_jobs *j, int (*each)(void *arg, const struct su_vm_record *r), void *arg,
                   struct su_err *e) SU_MUST_CHECK;
/* The VM's directory, made when it is not there. */
int su_record_dir(struct su_jobs *j, const char *uuid, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;

struct su_state_row {
    const char *name; /* "checked" */
    const char *step; /* of the step that leads there, for people: "checking" */
    unsigned next;    /* bit set of states this one may move to */
    bool usable;      /* the guest may run here */
    uint8_t percent;
};
extern const struct su_state_row su_state_table[SU_VM_STATES];
int su_record_move(struct su_vm_record *r, enum su_vm_state to, struct su_err *e) SU_MUST_CHECK; /* "vm.record.move" */
