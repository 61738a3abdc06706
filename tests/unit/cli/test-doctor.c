/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every check of surety doctor, in each of its states. */
#include "cli/doctor.h"
#include "tests/lib/tap.h"

enum { NOW = 1800000000 }; /* 2027-01-15T08:00:00Z */

/* What of upgrade/record.h the checks use, by way of cli/doctor_host.c. */
bool su_doctor_between(const char *state)
{
    return strcmp(state, "converted") == 0;
}

#define GOOD_CERT "\"certificate\":{\"notBefore\":\"2027-01-01T00:00:00Z\",\"notAfter\":\"2027-01-31T00:00:00Z\"}"
#define GOOD_SYNC "\"sync\":{\"last\":\"2027-01-15T00:00:00Z\"}"
#define PARTS(signer, imds, virt, open, port)                                                                          \
    "\"parts\":{\"signer\":{\"connected\":" signer "},\"imds\":{\"connected\":" imds                                   \
    "},\"libvirt\":{\"uri\":\"qemu:///system\",\"connected\":" virt "},\"vsock\":{\"open\":" open ",\"port\":" port    \
    "}}"
#define GOOD_PARTS PARTS("true", "true", "true", "true", "169")
#define SERVER(cert, sync, parts)                                                                                      \
    "{\"state\":\"Active\",\"reason\":{\"text\":\"fine\",\"remedy\":null}," cert "," sync "," parts "}"
#define GOOD SERVER(GOOD_CERT, GOOD_SYNC, GOOD_PARTS)
#define UPGRADE(state, job) "{\"vms\":[{\"name\":\"a\",\"upgrade\":{\"state\":\"" state "\",\"job\":\"" job "\"}}]}"
#define JOBS                                                                                                           \
    "{\"jobs\":[{\"id\":\"20270115-000000-0001\",\"state\":\"ended\"},{\"id\":\"20270115-000000-0002\",\"state\":"     \
    "\"running\"},"                                                                                                    \
    "{\"id\":\"20270115-000000-0003\",\"state\":\"running\"}]}"
#define NO_LEGACY "{\"enabled\":false,\"problems\":[]}"

static const struct row {
    const char *what, *server, *legacy, *vms, *benefits, *id;
    enum su_doctor_state state;
} rows[] = {
    {"all is well", GOOD, NO_LEGACY, "{\"vms\":[]}", "{\"problems\":[]}", NULL, SU_DOCTOR_OK},
    {"suretyd away", NULL, NULL, NULL, NULL, "suretyd", SU_DOCTOR_BROKEN},
    {"and what it would say", NULL, NULL, NULL, NULL, "state", SU_DOCTOR_UNKNOWN},
    {"of its parts, too", NULL, NULL, NULL, NULL, "imds", SU_DOCTOR_UNKNOWN},
    {"and of VMs", NULL, NULL, NULL, NULL, "vms", SU_DOCTOR_UNKNOWN},
    {"of their upgrades", NULL, NULL, NULL, NULL, "upgrades", SU_DOCTOR_UNKNOWN},
    {"of jobs", NULL, NULL, NULL, NULL, "jobs", SU_DOCTOR_UNKNOWN},
    {"not Active", "{\"state\":\"Expired\",\"reason\":{\"text\":\"old\",\"remedy\":\"sync\"}}", NULL, NULL, NULL,
     "state", SU_DOCTOR_BROKEN},
    {"no signer", SERVER(GOOD_CERT, GOOD_SYNC, PARTS("false", "true", "true", "true", "169")), NULL, NULL, NULL,
     "signer", SU_DOCTOR_BROKEN},
    {"no imds", SERVER(GOOD_CERT, GOOD_SYNC, PARTS("true", "false", "true", "true", "169")), NULL, NULL, NULL, "imds",
     SU_DOCTOR_BROKEN},
    {"no libvirt", SERVER(GOOD_CERT, GOOD_SYNC, PARTS("true", "true", "false", "true", "169")), NULL, NULL, NULL,
     "libvirt", SU_DOCTOR_BROKEN},
    {"libvirt not wanted", "{\"parts\":{\"libvirt\":{\"uri\":\"none\",\"connected\":false}}}", NULL, NULL, NULL,
     "libvirt", SU_DOCTOR_OK},
    {"no libvirt, no legacy network", "{\"parts\":{\"libvirt\":{\"uri\":\"none\",\"connected\":false}}}", NULL, NULL,
     NULL, "legacy", SU_DOCTOR_OK},
    {"no certificate", SERVER("\"certificate\":null", GOOD_SYNC, GOOD_PARTS), NULL, NULL, NULL, "certificate",
     SU_DOCTOR_BROKEN},
    {"one that is over", SERVER("\"certificate\":{\"notAfter\":\"2027-01-15T08:00:00Z\"}", GOOD_SYNC, GOOD_PARTS), NULL,
     NULL, NULL, "certificate", SU_DOCTOR_BROKEN},
    {"one that ends soon", SERVER("\"certificate\":{\"notAfter\":\"2027-01-20T08:00:00Z\"}", GOOD_SYNC, GOOD_PARTS),
     NULL, NULL, NULL, "certificate", SU_DOCTOR_WARNING},
    {"one that has not begun",
     SERVER("\"certificate\":{\"notBefore\":\"2027-01-16T00:00:00Z\",\"notAfter\":\"2027-02-20T08:00:00Z\"}", GOOD_SYNC,
            GOOD_PARTS),
     NULL, NULL, NULL, "certificate", SU_DOCTOR_BROKEN},
    {"a time that is none", SERVER("\"certificate\":{\"notAfter\":\"tomorrow\"}", GOOD_SYNC, GOOD_PARTS), NULL, NULL,
     NULL, "certificate", SU_DOCTOR_BROKEN},
    {"never synced", SERVER(GOOD_CERT, "\"sync\":{\"last\":null}", GOOD_PARTS), NULL, NULL, NULL, "sync",
     SU_DOCTOR_BROKEN},
    {"synced long ago", SERVER(GOOD_CERT, "\"sync\":{\"last\":\"2027-01-10T00:00:00Z\"}", GOOD_PARTS), NULL, NULL, NULL,
     "sync", SU_DOCTOR_BROKEN},
    {"failed since",
     SERVER(GOOD_CERT, "\"sync\":{\"last\":\"2027-01-15T00:00:00Z\",\"problem\":{\"text\":\"no\"}}", GOOD_PARTS), NULL,
     NULL, NULL, "sync", SU_DOCTOR_WARNING},
    {"the port is closed", SERVER(GOOD_CERT, GOOD_SYNC, PARTS("true", "true", "true", "false", "169")), NULL, NULL,
     NULL, "vsock", SU_DOCTOR_BROKEN},
    {"vsock not wanted", SERVER(GOOD_CERT, GOOD_SYNC, PARTS("true", "true", "true", "false", "0")), NULL, NULL, NULL,
     "vsock", SU_DOCTOR_OK},
    {"legacy in order", GOOD, "{\"enabled\":true,\"problems\":[]}", NULL, NULL, "legacy", SU_DOCTOR_OK},
    {"legacy broken", GOOD, "{\"enabled\":true,\"problems\":[{\"id\":\"x\",\"message\":\"m\",\"remedy\":\"r\"}]}", NULL,
     NULL, "legacy", SU_DOCTOR_BROKEN},
    {"a VM is refused", GOOD, NULL, "{\"vms\":[{\"name\":\"a\",\"problem\":{\"id\":\"vm.x\",\"text\":\"t\"}}]}", NULL,
     "vms", SU_DOCTOR_BROKEN},
    {"in the middle of an upgrade", GOOD, NULL, UPGRADE("converted", "20270115-000000-0001"), NULL, "upgrades",
     SU_DOCTOR_BROKEN},
    {"one that goes on", GOOD, NULL, UPGRADE("converted", "20270115-000000-0002"), NULL, "upgrades", SU_DOCTOR_OK},
    {"one whose job nobody runs", GOOD, NULL, UPGRADE("converted", "20270115-000000-0003"), NULL, "upgrades",
     SU_DOCTOR_BROKEN},
    {"an upgrade of last year", GOOD, NULL, UPGRADE("done", "20261201-000000-0001"), NULL, "restore-points",
     SU_DOCTOR_WARNING},
    {"one of this week", GOOD, NULL, UPGRADE("done", "20270110-000000-0001"), NULL, "restore-points", SU_DOCTOR_OK},
    {"one that was given up", GOOD, NULL, UPGRADE("kept", "20261201-000000-0001"), NULL, "restore-points",
     SU_DOCTOR_OK},
    {"a job that is none", GOOD, NULL, UPGRADE("done", "x"), NULL, "restore-points", SU_DOCTOR_OK},
    {"a benefit's file", GOOD, NULL, NULL, "{\"problems\":[{\"id\":\"conf.x\",\"text\":\"t\"}]}", "benefits",
     SU_DOCTOR_WARNING},
};

static json_t *parse(const char *text)
{
    return text ? json_loads(text, 0, NULL) : NULL;
}

static void fill(struct su_doctor_facts *f, const struct row *r)
{
    *f = (struct su_doctor_facts){.now = NOW,
                                  .server = parse(r->server),
                                  .legacy = parse(r->legacy),
                                  .vms = parse(r->vms),
                                  .benefits = parse(r->benefits),
                                  .jobs = parse(r->server ? JOBS : NULL),
                                  .locks_known = true,
                                  .idle_job = "20270115-000000-0003",
                                  .authority_time = NOW - 3,
                                  .cockpit = true,
                                  .page = true,
                                  .authority_asked = true,
                                  .clock_known = true,
                                  .clock_synchronised = true,
                                  .vhost_vsock = true,
                                  .kvm = true,
                                  .firmware = true,
                                  .swtpm = true,
                                  .qemu_img = true,
                                  .room = 5000 * SU_MIB,
                                  .state_dir = "/state"};
    (void)su_fail(&f->server_why, SU_E_IO, "api.connect", "it does not answer");
}

static void done(struct su_doctor_facts *f)
{
    json_decref(f->server);
    json_decref(f->legacy);
    json_decref(f->vms);
    json_decref(f->benefits);
    json_decref(f->jobs);
}

static struct su_doctor_finding list[SU_DOCTOR_CHECKS];

static const struct su_doctor_finding *find(size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].id + strlen("doctor."), id) == 0)
            return &list[i];
    return NULL;
}

static void check(const char *what, struct su_doctor_facts *f, const char *id, enum su_doctor_state state)
{
    const struct su_doctor_finding *o = find(su_doctor_run(f, list), id);
    ok(o && o->state == state && o->text[0] && (state < SU_DOCTOR_WARNING || o->remedy[0] || o == &list[0]),
       "%s: %s, %s", what, o ? su_doctor_state_name(o->state) : "no such check", o ? o->text : "");
}

static void test_rows(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_doctor_facts f;
        fill(&f, &rows[i]);
        if (rows[i].id) {
            check(rows[i].what, &f, rows[i].id, rows[i].state);
        } else {
            size_t n = su_doctor_run(&f, list), good = 0;
            for (size_t k = 0; k < n; k++)
                good += list[k].state == SU_DOCTOR_OK && !list[k].remedy[0];
            ok(good == n && n > 15, "%s: %zu of %zu", rows[i].what, good, n);
        }
        done(&f);
    }
}

/* What the host itself tells. */
static void test_host(void)
{
    struct su_doctor_facts f;
    fill(&f, &rows[0]);
    f.authority_asked = f.clock_known = f.kvm = f.firmware = f.swtpm = f.qemu_img = f.vhost_vsock = false;
    f.room = 500 * SU_MIB;
    check("the authority not known", &f, "authority", SU_DOCTOR_UNKNOWN);
    check("a kernel that does not tell", &f, "clock", SU_DOCTOR_UNKNOWN);
    check("no KVM", &f, "kvm", SU_DOCTOR_WARNING);
    check("no firmware", &f, "firmware", SU_DOCTOR_WARNING);
    check("no software TPM", &f, "swtpm", SU_DOCTOR_WARNING);
    check("no qemu-img", &f, "qemu-img", SU_DOCTOR_WARNING);
    check("no vhost-vsock", &f, "vsock", SU_DOCTOR_BROKEN);
    check("little room", &f, "room", SU_DOCTOR_WARNING);
    f.room = 63 * SU_MIB;
    check("no room", &f, "room", SU_DOCTOR_BROKEN);
    (void)su_fail(&f.room_why, SU_E_IO, "doctor.room", "no directory");
    check("no directory", &f, "room", SU_DOCTOR_UNKNOWN);
    f.authority_asked = f.clock_known = true;
    f.clock_synchronised = false;
    (void)su_fail(&f.authority_why, SU_E_IO, "http.connect", "it is away");
    check("a clock that runs free", &f, "clock", SU_DOCTOR_WARNING);
    check("an authority that is away", &f, "authority", SU_DOCTOR_BROKEN);
    f.clock_synchronised = true;
    f.authority_time = NOW - 100;
    check("a clock that is a little wrong", &f, "clock", SU_DOCTOR_WARNING);
    f.authority_time = NOW + 7200;
    check("a clock that is wrong", &f, "clock", SU_DOCTOR_BROKEN);
    f.cockpit = false;
    check("a page without Cockpit", &f, "cockpit", SU_DOCTOR_WARNING);
    f.page = false;
    check("neither", &f, "cockpit", SU_DOCTOR_OK);
    snprintf(f.open_dir, sizeof f.open_dir, "/state/host");
    check("a directory that others may read", &f, "rights", SU_DOCTOR_BROKEN);
    f.idle_jobs = 1;
    check("a job that nobody runs", &f, "jobs", SU_DOCTOR_BROKEN);
    f.locks_known = false;
    check("locks that are not seen", &f, "jobs", SU_DOCTOR_UNKNOWN);
    (void)su_fail(&f.vms_why, SU_E_REFUSED, "api.refused", "no");
    json_decref(f.vms);
    f.vms = NULL;
    check("another user", &f, "vms", SU_DOCTOR_UNKNOWN);
    done(&f);
}

/* What only suretyd can tell is not told, and not guessed: there is no remedy for what may be well. */
static void test_silent(void)
{
    static const char *const asked[] = {"state", "signer",    "imds",     "libvirt",       "certificate",
                                        "sync",  "authority", "vsock",    "benefits",      "legacy",
                                        "vms",   "jobs",      "upgrades", "restore-points"};
    static const struct row none = {0};
    struct su_doctor_facts f;
    fill(&f, &none);
    f.authority_asked = f.vhost_vsock = false;
    f.authority_time = 0;
    f.vms_why = f.benefits_why = f.jobs_why = f.legacy_why = f.server_why;
    size_t n = su_doctor_run(&f, list);
    for (size_t i = 0; i < SU_ARRAY_LEN(asked); i++) {
        const struct su_doctor_finding *o = find(n, asked[i]);
        ok(o && o->state == SU_DOCTOR_UNKNOWN && !o->remedy[0], "suretyd away: %s is unknown", asked[i]);
        is_str(o ? o->text : "", "suretyd does not answer");
    }
    done(&f);
}

int main(void)
{
    test_rows();
    test_silent();
    test_host();
    return tap_done();
}
