/* SPDX-License-Identifier: GPL-3.0-or-later */
/* legacyctl --connect URI --state FILE [--bridge NAME] [--not-enrolled] COMMAND: the legacy network without suretyd.
 *
 *   enable | disable [--remove-vms] | ensure | check | list | grant VM [--config] | revoke VM
 *   serve   repairs once a second and when nftables changes; answers each connection with "VM MARK PEER LOCAL"
 * Prints JSON; exit 0, or 1 with "ID: message" on standard error. */
#include "daemon/legacy_json.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct su_host_conf conf = {.legacy_mode = "bridge", .legacy_bridge = "vbr-imds"};
static struct su_legacy net = {.conf = &conf, .host = &su_legacy_real_host, .enrolled = true};
static volatile sig_atomic_t over;

static void end(int sig)
{
    (void)sig;
    over = 1;
}

static void quiet(void *arg, virErrorPtr e)
{
    (void)arg, (void)e;
}

static void print(json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static int show(struct su_err *e)
{
    struct su_legacy_findings f;
    struct su_legacy_vms v = {0};
    bool enabled, changed;
    if (su_legacy_enabled(&net, &enabled, e) < 0 || (enabled && su_legacy_ensure(&net, &changed, e) < 0) ||
        su_legacy_check(&net, &f, e) < 0 || su_legacy_list(&net, &v, e) < 0)
        return -1;
    print(su_legacy_json(enabled, &conf, &f, &v, NULL, NULL));
    su_legacy_vms_done(&v);
    return 0;
}

static int check(struct su_err *e)
{
    struct su_legacy_findings f;
    if (su_legacy_check(&net, &f, e) < 0)
        return -1;
    for (size_t i = 0; i < f.n; i++)
        printf("%s: %s\n", f.finding[i].id, f.finding[i].text);
    return 0;
}

static void answer(int listener)
{
    struct sockaddr_in peer, local;
    socklen_t n = sizeof peer, m = sizeof local;
    int fd = accept(listener, (struct sockaddr *)&peer, &n);
    if (fd < 0)
        return;
    uint32_t mark = 0;
    socklen_t ml = sizeof mark;
    struct su_legacy_vms v = {0};
    struct su_err e = {0};
    char text[512], a[32], b[32], head[128], in[2048];
    const char *who = "nobody";
    getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &ml);
    getsockname(fd, (struct sockaddr *)&local, &m);
    if (su_legacy_list(&net, &v, &e) == 0)
        for (size_t i = 0; i < v.n; i++)
            if (mark && v.vm[i].mark == mark)
                who = v.vm[i].name;
    inet_ntop(AF_INET, &peer.sin_addr, a, sizeof a);
    inet_ntop(AF_INET, &local.sin_addr, b, sizeof b);
    int len = snprintf(text, sizeof text, "%s %08x %s %s\n", who, (unsigned)mark, a, b);
    int hl = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 20000) == 1 && recv(fd, in, sizeof in, 0) > 0 && send(fd, head, (size_t)hl, MSG_NOSIGNAL) == hl &&
        send(fd, text, (size_t)len, MSG_NOSIGNAL) == len)
        fputs(text, stdout);
    fflush(stdout);
    su_legacy_vms_done(&v);
    close(fd);
}

static void reconnect(const char *uri)
{
    if (net.conn && virConnectIsAlive(net.conn) == 1)
        return;
    if (net.conn)
        virConnectClose(net.conn);
    net.conn = virConnectOpen(uri);
}

static int serve(const char *uri, struct su_err *e)
{
    struct su_legacy_listeners s = {0};
    int watch;
    bool changed;
    if (su_legacy_watch(&watch, e) < 0)
        return -1;
    while (!over) {
        struct su_err why = {0};
        struct pollfd p[1 + SU_LEGACY_LISTENERS] = {{.fd = watch, .events = POLLIN}};
        reconnect(uri);
        if (su_legacy_ensure(&net, &changed, &why) < 0 || su_legacy_listen(&net, &s, &changed, &why) < 0)
            fprintf(stderr, "%s: %s\n", why.id, why.msg);
        su_legacy_watch_drain(watch);
        for (size_t i = 0; i < s.n; i++)
            p[1 + i] = (struct pollfd){.fd = s.listener[i].fd, .events = POLLIN};
        if (poll(p, 1 + s.n, 1000) <= 0)
            continue;
        for (size_t i = 0; i < s.n; i++)
            if (p[1 + i].revents)
                answer(s.listener[i].fd);
    }
    su_legacy_unlisten(&s);
    close(watch);
    return 0;
}

static int command(int argc, char **argv, bool flag, const char *uri, struct su_err *e)
{
    const char *c = argv[0], *vm = argc > 1 ? argv[1] : "";
    struct su_legacy_vm v;
    bool changed = false;
    if (strcmp(c, "list") == 0)
        return show(e);
    if (strcmp(c, "check") == 0)
        return check(e);
    if (strcmp(c, "serve") == 0)
        return serve(uri, e);
    if (strcmp(c, "grant") == 0 || strcmp(c, "revoke") == 0) {
        int rc = c[0] == 'g' ? su_legacy_grant(&net, vm, flag ? SU_LEGACY_CONFIG_ONLY : 0, &v, &changed, e)
                             : su_legacy_revoke(&net, vm, 0, &v, &changed, e);
        if (rc == 0)
            print(json_pack("{s:b,s:o}", "changed", (int)changed, "vm", su_legacy_vm_json(&v, 0)));
        return rc;
    }
    int rc = strcmp(c, "enable") == 0    ? su_legacy_enable(&net, &changed, e)
             : strcmp(c, "disable") == 0 ? su_legacy_disable(&net, flag, &changed, e)
             : strcmp(c, "ensure") == 0  ? su_legacy_ensure(&net, &changed, e)
                                         : su_fail(e, SU_E_USAGE, "usage", "no such command: %s", c);
    if (rc == 0)
        print(json_pack("{s:b}", "changed", (int)changed));
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"connect", 1, NULL, 'c'},
                                            {"state", 1, NULL, 's'},
                                            {"bridge", 1, NULL, 'b'},
                                            {"not-enrolled", 0, NULL, 'n'},
                                            {"remove-vms", 0, NULL, 'f'},
                                            {"config", 0, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    const char *uri = "qemu:///system", *state = "state.db";
    struct su_err e = {0};
    bool flag = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'c')
            uri = optarg;
        else if (o == 's')
            state = optarg;
        else if (o == 'b')
            snprintf(conf.legacy_bridge, sizeof conf.legacy_bridge, "%s", optarg);
        else if (o == 'n')
            net.enrolled = false;
        else if (o == 'f')
            flag = true;
        else
            return 2;
    }
    if (optind >= argc)
        return 2;
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    virSetErrorFunc(NULL, quiet);
    net.conn = virConnectOpen(uri);
    int rc = su_store_open(state, &net.store, &e);
    if (rc == 0)
        rc = command(argc - optind, argv + optind, flag, uri, &e);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", e.id, e.msg);
        if (e.remedy)
            fprintf(stderr, "remedy: %s\n", e.remedy);
    }
    su_legacy_done(&net);
    su_store_close(&net.store);
    if (net.conn)
        virConnectClose(net.conn);
    return rc < 0;
}
