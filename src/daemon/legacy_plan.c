/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of the legacy network: nftables, libvirt's XML. */
#include "legacy_plan.h"
#include <stdio.h>
#include <string.h>

#define ADDRESSES "{ " SU_LEGACY_IP_HCI ", " SU_LEGACY_IP_IMDS " }"

/* The last twelve hex digits of the UUID: random in version 4 and 7, and what people count up who write their own. */
void su_legacy_dev_of(const char *uuid, char out[SU_LEGACY_DEV])
{
    snprintf(out, SU_LEGACY_DEV, SU_LEGACY_PREFIX "%.12s", uuid + 24);
}

/* 5a: locally administered, not a group, and not fe, which libvirt keeps for its taps. */
void su_legacy_mac_of(const char *uuid, char out[SU_LEGACY_MAC])
{
    const char *u = uuid + 26;
    snprintf(out, SU_LEGACY_MAC, "5a:%.2s:%.2s:%.2s:%.2s:%.2s", u, u + 2, u + 4, u + 6, u + 8);
}

/* 169.254.1.1 to .126.254: clear of .169, where the host is, and of the ends that RFC 3927 reserves. */
void su_legacy_address_of(uint32_t number, char out[SU_LEGACY_ADDRESS])
{
    uint32_t n = (number - 1) % SU_LEGACY_PORTS;
    snprintf(out, SU_LEGACY_ADDRESS, "169.254.%u.%u", (unsigned)(1 + n / 254), (unsigned)(1 + n % 254));
}

/* nftables ----------------------------------------------------------------------------------------------------------
 */

/* What a frame of a guest goes through.  The order matters: a name that is nobody's port has no MAC in the set. */
static const char bridge_chains[] =
    "  map learned { type ifname : ipv4_addr; size 65535; flags dynamic,timeout; timeout 1h; }\n"
    "  set syns { type ifname; size 65535; flags dynamic,timeout; timeout 1m; }\n"
    "  set arps { type ifname; size 65535; flags dynamic,timeout; timeout 1m; }\n"
    "  chain arp_in {\n"
    "    add @arps { iifname limit rate over 20/second burst 40 packets } drop\n"
    "    arp htype != 1 drop\n"
    "    arp ptype != ip drop\n"
    "    arp hlen != 6 drop\n"
    "    arp plen != 4 drop\n"
    "    arp operation != { request, reply } drop\n"
    "    iifname . arp saddr ether != @macs drop\n"
    "    arp daddr ip != " ADDRESSES " drop\n"
    "    arp saddr ip 0.0.0.0 arp operation request accept\n"
    "    arp saddr ip != 169.254.0.0/16 drop\n"
    "    arp saddr ip " ADDRESSES " drop\n"
    "    delete @learned { iifname : arp saddr ip } add @learned { iifname : arp saddr ip }\n"
    "    arp saddr ip set iifname map @addresses accept\n"
    "    drop\n"
    "  }\n"
    "  chain ip_in {\n"
    "    ip version != 4 drop\n"
    "    ip hdrlength != 5 drop\n"
    "    ip frag-off & 0x3fff != 0 drop\n"
    "    ip protocol != tcp drop\n"
    "    ip saddr != 169.254.0.0/16 drop\n"
    "    ip saddr " ADDRESSES " drop\n"
    "    ip daddr != " ADDRESSES " drop\n"
    "    tcp dport != 80 drop\n"
    "    tcp flags & (syn | ack) == syn add @syns { iifname limit rate over 50/second burst 100 packets } drop\n"
    "    tcp flags & (syn | ack) == syn delete @learned { iifname : ip saddr } add @learned { iifname : ip saddr }\n"
    "    add @learned { iifname : ip saddr }\n"
    "    meta mark set iifname map @marks\n"
    "    ip saddr set iifname map @addresses accept\n"
    "    drop\n"
    "  }\n"
    "  chain in {\n"
    "    type filter hook prerouting priority -250; policy accept;\n"
    "    iifname != \"" SU_LEGACY_PREFIX "*\" accept\n"
    "    meta mark set 0\n"
    "    iifname . ether saddr != @macs drop\n"
    "    ether type arp goto arp_in\n"
    "    ether type ip goto ip_in\n"
    "    drop\n"
    "  }\n"
    "  chain between {\n"
    "    type filter hook forward priority -250; policy accept;\n"
    "    iifname \"" SU_LEGACY_PREFIX "*\" drop\n"
    "    oifname \"" SU_LEGACY_PREFIX "*\" drop\n"
    "  }\n"
    "  chain out {\n"
    "    type filter hook postrouting priority 250; policy accept;\n"
    "    oifname != \"" SU_LEGACY_PREFIX "*\" accept\n"
    "    ether type arp arp operation reply arp daddr ip 0.0.0.0 accept\n"
    "    ether type arp oifname . arp daddr ip @routes arp daddr ip set oifname map @learned accept\n"
    "    ether type ip oifname . ip daddr @routes ip saddr " ADDRESSES " tcp sport 80 ip daddr set oifname map"
    " @learned accept\n"
    "    drop\n"
    "  }\n"
    "}\n";

/* The sets of ports: name, kind and type. */
static const char *const port_sets[][3] = {
    {"marks", "map", "ifname : mark"},
    {"addresses", "map", "ifname : ipv4_addr"},
    {"macs", "set", "ifname . ether_addr"},
    {"routes", "set", "ifname . ipv4_addr"},
};

static void elements(size_t set, const struct su_legacy_port *p, size_t n, struct su_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        char dev[SU_LEGACY_DEV], mac[SU_LEGACY_MAC], address[SU_LEGACY_ADDRESS];
        su_legacy_dev_of(p[i].uuid, dev);
        su_legacy_mac_of(p[i].uuid, mac);
        su_legacy_address_of(p[i].number, address);
        su_buf_printf(out, "%s\"%s\" ", i ? ", " : "", dev);
        if (set == 0)
            su_buf_printf(out, ": 0x%08x", (unsigned)(SU_LEGACY_MARK + p[i].number));
        else
            su_buf_printf(out, "%s %s", set == 1 ? ":" : ".", set == 2 ? mac : address);
    }
}

/* A bridge hands frames to the group addresses of 802.1D (LLDP, for one) to the port itself, past its own hooks: the
 * host's IP and ARP would take what is in them as if the port were an interface of the host. */
static const char arp_table[] = "table arp surety {\n"
                                "  chain in {\n"
                                "    type filter hook input priority 0; policy accept;\n"
                                "    iifname \"" SU_LEGACY_PREFIX "*\" drop\n"
                                "  }\n"
                                "}\n";

static void inet_table(const char *bridge, struct su_buf *out)
{
    su_buf_printf(out,
                  "table inet surety {\n"
                  "  chain untracked_in { type filter hook prerouting priority raw; iifname \"%s\" notrack; }\n"
                  "  chain untracked_out { type filter hook output priority raw; oifname \"%s\" notrack; }\n"
                  "  chain in {\n"
                  "    type filter hook input priority filter - 10; policy accept;\n"
                  "    iifname \"%s\" meta mark & 0xffff0000 == 0x%08x ip saddr 169.254.0.0/16 ip daddr " ADDRESSES
                  " tcp dport 80 accept\n"
                  "    iifname \"%s\" drop\n"
                  "    iifname \"" SU_LEGACY_PREFIX "*\" drop\n"
                  "    iifname \"lo\" ip daddr " ADDRESSES " meta l4proto tcp reject with tcp reset\n"
                  "    ip daddr " ADDRESSES " drop\n"
                  "  }\n",
                  bridge, bridge, bridge, (unsigned)SU_LEGACY_MARK, bridge);
    su_buf_printf(out,
                  "  chain between {\n"
                  "    type filter hook forward priority filter - 10; policy accept;\n"
                  "    iifname \"%s\" drop\n"
                  "    oifname \"%s\" drop\n"
                  "  }\n"
                  "  chain out {\n"
                  "    type filter hook output priority filter - 10; policy accept;\n"
                  "    oifname \"%s\" ip saddr " ADDRESSES " ip daddr 169.254.0.0/16 tcp sport 80 accept\n"
                  "    oifname \"%s\" drop\n"
                  "  }\n"
                  "}\n",
                  bridge, bridge, bridge, bridge);
}

void su_legacy_nft_remove(struct su_buf *out)
{
    /* "delete" of what is not there fails; "table" makes it first */
    su_buf_text(out, "table bridge surety\ndelete table bridge surety\ntable inet surety\ndelete table inet surety\n"
                     "table arp surety\ndelete table arp surety\n");
}

void su_legacy_nft(const char *bridge, const struct su_legacy_port *p, size_t n, struct su_buf *out)
{
    su_legacy_nft_remove(out);
    su_buf_text(out, "table bridge surety {\n");
    for (size_t s = 0; s < SU_ARRAY_LEN(port_sets); s++) {
        su_buf_printf(out, "  %s %s { type %s; ", port_sets[s][1], port_sets[s][0], port_sets[s][2]);
        if (n) {
            su_buf_text(out, "elements = { ");
            elements(s, p, n, out);
            su_buf_text(out, " } ");
        }
        su_buf_text(out, "}\n");
    }
    su_buf_text(out, bridge_chains);
    inet_table(bridge, out);
    su_buf_text(out, arp_table);
}

void su_legacy_nft_ports(const struct su_legacy_port *p, size_t n, struct su_buf *out)
{
    for (size_t s = 0; s < SU_ARRAY_LEN(port_sets); s++) {
        su_buf_printf(out, "flush %s bridge surety %s\n", port_sets[s][1], port_sets[s][0]);
        if (!n)
            continue;
        su_buf_printf(out, "add element bridge surety %s { ", port_sets[s][0]);
        elements(s, p, n, out);
        su_buf_text(out, " }\n");
    }
}

/* Blocks stand one tab deep: "\tmap NAME {" to "\t}". */
void su_legacy_nft_stable(const char *listing, struct su_buf *out)
{
    static const char *const moving[] = {"\tmap learned {", "\tset syns {", "\tset arps {"};
    bool skip = false;
    for (const char *p = listing, *end; *p; p = end) {
        end = strchr(p, '\n');
        end = end ? end + 1 : p + strlen(p);
        for (size_t i = 0; !skip && i < SU_ARRAY_LEN(moving); i++)
            skip = strncmp(p, moving[i], strlen(moving[i])) == 0;
        if (!skip)
            su_buf_add(out, p, (size_t)(end - p));
        else if (strncmp(p, "\t}", 2) == 0)
            skip = false;
    }
}

/* libvirt -----------------------------------------------------------------------------------------------------------
 */

void su_legacy_network_xml(const char *bridge, struct su_buf *out)
{
    su_buf_printf(out,
                  "<network>\n"
                  "  <name>" SU_LEGACY_NAME "</name>\n"
                  "  <uuid>" SU_LEGACY_NETWORK_UUID "</uuid>\n"
                  "  <bridge name='%s' stp='off' delay='0'/>\n"
                  "  <mac address='" SU_LEGACY_BRIDGE_MAC "'/>\n"
                  "  <port isolated='yes'/>\n"
                  "  <dns enable='no'/>\n"
                  "  <ip address='" SU_LEGACY_IP_IMDS "' prefix='16'/>\n"
                  "  <ip address='" SU_LEGACY_IP_HCI "' prefix='16'/>\n"
                  "</network>\n",
                  bridge);
}

/* The second wall: libvirt puts it up with the interface, also where nobody has restored our tables yet. */
void su_legacy_filter_xml(struct su_buf *out)
{
    static const char *const hosts[] = {SU_LEGACY_IP_HCI, SU_LEGACY_IP_IMDS};
    su_buf_text(out,
                "<filter name='" SU_LEGACY_NAME "' chain='root'>\n"
                "  <uuid>" SU_LEGACY_FILTER_UUID "</uuid>\n"
                "  <rule action='drop' direction='out' priority='100'><mac match='no' srcmacaddr='$MAC'/></rule>\n"
                "  <rule action='drop' direction='out' priority='110'><arp match='no' arpsrcmacaddr='$MAC'/></rule>\n");
    for (size_t i = 0; i < SU_ARRAY_LEN(hosts); i++)
        su_buf_printf(out,
                      "  <rule action='drop' direction='out' priority='120'><arp arpsrcipaddr='%s'/></rule>\n"
                      "  <rule action='drop' direction='out' priority='120'><ip srcipaddr='%s'/></rule>\n",
                      hosts[i], hosts[i]);
    for (size_t i = 0; i < SU_ARRAY_LEN(hosts); i++)
        su_buf_printf(out,
                      "  <rule action='accept' direction='out' priority='200'><arp arpdstipaddr='%s'/></rule>\n"
                      "  <rule action='accept' direction='out' priority='200'><ip srcipaddr='169.254.0.0' "
                      "srcipmask='16' dstipaddr='%s' protocol='tcp' dstportstart='80' dstportend='80'/></rule>\n"
                      "  <rule action='accept' direction='in' priority='200'><arp arpsrcipaddr='%s'/></rule>\n"
                      "  <rule action='accept' direction='in' priority='200'><ip srcipaddr='%s' protocol='tcp' "
                      "srcportstart='80' srcportend='80'/></rule>\n",
                      hosts[i], hosts[i], hosts[i], hosts[i]);
    su_buf_text(out, "  <rule action='drop' direction='inout' priority='900'><mac/></rule>\n"
                     "</filter>\n");
}

void su_legacy_interface_xml(const char *uuid, const char *model, struct su_buf *out)
{
    char dev[SU_LEGACY_DEV], mac[SU_LEGACY_MAC];
    su_legacy_dev_of(uuid, dev);
    su_legacy_mac_of(uuid, mac);
    su_buf_printf(out,
                  "<interface type='network'>\n"
                  "  <mac address='%s'/>\n"
                  "  <source network='" SU_LEGACY_NAME "'/>\n"
                  "  <target dev='%s'/>\n"
                  "  <model type='%s'/>\n"
                  "  <filterref filter='" SU_LEGACY_NAME "'/>\n"
                  "  <rom enabled='no'/>\n" /* nothing to boot from there */
                  "</interface>\n",
                  mac, dev, model);
}
