/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/unpack, guest/initramfs, guest/initramfs_facts, guest/drivers: archives of every shape the kernel takes. */
#include "guest/initramfs_facts.h"
#include "tests/lib/cpio_sample.h"
#include "tests/lib/files.h"
#include "tests/lib/tap.h"

/* What a walk saw: names joined by spaces, contents of wanted files in brackets. */
struct seen {
    struct su_buf text;
    const char *want, *stop;
};

static enum su_initramfs_step see(void *arg, const struct su_initramfs_entry *en)
{
    struct seen *s = arg;
    su_buf_printf(&s->text, "%s%s", s->text.n ? " " : "", en->name);
    if (s->stop && strcmp(en->name, s->stop) == 0)
        return SU_INITRAMFS_STOP;
    return s->want && strcmp(en->name, s->want) == 0 ? SU_INITRAMFS_WANT : SU_INITRAMFS_ON;
}

static enum su_initramfs_step see_content(void *arg, const struct su_initramfs_entry *en, struct su_bytes content)
{
    struct seen *s = arg;
    (void)en;
    su_buf_printf(&s->text, "[%.*s]", (int)content.n, (const char *)content.p);
    return SU_INITRAMFS_ON;
}

/* Pulls few bytes at a time, so that every boundary falls into every structure. */
struct drip {
    struct su_bytes b;
    size_t step;
};
static int drip(void *arg, void *buf, size_t n, size_t *got, struct su_err *e)
{
    struct drip *d = arg;
    (void)e;
    *got = n < d->step ? n : d->step;
    if (*got > d->b.n)
        *got = d->b.n;
    (void)su_take(&d->b, buf, *got);
    return 0;
}

static const char *walk_by(struct su_bytes b, size_t step, const char *want, const char *stop, bool *whole)
{
    static char text[4096];
    struct seen s = {.want = want, .stop = stop};
    struct su_initramfs_visitor v = {.arg = &s, .max_content = 100, .entry = see, .content = see_content};
    struct drip d = {b, step};
    struct su_err e = {0};
    int rc = su_initramfs_walk((struct su_pull){drip, &d}, &v, whole, &e);
    snprintf(text, sizeof text, "%s", rc < 0 ? e.id : su_buf_str(&s.text));
    su_buf_done(&s.text);
    return text;
}

static const char *walk(const struct su_buf *b)
{
    return walk_by(su_buf_bytes(b), SIZE_MAX, NULL, NULL, NULL);
}

static void small(struct su_buf *b)
{
    cpio_dir(b, ".");
    cpio_file(b, "./a", "hello");
    cpio_file(b, "/b/c", "");
    cpio_file(b, "d", "more than a word or two");
    cpio_end(b);
}

static void early(struct su_buf *b)
{
    cpio_file(b, "kernel/x86/microcode/AuthenticAMD.bin", "ucode");
    cpio_end(b);
    su_buf_zero(b, 512 - b->n % 512);
}

typedef void pack_fn(struct su_buf *out, const struct su_buf *in);
static const struct {
    const char *name;
    pack_fn *pack;
    enum su_packing kind;
} packs[] = {{"gzip", pack_gzip, SU_PACK_GZIP},
             {"zstd", pack_zstd, SU_PACK_ZSTD},
             {"xz", pack_xz, SU_PACK_XZ},
             {"lz4", pack_lz4, SU_PACK_LZ4}};

static void test_shapes(void)
{
    SU_BUF struct su_buf plain = {0}, head = {0};
    small(&plain);
    early(&head);
    is_str(walk(&plain), ". a b/c d");
    is_str(walk_by(su_buf_bytes(&plain), SIZE_MAX, "d", NULL, NULL), ". a b/c d[more than a word or two]");
    for (size_t i = 0; i < SU_ARRAY_LEN(packs); i++) {
        SU_BUF struct su_buf one = {0}, all = {0};
        bool whole = false;
        packs[i].pack(&one, &plain);
        ok(su_packing_detect(su_buf_bytes(&one)) == packs[i].kind, "%s is recognised", packs[i].name);
        is_str(walk(&one), ". a b/c d");
        su_buf_add(&all, head.p, head.n);
        su_buf_add(&all, one.p, one.n);
        su_buf_zero(&all, (4 - all.n % 4) % 4 + 4);
        su_buf_add(&all, one.p, one.n);
        su_buf_zero(&all, (4 - all.n % 4) % 4);
        su_buf_add(&all, head.p, head.n);
        static const char want[] = "kernel/x86/microcode/AuthenticAMD.bin . a[hello] b/c d . a[hello] b/c d "
                                   "kernel/x86/microcode/AuthenticAMD.bin";
        int good = 0;
        for (size_t step = 1; step <= 30; step++)
            good += strcmp(walk_by(su_buf_bytes(&all), step, "a", NULL, &whole), want) == 0 && whole;
        ok(good == 30, "early %s, padding, %s, plain: in steps of 1 to 30 bytes", packs[i].name, packs[i].name);
        is_str(walk_by(su_buf_bytes(&all), SIZE_MAX, NULL, "a", &whole), "kernel/x86/microcode/AuthenticAMD.bin . a");
        ok(!whole, "stopped");
    }
}

/* Members of every length, one after the other, so that a gzip trailer ends at every bit position. */
static void test_gzip_ends(void)
{
    int good = 0;
    for (int n = 0; n < 200; n++) {
        SU_BUF struct su_buf plain = {0}, all = {0};
        char text[201] = "";
        for (int i = 0; i < n; i++)
            text[i] = (char)('a' + i * i % 23);
        cpio_file(&plain, "x", text);
        cpio_end(&plain);
        for (int i = 0; i < 3; i++)
            pack_gzip(&all, &plain);
        good += strcmp(walk(&all), "x x x") == 0;
    }
    ok(good == 200, "gzip members back to back");
}

static void test_cuts(void)
{
    SU_BUF struct su_buf plain = {0};
    small(&plain);
    for (size_t i = 0; i < SU_ARRAY_LEN(packs); i++) {
        SU_BUF struct su_buf one = {0};
        int refused = 0, cuts = 0;
        size_t step = packs[i].kind == SU_PACK_LZ4 ? 5 : 1; /* its decoder takes 8 MiB each time */
        packs[i].pack(&one, &plain);
        for (size_t n = 0; n < one.n; n += step, cuts++) {
            const char *got = walk_by((struct su_bytes){one.p, n}, 7, NULL, NULL, NULL);
            refused += strncmp(got, "initramfs.", 10) == 0 || strncmp(got, "unpack.", 7) == 0;
        }
        ok(refused == cuts, "%s cut anywhere: %d of %d refused", packs[i].name, refused, cuts);
    }
    int refused = 0;
    for (size_t n = 0; n < plain.n - 8; n++)
        refused += strncmp(walk_by((struct su_bytes){plain.p, n}, 64, NULL, NULL, NULL), "initramfs.", 10) == 0;
    ok(refused == (int)plain.n - 8, "a plain archive cut anywhere");
}

static void test_refusals(void)
{
    static const struct {
        const char *bytes, *want;
        size_t n;
    } bad[] = {
        {"", "initramfs.damaged", 0},
        {"\0\0\0\0", "initramfs.damaged", 4},
        {"hello world", "initramfs.magic", 11},
        {"BZh91AY&SY", "unpack.kind", 10},
        {"\x89LZO\0\r\n\x1a\n", "unpack.kind", 9},
        {"\x04\x22\x4d\x18xxxxx", "unpack.kind", 9},
        {"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff\xff\xff", "unpack.damaged", 16},
        {"070701xxxxxxxx", "initramfs.damaged", 14},
        {"\x02\x21\x4c\x18\4\0\0\0\xff\xff\xff\xff", "unpack.damaged", 12},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        is_str(walk_by((struct su_bytes){(const uint8_t *)bad[i].bytes, bad[i].n}, 64, NULL, NULL, NULL), bad[i].want);

    SU_BUF struct su_buf b = {0};
    cpio_file(&b, "a", "x");
    memcpy(b.p + 6 + 8 * 6, "FFFFFFFF", 8); /* file size */
    is_str(walk(&b), "initramfs.damaged");
    b.n = 0;
    cpio_file(&b, "a", "x");
    memcpy(b.p + 6 + 8 * 11, "00000401", 8); /* name size */
    is_str(walk(&b), "initramfs.damaged");
    memcpy(b.p + 6 + 8 * 11, "00000001", 8); /* not ended by a NUL */
    is_str(walk(&b), "initramfs.damaged");
    b.n = 0;
    small(&b);
    su_buf_text(&b, "junk");
    is_str(walk(&b), "initramfs.magic");
}

/* One file of 4 GiB of zeros, in blocks of 8 MiB that take 33 KB each. */
static void test_bomb(void)
{
    SU_BUF struct su_buf plain = {0}, chunk = {0}, first = {0}, block = {0}, bomb = {0};
    cpio_file(&plain, "a", "");
    memcpy(plain.p + 6 + 8 * 6, "FFFFFFFC", 8);
    pack_lz4(&first, &plain);
    su_buf_zero(&chunk, 8 << 20);
    pack_lz4(&block, &chunk);
    su_buf_add(&bomb, first.p, first.n);
    for (int i = 0; i < 130; i++)
        su_buf_add(&bomb, block.p + 4, block.n - 4);
    is_str(walk(&bomb), "unpack.size");
}

static void test_drivers(void)
{
    static const struct {
        const char *path;
        enum su_driver want;
    } names[] = {
        {"kernel/drivers/ata/ahci.ko", SU_DRIVER_AHCI},
        {"ahci.ko.xz", SU_DRIVER_AHCI},
        {"kernel/drivers/usb/host/xhci-pci.ko.zst", SU_DRIVER_XHCI_PCI},
        {"kernel/drivers/virtio/virtio_pci.ko.gz", SU_DRIVER_VIRTIO_PCI},
        {"kernel/drivers/virtio/virtio_pci_legacy_dev.ko", SU_DRIVER_COUNT},
        {"kernel/drivers/ata/libahci.ko", SU_DRIVER_COUNT},
        {"ahci", SU_DRIVER_COUNT},
        {".ko", SU_DRIVER_COUNT},
        {"ahci.ko/", SU_DRIVER_COUNT},
        {"", SU_DRIVER_COUNT},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        ok(su_driver_of((struct su_bytes){(const uint8_t *)names[i].path, strlen(names[i].path)}) == names[i].want,
           "module \"%s\"", names[i].path);
    SU_BUF struct su_buf text = {0};
    enum su_driver_state state[SU_DRIVER_COUNT] = {0};
    struct su_err e = {0};
    su_buf_text(&text, "CONFIG_SATA_AHCI=y\n# CONFIG_ATA_PIIX is not set\n");
    su_buf_text(&text, "CONFIG_VIRTIO_BLK=m\nCONFIG_VIRTIO_BLK_X=y\n");
    ok(su_drivers_config(su_buf_bytes(&text), state, &e) < 0 && state[0] == SU_DRIVER_UNKNOWN, "too few symbols");
    is_str(e.id, "kernel.config");
    for (int i = 0; i < 100; i++)
        su_buf_printf(&text, "CONFIG_S%d=y\n", i);
    ok(su_drivers_config(su_buf_bytes(&text), state, &e) == 0, "a configuration");
    ok(state[SU_DRIVER_AHCI] == SU_DRIVER_BUILTIN && state[SU_DRIVER_ATA_PIIX] == SU_DRIVER_ABSENT &&
           state[SU_DRIVER_VIRTIO_BLK] == SU_DRIVER_MODULE && state[SU_DRIVER_NVME] == SU_DRIVER_ABSENT,
       "what it says");
}

static void facts_of(const struct su_buf *b, const enum su_driver_state *config, struct su_initramfs_facts *f)
{
    struct su_bytes left = su_buf_bytes(b);
    struct su_err e = {0};
    memset(f, 0, sizeof *f);
    ok(su_initramfs_facts(su_pull_bytes(&left), config, f, &e) == 0, "facts: %s", e.id ? e.id : "read");
}

#define MODULES "usr/lib/modules/6.1.0-1-amd64/"

static void test_debian(void)
{
    SU_BUF struct su_buf head = {0}, plain = {0}, all = {0};
    struct su_initramfs_facts f;
    early(&head);
    cpio_dir(&plain, ".");
    cpio_file(&plain, "conf/conf.d/resume", "# comment\nRESUME=\"UUID=1234\"\n");
    cpio_file(&plain, "conf/initramfs.conf", "MODULES=most\n");
    cpio_file(&plain, "conf/param.conf", "ROOT=/dev/vg/root\n");
    cpio_file(&plain, "etc/lvm/lvm.conf", "");
    cpio_file(&plain, "scripts/local-top/cryptroot", "");
    cpio_file(&plain, "scripts/nfs", "");
    cpio_file(&plain, MODULES "kernel/drivers/block/virtio_blk.ko", "");
    cpio_file(&plain, MODULES "kernel/drivers/virtio/virtio_pci.ko", "");
    cpio_file(&plain, MODULES "modules.builtin", "kernel/drivers/ata/ahci.ko\nkernel/drivers/virtio/virtio_pci.ko\n");
    cpio_file(&plain, MODULES "modules.dep", "kernel/drivers/block/virtio_blk.ko:\nupdates/nvme.ko.xz: a.ko\n");
    cpio_file(&plain, "usr/sbin/cryptsetup", "");
    cpio_end(&plain);
    su_buf_add(&all, head.p, head.n);
    pack_zstd(&all, &plain);
    facts_of(&all, NULL, &f);
    ok(f.maker == SU_MAKER_INITRAMFS_TOOLS && f.packing == SU_PACK_ZSTD && f.microcode, "its maker and packing");
    is_str(f.kernel, "6.1.0-1-amd64");
    is_str(f.resume, "UUID=1234");
    is_str(f.root, "/dev/vg/root");
    ok(f.cryptsetup && f.lvm && !f.whole, "it opens LUKS and LVM, and reading stopped at modules.dep");
    ok(f.driver[SU_DRIVER_VIRTIO_BLK] == SU_DRIVER_MODULE && f.driver[SU_DRIVER_NVME] == SU_DRIVER_MODULE &&
           f.driver[SU_DRIVER_AHCI] == SU_DRIVER_BUILTIN && f.driver[SU_DRIVER_VIRTIO_PCI] == SU_DRIVER_MODULE &&
           f.driver[SU_DRIVER_ATA_PIIX] == SU_DRIVER_ABSENT,
       "its drivers");
    /* with the kernel's configuration the walk ends at the last module that is looked for */
    enum su_driver_state config[SU_DRIVER_COUNT];
    for (int d = 0; d < SU_DRIVER_COUNT; d++)
        config[d] = SU_DRIVER_ABSENT;
    config[SU_DRIVER_VIRTIO_BLK] = config[SU_DRIVER_VIRTIO_PCI] = SU_DRIVER_MODULE;
    config[SU_DRIVER_SD_MOD] = SU_DRIVER_BUILTIN;
    facts_of(&all, config, &f);
    ok(f.driver[SU_DRIVER_VIRTIO_PCI] == SU_DRIVER_MODULE && f.driver[SU_DRIVER_SD_MOD] == SU_DRIVER_BUILTIN &&
           f.driver[SU_DRIVER_NVME] == SU_DRIVER_ABSENT && !f.whole,
       "its drivers, by the configuration");
}

static void test_dracut(void)
{
    SU_BUF struct su_buf plain = {0}, gz = {0};
    struct su_initramfs_facts f;
    cpio_file(&plain, "usr/lib/dracut/modules.txt", "bash\nsystemd\ncrypt\nrootfs-block\n");
    cpio_file(&plain, "usr/lib/modules/5.14.0/kernel/drivers/ata/ahci.ko.xz", "");
    cpio_file(&plain, "usr/lib/modules/5.14.0/kernel/drivers/nvme/host/nvme.ko.xz", "");
    cpio_end(&plain);
    pack_gzip(&gz, &plain);
    facts_of(&gz, NULL, &f);
    ok(f.maker == SU_MAKER_DRACUT && f.cryptsetup && !f.lvm && f.whole, "dracut's list of modules");
    ok(f.driver[SU_DRIVER_AHCI] == SU_DRIVER_MODULE && f.driver[SU_DRIVER_VIRTIO_BLK] == SU_DRIVER_UNKNOWN,
       "without modules.builtin the rest is unknown");
}

static void test_real(void)
{
    SU_BUF struct su_buf b = {0};
    struct su_initramfs_facts f;
    if (!files_read(files_cache(), "kernel/initrd.img", &b)) {
        ok(1, "a real initramfs # SKIP not in the cache");
        return;
    }
    facts_of(&b, NULL, &f);
    ok(f.maker == SU_MAKER_INITRAMFS_TOOLS && f.lvm && f.driver[SU_DRIVER_VIRTIO_BLK] == SU_DRIVER_MODULE &&
           f.driver[SU_DRIVER_AHCI] == SU_DRIVER_ABSENT,
       "Debian's cloud kernel: virtio_blk, no ahci");
}

int main(void)
{
    test_shapes();
    test_gzip_ends();
    test_cuts();
    test_refusals();
    test_bomb();
    test_drivers();
    test_debian();
    test_dracut();
    test_real();
    return tap_done();
}
