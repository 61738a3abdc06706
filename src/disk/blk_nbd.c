/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blk_nbd.h"
#include "nbd_client.h"

struct remote {
    struct su_blk blk;
    struct nbd_handle *h;
};

static int remote_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    return su_nbd_read(((struct remote *)d)->h, off, buf, n, e);
}

static int remote_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    return su_nbd_write(((struct remote *)d)->h, off, buf, n, e);
}

static int remote_flush(struct su_blk *d, struct su_err *e)
{
    return su_nbd_flush(((struct remote *)d)->h, e);
}

static void remote_close(struct su_blk *d)
{
    su_nbd_disconnect(((struct remote *)d)->h);
    free(d);
}

static const struct su_blk_ops reading = {.read = remote_read, .close = remote_close};
static const struct su_blk_ops writing = {
    .read = remote_read, .write = remote_write, .flush = remote_flush, .close = remote_close};

int su_blk_nbd_open(const char *uri, bool writable, struct su_blk **out, struct su_err *e)
{
    SU_FREE struct remote *r = malloc(sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    *r = (struct remote){.blk = {.ops = writable ? &writing : &reading}};
    if (su_nbd_connect(uri, writable, &r->h, &r->blk.size, e) < 0)
        return -1;
    *out = &su_steal(&r)->blk;
    return 0;
}
