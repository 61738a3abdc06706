/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration file: taken whole, or refused with a line and nothing changed. */
#include "must.h"
#include "base/conf.h"
#include <string.h>

static const char *const words[] = {"red", "green", NULL};
struct sample {
    char name[8], colour[8];
    bool on;
    uint32_t n, time;
};
#define AT(f) .offset = offsetof(struct sample, f)
static const struct su_conf_row rows[] = {
    {.section = "a", .key = "name", AT(name), .size = 8, .value = "def"},
    {.section = "a", .key = "colour", AT(colour), .size = 8, .value = "red", .words = words},
    {.section = "b", .key = "on", .type = SU_CONF_BOOL, AT(on), .value = "no"},
    {.section = "b", .key = "n", .type = SU_CONF_UINT, AT(n), .value = "5", .min = 1, .max = 9},
    {.section = "b", .key = "time", .type = SU_CONF_SECONDS, AT(time), .value = "12h"},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sample s, mark;
    struct su_err e = {0};
    memset(&s, 0x5a, sizeof s);
    memset(&mark, 0x5a, sizeof mark);
    if (su_conf_parse(rows, SU_ARRAY_LEN(rows), (struct su_bytes){data, n}, "f", &s, sizeof s, &e) < 0) {
        MUST(memcmp(&s, &mark, sizeof s) == 0);
        MUST(e.id && !strncmp(e.id, "conf.", 5) && memchr(e.msg, 0, sizeof e.msg));
        return 0;
    }
    MUST(memchr(s.name, 0, sizeof s.name) && s.n >= 1 && s.n <= 9);
    MUST(!strcmp(s.colour, "red") || !strcmp(s.colour, "green"));
    for (const char *p = s.name; *p; p++)
        MUST((unsigned char)*p >= ' ' || *p == '\t');
    return 0;
}
