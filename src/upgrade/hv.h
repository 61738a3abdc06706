/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/hv.h - the hypervisor: libvirt's calls with our errors, and where its drivers keep a VM's state.
 *
 * One connection may be used by many threads.  A connection that broke (libvirtd was restarted) is made again by the
 * next call, up to SU_HV_RETRY_S seconds; a call is repeated only when it changes nothing.
 * Errors: SU_E_IO "vm.libvirt" with libvirt's own sentence, SU_E_MISSING "vm.none", SU_E_CONFLICT "vm.state". */
#pragma once
#include "upgrade/domain.h"

enum { SU_HV_RETRY_S = 60 };

struct su_hv;
/* uri: as virsh's --connect; NULL: qemu:///system.  SU_E_IO "vm.connect". */
int su_hv_open(const char *uri, struct su_hv **out, struct su_err *e) SU_MUST_CHECK;
void su_hv_close(struct su_hv **hv);
#define SU_HV SU_AUTO(su_hv_close)
bool su_hv_is_local(const struct su_hv *hv); /* its disks are this machine's: no ssh, tcp or tls transport */
bool su_hv_is_test(const struct su_hv *hv);  /* libvirt's test driver: no guest runs there */

enum su_hv_run { SU_HV_OFF, SU_HV_RUNNING, SU_HV_PAUSED, SU_HV_BUSY /* shutting down, crashed, migrating */ };

struct su_hv_vm {
    char name[SU_DOM_TEXT], uuid[37];
    enum su_hv_run run;
    bool persistent, autostart, managed_save, updated;
    int32_t snapshots, checkpoints; /* -1: unknown to this driver */
    bool job;                       /* a job of libvirt's runs: backup, migration, block job */
};
typedef int (*su_hv_each)(void *arg, const struct su_hv_vm *vm);
/* By name order, without a round trip a VM: updated and job are false, snapshots and checkpoints are 1 when there are
 * any. */
int su_hv_list(struct su_hv *hv, su_hv_each each, void *arg, struct su_err *e) SU_MUST_CHECK;
/* What has the form of a UUID is taken for one, never for a name. */
int su_hv_find(struct su_hv *hv, const char *name_or_uuid, struct su_hv_vm *out, struct su_err *e) SU_MUST_CHECK;

/* Appends. live: as it runs; else as it is defined. */
int su_hv_xml(struct su_hv *hv, const char *uuid, bool live, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_hv_define(struct su_hv *hv, struct su_bytes xml, struct su_err *e) SU_MUST_CHECK;
int su_hv_start(struct su_hv *hv, const char *uuid, bool fresh_nvram, struct su_err *e) SU_MUST_CHECK;
/* A VM that has that name already is fine. It has to be off. */
int su_hv_rename(struct su_hv *hv, const char *uuid, const char *name, struct su_err *e) SU_MUST_CHECK;
enum su_hv_stop { SU_HV_STOP_AGENT, SU_HV_STOP_ACPI, SU_HV_STOP_DESTROY };
/* Asks, and returns; see su_hv_wait_off. */
int su_hv_stop(struct su_hv *hv, const char *uuid, enum su_hv_stop how, struct su_err *e) SU_MUST_CHECK;
/* *off: whether it is off within so many milliseconds. */
int su_hv_wait_off(struct su_hv *hv, const char *uuid, uint32_t ms, bool *off, struct su_err *e) SU_MUST_CHECK;
/* element: <upgrade state='...' .../>, with or without the prefix surety: and its xmlns:surety, which libvirt adds;
 * NULL removes it.  Live and defined. */
int su_hv_mark(struct su_hv *hv, const char *uuid, const char *element, struct su_err *e) SU_MUST_CHECK;
/* One command to the QEMU guest agent; answer is what it said, at most SU_HV_AGENT bytes: hostile.
 * SU_E_MISSING "vm.agent" when nobody answers within timeout_s. */
enum { SU_HV_AGENT = 4 << 20 };
int su_hv_agent(struct su_hv *hv, const char *uuid, const char *command, uint32_t timeout_s, struct su_buf *answer,
                struct su_err *e) SU_MUST_CHECK;
/* Bytes received and sent by all cards since start.  SU_E_MISSING "vm.net": nobody counts them. */
int su_hv_net(struct su_hv *hv, const char *uuid, uint64_t *rx, uint64_t *tx, struct su_err *e) SU_MUST_CHECK;
/* Merges a live disk into its backing file and goes on there.  overlay: the file that is given up; when the disk does
 * not run on it any more, nothing is done.  Takes as long as copying does. */
int su_hv_commit_disk(struct su_hv *hv, const char *uuid, const char *target, const char *overlay,
                      struct su_err *e) SU_MUST_CHECK;
/* Deletes an internal snapshot of a disk of a running VM; one that is not there is fine. */
int su_hv_drop_snapshot(struct su_hv *hv, const char *uuid, const char *target, const char *name,
                        struct su_err *e) SU_MUST_CHECK;

/* What the host can: virConnectGetDomainCapabilities() for this arch, machine and type.  An answer counts for
 * SU_HV_FRESH_MS: all VMs of a batch ask the same, and a batch may run for hours.  Thread safe. */
enum { SU_HV_FRESH_MS = 10000 };
struct su_hv_caps {
    bool known; /* the driver answers such questions */
    bool q35, efi, secure_boot, tpm_emulator, tpm_crb;
    char loader[8][256]; /* firmware files */
    uint32_t n_loaders;
};
int su_hv_caps(struct su_hv *hv, const char *virt_type, const char *arch, const char *machine, struct su_hv_caps *out,
               struct su_err *e) SU_MUST_CHECK;

/* Where the driver keeps state beside the XML.  Empty when it keeps none (test driver). */
struct su_hv_places {
    char nvram[SU_DOM_PATH]; /* the file; by the XML, else by the driver's default for this name */
    char tpm[SU_DOM_PATH];   /* the directory of swtpm's state of this UUID, with tpm2/ in it */
};
void su_hv_places(const struct su_hv *hv, const struct su_domain *d, struct su_hv_places *out);
