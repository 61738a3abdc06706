/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fakesigner PATH none|rsa2048|p256: answers what surety-imds asks a signer, with a real signature of a payload of real
 * size (none: without) in bytes as long as a real document.  For measuring surety-imds; what it says proves nothing. */
#include "wire/fields.h"
#include "wire/ipc.h"
#include "wire/sign.h"
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 32, PAYLOAD = 640, OVERHEAD = 1400 /* certificate, names, framing */ };

static EVP_PKEY *key;
static EVP_PKEY_CTX *with;
static uint8_t in[BATCH][4096];
static struct su_buf out[BATCH];

static EVP_PKEY *make_key(const char *kind)
{
    if (strcmp(kind, "rsa2048") == 0)
        return EVP_RSA_gen(2048);
    return strcmp(kind, "p256") == 0 ? EVP_EC_gen("P-256") : NULL;
}

static size_t sign(uint8_t *der)
{
    static uint8_t payload[PAYLOAD];
    size_t n = 512;
    payload[0]++;
    memset(der, 0x30, OVERHEAD + PAYLOAD);
    if (!key)
        return OVERHEAD + PAYLOAD + 256;
    uint8_t hash[32];
    if (EVP_Digest(payload, sizeof payload, hash, NULL, EVP_sha256(), NULL) != 1 ||
        EVP_PKEY_sign(with, der + OVERHEAD + PAYLOAD, &n, hash, sizeof hash) != 1)
        exit(1);
    return OVERHEAD + PAYLOAD + n;
}

static bool answer(const uint8_t *q, size_t n, struct su_buf *b)
{
    struct su_sign_request r;
    uint8_t der[OVERHEAD + PAYLOAD + 512];
    struct su_bytes body = {q + SU_IPC_HEADER, n - SU_IPC_HEADER};
    if (n < SU_IPC_HEADER || q[0] != SU_SIGN_DOCUMENT || !su_sign_request_take(&body, &r))
        return false;
    struct su_sign_reply a = {.der = {der, sign(der)}, .created = 1790000000, .expires = 1790021600};
    snprintf(a.nonce, sizeof a.nonce, "%s", *r.nonce ? r.nonce : "20260921-000000");
    b->n = 0;
    su_put_u8(b, SU_SIGN_DOCUMENT);
    su_put_u8(b, SU_IPC_VERSION);
    su_put_u16(b, 0);
    su_put_u32(b, su_be32(q + 4));
    su_sign_reply_put(b, &a);
    return !b->failed;
}

static void serve(int s)
{
    struct mmsghdr m[BATCH];
    struct iovec io[BATCH];
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            io[i] = (struct iovec){in[i], sizeof in[i]};
            m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &io[i], .msg_iovlen = 1}};
        }
        int n = recvmmsg(s, m, BATCH, MSG_WAITFORONE, NULL);
        if (n <= 0)
            return;
        for (int i = 0; i < n; i++) {
            if (!answer(in[i], m[i].msg_len, &out[i]))
                return;
            io[i] = (struct iovec){out[i].p, out[i].n};
        }
        for (int sent = 0; sent < n;) {
            int one = sendmmsg(s, m + sent, (unsigned)(n - sent), MSG_NOSIGNAL);
            if (one <= 0)
                return;
            sent += one;
        }
    }
}

int main(int argc, char **argv)
{
    struct su_err e = {0};
    int listener, s;
    if (argc != 3 || su_ipc_listen(argv[1], 0600, &listener, &e) < 0)
        return fprintf(stderr, "fakesigner PATH none|rsa2048|p256: %s\n", e.msg), 1;
    key = make_key(argv[2]);
    with = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (key && (!with || EVP_PKEY_sign_init(with) != 1 || EVP_PKEY_CTX_set_signature_md(with, EVP_sha256()) != 1))
        return fprintf(stderr, "fakesigner: no key\n"), 1;
    for (;;) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        if (poll(&p, 1, -1) < 0 || su_ipc_accept(listener, (uid_t)-1, &s, &e) < 0)
            return 1;
        if (s < 0)
            continue;
        fcntl(s, F_SETFL, 0); /* one connection at a time, waited for */
        serve(s);
        close(s);
    }
}
