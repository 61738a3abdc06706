/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directories of benefits. */
#include "base/clean.h"
#include "base/conf.h"
#include "benefit/benefit.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 16 << 10, NAMES_MAX = 256 };

static void problem(struct su_benefits *b, const struct su_err *e)
{
    if (b->n_problems == SU_ARRAY_LEN(b->problem))
        return;
    struct su_benefit_problem *p = &b->problem[b->n_problems++];
    snprintf(p->id, sizeof p->id, "%s", e->id);
    su_clean(p->text, sizeof p->text, e->msg); /* names of files are any bytes */
}

static int slurp(int dir, const char *name, char *buf, size_t *n, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "benefit.file", "%s", name);
    if (!S_ISREG(st.st_mode))
        return su_fail(e, SU_E_FORMAT, "benefit.file", "%s is no file", name);
    ssize_t got = read(fd, buf, FILE_MAX + 1);
    if (got < 0)
        return su_fail_os(e, "benefit.file", "%s", name);
    if (got > FILE_MAX)
        return su_fail(e, SU_E_RANGE, "benefit.file", "%s is larger than %d bytes", name, FILE_MAX);
    *n = (size_t)got;
    return 0;
}

/* Where it stands, or would. */
static size_t place(const struct su_benefits *b, const char *id)
{
    size_t at = 0;
    while (at < b->n && strcmp(b->row[at].id, id) < 0)
        at++;
    return at;
}

static int put(struct su_benefits *b, const struct su_benefit *row, bool off, struct su_err *e)
{
    size_t at = place(b, row->id);
    bool there = at < b->n && strcmp(b->row[at].id, row->id) == 0;
    if (off) {
        if (there)
            memmove(&b->row[at], &b->row[at + 1], (--b->n - at) * sizeof b->row[0]);
        return 0;
    }
    if (!there && b->n == SU_BENEFITS_MAX)
        return su_fail(e, SU_E_RANGE, "benefit.file", "%s: there are more than %d benefits", row->id, SU_BENEFITS_MAX);
    if (!there)
        memmove(&b->row[at + 1], &b->row[at], (b->n++ - at) * sizeof b->row[0]);
    b->row[at] = *row;
    return 0;
}

static int read_one(struct su_benefits *b, int dir, const char *name, bool own, struct su_err *e)
{
    char id[SU_BENEFIT_ID + 1];
    struct su_benefit row;
    bool off;
    size_t n = 0;
    char *buf SU_FREE = malloc(FILE_MAX + 1);
    snprintf(id, sizeof id, "%.*s", (int)(strlen(name) - 5), name);
    if (!buf)
        return su_fail_nomem(e, FILE_MAX);
    if (slurp(dir, name, buf, &n, e) < 0 ||
        su_benefit_parse(id, (struct su_bytes){(const uint8_t *)buf, n}, name, &row, &off, e) < 0)
        return -1;
    row.own = own;
    return put(b, &row, off, e);
}

static int is_conf(const struct dirent *f)
{
    size_t n = strlen(f->d_name);
    return f->d_name[0] != '.' && n > 5 && strcmp(f->d_name + n - 5, ".conf") == 0;
}

static void read_dir(struct su_benefits *b, const char *path, bool own)
{
    struct dirent **names = NULL;
    struct su_err e = {0};
    SU_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int n = dir < 0 ? -1 : scandirat(dir, ".", &names, is_conf, alphasort);
    if (n < 0 && errno != ENOENT) {
        (void)su_fail_os(&e, "benefit.file", "%.160s", path);
        problem(b, &e);
    }
    if (n > NAMES_MAX) {
        (void)su_fail(&e, SU_E_RANGE, "benefit.file", "%.160s: more than %d files; those behind do not count", path,
                      NAMES_MAX);
        problem(b, &e);
    }
    for (int i = 0; i < n; i++) {
        if (i < NAMES_MAX && read_one(b, dir, names[i]->d_name, own, &e) < 0)
            problem(b, &e);
        free(names[i]);
    }
    free(names);
}

void su_benefits_load(const char *shipped, const char *own, struct su_benefits *out)
{
    memset(out, 0, sizeof *out);
    read_dir(out, shipped, false);
    read_dir(out, own, true);
}

const struct su_benefit *su_benefits_find(const struct su_benefits *b, const char *id)
{
    size_t at = place(b, id);
    return at < b->n && strcmp(b->row[at].id, id) == 0 ? &b->row[at] : NULL;
}
