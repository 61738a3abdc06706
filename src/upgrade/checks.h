/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/checks.h - every prerequisite, limit, good practice and known issue of an upgrade, as one table.
 *
 * A row has an id, a severity, what is good (one sentence), a remedy, how it is known, and where it comes from.  Pure:
 * facts in, findings out. */
#pragma once
#include "upgrade/facts.h"

enum su_check_severity { SU_CHECK_OK, SU_CHECK_NOTE, SU_CHECK_WARNING, SU_CHECK_STOP, SU_CHECK_UNKNOWN };
const char *su_check_severity_name(enum su_check_severity s); /* "ok", "note", "warning", "stop", "unknown" */

enum su_check_source {
    SU_FROM_XML,
    SU_FROM_HOST,
    SU_FROM_DISK,
    SU_FROM_AGENT,
    SU_FROM_LIBVIRT,
    SU_FROM_OS_TABLE,
    SU_FROM_NOTHING /* said, not checked */
};
const char *su_check_source_name(enum su_check_source s); /* "domain XML", "host", "disk", "guest agent", ... */

enum { SU_CHECK_FINDINGS = 128 };
struct su_check_finding {
    const char *id; /* static; a disk rule's own id is copied into own_id and id points there */
    enum su_check_severity severity;
    enum su_check_source source;
    char own_id[64], text[240], remedy[240];
};
struct su_check_verdict {
    unsigned n, stops, warnings;
    bool already; /* nothing to do */
    bool full;
    struct su_check_finding finding[SU_CHECK_FINDINGS];
};

struct su_check;
struct su_check {
    const char *id;
    enum su_check_severity severity; /* of a finding */
    enum su_check_source source;
    const char *good, *remedy; /* sentences */
    const char *origin;        /* "seeds: prerequisites", "trusted-launch.md" ... in neutral words; for docs */
    void (*test)(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v);
};
extern const struct su_check su_checks[]; /* ends with id NULL */

/* before: for an assessment or before the guest is stopped; else: the guest is off and its disk was read at rest, so
 * that what is unknown now stops. */
void su_checks_run(const struct su_vm_facts *f, bool before, struct su_check_verdict *out);

/* The OS table, a data file: DATADIR/surety/os-support.conf, /etc/surety/os-support.conf over it. */
enum su_os_support { SU_OS_SUPPORTED, SU_OS_UNTRIED, SU_OS_UNSUPPORTED };
enum su_os_support su_os_support(const char *os_id, const char *version, char *why, size_t cap);

/* For people and programs. */
json_t *su_check_json(const struct su_vm_facts *f, const struct su_check_verdict *v); /* new reference */
