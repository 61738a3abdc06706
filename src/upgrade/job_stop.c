/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shutting a guest down as its owner would, and the word about it in the domain's metadata. */
#include "upgrade/job_int.h"
#include <string.h>
#include <time.h>

enum { DESTROY_MS = 60000, PRESS_MS = 15000, LATE_S = 60 };

/* Asks once, and waits; asking may fail (no agent), waiting then is for nothing. */
static int try_stop(struct su_run *r, enum su_hv_stop how, const char *name, uint32_t ms, bool *off, struct su_err *e)
{
    struct su_err why = {0};
    *off = false;
    su_job_log(r->job, "stopping", "%s", name);
    if (su_hv_stop(r->job->hv, r->vm.uuid, how, &why) < 0) {
        su_job_log(r->job, "stopping", "%s: %s", name, why.msg);
        if (su_run_look(r, e) < 0)
            return -1;
        *off = r->gone || r->vm.run == SU_HV_OFF;
        return 0;
    }
    return su_hv_wait_off(r->job->hv, r->vm.uuid, ms, off, e);
}

/* A guest that is still starting does not hear the button: it is pressed again. */
static int press(struct su_run *r, uint32_t ms, bool *off, struct su_err *e)
{
    for (uint32_t left = ms, now;; left -= now) {
        now = left < PRESS_MS ? left : PRESS_MS;
        if (try_stop(r, SU_HV_STOP_ACPI, "pressing the power button", now, off, e) < 0)
            return -1;
        if (*off || left == now)
            return 0;
    }
}

static int destroy(struct su_run *r, struct su_err *e)
{
    bool off;
    if (try_stop(r, SU_HV_STOP_DESTROY, "powering off", DESTROY_MS, &off, e) < 0)
        return -1;
    return off ? 0 : su_fail(e, SU_E_IO, "vm.shutdown", "%s cannot be powered off", r->vm.name);
}

int su_run_stop(struct su_run *r, uint32_t timeout_s, bool agent, bool force, struct su_err *e)
{
    uint32_t half = (uint32_t)((uint64_t)timeout_s * 1000 / 2);
    bool off = false;
    if (su_run_look(r, e) < 0)
        return -1;
    if (r->gone || r->vm.run == SU_HV_OFF)
        return 0;
    if (agent && try_stop(r, SU_HV_STOP_AGENT, "asking the guest agent to shut down", half, &off, e) < 0)
        return -1;
    if (!off && press(r, agent ? half : timeout_s * 1000, &off, e) < 0)
        return -1;
    if (off)
        return 0;
    if (force)
        return destroy(r, e);
    (void)su_fail(e, SU_E_REFUSED, "vm.shutdown", "%s did not shut down within %u s", r->vm.name, timeout_s);
    return su_remedy(e, "shut it down yourself, or use --force or a longer --shutdown-timeout");
}

int su_run_late(struct su_run *r, const struct su_err_text *why, struct su_err *e)
{
    bool off;
    if (r->gone || r->vm.run == SU_HV_OFF || strcmp(why->id, "vm.shutdown") != 0)
        return 0;
    su_job_log(r->job, "stopping", "it was asked to shut down: whether it still does is seen within %d s", LATE_S);
    if (su_hv_wait_off(r->job->hv, r->vm.uuid, LATE_S * 1000, &off, e) < 0)
        return -1;
    if (!off)
        snprintf(r->note, sizeof r->note, "it was asked to shut down, and may do so yet");
    return su_run_look(r, e);
}

/* Metadata ------------------------------------------------------------------- */

static void attribute(struct su_buf *b, const char *name, const char *value)
{
    su_buf_printf(b, " %s='", name);
    for (const char *p = value; *p; p++) {
        if (strchr("<>&'\"", *p) || (unsigned char)*p < 0x20)
            su_buf_printf(b, "&#%u;", (unsigned)(unsigned char)*p < 0x20 ? '?' : (unsigned)(unsigned char)*p);
        else
            su_buf_add(b, p, 1);
    }
    su_buf_text(b, "'");
}

static void time_attribute(struct su_buf *b, const char *name, uint64_t seconds)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)seconds;
    if (seconds && gmtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        attribute(b, name, text);
}

static const char *restore_name(const struct su_vm_record *rec)
{
    static const char *const names[] = {
        [SU_RESTORE_AUTO] = "none",
        [SU_RESTORE_OVERLAY] = "overlay",
        [SU_RESTORE_INTERNAL] = "internal",
        [SU_RESTORE_NONE] = "none",
    };
    return rec->restore.taken ? names[rec->restore.kind] : "none";
}

/* What it was and what it is stays with the VM: images and tools that still think of its old form can look here. */
static void upgraded(struct su_buf *b, const struct su_vm_record *rec)
{
    char from[96], to[96];
    snprintf(from, sizeof from, "%s/%s", rec->old_machine, rec->old_firmware);
    snprintf(to, sizeof to, "%s/uefi", rec->new_machine);
    attribute(b, "from", from);
    attribute(b, "to", to);
    time_attribute(b, "when", rec->done);
    attribute(b, "secureBoot", rec->expect.secure_boot ? "true" : "false");
    attribute(b, "vTpm", rec->expect.vtpm ? "true" : "false");
    attribute(b, "restorePoint", restore_name(rec));
}

int su_run_mark(struct su_run *r, const char *state, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    if (r->gone)
        return 0;
    if (!state)
        return su_hv_mark(r->job->hv, r->vm.uuid, NULL, e);
    su_buf_printf(&b, "<surety:upgrade xmlns:surety='%s'", SU_UPGRADE_NS);
    attribute(&b, "state", state);
    attribute(&b, "batch", r->rec.batch);
    if (strcmp(state, "upgraded") == 0)
        upgraded(&b, &r->rec);
    else
        time_attribute(&b, "since", r->rec.begun);
    attribute(&b, "version", r->rec.version);
    su_buf_text(&b, "/>");
    if (su_buf_ok(&b, e) < 0)
        return -1;
    return su_hv_mark(r->job->hv, r->vm.uuid, su_buf_str(&b), e);
}
