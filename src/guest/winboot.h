/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/winboot.h - what bcdboot would put on the ESP: \Windows\Boot\EFI, fonts and resources (upgrade.md 4.1).
 *
 * Two sets may be there: \Windows\Boot\EFI, signed with the key of 2011, and \Windows\Boot\EFI_EX with the one of 2023,
 * whose names end in "_EX" before their extension.  The first one that the firmware's keys accept is taken; when
 * neither is, the first one, and the verdict says so. */
#pragma once
#include "esp.h"
#include "secureboot.h"
#include "windows.h"

enum {
    SU_WINBOOT_FILES = 1000,
    SU_WINBOOT_FILE = 32 << 20, /* bytes of one */
    SU_WINBOOT_ALL = 256 << 20, /* bytes */
};

struct su_winboot {
    bool found;             /* bootmgfw.efi is there */
    struct su_err why;      /* kind != SU_OK: why the files cannot be used; "windows.boot....", or the driver's own */
    char from[SU_WIN_PATH]; /* "/Windows/Boot/EFI" or "/Windows/Boot/EFI_EX" */
    bool ex;                /* the set signed with the key of 2023 */
    bool has_ex;            /* such a set is there */
    uint16_t machine;       /* of bootmgfw.efi */
    bool firmware_known;
    char firmware[SU_WIN_PATH];
    struct su_sb_result manager;    /* bootmgfw.efi of the chosen set */
    struct su_sb_result manager_ex; /* of the other set, when there are two */
    unsigned skipped;               /* files and directories whose names do not go onto an ESP, and links */
    size_t files;                   /* that will be on the ESP, the copy of the boot manager included */
    uint64_t bytes;                 /* of all of them */
    bool fonts, resources;
};

/* Looks: names, sizes, the boot manager's signature.  vars: an OVMF variable store whose db and dbx count; NULL: none.
 * Without a volume of the system nothing is found.  Fails for I/O, memory and a damaged variable store. */
int su_winboot_find(const struct su_vols *v, const struct su_windows *w, const char *vars, struct su_winboot *out,
                    struct su_err *e) SU_MUST_CHECK;

/* Reads the files.  *out is a list of paths on the ESP ("EFI/Microsoft/Boot/bootmgfw.efi", and the boot manager again
 * as "EFI/BOOT/BOOTX64.EFI") with their bytes. */
struct su_winfiles {
    size_t n;
    struct su_esp_file *file; /* owned */
    uint8_t *own;             /* owned: the paths and bytes they point to */
};
void su_winfiles_done(struct su_winfiles *l);
#define SU_WINFILES SU_AUTO(su_winfiles_done)
int su_winboot_read(const struct su_vols *v, const struct su_windows *w, const struct su_winboot *b,
                    struct su_winfiles *out, struct su_err *e) SU_MUST_CHECK;
