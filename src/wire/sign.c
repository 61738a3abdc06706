/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sign.h"
#include "fields.h"
#include <string.h>

void su_wire_error_put(struct su_buf *b, const struct su_err *from)
{
    su_put_u8(b, (uint8_t)from->kind);
    su_put_str(b, from->id ? from->id : "");
    su_put_str(b, from->msg);
}

bool su_wire_error_take(struct su_bytes *b, struct su_wire_error *out)
{
    struct su_wire_error w = {0};
    struct su_bytes at = *b;
    if (!su_take_u8(&at, &w.kind) || w.kind == SU_OK || w.kind >= SU_KIND_COUNT ||
        !su_take_str(&at, w.id, sizeof w.id) || !su_take_str(&at, w.msg, sizeof w.msg))
        return false;
    *out = w;
    *b = at;
    return true;
}

static bool only(const char *s, const char *also)
{
    for (; *s; s++) {
        bool alnum = (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
        if (!alnum && !strchr(also, *s))
            return false;
    }
    return true;
}

bool su_nonce_valid(const char *s)
{
    return *s && strlen(s) <= SU_NONCE_MAX && only(s, "-_");
}

bool su_audience_valid(const char *s)
{
    return *s && strlen(s) <= SU_AUDIENCE_MAX && only(s, "-._~:/@+=,");
}

bool su_thumbprint_valid(const char *s)
{
    return *s && strlen(s) <= SU_THUMBPRINT_MAX && only(s, "-_");
}

void su_sign_request_put(struct su_buf *b, const struct su_sign_request *r)
{
    su_put_str(b, r->uuid);
    su_put_u16(b, r->version);
    su_put_str(b, r->nonce);
    su_put_str(b, r->audience);
    su_put_str(b, r->thumbprint);
}

bool su_sign_request_take(struct su_bytes *b, struct su_sign_request *out)
{
    struct su_sign_request r = {0};
    struct su_bytes at = *b;
    if (!su_take_str(&at, r.uuid, sizeof r.uuid) || !su_uuid_valid(r.uuid) || !su_take_be16(&at, &r.version) ||
        !su_take_str(&at, r.nonce, sizeof r.nonce) || (*r.nonce && !su_nonce_valid(r.nonce)) ||
        !su_take_str(&at, r.audience, sizeof r.audience) || (*r.audience && !su_audience_valid(r.audience)) ||
        !su_take_str(&at, r.thumbprint, sizeof r.thumbprint) || (*r.thumbprint && !su_thumbprint_valid(r.thumbprint)))
        return false;
    *out = r;
    *b = at;
    return true;
}

void su_sign_reply_put(struct su_buf *b, const struct su_sign_reply *r)
{
    su_put_bytes(b, r->der);
    su_put_u64(b, r->created);
    su_put_u64(b, r->expires);
    su_put_str(b, r->nonce);
}

bool su_sign_reply_take(struct su_bytes *b, struct su_sign_reply *out)
{
    struct su_sign_reply r = {0};
    struct su_bytes at = *b;
    if (!su_take_bytes(&at, SU_DOCUMENT_MAX, &r.der) || !su_take_be64(&at, &r.created) ||
        !su_take_be64(&at, &r.expires) || !su_take_str(&at, r.nonce, sizeof r.nonce) || !su_nonce_valid(r.nonce))
        return false;
    *out = r;
    *b = at;
    return true;
}

void su_sign_item_put(struct su_buf *b, const struct su_sign_item *i)
{
    su_put_u8(b, i->op);
    su_put_u32(b, i->seq);
    su_put_bytes(b, i->body);
}

bool su_sign_item_take(struct su_bytes *b, struct su_sign_item *out)
{
    struct su_sign_item i = {0};
    struct su_bytes at = *b;
    if (!su_take_u8(&at, &i.op) || (i.op != SU_SIGN_DOCUMENT && i.op != SU_SIGN_ERROR) || !su_take_be32(&at, &i.seq) ||
        !su_take_bytes(&at, UINT16_MAX, &i.body))
        return false;
    *out = i;
    *b = at;
    return true;
}

unsigned su_sign_items(struct su_bytes b)
{
    struct su_sign_item i;
    unsigned n = 0;
    while (b.n && n <= SU_SIGN_TOGETHER && su_sign_item_take(&b, &i))
        n++;
    return b.n || n > SU_SIGN_TOGETHER ? 0 : n;
}

void su_sign_status_put(struct su_buf *b, const struct su_sign_status *s)
{
    su_put_u8(b, s->state);
    su_put_str(b, s->key);
    su_put_str(b, s->problem_id);
    su_put_str(b, s->problem);
    su_put_u64(b, s->not_before);
    su_put_u64(b, s->not_after);
    su_put_str(b, s->serial);
    su_put_bytes(b, s->leaf);
    su_put_bytes(b, s->chain);
    su_put_bytes(b, s->roots);
    su_put_u32(b, s->vms);
    su_put_u64(b, s->signed_documents);
}

bool su_sign_status_take(struct su_bytes *b, struct su_sign_status *out)
{
    struct su_sign_status s = {0};
    struct su_bytes at = *b;
    if (!su_take_u8(&at, &s.state) || s.state < SU_SIGNER_NO_CERT || s.state > SU_SIGNER_BROKEN ||
        !su_take_str(&at, s.key, sizeof s.key) || !su_take_str(&at, s.problem_id, sizeof s.problem_id) ||
        !su_take_str(&at, s.problem, sizeof s.problem) || !su_take_be64(&at, &s.not_before) ||
        !su_take_be64(&at, &s.not_after) || !su_take_str(&at, s.serial, sizeof s.serial) ||
        !su_take_bytes(&at, UINT16_MAX, &s.leaf) || !su_take_bytes(&at, UINT16_MAX, &s.chain) ||
        !su_take_bytes(&at, UINT16_MAX, &s.roots) || !su_take_be32(&at, &s.vms) ||
        !su_take_be64(&at, &s.signed_documents))
        return false;
    *out = s;
    *b = at;
    return true;
}

void su_sign_enrol_put(struct su_buf *b, const struct su_sign_enrol *r)
{
    su_put_str(b, r->host);
    su_put_str(b, r->secret);
}

bool su_sign_enrol_take(struct su_bytes *b, struct su_sign_enrol *out)
{
    struct su_bytes at = *b;
    struct su_sign_enrol r = {0};
    bool good =
        su_take_str(&at, r.host, sizeof r.host) && su_take_str(&at, r.secret, sizeof r.secret) && *r.host && *r.secret;
    if (good) {
        *out = r;
        *b = at;
    }
    explicit_bzero(&r, sizeof r);
    return good;
}
