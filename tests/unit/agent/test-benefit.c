/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of benefits, configuration, words. */
#include "agent/agent.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <sys/stat.h>

static struct su_guest_conf conf;

static void put(const char *name, const char *text)
{
    FILE *f = fopen(sh_path("%s", name), "we");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        printf("Bail out! %s\n", name);
}

static const char *load(struct su_benefits *all)
{
    static struct su_err e;
    e = (struct su_err){0};
    return su_benefits_load(&conf, all, &e) < 0 ? e.id : "ok";
}

static void test_benefits(void)
{
    static struct su_benefits all;
    const struct su_benefit *b = NULL;
    struct su_err e = {0};
    ok(sh("mkdir vendor admin") == 0, "directories");
    put("vendor/b.conf", "[benefit]\ntitle = B\n");
    put("vendor/a.conf", "[benefit]\ntitle = A\n[require]\nvtpm = yes\n[activate]\nhook = /bin/true x\ntimeout = 2m\n");
    put("vendor/README", "no benefit");
    put("vendor/.hidden.conf", "no benefit");
    put("vendor/UPPER.conf", "no benefit");
    put("admin/b.conf", "[benefit]\ntitle = Mine\nenabled = no\n");
    is_str(load(&all), "ok");
    ok(all.n == 2, "%zu", all.n);
    is_str(all.row[0].id, "a");
    is_str(all.row[1].title, "Mine");
    ok(all.row[0].vtpm && all.row[0].timeout == 120 && all.row[1].timeout == 60, "values and defaults");
    ok(su_benefit_find(&all, "a", &b, &e) == 0 && b == &all.row[0], "found");
    ok(su_benefit_find(&all, "b", &b, &e) < 0, "disabled");
    is_str(e.id, "benefit.disabled");
    ok(su_benefit_find(&all, "c", &b, &e) < 0, "unknown");
    is_str(e.id, "benefit.unknown");
    put("vendor/c.conf", "[benefit]\ntitle = C\n[activate]\nhook = relative\n");
    is_str(load(&all), "conf.value");
    ok(all.n == 2 && strcmp(all.row[1].title, "Mine") == 0, "untouched");
    put("vendor/c.conf", "[benefit]\n");
    is_str(load(&all), "conf.missing");
    put("vendor/c.conf", "[benefit]\ntitle = C\nhok = /bin/true\n");
    is_str(load(&all), "conf.unknown");
    put("vendor/c.conf", "[benefit]\ntitle = C\n");
    if (geteuid() == 0) {
        chmod(sh_path("vendor/c.conf"), 0664);
        is_str(load(&all), "benefit.owner");
        chmod(sh_path("vendor/c.conf"), 0644);
        chmod(sh_path("vendor"), 0777);
        is_str(load(&all), "benefit.owner");
        chmod(sh_path("vendor"), 0755);
    }
    is_str(load(&all), "ok");
    for (int i = 0; i <= SU_BENEFITS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "admin/n%d.conf", i);
        put(name, "[benefit]\ntitle = N\n");
    }
    is_str(load(&all), "benefit.count");
    ok(sh("rm -r vendor admin") == 0, "no directories");
    is_str(load(&all), "ok");
    ok(all.n == 0, "no benefits");
}

static int count(void *ctx, const char *word, struct su_err *e)
{
    size_t *n = ctx;
    *n += strlen(word);
    return strcmp(word, "stop") == 0 ? su_fail(e, SU_E_USAGE, "stop", "stop") : 0;
}

static void test_words(void)
{
    struct su_err e = {0};
    size_t n = 0;
    char longer[600];
    memset(longer, 'a', sizeof longer);
    longer[599] = 0;
    ok(su_each_word("  ab  c\td ", count, &n, &e) == 0 && n == 4, "three words");
    ok(su_each_word("", count, &n, &e) == 0 && su_each_word("  ", count, &n, &e) == 0 && n == 4, "none");
    ok(su_each_word("stop x", count, &n, &e) < 0 && n == 8, "the first failure ends it");
    ok(su_each_word(longer, count, &n, &e) < 0 && e.kind == SU_E_RANGE, "a word too long");
    SU_BUF struct su_buf b = {0};
    su_json_string(&b, "a\"\\\x01\xc3\xa4");
    su_json_string(&b, NULL);
    su_json_checked(&b, SURETY_CHECKED_NONCE | SURETY_CHECKED_SECURITY);
    is_str(su_buf_str(&b), "\"a\\\"\\\\\\u0001\xc3\xa4\"null[\"nonce\",\"security\"]");
}

static void test_errors(void)
{
    struct su_err e = {0};
    struct surety_error why = {.reason = SURETY_NONCE_DIFFERS, .detail = "x"};
    ok(su_fail_surety(&e, &why) == -1 && e.kind == SU_E_REFUSED && e.remedy && !su_is_transport(&e), "a refusal");
    is_str(e.id, "nonce.differs");
    why.reason = SURETY_FETCH_TIMEOUT;
    ok(su_fail_surety(&e, &why) == -1 && e.kind == SU_E_IO && su_is_transport(&e), "a transport");
    for (int r = 1; r < SURETY_REASON_COUNT; r++) {
        bool fetch = strncmp(surety_reason_name((enum surety_reason)r), "fetch.", 6) == 0 && r != SURETY_FETCH_ENDPOINT;
        why.reason = (enum surety_reason)r;
        su_fail_surety(&e, &why);
        ok(su_is_transport(&e) == fetch, "%s", e.id);
    }
    e.id = "conf.value";
    ok(!su_is_transport(&e), "errors of our own are none of the transport");
}

int main(void)
{
    struct su_err e = {0};
    put("guest.conf", "");
    ok(su_guest_conf_load(sh_path("guest.conf"), false, &conf, &e) == 0, "an empty configuration");
    is_str(conf.roots, "/etc/surety/trust.pem");
    ok(conf.max_age == 300 && conf.skew == 120 && conf.report && !conf.azure && conf.timeout == 10, "defaults");
    snprintf(conf.vendor_dir, sizeof conf.vendor_dir, "%s", sh_path("vendor"));
    snprintf(conf.admin_dir, sizeof conf.admin_dir, "%s", sh_path("admin"));
    test_benefits();
    test_words();
    test_errors();
    return tap_done();
}
