/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/vms/NAME/document: a document about a VM, for the operator. */
#include "daemon/api_int.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include "wire/versions.h"
#include <openssl/evp.h>
#include <string.h>

static bool plain(const char *s, const char *more)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr(more, *s)))
            return false;
    return true;
}

static int copy_word(const json_t *o, const char *name, const char *more, char *out, size_t cap, struct su_err *e)
{
    const char *v = su_api_text(o, name);
    if (strlen(v) >= cap || !plain(v, more))
        return su_fail(e, SU_E_USAGE, "api.body", "%s is too long or has characters that are not allowed", name);
    memcpy(out, v, strlen(v) + 1);
    return 0;
}

static int read_request(const json_t *o, struct su_sign_request *r, struct su_err *e)
{
    const char *version = su_api_text(o, "apiVersion");
    int index = version[0] ? su_api_version_index(version) : (int)su_n_api_versions - 1;
    if (index < 0)
        return su_fail(e, SU_E_USAGE, "api.version", "there is no api-version %.40s", version);
    r->version = (uint16_t)index;
    if (copy_word(o, "nonce", "_-", r->nonce, sizeof r->nonce, e) < 0 ||
        copy_word(o, "audience", "._-:/~", r->audience, sizeof r->audience, e) < 0)
        return -1;
    return copy_word(o, "key", "_-", r->thumbprint, sizeof r->thumbprint, e);
}

/* Of the signer's own socket: it lets root in. */
static int ask_document(struct su_daemon *d, const struct su_sign_request *r, uint8_t *buf, struct su_sign_reply *out,
                        struct su_err *e)
{
    char path[256];
    SU_CLOSE int fd = -1;
    struct su_ipc_msg m = {.fd = -1};
    struct su_wire_error w;
    struct su_buf body SU_BUF = {0};
    su_sign_request_put(&body, r);
    if (su_buf_ok(&body, e) < 0 || su_daemon_path(d->run_dir, "signer/sign.sock", path, sizeof path, e) < 0 ||
        su_peer_connect(path, &fd, e) < 0 ||
        su_ipc_ask(fd, SU_SIGN_DOCUMENT, su_buf_bytes(&body), -1, 30000, buf, SU_IPC_MAX, &m, e) < 0)
        return -1;
    if (m.fd >= 0)
        close(m.fd);
    if (m.op == SU_SIGN_ERROR && su_wire_error_take(&m.body, &w))
        return su_fail(e, SU_E_CONFLICT, "document.refused", "%.160s [%.60s]", w.msg, w.id);
    if (m.op != SU_SIGN_DOCUMENT || !su_sign_reply_take(&m.body, out))
        return su_fail(e, SU_E_FORMAT, "ipc.frame", "surety-signer's answer is no document");
    return 0;
}

static json_t *base64(struct su_bytes b)
{
    unsigned char *text SU_FREE = b.n <= SU_IPC_MAX ? malloc(b.n / 3 * 4 + 5) : NULL;
    return text ? json_stringn((const char *)text, (size_t)EVP_EncodeBlock(text, b.p, (int)b.n)) : NULL;
}

/* DER certificates, one after the other: what stands at the front, by its length (X.690, definite form). */
static bool take_der(struct su_bytes *all, struct su_bytes *one)
{
    size_t head = 2, n;
    if (all->n < 2 || all->p[0] != 0x30)
        return false;
    n = all->p[1];
    if (n > 0x82 || n == 0x80)
        return false;
    if (n > 0x80) {
        size_t more = n - 0x80;
        if (all->n < 2 + more)
            return false;
        n = more == 1 ? all->p[2] : (size_t)all->p[2] << 8 | all->p[3];
        head += more;
    }
    if (n > all->n - head)
        return false;
    *one = (struct su_bytes){all->p, head + n};
    return su_skip(all, head + n);
}

static json_t *chain_of(struct su_daemon *d)
{
    json_t *list = json_array();
    SU_HOLD(&d->lock);
    struct su_bytes all = su_buf_bytes(&d->copy.chain), one;
    while (take_der(&all, &one))
        json_array_append_new(list, base64(one));
    return list;
}

/* The VM that it is about; refused when guests would get none either. */
static int about(struct su_daemon *d, const char *name, struct su_sign_request *r, struct su_err *e)
{
    struct su_vm *vm;
    SU_HOLD(&d->lock);
    su_daemon_state(d);
    if (su_vmtab_lookup(&d->vms, name, &vm, e) < 0)
        return -1;
    memcpy(r->uuid, vm->uuid, sizeof r->uuid);
    if (!vm->wanted) {
        su_fail(e, SU_E_CONFLICT, "vm.not-served", "VM %.100s is not served: %s", vm->name,
                vm->problem[0] ? vm->problem : "it does not run, or has no way to ask");
        return su_remedy(e, "Start it, or see what it lacks: surety benefit status");
    }
    if (d->state.status == SU_SERVER_ACTIVE)
        return 0;
    su_fail(e, SU_E_CONFLICT, d->state.why.id, "%.200s", d->state.why.text);
    return su_remedy(e, d->state.why.remedy);
}

int su_api_document(struct su_api_change *c, struct su_err *e)
{
    struct su_sign_request r = {0};
    struct su_sign_reply reply;
    uint8_t *buf SU_FREE = malloc(SU_IPC_MAX);
    if (!buf)
        return su_fail_nomem(e, SU_IPC_MAX);
    if (read_request(c->o, &r, e) < 0 || about(c->d, c->on, &r, e) < 0 || ask_document(c->d, &r, buf, &reply, e) < 0)
        return -1;
    return su_api_answer(json_pack("{s:s,s:o,s:{s:o,s:s,s:s}}", "encoding", "pkcs7", "signature", base64(reply.der),
                                   "surety", "chain", chain_of(c->d), "host", c->d->conf.host, "transport", "api"),
                         c->a, e);
}
