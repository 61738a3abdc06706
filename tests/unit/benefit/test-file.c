/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of benefits: what is taken, what is refused, and which file counts. */
#include "benefit/benefit.h"
#include "tests/lib/tap.h"
#include <sys/stat.h>

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
        ok(shipped->n == 4 && shipped->n_problems == 0, "%zu benefits are shipped, %zu with problems: %s", shipped->n,
           shipped->n_problems, shipped->problem[0].text);
    }
    test_directories();
    return tap_done();
}
