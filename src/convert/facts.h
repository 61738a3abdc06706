/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/facts.h - everything a decision about a disk rests on, read once, without writing.
 *
 * facts -> rules (may it be converted?) -> plan (what to write) -> journal (write it). */
#pragma once
#include "bios.h"
#include "disk/image.h"
#include "guest/bootfiles.h"
#include "guest/initramfs_facts.h"
#include "guest/netnames.h"
#include "guest/winboot.h"
#include "options.h"

#define SU_FIRMWARE_VARS "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"

enum su_table { SU_TABLE_NONE, SU_TABLE_MBR, SU_TABLE_GPT };
struct su_os_port; /* os.h */

enum { SU_FACTS_MAX_UNSIGNED = 8 };

/* GRUB for BIOS, as the boot record and the guest's own files show it. */
struct su_bios_facts {
    bool grub_in_mbr;          /* the boot code is GRUB's */
    uint64_t room;             /* sectors a BIOS boot partition could have */
    bool files_readable;       /* the guest's own usr/lib/grub/i386-pc is there and can be read */
    char print[SU_BIOS_PRINT]; /* of the modules in /boot/grub */
};

/* The boot store of Windows for UEFI, made from the old one or from BCD-Template. */
struct su_store_facts {
    struct su_buf bytes; /* owned; empty: there is none */
    unsigned devices;    /* device elements that were rewritten */
    size_t n_notes;      /* for people: what was dropped or left */
    char note[SU_BCD_NOTES][160];
    struct su_err why; /* kind != SU_OK: why it cannot be made */
};

struct su_edits; /* edits.h */

struct su_facts {
    const struct su_options *opt; /* borrowed */
    struct su_image image;        /* owned */
    struct su_blk *overlay;       /* owned: image plus edits that are only planned */
    uint32_t sector_size;
    bool sector_size_guessed; /* the image does not say it; it was found by trying */
    enum su_table table;
    struct su_err table_why; /* kind != SU_OK: why there is no table we can use */
    struct su_mbr mbr;
    struct su_gpt gpt;
    size_t n_parts;
    struct su_part part[SU_GPT_ENTRIES];
    struct su_vols vols;           /* owned */
    const struct su_os_port *os;   /* static; NULL: no system that any port knows */
    const struct su_os_port *also; /* static; another one that is on the disk, too; NULL: none */
    struct su_linux linux_;        /* owned; `linux` is a macro of the compiler */
    struct su_bootfiles files;     /* owned */
    struct su_err files_why;       /* kind != SU_OK: the set that was found cannot be used */
    struct su_bootcheck check;
    bool has_initramfs;
    struct su_initramfs_facts initramfs;
    struct su_err initramfs_why;
    struct su_netnames names; /* network names that another machine type would change */
    unsigned n_unsigned;      /* modules outside the kernel's own tree without a signature */
    char unsigned_module[SU_FACTS_MAX_UNSIGNED][128];
    struct su_bios_facts bios;
    struct su_windows windows;
    struct su_winboot winboot;
    struct su_store_facts store;
    struct su_winmap winmap; /* names of this disk's partitions, before and after; only on a usable MBR */
    bool edited;             /* the native edits were made onto the overlay, or tried: su_edits_try() */
    struct su_edits *edits;  /* owned; those edits, with what they found; NULL: none were tried */
    struct su_err edit_why;  /* kind != SU_OK: why one of them cannot be made */
    struct su_layout layout; /* as without a BIOS boot partition; only on a usable MBR */
    size_t n_partuuid;
    struct su_partuuid partuuid[SU_MBR_MAX_PARTS]; /* old and new name of each partition */
};

void su_facts_freep(struct su_facts **f);
#define SU_FACTS SU_AUTO(su_facts_freep)

/* In two halves, so that work that needs only the first can begin: open reads the disk and finds the system, judge
 * looks at what it would start.  su_facts_read() is both.
 *
 * opt is borrowed as long as the facts live.  writable: open the image so that a plan can be run on it.
 * *out is owned by the caller.  What is wrong with the guest is in the facts; this fails only when the
 * image cannot be opened or read, or without memory. */
int su_facts_open(const struct su_options *opt, bool writable, struct su_facts **out, struct su_err *e) SU_MUST_CHECK;
int su_facts_judge(struct su_facts *f, struct su_err *e) SU_MUST_CHECK;
int su_facts_read(const struct su_options *opt, bool writable, struct su_facts **out, struct su_err *e) SU_MUST_CHECK;

/* The firmware's keys are known and accept shim, GRUB and the default kernel; or Windows' boot manager. */
bool su_facts_secure_boot(const struct su_facts *f);

/* The new table, with a BIOS boot partition for a core of so many sectors; 0: without.  GUIDs do not depend on it. */
int su_facts_layout(const struct su_facts *f, uint64_t bios_sectors, struct su_layout *out,
                    struct su_err *e) SU_MUST_CHECK;

/* Size of the ESP to be made. */
uint64_t su_facts_esp_bytes(const struct su_facts *f);

/* For the port to Windows: the table as guest/windows.h wants it; active gets what out points to. */
void su_facts_win_disk(const struct su_facts *f, unsigned active[SU_MBR_MAX_PARTS], struct su_win_disk *out);

/* For ports: what the root and the initramfs tell (facts_tree.c).  meanwhile is done while the initramfs is unpacked,
 * beside it where the disk can be read by two at once. */
int su_facts_read_tree(struct su_facts *f, int (*meanwhile)(struct su_facts *f, struct su_err *e),
                       struct su_err *e) SU_MUST_CHECK;

/* The driver is in the initramfs as a module, or built into the kernel as far as the guest's files tell. */
bool su_facts_driver(const struct su_facts *f, const char *module);
