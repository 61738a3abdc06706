/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vustream.h - vsock connections of a guest, carried on to Unix sockets PATH_PORT (the hybrid vsock of Firecracker and
 * Cloud Hypervisor). VIRTIO 1.2, 5.10.6. */
#pragma once
#include "vuring.h"
#include <poll.h>

enum { VU_STREAMS = 32, VU_WINDOW = 64 << 10 /* bytes of one stream that wait for its socket */ };

struct vu_stream {
    int fd; /* -1: free */
    uint32_t guest_port, host_port;
    uint32_t sent, guest_alloc, guest_taken; /* to the guest, and what it has room for */
    uint32_t taken;                          /* from the guest, given to the socket */
    uint32_t waiting;
    uint8_t data[VU_WINDOW];
    unsigned todo;         /* bits: packets to send as soon as the guest offers a buffer */
    unsigned guest_closed; /* enum virtio_vsock_shutdown */
    bool socket_ended;
};

struct vu_vsock {
    uint64_t cid;
    const char *path;
    struct vu_memory memory;
    struct vu_ring ring[3]; /* to the guest, from the guest, events (not used) */
    struct vu_stream stream[VU_STREAMS];
    struct {
        uint32_t guest_port, host_port;
    } refused[16]; /* resets that wait for a buffer */
    unsigned n_refused;
};
void vu_vsock_init(struct vu_vsock *v, uint64_t cid, const char *path);
/* What the guest has sent. */
void vu_vsock_from_guest(struct vu_vsock *v);
/* What waits for the guest or for a socket, as far as there is room. */
void vu_vsock_flow(struct vu_vsock *v);
/* One entry a stream; fd -1 where there is nothing to wait for. */
void vu_vsock_poll(struct vu_vsock *v, struct pollfd fds[VU_STREAMS]);
