/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of both sockets through surety-signer's table of operations.  The promise: every frame but an answer of CMP is
 * answered exactly once, documents come only over sign.sock, and only about a VM that was put before.
 * Input: frames, each u8 socket (0 sign, 1 control), u8 operation, u16 length (big endian), body. */
#include "signer/signer.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answers, documents;

static void count(struct su_signer *s, unsigned conn, uint8_t op, uint32_t seq, struct su_bytes body)
{
    (void)s, (void)conn, (void)seq;
    struct su_wire_error e;
    struct su_sign_reply r;
    struct su_sign_status st;
    answers++;
    if (op == SU_SIGN_ERROR && (!su_wire_error_take(&body, &e) || body.n || !e.id[0]))
        abort();
    if (op == SU_SIGN_STATUS && (!su_sign_status_take(&body, &st) || body.n))
        abort();
    if (op == SU_SIGN_DOCUMENT && (documents++, !su_sign_reply_take(&body, &r) || body.n || r.expires <= r.created))
        abort();
}

static int no_job(struct su_signer *s, unsigned conn, uint32_t seq, uint8_t op, struct su_sign_enrol *enrol,
                  struct su_err *e)
{
    (void)s, (void)conn, (void)seq, (void)op, (void)enrol;
    return su_fail(e, SU_E_CONFLICT, "fuzz.job", "no jobs here");
}

/* A key, and a certificate that is its own. */
static struct su_cred *credential(void)
{
    struct su_cred *c = calloc(1, sizeof *c);
    struct su_err e;
    struct su_key_options o = {.dir = "/tmp"};
    char uri[SU_URI_MAX];
    if (!c || su_key_generate("file:fuzz", SU_KEY_P256, &o, &c->key, uri, sizeof uri, &e) < 0 ||
        su_key_destroy(uri, &o, &e) < 0)
        abort();
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400 * 30);
    X509_set_pubkey(x, su_key_pkey(c->key));
    if (!X509_sign(x, su_key_pkey(c->key), EVP_sha256()) || su_generation_set_leaf(&c->gen, x, &e) < 0 ||
        su_document_signer_new(c->key, c->gen.leaf, false, &c->signer, &e) < 0)
        abort();
    return c;
}

static void set_up(struct su_signer *s)
{
    struct su_err e;
    if (su_vms_init(&s->vms, &e) < 0)
        abort();
    s->send = count;
    s->start_job = no_job;
    s->host = (struct su_document_host){.cluster = "c", .host = "node1", .lifetime = 3600};
    s->cred = credential();
}

static void one(struct su_signer *s, bool control, uint8_t op, struct su_bytes body)
{
    uint32_t vms = s->vms.n;
    answers = documents = 0;
    su_signer_frame(s, control ? SU_DOOR_CONTROL : SU_DOOR_SIGN, 1, op, 7, body);
    if (answers != (op == SU_SIGN_CMP_REPLY && control && body.n ? 0 : 1))
        abort();
    if (documents && (control || vms == 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct su_signer s;
    struct su_bytes in = {data, size};
    if (!s.send)
        set_up(&s);
    su_vms_clear(&s.vms);
    uint8_t door, op;
    uint16_t n;
    for (unsigned i = 0; i < 64 && su_take_u8(&in, &door) && su_take_u8(&in, &op) && su_take_be16(&in, &n); i++) {
        struct su_bytes body = {in.p, n < in.n ? n : in.n};
        (void)su_skip(&in, body.n);
        one(&s, door & 1, op, body);
    }
    return 0;
}
