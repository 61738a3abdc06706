/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The btrfs driver on volumes of mkfs.btrfs and of the kernel (fuzz/make-fs-corpus.sh), whole and damaged. */
#include "tests/lib/fs_tree.h"
#include "tests/lib/sh.h"
#include <ext2fs/ext2fs.h>

enum { SUPER = 65536 };

static size_t numbers(char *out, size_t cap, int n)
{
    size_t at = 0;
    for (int i = 1; i <= n; i++)
        at += (size_t)snprintf(out + at, cap - at, "%d\n", i);
    return at;
}

static void check_subvolumes(struct su_fs *fs, const char *what)
{
    static const char inner[] = "UUID=1 / btrfs subvol=@rootfs 0 1\n";
    struct su_fs_node base, file, same;
    SU_BUF struct su_buf b = {0};
    ok(tree_has(fs, "/@rootfs/etc/fstab", inner, strlen(inner)), "%s: a file in a subvolume", what);
    ok(tree_has(fs, "/snap/etc/fstab", inner, strlen(inner)), "%s: and in its snapshot", what);
    ok(tree_has(fs, "/@rootfs/nested/file", "inside\n", 7), "%s: in a subvolume of the subvolume", what);
    ok(tree_count(fs, "/snap/nested", 0) == 0, "%s: which is an empty directory in the snapshot", what);
    ok(su_fs_walk(fs, fs->root, "/snap/nested/file", &file, &tree_err) < 0 && tree_err.kind == SU_E_MISSING,
       "%s: with nothing in it", what);
    ok(su_fs_walk(fs, fs->root, "/@rootfs", &base, &tree_err) == 0 && base.ino == 256 && base.tree >= 256,
       "%s: the subvolume has its own tree", what);
    ok(su_fs_read_file(fs, base, "/../etc/fstab", 100, &b, &tree_err) == 0 && !strcmp(su_buf_str(&b), inner),
       "%s: as a base, it is not left", what);
    ok(su_fs_walk(fs, fs->root, "/many/name-1371838", &file, &tree_err) == 0 &&
           su_fs_walk(fs, fs->root, "/many/name-2000402", &same, &tree_err) == 0 && file.ino != same.ino,
       "%s: two names of one hash", what);
}

static void test_corpus(void)
{
    static const char *const names[] = {"plain", "zlib", "lzo", "zstd"};
    static char text[16384], prealloc[65536];
    size_t n = numbers(text, sizeof text, 3000);
    memcpy(prealloc + 20000, "written\n", 8);
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "fuzz/corpus/btrfs/%s", names[i]);
        SU_BLK struct su_blk *d = tree_corpus(path);
        struct su_fs *fs = NULL;
        if (!ok(d && su_fs_open_btrfs(d, &fs, &tree_err) == 0, "%s", path))
            continue;
        tree_check_common(fs, names[i], "LABEL=root / auto defaults 0 1\n", 22, 5, 4);
        check_subvolumes(fs, names[i]);
        ok(tree_has(fs, "/numbers", text, n) && tree_pieces(fs, "/numbers", (uint8_t *)text, n), "%s: extents",
           names[i]);
        ok(tree_has(fs, "/prealloc", prealloc, sizeof prealloc), "%s: not yet written extents", names[i]);
        ok(tree_pieces(fs, "/prealloc", (uint8_t *)prealloc, sizeof prealloc), "%s: read bit by bit", names[i]);
        su_fs_close(fs);
    }
}

static void fix_super(struct su_blk *d)
{
    uint8_t *sb = su_memblk_data(d) + SUPER;
    su_put_le32(sb, ~ext2fs_crc32c_le(~0U, sb + 32, 4096 - 32));
}

static void test_super(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        bool fix; /* make the checksum right again */
        const char *id;
    } rows[] = {
        {64, 'x', true, "fs.btrfs.superblock"},
        {299, 'x', false, "fs.btrfs.superblock"}, /* the label */
        {299, 'x', true, ""},
        {48, 1, true, "fs.btrfs.superblock"},
        {136, 2, true, "fs.btrfs.devices"},
        {189, 0x20, true, "fs.btrfs.features"}, /* extent tree v2 */
        {196, 9, true, "fs.btrfs.features"},
        {196, 1, false, ""}, /* another checksum: not verified */
        {145, 0x11, true, "fs.btrfs.superblock"},
        {150, 9, true, "fs.btrfs.superblock"},
        {161, 0xff, true, "fs.btrfs.superblock"},
        {198, 8, true, "fs.btrfs.superblock"},
        {198, 0, true, "fs.btrfs.node"}, /* one level too few */
        {82, 0xff, true, "fs.btrfs.address"},
        {201, 9, true, "fs.btrfs.devices"}, /* not the device of the chunks */
        {32, 'x', true, "fs.btrfs.node"},   /* another file system's nodes */
        {811 + 8, 1, true, "fs.btrfs.superblock"},
        {811 + 17 + 24, 0x0a, true, "fs.btrfs.devices"}, /* RAID0 */
        {811 + 17 + 44, 3, true, "fs.btrfs.superblock"},
        {811 + 17 + 7, 0xff, true, "fs.btrfs.chunk"},
        {811 + 17 + 48 + 15, 0xff, true, "fs.btrfs.chunk"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/btrfs/plain");
        su_memblk_data(d)[SUPER + rows[i].at] = rows[i].value;
        if (rows[i].fix)
            fix_super(d);
        const char *id = tree_first_error(su_fs_open_btrfs, d);
        ok(!strcmp(id, rows[i].id), "superblock[%zu] = %u: \"%s\", want \"%s\"", rows[i].at, rows[i].value, id,
           rows[i].id);
    }
    SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/btrfs/plain");
    struct su_fs *fs;
    ok(su_blk_resize(d, 1 << 20, &tree_err) == 0 && su_fs_open_btrfs(d, &fs, &tree_err) < 0, "volume too short");
    is_str(tree_err.id, "fs.btrfs.chunk");
    ok(su_blk_resize(d, SUPER, &tree_err) == 0 && su_fs_open_btrfs(d, &fs, &tree_err) < 0, "volume too small");
    is_str(tree_err.id, "fs.btrfs.superblock");
}

/* Whatever one byte of a node is damaged: its checksum tells. */
static void test_nodes(void)
{
    unsigned nodes = 0, told = 0;
    SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/btrfs/zstd");
    uint8_t *p = su_memblk_data(d);
    for (uint64_t at = SUPER + 4096; at + 4096 <= d->size; at += 4096) {
        if (memcmp(p + at + 32, p + SUPER + 32, 16) != 0)
            continue;
        p[at + 200 + nodes] ^= 1;
        const char *id = tree_first_error(su_fs_open_btrfs, d);
        told += strcmp(id, "fs.btrfs.node") == 0;
        p[at + 200 + nodes++] ^= 1;
    }
    ok(nodes > 10 && told > 6, "%u nodes damaged, %u of them are used", nodes, told);
}

static void test_faults(void)
{
    unsigned long n = 1;
    for (bool failed = true; failed && n < 1000; n++) {
        SU_BLK struct su_blk *d = tree_corpus("fuzz/corpus/btrfs/zlib");
        su_memblk_fail(d, n);
        failed = strcmp(tree_first_error(su_fs_open_btrfs, d), "test.io") == 0;
    }
    ok(n > 10 && n < 1000, "each of %lu reads failed", n);
}

static void test_mkfs(const char *options)
{
    static char big[2000000];
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs = NULL;
    size_t n = numbers(big, sizeof big, 200000);
    int rc = sh("test -d t || { mkdir -p t/etc t/many && echo fstab >t/etc/fstab && ln -s etc/fstab t/link &&"
                "ln -s %0300d t/long && seq 200000 >t/big && : >t/empty && mkfifo t/pipe &&"
                "for i in $(seq 700); do : >t/many/a-rather-long-name-of-a-file-$i; done; };"
                "rm -f x && truncate -s 400M x && mkfs.btrfs -q --rootdir t %s x",
                7, options);
    if (!ok(rc == 0 && su_memblk_load(sh_path("x"), &d, &tree_err) == 0, "mkfs.btrfs %s", options))
        return;
    if (!ok(su_fs_open_btrfs(d, &fs, &tree_err) == 0, "opens: %s", tree_err.msg))
        return;
    is_str(fs->ops->type, "btrfs");
    tree_check_common(fs, options, "fstab\n", 700, -1, 0);
    ok(tree_has(fs, "/big", big, n) && tree_pieces(fs, "/big", (uint8_t *)big, n), "a larger file");
    ok(tree_has(fs, "/empty", "", 0), "an empty file");
    ok(tree_count(fs, "/", 0) == 7, "the top directory");
    su_fs_close(fs);
}

static void test_devices(void)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs;
    int rc = sh("truncate -s 200M one two && mkfs.btrfs -q -f -d raid0 -m raid1 one two");
    ok(rc == 0 && su_memblk_load(sh_path("one"), &d, &tree_err) == 0 && su_fs_open_btrfs(d, &fs, &tree_err) < 0 &&
           !strcmp(tree_err.id, "fs.btrfs.devices"),
       "one of two devices is refused");
}

int main(void)
{
    static const char *const options[] = {"-n 16384",      "-n 4096", "-n 65536",  "--csum xxhash", "--csum sha256",
                                          "--csum blake2", "-M",      "-m single", "-O ^no-holes",  "-d dup -m dup"};
    test_corpus();
    test_super();
    test_nodes();
    test_faults();
    if (!sh_have("mkfs.btrfs")) {
        ok(1, "mkfs.btrfs variants # SKIP no mkfs.btrfs");
        return tap_done();
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++)
        test_mkfs(options[i]);
    test_devices();
    return tap_done();
}
