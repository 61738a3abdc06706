/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is broken about the legacy network, by name. */
#include "legacy_int.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPAIR "surety legacy enable repairs it; if it does not: surety legacy disable --remove-vms, then enable again"

SU_PRINTF(4, 5)
static void found(struct su_legacy_findings *f, const char *id, const char *remedy, const char *fmt, ...)
{
    if (f->n >= SU_LEGACY_FINDINGS)
        return;
    struct su_legacy_finding *x = &f->finding[f->n++];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(x->text, sizeof x->text, fmt, ap);
    va_end(ap);
    x->id = id;
    x->remedy = remedy;
}

static void found_error(struct su_legacy_findings *f, const struct su_err *why)
{
    found(f, why->id, why->remedy ? why->remedy : "see the journal of suretyd and of libvirt", "%s", why->msg);
}

static void check_kernel(struct su_legacy *l, struct su_legacy_findings *f)
{
    struct su_err e = {0};
    char text[64] = "", path[128];
    bool intact = false;
    if (l->host->read(l->host->arg, SU_LEGACY_SYSCTL, text, sizeof text, &e) < 0)
        found_error(f, &e);
    else if (strcmp(text, "1") != 0)
        found(f, "legacy.sysctl", REPAIR, "net.ipv4.tcp_fwmark_accept is %s: nobody is recognised", text);
    if (su_legacy_tables_intact(l, &intact, &e) < 0)
        found_error(f, &e);
    else if (!intact)
        found(f, "legacy.nftables", REPAIR,
              "the tables \"bridge surety\" and \"inet surety\" are not as they were made");
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.15s/disable_ipv6", l->conf->legacy_bridge);
    if (l->host->read(l->host->arg, path, text, sizeof text, &e) == 0 && strcmp(text, "1") != 0)
        found(f, "legacy.ipv6", REPAIR, "IPv6 is on at %s", l->conf->legacy_bridge);
}

static void check_addresses(struct su_legacy *l, struct su_legacy_findings *f)
{
    static const char *const ours[] = {SU_LEGACY_IP_IMDS, SU_LEGACY_IP_HCI};
    const char *argv[] = {"ip", "-j", "-4", "addr", "show", "dev", l->conf->legacy_bridge, NULL};
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    if (l->host->run(l->host->arg, argv, (struct su_bytes){0}, &out, &e) < 0) {
        found_error(f, &e);
        return;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(ours); i++)
        if (!su_legacy_has_address(su_buf_bytes(&out), ours[i]))
            found(f, "legacy.network", REPAIR, "the bridge %s does not have the address %s", l->conf->legacy_bridge,
                  ours[i]);
}

/* An uplink would put the metadata service on somebody else's network. */
static void check_foreign(struct su_legacy *l, struct su_legacy_findings *f)
{
    const char *argv[] = {"ip", "-j", "link", "show", "master", l->conf->legacy_bridge, NULL};
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    if (l->host->run(l->host->arg, argv, (struct su_bytes){0}, &out, &e) < 0 || !out.n)
        return;
    json_t *links = json_loadb((const char *)out.p, out.n, 0, NULL), *link;
    size_t i;
    json_array_foreach(links, i, link)
    {
        const char *name = json_string_value(json_object_get(link, "ifname"));
        if (name && strncmp(name, SU_LEGACY_PREFIX, strlen(SU_LEGACY_PREFIX)) != 0)
            found(f, "legacy.uplink", "take it out: ip link set dev NAME nomaster",
                  "the bridge %s has a port that is no VM's: %.15s", l->conf->legacy_bridge, name);
    }
    json_decref(links);
}

/* Our rules drop what does not belong, but cannot make another firewall accept what does. */
static void check_firewalld(struct su_legacy *l, struct su_legacy_findings *f)
{
    static const char *const state[] = {"firewall-cmd", "--state", NULL};
    char of[64], in[64];
    SU_BUF struct su_buf zone = {0};
    struct su_err e = {0};
    if (l->host->run(l->host->arg, state, (struct su_bytes){0}, NULL, &e) < 0)
        return; /* not there, or not running */
    snprintf(of, sizeof of, "--get-zone-of-interface=%s", l->conf->legacy_bridge);
    const char *ask[] = {"firewall-cmd", of, NULL};
    if (l->host->run(l->host->arg, ask, (struct su_bytes){0}, &zone, &e) < 0 || zone.n < 2)
        return;
    snprintf(in, sizeof in, "--zone=%.*s", (int)strcspn(su_buf_str(&zone), "\n"), su_buf_str(&zone));
    const char *query[] = {"firewall-cmd", in, "--query-port=80/tcp", NULL};
    if (l->host->run(l->host->arg, query, (struct su_bytes){0}, NULL, &e) < 0)
        found(f, "legacy.firewall",
              "firewall-cmd --permanent --zone=libvirt --add-port=80/tcp, then firewall-cmd --reload; the rules of "
              "surety keep everything else out",
              "firewalld does not let TCP port 80 in from %s (%.40s)", l->conf->legacy_bridge, in + 2);
}

static void check_libvirt(struct su_legacy *l, struct su_legacy_findings *f)
{
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    SU_AUTO(su_filter_freep) virNWFilterPtr filter = NULL;
    struct su_err e = {0};
    const char *wrong = NULL;
    bool same = false;
    if (su_legacy_network(l, &net, &e) < 0 || su_legacy_filter(l, &filter, &e) < 0 ||
        (net && su_legacy_network_wrong(l, net, &wrong, &e) < 0)) {
        found_error(f, &e);
        return;
    }
    if (!net || wrong)
        found(f, "legacy.network", REPAIR, "libvirt's network %s is not right: %s", SU_LEGACY_NAME,
              net ? wrong : "it does not exist");
    SU_FREE char *xml = filter ? virNWFilterGetXMLDesc(filter, 0) : NULL;
    if (!xml || su_legacy_filter_same(xml, &same, &e) < 0 || !same)
        found(f, "legacy.filter", REPAIR, "libvirt's network filter %s %s", SU_LEGACY_NAME,
              xml ? "was changed" : "does not exist");
}

static void check_vms(struct su_legacy *l, struct su_legacy_findings *f)
{
    SU_AUTO(su_legacy_vms_done) struct su_legacy_vms v = {0};
    struct su_err e = {0};
    if (su_legacy_list(l, &v, &e) < 0)
        found_error(f, &e);
    for (size_t i = 0; i < v.n; i++)
        if (v.vm[i].state == SU_LEGACY_BROKEN)
            found(f, "legacy.vm.broken", "surety legacy grant repairs it, surety legacy revoke takes it away",
                  "VM %.80s: %.140s", v.vm[i].name, v.vm[i].problem);
}

static void check_leftover(struct su_legacy *l, struct su_legacy_findings *f)
{
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    struct su_err e = {0};
    if (su_legacy_online(l, &e) == 0 && su_legacy_network(l, &net, &e) == 0 && net)
        found(f, "legacy.leftover", "surety legacy disable removes it",
              "legacy OS support is off, but libvirt's network %s is there", SU_LEGACY_NAME);
}

int su_legacy_check(struct su_legacy *l, struct su_legacy_findings *out, struct su_err *e)
{
    bool enabled;
    *out = (struct su_legacy_findings){0};
    if (su_legacy_enabled(l, &enabled, e) < 0)
        return -1;
    if (!enabled) {
        check_leftover(l, out);
        return 0;
    }
    struct su_err why = {0};
    check_kernel(l, out);
    check_addresses(l, out);
    check_foreign(l, out);
    check_firewalld(l, out);
    if (su_legacy_online(l, &why) < 0) {
        found_error(out, &why);
        return 0;
    }
    check_libvirt(l, out);
    check_vms(l, out);
    if (!out->n && su_legacy_preflight(l, &why) < 0)
        found_error(out, &why);
    return 0;
}
