/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/windows_int.h - what the parts of windows.h share. */
#pragma once
#include "windows.h"

/* I/O and memory are failures of the host; all else that a driver or a parser says is a fact about the guest: it goes
 * to *fact (NULL: nobody wants it), and 0 is returned. */
int su_win_fact(const struct su_err *why, struct su_err *fact, struct su_err *e) SU_MUST_CHECK;
/* An NTFS volume that could be opened; vol may be -1. */
bool su_win_readable(const struct su_vols *v, int vol);
/* A regular file is there.  Damage on the way to it counts as "no". */
int su_win_exists(const struct su_vols *v, int vol, const char *path, bool *there, struct su_err *e) SU_MUST_CHECK;
/* "root" + "tail"; false: longer than SU_WIN_PATH allows. */
bool su_win_join(const char *root, const char *tail, char out[SU_WIN_PATH]);
/* Number of this disk's partition that starts there; 0: none does. */
unsigned su_win_partition_at(const struct su_win_disk *d, uint64_t offset);

/* The store may be made anew. */
bool su_win_store_unusable(const struct su_windows *w);

/* The steps of su_windows_find(); each fills in its members, from those of the ones before. */
int su_win_read_store(const struct su_win_disk *d, struct su_windows *w, struct su_err *e) SU_MUST_CHECK;
int su_win_read_hives(const struct su_win_disk *d, struct su_windows *w, struct su_err *e) SU_MUST_CHECK;
int su_win_read_winre(const struct su_win_disk *d, struct su_windows *w, struct su_err *e) SU_MUST_CHECK;

#define SU_WIN_CONFIG "/System32/config/"
