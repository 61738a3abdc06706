/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/grubcfg.h - a guest's grub.cfg: its menu, what it boots by default, and an argument for every kernel.
 *
 * The file is read, not executed: conditions count as true, and entries under one are marked.  Entries that come
 * from elsewhere at boot (boot loader specification files, custom.cfg, generated ones) are not here; blscfg is told.
 * Thread safe. */
#pragma once
#include "guest/grubscript.h"

enum { SU_GRUBCFG_MAX_ENTRIES = 256, SU_GRUBCFG_MAX_INITRDS = 8, SU_GRUBCFG_MAX_DEPTH = 16 };

/* All strings are borrowed from the su_grubcfg; variables stand in them as "${name}". */
struct su_grub_entry {
    const char *title;
    const char *id;   /* NULL: none */
    int parent;       /* index of the submenu it is in; -1: top level */
    bool submenu;     /* has entries, and nothing of the below */
    bool conditional; /* inside an if: GRUB may not show it */
    const char *kernel; /* path as written, perhaps with "(device)" in front; NULL: does not start Linux */
    const char *cmdline; /* arguments, a blank between; NULL with kernel */
    const char *initrd[SU_GRUBCFG_MAX_INITRDS];
    size_t n_initrds;
    const char *fs_uuid; /* of the last "search --fs-uuid" before its kernel; NULL: none */
};

struct su_grubcfg {
    struct su_grub_entry *entry; /* owned; in the order of the file, a submenu before its entries */
    size_t n;
    const char *default_value; /* of the last "set default=", or NULL */
    bool reads_next_entry;     /* grubenv's next_entry goes before it */
    bool bls;                  /* blscfg: more entries come from /boot/loader/entries */
    char *text;                /* owned; private */
};
#define SU_GRUBCFG SU_AUTO(su_grubcfg_done)

/* "guest.grubcfg.entries", ".depth", ".initrds": over the limits above; and as su_text_check() and
 * su_grubscript_next(). */
int su_grubcfg_parse(struct su_bytes text, struct su_grubcfg *out, struct su_err *e) SU_MUST_CHECK;
void su_grubcfg_done(struct su_grubcfg *g);

/* The entry GRUB boots when nobody presses a key: next_entry or saved_entry of grubenv where the file asks for
 * them, else its default; by number, id or title, "1>2" through submenus; the first where that names nothing.
 * grubenv: n == 0: none.  *index is of an entry that is no submenu.  "guest.grubcfg.default": there is none. */
int su_grubcfg_default(const struct su_grubcfg *g, struct su_bytes grubenv, size_t *index,
                       struct su_err *e) SU_MUST_CHECK;

/* Edits; see guest/text.h.  arg is one kernel argument of [A-Za-z0-9=_./:,@-] ("guest.grubcfg.argument").
 * Adds it to each linux command (linux, linux16, linuxefi) that does not have it, behind the others but before "--".
 * Removes it wherever it stands after a blank. */
int su_grubcfg_add_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                            struct su_err *e) SU_MUST_CHECK;
int su_grubcfg_remove_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                               struct su_err *e) SU_MUST_CHECK;

/* The same for /etc/default/grub, from which the guest makes its next grub.cfg: a line at the end that lengthens
 * GRUB_CMDLINE_LINUX, whatever the lines before it do (a shell reads this file). */
int su_grub_defaults_add_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                                  struct su_err *e) SU_MUST_CHECK;
int su_grub_defaults_remove_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                                     struct su_err *e) SU_MUST_CHECK;

/* The configuration beside a signed GRUB on the ESP: find the file system with /boot/grub and go on there.
 * fs_uuid: of [0-9A-Fa-f-] ("guest.grubstub.uuid"); prefix: path of the grub directory inside that file system,
 * absolute, of [A-Za-z0-9/_.@-] ("guest.grubstub.prefix").  Appends to out. */
int su_grub_stub(const char *fs_uuid, const char *prefix, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
/* The same for the inside of a BIOS core image, which has its own last step. */
int su_grub_core_config(const char *fs_uuid, const char *prefix, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
