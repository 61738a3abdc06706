/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suretyd: the service of a host. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

enum { TICK_S = 5, STATUS_EVERY = 6 /* ticks */, LEAVE_S = 20 /* as SIGTERM came */, ROOM_S = 25 };

struct options {
    const char *conf, *state, *run, *surety, *benefits;
};

static const char usage_text[] =
    "usage: suretyd [--config FILE] [--state DIR] [--run DIR] [--surety FILE] [--benefits DIR]\n"
    "The host service of surety. It stays in the foreground. Manual: suretyd(8).\n";

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},   {"state", required_argument, NULL, 's'},
        {"run", required_argument, NULL, 'r'},      {"surety", required_argument, NULL, 'p'},
        {"benefits", required_argument, NULL, 'b'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {0}};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
        switch (c) {
        case 'c':
            o->conf = optarg;
            break;
        case 's':
            o->state = optarg;
            break;
        case 'r':
            o->run = optarg;
            break;
        case 'p':
            o->surety = optarg;
            break;
        case 'b':
            o->benefits = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        case 'v':
            printf("suretyd %s\n", SURETY_VERSION);
            return 0;
        default:
            fputs(usage_text, stderr);
            return 2;
        }
    if (optind < argc) {
        fputs(usage_text, stderr);
        return 2;
    }
    return -1;
}

/* Main loop -------------------------------------------------------------------- */

static int on_wake(sd_event_source *s, int fd, uint32_t events, void *arg)
{
    eventfd_t n;
    (void)s, (void)events;
    eventfd_read(fd, &n);
    su_daemon_refresh(arg);
    return 0;
}

static int on_tick(sd_event_source *s, uint64_t usec, void *arg)
{
    static unsigned n;
    struct su_daemon *d = arg;
    (void)usec;
    if (n++ % STATUS_EVERY == 0) {
        d->at_signer.status_due = d->at_imds.status_due = true;
        su_listeners_vsock(d);
    }
    su_files_look(d);
    for (size_t i = 0; i < d->vms.n; i++) /* a socket whose directory was not there yet */
        d->vms.dirty |= strcmp(d->vms.vm[i]->problem_id, "vm.socket") == 0;
    d->vms.dirty |= su_listeners_lost(d); /* a VMM's start often clears the directory */
    su_daemon_refresh(d);
    sd_event_source_set_time_relative(s, UINT64_C(1000000) * TICK_S);
    sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
    return 0;
}

static void read_benefits(struct su_daemon *d)
{
    su_benefits_load(d->benefits_dir, d->own_benefits_dir, &d->benefits);
    for (size_t i = 0; i < d->benefits.n_problems; i++)
        su_log(LOG_ERR, "benefits: %s [%s]", d->benefits.problem[i].text, d->benefits.problem[i].id);
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
    (void)s, (void)si;
    su_files_read(arg);
    read_benefits(arg);
    return 0;
}

static int make_events(struct su_daemon *d, struct su_err *e)
{
    int rc = sd_event_new(&d->ev);
    if (rc >= 0)
        rc = sd_event_add_signal(d->ev, NULL, SIGTERM, NULL, NULL);
    if (rc >= 0)
        rc = sd_event_add_signal(d->ev, NULL, SIGINT, NULL, NULL);
    if (rc >= 0)
        rc = sd_event_add_signal(d->ev, NULL, SIGHUP, on_reload, d);
    if (rc >= 0)
        rc = sd_event_add_io(d->ev, NULL, d->wake_fd, EPOLLIN, on_wake, d);
    if (rc >= 0)
        rc = sd_event_add_time_relative(d->ev, NULL, CLOCK_MONOTONIC, 0, 10000, on_tick, d);
    if (rc >= 0)
        rc = sd_event_set_watchdog(d->ev, true);
    if (rc >= 0)
        return 0;
    errno = -rc;
    return su_fail_os(e, "daemon.event", "making the event loop");
}

/* The lock is held while something is dispatched, not while waiting. */
static int loop(struct su_daemon *d)
{
    for (;;) {
        int rc = sd_event_prepare(d->ev);
        if (rc == 0)
            rc = sd_event_wait(d->ev, UINT64_MAX);
        if (rc > 0) {
            pthread_mutex_lock(&d->lock);
            rc = sd_event_dispatch(d->ev);
            pthread_mutex_unlock(&d->lock);
        }
        if (rc < 0 || sd_event_get_state(d->ev) == SD_EVENT_FINISHED)
            return rc < 0 ? rc : 0;
    }
}

/* Start and end ----------------------------------------------------------------- */

static int make_dirs(const struct su_daemon *d, struct su_err *e)
{
    char path[256];
    if ((mkdir(d->state_dir, 0755) < 0 && errno != EEXIST) || (mkdir(d->run_dir, 0755) < 0 && errno != EEXIST))
        return su_fail_os(e, "daemon.dir", "making %s and %s", d->state_dir, d->run_dir);
    if (su_daemon_path(d->state_dir, "host", path, sizeof path, e) < 0)
        return -1;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return su_fail_os(e, "daemon.dir", "making %s", path);
    return 0;
}

/* One suretyd for a state: another one would take this one's sockets of VMs and its store. */
static int lock_state(const struct su_daemon *d, struct su_err *e)
{
    char path[256];
    if (su_daemon_path(d->state_dir, "host/lock", path, sizeof path, e) < 0)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* kept until the process ends */
    if (fd < 0) {
        su_fail_os(e, "daemon.dir", "opening %s", path);
        return su_remedy(e, SU_STORE_REMEDY);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    close(fd);
    su_fail(e, SU_E_CONFLICT, "daemon.running", "another suretyd uses %s", d->state_dir);
    return su_remedy(e, "Stop it, or give this one a --state of its own");
}

static int prepare(struct su_daemon *d, const struct options *o, struct su_err *e)
{
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->wake_fd < 0 || d->stop_fd < 0)
        return su_fail_os(e, "daemon.event", "making an eventfd");
    if (strlen(o->state) >= sizeof d->state_dir || strlen(o->run) >= sizeof d->run_dir)
        return su_fail(e, SU_E_USAGE, "daemon.path", "the directories' names are too long");
    snprintf(d->state_dir, sizeof d->state_dir, "%s", o->state);
    snprintf(d->run_dir, sizeof d->run_dir, "%s", o->run);
    if (su_host_conf_load(o->conf, &d->conf, e) < 0)
        return -1;
    for (char *p = d->conf.host; *p; p++) /* host names are in lower case everywhere */
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    d->facts.vsock_wanted = d->conf.vsock_port != 0;
    d->benefits_dir = SURETY_DATADIR "/host-benefits.d";
    d->own_benefits_dir = o->benefits;
    return make_dirs(d, e) < 0 ? -1 : lock_state(d, e);
}

static int start(struct su_daemon *d, struct su_httpd **api, struct su_err *e)
{
    char path[256];
    if (su_daemon_path(d->state_dir, "host/state.db", path, sizeof path, e) < 0 ||
        su_store_open_sparing(path, &d->store, e) < 0 || make_events(d, e) < 0)
        return -1;
    if (su_daemon_path(d->run_dir, "signer/control.sock", path, sizeof path, e) < 0 ||
        su_peer_start(&d->signer, d->ev, path, &su_signer_ops, d, e) < 0)
        return -1;
    if (su_daemon_path(d->run_dir, "imds/imds.sock", path, sizeof path, e) < 0 ||
        su_peer_start(&d->imds, d->ev, path, &su_imds_ops, d, e) < 0)
        return -1;
    pthread_mutex_lock(&d->lock);
    read_benefits(d);
    su_listeners_vsock(d); /* before anybody is told whether there is one */
    int rc = su_audit_start(d, e);
    if (rc == 0)
        rc = su_files_start(d, e);
    pthread_mutex_unlock(&d->lock);
    return rc < 0 || su_sync_start(d, e) < 0 || su_virt_start(d, e) < 0 || su_jobs_start(d, e) < 0 ||
                   su_guests_start(d, e) < 0 || su_api_start(d, api, e) < 0
               ? -1
               : 0;
}

/* libvirtd may never answer a call that is under way.  What has to be on the disk is there by then. */
static void leave_anyway(int number)
{
    static const char text[] = "suretyd: libvirt does not answer; it is not waited for any longer\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(0);
}

static void stop(struct su_daemon *d, struct su_httpd **api)
{
    eventfd_write(d->stop_fd, 1);
    signal(SIGALRM, leave_anyway);
    alarm(LEAVE_S);
    if (d->sync)
        su_sync_end(d);
    su_httpd_stop(api); /* its threads use all that follows */
    if (d->sync)
        su_sync_stop(d);
    su_audit_stop(d);
    su_guests_stop(d);
    su_jobs_stop(d);
    su_virt_stop(d);
    if (d->ev) {
        su_peer_stop(&d->signer);
        su_peer_stop(&d->imds);
    }
    su_files_done();
    su_pids_done();
    su_listeners_done(d);
    su_vmtab_done(&d->vms);
    su_store_close(&d->store);
    sd_event_unref(d->ev);
    su_buf_done(&d->copy.leaf);
    su_buf_done(&d->copy.chain);
    su_buf_done(&d->copy.roots);
    su_buf_done(&d->host_message);
    alarm(0);
}

/* It cannot start without room for its state, or where that cannot be written.  systemd starts it again, and gives up
 * when that happens too often in ten minutes: so it waits here, and comes back by itself when there is room.
 * The exit status: 0 when it was told to end meanwhile. */
static int wait_for_room(const struct su_err *e)
{
    struct timespec pause = {.tv_sec = ROOM_S};
    sigset_t end;
    if (strcmp(e->id, "store.io") != 0 && strcmp(e->id, "daemon.dir") != 0)
        return 1;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    return sigtimedwait(&end, NULL, &pause) < 0;
}

static int serve(const struct options *o)
{
    static struct su_daemon d; /* large, and there is one */
    struct su_httpd *api = NULL;
    struct su_err e = {0};
    if (prepare(&d, o, &e) < 0 || su_jobs_prepare(&d, o->surety, &e) < 0 || su_harden(&e) < 0 ||
        start(&d, &api, &e) < 0) {
        su_log_err(LOG_ERR, "suretyd", &e);
        stop(&d, &api);
        return wait_for_room(&e);
    }
    su_log(LOG_NOTICE, "suretyd %s for host %s of cluster %s", SURETY_VERSION, d.conf.host, d.conf.cluster);
    sd_notify(0, "READY=1");
    int rc = loop(&d);
    sd_notify(0, "STOPPING=1");
    if (rc < 0)
        su_log(LOG_ERR, "the event loop fails: %s", strerror(-rc));
    stop(&d, &api);
    return rc < 0;
}

int main(int argc, char **argv)
{
    struct options o = {SU_CONF_FILE, SU_STATE_DIR, SU_RUN_DIR, NULL, SU_OWN_BENEFITS};
    sigset_t set;
    int status = parse(argc, argv, &o);
    if (status >= 0)
        return status;
    umask(022);
    mallopt(M_ARENA_MAX, 1); /* its threads seldom work at once: what one frees, the next one takes */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit is an error like a full disk */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL); /* in every thread: the event loop takes them */
    su_log_open();
    return serve(&o);
}
