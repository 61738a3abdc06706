/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/domain_int.h - what the files of domain.h share: a tree of libxml2 that is read, edited and written.
 *
 * A name is that of an element in libvirt's own (no) namespace.  An edit that runs out of memory marks the work, and
 * su_dx_write() says so; so edits are not checked one by one. */
#pragma once
#include "upgrade/domain.h"
#include <libxml/tree.h>

/* Reading ------------------------------------------------------------------ */
xmlDoc *su_dx_read(struct su_bytes xml, struct su_err *e) SU_MUST_CHECK; /* owned; NULL: failed */
void su_dx_free(xmlDoc **doc);
#define SU_DX_DOC SU_AUTO(su_dx_free)

bool su_dx_named(const xmlNode *n, const char *name);
bool su_dx_in(const xmlNode *n, const char *href);                    /* in that namespace; NULL: in none */
xmlNode *su_dx_child(const xmlNode *of, const char *name);            /* the first one; of may be NULL */
xmlNode *su_dx_next(const xmlNode *n, const char *name);              /* the next sibling of that name */
xmlNode *su_dx_path(const xmlNode *of, const char *a, const char *b); /* child b of child a */
/* An attribute's value for people: cut, what may not be shown as '?'; "" when there is none.  True when there is one */
bool su_dx_attr(const xmlNode *n, const char *name, char *out, size_t cap);
bool su_dx_is(const xmlNode *n, const char *name, const char *value);
/* A path of the host: "" when it is relative, does not fit, or has control characters, since another would be meant */
void su_dx_attr_path(const xmlNode *n, const char *name, char *out, size_t cap);
void su_dx_text_path(const xmlNode *n, char *out, size_t cap);
void su_dx_text(const xmlNode *n, char *out, size_t cap);  /* content, without white space around it */
enum su_tri su_dx_yes(const xmlNode *n, const char *name); /* "yes", "no" or neither */
/* Decimal or 0x hexadecimal; fallback when it is no number up to max. */
uint32_t su_dx_number(const xmlNode *n, const char *name, uint32_t max, uint32_t fallback);
bool su_dx_one_of(const char *word, const char *const *list); /* list ends with NULL */

/* The first one of <os><firmware><feature name='...'>. */
xmlNode *su_dx_feature(const xmlNode *os, const char *name);
/* "sda" is 0, "sdz" 25, "sdaa" 26; UINT32_MAX: not prefix and lower-case letters. */
uint32_t su_dx_disk_index(const char *target, const char *prefix);
void su_dx_disk_name(const char *prefix, uint32_t i, char out[16]);

/* A PCI address of a device in the guest. */
struct su_dx_pci {
    bool has;
    uint32_t domain, bus, slot, function;
};
struct su_dx_pci su_dx_pci(const xmlNode *device);
bool su_dx_passthrough_nic(const xmlNode *interface);

int su_dx_facts(xmlDoc *doc, struct su_domain *d, struct su_err *e) SU_MUST_CHECK; /* *d is all zero before */

/* Work on one domain ------------------------------------------------------- */
struct su_dx {
    xmlDoc *doc;
    xmlNode *root, *os, *features, *devices;
    const struct su_domain *was; /* facts before */
    const struct su_domain_target *target;
    struct su_domain_notes *notes;
    bool to_q35;   /* the machine changes */
    bool switched; /* secure boot is to be on */
    bool failed;   /* out of memory */
};

xmlNode *su_dx_add(struct su_dx *x, xmlNode *parent, const char *name); /* as the last child; NULL: failed */
xmlNode *su_dx_ensure(struct su_dx *x, xmlNode *parent, const char *name);
void su_dx_set(struct su_dx *x, xmlNode *n, const char *name, const char *value);
void su_dx_set_text(struct su_dx *x, xmlNode *n, const char *text);
void su_dx_drop(xmlNode *n);
void su_dx_drop_all(xmlNode *parent, const char *name);
void su_dx_drop_attr(xmlNode *n, const char *name);
void su_dx_set_pci(struct su_dx *x, xmlNode *device, struct su_dx_pci at, bool multifunction);
int su_dx_write(const struct su_dx *x, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

void su_dx_note(struct su_dx *x, const char *id, bool lost, const char *fmt, ...) SU_PRINTF(4, 5);

/* Steps, in the order of domain_upgrade.c */
void su_dx_firmware(struct su_dx *x);
void su_dx_tpm(struct su_dx *x);
void su_dx_ide(struct su_dx *x);
void su_dx_usb(struct su_dx *x);
void su_dx_pci_plan(struct su_dx *x);
void su_dx_leftovers(struct su_dx *x); /* only says */
int su_dx_sources(struct su_dx *x, struct su_err *e) SU_MUST_CHECK;
