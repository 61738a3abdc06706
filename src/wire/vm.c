/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vm.h"
#include "fields.h"
#include <string.h>

bool su_uuid_valid(const char *text)
{
    if (strlen(text) != SU_UUID_TEXT - 1)
        return false;
    for (unsigned i = 0; i < SU_UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (dash ? text[i] != '-' : !hex)
            return false;
    }
    return true;
}

void su_vm_facts_put(struct su_buf *b, const struct su_vm_facts *f)
{
    su_put_str(b, f->uuid);
    su_put_u8(b, f->secure_boot);
    su_put_u8(b, f->vtpm);
    su_put_str(b, f->security_type);
    su_put_str(b, f->subscription);
    su_put_str(b, f->license_type);
    su_put_str(b, f->sku);
    su_put_str(b, f->plan_name);
    su_put_str(b, f->plan_product);
    su_put_str(b, f->plan_publisher);
}

bool su_vm_facts_take(struct su_bytes *b, struct su_vm_facts *out)
{
    struct su_vm_facts f = {0};
    struct su_bytes at = *b;
    if (!su_take_str(&at, f.uuid, sizeof f.uuid) || !su_uuid_valid(f.uuid) || !su_take_bool(&at, &f.secure_boot) ||
        !su_take_bool(&at, &f.vtpm) || !su_take_str(&at, f.security_type, sizeof f.security_type) ||
        !su_take_str(&at, f.subscription, sizeof f.subscription) || !su_uuid_valid(f.subscription) ||
        !su_take_str(&at, f.license_type, sizeof f.license_type) || !su_take_str(&at, f.sku, sizeof f.sku) ||
        !su_take_str(&at, f.plan_name, sizeof f.plan_name) ||
        !su_take_str(&at, f.plan_product, sizeof f.plan_product) ||
        !su_take_str(&at, f.plan_publisher, sizeof f.plan_publisher))
        return false;
    *out = f;
    *b = at;
    return true;
}

void su_vm_route_put(struct su_buf *b, const struct su_vm_route *r)
{
    su_put_str(b, r->uuid);
    su_put_str(b, r->name);
    su_put_u32(b, r->cid);
    su_put_u32(b, r->mark);
    su_put_bytes(b, r->instance);
}

bool su_vm_route_take(struct su_bytes *b, struct su_vm_route *out)
{
    struct su_vm_route r = {0};
    struct su_bytes at = *b;
    if (!su_take_str(&at, r.uuid, sizeof r.uuid) || !su_uuid_valid(r.uuid) ||
        !su_take_str(&at, r.name, sizeof r.name) || !su_take_be32(&at, &r.cid) || !su_take_be32(&at, &r.mark) ||
        !su_take_bytes(&at, SU_VM_INSTANCE, &r.instance))
        return false;
    *out = r;
    *b = at;
    return true;
}
