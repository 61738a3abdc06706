/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes as blkid(8) sees the whole image, and what only this module knows. */
#include "guest/volume.h"
#include "tests/lib/memblk.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <time.h>

static struct su_err e;

static const char *const usages[] = {"", "filesystem", "raid", "crypto", "other"};

/* What blkid says of ./i: type, UUID, label and usage, each "" when it says nothing. */
static void ask_blkid(struct su_volume *v, char usage[32])
{
    char line[256];
    *v = (struct su_volume){0};
    usage[0] = 0;
    (void)sh("blkid -p -u filesystem,raid,crypto,other -o export i >said 2>&1");
    FILE *f = fopen(sh_path("said"), "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        sscanf(line, "TYPE=%31s", v->type);
        sscanf(line, "UUID=%39s", v->uuid);
        sscanf(line, "LABEL=%63s", v->label);
        sscanf(line, "USAGE=%31s", usage);
    }
    if (f)
        fclose(f);
}

static const struct {
    const char *tool, *name, *make, *type;
} images[] = {
    {"mkfs.ext4", "ext4", "truncate -s 64M i && mkfs.ext4 -q -F -L root i", "ext4"},
    {"mkfs.ext4", "ext4 on 8 TiB", "truncate -s 8T i && mkfs.ext4 -q -F -O ^has_journal -m 0 -E lazy_itable_init=1 i",
     "ext4"},
    {"mkfs.ext4", "ext3", "truncate -s 16M i && mkfs.ext4 -q -t ext3 -F -L three i", "ext3"},
    {"mkfs.ext4", "ext2", "truncate -s 8M i && mkfs.ext4 -q -t ext2 -F i", "ext2"},
    {"mkfs.ext4", "journal", "truncate -s 8M i && mkfs.ext4 -q -O journal_dev -F i", "jbd"},
    {"mkfs.xfs", "xfs", "truncate -s 512M i && mkfs.xfs -q -L data i", "xfs"},
    {"mkfs.btrfs", "btrfs", "truncate -s 256M i && mkfs.btrfs -q -L pool i", "btrfs"},
    {"mkswap", "swap", "truncate -s 16M i && mkswap -q -L swap i", "swap"},
    {"mkswap", "hibernated",
     "truncate -s 16M i && mkswap -q i && printf S1SUSPEND | dd of=i bs=1 seek=4086 conv=notrunc", "swsuspend"},
    {"mkfs.vfat", "fat12", "truncate -s 1M i && mkfs.vfat -F 12 -n FLOPPY i", "vfat"},
    {"mkfs.vfat", "fat16", "truncate -s 32M i && mkfs.vfat -F 16 -n SIXTEEN i", "vfat"},
    {"mkfs.vfat", "fat32", "truncate -s 100M i && mkfs.vfat -F 32 -s 1 -n ESP i", "vfat"},
    {"mkfs.vfat", "fat32, root far off",
     "truncate -s 64G i && mkfs.vfat -F 32 -s 8 -n FAR i && printf 'NO NAME    ' | "
     "dd of=i bs=1 seek=71 conv=notrunc",
     "vfat"},
    {"mkfs.exfat", "exfat", "truncate -s 256M i && mkfs.exfat -L camera i", "exfat"},
    {"mkntfs", "ntfs", "truncate -s 64M i && mkntfs -q -F -f -L windows i", "ntfs"},
    {"mkntfs", "ntfs, file table far off",
     "truncate -s 8G i && mkntfs -q -F -f -c 4096 -L windows i && m=$(od -An -tu8 -j48 -N8 i | tr -d ' ') && "
     "dd if=i of=i bs=4096 skip=$m seek=786432 count=4 conv=notrunc && dd if=/dev/zero of=i bs=4096 seek=$m count=4 "
     "conv=notrunc && printf '\\0\\0\\014\\0\\0\\0\\0\\0' | dd of=i bs=1 seek=48 conv=notrunc",
     "ntfs"},
    {"cryptsetup", "luks1",
     "truncate -s 16M i && printf k >k && cryptsetup luksFormat -q --type luks1 --key-file k "
     "--pbkdf-force-iterations 1000 i",
     "crypto_LUKS"},
    {"cryptsetup", "luks2",
     "truncate -s 32M i && cryptsetup luksFormat -q --type luks2 --label secret --key-file k --pbkdf "
     "pbkdf2 --pbkdf-force-iterations 1000 i",
     "crypto_LUKS"},
    {"cryptsetup", "luks2, first header gone",
     "truncate -s 32M i && cryptsetup luksFormat -q --type luks2 --key-file k "
     "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-metadata-size 4m i && dd if=/dev/zero of=i bs=4096 count=1 "
     "conv=notrunc",
     "crypto_LUKS"},
    {"mkfs.f2fs", "f2fs", "truncate -s 128M i && mkfs.f2fs -q -l phone i", "f2fs"},
    {"mksquashfs", "squashfs", "mkdir -p sq && echo x >sq/x && mksquashfs sq i -quiet -no-progress", "squashfs"},
    {"truncate", "zeros", "truncate -s 16M i", ""},
    {"truncate", "300 bytes", "truncate -s 300 i", ""},
    {"head", "noise", "head -c 3M /dev/zero | tr '\\0' '\\252' >i", ""},
};

static void test_images(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(images); i++) {
        SU_BLK struct su_blk *d = NULL;
        struct su_volume want, got = {0};
        char usage[32];
        if (!sh_have(images[i].tool) || sh("rm -f i; %s", images[i].make) != 0) {
            ok(true, "%s # SKIP no %s", images[i].name, images[i].tool);
            continue;
        }
        ask_blkid(&want, usage);
        if (!ok(su_memblk_load(sh_path("i"), &d, &e) == 0 && su_volume_probe(d, &got, &e) == 0, "%s: probed",
                images[i].name))
            continue;
        ok(!strcmp(got.type, images[i].type) && !strcmp(got.type, want.type), "%s: type \"%s\", blkid \"%s\"",
           images[i].name, got.type, want.type);
        ok(!strcmp(got.uuid, want.uuid) && !strcmp(got.label, want.label), "%s: UUID %s and label \"%s\", \"%s\"",
           images[i].name, got.uuid, got.label, want.label);
        ok(!strcmp(usages[got.usage], usage) && !got.ambiguous, "%s: usage \"%s\"", images[i].name, usage);
        ok(su_memblk_count(d).writes == 0, "%s: only read", images[i].name);
    }
}

static void test_ambiguous(void)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_volume v = {0};
    ok(sh("rm -f i; truncate -s 512M i && mkfs.xfs -q i && printf SWAPSPACE2 | dd of=i bs=1 seek=4086 conv=notrunc && "
          "printf '\\1\\0\\0\\0' | dd of=i bs=1 seek=1024 conv=notrunc && printf '\\377\\1' | dd of=i bs=1 seek=1028 "
          "conv=notrunc") == 0);
    ok(su_memblk_load(sh_path("i"), &d, &e) == 0 && su_volume_probe(d, &v, &e) == 0);
    ok(v.ambiguous && v.type[0] == 0 && v.usage == SU_USAGE_NONE, "xfs and swap: \"%s\"", v.type);
}

static void test_bitlocker(void)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_volume v = {0};
    ok(su_memblk_new(64 * SU_MIB, &d, &e) == 0);
    memcpy(su_memblk_data(d), "\xeb\x58\x90-FVE-FS-", 11);
    ok(su_volume_probe(d, &v, &e) == 0 && v.usage == SU_USAGE_CRYPTO);
    is_str(v.type, "BitLocker");
    memcpy(su_memblk_data(d) + 1024 + 56, "\x53\xef", 2); /* what an ext2 left behind does not count */
    su_memblk_data(d)[1024 + 76] = 1;
    ok(su_volume_probe(d, &v, &e) == 0 && v.usage == SU_USAGE_CRYPTO);
    is_str(v.type, "BitLocker");
}

/* BIOS parameter blocks that lead nowhere: answered, never followed off the volume. */
static void test_hostile_bpb(void)
{
    static const char *const oem[] = {"NTFS    ", "EXFAT   ", "MSDOS5.0"};
    for (size_t i = 0; i < SU_ARRAY_LEN(oem); i++)
        for (int fill = 0; fill < 256; fill += 17) {
            SU_BLK struct su_blk *d = NULL;
            struct su_volume v = {0};
            if (su_memblk_new(8 * SU_MIB, &d, &e) < 0)
                continue;
            uint8_t *p = su_memblk_data(d);
            memset(p, fill, 512);
            memcpy(p + 3, oem[i], 8);
            if (i == 2)
                memcpy(p + 82, "FAT32   ", 8);
            memcpy(p + 510, "\x55\xaa", 2);
            if (su_volume_probe(d, &v, &e) < 0)
                ok(false, "%s filled with %d: %s", oem[i], fill, e.msg);
        }
    ok(true, "no read outside the volume");
}

static void test_label_is_harmless(void)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_volume v = {0};
    ok(sh("rm -f i; truncate -s 8M i && mkfs.ext4 -q -F -L AxBx i && printf '\\033' | dd of=i bs=1 seek=1145 "
          "conv=notrunc") == 0);
    ok(su_memblk_load(sh_path("i"), &d, &e) == 0);
    su_memblk_data(d)[1024 + 100 + 1] &= (uint8_t)~4; /* no metadata_csum: the superblock's checksum is not looked at */
    ok(su_volume_probe(d, &v, &e) == 0);
    is_str(v.label, "A?Bx");
}

static void test_faults(void)
{
    SU_BLK struct su_blk *d = NULL;
    unsigned long wrong = 0, k = 1;
    ok(su_memblk_new(64 * SU_MIB, &d, &e) == 0);
    memcpy(su_memblk_data(d) + 3, "NTFS    ", 8);
    for (struct su_volume v;; k++) {
        strcpy(v.type, "untouched");
        su_memblk_fail(d, k);
        if (su_volume_probe(d, &v, &e) == 0)
            break;
        wrong += strcmp(e.id, "test.io") != 0 || strcmp(v.type, "untouched") != 0;
    }
    ok(k > 10 && wrong == 0, "%lu failing reads", k - 1);
}

static void test_time(void)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_volume v;
    ok(sh("rm -f i; truncate -s 4G i && mkfs.ext4 -q -F i") == 0 && su_memblk_load(sh_path("i"), &d, &e) == 0);
    struct timespec a, b;
    int rc = su_volume_probe(d, &v, &e); /* once before: the page cache */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int i = 0; i < 3; i++)
        rc |= su_volume_probe(d, &v, &e);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    printf("# three volumes: %.2f ms of processor time\n", ms);
    ok(rc == 0 && ms < 100, "three volumes in reasonable processor time");
}

int main(void)
{
    test_images();
    test_ambiguous();
    test_bitlocker();
    test_hostile_bpb();
    test_label_is_harmless();
    test_faults();
    test_time();
    return tap_done();
}
