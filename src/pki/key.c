/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "cert.h"
#include "key_int.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>
#include <time.h>

enum { DEVICE_WAIT_S = 10, RANDOM_BYTES = 8, MIN_RSA_BITS = 2048 };

bool su_key_uri_fast(const char *uri)
{
    return strncmp(uri, "file:", 5) == 0;
}

bool su_key_algorithm_of(const char *word, enum su_key_algorithm *out)
{
    static const char *const words[] = {
        [SU_KEY_RSA2048] = "rsa2048", [SU_KEY_RSA3072] = "rsa3072", [SU_KEY_P256] = "p256"};
    for (unsigned i = 0; i < SU_ARRAY_LEN(words); i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (enum su_key_algorithm)i;
            return true;
        }
    return false;
}

/* Devices ----------------------------------------------------------------- */

static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;
static struct su_key_device *devices;

static void device_free(struct su_key_device *d)
{
    if (d->close)
        d->close(d);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static int device_find(const char *id, int (*make)(struct su_key_device *, const void *, struct su_err *),
                       const void *arg, struct su_key_device **out, struct su_err *e)
{
    for (struct su_key_device *d = devices; d; d = d->next)
        if (!d->dead && strcmp(d->id, id) == 0) {
            d->refs++;
            *out = d;
            return 0;
        }
    struct su_key_device *d = calloc(1, sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    d->refs = 1;
    su_snprint(d->id, sizeof d->id, id);
    pthread_mutex_init(&d->lock, NULL);
    if (make(d, arg, e) < 0) {
        device_free(d);
        return -1;
    }
    d->next = devices;
    devices = d;
    *out = d;
    return 0;
}

int su_key_device_get(const char *id, int (*make)(struct su_key_device *, const void *, struct su_err *),
                      const void *arg, struct su_key_device **out, struct su_err *e)
{
    pthread_mutex_lock(&devices_lock);
    int rc = device_find(id, make, arg, out, e);
    pthread_mutex_unlock(&devices_lock);
    return rc;
}

void su_key_device_put(struct su_key_device **d)
{
    struct su_key_device *gone = *d;
    *d = NULL;
    if (!gone)
        return;
    pthread_mutex_lock(&devices_lock);
    if (--gone->refs == 0) {
        for (struct su_key_device **pp = &devices; *pp; pp = &(*pp)->next)
            if (*pp == gone) {
                *pp = gone->next;
                break;
            }
        device_free(gone);
    }
    pthread_mutex_unlock(&devices_lock);
}

int su_key_device_lock(struct su_key_device *d, struct su_err *e)
{
    if (!d)
        return 0;
    struct timespec until = su_deadline_ms(DEVICE_WAIT_S * 1000);
    if (pthread_mutex_clocklock(&d->lock, CLOCK_MONOTONIC, &until) != 0)
        return su_fail(e, SU_E_IO, "key.timeout", "the key's device has not answered for %d s", DEVICE_WAIT_S);
    return 0;
}

void su_key_device_unlock(struct su_key_device *d)
{
    if (d)
        pthread_mutex_unlock(&d->lock);
}

void su_key_device_ref(struct su_key_device *d)
{
    pthread_mutex_lock(&devices_lock);
    d->refs++;
    pthread_mutex_unlock(&devices_lock);
}

int su_key_lock(struct su_key *k, struct su_err *e)
{
    return k->faced ? 0 : su_key_device_lock(k->device, e);
}

void su_key_unlock(struct su_key *k)
{
    if (!k->faced)
        su_key_device_unlock(k->device);
}

bool su_key_same_device(const struct su_key *a, const struct su_key *b)
{
    return !a->faced && !b->faced && a->device == b->device;
}

/* Keys -------------------------------------------------------------------- */

/* RSA of at least 2048 bits, or P-256: read from the public key, which every kind of key can encode. */
static int check_algorithm(EVP_PKEY *pkey, struct su_err *e)
{
    X509_PUBKEY *pub = NULL;
    ASN1_OBJECT *oid = NULL;
    X509_ALGOR *alg = NULL;
    const void *curve = NULL;
    int type = V_ASN1_UNDEF;
    bool fine = false;
    if (!X509_PUBKEY_set(&pub, pkey) || !X509_PUBKEY_get0_param(&oid, NULL, NULL, &alg, pub)) {
        X509_PUBKEY_free(pub);
        return su_fail_ssl(e, SU_E_REFUSED, "key.kind", "the key's public part cannot be read");
    }
    X509_ALGOR_get0(NULL, &type, &curve, alg);
    if (OBJ_obj2nid(oid) == NID_rsaEncryption)
        fine = EVP_PKEY_get_bits(pkey) >= MIN_RSA_BITS;
    else if (OBJ_obj2nid(oid) == NID_X9_62_id_ecPublicKey && type == V_ASN1_OBJECT)
        fine = OBJ_obj2nid(curve) == NID_X9_62_prime256v1;
    X509_PUBKEY_free(pub);
    if (!fine)
        return su_fail(e, SU_E_REFUSED, "key.kind", "the key is neither RSA of at least 2048 bits nor P-256");
    return 0;
}

/* What every signature needs, made once. */
static int prepare(struct su_key *k, struct su_err *e)
{
    if (check_algorithm(k->pkey, e) < 0)
        return -1;
    k->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    k->md_ctx = EVP_MD_CTX_new();
    k->sign = EVP_PKEY_CTX_new_from_pkey(k->device ? k->device->libctx : NULL, k->pkey, k->propq[0] ? k->propq : NULL);
    if (!k->md || !k->md_ctx || !k->sign || EVP_PKEY_sign_init(k->sign) <= 0 ||
        EVP_PKEY_CTX_set_signature_md(k->sign, EVP_sha256()) <= 0)
        return su_fail_ssl(e, SU_E_IO, "key.provider", "the key cannot be made ready to sign");
    if (EVP_PKEY_is_a(k->pkey, "RSA") && EVP_PKEY_CTX_set_rsa_padding(k->sign, RSA_PKCS1_PADDING) <= 0)
        return su_fail_ssl(e, SU_E_IO, "key.provider", "the key cannot be made ready to sign");
    return 0;
}

/* With the device locked.  A TPM's key gets its face. */
static int make_ready(struct su_key *k, enum su_key_kind kind, struct su_err *e)
{
    if (prepare(k, e) < 0)
        return -1;
    return kind == SU_KIND_TPM2 ? su_key_face(k, e) : 0;
}

int su_key_open(const char *uri, const struct su_key_options *o, struct su_key **out, struct su_err *e)
{
    static int (*const open_kind[])(const struct su_key_name *, const struct su_key_options *, struct su_key *,
                                    struct su_err *) = {
        [SU_KIND_FILE] = su_key_file_open, [SU_KIND_TPM2] = su_key_tpm_open, [SU_KIND_PKCS11] = su_key_token_open};
    struct su_key_name n;
    if (su_key_name_parse(uri, &n, e) < 0)
        return -1;
    SU_KEY struct su_key *k = calloc(1, sizeof *k);
    if (!k)
        return su_fail_nomem(e, sizeof *k);
    ERR_clear_error();
    if (open_kind[n.kind](&n, o, k, e) < 0 || su_key_lock(k, e) < 0)
        return -1;
    int rc = make_ready(k, n.kind, e);
    su_key_device_unlock(k->device);
    if (rc < 0)
        return -1;
    *out = su_steal(&k);
    return 0;
}

void su_key_free(struct su_key **kp)
{
    struct su_key *k = *kp;
    *kp = NULL;
    if (!k)
        return;
    struct su_err ignored;
    if (k->faced) {
        EVP_PKEY_free(k->pkey);
        su_key_device_put(&k->device);
    } else if (su_key_device_lock(k->device, &ignored) ==
               0) { /* one that hangs is left as it is: leaking beats waiting */
        EVP_PKEY_CTX_free(k->sign);
        EVP_PKEY_free(k->pkey);
        su_key_device_unlock(k->device);
        su_key_device_put(&k->device);
    }
    EVP_MD_CTX_free(k->md_ctx);
    EVP_MD_free(k->md);
    free(k);
}

int su_key_share(const struct su_key *k, struct su_key **out, struct su_err *e)
{
    struct su_key *s = calloc(1, sizeof *s);
    if (!s)
        return su_fail_nomem(e, sizeof *s);
    EVP_PKEY_up_ref(k->pkey);
    s->pkey = k->pkey;
    s->faced = k->faced;
    s->device = k->device;
    if (s->device)
        su_key_device_ref(s->device);
    *out = s;
    return 0;
}

bool su_key_is_of(struct su_key *k, const X509 *x)
{
    uint8_t *a = NULL, *b = NULL;
    struct su_err ignored;
    if (su_key_lock(k, &ignored) < 0)
        return false;
    int n = i2d_PUBKEY(k->pkey, &a), m = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &b);
    su_key_unlock(k);
    bool same = n > 0 && n == m && memcmp(a, b, (size_t)n) == 0;
    OPENSSL_free(a);
    OPENSSL_free(b);
    ERR_clear_error();
    return same;
}

int su_key_new_uri(const char *uri, char *made_uri, size_t cap, struct su_err *e)
{
    struct su_key_name n;
    uint8_t r[RANDOM_BYTES];
    char name[SU_KEY_NAME + 2 * RANDOM_BYTES + 2], made[SU_KEY_DEVICE];
    if (su_key_name_parse(uri, &n, e) < 0)
        return -1;
    if (RAND_bytes(r, sizeof r) != 1)
        return su_fail_ssl(e, SU_E_IO, "key.provider", "no random bytes");
    SU_BUF struct su_buf b = {0};
    su_buf_printf(&b, "%s-", n.name);
    for (size_t i = 0; i < sizeof r; i++)
        su_buf_printf(&b, "%02x", r[i]);
    if (su_buf_ok(&b, e) < 0)
        return -1;
    su_snprint(name, sizeof name, su_buf_str(&b));
    SU_BUF struct su_buf u = {0};
    if (n.kind == SU_KIND_FILE)
        su_buf_printf(&u, "file:%s", name);
    else if (n.kind == SU_KIND_TPM2)
        su_buf_printf(&u, n.tcti[0] ? "tpm2:%s;tcti=%s" : "tpm2:%s", name, n.tcti);
    else
        su_key_token_uri(&u, n.token, name);
    if (su_buf_ok(&u, e) < 0)
        return -1;
    if (u.n >= cap || u.n >= sizeof made || strlen(name) >= SU_KEY_NAME)
        return su_fail(e, SU_E_USAGE, "key.uri", "the name of the key is too long");
    memcpy(made_uri, su_buf_str(&u), u.n + 1);
    return 0;
}

int su_key_make(const char *made_uri, enum su_key_algorithm a, const struct su_key_options *o, struct su_key **out,
                struct su_err *e)
{
    static int (*const make_kind[])(const struct su_key_name *, enum su_key_algorithm, const struct su_key_options *,
                                    struct su_err *) = {
        [SU_KIND_FILE] = su_key_file_make, [SU_KIND_TPM2] = su_key_tpm_make, [SU_KIND_PKCS11] = su_key_token_make};
    struct su_key_name n;
    ERR_clear_error();
    if (su_key_name_parse(made_uri, &n, e) < 0 || make_kind[n.kind](&n, a, o, e) < 0)
        return -1;
    if (su_key_open(made_uri, o, out, e) == 0)
        return 0;
    struct su_err ignored;
    (void)!su_key_destroy(made_uri, o, &ignored);
    return -1;
}

int su_key_generate(const char *uri, enum su_key_algorithm a, const struct su_key_options *o, struct su_key **out,
                    char *made_uri, size_t cap, struct su_err *e)
{
    char made[SU_KEY_DEVICE];
    if (su_key_new_uri(uri, made, sizeof made < cap ? sizeof made : cap, e) < 0 || su_key_make(made, a, o, out, e) < 0)
        return -1;
    memcpy(made_uri, made, strlen(made) + 1);
    return 0;
}

int su_key_destroy(const char *uri, const struct su_key_options *o, struct su_err *e)
{
    struct su_key_name n;
    char path[4096];
    if (su_key_name_parse(uri, &n, e) < 0)
        return -1;
    if (n.kind == SU_KIND_PKCS11)
        return su_key_token_destroy(&n, o, e);
    if (su_key_path(&n, o, path, sizeof path, e) < 0)
        return -1;
    if (unlink(path) < 0 && errno != ENOENT)
        return su_fail_os(e, "key.file", "removing %s", path);
    return 0;
}

EVP_PKEY *su_key_pkey(const struct su_key *k)
{
    return k->pkey;
}

int su_key_sign(struct su_key *k, struct su_bytes data, uint8_t *out, size_t cap, size_t *n, struct su_err *e)
{
    uint8_t hash[32];
    size_t len = cap;
    if (EVP_DigestInit_ex2(k->md_ctx, k->md, NULL) <= 0 || EVP_DigestUpdate(k->md_ctx, data.p, data.n) <= 0 ||
        EVP_DigestFinal_ex(k->md_ctx, hash, NULL) <= 0)
        return su_fail_ssl(e, SU_E_IO, "key.provider", "hashing failed");
    if (su_key_device_lock(k->device, e) < 0)
        return -1;
    int good = EVP_PKEY_sign(k->sign, out, &len, hash, sizeof hash);
    if (good <= 0 && k->device)
        k->device->dead = true;
    su_key_device_unlock(k->device);
    if (good <= 0)
        return su_fail_ssl(e, SU_E_IO, "key.token", "the key did not sign");
    *n = len;
    return 0;
}
