/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image.h"
#include "blk_file.h"
#include "blk_nbd.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
    const char *format, *magic;
    size_t at, n;
} magics[] = {
    {"qcow2", "QFI\xfb\0\0\0", 0, 7}, {"vmdk", "KDMV", 0, 4},    {"vmdk", "# Disk DescriptorFile", 0, 21},
    {"vhdx", "vhdxfile", 0, 8},       {"vpc", "conectix", 0, 8}, {"vdi", "\x7f\x10\xda\xbe", 64, 4},
};

static const char *const formats[] = {"raw", "qcow2", "vmdk", "vhdx", "vdi", "vpc", "qed"};

enum {
    QCOW2_BACKING_AT = 8,
    QCOW2_CRYPT_AT = 32,
    QCOW2_VERSION_AT = 4,
    QCOW2_SNAPSHOTS_AT = 60,
    QCOW2_INCOMPATIBLE_AT = 72,
    QCOW2_HEADER = 104
};
enum { QCOW2_CORRUPT = 1 << 1, QCOW2_DATA_FILE = 1 << 2 };
/* The first part of a sparse VMDK: its header, and the text that describes it. */
enum { VMDK_CAPACITY_AT = 12, VMDK_TEXT_AT = 512, HEAD = 512 + 20 * 512 };

#define SAY_FORMAT(f)                                                                                                  \
    "if the image is yours and not a raw disk a guest wrote to, say --format " f "; only IMAGE itself is then changed"

void su_image_done(struct su_image *im)
{
    su_blk_close(im->blk);
    free(im->path);
    *im = (struct su_image){0};
}

const char *su_image_probe(struct su_bytes head)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(magics); i++)
        if (head.n >= magics[i].at + magics[i].n && memcmp(head.p + magics[i].at, magics[i].magic, magics[i].n) == 0)
            return magics[i].format;
    return "raw";
}

static int read_head(const char *path, uint8_t *buf, size_t cap, size_t *got, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return su_fail_os(e, "disk.open", "opening %s", path);
    for (*got = 0; *got < cap;) {
        ssize_t n = pread(fd, buf + *got, cap - *got, (off_t)*got);
        if (n < 0)
            return su_fail_os(e, "disk.open", "reading %s", path);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

/* QEMU's docs/interop/qcow2.txt: the fields that make an image depend on something else. */
static int check_qcow2(const char *path, struct su_bytes h, bool named, struct su_err *e)
{
    if (h.n < QCOW2_HEADER)
        return su_fail(e, SU_E_FORMAT, "disk.open", "%s is too short for a qcow2 image", path);
    if (memcmp(h.p, "QFI\xfb", 4) != 0)
        return su_fail(e, SU_E_FORMAT, "disk.open", "%s is no qcow2 image", path);
    uint64_t features = su_be32(h.p + QCOW2_VERSION_AT) >= 3 ? su_be64(h.p + QCOW2_INCOMPATIBLE_AT) : 0;
    if (su_be32(h.p + QCOW2_CRYPT_AT) != 0)
        return su_fail(e, SU_E_REFUSED, "disk.image.encrypted", "%s is encrypted by QEMU, which surety cannot open",
                       path);
    if (features & QCOW2_CORRUPT) {
        (void)su_fail(e, SU_E_REFUSED, "disk.image.corrupt", "%s is marked corrupt", path);
        return su_remedy(e, "run: qemu-img check -r all IMAGE, and look at its report first");
    }
    bool outside = su_be64(h.p + QCOW2_BACKING_AT) != 0 || (features & QCOW2_DATA_FILE);
    if (outside && !named) {
        (void)su_fail(e, SU_E_REFUSED, "disk.image.backing", "%s names another file as its backing or data file", path);
        return su_remedy(e, SAY_FORMAT("qcow2"));
    }
    return 0;
}

/* A VMDK is a text that names extents, or a sparse file with such a text in it: QEMU opens what that names when the
 * header has no capacity of its own, and the parent in any case (block/vmdk.c). */
static int check_vmdk(const char *path, struct su_bytes h, bool named, struct su_err *e)
{
    static const char parent[] = "parentFileNameHint";
    bool sparse = h.n > VMDK_TEXT_AT && memcmp(h.p, "KDMV", 4) == 0;
    bool outside = !sparse || su_le64(h.p + VMDK_CAPACITY_AT) == 0 ||
                   memmem(h.p + VMDK_TEXT_AT, h.n - VMDK_TEXT_AT, parent, sizeof parent - 1);
    if (named || !outside)
        return 0;
    (void)su_fail(e, SU_E_REFUSED, "disk.image.backing", "%s names other files as its parent or extents", path);
    return su_remedy(e, SAY_FORMAT("vmdk"));
}

/* A VHD of fixed size is a raw disk with a footer that growing would leave in the middle. */
static int check_raw(const char *path, struct su_blk *blk, struct su_err *e)
{
    uint8_t magic[8];
    if (blk->size < 2 * SU_SECTOR)
        return 0;
    if (su_blk_read(blk, blk->size - SU_SECTOR, magic, sizeof magic, e) < 0)
        return -1;
    if (memcmp(magic, "conectix", sizeof magic) != 0)
        return 0;
    (void)su_fail(e, SU_E_REFUSED, "disk.image.vhd", "%s ends like a VHD of fixed size", path);
    return su_remedy(e, "say --format vpc when it is one, --format raw when it is not");
}

/* QEMU's qcow2 driver does not resize a version 2 image that has snapshots. */
static bool grows(const char *format, struct su_bytes h)
{
    bool old = strcmp(format, "qcow2") == 0 && su_be32(h.p + QCOW2_VERSION_AT) < 3 && su_be32(h.p + QCOW2_SNAPSHOTS_AT);
    return su_blk_qsd_resizes(format) && !old;
}

static bool format_known(const char *format)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(formats); i++)
        if (strcmp(formats[i], format) == 0)
            return true;
    return false;
}

static int choose_format(const char *path, const char *named, const char **format, struct su_image *im,
                         struct su_err *e)
{
    uint8_t buf[HEAD];
    size_t n = 0;
    if (named && !format_known(named))
        return su_fail(e, SU_E_USAGE, "cli.format", "no such image format: %s", named);
    if (read_head(path, buf, sizeof buf, &n, e) < 0)
        return -1;
    struct su_bytes head = {buf, n};
    *format = named ? named : su_image_probe(head);
    bool qcow2 = strcmp(*format, "qcow2") == 0, vmdk = strcmp(*format, "vmdk") == 0;
    if ((qcow2 && check_qcow2(path, head, named != NULL, e) < 0) ||
        (vmdk && check_vmdk(path, head, named != NULL, e) < 0))
        return -1;
    im->can_grow = strcmp(*format, "raw") != 0 && grows(*format, head);
    return 0;
}

static int open_path(const char *path, const char *named, enum su_blk_use use, struct su_image *im, struct su_err *e)
{
    static const enum su_file_mode modes[] = {
        [SU_BLK_READ] = SU_FILE_READ, [SU_BLK_WRITE] = SU_FILE_WRITE, [SU_BLK_SHARE] = SU_FILE_SHARE};
    const char *format = NULL;
    struct su_file_facts facts = {0};
    struct stat st;
    if (stat(path, &st) < 0)
        return su_fail_os(e, "disk.open", "opening %s", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return su_fail(e, SU_E_USAGE, "disk.open", "%s is neither a file nor a block device", path);
    if (choose_format(path, named, &format, im, e) < 0)
        return -1;
    snprintf(im->format, sizeof im->format, "%s", format);
    im->kind = S_ISBLK(st.st_mode) ? SU_IMAGE_DEVICE : SU_IMAGE_FILE;
    im->path = realpath(path, NULL);
    if (!im->path)
        return su_fail_os(e, "disk.open", "opening %s", path);
    if (strcmp(format, "raw") != 0)
        return su_blk_qsd_open(im->path, format, use, &im->blk, e);
    if (su_blk_file_open(path, modes[use], &im->blk, &facts, e) < 0)
        return -1;
    im->sector_size = facts.sector_size;
    im->can_grow = !facts.block_device;
    return named || facts.block_device ? 0 : check_raw(path, im->blk, e);
}

static bool is_uri(const char *name)
{
    return strncmp(name, "nbd://", 6) == 0 || strncmp(name, "nbds://", 7) == 0 || strncmp(name, "nbd+", 4) == 0 ||
           strncmp(name, "nbds+", 5) == 0;
}

int su_image_open(const char *name, const char *format, enum su_blk_use use, struct su_image *out, struct su_err *e)
{
    SU_IMAGE struct su_image im = {.kind = SU_IMAGE_NBD, .format = "nbd"};
    int rc =
        is_uri(name) ? su_blk_nbd_open(name, use == SU_BLK_WRITE, &im.blk, e) : open_path(name, format, use, &im, e);
    if (rc < 0)
        return -1;
    *out = im;
    im = (struct su_image){0};
    return 0;
}

/* A name without slashes that differs when the image name does. */
static void flatten(const char *name, char *out, size_t cap)
{
    uint32_t h = 2166136261u; /* FNV-1a: what is lost below still tells names apart */
    size_t n = 0;
    for (const char *p = name; *p; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
        if (n + 16 < cap)
            out[n++] = (char)(isalnum((unsigned char)*p) || *p == '.' || *p == '-' ? *p : '_');
    }
    snprintf(out + n, cap - n, "-%08x", h);
}

/* Device mapper's numbers change from boot to boot, its names do not. */
static bool mapper_name(const struct stat *st, char *out, size_t cap)
{
    char path[80];
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/dm/name", major(st->st_rdev), minor(st->st_rdev));
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
    if (n <= 0)
        return false;
    out[n] = 0;
    out[strcspn(out, "\n")] = 0;
    return true;
}

int su_image_undo_path(const char *name, char *out, size_t cap, struct su_err *e)
{
    struct stat st;
    char flat[160], mapper[256];
    SU_FREE char *real = is_uri(name) ? NULL : realpath(name, NULL);
    bool exists = real && stat(real, &st) == 0;
    int n;
    if (exists && S_ISREG(st.st_mode)) {
        n = snprintf(out, cap, "%s.surety-undo", real);
    } else {
        bool mapped = exists && S_ISBLK(st.st_mode) && mapper_name(&st, mapper, sizeof mapper);
        flatten(mapped ? mapper : real ? real : name, flat, sizeof flat);
        n = snprintf(out, cap, SU_IMAGE_UNDO_DIR "/%s.surety-undo", flat);
    }
    return n < 0 || (size_t)n >= cap ? su_fail(e, SU_E_RANGE, "undo.open", "the name of the image is too long") : 0;
}
