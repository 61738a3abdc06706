/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grubcore.h"
#include "base/child.h"
#include "base/tmpdir.h"
#include "grubcfg.h"
#include "grubmods.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
    SECTOR = 512,
    BOOT_KERNEL_ADDRESS = 0x5a, /* of boot.img: where it loads the next sector to */
    BOOT_CORE_LBA = 0x5c,
    BLOCK_LIST = 0x1f4, /* of diskboot.img */
    CORE_SEGMENT = 0x820,
    MAX_FILE = 1 << 20,
    MAX_FILES = 8 << 20, /* all together */
    MAX_WANTED = 32,
};

static const struct {
    const char *fs_type, *module;
} filesystems[] = {
    {"ext2", "ext2"}, {"ext3", "ext2"}, {"ext4", "ext2"}, {"xfs", "xfs"},        {"btrfs", "btrfs"},
    {"jfs", "jfs"},   {"f2fs", "f2fs"}, {"vfat", "fat"},  {"zfs_member", "zfs"}, {"reiserfs", "reiserfs"},
};

/* What is always wanted: a disk, both tables (other disks may still have the old one), and the search. */
static const char *const always[] = {"biosdisk", "part_gpt", "part_msdos", "search_fs_uuid"};

struct build {
    const struct su_grub_core_spec *spec;
    const char *wanted[MAX_WANTED + 1]; /* ends with NULL */
    size_t n_wanted;
    struct su_grub_modules modules; /* those, and what they need */
    struct su_tmpdir dir;
    size_t staged; /* bytes */
    struct su_buf diskboot;
};

static void build_done(struct build *b)
{
    su_tmpdir_remove(&b->dir);
    su_buf_done(&b->diskboot);
}

static int want(struct build *b, const char *module, struct su_err *e)
{
    if (b->n_wanted == MAX_WANTED)
        return su_fail(e, SU_E_USAGE, "guest.grubcore.modules", "more than %d modules are asked for", MAX_WANTED);
    b->wanted[b->n_wanted++] = module;
    return 0;
}

static int choose_modules(struct build *b, struct su_err *e)
{
    const char *fs = NULL;
    for (size_t i = 0; i < SU_ARRAY_LEN(filesystems); i++)
        if (strcmp(filesystems[i].fs_type, b->spec->fs_type) == 0)
            fs = filesystems[i].module;
    if (!fs)
        return su_fail(e, SU_E_REFUSED, "guest.grubcore.filesystem", "GRUB cannot start from a %.32s file system",
                       b->spec->fs_type);
    for (size_t i = 0; i < SU_ARRAY_LEN(always); i++)
        if (want(b, always[i], e) < 0)
            return -1;
    if (want(b, fs, e) < 0 || (b->spec->lvm && want(b, "lvm", e) < 0))
        return -1;
    for (const char *const *m = b->spec->more_modules; m && *m; m++)
        if (want(b, *m, e) < 0)
            return -1;
    return 0;
}

static int put(struct build *b, const char *name, struct su_bytes content, struct su_err *e)
{
    char path[96];
    snprintf(path, sizeof path, "grub/%s", name);
    return su_tmpdir_put(&b->dir, path, 0444, content, e);
}

/* grub-mkimage takes modules as they are.  32-bit little-endian relocatable ELF for the 386: anything else would make
 * a core that does not start. */
static bool is_module(struct su_bytes b)
{
    return b.n > 52 && memcmp(b.p, "\177ELF\1\1", 6) == 0 && su_le16(b.p + 16) == 1 && su_le16(b.p + 18) == 3;
}

/* One file of the guest into the directory. */
static int stage(struct build *b, const char *name, struct su_buf *content, struct su_err *e)
{
    if (b->spec->fetch(b->spec->arg, name, MAX_FILE, content, e) < 0) {
        if (e->kind == SU_E_MISSING)
            return su_fail(e, SU_E_MISSING, "guest.grubcore.module", "the guest's GRUB has no %s", name);
        return -1;
    }
    b->staged += content->n;
    if (content->n > MAX_FILE || b->staged > MAX_FILES)
        return su_fail(e, SU_E_RANGE, "guest.grubcore.module", "the guest's GRUB files are too large (%s)", name);
    return put(b, name, su_buf_bytes(content), e);
}

/* grub-mkimage gets its own directory, which nobody else's files are in: moddep.lst cut down to what is there. */
static int stage_modules(struct build *b, struct su_err *e)
{
    SU_BUF struct su_buf moddep = {0}, list = {0};
    if (b->spec->fetch(b->spec->arg, "moddep.lst", SU_GRUB_MODDEP_MAX, &moddep, e) < 0)
        return su_context(e, "moddep.lst");
    for (size_t i = 0; i < b->n_wanted; i++)
        if (su_grub_modules_add(su_buf_bytes(&moddep), b->wanted[i], &b->modules, e) < 0)
            return -1;
    if (su_grub_modules_print(su_buf_bytes(&moddep), &b->modules, &list, e) < 0 ||
        su_grub_modules_check(su_buf_bytes(&list), &b->modules, e) < 0) /* short, where moddep.lst may be long */
        return -1;
    for (size_t i = 0; i < b->modules.n; i++) {
        SU_BUF struct su_buf content = {0};
        char name[SU_GRUB_MODULE_NAME + 8];
        snprintf(name, sizeof name, "%s.mod", b->modules.name[i]);
        if (stage(b, name, &content, e) < 0)
            return -1;
        if (!is_module(su_buf_bytes(&content)))
            return su_fail(e, SU_E_FORMAT, "guest.grubcore.module", "the guest's %s is not a GRUB module", name);
    }
    return put(b, "moddep.lst", su_buf_bytes(&list), e);
}

static int stage_all(struct build *b, struct su_err *e)
{
    SU_BUF struct su_buf kernel = {0}, unpack = {0}, config = {0};
    if (su_grub_core_config(b->spec->fs_uuid, b->spec->prefix, &config, e) < 0 ||
        su_tmpdir_make(&b->dir, MAX_FILES, e) < 0 || su_tmpdir_mkdir(&b->dir, "grub", 0755, e) < 0)
        return -1;
    if (stage_modules(b, e) < 0 || stage(b, "kernel.img", &kernel, e) < 0 ||
        stage(b, "lzma_decompress.img", &unpack, e) < 0 || stage(b, "diskboot.img", &b->diskboot, e) < 0)
        return -1;
    if (unpack.n < SECTOR) /* taken as it is, too */
        return su_fail(e, SU_E_FORMAT, "guest.grubcore.image", "the guest's lzma_decompress.img is not GRUB's");
    return put(b, "core.cfg", su_buf_bytes(&config), e);
}

static int read_all(int fd, struct su_buf *out, struct su_err *e)
{
    char chunk[65536];
    for (off_t at = 0;;) {
        ssize_t n = pread(fd, chunk, sizeof chunk, at);
        if (n < 0)
            return su_fail_os(e, "host.tmpdir", "the image grub-mkimage made");
        if (n == 0)
            return su_buf_ok(out, e);
        su_buf_add(out, chunk, (size_t)n);
        at += n;
    }
}

/* The image goes to stdout, so the tool need not be able to write anywhere.  It syncs it, so that is a file. */
static int run_mkimage(struct build *b, struct su_buf *image, struct su_err *e)
{
    const char *argv[MAX_WANTED + 12] = {"grub-mkimage", "-O", "i386-pc", "-d", ".", "-c", "core.cfg", "-p"};
    char cwd[sizeof b->dir.path + 8];
    size_t n = 8;
    argv[n++] = b->spec->prefix;
    for (size_t i = 0; i < b->n_wanted; i++)
        argv[n++] = b->wanted[i];
    snprintf(cwd, sizeof cwd, "%s/grub", b->dir.path);
    SU_CLOSE int fd = memfd_create("core", MFD_CLOEXEC);
    if (fd < 0)
        return su_fail_os(e, "host.tmpdir", "memory for the image");
    struct su_child c = {
        .argv = argv, .cwd = cwd, .out_fd = &fd, .confined = true, .max_file = MAX_FILES, .own_group = true};
    return su_child_run(&c, NULL, e) < 0 ? -1 : read_all(fd, image, e);
}

/* diskboot.img, changed only in its list, which speaks of just the sectors that follow. */
static bool is_core(const struct build *b, const struct su_buf *image)
{
    if (image->n <= SECTOR || b->diskboot.n != SECTOR || memcmp(image->p, b->diskboot.p, BLOCK_LIST) != 0)
        return false;
    uint64_t sectors = (image->n + SECTOR - 1) / SECTOR;
    return su_le16(image->p + BLOCK_LIST + 8) == sectors - 1 && su_le16(image->p + BLOCK_LIST + 10) == CORE_SEGMENT;
}

int su_grub_core_build(const struct su_grub_core_spec *spec, struct su_buf *out, struct su_err *e)
{
    SU_AUTO(build_done) struct build b = {.spec = spec, .dir = SU_TMPDIR_NONE};
    SU_BUF struct su_buf image = {0};
    if (choose_modules(&b, e) < 0 || stage_all(&b, e) < 0 || run_mkimage(&b, &image, e) < 0)
        return su_context(e, "building a BIOS GRUB");
    if (!is_core(&b, &image))
        return su_fail(e, SU_E_FORMAT, "guest.grubcore.image", "the guest's GRUB files do not make a BIOS GRUB");
    su_buf_zero(&image, (SECTOR - image.n % SECTOR) % SECTOR);
    uint64_t sectors = image.n / SECTOR;
    if (su_buf_ok(&image, e) < 0)
        return -1;
    if (sectors > spec->max_sectors || spec->lba > UINT64_MAX - sectors) {
        su_fail(e, SU_E_REFUSED, "guest.grubcore.size", "a BIOS GRUB needs %ju sectors, and there is room for %u",
                (uintmax_t)sectors, spec->max_sectors);
        return su_remedy(e, "convert with --dual off: the disk then starts under UEFI only");
    }
    su_put_le64(image.p + BLOCK_LIST, spec->lba + 1);
    su_buf_add(out, image.p, image.n);
    return su_buf_ok(out, e);
}

bool su_grub_is_boot_sector(const uint8_t s[SU_GRUB_BOOT_SECTOR])
{
    /* GRUB 0.97 has the same texts elsewhere, another jump, and no address here */
    static const char texts[] = "GRUB \0Geom\0Hard Disk\0Read\0 Error";
    if (s[0] != 0xeb || s[1] != 0x63 || su_le16(s + BOOT_KERNEL_ADDRESS) != 0x8000 || su_le16(s + 510) != 0xaa55)
        return false;
    for (size_t at = BOOT_CORE_LBA + 8; at + sizeof texts <= 440; at++)
        if (memcmp(s + at, texts, sizeof texts - 1) == 0)
            return true;
    return false;
}

uint64_t su_grub_core_lba(const uint8_t s[SU_GRUB_BOOT_SECTOR])
{
    return su_le64(s + BOOT_CORE_LBA);
}

void su_grub_set_core_lba(uint8_t s[SU_GRUB_BOOT_SECTOR], uint64_t lba)
{
    su_put_le64(s + BOOT_CORE_LBA, lba);
}
