/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/netplan.h - part of guest/netnames: interface names in a netplan file, read with libyaml. */
#pragma once
#include "netnames.h"

void su_netplan_names(struct su_netnames *l, struct su_bytes text);

/* Adds a name if it depends on the machine; a suffix is taken off. */
void su_netnames_add_name(struct su_netnames *l, struct su_bytes name);
/* Notes that a file gives this name to a MAC address. */
void su_netnames_pin(struct su_netnames *l, struct su_bytes name);
