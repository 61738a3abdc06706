/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/text.h - what the editors of a guest's configuration files share.
 *
 * They are pure: text in, text out, no file touched.  Every edit keeps all bytes it does not mean,
 * has an exact inverse for rollback, and leaves the text identical where nothing matches.
 * Text is refused as a whole ("guest.text.size", "guest.text.nul", "guest.text.crlf") rather than edited on a guess.
 * Functions append to out, and on failure out has what it had.  Thread safe. */
#pragma once
#include "base/buf.h"

enum { SU_TEXT_MAX = 1 << 20 }; /* bytes of one file */

/* Within bounds, without NUL bytes; name is for the message ("/etc/fstab"). */
int su_text_check(struct su_bytes text, const char *name, struct su_err *e) SU_MUST_CHECK;
/* The same for an editor of lines: no carriage return either. */
int su_text_check_lines(struct su_bytes text, const char *name, struct su_err *e) SU_MUST_CHECK;

/* Takes the next line off the front; line is without its newline.  False at the end.  A last line
 * without a newline is a line. */
bool su_text_line(struct su_bytes *text, struct su_bytes *line);
/* Takes the next word off the front of a line: what lies between blanks and tabs. */
bool su_text_word(struct su_bytes *line, struct su_bytes *word);
bool su_text_is(struct su_bytes b, const char *s);

/* Drops what was appended since b was n bytes long. */
void su_text_truncate(struct su_buf *b, size_t n);

/* A block of two lines at the end of a file: a comment that says who added the next line, and that line.
 * comment starts with "# " and is unlike any other; neither holds a newline.
 * A text without a newline at its end gets one, which the comment then mentions, so that removing is exact. */
int su_text_add_block(struct su_bytes text, const char *comment, const char *line, struct su_buf *out,
                      struct su_err *e) SU_MUST_CHECK;
/* Removes every such block whose second line is() accepts; *removed counts them. */
int su_text_remove_block(struct su_bytes text, const char *comment, bool (*is)(struct su_bytes line, const void *arg),
                         const void *arg, struct su_buf *out, unsigned *removed, struct su_err *e) SU_MUST_CHECK;
