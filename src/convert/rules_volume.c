/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about what lies in the partitions. */
#include "guest/fs_ext.h"
#include "os.h"
#include "rules.h"
#include <string.h>

/* Of Windows only the volumes that it starts from matter; where they are not known, any may be one. */
static bool starts_from(const struct su_facts *f, size_t vol)
{
    const struct su_windows *w = &f->windows;
    return f->os != &su_os_windows || w->os < 0 || (int)vol == w->os || f->vols.vol[vol].partition == w->active;
}

static void no_bitlocker(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->vols.n; i++)
        if (strcmp(f->vols.vol[i].what.type, "BitLocker") == 0 && starts_from(f, i))
            su_found(v, row, "%s is encrypted with BitLocker, maybe also where that is shown as off",
                     f->vols.vol[i].name);
}

static void one_system(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->also)
        su_found(v, row, "the disk holds two systems, of %s and %s", f->os->name, f->also->name);
}

static void not_hibernated(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->vols.n; i++)
        if (strcmp(f->vols.vol[i].what.type, "swsuspend") == 0)
            su_found(v, row, "%s holds the memory of a hibernated system", f->vols.vol[i].name);
}

static void one_signature(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->vols.n; i++)
        if (f->vols.vol[i].what.ambiguous)
            su_found(v, row, "%s carries the signatures of more than one kind of contents", f->vols.vol[i].name);
}

/* A file system that nobody will write may be dirty: the guest repairs it when it starts, as always.  On a disk in use
 * one that is mounted now says nothing about a clean stop later. */
static void not_unmounted(const struct su_facts *f, const struct su_rule *row, const struct su_vol *x, bool edited,
                          struct su_verdict *v)
{
    if (f->opt->shared)
        su_found_as(v, SU_NOTE, row->id, row->remedy, "%s is mounted, and was read while in use", x->name);
    else
        su_found_as(v, edited ? SU_STOP : SU_WARNING, row->id, row->remedy, "%s was not unmounted cleanly", x->name);
}

static void clean(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->vols.n; i++) {
        struct su_ext_state st;
        const struct su_vol *x = &f->vols.vol[i];
        if (x->log_dirty)
            su_found_as(v, f->opt->shared ? SU_NOTE : SU_WARNING, row->id, row->remedy,
                        "the log of %s was not emptied, so files may be newer than read", x->name);
        if (!x->fs || !x->fs_writable || su_fs_ext_state(x->fs, &st) < 0)
            continue;
        bool edited = (int)i == f->linux_.root.vol || (int)i == f->linux_.boot.vol;
        if (st.needs_recovery || st.mmp)
            not_unmounted(f, row, x, edited, v);
        if (st.errors)
            su_found_as(v, edited ? SU_STOP : SU_WARNING, "volume.errors",
                        "run e2fsck in the guest or from a rescue system", "%s has recorded errors", x->name);
    }
}

static void readable(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->vols.n; i++) {
        const struct su_vol *x = &f->vols.vol[i];
        if (x->why_closed.kind != SU_OK)
            su_found_as(v, SU_NOTE, x->why_closed.id, x->why_closed.remedy ? x->why_closed.remedy : row->remedy, "%s",
                        x->why_closed.msg);
    }
}

const struct su_rule su_rules_volume[] = {
    {"volume.encrypted.bitlocker", SU_STOP, "no volume is encrypted with BitLocker",
     "turn BitLocker off in the guest and wait until the volume is decrypted, convert, then turn it on again",
     no_bitlocker, "V9", SU_MBR2GPT_ENCRYPTED},
    {"os.two", SU_STOP, "there is one system on the disk",
     "move one of the two systems to a disk of its own, then convert this one", one_system},
    {"volume.hibernated", SU_STOP, "the system is not hibernated", "start the guest and shut it down fully",
     not_hibernated},
    {"volume.dirty", SU_STOP, "file systems that will be edited were unmounted cleanly",
     "start the guest and shut it down cleanly", clean},
    {"volume.ambiguous", SU_WARNING, "every volume is of one kind",
     "remove the stale signature with wipefs in the guest", one_signature},
    {"volume.closed", SU_NOTE, "every volume could be read", NULL, readable},
    {0},
};
