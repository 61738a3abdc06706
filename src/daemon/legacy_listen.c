/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets of the legacy network: what surety-imds gets, and what tells that nftables was changed. */
#include "legacy_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BACKLOG = 256 };

/* Bound to the bridge, so that the addresses are served nowhere else, however the host's routes look. */
static int listen_on(const char *address, const char *bridge, int *out, struct su_err *e)
{
    static const int one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
    SU_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bridge, (socklen_t)strlen(bridge) + 1) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        return su_fail_os(e, "legacy.listen", "no socket can be made for %s on %s", address, bridge);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0) {
        su_fail_os(e, "legacy.listen", "nobody can listen on %s port 80 of %s", address, bridge);
        return errno == EADDRINUSE ? su_remedy(e, "find the program that listens there: ss -ltnp 'sport = :80'") : -1;
    }
    *out = fd;
    fd = -1;
    return 0;
}

void su_legacy_unlisten(struct su_legacy_listeners *s)
{
    for (size_t i = 0; i < s->n; i++)
        close(s->listener[i].fd);
    *s = (struct su_legacy_listeners){0};
}

int su_legacy_listen(struct su_legacy *l, struct su_legacy_listeners *s, bool *changed, struct su_err *e)
{
    static const char *const addresses[SU_LEGACY_LISTENERS] = {SU_LEGACY_IP_IMDS, SU_LEGACY_IP_HCI};
    const char *bridge = l->conf->legacy_bridge;
    bool enabled;
    *changed = false;
    if (su_legacy_enabled(l, &enabled, e) < 0)
        return -1;
    unsigned now = enabled ? if_nametoindex(bridge) : 0;
    if (now == s->ifindex)
        return now || !enabled ? 0 : su_fail(e, SU_E_CONFLICT, "legacy.listen", "the bridge %s is not there", bridge);
    *changed = s->n != 0;
    su_legacy_unlisten(s); /* they are bound to a bridge that is gone */
    if (!now)
        return enabled ? su_fail(e, SU_E_CONFLICT, "legacy.listen", "the bridge %s is not there", bridge) : 0;
    struct su_legacy_listeners made = {.ifindex = now};
    for (size_t i = 0; i < SU_LEGACY_LISTENERS; i++) {
        snprintf(made.listener[i].name, sizeof made.listener[i].name, "legacy:%s", addresses[i]);
        if (listen_on(addresses[i], bridge, &made.listener[i].fd, e) < 0) {
            su_legacy_unlisten(&made);
            return -1;
        }
        made.n++;
    }
    *s = made;
    *changed = true;
    return 0;
}

int su_legacy_watch(int *fd, struct su_err *e)
{
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1u << (NFNLGRP_NFTABLES - 1)};
    SU_CLOSE int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) < 0)
        return su_fail_os(e, "legacy.kernel", "changes of nftables cannot be watched");
    *fd = s;
    s = -1;
    return 0;
}

/* What it says does not matter, and neither does what was lost (ENOBUFS): somebody changed something. */
void su_legacy_watch_drain(int fd)
{
    char b[8192];
    for (unsigned i = 0; i < 4096; i++)
        if (recv(fd, b, sizeof b, MSG_DONTWAIT) < 0 && errno != ENOBUFS && errno != EINTR)
            return;
}
