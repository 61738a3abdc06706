/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/windows.h - the Windows on a disk with an MBR: which partition starts it, which one it lies on, what its boot
 * store, its hives and its recovery environment say.
 *
 * Found by reading, never by running anything, and from the boot store, not by guessing: the active partition holds it,
 * its default entry names the system's partition by signature and offset.  Only where the store is missing or damaged
 * the system is looked for, and then there must be exactly one. */
#pragma once
#include "bcd.h"
#include "fs_ntfs.h"
#include "mounted.h"
#include "reagent.h"
#include "regf.h"
#include "volumes.h"
#include "winsystem.h"

enum { SU_WIN_PATH = 256, SU_WIN_REAGENTS = 2 };

/* A hive of the guest, loaded as Windows would load it. */
struct su_win_hive {
    bool there, loaded;
    char path[SU_WIN_PATH]; /* from the root of its volume; case as we ask for it */
    unsigned replayed;      /* entries of its transaction logs; 0: it was clean */
    struct su_err why;      /* kind != SU_OK: why it was not loaded */
};

struct su_win_reagent {
    int vol; /* -1: not there */
    char path[SU_WIN_PATH];
    struct su_reagent what;
    struct su_err why; /* kind != SU_OK: it is there and could not be understood */
};

struct su_windows {
    bool found;
    int system;                /* volume of the active partition, when it has a boot manager for BIOS; -1: none */
    int os;                    /* volume of the system; NTFS and open unless bitlocker_os; -1: not known (store_why) */
    int winre;                 /* volume of the recovery environment, as the store (without one: ReAgent.xml) has it;
                                  -1: none on this disk */
    unsigned active, n_active; /* number of the active partition, and how many partitions are marked so */
    bool bitlocker_os;         /* the volume the default entry names is encrypted */
    bool by_store;             /* os was found from the store; false: by looking for it */
    unsigned candidates;       /* looked for: volumes with a Windows that has boot files for UEFI */
    char root[SU_WIN_PATH];    /* "/Windows", as the store spells it */
    struct su_win_hive store;  /* \Boot\BCD */
    bool store_rebuilt;        /* the store cannot be used, the one system that was found has a BCD-Template */
    /* kind != SU_OK: why the store names no system on this disk; "windows.store....".  Only after ...missing, damaged
     * and dirty the system is looked for. */
    struct su_err store_why;
    struct su_bcd_default entry;
    bool has_entry;
    struct su_win_hive system_hive, software_hive, template_hive;
    struct su_winsystem settings;
    struct su_winversion version;
    char version_short[16];
    struct su_ntfs_state os_state, system_state;
    uint16_t machine;             /* of bootmgfw.efi, else of winload; 0: neither could be read */
    bool winre_file;              /* Winre.wim is where the store says */
    bool winre_alone;             /* nothing but the recovery environment is on its volume */
    char winre_path[SU_WIN_PATH]; /* "/Recovery/WindowsRE/Winre.wim"; "": none named */
    /* \Windows\System32\Recovery, and the one beside Winre.wim */
    struct su_win_reagent reagent[SU_WIN_REAGENTS];
    size_t n_letters; /* drive letters of this disk's partitions */
    struct {
        unsigned number;
        char letter;
    } letter[SU_WINMAP_MAX];
};

/* parts: the table's; active: numbers of the partitions with the boot flag; signature: of the MBR.  *out->found is
 * false where there is no sign of Windows (a boot manager on the active partition, a \Windows with a SYSTEM hive, or
 * BitLocker beside a boot manager anywhere): a data disk with NTFS is none.  Fails only for I/O and memory.
 * Reads the small files; su_windows_read_versions() the large SOFTWARE hive. */
struct su_win_disk {
    const struct su_vols *vols;
    const struct su_part *part;
    size_t n_parts;
    uint32_t signature;
    const unsigned *active;
    size_t n_active;
};
int su_windows_find(const struct su_win_disk *d, struct su_windows *out, struct su_err *e) SU_MUST_CHECK;
int su_windows_read_versions(const struct su_win_disk *d, struct su_windows *w, struct su_err *e) SU_MUST_CHECK;

/* A file of a hive with its logs beside it, loaded (regf.h) into *out, which was empty.  Fails only for I/O and memory;
 * whether it was loaded, and why not, is in *what. */
int su_win_hive_read(struct su_fs *fs, const char *path, size_t max, struct su_win_hive *what, struct su_buf *out,
                     struct su_err *e) SU_MUST_CHECK;
