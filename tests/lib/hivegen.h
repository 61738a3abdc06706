/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/hivegen.h - registry hives for tests. */
#pragma once
#include "guest/hive.h"

/* The smallest hive: one bin, a root key and its security descriptor.  minor: 3 (boot stores) or 5 (SYSTEM). */
void hivegen(struct su_buf *out, unsigned minor);
/* Sets the checksum of a base block again. */
void hivegen_sum(uint8_t *base);
/* A file of the test data, packed (.xz) or not, with a path from its directory; false, with a line that says so: it is
 * not there. */
bool hivegen_data(const char *path, struct su_buf *out);
/* A hive that was not written completely, said to be clean all the same. */
void hivegen_clean(struct su_buf *hive);
/* The bytes of h as they are now; aborts where it cannot be saved. */
struct su_buf hivegen_saved(struct su_hive *h);
/* What b has that a has not ("+path|name|type|hex"), and the other way round ("-..."), a line each, by key and value.
 */
void hivegen_diff(struct su_bytes a, struct su_bytes b, struct su_buf *out);
