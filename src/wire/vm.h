/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/vm.h - what the host knows of a VM, as suretyd tells it to surety-signer (the part that is signed) and to
 * surety-imds (the part that finds it).  Strings are UTF-8 without control characters, made so by suretyd. */
#pragma once
#include "base/buf.h"

enum {
    SU_UUID_TEXT = 37, /* lower case, with the NUL */
    SU_VM_NAME = 256,
    SU_VM_WORD = 128, /* licence type, plan, SKU ... */
    SU_VM_INSTANCE = 32 << 10 /* bytes of instance metadata */
};

/* What surety-signer puts into documents about this VM.  Never taken from the guest. */
struct su_vm_facts {
    char uuid[SU_UUID_TEXT]; /* libvirt's UUID, which is the guest's DMI product UUID */
    bool secure_boot, vtpm;
    char security_type[32]; /* "TrustedLaunch", or "" */
    char subscription[SU_UUID_TEXT];
    char license_type[SU_VM_WORD], sku[SU_VM_WORD];
    char plan_name[SU_VM_WORD], plan_product[SU_VM_WORD], plan_publisher[SU_VM_WORD];
};
void su_vm_facts_put(struct su_buf *b, const struct su_vm_facts *f);
bool su_vm_facts_take(struct su_bytes *b, struct su_vm_facts *out);

/* How surety-imds recognises this VM's connections, and what it answers about it. */
struct su_vm_route {
    char uuid[SU_UUID_TEXT];
    char name[SU_VM_NAME];
    uint32_t cid;           /* vsock context id; 0: no vsock device */
    uint32_t mark;          /* socket mark of its port on the legacy bridge; 0: not on it */
    struct su_bytes instance; /* JSON of /metadata/instance in its newest form; borrowed */
};
void su_vm_route_put(struct su_buf *b, const struct su_vm_route *r);
bool su_vm_route_take(struct su_bytes *b, struct su_vm_route *out); /* instance borrows from b */

bool su_uuid_valid(const char *text); /* 8-4-4-4-12, lower case */
