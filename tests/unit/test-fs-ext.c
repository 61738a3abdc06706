/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ext driver on real file systems of mke2fs, with e2fsck and debugfs as oracles. */
#include "guest/fs_ext.h"
#include "tests/lib/memblk.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <inttypes.h>

enum { NOW = 1700000000 };

static struct su_err e;

static struct su_fs *open_fs(struct su_blk *d, bool writable)
{
    struct su_fs *fs = NULL;
    e = (struct su_err){0};
    if (su_fs_open_ext(d, writable, &fs, &e) < 0)
        printf("# open: %s: %s\n", e.id, e.msg);
    return fs;
}

static struct su_fs_node find(struct su_fs *fs, const char *path)
{
    struct su_fs_node n = fs->root;
    char copy[256], *save = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save))
        if (fs->ops->lookup(fs, n, name, strlen(name), &n, &e) < 0)
            return (struct su_fs_node){0};
    return n;
}

static uint8_t *pattern(size_t n, unsigned seed)
{
    uint8_t *p = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)("0123456789abcdef\n"[(i * 7 + i / 97 + seed) % 17]);
    return p;
}

/* The files every image begins with; made once. */
static void make_tree(void)
{
    sh("mkdir -p t/etc t/many && printf 'UUID=1 / ext4 defaults 0 1\\n' >t/etc/fstab && : >t/empty &&"
       "seq 1 60000 >t/big && ln -s etc/fstab t/fast && ln -s %0100d t/slow && mkdir t/sub && mkfifo t/pipe &&"
       "truncate -s 300000 t/holes && printf middle | dd of=t/holes bs=1 seek=150000 conv=notrunc &&"
       "for i in $(seq 300); do : >t/many/a-rather-long-name-of-a-file-$i; done; chmod 640 t/etc/fstab",
       7);
}

static const struct variant {
    const char *name, *options;
    bool inline_data;
} variants[] = {
    {"4k", "-b 4096", false},
    {"1k", "-b 1024", false},
    {"ext2", "-t ext2", false},
    {"ext3-1k", "-t ext3 -b 1024", false},
    {"no-extent", "-O ^extent,^64bit", false},
    {"inline", "-O inline_data -I 256", true},
    {"inline-1k", "-O inline_data -I 512 -b 1024", true},
    {"bigalloc", "-O bigalloc -C 16384", false},
    {"64bit", "-O 64bit,metadata_csum", false},
    {"no-csum", "-O ^metadata_csum,uninit_bg -b 1024", false},
    {"no-journal", "-O ^has_journal", false},
    {"meta-bg", "-O meta_bg,^resize_inode -b 1024", false},
    {"no-flex", "-O ^flex_bg -b 1024 -g 4096", false},
    {"inode128", "-I 128", false},
    {"16k", "-b 16384 -O ^has_journal", false},
};

static struct su_blk *make_image(const struct variant *v)
{
    struct su_blk *d = NULL;
    int rc = sh("rm -f i && truncate -s 24M i && mkfs.ext4 -q -F -d t %s i &&"
                "debugfs -w -R 'ea_set /etc/fstab user.note kept' i",
                v->options);
    if (!ok(rc == 0 && su_memblk_load(sh_path("i"), &d, &e) == 0, "%s: made by mke2fs", v->name))
        printf("# %s\n", v->options);
    return d;
}

/* e2fsck finds nothing to repair, debugfs reads what was written, the rest of the inode is as before. */
static int oracle(struct su_blk *d, const char *path, const void *want, size_t n)
{
    FILE *f = fopen(sh_path("want"), "wb");
    if (!f || fwrite(want, 1, n, f) != n || fclose(f) != 0 || su_memblk_save(d, sh_path("o"), &e) < 0)
        return -1;
    /* debugfs dumps all 60 bytes of a file in the inode: the size is compared by itself */
    return sh("e2fsck -fn o && debugfs -R 'dump %s got' o && cmp -n %zu want got && "
              "debugfs -R 'stat %s' o | grep -q 'Size: %zu$' && debugfs -R 'ea_get /etc/fstab user.note' o "
              "| grep -q kept && debugfs -R 'stat /etc/fstab' o >st && grep -q 'Mode:  0640' st && "
              "grep -q 'mtime: 0x%08x' st && grep -q 'ctime: 0x%08x' st",
              path, n, path, n, NOW, NOW);
}

static void test_read(const struct variant *v, struct su_blk *d)
{
    struct su_fs *fs = open_fs(d, false);
    struct su_fs_stat st = {0};
    char buf[4096];
    size_t got = 0;
    if (!ok(fs, "%s: opens", v->name))
        return;
    struct su_fs_node big = find(fs, "/big");
    ok(fs->ops->stat(fs, big, &st, &e) == 0 && st.kind == SU_FS_FILE && st.size == 348894, "%s: size", v->name);
    uint8_t *all = malloc(400000);
    ok(fs->ops->read(fs, big, 0, all, 400000, &got, &e) == 0 && got == 348894, "%s: whole file", v->name);
    FILE *f = fopen(sh_path("t/big"), "rb");
    uint8_t *want = calloc(1, 400000);
    ok(f && fread(want, 1, 400000, f) == got && memcmp(all, want, got) == 0, "%s: contents", v->name);
    if (f)
        fclose(f);
    ok(fs->ops->read(fs, big, 123457, buf, 4001, &got, &e) == 0 && got == 4001 && !memcmp(buf, want + 123457, 4001));
    ok(fs->ops->read(fs, big, 348890, buf, 4096, &got, &e) == 0 && got == 4 && !memcmp(buf, want + 348890, 4));
    ok(fs->ops->read(fs, big, UINT64_MAX, buf, 4096, &got, &e) == 0 && got == 0);
    free(want);
    free(all);
    su_fs_close(fs);
}

static void test_holes(const struct variant *v, struct su_blk *d)
{
    struct su_fs *fs = open_fs(d, false);
    size_t got = 0;
    if (!fs)
        return;
    struct su_fs_node holes = find(fs, "/holes");
    uint8_t *all = malloc(400000);
    ok(fs->ops->read(fs, holes, 0, all, 400000, &got, &e) == 0 && got > 150006 && su_all_zero(all, 150000) &&
           !memcmp(all + 150000, "middle", 6) && su_all_zero(all + 150006, got - 150006),
       "%s: holes are zeros", v->name);
    free(all);
    su_fs_close(fs);
}

static void test_links(const struct variant *v, struct su_blk *d)
{
    struct su_fs *fs = open_fs(d, false);
    struct su_fs_stat st = {0};
    char link[128];
    if (!fs)
        return;
    ok(fs->ops->readlink(fs, find(fs, "/fast"), link, sizeof link, &e) == 0 && !strcmp(link, "etc/fstab"));
    ok(fs->ops->readlink(fs, find(fs, "/slow"), link, sizeof link, &e) == 0 && strlen(link) == 100 && link[99] == '7');
    ok(fs->ops->readlink(fs, find(fs, "/slow"), link, 100, &e) < 0 && !strcmp(e.id, "fs.link"), "%s: link too long",
       v->name);
    ok(fs->ops->stat(fs, find(fs, "/pipe"), &st, &e) == 0 && st.kind == SU_FS_OTHER);
    ok(find(fs, "/etc/nothing").ino == 0 && e.kind == SU_E_MISSING && !strcmp(e.id, "fs.missing"));
    su_fs_close(fs);
}

static int count(void *arg, const char *name, size_t len, struct su_fs_node n, struct su_err *err)
{
    (void)err;
    size_t *c = arg;
    if (len > 29 && memcmp(name, "a-rather-long-name-of-a-file-", 29) == 0 && n.ino > 11)
        ++*c;
    else
        *c = 1000000;
    return 0;
}

static void test_list(const struct variant *v, struct su_blk *d)
{
    struct su_fs *fs = open_fs(d, false);
    size_t n = 0;
    if (!fs)
        return;
    ok(fs->ops->list(fs, find(fs, "/many"), count, &n, &e) == 0 && n == 300, "%s: 300 names", v->name);
    n = 0;
    ok(fs->ops->list(fs, find(fs, "/sub"), count, &n, &e) == 0 && n == 0, "%s: empty directory", v->name);
    ok(fs->ops->list(fs, find(fs, "/big"), count, &n, &e) < 0, "%s: a file has no names", v->name);
    ok(!fs->ops->replace, "opened for reading: no replace()");
    su_fs_close(fs);
}

static void replace_once(const char *label, struct su_blk *d, const char *path, size_t size, unsigned seed)
{
    struct su_fs *fs = open_fs(d, true);
    if (!ok(fs, "%s: opens for writing", label))
        return;
    uint8_t *data = pattern(size, seed);
    struct su_fs_node n = find(fs, path), fstab = find(fs, "/etc/fstab");
    bool good = fs->ops->replace(fs, n, data, size, NOW, &e) == 0;
    if (strcmp(path, "/etc/fstab") != 0) { /* the oracle looks at its times */
        uint8_t keep[64];
        size_t got;
        good = good && fs->ops->read(fs, fstab, 0, keep, sizeof keep, &got, &e) == 0 &&
               fs->ops->replace(fs, fstab, keep, got, NOW, &e) == 0;
    }
    if (!good)
        printf("# %s: %s\n", e.id, e.msg);
    uint8_t *back = malloc(size + 1);
    size_t got = 0;
    good = good && fs->ops->read(fs, n, 0, back, size + 1, &got, &e) == 0 && got == size && !memcmp(back, data, size);
    ok(good && su_memblk_count(d).unflushed == 0, "%s: %zu bytes written, read back and flushed", label, size);
    su_fs_close(fs);
    ok(oracle(d, path, data, size) == 0, "%s: %zu bytes: e2fsck and debugfs agree", label, size);
    free(back);
    free(data);
}

static void test_replace(const struct variant *v, struct su_blk *d)
{
    static const size_t inline_sizes[] = {20, 120, 61, 60, 0, 59, 3000, 100};
    static const size_t sizes[] = {0, 5000, 300000, 1, 17000, 35, 4097, 2000, 3 << 20};
    const size_t *s = v->inline_data ? inline_sizes : sizes;
    size_t n = v->inline_data ? SU_ARRAY_LEN(inline_sizes) : v - variants < 4 ? SU_ARRAY_LEN(sizes) : 4;
    for (size_t i = 0; i < n; i++)
        replace_once(v->name, d, "/etc/fstab", s[i], (unsigned)i);
    replace_once(v->name, d, "/holes", 300000, 9);
    replace_once(v->name, d, "/empty", 10000, 5);
    replace_once(v->name, d, "/big", 348000, 5);
}

static void test_in_place_is_small(void)
{
    static const struct variant v = {"4k", "-b 4096", false};
    SU_BLK struct su_blk *d = make_image(&v);
    struct su_fs *fs = d ? open_fs(d, true) : NULL;
    if (!ok(fs))
        return;
    uint64_t before = d->written;
    struct su_memblk_count c = su_memblk_count(d);
    ok(fs->ops->replace(fs, find(fs, "/etc/fstab"), "x\n", 2, NOW, &e) == 0);
    ok(d->written - before == 4096 + 4096 + 1024, "writes data, inode and superblock: %" PRIu64 " bytes",
       d->written - before);
    ok(su_le32(su_memblk_data(d) + 1024 + 48) == NOW, "s_wtime");
    before = d->written;
    ok(fs->ops->replace(fs, find(fs, "/etc/fstab"), "y\n", 2, NOW, &e) == 0);
    ok(d->written - before == 4096 + 4096 + 1024, "the superblock is written even when it does not change");
    ok(su_memblk_count(d).flushes == c.flushes + 2);
    su_fs_close(fs);
}

/* What is damaged, and what opening for writing (or reading) then says. */
static void refuse(const char *what, const char *mkfs, const char *damage, bool writable, const char *id)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs = NULL;
    int rc = sh("rm -f i && truncate -s 8M i && mkfs.ext4 -q -F %s i && { %s; }", mkfs, damage);
    e = (struct su_err){0};
    rc |= su_memblk_load(sh_path("i"), &d, &e);
    if (!ok(rc == 0, "%s: made", what))
        return;
    rc = su_fs_open_ext(d, writable, &fs, &e);
    ok(id ? rc < 0 && e.id && !strcmp(e.id, id) && !fs : rc == 0, "%s: %s", what, id ? e.msg : "opens");
    su_fs_close(fs);
    ok(su_memblk_count(d).writes == 0, "%s: opening writes nothing", what);
}

static void test_refusals(void)
{
    refuse("journal", "", "debugfs -w -R 'feature needs_recovery' i", true, "volume.dirty");
    refuse("journal, reading", "", "debugfs -w -R 'feature needs_recovery' i", false, NULL);
    refuse("not unmounted", "-t ext2", "debugfs -w -R 'ssv state 0' i", true, "volume.dirty");
    refuse("orphans", "", "debugfs -w -R 'ssv last_orphan 12' i", true, "volume.dirty");
    refuse("errors", "", "debugfs -w -R 'ssv state 3' i", true, "volume.errors");
    refuse("errors, reading", "", "debugfs -w -R 'ssv state 3' i", false, NULL);
    refuse("mmp clean", "-O mmp", "true", true, NULL);
    refuse("mmp in use", "-O mmp",
           "b=$(dumpe2fs -h i | sed -n 's/^MMP block number: *//p') && s=$(dumpe2fs -h i | sed -n 's/^Block size: "
           "*//p') &&"
           "printf '\\001\\002\\003\\000' | dd of=i bs=1 seek=$((b * s + 4)) conv=notrunc",
           true, "volume.mmp");
    refuse("incompat", "", "debugfs -w -R 'ssv feature_incompat 0x80000242' i", false, "fs.ext4.feature");
    refuse("ro_compat", "", "debugfs -w -R 'ssv feature_ro_compat 0x8000046b' i", true, "fs.ext4.feature");
    refuse("shared blocks", "", "debugfs -w -R 'feature shared_blocks' i", true, "fs.ext4.feature");
    refuse("readonly", "", "debugfs -w -R 'feature read-only' i", true, "fs.ext4.feature");
    refuse("cut", "", "truncate -s 7M i", false, "fs.ext4.size");
    refuse("no magic", "", "printf xx | dd of=i bs=1 seek=1080 conv=notrunc", false, "fs.ext4.magic");
    refuse("superblock checksum", "", "printf x | dd of=i bs=1 seek=1200 conv=notrunc", false, "fs.ext4.damaged");
    refuse("journal device", "-O journal_dev -b 4096", "true", false, "fs.ext4.feature");
}

static void test_state(void)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_ext_state st = {0};
    ok(sh("rm -f i && truncate -s 8M i && mkfs.ext4 -q -F -U 01234567-89ab-cdef-0123-456789abcdef i") == 0);
    ok(su_memblk_load(sh_path("i"), &d, &e) == 0);
    struct su_fs *fs = open_fs(d, false);
    ok(fs && su_fs_ext_state(fs, &st) == 0 && !st.errors && !st.mmp && !st.needs_recovery);
    is_str(st.uuid, "01234567-89ab-cdef-0123-456789abcdef");
    su_fs_close(fs);
}

/* Files that replace() must not touch, set up by debugfs. */
static void test_protected(void)
{
    static const struct variant v = {"protected", "-O encrypt,verity,quota", false};
    static const struct {
        const char *flags, *id;
    } row[] = {{"0x80010", "fs.ext4.immutable"},
               {"0x80020", "fs.ext4.immutable"},
               {"0x80800", "fs.ext4.encrypted"},
               {"0x180000", "fs.ext4.verity"}};
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        SU_BLK struct su_blk *d = NULL;
        ok(sh("rm -f i && truncate -s 24M i && mkfs.ext4 -q -F -d t %s i && debugfs -w -R 'sif /etc/fstab flags %s' i",
              v.options, row[i].flags) == 0);
        struct su_fs *fs = su_memblk_load(sh_path("i"), &d, &e) == 0 ? open_fs(d, true) : NULL;
        if (!ok(fs))
            continue;
        ok(fs->ops->replace(fs, find(fs, "/etc/fstab"), "x", 1, NOW, &e) < 0 && !strcmp(e.id, row[i].id), "%s",
           row[i].id);
        ok(fs->ops->replace(fs, find(fs, "/big"), "x", 1, NOW, &e) < 0 && !strcmp(e.id, "fs.ext4.quota"), "quota");
        su_fs_close(fs);
    }
}

static void test_refused_targets(void)
{
    static const struct variant v = {"targets", "", false};
    SU_BLK struct su_blk *d = make_image(&v);
    struct su_fs *fs = d ? open_fs(d, true) : NULL;
    if (!ok(fs))
        return;
    uint8_t *much = calloc(1, SU_EXT_REPLACE_MAX + 1);
    ok(fs->ops->replace(fs, find(fs, "/etc"), "x", 1, NOW, &e) < 0 && !strcmp(e.id, "fs.ext4.kind"), "directory");
    ok(fs->ops->replace(fs, (struct su_fs_node){.ino = 8}, "x", 1, NOW, &e) < 0 && !strcmp(e.id, "fs.ext4.inode"),
       "journal");
    ok(fs->ops->replace(fs, (struct su_fs_node){.ino = UINT64_C(1) << 32 | 12}, "x", 1, NOW, &e) < 0);
    ok(fs->ops->replace(fs, find(fs, "/big"), much, SU_EXT_REPLACE_MAX + 1, NOW, &e) < 0);
    is_str(e.id, "fs.file.size");
    ok(su_memblk_count(d).writes == 0, "none of these wrote");
    free(much);
    su_fs_close(fs);
}

static void test_full(void)
{
    SU_BLK struct su_blk *d = NULL;
    ok(sh("rm -f i && truncate -s 2M i && mkfs.ext4 -q -F -b 1024 -m 0 -N 400 -O ^has_journal -d t i &&"
          "head -c 800K /dev/zero | tr '\\0' z >z && { debugfs -w -R 'write z z' i; true; }") == 0);
    struct su_fs *fs = su_memblk_load(sh_path("i"), &d, &e) == 0 ? open_fs(d, true) : NULL;
    if (!ok(fs))
        return;
    uint8_t *much = pattern(1 << 20, 1);
    ok(fs->ops->replace(fs, find(fs, "/etc/fstab"), much, 1 << 20, NOW, &e) < 0 && e.kind == SU_E_REFUSED);
    is_str(e.id, "fs.full");
    ok(su_memblk_count(d).writes == 0, "found out before writing");
    ok(fs->ops->replace(fs, find(fs, "/etc/fstab"), "x", 1, NOW, &e) == 0, "less fits, and may still be written");
    free(much);
    su_fs_close(fs);
}

/* Every read, write and flush of a replace() that allocates fails once: reported, and never again. */
static void test_faults(void)
{
    static const struct variant v = {"faults", "-b 1024", false};
    SU_BLK struct su_blk *d = make_image(&v);
    uint8_t *data = pattern(9000, 1);
    unsigned long k = 1, wrong = 0;
    for (bool done = false; d && !done && k < 1000; k++) {
        struct su_fs *fs = open_fs(d, true);
        struct su_fs_node n = fs ? find(fs, "/etc/fstab") : (struct su_fs_node){0};
        if (!fs)
            break;
        su_memblk_fail(d, k);
        done = fs->ops->replace(fs, n, data, 9000, NOW, &e) == 0;
        su_memblk_fail(d, 0);
        if (!done && strcmp(e.id, "test.io") != 0)
            wrong++;
        if (!done && fs->ops->replace(fs, n, data, 50, NOW, &e) == 0 && su_memblk_count(d).writes == 0)
            wrong++;
        su_fs_close(fs);
        su_blk_close(d);
        d = NULL;
        if (su_memblk_load(sh_path("i"), &d, &e) < 0)
            break;
    }
    ok(k > 10 && k < 1000 && wrong == 0, "%lu failures, each reported as what it was", k - 2);
    free(data);
}

/* A large file system: what is read must not grow with it. */
static void test_large(void)
{
    SU_BLK struct su_blk *d = NULL;
    ok(sh("rm -f i && truncate -s 8T i && mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -O ^has_journal "
          "-m 0 i && printf abc >f && debugfs -w -R 'write f f' i") == 0,
       "8 TiB");
    struct su_fs *fs = su_memblk_load(sh_path("i"), &d, &e) == 0 ? open_fs(d, true) : NULL;
    if (!ok(fs))
        return;
    struct su_fs_node n = find(fs, "/f");
    unsigned long reads = su_memblk_count(d).reads;
    uint8_t *data = pattern(100000, 3);
    ok(fs->ops->replace(fs, n, data, 100000, NOW, &e) == 0, "%s", e.msg);
    reads = su_memblk_count(d).reads - reads;
    ok(reads < 100 && d->written < 600000, "%lu reads, %" PRIu64 " bytes written", reads, d->written);
    free(data);
    su_fs_close(fs);
}

/* More than the groups in use hold: bitmaps that were never written get written. */
static void test_uninitialised_groups(void)
{
    static const char *const options[] = {"-O metadata_csum", "-O ^metadata_csum,uninit_bg", "-O ^flex_bg",
                                          "-O bigalloc -C 4096 -g 4096"};
    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++) {
        SU_BLK struct su_blk *d = NULL;
        uint8_t *data = pattern(SU_EXT_REPLACE_MAX, 1);
        ok(sh("rm -f i; truncate -s 64M i && mkfs.ext4 -q -F -b 1024 -g 1024 -d t %s i && dumpe2fs i | grep -q "
              "BLOCK_UNINIT",
              options[i]) == 0,
           "%s: made", options[i]);
        struct su_fs *fs = su_memblk_load(sh_path("i"), &d, &e) == 0 ? open_fs(d, true) : NULL;
        if (!ok(fs))
            continue;
        int rc = fs->ops->replace(fs, find(fs, "/etc/fstab"), data, SU_EXT_REPLACE_MAX, NOW, &e);
        su_fs_close(fs);
        ok(rc == 0 && su_memblk_save(d, sh_path("o"), &e) == 0 && sh("e2fsck -fn o") == 0, "%s: clean", options[i]);
        free(data);
    }
}

/* Time stamps after 2038 take two more bits. */
static void test_late(void)
{
    SU_BLK struct su_blk *d = NULL;
    ok(sh("rm -f i; truncate -s 8M i && mkfs.ext4 -q -F -I 256 -d t i") == 0 &&
       su_memblk_load(sh_path("i"), &d, &e) == 0);
    struct su_fs *fs = open_fs(d, true);
    if (!ok(fs))
        return;
    ok(fs->ops->replace(fs, find(fs, "/etc/fstab"), "x", 1, 5000000000, &e) == 0);
    su_fs_close(fs);
    ok(su_memblk_save(d, sh_path("o"), &e) == 0 &&
           sh("e2fsck -fn o && debugfs -R 'stat /etc/fstab' o | grep -q 'mtime: 0x2a05f200:00000001'") == 0,
       "the year 2128");
}

/* A kernel and its initramfs are read whole: in few, large pieces. */
static void test_read_is_quick(void)
{
    static const char *const options[] = {"-b 4096", "-t ext3 -b 4096"};
    for (size_t i = 0; i < SU_ARRAY_LEN(options); i++) {
        SU_BLK struct su_blk *d = NULL;
        ok(sh("rm -rf i big; mkdir big; head -c 30M /dev/urandom >big/initrd; truncate -s 64M i; mkfs.ext4 -q -F %s -d "
              "big i",
              options[i]) == 0 &&
           su_memblk_load(sh_path("i"), &d, &e) == 0);
        struct su_fs *fs = open_fs(d, false);
        uint8_t *all = malloc(30 << 20);
        size_t got = 0;
        struct su_fs_node n = fs ? find(fs, "/initrd") : (struct su_fs_node){0};
        unsigned long before = su_memblk_count(d).reads;
        ok(fs && fs->ops->read(fs, n, 0, all, 30 << 20, &got, &e) == 0 && got == 30 << 20);
        unsigned long reads = su_memblk_count(d).reads - before;
        ok(reads < 60, "%s: 30 MiB in %lu reads", options[i], reads);
        free(all);
        if (fs)
            su_fs_close(fs);
    }
}

int main(void)
{
    make_tree();
    for (size_t i = 0; i < SU_ARRAY_LEN(variants); i++) {
        SU_BLK struct su_blk *d = tap_skips(i, 5) ? NULL : make_image(&variants[i]);
        if (!d)
            continue;
        test_read(&variants[i], d);
        test_holes(&variants[i], d);
        test_links(&variants[i], d);
        test_list(&variants[i], d);
        test_replace(&variants[i], d);
    }
    test_in_place_is_small();
    test_refusals();
    test_state();
    test_protected();
    test_refused_targets();
    test_full();
    test_faults();
    test_large();
    test_uninitialised_groups();
    test_late();
    test_read_is_quick();
    return tap_done();
}
