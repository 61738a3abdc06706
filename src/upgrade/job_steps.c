/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of an upgrade.  Each looks first what of it is done, so that it may be run again after a crash. */
#include "base/clean.h"
#include "base/clock.h"
#include "upgrade/job_int.h"
#include <string.h>
#include <time.h>

enum { CONVERT_TRIES = 10 };

static uint64_t now_s(void)
{
    return (uint64_t)time(NULL);
}

/* What must not fail any more is said: in the log, and beside the summary. */
static void warn(struct su_run *r, const char *what, const struct su_err *why)
{
    su_job_log(r->job, "warning", "%s: %s", what, why->msg);
    snprintf(r->note, sizeof r->note, "%s: %.150s", what, why->msg);
}

/* stopped -------------------------------------------------------------------- */

/* Paths can come to mean other files between two looks. */
static int same_file(const struct su_run *r, const char *target, const char *key, struct su_err *e)
{
    const struct su_domain *d = &r->facts->defined;
    for (uint32_t k = 0; k < d->n_disks && key[0]; k++) {
        if (strcmp(d->disk[k].target, target) != 0 || strcmp(r->facts->use[k].key, key) == 0)
            continue;
        (void)su_fail(e, SU_E_CONFLICT, "vm.changed", "another file took the place of disk %s of %s", target,
                      r->rec.name);
        return su_remedy(e, "see that nobody else works on this VM, then upgrade it again");
    }
    return 0;
}

static int same_disks(const struct su_run *r, struct su_err *e)
{
    if (same_file(r, r->rec.boot_target, r->rec.boot_key, e) < 0)
        return -1;
    for (uint32_t i = 0; i < r->rec.restore.n_disks; i++)
        if (same_file(r, r->rec.restore.disk[i].target, r->rec.restore.disk[i].key, e) < 0)
            return -1;
    return 0;
}

static int check_at_rest(struct su_run *r, struct su_err *e)
{
    const struct su_disk_facts *d;
    struct su_expect *x = &r->rec.expect;
    if (su_run_agrees(r, e) < 0 || su_run_facts(r, false, e) < 0 || same_disks(r, e) < 0 || su_run_stops(r, e) < 0)
        return -1;
    d = &r->facts->disk;
    x->has_pcr4 = d->looked && d->has_pcr4 && x->secure_boot;
    snprintf(x->pcr4, sizeof x->pcr4, "%s", x->has_pcr4 ? d->pcr4 : "");
    if (!x->os_id[0]) {
        snprintf(x->os_id, sizeof x->os_id, "%s", d->os_id);
        snprintf(x->os_version, sizeof x->os_version, "%s", d->os_version);
    }
    return 0;
}

int su_step_off(struct su_run *r, struct su_err *e)
{
    const struct su_vm_record *rec = &r->rec;
    if (su_run_agrees(r, e) < 0)
        return -1;
    if (!rec->was_running && su_run_is_off(r, e) < 0)
        return -1;
    if (su_run_mark(r, "upgrading", e) < 0 ||
        su_run_stop(r, rec->options.shutdown_timeout, rec->expect.agent_before, rec->options.force, e) < 0)
        return -1;
    return check_at_rest(r, e);
}

/* saved ---------------------------------------------------------------------- */

int su_step_save(struct su_run *r, struct su_err *e)
{
    SU_BUF struct su_buf before = {0};
    if (su_run_is_off(r, e) < 0 || su_run_get_file(r, "before.xml", &before, e) < 0)
        return -1;
    if (su_restore_take(&r->rec.restore, r->dir, su_buf_bytes(&before), e) < 0)
        return -1;
    r->rec.saved = now_s();
    return 0;
}

/* converted ------------------------------------------------------------------ */

static void take_pcr4(struct su_run *r, const json_t *answer)
{
    struct su_expect *x = &r->rec.expect;
    const char *pcr4 = json_string_value(json_object_get(answer, "pcr4"));
    bool good = pcr4 && strlen(pcr4) == sizeof x->pcr4 - 1 && pcr4[strspn(pcr4, "0123456789abcdef")] == 0;
    x->has_pcr4 = good && x->secure_boot;
    snprintf(x->pcr4, sizeof x->pcr4, "%s", x->has_pcr4 ? pcr4 : "");
}

static int refused(const json_t *answer, struct su_err *e)
{
    const json_t *f;
    size_t i;
    char id[64], text[200];
    json_array_foreach(json_object_get(answer, "findings"), i, f)
    {
        const char *severity = json_string_value(json_object_get(f, "severity"));
        if (!severity || strcmp(severity, "stop") != 0)
            continue;
        su_clean(id, sizeof id, json_string_value(json_object_get(f, "id")));
        su_clean(text, sizeof text, json_string_value(json_object_get(f, "message")));
        (void)su_fail(e, SU_E_REFUSED, "vm.convert", "the disk cannot be converted: %s: %s", id, text);
        return su_remedy(e, "see surety disk validate for the remedy");
    }
    return su_fail(e, SU_E_REFUSED, "vm.convert", "the disk cannot be converted");
}

/* What Windows has to have a boot driver for: the bus of the new definition. */
static int boot_bus(struct su_run *r, char out[16], struct su_err *e)
{
    SU_BUF struct su_buf after = {0};
    if (strcmp(r->rec.expect.os_id, "windows") != 0)
        return 0;
    return su_run_get_file(r, "after.xml", &after, e) < 0 ? -1 : su_boot_bus(su_buf_bytes(&after), out, e);
}

/* A worker of a runner that was killed puts the disk back before it ends, and holds its lock until then. */
static int run_worker(struct su_run *r, const char *verb, int *status, json_t **answer, struct su_err *e)
{
    struct su_worker w;
    char key[SU_DOM_PATH];
    char bus[16] = "";
    su_run_worker(r, &w, key, sizeof key);
    if (boot_bus(r, bus, e) < 0)
        return -1;
    w.boot_bus = bus;
    for (int tries = 0; su_worker_run(&w, verb, status, answer, e) < 0; tries++) {
        if (tries == CONVERT_TRIES || strcmp(e->id, "disk.in-use") != 0)
            return -1;
        struct su_err ignored = {0};
        if (su_run_is_off(r, &ignored) < 0) {
            *e = ignored;
            return -1;
        }
        su_nap_ms(500);
    }
    return 0;
}

static int already_converted(struct su_run *r, bool *done, struct su_err *e)
{
    int status;
    SU_JSON json_t *answer = NULL;
    char journal[SU_DOM_PATH + 16];
    snprintf(journal, sizeof journal, "%s.rollback", r->rec.undo);
    *done = false;
    if (access(r->rec.undo, F_OK) < 0 && access(journal, F_OK) < 0)
        return 0;
    if (run_worker(r, "recover", &status, &answer, e) < 0)
        return -1;
    const char *outcome = json_string_value(json_object_get(answer, "outcome"));
    *done = outcome && strcmp(outcome, "converted") == 0;
    su_job_log(r->job, "converting", "after an interruption: %s", outcome ? outcome : "?");
    return 0;
}

/* As the checks found it, which say what that means. */
static bool was_gpt(const struct su_run *r)
{
    return r->facts && r->facts->disk.looked && strcmp(r->facts->disk.table, "gpt") == 0;
}

int su_step_convert(struct su_run *r, struct su_err *e)
{
    int status = 0;
    bool done;
    SU_JSON json_t *answer = NULL;
    if (r->rec.switch_only)
        return 0;
    if (su_run_is_off(r, e) < 0 || already_converted(r, &done, e) < 0)
        return -1;
    if (!done) {
        if (run_worker(r, "convert", &status, &answer, e) < 0)
            return -1;
        su_job_report(r->job, "disk", json_incref(answer));
        if (status == 3)
            return refused(answer, e);
        if (status != 0 && was_gpt(r))
            su_job_log(r->job, "converting", "the disk has a GPT already and stays as it is");
        else if (status != 0)
            return su_fail(e, SU_E_REFUSED, "vm.convert", "the disk has a GPT, and not from this upgrade");
        take_pcr4(r, answer);
    }
    r->rec.converted = true;
    return 0;
}

/* redefined ------------------------------------------------------------------ */

static int read_back(struct su_run *r, struct su_err *e)
{
    SU_BUF struct su_buf now = {0};
    SU_FREE struct su_domain *d = calloc(1, sizeof *d);
    const struct su_vm_record *rec = &r->rec;
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    if (su_hv_xml(r->job->hv, r->vm.uuid, false, &now, e) < 0 || su_domain_parse(su_buf_bytes(&now), d, e) < 0)
        return -1;
    bool good = d->firmware == SU_FIRMWARE_UEFI && (!rec->expect.vtpm || d->tpm == SU_YES);
    for (uint32_t i = 0; i < d->n_disks && rec->boot_target[0]; i++)
        if (strcmp(d->disk[i].target, rec->boot_target) == 0)
            good = good && strcmp(d->disk[i].source, rec->image) == 0;
    if (!good)
        return su_fail(e, SU_E_CONFLICT, "vm.redefine", "libvirt did not keep the new definition of %s as it was given",
                       rec->name);
    return su_run_put_file(r, "after.xml", su_buf_bytes(&now), e);
}

void su_run_state_left(const struct su_domain *was, const struct su_domain *will, struct su_hv_places *places)
{
    if (was->tpm == SU_YES)
        places->tpm[0] = 0;
    if (was->nvram[0] && strcmp(was->nvram, will->nvram) == 0)
        places->nvram[0] = 0;
}

static int clear_state(struct su_run *r, struct su_bytes planned, struct su_err *e)
{
    SU_BUF struct su_buf before = {0};
    SU_FREE struct su_domain *was = calloc(1, sizeof *was), *will = calloc(1, sizeof *will);
    SU_FREE struct su_restore *set = malloc(sizeof *set);
    if (!was || !will || !set)
        return su_fail_nomem(e, 2 * sizeof *was);
    *set = r->rec.restore;
    if (su_run_get_file(r, "before.xml", &before, e) < 0 || su_domain_parse(su_buf_bytes(&before), was, e) < 0 ||
        su_domain_parse(planned, will, e) < 0)
        return -1;
    su_run_state_left(was, will, &set->places);
    return su_restore_clear_state(set, e);
}

static int redefine(struct su_run *r, struct su_err *e)
{
    SU_BUF struct su_buf after = {0};
    if (su_run_is_off(r, e) < 0)
        return -1;
    r->rec.redefining = true;
    if (su_run_save(r, e) < 0 || su_run_get_file(r, "after.xml", &after, e) < 0)
        return -1;
    if (clear_state(r, su_buf_bytes(&after), e) < 0 || su_hv_define(r->job->hv, su_buf_bytes(&after), e) < 0)
        return -1;
    return read_back(r, e) < 0 ? -1 : su_run_mark(r, "upgrading", e);
}

int su_step_redefine(struct su_run *r, struct su_err *e)
{
    enum su_defined d;
    if (su_run_agrees(r, e) < 0 || su_run_defined(r, &d, e) < 0)
        return -1;
    return d == SU_DEFINED_AFTER ? 0 : redefine(r, e);
}

/* started, verified ---------------------------------------------------------- */

static int start(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    r->rec.started = now_s();
    r->rec.started_by_us = true;
    if (su_run_save(r, e) < 0)
        return -1;
    bool fresh = access(r->rec.restore.places.nvram, F_OK) < 0; /* what is there was left there */
    if (su_hv_start(r->job->hv, r->vm.uuid, fresh, &why) == 0)
        return 0;
    if (su_run_look(r, e) < 0)
        return -1;
    if (!r->gone && r->vm.run == SU_HV_RUNNING) /* by somebody else, a moment before */
        return 0;
    *e = why;
    if (!e->remedy)
        (void)su_remedy(e, "see /var/log/libvirt/qemu/ for the last words of QEMU and swtpm, and what surety vm assess "
                           "says of the host; then upgrade it again");
    return su_context(e, "starting %s with UEFI", r->rec.name);
}

int su_step_start(struct su_run *r, struct su_err *e)
{
    if (su_run_agrees(r, e) < 0)
        return -1;
    if (r->vm.run == SU_HV_RUNNING) {
        su_job_log(r->job, "starting", "it runs already");
        r->rec.started = r->rec.started ? r->rec.started : now_s();
        return 0;
    }
    if (!r->rec.was_running && r->rec.options.no_start)
        return 0;
    return start(r, e);
}

static int judge(struct su_run *r, struct su_err *e)
{
    const struct su_verified *v = &r->verified;
    for (unsigned i = 0; i < v->n; i++) {
        const struct su_verify_row *row = &v->row[i];
        su_job_log(r->job, "verifying", "%s %s (%s%s): %s", row->id, su_proof_name(row->proof), row->how,
                   row->required ? "" : ", not required", row->text);
        if (row->required && row->proof == SU_PROOF_NO) {
            (void)su_fail(e, SU_E_REFUSED, "vm.verify", "%s: %s", row->id, row->text);
            return su_remedy(e, "see the rows of the report, and the console of the guest while it starts");
        }
    }
    return 0;
}

int su_step_verify(struct su_run *r, struct su_err *e)
{
    const struct su_vm_record *rec = &r->rec;
    SU_FREE struct su_evidence *ev = calloc(1, sizeof *ev);
    if (!ev)
        return su_fail_nomem(e, sizeof *ev);
    if (su_run_agrees(r, e) < 0)
        return -1;
    if (!rec->started)
        return 0;
    if (r->vm.run == SU_HV_OFF && start(r, e) < 0) /* the host's power went away between start and now */
        return -1;
    /* A cancel is not heard any more: it would undo a VM that has begun to work. */
    if (su_verify_collect(r->job->hv, rec->uuid, &rec->expect, rec->options.verify_timeout, NULL, NULL, ev, e) < 0)
        return -1;
    su_verify_judge(&rec->expect, ev, &r->verified);
    su_job_report(r->job, "verified", su_verified_json(&r->verified));
    return judge(r, e);
}

/* done ----------------------------------------------------------------------- */

static void finish(struct su_run *r)
{
    struct su_err why = {0};
    bool asked = r->rec.options.finish && r->rec.started;
    if (asked && !su_finish_needed(r->rec.expect.os_id))
        su_job_log(r->job, "finishing", "Windows keeps its boot files up to date itself: nothing to install");
    else if (asked && su_run_finish(r, r->rec.expect.os_id, &why) < 0)
        warn(r, "the EFI packages were not installed", &why);
}

/* The VM is upgraded and proved: what fails here is said, and undoes nothing. */
int su_step_done(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    struct su_vm_record *rec = &r->rec;
    (void)e;
    finish(r);
    bool agent = rec->expect.agent_before || r->verified.inside;
    if (!rec->was_running && rec->started && su_run_stop(r, rec->options.shutdown_timeout, agent, true, &why) < 0)
        warn(r, "it was off before, and could not be shut down again", &why);
    rec->done = now_s();
    why = (struct su_err){0};
    if (su_run_mark(r, "upgraded", &why) < 0)
        warn(r, "its metadata could not be written", &why);
    return 0;
}
