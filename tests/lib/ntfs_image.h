/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/ntfs_image.h - NTFS volumes of mkntfs in the scratch directory, filled by surety-ntfstree. */
#pragma once
#include "tests/lib/memblk.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"

static struct su_err e;

struct ntfs_shape {
    const char *name;
    unsigned sector, cluster;
};

/* The lines of text to SURETY_NTFSTREE; its output is left in ./out. */
static bool script(const char *image, const char *text)
{
    FILE *f = fopen(sh_path("script"), "wbe");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        return false;
    return sh("'%s' %s <script >out", getenv("SURETY_NTFSTREE"), image) == 0;
}

static bool format(const char *image, const struct ntfs_shape *v, unsigned mib)
{
    return sh("rm -f %s && truncate -s %uM %s && mkntfs -F -Q -q -p 2048 -H 255 -S 63 -s %u -c %u %s", image, mib,
              image, v->sector, v->cluster, image) == 0;
}

static struct su_blk *load(const char *image)
{
    struct su_blk *d = NULL;
    if (su_memblk_load(sh_path("%s", image), &d, &e) < 0)
        ok(0, "%s: %s", image, e.msg);
    return d;
}
