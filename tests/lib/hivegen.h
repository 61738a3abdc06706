/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/hivegen.h - registry hives for tests. */
#pragma once
#include "base/buf.h"

/* The smallest hive: one bin, a root key and its security descriptor.  minor: 3 (boot stores) or 5 (SYSTEM). */
void hivegen(struct su_buf *out, unsigned minor);
/* Sets the checksum of a base block again. */
void hivegen_sum(uint8_t *base);
/* A file of the test data, packed (.xz) or not, with a path from its directory; false, with a line that says so: it is
 * not there. */
bool hivegen_data(const char *path, struct su_buf *out);
