/* SPDX-License-Identifier: GPL-3.0-or-later */
/* surety-signer: holds the key that documents are signed with, and nothing else.  See docs/man/surety-signer.8. */
#include "loop.h"
#include "sandbox.h"
#include "wire/ipc.h"
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define IMDS_USER "surety-imds"
enum { PATH_BYTES = 400, DEFAULT_LIMIT_MS = 10000, END_WAIT_MS = 2000 };

struct options {
    const char *config, *state, *run, *user, *token_dir;
    unsigned limit_ms;
};

/* One line to the journal, or to a terminal. */
static void say(const char *priority, const struct su_err *e)
{
    fprintf(stderr, "%ssurety-signer: %s: %s%s%s\n", getenv("JOURNAL_STREAM") ? priority : "", e->id, e->msg,
            e->remedy ? "; " : "", e->remedy ? e->remedy : "");
}

static void usage(FILE *to)
{
    fputs("usage: surety-signer [--config FILE] [--state DIR] [--run DIR] [--user NAME] [--token-dir DIR]\n"
          "                     [--key-timeout SECONDS]\n",
          to);
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"config", 1, NULL, 'c'}, {"state", 1, NULL, 's'},     {"run", 1, NULL, 'r'},
        {"user", 1, NULL, 'u'},   {"token-dir", 1, NULL, 't'}, {"key-timeout", 1, NULL, 'k'},
        {"help", 0, NULL, 'h'},   {"version", 0, NULL, 'V'},   {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        char *end = NULL;
        unsigned long n = c == 'k' ? strtoul(optarg, &end, 10) : 0;
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case 's':
            o->state = optarg;
            break;
        case 'r':
            o->run = optarg;
            break;
        case 'u':
            o->user = optarg;
            break;
        case 't':
            o->token_dir = optarg;
            break;
        case 'k':
            if (*end || n < 1 || n > 600)
                return 2;
            o->limit_ms = (unsigned)n * 1000;
            break;
        case 'h':
            usage(stdout);
            return 0;
        case 'V':
            puts("surety-signer " SURETY_VERSION);
            return 0;
        default:
            return 2;
        }
    }
    return optind == argc ? -1 : 2;
}

static int make_dir(const char *parent, const char *name, unsigned mode, const struct passwd *owner, char *out,
                    struct su_err *e)
{
    if (snprintf(out, PATH_BYTES, "%s/%s", parent, name) >= PATH_BYTES - 32)
        return su_fail(e, SU_E_USAGE, "signer.dir", "%s is too long a path", parent);
    if ((mkdir(parent, 0755) < 0 && errno != EEXIST) || (mkdir(out, mode) < 0 && errno != EEXIST))
        return su_fail_os(e, "signer.dir", "making %s", out);
    if (owner && geteuid() == 0 && lchown(out, owner->pw_uid, owner->pw_gid) < 0)
        return su_fail_os(e, "signer.dir", "giving %s to %s", out, owner->pw_name);
    return 0;
}

/* surety-imds reaches sign.sock through its group; where it has none of its own, everybody reaches the socket and the
 * peer's user decides at accept. */
static int listen_both(const char *run, struct su_loop_options *l, struct su_err *e)
{
    char path[PATH_BYTES];
    struct passwd *imds = getpwnam(IMDS_USER);
    l->sign_uid = imds ? imds->pw_uid : (uid_t)-1;
    snprintf(path, sizeof path, "%.380s/sign.sock", run);
    if (su_ipc_listen(path, imds ? 0660 : 0600, &l->sign, e) < 0)
        return -1;
    if (imds && lchown(path, (uid_t)-1, imds->pw_gid) < 0 && chmod(path, 0666) < 0)
        return su_fail_os(e, "signer.dir", "opening %s for " IMDS_USER, path);
    snprintf(path, sizeof path, "%.380s/control.sock", run);
    return su_ipc_listen(path, 0600, &l->control, e);
}

static int become(const struct passwd *p, struct su_err *e)
{
    if (!p || geteuid() != 0)
        return 0;
    if (initgroups(p->pw_name, p->pw_gid) < 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
        setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
        return su_fail_os(e, "signer.user", "becoming %s", p->pw_name);
    return 0;
}

/* What was stored into use.  A store that cannot be read is a state, not an end: suretyd can enrol again. */
static int load(struct su_signer *s, const char *state, struct su_err *e)
{
    struct su_generation g = {0};
    if (su_store_open(state, &s->store, e) < 0)
        return -1;
    s->options.key.dir = s->store.keys;
    struct su_err sweeping = {0};
    /* a token might not answer: its leftovers wait for the next enrolment */
    if (strncmp(s->conf.key, "pkcs11:", 7) != 0 && su_store_sweep(&s->store, &s->options.key, &sweeping) < 0)
        say("<4>", &sweeping);
    if (su_store_load(&s->store, &g, e) < 0) {
        if (e->kind != SU_E_MISSING) {
            say("<3>", e);
            s->store_problem = *e;
        }
        return 0;
    }
    if (su_cred_new(s, &g, &s->cred, e) < 0)
        return -1;
    s->host.host = s->cred->gen.host;
    struct su_err problem = {0};
    if (su_cred_state(s->cred, &problem) < 0 && strcmp(problem.id, "key.opening") != 0)
        say("<3>", &problem);
    return 0;
}

static int configure(const struct options *o, struct su_signer *s, struct su_err *e)
{
    if (su_host_conf_load(o->config, &s->conf, e) < 0 || su_vms_init(&s->vms, e) < 0 ||
        su_key_before_threads(s->conf.key, e) < 0)
        return -1;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return su_fail_os(e, "sign.loop", "setting up the event loop");
    s->options = (struct su_worker_options){.key = {.module = s->conf.module[0] ? s->conf.module : NULL,
                                                    .pin_file = s->conf.pin_file[0] ? s->conf.pin_file : NULL},
                                            .azure_oid = strcmp(s->conf.digest_oid, "azure") == 0,
                                            .limit_ms = o->limit_ms,
                                            .wake = s->wake};
    s->host = (struct su_document_host){.cluster = s->conf.cluster,
                                        .host = s->conf.host,
                                        .lifetime = s->conf.lifetime,
                                        .azure_oid = s->options.azure_oid};
    return 0;
}

static void ready(void)
{
    sd_notify(0, "READY=1");
}

static int serve(const struct options *o, struct su_signer *s, struct su_err *e)
{
    char state[PATH_BYTES], run[PATH_BYTES];
    struct su_loop_options l = {.sign = -1, .control = -1, .ready = ready};
    const struct passwd *found = o->user ? getpwnam(o->user) : NULL;
    struct passwd copy, *user = NULL; /* the next look-up overwrites what this one found */
    sigset_t set;
    if (o->user && !found)
        return su_fail(e, SU_E_USAGE, "signer.user", "there is no user %s", o->user);
    if (found) {
        copy = (struct passwd){.pw_name = (char *)o->user, .pw_uid = found->pw_uid, .pw_gid = found->pw_gid};
        user = &copy;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (configure(o, s, e) < 0 || make_dir(o->state, "signer", 0700, user, state, e) < 0 ||
        make_dir(o->run, "signer", 0755, user, run, e) < 0 || listen_both(run, &l, e) < 0 || become(user, e) < 0)
        return -1;
    umask(077);
    const struct su_sandbox box = {state, s->conf.key, o->token_dir};
    if (su_sandbox_enter(&box, e) < 0 || load(s, state, e) < 0)
        return -1;
    return su_loop_run(s, &l, e);
}

int main(int argc, char **argv)
{
    struct options o = {SU_CONF_FILE, SU_STATE_DIR, SU_RUN_DIR, NULL, NULL, DEFAULT_LIMIT_MS};
    struct su_err e = {0};
    static struct su_signer s;
    int rc = parse(argc, argv, &o);
    if (rc == 2)
        usage(stderr);
    if (rc >= 0)
        return rc;
    umask(022);
    su_signer_init(&s);
    if (serve(&o, &s, &e) < 0) {
        say("<3>", &e);
        return 1;
    }
    sd_notify(0, "STOPPING=1");
    /* A TPM without a resource manager keeps what is not given back.  But a thread may hang in its device: not for
     * long, the store survives an end at any point. */
    if (s.cred && s.cred->worker)
        su_worker_end(s.cred->worker, END_WAIT_MS);
    fflush(NULL);
    _exit(0);
}
