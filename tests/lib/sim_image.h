/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/sim_image.h - contents of a disk as a value: cheap to copy, to compare and to name by a hash.
 *
 * Contents are borrowed base bytes with sectors on top that copies share (copy on write), so that an image
 * larger than memory has room for thousands of variants.  Running out of memory aborts: these are tests. */
#pragma once
#include "disk/blk.h"

struct su_sim_page; /* one sector, shared and counted */

struct su_sim_slot {
    uint64_t no; /* offset / SU_SECTOR */
    struct su_sim_page *page;
};

struct su_sim_image {
    const uint8_t *base; /* borrowed; bytes from base_size on read as zero */
    uint64_t base_size, size;
    struct su_sim_slot *slot; /* owned, by number; only sectors that differ from the base */
    size_t n, cap;
    uint64_t sum;
};

void su_sim_image_init(struct su_sim_image *m, const uint8_t *base, uint64_t size); /* base NULL: zeros */
void su_sim_image_done(struct su_sim_image *m);
#define SU_SIM_IMAGE SU_AUTO(su_sim_image_done)
void su_sim_image_copy(struct su_sim_image *to, const struct su_sim_image *from); /* to: uninitialised */

/* Ranges lie inside the image, except that write clips: bytes past the end are lost. */
void su_sim_image_read(const struct su_sim_image *m, uint64_t off, void *buf, size_t n);
void su_sim_image_write(struct su_sim_image *m, uint64_t off, const void *bytes, size_t n);
void su_sim_image_resize(struct su_sim_image *m, uint64_t size); /* new bytes are zero */

bool su_sim_image_equal(const struct su_sim_image *a, const struct su_sim_image *b); /* same base, contents and size */
/* Images over the same base with the same hash have the same contents (64 bits, not cryptographic). */
uint64_t su_sim_image_hash(const struct su_sim_image *m);

/* Sectors prepared once and put into many images. */
struct su_sim_page *su_sim_page_new(const uint8_t bytes[SU_SECTOR]);
void su_sim_page_drop(struct su_sim_page *p); /* NULL is fine */
void su_sim_image_put(struct su_sim_image *m, uint64_t no, struct su_sim_page *p); /* the whole sector; p is borrowed */
