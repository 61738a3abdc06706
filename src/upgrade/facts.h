/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/facts.h - all that a decision about a VM rests on.  Facts -> checks -> plan -> job. */
#pragma once
#include "upgrade/agent.h"
#include "upgrade/hv.h"
#include "upgrade/inventory.h"
#include "upgrade/restore.h"
#include "upgrade/worker.h"

struct su_facts_ask {
    bool disk;  /* look into the boot disk (0.1 s and more) */
    bool agent; /* ask the agent, when there is one (a second) */
};

/* What only checks want to know of a definition. */
struct su_vm_extras {
    char cpu_model[64];         /* "": the host's own, or QEMU's default */
    bool cpu_without_long_mode; /* feature lm is switched off */
    char scsi_model[32];        /* of the controller the boot disk is on; "": not said */
    uint32_t n_serials;
    bool network_first, cdrom_first; /* before the boot disk, by boot order */
    bool reboot_destroys;            /* on_reboot is "destroy" */
    bool rom_bios;                   /* a passed-through device brings an option ROM file */
};

/* What lies ready on this host for the machine it will have. */
struct su_host_facts {
    bool swtpm, swtpm_setup, qemu_img;
    bool descriptor;                           /* a firmware descriptor offers what is asked for */
    bool loader, nvram_template;               /* the files it names can be read */
    char loader_file[256], template_file[256]; /* "" without a descriptor */
};

struct su_vm_facts {
    struct su_hv_vm vm;
    struct su_facts_ask asked;
    struct su_domain defined; /* of the persistent definition */
    struct su_vm_extras extras;
    struct su_buf xml; /* that definition; owned */
    bool live;         /* it runs: what follows is of the running one */
    bool agent_connected;
    struct su_hv_caps caps; /* of the host, for the machine it will have */
    bool local, test_driver;
    struct su_host_facts host;
    struct su_disk_facts disk;            /* of the boot disk */
    struct su_disk_use use[SU_DOM_DISKS]; /* beside defined.disk: chain, sharing, lock, space */
    uint32_t unread_vms;                  /* others whose disks could not be learned, which may be these */
    char unread_vm[SU_DOM_TEXT];          /* one of them */
    char nvram_vm[SU_DOM_TEXT];           /* another VM whose UEFI variables are where this one's would be; "" */
    struct su_agent_facts agent;
    struct su_domain_notes notes; /* of the trial transformation */
    char boot_bus[16];            /* what it would boot from then (su_worker_bus); "": not known */
    struct su_err transform_why;  /* kind != SU_OK: it cannot be transformed */
    enum su_restore_kind restore; /* as it would be taken */
    struct su_err restore_why;    /* kind != SU_OK: none can be taken */
    bool same_already;            /* Trusted Launch as asked */
    struct su_job_options options;
};
void su_vm_facts_freep(struct su_vm_facts **f);
#define SU_VM_FACTS SU_AUTO(su_vm_facts_freep)

/* Fails only when the VM does not exist or libvirt cannot be asked.  inv: borrowed; NULL: made for this call. */
int su_vm_facts_read(struct su_hv *hv, const char *vm, const struct su_job_options *opt, struct su_facts_ask ask,
                     const struct su_inventory *inv, struct su_vm_facts **out, struct su_err *e) SU_MUST_CHECK;

/* The parts, for su_vm_facts_read(): */
int su_extras_read(struct su_bytes xml, const struct su_domain *d, struct su_vm_extras *out,
                   struct su_err *e) SU_MUST_CHECK;
/* What a VM of this definition boots from, by the disk worker's name; "" when it has none. */
int su_boot_bus(struct su_bytes xml, char out[16], struct su_err *e) SU_MUST_CHECK;
/* Looks for swtpm, and through the firmware descriptors (docs/interop/firmware.json of QEMU) of dirs, a list that ends
 * with NULL, the first directory with a file name deciding; NULL: the places QEMU documents.  Never fails. */
void su_host_facts_read(const char *const *dirs, const struct su_job_options *opt, struct su_host_facts *out);
/* The same of the places QEMU documents, at most SU_HOST_FACTS_S old: all VMs of a batch ask it.  Thread safe. */
enum { SU_HOST_FACTS_S = 10 };
void su_host_facts_now(const struct su_job_options *opt, struct su_host_facts *out);
/* The definition has what opt asks for already. */
bool su_vm_same_already(const struct su_domain *d, const struct su_job_options *opt);
