/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd_int.h - what the files of bcd.h share. */
#pragma once
#include "bcd.h"

/* "{...}" of n bytes in either case to lower case; false: no guid. */
bool su_bcd_guid_lower(const char *s, size_t n, char out[39]);
/* Text up to the first NUL as UTF-8, cut to cap between characters. */
void su_bcd_cut(struct su_bytes utf16, char *out, size_t cap);
/* An entry that only a BIOS can start: a boot sector, NTLDR. */
bool su_bcd_is_legacy(const struct su_bcd_object *o);

/* Appends a device element: a file of a partition, unpacked to memory as the object options says. */
int su_bcd_device_make_ramdisk(const uint8_t options[16], const uint8_t disk[16], const uint8_t partition[16],
                               const char *path, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* A list of changes in the making (bcd_change.c); all fail for memory, and with "bcd.limit". */
int su_bcd_change(struct su_bcd_changes *c, struct su_bcd_change what, struct su_bytes data,
                  struct su_err *e) SU_MUST_CHECK;
int su_bcd_set(struct su_bcd_changes *c, const char *guid, uint32_t id, uint32_t reg_type, struct su_bytes data,
               struct su_err *e) SU_MUST_CHECK;
int su_bcd_set_text(struct su_bcd_changes *c, const char *guid, uint32_t id, const char *text, unsigned nuls,
                    struct su_err *e) SU_MUST_CHECK;
int su_bcd_set_guid(struct su_bcd_changes *c, const char *guid, uint32_t id, const char *which,
                    struct su_err *e) SU_MUST_CHECK; /* an object, or a list of one, as id says */
int su_bcd_set_integer(struct su_bcd_changes *c, const char *guid, uint32_t id, uint64_t v,
                       struct su_err *e) SU_MUST_CHECK;
int su_bcd_set_boolean(struct su_bcd_changes *c, const char *guid, uint32_t id, bool v, struct su_err *e) SU_MUST_CHECK;
int su_bcd_set_partition(struct su_bcd_changes *c, const char *guid, uint32_t id, const uint8_t disk[16],
                         const uint8_t partition[16], struct su_err *e) SU_MUST_CHECK;
int su_bcd_add_object(struct su_bcd_changes *c, const char *guid, uint32_t type, struct su_err *e) SU_MUST_CHECK;
int su_bcd_drop_object(struct su_bcd_changes *c, const char *guid, struct su_err *e) SU_MUST_CHECK;
int su_bcd_unset(struct su_bcd_changes *c, const char *guid, uint32_t id, struct su_err *e) SU_MUST_CHECK;
/* {fwbootmgr}, which starts {bootmgr}. */
int su_bcd_add_fwbootmgr(struct su_bcd_changes *c, struct su_err *e) SU_MUST_CHECK;

/* A note for people; control characters are taken out, what is beyond SU_BCD_NOTES is only said to be. */
void su_bcd_note(struct su_bcd_changes *c, const char *fmt, ...) SU_PRINTF(2, 3);

/* An object list element: adds those of the list that keep() wants; *dropped counts the others. */
typedef bool su_bcd_keep_fn(const void *arg, const char *guid);
void su_bcd_filter_list(struct su_bytes list, su_bcd_keep_fn *keep, const void *arg, struct su_buf *out, unsigned *kept,
                        unsigned *dropped);
