/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory, opened: by the server, and by the commands. */
#include "authority_int.h"
#include "base/conf.h"
#include "files.h"
#include "pki/cert.h"
#include "seal.h"
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define FIELD(f) offsetof(struct su_authority_conf, f)
static const struct su_conf_row rows[] = {
    {"authority", "domain", SU_CONF_STRING, FIELD(domain), sizeof((struct su_authority_conf *)0)->domain, NULL, 0, 0,
     NULL},
    {"authority", "url", SU_CONF_STRING, FIELD(url), sizeof((struct su_authority_conf *)0)->url, NULL, 0, 0, NULL},
    {"authority", "listen", SU_CONF_STRING, FIELD(listen), sizeof((struct su_authority_conf *)0)->listen,
     "0.0.0.0:8829", 0, 0, NULL},
    {"authority", "connections", SU_CONF_UINT, FIELD(connections), 0, "256", 8, 65536, NULL},
    {"certificates", "lifetime", SU_CONF_SECONDS, FIELD(certificate_lifetime), 0, "30d", 10, 90 * 86400, NULL},
    {"certificates", "renew-expired", SU_CONF_SECONDS, FIELD(renew_expired), 0, "365d", 0, SU_RENEW_EXPIRED_MAX, NULL},
    {"tokens", "lifetime", SU_CONF_SECONDS, FIELD(token_lifetime), 0, "24h", 60, 30 * 86400, NULL},
};

int su_authority_conf_load(const char *dir, struct su_authority_conf *out, struct su_err *e)
{
    char path[SU_PATH];
    struct su_authority_conf c = {0};
    if (su_path(path, dir, "authority", 0, ".conf", e) < 0)
        return -1;
    if (access(path, F_OK) < 0) {
        su_fail_os(e, "authority.none", "%s", path);
        e->kind = SU_E_MISSING;
        return su_remedy(e, "Make an authority with: surety authority init DIR --domain DOMAIN");
    }
    if (su_conf_load(rows, SU_ARRAY_LEN(rows), path, false, &c, sizeof c, e) < 0)
        return -1;
    if (!su_domain_valid(c.domain))
        return su_fail(e, SU_E_FORMAT, "authority.domain", "%s: the domain is not one", path);
    *out = c;
    return 0;
}

int su_authority_ledger(const char *dir, struct su_db **out, struct su_err *e)
{
    char path[SU_PATH];
    return su_path(path, dir, "ledger", 0, ".db", e) < 0 ? -1 : su_db_open(path, false, out, e);
}

int su_authority_host_ok(const char *host, const char *domain, struct su_err *e)
{
    if (!su_host_name_valid(host))
        return su_fail(e, SU_E_USAGE, "authority.host",
                       "a host's name is made of labels of a-z, 0-9 and '-', in lower case");
    if (strlen(host) + strlen(".metadata.") + strlen(domain) > SU_AUTHORITY_NAME)
        return su_fail(e, SU_E_USAGE, "authority.host", "HOST.metadata.%s has more than %d bytes", domain,
                       SU_AUTHORITY_NAME);
    return 0;
}

/* Reasons ------------------------------------------------------------------- */

static const char *const reasons[] = {"unspecified", "keyCompromise",        "cACompromise",    "affiliationChanged",
                                      "superseded",  "cessationOfOperation", "certificateHold", NULL,
                                      NULL,          "privilegeWithdrawn",   "aACompromise"};

int su_reason_parse(const char *name, unsigned *out, struct su_err *e)
{
    for (unsigned i = 0; i < SU_ARRAY_LEN(reasons); i++) {
        if (i != 6 && reasons[i] && strcasecmp(name, reasons[i]) == 0) {
            *out = i;
            return 0;
        }
    }
    return su_fail(e, SU_E_USAGE, "authority.reason", "%s is no reason; try keyCompromise or cessationOfOperation",
                   name);
}

const char *su_reason_name(unsigned reason)
{
    return reason < SU_ARRAY_LEN(reasons) && reasons[reason] ? reasons[reason] : "unspecified";
}

/* Tokens ---------------------------------------------------------------------- */

static int read_token_key(const char *dir, struct su_secret *out, struct su_err *e)
{
    SU_SECRET struct su_secret s = {0};
    char path[SU_PATH];
    if (su_path(path, dir, "token", 0, ".key", e) < 0 || su_secret_from_file(path, &s, e) < 0)
        return -1;
    if (s.n != SU_SEAL_KEY)
        return su_fail(e, SU_E_FORMAT, "authority.token.sealed", "%s has not %d bytes", path, SU_SEAL_KEY);
    *out = s;
    s = (struct su_secret){0};
    return 0;
}

struct new_token {
    const char *host, *who;
    uint8_t sealed[SU_TOKEN_SEALED];
    uint64_t now, expires;
};

static int add_token(struct su_db *db, void *arg, struct su_err *e)
{
    const struct new_token *t = arg;
    return su_ledger_token_new(db, t->host, t->sealed, t->now, t->expires, t->who, e);
}

int su_authority_token(const char *dir, const char *host, uint32_t lifetime, uint64_t now, const char *who, char *out,
                       uint64_t *expires, struct su_err *e)
{
    SU_SECRET struct su_secret key = {0};
    SU_DB struct su_db *db = NULL;
    struct su_authority_conf conf;
    uint8_t random[SU_TOKEN_SECRET / 2];
    char secret[SU_TOKEN_SECRET + 1];
    if (su_authority_conf_load(dir, &conf, e) < 0 || su_authority_host_ok(host, conf.domain, e) < 0 ||
        read_token_key(dir, &key, e) < 0 || su_authority_ledger(dir, &db, e) < 0)
        return -1;
    struct new_token t = {
        .host = host, .who = who, .now = now, .expires = now + (lifetime ? lifetime : conf.token_lifetime)};
    if (RAND_priv_bytes(random, sizeof random) != 1)
        return su_fail_ssl(e, SU_E_IO, "authority.openssl", "no random bytes");
    su_hex(random, sizeof random, secret);
    explicit_bzero(random, sizeof random);
    int rc = su_seal(&key, host, secret, t.sealed, e) < 0 || su_db_change(db, add_token, &t, e) < 0 ? -1 : 0;
    if (rc == 0) {
        snprintf(out, SU_TOKEN_TEXT, "sut1_%s_%s", host, secret);
        *expires = t.expires;
    }
    explicit_bzero(secret, sizeof secret);
    return rc;
}

/* Opening ---------------------------------------------------------------------- */

static uint64_t system_clock(void)
{
    return (uint64_t)time(NULL);
}

static bool is_over(X509 *x, uint64_t now)
{
    uint64_t from, to;
    struct su_err ignored = {0};
    return su_cert_times(x, &from, &to, &ignored) < 0 || to < now;
}

/* An old key may be thrown away when its certificate is over; the newest one must be there and valid. */
static int open_issuer(struct su_authority *a, unsigned n, struct su_err *e)
{
    char cert_path[SU_PATH], key_path[SU_PATH];
    X509 *cert = NULL;
    EVP_PKEY *key = NULL;
    if (su_path(cert_path, a->dir, "issuing", n, ".pem", e) < 0 ||
        su_path(key_path, a->dir, "issuing", n, ".key", e) < 0 || su_file_cert(cert_path, &cert, e) < 0)
        return -1;
    bool over = is_over(cert, a->clock());
    if (over && n < a->n_issuers) {
        X509_free(cert);
        return 0;
    }
    if (over || su_file_key(key_path, &key, e) < 0) {
        X509_free(cert);
        if (!over)
            return -1;
        su_fail(e, SU_E_CONFLICT, "authority.issuing", "the newest issuing certificate has expired");
        return su_remedy(e, "Check the clock; or make a new one with: surety authority rotate issuing");
    }
    return su_issuer_new(n, cert, key, a->conf.url, &a->issuer[n - 1], e);
}

static int open_keys(struct su_authority *a, struct su_err *e)
{
    char path[SU_PATH], key_path[SU_PATH];
    a->n_issuers = su_file_highest(a->dir, "issuing");
    if (a->n_issuers == 0 || a->n_issuers > SU_AUTHORITY_MAX_ISSUERS)
        return su_fail(e, SU_E_MISSING, "authority.issuing", "%s has %u issuing certificates", a->dir, a->n_issuers);
    for (unsigned n = 1; n <= a->n_issuers; n++)
        if (open_issuer(a, n, e) < 0)
            return -1;
    if (su_path(path, a->dir, "responder", a->n_issuers, ".pem", e) < 0 ||
        su_path(key_path, a->dir, "responder", a->n_issuers, ".key", e) < 0 ||
        su_file_cert(path, &a->responder, e) < 0 || su_file_key(key_path, &a->responder_key, e) < 0 ||
        su_path(path, a->dir, "bundle", 0, ".pem", e) < 0 || su_file_read(path, 64 << 10, &a->bundle, e) < 0)
        return -1;
    if (X509_check_private_key(a->responder, a->responder_key) != 1)
        return su_fail_ssl(e, SU_E_FORMAT, "authority.issuing", "the responder's certificate and key do not match");
    X509 *newest = a->issuer[a->n_issuers - 1].cert;
    a->chain = sk_X509_new_null();
    if (!a->chain || !X509_up_ref(newest) || !sk_X509_push(a->chain, newest))
        return su_fail_nomem(e, 0);
    return su_certs_of_pem(su_buf_bytes(&a->bundle), SU_AUTHORITY_MAX_ROOTS, &a->roots, e);
}

static int open_ledger(struct su_authority *a, struct su_err *e)
{
    SU_DB struct su_db *db = NULL;
    uint64_t at;
    if (su_authority_ledger(a->dir, &a->reader, e) < 0 || su_authority_ledger(a->dir, &a->crl_db, e) < 0 ||
        su_authority_ledger(a->dir, &db, e) < 0 || su_ledger_clock(db, a->clock(), &at, e) < 0)
        return -1;
    if (su_writer_start(db, &a->writer, e) < 0)
        return -1;
    db = NULL;
    return 0;
}

int su_authority_open(const char *dir, uint64_t (*clock)(void), struct su_authority **out, struct su_err *e)
{
    SU_AUTHORITY struct su_authority *a = calloc(1, sizeof *a);
    if (!a)
        return su_fail_nomem(e, sizeof *a);
    a->clock = clock ? clock : system_clock;
    a->txns_end = &a->txns;
    pthread_mutex_init(&a->read_lock, NULL);
    pthread_mutex_init(&a->txn_lock, NULL);
    pthread_mutex_init(&a->crl_lock, NULL);
    if (snprintf(a->dir, sizeof a->dir, "%s", dir) >= (int)sizeof a->dir)
        return su_fail(e, SU_E_USAGE, "authority.file", "the directory's name is too long");
    if (su_authority_conf_load(dir, &a->conf, e) < 0 || open_keys(a, e) < 0 ||
        read_token_key(dir, &a->token_key, e) < 0 || open_ledger(a, e) < 0)
        return -1;
    su_authority_tick(a);
    *out = su_steal(&a);
    return 0;
}

void su_authority_close(struct su_authority **pp)
{
    struct su_authority *a = su_steal(pp);
    if (!a)
        return;
    su_txn_sweep(a, true);
    su_writer_stop(&a->writer);
    su_db_close(&a->reader);
    su_db_close(&a->crl_db);
    for (unsigned i = 0; i < SU_AUTHORITY_MAX_ISSUERS; i++) {
        su_issuer_done(&a->issuer[i]);
        su_buf_done(&a->crl[i].der);
    }
    X509_free(a->responder);
    EVP_PKEY_free(a->responder_key);
    sk_X509_pop_free(a->roots, X509_free);
    sk_X509_pop_free(a->chain, X509_free);
    su_buf_done(&a->bundle);
    su_secret_done(&a->token_key);
    pthread_mutex_destroy(&a->read_lock);
    pthread_mutex_destroy(&a->txn_lock);
    pthread_mutex_destroy(&a->crl_lock);
    free(a);
}

const struct su_authority_conf *su_authority_configuration(const struct su_authority *a)
{
    return &a->conf;
}
