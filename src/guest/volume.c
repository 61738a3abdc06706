/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "volume.h"
#include <blkid/blkid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK = 64 << 10, PAGE = 4096 };

struct su_prober {
    int fd;         /* the memory file */
    blkid_probe pr; /* owned */
    uint8_t chunk[CHUNK];
};

int su_prober_open(struct su_prober **out, struct su_err *e)
{
    struct su_prober *p = calloc(1, sizeof *p);
    if (!p)
        return su_fail_nomem(e, sizeof *p);
    p->fd = memfd_create("surety-volume", MFD_CLOEXEC);
    p->pr = p->fd < 0 ? NULL : blkid_new_probe();
    if (!p->pr) {
        su_fail_os(e, "host.memory", "making a place to probe volumes in");
        su_prober_close(p);
        return -1;
    }
    /* superblocks only: a partition table inside a volume is none of ours */
    blkid_probe_enable_superblocks(p->pr, 1);
    blkid_probe_set_superblocks_flags(p->pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL |
                                                 BLKID_SUBLKS_UUID);
    *out = p;
    return 0;
}

void su_prober_close(struct su_prober *p)
{
    if (!p)
        return;
    blkid_free_probe(p->pr);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

/* Copying ---------------------------------------------------------------------*/

/* Pages of zeros stay holes. */
static int put_pages(struct su_prober *p, uint64_t off, size_t n, struct su_err *e)
{
    for (size_t at = 0, len; at < n; at += len) {
        len = n - at < PAGE ? n - at : PAGE;
        if (su_all_zero(p->chunk + at, len))
            continue;
        ssize_t put = pwrite(p->fd, p->chunk + at, len, (off_t)(off + at));
        if (put != (ssize_t)len) {
            errno = put < 0 ? errno : ENOSPC;
            return su_fail_os(e, "host.memory", "copying a volume's head");
        }
    }
    return 0;
}

/* n bytes from off on, or what there is of them. */
static int copy(struct su_prober *p, struct su_blk *vol, uint64_t off, uint64_t n, struct su_err *e)
{
    if (off >= vol->size)
        return 0;
    n = n < vol->size - off ? n : vol->size - off;
    for (uint64_t done = 0; done < n;) {
        size_t len = n - done < CHUNK ? (size_t)(n - done) : CHUNK;
        if (su_blk_read(vol, off + done, p->chunk, len, e) < 0 || put_pages(p, off + done, len, e) < 0)
            return -1;
        done += len;
    }
    return 0;
}

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
static int copy_elsewhere(struct su_prober *p, struct su_blk *vol, const uint8_t *bpb, struct su_err *e)
{
    uint64_t sector = su_le16(bpb + 11), cluster = times(sector, bpb[13]);
    if (memcmp(bpb + 3, "NTFS    ", 8) == 0) /* the first records of the master file table */
        return copy(p, vol, times(su_le64(bpb + 48), cluster), CHUNK, e);
    if (memcmp(bpb + 82, "FAT32", 5) == 0 && su_le32(bpb + 44) >= 2) { /* the root directory's first cluster */
        uint64_t data = times(su_le16(bpb + 14) + times(bpb[16], su_le32(bpb + 36)), sector);
        return copy(p, vol, plus(data, times(su_le32(bpb + 44) - 2, cluster)), CHUNK, e);
    }
    if (memcmp(bpb + 3, "EXFAT   ", 8) == 0 && bpb[108] < 32 && bpb[109] < 32 && su_le32(bpb + 96) >= 2) {
        uint64_t s = UINT64_C(1) << bpb[108], root = su_le32(bpb + 96);
        uint64_t dir = plus(times(su_le32(bpb + 88), s), times(root - 2, s << bpb[109]));
        if (copy(p, vol, plus(times(su_le32(bpb + 80), s), root * 4) & ~(uint64_t)(PAGE - 1), 2 * PAGE, e) < 0)
            return -1;
        return copy(p, vol, dir, CHUNK, e);
    }
    return 0;
}

static int fill(struct su_prober *p, struct su_blk *vol, uint8_t bpb[SU_SECTOR], struct su_err *e)
{
    uint64_t size = vol->size;
    memset(bpb, 0, SU_SECTOR);
    if (size > INT64_MAX || ftruncate(p->fd, 0) < 0 || ftruncate(p->fd, (off_t)size) < 0)
        return su_fail_os(e, "host.memory", "making a place to probe a volume in");
    if (size <= SU_VOLUME_HEAD + SU_VOLUME_TAIL) {
        if (copy(p, vol, 0, size, e) < 0)
            return -1;
    } else if (copy(p, vol, 0, SU_VOLUME_HEAD, e) < 0 || copy(p, vol, size - SU_VOLUME_TAIL, SU_VOLUME_TAIL, e) < 0) {
        return -1;
    }
    if (size < SU_SECTOR)
        return 0;
    if (su_blk_read(vol, 0, bpb, SU_SECTOR, e) < 0)
        return -1;
    return copy_elsewhere(p, vol, bpb, e);
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

int su_prober_run(struct su_prober *p, struct su_blk *vol, struct su_volume *out, struct su_err *e)
{
    uint8_t bpb[SU_SECTOR];
    struct su_volume v = {0};
    if (fill(p, vol, bpb, e) < 0)
        return -1;
    errno = 0;
    if (vol->size > 0 && blkid_probe_set_device(p->pr, p->fd, 0, (blkid_loff_t)vol->size) < 0)
        return su_fail_os(e, "volume.probe", "probing a volume");
    errno = 0;
    int rc = vol->size > 0 ? blkid_do_safeprobe(p->pr) : 1;
    if (rc == -1)
        return su_fail_os(e, "volume.probe", "probing a volume");
    v.ambiguous = rc == -2;
    if (rc == 0) {
        char usage[16] = "";
        take_value(p->pr, "TYPE", v.type, sizeof v.type);
        take_value(p->pr, "UUID", v.uuid, sizeof v.uuid);
        take_value(p->pr, "LABEL", v.label, sizeof v.label);
        take_value(p->pr, "USAGE", usage, sizeof usage);
        v.usage = usage_of(usage);
    }
    if (rc != 0 && memcmp(bpb + 3, "-FVE-FS-", 8) == 0) /* damaged or half-converted: still nothing to touch */
        v = (struct su_volume){.type = "BitLocker", .usage = SU_USAGE_CRYPTO};
    *out = v;
    return 0;
}
