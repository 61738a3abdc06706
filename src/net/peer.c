/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* unix(7) leaves it out: with too little room the kernel fails with ERANGE and says how much it takes. */
static void look_at_groups(int fd, struct su_net_peer *p)
{
    gid_t none;
    socklen_t n = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &none, &n) == 0 || errno != ERANGE ||
        n > NGROUPS_MAX * sizeof *p->groups)
        return;
    p->groups = malloc(n);
    if (p->groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &n) == 0)
        p->n_groups = n / sizeof *p->groups;
}

void su_net_peer_look(int fd, struct su_net_peer *p)
{
    struct sockaddr_storage a;
    struct ucred u;
    socklen_t n = sizeof a, un = sizeof u;
    *p = (struct su_net_peer){.text = "unknown", .uid = (uid_t)-1, .gid = (gid_t)-1};
    if (getpeername(fd, (struct sockaddr *)&a, &n) < 0)
        return;
    if (a.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, p->text, sizeof p->text);
    if (a.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, p->text, sizeof p->text);
    if (a.ss_family != AF_UNIX)
        return;
    memcpy(p->text, "unix", 5);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &un) < 0)
        return;
    p->uid = u.uid;
    p->gid = u.gid;
    look_at_groups(fd, p);
}

void su_net_peer_done(struct su_net_peer *p)
{
    free(p->groups);
    *p = (struct su_net_peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
}
