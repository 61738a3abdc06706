/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "httpc.h"
#include "base/clock.h"
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

struct sink {
    struct su_buf *buf;
    size_t max;
    bool too_long;
};

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct sink *s = arg;
    size_t got = size * n;
    if (got > s->max - s->buf->n) {
        s->too_long = true;
        return 0;
    }
    su_buf_add(s->buf, p, got);
    return s->buf->failed ? 0 : got;
}

/* Also called while nothing comes, once a second. */
static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t total_up, curl_off_t now_up)
{
    (void)total, (void)now, (void)total_up, (void)now_up;
    return su_nap_until(*(const int *)arg, 0);
}

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int set_options(CURL *c, const struct su_http_call *q, struct curl_slist *headers, struct sink *s)
{
    long timeout = q->timeout_ms ? (long)q->timeout_ms : 10000;
    bool body = q->body.n > 0 || strcmp(q->method, "POST") == 0;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(c, option, value)
    SET(CURLOPT_URL, q->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout < 5000 ? timeout : 5000);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, on_data);
    SET(CURLOPT_WRITEDATA, s);
    if (q->stop_fd) {
        SET(CURLOPT_XFERINFOFUNCTION, on_progress);
        SET(CURLOPT_XFERINFODATA, (void *)q->stop_fd);
        SET(CURLOPT_NOPROGRESS, 0L);
        SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent is not waited for, either */
    }
    if (q->unix_path) {
        SET(CURLOPT_UNIX_SOCKET_PATH, q->unix_path);
        SET(CURLOPT_PROXY, "");
    }
    if (body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        SET(CURLOPT_POSTFIELDS, q->body.n ? (const char *)q->body.p : "");
    }
    SET(CURLOPT_CUSTOMREQUEST, q->method);
#undef SET
    return bad == CURLE_OK ? 0 : -1;
}

static int explain(CURLcode rc, const struct su_http_call *q, const struct sink *s, struct su_err *e)
{
    const char *what = curl_easy_strerror(rc);
    const char *where = q->unix_path ? q->unix_path : q->url;
    if (s->too_long)
        return su_fail(e, SU_E_RANGE, "http.answer", "the answer of %s is too long", where);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return su_fail(e, SU_E_IO, "http.timeout", "%s did not answer in time", where);
    if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_RESOLVE_PROXY)
        return su_fail(e, SU_E_IO, "http.connect", "cannot reach %s: %s", where, what);
    return su_fail(e, SU_E_IO, "http.answer", "%s: %s", where, what);
}

int su_http_call(const struct su_http_call *q, unsigned *status, struct su_buf *answer, struct su_err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    SU_BUF struct su_buf got = {0};
    struct sink s = {&got, q->max_answer ? q->max_answer : SU_MIB, false};
    char type[160];
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (q->content_type) {
        snprintf(type, sizeof type, "Content-Type: %s", q->content_type);
        struct curl_slist *more = curl_slist_append(headers, type);
        headers = more ? more : headers;
    }
    CURL *c = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    long code = 0;
    if (c && headers && set_options(c, q, headers, &s) == 0) {
        rc = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
    }
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    if (rc != CURLE_OK)
        return explain(rc, q, &s, e);
    su_buf_add(answer, got.p, got.n);
    if (su_buf_ok(answer, e) < 0)
        return -1;
    *status = (unsigned)code;
    return 0;
}
