/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/clean.h - text of a guest, or of whoever read one, into arrays of fixed size.
 *
 * The result is UTF-8 without control characters (C1 too), cut between characters and ended by a NUL.  What is neither
 * becomes '?'.  Pure and thread safe. */
#pragma once
#include "base/su.h"

/* cap > 0.  NULL is "". */
void su_clean(char *out, size_t cap, const char *text);
void su_clean_bytes(char *out, size_t cap, struct su_bytes text);

/* The last line that is not empty. */
void su_clean_last_line(char *out, size_t cap, struct su_bytes text);
