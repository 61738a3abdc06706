/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The NTFS driver on volumes that call themselves clean and are not: clusters that two own, or nobody. */
#include "guest/fs_ntfs.h"
#include "tests/lib/fs_tree.h"
#include "tests/lib/ntfs_image.h"

enum { NOW = 1750000000, RECORD = 1024, MFT_AT = 48 };
static const struct ntfs_shape shape = {"512/4k", 512, 4096};

static struct su_blk *make_volume(void)
{
    bool good = format("i", &shape, 16) && script("i", "fragmented /pieces 40000\nput /plain big\ntext /small one\n");
    ok(good, "a volume");
    return good ? load("i") : NULL;
}

static void replaces(struct su_blk *d, const char *path, const char *id, const char *what)
{
    static uint8_t text[50000] = "new";
    struct su_fs *fs = NULL;
    struct su_fs_node n;
    e = (struct su_err){0};
    int r = su_fs_open_ntfs(d, true, &fs, &e);
    r = r < 0 || su_fs_walk(fs, fs->root, path, &n, &e) < 0 ? -1 : fs->ops->replace(fs, n, text, sizeof text, NOW, &e);
    ok(id ? r < 0 && e.id && strcmp(e.id, id) == 0 : r == 0, "%s: %s", what, r < 0 ? e.msg : "written");
    su_fs_close(fs);
}

/* The runs of the unnamed data in the record at that place. */
static uint8_t *runs_at(uint8_t *record)
{
    for (uint8_t *a = record + su_le16(record + 20); su_le32(a) != 0xffffffff; a += su_le32(a + 4))
        if (su_le32(a) == 0x80 && a[8] && a[9] == 0)
            return a + su_le16(a + 32);
    return NULL;
}

/* The record that holds those bytes, from record 24 on; its place on the volume. */
static uint64_t find(struct su_blk *d, uint64_t mft, const char *name, uint8_t record[RECORD])
{
    uint8_t wide[64];
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        su_put_le16(wide + 2 * i, (uint8_t)name[i]);
    for (uint64_t n = 24; n < 128; n++) {
        uint64_t at = mft + n * RECORD;
        if (su_blk_read(d, at, record, RECORD, &e) == 0 && memmem(record, RECORD, wide, 2 * len))
            return at;
    }
    return 0;
}

static uint64_t mft_of(struct su_blk *d)
{
    uint8_t boot[512];
    return su_blk_read(d, 0, boot, sizeof boot, &e) < 0 ? 0 : su_le64(boot + MFT_AT) * shape.cluster;
}

static void test_bitmap(void)
{
    uint8_t record[RECORD], zero[4096] = {0};
    struct su_blk *d = make_volume();
    replaces(d, "/small", NULL, "a sound volume");
    uint64_t mft = mft_of(d);
    uint8_t *runs = su_blk_read(d, mft + (uint64_t)6 * RECORD, record, RECORD, &e) < 0 ? NULL : runs_at(record);
    ok(runs && runs[0] >> 4 <= 2, "$Bitmap is found");
    uint64_t at = runs ? su_le16(runs + 2) & (runs[0] >> 4 == 1 ? 0xff : 0xffff) : 0;
    ok(at && su_blk_write(d, at * shape.cluster, zero, 512, &e) == 0, "all is free, it says");
    replaces(d, "/pieces", "fs.ntfs.bitmap", "no cluster is taken from others");
    su_blk_close(d);
}

static void test_overlap(void)
{
    uint8_t record[RECORD];
    struct su_blk *d = make_volume();
    uint64_t at = find(d, mft_of(d), "pieces", record);
    uint8_t *runs = at ? runs_at(record) : NULL;
    ok(runs, "the file's runs are found");
    uint8_t *second = runs ? runs + 1 + (runs[0] & 15) + (runs[0] >> 4) : record;
    memset(second + 1 + (second[0] & 15), 0, second[0] >> 4); /* where the one before it lies */
    ok(su_blk_write(d, at, record, RECORD, &e) == 0, "two runs are one");
    replaces(d, "/pieces", "fs.ntfs.overlap", "a file that overlaps itself");
    at = find(d, mft_of(d), "plain", record);
    runs = at ? runs_at(record) : NULL;
    ok(runs, "the other file's run is found");
    if (runs) {
        memset(runs + 1 + (runs[0] & 15), 0, runs[0] >> 4);
        runs[1 + (runs[0] & 15)] = (uint8_t)(mft_of(d) / shape.cluster);
    }
    ok(su_blk_write(d, at, record, RECORD, &e) == 0, "it begins in $MFT");
    replaces(d, "/plain", "fs.ntfs.overlap", "a file in the file system's own");
    su_blk_close(d);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 8192);
    if (!getenv("SURETY_NTFSTREE") || !sh_have("mkntfs")) {
        printf("1..0 # SKIP no ntfs-3g\n");
        return 0;
    }
    if (sh("head -c 9000 /dev/urandom >big") != 0)
        return 99;
    test_bitmap();
    test_overlap();
    return tap_done();
}
