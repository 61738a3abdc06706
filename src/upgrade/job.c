/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every operation shares: a VM's job begins and ends, says how far it is, and keeps its record and files. */
#include "base/clean.h"
#include "upgrade/job_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static uint64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Saying how far it is ------------------------------------------------------- */

/* One event is one line, whatever a guest's text holds. */
void su_job_log(struct su_job *job, const char *step, const char *fmt, ...)
{
    char when[32], text[1024];
    struct tm tm;
    time_t now = time(NULL);
    va_list ap;
    if (!job->log)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    su_clean(text, sizeof text, text);
    if (!gmtime_r(&now, &tm) || strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        when[0] = 0;
    fprintf(job->log, "%s %s %s\n", when, step, text);
    fflush(job->log);
}

void su_job_report(struct su_job *job, const char *member, json_t *value)
{
    if (!job->report)
        job->report = json_object();
    (void)json_object_set_new(job->report, member, value ? value : json_null());
}

bool su_job_cancelled(const struct su_job *job)
{
    return job->cancelled && job->cancelled(job->arg);
}

int su_job_progress(struct su_job *job, const char *step, unsigned percent, struct su_err *e)
{
    snprintf(job->vm.step, sizeof job->vm.step, "%s", step);
    job->vm.percent = (uint8_t)percent;
    return su_batch_vm_put(job->jobs, job->batch.id, &job->vm, e);
}

void su_err_keep(const struct su_err *why, struct su_err_text *out)
{
    snprintf(out->id, sizeof out->id, "%s", why->id ? why->id : "");
    su_clean(out->text, sizeof out->text, why->msg);
    su_clean(out->remedy, sizeof out->remedy, why->remedy);
}

int su_job_begin(struct su_job *job, struct su_err *e)
{
    job->vm.outcome = SU_VM_WORKING;
    if (!job->vm.started_ms)
        job->vm.started_ms = wall_ms();
    if (!job->report)
        job->report = json_object();
    su_job_log(job, "begin", "%s of %s, batch %s", su_op_name(job->batch.op), job->vm.name, job->batch.id);
    if (job->batch.op == SU_OP_ASSESS) /* is over before anybody could look; a thousand of them need not be written */
        return 0;
    return su_job_progress(job, su_state_table[SU_VM_CHECKED].step, 0, e);
}

int su_job_end(struct su_job *job, enum su_vm_outcome o, const struct su_err_text *why, const char *summary,
               struct su_err *e)
{
    static const struct su_err_text none = {"", "", ""};
    struct su_batch_vm *vm = &job->vm;
    if (!why)
        why = &none;
    vm->outcome = o;
    vm->percent = 100;
    vm->ended_ms = wall_ms();
    snprintf(vm->id, sizeof vm->id, "%s", why->id);
    su_clean(vm->text, sizeof vm->text, why->text);
    su_clean(vm->remedy, sizeof vm->remedy, why->remedy);
    su_clean(vm->summary, sizeof vm->summary, summary);
    su_job_log(job, "end", "%s: %s%s%s%s%s", su_vm_outcome_name(o), vm->summary, why->id[0] ? " [" : "", why->id,
               why->id[0] ? "] " : "", vm->text);
    if (!job->report)
        job->report = json_object();
    return su_batch_vm_put(job->jobs, job->batch.id, vm, e);
}

int su_job_fail(struct su_job *job, const struct su_err *why, struct su_err *e)
{
    struct su_err_text text;
    su_err_keep(why, &text);
    return su_job_end(job, SU_VM_FAILED, &text, "failed; nothing was changed", e);
}

/* Files ---------------------------------------------------------------------- */

static int open_dir(const struct su_run *r, struct su_err *e)
{
    int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void)su_fail_os(e, "vm.dir", "opening %s", r->dir);
    return fd;
}

int su_job_write(int fd, struct su_bytes b)
{
    while (b.n) {
        ssize_t n = write(fd, b.p, b.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        b.p += n;
        b.n -= (size_t)n;
    }
    return fsync(fd);
}

int su_run_put_file(const struct su_run *r, const char *name, struct su_bytes b, struct su_err *e)
{
    char tmp[64];
    SU_CLOSE int dir = open_dir(r, e);
    if (dir < 0)
        return -1;
    snprintf(tmp, sizeof tmp, "%s.new", name);
    (void)unlinkat(dir, tmp, 0);
    SU_CLOSE int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && su_job_write(fd, b) == 0 && renameat(dir, tmp, dir, name) == 0 && fsync(dir) == 0)
        return 0;
    (void)su_fail_os(e, "vm.dir", "writing %s/%s", r->dir, name);
    (void)unlinkat(dir, tmp, 0);
    return -1;
}

int su_run_get_file(const struct su_run *r, const char *name, struct su_buf *out, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int dir = open_dir(r, e);
    if (dir < 0)
        return -1;
    SU_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "vm.dir", "reading %s/%s", r->dir, name);
    if (!S_ISREG(st.st_mode) || st.st_size > SU_DOMAIN_XML)
        return su_fail(e, SU_E_FORMAT, "vm.dir", "%s/%s is no file of surety's", r->dir, name);
    size_t want = (size_t)st.st_size, have = 0;
    uint8_t *p = su_buf_room(out, want);
    if (!p)
        return su_fail_nomem(e, want);
    while (have < want) {
        ssize_t n = pread(fd, p + have, want - have, (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return su_fail_os(e, "vm.dir", "reading %s/%s", r->dir, name);
        have += (size_t)n;
    }
    return 0;
}

bool su_run_has_file(const struct su_run *r, const char *name)
{
    struct su_err ignored = {0};
    SU_CLOSE int dir = open_dir(r, &ignored);
    return dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int su_run_rename_file(const struct su_run *r, const char *from, const char *to, struct su_err *e)
{
    SU_CLOSE int dir = open_dir(r, e);
    if (dir < 0)
        return -1;
    if (renameat(dir, from, dir, to) < 0 || fsync(dir) < 0)
        return su_fail_os(e, "vm.dir", "renaming %s/%s", r->dir, from);
    return 0;
}

void su_run_drop_file(const struct su_run *r, const char *name)
{
    struct su_err ignored = {0};
    SU_CLOSE int dir = open_dir(r, &ignored);
    if (dir >= 0 && unlinkat(dir, name, 0) == 0)
        (void)fsync(dir);
}

/* Records and locks ---------------------------------------------------------- */

int su_run_save(struct su_run *r, struct su_err *e)
{
    r->rec.changed = wall_ms() / 1000;
    r->kept = true;
    return su_record_put(r->job->jobs, &r->rec, &r->revision, e);
}

int su_run_move(struct su_run *r, enum su_vm_state to, struct su_err *e)
{
    return su_record_move(&r->rec, to, e) < 0 ? -1 : su_run_save(r, e);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int su_run_lock_disks(struct su_run *r, struct su_err *e)
{
    const char *key[SU_DOM_DISKS + 1];
    size_t n = 0;
    if (r->n_locks)
        return 0;
    for (uint32_t i = 0; i < r->rec.restore.n_disks && i < SU_DOM_DISKS; i++)
        key[n++] = r->rec.restore.disk[i].key;
    key[n++] = r->rec.boot_key;
    qsort(key, n, sizeof key[0], by_text);
    for (size_t i = 0; i < n; i++) {
        if (!key[i][0] || (i && strcmp(key[i], key[i - 1]) == 0))
            continue;
        if (su_disk_lock(r->job->jobs, key[i], &r->disk_lock[r->n_locks], e) < 0)
            return -1;
        r->n_locks++;
    }
    return 0;
}

static int no_vm(const struct su_run *r, struct su_err *e)
{
    return su_fail(e, SU_E_MISSING, "vm.none", "there is no VM %s", r->job->vm.name);
}

static int find_vm(struct su_run *r, struct su_err *e)
{
    struct su_batch_vm *vm = &r->job->vm;
    const char *name = vm->uuid[0] ? vm->uuid : vm->name;
    struct su_err why = {0};
    if (su_hv_find(r->job->hv, name, &r->vm, &why) == 0) {
        snprintf(vm->uuid, sizeof vm->uuid, "%s", r->vm.uuid);
        snprintf(vm->name, sizeof vm->name, "%s", r->vm.name);
        return 0;
    }
    if (why.kind != SU_E_MISSING || !vm->uuid[0]) {
        *e = why;
        return -1;
    }
    r->gone = true; /* perhaps with a record: then there is work left on its disk */
    return 0;
}

static int load_record(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    if (su_record_get(r->job->jobs, r->job->vm.uuid, &r->rec, &r->revision, &why) == 0) {
        r->kept = true;
        return 0;
    }
    if (why.kind == SU_E_MISSING && !r->gone)
        return 0;
    *e = why;
    return why.kind == SU_E_MISSING ? no_vm(r, e) : -1;
}

struct su_run *su_run_new(struct su_job *job, struct su_err *e)
{
    struct su_run *r = calloc(1, sizeof *r);
    if (!r) {
        su_fail_nomem(e, sizeof *r);
        return NULL;
    }
    r->job = job;
    r->vm_lock = -1;
    return r;
}

static int run_begin(struct su_job *job, bool lock, struct su_run **out, struct su_err *e)
{
    SU_RUN struct su_run *r = su_run_new(job, e);
    if (!r || find_vm(r, e) < 0)
        return -1;
    if (lock && su_vm_lock(job->jobs, job->vm.uuid, &r->vm_lock, e) < 0)
        return -1;
    if (load_record(r, e) < 0)
        return -1;
    if (su_record_dir(job->jobs, job->vm.uuid, r->dir, sizeof r->dir, e) < 0)
        return -1;
    *out = su_steal(&r);
    return 0;
}

int su_job_with(struct su_job *job, bool lock, int (*work)(struct su_run *r, struct su_err *e), struct su_err *e)
{
    SU_RUN struct su_run *r = NULL;
    struct su_err why = {0};
    if (su_job_begin(job, e) < 0)
        return -1;
    return run_begin(job, lock, &r, &why) < 0 ? su_job_fail(job, &why, e) : work(r, e);
}

int su_run_none(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    (void)no_vm(r, &why);
    return su_job_fail(r->job, &why, e);
}

void su_run_free(struct su_run **rp)
{
    struct su_run *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    for (unsigned i = 0; i < r->n_locks; i++)
        close(r->disk_lock[i]);
    if (r->vm_lock >= 0)
        close(r->vm_lock);
    su_vm_facts_freep(&r->facts);
    su_buf_done(&r->after);
    free(r->old);
    free(r);
}

/* The report ----------------------------------------------------------------- */

void su_run_report(struct su_run *r)
{
    struct su_vm_record *rec = &r->rec;
    json_t *steps = json_object(), *o;
    for (unsigned s = 0; s < SU_VM_STATES; s++)
        if (rec->step_us[s])
            json_object_set_new(steps, su_state_table[s].step, json_integer((json_int_t)rec->step_us[s]));
    su_job_report(r->job, "step_us", steps);
    if (!r->kept)
        return;
    o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:b}", "state", su_state_table[rec->state].name, "old_machine",
                  rec->old_machine, "old_firmware", rec->old_firmware, "new_machine", rec->new_machine, "version",
                  rec->version, "was_running", rec->was_running, "switch_only", rec->switch_only);
    su_job_report(r->job, "record", o);
    su_job_report(r->job, "restore_point", su_restore_json(&rec->restore));
    su_job_report(r->job, "directory", json_string(r->dir));
}
