/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs without libvirt: the files of [vms] dir, read at start, on SIGHUP and when the directory changes or comes. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum { MAX_FILES = SU_VMTAB_MAX, MAX_FILE = 16 << 10 };

struct known {
    char source[300];
    char uuid[SU_UUID_TEXT];
    bool seen;
};
static struct known *known; /* main thread only */
static size_t n_known;
static sd_event_source *watch; /* of the directory; NULL: it was not there */
static struct stat watched;    /* what had its name then */

static bool is_config(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && n > 5 && n < 256 && strcmp(name + n - 5, ".conf") == 0;
}

static int slurp(int dir, const char *name, char *buf, size_t *n, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "vm.file", "%s", name);
    /* it says what is signed of a VM */
    if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH)) {
        su_fail(e, SU_E_REFUSED, "vm.file", "%s is not a file that only root may write", name);
        return su_remedy(e, "chown root: it, and chmod go-w");
    }
    ssize_t got = read(fd, buf, MAX_FILE + 1);
    if (got < 0)
        return su_fail_os(e, "vm.file", "%s", name);
    if (got > MAX_FILE)
        return su_fail(e, SU_E_RANGE, "vm.file", "%s is larger than %d bytes", name, MAX_FILE);
    *n = (size_t)got;
    return 0;
}

static struct known *remember(const char *source)
{
    for (size_t i = 0; i < n_known; i++)
        if (strcmp(known[i].source, source) == 0)
            return &known[i];
    struct known *grown = n_known < MAX_FILES ? realloc(known, (n_known + 1) * sizeof *known) : NULL;
    if (!grown)
        return NULL;
    known = grown;
    memset(&known[n_known], 0, sizeof *known);
    snprintf(known[n_known].source, sizeof known[0].source, "%s", source);
    return &known[n_known++];
}

static void read_one(struct su_daemon *d, int dir, const char *name, char *buf, struct su_vm_desc *desc)
{
    struct su_err e = {0};
    char source[300];
    size_t n = 0;
    snprintf(source, sizeof source, "file:%s", name);
    struct known *k = remember(source);
    int rc = k ? slurp(dir, name, buf, &n, &e) : su_fail_nomem(&e, sizeof *k);
    if (rc == 0)
        rc = su_desc_from_file((struct su_bytes){(const uint8_t *)buf, n}, name, desc, &e);
    if (rc == 0 && k->uuid[0] && strcmp(k->uuid, desc->uuid) != 0)
        su_vmtab_unclaim(&d->vms, source, k->uuid);
    if (rc == 0)
        rc = su_vmtab_claim(&d->vms, source, desc, &d->conf, &e);
    if (rc < 0) { /* a VM that is not certain is no VM */
        su_log_err(LOG_ERR, "vms", &e);
        return;
    }
    memcpy(k->uuid, desc->uuid, sizeof k->uuid);
    k->seen = true;
}

static void drop_unseen(struct su_daemon *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < n_known; i++) {
        if (!known[i].seen && known[i].uuid[0])
            su_vmtab_unclaim(&d->vms, known[i].source, known[i].uuid);
        if (known[i].seen)
            known[kept++] = known[i];
    }
    n_known = kept;
}

void su_files_read(struct su_daemon *d)
{
    char *buf SU_FREE = malloc(MAX_FILE + 1);
    struct su_vm_desc *desc SU_FREE = malloc(sizeof *desc);
    DIR *dir = buf && desc ? opendir(d->conf.vms_dir) : NULL;
    for (size_t i = 0; i < n_known; i++)
        known[i].seen = false;
    if (!dir && errno != ENOENT)
        su_log(LOG_ERR, "vms: %s: %s", d->conf.vms_dir, strerror(errno));
    for (struct dirent *f = dir ? readdir(dir) : NULL; f; f = readdir(dir))
        if (is_config(f->d_name))
            read_one(d, dirfd(dir), f->d_name, buf, desc);
    if (dir)
        closedir(dir);
    drop_unseen(d);
    su_daemon_wake(d);
}

static int on_change(sd_event_source *s, const struct inotify_event *ev, void *arg)
{
    (void)s;
    if (ev->mask & (IN_IGNORED | IN_MOVE_SELF)) /* it is gone, or another one now */
        watch = sd_event_source_disable_unref(watch);
    if (ev->len == 0 || is_config(ev->name) || ev->mask & IN_Q_OVERFLOW)
        su_files_read(arg);
    return 0;
}

static int watch_dir(struct su_daemon *d)
{
    if (stat(d->conf.vms_dir, &watched) < 0)
        return -errno;
    return sd_event_add_inotify(d->ev, &watch, d->conf.vms_dir,
                                IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |
                                    IN_MOVE_SELF | IN_ONLYDIR,
                                on_change, d);
}

/* Of a link that leads elsewhere, or of a directory above that is another one, no event tells. */
static bool is_elsewhere(const struct su_daemon *d)
{
    struct stat now;
    if (stat(d->conf.vms_dir, &now) < 0)
        return errno == ENOENT;
    return now.st_dev != watched.st_dev || now.st_ino != watched.st_ino;
}

void su_files_look(struct su_daemon *d)
{
    const bool left = watch && is_elsewhere(d);
    if (left)
        watch = sd_event_source_disable_unref(watch);
    if ((!watch && watch_dir(d) >= 0) || left)
        su_files_read(d);
}

int su_files_start(struct su_daemon *d, struct su_err *e)
{
    int rc = watch_dir(d);
    if (rc < 0 && rc != -ENOENT) {
        errno = -rc;
        return su_fail_os(e, "daemon.vms", "watching %s", d->conf.vms_dir);
    }
    su_files_read(d);
    return 0;
}

void su_files_done(void)
{
    watch = sd_event_source_disable_unref(watch);
    free(known);
    known = NULL;
    n_known = 0;
}
