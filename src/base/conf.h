/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/conf.h - configuration files: "[section]", "key = value", "#" or ";" at the start of a line for a comment.
 *
 * A section and a key may stand once.  Programs describe what they know as rows; a key without a row is an error with
 * its line, so that a typing error is not silently a default.  Pure parser: bytes in, values out.
 * Failures: SU_E_FORMAT "conf.syntax", "conf.unknown", "conf.value" (the message starts with NAME:LINE:),
 * SU_E_MISSING "conf.missing" (a required key), SU_E_IO "conf.read". */
#pragma once
#include "buf.h"

enum { SU_CONF_MAX_FILE = 256 << 10, SU_CONF_MAX_VALUE = 1024 };

enum su_conf_type {
    SU_CONF_STRING,   /* char[size] in the struct */
    SU_CONF_BOOL,     /* bool; yes no true false on off 1 0 */
    SU_CONF_UINT,     /* uint32_t within min..max */
    SU_CONF_SECONDS,  /* uint32_t within min..max; "90", "90s", "15m", "12h", "30d" */
};

struct su_conf_row {
    const char *section, *key;
    enum su_conf_type type;
    size_t offset, size;      /* in the struct that is filled; size: of a string's array */
    const char *value;        /* default; NULL: required */
    uint32_t min, max;        /* of numbers; max 0: no limit */
    const char *const *words; /* ends with NULL; the only values a string may have; NULL: any */
};

/* Fills into from the defaults and the text; name is for messages.  On failure into is untouched (into_size bytes). */
int su_conf_parse(const struct su_conf_row *rows, size_t n, struct su_bytes text, const char *name, void *into,
                  size_t into_size, struct su_err *e) SU_MUST_CHECK;
/* The same from a file; missing_ok: a file that is not there is an empty one. */
int su_conf_load(const struct su_conf_row *rows, size_t n, const char *path, bool missing_ok, void *into,
                 size_t into_size, struct su_err *e) SU_MUST_CHECK;
