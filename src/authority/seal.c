/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal.h"
#include "pki/cert.h"
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { NONCE = 12, TAG = 16 };

static bool crypt_text(EVP_CIPHER_CTX *c, const char *host, const uint8_t *in, uint8_t *out)
{
    int n;
    return EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)host, (int)strlen(host)) == 1 &&
           EVP_CipherUpdate(c, out, &n, in, SU_TOKEN_SECRET) == 1 && n == SU_TOKEN_SECRET;
}

int su_seal(const struct su_secret *key, const char *host, const char secret[SU_TOKEN_SECRET],
            uint8_t sealed[SU_TOKEN_SEALED], struct su_err *e)
{
    uint8_t out[SU_TOKEN_SEALED];
    int n;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool good = c && key->n == SU_SEAL_KEY && RAND_bytes(out, NONCE) == 1 &&
                EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->p, out) == 1 &&
                crypt_text(c, host, (const uint8_t *)secret, out + NONCE) &&
                EVP_EncryptFinal_ex(c, out + NONCE + SU_TOKEN_SECRET, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + SU_TOKEN_SECRET) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!good)
        return su_fail_ssl(e, SU_E_IO, "authority.token.seal", "the token's secret cannot be sealed");
    memcpy(sealed, out, sizeof out);
    return 0;
}

int su_unseal(const struct su_secret *key, const char *host, const uint8_t sealed[SU_TOKEN_SEALED],
              char secret[SU_TOKEN_SECRET], struct su_err *e)
{
    uint8_t out[SU_TOKEN_SECRET], tag[TAG];
    int n;
    memcpy(tag, sealed + NONCE + SU_TOKEN_SECRET, TAG);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool good = c && key->n == SU_SEAL_KEY && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->p, sealed) == 1 &&
                crypt_text(c, host, sealed + NONCE, out) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 && EVP_DecryptFinal_ex(c, tag, &n) == 1;
    EVP_CIPHER_CTX_free(c);
    if (good)
        memcpy(secret, out, sizeof out);
    explicit_bzero(out, sizeof out);
    if (good)
        return 0;
    su_fail_ssl(e, SU_E_FORMAT, "authority.token.sealed", "the token's secret is not sealed with this authority's key");
    return su_remedy(e, "token.key and ledger.db belong together: restore both from the same backup.");
}
