/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd.h - the boot configuration store (BCD) of Windows: what it says, and the same for UEFI.
 *
 * A store is a registry hive: \Objects\{guid}\Elements\<id>\Element.  Format and rules: reference upgrade.md 4.2
 * to 4.4. Reading makes a model of the whole store; converting is pure, from model to a list of changes; applying puts
 * them into the hive they came from, so that all else in it stays.  Hostile bytes, bounded.  One thread at a time. */
#pragma once
#include "hive.h"
#include "winmap.h"

enum {
    SU_BCD_MAX_OBJECTS = 256,
    SU_BCD_MAX_ELEMENTS = 96 /* of one object */,
    SU_BCD_MAX_CHANGES = 4096,
    SU_BCD_MAX_BYTES = 4 << 20,
    SU_BCD_NOTES = 32,
    SU_BCD_MAX_STORE = 16 << 20 /* bytes of a store */
};

/* Object types and elements by the names bcdedit knows them by; values are the store's. */
#define SU_BCD_BOOTMGR "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
#define SU_BCD_FWBOOTMGR "{a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba}"
#define SU_BCD_MEMDIAG "{b2721d73-1db4-4c62-bf78-c548a880142d}"
#define SU_BCD_NTLDR "{466f5a88-0af2-4f76-9038-095b170dc21c}"
enum su_bcd_type {
    SU_BCD_FIRMWARE_MANAGER = 0x10100001,
    SU_BCD_BOOT_MANAGER = 0x10100002,
    SU_BCD_OS_LOADER = 0x10200003,
    SU_BCD_RESUME = 0x10200004,
    SU_BCD_MEMORY_TEST = 0x10200005,
    SU_BCD_DEVICE_OPTIONS = 0x30000000,
};
enum su_bcd_id {
    SU_BCD_DEVICE = 0x11000001,
    SU_BCD_PATH = 0x12000002,
    SU_BCD_DESCRIPTION = 0x12000004,
    SU_BCD_LOCALE = 0x12000005,
    SU_BCD_INHERIT = 0x14000006,
    SU_BCD_RECOVERY_SEQUENCE = 0x14000008,
    SU_BCD_RECOVERY_ENABLED = 0x16000009,
    SU_BCD_ISOLATED_CONTEXT = 0x16000060,
    SU_BCD_OS_DEVICE = 0x21000001,
    SU_BCD_SYSTEM_ROOT = 0x22000002,
    SU_BCD_RESUME_OBJECT = 0x23000003,
    SU_BCD_DEFAULT = 0x23000003,
    SU_BCD_DISPLAY_ORDER = 0x24000001,
    SU_BCD_BOOT_SEQUENCE = 0x24000002,
    SU_BCD_TOOLS_ORDER = 0x24000010,
    SU_BCD_TIMEOUT = 0x25000004,
    SU_BCD_WINPE = 0x26000022,
    SU_BCD_SDI_DEVICE = 0x31000003,
    SU_BCD_SDI_PATH = 0x32000004,
};
enum su_bcd_format {
    SU_BCD_F_DEVICE = 1,
    SU_BCD_F_STRING,
    SU_BCD_F_OBJECT,
    SU_BCD_F_OBJECTS,
    SU_BCD_F_INTEGER,
    SU_BCD_F_BOOLEAN,
    SU_BCD_F_INTEGERS
};
static inline enum su_bcd_format su_bcd_format(uint32_t id)
{
    return (enum su_bcd_format)(id >> 24 & 0xF);
}

struct su_bcd_element {
    uint32_t id, reg_type;
    struct su_bytes data; /* borrowed from the store's model */
};
struct su_bcd_object {
    char guid[39]; /* "{...}", lower case */
    uint32_t type;
    size_t n;
    struct su_bcd_element element[SU_BCD_MAX_ELEMENTS];
};
struct su_bcd {
    size_t n;
    struct su_bcd_object *object; /* owned */
    struct su_buf bytes;          /* owned: the data of all elements */
};
void su_bcd_done(struct su_bcd *b);
#define SU_BCD SU_AUTO(su_bcd_done)

/* "bcd.damaged" (SU_E_FORMAT): no store, or one without what every store has; "bcd.limit" (SU_E_RANGE). */
int su_bcd_read(struct su_hive *h, struct su_bcd *out, struct su_err *e) SU_MUST_CHECK;
const struct su_bcd_object *su_bcd_find(const struct su_bcd *b, const char *guid); /* any case; NULL: none */
const struct su_bcd_element *su_bcd_get(const struct su_bcd_object *o, uint32_t id);
/* Text of a string element as UTF-8, cut to cap; false: none. */
bool su_bcd_text(const struct su_bcd_object *o, uint32_t id, char *out, size_t cap);
/* The guid an object element names, or the first of a list, lower case; false: none. */
bool su_bcd_guid(const struct su_bcd_object *o, uint32_t id, char out[39]);

/* Devices (bcd_device.c); all pure ---------------------------------------- */
enum su_bcd_device_kind {
    SU_BCD_D_BOOT,    /* the partition the firmware started from */
    SU_BCD_D_MBR,     /* a partition by signature and offset */
    SU_BCD_D_GPT,     /* a partition by its GUID */
    SU_BCD_D_LOCATE,  /* whichever has a file */
    SU_BCD_D_RAMDISK, /* a file unpacked to memory, from a nested device */
    SU_BCD_D_FILE,    /* a virtual hard disk, from a nested device */
    SU_BCD_D_OTHER,
};
struct su_bcd_device {
    enum su_bcd_device_kind kind;
    uint32_t signature;              /* MBR: of the disk; of RAMDISK and FILE: of the device they lie on */
    uint64_t offset;                 /* MBR: bytes */
    uint8_t disk[16], partition[16]; /* GPT */
    enum su_bcd_device_kind on;      /* RAMDISK, FILE: the kind of the device they lie on */
    char path[512];                  /* RAMDISK, FILE: UTF-8; cut */
};
/* SU_E_FORMAT "bcd.device" for bytes that are no device element. */
int su_bcd_device_parse(struct su_bytes data, struct su_bcd_device *out, struct su_err *e) SU_MUST_CHECK;
/* Appends the same element with every partition of m, at whatever depth, by its new name; "the partition the firmware
 * started from" becomes m's old system partition, which is what it meant.  *changed counts them; *left counts MBR names
 * of this disk's signature that no partition has.  Promise: length and all other bytes stay. */
int su_bcd_device_to_gpt(struct su_bytes data, const struct su_winmap *m, struct su_buf *out, unsigned *changed,
                         unsigned *left, struct su_err *e) SU_MUST_CHECK;
/* Appends a device element that names a partition of a GPT disk. */
void su_bcd_device_make(const uint8_t disk[16], const uint8_t partition[16], struct su_buf *out);

/* Conversion (bcd_convert.c) ---------------------------------------------- */
enum su_bcd_change_kind {
    SU_BCD_SET,
    SU_BCD_UNSET,
    SU_BCD_ADD_OBJECT,
    SU_BCD_DROP_OBJECT,
    SU_BCD_MARK_SYSTEM, /* the store is the one the firmware starts with, no template */
};
struct su_bcd_change {
    enum su_bcd_change_kind kind;
    char guid[39];
    uint32_t id, reg_type; /* SET, UNSET: of the element; ADD_OBJECT: id is the object's type */
    size_t at, n;          /* SET: data inside su_bcd_changes.bytes */
};
struct su_bcd_changes {
    size_t n;
    struct su_bcd_change *change; /* owned; SU_BCD_MAX_CHANGES at most */
    struct su_buf bytes;          /* owned */
    size_t n_notes;               /* for people, printable: what was dropped or left */
    char note[SU_BCD_NOTES][160];
    unsigned devices; /* device elements rewritten */
};
void su_bcd_changes_done(struct su_bcd_changes *c);
#define SU_BCD_CHANGES SU_AUTO(su_bcd_changes_done)

/* From a BIOS store to one for UEFI: devices by m, {bootmgr} and {memdiag} on the ESP, paths, {fwbootmgr}, isolated
 * context, entries that only a BIOS can start dropped, also from every list (upgrade.md 4.3).  Pure.  A second
 * conversion changes nothing. */
int su_bcd_to_efi(const struct su_bcd *b, const struct su_winmap *m, struct su_bcd_changes *out,
                  struct su_err *e) SU_MUST_CHECK;

/* For a store that is made anew from BCD-Template: the objects bcdboot makes, with guids derived from the disk. */
struct su_bcd_new {
    const struct su_winmap *map;
    unsigned os;             /* partition number of the system's volume */
    const char *root;        /* "\Windows" */
    const char *description; /* "Windows 10", "Windows Server" */
    const char *locale;      /* "en-US" */
    unsigned winre;          /* partition number; 0: no recovery entry */
    const char *winre_path;  /* "\Recovery\WindowsRE\Winre.wim" */
    const char *winre_guid;  /* "{...}", what ReAgent.xml calls the entry; NULL or no guid: derived */
};
int su_bcd_from_template(const struct su_bcd *b, const struct su_bcd_new *what, struct su_bcd_changes *out,
                         struct su_err *e) SU_MUST_CHECK;

/* Into the hive the model was read from. */
int su_bcd_apply(struct su_hive *h, const struct su_bcd_changes *c, struct su_err *e) SU_MUST_CHECK;

/* What starts by default ---------------------------------------------------*/
struct su_bcd_default {
    char guid[39], root[256], description[96], locale[24], path[256]; /* of the loader; root and path as in the store */
    struct su_bcd_device boot, os, device; /* {bootmgr}'s device; the loader's osdevice and device */
    bool has_boot;
    bool has_winre;
    char winre_guid[39];
    struct su_bcd_device winre; /* a RAMDISK on the partition that holds it */
    unsigned legacy;            /* entries that only a BIOS can start */
};
/* SU_E_MISSING "bcd.default": no {bootmgr}, no default entry, or not a loader of Windows. */
int su_bcd_default_entry(const struct su_bcd *b, struct su_bcd_default *out, struct su_err *e) SU_MUST_CHECK;
