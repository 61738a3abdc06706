/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/guid.h - GUIDs as GPT keeps them, and the partition types among them.
 *
 * A GUID is 16 bytes as on disk: the first three fields little-endian, the rest as written (UEFI 2.10,
 * appendix A).  Text is "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in either case.  Thread safe. */
#pragma once
#include "base/su.h"

enum { SU_GUID_SIZE = 16, SU_GUID_TEXT = 37 /* with the NUL */ };

/* text need not end with NUL.  Exactly 36 characters, without braces; else "disk.guid.text". */
int su_guid_parse(const char *text, size_t n, uint8_t out[SU_GUID_SIZE], struct su_err *e) SU_MUST_CHECK;
/* Lower case, as Linux and udev write PARTUUID. */
void su_guid_text(const uint8_t g[SU_GUID_SIZE], char out[SU_GUID_TEXT]);

/* A name-based GUID (RFC 9562, version 8, appendix B.2): the first 128 bits of SHA-256 over the name space's
 * bytes in network order, then the name.  Same input, same GUID.  Fails only without memory. */
int su_guid_derive(const uint8_t name_space[SU_GUID_SIZE], struct su_bytes name, uint8_t out[SU_GUID_SIZE],
                   struct su_err *e) SU_MUST_CHECK;

enum su_gpt_type {
    SU_GPT_ESP,
    SU_GPT_BIOS_BOOT,
    SU_GPT_LINUX_DATA,
    SU_GPT_LINUX_SWAP,
    SU_GPT_LINUX_LVM,
    SU_GPT_LINUX_RAID,
    SU_GPT_MS_BASIC,
    SU_GPT_MS_RESERVED,
    SU_GPT_MS_RECOVERY,
    SU_GPT_TYPE_COUNT
};
const uint8_t *su_gpt_type_guid(enum su_gpt_type t); /* static, SU_GUID_SIZE bytes */
const char *su_gpt_type_name(enum su_gpt_type t); /* static; as sfdisk -T has it */
int su_gpt_type_find(const uint8_t guid[SU_GUID_SIZE]); /* an enum su_gpt_type, or -1: another type */
