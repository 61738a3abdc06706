/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/efivars.h - EFI variables out of OVMF's variable store file, and signature lists out of variables.
 *
 * Formats: UEFI Platform Initialization 1.7, volume 3, section 3.2.1 (firmware volume); EDK2
 * MdeModulePkg/Include/Guid/VariableFormat.h (authenticated variable store); UEFI 2.10 section 32.4.1
 * (EFI_SIGNATURE_LIST).  The store must be a raw file: a qcow2 one is refused by its header.  A write that the
 * firmware had not finished when the VM stopped (the "spare" area) is not replayed: the older value is seen.
 *
 * Pure and thread safe.  Everything found is borrowed from the bytes passed in.  Errors: SU_E_FORMAT with an id
 * "efi.vars...." or "efi.list....". */
#pragma once
#include "base/su.h"

/* A GUID as it lies in memory: the first three fields little-endian. */
enum { SU_EFI_GUID = 16 };
extern const uint8_t su_efi_global_guid[SU_EFI_GUID];   /* PK, KEK, SecureBoot, BootOrder... */
extern const uint8_t su_efi_security_guid[SU_EFI_GUID]; /* db, dbx */
extern const uint8_t su_efi_shim_guid[SU_EFI_GUID];     /* SbatLevel, MokList */

struct su_efivar {
    struct su_bytes name; /* UTF-16LE with its NUL */
    const uint8_t *guid;  /* SU_EFI_GUID bytes */
    uint32_t attributes;
    bool in_transition; /* a newer value was being written over it */
    struct su_bytes data;
};

struct su_efivars {
    struct su_bytes rest;
};
/* Checks the volume and store headers. */
int su_efivars_open(struct su_bytes file, struct su_efivars *out, struct su_err *e) SU_MUST_CHECK;
/* The next variable that is not deleted: 1 and *out, 0 at the end of the store, -1 when it is damaged here. */
int su_efivars_next(struct su_efivars *vars, struct su_efivar *out, struct su_err *e) SU_MUST_CHECK;
/* The value in force.  name is ASCII.  SU_E_MISSING "efi.vars.missing" when it is not set. */
int su_efivars_find(struct su_bytes file, const char *name, const uint8_t guid[SU_EFI_GUID], struct su_efivar *out,
                    struct su_err *e) SU_MUST_CHECK;
/* ASCII only: a name with other characters is equal to nothing. */
bool su_efivar_named(const struct su_efivar *v, const char *name);

enum su_sig_kind {
    SU_SIG_X509,        /* data: a DER certificate */
    SU_SIG_SHA256,      /* data: 32 bytes, the Authenticode digest of an image */
    SU_SIG_X509_SHA256, /* data: 32 bytes, the digest of a certificate's to-be-signed part (time cut off) */
    SU_SIG_OTHER,
};

struct su_sig {
    enum su_sig_kind kind;
    const uint8_t *owner; /* SU_EFI_GUID bytes */
    struct su_bytes data;
};

/* Walks a db, dbx, KEK or PK value: any number of lists with any number of entries. */
struct su_siglist {
    struct su_bytes rest;    /* behind the current list */
    struct su_bytes entries; /* of the current list */
    uint32_t size;           /* bytes of one entry */
    enum su_sig_kind kind;
};
struct su_siglist su_siglist_open(struct su_bytes value);
/* 1 and *out, 0 at the end, -1 when it is damaged here.  Each entry handed out has taken bytes off the value. */
int su_siglist_next(struct su_siglist *list, struct su_sig *out, struct su_err *e) SU_MUST_CHECK;
