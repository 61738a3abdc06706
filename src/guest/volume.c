/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "volume.h"
#include "blkcopy.h"
#include "fs_ntfs.h"
#include <blkid/blkid.h>
#include <errno.h>
#include <string.h>

enum { SOME = 64 << 10 };

/* Products of guest numbers that do not fit lie outside any volume. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t r;
    return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Where the file systems of Microsoft keep the label, and NTFS the proof of being one. */
static int copy_elsewhere(int fd, struct su_blk *vol, const uint8_t *bpb, struct su_err *e)
{
    uint64_t sector = su_le16(bpb + 11), cluster = times(sector, bpb[13]);
    if (memcmp(bpb + 3, "NTFS    ", 8) == 0) /* the first records of the master file table */
        return su_blkcopy(fd, vol, times(su_le64(bpb + 48), cluster), SOME, e);
    if (memcmp(bpb + 82, "FAT32", 5) == 0 && su_le32(bpb + 44) >= 2) { /* the root directory's first cluster */
        uint64_t data = times(su_le16(bpb + 14) + times(bpb[16], su_le32(bpb + 36)), sector);
        return su_blkcopy(fd, vol, plus(data, times(su_le32(bpb + 44) - 2, cluster)), SOME, e);
    }
    if (memcmp(bpb + 3, "EXFAT   ", 8) == 0 && bpb[108] < 32 && bpb[109] < 32 && su_le32(bpb + 96) >= 2) {
        uint64_t s = UINT64_C(1) << bpb[108], root = su_le32(bpb + 96);
        uint64_t dir = plus(times(su_le32(bpb + 88), s), times(root - 2, s << bpb[109]));
        if (su_blkcopy(fd, vol, plus(times(su_le32(bpb + 80), s), root * 4) & ~(uint64_t)(4096 - 1), 2 * 4096, e) < 0)
            return -1;
        return su_blkcopy(fd, vol, dir, SOME, e);
    }
    return 0;
}

static int fill(int fd, struct su_blk *vol, uint8_t bpb[SU_SECTOR], struct su_err *e)
{
    uint64_t size = vol->size, all = SU_VOLUME_HEAD + SU_VOLUME_TAIL;
    if (su_blkcopy(fd, vol, 0, size < all ? size : SU_VOLUME_HEAD, e) < 0)
        return -1;
    if (size > all && su_blkcopy(fd, vol, size - SU_VOLUME_TAIL, SU_VOLUME_TAIL, e) < 0)
        return -1;
    for (uint64_t off = UINT64_C(2) << 20; off <= UINT64_C(4) << 20; off *= 2) /* second headers of LUKS2 */
        if (size > all && su_blkcopy(fd, vol, off, 4096, e) < 0)
            return -1;
    if (size < SU_SECTOR)
        return 0;
    return su_blk_read(vol, 0, bpb, SU_SECTOR, e) < 0 ? -1 : copy_elsewhere(fd, vol, bpb, e);
}

/* Probing ---------------------------------------------------------------------*/

static void take_value(blkid_probe pr, const char *name, char *out, size_t cap)
{
    const char *value = NULL;
    size_t len = 0;
    if (blkid_probe_lookup_value(pr, name, &value, &len) < 0 || !value)
        return;
    size_t n = strnlen(value, len) < cap - 1 ? strnlen(value, len) : cap - 1;
    while (n < strnlen(value, len) && n > 0 && ((uint8_t)value[n] & 0xc0) == 0x80)
        n--; /* no half of a UTF-8 character */
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)value[i] < ' ' || value[i] == 0x7f ? '?' : value[i];
    out[n] = 0;
}

static enum su_usage usage_of(const char *name)
{
    static const char *const names[] = {[SU_USAGE_FILESYSTEM] = "filesystem",
                                        [SU_USAGE_RAID] = "raid",
                                        [SU_USAGE_CRYPTO] = "crypto",
                                        [SU_USAGE_OTHER] = "other"};
    for (int i = SU_USAGE_FILESYSTEM; i <= SU_USAGE_OTHER; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum su_usage)i;
    return SU_USAGE_NONE;
}

static void free_probe(blkid_probe *pr)
{
    blkid_free_probe(*pr); /* NULL is fine */
}

int su_volume_probe(struct su_blk *vol, struct su_volume *out, struct su_err *e)
{
    SU_CLOSE int fd = -1;
    blkid_probe pr SU_AUTO(free_probe) = NULL;
    uint8_t bpb[SU_SECTOR] = {0};
    struct su_volume v = {0};
    if (su_blkcopy_open("surety-volume", vol->size, &fd, e) < 0 || fill(fd, vol, bpb, e) < 0)
        return -1;
    pr = blkid_new_probe();
    if (!pr)
        return su_fail_nomem(e, sizeof v);
    blkid_probe_enable_superblocks(pr, 1); /* and no partition tables: one inside a volume is none of ours */
    blkid_probe_set_superblocks_flags(pr,
                                      BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID);
    int rc = 1; /* nothing found */
    if (vol->size > 0) {
        errno = 0;
        rc = blkid_probe_set_device(pr, fd, 0, (blkid_loff_t)vol->size) < 0 ? -1 : blkid_do_safeprobe(pr);
        if (rc == -1)
            return su_fail_os(e, "volume.probe", "probing a volume");
    }
    v.ambiguous = rc == -2;
    if (rc == 0) {
        char usage[16] = "";
        take_value(pr, "TYPE", v.type, sizeof v.type);
        take_value(pr, "UUID", v.uuid, sizeof v.uuid);
        take_value(pr, "LABEL", v.label, sizeof v.label);
        take_value(pr, "USAGE", usage, sizeof usage);
        v.usage = usage_of(usage);
    }
    /* damaged, half converted, or with the remains of something else: all the more to be left alone */
    if (su_ntfs_is_bitlocker(bpb) && strcmp(v.type, "BitLocker") != 0)
        v = (struct su_volume){.type = "BitLocker", .usage = SU_USAGE_CRYPTO};
    *out = v;
    return 0;
}
