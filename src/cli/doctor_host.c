/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What "surety doctor" sees without suretyd. */
#include "api.h"
#include "cli/doctor.h"
#include "upgrade/facts.h"
#include "upgrade/record.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>

enum { FRESH_S = 60, PAGE_FILES = 2 }; /* a runner is started within that time */

bool su_doctor_between(const char *state)
{
    for (size_t i = 0; i < SU_VM_STATES; i++)
        if (strcmp(su_state_table[i].name, state) == 0)
            return !su_state_table[i].usable;
    return false;
}

/* What is there has to be of root, or of whoever asks, and closed: a directory that is missing is made when needed. */
static void look_at_rights(const char *state_dir, struct su_doctor_facts *f)
{
    static const struct {
        const char *below;
        bool owned;
        mode_t closed;
    } rows[] = {{"", true, S_IWGRP | S_IWOTH},
                {"/host", true, S_IWGRP | S_IWOTH},
                {"/jobs", true, S_IRWXG | S_IRWXO},
                {"/signer", false, S_IRWXG | S_IRWXO}};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows) && !f->open_dir[0]; i++) {
        char path[sizeof f->open_dir];
        struct stat st;
        snprintf(path, sizeof path, "%.200s%s", state_dir, rows[i].below);
        if (stat(path, &st) < 0)
            continue;
        bool other = rows[i].owned && st.st_uid != 0 && st.st_uid != geteuid();
        if (other || st.st_mode & rows[i].closed || !S_ISDIR(st.st_mode))
            snprintf(f->open_dir, sizeof f->open_dir, "%s", path);
    }
}

static bool is_idle(struct su_jobs *j, const json_t *job, struct su_doctor_facts *f)
{
    struct su_err ignored = {0};
    bool running = true;
    uint64_t begun = su_api_time(job, "started");
    begun = begun ? begun : su_api_time(job, "created");
    if (strcmp(su_api_text(job, "state"), "ended") == 0 || f->now < begun + FRESH_S)
        return false;
    if (su_batch_running(j, su_api_text(job, "id"), &running, &ignored) < 0)
        f->locks_known = false;
    return !running;
}

/* Whoever runs a job holds its lock. */
static void look_at_jobs(const char *state_dir, struct su_doctor_facts *f)
{
    struct su_jobs j = {0};
    const json_t *list = su_api_member(f->jobs, "jobs");
    f->locks_known = true;
    snprintf(j.dir, sizeof j.dir, "%.200s/jobs", state_dir);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *job = json_array_get(list, i);
        if (!is_idle(&j, job, f))
            continue;
        if (!f->idle_jobs++)
            snprintf(f->idle_job, sizeof f->idle_job, "%s", su_api_text(job, "id"));
    }
}

static bool there(const char *const path[PAGE_FILES])
{
    for (size_t i = 0; i < PAGE_FILES; i++)
        if (path[i] && access(path[i], F_OK) < 0)
            return false;
    return true;
}

static void look_for_cockpit(struct su_doctor_facts *f)
{
    static const char *const page[PAGE_FILES] = {"/usr/share/cockpit/surety/manifest.json"};
    static const char *const cockpit[PAGE_FILES] = {"/usr/bin/cockpit-bridge", "/usr/share/cockpit/shell"};
    f->page = there(page);
    f->cockpit = there(cockpit);
}

void su_doctor_look(const char *state_dir, struct su_doctor_facts *f)
{
    struct su_job_options options;
    struct su_host_facts h = {0};
    struct timex t = {0};
    struct statvfs v;
    int clock = adjtimex(&t); /* only reads: no mode is set */
    f->now = (uint64_t)time(NULL);
    f->clock_known = clock >= 0;
    f->clock_synchronised = clock >= 0 && clock != TIME_ERROR && !(t.status & STA_UNSYNC);
    f->vhost_vsock = access("/dev/vhost-vsock", F_OK) == 0;
    f->kvm = access("/dev/kvm", F_OK) == 0; /* it is not opened */
    su_job_options_default(&options);
    su_host_facts_read(NULL, &options, &h);
    f->firmware = h.descriptor && h.loader && h.nvram_template;
    f->swtpm = h.swtpm && h.swtpm_setup;
    f->qemu_img = h.qemu_img;
    snprintf(f->state_dir, sizeof f->state_dir, "%s", state_dir);
    if (statvfs(f->state_dir, &v) < 0)
        (void)su_fail_os(&f->room_why, "doctor.room", "%s", f->state_dir);
    else
        f->room = (uint64_t)v.f_bavail * v.f_frsize;
    look_at_rights(state_dir, f);
    look_at_jobs(state_dir, f);
    look_for_cockpit(f);
}
