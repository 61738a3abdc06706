/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/os_windows.h - what the files of the port to Windows share. */
#pragma once
#include "edits.h"
#include "os.h"
#include "rules.h"

/* The boot store for the ESP: the guest's own, or one from its BCD-Template.  What stands in the way is in
 * f->store.why; fails for I/O and memory. */
int su_winstore_make(struct su_facts *f, struct su_err *e) SU_MUST_CHECK;

void su_windows_edits_list(const struct su_facts *f, struct su_edits *out);

/* Partition numbers of the old table; 0: none. */
unsigned su_windows_system_number(const struct su_facts *f);
unsigned su_windows_os_number(const struct su_facts *f);
/* The system partition is one of its own, without the system on it. */
bool su_windows_has_system_partition(const struct su_facts *f);
/* The letter of a partition; 0: none. */
char su_windows_letter(const struct su_facts *f, unsigned number);
/* Why the system partition cannot become the ESP; NULL: it can.  Static. */
const char *su_windows_why_not_reuse(const struct su_facts *f);
/* The least ESP for the boot files; 0: they are not known. */
uint64_t su_windows_esp_bytes(const struct su_facts *f);

extern const struct su_rule su_rules_windows[];      /* MBR2GPT's own rules, and the state of the system */
extern const struct su_rule su_rules_windows_boot[]; /* how it will start */
