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
    uint32_t version, backing_size, cluster_bits, crypt, snapshots, header_length;
    uint64_t backing_at, size, incompatible;
};

static int take_raw(struct su_bytes b, struct raw *r, struct su_err *e)
{
    if (b.n < V2_LENGTH || su_be32(b.p) != UINT32_C(0x514649FB))
        return bad(e, "too short, or without its magic bytes");
    *r = (struct raw){
        .version = su_be32(b.p + 4),
        .backing_at = su_be64(b.p + 8),
        .backing_size = su_be32(b.p + 16),
        .cluster_bits = su_be32(b.p + 20),
        .size = su_be64(b.p + 24),
        .crypt = su_be32(b.p + 32),
        .snapshots = su_be32(b.p + 60),
        .header_length = V2_LENGTH,
    };
    if (r->version == 2)
        return 0;
    if (r->version != 3)
        return bad(e, "an unknown version");
    if (b.n < V3_LENGTH)
        return bad(e, "too short");
    r->incompatible = su_be64(b.p + 72);
    r->header_length = su_be32(b.p + 100);
    return r->header_length < V3_LENGTH ? bad(e, "an impossible length") : 0;
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

static int backing_name(struct su_bytes first, const struct raw *r, struct su_qcow2_head *h, struct su_err *e)
{
    bool inside = r->backing_at >= r->header_length && r->backing_at <= first.n && r->backing_size > 0 &&
                  r->backing_size <= first.n - r->backing_at;
    if (inside && text((struct su_bytes){first.p + r->backing_at, r->backing_size}, h->backing, sizeof h->backing))
        return 0;
    return bad(e, "the name of its backing file");
}

int su_qcow2_head(struct su_bytes first, struct su_qcow2_head *out, struct su_err *e)
{
    struct raw r = {0};
    struct su_qcow2_head h = {0};
    if (take_raw(first, &r, e) < 0)
        return -1;
    if (r.cluster_bits < CLUSTER_BITS_MIN || r.cluster_bits > CLUSTER_BITS_MAX)
        return bad(e, "an impossible size of clusters");
    uint64_t cluster = UINT64_C(1) << r.cluster_bits;
    uint64_t end = cluster < first.n ? cluster : first.n; /* of what may hold extensions */
    if (r.header_length > end)
        return bad(e, "an impossible length");
    h.version = r.version;
    h.snapshots = r.snapshots;
    h.virtual_size = r.size;
    h.encrypted = r.crypt != 0;
    h.data_file = (r.incompatible & INCOMPATIBLE_DATA_FILE) != 0;
    h.dirty = (r.incompatible & (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT)) != 0;
    if (r.backing_at && backing_name(first, &r, &h, e) < 0)
        return -1;
    if (r.backing_at && r.backing_at < end)
        end = r.backing_at;
    if (extensions((struct su_bytes){first.p + r.header_length, (size_t)(end - r.header_length)}, &h, e) < 0)
        return -1;
    *out = h;
    return 0;
}
