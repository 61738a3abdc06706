/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch.c - keeps benefits on: renews at half of a document's life, give or take a tenth so that many VMs do not ask at
 * once; tries again with growing pauses; takes a benefit away the moment its document ends or is refused. */
#include "agent.h"
#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum { FIRST_RETRY = 15, LAST_RETRY = 600, LONGEST_SLEEP = 30, MIN_RENEW = 30 };

struct item {
    const struct su_benefit *b;
    int64_t expires; /* wall clock; 0: not granted */
    int64_t ends;    /* of the boot clock: setting the wall clock back prolongs nothing */
    int64_t next;    /* of the boot clock: when to ask */
    int64_t pause;
};

static int64_t boot_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec;
}

static uint32_t random_below(uint32_t n)
{
    uint32_t v = 0;
    if (n == 0 || RAND_bytes((unsigned char *)&v, sizeof v) != 1)
        return 0;
    return v % n;
}

/* "<6>" in front when the journal reads it. */
static void log_line(char level, const char *id, const char *what, const char *detail)
{
    if (getenv("JOURNAL_STREAM"))
        fprintf(stderr, "<%c>", level);
    fprintf(stderr, "%s: %s%s%s\n", id, what, *detail ? ": " : "", detail);
}

/* The protocol of sd_notify(3): a datagram.  Spares the guest a library. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof a.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(a.sun_path, path, n);
    if (path[0] == '@')
        a.sun_path[0] = 0;
    SU_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

static void granted(struct item *x, int64_t expires)
{
    int64_t left = expires - (int64_t)time(NULL);
    int64_t half = left / 2, tenth = left / 10;
    x->expires = expires;
    x->ends = boot_now() + left;
    x->pause = 0;
    x->next = boot_now() + half - tenth + random_below((uint32_t)(tenth > 0 ? 2 * tenth : 1));
    if (x->next < boot_now() + MIN_RENEW)
        x->next = boot_now() + (left < 2 * MIN_RENEW ? (left > 4 ? left / 2 : 1) : MIN_RENEW);
}

static void renew(const struct su_guest_conf *c, struct item *x)
{
    struct su_err e = {0};
    int64_t expires = 0;
    if (su_benefit_activate(c, x->b, &expires, &e) == 0) {
        log_line('6', x->b->id, x->expires ? "renewed" : "activated", "");
        granted(x, expires);
        return;
    }
    char detail[360];
    bool still = su_grant_exists(c, x->b);
    snprintf(detail, sizeof detail, "%s [%s]", e.msg, e.id);
    log_line('4', x->b->id, still ? "not renewed" : x->expires ? "taken away" : "not activated", detail);
    x->expires = still ? x->expires : 0;
    x->pause = x->pause ? x->pause * 2 : FIRST_RETRY;
    x->pause = x->pause > LAST_RETRY ? LAST_RETRY : x->pause;
    x->next = boot_now() + x->pause + random_below((uint32_t)x->pause / 4 + 1);
}

/* One at a time, so that no other's end waits for more than one host and one hook. */
static void renew_one(const struct su_guest_conf *c, struct item *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (boot_now() >= x[i].next) {
            renew(c, &x[i]);
            return;
        }
    }
}

static void expire(const struct su_guest_conf *c, struct item *x)
{
    struct su_err e = {0};
    if (!x->expires || ((int64_t)time(NULL) < x->expires && boot_now() < x->ends))
        return;
    int r = su_benefit_deactivate(c, x->b, surety_reason_name(SURETY_TIME_EXPIRED), &e);
    log_line('4', x->b->id, "taken away", r < 0 ? e.msg : "its document has expired");
    x->expires = 0;
    x->next = boot_now(); /* after a jump of the wall clock the old time of renewal may be hours away */
}

/* A grant that an earlier run left: it counts when it still verifies. */
static void adopt(const struct su_guest_conf *c, struct item *x)
{
    struct su_grant g;
    struct su_err e = {0};
    su_grant_look(c, x->b, &g);
    if (g.there) {
        x->expires = g.expires;
        x->ends = boot_now() + g.expires - (int64_t)time(NULL);
    } else if (g.why.kind != SU_OK && su_benefit_deactivate(c, x->b, g.why.id, &e) < 0) {
        log_line('4', x->b->id, "not taken away", e.msg);
    }
    x->next = boot_now() + random_below(3);
}

static int64_t pause_of(const struct item *x, size_t n)
{
    int64_t now = boot_now(), wall = (int64_t)time(NULL), least = LONGEST_SLEEP;
    for (size_t i = 0; i < n; i++) {
        int64_t next = x[i].next - now, ends = x[i].expires ? x[i].expires - wall : least;
        least = next < least ? next : least;
        least = ends < least ? ends : least;
    }
    return least > 0 ? least : 0;
}

static int open_signals(struct su_err *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? su_fail_os(e, "watch.signals", "signalfd") : fd;
}

int su_guest_watch(const struct su_guest_conf *c, const struct su_benefits *all, struct su_err *e)
{
    struct item *x SU_FREE = calloc(all->n + 1, sizeof *x);
    size_t n = 0;
    if (!x)
        return su_fail_nomem(e, (all->n + 1) * sizeof *x);
    SU_CLOSE int stop = open_signals(e);
    if (stop < 0)
        return -1;
    for (size_t i = 0; i < all->n; i++) {
        if (!all->row[i].enabled)
            continue;
        x[n].b = &all->row[i];
        adopt(c, &x[n++]);
    }
    notify("READY=1");
    for (;;) {
        struct pollfd p = {.fd = stop, .events = POLLIN};
        int r = poll(&p, 1, (int)pause_of(x, n) * 1000);
        if (r > 0)
            break;
        if (r < 0 && errno != EINTR)
            return su_fail_os(e, "watch.poll", "poll");
        for (size_t i = 0; i < n; i++)
            expire(c, &x[i]);
        renew_one(c, x, n);
    }
    notify("STOPPING=1");
    return 0;
}
