/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/worker.h - the disk worker: `surety disk ...` as a child, confined to one disk and one journal.
 *
 * Bytes of a guest's disk are only read there, so whoever takes it over through them may answer anything: its answer is
 * bounded, parsed strictly, and its texts are cleaned.  The program is this one (/proc/self/exe), or SURETY_DISK_WORKER
 * for tests.  It confines itself (base/confine.h) and ends with the thread that started it, by SIGTERM: a conversion is
 * then put back first, so whoever continues may meet "disk.in-use" for a moment.  Thread safe.
 * Errors: the worker's own, with its id and remedy; SU_E_IO "vm.disk.worker", SU_E_FORMAT "vm.disk.worker" (no answer,
 * or not one of ours), SU_E_IO "vm.disk.timeout". */
#pragma once
#include "upgrade/domain.h"
#include <jansson.h>

struct su_worker {
    const char *image, *format;                              /* borrowed, as all of it; format NULL or "": look */
    const char *undo;                                        /* NULL: none */
    const char *key_file, *boot_files, *firmware_vars, *map; /* NULL or "" */
    const char *boot_bus; /* Windows: validate, convert: what it will boot from ("sata"); NULL or "": as today */
    uint32_t sector_size; /* 0: find out */
    bool allow_unsigned;
    bool shared; /* a VM runs on it: read without the lock; facts may be stale */
    bool no_grow;
    bool dry_run;       /* convert: the plan alone */
    unsigned timeout_s; /* 0: 600 */
};
enum { SU_WORKER_ANSWER = 4 << 20 }; /* bytes */
/* verb: "inspect", "validate", "convert", "rollback", "recover".  *status is the exit status: 0, 3 (a rule stops it) or
 * 4 (is GPT already); every other one fails with the worker's own id, message and remedy.  *out: its answer, new
 * reference. */
int su_worker_run(const struct su_worker *w, const char *verb, int *status, json_t **out,
                  struct su_err *e) SU_MUST_CHECK;

/* What the disk worker calls the bus (--boot-bus); NULL: one it has no name for, as of a SCSI controller that is no
 * virtio one.  bus: of the disk's target; scsi_model: of its controller. */
const char *su_worker_bus(const char *bus, const char *scsi_model);

enum { SU_DF_FINDINGS = 48, SU_DF_DRIVERS = 16, SU_DF_NAMES = 16 };
/* What of `inspect --json` the checks need.  Of Windows os_id is "windows", os_version the short one ("10", "2012 R2"),
 * machine_id its MachineGuid. */
struct su_disk_facts {
    bool looked; /* false: why says why not */
    struct su_err why;
    bool stale;    /* read while the VM ran */
    char table[8]; /* "mbr", "gpt", "none" */
    char os[16], os_id[64], os_version[64], os_name[128], hostname[256], machine_id[40];
    char root_volume[64], root_uuid[40];             /* UUID of the file system */
    bool secure_boot_firmware_known, secure_boot_ok; /* shim, GRUB and kernel are accepted by the firmware's keys */
    bool hibernation, has_pcr4;
    char pcr4[65]; /* hex */
    uint32_t unsigned_modules;
    bool initramfs_known;
    uint32_t build, revision; /* of Windows; 0: not known */
    char edition[64];         /* of Windows: its EditionID */
    bool fast_startup;        /* Windows: a plain shut down hibernates it */
    uint32_t n_drivers;
    struct {
        char name[24];  /* of Linux: in its initramfs; of Windows: the bus */
        char where[12]; /* "module", "builtin", "absent", "unknown"; of Windows "boot", "later", "absent", "unknown" */
    } driver[SU_DF_DRIVERS];
    uint32_t n_names;
    struct {
        char name[64], depends[12]; /* "slot", "path", "onboard", "kernel" */
        bool pinned;
    } name[SU_DF_NAMES];
    uint32_t n_findings; /* warnings, notes and stops of the disk's own rules */
    struct {
        char id[64], severity[8], text[240], remedy[240];
    } finding[SU_DF_FINDINGS];
};
/* Never fails for the disk's sake: what went wrong is in out->why. */
int su_worker_facts(const struct su_worker *w, struct su_disk_facts *out, struct su_err *e) SU_MUST_CHECK;

/* Pure.  The error an answer tells; always -1.  Ids that fit the form of one, and remedies, are kept for ever: a
 * bounded number of them, after which the id is "vm.disk.worker". */
int su_worker_error(const json_t *answer, struct su_err *e);
/* Pure.  What an answer of inspect tells; members that are missing or of another type leave "unknown". */
void su_worker_parse(const json_t *answer, bool stale, struct su_disk_facts *out);
