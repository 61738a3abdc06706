/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an image is, by its first bytes; which are refused; and raw files and their locks. */
#include "disk/blk_file.h"
#include "disk/image.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"

static void probes(void)
{
    static const struct {
        const char *format;
        const char *head;
        size_t at, n;
    } cases[] = {
        {"raw", "", 0, 0},         {"qcow2", "QFI\xfb\0\0\0\3", 0, 8},         {"raw", "QFI\xfb\1\0\0\3", 0, 8},
        {"vmdk", "KDMV", 0, 4},    {"vmdk", "# Disk DescriptorFile\n", 0, 22}, {"vhdx", "vhdxfile", 0, 8},
        {"vpc", "conectix", 0, 8}, {"vdi", "\x7f\x10\xda\xbe", 64, 4},         {"raw", "vhdxfil", 0, 7},
        {"raw", "KDMV", 1, 4},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        uint8_t head[512] = {0};
        memcpy(head + cases[i].at, cases[i].head, cases[i].n);
        is_str(su_image_probe((struct su_bytes){head, sizeof head}), cases[i].format);
    }
    is_str(su_image_probe((struct su_bytes){(const uint8_t *)"QFI\xfb\0\0", 6}), "raw");
    is_str(su_image_probe((struct su_bytes){NULL, 0}), "raw");
}

static void put_file(const char *name, const void *p, size_t n)
{
    FILE *f = fopen(sh_path("%s", name), "we");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0)
        exit(99);
}

/* Images that name other files, or that QEMU itself would not trust. */
static void qcow2(void)
{
    static const struct {
        const char *name;
        unsigned at;
        uint8_t v;
        const char *id;
    } bad[] = {
        {"a backing file", 15, 1, "disk.image.backing"},
        {"a data file", 79, 4, "disk.image.backing"},
        {"encrypted", 35, 1, "disk.image.encrypted"},
        {"corrupt", 79, 2, "disk.image.corrupt"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_err e = {0};
        SU_IMAGE struct su_image im = {0};
        uint8_t h[512] = "QFI\xfb\0\0\0\3";
        h[bad[i].at] = bad[i].v;
        put_file("q", h, sizeof h);
        ok(su_image_open(sh_path("q"), NULL, SU_BLK_READ, &im, &e) < 0 && !im.blk && e.kind == SU_E_REFUSED, "%s",
           bad[i].name);
        is_str(e.id, bad[i].id);
    }
    struct su_err e = {0};
    SU_IMAGE struct su_image im = {0};
    put_file("q", "QFI\xfb\0\0\0\2 short", 14);
    ok(su_image_open(sh_path("q"), NULL, SU_BLK_READ, &im, &e) < 0 && e.kind == SU_E_FORMAT, "a header cut short");
}

static void refused(void)
{
    static const struct {
        const char *name, *format, *id;
    } bad[] = {{"none", NULL, "disk.open"},
               {".", NULL, "disk.open"},
               {"raw", "iso", "cli.format"},
               {"fifo", NULL, "disk.open"}};
    ok(sh("truncate -s 1M raw && mkfifo fifo") == 0, "files");
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_err e = {0};
        SU_IMAGE struct su_image im = {0};
        ok(su_image_open(sh_path("%s", bad[i].name), bad[i].format, SU_BLK_READ, &im, &e) < 0 && !im.blk, "%s",
           bad[i].name);
        is_str(e.id, bad[i].id);
    }
}

static void raw(void)
{
    struct su_err e = {0};
    uint8_t b[8] = {0};
    SU_IMAGE struct su_image im = {0};
    ok(sh("truncate -s 1000001 r") == 0 && su_image_open(sh_path("r"), NULL, SU_BLK_WRITE, &im, &e) == 0,
       "open for writing");
    is_str(im.format, "raw");
    ok(im.kind == SU_IMAGE_FILE && im.can_grow && im.sector_size == 0 && im.blk->size == 1000001, "facts");
    ok(su_blk_write(im.blk, 999999, "ab", 2, &e) == 0 && su_blk_write(im.blk, 999999, "abc", 3, &e) < 0, "bounds");
    ok(su_blk_resize(im.blk, 2000000, &e) == 0 && su_blk_flush(im.blk, &e) == 0, "grow");
    ok(su_blk_read(im.blk, 999999, b, 4, &e) == 0 && memcmp(b, "ab\0\0", 4) == 0, "read back");
    struct su_blk *second = NULL;
    ok(su_blk_file_open(sh_path("r"), SU_FILE_READ, &second, NULL, &e) < 0 && strcmp(e.id, "disk.in-use") == 0,
       "a second reader");
    ok(su_blk_file_open(sh_path("r"), SU_FILE_WRITE, &second, NULL, &e) < 0 && e.remedy && !second, "a second writer");
    SU_BLK struct su_blk *looker = NULL;
    ok(su_blk_file_open(sh_path("r"), SU_FILE_SHARE, &looker, NULL, &e) == 0 && looker->size > 1000000,
       "one that only looks asks for no lock");
    ok(su_blk_write(looker, 0, "x", 1, &e) < 0, "and cannot write");
    ok(sh("truncate -s 10 r") == 0 && su_blk_read(im.blk, 500, b, 4, &e) < 0 && strcmp(e.id, "disk.read") == 0,
       "cut by another");
    su_image_done(&im);
    struct su_blk *x = NULL, *y = NULL;
    ok(su_blk_file_open(sh_path("r"), SU_FILE_READ, &x, NULL, &e) == 0 &&
           su_blk_file_open(sh_path("r"), SU_FILE_READ, &y, NULL, &e) == 0,
       "two readers");
    ok(su_blk_file_open(sh_path("r"), SU_FILE_WRITE, &second, NULL, &e) < 0, "keep a writer out");
    ok(su_blk_write(x, 0, "x", 1, &e) < 0 && strcmp(e.id, "disk.read-only") == 0 && !su_blk_can_resize(x),
       "readers only read");
    su_blk_close(x);
    su_blk_close(y);
}

static void created(void)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *a = NULL, *b = NULL;
    ok(su_blk_file_open(sh_path("new"), SU_FILE_CREATE, &a, NULL, &e) == 0 && a->size == 0 && su_blk_can_resize(a),
       "made");
    ok(sh("test \"$(stat -c %%a new)\" = 600 && ln -s nowhere link") == 0, "for its owner only");
    ok(su_blk_file_open(sh_path("link"), SU_FILE_CREATE, &b, NULL, &e) < 0 && !b && sh("test ! -e nowhere") == 0,
       "never through a link");
    ok(su_blk_file_open(sh_path("no/dir"), SU_FILE_CREATE, &b, NULL, &e) < 0 && strcmp(e.id, "disk.open") == 0,
       "no directory");
    ok(su_blk_file_open("/dev/null", SU_FILE_CREATE, &b, NULL, &e) < 0 && e.kind == SU_E_USAGE, "not a device");
}

static void undo_path(void)
{
    struct su_err e = {0};
    char path[300] = "", tiny[10] = "before", want[300];
    ok(su_image_undo_path(sh_path("raw"), path, sizeof path, &e) == 0, "beside a file");
    snprintf(want, sizeof want, "%s.surety-undo", sh_path("raw"));
    is_str(path, want);
    ok(su_image_undo_path(sh_path("raw"), tiny, sizeof tiny, &e) < 0 && strcmp(e.id, "undo.open") == 0, "too long");
}

/* Through qemu-storage-daemon, when it is there: write, grow, read again with qemu-io. */
static void through_qemu(void)
{
    struct su_err e = {0};
    uint8_t b[512], got[512];
    if (!sh_have("qemu-storage-daemon") || !sh_have("qemu-img") || !sh_have("qemu-io")) {
        ok(1, "# SKIP no qemu");
        return;
    }
    SU_IMAGE struct su_image im = {0};
    ok(sh("qemu-img create -q -f qcow2 i.qcow2 8M") == 0 &&
           su_image_open(sh_path("i.qcow2"), NULL, SU_BLK_WRITE, &im, &e) == 0,
       "qcow2: %s", e.msg);
    is_str(im.format, "qcow2");
    memset(b, 0xC5, sizeof b);
    ok(im.blk && im.blk->size == 8 * SU_MIB && im.can_grow && su_blk_resize(im.blk, 9 * SU_MIB, &e) == 0 &&
           im.blk->size == 9 * SU_MIB,
       "grows");
    ok(su_blk_write(im.blk, 9 * SU_MIB - 512, b, 512, &e) == 0 && su_blk_flush(im.blk, &e) == 0,
       "written at the new end");
    ok(sh("qemu-io -f qcow2 -c 'read 0 512' i.qcow2") != 0, "QEMU is kept out");
    SU_IMAGE struct su_image look = {0};
    ok(su_image_open(sh_path("i.qcow2"), NULL, SU_BLK_READ, &look, &e) < 0 && strcmp(e.id, "disk.in-use") == 0,
       "so are we");
    ok(su_image_open(sh_path("i.qcow2"), NULL, SU_BLK_SHARE, &look, &e) == 0 && look.blk->size == 9 * SU_MIB &&
           su_blk_read(look.blk, 9 * SU_MIB - 512, got, 512, &e) == 0 && memcmp(got, b, 512) == 0,
       "one that only looks is not: %s", e.msg);
    ok(su_blk_write(look.blk, 0, b, 1, &e) < 0, "and it cannot write");
    ok(su_blk_resize(im.blk, 10 * SU_MIB, &e) == 0 && su_blk_resize(im.blk, 9 * SU_MIB, &e) == 0, "grows and shrinks");
    su_image_done(&im);
    ok(sh("qemu-io -f qcow2 -c 'read -P 0xc5 9436672 512' i.qcow2 && qemu-img check -q i.qcow2") == 0, "QEMU reads it");
    ok(sh("qemu-img create -q -f qcow2 -b i.qcow2 -F qcow2 over.qcow2") == 0 &&
           su_image_open(sh_path("over.qcow2"), NULL, SU_BLK_READ, &im, &e) < 0,
       "backing");
    is_str(e.id, "disk.image.backing");
    ok(su_image_open(sh_path("over.qcow2"), "qcow2", SU_BLK_READ, &im, &e) == 0 && im.blk->size == 9 * SU_MIB,
       "allowed by name");
    ok(su_blk_write(im.blk, 0, b, 1, &e) < 0 && strcmp(e.id, "disk.read-only") == 0, "opened for reading");
}

int main(void)
{
    probes();
    qcow2();
    refused();
    raw();
    created();
    undo_path();
    through_qemu();
    return tap_done();
}
