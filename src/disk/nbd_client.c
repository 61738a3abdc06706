/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nbd_client.h"
#include <errno.h>
#include <string.h>

enum { MAX_REQUEST = 1 << 20 }; /* every server takes that much, unless it says otherwise */

static int fail_nbd(struct su_err *e, const char *what)
{
    const char *why = nbd_get_error();
    (void)su_fail(e, SU_E_IO, "disk.nbd.gone", "%s over NBD: %s", what, why ? why : "failed");
    e->os_errno = nbd_get_errno();
    return su_remedy(e, "see to it that the server answers, then run the command again");
}

/* A command that failed.  While the connection lives that is the server's answer, and errno says what the disk there
 * said; else the server is gone. */
static int fail_command(struct nbd_handle *h, const char *what, const char *id, struct su_err *e)
{
    int why = nbd_get_errno(); /* before other calls take its place */
    if (why == 0 || why == ENOTCONN || why == ESHUTDOWN)
        return fail_nbd(e, what);
    (void)fail_nbd(e, what);
    if (nbd_aio_is_dead(h) || nbd_aio_is_closed(h))
        return -1;
    errno = why;
    (void)su_fail_os(e, id, "%s the disk", what);
    return su_remedy(e, "see to it that the storage below the disk works and has room, then run the command again");
}

/* Waits for one command, at most SU_NBD_TIMEOUT_MS between two signs of life. */
static int finish(struct nbd_handle *h, int64_t cookie, const char *what, const char *id, struct su_err *e)
{
    if (cookie < 0)
        return fail_command(h, what, id, e);
    for (;;) {
        int done = nbd_aio_command_completed(h, (uint64_t)cookie);
        if (done != 0)
            return done < 0 ? fail_command(h, what, id, e) : 0;
        int rc = nbd_poll(h, SU_NBD_TIMEOUT_MS);
        if (rc < 0)
            return fail_nbd(e, what);
        if (rc == 0)
            return su_fail(e, SU_E_IO, "disk.nbd.gone", "%s over NBD: the server does not answer", what);
    }
}

/* A limit the server named, a power of two; otherwise what every server has. */
static size_t limit(struct nbd_handle *h, int which, size_t usual)
{
    int64_t n = nbd_get_block_size(h, which);
    bool sane = n > 0 && n <= MAX_REQUEST && (n & (n - 1)) == 0;
    return sane ? (size_t)n : usual;
}

static int request(struct nbd_handle *h, bool write, uint64_t off, uint8_t *buf, size_t n, struct su_err *e)
{
    int64_t c = write ? nbd_aio_pwrite(h, buf, n, off, NBD_NULL_COMPLETION, 0)
                      : nbd_aio_pread(h, buf, n, off, NBD_NULL_COMPLETION, 0);
    return finish(h, c, write ? "writing" : "reading", write ? "disk.write" : "disk.read", e);
}

/* n bytes inside one unit of the server, which takes whole ones only. */
static int request_part(struct nbd_handle *h, bool write, uint64_t off, uint8_t *buf, size_t n, size_t unit,
                        struct su_err *e)
{
    SU_FREE uint8_t *whole = malloc(unit);
    uint64_t at = off / unit * unit;
    if (!whole)
        return su_fail_nomem(e, unit);
    if (request(h, false, at, whole, unit, e) < 0)
        return -1;
    memcpy(write ? whole + (off - at) : buf, write ? buf : whole + (off - at), n);
    return write ? request(h, true, at, whole, unit, e) : 0;
}

static int transfer(struct nbd_handle *h, bool write, uint64_t off, uint8_t *buf, size_t n, struct su_err *e)
{
    size_t unit = limit(h, LIBNBD_SIZE_MINIMUM, 1), most = limit(h, LIBNBD_SIZE_MAXIMUM, MAX_REQUEST);
    for (size_t done = 0; done < n;) {
        uint64_t at = off + done;
        size_t len = n - done < most ? n - done : most, head = (size_t)(at % unit);
        if (head || len < unit) {
            len = len < unit - head ? len : unit - head;
            if (request_part(h, write, at, buf + done, len, unit, e) < 0)
                return -1;
        } else {
            len -= len % unit;
            if (request(h, write, at, buf + done, len, e) < 0)
                return -1;
        }
        done += len;
    }
    return 0;
}

int su_nbd_read(struct nbd_handle *h, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    return transfer(h, false, off, buf, n, e);
}

int su_nbd_write(struct nbd_handle *h, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    return transfer(h, true, off, (uint8_t *)(uintptr_t)buf, n, e); /* only read from, when writing */
}

int su_nbd_flush(struct nbd_handle *h, struct su_err *e)
{
    return finish(h, nbd_aio_flush(h, NBD_NULL_COMPLETION, 0), "flushing", "disk.flush", e);
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
    if (writable && nbd_is_read_only(h) != 0) {
        (void)su_fail(e, SU_E_REFUSED, "disk.read-only", "the NBD server allows reading only");
        return su_remedy(e, "let the server export the disk for writing, then run the command again");
    }
    if (writable && nbd_can_flush(h) != 1) {
        (void)su_fail(e, SU_E_REFUSED, "disk.nbd.no-flush",
                      "the NBD server cannot flush, so a crash could not be survived");
        return su_remedy(e, "export the disk with a server that can flush, as qemu-nbd does");
    }
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
