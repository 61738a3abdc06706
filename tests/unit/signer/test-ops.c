/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of operations, the facts of VMs and the cache, without sockets. */
#include "signer/signer.h"
#include "tests/unit/pki/pki_sample.h"
#include "wire/fields.h"
#include "wire/versions.h"

static struct su_signer s;
static uint8_t last_op;
static unsigned answers, jobs;
static uint32_t last_seq;
static struct su_buf last;
static struct su_wire_error error;

static void take(struct su_signer *x, unsigned conn, uint8_t op, uint32_t seq, struct su_bytes body)
{
    (void)x, (void)conn;
    answers++;
    last_op = op;
    last_seq = seq;
    last.n = 0;
    su_buf_add(&last, body.p, body.n);
    struct su_bytes b = body;
    error = (struct su_wire_error){0};
    if (op == SU_SIGN_ERROR && !su_wire_error_take(&b, &error))
        abort();
}

static int job(struct su_signer *x, unsigned conn, uint32_t seq, uint8_t op, struct su_sign_enrol *enrol,
               struct su_err *e)
{
    (void)x, (void)conn, (void)seq, (void)op, (void)enrol, (void)e;
    jobs++;
    return 0;
}

static const char *ask(enum su_door door, uint8_t op, struct su_buf *body)
{
    answers = 0;
    su_signer_frame(&s, door, 1, op, 7, body ? su_buf_bytes(body) : (struct su_bytes){NULL, 0});
    if (body)
        su_buf_done(body);
    return answers != 1 ? "no single answer" : last_op == SU_SIGN_ERROR ? error.id : "ok";
}

static struct su_vm_facts facts(unsigned i)
{
    struct su_vm_facts f = {.secure_boot = true, .subscription = "00000000-0000-0000-0000-000000000000"};
    snprintf(f.uuid, sizeof f.uuid, "b1310a36-d400-46f6-82cb-6217%08x", i);
    return f;
}

static const char *put(unsigned i)
{
    struct su_buf b = {0};
    struct su_vm_facts f = facts(i);
    su_vm_facts_put(&b, &f);
    return ask(SU_DOOR_CONTROL, SU_SIGN_VM_PUT, &b);
}

static const char *document(unsigned i, const char *nonce)
{
    struct su_buf b = {0};
    struct su_sign_request q = {.version = (uint16_t)su_api_version_of("2025-04-07")};
    memcpy(q.uuid, facts(i).uuid, sizeof q.uuid);
    snprintf(q.nonce, sizeof q.nonce, "%s", nonce);
    su_sign_request_put(&b, &q);
    return ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENT, &b);
}

static void enrol(void)
{
    struct su_err e = {0};
    struct su_generation g = {.host = "node1"};
    SU_KEY struct su_key *key = NULL;
    if (su_key_generate("file:", SU_KEY_P256, &sample_options, &key, g.uri, sizeof g.uri, &e) < 0 ||
        su_generation_set_leaf(&g, sample_leaf(su_key_pkey(key), NULL), &e) < 0 || su_cred_new(&s, &g, &s.cred, &e) < 0)
        abort();
}

static void table(void)
{
    struct su_buf b = {0};
    is_str(ask(SU_DOOR_SIGN, 0, NULL), "sign.op");
    is_str(ask(SU_DOOR_SIGN, 255, NULL), "sign.op");
    for (uint8_t op = SU_SIGN_STATUS; op < SU_SIGN_OPS; op++)
        ok(op == SU_SIGN_DOCUMENTS || strcmp(ask(SU_DOOR_SIGN, op, NULL), "sign.op") == 0,
           "operation %u is not for sign.sock", op);
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_DOCUMENT, NULL), "sign.op");
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_DONE, NULL), "sign.op");
    su_buf_zero(&b, 1);
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_STATUS, &b), "sign.size");
    su_buf_zero(&b, 600);
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENT, &b), "sign.size");
    su_buf_zero(&b, 39);
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENT, &b), "sign.size");
    su_buf_zero(&b, 60);
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_VM_PUT, &b), "sign.body");
    su_buf_zero(&b, 38);
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_VM_DEL, &b), "sign.body");
    su_buf_zero(&b, 30);
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_ENROL, &b), "sign.body");
    ok(jobs == 0);
    is_str(document(1, "a"), "sign.no_cert");
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_RENEW, NULL), "sign.no_cert");
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_STATUS, NULL), "ok");
    struct su_sign_status st;
    struct su_bytes body = su_buf_bytes(&last);
    ok(su_sign_status_take(&body, &st) && st.state == SU_SIGNER_NO_CERT && last_seq == 7);
    su_buf_zero(&b, 5);
    answers = 0;
    su_signer_frame(&s, SU_DOOR_CONTROL, 1, SU_SIGN_CMP_REPLY, 1, su_buf_bytes(&b));
    ok(answers == 0, "an answer that nobody asked for is dropped");
    su_buf_done(&b);
}

static void put_item(struct su_buf *b, uint32_t seq, const char *uuid, const char *nonce)
{
    SU_BUF struct su_buf body = {0};
    struct su_sign_request q = {.version = (uint16_t)su_api_version_of("2025-04-07")};
    memcpy(q.uuid, uuid, sizeof q.uuid);
    snprintf(q.nonce, sizeof q.nonce, "%s", nonce);
    su_sign_request_put(&body, &q);
    su_sign_item_put(b, &(struct su_sign_item){SU_SIGN_DOCUMENT, seq, su_buf_bytes(&body)});
}

static void together(void)
{
    struct su_buf b = {0};
    const struct su_vm_facts known = facts(1), unknown = facts(99999);
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENTS, NULL), "sign.size");
    put_item(&b, 1, known.uuid, "a");
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_DOCUMENTS, &b), "sign.op");
    su_buf_zero(&b, 1 + SU_SIGN_TOGETHER * (SU_SIGN_ITEM + 512));
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENTS, &b), "sign.size");
    su_sign_item_put(&b, &(struct su_sign_item){SU_SIGN_ERROR, 21, {NULL, 0}});
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENTS, &b), "sign.op");
    ok(last_seq == 21, "the item is answered, not the frame");
    su_buf_zero(&b, 600);
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENTS, &b), "sign.body");
    put_item(&b, 1, known.uuid, "a");
    b.n--;
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENTS, &b), "sign.body");
    ok(answers == 1, "what is cut off is answered once, and nothing of it is signed");
    for (uint32_t i = 0; i <= SU_SIGN_TOGETHER; i++)
        put_item(&b, i, known.uuid, "a");
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENTS, &b), "sign.body");
    put_item(&b, 31, known.uuid, "a");
    put_item(&b, 32, unknown.uuid, "a");
    answers = 0;
    su_signer_frame(&s, SU_DOOR_SIGN, 1, SU_SIGN_DOCUMENTS, 0, su_buf_bytes(&b));
    ok(answers == 2 && last_seq == 32 && last_op == SU_SIGN_ERROR && strcmp(error.id, "sign.vm") == 0,
       "each gets its own answer");
    su_buf_done(&b);
}

static void documents(void)
{
    is_str(put(1), "ok");
    is_str(document(1, "a"), "ok");
    struct su_sign_reply r;
    struct su_bytes body = su_buf_bytes(&last);
    ok(su_sign_reply_take(&body, &r) && body.n == 0);
    is_str(r.nonce, "a");
    is_str(document(1, ""), "ok");
    is_str(document(2, "a"), "sign.vm");
    struct su_buf b = {0};
    su_put_str(&b, facts(1).uuid);
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_VM_DEL, &b), "ok");
    is_str(document(1, "a"), "sign.vm");
    struct su_sign_request q = {.version = (uint16_t)su_n_api_versions};
    memcpy(q.uuid, facts(1).uuid, sizeof q.uuid);
    su_sign_request_put(&b, &q);
    is_str(ask(SU_DOOR_SIGN, SU_SIGN_DOCUMENT, &b), "sign.body");
    s.cred->gen.not_before += 7200;
    is_str(put(1), "ok");
    is_str(document(1, "a"), "document.clock");
    s.cred->gen.not_before -= 7200;
    uint64_t after = s.cred->gen.not_after;
    s.cred->gen.not_after = 1000;
    is_str(document(1, "a"), "document.expired");
    s.cred->gen.not_after = after;
    su_fail(&s.cred->problem, SU_E_IO, "key.token", "gone");
    is_str(document(1, "a"), "key.token");
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_RENEW, NULL), "key.token");
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_STATUS, NULL), "ok");
    s.cred->problem = (struct su_err){0};
    is_str(document(1, "a"), "ok");
}

static void many(void)
{
    unsigned bad = 0;
    struct su_vm_facts f;
    is_str(ask(SU_DOOR_CONTROL, SU_SIGN_VM_CLEAR, NULL), "ok");
    for (unsigned i = 0; i < SU_VMS_MAX; i++)
        bad += strcmp(put(i), "ok") != 0;
    ok(bad == 0 && s.vms.n == SU_VMS_MAX, "%u VMs", s.vms.n);
    is_str(put(SU_VMS_MAX), "sign.vms");
    is_str(put(5), "ok");
    for (unsigned i = 0; i < SU_VMS_MAX; i += 7)
        bad += !su_vms_get(&s.vms, facts(i).uuid, &f) || strcmp(f.uuid, facts(i).uuid) != 0;
    ok(bad == 0 && !su_vms_get(&s.vms, facts(SU_VMS_MAX).uuid, &f), "all are found, the one too many is not");
    for (unsigned i = 0; i < SU_VMS_MAX; i += 2)
        su_vms_del(&s.vms, facts(i).uuid);
    for (unsigned i = 0; i < SU_VMS_MAX; i++)
        bad += su_vms_get(&s.vms, facts(i).uuid, &f) != (i % 2 == 1);
    ok(bad == 0 && s.vms.n == SU_VMS_MAX / 2, "half of them gone");
}

static void cache(void)
{
    struct su_cache c = {0};
    const struct su_bytes a = {(const uint8_t *)"aa", 2}, b = {(const uint8_t *)"ab", 2}, x = {(const uint8_t *)"x", 1};
    struct su_bytes got;
    su_cache_put(&c, a, x, 1000);
    ok(su_cache_get(&c, a, 1000, &got) && got.n == 1, "the same request");
    ok(!su_cache_get(&c, b, 1000, &got), "not another");
    ok(!su_cache_get(&c, (struct su_bytes){a.p, 1}, 1000, &got), "not a part of it");
    ok(!su_cache_get(&c, a, 1000 + SU_CACHE_MS, &got), "not after its time");
    for (unsigned i = 0; i < SU_CACHE_ENTRIES; i++)
        su_cache_put(&c, b, x, 1000);
    ok(!su_cache_get(&c, a, 1000, &got) && su_cache_get(&c, b, 1000, &got), "bounded");
    su_cache_clear(&c);
    ok(!su_cache_get(&c, b, 1000, &got));
}

int main(void)
{
    struct su_err e = {0};
    sample_begin();
    if (su_vms_init(&s.vms, &e) < 0)
        abort();
    s.send = take;
    s.start_job = job;
    s.options.key = sample_options;
    s.host = (struct su_document_host){.cluster = "c", .host = "node1", .lifetime = 21600};
    table();
    enrol();
    documents();
    together();
    many();
    cache();
    su_signer_done(&s);
    su_buf_done(&last);
    sample_end();
    return tap_done();
}
