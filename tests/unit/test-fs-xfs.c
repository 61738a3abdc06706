/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The XFS driver on volumes of mkfs.xfs and of the kernel (fuzz/make-fs-corpus.sh), whole and damaged. */
#include "tests/lib/fs_tree.h"
#include "guest/fs_xfs_log.h"
#include "tests/lib/sh.h"

static const char fstab[] = "LABEL=root / auto defaults 0 1\n";

static void test_corpus(void)
{
    static const struct {
        const char *name;
        int many, gone, pieces;
    } rows[] = {{"v5-4k", 60, 5, 40}, {"v5-1k-nrext64", 60, 5, 40}, {"v5-dir8k", 60, 5, 40}, {"v4-512", 30, -1, 0}};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char path[64];
        snprintf(path, sizeof path, "fuzz/corpus/xfs/%s", rows[i].name);
        SU_BLK struct su_blk *d = tree_corpus(path);
        struct su_fs *fs = NULL;
        if (!ok(d && su_fs_open_xfs(d, &fs, &tree_err) == 0, "%s", path))
            continue;
        tree_check_common(fs, rows[i].name, fstab, rows[i].many, rows[i].gone, rows[i].pieces);
        su_fs_close(fs);
    }
}

/* Where a structure is changes with every mkfs: the first with this magic. */
static uint8_t *find(struct su_blk *d, const char *magic, size_t step)
{
    uint8_t *p = su_memblk_data(d);
    for (uint64_t i = 0; i + step <= d->size; i += step)
        if (memcmp(p + i, magic, 4) == 0)
            return p + i;
    return NULL;
}

static void test_damage(void)
{
    static const struct {
        const char *magic; /* what is damaged: the first of these */
        size_t step, at;
        uint8_t flip;
        const char *id;
    } rows[] = {
        {"XFSB", 512, 0, 1, "fs.xfs.superblock"},    {"XFSB", 512, 101, 7, "fs.xfs.version"}, /* 5 to 2 */
        {"XFSB", 512, 219, 16, "fs.xfs.repair"},     {"XFSB", 512, 217, 16, "fs.xfs.features"},
        {"XFSB", 512, 84, 1, "fs.xfs.superblock"},   /* any other byte: the checksum */
        {"IN\x41\xed", 512, 200, 1, "fs.xfs.inode"}, /* the root directory */
        {"IN\x81\xa4", 512, 60, 1, "fs.xfs.inode"},  /* etc/fstab */
        {"XDD3", 4096, 2000, 1, "fs.xfs.dir"},       {"BMA3", 4096, 100, 1, "fs.xfs.map"},
        {"XSLM", 4096, 100, 1, "fs.link"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/xfs/v5-4k");
        uint8_t *p = d ? find(d, rows[i].magic, rows[i].step) : NULL;
        if (!ok(p != NULL, "there is such a block"))
            continue;
        p[rows[i].at] ^= rows[i].flip;
        const char *id = tree_first_error(su_fs_open_xfs, d);
        ok(!strcmp(id, rows[i].id), "byte %zu of a %.2s: \"%s\", want \"%s\"", rows[i].at, rows[i].magic, id,
           rows[i].id);
    }
    SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/xfs/v5-4k");
    struct su_fs *fs;
    ok(d && su_blk_resize(d, d->size - 4096, &tree_err) == 0 && su_fs_open_xfs(d, &fs, &tree_err) < 0,
       "volume too short");
    is_str(tree_err.id, "fs.xfs.superblock");
    ok(su_blk_resize(d, 100, &tree_err) == 0 && su_fs_open_xfs(d, &fs, &tree_err) < 0, "volume too small");
    is_str(tree_err.id, "fs.xfs.superblock");
}

/* Every read fails once: no leak, and the error is the disk's own. */
static void test_faults(void)
{
    unsigned long n = 1;
    for (bool failed = true; failed && n < 1000; n++) {
        SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/xfs/v5-1k-nrext64");
        su_memblk_fail(d, n);
        failed = strcmp(tree_first_error(su_fs_open_xfs, d), "test.io") == 0;
    }
    ok(n > 30 && n < 1000, "each of %lu reads failed", n);
}

/* The long link is one of 300 bytes: mkfs.xfs 6.1 leaves out the header of a longer one's block in version 5. */
static void test_mkfs(const char *options)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs = NULL;
    struct su_fs_node node;
    struct su_fs_stat st;
    char slow[301], big[200001];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i * 7 % 23 + i / 4096 % 3);
    snprintf(slow, sizeof slow, "%0300d", 7);
    FILE *f = fopen(sh_path("big"), "wbe");
    if (!f || fwrite(big, 1, sizeof big, f) != sizeof big || fclose(f) != 0)
        abort();
    int rc = sh("printf '%s' >fstab && rm -f x && truncate -s 400M x && { "
                "printf '/\\n0 0\\nd--755 0 0\\netc d--755 0 0\\n fstab ---644 0 0 fstab\\n $\\nbig ---644 0 0 big\\n';"
                "printf 'link l--777 0 0 etc/fstab\\nlong l--777 0 0 %s\\nnull c--666 0 0 1 3\\n';"
                "printf 'empty d--755 0 0\\n$\\nmany d--755 0 0\\n';"
                "for i in $(seq 500); do echo \" a-rather-long-name-of-a-file-$i ---644 0 0 /dev/null\"; done;"
                "printf '$\\n$\\n'; } >proto && mkfs.xfs -q -p proto %s x",
                fstab, slow, options);
    if (!ok(rc == 0 && su_memblk_load(sh_path("x"), &d, &tree_err) == 0 && su_fs_open_xfs(d, &fs, &tree_err) == 0,
            "mkfs.xfs %s", options))
        return;
    is_str(fs->ops->type, "xfs");
    tree_check_common(fs, options, fstab, 500, -1, 0);
    ok(tree_has(fs, "/big", big, sizeof big) && tree_pieces(fs, "/big", (uint8_t *)big, sizeof big), "a larger file");
    ok(tree_count(fs, "/empty", 0) == 0 && tree_count(fs, "/", 0) == 7, "short directories");
    ok(su_fs_walk(fs, fs->root, "/null", &node, &tree_err) == 0 && fs->ops->stat(fs, node, &st, &tree_err) == 0 &&
           st.kind == SU_FS_OTHER,
       "a device node");
    ok(su_fs_walk(fs, fs->root, "/many/no", &node, &tree_err) < 0 && tree_err.kind == SU_E_MISSING, "a missing name");
    bool clean = false;
    ok(su_fs_xfs_clean(d, &clean, &tree_err) == 0 && clean, "the log is clean");
    uint8_t *record = find(d, "\xfe\xed\xba\xbe", 512);
    ok(record && (record[512 + 9] & 0x20), "it ends with an unmount record");
    record[512 + 9] = 0;
    ok(su_fs_xfs_clean(d, &clean, &tree_err) == 0 && !clean, "and is not clean without");
    ok(fs->ops->lookup(fs, fs->root, "..", 2, &node, &tree_err) < 0, "the driver has no \"..\"");
    su_fs_close(fs);
}

int main(void)
{
    static const char *const options[] = {
        "-b size=4096",
        "-b size=1024 -i size=512",
        "-n size=65536",
        "-i size=2048 -s size=4096",
        "-i nrext64=1",
        "-m crc=0",
        "-m crc=0 -b size=512 -i size=256 -n ftype=1",
        "-b size=16384",
    };
    test_corpus();
    test_damage();
    test_faults();
    if (!sh_have("mkfs.xfs"))
        ok(1, "mkfs.xfs variants # SKIP no mkfs.xfs");
    else
        for (size_t i = 0; i < SU_ARRAY_LEN(options); i++)
            if (!tap_skips(i, 4))
                test_mkfs(options[i]);
    return tap_done();
}
