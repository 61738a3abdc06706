/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rules.h"
#include "os.h"
#include <stdarg.h>
#include <stdio.h>

static const char *const severity_names[] = {
    [SU_OK_NOTE] = "ok", [SU_NOTE] = "note", [SU_WARNING] = "warning", [SU_STOP] = "stop"};

const char *su_severity_name(enum su_severity s)
{
    return s < SU_ARRAY_LEN(severity_names) ? severity_names[s] : "?";
}

void su_verdict_done(struct su_verdict *v)
{
    free(v->finding);
    *v = (struct su_verdict){0};
}

SU_PRINTF(5, 0)
static void add(struct su_verdict *v, enum su_severity s, const char *id, const char *remedy, const char *fmt,
                va_list ap)
{
    if (v->n == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 32;
        struct su_finding *f = realloc(v->finding, cap * sizeof *f);
        if (!f) {
            v->failed = true;
            return;
        }
        v->finding = f;
        v->cap = cap;
    }
    struct su_finding *f = &v->finding[v->n++];
    *f = (struct su_finding){.severity = s, .id = id, .remedy = remedy};
    vsnprintf(f->msg, sizeof f->msg, fmt, ap);
    v->stops += s == SU_STOP;
    v->warnings += s == SU_WARNING;
}

void su_found(struct su_verdict *v, const struct su_rule *row, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(v, row->severity, row->id, row->remedy, fmt, ap);
    va_end(ap);
}

void su_found_as(struct su_verdict *v, enum su_severity s, const char *id, const char *remedy, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(v, s, id, remedy, fmt, ap);
    va_end(ap);
}

/* met: say of rules that found nothing that they hold. */
static void run_table(const struct su_rule *rows, bool met, const struct su_facts *f, struct su_verdict *v)
{
    for (const struct su_rule *r = rows; r->id; r++) {
        size_t before = v->n;
        r->check(f, r, v);
        bool kept = v->n == before;
        if (kept && met)
            su_found_as(v, SU_OK_NOTE, r->id, NULL, "%s", r->title);
        /* without a table nobody knows whose disk it is, and "it has an MBR" is MBR2GPT's first rule */
        bool like_mbr2gpt = f->os == &su_os_windows || f->table == SU_TABLE_NONE;
        for (size_t i = before; like_mbr2gpt && i < v->n; i++) {
            v->finding[i].mbr2gpt = r->mbr2gpt;
            v->finding[i].code = kept ? 0 : r->code;
        }
    }
}

int su_rules_run(const struct su_facts *f, struct su_verdict *out, struct su_err *e)
{
    SU_VERDICT struct su_verdict v = {0};
    if (f->table != SU_TABLE_GPT) /* without a table there is nothing that could be in order */
        run_table(su_rules_table, f->table == SU_TABLE_MBR, f, &v);
    if (f->table == SU_TABLE_MBR && f->mbr.n_problems == 0) { /* else no layout was made, and no volume looked into */
        run_table(su_rules_layout, true, f, &v);
        run_table(su_rules_volume, true, f, &v);
        /* With two systems on the disk there is no saying what either of them needs. */
        for (const struct su_rule *const *t = f->os ? f->os->rules : su_rules_no_os; *t && !f->also; t++)
            run_table(*t, true, f, &v);
    }
    if (v.failed)
        return su_fail_nomem(e, v.cap * sizeof *v.finding);
    *out = v;
    v = (struct su_verdict){0};
    return 0;
}
