/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/checks_int.h - private to checks*.c: the tables of rows, and questions that several rows ask. */
#pragma once
#include "upgrade/checks.h"

/* They end with a row whose id is NULL. */
extern const struct su_check su_checks_vm[];       /* the VM as libvirt has it */
extern const struct su_check su_checks_host[];     /* what this host offers */
extern const struct su_check su_checks_devices[];  /* devices that change or may be missed */
extern const struct su_check su_checks_disk[];     /* the boot disk and its file */
extern const struct su_check su_checks_guest[];    /* the system on it */
extern const struct su_check su_checks_windows[];  /* what only Windows guests have */
extern const struct su_check su_checks_practice[]; /* good practice, known issues */
extern const struct su_check su_check_already;     /* alone, when there is nothing to do */

/* Where a row comes from. */
#define PRE "prerequisite"
#define LIMIT "limit"
#define ISSUE "known issue"
#define PRACTICE "good practice"

/* The disk's layout changes, and not only the definition. */
static inline bool su_check_converts(const struct su_vm_facts *f)
{
    return f->defined.firmware == SU_FIRMWARE_BIOS;
}
static inline bool su_check_to_q35(const struct su_vm_facts *f)
{
    return f->options.machine == SU_MACHINE_Q35 && f->defined.chipset != SU_CHIPSET_Q35;
}
static inline bool su_check_secure_boot(const struct su_vm_facts *f) /* it is to be on afterwards */
{
    return f->options.secure_boot && f->options.machine == SU_MACHINE_Q35;
}
/* NULL: it is not known. */
static inline const struct su_dom_disk *su_check_boot_disk(const struct su_vm_facts *f)
{
    const struct su_domain *d = &f->defined;
    return d->boot_disk < d->n_disks && d->boot_disk < SU_DOM_DISKS ? &d->disk[d->boot_disk] : NULL;
}
/* Beside it; NULL: it is no file or device of this host that is there. */
static inline const struct su_disk_use *su_check_boot_use(const struct su_vm_facts *f)
{
    const struct su_dom_disk *disk = su_check_boot_disk(f);
    const struct su_disk_use *use = disk ? &f->use[f->defined.boot_disk] : NULL;
    return use && use->exists ? use : NULL;
}
