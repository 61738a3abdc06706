/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who else has the addresses of the metadata service: other interfaces, routes, the cloud the host itself runs in. */
#include "legacy_plan.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void json_freep(json_t **j)
{
    json_decref(*j);
}
#define JSON SU_AUTO(json_freep)

static int load(struct su_bytes b, json_t **out, struct su_err *e)
{
    if (!b.n) { /* ip prints nothing at all for an empty list */
        *out = json_array();
        return *out ? 0 : su_fail_nomem(e, 1);
    }
    *out = json_loadb((const char *)b.p, b.n, 0, NULL);
    return json_is_array(*out) ? 0 : su_fail(e, SU_E_FORMAT, "legacy.tool", "ip -j prints something else than a list");
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static bool is_ours(const char *address)
{
    return strcmp(address, SU_LEGACY_IP_HCI) == 0 || strcmp(address, SU_LEGACY_IP_IMDS) == 0;
}

/* "169.254.0.0/16", "169.254.169.254": inside 169.254/16 and covering one of our addresses. */
static bool covers(const char *dst)
{
    char address[40];
    const char *slash = strchr(dst, '/');
    size_t n = slash ? (size_t)(slash - dst) : strlen(dst);
    unsigned long prefix = slash ? strtoul(slash + 1, NULL, 10) : 32;
    struct in_addr net, a;
    if (n >= sizeof address || prefix < 16 || prefix > 32)
        return false;
    memcpy(address, dst, n);
    address[n] = '\0';
    if (inet_pton(AF_INET, address, &net) != 1)
        return false;
    uint32_t mask = UINT32_MAX << (32 - prefix);
    static const char *const ours[] = {SU_LEGACY_IP_HCI, SU_LEGACY_IP_IMDS};
    for (size_t i = 0; i < SU_ARRAY_LEN(ours); i++)
        if (inet_pton(AF_INET, ours[i], &a) == 1 && (ntohl(a.s_addr) & mask) == (ntohl(net.s_addr) & mask))
            return true;
    return false;
}

int su_legacy_addresses_read(struct su_bytes addr, struct su_bytes route, const char *bridge,
                             char what[SU_LEGACY_PROBLEM], struct su_err *e)
{
    JSON json_t *addresses = NULL, *routes = NULL;
    if (load(addr, &addresses, e) < 0 || load(route, &routes, e) < 0)
        return -1;
    size_t i, k;
    json_t *link, *info;
    what[0] = '\0';
    json_array_foreach(addresses, i, link)
    {
        if (strcmp(str(link, "ifname"), bridge) == 0)
            continue;
        json_array_foreach(json_object_get(link, "addr_info"), k, info) if (is_ours(str(info, "local"))) snprintf(
            what, SU_LEGACY_PROBLEM, "interface %.15s has the address %.20s", str(link, "ifname"), str(info, "local"));
    }
    json_array_foreach(routes, i, link) if (!*what && *str(link, "dev") && strcmp(str(link, "dev"), bridge) != 0 &&
                                            covers(str(link, "dst")))
        snprintf(what, SU_LEGACY_PROBLEM, "a route to %.20s leads through %.15s", str(link, "dst"), str(link, "dev"));
    return 0;
}

const char *su_legacy_cloud(const char *vendor, const char *product, const char *asset)
{
    static const struct {
        const char *vendor, *product, *asset, *name;
    } rows[] = {
        {"Amazon EC2", NULL, NULL, "Amazon EC2"},
        {NULL, NULL, "Amazon EC2", "Amazon EC2"},
        {"Google", NULL, NULL, "Google Compute Engine"},
        {NULL, NULL, "7783-7084-3265-9085-8269-3286-77", "Azure"},
        {"OpenStack Foundation", NULL, NULL, "OpenStack"},
        {NULL, "OpenStack Nova", NULL, "OpenStack"},
        {NULL, NULL, "OracleCloud.com", "Oracle Cloud"},
        {"DigitalOcean", NULL, NULL, "DigitalOcean"},
        {"Hetzner", NULL, NULL, "Hetzner Cloud"},
        {"Alibaba Cloud", NULL, NULL, "Alibaba Cloud"},
        {"Scaleway", NULL, NULL, "Scaleway"},
        {"Vultr", NULL, NULL, "Vultr"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        if ((!rows[i].vendor || strcmp(rows[i].vendor, vendor) == 0) &&
            (!rows[i].product || strcmp(rows[i].product, product) == 0) &&
            (!rows[i].asset || strcmp(rows[i].asset, asset) == 0))
            return rows[i].name;
    return NULL;
}
