/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/restore_int.h - private to restore*.c. */
#pragma once
#include "upgrade/restore.h"

#define SU_RESTORE_XML "before.xml"
#define SU_RESTORE_NVRAM "before-nvram"
#define SU_RESTORE_TPM "before-tpm"

/* Files (restore_file.c).  Paths are walked with openat(); a symbolic link on the way is followed only when root or we
 * made it, because NVRAM, vTPM state and images lie in directories of less privileged users.  Copies keep owner and
 * mode and are on disk when the call returns. */

enum { SU_STATE_FILES = 64, SU_STATE_DEPTH = 2, SU_STATE_NAME = 256 };
enum { SU_STATE_BYTES = 16 << 20 };
struct su_state_budget {
    uint64_t bytes;
    unsigned files;
};
#define SU_STATE_BUDGET                                                                                                \
    {                                                                                                                  \
        .bytes = SU_STATE_BYTES, .files = SU_STATE_FILES                                                               \
    }

/* SU_E_IO "vm.restore.space" or "vm.restore.io" by errno. */
int su_restore_fail_os(struct su_err *e, const char *doing, const char *path);
/* The directory a path lies in, and the name in it.  *dir -1 and success: there is no such directory. */
int su_state_parent(const char *path, int *dir, char name[SU_STATE_NAME], struct su_err *e) SU_MUST_CHECK;
/* A regular file, links followed as above.  flags: as of open(). */
int su_state_open(const char *path, int flags, int *fd, struct su_err *e) SU_MUST_CHECK;
int su_state_sync_parent(const char *path, struct su_err *e) SU_MUST_CHECK;
bool su_state_exists(int dir, const char *name);
/* Fails with EEXIST when it is there. */
int su_state_copy_file(int from, const char *name, int to, const char *as, struct su_state_budget *b,
                       struct su_err *e) SU_MUST_CHECK;
int su_state_copy_tree(int from, const char *name, int to, const char *as, unsigned depth, struct su_state_budget *b,
                       struct su_err *e) SU_MUST_CHECK;
/* A file or a tree; what is not there is fine. */
int su_state_remove(int dir, const char *name, struct su_err *e) SU_MUST_CHECK;
int su_state_write(int dir, const char *name, struct su_bytes content, struct su_err *e) SU_MUST_CHECK;

/* qemu-img (restore_img.c).  The image is opened here and handed over, format by name: nothing is probed. */

int su_img_has_snapshot(const char *path, const char *name, bool *has, struct su_err *e) SU_MUST_CHECK;
enum su_img_snapshot { SU_IMG_CREATE, SU_IMG_APPLY, SU_IMG_DELETE };
int su_img_snapshot(const char *path, enum su_img_snapshot what, const char *name, struct su_err *e) SU_MUST_CHECK;
/* What a killed qemu-img leaves in a qcow2 file: clusters that nobody uses, and flags that do not match their counts.
 */
int su_img_repair(const char *path, struct su_err *e) SU_MUST_CHECK;
/* A new qcow2 file on top of base, which must not exist; owner and mode are base's. */
int su_img_overlay(const char *base, const char *format, const char *overlay, struct su_err *e) SU_MUST_CHECK;
/* Everything of overlay into base, which grows when it is smaller; overlay keeps its content. */
int su_img_merge(const char *overlay, const char *base, const char *format, struct su_err *e) SU_MUST_CHECK;

/* How far a set is, in a file of the VM's directory (restore_stage.c). */

enum su_stage {
    SU_STAGE_NONE,
    SU_STAGE_BEGUN,    /* being taken: what is there of it is worth nothing */
    SU_STAGE_TAKEN,    /* complete */
    SU_STAGE_GOING,    /* being gone back to */
    SU_STAGE_RESTORED, /* gone back to; only to be cleaned up */
    SU_STAGE_GIVEN_UP, /* being merged: there is no way back */
    SU_STAGE_KEPT,     /* merged; the copies of NVRAM and vTPM state stay, for going back without the disks */
    SU_STAGES
};
struct su_stage_mark {
    enum su_stage stage;
    bool other; /* of another set than asked for */
};
int su_stage_get(int dir, const char *name, struct su_stage_mark *out, struct su_err *e) SU_MUST_CHECK;
int su_stage_set(int dir, const char *name, enum su_stage stage, struct su_err *e) SU_MUST_CHECK; /* on disk */

int su_restore_dir(const char *path, int *fd, struct su_err *e) SU_MUST_CHECK; /* the VM's own directory */
/* Removes what is there of the set: snapshots, overlays, copies.  repair: a program was killed on them. */
int su_restore_drop(const struct su_restore *r, int dir, bool repair, struct su_err *e) SU_MUST_CHECK;
