/* SPDX-License-Identifier: GPL-3.0-or-later */
/* First byte: bits of the headers; then the method, a line break, the Metadata value, a line break, the target.
 * Whatever comes in, what comes out may be written into JSON, logs and messages to the signer. */
#include "must.h"
#include "imds/audit.h"
#include "imds/query.h"
#include "wire/versions.h"
#include <string.h>

static void must_be_plain(const char *s, size_t max)
{
    MUST(strlen(s) <= max);
    for (; *s; s++)
        MUST(*s > ' ' && *s <= '~' && *s != '"' && *s != '\\');
}

/* What passes is what the signer takes. */
static void must_be_askable(const struct su_query *q)
{
    struct su_sign_request r = {.uuid = "00000000-0000-4000-8000-000000000001"}, back;
    SU_BUF struct su_buf b = {0};
    r.version = (uint16_t)q->version;
    memcpy(r.nonce, q->nonce, sizeof r.nonce);
    memcpy(r.audience, q->audience, sizeof r.audience);
    memcpy(r.thumbprint, q->key, sizeof r.thumbprint);
    su_sign_request_put(&b, &r);
    struct su_bytes at = su_buf_bytes(&b);
    MUST(su_sign_request_take(&at, &back) && at.n == 0);
}

static void must_be_whole(const struct su_query *q, const struct su_refusal *why)
{
    MUST(q->n_segments <= SU_SEGMENTS_MAX && q->version >= -1 && q->version < (int)su_n_api_versions);
    for (unsigned i = 0; i < q->n_segments; i++)
        MUST(q->segment[i] < sizeof q->path && memchr(su_query_segment(q, i), 0, sizeof q->path - q->segment[i]));
    must_be_plain(q->nonce, SU_NONCE_MAX);
    must_be_plain(q->audience, SU_AUDIENCE_MAX);
    must_be_plain(q->key, 43);
    must_be_plain(q->result, sizeof q->result - 1);
    if (!why && q->route == SU_ROUTE_DOCUMENT)
        must_be_askable(q);
    MUST(why || q->route != SU_ROUTE_NONE);
    MUST(why || q->route != SU_ROUTE_REPORT || (*q->nonce && *q->result));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct su_query q;
    static char text[8192];
    char path[128];
    if (size < 1 || size > sizeof text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    char *value = strchr(text, '\n'), *target = value ? strchr(value + 1, '\n') : NULL;
    if (!target)
        return 0;
    *value++ = *target++ = '\0';
    struct su_head h = {text, data[0] & 1 ? NULL : target, data[0] >> 2 & 3, data[0] & 2 ? NULL : value,
                        data[0] >> 4 & 1};
    memset(&q, 0x5a, sizeof q);
    const struct su_refusal *why = su_query_judge(&h, &q);
    must_be_whole(&q, why);
    bool wire = q.route >= SU_ROUTE_WIRE_VERSIONS;
    MUST(why || (!h.forwarded && (wire || (h.n_metadata == 1 && h.metadata))));
    MUST(why || strcmp(h.method, q.post ? "POST" : "GET") == 0);
    su_audit_path(target, path, sizeof path);
    for (const char *p = path; *p; p++)
        MUST(*p >= ' ' && *p <= '~');
    return 0;
}
