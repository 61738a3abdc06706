/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/cli.h - the edge: what the commands share.  Only here is anything printed. */
#pragma once
#include "base/cmdline.h"
#include "convert/convert.h"
#include "convert/os.h"

enum { SU_EXIT_OK = 0, SU_EXIT_FAILED = 1, SU_EXIT_USAGE = 2, SU_EXIT_NOT_CONVERTIBLE = 3, SU_EXIT_ALREADY = 4 };

/* A noun's rows; main.c lists the nouns. */
struct su_noun {
    const struct su_verb *verbs;
    size_t n;
};
extern const struct su_noun su_disk_noun;
extern const struct su_noun su_document_noun;
extern const struct su_noun su_authority_noun;
extern const struct su_noun su_server_noun;
extern const struct su_noun su_vm_noun;
extern const struct su_noun su_job_noun;
extern const struct su_noun su_legacy_noun;
extern const struct su_noun su_benefit_noun;
extern const struct su_noun su_audit_noun;
extern const struct su_noun su_doctor_noun;

/* Options, one definition a name: OPT(o_json, "--json", NULL, "print JSON", NULL); */
#define OPT(var, ...) static const struct su_option var = {__VA_ARGS__}

int su_disk_inspect(const struct su_args *a, struct su_err *e);
int su_disk_validate(const struct su_args *a, struct su_err *e);
int su_disk_convert(const struct su_args *a, struct su_err *e);
int su_disk_rollback_verb(const struct su_args *a, struct su_err *e);
int su_disk_recover_verb(const struct su_args *a, struct su_err *e);

int su_document_get(const struct su_args *a, struct su_err *e);
int su_document_show(const struct su_args *a, struct su_err *e);
int su_document_verify(const struct su_args *a, struct su_err *e);

/* names.c: what completes the operands of a row, and the names themselves: "surety completion vms". */
const char *su_names_of(const struct su_verb *v);
int su_names_print(const struct su_args *a, struct su_err *e);

/* Text that came from a guest, made fit for a terminal as base/clean.h has it. */
void su_print_safe(const char *text, FILE *out);
/* A file's name as a word that a shell takes back, also when it starts with '-'. */
void su_print_quoted(const char *name, FILE *out);
bool su_same_file(const char *one, const char *other); /* both there, whatever links lead to them */

/* disk_print.c and disk_json.c: facts and verdicts for people and for programs. */
void su_print_facts(const struct su_facts *f, FILE *out);
void su_print_verdict(const struct su_verdict *v, bool all, FILE *out);
json_t *su_json_text(const char *s); /* bytes that are not UTF-8 become '?' */
json_t *su_json_facts(const struct su_facts *f);
json_t *su_json_findings(const struct su_verdict *v, enum su_severity least);
json_t *su_json_conversion(const struct su_facts *f, const struct su_conversion *c);
json_t *su_json_error(const struct su_err *e);
/* Prints and takes o; out of memory is an error like any other. */
int su_json_print(json_t *o, FILE *out, struct su_err *e) SU_MUST_CHECK;
