/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/reagent.h - ReAgent.xml: where Windows keeps its recovery environment (upgrade.md 4.6).
 *
 * WinreLocation, ImageLocation, PBRImageLocation, DownlevelWinreLocation (and OsInstallLocation of Windows 8) name a
 * disk and an offset: on an MBR disk id is the disk's signature in decimal and guid is zero, on a GPT disk id is 0 and
 * guid is the disk's.  Only locations that name this disk change; encoding, byte order mark, line ends and all else
 * stay byte for byte.  libxml2 parses, for the places; the text itself is spliced.  Pure; hostile bytes; thread safe.
 */
#pragma once
#include "base/buf.h"
#include "winmap.h"

enum { SU_REAGENT_MAX = 256 << 10 /* bytes */ };

struct su_reagent {
    bool enabled;      /* InstallState 1 */
    char bcd_guid[39]; /* WinreBCD id, lower case; "" or zero: none */
    char path[256];    /* WinreLocation: "\Recovery\WindowsRE"; "" none */
    uint64_t offset;   /* bytes */
    uint32_t id;       /* disk signature */
    uint8_t guid[16];  /* of the disk */
};
/* SU_E_FORMAT "reagent.damaged". */
int su_reagent_read(struct su_bytes text, struct su_reagent *out, struct su_err *e) SU_MUST_CHECK;
/* back: from the new names to the old ones.  *changed counts locations. */
int su_reagent_rewrite(struct su_bytes text, const struct su_winmap *m, bool back, struct su_buf *out,
                       unsigned *changed, struct su_err *e) SU_MUST_CHECK;
