/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "modsig.h"
#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>

static const char marker[] = "~Module signature appended~\n";
enum { MARKER = sizeof marker - 1, STRUCT = 12, ID_PKCS7 = 2, CN_MAX = SU_MODSIG_NAME - 1 };

static void free_cms(CMS_ContentInfo **cms)
{
    CMS_ContentInfo_free(*cms);
}

/* Modules name their signer by issuer and serial number and bring no certificate. */
static void issuer_of(struct su_bytes der, char out[SU_MODSIG_NAME])
{
    const unsigned char *p = der.p;
    ASN1_OCTET_STRING *key_id = NULL;
    ASN1_INTEGER *serial = NULL;
    X509_NAME *issuer = NULL;
    SU_AUTO(free_cms) CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
    STACK_OF(CMS_SignerInfo) *signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
    if (sk_CMS_SignerInfo_num(signers) < 1)
        return;
    if (CMS_SignerInfo_get0_signer_id(sk_CMS_SignerInfo_value(signers, 0), &key_id, &issuer, &serial) != 1 || !issuer)
        return;
    int n = X509_NAME_get_text_by_NID(issuer, NID_commonName, out, SU_MODSIG_NAME);
    for (int i = 0; i < n && out[i]; i++)
        if ((unsigned char)out[i] < 0x20 || (unsigned char)out[i] >= 0x7f)
            out[i] = '?';
}

int su_modsig_tail(struct su_bytes tail, uint64_t size, struct su_modsig *out, struct su_err *e)
{
    struct su_modsig s = {.packing = out->packing};
    if (tail.n < MARKER || memcmp(tail.p + tail.n - MARKER, marker, MARKER) != 0) {
        *out = s;
        return 0;
    }
    if (tail.n < MARKER + STRUCT)
        return su_fail(e, SU_E_FORMAT, "modsig.damaged", "the module is too short for its signature");
    const uint8_t *h = tail.p + tail.n - MARKER - STRUCT;
    s.length = su_be32(h + 8);
    /* algo, hash, id_type, signer_len, key_id_len, 3 bytes of padding: only id_type is used with PKCS#7 */
    if (h[2] != ID_PKCS7 || !su_all_zero(h, 2) || !su_all_zero(h + 3, 5) || s.length == 0 ||
        s.length >= size - MARKER - STRUCT)
        return su_fail(e, SU_E_FORMAT, "modsig.damaged", "the module's signature header makes no sense");
    s.is_signed = true;
    if (s.length <= (size_t)(h - tail.p)) {
        ERR_set_mark();
        issuer_of((struct su_bytes){h - s.length, s.length}, s.issuer);
        ERR_pop_to_mark();
    }
    *out = s;
    return 0;
}

/* Keeps the last bytes of what goes by. */
struct tail {
    uint8_t p[2 * SU_MODSIG_TAIL];
    size_t n;
    uint64_t size;
};

static void keep(struct tail *t, struct su_bytes b)
{
    t->size += b.n;
    if (b.n > SU_MODSIG_TAIL)
        (void)su_skip(&b, b.n - SU_MODSIG_TAIL);
    if (t->n + b.n > sizeof t->p) {
        memmove(t->p, t->p + t->n - SU_MODSIG_TAIL, SU_MODSIG_TAIL);
        t->n = SU_MODSIG_TAIL;
    }
    memcpy(t->p + t->n, b.p, b.n);
    t->n += b.n;
}

static int read_all(struct su_input *in, struct tail *t, enum su_packing *packing, struct su_err *e)
{
    uint64_t budget = SU_MODSIG_MAX;
    struct su_bytes b;
    SU_UNPACK struct su_unpack *u = NULL;
    if (su_input_peek(in, 6, &b, e) < 0)
        return -1;
    *packing = su_packing_detect(b);
    if (su_unpack_open(in, *packing, &budget, &u, e) < 0)
        return -1;
    for (;;) {
        if (su_unpack_next(u, &b, e) < 0)
            return -1;
        if (b.n == 0)
            return 0;
        keep(t, b);
    }
}

int su_modsig_read(struct su_pull src, struct su_modsig *out, struct su_err *e)
{
    SU_INPUT struct su_input in = {.src = src};
    SU_FREE struct tail *t = calloc(1, sizeof *t);
    struct su_modsig s = {0};
    if (!t)
        return su_fail_nomem(e, sizeof *t);
    if (read_all(&in, t, &s.packing, e) < 0 || su_modsig_tail((struct su_bytes){t->p, t->n}, t->size, &s, e) < 0)
        return -1;
    *out = s;
    return 0;
}
