/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings of a guest that is not trusted. */
#include "vuring.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool vu_memory_add(struct vu_memory *m, uint64_t gpa, uint64_t size, uint64_t uva, uint64_t offset, int fd)
{
    void *map = MAP_FAILED;
    if (m->n < VU_REGIONS && size && size < UINT64_C(1) << 40 && offset < UINT64_C(1) << 40)
        map = mmap(NULL, size + offset, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return false;
    m->region[m->n++] = (struct vu_region){gpa, size, uva, (uint8_t *)map + offset, size + offset, map};
    return true;
}

void vu_memory_clear(struct vu_memory *m)
{
    while (m->n > 0) {
        m->n--;
        munmap(m->region[m->n].map, m->region[m->n].mapped);
    }
}

static bool inside(uint64_t at, uint64_t n, uint64_t start, uint64_t size)
{
    return at >= start && at - start <= size && n <= size - (at - start);
}

static void *by_uva(const struct vu_memory *m, uint64_t at, uint64_t n)
{
    for (unsigned i = 0; i < m->n; i++)
        if (inside(at, n, m->region[i].uva, m->region[i].size))
            return m->region[i].at + (at - m->region[i].uva);
    return NULL;
}

static uint8_t *by_gpa(const struct vu_memory *m, uint64_t at, uint64_t n)
{
    for (unsigned i = 0; i < m->n; i++)
        if (inside(at, n, m->region[i].gpa, m->region[i].size))
            return m->region[i].at + (at - m->region[i].gpa);
    return NULL;
}

bool vu_ring_place(struct vu_ring *r, const struct vu_memory *m, uint64_t desc, uint64_t avail, uint64_t used)
{
    uint64_t num = r->num;
    if (!num)
        return false;
    r->desc = by_uva(m, desc, num * sizeof(struct vring_desc));
    r->avail = by_uva(m, avail, sizeof(struct vring_avail) + num * sizeof(uint16_t));
    r->used = by_uva(m, used, sizeof(struct vring_used) + num * sizeof(struct vring_used_elem));
    return vu_ring_ready(r);
}

bool vu_ring_ready(const struct vu_ring *r)
{
    return r->desc && r->avail && r->used && !r->broken;
}

static bool break_ring(struct vu_ring *r, const char *why)
{
    r->broken = why;
    return false;
}

/* Calls each(arg, memory, bytes) for each descriptor of the chain until it returns false. */
static bool walk(struct vu_ring *r, const struct vu_memory *m, uint16_t head, bool writable,
                 bool (*each)(void *arg, uint8_t *at, uint32_t n), void *arg)
{
    uint16_t i = head;
    for (unsigned steps = 0; steps < r->num; steps++) {
        if (i >= r->num)
            return break_ring(r, "a descriptor beyond the ring");
        struct vring_desc d;
        memcpy(&d, &r->desc[i], sizeof d);
        if (d.flags & VRING_DESC_F_INDIRECT || !!(d.flags & VRING_DESC_F_WRITE) != writable)
            return break_ring(r, "a descriptor of the wrong kind");
        uint8_t *at = by_gpa(m, d.addr, d.len);
        if (!at)
            return break_ring(r, "a buffer outside of the memory");
        if (!each(arg, at, d.len) || !(d.flags & VRING_DESC_F_NEXT))
            return true;
        i = d.next;
    }
    return break_ring(r, "a chain longer than the ring");
}

static bool count(void *arg, uint8_t *at, uint32_t n)
{
    (void)at;
    uint32_t *sum = arg;
    *sum = n > UINT32_MAX - *sum ? UINT32_MAX : *sum + n;
    return true;
}

bool vu_ring_peek(struct vu_ring *r, const struct vu_memory *m, bool writable, struct vu_chain *out)
{
    if (!r->enabled || !vu_ring_ready(r))
        return false;
    uint16_t idx = __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE);
    if (r->next == idx)
        return false;
    if ((uint16_t)(idx - r->next) > r->num)
        return break_ring(r, "an index that jumps");
    uint16_t head = __atomic_load_n(&r->avail->ring[r->next % r->num], __ATOMIC_RELAXED);
    uint32_t capacity = 0;
    if (!walk(r, m, head, writable, count, &capacity))
        return false;
    *out = (struct vu_chain){head, capacity};
    return true;
}

struct copy {
    uint8_t *to;
    const uint8_t *from;
    size_t done, n;
};

static bool copy_out(void *arg, uint8_t *at, uint32_t n)
{
    struct copy *c = arg;
    size_t part = n < c->n - c->done ? n : c->n - c->done;
    memcpy(c->to + c->done, at, part);
    c->done += part;
    return c->done < c->n;
}

static bool copy_in(void *arg, uint8_t *at, uint32_t n)
{
    struct copy *c = arg;
    size_t part = n < c->n - c->done ? n : c->n - c->done;
    memcpy(at, c->from + c->done, part);
    c->done += part;
    return c->done < c->n;
}

size_t vu_chain_read(struct vu_ring *r, const struct vu_memory *m, const struct vu_chain *c, void *to, size_t n)
{
    struct copy copy = {.to = to, .n = n};
    return walk(r, m, c->head, false, copy_out, &copy) ? copy.done : 0;
}

size_t vu_chain_write(struct vu_ring *r, const struct vu_memory *m, const struct vu_chain *c, const void *from,
                      size_t n)
{
    struct copy copy = {.from = from, .n = n};
    return walk(r, m, c->head, true, copy_in, &copy) ? copy.done : 0;
}

void vu_ring_done(struct vu_ring *r, const struct vu_chain *c, uint32_t written)
{
    uint64_t one = 1;
    uint16_t at = r->used->idx;
    r->next++;
    r->used->ring[at % r->num] = (struct vring_used_elem){c->head, written};
    __atomic_store_n(&r->used->idx, (uint16_t)(at + 1), __ATOMIC_SEQ_CST);
    if (r->call >= 0 && !(__atomic_load_n(&r->avail->flags, __ATOMIC_SEQ_CST) & VRING_AVAIL_F_NO_INTERRUPT) &&
        write(r->call, &one, sizeof one) != sizeof one)
        perror("vuvsock: call");
}
