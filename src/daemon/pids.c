/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processes of the VMs: when one ends, its VM's route goes at once, also while libvirt does not answer.  The kernel
 * says so (pidfd_open(2)); a context id cannot be in use by a process that is gone. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

struct watched {
    struct su_daemon *d;
    char uuid[SU_UUID_TEXT], source[300];
    pid_t pid;
    int fd; /* owned */
    sd_event_source *io;
    bool wanted;
};
static struct watched **all; /* main thread only */
static size_t n_all, cap_all;

static void unwatch(struct watched *w)
{
    w->io = sd_event_source_disable_unref(w->io);
    close(w->fd);
    free(w);
}

static int on_end(sd_event_source *s, int fd, uint32_t events, void *arg)
{
    struct watched *w = arg;
    (void)fd, (void)events;
    su_log(LOG_INFO, "vm %s: its process has ended", w->uuid);
    su_vmtab_stopped(&w->d->vms, w->source, w->uuid);
    w->pid = 0; /* a claim that comes before the next look is not taken for watched */
    sd_event_source_set_enabled(s, SD_EVENT_OFF);
    su_daemon_wake(w->d);
    return 0;
}

static pid_t read_pid(const char *path)
{
    char text[24] = "", *end;
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    long pid = n > 0 ? strtol(text, &end, 10) : 0;
    return pid > 1 && pid < INT32_MAX && (*end == 0 || *end == '\n') ? (pid_t)pid : 0;
}

static struct watched *find(const char *uuid)
{
    for (size_t i = 0; i < n_all; i++)
        if (strcmp(all[i]->uuid, uuid) == 0)
            return all[i];
    return NULL;
}

/* When a process began, in seconds since 1970; 0: not known.  By its age, so that it counts the same after the clock
 * was set. */
static uint64_t began(pid_t pid)
{
    char path[32], text[1024] = "";
    unsigned long long ticks = 0;
    struct timespec up;
    const long hz = sysconf(_SC_CLK_TCK);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0 || hz <= 0)
        return 0;
    const char *p = strrchr(text, ')'); /* behind the name, which may have anything in it; proc(5): field 22 */
    for (unsigned field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p || sscanf(p, " %llu", &ticks) != 1)
        return 0;
    uint64_t age = (uint64_t)up.tv_sec - ticks / (unsigned long long)hz, now = su_now();
    return age < now ? now - age : 0;
}

static void watch(struct su_daemon *d, struct su_vm *vm, pid_t pid)
{
    uint64_t since = began(pid);
    if (since > vm->runs_since)
        vm->runs_since = since;
    if (n_all == cap_all) {
        struct watched **grown = realloc(all, (cap_all + 64) * sizeof *grown);
        if (!grown)
            return;
        all = grown;
        cap_all += 64;
    }
    struct watched *w = calloc(1, sizeof *w);
    if (!w)
        return;
    w->d = d;
    w->pid = pid;
    w->wanted = true;
    memcpy(w->uuid, vm->uuid, sizeof w->uuid);
    memcpy(w->source, vm->source, sizeof w->source);
    w->fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (w->fd < 0 && errno == ESRCH)
        su_vmtab_stopped(&d->vms, vm->source, vm->uuid);
    if (w->fd < 0 || sd_event_add_io(d->ev, &w->io, w->fd, EPOLLIN, on_end, w) < 0) {
        if (w->fd >= 0)
            close(w->fd);
        free(w);
        return;
    }
    all[n_all++] = w;
}

void su_pids_update(struct su_daemon *d)
{
    for (size_t i = 0; i < n_all; i++)
        all[i]->wanted = false;
    for (size_t i = 0; i < d->vms.n; i++) {
        struct su_vm *vm = d->vms.vm[i];
        struct watched *w = find(vm->uuid);
        if (!vm->desc || !vm->desc->running || !vm->desc->pid_file[0])
            continue;
        pid_t pid = read_pid(vm->desc->pid_file);
        if (w && w->pid == pid)
            w->wanted = true;
        else if (pid)
            watch(d, vm, pid);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n_all; i++)
        if (all[i]->wanted)
            all[kept++] = all[i];
        else
            unwatch(all[i]);
    n_all = kept;
}

void su_pids_done(void)
{
    for (size_t i = 0; i < n_all; i++)
        unwatch(all[i]);
    free(all);
    all = NULL;
    n_all = cap_all = 0;
}
