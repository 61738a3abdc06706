/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/doctor.h - "surety doctor": facts of the host first, then a table of checks, which is pure. */
#pragma once
#include "base/su.h"
#include <jansson.h>

struct su_doctor_facts {
    uint64_t now;
    json_t *server, *legacy, *vms, *benefits, *jobs; /* suretyd's answers; owned; NULL: there is none, and why */
    struct su_err server_why, legacy_why, vms_why, benefits_why, jobs_why;
    bool authority_asked;
    struct su_err authority_why; /* kind SU_OK: it answers */
    uint64_t authority_time;     /* what it says the time is; 0: it does not say */
    bool clock_known, clock_synchronised;
    bool vhost_vsock, kvm;          /* the kernel's devices are there */
    bool firmware, swtpm, qemu_img; /* what upgrades of VMs need is installed */
    struct su_err room_why;
    uint64_t room; /* bytes free where suretyd keeps its state */
    char state_dir[200];
    char open_dir[240]; /* of it or below it: others than its owner may write, or read what is secret; "" */
    bool locks_known;   /* whether somebody runs a job could be found out */
    unsigned idle_jobs; /* that have not ended, and that nobody runs */
    char idle_job[40];  /* the first of them */
    bool page, cockpit; /* Cockpit's page of surety is installed; Cockpit itself is */
};

enum su_doctor_state { SU_DOCTOR_OK, SU_DOCTOR_UNKNOWN, SU_DOCTOR_WARNING, SU_DOCTOR_BROKEN, SU_DOCTOR_STATES };
const char *su_doctor_state_name(enum su_doctor_state s); /* "ok", "unknown", "warning", "broken" */

struct su_doctor_finding {
    const char *id; /* static, "doctor....": stable */
    enum su_doctor_state state;
    char text[320], remedy[320]; /* one sentence each; remedy "" when there is nothing to do */
};
enum { SU_DOCTOR_CHECKS = 32 };
/* doctor_host.c: what of it this host itself tells. */
void su_doctor_look(const char *state_dir, struct su_doctor_facts *f);
/* A VM whose upgrade is between two states in which the guest may run. */
bool su_doctor_between(const char *state);
/* Pure.  Runs every row; returns how many. */
size_t su_doctor_run(const struct su_doctor_facts *f, struct su_doctor_finding out[SU_DOCTOR_CHECKS]);
