/* SPDX-License-Identifier: GPL-3.0-or-later */
/* benefit/guestos.h - which system a VM runs: as its guest agent says, or as its disk was found.
 *
 * Kept as the record "guest/UUID" of the store of jobs (jobs/batch.h): whoever learns it writes it, suretyd reads it.
 * A guest that lies about its system lies to its own operator: benefits are shown by it, nothing is signed.
 * Texts are UTF-8 without control characters, and without those that are invisible or turn text around.  Pure; thread
 * safe. */
#pragma once
#include "base/buf.h"
#include <jansson.h>

struct su_guest_os {
    char id[32];       /* os-release(5)'s ID in lower case; "windows"; "": not known */
    char version[32];  /* lower case, without blanks: "12", "2012r2"; "" */
    char name[128];    /* for people: "Windows Server 2012 R2 Datacenter" */
    char edition[64];  /* Windows' EditionID; "": not known */
    uint32_t build;    /* of Windows; 0: not known */
    uint32_t revision; /* of that build, where revision_known */
    bool revision_known;
    bool revision_old; /* as it was on the disk before it ran again: by now it may be higher, not lower */
    char source[8];    /* "agent", "disk" */
    uint64_t at;       /* when, seconds since 1970 */
};

enum { SU_GUEST_ANSWER = 64 << 10 }; /* bytes of an answer or a record that are looked at */

/* The answer to guest-get-osinfo, {"return": {...}} (QEMU's docs/interop/qemu-ga-ref).  SU_E_FORMAT "guest.answer";
 * *out is untouched then. */
int su_guest_os_from_agent(struct su_bytes answer, uint64_t now, struct su_guest_os *out,
                           struct su_err *e) SU_MUST_CHECK;
/* As `surety disk inspect --json` names them; any may be NULL; build 0: not known, nor the revision. */
void su_guest_os_from_disk(const char *id, const char *version, const char *name, const char *edition, uint32_t build,
                           uint32_t revision, uint64_t now, struct su_guest_os *out);
/* What only a look at the disk tells, of the same system as it was known before: edition and revision. */
void su_guest_os_keep(const struct su_guest_os *was, struct su_guest_os *is);
/* The record.  New reference, NULL: out of memory.  SU_E_FORMAT "guest.record". */
json_t *su_guest_os_json(const struct su_guest_os *os);
int su_guest_os_parse(struct su_bytes record, struct su_guest_os *out, struct su_err *e) SU_MUST_CHECK;
/* Whether they differ in more than the time. */
bool su_guest_os_differ(const struct su_guest_os *a, const struct su_guest_os *b);
