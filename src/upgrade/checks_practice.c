/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of good practice, and of what no program can see: said where they apply. */
#include "upgrade/checks_int.h"
#include <string.h>

static void test_first(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.canary == 0)
        su_check_found(v, row, "no VM is upgraded before the others to see that all goes well");
}

static void restore_point(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.restore == SU_RESTORE_NONE)
        su_check_found(v, row, "no restore point is taken: the undo journal brings back the layout, and not files");
}

static void rollback(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.restore != SU_RESTORE_NONE)
        su_check_found(v, row,
                       "a full rollback brings back all disks of the set as they were: what the guest writes "
                       "until then is lost");
}

static void image_reference(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = su_check_boot_use(f);
    if (!su_check_converts(f))
        return;
    if (u && u->backing)
        su_check_found(v, row, "its disk was made from %s, which stays an image for BIOS", u->backing_file);
    else
        su_check_found(v, row, "the template or image that it was made from stays one for BIOS");
}

static void backup(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    (void)f;
    su_check_found(v, row,
                   "backup and replication software is not seen: it has to keep UEFI variables and vTPM state, "
                   "too, and older backups restore a BIOS machine");
}

static void state_files(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.vtpm)
        su_check_found(v, row, "UEFI variables and vTPM state belong to this disk: they have to move with it");
}

static void no_start(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.no_start && f->vm.run == SU_HV_OFF)
        su_check_found(v, row, "it is off and stays off, so it is not proved that it starts");
}

static void switch_only(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_converts(f) && !f->same_already)
        su_check_found(v, row, "it has UEFI already: only the definition changes, the disk stays as it is");
}

static void unsigned_allowed(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.allow_unsigned && su_check_secure_boot(f))
        su_check_found(v, row, "kernels without a signature are let pass, and Secure Boot will not start them");
}

static void force(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.force && f->live)
        su_check_found(v, row, "--force: a guest that does not shut down in time is switched off");
}

static void test_driver(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->test_driver)
        su_check_found(v, row, "libvirt's test driver runs no guests: nothing that a guest has to prove is proved");
}

static void attestation(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.vtpm && su_check_secure_boot(f))
        su_check_found(v, row, "Secure Boot and vTPM show what was started only to those who ask");
}

const struct su_check su_checks_practice[] = {
    {"vm.practice.test", SU_CHECK_NOTE, SU_FROM_NOTHING, "a VM that matters less goes first",
     "upgrade a copy or a test VM first, or say --canary 1", PRACTICE, test_first},
    {"vm.practice.restore-point", SU_CHECK_WARNING, SU_FROM_NOTHING, "a restore point is taken",
     "say --restore-point auto, or have a backup of the VM that was tested", PRACTICE, restore_point},
    {"vm.practice.rollback", SU_CHECK_NOTE, SU_FROM_NOTHING, "going back loses nothing",
     "say rollback --keep-data to bring back the layout alone; give the restore point up with surety vm commit", LIMIT,
     rollback},
    {"vm.practice.image", SU_CHECK_NOTE, SU_FROM_NOTHING, "what it was made from fits what it is",
     "do not install it anew from there without changing the definition back; the metadata records both", ISSUE,
     image_reference},
    {"vm.practice.backup", SU_CHECK_NOTE, SU_FROM_NOTHING, "backups survive the upgrade",
     "suspend replication, take a full backup after the upgrade, and test restoring it", PRE, backup},
    {"vm.practice.state", SU_CHECK_NOTE, SU_FROM_NOTHING, "the disk is all there is of the VM",
     "copy or move NVRAM file and swtpm directory together with the disk", LIMIT, state_files},
    {"vm.practice.no-start", SU_CHECK_WARNING, SU_FROM_NOTHING, "the VM is started to prove that it starts",
     "leave --no-start out, or start it soon and say surety vm verify", PRACTICE, no_start},
    {"vm.practice.switch", SU_CHECK_NOTE, SU_FROM_NOTHING, "the disk is converted", NULL, LIMIT, switch_only},
    {"vm.practice.unsigned", SU_CHECK_WARNING, SU_FROM_NOTHING, "kernels without a signature are refused",
     "say --secure-boot off with --allow-unsigned, or leave it out", PRACTICE, unsigned_allowed},
    {"vm.practice.force", SU_CHECK_WARNING, SU_FROM_NOTHING, "the guest is only asked to shut down",
     "leave --force out, and shut the guest down by hand", PRACTICE, force},
    {"vm.practice.test-driver", SU_CHECK_NOTE, SU_FROM_NOTHING, "guests run here", NULL, LIMIT, test_driver},
    {"vm.practice.attestation", SU_CHECK_NOTE, SU_FROM_NOTHING, "somebody looks at what was started",
     "look at it with surety vm verify from time to time, and install surety-guest in the guest", PRACTICE,
     attestation},
    {0},
};
