/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/os.h - port: one kind of operating system on a disk.
 *
 * The layout, the plan and the journal do not know what system they move; all that does is here: how
 * it is recognised, which rules hold for it, which files go on its ESP and which of its own files
 * change.  A new system is a new row of su_os_ports. */
#pragma once
#include "edits.h"
#include "guest/esp.h"
#include "rules.h"

enum { SU_ESP_LIST_MAX = 16, SU_ESP_LIST_PATH = 96 };

/* What goes on the ESP.  Bytes are borrowed from the facts, or own. */
struct su_esp_list {
    size_t n;
    struct su_esp_file file[SU_ESP_LIST_MAX];
    char path[SU_ESP_LIST_MAX][SU_ESP_LIST_PATH];
    struct su_buf own; /* owned: one file made for this disk */
};
void su_esp_list_done(struct su_esp_list *l);
#define SU_ESP_LIST SU_AUTO(su_esp_list_done)
/* dir and name make "EFI/<dir>/<name>"; empty contents are left out; more than fit is SU_E_RANGE. */
int su_esp_list_add(struct su_esp_list *l, const char *dir, const char *name, struct su_bytes bytes,
                    struct su_err *e) SU_MUST_CHECK;

struct su_os_port {
    const char *name; /* "linux": in JSON */
    /* Looks for this system among the volumes of f; *mine says whether it is there, and then its facts
     * are filled in. */
    int (*read)(struct su_facts *f, bool *mine, struct su_err *e);
    /* The rest of its facts, which take longer: what firmware would say, what the next start needs.  May be NULL. */
    int (*judge)(struct su_facts *f, struct su_err *e);
    /* What the system wants of the new table, once its first facts are known.  May be NULL. */
    void (*layout)(const struct su_facts *f, struct su_layout_request *r);
    const struct su_rule *const *rules; /* tables that hold for it; ends with NULL */
    bool esp_from_disk; /* esp() reads the guest's file systems: not beside judge() */
    /* NULL in a port that recognises but does not convert: one of its rules says so. */
    int (*esp)(const struct su_facts *f, struct su_esp_list *out, struct su_err *e);
    void (*edits)(const struct su_facts *f, struct su_edits *out);
};

extern const struct su_os_port su_os_linux, su_os_windows;
extern const struct su_os_port *const su_os_ports[]; /* in the order they are asked; ends with NULL */
