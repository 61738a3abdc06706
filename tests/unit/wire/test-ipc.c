/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tap.h"
#include "wire/ipc.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t buf[SU_IPC_MAX];

static void frames(void)
{
    int s[2];
    struct su_err e = {0};
    struct su_ipc_msg m = {.fd = -2};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) < 0)
        abort();
    ok(su_ipc_recv(s[1], buf, sizeof buf, &m, &e) == 0 && m.fd == -2, "nothing there: 0, nothing touched");
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ok(su_ipc_send(s[0], 7, 0x01020304, (struct su_bytes){(const uint8_t *)"hi", 2}, file, &e) == 0);
    ok(su_ipc_recv(s[1], buf, sizeof buf, &m, &e) == 1 && m.op == 7 && m.seq == 0x01020304 && m.body.n == 2);
    ok(m.fd >= 0 && m.fd != file && (fcntl(m.fd, F_GETFD) & FD_CLOEXEC), "a descriptor came, close-on-exec");
    close(m.fd);
    close(file);
    SU_FREE uint8_t *big = calloc(1, SU_IPC_MAX);
    ok(su_ipc_send(s[0], 1, 1, (struct su_bytes){big, SU_IPC_MAX - SU_IPC_HEADER}, -1, &e) == 0, "the longest frame");
    ok(su_ipc_recv(s[1], buf, sizeof buf, &m, &e) == 1 && m.body.n == SU_IPC_MAX - SU_IPC_HEADER && m.fd == -1);
    ok(su_ipc_send(s[0], 1, 1, (struct su_bytes){big, SU_IPC_MAX}, -1, &e) < 0 && !strcmp(e.id, "ipc.size"));
    int sent = 0;
    while (su_ipc_send(s[0], 1, 1, (struct su_bytes){big, 1000}, -1, &e) == 0 && sent < 100000)
        sent++;
    is_str(e.id, "ipc.full");
    close(s[0]);
    while (su_ipc_recv(s[1], buf, sizeof buf, &m, &e) == 1)
        ;
    is_str(e.id, "ipc.closed");
    close(s[1]);
}

static void garbage(void)
{
    static const struct {
        const char *what;
        uint8_t bytes[10];
        size_t n;
    } cases[] = {{"short", {1, 1, 0}, 3},
                 {"another version", {1, 2, 0, 0, 0, 0, 0, 1}, 8},
                 {"not zero", {1, 1, 0, 1, 0, 0, 0, 1}, 8}};
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        int s[2];
        struct su_err e = {0};
        struct su_ipc_msg m = {.op = 99};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) < 0)
            abort();
        ok(send(s[0], cases[i].bytes, cases[i].n, 0) > 0);
        ok(su_ipc_recv(s[1], buf, sizeof buf, &m, &e) < 0 && !strcmp(e.id, "ipc.frame") && m.op == 99, "%s",
           cases[i].what);
        ok(send(s[0], buf, 2000, 0) == 2000 && su_ipc_recv(s[1], buf, 100, &m, &e) < 0 && !strcmp(e.id, "ipc.frame"),
           "longer than the room");
        close(s[0]);
        close(s[1]);
    }
}

/* Whether the number is free that a new descriptor would have got before. */
static bool nothing_open_since(int lowest)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd == lowest;
}

/* Of a message that is none of ours, nothing stays open. */
static void stowaways(void)
{
    int s[2];
    struct su_err e = {0};
    struct su_ipc_msg m = {.fd = -2};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control = {0};
    static const uint8_t frame[SU_IPC_HEADER] = {7, SU_IPC_VERSION, 0, 0, 0, 0, 0, 1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) < 0)
        abort();
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC), three[] = {s[0], s[0], s[0]};
    close(lowest);
    struct iovec io = {(void *)frame, 0};
    struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof three)};
    memcpy(CMSG_DATA(c), three, sizeof three);
    ok(sendmsg(s[0], &h, 0) == 0 && su_ipc_recv(s[1], buf, sizeof buf, &m, &e) < 0 && !strcmp(e.id, "ipc.closed"));
    ok(nothing_open_since(lowest), "descriptors with a message of no bytes are closed");
    io.iov_len = sizeof frame;
    ok(sendmsg(s[0], &h, 0) == SU_IPC_HEADER && su_ipc_recv(s[1], buf, sizeof buf, &m, &e) == 1 && m.fd == lowest);
    close(m.fd);
    ok(nothing_open_since(lowest), "of several descriptors, one is taken");
    io.iov_len = 3;
    ok(sendmsg(s[0], &h, 0) == 3 && su_ipc_recv(s[1], buf, sizeof buf, &m, &e) < 0 && !strcmp(e.id, "ipc.frame"));
    ok(nothing_open_since(lowest), "of a short one, none");
    close(s[0]);
    close(s[1]);
}

static void *answer(void *arg)
{
    int s = *(int *)arg;
    uint8_t in[256];
    struct su_ipc_msg m;
    struct su_err e = {0};
    while (su_ipc_recv(s, in, sizeof in, &m, &e) == 0)
        usleep(1000);
    if (su_ipc_send(s, m.op, m.seq, m.body, -1, &e) < 0)
        abort();
    return NULL;
}

static void asking(void)
{
    char dir[] = "/tmp/surety-ipc.XXXXXX", path[64];
    struct su_err e = {0};
    int l = -1, c = -1, s = -1;
    struct stat st;
    if (!mkdtemp(dir))
        abort();
    snprintf(path, sizeof path, "%s/x.sock", dir);
    ok(su_ipc_connect(path, &c, &e) < 0 && !strcmp(e.id, "ipc.io"), "nobody listens");
    ok(su_ipc_listen(path, 0600, &l, &e) == 0 && stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode 0600");
    int second = -1;
    ok(su_ipc_listen(path, 0600, &second, &e) < 0 && !strcmp(e.id, "ipc.served") && second == -1, "one server only");
    /* the probe of the second server waits in the queue as a connection that was closed */
    ok(su_ipc_accept(l, (uid_t)-1, &s, &e) == 0);
    close(s);
    ok(su_ipc_accept(l, (uid_t)-1, &s, &e) == 0 && s == -1, "nobody waits");
    ok(su_ipc_connect(path, &c, &e) == 0 && su_ipc_accept(l, (uid_t)-1, &s, &e) == 0 && s >= 0);
    pthread_t t;
    struct su_ipc_msg m;
    pthread_create(&t, NULL, answer, &s);
    ok(su_ipc_ask(c, 5, (struct su_bytes){(const uint8_t *)"q", 1}, -1, 5000, buf, sizeof buf, &m, &e) == 0 &&
       m.op == 5);
    pthread_join(t, NULL);
    ok(su_ipc_ask(c, 5, (struct su_bytes){0}, -1, 50, buf, sizeof buf, &m, &e) < 0 && !strcmp(e.id, "ipc.timeout"));
    ok(su_ipc_send(s, 5, 4711, (struct su_bytes){0}, -1, &e) == 0);
    ok(su_ipc_ask(c, 5, (struct su_bytes){0}, -1, 500, buf, sizeof buf, &m, &e) < 0 && !strcmp(e.id, "ipc.frame"),
       "an answer to no question");
    close(c);
    close(s);
    close(l);
    ok(su_ipc_listen(path, 0600, &l, &e) == 0, "a socket that was left over is replaced");
    close(l);
    unlink(path);
    int f = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(f);
    ok(su_ipc_listen(path, 0600, &l, &e) < 0 && !strcmp(e.id, "ipc.path"), "a file is left alone");
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    frames();
    garbage();
    stowaways();
    asking();
    return tap_done();
}
