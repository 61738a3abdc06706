/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - one reply of HTTP/1.1 (RFC 9112), strictly: CRLF, no folded lines, a length that is told once, or chunks
 * without extensions and trailers, and nothing behind. */
#include "internal.h"

struct head {
    int status;
    bool chunked, has_length;
    size_t length, n; /* n: bytes of the head */
    unsigned retry_after;
};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_number(const char *p, size_t n, size_t max, size_t *out)
{
    size_t v = 0;
    if (n == 0 || n > 9)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!digit(p[i]))
            return false;
        v = v * 10 + (size_t)(p[i] - '0');
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

static bool same_name(const char *p, size_t n, const char *name)
{
    if (n != strlen(name))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]) != name[i])
            return false;
    return true;
}

/* "HTTP/1.1 200 OK" */
static bool status_line(const char *p, size_t n, struct head *h)
{
    if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') || p[8] != ' ')
        return false;
    if (!digit(p[9]) || !digit(p[10]) || !digit(p[11]) || (n > 12 && p[12] != ' '))
        return false;
    h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    return h->status >= 200 && h->status <= 599;
}

static bool token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", p[i]))
            return false;
    return n > 0;
}

static bool set_field(const char *name, size_t name_n, const char *v, size_t n, struct head *h)
{
    size_t number = 0;
    if (same_name(name, name_n, "content-length")) {
        if (h->has_length || !take_number(v, n, 999999999, &h->length))
            return false;
        h->has_length = true;
    } else if (same_name(name, name_n, "transfer-encoding")) {
        if (h->chunked || !same_name(v, n, "chunked"))
            return false;
        h->chunked = true;
    } else if (same_name(name, name_n, "retry-after") && take_number(v, n, 86400, &number)) {
        h->retry_after = (unsigned)number;
    }
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool field_line(const char *p, size_t n, struct head *h)
{
    const char *colon = memchr(p, ':', n), *end = p + n;
    if (!colon || !token(p, (size_t)(colon - p)))
        return false;
    const char *v = colon + 1;
    while (v < end && blank(*v))
        v++;
    while (end > v && blank(end[-1]))
        end--;
    for (const char *c = v; c < end; c++)
        if ((unsigned char)*c < 0x20 && *c != '\t')
            return false;
    return set_field(p, (size_t)(colon - p), v, (size_t)(end - v), h);
}

/* A line of the head from i on: its length without CRLF. */
static enum http_progress head_line(const char *p, size_t n, size_t i, size_t *line)
{
    size_t k = i;
    while (k < n && p[k] != '\n' && k <= HTTP_MAX_HEAD)
        k++;
    if (k > HTTP_MAX_HEAD)
        return HTTP_BAD;
    if (k >= n)
        return HTTP_MORE;
    if (k == i || p[k - 1] != '\r')
        return HTTP_BAD;
    *line = k - 1 - i;
    return HTTP_DONE;
}

static enum http_progress parse_head(const char *p, size_t n, struct head *h)
{
    size_t i = 0, line = 0;
    if (n > 0 && memcmp(p, "HTTP/1.", n < 7 ? n : 7) != 0)
        return HTTP_BAD;
    enum http_progress r = head_line(p, n, 0, &line);
    if (r != HTTP_DONE)
        return r;
    if (!status_line(p, line, h))
        return HTTP_BAD;
    do {
        i += line + 2;
        r = head_line(p, n, i, &line);
        if (r != HTTP_DONE)
            return r;
        if (line > 0 && !field_line(p + i, line, h))
            return HTTP_BAD;
    } while (line > 0);
    h->n = i + 2;
    return h->chunked && h->has_length ? HTTP_BAD : HTTP_DONE;
}

static int hex(char c)
{
    if (digit(c))
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1a\r\n": the size, and where its bytes begin. */
static enum http_progress chunk_size(const char *p, size_t n, size_t *size, size_t *used)
{
    size_t v = 0, i = 0;
    while (i < n && hex(p[i]) >= 0) {
        if (i == 6)
            return HTTP_BAD;
        v = v << 4 | (size_t)hex(p[i++]);
    }
    if (i < n && (i == 0 || p[i] != '\r'))
        return HTTP_BAD;
    if (i + 1 < n && p[i + 1] != '\n')
        return HTTP_BAD;
    if (i + 2 > n)
        return HTTP_MORE;
    *size = v;
    *used = i + 2;
    return HTTP_DONE;
}

/* Walks the chunks; join: moves their bytes together at the front, which is right only after a walk that was done. */
static enum http_progress chunks(char *p, size_t n, bool join, size_t *total)
{
    size_t i = 0, out = 0;
    for (;;) {
        size_t size = 0, used = 0;
        enum http_progress r = chunk_size(p + i, n - i, &size, &used);
        if (r != HTTP_DONE)
            return r;
        i += used;
        if (size > SURETY_ANSWER_MAX || out + size > SURETY_ANSWER_MAX)
            return HTTP_BAD;
        size_t have = n - i;
        if (have > size && (p[i + size] != '\r' || (have > size + 1 && p[i + size + 1] != '\n')))
            return HTTP_BAD;
        if (have < size + 2)
            return HTTP_MORE;
        if (join)
            memmove(p + out, p + i, size);
        out += size;
        i += size + 2;
        if (size == 0)
            break;
    }
    *total = out;
    return i == n ? HTTP_DONE : HTTP_BAD;
}

enum http_progress surety_http_parse(char *buf, size_t n, struct http_reply *out)
{
    struct head h = {0};
    enum http_progress r = parse_head(buf, n, &h);
    size_t length = h.length;
    if (r == HTTP_DONE && h.chunked) {
        r = chunks(buf + h.n, n - h.n, false, &length);
        if (r == HTTP_DONE)
            chunks(buf + h.n, n - h.n, true, &length);
    } else if (r == HTTP_DONE) {
        /* without a length nobody could tell the end from a cut */
        if ((!h.has_length && h.status != 204 && h.status != 304) || length > SURETY_ANSWER_MAX || n - h.n > length)
            return HTTP_BAD;
        r = n - h.n == length ? HTTP_DONE : HTTP_MORE;
    }
    if (r == HTTP_DONE)
        *out = (struct http_reply){h.status, h.retry_after, buf + h.n, length};
    return r;
}
