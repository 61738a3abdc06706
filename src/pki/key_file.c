/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys in files of the key directory. */
#include "base/secret.h"
#include "cert.h"
#include "key_int.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int su_key_path(const struct su_key_name *n, const struct su_key_options *o, char *out, size_t cap, struct su_err *e)
{
    if (!o->dir)
        return su_fail(e, SU_E_USAGE, "key.uri", "there is no directory for keys");
    int len = snprintf(out, cap, "%s/%s.%s", o->dir, n->name, n->kind == SU_KIND_TPM2 ? "tss2" : "pem");
    if (len < 0 || (size_t)len >= cap)
        return su_fail(e, SU_E_USAGE, "key.uri", "the path of the key is too long");
    return 0;
}

int su_key_file_read(const char *path, BIO **out, struct su_err *e)
{
    struct stat st;
    SU_SECRET struct su_secret text = {0};
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return su_fail(e, SU_E_MISSING, "key.none", "there is no key %s", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "key.file", "opening %s", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077))
        return su_fail(e, SU_E_REFUSED, "key.mode", "%s is not a file that its owner alone can read", path);
    if (su_secret_from_fd(fd, &text, e) < 0)
        return su_context(e, "%s", path);
    BIO *b = text.n < INT32_MAX ? BIO_new(BIO_s_secmem()) : NULL;
    if (!b || BIO_write(b, text.p, (int)text.n) != (int)text.n) {
        BIO_free(b);
        return su_fail_ssl(e, SU_E_IO, "key.file", "reading the key");
    }
    *out = b;
    return 0;
}

static int write_all(int fd, struct su_bytes text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        text.p += n;
        text.n -= (size_t)n;
    }
    return fsync(fd);
}

int su_key_file_write(const char *path, struct su_bytes text, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return su_fail_os(e, "key.file", "making %s", path);
    if (write_all(fd, text) < 0) {
        su_fail_os(e, "key.file", "writing %s", path);
        unlink(path);
        return -1;
    }
    SU_FREE char *dir = strdup(path);
    if (!dir)
        return su_fail_nomem(e, strlen(path));
    *strrchr(dir, '/') = 0;
    SU_CLOSE int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d < 0 || fsync(d) < 0)
        return su_fail_os(e, "key.file", "flushing %s", dir);
    return 0;
}

/* Nobody types a passphrase here. */
static int no_passphrase(char *buf, int size, int rw, void *arg)
{
    (void)buf, (void)size, (void)rw, (void)arg;
    return -1;
}

int su_key_file_open(const struct su_key_name *n, const struct su_key_options *o, struct su_key *k, struct su_err *e)
{
    char path[4096];
    BIO *b;
    if (su_key_path(n, o, path, sizeof path, e) < 0 || su_key_file_read(path, &b, e) < 0)
        return -1;
    k->pkey = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
    BIO_free(b);
    if (!k->pkey)
        return su_fail_ssl(e, SU_E_IO, "key.file", "the file holds no private key in PEM");
    return 0;
}

int su_key_file_make(const struct su_key_name *n, enum su_key_algorithm a, const struct su_key_options *o,
                     struct su_err *e)
{
    char path[4096], *text;
    if (su_key_path(n, o, path, sizeof path, e) < 0)
        return -1;
    EVP_PKEY *pkey = a == SU_KEY_P256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(a == SU_KEY_RSA3072 ? 3072U : 2048U);
    BIO *b = BIO_new(BIO_s_secmem());
    int rc;
    long len;
    if (!pkey || !b || !PEM_write_bio_PKCS8PrivateKey(b, pkey, NULL, NULL, 0, NULL, NULL))
        rc = su_fail_ssl(e, SU_E_IO, "key.file", "making a key");
    else if ((len = BIO_get_mem_data(b, &text)) <= 0)
        rc = su_fail_ssl(e, SU_E_IO, "key.file", "making a key");
    else
        rc = su_key_file_write(path, (struct su_bytes){(uint8_t *)text, (size_t)len}, e);
    BIO_free(b);
    EVP_PKEY_free(pkey);
    return rc;
}
