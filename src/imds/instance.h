/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/instance.h - the tree below /metadata/instance: cut to an api-version, walked by a path, written as JSON or
 * text.
 *
 * The tree comes from suretyd in its newest form; the path comes from the guest.  Values are strings, as in Azure's
 * service: true, 7 and null in the tree are answered as "true", "7" and "".  Text of a leaf is its value; text of
 * anything else is a listing, a name (or an index) a line, with a '/' after what has something below it. */
#pragma once
#include "query.h"

/* Can this text be served?  SU_E_FORMAT "imds.instance". */
int su_instance_check(struct su_bytes json, struct su_err *e) SU_MUST_CHECK;

/* Appends the answer.  NULL, or the refusal: SU_NOT_FOUND, SU_IS_LEAF, SU_NO_MEMORY. */
const struct su_refusal *su_instance_answer(struct su_bytes json, const struct su_query *q, struct su_buf *out);
