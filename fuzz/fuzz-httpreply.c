/* SPDX-License-Identifier: Apache-2.0 */
/* A reply is done or bad at one length and stays so; before that more is wanted. Its body lies inside. */
#include "internal.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum http_progress parse(const uint8_t *data, size_t n, struct http_reply *out, char **keep)
{
    char *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    enum http_progress r = surety_http_parse(copy, n, out);
    if (r != HTTP_DONE && memcmp(copy, data, n) != 0)
        abort(); /* changed before it was whole */
    *keep = copy;
    return r;
}

/* What is bad stays bad with more behind; what is done, or wants more, was neither bad nor done before. */
static void check_part(const uint8_t *data, size_t n, enum http_progress whole)
{
    struct http_reply part = {0};
    char *keep = NULL;
    if (parse(data, n, &part, &keep) != HTTP_MORE && whole != HTTP_BAD)
        abort();
    free(keep);
}

static bool inside(const struct http_reply *h, const char *p, size_t n)
{
    return h->body >= p && h->body_n <= n && h->body + h->body_n <= p + n && h->body_n <= SURETY_ANSWER_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_reply h = {.status = 77};
    char *keep = NULL;
    if (n > HTTP_MAX_REPLY)
        return 0;
    enum http_progress r = parse(data, n, &h, &keep);
    if (r != HTTP_DONE && h.status != 77)
        abort();
    if (r == HTTP_DONE && (h.status < 200 || h.status > 599 || h.retry_after > 86400 || !inside(&h, keep, n)))
        abort();
    if (n > 0) {
        check_part(data, n / 2, r);
        check_part(data, n / 3, r);
        check_part(data, n - 1, r);
    }
    free(keep);
    return 0;
}
