/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that leave the VM as it is: assess, verify; and finish, which works inside the guest. */
#include "base/clean.h"
#include "upgrade/job_int.h"
#include <string.h>
#include <strings.h>

/* assess --------------------------------------------------------------------- */

static int end_assessed(struct su_run *r, struct su_err *e)
{
    char summary[240];
    struct su_err_text stop;
    const struct su_check_verdict *v = &r->verdict;
    if (v->already || r->facts->same_already)
        return su_job_end(r->job, SU_VM_ALREADY, NULL, "is Trusted Launch already", e);
    su_run_first_stop(v, &stop);
    if (v->stops) {
        snprintf(summary, sizeof summary, "cannot be upgraded as it is: %u reasons, %u warnings", v->stops,
                 v->warnings);
        return su_job_end(r->job, SU_VM_STOPPED, &stop, summary, e);
    }
    snprintf(summary, sizeof summary, "can be upgraded (warnings: %u)", v->warnings);
    return su_job_end(r->job, SU_VM_OK, NULL, summary, e);
}

/* No lock and no directory: it looks. */
int su_job_assess(struct su_job *job, struct su_err *e)
{
    struct su_err why = {0};
    SU_RUN struct su_run *r = su_run_new(job, e);
    if (!r || su_job_begin(job, e) < 0)
        return -1;
    r->rec.options = job->batch.options;
    if (job->vm.secure_boot >= 0)
        r->rec.options.secure_boot = job->vm.secure_boot != 0;
    if (su_run_facts(r, true, &why) < 0)
        return su_job_fail(job, &why, e);
    snprintf(job->vm.uuid, sizeof job->vm.uuid, "%s", r->vm.uuid);
    snprintf(job->vm.name, sizeof job->vm.name, "%s", r->vm.name);
    return end_assessed(r, e);
}

/* verify --------------------------------------------------------------------- */

/* Without a record: what its own definition promises. */
static int expect_of_definition(struct su_run *r, bool *uefi, struct su_expect *x, struct su_err *e)
{
    SU_BUF struct su_buf xml = {0};
    SU_FREE struct su_domain *d = calloc(1, sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    if (su_hv_xml(r->job->hv, r->vm.uuid, r->vm.run != SU_HV_OFF, &xml, e) < 0 ||
        su_domain_parse(su_buf_bytes(&xml), d, e) < 0)
        return -1;
    *uefi = d->firmware == SU_FIRMWARE_UEFI;
    *x = (struct su_expect){.secure_boot = d->loader_secure == SU_YES || d->secure_boot_feature == SU_YES,
                            .vtpm = d->tpm == SU_YES};
    return 0;
}

static int end_verified(struct su_run *r, struct su_err *e)
{
    const struct su_verified *v = &r->verified;
    struct su_err_text why = {.id = "vm.verify",
                              .remedy = "see the rows of the report, and the console of the guest while it starts"};
    char summary[240];
    for (unsigned i = 0; i < v->n && !why.text[0]; i++)
        if (v->row[i].required && v->row[i].proof == SU_PROOF_NO)
            snprintf(why.text, sizeof why.text, "%.40s: %.190s", v->row[i].id, v->row[i].text);
    if (why.text[0])
        return su_job_end(r->job, SU_VM_FAILED, &why, "is not what it should be; nothing was changed", e);
    if (v->open)
        snprintf(summary, sizeof summary, "is what it should be; could not be proved from here: %u", v->open);
    else
        snprintf(summary, sizeof summary, "is what it should be");
    return su_job_end(r->job, SU_VM_OK, NULL, summary, e);
}

static int not_uefi(struct su_job *job, const char *summary, struct su_err *e)
{
    static const struct su_err_text why = {"vm.bios", "this VM boots under BIOS",
                                           "upgrade it first: surety vm upgrade NAME"};
    return su_job_end(job, SU_VM_STOPPED, &why, summary, e);
}

static int is_off(struct su_job *job, struct su_err *e)
{
    static const struct su_err_text why = {"vm.off", "this VM is off", "start it, then verify it"};
    return su_job_end(job, SU_VM_STOPPED, &why, "only its definition says UEFI; nothing can be proved", e);
}

/* Weeks later shim, GRUB and the kernel are others: what their files on the disk give now is looked up when PCR 4 is
 * not what it was. */
static int later_pcr4(struct su_run *r, const struct su_evidence *ev, struct su_err *e)
{
    struct su_expect *x = &r->rec.expect;
    struct su_facts_ask ask = {.disk = true};
    const char *got = ev->pcr4[0] ? ev->pcr4 : ev->log_pcr4;
    x->later = true;
    if (!got[0] || strcasecmp(got, x->pcr4) == 0)
        return 0;
    su_vm_facts_freep(&r->facts);
    if (su_vm_facts_read(r->job->hv, r->vm.uuid, &r->rec.options, ask, r->job->inv, &r->facts, e) < 0)
        return -1;
    if (r->facts->disk.looked && r->facts->disk.has_pcr4)
        snprintf(x->pcr4_now, sizeof x->pcr4_now, "%s", r->facts->disk.pcr4);
    return 0;
}

static int verify(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    struct su_expect of_definition;
    bool uefi = false;
    SU_FREE struct su_evidence *ev = calloc(1, sizeof *ev);
    if (!ev)
        return su_fail_nomem(e, sizeof *ev);
    if (r->gone)
        return su_run_none(r, e);
    if (expect_of_definition(r, &uefi, &of_definition, &why) < 0)
        return su_job_fail(r->job, &why, e);
    if (!uefi)
        return not_uefi(r->job, "there is nothing to verify", e);
    if (r->vm.run == SU_HV_OFF)
        return is_off(r->job, e);
    bool known = r->revision && (r->rec.state == SU_VM_DONE || r->rec.state == SU_VM_KEPT);
    if (su_verify_look(r->job->hv, r->vm.uuid, ev, &why) < 0)
        return su_job_fail(r->job, &why, e);
    if (known && later_pcr4(r, ev, &why) < 0)
        return su_job_fail(r->job, &why, e);
    su_verify_judge(known ? &r->rec.expect : &of_definition, ev, &r->verified);
    su_job_report(r->job, "verified", su_verified_json(&r->verified));
    su_job_report(r->job, "expected_from", json_string(known ? "upgrade" : "definition"));
    return end_verified(r, e);
}

int su_job_verify(struct su_job *job, struct su_err *e)
{
    return su_job_with(job, false, verify, e);
}

/* finish --------------------------------------------------------------------- */

static int end_unfinished(struct su_run *r, const char *os_id, const struct su_err *why, struct su_err *e)
{
    struct su_err_text text;
    su_err_keep(why, &text);
    if (su_finish_commands(os_id))
        snprintf(text.remedy, sizeof text.remedy, "as root in the guest, run the commands that are printed with this");
    return su_job_end(r->job, SU_VM_FAILED, &text, "the guest's EFI packages were not installed", e);
}

static int finish(struct su_run *r, struct su_err *e)
{
    SU_FREE struct su_agent_facts *a = calloc(1, sizeof *a);
    struct su_expect ignored;
    struct su_err why = {0};
    bool uefi = false;
    if (!a)
        return su_fail_nomem(e, sizeof *a);
    if (r->gone)
        return su_run_none(r, e);
    if (expect_of_definition(r, &uefi, &ignored, &why) < 0)
        return su_job_fail(r->job, &why, e);
    if (!uefi)
        return not_uefi(r->job, "it has no EFI boot files to keep up to date", e);
    if (su_agent_ask(r->job->hv, r->vm.uuid, 5, a, &why) < 0)
        return su_job_fail(r->job, &why, e);
    const char *os_id = a->answered ? a->os_id : r->rec.expect.os_id;
    if (!su_finish_needed(os_id))
        return su_job_end(r->job, SU_VM_ALREADY, NULL,
                          "Windows keeps its boot files up to date itself: nothing to install", e);
    if (!a->answered) {
        su_run_finish_report(r, os_id, false, (struct su_bytes){0});
        return end_unfinished(r, os_id, &a->why, e);
    }
    if (su_run_finish(r, os_id, &why) < 0)
        return end_unfinished(r, os_id, &why, e);
    return su_job_end(r->job, SU_VM_OK, NULL, "the distribution's EFI packages keep shim and GRUB updated from now on",
                      e);
}

int su_job_finish(struct su_job *job, struct su_err *e)
{
    return su_job_with(job, true, finish, e);
}
