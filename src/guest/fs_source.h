/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_source.h - a guest's file as a source of bytes (pe.h), read where it lies and never as a whole. */
#pragma once
#include "fs.h"
#include "pe.h"

struct su_fs_source {
    struct su_fs *fs; /* borrowed */
    struct su_fs_node node;
};

/* Fills both; *src borrows *file.  SU_E_MISSING "fs.missing" for what is no regular file; else what the driver says. */
int su_fs_source_open(struct su_fs *fs, struct su_fs_node base, const char *path, struct su_fs_source *file,
                      struct su_source *src, struct su_err *e) SU_MUST_CHECK;
