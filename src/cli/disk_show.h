/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/disk_show.h - what the files that show facts about disks share. */
#pragma once
#include "cli.h"

json_t *su_json_num(uint64_t v);
json_t *su_json_error_object(const struct su_err *e); /* id, kind, message, remedy */
json_t *su_json_signature(const struct su_sb_result *r);
json_t *su_json_windows(const struct su_facts *f);             /* the member "windows" */
json_t *su_json_windows_secure_boot(const struct su_facts *f); /* the member "secure_boot" of such a disk */

/* One line, "  name           value"; value comes from the guest. */
void su_print_field(FILE *out, const char *name, const char *value);
void su_print_signature(FILE *out, const char *name, const char *path, const struct su_sb_result *r);
void su_print_windows(const struct su_facts *f, FILE *out);

/* "x86_64"; "" for one without a name. */
const char *su_machine_name(uint16_t machine);
