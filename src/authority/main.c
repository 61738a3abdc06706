/* SPDX-License-Identifier: GPL-3.0-or-later */
/* surety-authority: serves one directory until SIGTERM.  In the foreground, logs to standard error. */
#include "base/confine.h"
#include "serve.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>

enum { TICK_SECONDS = 30 };

static bool journal; /* each line starts with its priority then (sd-daemon(3)) */

/* One line at a time, also from many threads; what is not printable becomes '?'. */
static void say(int priority, const char *text)
{
    char line[640];
    int n = journal ? snprintf(line, sizeof line, "<%d>", priority) : 0;
    for (; *text && n < (int)sizeof line - 2; text++)
        line[n++] = (unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7F ? *text : '?';
    line[n++] = '\n';
    while (write(STDERR_FILENO, line, (size_t)n) < 0 && errno == EINTR)
        ;
}

static int failed(const struct su_err *e)
{
    char text[512];
    snprintf(text, sizeof text, "%s [%s]%s%s", e->msg, e->id ? e->id : "internal", e->remedy ? ". " : "",
             e->remedy ? e->remedy : "");
    say(3, text);
    return 1;
}

static void log_outcome(const char *host, const char *peer, const struct su_authority_outcome *o)
{
    char text[600];
    snprintf(text, sizeof text, "%s %.80s: %s%s%s%s", peer, host, o->id ? "refused: " : "", o->text, o->id ? " " : "",
             o->id ? o->id : "");
    say(o->unavailable ? 3 : o->id ? 4 : 6, text);
}

static void usage(FILE *out)
{
    fprintf(out, "usage: surety-authority [--dir DIR] [--listen ADDRESS:PORT]\n"
                 "Serves the certificate authority in DIR (" SU_AUTHORITY_DIR ").  Manual: surety-authority(8).\n");
}

/* Every thread inherits the mask, so the signals wait for the loop below. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static void wait_for_end(struct su_authority *a, const sigset_t *set)
{
    const struct timespec tick = {.tv_sec = TICK_SECONDS};
    while (sigtimedwait(set, NULL, &tick) < 0)
        su_authority_tick(a);
}

/* Inside a filter of system calls already (a unit's, a container's) the calls that would add one may be refused. */
static int confine(const char *dir, struct su_err *e)
{
    struct su_confine places = {0};
    su_confine_allow(&places, dir, true);
    if (su_confine_enter(&places, NULL, e) == 0 || prctl(PR_GET_SECCOMP) != 2)
        return e->kind == SU_OK ? 0 : -1;
    say(6, "confined by the unit or container alone");
    *e = (struct su_err){0};
    return 0;
}

static int serve(const char *dir, const char *where, struct su_err *e)
{
    SU_AUTHORITY struct su_authority *a = NULL;
    struct su_httpd *d = NULL;
    sigset_t set;
    int fd = -1;
    char text[128];
    if (confine(dir, e) < 0)
        return -1;
    block_signals(&set);
    if (su_authority_open(dir, NULL, &a, e) < 0)
        return -1;
    const struct su_authority_conf *c = su_authority_configuration(a);
    struct su_authority_server server = {a, log_outcome};
    struct su_httpd_options o = {.routes = su_authority_routes,
                                 .n_routes = su_n_authority_routes,
                                 .ctx = &server,
                                 .max_connections = c->connections,
                                 .per_peer = c->connections / 4,
                                 .timeout_s = 20};
    if (su_listen_tcp(where ? where : c->listen, &fd, e) < 0)
        return -1;
    snprintf(text, sizeof text, "serving %.60s on port %u", c->domain, su_listen_port(fd));
    if (su_httpd_start(fd, &o, &d, e) < 0)
        return -1;
    say(6, text);
    sd_notify(0, "READY=1");
    wait_for_end(a, &set);
    sd_notify(0, "STOPPING=1");
    su_httpd_stop(&d);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *dir = SU_AUTHORITY_DIR, *where = NULL;
    struct su_err e = {0};
    struct rlimit none = {0};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'd')
            dir = optarg;
        else if (c == 'l')
            where = optarg;
        else if (c == 'h')
            return usage(stdout), 0;
        else if (c == 'v')
            return printf("surety-authority %s\n", SURETY_VERSION), 0;
        else
            return usage(stderr), 2;
    }
    if (optind != argc)
        return usage(stderr), 2;
    journal = getenv("JOURNAL_STREAM") != NULL;
    setrlimit(RLIMIT_CORE, &none); /* the issuing key is in this memory */
    prctl(PR_SET_DUMPABLE, 0);
    if (su_authority_become_owner(dir, &e) < 0 || serve(dir, where, &e) < 0)
        return failed(&e);
    return 0;
}
