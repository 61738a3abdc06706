/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/report_text.c - the report for people: a table, and what happened to each VM that is not well. */
#include "base/clean.h"
#include "upgrade/fleet_int.h"
#include <string.h>
#include <time.h>

enum { NAME_MAX_WIDTH = 40 };

/* Columns on a terminal; wide characters count as one. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void column(struct su_buf *out, const char *text, size_t wide)
{
    su_buf_text(out, text);
    for (size_t n = width(text); n < wide; n++)
        su_buf_text(out, " ");
    su_buf_text(out, "  ");
}

static void when(struct su_buf *out, const char *what, uint64_t seconds)
{
    char text[40];
    time_t t = (time_t)seconds;
    struct tm tm;
    if (seconds && gmtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm))
        su_buf_printf(out, "%s%s\n", what, text);
}

static void took(const struct su_batch_vm *vm, char *out, size_t cap)
{
    uint64_t ms = vm->ended_ms > vm->started_ms ? vm->ended_ms - vm->started_ms : 0;
    if (vm->ended_ms && vm->started_ms)
        snprintf(out, cap, "%llu.%llu s", (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
    else
        snprintf(out, cap, "-");
}

static void head(const struct su_batch *b, const struct su_batch_vm *vms, uint32_t n, struct su_buf *out)
{
    su_buf_printf(out, "Batch %s: %s of %u VM%s on %s\n", b->id, su_op_name(b->op), n, n == 1 ? "" : "s",
                  b->connect[0] ? b->connect : "qemu:///system");
    su_buf_printf(out, "asked for by: %s\n", b->origin);
    when(out, "began:  ", b->started);
    when(out, "ended:  ", b->ended);
    if (b->state != SU_BATCH_ENDED)
        su_buf_text(out, "It has not ended: what follows is how far it was when this was written.\n");
    if (b->cancelled)
        su_buf_text(out, "It was cancelled.\n");
    json_auto_t *counts = su_report_counts(vms, n);
    const char *name;
    json_t *value;
    json_object_foreach(counts, name, value)
        su_buf_printf(out, "%s: %lld\n", name, (long long)json_integer_value(value));
    su_buf_text(out, "\n");
}

static void table(const struct su_batch_vm *vms, uint32_t n, struct su_buf *out)
{
    size_t wide = 4;
    char time[32];
    for (uint32_t i = 0; i < n; i++) {
        size_t w = width(vms[i].name);
        wide = w > wide ? w : wide;
    }
    wide = wide < NAME_MAX_WIDTH ? wide : NAME_MAX_WIDTH;
    column(out, "NAME", wide);
    su_buf_text(out, "OUTCOME  TIME      SUMMARY\n");
    for (uint32_t i = 0; i < n; i++) {
        column(out, vms[i].name, wide);
        column(out, su_vm_outcome_name(vms[i].outcome), 7);
        took(&vms[i], time, sizeof time);
        column(out, time, 8);
        su_buf_printf(out, "%s\n", vms[i].summary[0] ? vms[i].summary : vms[i].text);
    }
}

/* Text of ours that holds a guest's: no control characters reach a terminal. */
static void sentence(struct su_buf *out, const char *before, const json_t *text)
{
    char clean[480];
    if (!json_is_string(text) || json_string_length(text) == 0)
        return;
    su_clean(clean, sizeof clean, json_string_value(text));
    su_buf_printf(out, "%s%s\n", before, clean);
}

static void findings(struct su_buf *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *f = json_array_get(list, i);
        const char *severity = json_string_value(json_object_get(f, "severity"));
        if (!severity || (strcmp(severity, "stop") != 0 && strcmp(severity, "warning") != 0))
            continue;
        sentence(out, strcmp(severity, "stop") == 0 ? "  stop     " : "  warning  ", json_object_get(f, "message"));
        sentence(out, "           ", json_object_get(f, "remedy"));
    }
}

static void rows(struct su_buf *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *f = json_array_get(list, i);
        const char *proof = json_string_value(json_object_get(f, "proof"));
        if (proof && strcmp(proof, "no") == 0)
            sentence(out, "  not so:  ", json_object_get(f, "text"));
        else if (proof && strcmp(proof, "open") == 0)
            sentence(out, "  open:    ", json_object_get(f, "text"));
    }
}

static void steps(struct su_buf *out, json_t *times)
{
    const char *name;
    json_t *us;
    if (json_object_size(times) == 0)
        return;
    su_buf_text(out, "  steps:  ");
    json_object_foreach(times, name, us)
    {
        char clean[40];
        su_clean(clean, sizeof clean, name);
        su_buf_printf(out, " %s %.2f s", clean, (double)json_integer_value(us) / 1e6);
    }
    su_buf_text(out, "\n");
}

int su_report_details(const json_t *found, char **out, struct su_err *e)
{
    struct su_buf text SU_BUF = {0};
    const json_t *checks = json_object_get(found, "checks_at_rest");
    findings(&text, json_object_get(checks ? checks : json_object_get(found, "checks"), "findings"));
    rows(&text, json_object_get(json_object_get(found, "verified"), "rows"));
    steps(&text, json_object_get(found, "step_us"));
    if (su_buf_ok(&text, e) < 0)
        return -1;
    *out = (char *)su_steal(&text.p);
    return 0;
}

static void one(struct su_buf *out, const struct su_batch *b, const struct su_batch_vm *vm, const char *details,
                const char *dir)
{
    static const char *const means[SU_VM_OUTCOMES] = {
        [SU_VM_STOPPED] = "a check stopped it, and nothing was changed",
        [SU_VM_FAILED] = "it failed, and is as before",
        [SU_VM_STUCK] = "it failed, and could not be brought back yet: do not start it before this is done",
        [SU_VM_SKIPPED] = "its turn did not come",
    };
    char log[SU_BATCH_LOG_NAME];
    su_batch_log_name(b->id, vm, log, sizeof log);
    su_buf_printf(out, "\n%s: %s\n", vm->name, means[vm->outcome] ? means[vm->outcome] : vm->summary);
    if (vm->text[0])
        su_buf_printf(out, "  what:    %s [%s]\n", vm->text, vm->id);
    if (vm->remedy[0])
        su_buf_printf(out, "  do:      %s\n", vm->remedy);
    if (details)
        su_buf_text(out, details);
    if (vm->outcome != SU_VM_SKIPPED)
        su_buf_printf(out, "  log:     %.*s/log/%s\n", (int)(strlen(dir) - strlen("/report")), dir, log);
}

int su_report_text(const struct su_batch *b, const struct su_batch_vm *vms, char *const *details, uint32_t n,
                   const char *dir, struct su_buf *out, struct su_err *e)
{
    head(b, vms, n, out);
    table(vms, n, out);
    for (uint32_t i = 0; i < n; i++) {
        enum su_vm_outcome o = vms[i].outcome;
        if (su_vm_outcome_final(o) && ((o != SU_VM_OK && o != SU_VM_ALREADY) || details[i]))
            one(out, b, &vms[i], details[i], dir);
    }
    return su_buf_ok(out, e);
}
