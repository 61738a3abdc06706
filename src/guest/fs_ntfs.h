/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_ntfs.h - what an NTFS volume says about its own health, and how writing behaves.
 *
 * The driver (su_fs_open_ntfs() in guest/fs.h) runs on libntfs-3g over our block port: no mount, no kernel.  Names are
 * compared as the volume's own $UpCase table says, and are UTF-8 outside (utf16.h).  Reparse points (junctions,
 * symbolic links, files compressed by WOF) are SU_FS_OTHER; reading a file that is encrypted by EFS is SU_E_REFUSED
 * "fs.ntfs.encrypted", one that WOF compressed SU_E_REFUSED "fs.ntfs.compact".
 *
 * Opening for reading works on a volume that is hibernated, was not shut down properly, or whose MFT differs from its
 * mirror.  Opening for writing is refused with SU_E_REFUSED:
 *   volume.dirty          the volume flag asks for chkdsk, or $LogFile was not closed cleanly
 *   volume.hibernated     hiberfil.sys holds a system that sleeps (hibernation or Fast Startup)
 *   fs.ntfs.version       not NTFS 3.0 or 3.1
 * and with SU_E_FORMAT "fs.ntfs...." for damage, a mirror of the MFT that differs among it.  replace() looks whether
 * the file's clusters are its own, and in use as $Bitmap says: "fs.ntfs.overlap", "fs.ntfs.bitmap".
 *
 * replace() keeps the file's record, name, attributes, security and creation time, sets the time of the last change,
 * and grows or shrinks it in place.  It is all on the su_blk, flushed, when it returns 0.  A failure may leave a half
 * done change: give the driver an overlay that can be thrown away; afterwards every further replace() is refused with
 * SU_E_CONFLICT "fs.ntfs.broken".  Writes depend on what changes in the file, not on its size (equal clusters are not
 * written), nor on the volume's.  Refused: more than SU_NTFS_REPLACE_MAX bytes, compressed, encrypted and sparse files;
 * SU_E_REFUSED "fs.full" when the volume has no room.  No clock is read.  The change is not in the volume's journals
 * ($LogFile, $UsnJrnl), as after every change by libntfs-3g.
 *
 * libntfs-3g parses hostile bytes in C.  It never sees a boot sector or first records of the MFT that make no sense,
 * tables that it would load whole are of bounded size, every read is inside of the volume and counts against an
 * allowance for each call, so that circles end ("fs.ntfs.loop"), and indexes are of bounded size.  What remains,
 * errors in its parsing of records and indexes, is what confining the process is for (base/confine.h).
 *
 * libntfs-3g keeps state of the process (locale, log handler): one thread at a time in all NTFS volumes together.
 * Format: as libntfs-3g's layout.h describes it. */
#pragma once
#include "fs.h"

enum {
    SU_NTFS_REPLACE_MAX = 512 << 20, /* bytes */
    SU_NTFS_MAX_ENTRIES = 1 << 20,   /* of one directory */
};

struct su_ntfs_state {
    bool dirty;      /* VOLUME_IS_DIRTY, or another flag that asks for chkdsk */
    bool log_dirty;  /* $LogFile was not closed cleanly */
    bool hibernated; /* /hiberfil.sys begins with "hibr" or "HIBR" (upgrade.md: 4.7) */
    bool mirror_differs;
    bool writable; /* nothing of the above, and a version that can be written */
    unsigned major, minor;
    uint32_t cluster_size;
    /* Bytes of the volume with the two restart pages of $LogFile: every mount by Windows changes them.  n 0: unknown.
     */
    uint64_t log_at, log_n;
};

/* The state is the one found when fs was opened; -1: not one that su_fs_open_ntfs() made. */
int su_fs_ntfs_state(struct su_fs *fs, struct su_ntfs_state *out);

/* Bytes 3 to 10 of a volume that BitLocker encrypts, also where libblkid does not see it (disks.md T14). */
bool su_ntfs_is_bitlocker(const uint8_t sector[512]);
