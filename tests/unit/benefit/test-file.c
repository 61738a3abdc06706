/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of benefits: what is taken, what is refused, and which file counts. */
#include "base/clean.h"
#include "benefit/benefit.h"
#include "tests/lib/tap.h"
#include <sys/stat.h>
#include <unistd.h>

static struct su_err e;

static int parse(const char *id, const char *text, struct su_benefit *b)
{
    bool off;
    e = (struct su_err){0};
    return su_benefit_parse(id, (struct su_bytes){(const uint8_t *)text, strlen(text)}, "f.conf", b, &off, &e);
}

static void refused(const char *what, const char *id, const char *text, const char *error)
{
    struct su_benefit b, was;
    memset(&b, 0x5a, sizeof b);
    was = b;
    int rc = parse(id, text, &b);
    ok(rc == -1 && strcmp(e.id, error) == 0 && memcmp(&b, &was, sizeof b) == 0, "%s: %s", what, rc ? e.id : "taken");
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

static void test_directories(void)
{
    char top[] = "/tmp/surety-test-XXXXXX", shipped[200], own[200], command[300];
    struct su_benefits *b SU_FREE = calloc(1, sizeof *b);
    if (!mkdtemp(top) || !b)
        return;
    snprintf(shipped, sizeof shipped, "%s/shipped", top);
    snprintf(own, sizeof own, "%s/own", top);
    su_benefits_load(shipped, own, b);
    ok(b->n == 0 && b->n_problems == 0, "directories that are not there");
    mkdir(shipped, 0755);
    mkdir(own, 0755);
    put(shipped, "b.conf", "[benefit]\ntitle = shipped b\n");
    put(shipped, "a.conf", "[benefit]\ntitle = shipped a\n");
    put(shipped, "c.conf", "[benefit]\ntitle = shipped c\n");
    put(shipped, "a.conf~", "nonsense");
    put(own, "b.conf", "[benefit]\ntitle = own b\n");
    put(own, "c.conf", "[benefit]\ntitle = none\nenabled = no\n");
    put(own, "Bad Name.conf", "[benefit]\ntitle = x\n");
    put(own, "z.conf", "[benefit]\ntile = x\n");
    su_benefits_load(shipped, own, b);
    ok(b->n == 2 && strcmp(b->row[0].id, "a") == 0 && strcmp(b->row[1].id, "b") == 0,
       "in their order, without the one that is off");
    ok(su_benefits_find(b, "a") && !su_benefits_find(b, "a")->own);
    ok(su_benefits_find(b, "b") && su_benefits_find(b, "b")->own);
    is_str(b->row[1].title, "own b");
    ok(!su_benefits_find(b, "c") && !su_benefits_find(b, ""));
    ok(b->n_problems == 2, "two files that are not believed");
    is_str(b->problem[0].id, "benefit.id");
    is_str(b->problem[1].id, "conf.unknown");
    char big[20 << 10];
    memset(big, '#', sizeof big - 1);
    big[sizeof big - 1] = 0;
    put(own, "a.conf", big);
    mkdir(strcat(strcpy(command, own), "/dir.conf"), 0755);
    su_benefits_load(shipped, own, b);
    ok(b->n_problems == 4 && b->n == 2, "one that is too large, and a directory");
    snprintf(command, sizeof command, "rm -r %s", top);
    ok(system(command) == 0);
}

/* Names are bytes: what is told of them is text. */
static void test_names(void)
{
    char top[] = "/tmp/surety-test-XXXXXX", name[300], command[300];
    struct su_benefits *b SU_FREE = calloc(1, sizeof *b);
    if (!mkdtemp(top) || !b)
        return;
    put(top, "b\xc3(d\033[31m.conf", "[benefit]\ntitle = x\n");
    snprintf(command, sizeof command, "%s/l\xff.conf", top);
    ok(symlink("/nonexistent", command) == 0);
    memset(name, 'n', 245);
    memcpy(name + 245, "\xc3\xa4.conf", sizeof "\xc3\xa4.conf");
    put(top, name, "nonsense\n");
    su_benefits_load("/nonexistent", top, b);
    ok(b->n == 0 && b->n_problems == 3, "three files that are not believed");
    for (size_t i = 0; i < b->n_problems; i++) {
        char again[sizeof b->problem[i].text];
        su_clean(again, sizeof again, b->problem[i].text);
        ok(b->problem[i].text[0] && strcmp(again, b->problem[i].text) == 0, "clean: %s", b->problem[i].text);
    }
    snprintf(command, sizeof command, "rm -r %s", top);
    ok(system(command) == 0);
}

static void test_many(void)
{
    enum { MANY = 256 };
    char top[] = "/tmp/surety-test-XXXXXX", name[32], command[100];
    struct su_benefits *b SU_FREE = calloc(1, sizeof *b);
    if (!mkdtemp(top) || !b)
        return;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "a%03d.conf", i);
        put(top, name, "[benefit]\ntitle = x\nenabled = no\n");
    }
    su_benefits_load("/nonexistent", top, b);
    ok(b->n == 0 && b->n_problems == 0, "as many files as are read");
    put(top, "b.conf", "[benefit]\ntitle = x\n");
    su_benefits_load("/nonexistent", top, b);
    ok(b->n == 0 && b->n_problems == 1, "one more is told, and not read");
    is_str(b->problem[0].id, "benefit.file");
    ok(strstr(b->problem[0].text, "more than 256 files") != NULL, "%s", b->problem[0].text);
    snprintf(command, sizeof command, "rm -r %s", top);
    ok(system(command) == 0);
}

/* Systems as they are, and which of the shipped benefits they have: guest-configuration all of them. */
static void test_shipped(const struct su_benefits *all)
{
    enum { INSTALL = SU_BENEFIT_INSTALL_UPDATES, LEGACY = SU_BENEFIT_LEGACY_NETWORK, DONE = SU_BENEFIT_NOTHING };
    static const struct {
        const char *name, *edition, *version;
        uint32_t build, revision;
        const char *id; /* the benefit; NULL: none */
        int action;     /* with a vsock device, and verified */
    } rows[] = {
        {"Windows Server 2008 R2 Standard", "ServerStandard", "2008 R2", 7601, 0, NULL, 0},
        {"Windows Server 2012 Datacenter", "ServerDatacenter", "2012", 9200, 0, "extended-security-updates", LEGACY},
        {"Windows Server 2012 R2 Standard", "ServerStandard", "2012 R2", 9600, 0, "extended-security-updates", LEGACY},
        {"Windows Server 2016 Standard", "ServerStandard", "2016", 14393, 0, NULL, 0},
        {"Windows 10 Enterprise multi-session", "ServerRdsh", "", 19045, 4291, "windows-10-multi-session", LEGACY},
        {"Windows 10 Enterprise multi-session", "ServerRdsh", "", 19044, 4290, "windows-10-multi-session", INSTALL},
        {"Windows 10 Enterprise for Virtual Desktops", "ServerRdsh", "", 18363, 9999, "windows-10-multi-session",
         INSTALL},
        {"Windows 10 Enterprise", "Enterprise", "10", 19045, 4291, NULL, 0},
        {"Windows 10 Enterprise multi-session", "ServerRdsh", "", 22000, 2898, "windows-multi-session", INSTALL},
        {"Windows 10 Enterprise multi-session", "ServerRdsh", "", 22000, 2899, "windows-multi-session", DONE},
        {"Windows 10 Enterprise multi-session", "ServerRdsh", "", 22621, 3446, "windows-multi-session", INSTALL},
        {"Windows 10 Enterprise multi-session", "ServerRdsh", "", 22621, 3447, "windows-multi-session", DONE},
        {"Windows 11 Enterprise multi-session", "ServerRdsh", "11", 26100, 1, "windows-multi-session", DONE},
        {"Windows 11 Pro", "Professional", "11", 22631, 3447, NULL, 0},
        {"Windows Server 2022 Datacenter Azure Edition", "ServerTurbine", "2022", 20348, 2401,
         "windows-server-azure-edition", INSTALL},
        {"Windows Server 2022 Datacenter Azure Edition", "ServerTurbine", "2022", 20348, 2402,
         "windows-server-azure-edition", DONE},
        {"Windows Server 2025 Datacenter Azure Edition", "ServerTurbine", "2025", 26100, 1,
         "windows-server-azure-edition", DONE},
        {"Windows Server 2022 Datacenter", "ServerDatacenter", "2022", 20348, 2402, NULL, 0},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_benefit_facts f = {.vsock = true, .last_verified = 100, .now = 100};
        unsigned others = 0;
        bool right = rows[i].id == NULL;
        su_guest_os_from_disk("windows", rows[i].version, rows[i].name, rows[i].edition, rows[i].build,
                              rows[i].revision, 1, &f.os);
        for (size_t k = 0; k < all->n; k++) {
            struct su_benefit_verdict v = su_benefit_judge(&all->row[k], &f);
            if (rows[i].id && strcmp(all->row[k].id, rows[i].id) == 0)
                right = v.status != SU_BENEFIT_NOT_APPLICABLE && (int)v.action == rows[i].action;
            else
                others += v.status != SU_BENEFIT_NOT_APPLICABLE;
        }
        ok(right && others == 1, "%s %u.%u: %s", rows[i].name, rows[i].build, rows[i].revision,
           rows[i].id ? rows[i].id : "none");
    }
}

int main(void)
{
    struct su_benefit b;
    ok(parse("example-1",
             "[benefit]\ntitle = A\ndescription = B\n[eligible]\nos = debian\nbuild-from = 7\n[require]\ntransport = "
             "vsock\n"
             "vtpm = yes\nmin-build = 1.2 , 3.4\n",
             &b) == 0,
       "a file: %s", e.msg);
    is_str(b.id, "example-1");
    is_str(b.title, "A");
    is_str(b.description, "B");
    is_str(su_benefit_transport_name(b.transport), "vsock");
    ok(b.vtpm && !b.secure_boot && b.build_from == 7);
    ok(b.n_builds == 2 && b.min_build[1].build == 3 && b.min_build[1].revision == 4);
    ok(parse("m", "[benefit]\ntitle = A\n[require]\nmin-build =\n", &b) == 0 && b.n_builds == 0, "an empty list");
    refused("no title", "a", "[benefit]\n", "conf.missing");
    refused("an empty title", "a", "[benefit]\ntitle =\n", "benefit.value");
    refused("a typing error", "a", "[benefit]\ntitle = A\n[require]\nsecureboot = yes\n", "conf.unknown");
    refused("a transport that is none", "a", "[benefit]\ntitle = A\n[require]\ntransport = serial\n", "conf.value");
    refused("an id with a slash", "a/b", "[benefit]\ntitle = A\n", "benefit.id");
    refused("an empty id", "", "[benefit]\ntitle = A\n", "benefit.id");
    refused("a title that is not ASCII", "a", "[benefit]\ntitle = \303\244\n", "benefit.value");
    refused("a build without revision", "a", "[benefit]\ntitle = A\n[require]\nmin-build = 20348\n", "benefit.value");
    refused("builds that do not grow", "a", "[benefit]\ntitle = A\n[require]\nmin-build = 2.1, 2.2\n", "benefit.value");
    refused("builds without a comma", "a", "[benefit]\ntitle = A\n[require]\nmin-build = 2.1 3.2\n", "benefit.value");
    refused("a number too long", "a", "[benefit]\ntitle = A\n[require]\nmin-build = 1234567890.1\n", "benefit.value");
    refused("too many builds", "a",
            "[benefit]\ntitle = A\n[require]\nmin-build = 1.1,2.1,3.1,4.1,5.1,6.1,7.1,8.1,9.1,10.1,"
            "11.1,12.1,13.1,14.1,15.1,16.1,17.1\n",
            "benefit.value");
    struct su_benefits *shipped SU_FREE = calloc(1, sizeof *shipped);
    if (shipped) {
        su_benefits_load("data/benefits.d", "/nonexistent", shipped);
        ok(shipped->n == 5 && shipped->n_problems == 0, "%zu benefits are shipped, %zu with problems: %s", shipped->n,
           shipped->n_problems, shipped->problem[0].text);
        test_shipped(shipped);
    }
    test_directories();
    test_names();
    test_many();
    return tap_done();
}
