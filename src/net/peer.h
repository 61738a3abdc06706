/* SPDX-License-Identifier: GPL-3.0-or-later */
/* net/peer.h - who is at the other end of a connection, as the kernel tells it. */
#pragma once
#include "base/su.h"
#include <netinet/in.h>

struct su_net_peer {
    char text[INET6_ADDRSTRLEN]; /* the address; "unix"; "unknown" */
    uid_t uid;                   /* of a Unix socket (SO_PEERCRED); -1 */
    gid_t gid;
    gid_t *groups; /* the supplementary ones (SO_PEERGROUPS), all of them; owned */
    size_t n_groups;
};

/* Always fills *p.  Groups that cannot be had, for lack of memory, are none. */
void su_net_peer_look(int fd, struct su_net_peer *p);
void su_net_peer_done(struct su_net_peer *p);
