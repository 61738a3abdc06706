/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restore points, with real qemu-img on small files. */
#include "tests/unit/upgrade/restore_bed.h"
#include <sys/mount.h>

static void test_there_and_back(enum su_restore_kind kind)
{
    struct bed b BED;
    struct su_err e = {0};
    if (!ok(bed_make(&b, kind) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b);
    ok(r->kind == kind && r->n_disks == 2, "two disks");
    ok(su_restore_back(r, b.dir, false, &e) == 0 && exactly_old(&b, r), "nothing was taken, nothing to go back to");
    ok(su_restore_take(r, b.dir, XML, &e) == 0, "taken %s", e.msg);
    ok(complete(&b, r), "complete");
    ok(su_restore_take(r, b.dir, XML, &e) == 0 && complete(&b, r), "twice is once %s", e.msg);
    use_it(&b, r);
    ok(su_restore_back(r, b.dir, true, &e) == 0 && state_before(&b), "state alone %s", e.msg);
    use_it(&b, r);
    ok(su_restore_back(r, b.dir, false, &e) == 0, "back %s", e.msg);
    ok(exactly_old(&b, r), "as before");
    ok(su_restore_back(r, b.dir, false, &e) == 0 && exactly_old(&b, r), "twice is once");
}

static void test_commit(enum su_restore_kind kind)
{
    struct bed b BED;
    struct su_err e = {0};
    if (!ok(bed_make(&b, kind) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b), *old SU_FREE = calloc(1, sizeof *old);
    ok(su_restore_take(r, b.dir, XML, &e) == 0);
    use_it(&b, r);
    *old = *r;
    ok(run_commit(&b, r) == 0 && merged(&b, r), "given up");
    ok(run_commit(&b, r) == 0 && merged(&b, r), "twice is once");
    ok(su_restore_back(old, b.dir, false, &e) < 0, "there is no way back");
    is_str(e.id, "vm.restore.gone");
    ok(su_restore_back(r, b.dir, true, &e) == 0 && state_before(&b), "but of the state there is %s", e.msg);
    struct su_restore *again SU_FREE = calloc(1, sizeof *again);
    ok(su_restore_plan(b.d, b.use, &b.opt, &b.places, OTHER, again, &e) == 0 &&
           su_restore_take(again, b.dir, XML, &e) == 0 && again->taken,
       "another set may come %s", e.msg);
    ok(su_restore_take(old, b.dir, XML, &e) < 0 && e.kind == SU_E_CONFLICT, "and none while it is there");
    is_str(e.id, "vm.restore.exists");
}

static void test_none(void)
{
    struct bed b BED;
    struct su_err e = {0};
    if (!ok(bed_make(&b, SU_RESTORE_NONE) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b);
    ok(r->kind == SU_RESTORE_NONE && r->n_disks == 0 && su_restore_take(r, b.dir, XML, &e) == 0 && r->taken,
       "no disks");
    io(b.a, "qcow2", "write -P 9 0 1M");
    use_it(&b, r);
    ok(su_restore_back(r, b.dir, false, &e) == 0 && state_before(&b) && reads(b.a, "qcow2", "read -P 9 0 1M"),
       "state goes back, disks stay %s", e.msg);
    ok(su_restore_back(r, b.dir, false, &e) == 0, "twice is once");
}

static void test_no_state(void)
{
    struct bed b BED;
    char gone[330];
    struct su_err e = {0};
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b);
    ok(su_restore_clear_state(r, &e) == 0 && access(b.nvram, F_OK) < 0 && access(b.tpm, F_OK) < 0, "cleared %s", e.msg);
    ok(su_restore_clear_state(r, &e) == 0, "twice");
    ok(su_restore_take(r, b.dir, XML, &e) == 0 && !r->had_nvram && !r->had_tpm, "nothing to keep");
    mkdir(b.tpm, 0700);
    set_text(gone, sizeof gone, b.tpm, "/tpm2");
    mkdir(gone, 0700);
    use_it(&b, r);
    ok(su_restore_back(r, b.dir, false, &e) == 0 && access(b.nvram, F_OK) < 0 && access(b.tpm, F_OK) < 0,
       "what was not there is not there again %s", e.msg);
}

static int take_expecting(struct bed *b, const char *id)
{
    struct su_err e = {0};
    struct su_restore *r SU_FREE = calloc(1, sizeof *r);
    char stage[360];
    set_text(stage, sizeof stage, b->dir, "/restore.stage");
    if (su_restore_plan(b->d, b->use, &b->opt, &b->places, BATCH, r, &e) < 0)
        return strcmp(e.id, id) == 0;
    if (su_restore_take(r, b->dir, XML, &e) == 0)
        return 0;
    if (strcmp(e.id, id) != 0)
        printf("# %s %s\n", e.id, e.msg);
    return strcmp(e.id, id) == 0 && access(stage, F_OK) < 0 && !r->taken;
}

static void test_hostile_state(void)
{
    struct bed b BED;
    char path[360], other[360];
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    set_text(other, sizeof other, b.t.path, "/secret");
    put(other, "secret", 0600);
    unlink(b.nvram);
    if (symlink(other, b.nvram) < 0)
        return;
    ok(take_expecting(&b, "vm.restore.state"), "NVRAM is a link");
    unlink(b.nvram);
    ok(mkfifo(b.nvram, 0600) == 0 && take_expecting(&b, "vm.restore.state"), "a pipe");
    unlink(b.nvram);
    put(b.nvram, "", 0600);
    ok(truncate(b.nvram, SU_STATE_BYTES + 1) == 0 && take_expecting(&b, "vm.restore.state"), "without end");
    put(b.nvram, "nvram before", 0600);
    set_text(path, sizeof path, b.tpm, "/tpm2/link");
    ok(symlink(other, path) == 0 && take_expecting(&b, "vm.restore.state"), "a link in the TPM's state");
    unlink(path);
    set_text(path, sizeof path, b.tpm, "/tpm2/sock");
    ok(mkfifo(path, 0600) == 0 && take_expecting(&b, "vm.restore.state"), "a pipe in it");
    unlink(path);
    for (int i = 0; i < SU_STATE_FILES + 1; i++) {
        snprintf(path, sizeof path, "%.300s/tpm2/f%d", b.tpm, i);
        put(path, "", 0600);
    }
    ok(take_expecting(&b, "vm.restore.state"), "too many files");
    ok(is(other, "secret", 0600), "nobody touched the rest");
}

/* A directory on the way that somebody else has replaced by a link. */
static void test_hostile_way(void)
{
    struct bed b BED;
    char real[330], link[330], file[360];
    struct su_err e = {0};
    int fd = -1;
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    set_text(real, sizeof real, b.t.path, "/real");
    set_text(link, sizeof link, b.t.path, "/link");
    mkdir(real, 0755);
    set_text(file, sizeof file, real, "/f");
    put(file, "x", 0600);
    set_text(file, sizeof file, link, "/f");
    ok(symlink("real", link) == 0 && su_state_open(file, O_RDONLY, &fd, &e) == 0, "a link of our own is followed");
    close(fd);
    if (geteuid() == 0) {
        ok(lchown(link, 65534, 65534) == 0 && su_state_open(file, O_RDONLY, &fd, &e) < 0, "one of another user is not");
        is_str(e.id, "vm.restore.state");
    }
    unlink(link);
    ok(symlink("link", link) == 0 && su_state_open(file, O_RDONLY, &fd, &e) < 0, "a circle ends");
    ok(su_state_open("relative", O_RDONLY, &fd, &e) < 0 && su_state_open("/", O_RDONLY, &fd, &e) < 0 &&
           su_state_open("/tmp/../etc/passwd", O_RDONLY, &fd, &e) < 0 &&
           su_state_open("/dev/null", O_RDONLY, &fd, &e) < 0,
       "no paths of files");
}

static void test_full(enum su_restore_kind kind)
{
    struct bed b BED;
    char path[330];
    struct su_err e = {0};
    if (!ok(bed_make(&b, kind) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b); /* there was room then */
    set_text(path, sizeof path, b.t.path, "/small");
    mkdir(path, 0755);
    if (mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=400k") < 0) {
        ok(true, "# SKIP no mount");
        return;
    }
    if (kind == SU_RESTORE_INTERNAL) { /* the second disk cannot grow by a snapshot's tables */
        snprintf(r->disk[1].source, sizeof r->disk[1].source, "%.300s/b.qcow2", path);
        tool((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2", r->disk[1].source, "4M", NULL});
    } else {
        snprintf(r->disk[1].overlay, sizeof r->disk[1].overlay, "%.300s/o.qcow2", path);
    }
    char fill[340];
    set_text(fill, sizeof fill, path, "/fill");
    int fd = open(fill, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static const char zero[4096];
    while (fd >= 0 && write(fd, zero, sizeof zero) > 0)
        ;
    close(fd);
    ok(su_restore_take(r, b.dir, XML, &e) < 0 && !r->taken, "%s", e.msg);
    is_str(e.id, "vm.restore.space");
    snprintf(r->disk[1].source, sizeof r->disk[1].source, "%s", kind == SU_RESTORE_INTERNAL ? b.b : b.raw);
    ok(exactly_old(&b, r), "nothing of it is left");
    umount2(path, MNT_DETACH);
}

static void test_plan_room(void)
{
    struct bed b BED;
    char path[330];
    struct su_err e = {0};
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b);
    set_text(path, sizeof path, b.t.path, "/small");
    mkdir(path, 0755);
    set_text(b.opt.overlay_dir, sizeof b.opt.overlay_dir, path, "");
    if (mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=100m") < 0) {
        ok(true, "# SKIP no mount");
        return;
    }
    ok(su_restore_plan(b.d, b.use, &b.opt, &b.places, BATCH, r, &e) < 0 && e.remedy, "room for one of two: %s", e.msg);
    is_str(e.id, "vm.restore.space");
    b.d->n_disks = 1;
    ok(su_restore_plan(b.d, b.use, &b.opt, &b.places, BATCH, r, &e) == 0, "for one %s", e.msg);
    ok(strstr(r->disk[0].overlay, "/small/vm-vda.surety-" BATCH ".qcow2"), "%s", r->disk[0].overlay);
    umount2(path, MNT_DETACH);
}

static const struct {
    const char *what;
    enum su_restore_kind asked;
    struct su_dom_disk d;
    struct su_disk_use u;
    int kind; /* -1: refused */
    const char *id;
    uint32_t disks;
} kinds[] = {
#define D(kind, path, ...)                                                                                             \
    {                                                                                                                  \
        .device = "disk", .type = kind, .source = path, .target = "vda", __VA_ARGS__                                   \
    }
#define U(...)                                                                                                         \
    {                                                                                                                  \
        .exists = true, __VA_ARGS__                                                                                    \
    }
    {"qcow2", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "qcow2"), SU_RESTORE_INTERNAL, "", 1},
    {"raw", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "raw"), SU_RESTORE_OVERLAY, "", 1},
    {"version 2", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "qcow2", .compat_v2 = true), SU_RESTORE_OVERLAY, "",
     1},
    {"version 2, internal", SU_RESTORE_INTERNAL, D("file", "/tmp/x"), U(.format = "qcow2", .compat_v2 = true), -1,
     "vm.restore.format", 0},
    {"raw, internal", SU_RESTORE_INTERNAL, D("file", "/tmp/x"), U(.format = "raw"), -1, "vm.restore.format", 0},
    {"qcow2, overlay", SU_RESTORE_OVERLAY, D("file", "/tmp/x"), U(.format = "qcow2"), SU_RESTORE_OVERLAY, "", 1},
    {"external data", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "qcow2", .data_file = true), -1,
     "vm.restore.format", 0},
    {"encrypted", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "qcow2", .encrypted = true), -1,
     "vm.restore.format", 0},
    {"vmdk", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "vmdk"), -1, "vm.restore.format", 0},
    {"vmdk, none", SU_RESTORE_NONE, D("file", "/tmp/x"), U(.format = "vmdk"), SU_RESTORE_NONE, "", 0},
    {"device", SU_RESTORE_AUTO, D("block", "/tmp/x"), U(.format = "raw", .block = true), -1, "vm.restore.block", 0},
    {"device, none", SU_RESTORE_NONE, D("block", "/tmp/x"), U(.block = true), SU_RESTORE_NONE, "", 0},
    {"network", SU_RESTORE_AUTO, D("network", ""), U(.format = "raw"), -1, "vm.restore.block", 0},
    {"missing", SU_RESTORE_AUTO, D("file", "/tmp/x"), {.format = "raw"}, -1, "vm.restore.gone", 0},
    {"of another VM, too", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "raw", .used_by_other = true), -1,
     "vm.restore.shared", 0},
    {"a base", SU_RESTORE_AUTO, D("file", "/tmp/x"), U(.format = "qcow2", .base_of_other = true), SU_RESTORE_OVERLAY,
     "", 1},
    {"read-only", SU_RESTORE_AUTO, D("file", "/tmp/x", .read_only = true), U(.format = "vmdk"), SU_RESTORE_INTERNAL, "",
     0},
    {"shared", SU_RESTORE_AUTO, D("file", "/tmp/x", .shareable = true), U(.format = "raw"), SU_RESTORE_INTERNAL, "", 0},
    {"CD", SU_RESTORE_AUTO, {.device = "cdrom", .type = "file"}, U(.format = "raw"), SU_RESTORE_INTERNAL, "", 0},
};

static void test_kinds(void)
{
    struct su_domain *d SU_FREE = calloc(1, sizeof *d);
    struct su_restore *r SU_FREE = calloc(1, sizeof *r);
    struct su_hv_places places = {.nvram = ""};
    d->n_disks = 1;
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++) {
        struct su_job_options opt = {.restore = kinds[i].asked};
        struct su_err e = {0};
        d->disk[0] = kinds[i].d;
        int x = su_restore_plan(d, &kinds[i].u, &opt, &places, BATCH, r, &e);
        ok(kinds[i].kind < 0 ? x < 0 && strcmp(e.id, kinds[i].id) == 0 && (e.remedy || !kinds[i].u.exists)
                             : x == 0 && (int)r->kind == kinds[i].kind && r->n_disks == kinds[i].disks,
           "%s: %s", kinds[i].what, e.msg);
    }
    struct su_err e = {0};
    struct su_job_options opt = {.restore = SU_RESTORE_AUTO};
    ok(su_restore_plan(d, &kinds[0].u, &opt, &places, "../x", r, &e) < 0 && e.kind == SU_E_USAGE,
       "a name that is none");
}

static void test_json(void)
{
    struct bed b BED;
    struct su_err e = {0};
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b), *s SU_FREE = calloc(1, sizeof *s), *z SU_FREE = calloc(1, sizeof *z);
    r->taken = r->had_tpm = true;
    json_t *o = su_restore_json(r);
    ok(o && su_restore_parse(o, s, &e) == 0 && memcmp(r, s, sizeof *r) == 0, "there and back %s", e.msg);
    static const char *const keys[] = {"kind", "taken", "name", "had_nvram", "had_tpm", "nvram", "tpm", "disks"};
    for (size_t i = 0; i < SU_ARRAY_LEN(keys); i++) {
        json_t *c = json_deep_copy(o);
        json_object_set_new(c, keys[i], json_integer(7));
        ok(su_restore_parse(c, s, &e) < 0 && e.kind == SU_E_FORMAT, "%s of a wrong type", keys[i]);
        json_object_del(c, keys[i]);
        ok(su_restore_parse(c, s, &e) < 0, "%s missing", keys[i]);
        json_decref(c);
    }
    json_t *disk = json_array_get(json_object_get(o, "disks"), 0);
    json_object_set_new(disk, "source", json_string("relative"));
    ok(su_restore_parse(o, s, &e) < 0, "a path must be absolute");
    json_object_set_new(disk, "source", json_string("/x"));
    json_object_set_new(disk, "more", json_string("/x"));
    ok(su_restore_parse(o, s, &e) < 0, "one more member");
    json_decref(o);
    o = su_restore_json(z);
    ok(o && su_restore_parse(o, s, &e) == 0 && memcmp(z, s, sizeof *z) == 0, "none yet");
    json_decref(o);
    ok(su_restore_parse(NULL, s, &e) < 0, "nothing");
}

static void test_lost(void)
{
    struct bed b BED;
    struct su_err e = {0};
    bool has;
    char copy[360];
    if (!ok(bed_make(&b, SU_RESTORE_INTERNAL) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b);
    ok(su_restore_take(r, b.dir, XML, &e) == 0);
    use_it(&b, r);
    ok(su_img_snapshot(b.b, SU_IMG_DELETE, r->name, &e) == 0, "somebody deletes one of two snapshots");
    ok(su_restore_back(r, b.dir, false, &e) < 0 && reads(b.a, "qcow2", "read -P 9 512k 1M"), "half a set is none");
    is_str(e.id, "vm.restore.gone");
    ok(su_img_has_snapshot(b.a, r->name, &has, &e) == 0 && has, "the other one stays");
    set_text(copy, sizeof copy, b.dir, "/before-nvram");
    unlink(copy);
    ok(su_restore_back(r, b.dir, true, &e) < 0, "no NVRAM");
    is_str(e.id, "vm.restore.gone");
}

static void test_foreign(void)
{
    struct bed b BED;
    struct su_err e = {0};
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    struct su_restore *r SU_FREE = planned(&b);
    put(r->disk[1].overlay, "mine", 0600);
    ok(su_restore_take(r, b.dir, XML, &e) < 0, "%s", e.msg);
    is_str(e.id, "vm.restore.exists");
    ok(is(r->disk[1].overlay, "mine", 0600) && access(r->disk[0].overlay, F_OK) < 0, "a file of that name stays");
}

/* Whoever can write an image may have written any file's name into its header. */
static void test_hostile_headers(void)
{
    struct bed b BED;
    struct su_err e = {0};
    bool has = false;
    char top[360], data[400], option[460];
    if (!ok(bed_make(&b, SU_RESTORE_OVERLAY) == 0))
        return;
    snprintf(top, sizeof top, "%s/top.qcow2", b.t.path);
    snprintf(data, sizeof data, "%s/secret", b.t.path);
    snprintf(option, sizeof option, "data_file=%s,data_file_raw=on", data);
    tool((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2", "-o", option, top, "1M", NULL});
    ok(su_img_merge(top, b.a, "qcow2", &e) < 0 && strcmp(e.id, "vm.restore.format") == 0, "an overlay's data: %s",
       e.msg);
    ok(su_img_merge(b.b, top, "qcow2", &e) < 0 && strcmp(e.id, "vm.restore.format") == 0, "a base's: %s", e.msg);
    ok(su_img_snapshot(top, SU_IMG_CREATE, "s", &e) < 0 && su_img_repair(top, &e) < 0, "not touched");
    ok(su_img_has_snapshot(top, "s", &has, &e) < 0, "nor looked at: %s", e.msg);
    unlink(top);
    tool((const char *const[]){"qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/nowhere/x", top,
                               "1M", NULL});
    ok(su_img_snapshot(top, SU_IMG_CREATE, "s", &e) == 0 && su_img_has_snapshot(top, "s", &has, &e) == 0 && has,
       "what lies below is not opened %s", e.msg);
    ok(su_img_snapshot(top, SU_IMG_APPLY, "s", &e) == 0 && su_img_repair(top, &e) == 0, "going back %s", e.msg);
    struct su_disk_use u;
    su_inventory_file(top, "qcow2", &u);
    is_str(u.backing_file, "/nowhere/x");
    ok(su_img_overlay(top, "qcow2", data, &e) < 0 || unlink(data) == 0, "an overlay on it: %s", e.msg);
}

int main(void)
{
    static const enum su_restore_kind both[] = {SU_RESTORE_INTERNAL, SU_RESTORE_OVERLAY};
    test_kinds();
    test_json();
    test_none();
    test_no_state();
    test_hostile_state();
    test_hostile_way();
    test_hostile_headers();
    test_plan_room();
    test_lost();
    test_foreign();
    for (size_t i = 0; i < SU_ARRAY_LEN(both); i++) {
        test_there_and_back(both[i]);
        test_commit(both[i]);
        test_full(both[i]);
    }
    return tap_done();
}
