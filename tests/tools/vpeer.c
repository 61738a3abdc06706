/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpeer [--source CID] [--wait MS] CID PORT: a guest on AF_VSOCK without a guest.
 *
 * It drives /dev/vhost-vsock as a VMM does and plays the virtio driver of the guest itself, so that the kernel shows
 * its connections to the host's programs as coming from CID. It connects to PORT of the host, sends what stands on its
 * standard input, and prints what comes back until the host closes. PORT 0: only holds the CID until its input ends.
 * --source: writes another CID into its packets, as a guest with a driver of its own can.
 * --wait: for an answer, 5000 ms.
 * Exit: 0 closed by the host after an answer; 2 refused; 3 the CID is in use; 4 no answer in time; 1 anything else.
 * The device: linux/vhost.h; the packets: VIRTIO 1.2, 5.10. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { RING = 64, BUFFER = 4096, QUEUE_BYTES = 16384 + RING * BUFFER, OUR_BUFFER = 256 << 10, REQUEST_MAX = 32 << 10 };
enum { EXIT_REFUSED = 2, EXIT_IN_USE = 3, EXIT_SILENT = 4 };

struct queue {
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    unsigned char *buffer; /* RING of BUFFER bytes */
    uint16_t seen;         /* of the used ring */
    int kick, call;
};
struct peer {
    int dev;
    uint64_t cid, source;
    uint32_t port, own_port, forwarded;
    int wait_ms;
    struct queue rx, tx;
    int held; /* rx buffer that the caller still reads; -1: none */
};

static void die(const char *what)
{
    fprintf(stderr, "vpeer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void control(const struct peer *p, unsigned long request, void *arg, const char *name)
{
    if (ioctl(p->dev, request, arg) < 0)
        die(name);
}
#define CONTROL(p, request, arg) control(p, request, arg, #request)

static void setup_queue(struct peer *p, unsigned index, struct queue *q, unsigned char *mem)
{
    q->desc = (void *)mem;
    q->avail = (void *)(mem + 4096);
    q->used = (void *)(mem + 8192);
    q->buffer = mem + 16384;
    q->kick = eventfd(0, EFD_CLOEXEC);
    q->call = eventfd(0, EFD_CLOEXEC);
    if (q->kick < 0 || q->call < 0)
        die("eventfd");
    struct vhost_vring_state state = {.index = index, .num = RING};
    CONTROL(p, VHOST_SET_VRING_NUM, &state);
    state.num = 0;
    CONTROL(p, VHOST_SET_VRING_BASE, &state);
    struct vhost_vring_addr addr = {.index = index,
                                    .desc_user_addr = (uintptr_t)q->desc,
                                    .used_user_addr = (uintptr_t)q->used,
                                    .avail_user_addr = (uintptr_t)q->avail};
    CONTROL(p, VHOST_SET_VRING_ADDR, &addr);
    struct vhost_vring_file file = {.index = index, .fd = q->kick};
    CONTROL(p, VHOST_SET_VRING_KICK, &file);
    file.fd = q->call;
    CONTROL(p, VHOST_SET_VRING_CALL, &file);
}

static void kick(const struct queue *q)
{
    uint64_t one = 1;
    if (write(q->kick, &one, sizeof one) != sizeof one)
        die("kick");
}

static void offer(struct queue *q, unsigned id, uint32_t len, uint16_t flags)
{
    q->desc[id] = (struct vring_desc){(uintptr_t)(q->buffer + id * BUFFER), len, flags, 0};
    uint16_t at = q->avail->idx;
    q->avail->ring[at % RING] = (uint16_t)id;
    __atomic_store_n(&q->avail->idx, (uint16_t)(at + 1), __ATOMIC_RELEASE);
}

static void open_device(struct peer *p)
{
    p->dev = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
    if (p->dev < 0)
        die("/dev/vhost-vsock");
    CONTROL(p, VHOST_SET_OWNER, NULL);
    uint64_t features = 0;
    CONTROL(p, VHOST_GET_FEATURES, &features);
    features &= UINT64_C(1) << VIRTIO_F_VERSION_1;
    CONTROL(p, VHOST_SET_FEATURES, &features);

    size_t size = 2 * (size_t)QUEUE_BYTES;
    unsigned char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED)
        die("mmap");
    struct vhost_memory *table = calloc(1, sizeof *table + sizeof table->regions[0]);
    if (!table)
        die("calloc");
    table->nregions = 1;
    table->regions[0] = (struct vhost_memory_region){(uintptr_t)mem, size, (uintptr_t)mem, 0};
    CONTROL(p, VHOST_SET_MEM_TABLE, table);
    free(table);
    setup_queue(p, 0, &p->rx, mem);
    setup_queue(p, 1, &p->tx, mem + QUEUE_BYTES);

    if (ioctl(p->dev, VHOST_VSOCK_SET_GUEST_CID, &p->cid) < 0) {
        if (errno != EADDRINUSE)
            die("VHOST_VSOCK_SET_GUEST_CID");
        fprintf(stderr, "vpeer: CID %llu is in use\n", (unsigned long long)p->cid);
        exit(EXIT_IN_USE);
    }
    for (unsigned i = 0; i < RING - 1; i++)
        offer(&p->rx, i, BUFFER, VRING_DESC_F_WRITE);
    int on = 1;
    CONTROL(p, VHOST_VSOCK_SET_RUNNING, &on);
    kick(&p->rx);
}

static void send_packet(struct peer *p, uint16_t op, uint32_t flags, const void *data, uint32_t len)
{
    struct queue *q = &p->tx;
    unsigned id = q->avail->idx % RING;
    struct virtio_vsock_hdr h = {
        .src_cid = htole64(p->source),
        .dst_cid = htole64(2),
        .src_port = htole32(p->own_port),
        .dst_port = htole32(p->port),
        .len = htole32(len),
        .type = htole16(VIRTIO_VSOCK_TYPE_STREAM),
        .op = htole16(op),
        .flags = htole32(flags),
        .buf_alloc = htole32(OUR_BUFFER),
        .fwd_cnt = htole32(p->forwarded),
    };
    while ((uint16_t)(q->avail->idx - __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE)) >= RING - 1)
        usleep(100);
    memcpy(q->buffer + id * BUFFER, &h, sizeof h);
    if (len)
        memcpy(q->buffer + id * BUFFER + sizeof h, data, len);
    offer(q, id, (uint32_t)sizeof h + len, 0);
    kick(q);
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* The next packet to us: its payload, valid until the next call; NULL: none in time. */
static const unsigned char *receive(struct peer *p, struct virtio_vsock_hdr *h)
{
    struct queue *q = &p->rx;
    long until = now_ms() + p->wait_ms;
    for (;;) {
        if (p->held >= 0) {
            offer(q, (unsigned)p->held, BUFFER, VRING_DESC_F_WRITE);
            kick(q);
            p->held = -1;
        }
        while (q->seen == __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE)) {
            long left = until - now_ms();
            uint64_t count;
            struct pollfd f = {q->call, POLLIN, 0};
            if (left <= 0 || poll(&f, 1, (int)left) <= 0 || read(q->call, &count, sizeof count) != sizeof count)
                return NULL;
        }
        const struct vring_used_elem *e = &q->used->ring[q->seen++ % RING];
        p->held = (int)(e->id % RING);
        const unsigned char *b = q->buffer + (size_t)p->held * BUFFER;
        memcpy(h, b, sizeof *h);
        if (le32toh(h->dst_port) == p->own_port && le32toh(h->len) <= BUFFER - sizeof *h)
            return b + sizeof *h;
    }
}

/* Until the host has closed; returns the exit status. */
static int listen_to(struct peer *p)
{
    struct virtio_vsock_hdr h;
    const unsigned char *data;
    while ((data = receive(p, &h))) {
        uint32_t len = le32toh(h.len);
        switch (le16toh(h.op)) {
        case VIRTIO_VSOCK_OP_RW:
            p->forwarded += len;
            fwrite(data, 1, len, stdout);
            fflush(stdout);
            break;
        case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
            send_packet(p, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
            break;
        case VIRTIO_VSOCK_OP_SHUTDOWN:
            send_packet(p, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
            return p->forwarded ? 0 : EXIT_REFUSED;
        case VIRTIO_VSOCK_OP_RST:
            return p->forwarded ? 0 : EXIT_REFUSED;
        default:
            break;
        }
    }
    return p->forwarded ? 0 : EXIT_SILENT;
}

static int talk(struct peer *p)
{
    static char request[REQUEST_MAX];
    size_t n = fread(request, 1, sizeof request, stdin);
    struct virtio_vsock_hdr h;

    send_packet(p, VIRTIO_VSOCK_OP_REQUEST, 0, NULL, 0);
    if (!receive(p, &h))
        return EXIT_SILENT;
    if (le16toh(h.op) != VIRTIO_VSOCK_OP_RESPONSE)
        return EXIT_REFUSED;
    for (size_t at = 0; at < n;) {
        size_t len = n - at < 2048 ? n - at : 2048;
        send_packet(p, VIRTIO_VSOCK_OP_RW, 0, request + at, (uint32_t)len);
        at += len;
    }
    int status = listen_to(p);
    fflush(stdout);
    return status;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && errno == 0 && *out <= max;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"source", 1, NULL, 's'}, {"wait", 1, NULL, 'w'}, {0}};
    struct peer p = {.wait_ms = 5000, .held = -1, .own_port = 1024 + (uint32_t)getpid()};
    uint64_t source = 0, wait = 5000, port;
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (o == '?' || !number(optarg, UINT64_MAX, o == 's' ? &source : &wait))
            return 1;
    if (argc - optind != 2 || !number(argv[optind], UINT64_MAX, &p.cid) ||
        !number(argv[optind + 1], UINT32_MAX, &port) || wait > 600000) {
        fprintf(stderr, "usage: vpeer [--source CID] [--wait MS] CID PORT\n");
        return 1;
    }
    p.source = source ? source : p.cid;
    p.port = (uint32_t)port;
    p.wait_ms = (int)wait;
    open_device(&p);
    if (p.port)
        return talk(&p);
    printf("holding CID %llu\n", (unsigned long long)p.cid);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
