/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store.h"
#include "pki/cert.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX "gen-"
enum { FILE_MAX = 64 << 10, PATH_BYTES = 1024, GENERATIONS_MAX = 64 };

void su_generation_done(struct su_generation *g)
{
    X509_free(g->leaf);
    su_buf_done(&g->leaf_der);
    su_buf_done(&g->chain);
    su_buf_done(&g->roots);
    *g = (struct su_generation){0};
}

int su_generation_set_leaf(struct su_generation *g, X509 *x, struct su_err *e)
{
    X509_free(g->leaf);
    g->leaf = x;
    g->leaf_der.n = 0;
    if (su_cert_to_der(x, &g->leaf_der, e) < 0 || su_cert_times(x, &g->not_before, &g->not_after, e) < 0)
        return -1;
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *text = n ? BN_bn2hex(n) : NULL;
    if (text)
        snprintf(g->serial, sizeof g->serial, "%s", text);
    OPENSSL_free(text);
    BN_free(n);
    return text ? 0 : su_fail_ssl(e, SU_E_FORMAT, "store.broken", "the certificate has no readable serial number");
}

static int io(struct su_err *e, const char *what, const char *path)
{
    return su_fail_os(e, "store.io", "%s %s", what, path);
}

static int flush_dir(const char *path, struct su_err *e)
{
    SU_CLOSE int d = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return d < 0 || fsync(d) < 0 ? io(e, "flushing", path) : 0;
}

int su_store_open(const char *dir, struct su_store *out, struct su_err *e)
{
    struct su_store s;
    if ((size_t)snprintf(s.dir, sizeof s.dir, "%s", dir) >= sizeof s.dir)
        return su_fail(e, SU_E_USAGE, "store.io", "the path of the state is too long");
    snprintf(s.keys, sizeof s.keys, "%s/keys", s.dir);
    if ((mkdir(s.dir, 0700) < 0 && errno != EEXIST) || (mkdir(s.keys, 0700) < 0 && errno != EEXIST))
        return io(e, "making", s.keys);
    *out = s;
    return 0;
}

/* Files ------------------------------------------------------------------- */

static int read_file(const char *dir, const char *name, struct su_buf *out, struct su_err *e)
{
    char path[PATH_BYTES];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return su_fail(e, SU_E_MISSING, "store.none", "there is no %s", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return io(e, "opening", path);
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        return su_fail(e, SU_E_FORMAT, "store.broken", "%s is not one of ours", path);
    uint8_t *p = su_buf_room(out, (size_t)st.st_size);
    if (!p)
        return su_fail_nomem(e, (size_t)st.st_size);
    for (size_t at = 0; at < (size_t)st.st_size;) {
        ssize_t n = read(fd, p + at, (size_t)st.st_size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return io(e, "reading", path);
        at += (size_t)n;
    }
    return 0;
}

static int read_line(const char *dir, const char *name, char *out, size_t cap, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    if (read_file(dir, name, &b, e) < 0)
        return -1;
    size_t n = b.n && b.p[b.n - 1] == '\n' ? b.n - 1 : b.n;
    if (n == 0 || n >= cap || memchr(b.p, '\n', n) || memchr(b.p, 0, n))
        return su_fail(e, SU_E_FORMAT, "store.broken", "%s/%s is not one line", dir, name);
    memcpy(out, b.p, n);
    out[n] = 0;
    return 0;
}

static int write_file(const char *dir, const char *name, struct su_bytes v, struct su_err *e)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    SU_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return io(e, "making", path);
    while (v.n) {
        ssize_t n = write(fd, v.p, v.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return io(e, "writing", path);
        v.p += n;
        v.n -= (size_t)n;
    }
    return fsync(fd) < 0 ? io(e, "flushing", path) : 0;
}

static int write_line(const char *dir, const char *name, const char *text, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    su_buf_printf(&b, "%s\n", text);
    return su_buf_ok(&b, e) < 0 ? -1 : write_file(dir, name, su_buf_bytes(&b), e);
}

/* Reading ----------------------------------------------------------------- */

static int certs_ok(struct su_bytes der, const char *what, struct su_err *e)
{
    STACK_OF(X509) *all = NULL;
    if (su_certs_from_der(der, SU_CHAIN_MAX, &all, e) < 0)
        return su_context(e, "%s", what);
    sk_X509_pop_free(all, X509_free);
    return 0;
}

static int load(const char *dir, struct su_generation *g, struct su_err *e)
{
    SU_BUF struct su_buf leaf = {0};
    if (read_line(dir, "uri", g->uri, sizeof g->uri, e) < 0 || read_line(dir, "host", g->host, sizeof g->host, e) < 0 ||
        read_file(dir, "leaf.der", &leaf, e) < 0 || read_file(dir, "chain.der", &g->chain, e) < 0 ||
        read_file(dir, "roots.der", &g->roots, e) < 0)
        return -1;
    const uint8_t *p = leaf.p;
    X509 *x = leaf.n ? d2i_X509(NULL, &p, (long)leaf.n) : NULL;
    if (!x || p != leaf.p + leaf.n) {
        X509_free(x);
        return su_fail_ssl(e, SU_E_FORMAT, "store.broken", "leaf.der is no certificate");
    }
    if (su_generation_set_leaf(g, x, e) < 0 || certs_ok(su_buf_bytes(&g->chain), "chain.der", e) < 0)
        return -1;
    return certs_ok(su_buf_bytes(&g->roots), "roots.der", e);
}

/* The number behind "gen-"; 0: another name. */
static unsigned number_of(const char *name)
{
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return 0;
    char *end;
    unsigned long n = strtoul(name + sizeof PREFIX - 1, &end, 10);
    return *end || n > UINT32_MAX ? 0 : (unsigned)n;
}

static unsigned current(const struct su_store *s)
{
    char path[PATH_BYTES], target[64];
    snprintf(path, sizeof path, "%s/current", s->dir);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
        return 0;
    target[n] = 0;
    return number_of(target);
}

static void gen_path(const struct su_store *s, unsigned number, char *out)
{
    snprintf(out, PATH_BYTES, "%s/" PREFIX "%010u", s->dir, number);
}

int su_store_load(const struct su_store *s, struct su_generation *out, struct su_err *e)
{
    char path[PATH_BYTES];
    struct su_generation g = {.number = current(s)};
    if (!g.number)
        return su_fail(e, SU_E_MISSING, "store.none", "this host is not enrolled");
    gen_path(s, g.number, path);
    if (load(path, &g, e) < 0) {
        if (e->kind == SU_E_MISSING)
            e->kind = SU_E_FORMAT, e->id = "store.broken";
        su_generation_done(&g);
        return su_remedy(e, "enrol this host again");
    }
    *out = g;
    return 0;
}

/* Writing ----------------------------------------------------------------- */

int su_store_pending(const struct su_store *s, const char *uri, struct su_err *e)
{
    return write_line(s->dir, "pending", uri, e) < 0 ? -1 : flush_dir(s->dir, e);
}

/* The numbers of the generations there, at most GENERATIONS_MAX. */
static int list(const struct su_store *s, unsigned *out, size_t *n, struct su_err *e)
{
    DIR *d = opendir(s->dir);
    if (!d)
        return io(e, "reading", s->dir);
    *n = 0;
    for (struct dirent *f; *n < GENERATIONS_MAX && (f = readdir(d));)
        if (number_of(f->d_name))
            out[(*n)++] = number_of(f->d_name);
    closedir(d);
    return 0;
}

static int point_to(const struct su_store *s, unsigned number, struct su_err *e)
{
    char name[32], from[PATH_BYTES], to[PATH_BYTES];
    snprintf(name, sizeof name, PREFIX "%010u", number);
    snprintf(from, sizeof from, "%s/current.new", s->dir);
    snprintf(to, sizeof to, "%s/current", s->dir);
    if ((unlink(from) < 0 && errno != ENOENT) || symlink(name, from) < 0)
        return io(e, "making", from);
    if (rename(from, to) < 0)
        return io(e, "replacing", to);
    return flush_dir(s->dir, e);
}

int su_store_save(const struct su_store *s, struct su_generation *g, struct su_err *e)
{
    char path[PATH_BYTES];
    unsigned there[GENERATIONS_MAX], number = current(s);
    size_t n;
    if (list(s, there, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        number = there[i] > number ? there[i] : number;
    gen_path(s, ++number, path);
    if (mkdir(path, 0700) < 0)
        return io(e, "making", path);
    if (write_line(path, "uri", g->uri, e) < 0 || write_line(path, "host", g->host, e) < 0 ||
        write_file(path, "leaf.der", su_buf_bytes(&g->leaf_der), e) < 0 ||
        write_file(path, "chain.der", su_buf_bytes(&g->chain), e) < 0 ||
        write_file(path, "roots.der", su_buf_bytes(&g->roots), e) < 0 || flush_dir(path, e) < 0 ||
        flush_dir(s->dir, e) < 0 || point_to(s, number, e) < 0)
        return -1;
    g->number = number;
    return 0;
}

int su_store_forget(const struct su_store *s, struct su_err *e)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/current", s->dir);
    if (unlink(path) < 0 && errno != ENOENT)
        return io(e, "removing", path);
    return flush_dir(s->dir, e);
}

static void remove_generation(const char *path)
{
    static const char *const names[] = {"uri", "host", "leaf.der", "chain.der", "roots.der"};
    char file[PATH_BYTES + 16];
    /* the name of the key goes last */
    for (size_t i = SU_ARRAY_LEN(names); i-- > 0;) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        unlink(file);
    }
    rmdir(path);
}

/* Destroys the key that dir/name tells, if it is not the one in use. */
static int destroy_named(const char *dir, const char *name, const char *in_use, const struct su_key_options *o,
                         struct su_err *e)
{
    char uri[SU_URI_MAX];
    if (read_line(dir, name, uri, sizeof uri, e) < 0) /* cut off while it was written: no key was made yet */
        return e->kind == SU_E_MISSING || e->kind == SU_E_FORMAT ? 0 : -1;
    return strcmp(uri, in_use) == 0 ? 0 : su_key_destroy(uri, o, e);
}

int su_store_sweep(const struct su_store *s, const struct su_key_options *o, struct su_err *e)
{
    char path[PATH_BYTES], in_use[SU_URI_MAX] = "";
    unsigned there[GENERATIONS_MAX], now = current(s);
    size_t n;
    if (now) {
        gen_path(s, now, path);
        if (read_line(path, "uri", in_use, sizeof in_use, e) < 0)
            return -1;
    }
    if (list(s, there, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (there[i] == now)
            continue;
        gen_path(s, there[i], path);
        if (destroy_named(path, "uri", in_use, o, e) < 0)
            return -1;
        remove_generation(path);
    }
    if (destroy_named(s->dir, "pending", in_use, o, e) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/current.new", s->dir);
    if (unlink(path) < 0 && errno != ENOENT)
        return io(e, "removing", path);
    snprintf(path, sizeof path, "%s/pending", s->dir);
    if (unlink(path) < 0 && errno != ENOENT)
        return io(e, "removing", path);
    return flush_dir(s->dir, e);
}
