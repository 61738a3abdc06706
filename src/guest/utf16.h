/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/utf16.h - names as Windows writes them: UTF-16LE, on our side UTF-8.
 *
 * A surrogate without its other half is written as the three bytes UTF-8 would give it (WTF-8), so that every name
 * of a guest survives the way there and back; whoever prints one passes it through su_print_safe().  Pure, thread safe.
 */
#pragma once
#include "base/buf.h"

/* Appends the UTF-8 of n UTF-16LE units; stops at the first NUL unit when to_nul. */
void su_utf16_to_utf8(struct su_bytes utf16, bool to_nul, struct su_buf *out);
/* The same up to the first NUL, cut to cap (> 0) bytes with their NUL, between characters.  Never allocates. */
void su_utf16_cut(struct su_bytes utf16, char *out, size_t cap);
/* Appends UTF-16LE, without a NUL.  SU_E_FORMAT "guest.utf8" for bytes that are not (W)UTF-8. */
int su_utf8_to_utf16(const char *s, size_t len, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* Equal but for the case of ASCII letters, which is all that the names surety looks for are made of. */
bool su_name_is(const char *name, size_t len, const char *wanted);
/* The same for whole paths; '/' and '\\' are the same. */
bool su_winpath_is(const char *a, const char *b);
/* "\Windows\system32\winload.exe" -> "/Windows/system32/winload.exe"; SU_E_FORMAT "guest.winpath" for what is no
 * absolute path, holds ".." or NUL, or is longer than cap. */
int su_winpath(const char *s, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;
