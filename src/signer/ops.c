/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "signer.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include "wire/versions.h"
#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

enum { SKEW = 300 };

/* A question. */
struct ask {
    unsigned conn;
    uint32_t seq;
    struct su_bytes body;
};
enum {
    NO_CERT = 1 << SU_SIGNER_NO_CERT,
    READY = 1 << SU_SIGNER_READY,
    BUSY = 1 << SU_SIGNER_BUSY,
    BROKEN = 1 << SU_SIGNER_BROKEN,
    ANY = NO_CERT | READY | BUSY | BROKEN
};

void su_signer_send_error(struct su_signer *s, unsigned conn, uint32_t seq, const struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    su_wire_error_put(&b, e);
    s->send(s, conn, SU_SIGN_ERROR, seq, su_buf_bytes(&b));
}

enum su_sign_state su_signer_state(struct su_signer *s, struct su_err *e)
{
    if (s->cred && su_cred_state(s->cred, e) < 0)
        return SU_SIGNER_BROKEN;
    if (s->store_problem.kind != SU_OK) {
        *e = s->store_problem;
        return SU_SIGNER_BROKEN;
    }
    if (s->job)
        return SU_SIGNER_BUSY;
    return s->cred ? SU_SIGNER_READY : SU_SIGNER_NO_CERT;
}

static void done(struct su_signer *s, const struct ask *a)
{
    s->send(s, a->conn, SU_SIGN_DONE, a->seq, (struct su_bytes){NULL, 0});
}

/* Documents --------------------------------------------------------------- */

static int send_document(struct su_signer *s, unsigned conn, uint32_t seq, const struct su_buf *der,
                         const struct su_sign_reply *times, struct su_err *e)
{
    struct su_sign_reply r = *times;
    r.der = su_buf_bytes(der);
    s->out.n = 0;
    su_sign_reply_put(&s->out, &r);
    if (su_buf_ok(&s->out, e) < 0) {
        su_buf_done(&s->out);
        return -1;
    }
    s->signed_documents++;
    s->send(s, conn, SU_SIGN_DOCUMENT, seq, su_buf_bytes(&s->out));
    return 0;
}

static int queue_document(struct su_signer *s, const struct ask *a, const struct su_sign_reply *times, struct su_err *e)
{
    struct su_work *w = calloc(1, sizeof *w);
    if (!w)
        return su_fail_nomem(e, sizeof *w);
    w->conn = a->conn;
    w->seq = a->seq;
    w->times = *times;
    su_buf_add(&w->request, a->body.p, a->body.n);
    su_buf_add(&w->payload, s->payload.p, s->payload.n);
    if (su_buf_ok(&w->request, e) < 0 || su_buf_ok(&w->payload, e) < 0 || su_worker_add(s->cred->worker, w, e) < 0) {
        su_work_free(w);
        return -1;
    }
    return 0;
}

static int op_document(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    struct su_sign_request q;
    struct su_vm_facts vm;
    struct su_sign_reply times = {0};
    struct su_bytes rest = a->body, cached;
    if (!su_sign_request_take(&rest, &q) || rest.n || q.version >= su_n_api_versions)
        return su_fail(e, SU_E_FORMAT, "sign.body", "this is no request for a document");
    if (!s->cred)
        return su_fail(e, SU_E_CONFLICT, "sign.no_cert", "this host has no certificate");
    if (!su_vms_get(&s->vms, q.uuid, &vm))
        return su_fail(e, SU_E_MISSING, "sign.vm", "there is no VM %s", q.uuid);
    if (s->cred->worker && q.nonce[0] && su_cache_get(&s->cache, a->body, (uint64_t)su_monotonic_ms(), &cached)) {
        s->send(s, a->conn, SU_SIGN_DOCUMENT, a->seq, cached);
        return 0;
    }
    uint64_t now = (uint64_t)time(NULL);
    if (now + SKEW < s->cred->gen.not_before)
        return su_fail(e, SU_E_CONFLICT, "document.clock", "the host's clock stands before its certificate's time");
    s->payload.n = s->der.n = 0;
    if (su_document_payload(&vm, &q, &s->host, now, s->cred->gen.not_after, &s->payload, &times, e) < 0)
        return -1;
    if (s->cred->worker)
        return queue_document(s, a, &times, e);
    if (su_document_sign(s->cred->signer, su_buf_bytes(&s->payload), &s->der, e) < 0)
        return -1;
    return send_document(s, a->conn, a->seq, &s->der, &times, e);
}

/* Several questions: each is judged and answered as if it came alone. */
static int op_documents(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    struct su_sign_item i;
    struct su_bytes rest = a->body;
    if (su_sign_items(a->body) == 0)
        return su_fail(e, SU_E_FORMAT, "sign.body", "these are no requests for documents");
    s->together = true;
    while (rest.n && su_sign_item_take(&rest, &i))
        su_signer_frame(s, SU_DOOR_SIGN, a->conn, i.op, i.seq, i.body);
    s->together = false;
    return 0;
}

static void collect_from(struct su_signer *s, struct su_worker *worker, bool cache)
{
    struct su_work *list = worker ? su_worker_take(worker) : NULL;
    for (struct su_work *w; (w = list);) {
        struct su_err e = w->err;
        list = w->next;
        if (w->rc == 0)
            w->rc = send_document(s, w->conn, w->seq, &w->der, &w->times, &e);
        if (w->rc < 0)
            su_signer_send_error(s, w->conn, w->seq, &e);
        else if (cache && w->request.n) {
            struct su_sign_request q;
            struct su_bytes body = su_buf_bytes(&w->request);
            if (su_sign_request_take(&body, &q) && q.nonce[0])
                su_cache_put(&s->cache, su_buf_bytes(&w->request), su_buf_bytes(&s->out), (uint64_t)su_monotonic_ms());
        }
        su_work_free(w);
    }
}

void su_signer_collect(struct su_signer *s)
{
    collect_from(s, s->retired, false);
    collect_from(s, s->cred ? s->cred->worker : NULL, true);
}

/* Control ----------------------------------------------------------------- */

static void text(char *out, size_t cap, const char *from)
{
    size_t n = from ? strnlen(from, cap - 1) : 0;
    memcpy(out, from ? from : "", n);
    out[n] = 0;
}

static int op_status(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    struct su_err problem = {0};
    struct su_sign_status st = {.vms = s->vms.n, .signed_documents = s->signed_documents};
    st.state = (uint8_t)su_signer_state(s, &problem);
    text(st.key, sizeof st.key, s->cred ? s->cred->gen.uri : s->conf.key);
    text(st.problem_id, sizeof st.problem_id, problem.id);
    text(st.problem, sizeof st.problem, problem.msg);
    if (s->cred) {
        const struct su_generation *g = &s->cred->gen;
        st.not_before = g->not_before;
        st.not_after = g->not_after;
        memcpy(st.serial, g->serial, sizeof st.serial);
        st.leaf = su_buf_bytes(&g->leaf_der);
        st.chain = su_buf_bytes(&g->chain);
        st.roots = su_buf_bytes(&g->roots);
    }
    SU_BUF struct su_buf b = {0};
    su_sign_status_put(&b, &st);
    if (su_buf_ok(&b, e) < 0)
        return -1;
    s->send(s, a->conn, SU_SIGN_STATUS, a->seq, su_buf_bytes(&b));
    return 0;
}

static int op_vm_clear(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    (void)e;
    su_vms_clear(&s->vms);
    su_cache_clear(&s->cache);
    done(s, a);
    return 0;
}

static int op_vm_put(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    if (su_vms_put(&s->vms, a->body, e) < 0)
        return -1;
    su_cache_clear(&s->cache);
    done(s, a);
    return 0;
}

static int op_vm_del(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    char uuid[SU_UUID_TEXT];
    struct su_bytes b = a->body;
    if (!su_take_str(&b, uuid, sizeof uuid) || b.n || !su_uuid_valid(uuid))
        return su_fail(e, SU_E_FORMAT, "sign.body", "this is no UUID");
    su_vms_del(&s->vms, uuid);
    su_cache_clear(&s->cache);
    done(s, a);
    return 0;
}

static int op_enrol(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    struct su_sign_enrol r;
    struct su_bytes b = a->body;
    if (!su_sign_enrol_take(&b, &r) || b.n)
        return su_fail(e, SU_E_FORMAT, "sign.body", "this is no enrolment");
    int rc = s->start_job(s, a->conn, a->seq, SU_SIGN_ENROL, &r, e);
    OPENSSL_cleanse(&r, sizeof r);
    return rc;
}

static int op_renew(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    if (!s->cred)
        return su_fail(e, SU_E_CONFLICT, "sign.no_cert", "there is no certificate to renew");
    return s->start_job(s, a->conn, a->seq, SU_SIGN_RENEW, NULL, e);
}

static int op_forget(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    return s->start_job(s, a->conn, a->seq, SU_SIGN_FORGET, NULL, e);
}

static int op_cmp_reply(struct su_signer *s, const struct ask *a, struct su_err *e)
{
    struct su_err why = {0};
    (void)e;
    if (s->job)
        su_job_reply(s, a->conn, a->seq, a->body, &why);
    return 0; /* an answer is not answered */
}

/* Size limits are checked before anyone looks inside. */
static const struct {
    const char *name;
    size_t min, max;
    unsigned doors, states;
    int (*run)(struct su_signer *s, const struct ask *a, struct su_err *e);
} rows[] = {
    [SU_SIGN_DOCUMENT] = {"document", 40, 512, SU_DOOR_SIGN, READY | BUSY, op_document},
    [SU_SIGN_STATUS] = {"status", 0, 0, SU_DOOR_CONTROL, ANY, op_status},
    [SU_SIGN_VM_CLEAR] = {"vm-clear", 0, 0, SU_DOOR_CONTROL, ANY, op_vm_clear},
    [SU_SIGN_VM_PUT] = {"vm-put", 40, 1024, SU_DOOR_CONTROL, ANY, op_vm_put},
    [SU_SIGN_VM_DEL] = {"vm-del", 38, 38, SU_DOOR_CONTROL, ANY, op_vm_del},
    [SU_SIGN_ENROL] = {"enrol", 6, 512, SU_DOOR_CONTROL, NO_CERT | READY | BROKEN, op_enrol},
    [SU_SIGN_RENEW] = {"renew", 0, 0, SU_DOOR_CONTROL, READY, op_renew},
    [SU_SIGN_FORGET] = {"forget", 0, 0, SU_DOOR_CONTROL, NO_CERT | READY | BROKEN, op_forget},
    [SU_SIGN_CMP_REPLY] = {"cmp-reply", 1, SU_IPC_MAX, SU_DOOR_CONTROL, ANY, op_cmp_reply},
    [SU_SIGN_ERROR] = {NULL, 0, 0, 0, 0, NULL},
    [SU_SIGN_DOCUMENTS] = {"documents", SU_SIGN_ITEM, SU_SIGN_TOGETHER *(SU_SIGN_ITEM + 512), SU_DOOR_SIGN, ANY,
                           op_documents},
    [SU_SIGN_ANSWERS] = {NULL, 0, 0, 0, 0, NULL},
};
_Static_assert(SU_ARRAY_LEN(rows) == SU_SIGN_OPS, "an operation without a row");

static int refuse_state(const char *name, enum su_sign_state now, const struct su_err *problem, struct su_err *e)
{
    if (now == SU_SIGNER_BROKEN) {
        *e = *problem;
        return -1;
    }
    if (now == SU_SIGNER_NO_CERT)
        return su_fail(e, SU_E_CONFLICT, "sign.no_cert", "this host has no certificate");
    return su_fail(e, SU_E_CONFLICT, "sign.state", "%s is not possible while the certificate is being changed", name);
}

static int dispatch(struct su_signer *s, enum su_door door, uint8_t op, const struct ask *a, struct su_err *e)
{
    struct su_err problem = {0};
    if (op >= SU_SIGN_OPS || !rows[op].run || !(rows[op].doors & door))
        return su_fail(e, SU_E_REFUSED, "sign.op", "operation %u is not for this socket", op);
    if (a->body.n < rows[op].min || a->body.n > rows[op].max)
        return su_fail(e, SU_E_RANGE, "sign.size", "%zu bytes for %s", a->body.n, rows[op].name);
    enum su_sign_state now = su_signer_state(s, &problem);
    if (!(rows[op].states & 1U << now) && !(now == SU_SIGNER_BROKEN && op == SU_SIGN_DOCUMENT &&
                                            strcmp(problem.id, "key.opening") == 0)) /* it may wait for that */
        return refuse_state(rows[op].name, now, &problem, e);
    if (s->job && (op == SU_SIGN_ENROL || op == SU_SIGN_FORGET || op == SU_SIGN_RENEW))
        return su_fail(e, SU_E_CONFLICT, "sign.state", "%s is not possible while another change is under way",
                       rows[op].name);
    return rows[op].run(s, a, e);
}

void su_signer_frame(struct su_signer *s, enum su_door door, unsigned conn, uint8_t op, uint32_t seq,
                     struct su_bytes body)
{
    struct su_err e = {0};
    const struct ask a = {conn, seq, body};
    if (dispatch(s, door, op, &a, &e) < 0)
        su_signer_send_error(s, conn, seq, &e);
}

void su_signer_init(struct su_signer *s)
{
    s->start_job = su_job_start;
}

void su_signer_done(struct su_signer *s)
{
    su_cred_free(&s->cred);
    su_worker_stop(&s->retired);
    su_vms_done(&s->vms);
    su_cache_clear(&s->cache);
    su_buf_done(&s->payload);
    su_buf_done(&s->der);
    su_buf_done(&s->out);
}
