/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/memfs.h - a file system out of a table, for tests of what looks for files: names without regard to case, as
 * on Windows, kept as they were given.  Directories come with what is in them.  Reads only. */
#pragma once
#include "base/buf.h"
#include "guest/fs.h"

/* path: absolute, shorter than 256 bytes.  The bytes are copied.  Aborts without memory. */
struct su_fs *memfs_new(void);
void memfs_add(struct su_fs *fs, const char *path, struct su_bytes bytes);
void memfs_text(struct su_fs *fs, const char *path, const char *text);
/* Another kind than a file; or one whose reading fails (id: static; kind SU_OK: it reads). */
void memfs_kind(struct su_fs *fs, const char *path, enum su_fs_kind kind);
void memfs_fail(struct su_fs *fs, const char *path, enum su_kind kind, const char *id);
void memfs_remove(struct su_fs *fs, const char *path); /* a file, or all below a directory */

/* The n-th question to any of them from now (1: the next one) and all later ones fail with SU_E_IO "test.io"; 0: none
 * does.  Returns how many were asked since the last call. */
unsigned long memfs_fail_in(unsigned long n);
