/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/shellvars.h - files of NAME=value lines that a shell would read: os-release(5), /etc/default/grub.
 *
 * Nothing is executed.  Quotes and backslashes are undone as POSIX sh does it; a value that only a shell could
 * know ($name, `command`, $(command)) is refused by name.  Thread safe. */
#pragma once
#include "guest/text.h"

enum { SU_SHELLVARS_VALUE_MAX = 4096 }; /* bytes of one value */

/* The value after the last assignment to name, which is what a shell would be left with; "export NAME=value" counts.
 * Appends to out.  Fails with "guest.shellvars.missing" (SU_E_MISSING), ".dynamic", ".quote" (no closing quote),
 * ".size", and as su_text_check() does. */
int su_shellvars_get(struct su_bytes text, const char *name, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
