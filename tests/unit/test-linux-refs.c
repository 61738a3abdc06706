/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/linux_refs.c and what linux.c keeps of a file that it does not understand, over a file system made up here. */
#include "guest/linux.h"
#include "tests/lib/tap.h"
#include <string.h>

enum { MAX_ENTRIES = 80, LARGE = 2 << 20 };

static struct entry {
    char path[400];
    const char *text;
    size_t size;      /* of text; LARGE without one */
    const char *fail; /* id of what reading answers; NULL: it reads */
} entry[MAX_ENTRIES];
static size_t n_entries;

/* A node is the first entry at or below a path, and how many bytes of its path lead there: a file has them all. */
static struct su_fs_node node_of(size_t i, size_t len)
{
    return (struct su_fs_node){.ino = i * 1000 + len};
}

static bool is_file(struct su_fs_node n)
{
    return entry[n.ino / 1000].path[n.ino % 1000] == 0;
}

static int fake_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    (void)fs, (void)e;
    *out = (struct su_fs_stat){.kind = is_file(n) ? SU_FS_FILE : SU_FS_DIR, .size = entry[n.ino / 1000].size};
    return 0;
}

static int fake_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                       struct su_err *e)
{
    char path[800];
    (void)fs;
    int n = snprintf(path, sizeof path, "%.*s/%.*s", (int)(dir.ino % 1000), entry[dir.ino / 1000].path, (int)len, name);
    for (size_t i = 0; i < n_entries; i++) {
        if (strncmp(entry[i].path, path, (size_t)n) != 0 || (entry[i].path[n] != 0 && entry[i].path[n] != '/'))
            continue;
        *out = node_of(i, (size_t)n);
        return 0;
    }
    return su_fail(e, SU_E_MISSING, "fs.missing", "no such name");
}

static int fake_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    size_t n = dir.ino % 1000;
    (void)fs;
    for (size_t i = 0; i < n_entries; i++) {
        const char *p = entry[i].path;
        if (strncmp(p, entry[dir.ino / 1000].path, n) != 0 || p[n] != '/' || strchr(p + n + 1, '/'))
            continue;
        if (fn(arg, p + n + 1, strlen(p + n + 1), node_of(i, strlen(p)), e) < 0)
            return -1;
    }
    return 0;
}

static int fake_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                     struct su_err *e)
{
    const struct entry *x = &entry[n.ino / 1000];
    (void)fs;
    if (x->fail)
        return su_fail(e, SU_E_FORMAT, x->fail, "the file is damaged");
    *got = off > x->size ? 0 : len < x->size - off ? len : x->size - (size_t)off;
    memcpy(buf, x->text + off, *got);
    return 0;
}

static const struct su_fs_ops fake_ops = {
    .type = "test", .stat = fake_stat, .lookup = fake_lookup, .list = fake_list, .read = fake_read};
static struct su_fs fake = {.ops = &fake_ops};
static struct su_vols vols = {.n = 1, .vol = {{.name = "p1", .partition = 1, .parent = -1, .fs = &fake}}};
static const struct su_partuuid map[] = {{.disk_id = 0x5e5e0aaa, .slot = 1, .guid = {1}},
                                         {.disk_id = 0x5e5e0aaa, .slot = 5, .guid = {5}}};

static struct entry *put(const char *path, const char *text, size_t n)
{
    struct entry *x = NULL;
    for (size_t i = 0; i < n_entries && !x; i++)
        x = strcmp(entry[i].path, path) == 0 ? &entry[i] : NULL;
    x = x ? x : &entry[n_entries++];
    *x = (struct entry){.text = text, .size = n};
    snprintf(x->path, sizeof x->path, "%s", path);
    return x;
}
#define PUT(path, text) put(path, text, sizeof(text) - 1)

#define CFG "menuentry 'x' {\n linux /vmlinuz root=PARTUUID=5e5e0aaa-01\n}\n"
#define REF "PARTUUID=5E5E0AAA-05"

static void start(void)
{
    n_entries = 0;
    PUT("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n");
    PUT("/etc/os-release", "ID=debian\n");
    PUT("/boot/grub/grub.cfg", "menuentry 'x' {\n linux /vmlinuz root=UUID=1\n}\n");
}

static struct su_linux *find(size_t n_map)
{
    static struct su_linux l;
    struct su_err e = {0};
    su_linux_done(&l);
    l = (struct su_linux){0};
    ok(su_linux_find(&vols, map, n_map, &l, &e) == 0 && l.found, "a system is found %s", e.msg);
    return &l;
}

/* Exactly one place is stuck, for this reason. */
static void is_stuck(const char *path, const char *id)
{
    const struct su_linux *l = find(2);
    ok(l->n_stuck == 1 && l->n_refs == 0, "%s: one is stuck", id);
    is_str(l->n_stuck ? l->stuck[0].path : "", path);
    is_str(l->n_stuck ? l->stuck[0].why.id : "", id);
}

static void sound(void)
{
    start();
    ok(find(2)->n_refs == 0 && find(2)->n_stuck == 0, "nothing to rewrite");
    PUT("/boot/grub/grub.cfg", CFG);
    PUT("/etc/crypttab", "swap /dev/disk/by-partuuid/5e5e0aaa-05 /dev/urandom\r\n");
    const struct su_linux *l = find(2);
    ok(l->n_refs == 2 && l->n_stuck == 0, "two files");
    is_str(l->ref[0].path, "/etc/crypttab");
    is_str(l->ref[1].path, "/boot/grub/grub.cfg");
    ok(find(0)->n_refs == 0, "without an old table there is no reference to it");
}

static void unreadable(void)
{
    start();
    PUT("/etc/fstab", REF " / ext4 defaults 0 1\n\0");
    is_stuck("/etc/fstab", "guest.text.nul");
    PUT("/etc/fstab", "/dev/disk/by-partuuid/x / ext4 defaults 0 1\n\0");
    is_stuck("/etc/fstab", "guest.text.nul");
    PUT("/etc/fstab", "x=5E5e0aaA / ext4 defaults 0 1\n\0");
    is_stuck("/etc/fstab", "guest.text.nul");
    PUT("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n\0");
    const struct su_linux *l = find(2);
    ok(l->n_stuck == 0, "a NUL byte alone names no partition");
    ok(l->fstab_why.kind != SU_OK && l->fstab_path[0] == 0, "but fstab is not understood");
    is_str(l->fstab_why.id ? l->fstab_why.id : "", "guest.text.nul");
    start();
    put("/boot/grub/grub.cfg", NULL, LARGE);
    is_stuck("/boot/grub/grub.cfg", "fs.file.size");
    is_str(find(2)->grub_why.id, "fs.file.size");
    start();
    PUT("/boot/grub/grub.cfg", CFG "\0\0\0");
    is_stuck("/boot/grub/grub.cfg", "guest.text.nul");
    start();
    PUT("/etc/default/grub", "x\n")->fail = "fs.test.damaged";
    is_stuck("/etc/default/grub", "fs.test.damaged");
    start();
    PUT("/boot/grub/grubenv", "# not a block\nkernelopts=root=" REF "\n");
    is_stuck("/boot/grub/grubenv", "guest.grubenv.format");
    PUT("/boot/grub/grubenv", "# GRUB Environment Block\nkernelopts=root=" REF "\n##");
    is_stuck("/boot/grub/grubenv", "guest.grubenv.full");
    find(0);
    ok(find(0)->n_stuck == 0, "without an old table nothing is stuck");
}

static void odd_fstab(void)
{
    static char large[80 << 10], many[600 * 8 + 1];
    start();
    PUT("/etc/fstab", "UUID=1 / ext4 defaults 0 1\r\n");
    is_str(find(2)->fstab_why.id, "guest.text.crlf");
    for (size_t i = 0; i < 600; i++)
        memcpy(many + i * 8, "a /b c \n", 8);
    put("/etc/fstab", many, sizeof many - 1);
    is_str(find(2)->fstab_why.id, "guest.fstab.entries");
    memset(large, '#', sizeof large);
    memcpy(large + sizeof large - 28, "\n" REF " / x d\n", 28);
    put("/etc/fstab", large, sizeof large);
    const struct su_linux *l = find(2);
    ok(l->fstab_why.kind == SU_OK && l->fstab.n == 1 && l->n_refs == 1, "80 KiB of fstab are read");
    put("/etc/fstab", NULL, LARGE);
    is_stuck("/etc/fstab", "fs.file.size");
    is_str(find(2)->fstab_why.id, "fs.file.size");
}

static void entries(void)
{
    char path[400];
    start();
    PUT("/boot/loader/entries/\"a\\\xff.conf", "options root=UUID=1\n");
    PUT("/boot/loader/entries/b.txt", "options root=" REF "\n");
    ok(find(2)->n_stuck == 0 && find(2)->n_refs == 0, "an odd name without a reference, and no entry");
    PUT("/boot/loader/entries/\"a\\\xff.conf", "options root=" REF "\n");
    is_stuck("/boot/loader/entries/\"a\\?.conf", "guest.partuuid.name");
    start();
    snprintf(path, sizeof path, "/boot/loader/entries/%0250d.conf", 0);
    PUT(path, "options root=" REF "\n");
    const struct su_linux *l = find(2);
    ok(l->n_stuck == 1 && l->n_refs == 0, "a name of 255 bytes");
    is_str(l->stuck[0].why.id, "guest.partuuid.name");
    start();
    for (int i = 0; i < SU_LINUX_MAX_FILES; i++) {
        snprintf(path, sizeof path, "/boot/loader/entries/%0120d.conf", i);
        PUT(path, "options root=" REF "\n");
    }
    l = find(2);
    ok(l->n_refs == SU_LINUX_MAX_FILES && l->n_stuck == 0, "as many as fit");
    ok(strlen(l->ref[0].path) == 21 + 125, "a long path is whole");
    PUT("/etc/crypttab", REF "\n");
    l = find(2);
    ok(l->n_refs == SU_LINUX_MAX_FILES && l->n_stuck == 1, "one more");
    is_str(l->stuck[0].why.id, "guest.partuuid.files");
}

int main(void)
{
    sound();
    unreadable();
    odd_fstab();
    entries();
    start();
    su_linux_done(find(2));
    return tap_done();
}
