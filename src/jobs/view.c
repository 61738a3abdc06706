/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "jobs/view.h"
#include "jobs/jobs_int.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { REPORT_MAX = 64 << 20 };

static void json_freep(json_t **o)
{
    json_decref(*o);
}
#define JSON SU_AUTO(json_freep)

struct lines {
    const struct su_jobs *jobs; /* borrowed, as id is */
    const char *id;
    json_t *list;
    struct su_batch_vm *vm; /* owned; outcomes alone count */
    size_t n, room;
    unsigned count[SU_VM_OUTCOMES];
    bool failed;
};

static void lines_done(struct lines *l)
{
    json_decref(l->list);
    free(l->vm);
}

static json_t *line_json(const struct lines *l, const struct su_batch_vm *vm)
{
    char name[SU_BATCH_LOG_NAME];
    json_t *o = su_batch_vm_json(vm);
    su_batch_log_name(l->id, vm, name, sizeof name);
    if (o)
        (void)json_object_set_new(o, "log", json_sprintf("%s/log/%s", l->jobs->dir, name));
    return o;
}

static int add_line(void *arg, const struct su_batch_vm *vm)
{
    struct lines *l = arg;
    if (l->n == l->room) {
        size_t room = l->room ? l->room * 2 : 16;
        struct su_batch_vm *more = reallocarray(l->vm, room, sizeof *more);
        l->failed |= !more;
        if (!more)
            return -1;
        l->vm = more;
        l->room = room;
    }
    l->vm[l->n++] = *vm;
    if ((unsigned)vm->outcome < SU_VM_OUTCOMES)
        l->count[vm->outcome]++;
    l->failed |= json_array_append_new(l->list, line_json(l, vm)) < 0;
    return l->failed ? -1 : 0;
}

static json_t *counts_of(const struct lines *l)
{
    json_t *o = json_object();
    for (unsigned i = 0; o && i < SU_VM_OUTCOMES; i++)
        if (l->count[i])
            (void)json_object_set_new(o, su_vm_outcome_name((enum su_vm_outcome)i), json_integer(l->count[i]));
    return o;
}

/* FNV-1a, 64 bits: nobody gains by two views that look alike. */
static int hash_part(const char *part, size_t n, void *arg)
{
    uint64_t *h = arg;
    for (size_t i = 0; i < n; i++)
        *h = (*h ^ (unsigned char)part[i]) * UINT64_C(1099511628211);
    return 0;
}

static int sign(json_t *o, struct su_err *e)
{
    uint64_t h = UINT64_C(14695981039346656037);
    char text[17];
    if (json_dump_callback(o, hash_part, &h, JSON_COMPACT | JSON_SORT_KEYS) < 0)
        return su_fail_nomem(e, 4096);
    snprintf(text, sizeof text, "%016" PRIx64, h);
    return json_object_set_new(o, "change", json_string(text)) < 0 ? su_fail_nomem(e, sizeof text) : 0;
}

int su_jobs_view(struct su_jobs *j, const char *id, json_t **out, struct su_err *e)
{
    struct su_batch b;
    SU_AUTO(lines_done) struct lines l = {.jobs = j, .id = id, .list = json_array()};
    if (!su_batch_id_valid(id))
        return jobs_none(id, e);
    if (su_batch_get(j, id, &b, NULL, e) < 0 || su_batch_vms(j, id, add_line, &l, e) < 0)
        return -1;
    json_t *o JSON = l.list && !l.failed ? su_batch_json(&b) : NULL;
    json_t *status = b.state == SU_BATCH_ENDED ? json_integer(su_batch_status(l.vm, l.n)) : json_null();
    bool good = json_object_set(o, "vms", l.list) == 0;
    good &= json_object_set_new(o, "counts", counts_of(&l)) == 0;
    good &= json_object_set_new(o, "status", status) == 0;
    if (!good)
        return su_fail_nomem(e, 4096);
    if (sign(o, e) < 0)
        return -1;
    *out = su_steal(&o);
    return 0;
}

bool su_batch_id_valid(const char *id)
{
    static const char form[] = "dddddddd-dddddd-xxxx";
    size_t i;
    for (i = 0; form[i]; i++) {
        bool digit = id[i] >= '0' && id[i] <= '9';
        if (form[i] == '-' ? id[i] != '-' : !digit && (form[i] == 'd' || id[i] < 'a' || id[i] > 'f'))
            return false;
    }
    return id[i] == 0;
}

/* Reports are root's own files in root's own directory; a link there is none of ours. */
static int open_file(const char *path, uint64_t *size, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        su_fail(e, SU_E_MISSING, "job.report", "there is no report yet");
        return su_remedy(e, "It is written when the job ends");
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "job.state", "reading %.160s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > REPORT_MAX)
        return su_fail(e, SU_E_FORMAT, "job.state", "%.160s is no report", path);
    *size = (uint64_t)st.st_size;
    int opened = fd;
    fd = -1;
    return opened;
}

static int read_file(const char *path, struct su_buf *out, struct su_err *e)
{
    uint64_t size;
    SU_CLOSE int fd = open_file(path, &size, e);
    if (fd < 0)
        return -1;
    for (uint64_t at = 0; at < size;) {
        char part[4096];
        ssize_t n = pread(fd, part, sizeof part, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return su_fail_os(e, "job.state", "reading %.160s", path);
        if (n == 0)
            break;
        su_buf_add(out, part, (size_t)n);
        at += (uint64_t)n;
    }
    return su_buf_ok(out, e);
}

static int report_path(struct su_jobs *j, const char *id, const char *ending, char *out, size_t cap, struct su_err *e)
{
    struct su_batch b;
    if (!su_batch_id_valid(id))
        return jobs_none(id, e);
    if (su_batch_get(j, id, &b, NULL, e) < 0)
        return -1;
    snprintf(out, cap, "%s/report/%s.%s", j->dir, id, ending);
    return 0;
}

/* What is in the report beside its JSON. */
static int words_of(struct su_jobs *j, const char *id, json_t **out, struct su_err *e)
{
    struct su_buf text SU_BUF = {0};
    char path[sizeof j->dir + 64];
    if (report_path(j, id, "txt", path, sizeof path, e) < 0 || read_file(path, &text, e) < 0)
        return -1;
    json_t *words = json_stringn(su_buf_str(&text), text.n);
    *out = json_pack("{s:s,s:o}", "path", path, "text", words ? words : json_null());
    return *out ? 0 : su_fail_nomem(e, text.n);
}

int su_jobs_report(struct su_jobs *j, const char *id, json_t **out, struct su_err *e)
{
    struct su_buf data SU_BUF = {0};
    char path[sizeof j->dir + 64];
    json_t *o JSON = NULL;
    if (report_path(j, id, "json", path, sizeof path, e) < 0 || read_file(path, &data, e) < 0 ||
        words_of(j, id, &o, e) < 0)
        return -1;
    json_t *report = json_loadb(su_buf_str(&data), data.n, 0, NULL);
    if (json_object_set_new(o, "report", report ? report : json_null()) < 0)
        return su_fail_nomem(e, data.n);
    *out = su_steal(&o);
    return 0;
}

int su_jobs_report_open(struct su_jobs *j, const char *id, struct su_buf *head, int *fd, uint64_t *size,
                        struct su_err *e)
{
    char path[sizeof j->dir + 64];
    uint64_t n;
    json_t *o JSON = NULL;
    if (report_path(j, id, "json", path, sizeof path, e) < 0 || words_of(j, id, &o, e) < 0)
        return -1;
    SU_FREE char *text = json_dumps(o, JSON_COMPACT);
    if (!text)
        return su_fail_nomem(e, 4096);
    su_buf_add(head, text, strlen(text) - 1);
    su_buf_text(head, ",\"report\":");
    if (su_buf_ok(head, e) < 0)
        return -1;
    int opened = open_file(path, &n, e);
    if (opened < 0)
        return -1;
    *fd = opened;
    *size = n;
    return 0;
}
