/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server and the client against each other, and the server against what no client should send. */
#include "net/httpc.h"
#include "net/httpd.h"
#include "tests/lib/tap.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int echo(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    (void)e;
    const char *x = su_http_query(q, "x"), *h = su_http_header(q, "X-Test");
    su_buf_printf(&a->body, "%s %s [%s] [%s] x=%s h=%s uid=%d peer=%s ", q->method, q->path,
                  q->param[0] ? q->param[0] : "-", q->param[1] ? q->param[1] : "-", x ? x : "-", h ? h : "-",
                  (int)q->uid, q->peer);
    su_buf_add(&a->body, q->body.p, q->body.n);
    a->type = "text/plain";
    a->extra[0][0] = "X-Ctx";
    a->extra[0][1] = ctx;
    return 0;
}

static int refuse(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    (void)ctx, (void)q;
    su_buf_text(&a->body, "not to be seen");
    su_fail(e, SU_E_CONFLICT, "test.conflict", "somebody \"else\" holds \xff it");
    return su_remedy(e, "wait");
}

static ssize_t count(void *arg, char *out, size_t cap)
{
    int *n = arg;
    return *n == 3 ? 0 : (ssize_t)snprintf(out, cap, "line %d\n", ++*n);
}

static volatile int freed;
static void free_count(void *arg)
{
    (void)arg;
    freed++;
}

static int stream(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    static int n;
    (void)ctx, (void)q, (void)e;
    n = 0;
    a->stream = count;
    a->stream_free = free_count;
    a->stream_arg = &n;
    return 0;
}

static int allow(void *ctx, const struct su_http_route *row, const struct su_http_request *q, struct su_err *e)
{
    (void)ctx, (void)q;
    return row->flags ? su_fail(e, SU_E_REFUSED, "test.closed", "not for you") : 0;
}

static const struct su_http_route routes[] = {
    {"GET", "/v1/things/{}", 0, echo},
    {"DELETE", "/v1/things/{}", 0, echo},
    {"POST", "/v1/things/{}/parts/{}", 0, echo},
    {"GET", "/v1/refuse", 0, refuse},
    {"GET", "/v1/closed", 1, echo},
    {"GET", "/v1/stream", 0, stream},
};
static const struct su_httpd_options options = {.routes = routes,
                                                .n_routes = SU_ARRAY_LEN(routes),
                                                .ctx = (void *)"ctx",
                                                .allow = allow,
                                                .max_connections = 8,
                                                .timeout_s = 2,
                                                .max_body = 1000};

static char base[64], unix_path[64];

static unsigned call(const char *method, const char *path, const char *body, char *out, size_t cap)
{
    char url[256];
    struct su_err e = {0};
    unsigned status = 0;
    SU_BUF struct su_buf b = {0};
    snprintf(url, sizeof url, "%s%s", base, path);
    struct su_http_call q = {.method = method, .url = url, .body = {(const uint8_t *)body, body ? strlen(body) : 0}};
    if (su_http_call(&q, &status, &b, &e) < 0) {
        printf("# %s: %s\n", e.id, e.msg);
        return 0;
    }
    snprintf(out, cap, "%s", su_buf_str(&b));
    return status;
}

static void talk(void)
{
    char out[2048];
    ok(call("GET", "/v1/things/a%20b?x=1%2B", NULL, out, sizeof out) == 200);
    is_str(out, "GET /v1/things/a b [a b] [-] x=1+ h=- uid=-1 peer=127.0.0.1 ");
    ok(call("POST", "/v1/things/7/parts/8", "body", out, sizeof out) == 200);
    is_str(out, "POST /v1/things/7/parts/8 [7] [8] x=- h=- uid=-1 peer=127.0.0.1 body");
    ok(call("GET", "/v1/refuse", NULL, out, sizeof out) == 409);
    is_str(out, "{\"type\":\"urn:surety:error:test.conflict\",\"title\":\"Conflict\",\"status\":409,"
                "\"detail\":\"somebody \\\"else\\\" holds ? it\",\"id\":\"test.conflict\",\"remedy\":\"wait\"}");
    ok(call("GET", "/v1/closed", NULL, out, sizeof out) == 403 && strstr(out, "test.closed"));
    ok(call("GET", "/v1/none", NULL, out, sizeof out) == 404 && strstr(out, "http.path"));
    ok(call("GET", "/v1/things/", NULL, out, sizeof out) == 404, "an empty segment matches nothing");
    ok(call("GET", "/v1/things/1/2", NULL, out, sizeof out) == 404, "one segment more");
    ok(call("POST", "/v1/things/1", "", out, sizeof out) == 405 && strstr(out, "http.method"));
    ok(call("GET", "/v1/stream", NULL, out, sizeof out) == 200);
    is_str(out, "line 1\nline 2\nline 3\n");
    for (int i = 0; i < 6000 && freed == 0; i++) /* the server's thread may still be on its way there */
        usleep(10000);
    ok(freed == 1, "the stream was released");
    char big[1002];
    memset(big, 'x', sizeof big - 1);
    big[1001] = '\0';
    ok(call("POST", "/v1/things/7/parts/8", big, out, sizeof out) == 413, "1001 bytes are too many");
    ok(call("POST", "/v1/things/7/parts/8", big + 1, out, sizeof out) == 200, "1000 are not");
}

static void over_unix(void)
{
    struct su_err e = {0};
    unsigned status = 0;
    SU_BUF struct su_buf b = {0};
    char want[16];
    struct su_http_call q = {.method = "GET", .url = "http://surety/v1/things/1", .unix_path = unix_path};
    ok(su_http_call(&q, &status, &b, &e) == 0 && status == 200);
    snprintf(want, sizeof want, "uid=%d ", (int)getuid());
    ok(strstr(su_buf_str(&b), want) && strstr(su_buf_str(&b), "peer=unix"), "the peer is known");
    q.unix_path = "/nonexistent/sock";
    ok(su_http_call(&q, &status, &b, &e) < 0 && !strcmp(e.id, "http.connect"), "nobody there");
    q.unix_path = unix_path;
    q.max_answer = 3;
    size_t before = b.n;
    ok(su_http_call(&q, &status, &b, &e) < 0 && !strcmp(e.id, "http.answer") && b.n == before, "too long an answer");
    q = (struct su_http_call){.method = "GET", .url = "file:///etc/passwd"};
    ok(su_http_call(&q, &status, &b, &e) < 0 && b.n == before, "no other scheme");
}

static int raw(unsigned port)
{
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0)
        abort();
    return s;
}

/* Seconds until the server closes; 99: it did not within a minute. */
static int closed_after(int s)
{
    struct timespec t0, t1;
    char sink[4096];
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (;;) {
        struct pollfd p = {.fd = s, .events = POLLIN};
        clock_gettime(CLOCK_MONOTONIC, &t1);
        if (t1.tv_sec - t0.tv_sec > 60)
            return 99;
        if (poll(&p, 1, 200) == 1 && read(s, sink, sizeof sink) <= 0)
            return (int)(t1.tv_sec - t0.tv_sec);
        if (write(s, "a", 1) < 0)
            return (int)(t1.tv_sec - t0.tv_sec);
    }
}

/* Another user takes all the connections he can get, and keeps them. */
static void crowd(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int ready[2], end[2], fd = -1;
    char c;
    struct su_err e = {0};
    struct su_httpd *d = NULL;
    struct su_httpd_options o = options;
    if (geteuid() != 0)
        return;
    o.per_user = 2;
    o.timeout_s = 30;
    snprintf(a.sun_path, sizeof a.sun_path, "%s.2", unix_path);
    ok(su_listen_unix(a.sun_path, 0666, &fd, &e) == 0 && su_httpd_start(fd, &o, &d, &e) == 0);
    if (pipe(ready) < 0 || pipe(end) < 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        close(end[1]);
        if (setresuid(65534, 65534, 65534) == 0)
            for (int i = 0; i < 8; i++) {
                int s = socket(AF_UNIX, SOCK_STREAM, 0);
                if (connect(s, (struct sockaddr *)&a, sizeof a) < 0)
                    break;
            }
        _exit(write(ready[1], "x", 1) != 1 || read(end[0], &c, 1) != 0);
    }
    ok(read(ready[0], &c, 1) == 1);
    unsigned status = 0;
    SU_BUF struct su_buf b = {0};
    struct su_http_call q = {.method = "GET", .url = "http://surety/v1/things/1", .unix_path = a.sun_path};
    usleep(200000);
    ok(su_http_call(&q, &status, &b, &e) == 0 && status == 200, "root is served: %s", e.msg);
    close(end[0]);
    close(end[1]);
    ok(waitpid(child, NULL, 0) == child);
    su_httpd_stop(&d);
    unlink(a.sun_path);
}

enum { MANAGER = 65530, STRANGERS = 64000 };

static int allow_managers(void *ctx, const struct su_http_route *row, const struct su_http_request *q, struct su_err *e)
{
    (void)ctx;
    bool may = row->run || q->uid == 0 || q->uid == MANAGER;
    return may ? 0 : su_fail(e, SU_E_REFUSED, "test.closed", "not for you");
}

/* Somebody with many user IDs, each with its share, and a manager; 0: he is served. */
static int ask_among_strangers(const struct sockaddr_un *a)
{
    unsigned status = 0;
    struct su_err e = {0};
    struct su_http_call q = {.method = "GET", .url = "http://surety/v1/things/1", .unix_path = a->sun_path};
    for (uid_t i = 0; i < 8; i++) {
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        if (seteuid(STRANGERS + i) < 0 || connect(s, (const struct sockaddr *)a, sizeof *a) < 0 || seteuid(0) < 0)
            return 2;
    }
    if (setresuid(MANAGER, MANAGER, MANAGER) < 0)
        return 3;
    for (int i = 0; i < 50 && status != 200; i++) { /* what was not let in has to go first */
        SU_BUF struct su_buf b = {0};
        usleep(100000);
        if (su_http_call(&q, &status, &b, &e) < 0)
            status = 0;
    }
    return status != 200;
}

static void strangers(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = -1, end = -1;
    struct su_err e = {0};
    struct su_httpd *d = NULL;
    struct su_httpd_options o = options;
    if (geteuid() != 0)
        return;
    o.per_user = 1;
    o.timeout_s = 30;
    o.allow = allow_managers;
    snprintf(a.sun_path, sizeof a.sun_path, "%s.3", unix_path);
    ok(su_listen_unix(a.sun_path, 0666, &fd, &e) == 0 && su_httpd_start(fd, &o, &d, &e) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(ask_among_strangers(&a));
    ok(waitpid(child, &end, 0) == child && end == 0, "a manager is served among strangers");
    su_httpd_stop(&d);
    unlink(a.sun_path);
}

static void hostile(unsigned port)
{
    int idle[12];
    char out[256];
    for (unsigned i = 0; i < SU_ARRAY_LEN(idle); i++)
        idle[i] = raw(port);
    int s = raw(port);
    if (write(s, "GET /v1/things/1 HTTP/1.1\r\nX-Slow: ", 35) != 35)
        abort();
    int t = closed_after(s);
    ok(t <= 30, "a byte now and then: closed after %d s", t);
    close(s);
    for (unsigned i = 0; i < SU_ARRAY_LEN(idle); i++)
        close(idle[i]);
    int status = 0;
    for (int i = 0; i < 300 && status != 200; i++) { /* they have to be seen to go */
        usleep(100000);
        status = call("GET", "/v1/things/1", NULL, out, sizeof out);
    }
    ok(status == 200, "after more connections than fit, it serves");
    static const char *const junk[] = {
        "\0\0\0\0",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\xff\xfe GET / HTTP/1.1\r\n\r\n",
        "POST /v1/things/1/parts/2 HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n",
        "POST /v1/things/1/parts/2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"};
    for (unsigned i = 0; i < SU_ARRAY_LEN(junk); i++) {
        s = raw(port);
        if (write(s, junk[i], i == 0 ? 4 : strlen(junk[i])) < 0)
            abort();
        shutdown(s, SHUT_WR);
        struct pollfd p = {.fd = s, .events = POLLIN};
        poll(&p, 1, 4000);
        close(s);
    }
    ok(call("GET", "/v1/things/1", NULL, out, sizeof out) == 200, "after garbage, it serves");
}

/* Whose backlog is full is there all the same; whose listener is closed is not. */
static void served(void)
{
    struct su_err e = {0};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = -1, guest[4], full = 0;
    snprintf(a.sun_path, sizeof a.sun_path, "/tmp/surety-full.%d", (int)getpid());
    ok(!su_unix_served(a.sun_path), "nothing is there");
    ok(su_listen_unix(a.sun_path, 0600, &fd, &e) == 0 && listen(fd, 1) == 0, "a server that does not accept");
    for (size_t i = 0; i < SU_ARRAY_LEN(guest); i++) {
        guest[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        full += connect(guest[i], (struct sockaddr *)&a, sizeof a) < 0 && errno == EAGAIN;
    }
    ok(full > 0 && su_unix_served(a.sun_path), "is served, with no room for one more");
    int second = -1;
    ok(su_listen_unix(a.sun_path, 0600, &second, &e) < 0 && !strcmp(e.id, "http.served"), "and keeps its socket");
    for (size_t i = 0; i < SU_ARRAY_LEN(guest); i++)
        close(guest[i]);
    close(fd);
    ok(!su_unix_served(a.sun_path), "left over: not served");
    unlink(a.sun_path);
}

/* The resolver's, with a name whose servers are silent. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    static int (*resolve)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && strcmp(node, "silent.example.org") == 0) {
        sleep(40);
        return EAI_AGAIN;
    }
    if (!resolve)
        *(void **)&resolve = dlsym(RTLD_NEXT, "getaddrinfo");
    return resolve(node, service, hints, out);
}

/* Nobody answers, and whoever asks is told to end. */
static void stopped(void)
{
    struct su_err e = {0};
    struct timespec t0, t1;
    unsigned status = 0;
    SU_BUF struct su_buf b = {0};
    char url[64];
    int fd = -1, end[2];
    if (!ok(su_listen_tcp("127.0.0.1:0", &fd, &e) == 0 && pipe(end) == 0))
        return;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", su_listen_port(fd));
    struct su_http_call q = {.method = "GET", .url = url, .timeout_ms = 1500, .stop_fd = &end[0]};
    ok(su_http_call(&q, &status, &b, &e) < 0 && !strcmp(e.id, "http.timeout"), "not told: its time");
    q.timeout_ms = 60000;
    close(end[1]);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    ok(su_http_call(&q, &status, &b, &e) < 0 && !strcmp(e.id, "http.answer"), "told: %s", e.msg);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    ok(t1.tv_sec - t0.tv_sec < 30, "at once");
    q.url = "http://silent.example.org/";
    clock_gettime(CLOCK_MONOTONIC, &t0);
    ok(su_http_call(&q, &status, &b, &e) < 0 && !strcmp(e.id, "http.answer"), "told: %s", e.msg);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    ok(t1.tv_sec - t0.tv_sec < 30, "at once, while the name is looked up");
    close(end[0]);
    close(fd);
}

static void addresses(void)
{
    static const char *const bad[] = {
        "",     "127.0.0.1",     ":80",     "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "x:80", "127.0.0.1:80x", "[::1:80", "::1:80",     "[127.0.0.1]:80",  "127.0.0.1: 80"};
    struct su_err e = {0};
    int fd = -7;
    for (unsigned i = 0; i < SU_ARRAY_LEN(bad); i++)
        ok(su_listen_tcp(bad[i], &fd, &e) < 0 && !strcmp(e.id, "http.address") && fd == -7, "refused: \"%s\"", bad[i]);
}

int main(void)
{
    struct su_err e = {0};
    struct su_httpd *d = NULL, *u = NULL;
    int fd = -1;
    unsetenv("http_proxy");
    ok(su_listen_tcp("127.0.0.1:0", &fd, &e) == 0 && su_listen_port(fd) > 0);
    unsigned port = su_listen_port(fd);
    snprintf(base, sizeof base, "http://127.0.0.1:%u", port);
    snprintf(unix_path, sizeof unix_path, "/tmp/surety-http.%d", (int)getpid());
    ok(su_httpd_start(fd, &options, &d, &e) == 0);
    ok(su_listen_unix(unix_path, 0600, &fd, &e) == 0 && su_httpd_start(fd, &options, &u, &e) == 0);
    int second = -1;
    ok(su_listen_unix(unix_path, 0600, &second, &e) < 0 && !strcmp(e.id, "http.served"), "one server only");
    talk();
    over_unix();
    crowd();
    strangers();
    hostile(port);
    addresses();
    served();
    stopped();
    su_httpd_stop(&d);
    su_httpd_stop(&u);
    ok(d == NULL && u == NULL);
    su_httpd_stop(&d);
    unlink(unix_path);
    return tap_done();
}
