/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP replies, whole, cut, and wrong; and the small forms of text. */
#include "internal.h"
#include "tests/lib/tap.h"
#include <stdlib.h>

static enum http_progress parse(const char *text, size_t n, struct http_reply *out, char **keep)
{
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text, n);
    enum http_progress r = surety_http_parse(exact, n, out);
    if (keep)
        *keep = exact;
    else
        free(exact);
    return r;
}

static void check_good(const char *text, int status, const char *body)
{
    struct http_reply h = {0};
    char *keep = NULL;
    bool more = true;
    for (size_t n = 0; n < strlen(text); n++)
        more = more && parse(text, n, &h, NULL) == HTTP_MORE;
    ok(more, "every beginning wants more");
    ok(parse(text, strlen(text), &h, &keep) == HTTP_DONE && h.status == status && h.body_n == strlen(body) &&
           memcmp(h.body, body, h.body_n) == 0,
       "%d %s", status, body);
    free(keep);
}

static void test_http(void)
{
    struct http_reply h = {0};
    check_good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    check_good("HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", 200, "");
    check_good("HTTP/1.0 404 Not Found\r\nX: y\r\nContent-Length:  2 \r\n\r\nno", 404, "no");
    check_good("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    check_good("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 200, "hello!");
    check_good("HTTP/1.1 429 Too Many\r\nTransfer-Encoding: Chunked\r\nRetry-After: 7\r\n\r\n0\r\n\r\n", 429, "");
    char *keep = NULL;
    const char busy[] = "HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    ok(parse(busy, sizeof busy - 1, &h, &keep) == HTTP_DONE && h.retry_after == 7, "Retry-After");
    free(keep);
    static const char *const bad[] = {
        "SSH-2.0-x\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1 99 x\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 2000 x\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(parse(bad[i], strlen(bad[i]), &h, NULL) == HTTP_BAD, "refused: %.60s",
           strchr(bad[i], '\n') ? strchr(bad[i], '\n') + 1 : bad[i]);
    char *long_head = malloc(HTTP_MAX_HEAD + 64);
    memset(long_head, 'a', HTTP_MAX_HEAD + 64);
    memcpy(long_head, "HTTP/1.1 200 OK\r\nX: ", 20);
    ok(parse(long_head, HTTP_MAX_HEAD, &h, NULL) == HTTP_MORE &&
           parse(long_head, HTTP_MAX_HEAD + 64, &h, NULL) == HTTP_BAD,
       "a head without end");
    free(long_head);
}

static void test_text(void)
{
    int64_t t = 0;
    char u[SURETY_UUID_TEXT], w[SURETY_UUID_TEXT];
    size_t n = 0;
    ok(surety_time_azure("07/28/26 13:24:00 -0000", &t) && t == 1785245040, "Azure's time");
    ok(surety_time_azure("02/29/24 23:59:59 -0000", &t) && !surety_time_azure("02/29/25 23:59:59 -0000", &t),
       "leap years");
    static const char *const bad[] = {"7/28/26 13:24:00 -0000",  "07/28/26 13:24:00 +0000",   "13/28/26 13:24:00 -0000",
                                      "07/32/26 13:24:00 -0000", "07/28/26 24:24:00 -0000",   "07/28/26 13:60:00 -0000",
                                      "07/28/26 13:24:60 -0000", "07/28/2026 13:24:00 -0000", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(!surety_time_azure(bad[i], &t), "no time: %s", bad[i]);
    ok(surety_time_nonce("19700101-000000", &t) && t == 0, "1970");
    ok(surety_time_nonce("20260728-192400", &t) && t == 1785266640, "as a nonce");
    ok(surety_looks_like_server_nonce("99999999-999999") && !surety_looks_like_server_nonce("2026072-1924000"),
       "its shape");
    ok(surety_uuid_parse("B1310A36-d400-46f6-82cb-6217df846586", 36, u), "a UUID");
    is_str(u, "b1310a36-d400-46f6-82cb-6217df846586");
    surety_uuid_swap(u, w);
    is_str(w, "360a31b1-00d4-f646-82cb-6217df846586");
    surety_uuid_swap(w, w);
    is_str(w, u);
    ok(!surety_uuid_parse("b1310a36xd400-46f6-82cb-6217df846586", 36, u) &&
           !surety_uuid_parse("b1310a36-d400-46f6-82cb-6217df84658g", 36, u) &&
           !surety_uuid_parse("{1310a36-d400-46f6-82cb-6217df846586", 36, u),
       "no UUIDs");
    for (size_t len = 0; len < 70; len++) {
        unsigned char p[70];
        memset(p, (int)len, sizeof p);
        char *s = surety_base64_text(p, len);
        unsigned char *back = len ? surety_base64(s, strlen(s), len, &n) : NULL;
        ok(!len || (back && n == len && memcmp(back, p, len) == 0), "base64 of %zu bytes", len);
        ok(!len || !surety_base64(s, strlen(s), len - 1, &n), "and no longer");
        free(back);
        free(s);
    }
    static const char *const wrong[] = {
        "", "A", "AA", "AAA", "AA==AAAA", "A===", "AB==", "AAB=", "AA=A", "AA A", "AA-_", "====", "AAAA\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ok(!surety_base64(wrong[i], strlen(wrong[i]), 99, &n), "no base64: %s", wrong[i]);
    struct text x = {0};
    text_url(&x, "a/B&c=d e~.-_\xc3");
    is_str(x.p, "a%2FB%26c%3Dd%20e~.-_%C3");
    text_free(&x);
}

int main(void)
{
    test_http();
    test_text();
    return tap_done();
}
