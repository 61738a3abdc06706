/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd_device.c - device elements: which disk, partition or file an entry of a boot store lies on.
 *
 * The guid of an object with options, then a descriptor {type, flags, length, 0}.  A descriptor may hold one more: a
 * memory disk, a file and a virtual disk lie on something, and a search may be confined to something.  So an element is
 * a chain, and is walked as one, outside in, each descriptor bounded by the one around it.  (Reference: upgrade.md 4.4,
 * and real stores.) */
#include "bcd_int.h"
#include "utf16.h"
#include <string.h>

enum {
    OPTIONS = 16,   /* guid before the first descriptor */
    HEAD = 16,      /* of a descriptor */
    MAX_CHAIN = 8,  /* a search on a virtual disk in a file on a partition is four */
    PARTITION = 72, /* length of a descriptor that names a partition, or the one the firmware started from */
};
enum type { LOCAL_DISK = 0, BOOT_PARTITION = 5, A_PARTITION = 6, LOCATE = 8 };
enum local { HARD_DISK = 0, RAMDISK = 3, FILE_ON = 5, VIRTUAL_DISK = 6 };
enum style { STYLE_GPT = 0, STYLE_MBR = 1 };
enum { PATH_ON_DEVICE = 5 /* a path's type: a descriptor, then the name */ };

/* Offsets inside a descriptor. */
enum { D_TYPE = 0, D_FLAGS = 4, D_LENGTH = 8, D_LOCAL = HEAD, P_ID = HEAD, P_LOCAL = 0x20, L_PARENT = 0x18 };
/* Offsets inside the part that tells what kind of disk it is ("local device"). */
enum { X_KIND = 0, X_STYLE = 4, X_DISK = 8, X_FILE = 4, X_INNER = 0x18 };
/* Offsets inside a path. */
enum { F_LENGTH = 4, F_TYPE = 8, F_INNER = 12 };

/* One descriptor of the chain. */
struct link {
    enum su_bcd_device_kind kind;
    size_t at, len;
    size_t inner;        /* offset of the descriptor inside; 0: it is the last one */
    size_t path, path_n; /* the name after the one inside, bytes */
};

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "bcd.device", "a device element of the boot store %s", what);
}

/* A descriptor's own bounds, inside [at, end). */
static int link_head(struct su_bytes b, size_t at, size_t end, struct link *l, struct su_err *e)
{
    if (end - at < HEAD)
        return bad(e, "ends inside a descriptor");
    l->at = at;
    l->len = su_le32(b.p + at + D_LENGTH);
    if (l->len < HEAD || l->len > end - at)
        return bad(e, "has a descriptor longer than what holds it");
    return 0;
}

/* A file: a path at offset off of the descriptor, which names what it lies on. */
static int link_path(struct su_bytes b, size_t off, struct link *l, struct su_err *e)
{
    if (off > l->len || l->len - off < F_INNER)
        return bad(e, "ends inside a path");
    const uint8_t *p = b.p + l->at + off;
    uint32_t n = su_le32(p + F_LENGTH);
    if (n < F_INNER || n > l->len - off)
        return bad(e, "has a path longer than what holds it");
    if (su_le32(p + F_TYPE) != PATH_ON_DEVICE) {
        l->kind = SU_BCD_D_OTHER;
        return 0;
    }
    struct link inner = {0};
    size_t at = l->at + off + F_INNER, end = l->at + off + n;
    if (link_head(b, at, end, &inner, e) < 0)
        return -1;
    l->inner = at;
    l->path = at + inner.len;
    l->path_n = end - l->path;
    return 0;
}

/* What is told at offset off about the disk itself. */
static int link_local(struct su_bytes b, size_t off, struct link *l, struct su_err *e)
{
    if (l->len - off < X_FILE)
        return bad(e, "ends inside a disk's description");
    switch (su_le32(b.p + l->at + off + X_KIND)) {
    case RAMDISK:
        l->kind = SU_BCD_D_RAMDISK;
        return link_path(b, off + X_INNER, l, e);
    case FILE_ON:
        l->kind = SU_BCD_D_FILE;
        return link_path(b, off + X_FILE, l, e);
    case VIRTUAL_DISK:
        if (l->len - off < X_INNER + HEAD)
            return bad(e, "ends inside a virtual disk's description");
        l->kind = SU_BCD_D_FILE;
        l->inner = l->at + off + X_INNER;
        return 0;
    default: /* a whole disk, a floppy, a CD */
        l->kind = SU_BCD_D_OTHER;
        return 0;
    }
}

static int link_partition(struct su_bytes b, struct link *l, struct su_err *e)
{
    if (l->len < PARTITION)
        return bad(e, "ends inside a partition's name");
    const uint8_t *local = b.p + l->at + P_LOCAL;
    uint32_t style = su_le32(local + X_STYLE);
    if (su_le32(local + X_KIND) != HARD_DISK)
        return link_local(b, P_LOCAL, l, e);
    l->kind = style == STYLE_GPT ? SU_BCD_D_GPT : style == STYLE_MBR ? SU_BCD_D_MBR : SU_BCD_D_OTHER;
    return 0;
}

static int link_locate(struct su_bytes b, struct link *l, struct su_err *e)
{
    l->kind = SU_BCD_D_LOCATE;
    if (l->len < L_PARENT + sizeof(uint32_t))
        return bad(e, "ends inside a search");
    uint32_t parent = su_le32(b.p + l->at + L_PARENT);
    if (parent == 0)
        return 0;
    if (parent < L_PARENT + sizeof(uint32_t) || parent > l->len)
        return bad(e, "searches outside of itself");
    l->inner = l->at + parent;
    return 0;
}

static int link_parse(struct su_bytes b, size_t at, size_t end, struct link *out, struct su_err *e)
{
    struct link l = {.kind = SU_BCD_D_OTHER};
    if (link_head(b, at, end, &l, e) < 0)
        return -1;
    int rc = 0;
    switch (su_le32(b.p + at + D_TYPE)) {
    case LOCAL_DISK:
        rc = link_local(b, D_LOCAL, &l, e);
        break;
    case BOOT_PARTITION:
        l.kind = l.len >= PARTITION ? SU_BCD_D_BOOT : SU_BCD_D_OTHER;
        break;
    case A_PARTITION:
        rc = link_partition(b, &l, e);
        break;
    case LOCATE:
        rc = link_locate(b, &l, e);
        break;
    default:
        break;
    }
    *out = l;
    return rc;
}

/* The chain, outside in. */
static int chain_parse(struct su_bytes b, struct link chain[MAX_CHAIN], size_t *n, struct su_err *e)
{
    size_t at = OPTIONS, end = b.n, k = 0;
    if (b.n < OPTIONS)
        return bad(e, "is too short");
    for (; at > 0; k++) {
        if (k == MAX_CHAIN)
            return bad(e, "is nested too deeply");
        if (link_parse(b, at, end, &chain[k], e) < 0)
            return -1;
        at = chain[k].inner;
        end = chain[k].path > 0 ? chain[k].path : chain[k].at + chain[k].len;
    }
    *n = k;
    return 0;
}

/* The partition that the last descriptor names. */
static void read_partition(struct su_bytes b, const struct link *l, struct su_bcd_device *d)
{
    const uint8_t *p = b.p + l->at;
    if (l->kind == SU_BCD_D_MBR) {
        d->offset = su_le64(p + P_ID);
        d->signature = su_le32(p + P_LOCAL + X_DISK);
    }
    if (l->kind == SU_BCD_D_GPT) {
        memcpy(d->partition, p + P_ID, sizeof d->partition);
        memcpy(d->disk, p + P_LOCAL + X_DISK, sizeof d->disk);
    }
}

int su_bcd_device_parse(struct su_bytes data, struct su_bcd_device *out, struct su_err *e)
{
    struct link chain[MAX_CHAIN];
    size_t n = 0;
    if (chain_parse(data, chain, &n, e) < 0)
        return -1;
    struct su_bcd_device d = {0};
    size_t first = 0; /* what a search is confined to tells more than the search */
    while (first + 1 < n && chain[first].kind == SU_BCD_D_LOCATE)
        first++;
    d.kind = chain[first].kind;
    d.on = chain[n - 1].kind;
    for (size_t i = first; i < n && d.path[0] == '\0'; i++)
        su_bcd_cut((struct su_bytes){data.p + chain[i].path, chain[i].path_n}, d.path, sizeof d.path);
    read_partition(data, &chain[n - 1], &d);
    *out = d;
    return 0;
}

static void put_partition(uint8_t *p, const uint8_t disk[16], const uint8_t partition[16])
{
    uint32_t flags = su_le32(p + D_FLAGS), len = su_le32(p + D_LENGTH);
    memset(p, 0, PARTITION);
    su_put_le32(p + D_TYPE, A_PARTITION);
    su_put_le32(p + D_FLAGS, flags);
    su_put_le32(p + D_LENGTH, len);
    memcpy(p + P_ID, partition, 16);
    su_put_le32(p + P_LOCAL + X_KIND, HARD_DISK);
    su_put_le32(p + P_LOCAL + X_STYLE, STYLE_GPT);
    memcpy(p + P_LOCAL + X_DISK, disk, 16);
}

int su_bcd_device_to_gpt(struct su_bytes data, const struct su_winmap *m, struct su_buf *out, unsigned *changed,
                         unsigned *left, struct su_err *e)
{
    struct link chain[MAX_CHAIN];
    size_t n = 0;
    if (chain_parse(data, chain, &n, e) < 0)
        return -1;
    const struct link *last = &chain[n - 1];
    const struct su_winmap_part *part = NULL;
    struct su_bcd_device d = {0};
    read_partition(data, last, &d);
    if (last->kind == SU_BCD_D_MBR)
        part = su_winmap_by_offset(m, d.signature, d.offset);
    else if (last->kind == SU_BCD_D_BOOT)
        part = su_winmap_by_number(m, m->system);
    size_t at = out->n;
    su_buf_add(out, data.p, data.n);
    if (su_buf_ok(out, e) < 0)
        return -1;
    if (part)
        put_partition(out->p + at + last->at, m->disk_guid, part->guid);
    *changed = part ? 1 : 0;
    *left = !part && last->kind == SU_BCD_D_MBR && d.signature == m->signature ? 1 : 0;
    return 0;
}

void su_bcd_device_make(const uint8_t disk[16], const uint8_t partition[16], struct su_buf *out)
{
    uint8_t b[OPTIONS + PARTITION] = {0};
    su_put_le32(b + OPTIONS + D_LENGTH, PARTITION);
    put_partition(b + OPTIONS, disk, partition);
    su_buf_add(out, b, sizeof b);
}

int su_bcd_device_make_ramdisk(const uint8_t options[16], const uint8_t disk[16], const uint8_t partition[16],
                               const char *path, struct su_buf *out, struct su_err *e)
{
    enum { FILE_AT = OPTIONS + D_LOCAL + X_INNER, NAME_AT = FILE_AT + F_INNER + PARTITION };
    uint8_t b[NAME_AT] = {0};
    SU_BUF struct su_buf name = {0};
    if (su_utf8_to_utf16(path, strlen(path), &name, e) < 0)
        return -1;
    su_buf_zero(&name, sizeof(uint16_t));
    memcpy(b, options, OPTIONS);
    su_put_le32(b + OPTIONS + D_TYPE, LOCAL_DISK);
    su_put_le32(b + OPTIONS + D_FLAGS, 1); /* options are in use */
    su_put_le32(b + OPTIONS + D_LENGTH, (uint32_t)(NAME_AT - OPTIONS + name.n));
    su_put_le32(b + OPTIONS + D_LOCAL + X_KIND, RAMDISK);
    su_put_le32(b + FILE_AT, 1);
    su_put_le32(b + FILE_AT + F_LENGTH, (uint32_t)(NAME_AT - FILE_AT + name.n));
    su_put_le32(b + FILE_AT + F_TYPE, PATH_ON_DEVICE);
    su_put_le32(b + FILE_AT + F_INNER + D_LENGTH, PARTITION);
    put_partition(b + FILE_AT + F_INNER, disk, partition);
    if (su_buf_ok(&name, e) < 0)
        return -1;
    su_buf_add(out, b, sizeof b);
    su_buf_add(out, name.p, name.n);
    return su_buf_ok(out, e);
}
