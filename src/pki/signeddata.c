/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PKCS#7 SignedData (RFC 2315, section 9), written directly: for each document only the payload, the signature and
 * the lengths around them differ.
 *
 *   ContentInfo  SEQUENCE { signedData, [0] {
 *     SEQUENCE { version 1, digestAlgorithms SET { A },       <- head
 *       SEQUENCE { data, [0] { OCTET STRING payload } },
 *       certificates [0] { leaf },                            <- tail, up to the signature
 *       signerInfos SET { SEQUENCE { version 1, SEQUENCE { issuer, serial }, A, signature algorithm,
 *         OCTET STRING signature } } } } } */
#include "cert.h"
#include "document.h"
#include <openssl/objects.h>
#include <string.h>

enum { SIGNATURE_MAX = 512, PAYLOAD_MAX = 16 << 10 };
enum { SEQUENCE = 0x30, SET = 0x31, OCTETS = 0x04, CONTEXT_0 = 0xa0 };

struct su_document_signer {
    struct su_key *key; /* borrowed */
    struct su_buf head; /* version, digest algorithms */
    struct su_buf leaf; /* certificates, whole */
    struct su_buf info; /* of SignerInfo, all before the signature */
};

static const uint8_t oid_signed[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
static const uint8_t oid_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t version_1[] = {0x02, 0x01, 0x01};

/* The bytes of a tag and length in front of n bytes. */
static size_t header_size(size_t n)
{
    return n < 0x80 ? 2 : n < 0x100 ? 3 : n < 0x10000 ? 4 : 5;
}

static uint8_t *put_header(uint8_t *p, uint8_t tag, size_t n)
{
    size_t more = header_size(n) - 2;
    *p++ = tag;
    *p++ = (uint8_t)(more ? 0x80 | more : n);
    for (size_t i = more; i-- > 0;)
        *p++ = (uint8_t)(n >> (8 * i));
    return p;
}

static uint8_t *put(uint8_t *p, const void *from, size_t n)
{
    memcpy(p, from, n);
    return p + n;
}

static void wrap(struct su_buf *b, uint8_t tag, const struct su_buf *inner)
{
    uint8_t header[5];
    su_buf_add(b, header, (size_t)(put_header(header, tag, inner->n) - header));
    su_buf_add(b, inner->p, inner->n);
}

static int put_algorithm(struct su_buf *b, int nid, int parameter, struct su_err *e)
{
    X509_ALGOR *a = X509_ALGOR_new();
    uint8_t *der = NULL;
    int n = a && X509_ALGOR_set0(a, OBJ_nid2obj(nid), parameter, NULL) ? i2d_X509_ALGOR(a, &der) : -1;
    if (n > 0)
        su_buf_add(b, der, (size_t)n);
    OPENSSL_free(der);
    X509_ALGOR_free(a);
    return n > 0 ? 0 : su_fail_ssl(e, SU_E_FORMAT, "document.der", "encoding an algorithm");
}

static int put_issuer_and_serial(struct su_buf *b, const X509 *leaf, struct su_err *e)
{
    SU_BUF struct su_buf inner = {0};
    uint8_t *name = NULL, *serial = NULL;
    int n = i2d_X509_NAME(X509_get_issuer_name(leaf), &name);
    int m = i2d_ASN1_INTEGER(X509_get0_serialNumber(leaf), &serial);
    if (n > 0 && m > 0) {
        su_buf_add(&inner, name, (size_t)n);
        su_buf_add(&inner, serial, (size_t)m);
        wrap(b, SEQUENCE, &inner);
        b->failed |= inner.failed;
    }
    OPENSSL_free(name);
    OPENSSL_free(serial);
    return n > 0 && m > 0 ? 0 : su_fail_ssl(e, SU_E_FORMAT, "document.der", "encoding issuer and serial number");
}

static int build(struct su_document_signer *s, X509 *leaf, int digest, int signature, int parameter, struct su_err *e)
{
    SU_BUF struct su_buf alg = {0}, der = {0};
    if (put_algorithm(&alg, digest, V_ASN1_NULL, e) < 0 || su_cert_to_der(leaf, &der, e) < 0)
        return -1;
    su_buf_add(&s->head, version_1, sizeof version_1);
    wrap(&s->head, SET, &alg);
    wrap(&s->leaf, CONTEXT_0, &der);
    su_buf_add(&s->info, version_1, sizeof version_1);
    if (put_issuer_and_serial(&s->info, leaf, e) < 0)
        return -1;
    su_buf_add(&s->info, alg.p, alg.n);
    if (put_algorithm(&s->info, signature, parameter, e) < 0 || su_buf_ok(&alg, e) < 0 || su_buf_ok(&s->head, e) < 0 ||
        su_buf_ok(&s->leaf, e) < 0)
        return -1;
    return su_buf_ok(&s->info, e);
}

int su_document_signer_new(struct su_key *key, X509 *leaf, bool azure_oid, struct su_document_signer **out,
                           struct su_err *e)
{
    bool rsa = EVP_PKEY_is_a(su_key_pkey(key), "RSA");
    if (azure_oid && !rsa) {
        su_fail(e, SU_E_REFUSED, "document.oid", "Azure's digest OID goes with RSA keys only");
        return su_remedy(e, "set digest-oid = sha256, or algorithm = rsa2048");
    }
    struct su_document_signer *s = calloc(1, sizeof *s);
    if (!s)
        return su_fail_nomem(e, sizeof *s);
    s->key = key;
    if (build(s, leaf, azure_oid ? NID_sha256WithRSAEncryption : NID_sha256,
              rsa ? NID_rsaEncryption : NID_ecdsa_with_SHA256, rsa ? V_ASN1_NULL : V_ASN1_UNDEF, e) < 0) {
        su_document_signer_free(&s);
        return -1;
    }
    *out = s;
    return 0;
}

void su_document_signer_free(struct su_document_signer **sp)
{
    struct su_document_signer *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    su_buf_done(&s->head);
    su_buf_done(&s->leaf);
    su_buf_done(&s->info);
    free(s);
}

static size_t with_header(size_t n)
{
    return header_size(n) + n;
}

int su_document_sign(struct su_document_signer *s, struct su_bytes payload, struct su_buf *der, struct su_err *e)
{
    uint8_t sig[SIGNATURE_MAX];
    size_t n_sig;
    if (payload.n == 0 || payload.p[0] != '{')
        return su_fail(e, SU_E_REFUSED, "document.payload", "this key signs documents only");
    if (payload.n > PAYLOAD_MAX)
        return su_fail(e, SU_E_RANGE, "document.payload", "a payload of %zu bytes", payload.n);
    if (su_key_sign(s->key, payload, sig, sizeof sig, &n_sig, e) < 0)
        return -1;
    size_t octets = with_header(payload.n), data = sizeof oid_data + with_header(octets);
    size_t info = s->info.n + with_header(n_sig), infos = with_header(info);
    size_t body = s->head.n + with_header(data) + s->leaf.n + with_header(infos);
    size_t content = with_header(body), all = sizeof oid_signed + with_header(content);
    uint8_t *p = su_buf_room(der, with_header(all));
    if (!p)
        return su_fail_nomem(e, with_header(all));
    p = put_header(p, SEQUENCE, all);
    p = put(p, oid_signed, sizeof oid_signed);
    p = put_header(p, CONTEXT_0, content);
    p = put_header(p, SEQUENCE, body);
    p = put(p, s->head.p, s->head.n);
    p = put_header(p, SEQUENCE, data);
    p = put(p, oid_data, sizeof oid_data);
    p = put_header(p, CONTEXT_0, octets);
    p = put_header(p, OCTETS, payload.n);
    p = put(p, payload.p, payload.n);
    p = put(p, s->leaf.p, s->leaf.n);
    p = put_header(p, SET, infos);
    p = put_header(p, SEQUENCE, info);
    p = put(p, s->info.p, s->info.n);
    p = put_header(p, OCTETS, n_sig);
    put(p, sig, n_sig);
    return 0;
}
