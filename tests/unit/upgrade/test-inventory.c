/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/inventory.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

static char dir[256];

static const char *at(const char *name)
{
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void write_file(const char *name, const void *p, size_t n)
{
    SU_CLOSE int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n || ftruncate(fd, 65536) < 0)
        exit(1);
}

static void be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void qcow2(const char *name, const char *backing, const char *format)
{
    uint8_t b[1024] = "QFI\xfb";
    be32(b + 4, 3);
    be32(b + 20, 16);
    be32(b + 28, 1 << 30);
    be32(b + 100, 112);
    if (backing) {
        be32(b + 12, 512);
        be32(b + 16, (uint32_t)strlen(backing));
        memcpy(b + 512, backing, strlen(backing));
    }
    if (format) {
        be32(b + 112, 0xE2792ACA);
        be32(b + 116, (uint32_t)strlen(format));
        memcpy(b + 120, format, strlen(format));
    }
    write_file(name, b, sizeof b);
}

static void disk(struct su_domain *d, const char *target, const char *path, const char *format)
{
    struct su_dom_disk *x = &d->disk[d->n_disks++];
    snprintf(x->target, sizeof x->target, "%s", target);
    snprintf(x->source, sizeof x->source, "%s", path);
    snprintf(x->format, sizeof x->format, "%s", format);
}

static void vm(struct su_inventory *inv, const char *name, const char *target, const char *path, const char *format)
{
    static struct su_domain d;
    struct su_err e;
    memset(&d, 0, sizeof d);
    snprintf(d.name, sizeof d.name, "%s", name);
    snprintf(d.uuid, sizeof d.uuid, "uuid-%.20s", name);
    disk(&d, target, path, format);
    ok(su_inventory_add(inv, &d, &e) == 0, "%s added", name);
}

static struct su_disk_use look(const struct su_inventory *inv, const char *name, const char *target, const char *path,
                               const char *format)
{
    static struct su_domain d;
    struct su_disk_use use;
    char uuid[37];
    memset(&d, 0, sizeof d);
    snprintf(uuid, sizeof uuid, "uuid-%.20s", name);
    disk(&d, target, path, format);
    su_inventory_look(inv, uuid, &d.disk[0], &use);
    return use;
}

static void shared(void)
{
    struct su_err e;
    SU_INVENTORY struct su_inventory *inv = NULL;
    qcow2("base.qcow2", "root.raw", "raw");
    write_file("root.raw", "x", 1);
    qcow2("a.qcow2", "base.qcow2", "qcow2");
    qcow2("b.qcow2", at("base.qcow2"), NULL);
    qcow2("alone.qcow2", NULL, NULL);
    write_file("data.raw", "x", 1);
    ok(symlink(at("data.raw"), at("link.raw")) == 0);
    ok(su_inventory_new(&inv, &e) == 0);
    vm(inv, "a", "vda", at("a.qcow2"), "qcow2");
    vm(inv, "a", "vda", at("a.qcow2"), "qcow2"); /* as it runs */
    vm(inv, "b", "vda", at("b.qcow2"), "qcow2");
    vm(inv, "c", "vda", at("data.raw"), "raw");
    vm(inv, "d", "vda", at("link.raw"), "");
    vm(inv, "e", "vda", at("alone.qcow2"), "qcow2");
    vm(inv, "e", "vdb", at("alone.qcow2"), "qcow2");
    vm(inv, "f", "vda", at("base.qcow2"), "qcow2");
    vm(inv, "g", "vda", at("nothing.qcow2"), "qcow2");
    su_inventory_sort(inv);
    struct su_disk_use u = look(inv, "a", "vda", at("a.qcow2"), "qcow2");
    ok(u.exists && u.readable && !u.block && !u.used_by_other && !u.used_twice && !u.base_of_other, "a's disk is a's");
    ok(u.backing == 2 && !u.chain_unknown && u.virtual_size == 1 << 30 && u.free_space > 0 && u.key[0]);
    is_str(u.backing_file, at("base.qcow2"));
    u = look(inv, "c", "vda", at("data.raw"), "raw");
    ok(u.used_by_other && !u.base_of_other && u.virtual_size == 65536, "d uses it by a link");
    is_str(u.other, "d");
    u = look(inv, "d", "vda", at("link.raw"), "");
    is_str(u.format, "raw");
    is_str(u.other, "c");
    u = look(inv, "e", "vda", at("alone.qcow2"), "qcow2");
    ok(u.used_twice && !u.used_by_other);
    u = look(inv, "f", "vda", at("base.qcow2"), "qcow2");
    ok(u.base_of_other && !u.used_by_other, "a and b lie on it");
    ok(strcmp(u.other, "a") == 0 || strcmp(u.other, "b") == 0);
    u = look(inv, "x", "vda", at("root.raw"), "raw");
    ok(u.base_of_other, "two links down");
    u = look(inv, "g", "vda", at("nothing.qcow2"), "qcow2");
    ok(!u.exists && !u.readable && !u.key[0]);
    u = look(NULL, "a", "vda", at("a.qcow2"), "qcow2");
    ok(u.exists && u.backing == 2, "without an inventory");
}

static void chains(void)
{
    qcow2("json.qcow2", "json:{\"driver\":\"raw\"}", "raw");
    struct su_disk_use u = look(NULL, "a", "vda", at("json.qcow2"), "qcow2");
    ok(u.chain_unknown && u.backing == 0);
    qcow2("lost.qcow2", "gone.qcow2", "qcow2");
    u = look(NULL, "a", "vda", at("lost.qcow2"), "qcow2");
    ok(u.chain_unknown && u.backing == 1);
    qcow2("circle.qcow2", "circle.qcow2", "qcow2");
    u = look(NULL, "a", "vda", at("circle.qcow2"), "qcow2");
    ok(u.chain_unknown && u.backing == SU_CHAIN_MAX, "a circle ends");
    u = look(NULL, "a", "vda", at("root.raw"), "qcow2");
    ok(u.head_unknown && u.chain_unknown, "no qcow2");
    u = look(NULL, "a", "vda", at("circle.qcow2"), "raw");
    ok(u.backing == 0 && !u.chain_unknown, "what is said to be raw is raw, whatever its first bytes are");
    u = look(NULL, "a", "vda", at("root.raw"), "vmdk");
    ok(u.chain_unknown, "formats whose header is not read");
}

static void odd_files(void)
{
    ok(mkfifo(at("fifo"), 0600) == 0);
    struct su_disk_use u = look(NULL, "a", "vda", at("fifo"), "raw");
    ok(!u.exists && !u.readable, "a FIFO is no disk, and nobody waits for its writer");
    u = look(NULL, "a", "vda", "/dev/zero", "raw");
    ok(!u.exists && !u.readable, "nor is a character device");
    u = look(NULL, "a", "vda", dir, "raw");
    ok(!u.exists, "nor a directory");
    write_file("short", "", 0);
    ok(truncate(at("short"), 0) == 0);
    u = look(NULL, "a", "vda", at("short"), "qcow2");
    ok(u.exists && u.head_unknown);
}

static void locks(void)
{
    SU_CLOSE int fd = open(at("data.raw"), O_RDWR | O_CLOEXEC);
    ok(!look(NULL, "a", "vda", at("data.raw"), "raw").locked);
    struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1}; /* QEMU: it writes */
    ok(fcntl(fd, F_OFD_SETLK, &l) == 0);
    ok(look(NULL, "a", "vda", at("data.raw"), "raw").locked);
    l.l_type = F_UNLCK;
    ok(fcntl(fd, F_OFD_SETLK, &l) == 0);
    l = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1}; /* it reads */
    ok(fcntl(fd, F_OFD_SETLK, &l) == 0);
    ok(!look(NULL, "a", "vda", at("data.raw"), "raw").locked, "readers do not count");
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void many(void)
{
    enum { VMS = 1000 };
    static struct su_domain d;
    struct su_err e;
    SU_INVENTORY struct su_inventory *inv = NULL;
    unsigned bad = 0;
    double begin = seconds();
    bad += su_inventory_new(&inv, &e) < 0;
    for (int i = 0; i < VMS; i++) {
        d.n_disks = 0;
        snprintf(d.name, sizeof d.name, "%d", i);
        snprintf(d.uuid, sizeof d.uuid, "uuid-%d", i);
        disk(&d, "vda", at("a.qcow2"), "qcow2"); /* the worst: all the same */
        bad += su_inventory_add(inv, &d, &e) < 0;
    }
    su_inventory_sort(inv);
    for (int i = 0; i < VMS; i++) {
        char name[12];
        snprintf(name, sizeof name, "%d", i);
        bad += !look(inv, name, "vda", at("a.qcow2"), "qcow2").used_by_other;
    }
    double took = seconds() - begin;
    printf("# %d VMs on one chain: %.0f ms\n", VMS, took * 1e3);
    ok(bad == 0 && took < 5, "a thousand VMs");
}

/* What others have, whatever for. */
static void others(void)
{
    struct su_err e;
    static struct su_domain d;
    char name[SU_DOM_TEXT];
    SU_INVENTORY struct su_inventory *inv = NULL;
    ok(su_inventory_new(&inv, &e) == 0 && !su_inventory_other(inv, "uuid-a", at("base.qcow2"), name), "nobody");
    vm(inv, "a", "vda", at("base.qcow2"), "qcow2");
    snprintf(d.name, sizeof d.name, "renamed");
    snprintf(d.uuid, sizeof d.uuid, "uuid-r");
    snprintf(d.nvram, sizeof d.nvram, "%s", at("a_VARS.fd"));
    ok(su_inventory_add(inv, &d, &e) == 0);
    su_inventory_sort(inv);
    ok(!su_inventory_other(inv, "uuid-a", at("base.qcow2"), name) && !name[0], "its own disk");
    ok(su_inventory_other(inv, "uuid-a", at("a_VARS.fd"), name), "variables of another VM, before it ever ran");
    is_str(name, "renamed");
    ok(!su_inventory_other(inv, "uuid-r", at("a_VARS.fd"), name), "its own variables");
    vm(inv, "b", "vda", at("b.qcow2"), "qcow2");
    su_inventory_sort(inv);
    ok(su_inventory_other(inv, "uuid-a", at("base.qcow2"), name), "an overlay of another VM lies on it");
    is_str(name, "b");
    ok(su_inventory_other(inv, "uuid-b", at("link.raw"), name) == false, "a file that nobody has");
}

int main(void)
{
    struct su_err e;
    SU_TMPDIR struct su_tmpdir t = SU_TMPDIR_NONE;
    if (su_tmpdir_make(&t, 1 << 20, &e) < 0)
        return 1;
    snprintf(dir, sizeof dir, "%s", t.path);
    shared();
    chains();
    others();
    odd_files();
    locks();
    many();
    return tap_done();
}
