/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checked: what the VM is, whether it may be upgraded, and all that will be done, written down before anything is. */
#include "base/clean.h"
#include "upgrade/job_int.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The plan, until the record of this upgrade is there: what they replace may be the way back from an earlier one. */
#define NEXT_BEFORE "next-before.xml"
#define NEXT_AFTER "next-after.xml"

int su_run_facts(struct su_run *r, bool before, struct su_err *e)
{
    struct su_facts_ask ask = {.disk = true, .agent = before};
    const struct su_batch_vm *vm = &r->job->vm;
    su_vm_facts_freep(&r->facts);
    if (su_vm_facts_read(r->job->hv, vm->uuid[0] ? vm->uuid : vm->name, &r->rec.options, ask,
                         before ? r->job->inv : NULL, &r->facts, e) < 0)
        return -1;
    r->vm = r->facts->vm;
    if (!before)
        r->facts->defined.upgrade_state[0] = 0; /* our own mark */
    su_checks_run(r->facts, before, &r->verdict);
    su_job_report(r->job, before ? "checks" : "checks_at_rest", su_check_json(r->facts, &r->verdict));
    return 0;
}

void su_run_first_stop(const struct su_check_verdict *v, struct su_err_text *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < v->n; i++) {
        const struct su_check_finding *f = &v->finding[i];
        if (f->severity != SU_CHECK_STOP)
            continue;
        snprintf(out->id, sizeof out->id, "%s", f->id);
        su_clean(out->text, sizeof out->text, f->text);
        su_clean(out->remedy, sizeof out->remedy, f->remedy);
        return;
    }
}

int su_run_stops(const struct su_run *r, struct su_err *e)
{
    for (unsigned i = 0; i < r->verdict.n; i++) {
        const struct su_check_finding *f = &r->verdict.finding[i];
        if (f->severity != SU_CHECK_STOP)
            continue;
        (void)su_fail(e, SU_E_REFUSED, "vm.check", "%s: %s", f->id, f->text);
        return su_remedy(e, "see what the check says in the report; surety vm assess shows it, too");
    }
    return 0;
}

/* The plan ------------------------------------------------------------------- */

static const char *firmware_name(const struct su_domain *d)
{
    return d->firmware == SU_FIRMWARE_UEFI ? "uefi" : "bios";
}

/* A guest that cannot be asked has a network when it sends something. */
static void expect_network(struct su_run *r)
{
    enum { TIMEOUT_S = 3 };
    const struct su_vm_facts *f = r->facts;
    uint64_t rx = 0, tx = 0;
    struct su_agent_net net;
    struct su_err ignored = {0};
    if (f->agent.answered && su_agent_network(r->job->hv, f->vm.uuid, TIMEOUT_S, &net, &ignored) == 0) {
        su_expect_network(&net, &f->defined, &r->rec.expect);
        if (f->agent.windows)
            r->rec.expect.cards[0] = 0; /* a card at another place gets another name */
    } else if (su_hv_net(r->job->hv, f->vm.uuid, &rx, &tx, &ignored) == 0)
        r->rec.expect.network_before = tx > 0;
}

/* What has to be the same afterwards; what the agent says is newer than what lies on the disk. */
static void fill_expect(struct su_run *r)
{
    const struct su_vm_facts *f = r->facts;
    const struct su_agent_facts *a = &f->agent;
    struct su_expect *x = &r->rec.expect;
    *x = (struct su_expect){.secure_boot = r->rec.options.secure_boot, .vtpm = r->rec.options.vtpm};
    x->agent_before = a->answered;
    x->agent_maybe = !f->live && f->defined.agent_channel;
    snprintf(x->os_id, sizeof x->os_id, "%s", a->answered ? a->os_id : f->disk.os_id);
    snprintf(x->os_version, sizeof x->os_version, "%s", a->answered ? a->os_version : f->disk.os_version);
    snprintf(x->machine_id, sizeof x->machine_id, "%s", a->answered ? a->machine_id : f->disk.machine_id);
    snprintf(x->hostname, sizeof x->hostname, "%s", a->answered ? a->hostname : f->disk.hostname);
    snprintf(x->root_uuid, sizeof x->root_uuid, "%s", f->disk.root_uuid);
    if (f->live)
        expect_network(r);
}

static void fill_pcr4(struct su_run *r)
{
    const struct su_disk_facts *d = &r->facts->disk;
    struct su_expect *x = &r->rec.expect;
    x->has_pcr4 = d->looked && d->has_pcr4 && x->secure_boot;
    snprintf(x->pcr4, sizeof x->pcr4, "%s", x->has_pcr4 ? d->pcr4 : "");
}

static int fill_boot_disk(struct su_run *r, struct su_err *e)
{
    const struct su_domain *d = &r->facts->defined;
    struct su_vm_record *rec = &r->rec;
    if (d->boot_disk >= d->n_disks) {
        if (rec->switch_only)
            return 0;
        return su_fail(e, SU_E_REFUSED, "vm.check", "it is not known which disk %s boots from", d->name);
    }
    const struct su_dom_disk *disk = &d->disk[d->boot_disk];
    const struct su_disk_use *use = &r->facts->use[d->boot_disk];
    snprintf(rec->boot_target, sizeof rec->boot_target, "%s", disk->target);
    snprintf(rec->boot_key, sizeof rec->boot_key, "%s", use->key);
    snprintf(rec->image, sizeof rec->image, "%s", disk->source);
    snprintf(rec->format, sizeof rec->format, "%s", disk->format[0] ? disk->format : use->format);
    rec->sector_size = disk->logical_sector;
    for (uint32_t i = 0; rec->restore.kind == SU_RESTORE_OVERLAY && i < rec->restore.n_disks; i++) {
        if (strcmp(rec->restore.disk[i].target, disk->target) == 0) {
            snprintf(rec->image, sizeof rec->image, "%s", rec->restore.disk[i].overlay);
            snprintf(rec->format, sizeof rec->format, "qcow2");
        }
    }
    return 0;
}

static int fill_record(struct su_run *r, struct su_err *e)
{
    struct su_vm_record *rec = &r->rec;
    const struct su_vm_facts *f = r->facts;
    struct su_hv_places places;
    snprintf(rec->uuid, sizeof rec->uuid, "%s", f->vm.uuid);
    snprintf(rec->name, sizeof rec->name, "%s", f->vm.name);
    snprintf(rec->batch, sizeof rec->batch, "%s", r->job->batch.id);
    snprintf(rec->connect, sizeof rec->connect, "%s", r->job->batch.connect);
    snprintf(rec->version, sizeof rec->version, "%s", SURETY_VERSION);
    snprintf(rec->old_machine, sizeof rec->old_machine, "%s", f->defined.machine);
    snprintf(rec->old_firmware, sizeof rec->old_firmware, "%s", firmware_name(&f->defined));
    su_clean(rec->os_name, sizeof rec->os_name, f->agent.answered ? f->agent.os_name : f->disk.os_name);
    rec->begun = (uint64_t)time(NULL);
    rec->was_running = f->vm.run == SU_HV_RUNNING;
    rec->switch_only = f->defined.firmware == SU_FIRMWARE_UEFI;
    su_hv_places(r->job->hv, &f->defined, &places);
    if (su_restore_plan(&f->defined, f->use, &rec->options, &places, rec->batch, &rec->restore, e) < 0 ||
        fill_boot_disk(r, e) < 0)
        return -1;
    int n = snprintf(rec->undo, sizeof rec->undo, "%s/disk/undo", r->dir);
    if (n < 0 || (size_t)n >= sizeof rec->undo)
        return su_fail(e, SU_E_RANGE, "vm.dir", "the path of the state's directory is too long");
    bool keys = rec->options.secure_boot && !rec->options.firmware_vars[0];
    if (keys && strlen(f->host.template_file) < sizeof rec->options.firmware_vars)
        snprintf(rec->options.firmware_vars, sizeof rec->options.firmware_vars, "%s", f->host.template_file);
    fill_expect(r);
    fill_pcr4(r);
    return 0;
}

/* The journal of a conversion that was given up, or taken back, is in the way of the next one: it goes with the old
 * plan.  One that nobody knows of may be all that mends the disk. */
static int check_journal(struct su_run *r, struct su_err *e)
{
    char dir[SU_DOM_PATH];
    snprintf(dir, sizeof dir, "%.*s", (int)(strlen(r->rec.undo) - strlen("/undo")), r->rec.undo);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return su_fail_os(e, "vm.dir", "making %s", dir);
    if (r->old || access(r->rec.undo, F_OK) < 0)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "vm.journal", "%s belongs to a conversion that no record tells of", r->rec.undo);
    return su_remedy(e, "run: surety disk recover IMAGE --undo FILE; then move that file away");
}

static int transform(struct su_run *r, struct su_buf *out, struct su_err *e)
{
    const struct su_vm_record *rec = &r->rec;
    SU_FREE struct su_domain_target *t = calloc(1, sizeof *t);
    SU_FREE struct su_domain *after = calloc(1, sizeof *after);
    SU_FREE struct su_domain_notes *notes = calloc(1, sizeof *notes);
    if (!t || !after || !notes)
        return su_fail_nomem(e, sizeof *t + sizeof *after);
    t->secure_boot = rec->options.secure_boot;
    t->vtpm = rec->options.vtpm;
    t->machine = rec->options.machine;
    for (uint32_t i = 0; rec->restore.kind == SU_RESTORE_OVERLAY && i < rec->restore.n_disks; i++) {
        t->source[i].target = rec->restore.disk[i].target;
        t->source[i].source = rec->restore.disk[i].overlay;
        t->source[i].format = "qcow2";
        t->n_sources++;
    }
    if (su_domain_upgrade(su_buf_bytes(&r->facts->xml), t, out, notes, e) < 0 ||
        su_domain_parse(su_buf_bytes(out), after, e) < 0)
        return -1;
    snprintf(r->rec.new_machine, sizeof r->rec.new_machine, "%s", after->machine);
    json_t *said = json_array();
    for (unsigned i = 0; i < notes->n; i++)
        json_array_append_new(said, json_pack("{s:s,s:b,s:s}", "id", notes->note[i].id, "lost", notes->note[i].lost,
                                              "text", notes->note[i].text));
    su_job_report(r->job, "changes", said);
    return 0;
}

int su_run_plan(struct su_run *r, enum su_planned *out, struct su_err *e)
{
    su_buf_done(&r->after);
    r->after = (struct su_buf){0};
    if (su_run_facts(r, true, e) < 0)
        return -1;
    *out = r->verdict.already || r->facts->same_already ? SU_PLAN_ALREADY
           : r->verdict.stops                           ? SU_PLAN_STOPS
                                                        : SU_PLANNED;
    if (*out != SU_PLANNED)
        return 0;
    return fill_record(r, e) < 0 ? -1 : transform(r, &r->after, e);
}

int su_run_keep_plan(struct su_run *r, struct su_err *e)
{
    if (check_journal(r, e) < 0 || su_run_put_file(r, NEXT_BEFORE, su_buf_bytes(&r->facts->xml), e) < 0)
        return -1;
    return su_run_put_file(r, NEXT_AFTER, su_buf_bytes(&r->after), e);
}

/* The old definition goes last: while it is there, nothing was adopted. */
int su_run_adopt_plan(struct su_run *r, struct su_err *e)
{
    if (r->rec.state != SU_VM_CHECKED || !su_run_has_file(r, NEXT_BEFORE))
        return 0;
    if (!r->rec.switch_only && unlink(r->rec.undo) < 0 && errno != ENOENT)
        return su_fail_os(e, "vm.journal", "removing %s", r->rec.undo);
    if (su_run_has_file(r, NEXT_AFTER) && su_run_rename_file(r, NEXT_AFTER, "after.xml", e) < 0)
        return -1;
    return su_run_rename_file(r, NEXT_BEFORE, "before.xml", e);
}

/* The disk worker ------------------------------------------------------------ */

void su_run_worker(struct su_run *r, struct su_worker *w, char *key, size_t cap)
{
    const struct su_vm_record *rec = &r->rec;
    const struct su_job_options *o = &rec->options;
    key[0] = 0;
    if (o->key_dir[0] && !strchr(rec->name, '/'))
        snprintf(key, cap, "%s/%s", o->key_dir, rec->name);
    *w = (struct su_worker){.image = rec->image,
                            .format = rec->format,
                            .undo = rec->undo,
                            .key_file = key[0] && access(key, F_OK) == 0 ? key : NULL,
                            .boot_files = o->boot_files,
                            .firmware_vars = o->firmware_vars,
                            .map = o->map,
                            .sector_size = rec->sector_size,
                            .allow_unsigned = o->allow_unsigned || !o->secure_boot};
}
