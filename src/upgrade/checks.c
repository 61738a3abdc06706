/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the rows, and weighs what they find. */
#include "upgrade/checks.h"
#include "base/clean.h"
#include "upgrade/checks_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const severities[] = {
    [SU_CHECK_OK] = "ok",     [SU_CHECK_NOTE] = "note",       [SU_CHECK_WARNING] = "warning",
    [SU_CHECK_STOP] = "stop", [SU_CHECK_UNKNOWN] = "unknown",
};
static const char *const sources[] = {
    [SU_FROM_XML] = "domain XML",      [SU_FROM_HOST] = "host",       [SU_FROM_DISK] = "disk",
    [SU_FROM_AGENT] = "guest agent",   [SU_FROM_LIBVIRT] = "libvirt", [SU_FROM_OS_TABLE] = "OS table",
    [SU_FROM_NOTHING] = "not checked",
};
_Static_assert(SU_ARRAY_LEN(sources) == SU_CHECK_SOURCES, "a source without a name");

const char *su_check_severity_name(enum su_check_severity s)
{
    return (size_t)s < SU_ARRAY_LEN(severities) ? severities[s] : "?";
}

const char *su_check_source_name(enum su_check_source s)
{
    return (size_t)s < SU_ARRAY_LEN(sources) ? sources[s] : "?";
}

const struct su_check *const su_check_tables[] = {
    su_checks_vm,    su_checks_host,    su_checks_devices,  su_checks_disk,
    su_checks_guest, su_checks_windows, su_checks_practice, NULL,
};

static void count(struct su_check_verdict *v, enum su_check_severity s, int by)
{
    v->stops += (unsigned)((s == SU_CHECK_STOP) * by);
    v->warnings += (unsigned)((s == SU_CHECK_WARNING) * by);
    v->unknowns += (unsigned)((s == SU_CHECK_UNKNOWN) * by);
}

/* Where the next finding goes; when all places are taken, what stops takes that of the last one that does not. */
static struct su_check_finding *place(struct su_check_verdict *v, enum su_check_severity s)
{
    if (v->n < SU_CHECK_FINDINGS)
        return &v->finding[v->n++];
    v->full = true;
    for (unsigned i = v->n; s == SU_CHECK_STOP && i-- > 0;) {
        if (v->finding[i].severity == SU_CHECK_STOP)
            continue;
        count(v, v->finding[i].severity, -1);
        return &v->finding[i];
    }
    return NULL;
}

static struct su_check_finding *add(struct su_check_verdict *v, enum su_check_severity s, enum su_check_source source)
{
    if (s == SU_CHECK_UNKNOWN && v->at_rest)
        s = SU_CHECK_STOP;
    struct su_check_finding *f = place(v, s);
    if (!f)
        return NULL;
    *f = (struct su_check_finding){.severity = s, .source = source};
    count(v, s, 1);
    return f;
}

SU_PRINTF(4, 0)
static void add_row(struct su_check_verdict *v, const struct su_check *row, enum su_check_severity s, const char *fmt,
                    va_list ap)
{
    char text[sizeof v->finding[0].text];
    struct su_check_finding *f = add(v, s, row->source);
    if (!f)
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    su_clean(f->text, sizeof f->text, text);
    f->id = row->id;
    if (s != SU_CHECK_OK)
        su_clean(f->remedy, sizeof f->remedy, row->remedy);
}

void su_check_found(struct su_check_verdict *v, const struct su_check *row, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_row(v, row, row->severity, fmt, ap);
    va_end(ap);
}

void su_check_found_as(struct su_check_verdict *v, const struct su_check *row, enum su_check_severity s,
                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_row(v, row, s, fmt, ap);
    va_end(ap);
}

static bool said(const struct su_check_verdict *v, const struct su_check_said *s)
{
    for (unsigned i = 0; i < v->n; i++)
        if (strcmp(v->finding[i].id, s->id) == 0 && strcmp(v->finding[i].text, s->text) == 0)
            return true;
    return false;
}

void su_check_say(struct su_check_verdict *v, const struct su_check_said *s)
{
    struct su_check_finding *f = said(v, s) ? NULL : add(v, s->severity, s->source);
    v->quiet = true; /* the row is not said to be met beside it */
    if (!f)
        return;
    su_clean(f->own_id, sizeof f->own_id, s->id);
    f->id = f->own_id;
    su_clean(f->text, sizeof f->text, s->text);
    su_clean(f->remedy, sizeof f->remedy, s->remedy);
}

bool su_check_skip(struct su_check_verdict *v, bool not_for_this_vm)
{
    v->quiet = v->quiet || not_for_this_vm;
    return not_for_this_vm;
}

static void run_row(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    unsigned before = v->n;
    bool full = v->full;
    v->quiet = row->source == SU_FROM_NOTHING;
    row->test(f, row, v);
    if (v->n != before || v->full != full || v->quiet)
        return;
    struct su_check_finding *ok = add(v, SU_CHECK_OK, row->source);
    if (ok) {
        ok->id = row->id;
        su_clean(ok->text, sizeof ok->text, row->good);
    }
}

/* Of a VM that is Trusted Launch already only that is said; at rest advice comes too late. */
void su_checks_run(const struct su_vm_facts *f, bool before, struct su_check_verdict *out)
{
    memset(out, 0, offsetof(struct su_check_verdict, finding));
    out->at_rest = !before;
    out->already = f->same_already;
    if (f->same_already) {
        run_row(f, &su_check_already, out);
        return;
    }
    for (const struct su_check *const *t = su_check_tables; *t; t++)
        for (const struct su_check *row = *t; row->id; row++)
            if (before || row->source != SU_FROM_NOTHING)
                run_row(f, row, out);
}
