/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The payload of a document.  The signature is in signeddata.c. */
#include "document.h"
#include "wire/versions.h"
#include <string.h>
#include <time.h>

/* The length of the well-formed UTF-8 sequence at p, at most 4; 0: none (RFC 3629, section 4). */
static size_t utf8(const unsigned char *p)
{
    /* first byte, range of the second */
    static const struct {
        unsigned char from, to, low, high, n;
    } rows[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t r = 0; r < SU_ARRAY_LEN(rows); r++) {
        if (p[0] < rows[r].from || p[0] > rows[r].to)
            continue;
        size_t n = rows[r].n, i = 2;
        if (n > 1 && (p[1] < rows[r].low || p[1] > rows[r].high))
            return 0;
        while (i < n && (p[i] & 0xc0) == 0x80)
            i++;
        return i < n ? 0 : n;
    }
    return 0;
}

static bool as_it_is(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A JSON string (RFC 8259).  What is no UTF-8 becomes U+FFFD, one for each byte. */
static void put_string(struct su_buf *b, const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    su_buf_add(b, "\"", 1);
    while (*p) {
        size_t n = 0;
        while (as_it_is(p[n]))
            n++;
        if (n == 0 && *p >= 0x80 && (n = utf8(p)) == 0) {
            su_buf_add(b, "\xef\xbf\xbd", 3);
            p++;
            continue;
        }
        if (n) {
            su_buf_add(b, p, n);
            p += n;
        } else if (*p == '"' || *p == '\\') {
            su_buf_add(b, (char[2]){'\\', (char)*p++}, 2);
        } else {
            su_buf_printf(b, "\\u%04x", *p++);
        }
    }
    su_buf_add(b, "\"", 1);
}

#define PUT(b, literal) su_buf_add((b), (literal), sizeof(literal) - 1)

static void put_number(struct su_buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    su_buf_add(b, digits + at, sizeof digits - at);
}

static void two(char *at, int v)
{
    at[0] = (char)('0' + v / 10 % 10);
    at[1] = (char)('0' + v % 10);
}

/* "MM/dd/yy HH:mm:ss -0000", as Azure writes times; always UTC. */
static void put_time(struct su_buf *b, const struct tm *t)
{
    char text[] = "\"00/00/00 00:00:00 -0000\"";
    const int v[] = {t->tm_mon + 1, t->tm_mday, t->tm_year, t->tm_hour, t->tm_min, t->tm_sec};
    for (size_t i = 0; i < SU_ARRAY_LEN(v); i++)
        two(text + 1 + 3 * i, v[i]);
    su_buf_add(b, text, sizeof text - 1);
}

/* What stands for a nonce when the caller gave none: expiresOn as "yyyyMMdd-HHmmss". */
static void default_nonce(char *out, const struct tm *t)
{
    char text[] = "00000000-000000";
    two(text, (t->tm_year + 1900) / 100);
    two(text + 2, t->tm_year);
    two(text + 4, t->tm_mon + 1);
    two(text + 6, t->tm_mday);
    two(text + 9, t->tm_hour);
    two(text + 11, t->tm_min);
    two(text + 13, t->tm_sec);
    memcpy(out, text, sizeof text);
}

static void put_member(struct su_buf *b, const char *name, const char *value)
{
    su_buf_add(b, name, strlen(name));
    put_string(b, value);
}

static void put_surety(struct su_buf *b, const struct su_vm_facts *vm, const struct su_sign_request *q,
                       const struct su_document_host *h, const struct su_sign_reply *times)
{
    put_member(b, "\"surety\":{\"audience\":", q->audience);
    put_member(b, ",\"cluster\":", h->cluster);
    PUT(b, ",\"createdOn\":");
    put_number(b, times->created);
    PUT(b, ",\"expiresOn\":");
    put_number(b, times->expires);
    put_member(b, ",\"host\":", h->host);
    put_member(b, ",\"keyThumbprint\":", q->thumbprint);
    PUT(b, ",\"securityProfile\":{\"secureBoot\":");
    vm->secure_boot ? PUT(b, "true") : PUT(b, "false");
    put_member(b, ",\"securityType\":", vm->security_type);
    PUT(b, ",\"vTpm\":");
    vm->vtpm ? PUT(b, "true}},") : PUT(b, "false}},");
}

/* Since when a member is there (azure-compute-docs, instance-metadata-service.md). */
struct since {
    unsigned subscription, sku, license;
};
static const struct since *since(void)
{
    static _Thread_local struct since s;
    if (!s.license) {
        s.subscription = su_api_version_of("2019-04-30");
        s.sku = su_api_version_of("2019-11-01");
        s.license = su_api_version_of("2020-09-01");
    }
    return &s;
}

static int set_times(const struct su_document_host *h, uint64_t now, uint64_t not_after, struct su_sign_reply *times,
                     struct tm *created, struct tm *expires, struct su_err *e)
{
    times->created = now;
    times->expires = not_after - now > h->lifetime ? now + h->lifetime : not_after;
    time_t c = (time_t)times->created, x = (time_t)times->expires;
    if (!gmtime_r(&c, created) || !gmtime_r(&x, expires) || created->tm_year < 0 || expires->tm_year > 8000)
        return su_fail(e, SU_E_RANGE, "document.clock", "the clock says %llu, which is no time for a document",
                       (unsigned long long)now);
    return 0;
}

int su_document_payload(const struct su_vm_facts *vm, const struct su_sign_request *q, const struct su_document_host *h,
                        uint64_t now, uint64_t not_after, struct su_buf *json, struct su_sign_reply *times,
                        struct su_err *e)
{
    const struct since *s = since();
    struct su_sign_reply r = {.der = times->der};
    struct tm created, expires;
    if (now >= not_after)
        return su_fail(e, SU_E_CONFLICT, "document.expired", "the host's certificate has expired");
    if (set_times(h, now, not_after, &r, &created, &expires, e) < 0)
        return -1;
    if (q->nonce[0])
        memcpy(r.nonce, q->nonce, sizeof r.nonce);
    else
        default_nonce(r.nonce, &expires);
    size_t before = json->n;
    PUT(json, "{");
    if (q->version >= s->license) {
        put_member(json, "\"licenseType\":", vm->license_type);
        PUT(json, ",");
    }
    put_member(json, "\"nonce\":", r.nonce);
    put_member(json, ",\"plan\":{\"name\":", vm->plan_name);
    put_member(json, ",\"product\":", vm->plan_product);
    put_member(json, ",\"publisher\":", vm->plan_publisher);
    PUT(json, "},");
    if (q->version >= s->sku) {
        put_member(json, "\"sku\":", vm->sku);
        PUT(json, ",");
    }
    if (q->version >= s->subscription) {
        put_member(json, "\"subscriptionId\":", vm->subscription);
        PUT(json, ",");
    }
    put_surety(json, vm, q, h, &r);
    PUT(json, "\"timeStamp\":{\"createdOn\":");
    put_time(json, &created);
    PUT(json, ",\"expiresOn\":");
    put_time(json, &expires);
    put_member(json, "},\"vmId\":", vm->uuid);
    PUT(json, "}");
    if (su_buf_ok(json, e) < 0) {
        json->n = before;
        return -1;
    }
    *times = r;
    return 0;
}
