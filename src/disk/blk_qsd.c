/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The qemu-storage-daemon adapter of blk_nbd.h.  The daemon is told over QMP, on a socket pair, what to
 * open and export; its NBD socket lies in a private directory. */
#include "base/child.h"
#include "base/tmpdir.h"
#include "blk_nbd.h"
#include "nbd_client.h"
#include "qmp.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct qsd {
    struct su_blk blk;
    struct su_tmpdir dir;
    struct su_proc proc;
    int qmp;
    bool writable, shared;
    struct nbd_handle *h; /* NULL while the export is down for a resize */
};

/* QEMU drivers that can make an image larger and smaller again (7.2: block/ *.c, bdrv_co_truncate). */
static const char *const resizable[] = {"qcow2", "raw"};

bool su_blk_qsd_resizes(const char *format)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(resizable); i++)
        if (strcmp(format, resizable[i]) == 0)
            return true;
    return false;
}

static int attach(struct qsd *q, struct su_err *e)
{
    char uri[320];
    json_t *args = json_pack("{s:s,s:s,s:s,s:s,s:b}", "type", "nbd", "id", "x", "node-name", "d", "name", "d",
                             "writable", q->writable);
    if (su_qmp_run(q->qmp, "block-export-add", args, NULL, e) < 0)
        return -1;
    snprintf(uri, sizeof uri, "nbd+unix:///d?socket=%s/nbd", q->dir.path);
    return su_nbd_connect(uri, q->writable, &q->h, &q->blk.size, e);
}

static int detach(struct qsd *q, struct su_err *e)
{
    su_nbd_disconnect(q->h);
    q->h = NULL;
    return su_qmp_run(q->qmp, "block-export-del", json_pack("{s:s,s:s}", "id", "x", "mode", "hard"), NULL, e);
}

static int gone(struct su_err *e)
{
    return su_fail(e, SU_E_IO, "disk.nbd.gone", "the storage daemon is gone");
}

static int qsd_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct qsd *q = (struct qsd *)d;
    return q->h ? su_nbd_read(q->h, off, buf, n, e) : gone(e);
}

static int qsd_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct qsd *q = (struct qsd *)d;
    return q->h ? su_nbd_write(q->h, off, buf, n, e) : gone(e);
}

static int qsd_flush(struct su_blk *d, struct su_err *e)
{
    struct qsd *q = (struct qsd *)d;
    return q->h ? su_nbd_flush(q->h, e) : gone(e);
}

/* The daemon gives up an export's deletion only when its connections have ended. */
static int wait_export_gone(struct qsd *q, struct su_err *e)
{
    for (int i = 0; i < 2000; i++) {
        json_t *list = NULL;
        if (su_qmp_run(q->qmp, "query-block-exports", NULL, &list, e) < 0)
            return -1;
        size_t n = json_array_size(list);
        json_decref(list);
        if (n == 0)
            return 0;
        usleep(500);
    }
    return su_fail(e, SU_E_IO, "disk.resize", "the storage daemon does not let go of the disk");
}

/* QEMU refuses to resize a node that is exported, so the export is taken down for it. */
static int qsd_resize(struct su_blk *d, uint64_t size, struct su_err *e)
{
    struct qsd *q = (struct qsd *)d;
    struct su_err again = {0};
    if (qsd_flush(d, e) < 0 || detach(q, e) < 0 || wait_export_gone(q, e) < 0)
        return -1;
    json_t *args = json_pack("{s:s,s:I}", "node-name", "d", "size", (json_int_t)size);
    int rc = su_qmp_run(q->qmp, "block_resize", args, NULL, e);
    if (rc < 0)
        e->id = "disk.resize";
    if (attach(q, rc < 0 ? &again : e) < 0)
        return -1;
    return rc;
}

static void qsd_close(struct su_blk *d)
{
    struct qsd *q = (struct qsd *)d;
    struct su_err ignored = {0};
    su_nbd_disconnect(q->h);
    su_closep(&q->qmp);
    (void)su_child_stop(&q->proc, 10000, &ignored); /* all was flushed; SIGTERM makes it close the image cleanly */
    su_tmpdir_remove(&q->dir);
    free(q);
}

static const struct su_blk_ops reading = {.read = qsd_read, .close = qsd_close};
static const struct su_blk_ops fixed = {.read = qsd_read, .write = qsd_write, .flush = qsd_flush, .close = qsd_close};
static const struct su_blk_ops growing = {
    .read = qsd_read, .write = qsd_write, .flush = qsd_flush, .resize = qsd_resize, .close = qsd_close};

static int start(struct qsd *q, int peer, struct su_err *e)
{
    char chardev[64], server[320];
    snprintf(chardev, sizeof chardev, "socket,id=m,fd=%d", peer);
    snprintf(server, sizeof server, "addr.type=unix,addr.path=%s/nbd", q->dir.path);
    const char *argv[] = {"qemu-storage-daemon", "--chardev",    chardev, "--monitor",
                          "chardev=m",           "--nbd-server", server,  NULL};
    /* glibc would map and unmap a fresh buffer for every large read, and fault each page of it in again. */
    static const char *const env[] = {"MALLOC_MMAP_THRESHOLD_=8388608", "MALLOC_TRIM_THRESHOLD_=67108864",
                                      "MALLOC_TOP_PAD_=4194304", NULL};
    struct su_child spec = {.argv = argv, .env = env, .keep_fds = &peer, .n_keep_fds = 1, .own_group = true};
    return su_child_start(&spec, &q->proc, e) < 0 ? -1 : su_qmp_hello(q->qmp, e);
}

static int add_nodes(struct qsd *q, const char *path, const char *format, struct su_err *e)
{
    struct stat st;
    json_t *name = json_string(path); /* UTF-8 or nothing: so is all of QMP */
    if (!name) {
        (void)su_fail(e, SU_E_REFUSED, "disk.image.name", "the image's name is not UTF-8, which QEMU needs");
        return su_remedy(e, "give the image another name");
    }
    json_decref(name);
    bool device = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
    json_t *file = json_pack("{s:s,s:s,s:b,s:b,s:b}", "driver", device ? "host_device" : "file", "filename", path,
                             "read-only", !q->writable, "auto-read-only", 0, "force-share", q->shared);
    json_t *node = json_pack("{s:s,s:s,s:b,s:b,s:o}", "driver", format, "node-name", "d", "read-only", !q->writable,
                             "force-share", q->shared, "file", file);
    if (su_qmp_run(q->qmp, "blockdev-add", node, NULL, e) == 0)
        return 0;
    if (strstr(e->msg, "Failed to get") && strstr(e->msg, " lock")) {
        (void)su_fail(e, SU_E_CONFLICT, "disk.in-use", "%s is in use by another process (QEMU's image lock is held)",
                      path);
        return su_remedy(e, "shut the VM down (or end the other program), then run the command again");
    }
    bool read_only = strstr(e->msg, "Permission denied") || strstr(e->msg, "Read-only");
    e->id = read_only && q->writable ? "disk.read-only" : "disk.open";
    if (read_only && q->writable)
        (void)su_remedy(e, "make the image writable for this user, then run the command again");
    return su_context(e, "opening %s", path);
}

int su_blk_qsd_open(const char *path, const char *format, enum su_blk_use use, struct su_blk **out, struct su_err *e)
{
    int pair[2];
    bool writable = use == SU_BLK_WRITE;
    struct qsd *q = malloc(sizeof *q);
    if (!q)
        return su_fail_nomem(e, sizeof *q);
    *q = (struct qsd){.blk = {.ops = !writable                    ? &reading
                                     : su_blk_qsd_resizes(format) ? &growing
                                                                  : &fixed},
                      .dir = SU_TMPDIR_NONE,
                      .proc = SU_PROC_NONE,
                      .qmp = -1,
                      .writable = writable,
                      .shared = use == SU_BLK_SHARE};
    SU_BLK struct su_blk *guard = &q->blk;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return su_fail_os(e, "host.socket", "making a socket pair");
    q->qmp = pair[0];
    SU_CLOSE int peer = pair[1];
    if (su_tmpdir_make(&q->dir, 0, e) < 0 || start(q, peer, e) < 0 || add_nodes(q, path, format, e) < 0 ||
        attach(q, e) < 0)
        return -1;
    *out = su_steal(&guard);
    return 0;
}
