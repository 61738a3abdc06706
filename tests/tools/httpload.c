/* SPDX-License-Identifier: GPL-3.0-or-later */
/* httpload: N keep-alive connections that ask for documents, as fast as they can or at a fixed rate.
 *
 * httpload [-c CONNECTIONS] [-s SECONDS] [-r RATE] [-p TARGET] unix:PATH|tcp:ADDRESS:PORT
 * A "%N" in TARGET becomes a fresh nonce.  At a rate, latency counts from when a request was due, not from when a
 * connection was free for it.  Prints one line: requests, answers other than 200, rate, latencies in microseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNS = 1024, SAMPLES = 4 << 20 };

struct conn {
    int fd;
    bool busy;
    int64_t due_ns;
    size_t got, want; /* of the answer; want 0: its head is not complete */
    char in[32768];
};

static struct conn conns[MAX_CONNS];
static uint32_t *samples;
static size_t n_samples;
static uint64_t n_done, n_bad, next_nonce;
static const char *target = "/metadata/attested/document?api-version=2021-02-01&nonce=%N";
static unsigned n_conns = 32;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(const char *where)
{
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    struct sockaddr_in t = {.sin_family = AF_INET};
    int one = 1;
    if (strncmp(where, "unix:", 5) == 0) {
        snprintf(u.sun_path, sizeof u.sun_path, "%s", where + 5);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&u, sizeof u) < 0)
            die("connect");
        return fd;
    }
    char host[64];
    const char *colon = strrchr(where, ':');
    if (strncmp(where, "tcp:", 4) != 0 || !colon || colon - where - 4 >= (long)sizeof host || colon < where + 4) {
        fprintf(stderr, "httpload: what is %s?\n", where);
        exit(2);
    }
    memcpy(host, where + 4, (size_t)(colon - where - 4));
    host[colon - where - 4] = '\0';
    t.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &t.sin_addr) != 1 || connect(fd, (struct sockaddr *)&t, sizeof t) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(struct conn *c, int64_t due_ns)
{
    char out[2048], path[1024];
    const char *mark = strstr(target, "%N");
    if (mark)
        snprintf(path, sizeof path, "%.*s%016llx%s", (int)(mark - target), target, (unsigned long long)++next_nonce,
                 mark + 2);
    else
        snprintf(path, sizeof path, "%s", target);
    int n = snprintf(out, sizeof out, "GET %s HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n", path);
    if (send(c->fd, out, (size_t)n, MSG_NOSIGNAL) != n)
        die("send");
    c->busy = true;
    c->due_ns = due_ns;
    c->got = c->want = 0;
}

/* true: the answer is complete. */
static bool take(struct conn *c)
{
    ssize_t n = recv(c->fd, c->in + c->got, sizeof c->in - 1 - c->got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        fprintf(stderr, "httpload: the connection was closed\n");
        exit(1);
    }
    c->got += (size_t)n;
    c->in[c->got] = '\0';
    if (!c->want) {
        const char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\nContent-Length: ");
        if (!end || !length)
            return false;
        c->want = (size_t)(end + 4 - c->in) + strtoul(length + 18, NULL, 10);
    }
    return c->got >= c->want;
}

static void done(struct conn *c, int64_t now)
{
    n_done++;
    if (strncmp(c->in, "HTTP/1.1 200 ", 13) != 0 && n_bad++ == 0)
        fprintf(stderr, "httpload: %.*s\n", (int)strcspn(c->in, "\r"), c->in);
    if (n_samples < SAMPLES)
        samples[n_samples++] = (uint32_t)((now - c->due_ns) / 1000);
    c->busy = false;
}

static struct conn *idle(void)
{
    static unsigned at;
    for (unsigned i = 0; i < n_conns; i++) {
        struct conn *c = &conns[at++ % n_conns];
        if (!c->busy)
            return c;
    }
    return NULL;
}

static void run(int epoll, double seconds, double rate)
{
    int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9), now = start;
    uint64_t sent = 0;
    for (unsigned i = 0; rate == 0 && i < n_conns; i++)
        ask(&conns[i], now_ns());
    while (now < end) {
        struct epoll_event ev[64];
        struct conn *c;
        int64_t due = start + (int64_t)((double)sent * 1e9 / (rate > 0 ? rate : 1));
        while (rate > 0 && due <= now && (c = idle())) {
            ask(c, due);
            due = start + (int64_t)((double)++sent * 1e9 / rate);
        }
        int wait = rate == 0 ? 100 : due > now + 1000000 ? (int)((due - now) / 1000000) : 0;
        int n = epoll_wait(epoll, ev, 64, wait);
        now = now_ns();
        for (int i = 0; i < n; i++) {
            c = ev[i].data.ptr;
            if (!c->busy || !take(c))
                continue;
            done(c, now);
            if (rate == 0)
                ask(c, now);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t percentile(double p)
{
    return n_samples ? samples[(size_t)(p / 100 * (double)(n_samples - 1))] : 0;
}

int main(int argc, char **argv)
{
    double seconds = 3, rate = 0;
    for (int o; (o = getopt(argc, argv, "c:s:r:p:")) != -1;)
        switch (o) {
        case 'c':
            n_conns = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            seconds = strtod(optarg, NULL);
            break;
        case 'r':
            rate = strtod(optarg, NULL);
            break;
        case 'p':
            target = optarg;
            break;
        default:
            return 2;
        }
    if (optind + 1 != argc || n_conns < 1 || n_conns > MAX_CONNS)
        return fprintf(stderr, "usage: httpload [-c N] [-s SECONDS] [-r RATE] [-p TARGET] unix:PATH|tcp:IP:PORT\n"), 2;
    samples = calloc(SAMPLES, sizeof *samples);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!samples || epoll < 0)
        die("httpload");
    for (unsigned i = 0; i < n_conns; i++) {
        conns[i].fd = dial(argv[optind]);
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, conns[i].fd, &ev);
    }
    run(epoll, seconds, rate);
    qsort(samples, n_samples, sizeof *samples, by_value);
    printf("requests %llu bad %llu rate %.0f p50 %u p90 %u p99 %u p999 %u max %u\n", (unsigned long long)n_done,
           (unsigned long long)n_bad, (double)n_done / seconds, percentile(50), percentile(90), percentile(99),
           percentile(99.9), percentile(100));
    return 0;
}
