/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/plan.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <inttypes.h>

static const struct {
    const char *name;
    uint64_t before, during;
    struct {
        enum su_step_kind kind;
        uint64_t off, n;
    } step[3];
    bool good;
} cases[] = {
    {"nothing", 4096, 4096, {{SU_STEP_BARRIER, 0, 0}}, true},
    {"all of the disk", 4096, 4096, {{SU_STEP_WRITE, 0, 4096}}, true},
    {"touching", 4096, 4096, {{SU_STEP_WRITE, 512, 512}, {SU_STEP_WRITE, 0, 512}, {SU_STEP_KEEP, 1024, 1}}, true},
    {"into what is grown", 4096, 8192, {{SU_STEP_WRITE, 4000, 4192}}, true},
    {"one byte past the end", 4096, 8192, {{SU_STEP_WRITE, 4000, 4193}}, false},
    {"from past the end", 4096, 8192, {{SU_STEP_WRITE, 8193, 1}}, false},
    {"a length that wraps", 4096, 8192, {{SU_STEP_KEEP, 4096, UINT64_MAX - 100}}, false},
    {"an offset that wraps", 4096, 8192, {{SU_STEP_KEEP, UINT64_MAX, 2}}, false},
    {"overlap by a byte",
     4096,
     4096,
     {{SU_STEP_WRITE, 0, 513}, {SU_STEP_BARRIER, 0, 0}, {SU_STEP_WRITE, 512, 512}},
     false},
    {"overlap with what is kept", 4096, 4096, {{SU_STEP_KEEP, 600, 10}, {SU_STEP_WRITE, 512, 512}}, false},
    {"the same place twice", 4096, 4096, {{SU_STEP_WRITE, 512, 1}, {SU_STEP_WRITE, 512, 1}}, false},
    {"a write of nothing", 4096, 4096, {{SU_STEP_WRITE, 512, 0}}, false},
    {"shrinking first", 4096, 4095, {{SU_STEP_BARRIER, 0, 0}}, false},
};

static void checks(void)
{
    static const uint8_t bytes[8192];
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        SU_PLAN struct su_plan p = SU_PLAN_INIT;
        struct su_err e = {0};
        bool made = true;
        p.size_before = p.size_after = cases[i].before;
        p.size_during = cases[i].during;
        for (size_t k = 0; k < 3; k++) {
            uint64_t off = cases[i].step[k].off, n = cases[i].step[k].n;
            if (cases[i].step[k].kind == SU_STEP_KEEP)
                made = made && su_plan_keep(&p, SU_AREA_FS, "keep", off, n, &e) == 0;
            else if (cases[i].step[k].kind == SU_STEP_BARRIER)
                made = made && su_plan_barrier(&p, "barrier", &e) == 0;
            else if (off || n)
                made = made && su_plan_write(&p, SU_AREA_FS, "write", off, n ? bytes : NULL, (size_t)n, &e) == 0;
        }
        ok(made && (su_plan_check(&p, &e) == 0) == cases[i].good, "%s", cases[i].name);
        if (!cases[i].good)
            is_str(e.id, "disk.plan.invalid");
    }
}

static void sources(void)
{
    SU_PLAN struct su_plan p = SU_PLAN_INIT;
    struct su_err e = {0};
    uint8_t b[8] = "xxxxxxx";
    ok(sh("printf 0123456789 >src") == 0, "a source file");
    p.src_fd = open(sh_path("src"), O_RDONLY | O_CLOEXEC);
    char mine[] = "abcdef";
    ok(su_plan_write(&p, SU_AREA_BOOT, "mem", 0, mine, 6, &e) == 0 &&
           su_plan_write_src(&p, SU_AREA_ESP, "src", 100, 3, 7, &e) == 0 &&
           su_plan_write_src(&p, SU_AREA_ESP, "long", 200, 3, 8, &e) == 0,
       "steps");
    mine[0] = 'z';
    ok(su_plan_bytes(&p, &p.step[0], 0, b, 6, &e) == 0 && memcmp(b, "abcdef", 6) == 0, "copied when made");
    ok(su_plan_bytes(&p, &p.step[0], 4, b, 2, &e) == 0 && memcmp(b, "ef", 2) == 0, "a part");
    ok(su_plan_bytes(&p, &p.step[1], 1, b, 6, &e) == 0 && memcmp(b, "456789", 6) == 0, "from the file");
    ok(su_plan_bytes(&p, &p.step[0], 6, b, 0, &e) == 0 && su_plan_bytes(&p, &p.step[0], 7, b, 0, &e) < 0, "the end");
    ok(su_plan_bytes(&p, &p.step[0], 5, b, 2, &e) < 0 && strcmp(e.id, "disk.plan.invalid") == 0, "past the end");
    ok(su_plan_bytes(&p, &p.step[1], UINT64_MAX, b, 2, &e) < 0, "a place that wraps");
    ok(su_plan_bytes(&p, &p.step[2], 0, b, 8, &e) < 0 && e.kind == SU_E_IO, "a file that is too short");
    is_str(e.id, "host.read");
    ok(su_plan_total(&p) == 21, "total");
    su_closep(&p.src_fd);
    p.src_fd = -1;
    ok(su_plan_bytes(&p, &p.step[1], 0, b, 1, &e) < 0 && e.os_errno != 0, "no file");
}

static void print(void)
{
    SU_PLAN struct su_plan p = SU_PLAN_INIT;
    struct su_err e = {0};
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    p.size_before = 1024;
    p.size_during = 4096;
    p.size_after = 2048;
    ok(su_plan_write(&p, SU_AREA_TABLE, "primary table", 512, "123456789", 9, &e) == 0 &&
           su_plan_barrier(&p, "all of it", &e) == 0 && su_plan_keep(&p, SU_AREA_BOOT, "gap", 0, 100, &e) == 0,
       "steps");
    ok(su_plan_print(&p, f, &e) == 0, "printed");
    fclose(f);
    static const char want[] = "     grow    from 1024 to 4096 bytes\n"
                               "   1 write            9 bytes at 512            table  primary table crc cbf43926\n"
                               "   2 barrier                                            all of it\n"
                               "   3 keep           100 bytes at 0              boot   gap\n"
                               "     shrink  from 4096 to 2048 bytes\n";
    ok(strcmp(text, want) == 0, "as it should be");
    if (strcmp(text, want) != 0)
        fprintf(stderr, "%s", text);
    free(text);
    f = fopen("/dev/null", "we");
    ok(su_plan_write_src(&p, SU_AREA_FS, "no source", 0, 0, 9, &e) == 0 && su_plan_print(&p, f, &e) < 0, "no source");
    fclose(f);
    for (int i = 0; i < SU_AREAS; i++)
        ok(strcmp(su_area_name((enum su_area)i), "?") != 0, "area %d has a name", i);
    is_str(su_area_name((enum su_area)99), "?");
}

int main(void)
{
    checks();
    sources();
    print();
    return tap_done();
}
