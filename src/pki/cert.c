/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cert.h"
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

enum { NAME_MAX_BYTES = 200, LABEL_MAX_BYTES = 63 };

/* One label: not empty, no hyphen at its ends (RFC 1123, 2.1). */
static bool label_valid(const char *p, size_t n)
{
    if (n == 0 || n > LABEL_MAX_BYTES || p[0] == '-' || p[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '-'))
            return false;
    return true;
}

static bool labels_valid(const char *name)
{
    if (!name || strnlen(name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES)
        return false;
    for (;;) {
        size_t n = strcspn(name, ".");
        if (!label_valid(name, n))
            return false;
        if (!name[n])
            return true;
        name += n + 1;
    }
}

bool su_host_name_valid(const char *name)
{
    return labels_valid(name);
}

bool su_domain_valid(const char *domain)
{
    return labels_valid(domain);
}

int su_fail_ssl(struct su_err *e, enum su_kind kind, const char *id, const char *what)
{
    const char *data = NULL, *reason = NULL;
    int flags = 0;
    unsigned long code = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    if (code)
        reason = ERR_reason_error_string(code);
    if (!(flags & ERR_TXT_STRING) || !data || !*data)
        data = NULL;
    if (!code)
        su_fail(e, kind, id, "%s", what);
    else if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
        su_fail_nomem(e, 0);
    else
        su_fail(e, kind, id, "%s: %s%s%s", what, reason ? reason : "OpenSSL gives no reason", data ? ": " : "",
                data ? data : "");
    ERR_clear_error();
    return -1;
}

int su_cert_from_pem(struct su_bytes pem, X509 **out, struct su_err *e)
{
    if (pem.n == 0 || pem.n > INT32_MAX)
        return su_fail(e, SU_E_FORMAT, "cert.pem", "there is no certificate in it");
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!x)
        return su_fail_ssl(e, SU_E_FORMAT, "cert.pem", "this is no certificate in PEM");
    *out = x;
    return 0;
}

int su_cert_to_der(X509 *x, struct su_buf *out, struct su_err *e)
{
    int n = i2d_X509(x, NULL);
    if (n <= 0)
        return su_fail_ssl(e, SU_E_FORMAT, "cert.der", "the certificate cannot be encoded");
    uint8_t *p = su_buf_room(out, (size_t)n);
    if (!p)
        return su_fail_nomem(e, (size_t)n);
    if (i2d_X509(x, &p) != n) {
        out->n -= (size_t)n;
        return su_fail_ssl(e, SU_E_FORMAT, "cert.der", "the certificate cannot be encoded");
    }
    return 0;
}

int su_certs_from_der(struct su_bytes der, unsigned max, STACK_OF(X509) * *out, struct su_err *e)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    if (!all)
        return su_fail_nomem(e, 0);
    const uint8_t *p = der.p, *end = der.n ? der.p + der.n : der.p;
    while (p < end) {
        if (der.n > INT32_MAX || (unsigned)sk_X509_num(all) == max) {
            sk_X509_pop_free(all, X509_free);
            return su_fail(e, SU_E_FORMAT, "cert.der", "more than %u certificates", max);
        }
        X509 *x = d2i_X509(NULL, &p, end - p);
        if (!x || !sk_X509_push(all, x)) {
            X509_free(x);
            sk_X509_pop_free(all, X509_free);
            return su_fail_ssl(e, SU_E_FORMAT, "cert.der", "this is no certificate in DER");
        }
    }
    *out = all;
    return 0;
}

static bool epoch(const ASN1_TIME *t, uint64_t *out)
{
    struct tm tm;
    if (!t || !ASN1_TIME_to_tm(t, &tm))
        return false;
    time_t v = timegm(&tm);
    if (v < 0)
        return false;
    *out = (uint64_t)v;
    return true;
}

int su_cert_times(const X509 *x, uint64_t *not_before, uint64_t *not_after, struct su_err *e)
{
    uint64_t from, to;
    if (!epoch(X509_get0_notBefore(x), &from) || !epoch(X509_get0_notAfter(x), &to))
        return su_fail_ssl(e, SU_E_FORMAT, "cert.time", "the certificate has no readable validity");
    *not_before = from;
    *not_after = to;
    return 0;
}
