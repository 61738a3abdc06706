/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The NTFS driver on volumes of mkntfs, filled by surety-ntfstree (SURETY_NTFSTREE), with ntfscat, ntfsfix and
 * grub-fstest as oracles. */
#include "disk/blk_overlay.h"
#include "guest/fs_ntfs.h"
#include "tests/lib/fs_tree.h"
#include "tests/lib/ntfs_image.h"
#include <time.h>

enum { NOW = 1750000000, BIG = 300000 };

static long clock_asked; /* the driver and its library must not know the time */

int clock_gettime(clockid_t id, struct timespec *out)
{
    (void)id;
    *out = (struct timespec){.tv_sec = 1600000000 + 1000 * ++clock_asked};
    return 0;
}

/* Volumes ---------------------------------------------------------------------*/

static const struct ntfs_shape variants[] = {
    {"512/512", 512, 512}, {"512/1k", 512, 1024}, {"512/4k", 512, 4096},   {"512/64k", 512, 65536},
    {"1k/4k", 1024, 4096}, {"4k/4k", 4096, 4096}, {"4k/64k", 4096, 65536}, {"512/128k", 512, 131072},
};
static const struct ntfs_shape *const usual = &variants[2];

static const char tree[] = "mkdir /Windows/System32/config\n"
                           "mkdir /Windows/Boot\n"
                           "put /Windows/System32/config/SYSTEM big\n"
                           "text /Windows/win.ini \"[fonts]\\n\"\n"
                           "dosname /Windows/win.ini WIN~1.INI\n"
                           "text /Windows/linked one\n"
                           "link /Windows/linked /Windows/Boot/other\n"
                           "text /empty \"\"\n"
                           "text \"/\xc3\x9c"
                           "BER gr\xc3\xb6\xc3\x9f"
                           "e \xd0\x96.txt\" name\n"
                           "text \"/\xf0\x9f\x98\x80\" smile\n"
                           "text /ALLUPPER.TXT upper\n"
                           "fill /many 600 10\n"
                           "fragmented /pieces 300000\n"
                           "encrypted /secret text\n"
                           "sparse /holes 500000\n"
                           "reparse /wof 80000017\n"
                           "mkdir /junction\n"
                           "reparse /dedup 80000013\n";

static uint8_t big[BIG];

static struct su_blk *make_volume(const struct ntfs_shape *v, const char *more)
{
    bool good = format("i", v, 48) && script("i", tree) && (!*more || script("i", more));
    ok(good, "%s: made", v->name);
    return good ? load("i") : NULL;
}

static struct su_fs *open_fs(struct su_blk *d, bool writable)
{
    struct su_fs *fs = NULL;
    e = (struct su_err){0};
    if (d && su_fs_open_ntfs(d, writable, &fs, &e) < 0)
        printf("# open: %s: %s\n", e.id, e.msg);
    return fs;
}

static struct su_ntfs_state state_of(struct su_blk *d)
{
    struct su_ntfs_state s = {0};
    struct su_fs *fs = open_fs(d, false);
    ok(fs && su_fs_ntfs_state(fs, &s) == 0, "opens for reading");
    su_fs_close(fs);
    return s;
}

/* Reading -----------------------------------------------------------------------*/

static const char *error_of(struct su_fs *fs, const char *path)
{
    struct su_fs_node n;
    uint8_t buf[16];
    size_t got;
    e = (struct su_err){.id = ""};
    if (su_fs_walk(fs, fs->root, path, &n, &e) == 0)
        (void)!fs->ops->read(fs, n, 0, buf, sizeof buf, &got, &e);
    return e.id;
}

static void test_read(const struct ntfs_shape *v, struct su_blk *d)
{
    struct su_fs *fs = open_fs(d, false);
    if (!ok(fs, "%s: opens", v->name))
        return;
    ok(tree_has(fs, "/Windows/System32/config/SYSTEM", big, BIG), "%s: a file", v->name);
    ok(tree_has(fs, "/wINDOWS/sYSTEM32/CONFIG/system", big, BIG), "%s: whatever the case", v->name);
    ok(tree_pieces(fs, "/windows/system32/config/system", big, BIG), "%s: bit by bit", v->name);
    ok(tree_has(fs, "/Windows/win~1.ini", "[fonts]\n", 8), "%s: by its 8.3 name", v->name);
    ok(tree_has(fs, "/empty", "", 0), "%s: empty", v->name);
    ok(tree_has(fs,
                "/\xc3\xbc"
                "ber GR\xc3\x96\xc3\x9f"
                "E \xd0\xb6.TXT",
                "name", 4),
       "%s: $UpCase decides", v->name);
    ok(tree_has(fs, "/\xf0\x9f\x98\x80", "smile", 5), "%s: a surrogate pair", v->name);
    ok(tree_has(fs, "/allUpper.txt", "upper", 5), "%s: lower for upper", v->name);
    ok(tree_count(fs, "/many/dir-00000", 0) == 500 && tree_count(fs, "/many/dir-00000", 7) == 7, "%s: many", v->name);
    ok(tree_count(fs, "/Windows", 0) == 4, "%s: 8.3 names are not listed", v->name);
    ok(tree_count(fs, "/", 0) == 12, "%s: nor are metafiles", v->name);
    is_str(error_of(fs, "/$MFT"), "fs.missing");
    is_str(error_of(fs, "/$Extend/$Reparse"), "fs.missing");
    is_str(error_of(fs, "/secret"), "fs.ntfs.encrypted");
    is_str(error_of(fs, "/wof"), "fs.ntfs.compact");
    is_str(error_of(fs, "/dedup"), "fs.ntfs.kind");
    is_str(error_of(fs, "/junction"), "fs.ntfs.kind");
    is_str(error_of(fs, "/Windows/win.ini/x"), "fs.missing");
    is_str(error_of(fs, "/\xff\xfe"), "fs.missing");
    struct su_fs_stat st;
    ok(fs->ops->stat(fs, (struct su_fs_node){.ino = 3}, &st, &e) < 0 && strcmp(e.id, "fs.ntfs.inode") == 0);
    ok(fs->ops->stat(fs, (struct su_fs_node){.ino = UINT64_MAX}, &st, &e) < 0 && strcmp(e.id, "fs.ntfs.inode") == 0);
    ok(fs->ops->replace == NULL, "%s: read-only", v->name);
    SU_BUF struct su_buf b = {0};
    ok(su_fs_read_file(fs, fs->root, "/wof", 9, &b, &e) < 0 && strcmp(e.id, "fs.ntfs.compact") == 0, "%s", v->name);
    ok(su_fs_read_file(fs, fs->root, "/holes", 1 << 20, &b, &e) == 0 && b.n == 500000 && su_all_zero(b.p, b.n),
       "%s: holes are zeros", v->name);
    su_fs_close(fs);
}

/* Replacing ---------------------------------------------------------------------*/

struct tally {
    uint64_t bytes, sum;
};

static int count_change(void *arg, uint64_t off, const uint8_t *bytes, size_t n, struct su_err *why)
{
    (void)why;
    struct tally *t = arg;
    t->bytes += n;
    for (size_t i = 0; i < n; i++)
        t->sum = (t->sum + off + i) * UINT64_C(1099511628211) ^ bytes[i];
    return 0;
}

static struct tally tally_of(struct su_blk *overlay)
{
    struct tally t = {0};
    ok(su_blk_overlay_changes(overlay, count_change, &t, &e) == 0, "changes");
    return t;
}

static int replace(struct su_fs *fs, const char *path, const void *p, size_t n)
{
    struct su_fs_node node;
    e = (struct su_err){0};
    return su_fs_walk(fs, fs->root, path, &node, &e) < 0 ? -1 : fs->ops->replace(fs, node, p, n, NOW, &e);
}

static bool put_file(const char *name, const void *p, size_t n)
{
    FILE *f = fopen(sh_path("%s", name), "wbe");
    return f && fwrite(p, 1, n, f) == n && fclose(f) == 0;
}

/* Other readers find what was written, and nothing to complain about. */
static bool oracle(struct su_blk *overlay, const struct ntfs_shape *v, const char *path, const void *want, size_t n)
{
    struct su_blk *o = NULL;
    SU_FREE uint8_t *p = malloc(overlay->size);
    bool good = p && su_blk_read(overlay, 0, p, overlay->size, &e) == 0 && su_memblk_new(overlay->size, &o, &e) == 0;
    if (good) {
        memcpy(su_memblk_data(o), p, overlay->size);
        good = su_memblk_save(o, sh_path("o"), &e) == 0 && put_file("want", want, n);
    }
    su_blk_close(o);
    good = good && sh("ntfscat -q o %s >got && cmp want got && ntfsfix -n o && ntfsresize -c o", path) == 0;
    if (good && v->cluster <= 65536 && sh_have("grub-fstest"))
        good = sh("test ! -s want || grub-fstest \"$PWD/o\" cmp '(loop0)%s' \"$PWD/want\"", path) == 0;
    return good;
}

static const struct change {
    const char *what, *path;
    size_t n, touch; /* length afterwards; where 8 bytes change, SIZE_MAX: nowhere */
    uint64_t most;   /* bytes of data that may change; the file's record and directory come on top */
} changes[] = {
    {"8 bytes of a large file", "/Windows/System32/config/SYSTEM", BIG, 150000, 4096},
    {"it grows", "/Windows/System32/config/SYSTEM", BIG + 70000, 100, 90000},
    {"it shrinks", "/Windows/System32/config/SYSTEM", 1000, SIZE_MAX, 4096},
    {"to nothing", "/Windows/System32/config/SYSTEM", 0, SIZE_MAX, 4096},
    {"a resident file", "/Windows/win.ini", 8, 0, 0},
    {"it grows out of its record", "/Windows/win.ini", 20000, 7000, 24000},
    {"from nothing", "/empty", 300, 10, 4096},
    {"one of two names", "/Windows/linked", 70, 10, 512},
    {"a fragmented file", "/pieces", 300000, 123456, 4096},
    {"it grows, too", "/pieces", 600000, 1, 310000},
};

static void test_change(const struct ntfs_shape *v, struct su_blk *d, const struct change *c)
{
    struct su_blk *o = NULL;
    SU_BUF struct su_buf b = {0};
    if (!ok(su_blk_overlay_open(d, &o, &e) == 0, "overlay"))
        return;
    struct su_fs *fs = open_fs(o, true);
    if (ok(fs, "%s: opens for writing", v->name)) {
        ok(su_fs_read_file(fs, fs->root, c->path, 1 << 20, &b, &e) == 0, "%s", c->path);
        size_t before = b.n;
        if (b.n < c->n)
            su_buf_zero(&b, c->n - b.n);
        for (size_t i = before; i < c->n; i++)
            b.p[i] = (uint8_t)('a' + i / 3 % 26);
        if (c->touch != SIZE_MAX)
            memcpy(b.p + c->touch, "CHANGED!", 8);
        int r = replace(fs, c->path, b.p, c->n);
        ok(r == 0, "%s: %s: replaced %s", v->name, c->what, r ? e.msg : "");
        ok(tree_has(fs, c->path, b.p, c->n), "%s: %s: read again", v->name, c->what);
        uint64_t most = c->most + 2 * 4096 + 4 * 8192 + v->cluster;
        struct tally t = tally_of(o);
        ok(t.bytes <= most, "%s: %s: %llu bytes written", v->name, c->what, (unsigned long long)t.bytes);
        struct tally again = (su_fs_close(fs), tally_of(o));
        ok(again.sum == t.sum, "%s: %s: closing writes nothing", v->name, c->what);
        ok(oracle(o, v, c->path, b.p, c->n), "%s: %s: so say others", v->name, c->what);
    }
    su_blk_close(o);
}

/* The record and every directory entry know size and time; what Windows does not touch stays. */
static void test_entries(struct su_blk *d)
{
    struct su_blk *o = NULL;
    if (su_blk_overlay_open(d, &o, &e) < 0)
        return;
    struct su_fs *fs = open_fs(o, true);
    ok(fs && replace(fs, "/Windows/linked", "longer", 6) == 0 && replace(fs, "/Windows/WIN.INI", "x", 1) == 0);
    su_fs_close(fs);
    ok(oracle(o, usual, "/Windows/linked", "longer", 6), "as others see it");
    ok(script("o", "stat /Windows/linked\nstat /Windows/win.ini\n") &&
           sh("grep -c 'created 1700000000 changed %d record-changed %d' out | grep -qx 2 && "
              "grep -cx '0 6 8 %d %d' out | grep -qx 2 && grep -qx '1 1 8 %d %d' out && grep -qx '2 1 8 %d %d' out",
              NOW, NOW, NOW, NOW, NOW, NOW, NOW, NOW) == 0,
       "all names of a file know its size and time");
    su_blk_close(o);
}

static void test_refused(struct su_blk *d)
{
    static const struct {
        const char *path, *id;
    } rows[] = {
        {"/comp", "fs.ntfs.compressed"}, {"/holes", "fs.ntfs.sparse"}, {"/secret", "fs.ntfs.encrypted"},
        {"/wof", "fs.ntfs.compact"},     {"/dedup", "fs.ntfs.kind"},   {"/Windows", "fs.ntfs.kind"},
    };
    struct su_blk *o = NULL;
    if (su_blk_overlay_open(d, &o, &e) < 0)
        return;
    struct su_fs *fs = open_fs(o, true);
    for (size_t i = 0; fs && i < SU_ARRAY_LEN(rows); i++) {
        ok(replace(fs, rows[i].path, "x", 1) < 0, "%s", rows[i].path);
        is_str(e.id, rows[i].id);
    }
    if (fs) {
        SU_BUF struct su_buf b = {0};
        ok(su_fs_read_file(fs, fs->root, "/comp", 1 << 20, &b, &e) == 0 && b.n == BIG && !memcmp(b.p, big, BIG),
           "a file compressed by NTFS can be read");
        ok(replace(fs, "/Windows/win.ini", "[fonts]\n", 8) == 0, "the same contents again");
        ok(fs->ops->replace(fs, fs->root, big, (size_t)SU_NTFS_REPLACE_MAX + 1, NOW, &e) < 0);
        is_str(e.id, "fs.ntfs.size");
    }
    ok(tally_of(o).bytes == 0, "nothing of that left a trace");
    su_fs_close(fs);
    su_blk_close(o);
}

static void test_full(void)
{
    struct su_blk *d = format("i", usual, 16) && script("i", "text /a small\nfull /all\n") ? load("i") : NULL,
                  *o = NULL;
    if (!ok(d && su_blk_overlay_open(d, &o, &e) == 0, "a full volume"))
        return;
    struct su_fs *fs = open_fs(o, true);
    ok(fs && replace(fs, "/a", "other", 5) == 0, "what fits fits");
    ok(fs && replace(fs, "/a", big, BIG) < 0, "no room");
    is_str(e.id, "fs.full");
    ok(fs && replace(fs, "/a", "x", 1) < 0, "nothing more after that");
    is_str(e.id, "fs.ntfs.broken");
    su_fs_close(fs);
    su_blk_close(o);
    fs = open_fs(d, true);
    ok(fs && tree_has(fs, "/a", "small", 5), "the volume itself is as it was");
    su_fs_close(fs);
    su_blk_close(d);
}

/* The same facts give the same plan, whatever the clock says. */
static void test_same(struct su_blk *d)
{
    struct tally t[2] = {{0}};
    clock_asked = 0;
    for (int i = 0; i < 2; i++) {
        struct su_blk *o = NULL;
        struct su_fs *fs = su_blk_overlay_open(d, &o, &e) == 0 ? open_fs(o, true) : NULL;
        ok(fs && replace(fs, "/pieces", big, BIG) == 0 && replace(fs, "/empty", big, 50000) == 0);
        su_fs_close(fs);
        t[i] = tally_of(o);
        su_blk_close(o);
    }
    ok(t[0].bytes > BIG && t[0].bytes == t[1].bytes && t[0].sum == t[1].sum, "twice the same");
    ok(clock_asked == 0, "without a look at the clock");
}

/* State --------------------------------------------------------------------------*/

static void refused(const char *commands, const char *id)
{
    ok(format("i", usual, 16) && script("i", "text /a small\n") && script("i", commands), "%s", commands);
    struct su_blk *d = load("i");
    struct su_fs *fs = open_fs(d, false);
    ok(fs && tree_has(fs, "/a", "small", 5), "readable all the same");
    su_fs_close(fs);
    fs = open_fs(d, true);
    ok(fs ? !*id : *id != 0, "for writing: %s", e.id ? e.id : "");
    is_str(e.id ? e.id : "", id);
    su_fs_close(fs);
    struct su_ntfs_state s = state_of(d);
    ok(s.writable == !*id && s.major == 3 && s.minor == 1 && s.cluster_size == 4096);
    ok(s.dirty == !strcmp(commands, "dirty on\n") && s.log_dirty == !strcmp(commands, "logdirty\n"));
    ok(s.mirror_differs == !strcmp(commands, "damage-mirror\n"));
    ok(s.hibernated == (strcmp(id, "volume.hibernated") == 0));
    ok(s.log_n == 8192 && s.log_at > 0 && s.log_at % 4096 == 0, "the log lies at %llu", (unsigned long long)s.log_at);
    if (strncmp(commands, "log", 3) == 0)
        ok(memcmp(su_memblk_data(d) + s.log_at, "RSTR", 4) == 0 &&
           memcmp(su_memblk_data(d) + s.log_at + 4096, "RSTR", 4) == 0);
    su_blk_close(d);
}

static void test_states(void)
{
    refused("dirty on\n", "volume.dirty");
    refused("dirty on\ndirty off\n", "");
    refused("logdirty\n", "volume.dirty");
    refused("logclean\n", "");
    refused("damage-mirror\n", "fs.ntfs.mirror");
    refused("text /hiberfil.sys hibr\n", "volume.hibernated");
    refused("text /HIBERFIL.SYS HIBR...........\n", "volume.hibernated");
    refused("text /hiberfil.sys wake\n", "");
    refused("sparse /hiberfil.sys 100000\n", "");
    refused("text /hiberfil.sys hi\n", "");
}

/* The version stands in $VOLUME_INFORMATION of record 3, in both copies. */
static void test_version(void)
{
    struct su_blk *d = format("i", usual, 16) ? load("i") : NULL;
    int found = 0;
    if (!d)
        return;
    uint8_t *p = su_memblk_data(d);
    for (uint64_t at = 0; at + 1024 <= d->size; at += 1024)
        if (memcmp(p + at, "FILE", 4) == 0 && su_le32(p + at + 44) == 3)
            for (size_t a = su_le16(p + at + 20); a + 40 < 1024 && su_le32(p + at + a) < 0x80;
                 a += su_le32(p + at + a + 4))
                if (su_le32(p + at + a) == 0x70)
                    p[at + a + su_le16(p + at + a + 20) + 8] = 2, found++;
    ok(found == 2 && !open_fs(d, true) && strcmp(e.id, "fs.ntfs.version") == 0, "version 2.1, %d times", found);
    su_blk_close(d);
}

static void test_boot(void)
{
    static const struct {
        size_t at;
        uint8_t value;
    } rows[] = {
        {3, 'X'}, {11, 1},    {12, 0x40}, {13, 3},    {13, 0},    {13, 0xe0}, {64, 0}, {64, 0x80}, {64, 0xe7},
        {68, 0},  {68, 0x90}, {47, 0x7f}, {47, 0x80}, {42, 0xff}, {55, 1},    {48, 0}, {63, 0x80},
    };
    struct su_blk *d = format("i", usual, 16) ? load("i") : NULL;
    for (size_t i = 0; d && i < SU_ARRAY_LEN(rows); i++) {
        uint8_t *p = su_memblk_data(d) + rows[i].at, was = *p;
        *p = rows[i].value;
        ok(!open_fs(d, false) && e.kind == SU_E_FORMAT, "byte %zu of the boot sector %d", rows[i].at, rows[i].value);
        *p = was;
    }
    struct su_blk *small = NULL;
    ok(su_memblk_new(100, &small, &e) == 0 && !open_fs(small, false) && strcmp(e.id, "fs.ntfs.boot") == 0);
    su_blk_close(small);
    uint8_t sector[512] = {0};
    ok(!su_ntfs_is_bitlocker(sector));
    memcpy(sector + 3, "-FVE-FS-", 8);
    ok(su_ntfs_is_bitlocker(sector));
    su_blk_close(d);
}

/* libntfs-3g does not free everything when it cannot open a volume. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static int open_leaky(struct su_blk *d, struct su_fs **out)
{
    if (__lsan_disable)
        __lsan_disable();
    int r = su_fs_open_ntfs(d, true, out, &e);
    if (__lsan_enable)
        __lsan_enable();
    return r;
}

/* A disk that fails at any moment is reported as such. */
static void test_io(struct su_blk *d)
{
    unsigned long n = 1, bad = 0, done = 0;
    for (; n < 400 && !done; n++) {
        struct su_blk *o = NULL;
        struct su_fs *fs = NULL;
        e = (struct su_err){0};
        if (su_blk_overlay_open(d, &o, &e) < 0)
            return;
        su_memblk_fail(d, n);
        if (open_leaky(o, &fs) == 0 && replace(fs, "/Windows/win.ini", big, 20000) == 0)
            done = n;
        else
            bad += e.kind != SU_E_IO;
        su_fs_close(fs);
        su_memblk_fail(d, 0);
        su_blk_close(o);
    }
    ok(done > 20 && bad == 0, "%lu reads that fail, %lu reported as something else", done - 1, bad);
}

/* The cost of opening does not grow with the volume or its files. */
static void test_cost(void)
{
    unsigned long reads[2];
    static const char *const scripts[] = {"text /a small\n", "fill /f 20000 100\ntext /a small\n"};
    for (int i = 0; i < 2; i++) {
        struct su_blk *d = format("i", usual, i ? 2000 : 16) && script("i", scripts[i]) ? load("i") : NULL;
        struct su_fs *fs = open_fs(d, false);
        ok(fs && tree_has(fs, "/a", "small", 5));
        su_fs_close(fs);
        reads[i] = d ? su_memblk_count(d).reads : 0;
        su_blk_close(d);
    }
    ok(reads[1] <= reads[0] + 8, "%lu reads of a small volume, %lu of a large one", reads[0], reads[1]);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 8192);
    if (!getenv("SURETY_NTFSTREE") || !sh_have("mkntfs") || !sh_have("ntfscat")) {
        printf("1..0 # SKIP no ntfs-3g\n");
        return 0;
    }
    for (size_t i = 0; i < BIG; i++)
        big[i] = (uint8_t)("0123456789abcdef\n"[(i * 7 + i / 97) % 17]);
    if (!put_file("big", big, BIG))
        return 99;
    for (size_t i = 0; i < SU_ARRAY_LEN(variants); i++) {
        const struct ntfs_shape *v = &variants[i];
        if (tap_skips(i + 2, 4)) /* the usual one stays */
            continue;
        struct su_blk *d =
            make_volume(v, v == usual ? "compressed /comp big\n" : "rm /ALLUPPER.TXT\ntext /ALLUPPER.TXT upper\n");
        if (!d)
            continue;
        if (v != usual)
            test_read(v, d);
        for (size_t k = 0; k < SU_ARRAY_LEN(changes); k++)
            test_change(v, d, &changes[k]);
        if (v == usual) {
            test_entries(d);
            test_refused(d);
            test_same(d);
            test_io(d);
        }
        su_blk_close(d);
    }
    test_full();
    test_states();
    test_version();
    test_boot();
    test_cost();
    return tap_done();
}
