/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making an authority, and replacing its keys. */
#include "authority.h"
#include "files.h"
#include "pki/cert.h"
#include "seal.h"
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PKEY_AUTO SU_AUTO(pkey_freep)
#define X509_AUTO SU_AUTO(x509_freep)
static void pkey_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}
static void x509_freep(X509 **x)
{
    X509_free(*x);
}

/* Names -------------------------------------------------------------------- */

/* Also of what OpenSSL's extension syntax would read as more than one value: only these characters. */
static bool url_valid(const char *url)
{
    const char *rest = strncmp(url, "http://", 7) == 0 ? url + 7 : strncmp(url, "https://", 8) == 0 ? url + 8 : "";
    size_t n = strlen(rest);
    return n > 0 && n < 400 && rest[n - 1] != '/' &&
           strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:/_~[]") == n;
}

static int check_plan(const struct su_authority_plan *p, struct su_authority_made *m, struct su_err *e)
{
    if (!su_domain_valid(p->domain) || strlen("issuing 4294967295 surety ") + strlen(p->domain) > SU_AUTHORITY_NAME)
        return su_fail(e, SU_E_USAGE, "authority.domain",
                       "the domain is made of labels of a-z, 0-9 and '-', and has at most %d bytes",
                       SU_AUTHORITY_NAME - 26);
    if (p->url && (strlen(p->url) >= sizeof m->url || !url_valid(p->url)))
        return su_fail(e, SU_E_USAGE, "authority.url",
                       "the URL is http://HOST[:PORT][/PATH] without a slash at the end");
    snprintf(m->url, sizeof m->url, p->url ? "%s" : "http://authority.%s:8829", p->url ? p->url : p->domain);
    return 0;
}

static int check_dirs(const struct su_authority_plan *p, struct su_authority_made *m, struct su_err *e)
{
    int n = snprintf(m->dir, sizeof m->dir, "%s", p->dir);
    int r = p->root_dir ? snprintf(m->root_dir, sizeof m->root_dir, "%s", p->root_dir)
                        : snprintf(m->root_dir, sizeof m->root_dir, "%s/root", p->dir);
    if (!*p->dir || n >= (int)sizeof m->dir || r >= (int)sizeof m->root_dir)
        return su_fail(e, SU_E_USAGE, "authority.file", "the directory's name is empty or too long");
    return 0;
}

static bool is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    bool empty = true;
    for (struct dirent *f; d && (f = readdir(d));)
        empty = empty && (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0);
    if (d)
        closedir(d);
    return empty;
}

static int make_directory(const char *dir, struct su_err *e)
{
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return su_fail_os(e, "authority.file", "making %s", dir);
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return su_fail(e, SU_E_IO, "authority.file", "%s is no directory", dir);
    if ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))
        return su_fail(e, SU_E_REFUSED, "authority.file", "others may write into %s", dir);
    return 0;
}

static int start_directory(const char *dir, struct su_err *e)
{
    char path[SU_PATH];
    if (su_path(path, dir, "authority", 0, ".conf", e) < 0)
        return -1;
    if (access(path, F_OK) == 0)
        return su_fail(e, SU_E_CONFLICT, "authority.exists", "%s holds an authority already", dir);
    if (make_directory(dir, e) < 0)
        return -1;
    if (is_empty(dir))
        return 0;
    su_fail(e, SU_E_CONFLICT, "authority.exists", "%s is not empty", dir);
    return su_remedy(e,
                     "Name another directory; one that an earlier attempt left without authority.conf may be removed.");
}

int su_authority_become_owner(const char *dir, struct su_err *e)
{
    struct stat st;
    if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
        return su_fail_os(e, "authority.file", "becoming the owner of %s", dir);
    return 0;
}

/* Keys and certificates ------------------------------------------------------ */

static int new_root(const struct su_authority_plan *p, const char *root_dir, unsigned n, X509 **out, struct su_err *e)
{
    PKEY_AUTO EVP_PKEY *key = NULL;
    X509_AUTO X509 *root = NULL;
    enum su_ca_algorithm a;
    char key_path[SU_PATH], cert_path[SU_PATH];
    if (su_ca_algorithm_parse(p->algorithm ? p->algorithm : "rsa3072", &a, e) < 0 ||
        su_path(key_path, root_dir, "root", n, ".key", e) < 0 ||
        su_path(cert_path, root_dir, "root", n, ".pem", e) < 0 || su_ca_key_new(a, &key, e) < 0 ||
        su_ca_make_root(p->domain, key, p->now, &root, e) < 0 || su_file_new_key(key_path, key, e) < 0 ||
        su_file_new_cert(cert_path, root, e) < 0)
        return -1;
    *out = su_steal(&root);
    return 0;
}

static int new_responder(const struct su_authority_plan *p, const char *dir, unsigned n, X509 *issuing,
                         EVP_PKEY *issuing_key, struct su_err *e)
{
    PKEY_AUTO EVP_PKEY *key = NULL;
    X509_AUTO X509 *x = NULL;
    char key_path[SU_PATH], cert_path[SU_PATH];
    return su_path(key_path, dir, "responder", n, ".key", e) < 0 ||
                   su_path(cert_path, dir, "responder", n, ".pem", e) < 0 || su_ca_key_new(SU_CA_P256, &key, e) < 0 ||
                   su_ca_make_responder(p->domain, n, key, issuing, issuing_key, p->now, &x, e) < 0 ||
                   su_file_new_key(key_path, key, e) < 0 || su_file_new_cert(cert_path, x, e) < 0
               ? -1
               : 0;
}

/* issuing-N.pem comes last: it makes the number count. */
static int new_issuing(const struct su_authority_plan *p, const struct su_authority_made *m, unsigned n, X509 **out,
                       struct su_err *e)
{
    PKEY_AUTO EVP_PKEY *root_key = NULL, *key = NULL;
    X509_AUTO X509 *root = NULL, *x = NULL;
    enum su_ca_algorithm a;
    char root_key_path[SU_PATH], root_path[SU_PATH], key_path[SU_PATH], cert_path[SU_PATH];
    unsigned r = su_file_highest(m->root_dir, "root");
    if (r == 0) {
        su_fail(e, SU_E_MISSING, "authority.root.none", "%s holds no root", m->root_dir);
        return su_remedy(e, "Bring the root's directory back for this, and name it with --root-dir.");
    }
    if (su_ca_algorithm_parse(p->algorithm ? p->algorithm : "rsa3072", &a, e) < 0 ||
        su_path(root_key_path, m->root_dir, "root", r, ".key", e) < 0 ||
        su_path(root_path, m->root_dir, "root", r, ".pem", e) < 0 ||
        su_path(key_path, m->dir, "issuing", n, ".key", e) < 0 ||
        su_path(cert_path, m->dir, "issuing", n, ".pem", e) < 0)
        return -1;
    if (su_file_key(root_key_path, &root_key, e) < 0 || su_file_cert(root_path, &root, e) < 0 ||
        su_ca_key_new(a, &key, e) < 0 || su_ca_make_issuing(p->domain, n, key, root, root_key, p->now, &x, e) < 0 ||
        su_file_new_key(key_path, key, e) < 0 || new_responder(p, m->dir, n, x, key, e) < 0 ||
        su_file_new_cert(cert_path, x, e) < 0)
        return -1;
    *out = su_steal(&x);
    return 0;
}

static int fingerprint(X509 *x, char out[2 * SU_HASH + 1], struct su_err *e)
{
    SU_BUF struct su_buf der = {0};
    uint8_t hash[SU_HASH];
    if (su_cert_to_der(x, &der, e) < 0)
        return -1;
    SHA256(der.p, der.n, hash);
    su_hex(hash, sizeof hash, out);
    return 0;
}

/* The newest root first, then those of the old bundle that are not over. */
static int new_bundle(const char *dir, X509 *root, uint64_t now, struct su_authority_made *m, struct su_err *e)
{
    SU_BUF struct su_buf pem = {0}, old = {0};
    char path[SU_PATH];
    uint8_t hash[SU_HASH];
    STACK_OF(X509) *before = NULL;
    if (su_path(path, dir, "bundle", 0, ".pem", e) < 0 || su_cert_pem(root, &pem, e) < 0)
        return -1;
    if (access(path, F_OK) == 0 && (su_file_read(path, 64 << 10, &old, e) < 0 ||
                                    su_certs_of_pem(su_buf_bytes(&old), SU_AUTHORITY_MAX_ROOTS, &before, e) < 0))
        return -1;
    int rc = 0;
    for (int i = 0; i < sk_X509_num(before) && rc == 0; i++) {
        uint64_t from, to;
        X509 *x = sk_X509_value(before, i);
        rc = su_cert_times(x, &from, &to, e);
        if (rc == 0 && to > now)
            rc = su_cert_pem(x, &pem, e);
    }
    sk_X509_pop_free(before, X509_free);
    if (rc < 0 || su_file_replace(path, 0644, su_buf_bytes(&pem), e) < 0)
        return -1;
    SHA256(pem.p, pem.n, hash);
    su_hex(hash, sizeof hash, m->bundle_fingerprint);
    return fingerprint(root, m->root_fingerprint, e);
}

/* What the ledger is told ----------------------------------------------------- */

struct told {
    const char *kind;
    char detail[256];
    uint64_t now;
};

static int tell(struct su_db *db, void *arg, struct su_err *e)
{
    const struct told *t = arg;
    uint64_t at;
    return su_ledger_clock(db, t->now, &at, e) < 0 ? -1 : su_ledger_event(db, at, t->kind, "", t->detail, e);
}

static int tell_of(struct su_db *db, const char *kind, unsigned n, X509 *x, uint64_t now, struct su_err *e)
{
    struct told t = {.kind = kind, .now = now};
    char digest[2 * SU_HASH + 1];
    if (fingerprint(x, digest, e) < 0)
        return -1;
    snprintf(t.detail, sizeof t.detail, "n=%u sha256=%s", n, digest);
    return su_db_change(db, tell, &t, e);
}

/* Init ------------------------------------------------------------------------ */

static int new_token_key(const char *dir, struct su_err *e)
{
    SU_SECRET struct su_secret s = {0};
    char path[SU_PATH];
    if (su_secret_new(SU_SEAL_KEY, &s, e) < 0 || su_path(path, dir, "token", 0, ".key", e) < 0)
        return -1;
    if (RAND_bytes(s.p, SU_SEAL_KEY) != 1)
        return su_fail_ssl(e, SU_E_IO, "authority.openssl", "no random bytes");
    return su_file_new(path, 0600, (struct su_bytes){s.p, s.n}, e);
}

static int new_conf(const struct su_authority_plan *p, const struct su_authority_made *m, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    char path[SU_PATH];
    su_buf_printf(
        &b,
        "# surety-authority(8)\n[authority]\ndomain = %s\n# in host certificates: where the issuing certificate "
        "and the revocation list are fetched\nurl = %s\nlisten = 0.0.0.0:8829\n\n[certificates]\nlifetime = "
        "30d\nrenew-expired = 365d\n\n[tokens]\nlifetime = 24h\n",
        p->domain, m->url);
    if (su_buf_ok(&b, e) < 0 || su_path(path, m->dir, "authority", 0, ".conf", e) < 0)
        return -1;
    return su_file_new(path, 0644, su_buf_bytes(&b), e);
}

int su_authority_init(const struct su_authority_plan *p, struct su_authority_made *out, struct su_err *e)
{
    struct su_authority_made m = {.issuing = 1};
    X509_AUTO X509 *root = NULL, *issuing = NULL;
    SU_DB struct su_db *db = NULL;
    char ledger[SU_PATH];
    if (check_plan(p, &m, e) < 0 || check_dirs(p, &m, e) < 0 || start_directory(m.dir, e) < 0 ||
        make_directory(m.root_dir, e) < 0)
        return -1;
    if (su_file_highest(m.root_dir, "root"))
        return su_fail(e, SU_E_CONFLICT, "authority.exists", "%s holds a root already", m.root_dir);
    if (su_path(ledger, m.dir, "ledger", 0, ".db", e) < 0 || new_root(p, m.root_dir, 1, &root, e) < 0 ||
        new_issuing(p, &m, 1, &issuing, e) < 0 || new_token_key(m.dir, e) < 0 ||
        new_bundle(m.dir, root, p->now, &m, e) < 0 || su_db_open(ledger, true, &db, e) < 0 ||
        tell_of(db, "root", 1, root, p->now, e) < 0 || tell_of(db, "issuing", 1, issuing, p->now, e) < 0 ||
        new_conf(p, &m, e) < 0)
        return -1;
    *out = m;
    return 0;
}

/* Rotation ---------------------------------------------------------------------- */

/* The domain and URL are the configured ones, whatever the plan says. */
static int existing(const struct su_authority_plan *p, struct su_authority_plan *full, struct su_authority_conf *conf,
                    struct su_authority_made *m, struct su_db **db, struct su_err *e)
{
    if (su_authority_conf_load(p->dir, conf, e) < 0)
        return -1;
    *full = *p;
    full->domain = conf->domain;
    full->url = conf->url;
    return check_plan(full, m, e) < 0 || check_dirs(full, m, e) < 0 ? -1 : su_authority_ledger(p->dir, db, e);
}

int su_authority_rotate_root(const struct su_authority_plan *p, struct su_authority_made *out, struct su_err *e)
{
    struct su_authority_made m = {0};
    struct su_authority_plan full;
    struct su_authority_conf conf;
    SU_DB struct su_db *db = NULL;
    X509_AUTO X509 *root = NULL;
    if (existing(p, &full, &conf, &m, &db, e) < 0 || make_directory(m.root_dir, e) < 0)
        return -1;
    unsigned n = su_file_highest(m.root_dir, "root") + 1;
    if (new_root(&full, m.root_dir, n, &root, e) < 0 || tell_of(db, "root", n, root, p->now, e) < 0 ||
        new_bundle(m.dir, root, p->now, &m, e) < 0)
        return -1;
    m.issuing = su_file_highest(m.dir, "issuing");
    *out = m;
    return 0;
}

int su_authority_rotate_issuing(const struct su_authority_plan *p, struct su_authority_made *out, struct su_err *e)
{
    struct su_authority_made m = {0};
    struct su_authority_plan full;
    struct su_authority_conf conf;
    SU_DB struct su_db *db = NULL;
    X509_AUTO X509 *issuing = NULL;
    if (existing(p, &full, &conf, &m, &db, e) < 0)
        return -1;
    m.issuing = su_file_highest(m.dir, "issuing") + 1;
    if (m.issuing > SU_AUTHORITY_MAX_ISSUERS)
        return su_fail(e, SU_E_CONFLICT, "authority.issuing", "there are %d issuing keys already",
                       SU_AUTHORITY_MAX_ISSUERS);
    if (new_issuing(&full, &m, m.issuing, &issuing, e) < 0 || tell_of(db, "issuing", m.issuing, issuing, p->now, e) < 0)
        return -1;
    *out = m;
    return 0;
}
