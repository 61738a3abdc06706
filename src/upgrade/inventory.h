/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/inventory.h - which VM uses which disk: what is shared must not be converted under somebody else's feet.
 *
 * Files are told apart by device and inode, block devices by their number, whatever path leads there.  Of qcow2 files
 * the header alone is read (docs/interop/qcow2 of QEMU: magic, version, backing file), bounded and without following
 * more than SU_CHAIN_MAX links.  Only regular files and block devices are opened for reading. */
#pragma once
#include "upgrade/hv.h"

enum { SU_CHAIN_MAX = 32 };

struct su_disk_use {
    bool exists, block, readable;
    char format[16];                   /* as the domain says; "raw" when it does not, as libvirt has it */
    uint64_t dev, ino;                 /* of a block device: its rdev, and 0 */
    char key[40];                      /* "dev-ino" in hex: su_disk_lock's */
    uint64_t virtual_size, free_space; /* bytes; free: of the file system the file lies on; 0: unknown */
    uint32_t backing;                  /* files below it */
    char backing_file[SU_DOM_PATH];    /* the nearest; "" */
    bool chain_unknown;                /* what lies below it could not be followed to its end */
    bool head_unknown;                 /* said to be qcow2, and its header could not be read */
    bool compat_v2;                    /* qcow2 version 2: cannot grow while it has snapshots */
    uint32_t internal_snapshots;
    bool encrypted, data_file, dirty; /* of the qcow2 header; dirty: not closed, or marked corrupt */
    bool used_by_other;               /* another VM names it as a disk */
    bool used_twice;                  /* this VM names it as another disk, too */
    bool base_of_other;               /* another disk, of whichever VM, has it as a backing file */
    char other[SU_DOM_TEXT];          /* the VM of that disk */
    bool locked;                      /* a process holds QEMU's write lock now */
};

struct su_inventory;
/* Reads the XML of all VMs once, as they are defined and, of those that run, as they run.  One that cannot be read or
 * understood is counted: its disks are unknown.  One that is gone meanwhile has none.  Fails when libvirt is gone. */
int su_inventory_read(struct su_hv *hv, struct su_inventory **out, struct su_err *e) SU_MUST_CHECK;
void su_inventory_free(struct su_inventory **inv);
#define SU_INVENTORY SU_AUTO(su_inventory_free)
/* Never fails for the disk's sake.  inv may be NULL: nothing is known about others.  Thread safe. */
void su_inventory_look(const struct su_inventory *inv, const char *uuid, const struct su_dom_disk *d,
                       struct su_disk_use *out);
/* Whether another VM than this one names the file: as a disk, below one, or for its UEFI variables; name: that VM, or
 * "". */
bool su_inventory_other(const struct su_inventory *inv, const char *uuid, const char *path, char name[SU_DOM_TEXT]);
/* How many VMs, but the one with this UUID, may use disks that are not known; *name: the first one's. */
uint32_t su_inventory_unread(const struct su_inventory *inv, const char *uuid, char name[SU_DOM_TEXT]);

/* What su_inventory_read() is made of: each VM is added, then it is put in order once. */
int su_inventory_new(struct su_inventory **out, struct su_err *e) SU_MUST_CHECK;
int su_inventory_add(struct su_inventory *inv, const struct su_domain *d, struct su_err *e) SU_MUST_CHECK;
/* A VM whose disks are not known, or not all of them; again for the same VM: counts once, when nothing was between. */
int su_inventory_add_unread(struct su_inventory *inv, const char *name, const char *uuid,
                            struct su_err *e) SU_MUST_CHECK;
void su_inventory_sort(struct su_inventory *inv);

/* Pure: the header of a qcow2 file, from its first bytes (SU_QCOW2_HEAD are enough for what QEMU writes).
 * SU_E_FORMAT "vm.disk.qcow2". */
enum { SU_QCOW2_HEAD = 64 << 10 };
struct su_qcow2_head {
    uint32_t version, snapshots;
    uint64_t virtual_size;
    bool encrypted, data_file, dirty;
    char backing[1024];      /* as written: relative to the file's directory, or json:...; "" */
    char backing_format[16]; /* "": not said */
};
int su_qcow2_head(struct su_bytes first, struct su_qcow2_head *out, struct su_err *e) SU_MUST_CHECK;

/* What the file itself says; of out all but what other VMs have to do with it. */
void su_inventory_file(const char *path, const char *format, struct su_disk_use *out);
/* The file that a qcow2 header names, from the directory of the file that names it.  False: it is no local file. */
bool su_inventory_backing(const char *path, const char *backing, char *out, size_t cap);
