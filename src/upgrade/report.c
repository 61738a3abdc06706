/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/report.c - the report of a batch as files, for programs and for people.
 *
 * What was found about a VM is kept as text, which is a tenth of what the same JSON takes as a tree.
 *
 *   {"format":"surety-batch-report","version":1,"surety":"0.1.0","written":seconds,"status":0..3,
 *    "counts":{"ok":3,...},"batch":su_batch_json(),"vms":[su_batch_vm_json() with what was found, ...]} */
#include "upgrade/fleet_int.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FOUND_MAX = 48 << 20, FILE_MAX = 64 << 20 /* what jobs/view.h reads */ };

struct su_report {
    char path[512], id[SU_BATCH_ID];
    char *found[SU_BATCH_VMS];   /* owned: JSON objects as text; NULL: nothing */
    char *details[SU_BATCH_VMS]; /* owned: the same for people; NULL: nothing */
    size_t size;                 /* of all found */
};

void su_report_close(struct su_report **rp)
{
    struct su_report *r = su_steal(rp);
    if (!r)
        return;
    for (size_t i = 0; i < SU_BATCH_VMS; i++) {
        free(r->found[i]);
        free(r->details[i]);
    }
    free(r);
}

int su_report_add(struct su_report *r, uint32_t index, const json_t *found, struct su_err *e)
{
    SU_FREE char *details = NULL;
    if (index >= SU_BATCH_VMS)
        return su_fail(e, SU_E_RANGE, "job.none", "there is no VM number %u", index);
    char *text = json_object_size(found) ? json_dumps(found, JSON_COMPACT) : NULL;
    r->size -= r->found[index] ? strlen(r->found[index]) : 0;
    if (text && r->size + strlen(text) > FOUND_MAX) {
        free(text);
        text = strdup("{\"left_out\":true}");
    }
    r->size += text ? strlen(text) : 0;
    free(r->found[index]);
    r->found[index] = text;
    if (!text && json_object_size(found))
        return su_fail_nomem(e, 0);
    if (su_report_details(found, &details, e) < 0)
        return -1;
    free(r->details[index]);
    r->details[index] = su_steal(&details);
    return 0;
}

/* The members that lines have themselves are written anew. */
static void take_over(struct su_report *r, json_t *vm, const json_t *line)
{
    uint32_t index = (uint32_t)json_integer_value(json_object_get(vm, "index"));
    const char *name;
    json_t *value;
    struct su_err ignored;
    if (index >= SU_BATCH_VMS || !json_is_integer(json_object_get(vm, "index")))
        return;
    json_object_foreach((json_t *)line, name, value) json_object_del(vm, name);
    if (su_report_add(r, index, vm, &ignored) < 0) /* less is said about what was before */
        return;
}

static void read_old(struct su_report *r)
{
    static const struct su_batch_vm none;
    char path[600];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s.json", r->path, r->id);
    SU_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        return;
    json_auto_t *old = json_loadfd(fd, 0, NULL), *line = su_batch_vm_json(&none);
    json_t *list = json_object_get(old, "vms");
    for (size_t i = 0; i < json_array_size(list); i++)
        take_over(r, json_array_get(list, i), line);
}

int su_report_open(struct su_jobs *j, const char *id, struct su_report **out, struct su_err *e)
{
    struct su_report *r = calloc(1, sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    snprintf(r->path, sizeof r->path, "%.500s/report", j->dir);
    snprintf(r->id, sizeof r->id, "%s", id);
    read_old(r);
    *out = r;
    return 0;
}

json_t *su_report_counts(const struct su_batch_vm *vms, uint32_t n)
{
    unsigned count[SU_VM_OUTCOMES] = {0};
    json_t *o = json_object();
    for (uint32_t i = 0; i < n; i++)
        count[vms[i].outcome]++;
    for (unsigned i = 0; o && i < SU_VM_OUTCOMES; i++)
        if (count[i] && json_object_set_new(o, su_vm_outcome_name((enum su_vm_outcome)i), json_integer(count[i])) < 0) {
            json_decref(o);
            return NULL;
        }
    return o;
}

/* Two objects as one: the end of the first and the beginning of the second become a comma. */
static void add_vm(struct su_buf *out, const char *line, const char *found)
{
    su_buf_add(out, line, strlen(line) - 1);
    if (found) {
        su_buf_text(out, ",");
        su_buf_text(out, found + 1);
    } else {
        su_buf_text(out, "}");
    }
}

static int build(const struct su_report *r, const struct su_batch *b, const struct su_batch_vm *vms, uint32_t n,
                 struct su_buf *out, struct su_err *e)
{
    json_auto_t *head =
        json_pack("{s:s,s:i,s:s,s:I,s:i,s:o,s:o}", "format", "surety-batch-report", "version", 1, "surety",
                  SURETY_VERSION, "written", (json_int_t)time(NULL), "status", su_batch_status(vms, n), "counts",
                  su_report_counts(vms, n), "batch", su_batch_json(b));
    SU_FREE char *text = head ? json_dumps(head, JSON_COMPACT) : NULL;
    if (!text)
        return su_fail_nomem(e, 0);
    su_buf_add(out, text, strlen(text) - 1);
    su_buf_text(out, ",\"vms\":[");
    for (uint32_t i = 0; i < n; i++) {
        json_auto_t *o = su_batch_vm_json(&vms[i]);
        SU_FREE char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
        if (!line)
            return su_fail_nomem(e, 0);
        su_buf_text(out, i ? ",\n" : "\n");
        add_vm(out, line, r->found[i]);
    }
    su_buf_text(out, "]}\n");
    return su_buf_ok(out, e);
}

static int replace(const struct su_report *r, int dir, const char *ending, struct su_bytes text, struct su_err *e)
{
    char name[64], fresh[64];
    snprintf(name, sizeof name, "%s.%s", r->id, ending);
    snprintf(fresh, sizeof fresh, "%s.%s.new", r->id, ending);
    if (unlinkat(dir, fresh, 0) < 0 && errno != ENOENT)
        return su_fail_os(e, "job.report.write", "removing %s/%s", r->path, fresh);
    SU_CLOSE int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && su_job_write(fd, text) == 0 && renameat(dir, fresh, dir, name) == 0)
        return 0;
    su_fail_os(e, "job.report.write", "writing %s/%s", r->path, name);
    if (fd >= 0 && unlinkat(dir, fresh, 0) < 0) /* the next one removes it */
        return -1;
    return -1;
}

int su_report_write(struct su_report *r, const struct su_batch *b, const struct su_batch_vm *vms, uint32_t n,
                    struct su_err *e)
{
    struct su_buf json SU_BUF = {0}, text SU_BUF = {0};
    if (build(r, b, vms, n, &json, e) < 0 || su_report_text(b, vms, r->details, n, r->path, &text, e) < 0)
        return -1;
    SU_CLOSE int dir = open(r->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return su_fail_os(e, "job.report.write", "opening %s", r->path);
    if (replace(r, dir, "json", su_buf_bytes(&json), e) < 0 || replace(r, dir, "txt", su_buf_bytes(&text), e) < 0)
        return -1;
    return fsync(dir) == 0 ? 0 : su_fail_os(e, "job.report.write", "writing %s", r->path);
}
