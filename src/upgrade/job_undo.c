/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way back, as a table: the guest, the disk, the rest of the set, the definition, and running as before.
 *
 * Every row looks first whether there is something to take back, so all of them run whatever state was reached, and may
 * run again.  The definition comes after the disk: until then it names a disk that does not boot, or is not there,
 * which is less harm than a system that starts on half of its disk. */
#include "base/clean.h"
#include "upgrade/job_int.h"
#include <string.h>

enum { UNDO_STOP_S = 60 };

static bool has_set(const struct su_vm_record *rec)
{
    return rec->restore.taken && rec->restore.kind != SU_RESTORE_NONE;
}

static void rollback_journal(const struct su_run *r, char *out, size_t cap)
{
    snprintf(out, cap, "%s.rollback", r->rec.undo);
}

static bool has_journal(const struct su_run *r)
{
    char second[SU_DOM_PATH + 16];
    rollback_journal(r, second, sizeof second);
    return r->rec.undo[0] && !r->rec.switch_only && (access(r->rec.undo, F_OK) == 0 || access(second, F_OK) == 0);
}

/* Whether a running guest stands on what we changed.  With overlays the old definition runs on the old disks. */
static int stands_on_ours(struct su_run *r, bool *ours, struct su_err *e)
{
    enum su_defined d;
    if (su_run_defined(r, &d, e) < 0)
        return -1;
    bool old_disks = d == SU_DEFINED_BEFORE && r->rec.restore.kind == SU_RESTORE_OVERLAY && has_set(&r->rec);
    *ours = r->rec.redefining || (has_journal(r) && !old_disks);
    return 0;
}

static int back_guest(struct su_run *r, struct su_err *e)
{
    bool ours;
    if (su_run_look(r, e) < 0)
        return -1;
    if (r->gone || r->vm.run == SU_HV_OFF)
        return 0;
    if (stands_on_ours(r, &ours, e) < 0)
        return -1;
    if (!ours) {
        r->theirs = true;
        su_job_log(r->job, "going back", "it runs on what was not changed, and is left running");
        return 0;
    }
    uint32_t patience = r->rec.options.shutdown_timeout < UNDO_STOP_S ? r->rec.options.shutdown_timeout : UNDO_STOP_S;
    return su_run_stop(r, patience, r->rec.expect.agent_before, true, e);
}

/* The disk ------------------------------------------------------------------- */

static int worker(struct su_run *r, const char *verb, struct su_err *e)
{
    struct su_worker w;
    char key[SU_DOM_PATH];
    int status;
    SU_JSON json_t *answer = NULL;
    su_run_worker(r, &w, key, sizeof key);
    if (su_worker_run(&w, verb, &status, &answer, e) < 0)
        return -1;
    if (status != 0)
        return su_fail(e, SU_E_IO, "vm.undo", "surety disk %s ended with status %d", verb, status);
    const char *outcome = json_string_value(json_object_get(answer, "outcome"));
    su_job_log(r->job, "going back", "disk %s: %s", verb, outcome ? outcome : "?");
    su_job_report(r->job, "disk_back", json_incref(answer));
    return 0;
}

/* Recovery settles what was cut; a journal that is still there afterwards belongs to a whole conversion. */
static int back_disk(struct su_run *r, struct su_err *e)
{
    if ((has_set(&r->rec) && !r->rec.keep_data) || !has_journal(r))
        return 0;
    if (worker(r, "recover", e) < 0)
        return -1;
    return has_journal(r) ? worker(r, "rollback", e) : 0;
}

/* The rest of the set -------------------------------------------------------- */

static void drop_journal(struct su_run *r)
{
    char second[SU_DOM_PATH + 16];
    if (!r->rec.undo[0] || r->rec.switch_only)
        return;
    rollback_journal(r, second, sizeof second);
    (void)unlink(second);
    (void)unlink(r->rec.undo);
}

/* The whole set: with overlays and snapshots the disks, and in any case NVRAM and vTPM state, of which the copies stay
 * when the set is given up. */
static int back_set(struct su_run *r, struct su_err *e)
{
    struct su_restore *set = &r->rec.restore;
    if (r->theirs && set->kind == SU_RESTORE_INTERNAL)
        return 0; /* it writes to the disk: the snapshot goes, the disk stays */
    if (su_restore_back(set, r->dir, set->kind == SU_RESTORE_NONE || r->rec.keep_data, e) < 0)
        return -1;
    if (has_set(&r->rec) && !r->rec.keep_data)
        drop_journal(r);
    return 0;
}

/* Newer data stays where it is: in the old file, which takes in what the overlay holds.  The restore point would be no
 * point of anything any more, and is given up. */
static int back_kept(struct su_run *r, struct su_err *e)
{
    bool changed, theirs = r->theirs && r->rec.restore.kind == SU_RESTORE_INTERNAL;
    if (!(r->rec.keep_data && has_set(&r->rec)) && !(theirs && su_run_has_file(r, "restore.stage")))
        return 0;
    if (su_restore_commit(&r->rec.restore, r->job->hv, r->rec.uuid, theirs, r->dir, &changed, e) < 0)
        return -1;
    r->rec.restore.taken = false;
    return 0;
}

/* Definition, and running ---------------------------------------------------- */

static int define_before(struct su_run *r, bool keep_other, struct su_err *e)
{
    SU_BUF struct su_buf before = {0}, now = {0};
    if (keep_other) { /* what somebody changed since is not lost */
        if (su_hv_xml(r->job->hv, r->vm.uuid, false, &now, e) < 0 ||
            su_run_put_file(r, "replaced.xml", su_buf_bytes(&now), e) < 0)
            return -1;
        r->replaced = true;
        su_job_log(r->job, "going back", "the definition had been changed since; it is kept in %s/replaced.xml",
                   r->dir);
    }
    /* libvirt takes no definition that gives a VM another name */
    if (su_run_get_file(r, "before.xml", &before, e) < 0 ||
        (keep_other && su_hv_rename(r->job->hv, r->vm.uuid, r->rec.name, e) < 0))
        return -1;
    return su_hv_define(r->job->hv, su_buf_bytes(&before), e);
}

static int back_definition(struct su_run *r, struct su_err *e)
{
    enum su_defined d;
    if (!r->rec.redefining)
        return 0;
    if (su_run_defined(r, &d, e) < 0)
        return -1;
    if (d == SU_DEFINED_GONE || d == SU_DEFINED_BEFORE)
        return 0;
    return define_before(r, d == SU_DEFINED_OTHER, e);
}

static int back_running(struct su_run *r, struct su_err *e)
{
    struct su_err ignored = {0};
    if (su_run_look(r, e) < 0)
        return -1;
    if (r->gone)
        return 0;
    if (r->rec.was_running && su_run_late(r, &r->rec.error, e) < 0)
        return -1;
    if (r->gone)
        return 0;
    if (su_run_mark(r, NULL, &ignored) < 0)
        su_job_log(r->job, "warning", "the mark in its metadata stays: %s", ignored.msg);
    if (!r->rec.was_running || r->vm.run != SU_HV_OFF)
        return 0;
    if (su_hv_start(r->job->hv, r->vm.uuid, false, e) < 0)
        return su_context(e, "it is as before, but does not start");
    return 0;
}

/* The table ------------------------------------------------------------------ */

static const struct {
    const char *name;
    int (*back)(struct su_run *r, struct su_err *e);
} rows[] = {
    {"guest", back_guest},           {"disk", back_disk},       {"restore point", back_set}, {"newer data", back_kept},
    {"definition", back_definition}, {"running", back_running},
};

static int run_back(struct su_run *r, struct su_err *e)
{
    /* Who runs it is found anew at every try, until the definition is back: what runs then runs as before. */
    bool defined = r->rec.undo_step >= SU_ARRAY_LEN(rows) - 1;
    for (uint32_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        if (i < r->rec.undo_step && (i || defined))
            continue;
        su_job_log(r->job, "going back", "%s", rows[i].name);
        if (rows[i].back(r, e) < 0)
            return -1;
        if (r->rec.undo_step <= i) {
            r->rec.undo_step = i + 1;
            if (su_run_save(r, e) < 0)
                return -1;
        }
    }
    return 0;
}

int su_run_undo(struct su_run *r, const struct su_err *why, struct su_err *e)
{
    if (why) {
        su_err_keep(why, &r->rec.error);
        if (!why->remedy)
            su_clean(r->rec.error.remedy, sizeof r->rec.error.remedy, "remove the cause, then upgrade it again");
        su_job_log(r->job, "failed", "[%s] %s", r->rec.error.id, r->rec.error.text);
    }
    const struct su_state_row *row = &su_state_table[SU_VM_UNDOING];
    if (su_job_progress(r->job, row->step, row->percent, e) < 0)
        return -1;
    if (r->rec.state != SU_VM_UNDOING) {
        r->rec.undo_step = 0;
        if (su_run_move(r, SU_VM_UNDOING, e) < 0)
            return -1;
    }
    if (su_run_lock_disks(r, e) < 0 || run_back(r, e) < 0)
        return -1;
    return su_run_move(r, SU_VM_UNDONE, e);
}

static int end_back(struct su_run *r, struct su_err *e)
{
    char summary[240];
    const struct su_vm_record *rec = &r->rec;
    const char *how = r->gone                          ? "its disk is as before; it was undefined meanwhile"
                      : r->theirs && !rec->was_running ? "nothing was changed; somebody else started it, and it runs"
                      : rec->was_running               ? "as before, and running"
                                                       : "as before, and off";
    snprintf(summary, sizeof summary, "%s: %s%s%s%.100s", rec->by_request ? "rolled back" : "not upgraded", how,
             rec->keep_data ? "; data written since stays" : "", r->note[0] ? "; " : "", r->note);
    if (r->gone)
        su_job_report(r->job, "definition", json_sprintf("%s/before.xml", r->dir));
    if (r->replaced)
        su_job_report(r->job, "replaced_definition", json_sprintf("%s/replaced.xml", r->dir));
    su_run_report(r);
    if (rec->by_request)
        return su_job_end(r->job, SU_VM_OK, NULL, summary, e);
    return su_job_end(r->job, SU_VM_FAILED, &rec->error, summary, e);
}

int su_run_undo_and_end(struct su_run *r, const struct su_err *why, struct su_err *e)
{
    struct su_err back = {0}, ignored = {0};
    struct su_err_text text;
    if (su_run_undo(r, why, &back) == 0)
        return end_back(r, e);
    if (su_run_mark(r, "stuck", &ignored) < 0)
        su_job_log(r->job, "warning", "its metadata could not be written: %s", ignored.msg);
    su_err_keep(&back, &text);
    if (r->rec.error.id[0] && strcmp(r->rec.error.id, text.id) != 0)
        snprintf(text.text, sizeof text.text, "%.110s; and going back: %.110s", r->rec.error.text, back.msg);
    if (!text.remedy[0])
        snprintf(text.remedy, sizeof text.remedy,
                 "remove the cause, then run: surety vm rollback %.60s; it goes on where this ended", r->rec.name);
    su_run_report(r);
    return su_job_end(r->job, SU_VM_STUCK, &text, "not upgraded, and not as before yet", e);
}
