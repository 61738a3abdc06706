/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libvirt's network and filter of the legacy network, its bridge and the settings of the kernel. */
#include "legacy_int.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

int su_legacy_online(struct su_legacy *l, struct su_err *e)
{
    if (l->conn && virConnectIsAlive(l->conn) == 1)
        return 0;
    su_fail(e, SU_E_CONFLICT, "legacy.offline", "there is no connection to libvirt");
    return su_remedy(e, "start libvirtd (or virtqemud, virtnetworkd and virtnwfilterd); suretyd connects by itself");
}

int su_legacy_network(struct su_legacy *l, virNetworkPtr *out, struct su_err *e)
{
    *out = virNetworkLookupByName(l->conn, SU_LEGACY_NAME);
    if (*out || virGetLastErrorCode() == VIR_ERR_NO_NETWORK)
        return 0;
    return su_legacy_lv_fail(e, "libvirt's networks cannot be looked up");
}

int su_legacy_filter(struct su_legacy *l, virNWFilterPtr *out, struct su_err *e)
{
    *out = virNWFilterLookupByName(l->conn, SU_LEGACY_NAME);
    if (*out || virGetLastErrorCode() == VIR_ERR_NO_NWFILTER)
        return 0;
    return su_legacy_lv_fail(e, "libvirt's network filters cannot be looked up");
}

/* The kernel ----------------------------------------------------------------------------------------------------------
 */

bool su_legacy_exists(struct su_legacy *l, const char *path)
{
    struct su_err ignored = {0};
    char text[64];
    return l->host->read(l->host->arg, path, text, sizeof text, &ignored) == 0;
}

int su_legacy_set(struct su_legacy *l, const char *path, const char *text, bool *changed, struct su_err *e)
{
    char is[64];
    if (l->host->read(l->host->arg, path, is, sizeof is, e) < 0)
        return -1;
    if (strcmp(is, text) == 0)
        return 0;
    if (l->host->write(l->host->arg, path, text, e) < 0)
        return -1;
    *changed = true;
    return 0;
}

void su_legacy_net_path(char out[128], const char *dev, const char *file)
{
    snprintf(out, 128, "/sys/class/net/%.15s/%s", dev, file);
}

bool su_legacy_has_address(struct su_bytes addr_json, const char *address)
{
    json_t *links = json_loadb((const char *)addr_json.p, addr_json.n, 0, NULL), *link, *info;
    size_t i, k;
    bool found = false;
    json_array_foreach(links, i, link) json_array_foreach(json_object_get(link, "addr_info"), k, info)
    {
        const char *local = json_string_value(json_object_get(info, "local"));
        json_int_t prefix = json_integer_value(json_object_get(info, "prefixlen"));
        found |= local && strcmp(local, address) == 0 && prefix == 16;
    }
    json_decref(links);
    return found;
}

static int addresses_ensure(struct su_legacy *l, bool *changed, struct su_err *e)
{
    static const char *const ours[] = {SU_LEGACY_IP_IMDS "/16", SU_LEGACY_IP_HCI "/16"};
    static const char *const bare[] = {SU_LEGACY_IP_IMDS, SU_LEGACY_IP_HCI};
    const char *bridge = l->conf->legacy_bridge;
    const char *show[] = {"ip", "-j", "-4", "addr", "show", "dev", bridge, NULL};
    SU_BUF struct su_buf out = {0};
    if (l->host->run(l->host->arg, show, (struct su_bytes){0}, &out, e) < 0)
        return -1;
    for (size_t i = 0; i < SU_ARRAY_LEN(ours); i++) {
        const char *add[] = {"ip", "addr", "replace", ours[i], "dev", bridge, NULL};
        if (su_legacy_has_address(su_buf_bytes(&out), bare[i]))
            continue;
        if (l->host->run(l->host->arg, add, (struct su_bytes){0}, NULL, e) < 0)
            return -1;
        *changed = true;
    }
    return 0;
}

/* libvirt does not put running VMs back when a network was stopped and started. */
static int tap_ensure(struct su_legacy *l, const char *uuid, bool *changed, struct su_err *e)
{
    char dev[SU_LEGACY_DEV], path[128], master[32], bridge[32];
    struct su_err none = {0};
    const struct su_legacy_host *h = l->host;
    su_legacy_dev_of(uuid, dev);
    su_legacy_net_path(path, l->conf->legacy_bridge, "ifindex");
    if (h->read(h->arg, path, bridge, sizeof bridge, e) < 0)
        return -1;
    su_legacy_net_path(path, dev, "ifindex");
    if (!su_legacy_exists(l, path))
        return 0; /* not here yet, or gone with its VM */
    su_legacy_net_path(path, dev, "master/ifindex");
    if (h->read(h->arg, path, master, sizeof master, &none) < 0 || strcmp(master, bridge) != 0) {
        const char *argv[] = {"ip", "link", "set", "dev", dev, "master", l->conf->legacy_bridge, "up", NULL};
        if (h->run(h->arg, argv, (struct su_bytes){0}, NULL, e) < 0)
            return -1;
        *changed = true;
    }
    su_legacy_net_path(path, dev, "brport/isolated");
    return su_legacy_set(l, path, "1", changed, e);
}

int su_legacy_bridge_ensure(struct su_legacy *l, const struct su_legacy_ports *ports, bool *changed, struct su_err *e)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.15s/disable_ipv6", l->conf->legacy_bridge);
    if (su_legacy_exists(l, path) && su_legacy_set(l, path, "1", changed, e) < 0)
        return -1;
    /* nor do such frames (see arp_table) teach it where a MAC address is: no hook sees them */
    su_legacy_net_path(path, l->conf->legacy_bridge, "bridge/no_linklocal_learn");
    if (su_legacy_set(l, path, "1", changed, e) < 0 || addresses_ensure(l, changed, e) < 0)
        return -1;
    for (size_t i = 0; i < ports->n; i++) {
        struct su_err why = {0};
        char dev[SU_LEGACY_DEV];
        if (tap_ensure(l, ports->p[i].uuid, changed, &why) == 0)
            continue;
        su_legacy_dev_of(ports->p[i].uuid, dev);
        su_legacy_net_path(path, dev, "ifindex");
        if (su_legacy_exists(l, path)) { /* else its VM has ended meanwhile */
            *e = why;
            return -1;
        }
    }
    return 0;
}

/* libvirt -------------------------------------------------------------------------------------------------------------
 */

static int fail_foreign(struct su_err *e, const char *id, const char *what)
{
    su_fail(e, SU_E_CONFLICT, id, "a %s %s exists that surety did not make", what, SU_LEGACY_NAME);
    return su_remedy(e, "look at it with virsh net-dumpxml or nwfilter-dumpxml, and undefine it");
}

int su_legacy_foreign(struct su_legacy *l, struct su_err *e)
{
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    SU_AUTO(su_filter_freep) virNWFilterPtr filter = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    if (su_legacy_network(l, &net, e) < 0 || su_legacy_filter(l, &filter, e) < 0)
        return -1;
    if (net && (virNetworkGetUUIDString(net, uuid) < 0 || strcmp(uuid, SU_LEGACY_NETWORK_UUID) != 0))
        return fail_foreign(e, "legacy.bridge", "network");
    if (filter && (virNWFilterGetUUIDString(filter, uuid) < 0 || strcmp(uuid, SU_LEGACY_FILTER_UUID) != 0))
        return fail_foreign(e, "legacy.filter", "network filter");
    return 0;
}

int su_legacy_filter_ensure(struct su_legacy *l, bool *changed, struct su_err *e)
{
    SU_AUTO(su_filter_freep) virNWFilterPtr is = NULL, made = NULL;
    SU_BUF struct su_buf xml = {0};
    bool same = false;
    if (su_legacy_filter(l, &is, e) < 0)
        return -1;
    if (is) {
        SU_FREE char *old = virNWFilterGetXMLDesc(is, 0);
        if (!old)
            return su_legacy_lv_fail(e, "the network filter cannot be read");
        if (su_legacy_filter_same(old, &same, e) < 0)
            return -1;
    }
    if (same)
        return 0;
    su_legacy_filter_xml(&xml);
    if (su_buf_ok(&xml, e) < 0)
        return -1;
    made = virNWFilterDefineXML(l->conn, su_buf_str(&xml));
    if (!made)
        return su_legacy_lv_fail(e, "the network filter cannot be defined");
    *changed = true;
    return 0;
}

static int wrong_in(virNetworkPtr net, unsigned flags, const char *bridge, const char **wrong, struct su_err *e)
{
    SU_FREE char *xml = virNetworkGetXMLDesc(net, flags);
    if (!xml)
        return su_legacy_lv_fail(e, "the network cannot be read");
    return su_legacy_network_read(xml, bridge, wrong, e);
}

int su_legacy_network_wrong(struct su_legacy *l, virNetworkPtr net, const char **wrong, struct su_err *e)
{
    int autostart = 0;
    char path[128];
    if (virNetworkIsPersistent(net) != 1) {
        *wrong = "it is not persistent";
        return 0;
    }
    if (wrong_in(net, VIR_NETWORK_XML_INACTIVE, l->conf->legacy_bridge, wrong, e) < 0)
        return -1;
    if (*wrong)
        return 0;
    if (virNetworkIsActive(net) != 1) {
        *wrong = "it is not active";
        return 0;
    }
    if (wrong_in(net, 0, l->conf->legacy_bridge, wrong, e) < 0)
        return -1;
    su_legacy_net_path(path, l->conf->legacy_bridge, "bridge/bridge_id");
    if (!*wrong && !su_legacy_exists(l, path))
        *wrong = "its bridge is gone";
    if (!*wrong && (virNetworkGetAutostart(net, &autostart) < 0 || !autostart))
        *wrong = "it does not start with the host";
    return 0;
}

static int define(struct su_legacy *l, virNetworkPtr *net, struct su_err *e)
{
    SU_BUF struct su_buf xml = {0};
    su_legacy_network_xml(l->conf->legacy_bridge, &xml);
    if (su_buf_ok(&xml, e) < 0)
        return -1;
    if (*net)
        virNetworkFree(*net);
    *net = virNetworkDefineXML(l->conn, su_buf_str(&xml));
    return *net ? 0 : su_legacy_lv_fail(e, "the network cannot be defined");
}

/* Active, and with a bridge that is really there. */
static int bring_up(struct su_legacy *l, virNetworkPtr net, struct su_err *e)
{
    static const char *const mkdir[] = {"mkdir", "-p", "/var/lib/libvirt/dnsmasq", NULL};
    const char *wrong = NULL;
    char path[128];
    su_legacy_net_path(path, l->conf->legacy_bridge, "bridge/bridge_id");
    if (virNetworkIsActive(net) == 1) {
        if (wrong_in(net, 0, l->conf->legacy_bridge, &wrong, e) < 0)
            return -1;
        if (!wrong && su_legacy_exists(l, path))
            return 0;
        if (virNetworkDestroy(net) < 0)
            return su_legacy_lv_fail(e, "the network cannot be stopped");
    }
    /* without DNS and DHCP libvirt does not make the directory, and then no VM on the network starts */
    if (l->host->run(l->host->arg, mkdir, (struct su_bytes){0}, NULL, e) < 0)
        return -1;
    if (virNetworkCreate(net) == 0)
        return 0;
    su_legacy_lv_fail(e, "the network cannot be started");
    return su_remedy(e, "if the message tells of firewall rules: something flushed libvirt's own; restart libvirtd (or "
                        "virtnetworkd), which makes them anew");
}

int su_legacy_network_ensure(struct su_legacy *l, bool *changed, struct su_err *e)
{
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    const char *wrong = "it is not defined", *stored = wrong;
    if (su_legacy_network(l, &net, e) < 0)
        return -1;
    if (net) {
        if (su_legacy_network_wrong(l, net, &wrong, e) < 0)
            return -1;
        if (!wrong)
            return 0;
        if (virNetworkIsPersistent(net) == 1 &&
            wrong_in(net, VIR_NETWORK_XML_INACTIVE, l->conf->legacy_bridge, &stored, e) < 0)
            return -1;
    }
    if ((stored && define(l, &net, e) < 0) || bring_up(l, net, e) < 0)
        return -1;
    if (virNetworkSetAutostart(net, 1) < 0)
        return su_legacy_lv_fail(e, "the network cannot be made to start with the host");
    *changed = true;
    return 0;
}

int su_legacy_network_remove(struct su_legacy *l, bool *changed, struct su_err *e)
{
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    SU_AUTO(su_filter_freep) virNWFilterPtr filter = NULL;
    if (su_legacy_foreign(l, e) < 0 || su_legacy_network(l, &net, e) < 0 || su_legacy_filter(l, &filter, e) < 0)
        return -1;
    if (net) {
        bool persistent = virNetworkIsPersistent(net) == 1; /* one that is not goes with its end */
        if (virNetworkIsActive(net) == 1 && virNetworkDestroy(net) < 0)
            return su_legacy_lv_fail(e, "the network cannot be stopped");
        if (persistent && virNetworkUndefine(net) < 0)
            return su_legacy_lv_fail(e, "the network cannot be removed");
        *changed = true;
    }
    if (filter) {
        if (virNWFilterUndefine(filter) < 0)
            return su_legacy_lv_fail(e, "the network filter cannot be removed");
        *changed = true;
    }
    return 0;
}
