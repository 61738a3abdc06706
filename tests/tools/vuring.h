/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vuring.h - a guest's memory and split virtqueues, seen from a vhost-user backend.
 *
 * The guest writes these rings while they are read: every index, length and address is copied once and checked before
 * it is used, and a chain is followed no longer than the ring is. VIRTIO 1.2, 2.7; vhost-user, "Memory regions". */
#pragma once
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VU_REGIONS = 8, VU_RING_MAX = 1024 };

struct vu_region {
    uint64_t gpa, size, uva; /* in the guest, and in the VMM that describes its rings */
    uint8_t *at;             /* where it is mapped here */
    size_t mapped;           /* from map, with what stands before it in the file */
    void *map;
};
struct vu_memory {
    struct vu_region region[VU_REGIONS];
    unsigned n;
};
/* Takes fd. False: too many regions, or it cannot be mapped. */
bool vu_memory_add(struct vu_memory *m, uint64_t gpa, uint64_t size, uint64_t uva, uint64_t offset, int fd);
void vu_memory_clear(struct vu_memory *m);

struct vu_ring {
    uint16_t num;  /* a power of two; 0: not told yet */
    uint16_t next; /* of the available ring */
    const struct vring_desc *desc;
    const struct vring_avail *avail;
    struct vring_used *used;
    int kick, call; /* -1: none */
    bool enabled;
    const char *broken; /* what the guest did wrong; NULL: nothing */
};
/* The ring's three parts, by addresses of the VMM. False: not within one region, or num is not set. */
bool vu_ring_place(struct vu_ring *r, const struct vu_memory *m, uint64_t desc, uint64_t avail, uint64_t used);
bool vu_ring_ready(const struct vu_ring *r);

/* A chain that the guest offers. */
struct vu_chain {
    uint16_t head;
    uint32_t capacity; /* bytes, all descriptors */
};
/* Is there one? Looks, and does not take it; a broken ring has none. */
bool vu_ring_peek(struct vu_ring *r, const struct vu_memory *m, bool writable, struct vu_chain *out);
/* Copies at most n bytes out of or into the chain; the bytes copied. */
size_t vu_chain_read(struct vu_ring *r, const struct vu_memory *m, const struct vu_chain *c, void *to, size_t n);
size_t vu_chain_write(struct vu_ring *r, const struct vu_memory *m, const struct vu_chain *c, const void *from,
                      size_t n);
/* Gives the chain that was peeked back to the guest, with written bytes in it. */
void vu_ring_done(struct vu_ring *r, const struct vu_chain *c, uint32_t written);
