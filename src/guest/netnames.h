/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/netnames.h - network interface names in a guest's configuration that another machine type would change.
 *
 * Names that systemd's udev derives from where a card sits (systemd.net-naming-scheme(7)): ens3, enp1s0, eno1; names in
 * the kernel's order of discovery: eth0; and matches on a PCI path.  Names made of a MAC address, and names a file of
 * the guest ties to a MAC address (link files, netplan's set-name, udev rules), stay.
 *
 * Promise: names in a list are unique and of printable ASCII.
 * Pure and thread safe.  A text that cannot be parsed says nothing; it is not an error of the guest to have one. */
#pragma once
#include "base/su.h"

enum su_netfile {
    SU_NETFILE_INTERFACES, /* /etc/network/interfaces, interfaces.d: interfaces(5) */
    SU_NETFILE_NETPLAN,    /* /etc/netplan, a .yaml file: netplan(5) */
    SU_NETFILE_NETWORKD,   /* /etc/systemd/network, .network and .link files: systemd.network(5), systemd.link(5) */
    SU_NETFILE_KEYFILE,    /* /etc/NetworkManager/system-connections, .nmconnection: nm-settings-keyfile(5) */
    SU_NETFILE_IFCFG,      /* /etc/sysconfig/network-scripts/ifcfg-*, /etc/sysconfig/network/ifcfg-* */
    SU_NETFILE_UDEV,       /* /etc/udev/rules.d/70-persistent-net.rules */
    SU_NETFILE_COUNT
};

enum su_netname_kind {
    SU_NETNAME_STABLE,  /* of none of these kinds, or made of a MAC address */
    SU_NETNAME_SLOT,    /* ens3: hotplug slot number */
    SU_NETNAME_PATH,    /* enp1s0: bus and slot; or a match on a path, "pci-0000:00:03.0" */
    SU_NETNAME_ONBOARD, /* eno1: index the firmware gave */
    SU_NETNAME_KERNEL,  /* eth0: order of discovery */
    SU_NETNAME_KIND_COUNT
};
const char *su_netname_kind_name(enum su_netname_kind k); /* static: "slot"... */

enum { SU_NETNAMES_MAX = 64, SU_NETNAME_SIZE = 64 };

struct su_netname {
    char name[SU_NETNAME_SIZE];
    enum su_netname_kind kind;
    bool pinned; /* some file gives this name to a MAC address */
};

/* Zero before use.  Names are unique; those that are neither dependent nor pinned are not in it. */
struct su_netnames {
    struct su_netname name[SU_NETNAMES_MAX];
    unsigned n;
    bool more; /* there were more than fit */
};

/* Adds what one file says.  Files may come in any order. */
void su_netnames_add(struct su_netnames *list, enum su_netfile kind, struct su_bytes text);

/* How a name depends on the machine; a VLAN or alias suffix (".5", ":0") is not looked at. */
enum su_netname_kind su_netname_kind(struct su_bytes name);
