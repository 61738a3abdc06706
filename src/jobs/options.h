/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/options.h - what the operator may choose for work on VMs; one table says how each is written.
 *
 * In JSON the names are those of the command line without "--"; what is not given is the default. */
#pragma once
#include "base/su.h"
#include <jansson.h>

enum su_op {
    SU_OP_ASSESS,
    SU_OP_UPGRADE,
    SU_OP_VERIFY,
    SU_OP_ROLLBACK,
    SU_OP_COMMIT,
    SU_OP_FINISH,
    SU_OP_LOOK,
    SU_OP_COUNT
};
const char *su_op_name(enum su_op op); /* static: "assess"... */
bool su_op_find(const char *name, enum su_op *out);

enum su_restore_kind {
    SU_RESTORE_AUTO,     /* internal where every disk of the set can, else overlay */
    SU_RESTORE_OVERLAY,  /* each disk of the set goes on in a new qcow2 file; the old file is not written any more */
    SU_RESTORE_INTERNAL, /* a snapshot inside each qcow2 file */
    SU_RESTORE_NONE      /* the undo journal alone: the layout goes back, newer file contents stay */
};
enum su_machine { SU_MACHINE_Q35, SU_MACHINE_I440FX /* less: UEFI and vTPM, no Secure Boot */ };

struct su_job_options {
    bool secure_boot, vtpm;       /* --secure-boot on|off (on), --vtpm on|off (on) */
    enum su_restore_kind restore; /* --restore-point auto|overlay|internal|none (auto) */
    enum su_machine machine;      /* --machine q35|i440fx (q35) */
    bool force;                   /* --force: power off a guest that does not shut down */
    bool allow_unsigned;          /* --allow-unsigned, as of surety disk */
    bool dry_run;                 /* --dry-run: upgrade, the plan alone; nothing is changed */
    bool no_start;                /* --no-start: a VM that was off stays off; it is then not verified */
    bool finish;                  /* --finish: the distribution's EFI packages are installed through the agent */
    bool keep_data;               /* rollback: the layout only */
    bool yes;                     /* rollback, full: newer data may be lost */
    bool keep_going;              /* --keep-going: the batch does not stop after failures */
    uint32_t batch;               /* --batch N (5), 1..64: VMs at a time */
    uint32_t canary;              /* --canary N (0): that many first; one that is not ok stops the batch */
    uint32_t max_failures;        /* --max-failures N (1): that many that failed or are stuck stop the batch */
    uint32_t shutdown_timeout;    /* --shutdown-timeout S (300), seconds, 1..86400: half for the agent, or all */
    uint32_t verify_timeout;      /* --verify-timeout S (600), seconds, 1..86400 */
    char boot_files[512];         /* --boot-files DIR; "": search */
    char firmware_vars[512];      /* --firmware-vars FILE: whose keys count; "": the template libvirt will use */
    char key_dir[512];            /* --key-dir DIR: DIR/VMNAME is the key file of the VM's LUKS volume; "": none */
    char overlay_dir[512];        /* --overlay-dir DIR: where overlays go; "": beside each disk */
    char map[256];                /* --map TYPE=GUID, several joined with ',' */
};

void su_job_options_default(struct su_job_options *o);
/* Strict: an unknown member, a wrong type, a number out of range, a path that is not absolute, text with control
 * characters are SU_E_USAGE "job.option".  On failure *out is untouched. */
int su_job_options_parse(const json_t *o, struct su_job_options *out, struct su_err *e) SU_MUST_CHECK;
/* What is not at its default has to be known to the operation: SU_E_USAGE "job.option".  su_batch_make() asks. */
int su_job_options_fit(const struct su_job_options *o, enum su_op op, struct su_err *e) SU_MUST_CHECK;
json_t *su_job_options_json(const struct su_job_options *o); /* all members; new reference, NULL: out of memory */

/* One row a member, for the command line too. */
struct su_job_option_row {
    const char *name; /* without "--" */
    /* in JSON: true or false, the same, a string, a number, a string, a string */
    enum su_job_option_type { SU_JOB_SWITCH, SU_JOB_ONOFF, SU_JOB_WORD, SU_JOB_NUMBER, SU_JOB_PATH, SU_JOB_MAP } type;
    size_t offset;
    const char *words;           /* SU_JOB_WORD: "auto overlay internal none", in the order of the enum */
    uint32_t min, max, fallback; /* SU_JOB_NUMBER: the range; fallback: the default of numbers and of ON or OFF.
                                  * SU_JOB_PATH and SU_JOB_MAP: max is the size of the member */
    unsigned ops;                /* bit set of enum su_op that know it */
};
extern const struct su_job_option_row su_job_option_rows[];
extern const size_t su_job_option_count;
