/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/undo.h - undo journals as files, and what they remember beside bytes (for run.c and rollback.c). */
#pragma once
#include "convert.h"

enum { SU_UNDO_PATH = 4096 };

static inline void su_json_decrefp(json_t **j)
{
    json_decref(*j);
}

/* The file, locked; create makes it, and its name stable. */
int su_undo_open(const char *path, bool create, struct su_blk **out, struct su_err *e) SU_MUST_CHECK;
int su_undo_remove(const char *path, struct su_err *e) SU_MUST_CHECK;
int su_undo_sync_dir(const char *path, struct su_err *e) SU_MUST_CHECK;
bool su_undo_exists(const char *path);
/* A rollback runs under a journal of its own, beside the first. */
int su_undo_rollback_path(const char *undo, char out[SU_UNDO_PATH], struct su_err *e) SU_MUST_CHECK;
/* After a failed run: recovers, and says in e->remedy how things stand.  Returns -1. */
int su_undo_put_back(struct su_blk *journal, struct su_blk *disk, const char *path, struct su_err *e);

/* The description in a conversion's journal, read back. */
struct su_undo_meta {
    uint32_t sector_size;
    unsigned esp_number, bios_number;
    size_t n_parts;
    struct {
        unsigned number;
        uint64_t first, last;
    } part[SU_GPT_ENTRIES];
    size_t n_partuuid;
    struct su_partuuid partuuid[SU_MBR_MAX_PARTS];
    size_t n_edits;
    struct {
        enum su_edit_kind kind;
        char volume[160], path[SU_LINUX_PATH];
    } edit[SU_EDITS_MAX];
    struct su_edits how;      /* without its list: all else that the edits were made with */
    char grub[SU_BIOS_PRINT]; /* of the modules that went with the old core */
};
int su_undo_meta_parse(struct su_bytes text, struct su_undo_meta *out, struct su_err *e) SU_MUST_CHECK;
