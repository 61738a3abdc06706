/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths over a driver that is a table. */
#include "guest/fs.h"
#include "tests/lib/tap.h"

static const struct file {
    uint64_t ino, parent;
    const char *name;
    enum su_fs_kind kind;
    const char *text; /* contents, or target */
} files[] = {
    {1, 1, "", SU_FS_DIR, ""},
    {2, 1, "etc", SU_FS_DIR, ""},
    {3, 2, "fstab", SU_FS_FILE, "outer fstab"},
    {4, 1, "@rootfs", SU_FS_DIR, ""},
    {5, 4, "etc", SU_FS_DIR, ""},
    {6, 5, "fstab", SU_FS_FILE, "inner fstab"},
    {7, 4, "abs", SU_FS_LINK, "/etc/fstab"},
    {8, 4, "rel", SU_FS_LINK, "etc/fstab"},
    {9, 4, "up", SU_FS_LINK, "../../../etc/fstab"},
    {10, 4, "dirlink", SU_FS_LINK, "etc"},
    {11, 4, "loop", SU_FS_LINK, "loop"},
    {12, 4, "loop-a", SU_FS_LINK, "./loop-b"},
    {13, 4, "loop-b", SU_FS_LINK, "/loop-a"},
    {14, 4, "dangling", SU_FS_LINK, "nowhere"},
    {15, 4, "tty", SU_FS_OTHER, ""},
    {16, 4, "deep", SU_FS_DIR, ""},
    {16, 16, "deep", SU_FS_DIR, ""}, /* holds itself */
    {17, 4, "wander", SU_FS_LINK, "etc/../etc/../etc/../etc/../wander"},
    {18, 4, "zigzag", SU_FS_LINK, NULL}, /* as long as a link may be, and to itself: see main() */
    {19, 5, "back", SU_FS_LINK, "../rel"},
    {20, 4, "hello\033[31m", SU_FS_DIR, ""},
    {21, 4, "bad", SU_FS_DIR, NULL}, /* its lookups fail otherwise */
    {22, 4, "empty", SU_FS_FILE, ""},
    {23, 4, "a-link", SU_FS_LINK, "b-link"},
    {24, 4, "b-link", SU_FS_LINK, "dirlink/fstab"},
};
static char zigzag[SU_FS_MAX_PATH + 1];
static unsigned lookups;

static const char *text_of(const struct file *f)
{
    return f->ino == 18 ? zigzag : f->text;
}

static const struct file *by_ino(uint64_t ino)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(files); i++)
        if (files[i].ino == ino)
            return &files[i];
    abort();
}

static int fake_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    const struct file *f = by_ino(n.ino);
    (void)fs, (void)e;
    *out = (struct su_fs_stat){f->kind, text_of(f) ? strlen(text_of(f)) : 0};
    return 0;
}

static int fake_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                       struct su_err *e)
{
    (void)fs;
    lookups++;
    if (dir.ino == 21)
        return su_fail(e, SU_E_FORMAT, "fs.fake.dir", "damaged");
    for (size_t i = 1; i < SU_ARRAY_LEN(files); i++) {
        if (files[i].parent == dir.ino && strlen(files[i].name) == len && !memcmp(files[i].name, name, len)) {
            *out = (struct su_fs_node){.ino = files[i].ino};
            return 0;
        }
    }
    return su_fail(e, SU_E_MISSING, "fs.missing", "no such file");
}

static int fake_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                     struct su_err *e)
{
    (void)fs;
    if (off != 0 || n.ino == 3)
        return su_fail(e, SU_E_IO, "fs.fake.read", "cannot read");
    memcpy(buf, by_ino(n.ino)->text, len);
    *got = len;
    return 0;
}

static int fake_readlink(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e)
{
    const char *text = text_of(by_ino(n.ino));
    (void)fs;
    if (strlen(text) >= cap)
        return su_fail(e, SU_E_FORMAT, "fs.link", "too long");
    strcpy(buf, text);
    return 0;
}

static bool closed;
static void fake_close(struct su_fs *fs)
{
    (void)fs;
    closed = true;
}

static const struct su_fs_ops ops = {.type = "fake",
                                     .stat = fake_stat,
                                     .lookup = fake_lookup,
                                     .read = fake_read,
                                     .readlink = fake_readlink,
                                     .close = fake_close};
static struct su_fs fake = {.ops = &ops, .root = {.ino = 1}};

static const struct row {
    uint64_t base;
    const char *path, *want; /* the inode's number, or an id */
} rows[] = {
    {1, "/", "1"},
    {1, "//./etc//fstab", "3"},
    {1, "/../../etc/fstab", "3"},
    {1, "/etc/../@rootfs/etc/./fstab", "6"},
    {1, "/@rootfs/abs", "3"},
    {4, "/", "4"},
    {4, "/..", "4"},
    {4, "/abs", "6"},
    {4, "/rel", "6"},
    {4, "/up", "6"},
    {1, "/@rootfs/up", "3"},
    {4, "/dirlink", "5"},
    {4, "/dirlink/", "5"},
    {4, "/dirlink/fstab", "6"},
    {4, "/dirlink/../etc/fstab", "6"},
    {4, "/etc/back", "6"},
    {4, "/a-link", "6"},
    {4, "/tty", "15"},
    {4, "/etc/fstab/", "fs.missing"},
    {4, "/etc/fstab/..", "fs.missing"},
    {4, "/tty/x", "fs.missing"},
    {4, "/a-link/x", "fs.missing"},
    {4, "/nothing", "fs.missing"},
    {4, "/dangling", "fs.missing"},
    {4, "/loop", "fs.link.loop"},
    {4, "/loop-a", "fs.link.loop"},
    {4, "/wander", "fs.link.loop"},
    {4, "/zigzag", "fs.path.depth"},
    {4, "/zigzag/x", "fs.link"},
    {4, "/bad/x", "fs.fake.dir"},
    {4, "", "fs.path"},
    {4, "etc/fstab", "fs.path"},
};

static void test_rows(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_fs_node n = {77, 88};
        struct su_err e = {0};
        char got[32];
        int rc = su_fs_walk(&fake, (struct su_fs_node){.ino = rows[i].base}, rows[i].path, &n, &e);
        snprintf(got, sizeof got, "%d", (int)n.ino);
        bool good = rc == 0 ? !strcmp(got, rows[i].want) : e.id && !strcmp(e.id, rows[i].want) && n.ino == 77;
        ok(good, "\"%s\" below %d gives %s", rows[i].path, (int)rows[i].base, rows[i].want);
        if (!good)
            printf("# %s %s\n", got, rc < 0 ? e.id : "");
    }
}

static void test_limits(void)
{
    char path[SU_FS_MAX_PATH + 8];
    struct su_fs_node n;
    struct su_err e = {0};
    memset(path, '/', sizeof path);
    memcpy(path + SU_FS_MAX_PATH - 3, "etc", 4);
    ok(su_fs_walk(&fake, fake.root, path, &n, &e) == 0 && n.ino == 2, "the longest path");
    memcpy(path + SU_FS_MAX_PATH - 2, "etc", 4);
    ok(su_fs_walk(&fake, fake.root, path, &n, &e) < 0, "one byte more");
    is_str(e.id, "fs.path.length");
    for (int depth = SU_FS_MAX_DEPTH - 1; depth <= SU_FS_MAX_DEPTH; depth++) {
        strcpy(path, "/@rootfs");
        for (int i = 0; i < depth; i++)
            strcat(path, "/deep");
        ok((su_fs_walk(&fake, fake.root, path, &n, &e) == 0) == (depth < SU_FS_MAX_DEPTH), "%d levels", depth);
    }
    is_str(e.id, "fs.path.depth");
    lookups = 0;
    ok(su_fs_walk(&fake, (struct su_fs_node){.ino = 4}, "/zigzag", &n, &e) < 0, "a link that goes back and forth");
    ok(lookups > 200 && lookups < 300, "cost %u lookups", lookups);
    ok(su_fs_walk(&fake, (struct su_fs_node){.ino = 4}, "/hello\033[31m/x\033]0;", &n, &e) < 0 && !strchr(e.msg, 033),
       "control characters do not reach a message");
}

static void test_read_file(void)
{
    SU_BUF struct su_buf b = {0};
    struct su_err e = {0};
    struct su_fs_node base = {.ino = 4};
    su_buf_text(&b, "+");
    ok(su_fs_read_file(&fake, base, "/abs", 11, &b, &e) == 0, "exactly as large as allowed");
    is_str(su_buf_str(&b), "+inner fstab");
    ok(su_fs_read_file(&fake, base, "/empty", 0, &b, &e) == 0 && b.n == 12, "empty");
    ok(su_fs_read_file(&fake, base, "/abs", 10, &b, &e) < 0 && e.kind == SU_E_RANGE, "too large");
    is_str(e.id, "fs.file.size");
    ok(su_fs_read_file(&fake, base, "/etc", 10, &b, &e) < 0 && e.kind == SU_E_MISSING, "a directory");
    ok(su_fs_read_file(&fake, base, "/no", 10, &b, &e) < 0 && e.kind == SU_E_MISSING, "missing");
    ok(su_fs_read_file(&fake, fake.root, "/etc/fstab", 99, &b, &e) < 0, "a read that fails");
    is_str(e.id, "fs.fake.read");
    is_str(su_buf_str(&b), "+inner fstab");
}

int main(void)
{
    memset(zigzag, '/', SU_FS_MAX_PATH);
    for (size_t i = 0; i + 14 < SU_FS_MAX_PATH; i += 7)
        memcpy(zigzag + i, "etc/../", 7);
    memcpy(zigzag + SU_FS_MAX_PATH - 6, "zigzag", 6);
    test_rows();
    test_limits();
    test_read_file();
    su_fs_close(NULL);
    su_fs_close(&fake);
    ok(closed, "close reaches the driver");
    return tap_done();
}
