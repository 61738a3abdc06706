/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/lvm.h - what LVM2 metadata on one physical volume says about its logical volumes.
 *
 * Reads the label, the header, the metadata areas and the newest valid text in them; only reads.
 * Promise, for every accepted input: names are LVM names ([a-zA-Z0-9+_.-], not "." or "..", no
 * leading '-', at most 127), each once; a supported volume has at least one extent; all extents
 * lie inside the physical volume's data area and outside the label and the metadata areas; no two
 * extents overlap, be it of one or of two volumes.
 *
 * Supported: linear segments (type "linear", or "striped" with one stripe) on this one physical
 * volume.  All else is listed with supported = false: other physical volumes, stripes, RAID, thin,
 * cache, pvmove, and snapshots with their origin, which must not be written behind the snapshot's
 * back.  A physical volume that belongs to no volume group is SU_E_MISSING "lvm.vg.none".
 *
 * Limits: SU_LVM_TEXT_MAX bytes of text (lvm_text.h) and those below; beyond: SU_E_FORMAT "lvm.text.limit".
 * Format: lvm2, lib/format_text/layout.h (labels and areas) and lib/format_text (text). */
#pragma once
#include "disk/blk.h"
#include "disk/blk_map.h"

enum { SU_LVM_MAX_PV = 64, SU_LVM_MAX_LV = 256, SU_LVM_MAX_SEGMENTS = 4096, SU_LVM_NAME = 128, SU_LVM_UUID = 39 };

struct su_lvm_pv {
    char name[SU_LVM_NAME]; /* "pv0" */
    char uuid[SU_LVM_UUID]; /* 6-4-4-4-4-4-6 characters */
    uint64_t data;          /* bytes: where the first physical extent lies */
    uint64_t extents;       /* their number */
    bool here;              /* the one that was parsed; exactly one is */
};

struct su_lvm_lv {
    char name[SU_LVM_NAME];
    char uuid[SU_LVM_UUID];
    bool visible, writable;
    bool supported;
    const char *reason;    /* static: why not; NULL when supported */
    uint64_t size;         /* bytes */
    size_t n;              /* 0 when not supported */
    struct su_extent *ext; /* owned; bytes from the start of the physical volume, in the volume's order */
};

struct su_lvm {
    char vg[SU_LVM_NAME];
    char uuid[SU_LVM_UUID];
    uint64_t seqno;
    uint64_t extent_size; /* bytes */
    size_t n_pv, n_lv;
    struct su_lvm_pv *pv; /* owned */
    struct su_lvm_lv *lv; /* owned */
};

/* pv: the whole physical volume (a partition or a disk), borrowed for the call. */
int su_lvm_parse(struct su_blk *pv, struct su_lvm *out, struct su_err *e) SU_MUST_CHECK;
void su_lvm_done(struct su_lvm *l);
#define SU_LVM SU_AUTO(su_lvm_done)
