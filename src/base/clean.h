/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/clean.h - text of a guest, or of whoever read one, made fit to be shown.
 *
 * The result is UTF-8 without control characters (C1 too) and without those that are not seen but change what is: that
 * turn the writing direction, have no width, or are tags.  What is neither becomes '?'.  Pure and thread safe. */
#pragma once
#include "su.h"

/* The character at the front of text: its bytes, 0 when they are no UTF-8 (RFC 3629).  text.n > 0. */
size_t su_clean_char(struct su_bytes text, bool *shows);

/* Into an array of fixed size, cut between characters and ended by a NUL.  cap > 0.  NULL is "".  out may be text. */
void su_clean(char *out, size_t cap, const char *text);
void su_clean_bytes(char *out, size_t cap, struct su_bytes text);

/* The last line that is not empty. */
void su_clean_last_line(char *out, size_t cap, struct su_bytes text);
