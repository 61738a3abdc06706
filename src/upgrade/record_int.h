/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/record_int.h - a record as text.  Strict: every member has to be there, with its type and in its range, and
 * no other.  At most SU_STORE_VALUE bytes.  SU_E_FORMAT "vm.record", SU_E_RANGE "vm.record.size". */
#pragma once
#include "upgrade/record.h"

int su_record_print(const struct su_vm_record *r, char **out, struct su_err *e) SU_MUST_CHECK; /* owned by the caller */
int su_record_parse(struct su_bytes text, struct su_vm_record *out, struct su_err *e) SU_MUST_CHECK;
