/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/legacy_plan.h - what the legacy network is made of, as texts and facts: pure functions, nothing is called.
 *
 * Names of a VM's port come from its UUID, so that they are the same on every host and after every grant.  What a port
 * may send and receive comes from its number, which suretyd keeps. */
#pragma once
#include "daemon/legacy.h"

#define SU_LEGACY_PREFIX "im-" /* of interface names: frames of such interfaces are ours to judge */
#define SU_LEGACY_METADATA "urn:surety:legacy:1"
#define SU_LEGACY_METADATA_KEY "surety-legacy"
#define SU_LEGACY_NETWORK_UUID "5a6c6567-6163-4079-8e65-74776f726b01"
#define SU_LEGACY_FILTER_UUID "5a6c6567-6163-4079-8e65-74776f726b02"
#define SU_LEGACY_BRIDGE_MAC "52:54:00:a9:fe:fe" /* the same on all hosts: a VM that moves keeps its neighbour */

/* uuid: su_uuid_valid */
void su_legacy_dev_of(const char *uuid, char out[SU_LEGACY_DEV]);
void su_legacy_mac_of(const char *uuid, char out[SU_LEGACY_MAC]);
void su_legacy_address_of(uint32_t number, char out[SU_LEGACY_ADDRESS]); /* 1..SU_LEGACY_PORTS */

struct su_legacy_port {
    char uuid[SU_UUID_TEXT];
    uint32_t number; /* 1..SU_LEGACY_PORTS */
};

/* nft -f: the tables made anew in one transaction. */
void su_legacy_nft(const char *bridge, const struct su_legacy_port *p, size_t n, struct su_buf *out);
/* The same with other ports, where the tables are as su_legacy_nft made them; connections go on. */
void su_legacy_nft_ports(const struct su_legacy_port *p, size_t n, struct su_buf *out);
void su_legacy_nft_remove(struct su_buf *out);
/* From "nft list table": what stays as it was made, without what the kernel learns. */
void su_legacy_nft_stable(const char *listing, struct su_buf *out);

void su_legacy_network_xml(const char *bridge, struct su_buf *out);
void su_legacy_filter_xml(struct su_buf *out);
/* model: of the network card; a name without special characters */
void su_legacy_interface_xml(const char *uuid, const char *model, struct su_buf *out);

/* XML of libvirt ----------------------------------------------------------------------------------------------------
 */
struct su_legacy_dom {
    char uuid[SU_UUID_TEXT], name[SU_VM_NAME];
    bool granted;                                /* the metadata is there */
    unsigned interfaces;                         /* on our network */
    char dev[SU_LEGACY_DEV], mac[SU_LEGACY_MAC]; /* of the last of them */
    bool filtered;                               /* it has our filter */
    bool right;             /* exactly one, with the name, MAC and filter that belong to this UUID */
    char model[32];         /* of the first network card, or "virtio" */
    const char *no_hotplug; /* NULL, or why no card can be added while it runs; static; only of the live XML */
};
/* SU_E_FORMAT "legacy.xml" */
int su_legacy_dom_read(const char *xml, struct su_legacy_dom *out, struct su_err *e) SU_MUST_CHECK;
/* Each network card: its interface's name on the host, and its MAC when it is on our network; else "". */
typedef void (*su_legacy_card)(void *arg, const char *dev, const char *mac);
int su_legacy_dom_cards(const char *xml, su_legacy_card each, void *arg, struct su_err *e) SU_MUST_CHECK;

/* NULL when the network is what su_legacy_network_xml asks for; else what is not; static. */
int su_legacy_network_read(const char *xml, const char *bridge, const char **wrong, struct su_err *e) SU_MUST_CHECK;
/* Same elements and attributes but for the UUID and what libvirt adds. */
int su_legacy_filter_same(const char *xml, bool *out, struct su_err *e) SU_MUST_CHECK;
/* <owner><uuid> of a network port */
int su_legacy_port_owner(const char *xml, char out[SU_UUID_TEXT], struct su_err *e) SU_MUST_CHECK;

/* Output of ip -j -------------------------------------------------------------------------------------------------- */
/* *what: "" or who else uses the addresses, from "ip -j addr" and "ip -j route show table all". */
int su_legacy_addresses_read(struct su_bytes addr, struct su_bytes route, const char *bridge,
                             char what[SU_LEGACY_PROBLEM], struct su_err *e) SU_MUST_CHECK;
/* NULL, or the cloud whose DMI this is; static. */
const char *su_legacy_cloud(const char *vendor, const char *product, const char *asset);
