/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/jobs.c - the state's directories, and what is removed from them when it is old. */
#include "jobs_int.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int make_dir(const char *path, struct su_err *e)
{
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return su_fail_os(e, "job.state", "making %s", path);
    if (lstat(path, &st) < 0)
        return su_fail_os(e, "job.state", "looking at %s", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return su_fail(e, SU_E_REFUSED, "job.state.open", "%s is no directory that only this user may write to", path);
    return 0;
}

typedef int (*opener)(const char *path, struct su_store **out, struct su_err *e);

static int open_jobs(const char *state_dir, opener open_store, struct su_jobs *out, struct su_err *e)
{
    static const char *const under[] = {"", "/vm", "/report", "/log", "/lock"};
    struct su_jobs j = {.store = NULL};
    char path[sizeof j.dir + 16];
    if ((size_t)snprintf(j.dir, sizeof j.dir, "%s/jobs", state_dir) >= sizeof j.dir)
        return su_fail(e, SU_E_RANGE, "job.state", "the state directory's name is too long");
    if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
        return su_fail_os(e, "job.state", "making %s", state_dir);
    for (size_t i = 0; i < SU_ARRAY_LEN(under); i++) {
        snprintf(path, sizeof path, "%s%s", j.dir, under[i]);
        if (make_dir(path, e) < 0)
            return -1;
    }
    snprintf(path, sizeof path, "%s/jobs.db", j.dir);
    if (open_store(path, &j.store, e) < 0)
        return -1;
    *out = j;
    return 0;
}

int su_jobs_open(const char *state_dir, struct su_jobs *out, struct su_err *e)
{
    return open_jobs(state_dir, su_store_open, out, e);
}

int su_jobs_open_sparing(const char *state_dir, struct su_jobs *out, struct su_err *e)
{
    return open_jobs(state_dir, su_store_open_sparing, out, e);
}

void su_jobs_done(struct su_jobs *j)
{
    su_store_close(&j->store);
}

static void dir_close(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Removes the files of a directory that begin with an ID. */
static int remove_files(const struct su_jobs *j, const char *sub, const char *prefix, struct su_err *e)
{
    char path[sizeof j->dir + 8];
    const struct dirent *d;
    snprintf(path, sizeof path, "%s/%s", j->dir, sub);
    DIR *dir SU_AUTO(dir_close) = opendir(path);
    if (!dir)
        return su_fail_os(e, "job.state", "reading %s", path);
    while ((d = readdir(dir)))
        if (strncmp(d->d_name, prefix, strlen(prefix)) == 0 && unlinkat(dirfd(dir), d->d_name, 0) < 0 &&
            errno != ENOENT)
            return su_fail_os(e, "job.state", "removing %s/%s", path, d->d_name);
    return 0;
}

/* The batch's record goes last: a cut leaves something that the next trimming finds. */
static int remove_batch(struct su_jobs *j, const char *id, struct su_err *e)
{
    char key[JOBS_KEY];
    if (remove_files(j, "log", id, e) < 0 || remove_files(j, "report", id, e) < 0)
        return -1;
    snprintf(key, sizeof key, "line/%s/", id);
    if (su_store_drop(j->store, key, e) < 0)
        return -1;
    jobs_batch_key(key, id);
    if (su_store_del(j->store, key, SU_STORE_ANY, e) < 0)
        return -1;
    snprintf(key, sizeof key, "batch-%s", id);
    return remove_files(j, "lock", key, e);
}

struct trimming {
    struct su_jobs *j;
    uint64_t before;
    struct su_err *e;
    int rc;
};

static int trim_one(void *arg, const struct su_batch *b)
{
    struct trimming *t = arg;
    SU_CLOSE int fd = -1;
    struct su_err met;
    if (b->state != SU_BATCH_ENDED || b->ended >= t->before)
        return 0;
    if (su_batch_lock(t->j, b->id, &fd, &met) == 0) {
        t->rc = remove_batch(t->j, b->id, t->e);
    } else if (met.kind != SU_E_CONFLICT) { /* a conflict: somebody runs it again */
        *t->e = met;
        t->rc = -1;
    }
    return t->rc;
}

int su_jobs_trim(struct su_jobs *j, unsigned days, struct su_err *e)
{
    uint64_t now = (uint64_t)time(NULL), age = (uint64_t)days * 86400;
    struct trimming t = {j, now > age ? now - age : 0, e, 0};
    jobs_trim_locks(j, t.before);
    return su_batch_list(j, trim_one, &t, e) < 0 ? -1 : t.rc;
}
