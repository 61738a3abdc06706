/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/grubscript.h - splits a GRUB script into simple commands (GRUB manual, "Writing full configuration files
 * directly": words, quoting, comments, blocks).
 *
 * Nothing is evaluated: variables stay in the words as "${name}", whichever way they were written, except
 * $menuentry_id_option, which every GRUB since 2.00 sets to --id.  Not thread safe per reader. */
#pragma once
#include "guest/text.h"

enum { SU_GRUB_MAX_WORDS = 256 };

struct su_grub_word {
    const char *text; /* quotes undone, ends with NUL; borrowed from the reader until its next command */
    size_t n;
    size_t from, to; /* where it stands in the source */
    size_t at;       /* private */
};

enum su_grub_end {
    SU_GRUB_END_LINE,  /* newline, semicolon, or the end of the text */
    SU_GRUB_END_OPEN,  /* { : a block follows */
    SU_GRUB_END_CLOSE, /* } : the innermost block ends after this command, which may have no words */
};

struct su_grubscript {
    struct su_bytes source; /* borrowed */
    size_t pos;
    struct su_grub_word word[SU_GRUB_MAX_WORDS]; /* the present command */
    size_t n_words;
    enum su_grub_end end;
    struct su_buf scratch; /* private */
};
#define SU_GRUBSCRIPT SU_AUTO(su_grubscript_done)

/* source: as su_text_check() wants it. */
void su_grubscript_init(struct su_grubscript *s, struct su_bytes source);
void su_grubscript_done(struct su_grubscript *s);
/* 1: the next command is there, 0: the text is over, -1: "guest.grubcfg.quote" (not closed, or a backslash at
 * the end), "guest.grubcfg.words". */
int su_grubscript_next(struct su_grubscript *s, struct su_err *e) SU_MUST_CHECK;
