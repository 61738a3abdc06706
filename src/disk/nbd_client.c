/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nbd_client.h"
#include <string.h>

enum { MAX_REQUEST = 1 << 20 }; /* every server takes that much */

static int fail_nbd(struct su_err *e, const char *what)
{
    const char *why = nbd_get_error();
    (void)su_fail(e, SU_E_IO, "disk.nbd.gone", "%s over NBD: %s", what, why ? why : "failed");
    e->os_errno = nbd_get_errno();
    return -1;
}

/* Waits for one command, at most SU_NBD_TIMEOUT_MS between two signs of life. */
static int finish(struct nbd_handle *h, int64_t cookie, const char *what, struct su_err *e)
{
    if (cookie < 0)
        return fail_nbd(e, what);
    for (;;) {
        int done = nbd_aio_command_completed(h, (uint64_t)cookie);
        if (done != 0)
            return done < 0 ? fail_nbd(e, what) : 0;
        int rc = nbd_poll(h, SU_NBD_TIMEOUT_MS);
        if (rc < 0)
            return fail_nbd(e, what);
        if (rc == 0)
            return su_fail(e, SU_E_IO, "disk.nbd.gone", "%s over NBD: the server does not answer", what);
    }
}

int su_nbd_read(struct nbd_handle *h, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    for (size_t done = 0; done < n;) {
        size_t len = n - done < MAX_REQUEST ? n - done : MAX_REQUEST;
        int64_t c = nbd_aio_pread(h, (uint8_t *)buf + done, len, off + done, NBD_NULL_COMPLETION, 0);
        if (finish(h, c, "reading", e) < 0)
            return -1;
        done += len;
    }
    return 0;
}

int su_nbd_write(struct nbd_handle *h, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    for (size_t done = 0; done < n;) {
        size_t len = n - done < MAX_REQUEST ? n - done : MAX_REQUEST;
        int64_t c = nbd_aio_pwrite(h, (const uint8_t *)buf + done, len, off + done, NBD_NULL_COMPLETION, 0);
        if (finish(h, c, "writing", e) < 0)
            return -1;
        done += len;
    }
    return 0;
}

int su_nbd_flush(struct nbd_handle *h, struct su_err *e)
{
    return finish(h, nbd_aio_flush(h, NBD_NULL_COMPLETION, 0), "flushing", e);
}

void su_nbd_disconnect(struct nbd_handle *h)
{
    if (h && nbd_aio_is_ready(h))
        (void)nbd_shutdown(h, 0);
    nbd_close(h);
}

static int connect_bounded(struct nbd_handle *h, const char *uri)
{
    if (nbd_aio_connect_uri(h, uri) < 0)
        return -1;
    while (nbd_aio_is_connecting(h)) {
        int rc = nbd_poll(h, SU_NBD_TIMEOUT_MS);
        if (rc <= 0)
            return -1;
    }
    return nbd_aio_is_ready(h) ? 0 : -1;
}

static int check_server(struct nbd_handle *h, bool writable, uint64_t *size, struct su_err *e)
{
    int64_t n = nbd_get_size(h);
    if (n < 0)
        return fail_nbd(e, "asking for the size");
    if (writable && nbd_is_read_only(h) != 0)
        return su_fail(e, SU_E_REFUSED, "disk.read-only", "the NBD server allows reading only");
    if (writable && nbd_can_flush(h) != 1)
        return su_fail(e, SU_E_REFUSED, "disk.nbd.no-flush", "the NBD server cannot flush, so a crash could not be survived");
    *size = (uint64_t)n;
    return 0;
}

int su_nbd_connect(const char *uri, bool writable, struct nbd_handle **out, uint64_t *size, struct su_err *e)
{
    struct nbd_handle *h = nbd_create();
    if (!h)
        return su_fail_nomem(e, 0);
    if (connect_bounded(h, uri) < 0) {
        (void)fail_nbd(e, "connecting");
        e->id = "disk.open";
        nbd_close(h);
        return -1;
    }
    if (check_server(h, writable, size, e) < 0) {
        su_nbd_disconnect(h);
        return -1;
    }
    *out = h;
    return 0;
}
