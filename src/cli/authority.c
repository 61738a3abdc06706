/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of "surety authority", and their table. */
#include "authority/authority.h"
#include "base/conf.h"
#include "cli.h"
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { TIME_TEXT = 32 };

static const char *dir_of(const struct su_args *a)
{
    const char *dir = su_args_get(a, "--dir");
    return dir ? dir : SU_AUTHORITY_DIR;
}

static bool json_wanted(const struct su_args *a)
{
    return su_args_get(a, "--json") != NULL;
}

static uint64_t now(void)
{
    return (uint64_t)time(NULL);
}

static const char *time_text(uint64_t at, char out[TIME_TEXT])
{
    time_t t = (time_t)at;
    struct tm tm;
    if (at == 0 || !gmtime_r(&t, &tm) || !strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm))
        snprintf(out, TIME_TEXT, "-");
    return out;
}

/* Who did it, for the ledger; asked before the process becomes the directory's owner. */
static const char *user(void)
{
    const struct passwd *p = getpwuid(getuid());
    return p ? p->pw_name : "?";
}

/* Making and replacing ---------------------------------------------------------- */

static struct su_authority_plan plan_of(const struct su_args *a, const char *dir)
{
    return (struct su_authority_plan){.dir = dir,
                                      .root_dir = su_args_get(a, "--root-dir"),
                                      .domain = su_args_get(a, "--domain"),
                                      .url = su_args_get(a, "--url"),
                                      .algorithm = su_args_get(a, "--algorithm"),
                                      .now = now()};
}

static int print_made(const struct su_args *a, const struct su_authority_made *m, struct su_err *e)
{
    if (json_wanted(a)) {
        json_t *o =
            json_pack("{s:b,s:s,s:s,s:i}", "ok", 1, "directory", m->dir, "url", m->url, "issuing", (int)m->issuing);
        if (o && *m->root_fingerprint) {
            json_object_set_new(o, "rootFingerprint", json_string(m->root_fingerprint));
            json_object_set_new(o, "bundleFingerprint", json_string(m->bundle_fingerprint));
        }
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    printf("authority          %s\nissuing key        %u\n", m->dir, m->issuing);
    if (*m->root_fingerprint) {
        printf("trust bundle       %s/bundle.pem\nSHA-256 of it      %s\n", m->dir, m->bundle_fingerprint);
        printf("SHA-256 of root    %s\n", m->root_fingerprint);
        printf("root's key         %s: keep it offline; it is needed again to replace the issuing key\n", m->root_dir);
    }
    return SU_EXIT_OK;
}

static int verb_init(const struct su_args *a, struct su_err *e)
{
    struct su_authority_made m;
    struct su_authority_plan p = plan_of(a, a->operand[0]);
    if (!p.domain)
        return su_fail(e, SU_E_USAGE, "cli.option.missing", "--domain tells the domain of host certificates");
    if (su_authority_become_owner(p.dir, e) < 0 || su_authority_init(&p, &m, e) < 0)
        return -1;
    return print_made(a, &m, e);
}

static int verb_rotate(const struct su_args *a, struct su_err *e)
{
    struct su_authority_made m;
    struct su_authority_plan p = plan_of(a, dir_of(a));
    bool root = strcmp(a->operand[0], "root") == 0;
    if (!root && strcmp(a->operand[0], "issuing") != 0)
        return su_fail(e, SU_E_USAGE, "cli.operand", "what to rotate is root or issuing");
    if (su_authority_become_owner(p.dir, e) < 0 ||
        (root ? su_authority_rotate_root(&p, &m, e) : su_authority_rotate_issuing(&p, &m, e)) < 0)
        return -1;
    int status = print_made(a, &m, e);
    if (status == SU_EXIT_OK && !json_wanted(a))
        printf("%s\n", root ? "Give the new bundle to every consumer before the issuing key is replaced."
                            : "The server signs with it after a restart.");
    return status;
}

/* Serving ----------------------------------------------------------------------- */

/* surety-authority beside this program (a build), in sbin beside bin (an installation), else where the shell looks. */
static int verb_serve(const struct su_args *a, struct su_err *e)
{
    char self[PATH_MAX] = "", path[PATH_MAX + 32];
    const char *listen = su_args_get(a, "--listen");
    char dir[600], where[128];
    snprintf(dir, sizeof dir, "--dir=%s", dir_of(a));
    snprintf(where, sizeof where, "--listen=%s", listen ? listen : "");
    if (strlen(dir) + 1 >= sizeof dir || strlen(where) + 1 >= sizeof where)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "a value is too long");
    char *argv[] = {"surety-authority", dir, listen ? where : NULL, NULL};
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        const char *here = dirname(self);
        snprintf(path, sizeof path, "%s/surety-authority", here);
        execv(path, argv);
        snprintf(path, sizeof path, "%s/../sbin/surety-authority", here);
        execv(path, argv);
    }
    execvp("surety-authority", argv);
    su_fail_os(e, "host.tool.missing", "starting surety-authority");
    return su_remedy(e, "Install the package surety-authority.");
}

/* Tokens ------------------------------------------------------------------------- */

static int lifetime_of(const struct su_args *a, uint32_t *out, struct su_err *e)
{
    static const struct su_conf_row row = {"x", "lifetime", SU_CONF_SECONDS, 0, 0, "24h", 60, 30 * 86400, NULL};
    const char *v = su_args_get(a, "--lifetime");
    char text[64];
    if (!v)
        return 0;
    int n = snprintf(text, sizeof text, "[x]\nlifetime = %s\n", v);
    if (n >= (int)sizeof text || strchr(v, '\n') ||
        su_conf_parse(&row, 1, (struct su_bytes){(const uint8_t *)text, (size_t)n}, "--lifetime", out, sizeof *out, e) <
            0)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--lifetime is 60s to 30d, like 15m, 12h or 2d");
    return 0;
}

static int verb_token(const struct su_args *a, struct su_err *e)
{
    char token[SU_TOKEN_TEXT], until[TIME_TEXT];
    uint32_t lifetime = 0;
    uint64_t expires = 0;
    const char *who = user();
    if (lifetime_of(a, &lifetime, e) < 0 || su_authority_become_owner(dir_of(a), e) < 0 ||
        su_authority_token(dir_of(a), a->operand[0], lifetime, now(), who, token, &expires, e) < 0)
        return -1;
    int status = SU_EXIT_OK;
    if (json_wanted(a)) {
        json_t *o = json_pack("{s:b,s:s,s:s,s:I}", "ok", 1, "host", a->operand[0], "token", token, "expires",
                              (json_int_t)expires);
        status = su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    } else {
        printf("%s\n", token);
        fprintf(stderr, "For one enrolment of %s, until %s.\n", a->operand[0], time_text(expires, until));
    }
    explicit_bzero(token, sizeof token);
    return status;
}

/* Revoking ------------------------------------------------------------------------- */

struct revoke {
    const char *host, *who;
    const char *serial; /* NULL: all of the host */
    unsigned reason, n;
};

static bool serial_bytes(const char *text, uint8_t out[SU_SERIAL])
{
    if (strlen(text) != 2 * SU_SERIAL || text[strspn(text, "0123456789abcdefABCDEF")])
        return false;
    for (size_t i = 0; i < SU_SERIAL; i++) {
        char two[3] = {text[2 * i], text[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return true;
}

static int revoke_in_ledger(struct su_db *db, void *arg, struct su_err *e)
{
    struct revoke *r = arg;
    uint8_t serial[SU_SERIAL];
    SU_ENTRY struct su_entry c = {0};
    if (!r->serial)
        return su_ledger_revoke_host(db, r->host, r->reason, now(), r->who, &r->n, e);
    if (!serial_bytes(r->serial, serial))
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--serial has %d hexadecimal digits", 2 * SU_SERIAL);
    if (su_ledger_by_serial(db, serial, &c, e) < 0)
        return -1;
    if (strcmp(c.host, r->host) != 0)
        return su_fail(e, SU_E_CONFLICT, "authority.certificate.none", "the certificate is one of %s", c.host);
    r->n = 1;
    return su_ledger_revoke(db, &c, r->reason, now(), r->who, e);
}

static int verb_revoke(const struct su_args *a, struct su_err *e)
{
    SU_DB struct su_db *db = NULL;
    const char *reason = su_args_get(a, "--reason");
    struct revoke r = {.host = a->operand[0], .who = user(), .serial = su_args_get(a, "--serial")};
    if ((reason && su_reason_parse(reason, &r.reason, e) < 0) || su_authority_become_owner(dir_of(a), e) < 0 ||
        su_authority_ledger(dir_of(a), &db, e) < 0 || su_db_change(db, revoke_in_ledger, &r, e) < 0)
        return -1;
    if (json_wanted(a)) {
        json_t *o = json_pack("{s:b,s:s,s:i}", "ok", 1, "host", r.host, "revoked", (int)r.n);
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    printf("%u certificate%s of %s revoked; the next revocation list tells.\n", r.n, r.n == 1 ? "" : "s", r.host);
    return SU_EXIT_OK;
}

/* Looking --------------------------------------------------------------------------- */

struct listing {
    bool json;
    enum su_ledger_list what;
    uint64_t now;
    size_t n;
};

static const char *state_of(const struct listing *l, const struct su_ledger_row *r)
{
    return !r->serial ? "none" : r->revoked ? "revoked" : r->not_after < l->now ? "expired" : "valid";
}

static void set_time(json_t *o, const char *name, uint64_t at)
{
    if (at)
        json_object_set_new(o, name, json_integer((json_int_t)at));
}

static void set_text(json_t *o, const char *name, const char *s)
{
    if (s)
        json_object_set_new(o, name, su_json_text(s));
}

static int print_json_row(struct listing *l, const struct su_ledger_row *r, struct su_err *e)
{
    char hex[2 * SU_HASH + 1] = "";
    json_t *o = json_object();
    set_text(o, "host", r->host);
    set_text(o, "kind", r->kind);
    set_text(o, "detail", r->detail);
    if (r->serial || r->hash) {
        su_hex(r->serial ? r->serial : r->hash, r->serial ? SU_SERIAL : SU_HASH, hex);
        json_object_set_new(o, r->serial ? "serial" : "hash", json_string(hex));
    }
    set_time(o, l->what == SU_LIST_EVENTS ? "at" : "created", r->at);
    set_time(o, "notBefore", r->not_before);
    set_time(o, "notAfter", r->not_after);
    set_time(o, "revoked", r->revoked);
    set_time(o, "tokenExpires", r->token_expires);
    if (l->what == SU_LIST_HOSTS)
        json_object_set_new(o, "certificates", json_integer((json_int_t)r->certificates));
    if (l->what == SU_LIST_EVENTS)
        json_object_set_new(o, "id", json_integer((json_int_t)r->id));
    else
        set_text(o, "state", state_of(l, r));
    if (r->revoked)
        set_text(o, "reason", su_reason_name(r->reason));
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!text)
        return su_fail_nomem(e, 0);
    printf("%s\n %s", l->n++ ? "," : "", text);
    free(text);
    return 0;
}

static int print_row(void *arg, const struct su_ledger_row *r, struct su_err *e)
{
    struct listing *l = arg;
    char a[TIME_TEXT], b[TIME_TEXT], hex[2 * SU_HASH + 1] = "-";
    if (l->json)
        return print_json_row(l, r, e);
    if (l->n++ == 0)
        printf("%s\n", l->what == SU_LIST_HOSTS    ? "STATE    VALID UNTIL           CERTS  TOKEN UNTIL           HOST"
                       : l->what == SU_LIST_EVENTS ? "TIME                  EVENT        HOST  DETAIL"
                                                   : "STATE    VALID FROM            VALID UNTIL           "
                                                     "SERIAL                            HOST");
    if (r->serial)
        su_hex(r->serial, SU_SERIAL, hex);
    if (l->what == SU_LIST_HOSTS)
        printf("%-8s %-20s  %5" PRId64 "  %-20s  ", state_of(l, r), time_text(r->not_after, a), r->certificates,
               time_text(r->token_expires, b));
    else if (l->what == SU_LIST_EVENTS)
        printf("%-20s  %-11s  ", time_text(r->at, a), r->kind);
    else
        printf("%-8s %-20s  %-20s  %-32s  ", state_of(l, r), time_text(r->not_before, a), time_text(r->not_after, b),
               hex);
    su_print_safe(*r->host ? r->host : "-", stdout);
    if (r->detail) {
        fputs("  ", stdout);
        su_print_safe(r->detail, stdout);
    }
    putchar('\n');
    return 0;
}

static int verb_list(const struct su_args *a, struct su_err *e)
{
    static const char *const names[] = {"hosts", "certificates", "events"};
    SU_DB struct su_db *db = NULL;
    struct listing l = {.json = json_wanted(a), .now = now()};
    l.what = su_args_get(a, "--certificates") ? SU_LIST_CERTIFICATES
             : su_args_get(a, "--events")     ? SU_LIST_EVENTS
                                              : SU_LIST_HOSTS;
    if (su_authority_become_owner(dir_of(a), e) < 0 || su_authority_ledger(dir_of(a), &db, e) < 0)
        return -1;
    if (l.json)
        printf("{\"ok\":true,\"%s\":[", names[l.what]);
    if (su_ledger_list(db, l.what, su_args_get(a, "--host"), l.now, print_row, &l, e) < 0)
        return -1;
    if (l.json)
        printf("%s]}\n", l.n ? "\n" : "");
    return SU_EXIT_OK;
}

static int check_head(const char *expected, const char *head, struct su_err *e)
{
    if (!expected || strcasecmp(expected, head) == 0)
        return 0;
    su_fail(e, SU_E_FORMAT, "authority.ledger.head", "the ledger does not end where --expect says");
    return su_remedy(e,
                     "If the authority worked since then, look for the hash in: surety authority list --events --json");
}

static int verb_verify(const struct su_args *a, struct su_err *e)
{
    SU_DB struct su_db *db = NULL;
    struct su_ledger_proof p;
    char head[2 * SU_HASH + 1];
    if (su_authority_become_owner(dir_of(a), e) < 0 || su_authority_ledger(dir_of(a), &db, e) < 0 ||
        su_ledger_verify(db, &p, e) < 0)
        return -1;
    su_hex(p.head, sizeof p.head, head);
    if (check_head(su_args_get(a, "--expect"), head, e) < 0)
        return -1;
    if (json_wanted(a)) {
        json_t *o = json_pack("{s:b,s:I,s:I,s:I,s:I,s:s}", "ok", 1, "events", (json_int_t)p.events, "certificates",
                              (json_int_t)p.certificates, "revocations", (json_int_t)p.revocations, "tokens",
                              (json_int_t)p.tokens, "head", head);
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    printf("%" PRIu64 " events, %" PRIu64 " certificates, %" PRIu64 " revocations, %" PRIu64 " tokens: unchanged\n"
           "last event %s\n",
           p.events, p.certificates, p.revocations, p.tokens, head);
    return SU_EXIT_OK;
}

/* The table ---------------------------------------------------------------------------- */

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_dir, "--dir", "DIR", "the authority's directory (default /var/lib/surety-authority)", NULL);
OPT(o_root, "--root-dir", "DIR", "where the root's key is (default: root in the authority's directory)", NULL);
OPT(o_domain, "--domain", "DOMAIN", "host certificates are for HOST.metadata.DOMAIN", NULL);
OPT(o_url, "--url", "URL", "where hosts reach it (default http://authority.DOMAIN:8829)", NULL);
OPT(o_algorithm, "--algorithm", "NAME", "of the new keys: rsa3072 (default), rsa4096, p256, p384",
    "rsa3072 rsa4096 p256 p384");
OPT(o_listen, "--listen", "ADDRESS:PORT", "instead of the configured one", "");
OPT(o_lifetime, "--lifetime", "TIME", "of the token, like 15m or 2d (default 24h)", "1h 24h 7d");
OPT(o_hosts, "--hosts", NULL, "list hosts (the default)", NULL);
OPT(o_certificates, "--certificates", NULL, "list certificates", NULL);
OPT(o_events, "--events", NULL, "list everything that happened", NULL);
OPT(o_host, "--host", "HOST", "of this host alone", "");
OPT(o_expect, "--expect", "HASH", "the last event is to be this one", "");
OPT(o_serial, "--serial", "HEX", "this certificate alone, not all of the host", "");
OPT(o_reason, "--reason", "REASON", "like keyCompromise or cessationOfOperation",
    "keyCompromise affiliationChanged superseded cessationOfOperation privilegeWithdrawn");

static const struct su_option *const init_options[] = {&o_domain, &o_url, &o_algorithm, &o_root, &o_json, NULL};
static const struct su_option *const rotate_options[] = {&o_dir, &o_root, &o_algorithm, &o_json, NULL};
static const struct su_option *const serve_options[] = {&o_dir, &o_listen, NULL};
static const struct su_option *const token_options[] = {&o_dir, &o_lifetime, &o_json, NULL};
static const struct su_option *const list_options[] = {&o_dir,  &o_hosts, &o_certificates, &o_events, &o_host,
                                                       &o_json, NULL};
static const struct su_option *const verify_options[] = {&o_dir, &o_expect, &o_json, NULL};
static const struct su_option *const revoke_options[] = {&o_dir, &o_serial, &o_reason, &o_json, NULL};

static const struct su_verb verbs[] = {
    {"authority", "init", "DIR", "make a certificate authority", 1, 1, init_options, verb_init},
    {"authority", "serve", "", "run it: starts surety-authority", 0, 0, serve_options, verb_serve},
    {"authority", "token", "HOST", "print a token for one enrolment", 1, 1, token_options, verb_token},
    {"authority", "list", "", "hosts, certificates, or what happened", 0, 0, list_options, verb_list},
    {"authority", "revoke", "HOST", "revoke a host's certificates and token", 1, 1, revoke_options, verb_revoke},
    {"authority", "verify", "", "was the ledger changed?", 0, 0, verify_options, verb_verify},
    {"authority", "rotate", "WHAT", "a new issuing key, or a new root", 1, 1, rotate_options, verb_rotate},
};
const struct su_noun su_authority_noun = {verbs, SU_ARRAY_LEN(verbs)};
