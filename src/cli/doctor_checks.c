/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of "surety doctor", each a row. */
#include "api.h"
#include "cli/doctor.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SOON_S = 7 * 86400,
    LATE_S = 3 * 86400,
    LITTLE_ROOM_MIB = 1024,
    NO_ROOM_MIB = 64,
    CLOCK_WARN_S = 60,
    CLOCK_WRONG_S = 300, /* what suretyd and verifiers still allow */
    OLD_S = 30 * 86400,  /* of restore points */
};

const char *su_doctor_state_name(enum su_doctor_state s)
{
    static const char *const names[SU_DOCTOR_STATES] = {"ok", "unknown", "warning", "broken"};
    return (unsigned)s < SU_DOCTOR_STATES ? names[s] : "unknown";
}

static void say(struct su_doctor_finding *o, enum su_doctor_state state, const char *text, const char *remedy)
{
    o->state = state;
    snprintf(o->text, sizeof o->text, "%s", text);
    snprintf(o->remedy, sizeof o->remedy, "%s", remedy ? remedy : "");
}

static void say_error(struct su_doctor_finding *o, enum su_doctor_state state, const struct su_err *why)
{
    say(o, state, why->msg, why->remedy);
}

/* What suretyd would tell, when it does not answer or does not tell this user. */
static void not_told(struct su_doctor_finding *o, const struct su_err *why)
{
    const char *id = why->id ? why->id : "";
    bool refused = strcmp(id, "api.refused") == 0;
    bool silent = strcmp(id, "api.connect") == 0 || strcmp(id, "http.timeout") == 0 || !id[0];
    say(o, SU_DOCTOR_UNKNOWN,
        refused  ? "suretyd does not tell this user"
        : silent ? "suretyd does not answer"
                 : why->msg,
        refused ? "Be root or in group surety" : NULL);
}

/* suretyd and its parts ------------------------------------------------------------- */

static void check_suretyd(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    if (f->server)
        say(o, SU_DOCTOR_OK, "suretyd answers", NULL);
    else if (f->server_why.kind == SU_E_REFUSED)
        say_error(o, SU_DOCTOR_UNKNOWN, &f->server_why);
    else
        say_error(o, SU_DOCTOR_BROKEN, &f->server_why);
}

static void check_state(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    if (!f->server) {
        not_told(o, &f->server_why);
        return;
    }
    bool active = strcmp(su_api_text(f->server, "state"), "Active") == 0;
    say(o, active ? SU_DOCTOR_OK : SU_DOCTOR_BROKEN, su_api_text(f->server, "reason.text"),
        su_api_text(f->server, "reason.remedy"));
}

static void connected(const struct su_doctor_facts *f, struct su_doctor_finding *o, const char *path, const char *name,
                      const char *remedy)
{
    char text[120];
    if (!f->server) {
        not_told(o, &f->server_why);
        return;
    }
    bool is = json_is_true(su_api_member(f->server, path));
    snprintf(text, sizeof text, "%s %s", name, is ? "answers suretyd" : "does not answer suretyd");
    say(o, is ? SU_DOCTOR_OK : SU_DOCTOR_BROKEN, text, is ? NULL : remedy);
}

static void check_signer(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    connected(f, o, "parts.signer.connected", "surety-signer", "systemctl status surety-signer");
}

static void check_imds(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    connected(f, o, "parts.imds.connected", "surety-imds", "systemctl status surety-imds");
}

static bool without_libvirt(const struct su_doctor_facts *f)
{
    return strcmp(su_api_text(f->server, "parts.libvirt.uri"), "none") == 0;
}

static void check_libvirt(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    if (without_libvirt(f))
        say(o, SU_DOCTOR_OK, "surety.conf says that there is no libvirt on this host", NULL);
    else
        connected(f, o, "parts.libvirt.connected", "libvirt",
                  "systemctl status libvirtd, and [libvirt] uri of surety.conf");
}

/* The certificate ---------------------------------------------------------------------- */

static void check_certificate(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    uint64_t until = f->server ? su_api_time(f->server, "certificate.notAfter") : 0;
    char text[120];
    if (!f->server) {
        not_told(o, &f->server_why);
        return;
    }
    snprintf(text, sizeof text, "The certificate %s until %s", until > f->now ? "is valid" : "was valid",
             su_api_text(f->server, "certificate.notAfter"));
    if (!until)
        say(o, SU_DOCTOR_BROKEN, "There is no certificate", "surety server enrol");
    else if (su_api_time(f->server, "certificate.notBefore") > f->now + 300)
        say(o, SU_DOCTOR_BROKEN, "The certificate is not valid yet", "Set the clock of this host");
    else
        say(o,
            until <= f->now           ? SU_DOCTOR_BROKEN
            : until - f->now < SOON_S ? SU_DOCTOR_WARNING
                                      : SU_DOCTOR_OK,
            text, until - f->now < SOON_S || until <= f->now ? "surety server sync" : NULL);
}

static void check_sync(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    uint64_t last = f->server ? su_api_time(f->server, "sync.last") : 0;
    const char *problem = f->server ? su_api_text(f->server, "sync.problem.text") : "";
    const char *remedy = f->server ? su_api_text(f->server, "sync.problem.remedy") : "";
    char text[320];
    if (!f->server) {
        not_told(o, &f->server_why);
        return;
    }
    snprintf(text, sizeof text, "%s%s%s%.200s", last ? "The last sync was at " : "There was no sync yet",
             last ? su_api_text(f->server, "sync.last") : "", problem[0] ? "; since then: " : "", problem);
    bool late = !last || f->now > last + LATE_S;
    say(o,
        late         ? SU_DOCTOR_BROKEN
        : problem[0] ? SU_DOCTOR_WARNING
                     : SU_DOCTOR_OK,
        text,
        remedy[0]            ? remedy
        : late || problem[0] ? "surety server sync tells what is in the way"
                             : NULL);
}

static void check_authority(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    if (!f->server)
        not_told(o, &f->server_why);
    else if (!f->authority_asked)
        say(o, SU_DOCTOR_UNKNOWN, "The authority is not known", "surety server enrol");
    else if (f->authority_why.kind != SU_OK)
        say(o, SU_DOCTOR_BROKEN, f->authority_why.msg, "Look at surety-authority, and at the way there");
    else
        say(o, SU_DOCTOR_OK, "The authority answers", NULL);
}

/* The kernel's word, and the authority's where it says what time it is there. */
static void check_clock(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    uint64_t there = f->authority_time, off = there > f->now ? there - f->now : f->now - there;
    char text[160];
    snprintf(text, sizeof text, "The clock is %llu seconds %s that of the authority", (unsigned long long)off,
             there > f->now ? "behind" : "ahead of");
    if (there && off > CLOCK_WARN_S)
        say(o, off > CLOCK_WRONG_S ? SU_DOCTOR_BROKEN : SU_DOCTOR_WARNING, text,
            "Set the clock that is wrong: timedatectl set-ntp true, or run chronyd");
    else if (!f->clock_known)
        say(o, SU_DOCTOR_UNKNOWN, "The kernel does not tell whether the clock is synchronised", NULL);
    else if (!f->clock_synchronised)
        say(o, SU_DOCTOR_WARNING, "The clock is not synchronised", "timedatectl set-ntp true, or run chronyd");
    else
        say(o, SU_DOCTOR_OK, "The clock is synchronised", NULL);
}

/* VMs ------------------------------------------------------------------------------------- */

static void check_vsock(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    bool wanted = f->server && json_integer_value(su_api_member(f->server, "parts.vsock.port")) != 0;
    bool open = f->server && json_is_true(su_api_member(f->server, "parts.vsock.open"));
    if (!f->server)
        not_told(o, &f->server_why);
    else if (!wanted)
        say(o, SU_DOCTOR_OK, "surety.conf says that vsock is not used", NULL);
    else if (!f->vhost_vsock)
        say(o, SU_DOCTOR_BROKEN, "There is no /dev/vhost-vsock: no VM can have a vsock device",
            "modprobe vhost_vsock, and keep it in /etc/modules-load.d; or set vsock-port = 0 in surety.conf, and use "
            "the legacy network");
    else
        say(o, open ? SU_DOCTOR_OK : SU_DOCTOR_BROKEN,
            open ? "VMs can reach the host over vsock" : "The vsock port is not open",
            open ? NULL : "surety server show");
}

static void check_legacy(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    const json_t *list = su_api_member(f->legacy, "problems");
    char text[320];
    if (!f->legacy && without_libvirt(f))
        say(o, SU_DOCTOR_OK, "Without libvirt there is no network for VMs without vsock", NULL);
    else if (!f->legacy)
        not_told(o, &f->legacy_why);
    if (!f->legacy)
        return;
    bool enabled = json_is_true(su_api_member(f->legacy, "enabled"));
    if (!enabled)
        say(o, SU_DOCTOR_OK, "The network for VMs without vsock is not enabled", NULL);
    else if (json_array_size(list) == 0)
        say(o, SU_DOCTOR_OK, "The network for VMs without vsock is in order", NULL);
    else {
        snprintf(text, sizeof text, "%.300s", su_api_text(json_array_get(list, 0), "message"));
        say(o, SU_DOCTOR_BROKEN, text, su_api_text(json_array_get(list, 0), "remedy"));
    }
}

/* How many VMs are so; the first of them.  None when they could not be had, which the finding says then. */
static unsigned count(const struct su_doctor_facts *f, struct su_doctor_finding *o,
                      bool (*is)(const struct su_doctor_facts *f, const json_t *vm), const json_t **first)
{
    const json_t *list = su_api_member(f->vms, "vms");
    unsigned n = 0;
    *first = NULL;
    if (!f->vms)
        not_told(o, &f->vms_why);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is(f, json_array_get(list, i)) && n++ == 0)
            *first = json_array_get(list, i);
    return n;
}

static bool is_refused(const struct su_doctor_facts *f, const json_t *vm)
{
    (void)f;
    return su_api_text(vm, "problem.id")[0];
}

static void check_vms(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    const json_t *first;
    char text[320];
    unsigned bad = count(f, o, is_refused, &first);
    if (!f->vms)
        return;
    if (!bad) {
        say(o, SU_DOCTOR_OK, "Every VM that runs is known for certain", NULL);
        return;
    }
    snprintf(text, sizeof text, "VMs that are refused: %u; the first is %.80s: %.160s", bad, su_api_text(first, "name"),
             su_api_text(first, "problem.text"));
    say(o, SU_DOCTOR_BROKEN, text, "surety vm list shows them");
}

static void check_benefits(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    const json_t *list = su_api_member(f->benefits, "problems");
    if (!f->benefits)
        not_told(o, &f->benefits_why);
    else if (json_array_size(list))
        say(o, SU_DOCTOR_WARNING, su_api_text(json_array_get(list, 0), "text"),
            "Correct the file, then systemctl reload suretyd");
    else
        say(o, SU_DOCTOR_OK, "The files of benefits are in order", NULL);
}

/* Upgrades --------------------------------------------------------------------------------- */

static void check_jobs(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    char text[160], remedy[120];
    snprintf(text, sizeof text, "Jobs that have not ended and that nobody runs: %u; the first is %.40s", f->idle_jobs,
             f->idle_job);
    snprintf(remedy, sizeof remedy, "surety job run %.40s", f->idle_job);
    if (!f->jobs)
        not_told(o, &f->jobs_why);
    else if (!f->locks_known)
        say(o, SU_DOCTOR_UNKNOWN, "This user cannot see whether jobs are run", "Be root");
    else if (f->idle_jobs)
        say(o, SU_DOCTOR_BROKEN, text, remedy);
    else
        say(o, SU_DOCTOR_OK, "Every job that has not ended is run", NULL);
}

static bool job_ended(const struct su_doctor_facts *f, const char *id)
{
    const json_t *list = su_api_member(f->jobs, "jobs");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(su_api_text(json_array_get(list, i), "id"), id) == 0)
            return strcmp(su_api_text(json_array_get(list, i), "state"), "ended") == 0;
    return true;
}

/* It must not be started as it is, and its job has ended or is one of those that nobody runs. */
static bool is_left(const struct su_doctor_facts *f, const json_t *vm)
{
    const char *job = su_api_text(vm, "upgrade.job");
    return su_doctor_between(su_api_text(vm, "upgrade.state")) && (job_ended(f, job) || strcmp(job, f->idle_job) == 0);
}

static void check_upgrades(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    const json_t *first;
    char text[320], remedy[160];
    unsigned n = count(f, o, is_left, &first);
    if (f->vms && !f->jobs)
        not_told(o, &f->jobs_why);
    if (!f->vms || !f->jobs)
        return;
    if (!n) {
        say(o, SU_DOCTOR_OK, "No VM was left in the middle of an upgrade", NULL);
        return;
    }
    snprintf(text, sizeof text, "VMs left in the middle of an upgrade: %u; the first is %.80s, %.20s: do not start it",
             n, su_api_text(first, "name"), su_api_text(first, "upgrade.state"));
    snprintf(remedy, sizeof remedy, "surety job run %.40s", su_api_text(first, "upgrade.job"));
    say(o, SU_DOCTOR_BROKEN, text, remedy);
}

/* A job's ID begins with its day: YYYYMMDD. */
static uint64_t day_of(const char *job)
{
    struct tm tm = {0};
    char day[9];
    snprintf(day, sizeof day, "%.8s", job);
    return strlen(day) == 8 && strptime(day, "%Y%m%d", &tm) ? (uint64_t)timegm(&tm) : 0;
}

static bool keeps_long(const struct su_doctor_facts *f, const json_t *vm)
{
    uint64_t day = day_of(su_api_text(vm, "upgrade.job"));
    return strcmp(su_api_text(vm, "upgrade.state"), "done") == 0 && day && f->now >= day + OLD_S;
}

static void check_restore_points(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    const json_t *first;
    char text[320];
    unsigned n = count(f, o, keeps_long, &first);
    if (!f->vms)
        return;
    snprintf(text, sizeof text,
             "VMs upgraded more than 30 days ago that keep a restore point, which takes room: %u; the first is %.80s",
             n, su_api_text(first, "name"));
    if (n)
        say(o, SU_DOCTOR_WARNING, text, "surety vm commit NAME, when it will not be taken back");
    else
        say(o, SU_DOCTOR_OK, "No restore point is older than 30 days", NULL);
}

/* What virtual machines or their upgrades want of the host: there, or what to do for it. */
static void say_there(struct su_doctor_finding *o, bool there, const char *yes, const char *no, const char *remedy)
{
    say(o, there ? SU_DOCTOR_OK : SU_DOCTOR_WARNING, there ? yes : no, there ? NULL : remedy);
}

static void check_kvm(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    say_there(o, f->kvm, "The processor runs virtual machines", "There is no /dev/kvm: virtual machines are emulated",
              "Switch virtualization on in the firmware, and load kvm_intel or kvm_amd");
}

static void check_firmware(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    say_there(o, f->firmware, "UEFI firmware with Secure Boot is installed",
              "UEFI firmware with Secure Boot is not installed: VMs cannot be upgraded", "apt install ovmf");
}

static void check_swtpm(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    say_there(o, f->swtpm, "The software TPM is installed",
              "The software TPM is not installed: VMs cannot be upgraded with a vTPM", "apt install swtpm swtpm-tools");
}

static void check_qemu_img(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    say_there(o, f->qemu_img, "qemu-img is installed", "qemu-img is not installed: disks of VMs cannot be saved",
              "apt install qemu-utils");
}

static void check_room(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    uint64_t mib = f->room / SU_MIB;
    char text[320];
    if (f->room_why.kind != SU_OK) {
        say_error(o, SU_DOCTOR_UNKNOWN, &f->room_why);
        return;
    }
    snprintf(text, sizeof text, "%s has %llu MiB free", f->state_dir, (unsigned long long)mib);
    say(o,
        mib < NO_ROOM_MIB       ? SU_DOCTOR_BROKEN
        : mib < LITTLE_ROOM_MIB ? SU_DOCTOR_WARNING
                                : SU_DOCTOR_OK,
        text, mib < LITTLE_ROOM_MIB ? "Make room: records, journals and the audit are written there" : NULL);
}

static void check_rights(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    char text[320];
    snprintf(text, sizeof text, "%s is no directory of root alone: others may change or read what is in it",
             f->open_dir);
    if (f->open_dir[0])
        say(o, SU_DOCTOR_BROKEN, text, "systemd-tmpfiles --create, or chown root and chmod go-rwx");
    else
        say(o, SU_DOCTOR_OK, "Nobody else may write where suretyd keeps its state", NULL);
}

static void check_cockpit(const struct su_doctor_facts *f, struct su_doctor_finding *o)
{
    if (f->page && !f->cockpit)
        say(o, SU_DOCTOR_WARNING, "The page for Cockpit is installed, and Cockpit is not",
            "apt install cockpit-bridge cockpit-system, and cockpit-ws here or on another host");
    else
        say(o, SU_DOCTOR_OK, f->page ? "The page for Cockpit is installed" : "The page for Cockpit is not installed",
            NULL);
}

static const struct {
    const char *id;
    void (*run)(const struct su_doctor_facts *f, struct su_doctor_finding *o);
} rows[] = {
    {"doctor.suretyd", check_suretyd},   {"doctor.state", check_state},
    {"doctor.signer", check_signer},     {"doctor.imds", check_imds},
    {"doctor.libvirt", check_libvirt},   {"doctor.certificate", check_certificate},
    {"doctor.sync", check_sync},         {"doctor.authority", check_authority},
    {"doctor.clock", check_clock},       {"doctor.vsock", check_vsock},
    {"doctor.legacy", check_legacy},     {"doctor.vms", check_vms},
    {"doctor.benefits", check_benefits}, {"doctor.room", check_room},
    {"doctor.rights", check_rights},     {"doctor.jobs", check_jobs},
    {"doctor.upgrades", check_upgrades}, {"doctor.restore-points", check_restore_points},
    {"doctor.cockpit", check_cockpit},   {"doctor.kvm", check_kvm},
    {"doctor.firmware", check_firmware}, {"doctor.swtpm", check_swtpm},
    {"doctor.qemu-img", check_qemu_img},
};
_Static_assert(SU_ARRAY_LEN(rows) <= SU_DOCTOR_CHECKS, "");

size_t su_doctor_run(const struct su_doctor_facts *f, struct su_doctor_finding out[SU_DOCTOR_CHECKS])
{
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        out[i] = (struct su_doctor_finding){.id = rows[i].id};
        rows[i].run(f, &out[i]);
    }
    return SU_ARRAY_LEN(rows);
}
