/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vuvsock SOCKET CID PATH: AF_VSOCK of one real guest without vhost_vsock in the host's kernel.
 *
 * A vhost-user backend for QEMU's vhost-user-vsock-pci: what the guest connects to on CID 2, port N, ends at the Unix
 * socket PATH_N. For tests; docs/limits.md says why surety ships none.
 *   qemu ... -object memory-backend-memfd,id=m,size=256M,share=on -machine memory-backend=m
 *            -chardev socket,id=c,path=SOCKET -device vhost-user-vsock-pci,chardev=c
 * Ends when QEMU does. The protocol: QEMU's docs/interop/vhost-user.rst. */
#include "vustream.h"
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum vu_request {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    SET_VRING_ENABLE = 18,
    GET_CONFIG = 24
};
enum { F_PROTOCOL = 30, P_REPLY_ACK = 3, P_CONFIG = 9 };
enum { VERSION = 1, IS_REPLY = 4, WANTS_REPLY = 8, NO_FD = 0x100 };

struct header {
    uint32_t request, flags, size;
};
struct message {
    uint32_t unused; /* so that the body follows the header at once, aligned */
    struct header h;
    union {
        uint64_t u64;
        struct {
            uint32_t index, num;
        } state;
        struct {
            uint32_t index, flags;
            uint64_t desc, used, avail, log;
        } addr;
        struct {
            uint32_t n, padding;
            struct {
                uint64_t gpa, size, uva, offset;
            } region[VU_REGIONS];
        } memory;
        struct {
            uint32_t offset, size, flags;
            uint8_t bytes[256];
        } config;
        uint8_t raw[512];
    };
    int fd[VU_REGIONS];
    unsigned n_fds;
};

_Static_assert(offsetof(struct message, raw) == offsetof(struct message, h) + sizeof(struct header), "no hole");

static struct vu_vsock guest;
static int vmm; /* the connection to QEMU */

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "vuvsock: %s\n", what);
    exit(1);
}

static bool receive(struct message *m)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * VU_REGIONS)];
        struct cmsghdr align;
    } control;
    struct iovec io = {&m->h, sizeof m->h};
    struct msghdr mh = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memset(m, 0, sizeof *m);
    ssize_t n = recvmsg(vmm, &mh, MSG_WAITALL | MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return false;
    if (n != sizeof m->h || m->h.size > sizeof m->raw)
        die("a message that is cut off or too long");
    struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        m->n_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(m->fd, CMSG_DATA(c), m->n_fds * sizeof(int));
    }
    if (m->h.size && recv(vmm, m->raw, m->h.size, MSG_WAITALL) != (ssize_t)m->h.size)
        die("a message that is cut off");
    return true;
}

static void reply(struct message *m, uint32_t size)
{
    m->h.flags = VERSION | IS_REPLY;
    m->h.size = size;
    if (send(vmm, &m->h, sizeof m->h + size, MSG_NOSIGNAL) < 0)
        die("QEMU does not listen");
    m->h.flags = 0;
}

static struct vu_ring *ring(uint64_t index)
{
    if (index >= sizeof guest.ring / sizeof guest.ring[0])
        die("a ring that does not exist");
    return &guest.ring[index];
}

static void set_memory(struct message *m)
{
    if (m->memory.n > VU_REGIONS || m->memory.n != m->n_fds)
        die("a memory table without its files");
    vu_memory_clear(&guest.memory);
    for (unsigned i = 0; i < m->memory.n; i++)
        if (!vu_memory_add(&guest.memory, m->memory.region[i].gpa, m->memory.region[i].size, m->memory.region[i].uva,
                           m->memory.region[i].offset, m->fd[i]))
            die("memory that cannot be mapped");
    m->n_fds = 0;
}

static void set_fd(struct message *m, int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    if (m->u64 & NO_FD || m->n_fds != 1)
        return;
    *fd = m->fd[0];
    m->n_fds = 0;
}

static void set_num(const struct message *m)
{
    uint32_t n = m->state.num;
    if (n == 0 || n > VU_RING_MAX || n & (n - 1))
        die("a ring of a size that is none");
    struct vu_ring *r = ring(m->state.index);
    r->num = (uint16_t)n;
    r->desc = NULL;
}

static void get_base(struct message *m)
{
    struct vu_ring *r = ring(m->state.index);
    r->enabled = false;
    m->state.num = r->next;
    m->n_fds = 0;
    reply(m, sizeof m->state);
}

static void get_config(struct message *m)
{
    uint64_t cid = guest.cid;
    if (m->config.size > sizeof m->config.bytes)
        die("a configuration that is too long");
    memset(m->config.bytes, 0, sizeof m->config.bytes);
    memcpy(m->config.bytes, &cid, sizeof cid);
    reply(m, 12 + m->config.size);
}

static void reply_number(struct message *m, uint64_t n)
{
    m->u64 = n;
    reply(m, sizeof n);
}

static void obey_ring(struct message *m)
{
    struct vu_ring *r;
    switch (m->h.request) {
    case SET_VRING_NUM:
        set_num(m);
        break;
    case SET_VRING_ADDR:
        if (!vu_ring_place(ring(m->addr.index), &guest.memory, m->addr.desc, m->addr.avail, m->addr.used))
            die("a ring outside of the memory");
        break;
    case SET_VRING_BASE:
        r = ring(m->state.index);
        r->next = (uint16_t)m->state.num;
        break;
    case GET_VRING_BASE:
        get_base(m);
        break;
    case SET_VRING_KICK:
        set_fd(m, &ring(m->u64 & 0xff)->kick);
        break;
    case SET_VRING_CALL:
        set_fd(m, &ring(m->u64 & 0xff)->call);
        break;
    case SET_VRING_ENABLE:
        r = ring(m->state.index);
        r->enabled = m->state.num == 1;
        break;
    default:
        break;
    }
}

static void obey(struct message *m)
{
    bool wants_reply = m->h.flags & WANTS_REPLY;
    switch (m->h.request) {
    case GET_FEATURES:
        reply_number(m, UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << F_PROTOCOL);
        break;
    case GET_PROTOCOL_FEATURES:
        reply_number(m, UINT64_C(1) << P_CONFIG | UINT64_C(1) << P_REPLY_ACK);
        break;
    case SET_MEM_TABLE:
        set_memory(m);
        break;
    case GET_CONFIG:
        get_config(m);
        break;
    case SET_FEATURES:
    case SET_OWNER:
    case SET_PROTOCOL_FEATURES:
    case SET_VRING_ERR:
        break;
    default:
        obey_ring(m);
    }
    for (unsigned i = 0; i < m->n_fds; i++)
        close(m->fd[i]);
    if (wants_reply && m->h.flags) /* not answered already */
        reply_number(m, 0);
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof a.sun_path)
        die("the socket's path is too long");
    memcpy(a.sun_path, path, strlen(path));
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1) < 0)
        die(strerror(errno));
    return fd;
}

/* False: QEMU is gone. */
static bool once(void)
{
    struct pollfd fds[3 + VU_STREAMS] = {
        {vmm, POLLIN, 0}, {guest.ring[0].kick, POLLIN, 0}, {guest.ring[1].kick, POLLIN, 0}};
    uint64_t kicks;
    vu_vsock_poll(&guest, fds + 3);
    if (poll(fds, 3 + VU_STREAMS, -1) < 0)
        return errno == EINTR;
    for (unsigned i = 1; i < 3; i++)
        if (fds[i].revents && read(fds[i].fd, &kicks, sizeof kicks) < 0)
            die(strerror(errno));
    if (fds[0].revents) {
        struct message m;
        if (!receive(&m))
            return false;
        obey(&m);
    }
    vu_vsock_from_guest(&guest);
    vu_vsock_flow(&guest);
    for (unsigned i = 0; i < 2; i++)
        if (guest.ring[i].broken)
            die(guest.ring[i].broken);
    return true;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    uint64_t cid = argc == 4 ? strtoull(argv[2], &end, 10) : 0;
    if (cid < 3 || cid >= UINT32_MAX || *end) {
        fprintf(stderr, "usage: vuvsock SOCKET CID PATH\n");
        return 1;
    }
    vu_vsock_init(&guest, cid, argv[3]);
    int listener = listen_at(argv[1]);
    vmm = accept(listener, NULL, NULL);
    if (vmm < 0)
        die(strerror(errno));
    while (once())
        ;
    return 0;
}
