/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/pe.h - PE/COFF images as UEFI firmware loads them: shim, GRUB, Linux kernels with an EFI stub.
 *
 * Format: Microsoft PE/COFF specification 8.3, "Windows Authenticode Portable Executable Signature
 * Format" 1.0, UEFI 2.10 section 32.2.4.  What firmware and shim disagree on is refused.
 *
 * Promise, once su_pe_parse() returned 0: the headers, every section and the certificate table lie
 * inside the file; sections are sorted by file offset, overlap neither each other nor the headers nor
 * the certificate table; the certificate table, if any, is the end of the file.
 *
 * The source is borrowed by the su_pe and read again by later calls; it must not change meanwhile.
 * Errors: SU_E_FORMAT with id "pe....", or what the source's read() says.  Thread safe on separate
 * structs as far as the source is. */
#pragma once
#include "base/buf.h"

/* Random access to bytes that need not be in memory. */
struct su_source {
    int (*read)(void *arg, uint64_t off, void *buf, size_t n, struct su_err *e); /* all n bytes, or -1 */
    void *arg;                                                                   /* borrowed */
    uint64_t size;                                                               /* bytes */
};
struct su_source su_source_bytes(const struct su_bytes *b); /* borrows b and what it points to */

enum {
    SU_PE_MAX_SECTIONS = 96,   /* as Windows has it; firmware images have fewer than 20 */
    SU_PE_NAME = 32,           /* bytes of a section's name, with the NUL; longer ones are cut */
    SU_PE_MAX_CERTS = 1 << 20, /* bytes of the certificate table */
    SU_SHA256 = 32,
};
#define SU_PE_MAX_FILE (UINT64_C(1) << 30) /* bytes */

enum su_pe_machine { /* values of the COFF header; others are passed on as they are */
    SU_PE_I386 = 0x014c,
    SU_PE_X86_64 = 0x8664,
    SU_PE_ARM64 = 0xaa64,
};

struct su_pe_section {
    char name[SU_PE_NAME]; /* long names are looked up in the string table */
    uint32_t off, size;    /* bytes in the file; size 0: nothing there, off means nothing */
    uint32_t vsize;        /* bytes in memory */
};

struct su_pe {
    struct su_source src;
    uint16_t machine;
    bool plus;                       /* PE32+ */
    uint32_t headers;                /* bytes, the first ones of the file */
    uint32_t checksum_at;            /* file offset of the checksum field */
    uint32_t certdir_at;             /* file offset of the certificate table's directory entry, 0: there is none */
    uint32_t certs_off, certs_size;  /* bytes in the file; size 0: unsigned */
    unsigned sections;
    struct su_pe_section section[SU_PE_MAX_SECTIONS];
};

int su_pe_parse(const struct su_source *src, struct su_pe *out, struct su_err *e) SU_MUST_CHECK;

/* The Authenticode digest, SHA-256: what a signature signs, db and dbx list and PCR 4 measures. */
int su_pe_digest(const struct su_pe *pe, uint8_t out[SU_SHA256], struct su_err *e) SU_MUST_CHECK;

/* The first section of that name, borrowed; NULL when there is none. */
const struct su_pe_section *su_pe_find(const struct su_pe *pe, const char *name);

/* Appends the section's bytes (no more than its size in memory) to out.  No such section is SU_E_MISSING
 * "pe.section", more than max bytes SU_E_RANGE "pe.section.size". */
int su_pe_read_section(const struct su_pe *pe, const char *name, size_t max, struct su_buf *out,
                       struct su_err *e) SU_MUST_CHECK;

/* One WIN_CERTIFICATE. */
struct su_pe_cert {
    uint16_t revision, type; /* SU_PE_CERT_PKCS7: data is a DER PKCS#7 SignedData, perhaps zero-padded */
    struct su_bytes data;    /* borrowed from the table */
};
enum { SU_PE_CERT_PKCS7 = 0x0002 };

/* Appends the whole certificate table to out; nothing for an unsigned image. */
int su_pe_read_certs(const struct su_pe *pe, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* Takes the next certificate off the front of a table: 1 and *out, 0 at its end, -1 when it is damaged. */
int su_pe_next_cert(struct su_bytes *table, struct su_pe_cert *out, struct su_err *e) SU_MUST_CHECK;
