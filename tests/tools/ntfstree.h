/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfstree.h - what the parts of surety-ntfstree share.  Functions return 0, or -1 after a line on standard error. */
#pragma once
#include "base/su.h"
#include "disk/blk.h"
#include <errno.h>
/* libntfs-3g's headers ask what its configure script found. */
#define HAVE_STDARG_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_TIME_H 1
#define HAVE_CLOCK_GETTIME 1
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/volume.h>
#include <stdio.h>

struct area {
    int fd;
    uint64_t off; /* of the volume in the file */
    uint8_t *p;   /* the volume, mapped */
    uint64_t size;
};
extern struct area ntfstree_area;

enum tree_kind { TREE_PLAIN, TREE_COMPRESSED, TREE_ENCRYPTED };

int ntfstree_fail(const char *fmt, ...) SU_PRINTF(1, 2); /* with errno's text when it is not 0 */
int ntfstree_store(ntfs_volume *vol, const char *path, const void *p, size_t n, enum tree_kind kind);
int ntfstree_get(ntfs_volume *vol, const char *path, FILE *to);

/* Commands of the script; arg holds their words. */
int ntfstree_mkdir(ntfs_volume *vol, char **arg);
int ntfstree_fill(ntfs_volume *vol, char **arg);
int ntfstree_sparse(ntfs_volume *vol, char **arg);
int ntfstree_fragmented(ntfs_volume *vol, char **arg);
int ntfstree_full(ntfs_volume *vol, char **arg);
int ntfstree_reparse(ntfs_volume *vol, char **arg);
int ntfstree_link(ntfs_volume *vol, char **arg);
int ntfstree_dosname(ntfs_volume *vol, char **arg);
int ntfstree_attr(ntfs_volume *vol, char **arg);
int ntfstree_rm(ntfs_volume *vol, char **arg);
int ntfstree_stat(ntfs_volume *vol, char **arg);
int ntfstree_ls(ntfs_volume *vol, char **arg);
int ntfstree_log_dirty(ntfs_volume *vol, char **arg);
int ntfstree_log_clean(ntfs_volume *vol, char **arg);
