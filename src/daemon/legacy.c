/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The legacy network on a host: may it be, make it, keep it, take it away.
 *
 * Order: the rules stand before the bridge does, and the bridge goes before the rules do. */
#include "legacy_int.h"
#include <stdio.h>
#include <string.h>

static int run(struct su_legacy *l, const char *const *argv, struct su_bytes input, struct su_buf *out,
               struct su_err *e)
{
    return l->host->run(l->host->arg, argv, input, out, e);
}

/* May it be? ----------------------------------------------------------------------------------------------------------
 */

static int check_enrolled(struct su_legacy *l, struct su_err *e)
{
    if (l->enrolled)
        return 0;
    su_fail(e, SU_E_REFUSED, "legacy.enrolled", "this host is not enrolled: there is nothing to serve to its VMs");
    return su_remedy(e, "enrol it first: surety server enrol");
}

static int check_mode(struct su_legacy *l, struct su_err *e)
{
    const char *b = l->conf->legacy_bridge;
    size_t n = strlen(b);
    bool name = n > 0 && n < SU_LEGACY_DEV && strncmp(b, SU_LEGACY_PREFIX, strlen(SU_LEGACY_PREFIX)) != 0 &&
                strspn(b, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
    if (!name) /* it goes into rules and paths */
        return su_fail(e, SU_E_USAGE, "legacy.mode", "[legacy] bridge is no name for a bridge: %.32s", b);
    if (strcmp(l->conf->legacy_mode, "bridge") == 0)
        return 0;
    su_fail(e, SU_E_USAGE, "legacy.mode", "[legacy] mode %.7s is not there", l->conf->legacy_mode);
    return su_remedy(e, "write mode = bridge into surety.conf");
}

static int check_tools(struct su_legacy *l, struct su_err *e)
{
    static const char *const ip[] = {"ip", "-V", NULL};
    static const char *const nft[] = {"nft", "-v", NULL};
    static const char *const try[] = {"nft", "-c", "-f", "-", NULL};
    const struct su_legacy_port sample = {"00000000-0000-4000-8000-000000000001", 1};
    struct su_err why = {0};
    SU_BUF struct su_buf rules = {0};
    if (run(l, ip, (struct su_bytes){0}, NULL, &why) < 0) {
        su_fail(e, SU_E_MISSING, "legacy.tool", "ip cannot be run: %s", why.msg);
        return su_remedy(e, "install the package iproute2");
    }
    if (run(l, nft, (struct su_bytes){0}, NULL, &why) < 0) {
        su_fail(e, SU_E_MISSING, "legacy.tool", "nft cannot be run: %s", why.msg);
        return su_remedy(e, "install the package nftables");
    }
    if (!su_legacy_exists(l, SU_LEGACY_SYSCTL)) {
        su_fail(e, SU_E_MISSING, "legacy.kernel", "this kernel has no net.ipv4.tcp_fwmark_accept");
        return su_remedy(e, "use a kernel from 3.16 on, in a network namespace with this setting");
    }
    su_legacy_nft(l->conf->legacy_bridge, &sample, 1, &rules);
    if (su_buf_ok(&rules, e) < 0)
        return -1;
    if (run(l, try, su_buf_bytes(&rules), NULL, &why) < 0) {
        su_fail(e, SU_E_MISSING, "legacy.kernel", "this kernel or nft does not take the rules: %s", why.msg);
        return su_remedy(e, "use Linux 5.10 and nftables 1.0 or later, with nf_tables for the bridge family");
    }
    return 0;
}

static void dmi(struct su_legacy *l, const char *field, char out[128])
{
    struct su_err none = {0};
    char path[128];
    snprintf(path, sizeof path, "/sys/class/dmi/id/%s", field);
    if (l->host->read(l->host->arg, path, out, 128, &none) < 0)
        out[0] = '\0';
}

static int check_cloud(struct su_legacy *l, struct su_err *e)
{
    char vendor[128], product[128], asset[128];
    dmi(l, "sys_vendor", vendor);
    dmi(l, "product_name", product);
    dmi(l, "chassis_asset_tag", asset);
    const char *cloud = su_legacy_cloud(vendor, product, asset);
    if (!cloud)
        return 0;
    su_fail(e, SU_E_REFUSED, "legacy.cloud",
            "this host is itself a VM of %s, whose metadata service is at 169.254.169.254", cloud);
    return su_remedy(e, "give the VMs a vsock device instead: they need no network then");
}

/* With our own bridge in place the addresses on it and its name are ours. */
static int check_addresses(struct su_legacy *l, struct su_err *e)
{
    static const char *const addr[] = {"ip", "-j", "-4", "addr", "show", NULL};
    static const char *const route[] = {"ip", "-j", "-4", "route", "show", "table", "all", NULL};
    SU_BUF struct su_buf a = {0}, r = {0};
    char what[SU_LEGACY_PROBLEM];
    if (run(l, addr, (struct su_bytes){0}, &a, e) < 0 || run(l, route, (struct su_bytes){0}, &r, e) < 0)
        return -1;
    if (su_legacy_addresses_read(su_buf_bytes(&a), su_buf_bytes(&r), l->conf->legacy_bridge, what, e) < 0)
        return -1;
    if (!*what)
        return 0;
    su_fail(e, SU_E_CONFLICT, "legacy.address", "169.254.169.253 and .254 are in use: %s", what);
    return su_remedy(e, "take that address or route away (a cloud's metadata service, a link-local route such as "
                        "NOZEROCONF=yes prevents), or give the VMs a vsock device instead");
}

static int check_bridge(struct su_legacy *l, struct su_err *e)
{
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    char path[128];
    if (su_legacy_network(l, &net, e) < 0)
        return -1;
    if (net && virNetworkIsActive(net) == 1) {
        SU_FREE char *bridge = virNetworkGetBridgeName(net);
        if (bridge && strcmp(bridge, l->conf->legacy_bridge) == 0)
            return 0;
    }
    su_legacy_net_path(path, l->conf->legacy_bridge, "ifindex");
    if (!su_legacy_exists(l, path))
        return 0;
    su_fail(e, SU_E_CONFLICT, "legacy.bridge", "an interface %s exists that is not the legacy network's",
            l->conf->legacy_bridge);
    return su_remedy(e, "remove it, or choose another name: bridge in section [legacy] of surety.conf");
}

static int check_libvirt(struct su_legacy *l, struct su_err *e)
{
    SU_AUTO(su_filter_freep) virNWFilterPtr filter = NULL;
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    if (su_legacy_online(l, e) < 0)
        return -1;
    if (su_legacy_network(l, &net, e) < 0 || su_legacy_filter(l, &filter, e) < 0)
        return su_remedy(e, "install and start libvirt's network and nwfilter drivers");
    return su_legacy_foreign(l, e);
}

int su_legacy_preflight(struct su_legacy *l, struct su_err *e)
{
    static int (*const checks[])(struct su_legacy *, struct su_err *) = {
        check_enrolled, check_mode, check_libvirt, check_tools, check_cloud, check_addresses, check_bridge,
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(checks); i++)
        if (checks[i](l, e) < 0)
            return -1;
    return 0;
}

/* Make it, keep it ----------------------------------------------------------------------------------------------------
 */

static int put_in_order(struct su_legacy *l, bool *changed, struct su_err *e)
{
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports ports = {0};
    su_legacy_resume(l);
    if (su_legacy_foreign(l, e) < 0 || su_legacy_filter_ensure(l, changed, e) < 0 ||
        su_legacy_collect(l, &ports, e) < 0 || su_legacy_apply(l, &ports, changed, e) < 0 ||
        su_legacy_set(l, SU_LEGACY_SYSCTL, "1", changed, e) < 0 || su_legacy_network_ensure(l, changed, e) < 0)
        return -1;
    return su_legacy_bridge_ensure(l, &ports, changed, e);
}

/* Without libvirt nobody can say who runs: the ports stay as they were, none after a restart. */
static int hold_the_wall(struct su_legacy *l, bool *changed, struct su_err *e)
{
    struct su_legacy_ports last = {0};
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports ports = {0};
    if (l->applied)
        last = (struct su_legacy_ports){l->applied->ports, l->applied->n};
    for (size_t i = 0; i < last.n; i++) /* a copy: apply replaces what it was given */
        if (su_legacy_ports_add(&ports, last.p[i].uuid, last.p[i].number, e) < 0)
            return -1;
    if (su_legacy_apply(l, &ports, changed, e) < 0)
        return -1;
    return su_legacy_set(l, SU_LEGACY_SYSCTL, "1", changed, e);
}

int su_legacy_ensure(struct su_legacy *l, bool *changed, struct su_err *e)
{
    bool enabled;
    struct su_err offline = {0};
    *changed = false;
    if (su_legacy_enabled(l, &enabled, e) < 0)
        return -1;
    if (!enabled)
        return 0;
    if (check_mode(l, e) < 0)
        return -1;
    if (su_legacy_online(l, &offline) < 0)
        return hold_the_wall(l, changed, e);
    return put_in_order(l, changed, e);
}

static int tear_down(struct su_legacy *l, const struct su_legacy_record *r, bool *changed, struct su_err *e)
{
    if (su_legacy_network_remove(l, changed, e) < 0 || su_legacy_unapply(l, e) < 0)
        return -1;
    if (r->fwmark_was_off && su_legacy_exists(l, SU_LEGACY_SYSCTL) &&
        su_legacy_set(l, SU_LEGACY_SYSCTL, "0", changed, e) < 0)
        return -1;
    return su_legacy_record_drop(l, e);
}

int su_legacy_enable(struct su_legacy *l, bool *changed, struct su_err *e)
{
    struct su_legacy_record r = {0};
    char accept[64];
    bool was;
    *changed = false;
    if (su_legacy_preflight(l, e) < 0 || su_legacy_record_get(l, &r, &was, e) < 0)
        return -1;
    if (!was) {
        if (l->host->read(l->host->arg, SU_LEGACY_SYSCTL, accept, sizeof accept, e) < 0)
            return -1;
        r.fwmark_was_off = strcmp(accept, "0") == 0;
        if (su_legacy_record_put(l, &r, e) < 0) /* before anything is made: what a crash leaves can be found */
            return -1;
        *changed = true;
    }
    if (put_in_order(l, changed, e) == 0)
        return 0;
    struct su_err ignored = {0};
    bool undone = false;
    if (!was && tear_down(l, &r, &undone, &ignored) < 0)
        su_context(e, "not all could be taken away again (%s)", ignored.msg);
    return -1;
}

/* Take it away --------------------------------------------------------------------------------------------------------
 */

static int refuse_attached(const struct su_legacy_vms *v, bool removing, struct su_err *e)
{
    char names[120] = "";
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        size_t at = strlen(names);
        if (at + strlen(v->vm[i].name) + 8 < sizeof names)
            snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", v->vm[i].name);
        else if (strncmp(names + at - 3, "...", 3) != 0)
            snprintf(names + at, sizeof names - at, ", ...");
        n++;
    }
    if (!removing) {
        su_fail(e, SU_E_REFUSED, "legacy.attached", "%zu VMs are still on the legacy network: %s", n, names);
        return su_remedy(e, "revoke them (surety legacy revoke), or say --remove-vms");
    }
    su_fail(e, SU_E_REFUSED, "legacy.attached", "%zu running VMs have not let go of their network card yet: %s", n,
            names);
    return su_remedy(e, "their ports are closed already; power them off, then disable again");
}

/* All guests are asked before one is waited for.  *left: who has not let go. */
static int remove_all(struct su_legacy *l, const struct su_legacy_vms *v, struct su_legacy_vms *left, struct su_err *e)
{
    unsigned left_ms = SU_LEGACY_LET_GO_MS;
    for (size_t i = 0; i < v->n; i++) {
        bool changed;
        if (su_legacy_revoke(l, v->vm[i].uuid, SU_LEGACY_NO_WAIT, NULL, &changed, e) < 0)
            return su_context(e, "%.64s", v->vm[i].name);
    }
    do {
        su_legacy_vms_done(left);
        if (su_legacy_list(l, left, e) < 0)
            return -1;
    } while (left->n && su_legacy_pause(l, &left_ms));
    return 0;
}

int su_legacy_disable(struct su_legacy *l, bool remove_vms, bool *changed, struct su_err *e)
{
    SU_AUTO(su_legacy_vms_done) struct su_legacy_vms v = {0}, left = {0};
    struct su_legacy_record r = {0};
    bool was, removed = false;
    *changed = false;
    if (su_legacy_record_get(l, &r, &was, e) < 0 || su_legacy_online(l, e) < 0 || su_legacy_foreign(l, e) < 0 ||
        su_legacy_list(l, &v, e) < 0)
        return -1;
    if (v.n && !remove_vms)
        return refuse_attached(&v, false, e);
    if (v.n && remove_all(l, &v, &left, e) < 0)
        return -1;
    if (left.n)
        return refuse_attached(&left, true, e);
    if (tear_down(l, &r, &removed, e) < 0)
        return -1;
    *changed = was || removed;
    return 0;
}
