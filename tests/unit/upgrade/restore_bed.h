/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/upgrade/restore_bed.h - a VM with disks and state, and how it looks before, after and merged. */
#pragma once
#include "base/child.h"
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/restore_int.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BATCH "20260101-000000-0001"
#define OTHER "20260101-000000-0002"
static const char xml_text[] = "<domain/>\n";
#define XML ((struct su_bytes){(const uint8_t *)xml_text, sizeof xml_text - 1})

/* A VM --------------------------------------------------------------------------- */

struct bed {
    struct su_tmpdir t;
    char dir[300], a[320], b[320], raw[320], nvram[320], tpm[320];
    struct su_domain *d;
    struct su_disk_use use[4];
    struct su_job_options opt;
    struct su_hv_places places;
};

static inline void tool(const char *const *argv)
{
    struct su_err e = {0};
    struct su_child c = {.argv = argv};
    if (su_child_run(&c, NULL, &e) < 0)
        printf("Bail out! %s %s: %s\n", argv[0], argv[1], e.msg);
}

static inline void make_image(const char *path, const char *format, const char *size)
{
    tool((const char *const[]){"qemu-img", "create", "-q", "-f", format, path, size, NULL});
}

static inline void io(const char *path, const char *format, const char *command)
{
    tool((const char *const[]){"qemu-io", "-f", format, "-c", command, path, NULL});
}

static inline bool reads(const char *path, const char *format, const char *command)
{
    struct su_err e = {0};
    struct su_buf out SU_BUF = {0};
    struct su_child c = {.argv = (const char *const[]){"qemu-io", "-f", format, "-c", command, path, NULL}};
    return su_child_run(&c, &out, &e) == 0 && !strstr(su_buf_str(&out), "failed");
}

static inline bool sound(const char *path)
{
    struct su_err e = {0};
    struct su_child c = {.argv = (const char *const[]){"qemu-img", "check", "-q", "-f", "qcow2", path, NULL}};
    return su_child_run(&c, NULL, &e) == 0;
}

static inline void put(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0)
        printf("Bail out! %s\n", path);
    close(fd);
}

static inline bool is(const char *path, const char *text, mode_t mode)
{
    char buf[256] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof buf - 1) : -1;
    bool good = n >= 0 && strcmp(buf, text) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode;
    if (fd >= 0)
        close(fd);
    return good;
}

static inline void set_text(char *out, size_t cap, const char *a, const char *b)
{
    snprintf(out, cap, "%s%s", a, b);
}

static inline void add_disk(struct bed *b, const char *target, const char *path, const char *format)
{
    struct su_dom_disk *d = &b->d->disk[b->d->n_disks];
    struct su_disk_use *u = &b->use[b->d->n_disks++];
    struct stat st;
    *d = (struct su_dom_disk){.device = "disk", .type = "file"};
    *u = (struct su_disk_use){.exists = true, .readable = true};
    set_text(d->target, sizeof d->target, target, "");
    set_text(d->source, sizeof d->source, path, "");
    set_text(d->format, sizeof d->format, format, "");
    set_text(u->format, sizeof u->format, format, "");
    if (stat(path, &st) == 0)
        snprintf(u->key, sizeof u->key, "%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

static inline void bed_disks(struct bed *b)
{
    unlink(b->a);
    unlink(b->b);
    unlink(b->raw);
    make_image(b->a, "qcow2", "4M");
    make_image(b->b, "qcow2", "4M");
    make_image(b->raw, "raw", "4M");
    io(b->a, "qcow2", "write -P 1 0 1M");
    io(b->b, "qcow2", "write -P 2 0 1M");
    io(b->raw, "raw", "write -P 3 0 1M");
    chmod(b->raw, 0640);
}

static inline int bed_make(struct bed *b, enum su_restore_kind kind)
{
    struct su_err e = {0};
    char sub[360];
    *b = (struct bed){.t = SU_TMPDIR_NONE, .d = calloc(1, sizeof *b->d)};
    b->opt.restore = kind;
    if (su_tmpdir_make(&b->t, 64 << 20, &e) < 0)
        return -1;
    set_text(b->dir, sizeof b->dir, b->t.path, "/job");
    set_text(b->a, sizeof b->a, b->t.path, "/a,b.qcow2"); /* a comma means something to QEMU */
    set_text(b->b, sizeof b->b, b->t.path, "/b.qcow2");
    set_text(b->raw, sizeof b->raw, b->t.path, "/c.img");
    set_text(b->nvram, sizeof b->nvram, b->t.path, "/vm_VARS.fd");
    set_text(b->tpm, sizeof b->tpm, b->t.path, "/tpm");
    snprintf(b->d->name, sizeof b->d->name, "vm");
    mkdir(b->dir, 0700);
    mkdir(b->tpm, 0711);
    set_text(sub, sizeof sub, b->tpm, "/tpm2");
    mkdir(sub, 0700);
    set_text(sub, sizeof sub, b->tpm, "/tpm2/tpm2-00.permall");
    put(sub, "tpm before", 0640);
    put(b->nvram, "nvram before", 0600);
    set_text(b->places.nvram, sizeof b->places.nvram, b->nvram, "");
    set_text(b->places.tpm, sizeof b->places.tpm, b->tpm, "");
    bed_disks(b);
    add_disk(b, "vda", b->a, "qcow2");
    if (kind == SU_RESTORE_INTERNAL)
        add_disk(b, "vdb", b->b, "qcow2");
    else if (kind == SU_RESTORE_OVERLAY)
        add_disk(b, "vdb", b->raw, "raw");
    return 0;
}

static inline void bed_done(struct bed *b)
{
    free(b->d);
    su_tmpdir_remove(&b->t);
}
#define BED SU_AUTO(bed_done)

static inline struct su_restore *planned(struct bed *b)
{
    struct su_err e = {0};
    struct su_restore *r = calloc(1, sizeof *r);
    ok(su_restore_plan(b->d, b->use, &b->opt, &b->places, BATCH, r, &e) == 0, "planned %s", e.msg);
    return r;
}

/* What the upgrade and the guest do after the set was taken. */
static inline void use_it(struct bed *b, const struct su_restore *r)
{
    char sub[360];
    for (uint32_t i = 0; i < r->n_disks; i++) {
        const char *on = *r->disk[i].overlay ? r->disk[i].overlay : r->disk[i].source;
        tool((const char *const[]){"qemu-img", "resize", "-q", "-f", "qcow2", on, "5M", NULL});
        io(on, "qcow2", "write -P 9 512k 1M");
        io(on, "qcow2", "write -P 8 4M 512k");
    }
    put(b->nvram, "nvram after, longer", 0644);
    set_text(sub, sizeof sub, b->tpm, "/tpm2/tpm2-00.permall");
    put(sub, "tpm after", 0600);
    set_text(sub, sizeof sub, b->tpm, "/tpm2/more");
    put(sub, "x", 0600);
}

static inline bool state_before(const struct bed *b)
{
    char sub[360], more[360];
    struct stat st;
    set_text(sub, sizeof sub, b->tpm, "/tpm2/tpm2-00.permall");
    set_text(more, sizeof more, b->tpm, "/tpm2/more");
    return is(b->nvram, "nvram before", 0600) && is(sub, "tpm before", 0640) && access(more, F_OK) < 0 &&
           stat(b->tpm, &st) == 0 && (st.st_mode & 07777) == 0711;
}

static inline bool qcow2_old(const char *path, const char *pattern)
{
    char read[64];
    bool has = true;
    struct su_err e = {0};
    snprintf(read, sizeof read, "read -P %s 0 1M", pattern);
    return reads(path, "qcow2", read) && reads(path, "qcow2", "read -P 0 1M 3M") &&
           !reads(path, "qcow2", "read 4M 512") && sound(path) &&
           su_img_has_snapshot(path, "surety-" BATCH, &has, &e) == 0 && !has;
}

/* Nothing of the set is left, and disks and state are the old ones. */
static inline bool exactly_old(const struct bed *b, const struct su_restore *r)
{
    char stage[360], copy[360];
    set_text(stage, sizeof stage, b->dir, "/restore.stage");
    set_text(copy, sizeof copy, b->dir, "/before-nvram");
    bool good = state_before(b) && access(stage, F_OK) < 0 && access(copy, F_OK) < 0 && qcow2_old(b->a, "1");
    for (uint32_t i = 0; i < r->n_disks; i++)
        good = good && (!*r->disk[i].overlay || access(r->disk[i].overlay, F_OK) < 0);
    if (r->kind == SU_RESTORE_INTERNAL)
        return good && qcow2_old(b->b, "2");
    return good && reads(b->raw, "raw", "read -P 3 0 1M") && !reads(b->raw, "raw", "read 4M 512");
}

/* The set is complete and the VM may go on. */
static inline bool complete(const struct bed *b, const struct su_restore *r)
{
    char copy[360];
    bool has = false;
    struct su_err e = {0};
    struct stat st, old;
    set_text(copy, sizeof copy, b->dir, "/before-nvram");
    if (!r->taken || !r->had_nvram || !r->had_tpm || !is(copy, "nvram before", 0600))
        return false;
    for (uint32_t i = 0; i < r->n_disks; i++) {
        const struct su_restore_disk *d = &r->disk[i];
        bool good = r->kind == SU_RESTORE_INTERNAL
                        ? su_img_has_snapshot(d->source, r->name, &has, &e) == 0 && has && sound(d->source)
                        : stat(d->overlay, &st) == 0 && stat(d->source, &old) == 0 && st.st_mode == old.st_mode &&
                              st.st_uid == old.st_uid &&
                              reads(d->overlay, "qcow2", i ? "read -P 3 0 1M" : "read -P 1 0 1M");
        if (!good)
            return false;
    }
    return true;
}

/* Operations ----------------------------------------------------------------------- */

static inline int run_take(struct bed *b, struct su_restore *r)
{
    struct su_err e = {0};
    int x = su_restore_take(r, b->dir, XML, &e);
    if (x < 0)
        printf("# take: %s %s\n", e.id, e.msg);
    return x;
}

static inline int run_back(struct bed *b, struct su_restore *r)
{
    struct su_err e = {0};
    int x = su_restore_back(r, b->dir, false, &e);
    if (x < 0)
        printf("# back: %s %s\n", e.id, e.msg);
    return x;
}

static inline int run_commit(struct bed *b, struct su_restore *r)
{
    bool changed = false;
    struct su_err e = {0};
    int x = su_restore_commit(r, NULL, "", false, b->dir, &changed, &e);
    if (x < 0)
        printf("# commit: %s %s\n", e.id, e.msg);
    return x < 0 || changed != (r->kind == SU_RESTORE_OVERLAY) ? -1 : 0;
}

/* After giving the restore point up: what was written since is in the old files, which grew. */
static inline bool merged(const struct bed *b, const struct su_restore *r)
{
    bool has = false;
    struct su_err e = {0};
    for (uint32_t i = 0; i < r->n_disks; i++) {
        const struct su_restore_disk *d = &r->disk[i];
        bool raw = strcmp(d->format, "raw") == 0;
        if (!reads(d->source, d->format, "read -P 9 512k 1M") || !reads(d->source, d->format, "read -P 8 4M 512k") ||
            !reads(d->source, d->format,
                   r->kind == SU_RESTORE_INTERNAL && i ? "read -P 2 0 512k"
                   : i                                 ? "read -P 3 0 512k"
                                                       : "read -P 1 0 512k"))
            return false;
        if (!raw && (!sound(d->source) || su_img_has_snapshot(d->source, r->name, &has, &e) < 0 || has))
            return false;
        if (*d->overlay && access(d->overlay, F_OK) == 0)
            return false;
    }
    return !r->taken && is(b->nvram, "nvram after, longer", 0644);
}
