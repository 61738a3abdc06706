/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "jobs/options.h"
#include "tests/lib/tap.h"

static int parse(const char *text, struct su_job_options *o, struct su_err *e)
{
    json_auto_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    return su_job_options_parse(j, o, e);
}

static void defaults(void)
{
    struct su_job_options o, again;
    struct su_err e = {0};
    su_job_options_default(&o);
    ok(o.secure_boot && o.vtpm && o.restore == SU_RESTORE_AUTO && o.machine == SU_MACHINE_Q35, "Trusted Launch");
    ok(o.batch == 5 && o.canary == 0 && o.max_failures == 1, "five at a time, no canary, one failure");
    ok(o.shutdown_timeout == 300 && o.verify_timeout == 600, "five and ten minutes");
    ok(!o.force && !o.yes && !o.dry_run && !o.keep_going && !o.key_dir[0] && !o.map[0], "all else is off");
    json_auto_t *j = su_job_options_json(&o);
    ok(j && json_object_size(j) == su_job_option_count, "JSON has all of them");
    memset(&again, 0xa5, sizeof again);
    ok(su_job_options_parse(j, &again, &e) == 0 && memcmp(&again, &o, sizeof o) == 0, "and is read back");
    ok(parse("{}", &again, &e) == 0 && memcmp(&again, &o, sizeof o) == 0, "what is not given is the default");
}

static void all_members(void)
{
    static const char text[] =
        "{\"secure-boot\":false,\"vtpm\":false,\"restore-point\":\"none\",\"machine\":\"i440fx\",\"force\":true,"
        "\"allow-unsigned\":true,\"no-start\":true,\"finish\":true,\"keep-data\":true,\"yes\":true,\"dry-run\":true,"
        "\"keep-going\":true,\"batch\":64,\"canary\":2,\"max-failures\":3,\"shutdown-timeout\":1,"
        "\"verify-timeout\":86400,\"boot-files\":\"/a\",\"firmware-vars\":\"/b\",\"key-dir\":\"/c\","
        "\"overlay-dir\":\"/d\",\"map\":\"ef=e6d6d379-f507-44c2-a23c-238f2a3df928\"}";
    struct su_job_options o, again;
    struct su_err e = {0};
    ok(parse(text, &o, &e) == 0, "every option: %s", e.msg);
    ok(!o.secure_boot && !o.vtpm && o.restore == SU_RESTORE_NONE && o.machine == SU_MACHINE_I440FX, "words");
    ok(o.force && o.allow_unsigned && o.no_start && o.finish && o.keep_data && o.yes && o.dry_run && o.keep_going,
       "switches");
    ok(o.batch == 64 && o.canary == 2 && o.max_failures == 3 && o.shutdown_timeout == 1 && o.verify_timeout == 86400,
       "numbers");
    is_str(o.boot_files, "/a");
    is_str(o.firmware_vars, "/b");
    is_str(o.key_dir, "/c");
    is_str(o.overlay_dir, "/d");
    is_str(o.map, "ef=e6d6d379-f507-44c2-a23c-238f2a3df928");
    json_auto_t *j = su_job_options_json(&o);
    ok(su_job_options_parse(j, &again, &e) == 0 && memcmp(&again, &o, sizeof o) == 0, "there and back");
}

static void refused(void)
{
    static const struct {
        const char *text, *named;
    } rows[] = {
        {"[]", "no JSON object"},
        {"{\"batches\":1}", "batches"},
        {"{\"secure_boot\":true}", "secure_boot"},
        {"{\"secure-boot\":\"on\"}", "secure-boot"},
        {"{\"force\":1}", "force"},
        {"{\"batch\":0}", "batch"},
        {"{\"batch\":65}", "batch"},
        {"{\"batch\":5.0}", "batch"},
        {"{\"batch\":-1}", "batch"},
        {"{\"batch\":4294967297}", "batch"},
        {"{\"verify-timeout\":86401}", "verify-timeout"},
        {"{\"restore-point\":\"\"}", "restore-point"},
        {"{\"restore-point\":\"auto overlay\"}", "restore-point"},
        {"{\"restore-point\":\"inter\"}", "restore-point"},
        {"{\"machine\":0}", "machine"},
        {"{\"key-dir\":\"keys\"}", "key-dir"},
        {"{\"key-dir\":null}", "key-dir"},
        {"{\"map\":\"a\\nb\"}", "map"},
        {"{\"map\":\"zz=e6d6d379-f507-44c2-a23c-238f2a3df928\"}", "map"},
        {"{\"map\":\"8e\"}", "map"},
        {"{\"map\":\"8e={e6d6d379-f507-44c2-a23c-238f2a3df928\"}", "map"},
        {"{\"map\":\"8e=e6d6d379-f507-44c2-a23c-238f2a3df928,\"}", "map"},
        {"{\"map\":\"a\\u007fb\"}", "map"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_job_options o, before;
        struct su_err e = {0};
        memset(&o, 0x5a, sizeof o);
        before = o;
        int rc = parse(rows[i].text, &o, &e);
        ok(rc < 0 && e.kind == SU_E_USAGE && strcmp(e.id, "job.option") == 0 && strstr(e.msg, rows[i].named) &&
               memcmp(&o, &before, sizeof o) == 0,
           "refused: %s (%s)", rows[i].text, e.msg);
    }
}

static void lengths(void)
{
    struct su_job_options o;
    struct su_err e = {0};
    char path[600], text[700];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[511] = 0;
    snprintf(text, sizeof text, "{\"key-dir\":\"%s\"}", path);
    ok(parse(text, &o, &e) == 0 && strlen(o.key_dir) == 511, "a path that just fits");
    path[511] = 'x';
    path[512] = 0;
    snprintf(text, sizeof text, "{\"key-dir\":\"%s\"}", path);
    ok(parse(text, &o, &e) < 0 && strstr(e.msg, "key-dir"), "one that does not");
}

static void operations(void)
{
    struct su_job_options o;
    struct su_err e = {0};
    enum su_op op;
    for (unsigned i = 0; i < SU_OP_COUNT; i++) {
        ok(su_op_find(su_op_name((enum su_op)i), &op) && op == (enum su_op)i, "%s", su_op_name((enum su_op)i));
        su_job_options_default(&o);
        ok(su_job_options_fit(&o, (enum su_op)i, &e) == 0, "defaults fit every operation");
    }
    ok(!su_op_find("upgrad", &op) && !su_op_find("", &op), "no other word");
    o.keep_data = true;
    ok(su_job_options_fit(&o, SU_OP_ROLLBACK, &e) == 0, "rollback knows keep-data");
    ok(su_job_options_fit(&o, SU_OP_UPGRADE, &e) < 0 && strcmp(e.id, "job.option") == 0 && strstr(e.msg, "keep-data"),
       "upgrade does not");
    su_job_options_default(&o);
    o.secure_boot = false;
    ok(su_job_options_fit(&o, SU_OP_ASSESS, &e) == 0 && su_job_options_fit(&o, SU_OP_COMMIT, &e) < 0,
       "secure-boot is a matter of assess and not of commit");
    su_job_options_default(&o);
    o.map[0] = 'x';
    ok(su_job_options_fit(&o, SU_OP_VERIFY, &e) < 0 && strstr(e.msg, "map"), "map is none of verify's");
}

int main(void)
{
    defaults();
    all_members();
    refused();
    lengths();
    operations();
    return tap_done();
}
