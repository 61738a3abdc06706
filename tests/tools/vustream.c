/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams between a guest's vsock and Unix sockets, with the credit that each side has given. */
#include "vustream.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_vsock.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RESPONSE = 1, CREDIT = 2, SHUTDOWN = 4, RESET = 8 };
enum { BOTH = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND };

void vu_vsock_init(struct vu_vsock *v, uint64_t cid, const char *path)
{
    memset(v, 0, sizeof *v);
    v->cid = cid;
    v->path = path;
    for (unsigned i = 0; i < 3; i++)
        v->ring[i].kick = v->ring[i].call = -1;
    for (unsigned i = 0; i < VU_STREAMS; i++)
        v->stream[i].fd = -1;
}

static void end(struct vu_stream *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static bool send_packet(struct vu_vsock *v, const struct vu_stream *s, uint16_t op, const void *data, uint32_t n)
{
    struct vu_ring *r = &v->ring[0];
    struct vu_chain chain;
    struct virtio_vsock_hdr h = {
        .src_cid = htole64(2),
        .dst_cid = htole64(v->cid),
        .src_port = htole32(s->host_port),
        .dst_port = htole32(s->guest_port),
        .len = htole32(n),
        .type = htole16(VIRTIO_VSOCK_TYPE_STREAM),
        .op = htole16(op),
        .flags = htole32(op == VIRTIO_VSOCK_OP_SHUTDOWN ? BOTH : 0),
        .buf_alloc = htole32(VU_WINDOW),
        .fwd_cnt = htole32(s->taken),
    };
    uint8_t packet[sizeof h + 4096];
    if (n > sizeof packet - sizeof h || !vu_ring_peek(r, &v->memory, true, &chain) || chain.capacity < sizeof h + n)
        return false;
    memcpy(packet, &h, sizeof h);
    if (n)
        memcpy(packet + sizeof h, data, n);
    size_t written = vu_chain_write(r, &v->memory, &chain, packet, sizeof h + n);
    if (written != sizeof h + n)
        return false;
    vu_ring_done(r, &chain, (uint32_t)written);
    return true;
}

static void refuse(struct vu_vsock *v, uint32_t guest_port, uint32_t host_port)
{
    if (v->n_refused == sizeof v->refused / sizeof v->refused[0])
        return; /* a guest that offers no buffers waits in vain */
    v->refused[v->n_refused].guest_port = guest_port;
    v->refused[v->n_refused++].host_port = host_port;
}

static int connect_to(const struct vu_vsock *v, uint32_t port)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path, sizeof a.sun_path, "%s_%u", v->path, port);
    int fd =
        n > 0 && (size_t)n < sizeof a.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void request(struct vu_vsock *v, const struct virtio_vsock_hdr *h)
{
    uint32_t guest_port = le32toh(h->src_port), host_port = le32toh(h->dst_port);
    struct vu_stream *s = NULL;
    for (unsigned i = 0; i < VU_STREAMS && !s; i++)
        if (v->stream[i].fd < 0)
            s = &v->stream[i];
    int fd = s ? connect_to(v, host_port) : -1;
    printf("cid %llu: port %u: %s\n", (unsigned long long)v->cid, host_port, fd < 0 ? "refused" : "connected");
    fflush(stdout);
    if (fd < 0) {
        refuse(v, guest_port, host_port);
        return;
    }
    memset(s, 0, offsetof(struct vu_stream, data));
    s->fd = fd;
    s->guest_port = guest_port;
    s->host_port = host_port;
    s->guest_alloc = le32toh(h->buf_alloc);
    s->guest_taken = le32toh(h->fwd_cnt);
    s->todo = RESPONSE;
    s->guest_closed = 0;
    s->socket_ended = false;
}

static void on_stream(struct vu_stream *s, const struct virtio_vsock_hdr *h, const uint8_t *data, uint32_t n)
{
    s->guest_alloc = le32toh(h->buf_alloc);
    s->guest_taken = le32toh(h->fwd_cnt);
    switch (le16toh(h->op)) {
    case VIRTIO_VSOCK_OP_RW:
        if (n > VU_WINDOW - s->waiting) {
            s->todo = RESET; /* more than it was told there is room for */
            break;
        }
        memcpy(s->data + s->waiting, data, n);
        s->waiting += n;
        break;
    case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
        s->todo |= CREDIT;
        break;
    case VIRTIO_VSOCK_OP_SHUTDOWN:
        s->guest_closed |= le32toh(h->flags) & BOTH;
        break;
    case VIRTIO_VSOCK_OP_RST:
        end(s);
        break;
    default:
        break;
    }
}

static void packet(struct vu_vsock *v, const struct virtio_vsock_hdr *h, const uint8_t *data, size_t n)
{
    if (le64toh(h->src_cid) != v->cid || le64toh(h->dst_cid) != 2 || le16toh(h->type) != VIRTIO_VSOCK_TYPE_STREAM ||
        le32toh(h->len) > n) {
        printf("cid %llu: a packet from cid %llu was dropped\n", (unsigned long long)v->cid,
               (unsigned long long)le64toh(h->src_cid));
        fflush(stdout);
        return;
    }
    for (unsigned i = 0; i < VU_STREAMS; i++) {
        struct vu_stream *s = &v->stream[i];
        if (s->fd >= 0 && s->guest_port == le32toh(h->src_port) && s->host_port == le32toh(h->dst_port)) {
            on_stream(s, h, data, le32toh(h->len));
            return;
        }
    }
    if (le16toh(h->op) == VIRTIO_VSOCK_OP_REQUEST)
        request(v, h);
    else if (le16toh(h->op) != VIRTIO_VSOCK_OP_RST)
        refuse(v, le32toh(h->src_port), le32toh(h->dst_port));
}

void vu_vsock_from_guest(struct vu_vsock *v)
{
    static uint8_t b[sizeof(struct virtio_vsock_hdr) + VU_WINDOW];
    struct vu_ring *r = &v->ring[1];
    struct vu_chain chain;
    for (unsigned n = 0; n < VU_RING_MAX && vu_ring_peek(r, &v->memory, false, &chain); n++) {
        struct virtio_vsock_hdr h;
        size_t got = vu_chain_read(r, &v->memory, &chain, b, sizeof b);
        if (r->broken)
            return;
        vu_ring_done(r, &chain, 0);
        if (got < sizeof h)
            continue;
        memcpy(&h, b, sizeof h);
        packet(v, &h, b + sizeof h, got - sizeof h);
    }
}

/* To the socket. */
static void flush(struct vu_stream *s)
{
    if (s->waiting && !(s->todo & RESET)) {
        ssize_t n = send(s->fd, s->data, s->waiting, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            s->todo = RESET;
        if (n > 0) {
            s->waiting -= (uint32_t)n;
            s->taken += (uint32_t)n;
            memmove(s->data, s->data + n, s->waiting);
            s->todo |= CREDIT;
        }
    }
    if (s->waiting == 0 && s->guest_closed == BOTH)
        s->todo = RESET;
    else if (s->waiting == 0 && s->guest_closed & VIRTIO_VSOCK_SHUTDOWN_SEND)
        shutdown(s->fd, SHUT_WR);
}

static uint32_t credit(const struct vu_stream *s)
{
    uint32_t in_flight = s->sent - s->guest_taken;
    return in_flight < s->guest_alloc ? s->guest_alloc - in_flight : 0;
}

/* What may be read from the socket now: as much as the guest has both a buffer and credit for. */
static uint32_t room(struct vu_vsock *v, const struct vu_stream *s)
{
    struct vu_chain chain;
    if (s->socket_ended || s->todo & ~CREDIT || !vu_ring_peek(&v->ring[0], &v->memory, true, &chain) ||
        chain.capacity <= sizeof(struct virtio_vsock_hdr))
        return 0;
    uint32_t n = chain.capacity - (uint32_t)sizeof(struct virtio_vsock_hdr);
    n = n < 4096 ? n : 4096;
    return n < credit(s) ? n : credit(s);
}

static void from_socket(struct vu_vsock *v, struct vu_stream *s)
{
    uint8_t b[4096];
    uint32_t n;
    while ((n = room(v, s)) > 0) {
        ssize_t got = recv(s->fd, b, n, MSG_DONTWAIT);
        if (got < 0)
            return;
        if (got == 0) {
            s->socket_ended = true;
            s->todo |= SHUTDOWN;
            return;
        }
        if (!send_packet(v, s, VIRTIO_VSOCK_OP_RW, b, (uint32_t)got)) {
            s->todo = RESET;
            return;
        }
        s->sent += (uint32_t)got;
    }
}

static void control_packets(struct vu_vsock *v, struct vu_stream *s)
{
    static const struct {
        unsigned bit;
        uint16_t op;
    } ops[] = {{RESPONSE, VIRTIO_VSOCK_OP_RESPONSE},
               {CREDIT, VIRTIO_VSOCK_OP_CREDIT_UPDATE},
               {SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN},
               {RESET, VIRTIO_VSOCK_OP_RST}};
    for (unsigned i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (s->todo & ops[i].bit && send_packet(v, s, ops[i].op, NULL, 0))
            s->todo &= ~ops[i].bit;
}

void vu_vsock_flow(struct vu_vsock *v)
{
    while (v->n_refused > 0) {
        struct vu_stream nobody = {.guest_port = v->refused[v->n_refused - 1].guest_port,
                                   .host_port = v->refused[v->n_refused - 1].host_port};
        if (!send_packet(v, &nobody, VIRTIO_VSOCK_OP_RST, NULL, 0))
            break;
        v->n_refused--;
    }
    for (unsigned i = 0; i < VU_STREAMS; i++) {
        struct vu_stream *s = &v->stream[i];
        if (s->fd < 0)
            continue;
        flush(s);
        bool last = s->todo & RESET;
        control_packets(v, s);
        if (last && !(s->todo & RESET))
            end(s);
        else if (!last)
            from_socket(v, s);
        if (s->fd >= 0 && s->todo & SHUTDOWN)
            control_packets(v, s);
    }
}

void vu_vsock_poll(struct vu_vsock *v, struct pollfd fds[VU_STREAMS])
{
    for (unsigned i = 0; i < VU_STREAMS; i++) {
        const struct vu_stream *s = &v->stream[i];
        short events = 0;
        if (s->fd >= 0 && room(v, s) > 0)
            events |= POLLIN;
        if (s->fd >= 0 && s->waiting)
            events |= POLLOUT;
        fds[i] = (struct pollfd){events ? s->fd : -1, events, 0};
    }
}
