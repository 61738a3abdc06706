/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/vms.h - the facts of every VM, found by UUID.  Facts are kept as they came over the wire: a VM costs some
 * 200 bytes. */
#pragma once
#include "wire/vm.h"

enum { SU_VMS_MAX = 100000 };
struct su_vms {
    struct su_vm_entry **bucket; /* owned */
    size_t buckets;
    uint32_t n;
    uint64_t seed;
};
int su_vms_init(struct su_vms *t, struct su_err *e) SU_MUST_CHECK;
void su_vms_done(struct su_vms *t);
void su_vms_clear(struct su_vms *t);
/* body: su_vm_facts as encoded.  SU_E_FORMAT "sign.body", SU_E_RANGE "sign.vms" (too many). */
int su_vms_put(struct su_vms *t, struct su_bytes body, struct su_err *e) SU_MUST_CHECK;
void su_vms_del(struct su_vms *t, const char *uuid);
bool su_vms_get(const struct su_vms *t, const char *uuid, struct su_vm_facts *out);
