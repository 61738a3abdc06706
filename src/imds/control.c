/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of suretyd: decoded whole, checked, then done.  Also what is made of them once, for many answers. */
#include "state.h"
#include "wire/fields.h"
#include <stdio.h>
#include <string.h>

/* Two digits for every 12 bits: half the steps of a table of 64. */
static uint16_t pair[4096];

static void make_pairs(void)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < 4096; i++) {
        const char two[2] = {digit[i >> 6], digit[i & 63]};
        memcpy(&pair[i], two, 2);
    }
}

size_t su_base64_put(const uint8_t *p, size_t n, char *out)
{
    char *o = out;
    if (!pair[0])
        make_pairs();
    for (; n >= 3; p += 3, n -= 3, o += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        memcpy(o, &pair[v >> 12], 2);
        memcpy(o + 2, &pair[v & 4095], 2);
    }
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        memcpy(o, &pair[v >> 12], 2);
        memcpy(o + 2, &pair[v & 4095], 2);
        o[3] = '=';
        if (n == 1)
            o[2] = '=';
        o += 4;
    }
    return (size_t)(o - out);
}

static void put_json_text(struct su_buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            su_buf_printf(b, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            su_buf_printf(b, "\\u%04x", c);
        else
            su_buf_add(b, s, 1);
    }
}

/* Bytes of the DER element at the front of b, its header included; 0: there is none. */
static size_t der_length(struct su_bytes b)
{
    if (b.n < 2 || b.p[0] != 0x30)
        return 0;
    size_t head = 2, len = b.p[1];
    if (len >= 0x80) {
        size_t more = len & 0x7f;
        if (more < 1 || more > 2 || b.n < 2 + more)
            return 0;
        len = more == 1 ? b.p[2] : (size_t)b.p[2] << 8 | b.p[3];
        head += more;
    }
    return len <= b.n - head ? head + len : 0;
}

static int put_chain(struct su_buf *b, struct su_bytes chain, struct su_err *e)
{
    const char *comma = "";
    while (chain.n) {
        size_t n = der_length(chain);
        if (!n)
            return su_fail(e, SU_E_FORMAT, "imds.chain", "the certificates are no sequence of DER");
        su_buf_printf(b, "%s\"", comma);
        uint8_t *at = su_buf_room(b, (n + 2) / 3 * 4);
        if (!at)
            return su_fail_nomem(e, n);
        su_base64_put(chain.p, n, (char *)at);
        su_buf_text(b, "\"");
        comma = ",";
        chain.p += n;
        chain.n -= n;
    }
    return 0;
}

/* What follows the signature: ","surety":{...}}" without anything that changes from answer to answer. */
static int make_tail(const struct su_imds_host *h, const char *transport, struct su_buf *b, struct su_err *e)
{
    su_buf_text(b, "\",\"surety\":{\"chain\":[");
    if (put_chain(b, h->chain, e) < 0)
        return -1;
    su_buf_text(b, "],\"host\":\"");
    put_json_text(b, h->host);
    su_buf_printf(b, "\",\"transport\":\"%s\"}}", transport);
    return su_buf_ok(b, e);
}

int su_imds_set_host(struct su_imds_state *s, const struct su_imds_host *h, struct su_err *e)
{
    static const char *const transports[] = {
        [SU_OVER_VSOCK] = "vsock", [SU_OVER_HTTP] = "http", [SU_OVER_UNIX] = "unix"};
    struct su_buf tail[SU_OVER_UNIX + 1] = {{0}};
    SU_BUF struct su_buf body = {0};
    int rc = 0;
    su_buf_text(&body, "{\"error\":\"");
    put_json_text(&body, h->text);
    su_buf_text(&body, "\"}");
    rc = su_buf_ok(&body, e);
    for (unsigned i = SU_OVER_VSOCK; i <= SU_OVER_UNIX && rc == 0; i++)
        rc = make_tail(h, transports[i], &tail[i], e);
    for (unsigned i = 0; i <= SU_OVER_UNIX; i++) {
        if (rc == 0) {
            free(s->tail[i]);
            s->tail_n[i] = tail[i].n;
            s->tail[i] = (char *)tail[i].p;
        } else
            su_buf_done(&tail[i]);
    }
    if (rc < 0)
        return -1;
    free(s->not_serving);
    s->not_serving = (char *)su_steal(&body.p);
    s->host = *h;
    s->host.chain = (struct su_bytes){0};
    s->told = true;
    return 0;
}

static int bad_body(struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "imds.message", "the message does not hold what its operation says");
}

static int do_host(struct su_imds_state *s, struct su_bytes b, struct su_err *e)
{
    struct su_imds_host h;
    return !su_imds_host_take(&b, &h) || b.n ? bad_body(e) : su_imds_set_host(s, &h, e);
}

static int do_listen(struct su_imds_state *s, struct su_bytes b, int *fd, struct su_err *e)
{
    struct su_imds_listener l;
    if (!su_imds_listener_take(&b, &l) || b.n || *fd < 0)
        return bad_body(e);
    if (!s->hooks.listen)
        return su_fail(e, SU_E_REFUSED, "imds.listen", "nobody listens here");
    if (s->hooks.listen(s->hooks.ctx, &l, *fd, e) < 0)
        return -1;
    *fd = -1;
    return 0;
}

static int do_unlisten(struct su_imds_state *s, struct su_bytes b, struct su_err *e)
{
    char name[sizeof((struct su_imds_listener *)0)->name];
    if (!su_take_str(&b, name, sizeof name) || b.n)
        return bad_body(e);
    return s->hooks.unlisten ? s->hooks.unlisten(s->hooks.ctx, name, e)
                             : su_fail(e, SU_E_MISSING, "imds.listener", "no listener %s", name);
}

static int do_vm(struct su_imds_state *s, uint8_t op, struct su_bytes b, struct su_err *e)
{
    struct su_vm_route r;
    char uuid[SU_UUID_TEXT];
    if (op == SU_IMDS_VM_PUT)
        return !su_vm_route_take(&b, &r) || b.n ? bad_body(e) : su_imds_vm_put(s, &r, e);
    return !su_take_str(&b, uuid, sizeof uuid) || b.n ? bad_body(e) : su_imds_vm_del(s, uuid, e);
}

static int do_message(struct su_imds_state *s, uint8_t op, struct su_bytes b, int *fd, struct su_err *e)
{
    switch (op) {
    case SU_IMDS_CLEAR:
        if (b.n)
            return bad_body(e);
        su_imds_state_clear(s);
        return 0;
    case SU_IMDS_HOST:
        return do_host(s, b, e);
    case SU_IMDS_LISTEN:
        return do_listen(s, b, fd, e);
    case SU_IMDS_UNLISTEN:
        return do_unlisten(s, b, e);
    case SU_IMDS_VM_PUT:
    case SU_IMDS_VM_DEL:
        return do_vm(s, op, b, e);
    case SU_IMDS_STATUS:
        return b.n ? bad_body(e) : 0;
    default:
        return su_fail(e, SU_E_FORMAT, "imds.message", "operation %u is none of suretyd's", op);
    }
}

uint8_t su_imds_control(struct su_imds_state *s, uint8_t op, struct su_bytes body, int fd, struct su_buf *out)
{
    struct su_err e = {0};
    SU_CLOSE int owned = fd;
    if (do_message(s, op, body, &owned, &e) < 0) {
        su_wire_error_put(out, &e);
        return SU_IMDS_ERROR;
    }
    if (op != SU_IMDS_STATUS)
        return SU_IMDS_DONE;
    struct su_imds_status st = {.vms = s->n_vms};
    if (s->hooks.status)
        s->hooks.status(s->hooks.ctx, &st);
    su_imds_status_put(out, &st);
    return SU_IMDS_STATUS;
}
