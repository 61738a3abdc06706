/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fstab.h - a guest's /etc/fstab: read, and edited for its new partition table.
 *
 * Reads as libmount does (fstab(5)): six fields between blanks, octal escapes (\040), comments and empty
 * lines; the last three fields may be absent.  Lines that are neither are counted and passed over, as mount does.
 * Thread safe. */
#pragma once
#include "guest/text.h"

enum { SU_FSTAB_MAX_ENTRIES = 512 };

enum su_spec_kind {
    SU_SPEC_UUID, /* UUID=x and /dev/disk/by-uuid/x, and so on */
    SU_SPEC_LABEL,
    SU_SPEC_PARTUUID,
    SU_SPEC_PARTLABEL,
    SU_SPEC_ID,          /* ID=x and /dev/disk/by-id/x: holds the disk's serial number and bus */
    SU_SPEC_PATH,        /* /dev/disk/by-path/x: holds PCI slots, which change with the machine type */
    SU_SPEC_KERNEL_NAME, /* /dev/sda1, /dev/vda, /dev/nvme0n1p2, /dev/hda: depends on the bus and its order */
    SU_SPEC_DEV,         /* any other path, /dev/mapper/x and /dev/vg/lv for one */
    SU_SPEC_OTHER,       /* tmpfs, host:/export, ... */
    SU_SPEC_KINDS
};

struct su_fstab_entry {
    const char *spec, *file, *type, *options; /* borrowed from the su_fstab; escapes undone; never NULL */
    unsigned freq, passno;
    enum su_spec_kind kind;
    const char *value; /* what spec says without tag, directory and quotes; borrowed */
    unsigned line;     /* from 1 */
};

struct su_fstab {
    struct su_fstab_entry *entry; /* owned */
    size_t n;
    unsigned bad_lines;
    char *text; /* owned; private */
};
#define SU_FSTAB SU_AUTO(su_fstab_done)

/* "guest.fstab.entries": more than SU_FSTAB_MAX_ENTRIES; and as su_text_check_lines(). */
int su_fstab_parse(struct su_bytes text, struct su_fstab *out, struct su_err *e) SU_MUST_CHECK;
void su_fstab_done(struct su_fstab *f);

/* The first entry for this mount point, which is the one that systemd takes; NULL: none.  "/boot/" is "/boot". */
const struct su_fstab_entry *su_fstab_find(const struct su_fstab *f, const char *mount_point);
/* The value of an option ("subvol"), "" when it has none.  False when the entry does not have it or it does not fit. */
bool su_fstab_option(const struct su_fstab_entry *entry, const char *name, char *out, size_t cap);

/* Sorts a device specification, also one from crypttab or the kernel command line (root=).  *value gets a pointer
 * into spec.  Quotes around a tag's value are taken off by su_fstab_parse(), not here. */
enum su_spec_kind su_spec_sort(const char *spec, const char **value);
const char *su_spec_kind_name(enum su_spec_kind k); /* static */

/* Edits; see guest/text.h.  uuid is the ESP's volume id, "ABCD-1234" ("guest.fstab.uuid").  Adding fails with
 * SU_E_CONFLICT "guest.fstab.esp" when something is mounted on /boot/efi already.  Removing takes back only lines
 * that were added here and still mount that volume there; *removed counts them. */
int su_fstab_add_esp(struct su_bytes text, const char *uuid, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_fstab_remove_esp(struct su_bytes text, const char *uuid, struct su_buf *out, unsigned *removed,
                        struct su_err *e) SU_MUST_CHECK;
