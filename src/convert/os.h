/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/os.h - port: one kind of operating system on a disk.
 *
 * The layout, the plan and the journal do not know what system they move; all that does is here: how
 * it is recognised, which rules hold for it, which files go on its ESP and which of its own files
 * change.  A new system is a new row of su_os_ports. */
#pragma once
#include "disk/journal.h"
#include "edits.h"
#include "guest/esp.h"
#include "rules.h"

/* What goes on the ESP.  Bytes are borrowed from the facts, or own. */
struct su_esp_list {
    size_t n, cap;
    struct su_esp_file *file; /* owned, and so are the paths */
    struct su_buf own;        /* owned: one file made for this disk */
    struct su_winfiles win;   /* owned: the bytes of Windows' files */
};
void su_esp_list_done(struct su_esp_list *l);
#define SU_ESP_LIST SU_AUTO(su_esp_list_done)
/* Empty contents are left out; more than SU_ESP_MAX_FILES is SU_E_RANGE "boot.files.many". */
int su_esp_list_put(struct su_esp_list *l, const char *path, struct su_bytes bytes, struct su_err *e) SU_MUST_CHECK;
/* The same; dir and name make "EFI/<dir>/<name>". */
int su_esp_list_add(struct su_esp_list *l, const char *dir, const char *name, struct su_bytes bytes,
                    struct su_err *e) SU_MUST_CHECK;

/* What the operator is told while a disk is converted. */
enum su_phase {
    SU_PHASE_JUDGE,
    SU_PHASE_CORE, /* GRUB for BIOS */
    SU_PHASE_EDIT,
    SU_PHASE_ESP,
    SU_PHASE_WRITE, /* usually: the steps of the plan, each by its name */
    SU_PHASE_DONE, /* at least one text */
};

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
    bool esp_from_disk;                 /* esp() reads the guest's file systems: not beside judge() */
    /* NULL in a port that recognises but does not convert: one of its rules says so. */
    int (*esp)(const struct su_facts *f, struct su_esp_list *out, struct su_err *e);
    void (*edits)(const struct su_facts *f, struct su_edits *out);
    /* The least size of an ESP for its files, bytes; 0: whatever is usual.  May be NULL. */
    uint64_t (*esp_bytes)(const struct su_facts *f);
    /* What is told in phase p: static texts, ends with NULL.  May be NULL: the usual ones. */
    const char *const *(*messages)(const struct su_facts *f, enum su_phase p);
};

/* Tells watch, which may be NULL; -1 with *e set when it says stop. */
int su_watch_tell(const struct su_watch *watch, const char *what, struct su_err *e) SU_MUST_CHECK;
/* Tells watch of phase p in the words of f's system; usual: in others. */
int su_phase_tell(const struct su_facts *f, const struct su_watch *watch, enum su_phase p, const char *usual,
                  struct su_err *e) SU_MUST_CHECK;

extern const struct su_os_port su_os_linux, su_os_windows;
extern const struct su_os_port *const su_os_ports[]; /* in the order they are asked; ends with NULL */
