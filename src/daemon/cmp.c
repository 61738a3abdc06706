/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmp.h"
#include "base/clock.h"
#include "net/httpc.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    MAX_ROUNDS = 16,   /* an enrolment takes two, a poll for a slow answer one more each */
    SIGNER_MS = 90000, /* a slow TPM makes an RSA key */
    HTTP_MS = 20000,
    MAX_REPLY = 48 << 10
};

static bool url_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-_~:/[]%", c);
}

int su_cmp_url_check(const char *url, char *out, size_t cap, struct su_err *e)
{
    size_t head = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t n = strlen(url);
    bool good = head != 0 && n < cap && n > head && url[head] != '/';
    for (size_t i = 0; good && i < n; i++)
        good = url_char(url[i]);
    if (!good) { /* it is not repeated: a password or a token may stand there */
        su_fail(e, SU_E_USAGE, "server.authority-url", "this is not the URL of an authority");
        return su_remedy(e, "Give it like http://authority.example.org:8829");
    }
    while (n > head && url[n - 1] == '/')
        n--;
    memcpy(out, url, n);
    out[n] = 0;
    return 0;
}

int su_cmp_token(const char *token, struct su_sign_enrol *out, struct su_err *e)
{
    const char *host = token + 5, *secret = strrchr(token, '_');
    size_t n = strlen(token);
    struct su_sign_enrol r = {0};
    bool good = n < 400 && strncmp(token, "sut1_", 5) == 0 && secret > host && strlen(secret + 1) == 64 &&
                strspn(secret + 1, "0123456789abcdef") == 64;
    size_t len = good ? (size_t)(secret - host) : 0;
    good = good && len < sizeof r.host && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len &&
           host[0] != '.' && host[0] != '-';
    if (!good) { /* the text is a secret: it is not repeated */
        su_fail(e, SU_E_USAGE, "server.token", "this is not an enrolment token");
        return su_remedy(e, "A token looks like sut1_HOST_SECRET: surety authority token HOST");
    }
    memcpy(r.host, host, len);
    memcpy(r.secret, secret + 1, 64);
    *out = r;
    explicit_bzero(&r, sizeof r);
    return 0;
}

static int stopping(struct su_err *e)
{
    return su_fail(e, SU_E_CONFLICT, "server.stopping", "suretyd is ending");
}

/* The next frame with this sequence. */
static int wait_frame(int fd, uint32_t seq, int stop_fd, uint8_t *buf, struct su_ipc_msg *m, struct su_err *e)
{
    int64_t until = su_monotonic_ms() + SIGNER_MS;
    for (;;) {
        int rc = su_ipc_recv(fd, buf, SU_IPC_MAX, m, e);
        if (rc < 0)
            return -1;
        if (rc > 0 && m->fd >= 0)
            close(m->fd);
        if (rc > 0)
            return m->seq == seq ? 0 : su_fail(e, SU_E_FORMAT, "ipc.frame", "an answer to something else");
        int64_t left = until - su_monotonic_ms();
        struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
        if (left <= 0)
            return su_fail(e, SU_E_IO, "ipc.timeout", "surety-signer does not answer");
        if (poll(p, 2, (int)left) < 0 && errno != EINTR)
            return su_fail_os(e, "ipc.io", "waiting for surety-signer");
        if (p[1].revents)
            return stopping(e);
    }
}

/* The authority's answer to one message. */
static int post(const struct su_cmp_url *u, struct su_bytes der, int stop_fd, struct su_buf *reply, struct su_err *e)
{
    char url[sizeof u->base + sizeof u->host + 16];
    unsigned status = 0;
    snprintf(url, sizeof url, "%s/pkix/%s", u->base, u->host);
    struct su_http_call c = {.method = "POST",
                             .url = url,
                             .content_type = "application/pkixcmp",
                             .body = der,
                             .timeout_ms = HTTP_MS,
                             .max_answer = MAX_REPLY,
                             .stop_fd = &stop_fd};
    if (su_http_call(&c, &status, reply, e) < 0)
        return -1;
    if (status != 200)
        return su_fail(e, SU_E_IO, "authority.answer", "%s answers with HTTP status %u", u->base, status);
    return 0;
}

static int relay(int fd, uint32_t seq, const struct su_cmp_url *u, struct su_bytes body, int stop_fd,
                 struct su_err *unreachable, struct su_err *e)
{
    struct su_bytes der;
    struct su_buf reply SU_BUF = {0}, answer SU_BUF = {0};
    if (!su_take_bytes(&body, UINT16_MAX, &der) || body.n)
        return su_fail(e, SU_E_FORMAT, "ipc.frame", "a CMP message is none");
    if (post(u, der, stop_fd, &reply, unreachable) < 0) {
        if (su_nap_until(stop_fd, 0))
            return stopping(e);
        su_put_u8(&answer, 0);
        su_put_str(&answer, unreachable->msg);
    } else {
        unreachable->kind = SU_OK;
        su_put_u8(&answer, 1);
        su_put_bytes(&answer, su_buf_bytes(&reply));
    }
    if (su_buf_ok(&answer, e) < 0)
        return -1;
    return su_ipc_send(fd, SU_SIGN_CMP_REPLY, seq, su_buf_bytes(&answer), -1, e);
}

/* What to do about what the signer said no with. */
static const char *remedy_of(const char *id)
{
    static const struct {
        const char *id, *remedy;
    } row[] = {
        {"cmp.refused", "Look for the host at the authority (surety authority list), then: surety server enrol"},
        {"cmp.clock",
         "Set the clock that is wrong, this host's or the authority's (timedatectl, chronyc makestep), and "
         "try again"},
        {"cmp.answer", "Compare the clocks of this host and of the authority; if they agree, enrol again with a new "
                       "token: surety server enrol"},
        {"store.io", "Make room where surety-signer keeps its state, or make that writable, and try again"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        if (strcmp(row[i].id, id) == 0)
            return row[i].remedy;
    return "The log of surety-signer says more: journalctl -u surety-signer";
}

/* What the signer said no with.  With a wrong token neither side can make sense of the other. */
static int refused(uint8_t op, struct su_bytes body, enum su_cmp_end *end, struct su_err *e)
{
    struct su_wire_error w;
    if (!su_wire_error_take(&body, &w) || body.n)
        return su_fail(e, SU_E_FORMAT, "ipc.frame", "surety-signer's error is none");
    bool no = strcmp(w.id, "cmp.refused") == 0; /* the authority's own word; other refusals are ours */
    if (op == SU_SIGN_ENROL && (no || strcmp(w.id, "cmp.answer") == 0)) {
        *end = SU_CMP_REFUSED;
        su_fail(e, SU_E_REFUSED, "server.token-refused", "the authority does not take the token: %.160s [%.40s]", w.msg,
                w.id);
        return su_remedy(e, "It is wrong, used or too old: make another one, surety authority token HOST");
    }
    *end = no ? SU_CMP_REFUSED : SU_CMP_FAILED;
    su_fail(e, no ? SU_E_REFUSED : SU_E_IO, no ? "authority.refused" : "server.sync-failed", "%.160s [%.60s]", w.msg,
            w.id);
    return su_remedy(e, remedy_of(w.id));
}

int su_cmp_run(const char *control, uint8_t op, struct su_bytes body, const struct su_cmp_url *u, int stop_fd,
               enum su_cmp_end *end, struct su_err *e)
{
    SU_CLOSE int fd = -1;
    uint8_t *buf SU_FREE = malloc(SU_IPC_MAX);
    struct su_err unreachable = {0};
    const uint32_t seq = 1;
    *end = SU_CMP_FAILED;
    if (!buf)
        return su_fail_nomem(e, SU_IPC_MAX);
    if (su_ipc_connect(control, &fd, e) < 0 || su_ipc_send(fd, op, seq, body, -1, e) < 0)
        return -1;
    for (unsigned i = 0; i < MAX_ROUNDS; i++) {
        struct su_ipc_msg m = {.fd = -1};
        if (wait_frame(fd, seq, stop_fd, buf, &m, e) < 0)
            return -1;
        if (m.op == SU_SIGN_DONE) {
            *end = SU_CMP_DONE;
            return 0;
        }
        if (m.op == SU_SIGN_ERROR && unreachable.kind != SU_OK) {
            *end = SU_CMP_UNREACHABLE;
            *e = unreachable;
            return su_remedy(e, "Start surety-authority there, or repair the way to it, and try again");
        }
        if (m.op == SU_SIGN_ERROR)
            return refused(op, m.body, end, e);
        if (m.op != SU_SIGN_CMP_POST)
            return su_fail(e, SU_E_FORMAT, "ipc.frame", "operation %u has no place in an enrolment", m.op);
        if (relay(fd, seq, u, m.body, stop_fd, &unreachable, e) < 0)
            return -1;
    }
    return su_fail(e, SU_E_RANGE, "server.sync-failed", "the authority and surety-signer do not come to an end");
}
