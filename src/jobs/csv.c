/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/csv.c - lists of VMs as CSV, in the form of Azure's upgrade script; pure. */
#include "base/clean.h"
#include "jobs_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIELDS = 16, FIELD = 256 };
enum column { NAME, GROUP, SECURE_BOOT, COLUMNS };
static const char *const columns[COLUMNS] = {"vmName", "vmResourceGroupName", "enableSecureBoot"};

struct csv {
    const char *p, *end;
    const char *file;
    unsigned line, record; /* the line where reading is, and where the record began; from 1 */
    char field[FIELDS][FIELD];
    unsigned n;            /* fields of the record */
    int8_t column[FIELDS]; /* of the header's fields: enum column */
    unsigned n_columns;
    struct su_batch_vm *vm;
    unsigned *vm_line; /* beside vm */
    size_t n_vms, cap;
};

static int SU_PRINTF(3, 4) bad(const struct csv *c, struct su_err *e, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    su_fail(e, SU_E_FORMAT, "job.csv", "%s, line %u: %s", c->file, c->record, text);
    return su_remedy(e, "The file's first line is vmName,vmResourceGroupName,enableSecureBoot, and then one line a VM");
}

static int put(struct csv *c, size_t *n, char ch, struct su_err *e)
{
    if ((unsigned char)ch < 0x20 || ch == 0x7f)
        return bad(c, e, "a control character in a field");
    if (*n + 1 >= FIELD)
        return bad(c, e, "a field is too long");
    c->field[c->n][(*n)++] = ch;
    return 0;
}

static bool at_end(const struct csv *c)
{
    return c->p == c->end || *c->p == '\n' || (*c->p == '\r' && (c->p + 1 == c->end || c->p[1] == '\n'));
}

static void pass_blanks(struct csv *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
        c->p++;
}

/* Behind the opening quote, to behind the closing one. */
static int read_quoted(struct csv *c, size_t *n, struct su_err *e)
{
    for (; c->p < c->end; c->p++) {
        if (*c->p == '"' && (c->p + 1 == c->end || c->p[1] != '"'))
            break;
        c->p += *c->p == '"'; /* two of them are one */
        if (put(c, n, *c->p, e) < 0)
            return -1;
    }
    if (c->p == c->end)
        return bad(c, e, "a quote is not closed");
    c->p++;
    return 0;
}

static int read_field(struct csv *c, struct su_err *e)
{
    size_t n = 0;
    pass_blanks(c);
    if (c->p < c->end && *c->p == '"') {
        c->p++;
        if (read_quoted(c, &n, e) < 0)
            return -1;
        pass_blanks(c);
        if (!at_end(c) && *c->p != ',')
            return bad(c, e, "text behind a closing quote");
    } else {
        for (; !at_end(c) && *c->p != ','; c->p++) {
            if (*c->p == '"')
                return bad(c, e, "a quote inside a field");
            if (put(c, &n, *c->p == '\t' ? ' ' : *c->p, e) < 0)
                return -1;
        }
        while (n > 0 && c->field[c->n][n - 1] == ' ')
            n--;
    }
    c->field[c->n++][n] = 0;
    return 0;
}

/* The next record that is not empty; c->n 0: there is none. */
static int read_record(struct csv *c, struct su_err *e)
{
    c->n = 0;
    for (; c->p < c->end; c->line++) {
        c->record = c->line;
        c->n = 0;
        for (;;) {
            if (c->n == FIELDS)
                return bad(c, e, "too many fields");
            if (read_field(c, e) < 0)
                return -1;
            if (at_end(c))
                break;
            c->p++; /* the comma */
        }
        if (c->p < c->end && *c->p == '\r')
            c->p++;
        if (c->p < c->end)
            c->p++;
        if (c->n > 1 || c->field[0][0]) {
            c->line++;
            return 0;
        }
    }
    c->n = 0;
    return 0;
}

static int read_header(struct csv *c, struct su_err *e)
{
    unsigned seen = 0;
    if (read_record(c, e) < 0)
        return -1;
    if (c->n == 0)
        return bad(c, e, "the file is empty");
    for (unsigned i = 0; i < c->n; i++) {
        int k = 0;
        while (k < COLUMNS && strcasecmp(columns[k], c->field[i]) != 0)
            k++;
        if (k == COLUMNS)
            return bad(c, e, "there is no column \"%s\"", c->field[i]);
        if (seen >> k & 1)
            return bad(c, e, "column %s is there twice", columns[k]);
        seen |= 1U << k;
        c->column[i] = (int8_t)k;
    }
    if (!(seen >> NAME & 1))
        return bad(c, e, "column %s is missing", columns[NAME]);
    c->n_columns = c->n;
    return 0;
}

static int take_secure_boot(const struct csv *c, const char *s, int8_t *out, struct su_err *e)
{
    if (*s && strcasecmp(s, "true") != 0 && strcasecmp(s, "false") != 0)
        return bad(c, e, "enableSecureBoot is \"%s\", and neither true nor false", s);
    *out = strcasecmp(s, "false") != 0;
    return 0;
}

static int room(struct csv *c, struct su_err *e)
{
    if (c->n_vms < c->cap)
        return 0;
    if (c->n_vms == SU_BATCH_VMS)
        return su_fail(e, SU_E_RANGE, "job.csv-size", "%s has more than %d VMs", c->file, SU_BATCH_VMS);
    size_t cap = c->cap ? c->cap * 2 : 16;
    void *vm = realloc(c->vm, cap * sizeof *c->vm);
    if (!vm)
        return su_fail_nomem(e, cap * sizeof *c->vm);
    c->vm = vm;
    void *line = realloc(c->vm_line, cap * sizeof *c->vm_line);
    if (!line)
        return su_fail_nomem(e, cap * sizeof *c->vm_line);
    c->vm_line = line;
    c->cap = cap;
    return 0;
}

static int take_record(struct csv *c, struct su_err *e)
{
    struct su_batch_vm vm = {.secure_boot = 1};
    if (c->n > c->n_columns)
        return bad(c, e, "more fields than the header has");
    for (unsigned i = 0; i < c->n; i++) {
        char *text = c->column[i] == NAME ? vm.name : vm.group;
        if (c->column[i] == SECURE_BOOT && take_secure_boot(c, c->field[i], &vm.secure_boot, e) < 0)
            return -1;
        if (c->column[i] != SECURE_BOOT)
            su_clean(text, SU_BATCH_NAME, c->field[i]);
        if (c->column[i] != SECURE_BOOT && strcmp(text, c->field[i]) != 0)
            return bad(c, e, "%s is no UTF-8, or has characters that are not seen", columns[c->column[i]]);
    }
    if (!vm.name[0])
        return bad(c, e, "%s is empty", columns[NAME]);
    if (room(c, e) < 0)
        return -1;
    vm.index = (uint32_t)c->n_vms;
    c->vm_line[c->n_vms] = c->record;
    c->vm[c->n_vms++] = vm;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct su_batch_vm *x = *(const struct su_batch_vm *const *)a, *y = *(const struct su_batch_vm *const *)b;
    int r = strcmp(x->name, y->name);
    return r ? r : (x > y) - (x < y);
}

static int check_twice(const struct csv *c, struct su_err *e)
{
    SU_FREE const struct su_batch_vm **sorted = calloc(c->n_vms + 1, sizeof(void *));
    if (!sorted)
        return su_fail_nomem(e, c->n_vms * sizeof(void *));
    for (size_t i = 0; i < c->n_vms; i++)
        sorted[i] = &c->vm[i];
    qsort(sorted, c->n_vms, sizeof(void *), by_name);
    for (size_t i = 1; i < c->n_vms; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return su_fail(e, SU_E_FORMAT, "job.csv", "%s, lines %u and %u: VM %.100s is there twice", c->file,
                           c->vm_line[sorted[i - 1] - c->vm], c->vm_line[sorted[i] - c->vm], sorted[i]->name);
    return 0;
}

static void csv_done(struct csv *c)
{
    free(c->vm);
    free(c->vm_line);
}

int su_batch_csv(struct su_bytes text, const char *name, struct su_batch_vm **vms, size_t *n, struct su_err *e)
{
    struct csv c SU_AUTO(csv_done) = {.p = (const char *)text.p, .file = name, .line = 1, .record = 1};
    if (text.n > SU_CSV_BYTES)
        return su_fail(e, SU_E_RANGE, "job.csv-size", "%s is larger than %d bytes", name, SU_CSV_BYTES);
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        su_skip(&text, 3);
    c.p = (const char *)text.p;
    c.end = c.p + text.n;
    if (read_header(&c, e) < 0)
        return -1;
    for (;;) {
        if (read_record(&c, e) < 0)
            return -1;
        if (c.n == 0)
            break;
        if (take_record(&c, e) < 0)
            return -1;
    }
    if (c.n_vms == 0)
        return bad(&c, e, "there is no VM in it");
    if (check_twice(&c, e) < 0)
        return -1;
    *vms = su_steal(&c.vm);
    *n = c.n_vms;
    return 0;
}
