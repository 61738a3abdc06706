/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every row of the truth table of benefits. */
#include "benefit/benefit.h"
#include "tests/lib/tap.h"

enum { NOW = 1800000000 };

static const char esu[] =
    "[benefit]\ntitle=t\n[eligible]\nos=windows\nversion=2012, 2012R2\n[require]\ntransport=legacy\n";
static const char linux12[] =
    "[benefit]\ntitle=t\n[eligible]\nos=debian,ubuntu\nversion=12,20.04\n[require]\ntransport=vsock\n";
static const char multi[] =
    "[benefit]\ntitle=t\n[eligible]\nos=windows\nversion=10,11\nedition=*multi-session*, ServerRdsh\n"
    "[require]\nmin-build=19045.4291, 22621.3447\n";
static const char all[] = "[benefit]\ntitle=t\n";
static const char safe[] = "[benefit]\ntitle=t\n[require]\nsecure-boot=yes\nvtpm=yes\n";
static const char from[] = "[benefit]\ntitle=t\n[eligible]\nos=windows\nbuild-from=20000\n";
static const char stars[] = "[benefit]\ntitle=t\n[eligible]\nedition=*a*b*c*\n";

#define DEBIAN .os = {.id = "debian", .version = "12.4", .name = "Debian GNU/Linux 12"}
#define W2012R2 .os = {.id = "windows", .version = "2012r2", .name = "Windows Server 2012 R2 Datacenter", .build = 9600}
#define MULTI(b, ...)                                                                                                  \
    .os = {.id = "windows", .version = "11", .name = "Windows 10 Enterprise MULTI-session", .build = b, __VA_ARGS__}
#define REV(r) .revision_known = true, .revision = r
#define LATELY .last_verified = NOW - 100

static const struct row {
    const char *what, *file;
    struct su_benefit_facts f;
    enum su_benefit_status status;
    enum su_benefit_action action;
} rows[] = {
    {"no system, no channel", esu, {.now = 0}, SU_BENEFIT_UNKNOWN, SU_BENEFIT_AGENT_CHANNEL},
    {"no system, a channel from the next start on",
     esu,
     {.agent_channel = true, .agent_later = true},
     SU_BENEFIT_UNKNOWN,
     SU_BENEFIT_RESTART},
    {"a system is known, and the channel comes later",
     linux12,
     {.os = {.id = "debian"}, .agent_channel = true, .agent_later = true},
     SU_BENEFIT_UNKNOWN,
     SU_BENEFIT_NOTHING},
    {"no system, a channel that is silent", esu, {.agent_channel = true}, SU_BENEFIT_UNKNOWN, SU_BENEFIT_NOTHING},
    {"no system, though verified", esu, {LATELY, .legacy = true}, SU_BENEFIT_UNKNOWN, SU_BENEFIT_AGENT_CHANNEL},
    {"another system", esu, {DEBIAN}, SU_BENEFIT_NOT_APPLICABLE, SU_BENEFIT_NOTHING},
    {"another system, verified", esu, {DEBIAN, LATELY, .legacy = true}, SU_BENEFIT_NOT_APPLICABLE, SU_BENEFIT_NOTHING},
    {"another version",
     linux12,
     {.os = {.id = "debian", .version = "120"}},
     SU_BENEFIT_NOT_APPLICABLE,
     SU_BENEFIT_NOTHING},
    {"part of a version",
     linux12,
     {.os = {.id = "debian", .version = "1"}},
     SU_BENEFIT_NOT_APPLICABLE,
     SU_BENEFIT_NOTHING},
    {"no version", linux12, {.os = {.id = "debian"}}, SU_BENEFIT_UNKNOWN, SU_BENEFIT_NOTHING},
    {"no version of another system", linux12, {.os = {.id = "arch"}}, SU_BENEFIT_NOT_APPLICABLE, SU_BENEFIT_NOTHING},
    {"neither name nor edition",
     multi,
     {.os = {.id = "windows", .version = "11", .build = 22631}},
     SU_BENEFIT_UNKNOWN,
     SU_BENEFIT_NOTHING},
    {"a build is asked for and not known", from, {.os = {.id = "windows"}}, SU_BENEFIT_UNKNOWN, SU_BENEFIT_NOTHING},
    {"verified, and the server is not Active any more",
     all,
     {DEBIAN, .vsock = true, LATELY, .server_off = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_SYNC},
    {"what is missing comes before the server",
     all,
     {DEBIAN, LATELY, .server_off = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_ADD_VSOCK},
    {"verified, and stopped since",
     all,
     {DEBIAN, .vsock = true, LATELY, .stopped = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_START},
    {"verified in the run before this one",
     all,
     {DEBIAN, .vsock = true, LATELY, .runs_since = NOW - 99},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_VERIFY},
    {"verified in this run",
     all,
     {DEBIAN, .vsock = true, LATELY, .runs_since = NOW - 100},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"a run that begins in the future: the clock was set back",
     all,
     {DEBIAN, .vsock = true, LATELY, .runs_since = NOW + 9},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_VERIFY},
    {"the second of each list",
     linux12,
     {.os = {.id = "ubuntu", .version = "20.04"}},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_ADD_VSOCK},
    {"legacy, not granted", esu, {W2012R2}, SU_BENEFIT_INACTIVE, SU_BENEFIT_LEGACY_NETWORK},
    {"legacy, vsock does not help",
     esu,
     {W2012R2, .vsock = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_LEGACY_NETWORK},
    {"legacy, granted", esu, {W2012R2, .legacy = true}, SU_BENEFIT_INACTIVE, SU_BENEFIT_VERIFY},
    {"legacy, granted and verified", esu, {W2012R2, .legacy = true, LATELY}, SU_BENEFIT_ACTIVE, SU_BENEFIT_NOTHING},
    {"vsock, none", linux12, {DEBIAN}, SU_BENEFIT_INACTIVE, SU_BENEFIT_ADD_VSOCK},
    {"vsock, legacy does not help",
     linux12,
     {DEBIAN, .legacy = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_ADD_VSOCK},
    {"vsock, never verified", linux12, {DEBIAN, .vsock = true}, SU_BENEFIT_INACTIVE, SU_BENEFIT_VERIFY},
    {"vsock, verified", linux12, {DEBIAN, .vsock = true, LATELY}, SU_BENEFIT_ACTIVE, SU_BENEFIT_NOTHING},
    {"verified just in time",
     linux12,
     {DEBIAN, .vsock = true, .last_verified = NOW - 86399},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"verified too long ago",
     linux12,
     {DEBIAN, .vsock = true, .last_verified = NOW - 86400},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_VERIFY},
    {"verified in the future",
     linux12,
     {DEBIAN, .vsock = true, .last_verified = NOW + 1},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_VERIFY},
    {"vsock from the next start on",
     linux12,
     {DEBIAN, .vsock = true, .vsock_later = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_RESTART},
    {"legacy from the next start on",
     esu,
     {W2012R2, .legacy = true, .legacy_later = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_RESTART},
    {"any way: one is there, the other comes",
     all,
     {DEBIAN, .vsock = true, .vsock_later = true, .legacy = true, LATELY},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"any way: both come",
     all,
     {DEBIAN, .vsock = true, .vsock_later = true, .legacy = true, .legacy_later = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_RESTART},
    {"any way, none", all, {DEBIAN}, SU_BENEFIT_INACTIVE, SU_BENEFIT_ADD_VSOCK},
    {"any way, legacy", all, {DEBIAN, .legacy = true}, SU_BENEFIT_INACTIVE, SU_BENEFIT_VERIFY},
    {"any way, legacy, verified", all, {DEBIAN, .legacy = true, LATELY}, SU_BENEFIT_ACTIVE, SU_BENEFIT_NOTHING},
    {"any system, not known, verified", all, {.vsock = true, LATELY}, SU_BENEFIT_ACTIVE, SU_BENEFIT_NOTHING},
    {"any system, not known", all, {.vsock = true}, SU_BENEFIT_INACTIVE, SU_BENEFIT_VERIFY},
    {"Secure Boot missing",
     safe,
     {DEBIAN, .vsock = true, .vtpm = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_UPGRADE},
    {"vTPM missing",
     safe,
     {DEBIAN, .vsock = true, .secure_boot = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_UPGRADE},
    {"both there",
     safe,
     {DEBIAN, .vsock = true, .secure_boot = true, .vtpm = true, LATELY},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"build too low to be eligible", from, {W2012R2, .vsock = true}, SU_BENEFIT_NOT_APPLICABLE, SU_BENEFIT_NOTHING},
    {"build high enough", from, {MULTI(20000, .revision = 0), .vsock = true}, SU_BENEFIT_INACTIVE, SU_BENEFIT_VERIFY},
    {"another edition",
     multi,
     {.os = {.id = "windows", .version = "11", .name = "Windows 11 Pro"}},
     SU_BENEFIT_NOT_APPLICABLE,
     SU_BENEFIT_NOTHING},
    {"edition by its id",
     multi,
     {.os = {.id = "windows", .version = "11", .name = "Windows 11", .edition = "serverrdsh"}},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_ADD_VSOCK},
    {"before all builds",
     multi,
     {MULTI(19044, REV(9999)), .vsock = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_INSTALL_UPDATES},
    {"between two builds",
     multi,
     {MULTI(22000, REV(9999)), .vsock = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_INSTALL_UPDATES},
    {"revision too low",
     multi,
     {MULTI(22621, REV(3446)), .vsock = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_INSTALL_UPDATES},
    {"revision just enough",
     multi,
     {MULTI(22621, REV(3447)), .vsock = true, LATELY},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"revision too low before it ran, and it proves itself now",
     multi,
     {MULTI(22621, REV(3446), .revision_old = true), .vsock = true, LATELY},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"revision too low before it ran",
     multi,
     {MULTI(22621, REV(3446), .revision_old = true), .vsock = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_INSTALL_UPDATES},
    {"a build too low before it ran stays so",
     multi,
     {MULTI(22000, REV(1), .revision_old = true), .vsock = true, LATELY},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_INSTALL_UPDATES},
    {"revision not known",
     multi,
     {MULTI(22621, .revision = 0), .vsock = true, LATELY},
     SU_BENEFIT_ACTIVE,
     SU_BENEFIT_NOTHING},
    {"behind all builds", multi, {MULTI(26100, REV(1)), .vsock = true, LATELY}, SU_BENEFIT_ACTIVE, SU_BENEFIT_NOTHING},
    {"build not known", multi, {MULTI(0, REV(1)), .vsock = true, LATELY}, SU_BENEFIT_ACTIVE, SU_BENEFIT_NOTHING},
    {"updates come before the transport",
     multi,
     {MULTI(19045, REV(1))},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_INSTALL_UPDATES},
    {"stars that go back",
     stars,
     {.os = {.id = "x", .name = "xaabxbybzc"}, .vsock = true},
     SU_BENEFIT_INACTIVE,
     SU_BENEFIT_VERIFY},
    {"stars without an end",
     stars,
     {.os = {.id = "x", .name = "xaabxbyb"}},
     SU_BENEFIT_NOT_APPLICABLE,
     SU_BENEFIT_NOTHING},
};

int main(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct su_benefit b;
        struct su_benefit_facts f = r->f;
        struct su_err e = {0};
        bool off = true;
        f.now = NOW;
        if (su_benefit_parse("x", (struct su_bytes){(const uint8_t *)r->file, strlen(r->file)}, "x", &b, &off, &e) <
            0) {
            ok(false, "%s: %s", r->what, e.msg);
            continue;
        }
        struct su_benefit_verdict v = su_benefit_judge(&b, &f);
        const char *action = su_benefit_action_name(v.action);
        ok(v.status == r->status && v.action == r->action, "%s: %s, %s", r->what, su_benefit_status_name(v.status),
           action ? action : "nothing");
    }
    ok(su_benefit_action_name(SU_BENEFIT_NOTHING) == NULL);
    for (int a = 1; a < SU_BENEFIT_ACTIONS; a++)
        ok(su_benefit_action_sentence((enum su_benefit_action)a)[0], "action %d has a sentence", a);
    return tap_done();
}
