/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/batch.c - batches as records: made, read, changed, listed. */
#include "base/clean.h"
#include "jobs_int.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { TRIES = 100 }; /* of a write that meets others */

int jobs_none(const char *id, struct su_err *e)
{
    su_fail(e, SU_E_MISSING, "job.none", "there is no job %.64s", id);
    return su_remedy(e, "See: surety job list");
}

int jobs_check_id(const char *id, struct su_err *e)
{
    static const char form[] = "dddddddd-dddddd-xxxx";
    bool good = strlen(id) == sizeof form - 1;
    for (size_t i = 0; good && form[i]; i++)
        good = form[i] == '-' ? id[i] == '-' : memchr("0123456789abcdef", id[i], form[i] == 'd' ? 10 : 16) != NULL;
    return good ? 0 : jobs_none(id, e);
}

void jobs_batch_key(char out[JOBS_KEY], const char *id)
{
    snprintf(out, JOBS_KEY, "batch/%s", id);
}

void jobs_line_key(char out[JOBS_KEY], const char *id, uint32_t index)
{
    snprintf(out, JOBS_KEY, "line/%s/%05u", id, index);
}

/* A transaction that makes lines of a batch, and the batch's own record as its last write. */
struct bundle {
    struct su_store_write *write;
    char (*key)[JOBS_KEY];
    size_t n;
};

static void bundle_done(struct bundle *b)
{
    for (size_t i = 0; b->write && i < b->n; i++)
        free((void *)b->write[i].value.p);
    free(b->write);
    free(b->key);
}

static int add(struct bundle *b, char *text, uint64_t expected, struct su_err *e)
{
    if (!text)
        return su_fail_nomem(e, 0);
    b->write[b->n] = (struct su_store_write){
        .key = b->key[b->n], .value = {(const uint8_t *)text, strlen(text)}, .compare = true, .expected = expected};
    b->n++;
    return 0;
}

static int bundle_lines(struct bundle *b, const char *id, const struct su_batch_vm *vms, size_t n, struct su_err *e)
{
    b->write = calloc(n + 1, sizeof *b->write);
    b->key = calloc(n + 1, sizeof *b->key);
    if (!b->write || !b->key)
        return su_fail_nomem(e, n * sizeof *b->write);
    for (size_t i = 0; i < n; i++) {
        struct su_batch_vm vm = vms[i];
        vm.index = (uint32_t)i;
        jobs_line_key(b->key[i], id, vm.index);
        if (add(b, jobs_line_text(&vm), 0, e) < 0)
            return -1;
    }
    return 0;
}

static int write_all(struct su_jobs *j, const struct su_batch *batch, uint64_t expected, const struct su_batch_vm *vms,
                     size_t n, struct su_err *e)
{
    struct bundle b SU_AUTO(bundle_done) = {NULL, NULL, 0};
    if (bundle_lines(&b, batch->id, vms, n, e) < 0)
        return -1;
    jobs_batch_key(b.key[n], batch->id);
    if (add(&b, jobs_batch_text(batch), expected, e) < 0)
        return -1;
    return su_store_batch(j->store, b.write, b.n, UINT32_MAX, e);
}

/* What it is known by: two VMs may be shown by one name. */
static const char *key_of(const struct su_batch_vm *vm)
{
    return vm->uuid[0] ? vm->uuid : vm->name;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(key_of(*(const struct su_batch_vm *const *)a), key_of(*(const struct su_batch_vm *const *)b));
}

static int check_names(const struct su_batch_vm *vms, size_t n, struct su_err *e)
{
    SU_FREE const struct su_batch_vm **sorted = calloc(n + 1, sizeof(void *));
    if (!sorted)
        return su_fail_nomem(e, n * sizeof(void *));
    for (size_t i = 0; i < n; i++) {
        char clean[SU_BATCH_NAME];
        su_clean(clean, sizeof clean, vms[i].name);
        if (vms[i].name[0] == 0 || strcmp(clean, vms[i].name) != 0) {
            su_fail(e, SU_E_USAGE, "job.vms", "\"%s\" is no name of a VM that can be shown", clean);
            return su_remedy(e, "Give its UUID instead: surety vm list prints it");
        }
        sorted[i] = &vms[i];
    }
    qsort(sorted, n, sizeof(void *), by_key);
    for (size_t i = 1; i < n; i++)
        if (by_key(&sorted[i - 1], &sorted[i]) == 0)
            return su_fail(e, SU_E_USAGE, "job.twice", "VM %s is named twice", sorted[i]->name);
    return 0;
}

static int new_id(struct su_batch *b, struct su_err *e)
{
    uint16_t r;
    struct tm tm;
    time_t now = time(NULL);
    if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r || !gmtime_r(&now, &tm))
        return su_fail_os(e, "job.state", "naming a batch");
    strftime(b->id, sizeof b->id, "%Y%m%d-%H%M%S", &tm);
    snprintf(b->id + strlen(b->id), sizeof b->id - strlen(b->id), "-%04x", r);
    b->created = (uint64_t)now;
    return 0;
}

int su_batch_make(struct su_jobs *j, struct su_batch *b, const struct su_batch_vm *vms, size_t n, struct su_err *e)
{
    struct su_batch made = *b;
    if ((n == 0) != b->all || n > SU_BATCH_VMS)
        return su_fail(e, SU_E_USAGE, "job.vms", "%zu VMs: a batch has from 1 to %d, or all of the host", n,
                       SU_BATCH_VMS);
    if (su_job_options_fit(&b->options, b->op, e) < 0 || check_names(vms, n, e) < 0)
        return -1;
    made.state = SU_BATCH_WAITING;
    made.cancelled = false;
    made.n_vms = (uint32_t)n;
    made.started = made.ended = 0;
    struct su_err met;
    for (int i = 0; i < TRIES; i++) {
        if (new_id(&made, e) < 0)
            return -1;
        if (write_all(j, &made, 0, vms, n, &met) == 0) {
            *b = made;
            return 0;
        }
        if (met.kind != SU_E_CONFLICT)
            break;
    }
    *e = met;
    return -1;
}

int su_batch_get(struct su_jobs *j, const char *id, struct su_batch *out, uint64_t *revision, struct su_err *e)
{
    struct su_buf v SU_BUF = {0};
    char key[JOBS_KEY];
    uint64_t found;
    if (jobs_check_id(id, e) < 0)
        return -1;
    jobs_batch_key(key, id);
    if (su_store_get(j->store, key, &v, &found, e) < 0) {
        if (e->kind == SU_E_MISSING)
            return jobs_none(id, e);
        return -1;
    }
    if (jobs_batch_parse(su_buf_bytes(&v), out, e) < 0)
        return -1;
    if (revision)
        *revision = found;
    return 0;
}

int su_batch_put(struct su_jobs *j, const struct su_batch *b, uint64_t *revision, struct su_err *e)
{
    char key[JOBS_KEY];
    if (jobs_check_id(b->id, e) < 0)
        return -1;
    SU_FREE char *text = jobs_batch_text(b);
    if (!text)
        return su_fail_nomem(e, 0);
    jobs_batch_key(key, b->id);
    return su_store_put(j->store, key, (struct su_bytes){(const uint8_t *)text, strlen(text)}, *revision, revision, e);
}

int su_batch_change(struct su_jobs *j, const char *id, su_batch_edit change, void *arg, struct su_batch *out,
                    struct su_err *e)
{
    struct su_batch b;
    struct su_err met;
    uint64_t revision;
    for (int i = 0; i < TRIES; i++) {
        if (su_batch_get(j, id, &b, &revision, e) < 0)
            return -1;
        if (!change(arg, &b) || su_batch_put(j, &b, &revision, &met) == 0) {
            if (out)
                *out = b;
            return 0;
        }
        if (met.kind != SU_E_CONFLICT)
            break;
    }
    *e = met;
    return -1;
}

int su_batch_add(struct su_jobs *j, struct su_batch *b, const struct su_batch_vm *vms, size_t n, struct su_err *e)
{
    struct su_batch now;
    struct su_err met;
    uint64_t revision;
    if (n > SU_BATCH_VMS)
        return su_fail(e, SU_E_USAGE, "job.vms", "%zu VMs: a batch has at most %d", n, SU_BATCH_VMS);
    for (int i = 0; i < TRIES; i++) {
        if (su_batch_get(j, b->id, &now, &revision, e) < 0)
            return -1;
        bool nothing = now.n_vms > 0 || n == 0;
        if (!nothing)
            now.n_vms = (uint32_t)n;
        if (nothing || write_all(j, &now, revision, vms, n, &met) == 0) {
            *b = now;
            return 0;
        }
        if (met.kind != SU_E_CONFLICT)
            break;
    }
    *e = met;
    return -1;
}

static bool mark_cancelled(void *arg, struct su_batch *b)
{
    bool *ended = arg;
    *ended = b->state == SU_BATCH_ENDED;
    if (*ended || b->cancelled)
        return false;
    b->cancelled = true;
    return true;
}

int su_batch_cancel(struct su_jobs *j, const char *id, struct su_err *e)
{
    bool ended = false;
    if (su_batch_change(j, id, mark_cancelled, &ended, NULL, e) < 0)
        return -1;
    return ended ? su_fail(e, SU_E_CONFLICT, "job.ended", "job %s has ended already", id) : 0;
}

static bool mark_waiting(void *arg, struct su_batch *b)
{
    (void)arg;
    if (b->state != SU_BATCH_ENDED)
        return false;
    b->state = SU_BATCH_WAITING;
    b->cancelled = false;
    b->ended = 0;
    return true;
}

int su_batch_again(struct su_jobs *j, const char *id, struct su_err *e)
{
    return su_batch_change(j, id, mark_waiting, NULL, NULL, e);
}

int su_batch_vm_get(struct su_jobs *j, const char *id, uint32_t index, struct su_batch_vm *out, struct su_err *e)
{
    struct su_buf v SU_BUF = {0};
    char key[JOBS_KEY];
    if (jobs_check_id(id, e) < 0)
        return -1;
    jobs_line_key(key, id, index);
    if (su_store_get(j->store, key, &v, NULL, e) < 0) {
        if (e->kind == SU_E_MISSING)
            return su_fail(e, SU_E_MISSING, "job.none", "batch %s has no VM number %u", id, index);
        return -1;
    }
    return jobs_line_parse(su_buf_bytes(&v), out, e);
}

int su_batch_vm_put(struct su_jobs *j, const char *id, const struct su_batch_vm *vm, struct su_err *e)
{
    char key[JOBS_KEY];
    if (jobs_check_id(id, e) < 0)
        return -1;
    if (vm->index >= SU_BATCH_VMS)
        return su_fail(e, SU_E_MISSING, "job.none", "batch %s has no VM number %u", id, vm->index);
    SU_FREE char *text = jobs_line_text(vm);
    if (!text)
        return su_fail_nomem(e, 0);
    jobs_line_key(key, id, vm->index);
    if (su_store_put_lazy(j->store, key, (struct su_bytes){(const uint8_t *)text, strlen(text)}, e) < 0)
        return -1;
    if (j->changed)
        j->changed(j->changed_arg, vm);
    return 0;
}

/* Records as they are stored, one after the other, each with its NUL: listing holds the store, what is told does not.
 */
static int collect(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    (void)key, (void)revision;
    su_buf_add(arg, value.p, value.n);
    su_buf_add(arg, "", 1);
    return 0;
}

static int each_batch(struct su_jobs *j, bool newest_first, su_batch_each each, void *arg, struct su_err *e)
{
    struct su_buf all SU_BUF = {0};
    struct su_batch b;
    if (su_store_list(j->store, "batch/", collect, &all, e) < 0 || su_buf_ok(&all, e) < 0)
        return -1;
    size_t from = newest_first ? all.n : 0;
    while (newest_first ? from > 0 : from < all.n) {
        if (newest_first) /* back to behind the NUL before */
            for (from--; from > 0 && all.p[from - 1] != 0; from--)
                ;
        size_t len = strlen((const char *)all.p + from);
        if (jobs_batch_parse((struct su_bytes){all.p + from, len}, &b, e) < 0)
            return -1;
        if (each(arg, &b) != 0)
            return 0;
        from += newest_first ? 0 : len + 1;
    }
    return 0;
}

int su_batch_list(struct su_jobs *j, su_batch_each each, void *arg, struct su_err *e)
{
    return each_batch(j, true, each, arg, e);
}

struct unfinished {
    struct su_jobs *j;
    su_batch_each each;
    void *arg;
    struct su_err *e;
    int rc;
};

static int see_unfinished(void *arg, const struct su_batch *b)
{
    struct unfinished *u = arg;
    bool running;
    if (b->state == SU_BATCH_ENDED)
        return 0;
    u->rc = su_batch_running(u->j, b->id, &running, u->e);
    if (u->rc < 0)
        return 1;
    return running ? 0 : u->each(u->arg, b);
}

int su_batch_unfinished(struct su_jobs *j, su_batch_each each, void *arg, struct su_err *e)
{
    struct unfinished u = {j, each, arg, e, 0};
    return each_batch(j, false, see_unfinished, &u, e) < 0 ? -1 : u.rc;
}

int su_batch_vms(struct su_jobs *j, const char *id, su_batch_vm_each each, void *arg, struct su_err *e)
{
    struct su_buf all SU_BUF = {0};
    struct su_batch_vm vm;
    char prefix[JOBS_KEY];
    if (jobs_check_id(id, e) < 0)
        return -1;
    snprintf(prefix, sizeof prefix, "line/%s/", id);
    if (su_store_list(j->store, prefix, collect, &all, e) < 0 || su_buf_ok(&all, e) < 0)
        return -1;
    for (size_t at = 0, len; at < all.n; at += len + 1) {
        len = strlen((const char *)all.p + at);
        if (jobs_line_parse((struct su_bytes){all.p + at, len}, &vm, e) < 0)
            return -1;
        if (each(arg, &vm) != 0)
            return 0;
    }
    return 0;
}

int su_batch_status(const struct su_batch_vm *vms, size_t n)
{
    bool stopped = false;
    for (size_t i = 0; i < n; i++) {
        if (vms[i].outcome == SU_VM_STOPPED)
            stopped = true;
        else if (vms[i].outcome != SU_VM_OK && vms[i].outcome != SU_VM_ALREADY)
            return 1;
    }
    return stopped ? 3 : 0;
}
