/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TPM's key as OpenSSL's default provider sees one: public numbers, and a method that lets the TPM sign hashes.
 * So X.509 and CMP work with it as with any key.  With the TPM's provider in their property query they would also
 * verify certificates in the TPM, which is slow and needs room there. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "cert.h"
#include "key_int.h"
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <string.h>

struct inner {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *sign;
    struct su_key_device *device;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static RSA_METHOD *rsa_method;
static EC_KEY_METHOD *ec_method;
static int rsa_slot = -1, ec_slot = -1;

static void inner_free(void *parent, void *p, CRYPTO_EX_DATA *ad, int slot, long argl, void *argp)
{
    (void)parent, (void)ad, (void)slot, (void)argl, (void)argp;
    struct inner *i = p;
    struct su_err ignored;
    if (!i)
        return;
    if (su_key_device_lock(i->device, &ignored) == 0) { /* else it hangs: left as it is */
        EVP_PKEY_CTX_free(i->sign);
        EVP_PKEY_free(i->pkey);
        su_key_device_unlock(i->device);
        su_key_device_put(&i->device);
    }
    free(i);
}

/* The TPM signs a SHA-256; 0: it did not. */
static size_t sign_hash(struct inner *i, const uint8_t *hash, uint8_t *out, size_t cap)
{
    struct su_err ignored;
    size_t n = cap;
    if (!i || su_key_device_lock(i->device, &ignored) < 0)
        return 0;
    if (EVP_PKEY_sign(i->sign, out, &n, hash, 32) <= 0) {
        i->device->dead = true;
        n = 0;
    }
    su_key_device_unlock(i->device);
    return n;
}

/* PKCS#1 v1.5 over the DigestInfo of a SHA-256, and nothing else. */
static int rsa_sign(int n, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
    static const uint8_t sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                          0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    if (padding != RSA_PKCS1_PADDING || n != (int)sizeof sha256_info + 32 ||
        memcmp(from, sha256_info, sizeof sha256_info) != 0)
        return -1;
    size_t got = sign_hash(RSA_get_ex_data(rsa, rsa_slot), from + sizeof sha256_info, to, (size_t)RSA_size(rsa));
    return got ? (int)got : -1;
}

static ECDSA_SIG *ec_sign_sig(const unsigned char *hash, int n, const BIGNUM *a, const BIGNUM *b, EC_KEY *ec)
{
    uint8_t der[128];
    const uint8_t *p = der;
    (void)a, (void)b;
    size_t got = n == 32 ? sign_hash(EC_KEY_get_ex_data(ec, ec_slot), hash, der, sizeof der) : 0;
    return got ? d2i_ECDSA_SIG(NULL, &p, (long)got) : NULL;
}

static int ec_sign(int type, const unsigned char *hash, int n, unsigned char *sig, unsigned *len, const BIGNUM *a,
                   const BIGNUM *b, EC_KEY *ec)
{
    (void)type;
    ECDSA_SIG *s = ec_sign_sig(hash, n, a, b, ec);
    int got = s ? i2d_ECDSA_SIG(s, &sig) : 0;
    ECDSA_SIG_free(s);
    *len = got > 0 ? (unsigned)got : 0;
    return got > 0;
}

static void make_methods(void)
{
    rsa_slot = RSA_get_ex_new_index(0, NULL, NULL, NULL, inner_free);
    ec_slot = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, inner_free);
    rsa_method = RSA_meth_dup(RSA_get_default_method());
    ec_method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (rsa_method) {
        RSA_meth_set1_name(rsa_method, "surety: key in a TPM");
        RSA_meth_set_priv_enc(rsa_method, rsa_sign);
    }
    if (ec_method)
        EC_KEY_METHOD_set_sign(ec_method, ec_sign, NULL, ec_sign_sig);
}

/* The public half, decoded by the default provider. */
static EVP_PKEY *public_of(EVP_PKEY *pkey)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(pkey, &der);
    const uint8_t *p = der;
    EVP_PKEY *out = n > 0 ? d2i_PUBKEY(NULL, &p, n) : NULL;
    OPENSSL_free(der);
    return out;
}

static EVP_PKEY *dress(EVP_PKEY *public, struct inner *i)
{
    EVP_PKEY *face = EVP_PKEY_new();
    RSA *rsa = EVP_PKEY_is_a(public, "RSA") ? EVP_PKEY_get1_RSA(public) : NULL;
    EC_KEY *ec = EVP_PKEY_is_a(public, "EC") ? EVP_PKEY_get1_EC_KEY(public) : NULL;
    bool good = false;
    if (face && rsa && RSA_set_method(rsa, rsa_method)) {
        RSA_set_flags(rsa, RSA_FLAG_EXT_PKEY);
        good = EVP_PKEY_assign_RSA(face, rsa) && RSA_set_ex_data(rsa, rsa_slot, i);
        rsa = good ? NULL : rsa;
    } else if (face && ec && EC_KEY_set_method(ec, ec_method)) {
        good = EVP_PKEY_assign_EC_KEY(face, ec) && EC_KEY_set_ex_data(ec, ec_slot, i);
        ec = good ? NULL : ec;
    }
    if (good)
        return face;
    RSA_free(rsa);
    EC_KEY_free(ec);
    EVP_PKEY_free(face);
    return NULL;
}

int su_key_face(struct su_key *k, struct su_err *e)
{
    pthread_once(&once, make_methods);
    struct inner *i = calloc(1, sizeof *i);
    EVP_PKEY *public = public_of(k->pkey), *face;
    if (!i || !public || !rsa_method || !ec_method) {
        free(i);
        EVP_PKEY_free(public);
        return su_fail_nomem(e, 0);
    }
    i->pkey = k->pkey;
    i->sign = k->sign;
    i->device = k->device;
    face = dress(public, i);
    EVP_PKEY_free(public);
    if (!face) {
        free(i);
        return su_fail_ssl(e, SU_E_IO, "key.provider", "the TPM's key cannot be used");
    }
    su_key_device_ref(k->device); /* i has one, and k */
    k->pkey = face;               /* the key itself and k->sign are i's now */
    k->faced = true;
    return 0;
}
