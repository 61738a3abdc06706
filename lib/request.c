/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - what is asked of the host. */
#include "internal.h"
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define DEFAULT_VERSION "2025-04-07"

int surety_request_new(struct surety_request **out, struct surety_error *e)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[NONCE_MAX];
    struct surety_request *q = calloc(1, sizeof *q);
    if (!q)
        return surety_fail(e, SURETY_NOMEM, NULL);
    if (RAND_bytes(random, sizeof random) != 1) {
        free(q);
        return surety_fail_crypto(e, "random numbers");
    }
    for (size_t i = 0; i < sizeof random; i++)
        q->nonce[i] = digits[random[i] & 63];
    memcpy(q->version, DEFAULT_VERSION, sizeof DEFAULT_VERSION);
    *out = q;
    return SURETY_OK;
}

void surety_request_free(struct surety_request **q)
{
    if (q) {
        free(*q);
        *q = NULL;
    }
}

static int take_nonce(struct surety_request *q, const char *nonce, size_t least, struct surety_error *e)
{
    if (nonce && surety_looks_like_server_nonce(nonce))
        return surety_fail(e, SURETY_NONCE_SERVER, NULL);
    if (!nonce || !surety_charset_ok(nonce, least, NONCE_MAX))
        return surety_fail(e, SURETY_USAGE, "a nonce of %zu to %d characters of [A-Za-z0-9_-]", least, NONCE_MAX);
    memcpy(q->nonce, nonce, strlen(nonce) + 1);
    return SURETY_OK;
}

int surety_request_set_nonce(struct surety_request *q, const char *nonce, struct surety_error *e)
{
    return take_nonce(q, nonce, NONCE_MIN, e);
}

int surety_request_expect_nonce(struct surety_request *q, const char *nonce, struct surety_error *e)
{
    return take_nonce(q, nonce, 1, e);
}

int surety_request_set_audience(struct surety_request *q, const char *audience, struct surety_error *e)
{
    size_t n = audience ? strlen(audience) : AUDIENCE_MAX + 1;
    bool good = n <= AUDIENCE_MAX;
    for (size_t i = 0; good && i < n; i++)
        good = audience[i] > 0x20 && audience[i] < 0x7F && audience[i] != '"' && audience[i] != '\\';
    if (!good)
        return surety_fail(e, SURETY_USAGE, "an audience of at most %d printable ASCII characters", AUDIENCE_MAX);
    memcpy(q->audience, audience, n + 1);
    return SURETY_OK;
}

int surety_request_set_key(struct surety_request *q, const char *thumbprint, struct surety_error *e)
{
    if (!thumbprint || !surety_charset_ok(thumbprint, 1, THUMBPRINT_MAX))
        return surety_fail(e, SURETY_USAGE, "a thumbprint of 1 to %d characters of [A-Za-z0-9_-]", THUMBPRINT_MAX);
    memcpy(q->key, thumbprint, strlen(thumbprint) + 1);
    return SURETY_OK;
}

int surety_request_set_api_version(struct surety_request *q, const char *version, struct surety_error *e)
{
    bool good = version && strlen(version) == 10;
    for (int i = 0; good && i < 10; i++)
        good = i == 4 || i == 7 ? version[i] == '-' : version[i] >= '0' && version[i] <= '9';
    if (!good)
        return surety_fail(e, SURETY_USAGE, "an api-version like " DEFAULT_VERSION);
    memcpy(q->version, version, 11);
    return SURETY_OK;
}

const char *surety_request_nonce(const struct surety_request *q)
{
    return q->nonce;
}
