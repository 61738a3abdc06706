/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/hv_xml.h - private to hv*.c: the few things that are read from libvirt's XML here. */
#pragma once
#include "upgrade/hv_int.h"
#include <libxml/tree.h>

/* No network, no entities, at most SU_DOMAIN_XML bytes.  NULL: not XML.  Free with xmlFreeDoc. */
xmlDocPtr su_hv_xml_doc(const char *text);
xmlNodePtr su_hv_xml_child(xmlNodePtr node, const char *name);
/* name="" of the element; "" when it has none or it does not fit. */
void su_hv_xml_attr(xmlNodePtr node, const char *name, char *out, size_t cap);
bool su_hv_xml_attr_is(xmlNodePtr node, const char *name, const char *value);
void su_hv_xml_text(xmlNodePtr node, char *out, size_t cap);

/* Disks of the live definition. */
struct su_hv_disks {
    size_t n;
    struct su_hv_disk {
        char target[16];
        char index[16];           /* libvirt's number of the source; "" when it does not run */
        char source[SU_DOM_PATH]; /* what it runs on now; "": no file or device */
    } * disk;                     /* owned */
};
int su_hv_disks_read(virDomainPtr dom, struct su_hv_disks *out, struct su_err *e) SU_MUST_CHECK;
void su_hv_disks_done(struct su_hv_disks *d);
