/* SPDX-License-Identifier: GPL-3.0-or-later */
/* surety-imds: answers guests.  See surety-imds(8). */
#include "connector.h"
#include "jail.h"
#include "server.h"
#include "wire/hostconf.h"
#include "wire/ipc.h"
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static bool to_journal;

void su_log(int priority, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    int n = to_journal ? snprintf(line, sizeof line, "<%d>", priority) : snprintf(line, sizeof line, "surety-imds: ");
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    n += m < 0 ? 0 : m;
    if ((size_t)n > sizeof line - 2)
        n = sizeof line - 2;
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return; /* there is nobody to tell */
}

struct options {
    const char *run, *user;
};

static void usage(FILE *out)
{
    fputs("usage: surety-imds [--config FILE] [--state DIR] [--run DIR] [--user NAME]\n"
          "Answers guests on the sockets that suretyd hands over. In the foreground; see surety-imds(8).\n"
          "  --run DIR    where the programs of surety meet (" SU_RUN_DIR ")\n"
          "  --user NAME  become this user, when started as root\n"
          "  --config FILE, --state DIR  taken and not used: suretyd tells what is to be known\n"
          "  --version, --help\n",
          out);
}

/* The exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"state", required_argument, NULL, 's'},
                                          {"run", required_argument, NULL, 'r'},
                                          {"user", required_argument, NULL, 'u'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        switch (c) {
        case 'r':
            o->run = optarg;
            break;
        case 'u':
            o->user = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        case 'V':
            puts("surety-imds " SURETY_VERSION);
            return 0;
        case '?':
            usage(stderr);
            return 2;
        default:
            break;
        }
    if (optind == argc)
        return -1;
    usage(stderr);
    return 2;
}

/* RUN and RUN/imds, when systemd did not make them. */
static int make_dirs(const char *run, struct su_err *e)
{
    char dir[512];
    if (snprintf(dir, sizeof dir, "%s/imds", run) >= (int)sizeof dir)
        return su_fail(e, SU_E_RANGE, "ipc.size", "the path %s is too long", run);
    if ((mkdir(run, 0755) < 0 && errno != EEXIST) || (mkdir(dir, 0755) < 0 && errno != EEXIST))
        return su_fail_os(e, "imds.run", "cannot make %s", dir);
    return 0;
}

static void set_limits(void)
{
    struct rlimit files;
    rlim_t want = SU_LISTENERS_MAX + SU_CONNS_SLOTS + 64;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        su_log(LOG_WARNING, "cannot set the limit of open files: %s", strerror(errno));
}

static int start(struct su_server *s, const struct options *o, struct su_err *e)
{
    char sock[600], signer[600];
    int listener = -1, connector = -1;
    snprintf(sock, sizeof sock, "%s/imds/imds.sock", o->run);
    snprintf(signer, sizeof signer, "%s/signer/sign.sock", o->run);
    if (make_dirs(o->run, e) < 0 || su_ipc_listen(sock, 0600, &listener, e) < 0)
        return -1;
    /* what libraries would open later is opened now: afterwards nothing can be */
    tzset();
    json_object_seed(0);
    set_limits();
    if ((o->user && geteuid() == 0 && su_jail_drop_user(o->user, e) < 0) ||
        su_connector_start(signer, &connector, e) < 0 || su_server_start(s, listener, connector, e) < 0)
        return -1;
    sd_notify(0, "READY=1");
    return su_jail_imds(e);
}

int main(int argc, char **argv)
{
    static struct su_server server;
    struct options o = {.run = SU_RUN_DIR};
    struct su_err e = {0};
    to_journal = getenv("JOURNAL_STREAM") != NULL;
    int status = parse(argc, argv, &o);
    if (status >= 0)
        return status;
    if (start(&server, &o, &e) < 0) {
        su_log(LOG_ERR, "%s%s%s", e.msg, e.remedy ? ": " : "", e.remedy ? e.remedy : "");
        return 1;
    }
    su_log(LOG_INFO, "waiting for suretyd in %s/imds", o.run);
    int rc = su_server_run(&server, &e);
    if (rc < 0)
        su_log(LOG_ERR, "%s", e.msg);
    su_server_done(&server);
    return rc < 0;
}
