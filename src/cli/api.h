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

/* A member of an answer as text, however deep: "sync.last"; "" when it is null or missing.  Borrowed. */
const char *su_api_text(const json_t *o, const char *path);
const json_t *su_api_member(const json_t *o, const char *path); /* NULL: missing */
void su_api_freep(json_t **o);
#define SU_JSON SU_AUTO(su_api_freep)

/* A table: the columns are as wide as their widest cell.  Cells may come from guests. */
struct su_api_column {
    const char *title, *path; /* path NULL: cell() makes it */
};
void su_api_table(const json_t *rows, const struct su_api_column *c, size_t n,
                  void (*cell)(const json_t *row, size_t column, char *out, size_t cap));
/* The same; the text of member under (NULL: none), where a row has it, goes below the row's last column. */
void su_api_table_under(const json_t *rows, const struct su_api_column *c, size_t n,
                        void (*cell)(const json_t *row, size_t column, char *out, size_t cap), const char *under);
/* One line of a description: what, and the value made safe for a terminal, "-" when it is empty. */
void su_api_line(const char *what, const char *value);
