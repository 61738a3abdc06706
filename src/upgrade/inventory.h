/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/inventory.h - which VM uses which disk: what is shared must not be converted under somebody else's feet.
 *
 * Files are told apart by device and inode, block devices by their number, whatever path leads there.  Of qcow2 files
 * the header alone is read (docs/interop/qcow2 of QEMU: magic, version, backing file), bounded and without following
 * more than SU_CHAIN_MAX links. */
#pragma once
#include "upgrade/hv.h"

enum { SU_CHAIN_MAX = 32 };

struct su_disk_use {
    bool exists, block, readable;
    char format[16];                   /* as the domain says, else as the first bytes say */
    uint64_t dev, ino;                 /* of a block device: its rdev, and 0 */
    char key[40];                      /* "dev-ino" in hex: su_disk_lock's */
    uint64_t virtual_size, free_space; /* bytes; free: of the file system the file lies on; 0: unknown */
    uint32_t backing;                  /* files below it */
    char backing_file[SU_DOM_PATH];    /* the nearest; "" */
    bool compat_v2;                    /* qcow2 version 2: cannot grow while it has snapshots */
    uint32_t internal_snapshots;
    bool encrypted, data_file; /* of the qcow2 header */
    bool used_by_other;        /* another VM names it as a disk */
    bool base_of_other;        /* another VM's disk has it as a backing file */
    char other[SU_DOM_TEXT];   /* that VM */
    bool locked;               /* a process holds QEMU's write lock now */
};

struct su_inventory;
/* Reads the XML of all VMs once. */
int su_inventory_read(struct su_hv *hv, struct su_inventory **out, struct su_err *e) SU_MUST_CHECK;
void su_inventory_free(struct su_inventory **inv);
#define SU_INVENTORY SU_AUTO(su_inventory_free)
/* Never fails for the disk's sake. */
void su_inventory_look(const struct su_inventory *inv, const char *uuid, const struct su_dom_disk *d,
                       struct su_disk_use *out);

/* Pure: the header of a qcow2 file.  SU_E_FORMAT "vm.disk.qcow2". */
struct su_qcow2_head {
    uint32_t version, snapshots;
    uint64_t virtual_size;
    bool encrypted, data_file;
    char backing[1024]; /* as written: relative to the file's directory, or json:...; "" */
};
int su_qcow2_head(struct su_bytes first, struct su_qcow2_head *out, struct su_err *e) SU_MUST_CHECK;
