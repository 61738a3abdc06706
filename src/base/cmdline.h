/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/cmdline.h - nouns, verbs and options as rows of tables; usage text, errors and shell completion
 * come from the rows.  Options may stand anywhere; "--" ends them; "--name=value" and "--name value". */
#pragma once
#include "su.h"
#include <stdio.h>

struct su_option {
    const char *name; /* "--json" */
    const char *arg;  /* "FILE"; NULL: takes none */
    const char *help;
    const char *words; /* for completion: "auto on off"; NULL: free, or a file when arg is FILE or DIR */
};

enum { SU_ARGS_MAX_OPTIONS = 64, SU_ARGS_MAX_OPERANDS = 4096 };

/* What was typed; all borrowed from argv. */
struct su_args {
    size_t n_operands;
    const char *operand[SU_ARGS_MAX_OPERANDS];
    size_t n_options;
    struct {
        const struct su_option *option;
        const char *value; /* "" for an option without one */
    } given[SU_ARGS_MAX_OPTIONS];
};

struct su_verb {
    const char *noun, *name; /* noun NULL: a verb of its own */
    const char *operands;    /* "IMAGE" */
    const char *help;
    unsigned min_operands, max_operands;
    const struct su_option *const *options;                /* ends with NULL; may be NULL */
    int (*run)(const struct su_args *a, struct su_err *e); /* exit status, or -1 with *e set */
};

/* The row argv names and what follows it.  Fails with SU_E_USAGE "cli....". */
int su_args_parse(const struct su_verb *verbs, size_t n, int argc, char **argv, const struct su_verb **verb,
                  struct su_args *out, struct su_err *e) SU_MUST_CHECK;

/* The last value given; NULL when the option was not given. */
const char *su_args_get(const struct su_args *a, const char *option);
/* The i-th value of an option that may be repeated; NULL past the last. */
const char *su_args_nth(const struct su_args *a, const char *option, size_t i);
/* A number with an optional suffix K, M, G, T (powers of 1024). */
int su_parse_size(const char *text, uint64_t *out, struct su_err *e) SU_MUST_CHECK;

void su_verbs_usage(const struct su_verb *verbs, size_t n, const char *prog, const char *noun, FILE *out);
void su_verb_help(const struct su_verb *v, const char *prog, FILE *out);
/* A bash completion script for prog.  names: of the operands of a row: "none", "files", or what "PROG completion WORD"
 * prints, a line each; NULL: all are files. */
void su_verbs_completion(const struct su_verb *verbs, size_t n, const char *prog,
                         const char *(*names)(const struct su_verb *v), FILE *out);
