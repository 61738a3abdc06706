/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "files.h"
#include "pki/cert.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int su_path(char out[SU_PATH], const char *dir, const char *name, unsigned n, const char *ending, struct su_err *e)
{
    char number[16] = "";
    if (n)
        snprintf(number, sizeof number, "-%u", n);
    if (snprintf(out, SU_PATH, "%s/%s%s%s", dir, name, number, ending) >= SU_PATH)
        return su_fail(e, SU_E_USAGE, "authority.file", "the directory's name is too long");
    return 0;
}

static int sync_directory(const char *path, struct su_err *e)
{
    char copy[SU_PATH];
    snprintf(copy, sizeof copy, "%s", path);
    SU_CLOSE int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? su_fail_os(e, "authority.file", "syncing the directory of %s", path) : 0;
}

static int write_all(int fd, const char *path, struct su_bytes b, struct su_err *e)
{
    while (b.n) {
        ssize_t n = write(fd, b.p, b.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return su_fail_os(e, "authority.file", "writing %s", path);
        su_skip(&b, (size_t)n);
    }
    return fsync(fd) < 0 ? su_fail_os(e, "authority.file", "writing %s", path) : 0;
}

int su_file_new(const char *path, unsigned mode, struct su_bytes b, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return su_fail_os(e, "authority.file", "making %s", path);
    if (fchmod(fd, mode) < 0)
        return su_fail_os(e, "authority.file", "making %s", path);
    return write_all(fd, path, b, e) < 0 ? -1 : sync_directory(path, e);
}

int su_file_replace(const char *path, unsigned mode, struct su_bytes b, struct su_err *e)
{
    char temporary[SU_PATH + 8];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    if (unlink(temporary) < 0 && errno != ENOENT)
        return su_fail_os(e, "authority.file", "removing %s", temporary);
    if (su_file_new(temporary, mode, b, e) < 0)
        return -1;
    if (rename(temporary, path) < 0)
        return su_fail_os(e, "authority.file", "replacing %s", path);
    return sync_directory(path, e);
}

int su_file_read(const char *path, size_t max, struct su_buf *out, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return su_fail_os(e, "authority.file", "%s", path);
    for (;;) {
        char chunk[4096];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return su_fail_os(e, "authority.file", "reading %s", path);
        if (n == 0)
            break;
        su_buf_add(&b, chunk, (size_t)n);
        if (b.n > max)
            return su_fail(e, SU_E_FORMAT, "authority.file", "%s has more than %zu bytes", path, max);
    }
    if (su_buf_ok(&b, e) < 0)
        return -1;
    *out = b;
    b = (struct su_buf){0};
    return 0;
}

/* The text of a key lies in OpenSSL's memory while it is written, and is wiped with it. */
int su_file_new_key(const char *path, EVP_PKEY *key, struct su_err *e)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *p = NULL;
    int rc = -1;
    if (!bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        su_fail_ssl(e, SU_E_IO, "authority.openssl", "the key cannot be written");
    } else {
        long n = BIO_get_mem_data(bio, &p);
        rc = su_file_new(path, 0600, (struct su_bytes){(const uint8_t *)p, (size_t)n}, e);
        OPENSSL_cleanse(p, (size_t)n);
    }
    BIO_free(bio);
    return rc;
}

int su_cert_pem(X509 *x, struct su_buf *out, struct su_err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    int rc = -1;
    if (!bio || PEM_write_bio_X509(bio, x) != 1) {
        su_fail_ssl(e, SU_E_IO, "authority.openssl", "the certificate cannot be written");
    } else {
        long n = BIO_get_mem_data(bio, &p);
        su_buf_add(out, p, (size_t)n);
        rc = su_buf_ok(out, e);
    }
    BIO_free(bio);
    return rc;
}

int su_file_new_cert(const char *path, X509 *x, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    return su_cert_pem(x, &b, e) < 0 ? -1 : su_file_new(path, 0644, su_buf_bytes(&b), e);
}

int su_file_key(const char *path, EVP_PKEY **out, struct su_err *e)
{
    SU_SECRET struct su_secret s = {0};
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "authority.file", "%s", path);
    if (st.st_mode & 077) {
        su_fail(e, SU_E_REFUSED, "authority.key.mode", "others may read the key %s", path);
        return su_remedy(e, "chmod 600 it, and think about who has read it.");
    }
    if (su_secret_from_fd(fd, &s, e) < 0)
        return su_context(e, "%s", path);
    BIO *bio = BIO_new_mem_buf(s.p, (int)s.n);
    EVP_PKEY *k = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
    BIO_free(bio);
    if (!k) {
        su_fail_ssl(e, SU_E_FORMAT, "authority.file", "this is no private key in PEM");
        return su_context(e, "%s", path);
    }
    *out = k;
    return 0;
}

int su_file_cert(const char *path, X509 **out, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    if (su_file_read(path, 64 << 10, &b, e) < 0)
        return -1;
    return su_cert_from_pem(su_buf_bytes(&b), out, e) < 0 ? su_context(e, "%s", path) : 0;
}

int su_certs_of_pem(struct su_bytes pem, unsigned max, STACK_OF(X509) * *out, struct su_err *e)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = NULL;
    bool good = all && bio;
    while (good && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        good = (unsigned)sk_X509_num(all) < max && sk_X509_push(all, x) > 0;
        if (!good)
            X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error(); /* "no start line" is how the end looks */
    if (!good || sk_X509_num(all) == 0) {
        sk_X509_pop_free(all, X509_free);
        return su_fail(e, SU_E_FORMAT, "authority.file", "there are not 1 to %u certificates in it", max);
    }
    *out = all;
    return 0;
}

unsigned su_file_highest(const char *dir, const char *name)
{
    struct su_err ignored = {0};
    char path[SU_PATH];
    for (unsigned n = 1;; n++)
        if (su_path(path, dir, name, n, ".pem", &ignored) < 0 || access(path, F_OK) < 0)
            return n - 1;
}
