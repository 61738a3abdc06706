/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/tmpdir.h - a private directory that goes away with its scope.
 *
 * $TMPDIR decides when it is set (absolute).  Otherwise the first of /run, /dev/shm and /tmp that lies in
 * memory, may be written and has the room; otherwise /tmp, otherwise /var/tmp.  Mode 0700, random name.  What a
 * killed process of the same user has left there is removed by the next one, 5 seconds later at the earliest.
 * Thread safe, one thread per directory. */
#pragma once
#include "su.h"
#include <sys/types.h>

enum { SU_TMPDIR_MAX_DEPTH = 32 };

struct su_tmpdir {
    char path[256]; /* empty: none; absolute */
    int fd;         /* owned; the directory itself */
};
#define SU_TMPDIR_NONE {.path = "", .fd = -1}

/* need: bytes the caller is going to put there, a wish that chooses the place.  Fails with "host.tmpdir". */
int su_tmpdir_make(struct su_tmpdir *t, uint64_t need, struct su_err *e) SU_MUST_CHECK;
/* Removes the directory and what is in it, never following a link and never leaving its file system.  Trees deeper than
 * SU_TMPDIR_MAX_DEPTH stay in part.  An empty handle is fine; the handle is empty afterwards. */
void su_tmpdir_remove(struct su_tmpdir *t);
#define SU_TMPDIR SU_AUTO(su_tmpdir_remove)

/* A new file with these bytes, or a new directory; mode 0: for the owner alone.  name is relative, and the
 * directories in it exist. */
int su_tmpdir_put(const struct su_tmpdir *t, const char *name, mode_t mode, struct su_bytes content,
                  struct su_err *e) SU_MUST_CHECK;
int su_tmpdir_mkdir(const struct su_tmpdir *t, const char *name, mode_t mode, struct su_err *e) SU_MUST_CHECK;
