/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/netnames: names by themselves, and one or more files of every kind. */
#include "base/buf.h"
#include "guest/netnames.h"
#include "tests/lib/tap.h"

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static void test_kinds(void)
{
    static const struct {
        const char *name;
        enum su_netname_kind want;
    } rows[] = {
        {"ens3", SU_NETNAME_SLOT},
        {"ens3f0", SU_NETNAME_SLOT},
        {"ens3f1np1", SU_NETNAME_SLOT},
        {"ens3.100", SU_NETNAME_SLOT},
        {"ens3:0", SU_NETNAME_SLOT},
        {"ens", SU_NETNAME_STABLE},
        {"ens3x", SU_NETNAME_STABLE},
        {"ens*", SU_NETNAME_STABLE},
        {"enp1s0", SU_NETNAME_PATH},
        {"enp0s31f6", SU_NETNAME_PATH},
        {"enP2p1s0", SU_NETNAME_PATH},
        {"enp3s0f0u2", SU_NETNAME_PATH},
        {"enp1", SU_NETNAME_STABLE},
        {"enP2", SU_NETNAME_STABLE},
        {"enp1s", SU_NETNAME_STABLE},
        {"enp2s0np0", SU_NETNAME_PATH},
        {"eno1", SU_NETNAME_ONBOARD},
        {"eno1np0", SU_NETNAME_ONBOARD},
        {"enosys", SU_NETNAME_STABLE},
        {"wlp2s0", SU_NETNAME_PATH},
        {"eth0", SU_NETNAME_KERNEL},
        {"eth0.5", SU_NETNAME_KERNEL},
        {"eth", SU_NETNAME_STABLE},
        {"ethernet0", SU_NETNAME_STABLE},
        {"wlan1", SU_NETNAME_KERNEL},
        {"enx525400123456", SU_NETNAME_STABLE},
        {"lo", SU_NETNAME_STABLE},
        {"br0", SU_NETNAME_STABLE},
        {"lan", SU_NETNAME_STABLE},
        {"", SU_NETNAME_STABLE},
        {"en", SU_NETNAME_STABLE},
        {"enp1s0f0d1n", SU_NETNAME_STABLE},
        {"ens12345678901234", SU_NETNAME_STABLE},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        ok(su_netname_kind(bytes(rows[i].name)) == rows[i].want, "\"%s\" is %s", rows[i].name,
           su_netname_kind_name(rows[i].want));
}

static const char *listed(const struct su_netnames *l)
{
    static char text[8192];
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < l->n; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s", i ? " " : "", l->name[i].name,
                              l->name[i].pinned ? "!" : "");
    return text;
}

/* want: names in order, "!" behind those tied to a MAC address */
static const struct {
    const char *what;
    enum su_netfile kind;
    const char *text, *want;
} files[] = {
    {"the installer's file", SU_NETFILE_INTERFACES,
     "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nallow-hotplug ens3\niface ens3 inet "
     "dhcp\n",
     "ens3"},
    {"bridges, bonds, VLANs", SU_NETFILE_INTERFACES,
     "auto br0 bond0\niface br0 inet dhcp\n  bridge_ports enp1s0 ens4.7 \\\n   eno1\niface bond0 inet "
     "dhcp\n\tbond-slaves eth0 eth1\n"
     "  vlan-raw-device ens9\n  up echo ens77\n# auto ens66\n",
     "enp1s0 ens4 eno1 eth0 eth1 ens9"},
    {"a file with CRLF", SU_NETFILE_INTERFACES, "auto eth0\r\niface eth0 inet dhcp\r\n", "eth0"},
    {"nothing", SU_NETFILE_INTERFACES, "", ""},

    {"plain IDs", SU_NETFILE_NETPLAN,
     "network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n    enp2s0: {}\n    eno1:\n",
     "ens3 enp2s0 eno1"},
    {"cloud-init's file", SU_NETFILE_NETPLAN,
     "network:\n  ethernets:\n    ens3:\n      dhcp4: true\n      match:\n        macaddress: 52:54:00:12:34:56\n      "
     "set-name: ens3\n"
     "  version: 2\n",
     "ens3!"},
    {"flow style", SU_NETFILE_NETPLAN,
     "network: {ethernets: {ens3: {addresses: [192.0.2.1/24]}, x: {match: {name: ens4}}}}", "ens3 ens4"},
    {"JSON", SU_NETFILE_NETPLAN, "{\"network\": {\"ethernets\": {\"enp1s0\": {\"match\": {\"macaddress\": \"a\"}}}}}",
     ""},
    {"patterns and drivers", SU_NETFILE_NETPLAN,
     "network:\n  ethernets:\n    a:\n      match: {name: \"en*\"}\n    ens5:\n      match: {driver: virtio}\n", ""},
    {"bridges name IDs, not interfaces", SU_NETFILE_NETPLAN,
     "network:\n  bridges:\n    br0:\n      interfaces: [ens3]\n    ens8: {}\n  ethernets:\n    lan:\n      match: "
     "{macaddress: x}\n",
     ""},
    {"an ID below something else", SU_NETFILE_NETPLAN,
     "other:\n  ethernets:\n    ens3: {}\nnetwork:\n  x:\n    ethernets:\n      ens4: {}\n", ""},
    {"broken YAML", SU_NETFILE_NETPLAN, "network:\n\tethernets: [\n", ""},
    {"anchors and aliases", SU_NETFILE_NETPLAN,
     "network:\n  ethernets:\n    ens3: &a\n      dhcp4: yes\n    ens4: *a\n    ens5: {}\n", "ens3 ens4 ens5"},

    {"a .network file", SU_NETFILE_NETWORKD, "[Match]\nName=ens3 enp* !eth0\n[Network]\nDHCP=yes\nBridge=ens9\n",
     "ens3"},
    {"a match on a path", SU_NETFILE_NETWORKD, "# x\n[Match]\nPath=pci-0000:00:03.0 pci-*\n[Network]\nName=ens3\n",
     "pci-0000:00:03.0"},
    {"a .link file by MAC", SU_NETFILE_NETWORKD, "[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nName=ens3\n", "ens3!"},
    {"a .link file by name", SU_NETFILE_NETWORKD, "[Match]\nOriginalName = eth0\n[Link]\nName=lan\n", "eth0"},

    {"a connection", SU_NETFILE_KEYFILE,
     "[connection]\nid=Wired\ninterface-name=ens3\n[ethernet]\nmac-address=52:54:00:12:34:56\n", "ens3"},
    {"a match", SU_NETFILE_KEYFILE, "[connection]\nid=a\n[match]\ninterface-name=ens4;enp1s0;\npath=pci-0000:00:03.0\n",
     "ens4 enp1s0 pci-0000:00:03.0"},
    {"a VLAN", SU_NETFILE_KEYFILE, "[connection]\ninterface-name=vlan5\n[vlan]\nparent=eth1\n", "eth1"},

    {"an ifcfg file", SU_NETFILE_IFCFG, "TYPE=Ethernet\nDEVICE=\"eth0\"\nONBOOT=yes\n", "eth0"},
    {"one without DEVICE", SU_NETFILE_IFCFG, "NAME=ens3\nHWADDR=52:54:00:12:34:56\n", ""},

    {"a udev rule", SU_NETFILE_UDEV,
     "# c\nSUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"52:54:00:12:34:56\", "
     "KERNEL==\"eth*\", NAME=\"eth0\"\n",
     "eth0!"},
    {"a udev rule by path", SU_NETFILE_UDEV, "SUBSYSTEM==\"net\", KERNELS==\"0000:00:03.0\", NAME=\"eth0\"\n", ""},
};

static void test_files(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(files); i++) {
        struct su_netnames l = {0};
        su_netnames_add(&l, files[i].kind, bytes(files[i].text));
        ok(strcmp(listed(&l), files[i].want) == 0, "%s: \"%s\"", files[i].what, listed(&l));
    }
}

static void test_list(void)
{
    struct su_netnames l = {0};
    su_netnames_add(&l, SU_NETFILE_INTERFACES, bytes("auto ens3 ens3\n"));
    su_netnames_add(&l, SU_NETFILE_NETWORKD, bytes("[Match]\nMACAddress=a\n[Link]\nName=ens3\n"));
    su_netnames_add(&l, SU_NETFILE_INTERFACES, bytes("auto ens4\n"));
    is_str(listed(&l), "ens3! ens4");
    SU_BUF struct su_buf text = {0};
    su_buf_text(&text, "auto");
    for (int i = 0; i < 100; i++)
        su_buf_printf(&text, " eth%d", i);
    su_netnames_add(&l, SU_NETFILE_INTERFACES, su_buf_bytes(&text));
    ok(l.n == SU_NETNAMES_MAX && l.more, "a full list");
    text.n = 0;
    for (int i = 0; i < 1000; i++)
        su_buf_text(&text, "[");
    su_netnames_add(&l, SU_NETFILE_NETPLAN, su_buf_bytes(&text));
    ok(l.n == SU_NETNAMES_MAX, "YAML nested too deeply");
}

int main(void)
{
    test_kinds();
    test_files();
    test_list();
    return tap_done();
}
