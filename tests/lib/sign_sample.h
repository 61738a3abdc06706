/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/sign_sample.h - keys, certificates, signature lists and Authenticode signatures made on the spot. */
#pragma once
#include "guest/pe.h"
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <string.h>

struct signer {
    EVP_PKEY *key;
    X509 *cert;
};

static inline void signer_done(struct signer *s)
{
    EVP_PKEY_free(s->key);
    X509_free(s->cert);
}

/* issuer NULL: self-signed. from, to: seconds from now. */
static inline struct signer signer_new(const char *name, const struct signer *issuer, long from, long to)
{
    static long serial = 1;
    struct signer s = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *subject = X509_get_subject_name(s.cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(s.cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
    X509_set_version(s.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(s.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(s.cert), from);
    X509_gmtime_adj(X509_getm_notAfter(s.cert), to);
    X509_set_pubkey(s.cert, s.key);
    if (!issuer) {
        X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(s.cert, ca, -1);
        X509_EXTENSION_free(ca);
    }
    X509_sign(s.cert, issuer ? issuer->key : s.key, EVP_sha256());
    return s;
}

/* One signature list with one certificate. */
static inline void list_cert(struct su_buf *out, X509 *cert)
{
    static const uint8_t guid[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                     0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
    uint8_t *der = NULL, sizes[12] = {0};
    int n = i2d_X509(cert, &der);
    su_put_le32(sizes, 28 + 16 + (uint32_t)n);
    su_put_le32(sizes + 8, 16 + (uint32_t)n);
    su_buf_add(out, guid, 16);
    su_buf_add(out, sizes, 12);
    su_buf_zero(out, 16);
    su_buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
}

/* One signature list with one digest: of an image, or (with a time of zero) of a certificate. */
static inline void list_digest(struct su_buf *out, const uint8_t *digest, bool of_cert)
{
    static const uint8_t image[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                      0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};
    static const uint8_t cert[16] = {0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40,
                                     0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed};
    uint32_t size = of_cert ? 64 : 48;
    uint8_t sizes[12] = {0};
    su_put_le32(sizes, 28 + size);
    su_put_le32(sizes + 8, size);
    su_buf_add(out, of_cert ? cert : image, 16);
    su_buf_add(out, sizes, 12);
    su_buf_zero(out, 16);
    su_buf_add(out, digest, 32);
    su_buf_zero(out, size - 48);
}

/* A DER PKCS#7 signature that says the image has this digest. The issuer's certificate goes along when given. */
static inline void sign_digest(struct su_buf *out, const uint8_t *digest, const struct signer *by,
                               const struct signer *issuer)
{
    static const uint8_t head[] = {0x30, 0x4c, 0x30, 0x17, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02,
                                   0x01, 0x0f, 0x30, 0x09, 0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00, 0x30,
                                   0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
                                   0x05, 0x00, 0x04, 0x20};
    uint8_t spc[sizeof head + 32], *der = NULL;
    memcpy(spc, head, sizeof head);
    memcpy(spc + sizeof head, digest, 32);
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", 1);
    PKCS7 *p7 = PKCS7_new(), *content = PKCS7_new();
    PKCS7_set_type(p7, NID_pkcs7_signed);
    PKCS7_SIGNER_INFO *si = PKCS7_add_signature(p7, by->cert, by->key, EVP_sha256());
    PKCS7_add_certificate(p7, by->cert);
    if (issuer)
        PKCS7_add_certificate(p7, issuer->cert);
    PKCS7_add_attrib_content_type(si, oid); /* takes it */
    PKCS7_content_new(p7, NID_pkcs7_data);
    BIO *bio = PKCS7_dataInit(p7, NULL);
    BIO_write(bio, spc + 2, (int)sizeof spc - 2);
    PKCS7_dataFinal(p7, bio);
    BIO_free_all(bio);
    ASN1_STRING *seq = ASN1_STRING_new();
    ASN1_STRING_set(seq, spc, (int)sizeof spc);
    content->type = OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", 1);
    content->d.other = ASN1_TYPE_new();
    ASN1_TYPE_set(content->d.other, V_ASN1_SEQUENCE, seq);
    PKCS7_set_content(p7, content);
    int n = i2d_PKCS7(p7, &der);
    su_buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
    PKCS7_free(p7);
}

/* Appends a certificate table entry to an image whose header starts at image->p; dir: offset of the directory entry. */
static inline void attach(struct su_buf *image, size_t dir, struct su_bytes der)
{
    uint8_t h[8];
    uint32_t size = su_le32(image->p + dir + 4);
    if (size == 0)
        su_put_le32(image->p + dir, (uint32_t)image->n);
    su_put_le32(h, 8 + (uint32_t)der.n);
    su_put_le16(h + 4, 0x200);
    su_put_le16(h + 6, SU_PE_CERT_PKCS7);
    size_t pad = (8 - der.n % 8) % 8;
    su_buf_add(image, h, 8);
    su_buf_add(image, der.p, der.n);
    su_buf_zero(image, pad);
    su_put_le32(image->p + dir + 4, (uint32_t)(size + 8 + der.n + pad));
}
