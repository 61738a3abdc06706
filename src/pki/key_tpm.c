/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys of a TPM 2.0, through tpm2-openssl.  The blob in the key directory ("TSS2 PRIVATE KEY") is encrypted by the
 * TPM, which alone can load it. */
#include "cert.h"
#include "key_int.h"
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TCTI "device:/dev/tpmrm0"
#define ENVIRONMENT "TPM2OPENSSL_TCTI"

static void tpm_close(struct su_key_device *d)
{
    OSSL_LIB_CTX_free(d->libctx);
}

/* The provider takes the way to its TPM from the environment alone.  Where threads run that is set already. */
static int tpm_environment(const char *tcti, struct su_err *e)
{
    const char *now = getenv(ENVIRONMENT);
    if (now && strcmp(now, tcti) == 0)
        return 0;
    return setenv(ENVIRONMENT, tcti, 1) == 0 ? 0 : su_fail_nomem(e, strlen(tcti));
}

int su_key_before_threads(const char *uri, struct su_err *e)
{
    struct su_key_name n;
    if (su_key_name_parse(uri, &n, e) < 0)
        return -1;
    return n.kind == SU_KIND_TPM2 ? tpm_environment(n.tcti[0] ? n.tcti : DEFAULT_TCTI, e) : 0;
}

static int tpm_make_device(struct su_key_device *d, const void *arg, struct su_err *e)
{
    if (tpm_environment(arg, e) < 0)
        return -1;
    d->libctx = OSSL_LIB_CTX_new();
    if (!d->libctx)
        return su_fail_nomem(e, 0);
    d->close = tpm_close;
    if (!OSSL_PROVIDER_load(d->libctx, "default") || !OSSL_PROVIDER_load(d->libctx, "tpm2"))
        return su_fail_ssl(e, SU_E_IO, "key.provider", "the TPM does not answer (tpm2-openssl)");
    return 0;
}

static int tpm_device(const struct su_key_name *n, struct su_key_device **out, struct su_err *e)
{
    char id[SU_KEY_DEVICE];
    const char *tcti = n->tcti[0] ? n->tcti : DEFAULT_TCTI;
    snprintf(id, sizeof id, "tpm2:%s", tcti);
    return su_key_device_get(id, tpm_make_device, tcti, out, e);
}

int su_key_tpm_open(const struct su_key_name *n, const struct su_key_options *o, struct su_key *k, struct su_err *e)
{
    char path[4096];
    BIO *b;
    if (su_key_path(n, o, path, sizeof path, e) < 0 || su_key_file_read(path, &b, e) < 0)
        return -1;
    if (tpm_device(n, &k->device, e) < 0 || su_key_lock(k, e) < 0) {
        BIO_free(b);
        return -1;
    }
    snprintf(k->propq, sizeof k->propq, "?provider=tpm2");
    OSSL_DECODER_CTX *dec =
        OSSL_DECODER_CTX_new_for_pkey(&k->pkey, "PEM", NULL, NULL, EVP_PKEY_KEYPAIR, k->device->libctx, k->propq);
    int good = dec ? OSSL_DECODER_from_bio(dec, b) : 0;
    OSSL_DECODER_CTX_free(dec);
    BIO_free(b);
    if (!good || !k->pkey)
        k->device->dead = true;
    su_key_unlock(k);
    if (!good || !k->pkey)
        return su_fail_ssl(e, SU_E_IO, "key.token", "the TPM does not load the key");
    return 0;
}

static EVP_PKEY *tpm_generate(OSSL_LIB_CTX *libctx, enum su_key_algorithm a)
{
    unsigned bits = a == SU_KEY_RSA3072 ? 3072 : 2048;
    char group[] = "P-256";
    OSSL_PARAM ec[] = {OSSL_PARAM_utf8_string("group", group, 0), OSSL_PARAM_END};
    OSSL_PARAM rsa[] = {OSSL_PARAM_uint("bits", &bits), OSSL_PARAM_END};
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(libctx, a == SU_KEY_P256 ? "EC" : "RSA", "provider=tpm2");
    if (c && EVP_PKEY_keygen_init(c) > 0 && EVP_PKEY_CTX_set_params(c, a == SU_KEY_P256 ? ec : rsa) > 0)
        (void)EVP_PKEY_generate(c, &pkey);
    EVP_PKEY_CTX_free(c);
    return pkey;
}

static int tpm_make_locked(struct su_key_device *d, const char *path, enum su_key_algorithm a, struct su_err *e)
{
    uint8_t *text = NULL;
    size_t len = 0;
    EVP_PKEY *pkey = tpm_generate(d->libctx, a);
    OSSL_ENCODER_CTX *enc =
        pkey ? OSSL_ENCODER_CTX_new_for_pkey(pkey, OSSL_KEYMGMT_SELECT_ALL, "PEM", "PrivateKeyInfo", "provider=tpm2")
             : NULL;
    int rc;
    if (!enc || !OSSL_ENCODER_to_data(enc, &text, &len))
        rc = su_fail_ssl(e, SU_E_IO, "key.token", "the TPM does not make a key");
    else if (len < 32 || !memmem(text, len, "TSS2 PRIVATE KEY", 16))
        rc = su_fail(e, SU_E_IO, "key.token", "the TPM's provider did not make a TPM key");
    else
        rc = su_key_file_write(path, (struct su_bytes){text, len}, e);
    OPENSSL_free(text);
    OSSL_ENCODER_CTX_free(enc);
    EVP_PKEY_free(pkey);
    return rc;
}

int su_key_tpm_make(const struct su_key_name *n, enum su_key_algorithm a, const struct su_key_options *o,
                    struct su_err *e)
{
    char path[4096];
    struct su_key k = {0};
    if (su_key_path(n, o, path, sizeof path, e) < 0 || tpm_device(n, &k.device, e) < 0)
        return -1;
    int rc = su_key_lock(&k, e);
    if (rc == 0) {
        rc = tpm_make_locked(k.device, path, a, e);
        if (rc < 0)
            k.device->dead = true;
        su_key_unlock(&k);
    }
    su_key_device_put(&k.device);
    return rc;
}
