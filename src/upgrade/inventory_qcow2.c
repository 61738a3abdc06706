/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a qcow2 file (docs/interop/qcow2.txt of QEMU).  Its bytes are not trusted. */
#include "upgrade/inventory.h"
#include <string.h>

enum {
    V2_LENGTH = 72,
    V3_LENGTH = 104, /* without the optional fields after it */
    CLUSTER_BITS_MIN = 9,
    CLUSTER_BITS_MAX = 21,
    EXTENSIONS_MAX = 64,
    INCOMPATIBLE_DIRTY = 1 << 0,
    INCOMPATIBLE_CORRUPT = 1 << 1,
    INCOMPATIBLE_DATA_FILE = 1 << 2,
};
#define EXTENSION_FORMAT UINT32_C(0xE2792ACA)

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "vm.disk.qcow2", "not the header of a qcow2 image: %s", what);
}

struct raw {
    uint32_t magic, version, backing_size, cluster_bits, crypt, snapshots, header_length;
    uint64_t backing_at, size, incompatible;
};

static bool take_raw(struct su_bytes b, struct raw *r)
{
    uint32_t unused32;
    uint64_t unused64;
    bool good = su_take_be32(&b, &r->magic) && su_take_be32(&b, &r->version) && su_take_be64(&b, &r->backing_at) &&
                su_take_be32(&b, &r->backing_size) && su_take_be32(&b, &r->cluster_bits) &&
                su_take_be64(&b, &r->size) && su_take_be32(&b, &r->crypt) && su_take_be32(&b, &unused32) && /* L1 */
                su_take_be64(&b, &unused64) && su_take_be64(&b, &unused64) && su_take_be32(&b, &unused32) &&
                su_take_be32(&b, &r->snapshots) && su_take_be64(&b, &unused64);
    r->header_length = V2_LENGTH;
    r->incompatible = 0;
    if (!good || r->version < 3)
        return good;
    return su_take_be64(&b, &r->incompatible) && su_skip(&b, 16) && su_take_be32(&b, &unused32) &&
           su_take_be32(&b, &r->header_length);
}

static bool text(struct su_bytes b, char *out, size_t cap)
{
    if (b.n >= cap || memchr(b.p, 0, b.n))
        return false;
    memcpy(out, b.p, b.n);
    out[b.n] = 0;
    return true;
}

/* Type and length, then so many bytes, padded to 8; a type of 0 ends them. */
static int extensions(struct su_bytes b, struct su_qcow2_head *h, struct su_err *e)
{
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        uint32_t type, length;
        if (!su_take_be32(&b, &type) || !su_take_be32(&b, &length) || type == 0)
            return 0; /* some writers leave the end out */
        if (length > b.n)
            return bad(e, "an extension that leaves it");
        if (type == EXTENSION_FORMAT &&
            !text((struct su_bytes){b.p, length}, h->backing_format, sizeof h->backing_format))
            return bad(e, "the format of its backing file");
        if (!su_skip(&b, (size_t)su_round_up(length, 8)))
            return 0;
    }
    return bad(e, "too many extensions");
}

int su_qcow2_head(struct su_bytes first, struct su_qcow2_head *out, struct su_err *e)
{
    struct raw r;
    struct su_qcow2_head h = {0};
    if (!take_raw(first, &r) || r.magic != UINT32_C(0x514649FB))
        return bad(e, "too short, or without its magic bytes");
    if (r.version < 2 || r.version > 3)
        return bad(e, "an unknown version");
    if (r.cluster_bits < CLUSTER_BITS_MIN || r.cluster_bits > CLUSTER_BITS_MAX)
        return bad(e, "an impossible size of clusters");
    uint64_t cluster = UINT64_C(1) << r.cluster_bits;
    if (r.header_length < (r.version < 3 ? V2_LENGTH : V3_LENGTH) || r.header_length > cluster ||
        r.header_length > first.n)
        return bad(e, "an impossible length");
    h.version = r.version;
    h.snapshots = r.snapshots;
    h.virtual_size = r.size;
    h.encrypted = r.crypt != 0;
    h.data_file = (r.incompatible & INCOMPATIBLE_DATA_FILE) != 0;
    h.dirty = (r.incompatible & (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT)) != 0;
    uint64_t end = cluster < first.n ? cluster : first.n; /* of what may hold extensions */
    if (r.backing_at) {
        if (r.backing_size == 0 || r.backing_size > sizeof h.backing - 1 || r.backing_at < r.header_length ||
            r.backing_at > first.n || r.backing_size > first.n - r.backing_at ||
            !text((struct su_bytes){first.p + r.backing_at, r.backing_size}, h.backing, sizeof h.backing))
            return bad(e, "the name of its backing file");
        end = r.backing_at < end ? r.backing_at : end;
    }
    if (extensions((struct su_bytes){first.p + r.header_length, (size_t)(end - r.header_length)}, &h, e) < 0)
        return -1;
    *out = h;
    return 0;
}
