/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/batch.h - work that was asked for on some VMs, and how far it is, as records of the store.
 *
 * suretyd and the command make batches and watch them; `surety job run ID` (src/upgrade) does the work.  A batch
 * survives every one of them.
 *
 *   batch/ID      JSON: what was asked, the batch's state
 *   line/ID/NNNNN JSON: one VM of it: progress and result
 *   vm/UUID       JSON: what surety did to a VM and how to undo it (upgrade/record.h)
 *
 * They lie in STATE/jobs/jobs.db; STATE/jobs/vm/UUID/ has the files of a VM, STATE/jobs/report/ID.json and ID.txt the
 * report of a batch, STATE/jobs/log/ID-NAME.log one log a VM, STATE/jobs/lock/ what the locks lie on.  Directories
 * 0700, made by su_jobs_open().
 * An ID is "YYYYMMDD-HHMMSS-xxxx" (UTC, four hex digits).  Thread safe where a store is.
 * Beside the errors below, any function may fail with those of the store, and with SU_E_FORMAT "job.record" when a
 * record is damaged. */
#pragma once
#include "jobs/options.h"
#include "store/store.h"

enum { SU_BATCH_ID = 32, SU_BATCH_VMS = 4096, SU_BATCH_NAME = 256, SU_BATCH_UUID = 37 };

struct su_batch_vm;
struct su_jobs {
    struct su_store *store; /* owned */
    char dir[512];          /* STATE/jobs */
    /* Called by su_batch_vm_put() when it has written, in its thread; NULL: nobody.  For whoever runs a batch. */
    void (*changed)(void *arg, const struct su_batch_vm *vm);
    void *changed_arg;
};
/* Makes what is missing.  SU_E_IO "job.state"; SU_E_REFUSED "job.state.open" when others may write there. */
int su_jobs_open(const char *state_dir, struct su_jobs *out, struct su_err *e) SU_MUST_CHECK;
/* For suretyd, which has to start also when there is no room: su_store_open_sparing(). */
int su_jobs_open_sparing(const char *state_dir, struct su_jobs *out, struct su_err *e) SU_MUST_CHECK;
void su_jobs_done(struct su_jobs *j);
#define SU_JOBS SU_AUTO(su_jobs_done)

enum su_batch_state { SU_BATCH_WAITING, SU_BATCH_RUNNING, SU_BATCH_ENDED, SU_BATCH_STATES };
const char *su_batch_state_name(enum su_batch_state s);

struct su_batch {
    char id[SU_BATCH_ID];
    enum su_op op;
    struct su_job_options options;
    char connect[256]; /* libvirt URI */
    char origin[128];  /* who asked: "uid=0 socket", "local" */
    enum su_batch_state state;
    bool cancelled; /* asked to stop: VMs that have not begun do not begin */
    bool all;       /* every VM of the host at the time it begins */
    uint32_t n_vms;
    uint64_t created, started, ended; /* seconds since 1970; 0: not yet */
};

enum su_vm_outcome {
    SU_VM_PENDING, /* not begun */
    SU_VM_WORKING,
    SU_VM_OK,      /* what was asked is done: upgraded, assessed as upgradable, verified, rolled back */
    SU_VM_ALREADY, /* nothing to do: is Trusted Launch already; not upgraded (rollback) */
    SU_VM_STOPPED, /* a check stops it: nothing was changed */
    SU_VM_FAILED,  /* failed, and is as before */
    SU_VM_STUCK,   /* failed, and could not be brought back yet: the remedy says what to do */
    SU_VM_SKIPPED, /* the batch ended before its turn */
    SU_VM_OUTCOMES
};
const char *su_vm_outcome_name(enum su_vm_outcome o); /* "pending", "working", "ok", "already", "stopped", ... */

bool su_vm_outcome_final(enum su_vm_outcome o); /* neither pending nor working */

/* One VM of a batch.  Texts are UTF-8 without control characters: what is not is replaced when it is written. */
struct su_batch_vm {
    uint32_t index;
    char name[SU_BATCH_NAME], uuid[SU_BATCH_UUID]; /* uuid "": not looked up yet */
    char group[SU_BATCH_NAME];                     /* vmResourceGroupName of a CSV; carried into reports */
    int8_t secure_boot;                            /* of the CSV's line; -1: as the batch says */
    enum su_vm_outcome outcome;
    char step[32];                       /* "checking", "stopping", ... (upgrade/record.h) */
    uint8_t percent;                     /* 0..100 */
    uint64_t started_ms, ended_ms;       /* wall clock, milliseconds since 1970; 0: not yet */
    char id[96], text[240], remedy[240]; /* of the failure, or of what stops it; "" */
    char summary[240]; /* one sentence for people: "upgraded: Secure Boot on, vTPM present, PCR 4 as predicted" */
};

/* Makes a batch with its VMs in one transaction; fills b->id, created, state and n_vms.  SU_E_USAGE "job.vms" (none or
 * too many, unless b->all; or a name that is none), "job.twice" (a VM named twice), "job.option" (one that the
 * operation does not know). */
int su_batch_make(struct su_jobs *j, struct su_batch *b, const struct su_batch_vm *vms, size_t n,
                  struct su_err *e) SU_MUST_CHECK;
/* SU_E_MISSING "job.none". */
int su_batch_get(struct su_jobs *j, const char *id, struct su_batch *out, uint64_t *revision,
                 struct su_err *e) SU_MUST_CHECK;
int su_batch_put(struct su_jobs *j, const struct su_batch *b, uint64_t *revision, struct su_err *e) SU_MUST_CHECK;
/* Reads, changes and writes it, again while others write: change sees the batch as it is.  *out, which may be NULL: as
 * written.  change returns false: nothing is to be written. */
typedef bool (*su_batch_edit)(void *arg, struct su_batch *b);
int su_batch_change(struct su_jobs *j, const char *id, su_batch_edit change, void *arg, struct su_batch *out,
                    struct su_err *e) SU_MUST_CHECK;
/* Adds VMs that were found when it began (b->all), unless it has VMs already; *b as it is then. */
int su_batch_add(struct su_jobs *j, struct su_batch *b, const struct su_batch_vm *vms, size_t n,
                 struct su_err *e) SU_MUST_CHECK;
/* SU_E_CONFLICT "job.ended". */
int su_batch_cancel(struct su_jobs *j, const char *id, struct su_err *e) SU_MUST_CHECK;
/* One that has ended waits for a runner again, which does what is left of it. */
int su_batch_again(struct su_jobs *j, const char *id, struct su_err *e) SU_MUST_CHECK;

int su_batch_vm_get(struct su_jobs *j, const char *id, uint32_t index, struct su_batch_vm *out,
                    struct su_err *e) SU_MUST_CHECK;
/* Not flushed at once (su_store_put_lazy): it is progress, and the end of the batch flushes it. */
int su_batch_vm_put(struct su_jobs *j, const char *id, const struct su_batch_vm *vm, struct su_err *e) SU_MUST_CHECK;

/* Lists end when each returns non-zero.  The store may be used from inside. */
typedef int (*su_batch_each)(void *arg, const struct su_batch *b);
/* Newest first. */
int su_batch_list(struct su_jobs *j, su_batch_each each, void *arg, struct su_err *e) SU_MUST_CHECK;
typedef int (*su_batch_vm_each)(void *arg, const struct su_batch_vm *vm);
int su_batch_vms(struct su_jobs *j, const char *id, su_batch_vm_each each, void *arg, struct su_err *e) SU_MUST_CHECK;

/* For the API, reports and people: {"id","op","state","connect","created",...}, {"index","name",...}.  New references;
 * NULL: out of memory.  Times of batches are seconds, of VMs milliseconds. */
json_t *su_batch_json(const struct su_batch *b);
json_t *su_batch_vm_json(const struct su_batch_vm *vm);
/* The file under STATE/jobs/log: "ID-NAME.log"; a name that is no file name is written with '_', and then with the
 * line's number behind it. */
enum { SU_BATCH_LOG_NAME = 192 };
void su_batch_log_name(const char *id, const struct su_batch_vm *vm, char *out, size_t cap);
/* 0 all ok or already; 3 something was stopped by a check and nothing failed; 1 otherwise (also cut short). */
int su_batch_status(const struct su_batch_vm *vms, size_t n);

/* Whoever runs a batch holds this lock, which the kernel takes from a process that dies.  SU_E_CONFLICT "job.running".
 */
int su_batch_lock(struct su_jobs *j, const char *id, int *fd, struct su_err *e) SU_MUST_CHECK;
/* Whether somebody holds it; itself it never does, so it is in nobody's way. */
int su_batch_running(struct su_jobs *j, const char *id, bool *running, struct su_err *e) SU_MUST_CHECK;
/* The lock of a VM, and of a disk, whichever batch it is in: "vm.locked", "vm.disk.locked".  key: a UUID; "dev-ino".
 */
int su_vm_lock(struct su_jobs *j, const char *uuid, int *fd, struct su_err *e) SU_MUST_CHECK;
int su_disk_lock(struct su_jobs *j, const char *key, int *fd, struct su_err *e) SU_MUST_CHECK;
/* Batches that have not ended and that nobody runs: after a crash.  Oldest first. */
int su_batch_unfinished(struct su_jobs *j, su_batch_each each, void *arg, struct su_err *e) SU_MUST_CHECK;
/* Removes batches that ended longer ago than days, their logs and reports; records of VMs stay. */
int su_jobs_trim(struct su_jobs *j, unsigned days, struct su_err *e) SU_MUST_CHECK;

/* csv.c: Azure's own CSV: header vmName,vmResourceGroupName,enableSecureBoot in any case and order, vmName at least;
 * UTF-8 with or without BOM, CRLF or LF, RFC 4180 quotes; enableSecureBoot empty: true; true or false in any case,
 * anything else is an error, as are a column of another name, a line with more or fewer fields than the header, and a
 * VM named twice.  Empty lines are passed over.  Blanks around a field that is not quoted do not count.
 * At most SU_CSV_BYTES and SU_BATCH_VMS VMs.  name: of the file, for messages.
 * SU_E_FORMAT "job.csv" with its line; SU_E_RANGE "job.csv-size". */
enum { SU_CSV_BYTES = 1 << 20 };
int su_batch_csv(struct su_bytes text, const char *name, struct su_batch_vm **vms, size_t *n,
                 struct su_err *e) SU_MUST_CHECK; /* owned by the caller */
