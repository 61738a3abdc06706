/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fakesigner PATH none|rsa2048|p256: answers what surety-imds asks a signer, with a real signature of a payload of real
 * size (none: without) in bytes as long as a real document.  For measuring surety-imds; what it says proves nothing. */
#include "wire/ipc.h"
#include "wire/sign.h"
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { PAYLOAD = 640, OVERHEAD = 1400 /* certificate, names, framing */ };

static EVP_PKEY *key;
static EVP_PKEY_CTX *with;

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

/* One question's answer is appended. */
static bool answer(const struct su_sign_item *q, struct su_buf *b)
{
    struct su_sign_request r;
    uint8_t der[OVERHEAD + PAYLOAD + 512];
    static struct su_buf reply;
    struct su_bytes body = q->body;
    if (q->op != SU_SIGN_DOCUMENT || !su_sign_request_take(&body, &r))
        return false;
    struct su_sign_reply a = {.der = {der, sign(der)}, .created = 1790000000, .expires = 1790021600};
    snprintf(a.nonce, sizeof a.nonce, "%s", *r.nonce ? r.nonce : "20260921-000000");
    reply.n = 0;
    su_sign_reply_put(&reply, &a);
    su_sign_item_put(b, &(struct su_sign_item){SU_SIGN_DOCUMENT, q->seq, su_buf_bytes(&reply)});
    return !reply.failed && !b->failed;
}

static void serve(int s)
{
    static uint8_t in[SU_IPC_MAX];
    static struct su_buf out;
    struct su_err e = {0};
    for (;;) {
        struct su_ipc_msg m = {.fd = -1};
        struct su_sign_item q;
        if (su_ipc_recv(s, in, sizeof in, &m, &e) <= 0 || m.op != SU_SIGN_DOCUMENTS || !su_sign_items(m.body))
            return;
        out.n = 0;
        while (m.body.n)
            if (!su_sign_item_take(&m.body, &q) || !answer(&q, &out))
                return;
        if (su_ipc_send(s, SU_SIGN_ANSWERS, 0, su_buf_bytes(&out), -1, &e) < 0)
            return;
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
