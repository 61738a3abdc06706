/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/api.h - the commands' calls to suretyd's management API. */
#pragma once
#include "base/cmdline.h"
#include <jansson.h>

/* method "GET", "POST" or "DELETE"; path "/v1/..." with %s for one segment, which is encoded (NULL: none); body is
 * taken and may be NULL.  An answer that is no success comes back as the error it tells.  SU_E_IO "api.connect" when
 * suretyd does not run.  wait_s: how long the answer may take. */
int su_api_call(const struct su_args *a, const char *method, const char *path, const char *segment, json_t *body,
                unsigned wait_s, json_t **out, struct su_err *e) SU_MUST_CHECK;

/* A GET with a limit in milliseconds. */
int su_api_get(const struct su_args *a, const char *path, unsigned limit_ms, json_t **out,
               struct su_err *e) SU_MUST_CHECK;

/* A member of an answer as text, however deep: "sync.last"; "" when it is null or missing.  Borrowed. */
const char *su_api_text(const json_t *o, const char *path);
const json_t *su_api_member(const json_t *o, const char *path); /* NULL: missing */
void su_api_freep(json_t **o);
#define SU_JSON SU_AUTO(su_api_freep)

/* Tables (table.c).  Cells may come from guests.  Columns are as wide as their widest cell; on a terminal that is too
 * narrow the widest are cut, and the last one, which is text, goes on below itself. */
enum su_api_kind {
    SU_API_TEXT,    /* a string; or a number, as it is */
    SU_API_WHEN,    /* a time, RFC 3339 or seconds since 1970: "2 minutes ago"; with --wide RFC 3339 */
    SU_API_WHEN_MS, /* the same in milliseconds */
    SU_API_WORDS,   /* an array of strings: "a,b" */
};
struct su_api_column {
    const char *title, *path; /* path NULL: cell() makes it */
    enum su_api_kind kind;
    bool wide; /* only there with --wide */
};
typedef void su_api_cell(const json_t *row, size_t column, char *out, size_t cap);
void su_api_table(const json_t *rows, const struct su_api_column *c, size_t n, su_api_cell *cell);
/* With --wide of a: all columns, exact times, nothing cut. */
void su_api_list(const struct su_args *a, const json_t *rows, const struct su_api_column *c, size_t n,
                 su_api_cell *cell);
/* The text of member under (NULL: none), where a row has it, goes below the row's last column. */
void su_api_table_under(const json_t *rows, const struct su_api_column *c, size_t n, su_api_cell *cell,
                        const char *under);
/* Rows in the order of a member that is text, without regard to case, as virsh lists VMs. */
void su_api_sort(json_t *rows, const char *member);
/* Seconds since 1970 of a member that is a time; 0: it is none. */
uint64_t su_api_time(const json_t *o, const char *path);
/* "2 minutes ago", "in 29 days", "now"; pure. */
void su_api_ago(uint64_t now, uint64_t t, char *out, size_t cap);
/* One line of a description: an array's strings; "2027-01-15T08:00:00Z (2 minutes ago)". */
void su_api_line_words(const char *what, const json_t *o, const char *path);
void su_api_line_when(const char *what, const json_t *o, const char *path);
/* One line of a description: what, and the value made safe for a terminal, "-" when it is empty. */
void su_api_line(const char *what, const char *value);
