/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tap.h"
#include "upgrade/inventory.h"

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)(v >> 32));
    put32(p + 4, (uint32_t)v);
}

enum { SIZE = 4096, BACKING_AT = 512 };

/* As qemu-img makes them, without tables. */
static void make(uint8_t b[SIZE], uint32_t version, const char *backing, const char *format)
{
    uint32_t length = version == 2 ? 72 : 112;
    memset(b, 0, SIZE);
    memcpy(b, "QFI\xfb", 4);
    put32(b + 4, version);
    put32(b + 20, 16);
    put64(b + 24, UINT64_C(20) << 30);
    if (version == 3)
        put32(b + 100, length);
    if (backing) {
        put64(b + 8, BACKING_AT);
        put32(b + 16, (uint32_t)strlen(backing));
        memcpy(b + BACKING_AT, backing, strlen(backing));
    }
    if (format) {
        put32(b + length, 0xE2792ACA);
        put32(b + length + 4, (uint32_t)strlen(format));
        memcpy(b + length + 8, format, strlen(format));
    }
}

static struct su_bytes all(const uint8_t *b)
{
    return (struct su_bytes){b, SIZE};
}

static void good(void)
{
    uint8_t b[SIZE];
    struct su_qcow2_head h;
    struct su_err e;
    make(b, 3, NULL, NULL);
    ok(su_qcow2_head(all(b), &h, &e) == 0 && h.version == 3 && h.virtual_size == UINT64_C(20) << 30 && !h.backing[0]);
    make(b, 3, "base.qcow2", "qcow2");
    ok(su_qcow2_head(all(b), &h, &e) == 0);
    is_str(h.backing, "base.qcow2");
    is_str(h.backing_format, "qcow2");
    make(b, 2, "/images/base.img", "raw");
    put32(b + 60, 3);
    ok(su_qcow2_head(all(b), &h, &e) == 0 && h.version == 2 && h.snapshots == 3);
    is_str(h.backing, "/images/base.img");
    is_str(h.backing_format, "raw");
    ok(su_qcow2_head((struct su_bytes){b, BACKING_AT + 16}, &h, &e) == 0, "as much as the name needs is enough");
    make(b, 3, NULL, NULL);
    put32(b + 32, 2);
    put64(b + 72, 1 | 2 | 4);
    ok(su_qcow2_head(all(b), &h, &e) == 0 && h.encrypted && h.dirty && h.data_file);
}

static void refused(const uint8_t *b, size_t n, const char *what)
{
    struct su_qcow2_head h, before;
    struct su_err e = {0};
    memset(&h, 0x5A, sizeof h);
    before = h;
    ok(su_qcow2_head((struct su_bytes){b, n}, &h, &e) < 0 && strcmp(e.id, "vm.disk.qcow2") == 0 &&
           memcmp(&h, &before, sizeof h) == 0,
       "%s", what);
}

static void bad(void)
{
    uint8_t b[SIZE];
    make(b, 3, "base", "qcow2");
    refused(b, 0, "nothing");
    refused(b, 71, "shorter than version 2");
    refused(b, 103, "shorter than version 3");
    refused(b, BACKING_AT + 3, "a name that is cut");
    b[0] = 'q';
    refused(b, SIZE, "no magic");
    make(b, 4, NULL, NULL);
    refused(b, SIZE, "version 4");
    make(b, 3, NULL, NULL);
    put32(b + 20, 40);
    refused(b, SIZE, "clusters of 2^40");
    put32(b + 20, 16);
    put32(b + 100, 8);
    refused(b, SIZE, "a header of 8 bytes");
    make(b, 3, "base", NULL);
    put32(b + 16, 1024);
    refused(b, SIZE, "a name that is too long");
    put32(b + 16, 0);
    refused(b, SIZE, "a name of no bytes");
    put32(b + 16, 4);
    put64(b + 8, UINT64_MAX);
    refused(b, SIZE, "a name far outside");
    put64(b + 8, 16);
    refused(b, SIZE, "a name inside the header");
    make(b, 3, "ba\0e", NULL);
    put32(b + 16, 4);
    refused(b, SIZE, "a name with NUL");
    make(b, 3, NULL, "a-format-that-is-too-long");
    refused(b, SIZE, "a format that is too long");
    make(b, 3, NULL, "qcow2");
    put32(b + 116, UINT32_MAX);
    refused(b, SIZE, "an extension that leaves the header");
    make(b, 3, NULL, NULL);
    for (size_t i = 112; i + 8 <= SIZE; i += 8)
        put32(b + i, 1);
    refused(b, SIZE, "too many extensions");
}

static void names(void)
{
    char out[32];
    ok(su_inventory_backing("/images/a.qcow2", "b.qcow2", out, sizeof out));
    is_str(out, "/images/b.qcow2");
    ok(su_inventory_backing("/images/a.qcow2", "/x", out, sizeof out));
    is_str(out, "/x");
    ok(su_inventory_backing("a", "c/../d", out, sizeof out));
    is_str(out, "c/../d");
    ok(su_inventory_backing("/i/a", "file:b", out, sizeof out));
    is_str(out, "/i/b");
    ok(su_inventory_backing("/i/a", "d/e:f", out, sizeof out), "a colon behind a slash is part of the name");
    ok(!su_inventory_backing("/i/a", "json:{}", out, sizeof out));
    ok(!su_inventory_backing("/i/a", "nbd://h/x", out, sizeof out));
    ok(!su_inventory_backing("/i/a", "file:///x", out, sizeof out));
    ok(!su_inventory_backing("/i/a", "", out, sizeof out));
    ok(!su_inventory_backing("/i/a", "a-name-that-is-longer-than-what-takes-it", out, sizeof out));
}

int main(void)
{
    good();
    bad();
    names();
    return tap_done();
}
