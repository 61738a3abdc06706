/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/worker.h - the disk worker: `surety disk ...` as a child, confined to one disk and one journal.
 *
 * Bytes of a guest's disk are only read there.  What it prints is JSON of our own making; its texts may come from the
 * guest.  The program is this one (/proc/self/exe), or SURETY_DISK_WORKER for tests. */
#pragma once
#include "upgrade/domain.h"
#include <jansson.h>

struct su_worker {
    const char *image, *format;                              /* borrowed, as all of it; format NULL or "": look */
    const char *undo;                                        /* NULL: none */
    const char *key_file, *boot_files, *firmware_vars, *map; /* NULL or "" */
    uint32_t sector_size;                                    /* 0: find out */
    bool allow_unsigned;
    bool shared; /* a VM runs on it: read without the lock; facts may be stale */
    bool no_grow;
    unsigned timeout_s; /* 0: 600 */
};
/* verb: "inspect", "validate", "convert", "rollback", "recover".  *status is the exit status (0, 1, 3, 4); with
 * status 1 the call fails with the worker's own id, message and remedy.  *out: its answer, new reference. */
int su_worker_run(const struct su_worker *w, const char *verb, int *status, json_t **out,
                  struct su_err *e) SU_MUST_CHECK;

enum { SU_DF_FINDINGS = 48, SU_DF_DRIVERS = 16, SU_DF_NAMES = 16 };
/* What of `inspect --json` the checks need. */
struct su_disk_facts {
    bool looked; /* false: why says why not */
    struct su_err why;
    bool stale;    /* read while the VM ran */
    char table[8]; /* "mbr", "gpt", "none" */
    char os[16], os_id[64], os_version[64], os_name[128], hostname[256], machine_id[40];
    char root_volume[64];
    bool secure_boot_firmware_known, secure_boot_ok; /* shim, GRUB and kernel are accepted by the firmware's keys */
    bool hibernation, has_pcr4;
    char pcr4[65]; /* hex */
    uint32_t unsigned_modules;
    bool initramfs_known;
    uint32_t n_drivers;
    struct {
        char name[24];
        char where[12]; /* "module", "builtin", "absent", "unknown" */
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
