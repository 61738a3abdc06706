/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What "surety doctor" sees without suretyd. */
#include "cli/doctor.h"
#include "upgrade/facts.h"
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>

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
}
