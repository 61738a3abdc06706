/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The legacy network without libvirt: names, rules, what XML and ip say, numbers of ports, what stands in the way. */
#include "daemon/legacy_int.h"
#include "daemon/legacy_json.h"
#include "tests/lib/tap.h"
#include <stdlib.h>

#define U "7e0c5a52-3f0a-4c11-9d2e-0000000000"

static struct su_err e;

static void names(void)
{
    char dev[SU_LEGACY_DEV], mac[SU_LEGACY_MAC], address[SU_LEGACY_ADDRESS], last[SU_LEGACY_ADDRESS];
    su_legacy_dev_of("7e0c5a52-3f0a-4c11-9d2e-abcdef012345", dev);
    is_str(dev, "im-abcdef012345");
    su_legacy_mac_of("7e0c5a52-3f0a-4c11-9d2e-abcdef012345", mac);
    is_str(mac, "5a:cd:ef:01:23:45");
    su_legacy_address_of(1, address);
    is_str(address, "169.254.1.1");
    su_legacy_address_of(255, address);
    is_str(address, "169.254.2.1");
    su_legacy_address_of(SU_LEGACY_PORTS, last);
    is_str(last, "169.254.126.250");
    ok(strcmp(su_legacy_state_name(SU_LEGACY_CONNECTED), "connected") == 0);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void rules(void)
{
    const struct su_legacy_port p[] = {{U "0a", 1}, {U "0b", 300}};
    SU_BUF struct su_buf all = {0}, none = {0}, ports = {0}, stable = {0};
    su_legacy_nft("br9", p, 2, &all);
    su_legacy_nft("br9", NULL, 0, &none);
    su_legacy_nft_ports(p, 1, &ports);
    ok(strstr(su_buf_str(&all), "\"im-00000000000a\" : 0x53550001, \"im-00000000000b\" : 0x5355012c"));
    ok(strstr(su_buf_str(&all), "\"im-00000000000b\" . 169.254.2.46"));
    ok(strstr(su_buf_str(&all), "\"im-00000000000a\" . 5a:00:00:00:00:0a"));
    ok(strstr(su_buf_str(&all), "iifname \"br9\" drop"));
    ok(!strstr(su_buf_str(&none), "elements"), "no ports: no elements");
    ok(count(su_buf_str(&all), "{") == count(su_buf_str(&all), "}"), "braces");
    ok(count(su_buf_str(&ports), "flush") == 4 && count(su_buf_str(&ports), "add element") == 4, "ports alone");
    su_legacy_nft_stable("table bridge surety {\n\tmap marks {\n\t\ta\n\t}\n\tmap learned {\n\t\tb\n\t}\n\tset syns {\n"
                         "\t\tc\n\t}\n\tchain in {\n\t}\n}\n",
                         &stable);
    is_str(su_buf_str(&stable), "table bridge surety {\n\tmap marks {\n\t\ta\n\t}\n\tchain in {\n\t}\n}\n");
}

#define DOM(os, features, meta, devices)                                                                               \
    "<domain type='qemu'><name>vm</name><uuid>" U "0a</uuid>" meta "<os><type arch='x86_64' machine='" os              \
    "'>hvm</type></os><features>" features "</features><devices>" devices "</devices></domain>"
#define NIC(dev, mac, filter)                                                                                          \
    "<interface type='network'><mac address='" mac "'/><source network='surety-imds' portid='x'/><target dev='" dev    \
    "'/><model type='virtio'/><filterref filter='" filter "'/></interface>"
#define RIGHT NIC("im-00000000000a", "5a:00:00:00:00:0a", "surety-imds")
#define GRANT "<metadata><s:grant xmlns:s='" SU_LEGACY_METADATA "'/></metadata>"

static struct su_legacy_dom dom(const char *xml)
{
    struct su_legacy_dom d = {0};
    ok(su_legacy_dom_read(xml, &d, &e) == 0, "domain read");
    return d;
}

static void domains(void)
{
    struct su_legacy_dom d = dom(DOM("pc-i440fx-7.2", "<acpi/>", GRANT, RIGHT));
    ok(d.granted && d.right && d.interfaces == 1 && !d.no_hotplug, "granted and right");
    is_str(d.model, "virtio");
    d = dom(DOM("pc", "<acpi/>", "", RIGHT));
    ok(!d.granted && d.right, "an interface is no grant");
    ok(!dom(DOM("pc", "", GRANT, NIC("im-00000000000b", "5a:00:00:00:00:0a", "surety-imds"))).right, "other name");
    ok(!dom(DOM("pc", "", GRANT, NIC("im-00000000000a", "5a:00:00:00:00:0b", "surety-imds"))).right, "other MAC");
    ok(!dom(DOM("pc", "", GRANT, NIC("im-00000000000a", "5a:00:00:00:00:0a", "clean-traffic"))).right, "other filter");
    ok(!dom(DOM("pc", "", GRANT, RIGHT RIGHT)).right, "two interfaces");
    ok(!dom(DOM("pc", "", "<metadata><x xmlns='urn:other'/></metadata>", "")).granted, "another's metadata");
    d = dom(DOM("pc", "<acpi/>", "",
                "<interface type='bridge'><source bridge='br0'/><model type='e1000'/></interface>" RIGHT));
    is_str(d.model, "e1000");
    d = dom(DOM("pc", "<acpi/>", "", "<interface><model type='x&apos;/>&lt;y'/></interface>"));
    is_str(d.model, "virtio");
    ok(su_legacy_dom_read("<domain><uuid>nonsense</uuid></domain>", &d, &e) < 0 && !strcmp(e.id, "legacy.xml"));
    ok(su_legacy_dom_read("<domain>", &d, &e) < 0 && !strcmp(e.id, "legacy.xml"));
    ok(su_legacy_dom_read("", &d, &e) < 0 && !strcmp(e.id, "legacy.xml"));
}

static void hotplug(void)
{
    SU_BUF struct su_buf full = {0};
    su_buf_text(&full,
                "<domain><uuid>" U "0a</uuid><os><type machine='pc-i440fx-7.2'/></os><features><acpi/></features>"
                "<devices>");
    for (unsigned i = 1; i < 32; i++)
        su_buf_printf(&full, "<disk><address type='pci' bus='0x00' slot='0x%02x'/></disk>", i);
    su_buf_text(&full, "</devices></domain>");
    ok(dom(su_buf_str(&full)).no_hotplug, "every slot is taken");
    ok(dom(DOM("pc-i440fx-7.2", "", "", "")).no_hotplug, "no ACPI");
    ok(dom(DOM("pc-q35-7.2", "<acpi/>", "", "")).no_hotplug, "q35 without root ports");
#define PORT "<controller type='pci' index='1' model='pcie-root-port'/>"
    ok(!dom(DOM("pc-q35-7.2", "<acpi/>", "", PORT)).no_hotplug, "a free root port");
    ok(dom(DOM("pc-q35-7.2", "<acpi/>", "", PORT "<disk><address type='pci' bus='0x01' slot='0x00'/></disk>"))
           .no_hotplug,
       "a root port that is taken");
    ok(dom(DOM("microvm", "", "", "")).no_hotplug, "microvm");
}

static void add_card(void *arg, const char *dev, const char *mac)
{
    char *out = arg;
    snprintf(out + strlen(out), 200 - strlen(out), "%s=%s ", dev, mac);
}

static void cards(void)
{
    char seen[200] = "";
    const char *xml =
        DOM("pc", "", "",
            NIC("im-00000000000a", "5a:11:00:00:00:0a",
                "x") "<interface type='bridge'><mac address='52:54:00:00:00:01'/><target dev='v0'/></interface>");
    ok(su_legacy_dom_cards(xml, add_card, seen, &e) == 0, "the cards of a VM");
    is_str(seen, "im-00000000000a=5a:11:00:00:00:0a v0= ");
}

static const char *network_with(const char *from, const char *to)
{
    static const char *wrong;
    SU_BUF struct su_buf xml = {0}, changed = {0};
    su_legacy_network_xml("vbr-imds", &xml);
    const char *at = strstr(su_buf_str(&xml), from);
    su_buf_add(&changed, xml.p, (size_t)(at - su_buf_str(&xml)));
    su_buf_printf(&changed, "%s%s", to, at + strlen(from));
    wrong = "cannot be read";
    return su_legacy_network_read(su_buf_str(&changed), "vbr-imds", &wrong, &e) == 0 ? wrong : e.msg;
}

static void networks(void)
{
    static const char *const changes[][2] = {
        {"<uuid>5a", "<uuid>6a"},
        {"name='vbr-imds'", "name='br0'"},
        {"<dns enable='no'/>", ""},
        {"isolated='yes'", "isolated='no'"},
        {"<dns", "<forward mode='nat'/><dns"},
        {"52:54:00:a9:fe:fe", "52:54:00:00:00:01"},
        {"prefix='16'/>", "prefix='24'/>"},
        {"<ip address='169.254.169.253' prefix='16'/>", ""},
        {"</network>", "<ip address='10.0.0.1' prefix='8'/></network>"},
        {"<dns", "<vlan><tag id='1'/></vlan><dns"},
    };
    ok(!network_with("<name>", "<name>"), "as it was made");
    for (size_t i = 0; i < SU_ARRAY_LEN(changes); i++)
        ok(network_with(changes[i][0], changes[i][1]), "changed: %s", changes[i][1]);
}

static void filters(void)
{
    SU_BUF struct su_buf xml = {0}, more = {0};
    bool same;
    su_legacy_filter_xml(&xml);
    ok(su_legacy_filter_same(su_buf_str(&xml), &same, &e) == 0 && same, "the filter as it was made");
    su_buf_add(&more, xml.p, xml.n - strlen("</filter>\n"));
    su_buf_text(&more, "<rule action='accept' direction='inout' priority='1'><all/></rule></filter>");
    ok(su_legacy_filter_same(su_buf_str(&more), &same, &e) == 0 && !same, "with a hole");
}

static const char *taken(const char *addr, const char *route)
{
    static char what[SU_LEGACY_PROBLEM];
    struct su_bytes a = {(const uint8_t *)addr, strlen(addr)}, r = {(const uint8_t *)route, strlen(route)};
    if (su_legacy_addresses_read(a, r, "vbr-imds", what, &e) < 0)
        return e.id;
    return what;
}

static void addresses(void)
{
    is_str(taken("[]", "[]"), "");
    is_str(taken("", ""), "");
    is_str(taken("nonsense", "[]"), "legacy.tool");
    is_str(taken("[{\"ifname\":\"vbr-imds\",\"addr_info\":[{\"local\":\"169.254.169.254\"}]}]", "[]"), "");
    is_str(taken("[{\"ifname\":\"eth0\",\"addr_info\":[{\"local\":\"169.254.169.254\"}]}]", "[]"),
           "interface eth0 has the address 169.254.169.254");
    is_str(taken("[]", "[{\"dst\":\"169.254.0.0/16\",\"dev\":\"eth0\"}]"),
           "a route to 169.254.0.0/16 leads through eth0");
    is_str(taken("[]", "[{\"dst\":\"169.254.169.253\",\"dev\":\"eth0\"}]"),
           "a route to 169.254.169.253 leads through eth0");
    is_str(taken("[]",
                 "[{\"dst\":\"169.254.0.0/16\",\"dev\":\"vbr-imds\"},{\"dst\":\"default\",\"dev\":\"eth0\"},"
                 "{\"dst\":\"169.254.1.1\",\"dev\":\"eth0\"},{\"type\":\"unreachable\",\"dst\":\"169.254.169.254\"}]"),
           "");
    is_str(su_legacy_cloud("Amazon EC2", "m5.metal", ""), "Amazon EC2");
    is_str(su_legacy_cloud("Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77"), "Azure");
    ok(!su_legacy_cloud("Dell Inc.", "PowerEdge R650", ""), "no cloud");
    ok(!su_legacy_cloud("", "", ""), "no DMI");
}

static void remove_store(const char *dir)
{
    const char *ends[] = {"", "-wal", "-shm"};
    char path[64];
    for (size_t i = 0; i < SU_ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s/db%s", dir, ends[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* Ports keep their number; one that was given up does not come back at once. */
static void numbers(void)
{
    char dir[] = "/tmp/surety-legacy.XXXXXX", path[64];
    struct su_legacy l = {0};
    uint32_t a = 0, b = 0, again = 0;
    ok(mkdtemp(dir) != NULL, "scratch directory");
    snprintf(path, sizeof path, "%s/db", dir);
    ok(su_store_open(path, &l.store, &e) == 0, "store");
    ok(su_legacy_number(&l, U "0a", &a, &e) == 0 && a == 1, "first");
    ok(su_legacy_number(&l, U "0b", &b, &e) == 0 && b == 2, "second");
    ok(su_legacy_number(&l, U "0a", &again, &e) == 0 && again == a, "kept");
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports used = {0};
    ok(su_legacy_numbers(&l, &used, &e) == 0 && su_legacy_number_of(&l, &used, U "0b", &again, &e) == 0 && again == b,
       "of a list");
    su_legacy_ports_done(&used);
    ok(su_legacy_number_drop(&l, U "0a", &e) == 0, "given up");
    ok(su_legacy_number(&l, U "0c", &again, &e) == 0 && again == 3, "not the one that was given up");
    struct su_legacy_record r = {.fwmark_was_off = true}, back = {0};
    bool there;
    ok(su_legacy_enabled(&l, &there, &e) == 0 && !there, "off at first");
    ok(su_legacy_record_put(&l, &r, &e) == 0 && su_legacy_record_get(&l, &back, &there, &e) == 0);
    ok(there && back.fwmark_was_off, "on, and remembers the setting");
    ok(su_legacy_record_drop(&l, &e) == 0 && su_legacy_enabled(&l, &there, &e) == 0 && !there, "off");
    ok(su_legacy_number(&l, U "0d", &again, &e) == 0 && again == 4, "the counter goes on");
    ok(su_legacy_numbers(&l, &used, &e) == 0 && su_legacy_number_of(&l, &used, U "0e", &a, &e) == 0 &&
           su_legacy_number_of(&l, &used, U "0f", &b, &e) == 0 && a == 5 && b == 6 && used.n == 3,
       "many of one list");
    su_store_close(&l.store);
    remove_store(dir);
}

/* libvirt that says what the test wants, of the one domain of its test driver. */
#define TEST_UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"
static int runs = 1, code;
static const char *xml_of_it, *stored_xml;

int virDomainIsActive(virDomainPtr dom)
{
    return dom ? runs : -1;
}
char *virDomainGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
    const char *it = flags ? stored_xml : xml_of_it;
    return dom && it ? strdup(it) : NULL;
}
int virGetLastErrorCode(void)
{
    return code;
}

/* How many ports are to be open; -1: it cannot be told. */
static int open_ports(struct su_legacy *l)
{
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports p = {0};
    e = (struct su_err){0};
    return su_legacy_collect(l, &p, &e) < 0 ? -1 : (int)p.n;
}

static void who_has_a_port(void)
{
    static const char good[] =
        "<domain><name>test</name><uuid>" TEST_UUID "</uuid><metadata><x:legacy xmlns:x='" SU_LEGACY_METADATA "'/>"
        "</metadata><devices><interface type='network'><mac address='5a:f2:50:2e:19:3f'/>"
        "<source network='surety-imds'/><target dev='im-97f2502e193f'/><filterref filter='surety-imds'/></interface>"
        "</devices></domain>";
    char dir[] = "/tmp/surety-legacy.XXXXXX", path[64];
    uint32_t n;
    struct su_legacy l = {.conn = virConnectOpen("test:///default")};
    snprintf(path, sizeof path, "%s/db", mkdtemp(dir) ? dir : "/nonexistent");
    if (!ok(l.conn && su_store_open(path, &l.store, &e) == 0, "libvirt's test driver, and a store"))
        return;
    code = VIR_ERR_NO_NETWORK;
    ok(su_legacy_number(&l, TEST_UUID, &n, &e) == 0, "a VM has a number");
    xml_of_it = good;
    ok(open_ports(&l) == 1, "it runs, with the right interface: its port is open");
    runs = 0;
    ok(open_ports(&l) == 0, "it does not run");
    runs = 1;
    xml_of_it = "<domain/>";
    ok(open_ports(&l) == 0, "what it is cannot be read");
    xml_of_it = NULL;
    ok(open_ports(&l) == -1, "libvirt does not say what it is");
    is_str(e.id, "legacy.libvirt");
    xml_of_it = good;
    runs = -1;
    ok(open_ports(&l) == -1, "nor whether it runs: no port is closed for that");
    is_str(e.id, "legacy.libvirt");
    su_store_close(&l.store);
    virConnectClose(l.conn);
    remove_store(dir);
}

/* What is said of a VM is cut, and not always between two characters of its name. */
static void cut_names(void)
{
    static const struct su_host_conf conf = {.legacy_mode = "bridge", .legacy_bridge = "vbr-imds"};
    struct su_legacy_findings f = {.n = 1, .finding = {{"legacy.vm.broken", "revoke it", "VM g\xc3: is broken"}}};
    struct su_legacy_vms none = {0};
    json_t *o = su_legacy_json(true, &conf, &f, &none, NULL, NULL);
    const json_t *first = json_array_get(json_object_get(o, "problems"), 0);
    const char *message = json_string_value(json_object_get(first, "message"));
    is_str(message ? message : "none", "VM g?: is broken");
    json_decref(o);
}

/* A host that says what the test wants. */
static struct {
    const char *vendor;
    bool no_nft, no_sysctl;
    unsigned loads; /* of rules */
} fake;

static int fake_run(void *arg, const char *const *argv, struct su_bytes input, struct su_buf *out, struct su_err *why)
{
    (void)arg, (void)input, (void)out;
    if (strcmp(argv[0], "nft") == 0 && fake.no_nft)
        return su_fail(why, SU_E_MISSING, "host.tool.missing", "nft is not installed");
    fake.loads += strcmp(argv[0], "nft") == 0 && strcmp(argv[1], "-f") == 0;
    return 0;
}
static int fake_read(void *arg, const char *path, char *out, size_t cap, struct su_err *why)
{
    (void)arg;
    if (strstr(path, "sys_vendor") && fake.vendor)
        return snprintf(out, cap, "%s", fake.vendor) < 0;
    if (strcmp(path, SU_LEGACY_SYSCTL) == 0 && !fake.no_sysctl)
        return snprintf(out, cap, "0") < 0;
    return su_fail(why, SU_E_MISSING, "legacy.kernel", "%s does not exist", path);
}
static int fake_write(void *arg, const char *path, const char *text, struct su_err *why)
{
    (void)arg, (void)path, (void)text;
    return su_fail(why, SU_E_IO, "test", "nothing is to be written");
}

static const char *preflight(struct su_legacy *l)
{
    e = (struct su_err){0};
    return su_legacy_preflight(l, &e) == 0 ? "fine" : e.id;
}

static void in_the_way(void)
{
    static const struct su_legacy_host host = {fake_run, fake_read, fake_write, NULL};
    static struct su_host_conf conf = {.legacy_mode = "bridge", .legacy_bridge = "vbr-imds"};
    struct su_legacy l = {.conf = &conf, .host = &host};
    is_str(preflight(&l), "legacy.enrolled");
    l.enrolled = true;
    is_str(preflight(&l), "legacy.offline");
    memcpy(conf.legacy_bridge, "br\"; x", 7);
    is_str(preflight(&l), "legacy.mode");
    memcpy(conf.legacy_bridge, "vbr-imds", 9);
    memcpy(conf.legacy_mode, "what", 5);
    is_str(preflight(&l), "legacy.mode");
}

/* Others work while a guest is asked to let go of a card that is not right. */
static bool goes_on(void *arg, unsigned ms)
{
    return arg && !ms;
}
static bool turned_off(void *arg, unsigned ms)
{
    struct su_err why = {0};
    ok(ms && su_legacy_record_drop(arg, &why) == 0, "legacy support is turned off meanwhile");
    return false;
}

static void off_meanwhile(void)
{
    static const struct su_legacy_host host = {fake_run, fake_read, fake_write, NULL};
    static const struct su_host_conf conf = {.legacy_mode = "bridge", .legacy_bridge = "vbr-imds"};
    const struct su_legacy_record r = {0};
    char dir[] = "/tmp/surety-legacy.XXXXXX", path[64];
    struct su_legacy l = {.conf = &conf, .host = &host, .conn = virConnectOpen("test:///default"), .pause = goes_on};
    bool changed;
    snprintf(path, sizeof path, "%s/db", mkdtemp(dir) ? dir : "/nonexistent");
    if (!ok(l.conn && su_store_open(path, &l.store, &e) == 0 && su_legacy_record_put(&l, &r, &e) == 0))
        return;
    runs = 1;
    code = VIR_ERR_NO_NETWORK;
    stored_xml = "<domain><name>test</name><uuid>" TEST_UUID "</uuid></domain>";
    xml_of_it = "<domain><name>test</name><uuid>" TEST_UUID "</uuid><devices><interface type='network'>"
                "<mac address='5a:00:00:00:00:01'/><source network='surety-imds'/></interface></devices></domain>";
    ok(su_legacy_grant(&l, "test", 0, NULL, &changed, &e) < 0 && fake.loads, "a port is opened before the card comes");
    is_str(e.id, "legacy.poweroff");
    fake.loads = 0;
    su_legacy_done(&l);
    l.pause = turned_off;
    l.pause_arg = &l;
    ok(su_legacy_grant(&l, "test", 0, NULL, &changed, &e) < 0 && fake.loads == 0, "none where there are none any more");
    is_str(e.id, "legacy.disabled");
    su_legacy_done(&l);
    su_store_close(&l.store);
    virConnectClose(l.conn);
    remove_store(dir);
}

int main(void)
{
    names();
    rules();
    domains();
    hotplug();
    cards();
    networks();
    filters();
    addresses();
    numbers();
    who_has_a_port();
    cut_names();
    off_meanwhile();
    in_the_way();
    return tap_done();
}
