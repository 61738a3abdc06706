/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/doctor.h - "surety doctor": facts of the host first, then a table of checks, which is pure. */
#pragma once
#include "base/su.h"
#include <jansson.h>

struct su_doctor_facts {
    uint64_t now;
    json_t *server, *legacy, *vms, *benefits; /* suretyd's answers; owned; NULL: there is none, and why */
    struct su_err server_why, legacy_why, vms_why, benefits_why;
    bool authority_asked;
    struct su_err authority_why; /* kind SU_OK: it answers */
    bool clock_known, clock_synchronised;
    bool vhost_vsock, kvm;          /* the kernel's devices are there */
    bool firmware, swtpm, qemu_img; /* what upgrades of VMs need is installed */
    struct su_err room_why;
    uint64_t room; /* bytes free where suretyd keeps its state */
    char state_dir[200];
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
/* Pure.  Runs every row; returns how many. */
size_t su_doctor_run(const struct su_doctor_facts *f, struct su_doctor_finding out[SU_DOCTOR_CHECKS]);
