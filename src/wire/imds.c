/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "imds.h"
#include "fields.h"
#include <string.h>

void su_imds_listener_put(struct su_buf *b, const struct su_imds_listener *l)
{
    su_put_str(b, l->name);
    su_put_u8(b, l->identify);
    su_put_u8(b, l->transport);
    su_put_str(b, l->uuid);
}

static bool transport_valid(uint8_t t)
{
    return t >= SU_OVER_VSOCK && t <= SU_OVER_UNIX;
}

bool su_imds_listener_take(struct su_bytes *b, struct su_imds_listener *out)
{
    struct su_imds_listener l = {0};
    struct su_bytes at = *b;
    if (!su_take_str(&at, l.name, sizeof l.name) || !*l.name || !su_take_u8(&at, &l.identify) ||
        l.identify < SU_BY_CID || l.identify > SU_BY_LISTENER || !su_take_u8(&at, &l.transport) ||
        !transport_valid(l.transport) || !su_take_str(&at, l.uuid, sizeof l.uuid))
        return false;
    if (l.identify == SU_BY_LISTENER ? !su_uuid_valid(l.uuid) : *l.uuid != '\0')
        return false;
    *out = l;
    *b = at;
    return true;
}

void su_imds_host_put(struct su_buf *b, const struct su_imds_host *h)
{
    su_put_str(b, h->host);
    su_put_u8(b, h->serving);
    su_put_u16(b, h->status);
    su_put_str(b, h->text);
    su_put_bytes(b, h->chain);
    su_put_u32(b, h->rate);
    su_put_u32(b, h->burst);
}

bool su_imds_host_take(struct su_bytes *b, struct su_imds_host *out)
{
    struct su_imds_host h = {0};
    struct su_bytes at = *b;
    if (!su_take_str(&at, h.host, sizeof h.host) || !su_take_u8(&at, &h.serving) || h.serving > 1 ||
        !su_take_be16(&at, &h.status) || !su_take_str(&at, h.text, sizeof h.text) ||
        !su_take_bytes(&at, UINT16_MAX, &h.chain) || !su_take_be32(&at, &h.rate) || !su_take_be32(&at, &h.burst))
        return false;
    if (!h.serving && h.status != 410 && h.status != 500 && h.status != 503)
        return false;
    *out = h;
    *b = at;
    return true;
}

void su_imds_audit_put(struct su_buf *b, const struct su_imds_audit *a)
{
    su_put_u64(b, a->time_ms);
    su_put_u8(b, a->kind);
    su_put_u8(b, a->transport);
    su_put_u16(b, a->status);
    su_put_str(b, a->uuid);
    su_put_str(b, a->peer);
    su_put_str(b, a->path);
    su_put_str(b, a->nonce_hash);
    su_put_str(b, a->audience);
    su_put_str(b, a->result);
}

/* surety-imds may have been taken over: what it says goes into logs, so only printable ASCII is taken. */
static bool take_word(struct su_bytes *b, char *out, size_t cap)
{
    if (!su_take_str(b, out, cap))
        return false;
    for (const char *p = out; *p; p++)
        if (*p < ' ' || *p > '~')
            return false;
    return true;
}

static bool take_uuid_or_none(struct su_bytes *b, char out[SU_UUID_TEXT])
{
    return su_take_str(b, out, SU_UUID_TEXT) && (!*out || su_uuid_valid(out));
}

bool su_imds_audit_take(struct su_bytes *b, struct su_imds_audit *out)
{
    struct su_imds_audit a = {0};
    struct su_bytes at = *b;
    if (!su_take_be64(&at, &a.time_ms) || !su_take_u8(&at, &a.kind) || !su_take_u8(&at, &a.transport) ||
        !su_take_be16(&at, &a.status) || !take_uuid_or_none(&at, a.uuid) || !take_word(&at, a.peer, sizeof a.peer) ||
        !take_word(&at, a.path, sizeof a.path) || !take_word(&at, a.nonce_hash, sizeof a.nonce_hash) ||
        !take_word(&at, a.audience, sizeof a.audience) || !take_word(&at, a.result, sizeof a.result))
        return false;
    if (a.kind < SU_AUDIT_REQUEST || a.kind > SU_AUDIT_VERIFIED || !transport_valid(a.transport))
        return false;
    *out = a;
    *b = at;
    return true;
}

void su_imds_status_put(struct su_buf *b, const struct su_imds_status *s)
{
    su_put_u32(b, s->vms);
    su_put_u32(b, s->listeners);
    su_put_u32(b, s->connections);
    su_put_u64(b, s->requests);
    su_put_u64(b, s->documents);
    su_put_u64(b, s->refused);
    su_put_u8(b, s->signer);
}

bool su_imds_status_take(struct su_bytes *b, struct su_imds_status *out)
{
    struct su_imds_status s = {0};
    struct su_bytes at = *b;
    if (!su_take_be32(&at, &s.vms) || !su_take_be32(&at, &s.listeners) || !su_take_be32(&at, &s.connections) ||
        !su_take_be64(&at, &s.requests) || !su_take_be64(&at, &s.documents) || !su_take_be64(&at, &s.refused) ||
        !su_take_u8(&at, &s.signer) || s.signer > 1)
        return false;
    *out = s;
    *b = at;
    return true;
}
