/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/facts.h - all that a decision about a VM rests on.  Facts -> checks -> plan -> job. */
#pragma once
#include "upgrade/agent.h"
#include "upgrade/hv.h"
#include "upgrade/inventory.h"
#include "upgrade/worker.h"

struct su_vm_facts {
    struct su_hv_vm vm;
    struct su_domain defined; /* of the persistent definition */
    struct su_buf xml;        /* that definition; owned */
    bool live;                /* it runs: what follows is of the running one */
    bool agent_connected;
    struct su_hv_caps caps; /* of the host, for the machine it will have */
    bool local, test_driver;
    bool swtpm, nvram_template;           /* the host has swtpm, and the template libvirt would copy */
    struct su_disk_facts disk;            /* of the boot disk */
    struct su_disk_use use[SU_DOM_DISKS]; /* beside defined.disk: chain, sharing, lock, space */
    struct su_agent_facts agent;
    struct su_domain_notes notes; /* of the trial transformation */
    struct su_err transform_why;  /* kind != SU_OK: it cannot be transformed */
    bool same_already;            /* Trusted Launch as asked */
    struct su_job_options options;
};
void su_vm_facts_freep(struct su_vm_facts **f);
#define SU_VM_FACTS SU_AUTO(su_vm_facts_freep)

struct su_facts_ask {
    bool disk;  /* look into the boot disk (0.1 s and more) */
    bool agent; /* ask the agent, when there is one (a second) */
};
/* Fails only when the VM does not exist or libvirt cannot be asked.  inv: borrowed; NULL: made for this call. */
int su_vm_facts_read(struct su_hv *hv, const char *vm, const struct su_job_options *opt, struct su_facts_ask ask,
                     const struct su_inventory *inv, struct su_vm_facts **out, struct su_err *e) SU_MUST_CHECK;
