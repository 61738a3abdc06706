/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/checks.h - every prerequisite, limit, good practice and known issue of an upgrade, as one table.
 *
 * A row has an id, a severity, what is good (one sentence), a remedy, how it is known, and where it comes from.  Pure:
 * facts in, findings out.  docs/vm-upgrade.md shows the table; tools/check-docs makes it. */
#pragma once
#include "upgrade/facts.h"

/* UNKNOWN: it has to be known, and is not yet.  At rest that is a STOP. */
enum su_check_severity { SU_CHECK_OK, SU_CHECK_NOTE, SU_CHECK_WARNING, SU_CHECK_STOP, SU_CHECK_UNKNOWN };
const char *su_check_severity_name(enum su_check_severity s); /* "ok", "note", "warning", "stop", "unknown" */

enum su_check_source {
    SU_FROM_XML,
    SU_FROM_HOST,
    SU_FROM_DISK,
    SU_FROM_AGENT,
    SU_FROM_LIBVIRT,
    SU_FROM_OS_TABLE,
    SU_FROM_NOTHING, /* said, not checked */
    SU_CHECK_SOURCES
};
const char *su_check_source_name(enum su_check_source s); /* "domain XML", "host", "disk", "guest agent", ... */

enum { SU_CHECK_FINDINGS = 256 }; /* the rows, the disk's own rules, and notes of the transformation */
struct su_check_finding {
    const char *id; /* static, or own_id: do not copy the struct without setting it again */
    enum su_check_severity severity;
    enum su_check_source source;
    char own_id[64], text[240], remedy[240];
};
struct su_check_verdict {
    unsigned n, stops, warnings, unknowns;
    bool already; /* nothing to do */
    bool full;    /* there were more; the first that stops is never lost */
    bool at_rest;
    bool quiet; /* of the row that is tested: it does not apply, or says nothing */
    struct su_check_finding finding[SU_CHECK_FINDINGS];
};

struct su_check {
    const char *id;
    enum su_check_severity severity; /* of a finding */
    enum su_check_source source;
    const char *good, *remedy; /* sentences */
    const char *origin;        /* what kind of row it is: "prerequisite", "limit", "good practice", "known issue" */
    void (*test)(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v);
};
extern const struct su_check *const su_check_tables[]; /* ends with NULL; each table ends with id NULL */

/* before: for an assessment or before the guest is stopped; else: the guest is off and its disk was read at rest, so
 * that what is unknown now stops. */
void su_checks_run(const struct su_vm_facts *f, bool before, struct su_check_verdict *out);

/* For tests of rows.  A row that neither found anything nor was quiet is met, and its sentence is said as "ok". */
void su_check_found(struct su_check_verdict *v, const struct su_check *row, const char *fmt, ...) SU_PRINTF(3, 4);
void su_check_found_as(struct su_check_verdict *v, const struct su_check *row, enum su_check_severity s,
                       const char *fmt, ...) SU_PRINTF(4, 5);
struct su_check_said {
    const char *id, *text, *remedy; /* copied; remedy may be NULL */
    enum su_check_severity severity;
    enum su_check_source source;
};
void su_check_say(struct su_check_verdict *v, const struct su_check_said *s); /* of somebody else, under his id */
/* True, and the row is quiet, when it does not apply. */
bool su_check_skip(struct su_check_verdict *v, bool not_for_this_vm);

/* The OS table, a data file: DATADIR/surety/os-support.conf, /etc/surety/os-support.conf over it. */
enum su_os_support { SU_OS_SUPPORTED, SU_OS_UNTRIED, SU_OS_UNSUPPORTED };
/* version may be ""; why: a sentence or "". */
enum su_os_support su_os_support(const char *os_id, const char *version, char *why, size_t cap);

/* What the VM runs, as far as anybody says: the agent, its disk, or the definition's libosinfo metadata. */
struct su_os_seen {
    char id[64], version[64]; /* as in os-release(5); "windows" and "10", "2012r2"; "": unknown */
    enum su_check_source source;
};
void su_os_seen(const struct su_vm_facts *f, struct su_os_seen *out);

/* For people and programs. */
json_t *su_check_json(const struct su_vm_facts *f, const struct su_check_verdict *v); /* new reference */
