/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options that are taken lie in their ranges, and are the same again from what they print; others leave the output as
 * it was. */
#include "jobs/options.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PROMISE(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static void check_text(const char *s, size_t cap)
{
    PROMISE(memchr(s, 0, cap));
    for (; *s; s++)
        PROMISE((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_row(const struct su_job_options *o, const struct su_job_option_row *row)
{
    const char *at = (const char *)o + row->offset;
    uint32_t v;
    switch (row->type) {
    case SU_JOB_SWITCH:
    case SU_JOB_ONOFF:
        PROMISE(*(const uint8_t *)at <= 1);
        return;
    case SU_JOB_NUMBER:
        memcpy(&v, at, sizeof v);
        PROMISE(v >= row->min && v <= row->max);
        return;
    case SU_JOB_WORD:
        memcpy(&v, at, sizeof v);
        PROMISE(v < 4);
        return;
    case SU_JOB_PATH:
        PROMISE(at[0] == 0 || at[0] == '/');
        check_text(at, row->max);
        return;
    case SU_JOB_MAP:
        check_text(at, row->max);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_job_options o, before, again;
    struct su_err e = {0};
    json_auto_t *in = json_loadb((const char *)data, n, JSON_DECODE_ANY, NULL);
    memset(&o, 0x5a, sizeof o);
    before = o;
    if (su_job_options_parse(in, &o, &e) < 0) {
        PROMISE(memcmp(&o, &before, sizeof o) == 0 && e.kind == SU_E_USAGE && e.id && e.msg[0]);
        return 0;
    }
    for (size_t i = 0; i < su_job_option_count; i++)
        check_row(&o, &su_job_option_rows[i]);
    json_auto_t *out = su_job_options_json(&o);
    PROMISE(out && su_job_options_parse(out, &again, &e) == 0 && memcmp(&o, &again, sizeof o) == 0);
    for (unsigned op = 0; op < SU_OP_COUNT; op++)
        PROMISE(su_job_options_fit(&o, (enum su_op)op, &e) == su_job_options_fit(&again, (enum su_op)op, &e));
    return 0;
}
