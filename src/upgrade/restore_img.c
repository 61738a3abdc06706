/* SPDX-License-Identifier: GPL-3.0-or-later */
/* qemu-img.  A qcow2 file says itself what lies below it and where its data are, and a guest that broke out of QEMU may
 * have written that.  So nothing below is opened where it is not needed, an overlay's base is named here, and a file
 * that keeps its data in another one is refused: that could be any file of the host. */
#include "base/child.h"
#include "upgrade/restore_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SNAPSHOT_MS = 3600000, MERGE_MS = 86400000 };

static int run_tool(const char *const *argv, const int *fds, size_t n_fds, unsigned ms, struct su_buf *out,
                    struct su_err *e)
{
    struct su_child c = {.argv = argv, .keep_fds = fds, .n_keep_fds = n_fds, .timeout_ms = ms, .own_group = true};
    if (su_child_run(&c, out, e) == 0)
        return 0;
    if (strstr(e->msg, "another process using")) { /* as qemu-img says it when it does not get the lock */
        (void)su_fail(e, SU_E_CONFLICT, "vm.disk.locked", "another program uses the image");
        return su_remedy(e, "end the program: a backup, qemu-nbd, or a VM that libvirt does not know; then try again");
    }
    if (!strstr(e->msg, "No space left") && !strstr(e->msg, "Disk quota exceeded") && !strstr(e->msg, "File too large"))
        return -1;
    char said[sizeof e->msg];
    memcpy(said, e->msg, sizeof said);
    su_fail(e, SU_E_IO, "vm.restore.space", "%s", said);
    return su_remedy(e, "make room, then run the same command again");
}

/* One image, opened here; its descriptor is above 2. */
static int open_image(const char *path, int flags, int *fd, struct su_err *e)
{
    int low SU_CLOSE = -1;
    if (su_state_open(path, flags, &low, e) < 0)
        return -1;
    int high = fcntl(low, F_DUPFD_CLOEXEC, 16);
    if (high < 0)
        return su_restore_fail_os(e, "opening", path);
    *fd = high;
    return 0;
}

static int read_head(int fd, const char *path, struct su_qcow2_head *h, struct su_err *e)
{
    SU_FREE uint8_t *buf = malloc(SU_QCOW2_HEAD);
    if (!buf)
        return su_fail_nomem(e, SU_QCOW2_HEAD);
    ssize_t n = pread(fd, buf, SU_QCOW2_HEAD, 0);
    if (n < 0)
        return su_restore_fail_os(e, "reading", path);
    if (su_qcow2_head((struct su_bytes){buf, (size_t)n}, h, e) < 0)
        return su_context(e, "%.100s", path);
    return h->data_file ? su_fail(e, SU_E_REFUSED, "vm.restore.format", "%.150s keeps its data in another file", path)
                        : 0;
}

static int on_qcow2(const char *path, int flags, const char *verb, const char *const *args, unsigned ms,
                    struct su_buf *out, struct su_err *e)
{
    int fd SU_CLOSE = -1;
    const char *argv[12] = {"qemu-img", verb};
    char image[128];
    size_t n = 2;
    struct su_qcow2_head h;
    if (open_image(path, flags, &fd, e) < 0 || read_head(fd, path, &h, e) < 0)
        return -1;
    while (*args)
        argv[n++] = *args++;
    snprintf(
        image, sizeof image,
        "json:{\"driver\":\"qcow2\",\"backing\":null,\"file\":{\"driver\":\"file\",\"filename\":\"/proc/self/fd/%d\"}}",
        fd);
    argv[n] = image;
    if (run_tool(argv, &fd, 1, ms, out, e) < 0)
        return su_context(e, "%.100s", path);
    return flags != O_RDONLY && fsync(fd) < 0 ? su_restore_fail_os(e, "writing", path) : 0;
}

int su_img_has_snapshot(const char *path, const char *name, bool *has, struct su_err *e)
{
    static const char *const args[] = {"--output=json", NULL};
    struct su_buf out SU_BUF = {0};
    if (on_qcow2(path, O_RDONLY, "info", args, SNAPSHOT_MS, &out, e) < 0)
        return -1;
    json_t *info = json_loadb((const char *)out.p, out.n, 0, NULL), *s;
    size_t i;
    bool found = false;
    if (!info)
        return su_fail(e, SU_E_FORMAT, "vm.restore.io", "qemu-img says nothing about %.120s", path);
    json_array_foreach(json_object_get(info, "snapshots"), i, s)
    {
        const char *n = json_string_value(json_object_get(s, "name"));
        found |= n && strcmp(n, name) == 0;
    }
    json_decref(info);
    *has = found;
    return 0;
}

int su_img_snapshot(const char *path, enum su_img_snapshot what, const char *name, struct su_err *e)
{
    static const char *const flag[] = {[SU_IMG_CREATE] = "-c", [SU_IMG_APPLY] = "-a", [SU_IMG_DELETE] = "-d"};
    const char *args[] = {"-q", flag[what], name, NULL};
    return on_qcow2(path, O_RDWR, "snapshot", args, SNAPSHOT_MS, NULL, e);
}

int su_img_repair(const char *path, struct su_err *e)
{
    static const char *const args[] = {"-q", "-r", "all", NULL};
    return on_qcow2(path, O_RDWR, "check", args, MERGE_MS, NULL, e);
}

/* Overlays -------------------------------------------------------------------- */

/* How large the disk in a file is, as QEMU sees it. */
static int disk_size(int fd, const char *format, const char *path, struct stat *st, uint64_t *size, struct su_err *e)
{
    struct su_qcow2_head h = {0};
    bool qcow2 = strcmp(format, "qcow2") == 0;
    if (fstat(fd, st) < 0)
        return su_restore_fail_os(e, "looking at", path);
    if (qcow2 && read_head(fd, path, &h, e) < 0)
        return -1;
    *size = qcow2 ? h.virtual_size : su_round_up((uint64_t)st->st_size, 512);
    return 0;
}

static int fill_overlay(int fd, const char *base, const char *format, const char *overlay, struct su_err *e)
{
    char image[64], bytes[24];
    struct stat st;
    uint64_t size = 0;
    int old SU_CLOSE = -1, high SU_CLOSE = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    /* -u: base is not opened, nor what it names */
    const char *argv[] = {"qemu-img", "create", "-q", "-u",  "-f",  "qcow2", "-F",
                          format,     "-b",     base, image, bytes, NULL};
    if (high < 0 || su_state_open(base, O_RDONLY, &old, e) < 0)
        return high < 0 ? su_restore_fail_os(e, "opening", overlay) : -1;
    if (disk_size(old, format, base, &st, &size, e) < 0)
        return -1;
    snprintf(image, sizeof image, "/proc/self/fd/%d", high);
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)size);
    if (run_tool(argv, &high, 1, SNAPSHOT_MS, NULL, e) < 0)
        return su_context(e, "an overlay for %.100s", base);
    if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 0777) < 0)
        return su_restore_fail_os(e, "giving owner and mode to", overlay);
    return fsync(fd) < 0 ? su_restore_fail_os(e, "writing", overlay) : 0;
}

int su_img_overlay(const char *base, const char *format, const char *overlay, struct su_err *e)
{
    char name[SU_STATE_NAME];
    int dir SU_CLOSE = -1;
    if (su_state_parent(overlay, &dir, name, e) < 0)
        return -1;
    int fd SU_CLOSE = dir < 0 ? -1 : openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return su_restore_fail_os(e, "making", overlay);
    if (fill_overlay(fd, base, format, overlay, e) < 0)
        return -1;
    return fsync(dir) < 0 ? su_restore_fail_os(e, "writing", overlay) : 0;
}

int su_img_merge(const char *overlay, const char *base, const char *format, struct su_err *e)
{
    int fds[2] = {-1, -1};
    int top SU_CLOSE = -1, below SU_CLOSE = -1;
    char image[256];
    struct stat st;
    uint64_t size = 0;
    struct su_qcow2_head h;
    const char *argv[] = {"qemu-img", "commit", "-q", "-d", "--image-opts", image, NULL};
    if (open_image(overlay, O_RDWR, &top, e) < 0 || open_image(base, O_RDWR, &below, e) < 0 ||
        read_head(top, overlay, &h, e) < 0 || disk_size(below, format, base, &st, &size, e) < 0)
        return -1;
    fds[0] = top;
    fds[1] = below;
    snprintf(image, sizeof image,
             "driver=qcow2,file.driver=file,file.filename=/proc/self/fd/%d,"
             "backing.driver=%s,backing.file.driver=file,backing.file.filename=/proc/self/fd/%d",
             top, format, below);
    if (run_tool(argv, fds, 2, MERGE_MS, NULL, e) < 0)
        return su_context(e, "merging into %.100s", base);
    return fsync(below) < 0 ? su_restore_fail_os(e, "writing", base) : 0;
}
