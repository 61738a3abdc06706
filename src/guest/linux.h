/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/linux.h - the Linux system on a disk: where its root and /boot are, what GRUB starts, what must
 * be rewritten when the partition table changes.
 *
 * Found by reading, never by running anything.  A system whose root cannot be read (encrypted) is
 * described as far as /boot tells. */
#pragma once
#include "fstab.h"
#include "grubcfg.h"
#include "partuuid.h"
#include "volumes.h"

enum {
    SU_LINUX_MAX_KERNELS = 16,
    SU_LINUX_MAX_FILES = 48,
    SU_LINUX_MAX_STUCK = 8,
    SU_LINUX_PATH = 256,
};

/* A directory of a file system that stands for "/": the root, or a btrfs subvolume. */
struct su_tree {
    int vol;         /* index in the volumes; -1: none */
    char prefix[32]; /* "" or "/@rootfs" */
    struct su_fs_node base;
};

/* A configuration file that names partitions by PARTUUID of the old table. */
struct su_linux_ref {
    int vol;
    char path[SU_LINUX_PATH]; /* from the file system's own root */
    unsigned count;
};

/* A place that may name them, and that cannot be read or rewritten. */
struct su_linux_stuck {
    int vol;
    char path[SU_LINUX_PATH]; /* for people: printable, perhaps cut short */
    struct su_err why;
};

struct su_linux_kernel {
    char path[SU_LINUX_PATH]; /* from the root of GRUB's file system */
    bool is_default;
};

struct su_linux {
    bool found;                   /* a root, or a /boot with GRUB's configuration */
    struct su_tree root;          /* vol -1: not readable */
    struct su_tree boot;          /* the file system GRUB reads: it holds /boot, or is it */
    char boot_dir[SU_LINUX_PATH]; /* /boot inside that file system: "", "/boot", "/@rootfs/boot" */
    char grub_dir[SU_LINUX_PATH]; /* "/boot/grub", "/grub2": inside that file system */
    bool grub_found, grub_bls;
    struct su_err grub_why;                                   /* kind != SU_OK: grub.cfg could not be understood */
    char os_id[32], os_like[64], os_version[32], os_name[96]; /* os-release; empty: not known */
    char hostname[256], machine_id[33];                       /* /etc/hostname, /etc/machine-id; empty: not known */
    char fstab_path[SU_LINUX_PATH];                           /* from the root of root's file system; empty: none */
    struct su_buf fstab_text;
    struct su_fstab fstab;
    struct su_err fstab_why; /* kind != SU_OK: it is there and could not be understood; fstab is empty then */
    char title[128], kernel[SU_LINUX_PATH], initrd[SU_LINUX_PATH], cmdline[1024]; /* of the default entry */
    size_t n_kernels;
    struct su_linux_kernel other[SU_LINUX_MAX_KERNELS]; /* every kernel the menu names */
    char resume[128];      /* where the running system looks for a hibernation image; empty: nowhere */
    char conf_resume[128]; /* RESUME= of /etc/initramfs-tools/conf.d/resume: also baked into the initramfs */
    size_t n_refs;
    struct su_linux_ref ref[SU_LINUX_MAX_FILES]; /* paths of printable ASCII, without quotes and backslashes */
    size_t n_stuck;
    struct su_linux_stuck stuck[SU_LINUX_MAX_STUCK]; /* the first ones; more are not stored */
};

void su_linux_done(struct su_linux *l);
#define SU_LINUX SU_AUTO(su_linux_done)

/* map: the PARTUUIDs of the old table, to find references to them.  Fails only for I/O and memory. */
int su_linux_find(const struct su_vols *v, const struct su_partuuid *map, size_t n_map, struct su_linux *out,
                  struct su_err *e) SU_MUST_CHECK;

/* The part of it that fills ref and stuck (linux_refs.c).  l: its trees and directories are known. */
int su_linux_find_refs(const struct su_vols *v, const struct su_partuuid *map, size_t n_map, struct su_linux *l,
                       struct su_err *e) SU_MUST_CHECK;

/* A file of the tree, at most max bytes; *found is false when there is none (or it cannot be read for being damaged).
 */
int su_tree_read(const struct su_vols *v, const struct su_tree *t, const char *path, size_t max, struct su_buf *out,
                 bool *found, struct su_err *e) SU_MUST_CHECK;
/* The same, with the reason in *why when it is not found: SU_E_MISSING when there is none. */
int su_tree_read_why(const struct su_vols *v, const struct su_tree *t, const char *path, size_t max, struct su_buf *out,
                     bool *found, struct su_err *why, struct su_err *e) SU_MUST_CHECK;

/* The volume a specification of fstab means; -1: not on this disk, or not known. */
int su_linux_resolve(const struct su_vols *v, const struct su_partuuid *map, size_t n_map, enum su_spec_kind kind,
                     const char *value);

/* A readable volume that is "/" of a Linux system, as a tree: 0 with *out, or -1 vol. */
void su_linux_tree(const struct su_vols *v, int vol, const char *prefix, struct su_tree *out);
