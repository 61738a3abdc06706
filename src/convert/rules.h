/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/rules.h - may this disk be converted?  One table of rules; each looks at the facts and says
 * what it found, all of them, not just the first.  Pure.
 *
 * An id names one finding for scripts, its sentence and its remedy are for people. */
#pragma once
#include "facts.h"

enum su_severity {
    SU_OK_NOTE, /* the rule is met; its title says what that means */
    SU_NOTE,    /* worth knowing, nothing to do */
    SU_WARNING, /* converts, but something will be missing or needs a hand afterwards */
    SU_STOP,    /* does not convert until the remedy is done */
};

/* Return codes of MBR2GPT (reference: upgrade.md 2.7). */
enum { SU_MBR2GPT_READ = 5, SU_MBR2GPT_ENCRYPTED = 6, SU_MBR2GPT_LAYOUT = 7, SU_MBR2GPT_FILES = 9 };

struct su_finding {
    enum su_severity severity;
    const char *id, *remedy; /* static; remedy may be NULL */
    const char *mbr2gpt;     /* "V6": MBR2GPT's rule of the same meaning, on a disk of Windows; static; NULL: none */
    int code;                /* what MBR2GPT returns there; 0: it finds nothing either */
    char msg[240];
};

struct su_verdict {
    size_t n, cap;
    struct su_finding *finding; /* owned */
    bool failed;                /* out of memory: findings are missing */
    size_t stops, warnings;
};

struct su_rule {
    const char *id;
    enum su_severity severity; /* of what check() reports by default */
    const char *title;         /* what holds when it is met */
    const char *remedy;
    void (*check)(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v);
    const char *mbr2gpt; /* the rule of MBR2GPT that it stands for (reference: upgrade.md 2.2); NULL: none */
    int code;            /* and MBR2GPT's return code when that is broken */
};

void su_verdict_done(struct su_verdict *v);
#define SU_VERDICT SU_AUTO(su_verdict_done)

/* Runs every rule that applies to these facts.  None does on a GPT disk, and without a table there is nothing to say
 * but that.  SU_E_NOMEM only. */
int su_rules_run(const struct su_facts *f, struct su_verdict *out, struct su_err *e) SU_MUST_CHECK;

const char *su_severity_name(enum su_severity s);

/* For the rules: */
void su_found(struct su_verdict *v, const struct su_rule *row, const char *fmt, ...) SU_PRINTF(3, 4);
void su_found_as(struct su_verdict *v, enum su_severity s, const char *id, const char *remedy, const char *fmt, ...)
    SU_PRINTF(5, 6);

/* The tables, one a file; they end with a row whose id is NULL. */
extern const struct su_rule su_rules_table[];        /* the partition table */
extern const struct su_rule su_rules_layout[];       /* the new one, and room for it */
extern const struct su_rule su_rules_volume[];       /* what lies in the partitions */
extern const struct su_rule *const su_rules_no_os[]; /* tables for a disk without a system */
extern const struct su_rule su_rules_linux[];        /* the system, its boot loader and what must be rewritten */
extern const struct su_rule su_rules_boot[];         /* Linux: Secure Boot, and staying bootable under BIOS */
