/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a domain's XML, and what becomes of it for the guest. */
#include "daemon/desc.h"
#include "tests/lib/tap.h"
#include <jansson.h>

#define UUID "11111111-2222-4333-8444-555555555501"
#define HEAD                                                                                                           \
    "<domain type='qemu' id='1'><name>vm1</name><uuid>" UUID "</uuid><memory unit='MiB'>512</memory><vcpu>2</vcpu>"
#define EFI                                                                                                            \
    "<os firmware='efi'><type>hvm</type><firmware><feature enabled='yes' name='enrolled-keys'/><feature "              \
    "enabled='yes' "                                                                                                   \
    "name='secure-boot'/></firmware><loader readonly='yes' secure='yes' type='pflash'>/x.fd</loader></os>"             \
    "<features><smm state='on'/></features>"
#define TPM "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"

static struct su_vm_desc d;
static struct su_err e;

static bool reads(const char *xml, bool live)
{
    memset(&d, 0, sizeof d);
    e = (struct su_err){0};
    return su_desc_from_xml((struct su_bytes){(const uint8_t *)xml, strlen(xml)}, live, &d, &e) == 0;
}

static void security(void)
{
    static const struct {
        const char *name, *xml;
        bool boot, tpm;
    } rows[] = {
        {"Secure Boot and TPM", HEAD EFI "<devices>" TPM "</devices></domain>", true, true},
        {"without TPM", HEAD EFI "<devices/></domain>", true, false},
        {"BIOS with TPM", HEAD "<os><type>hvm</type></os><devices>" TPM "</devices></domain>", false, true},
        {"keys not said to be enrolled",
         HEAD "<os firmware='efi'><loader secure='yes' type='pflash'>/x</loader></os><features><smm "
              "state='on'/></features></domain>",
         false, false},
        {"enrolled keys refused",
         HEAD
         "<os><firmware><feature enabled='no' name='enrolled-keys'/></firmware><loader secure='yes' type='pflash'>/x"
         "</loader></os><features><smm state='on'/></features></domain>",
         false, false},
        {"secure-boot off",
         HEAD "<os><firmware><feature enabled='yes' name='enrolled-keys'/><feature enabled='no' "
              "name='secure-boot'/></firmware>"
              "<loader secure='yes' type='pflash'>/x</loader></os><features><smm state='on'/></features></domain>",
         false, false},
        {"loader not secure",
         HEAD
         "<os><firmware><feature enabled='yes' name='enrolled-keys'/></firmware><loader secure='no' type='pflash'>/x"
         "</loader></os><features><smm state='on'/></features></domain>",
         false, false},
        {"without SMM",
         HEAD
         "<os><firmware><feature enabled='yes' name='enrolled-keys'/></firmware><loader secure='yes' type='pflash'>/x"
         "</loader></os></domain>",
         false, false},
        {"TPM 1.2", HEAD "<devices><tpm><backend type='emulator' version='1.2'/></tpm></devices></domain>", false,
         false},
        {"the host's TPM", HEAD "<devices><tpm><backend type='passthrough'/></tpm></devices></domain>", false, false},
        {"QEMU arguments by hand",
         "<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><name>vm1</name><uuid>" UUID "</uuid>" EFI
         "<devices>" TPM "</devices><q:commandline><q:arg value='-x'/></q:commandline></domain>",
         false, false},
        {"the same elements in metadata", HEAD "<metadata>" EFI TPM "</metadata></domain>", false, false},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        ok(reads(rows[i].xml, true), "%s: read %s", rows[i].name, e.msg);
        ok(d.secure_boot == rows[i].boot && d.vtpm == rows[i].tpm, "%s: %d %d", rows[i].name, d.secure_boot, d.vtpm);
        is_str(d.security_type, rows[i].boot && rows[i].tpm ? "TrustedLaunch" : "");
    }
    ok(reads(HEAD EFI "<devices>" TPM "</devices></domain>", false) && !d.secure_boot && !d.vtpm && !d.running,
       "a domain that does not run claims nothing");
}

static void devices(void)
{
    ok(reads(HEAD
             "<devices><interface type='network'><mac address='52:54:00:AA:00:05'/><source network='n' bridge='br0'/>"
             "<target dev='vnet3'/></interface><interface><mac address='nonsense'/></interface>"
             "<disk type='file' device='disk'><source file='/secret/path'/><target dev='vda'/></disk>"
             "<disk device='cdrom'><target dev='sda'/></disk><disk device='disk'><target dev='vdb'/></disk>"
             "<vsock model='virtio'><cid auto='yes' address='42'/></vsock></devices></domain>",
             true),
       "devices");
    ok(d.cid == 42 && d.n_nics == 1 && d.n_disks == 2 && d.vcpus == 2 && d.memory_mib == 512, "as they are");
    is_str(d.nic[0].mac, "52:54:00:aa:00:05");
    is_str(d.nic[0].bridge, "br0");
    ok(reads(HEAD "<devices><vsock><cid address='42'/></vsock></devices></domain>", false) && d.cid == 0,
       "no context id while it does not run");
    ok(d.vsock_device && !d.agent_channel, "but that it has a device");
    ok(reads(HEAD
             "<devices><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices>"
             "</domain>",
             false) &&
           d.agent_channel && !d.vsock_device,
       "the guest agent's channel");
    ok(reads(HEAD "<devices><channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
                  "<serial><target type='virtio' name='org.qemu.guest_agent.0'/></serial></devices></domain>",
             false) &&
           !d.agent_channel,
       "another channel is none");
    static const char *const cids[] = {"0", "1", "2", "4294967295", "4294967296", "-3", "0x2a", "42x", ""};
    for (size_t i = 0; i < SU_ARRAY_LEN(cids); i++) {
        char xml[600];
        snprintf(xml, sizeof xml, HEAD "<devices><vsock><cid address='%s'/></vsock></devices></domain>", cids[i]);
        ok(reads(xml, true) && d.cid == 0, "context id \"%s\" is nobody's", cids[i]);
    }
}

static void metadata(void)
{
    static const char ns[] = "xmlns:s='" SU_DOMAIN_NS "'";
    char xml[4000];
    snprintf(xml, sizeof xml,
             HEAD "<devices><interface><mac address='52:54:00:aa:00:05'/></interface></devices><metadata>"
                  "<s:vm %s><s:location>west</s:location><s:resource-group>rg</s:resource-group>"
                  "<s:tag name='a'>1</s:tag><s:tag name='b'>2&#10;3</s:tag><s:user-data> aGVs\nbG8= </s:user-data>"
                  "<s:public-key path='/k'>ssh-rsa A</s:public-key><s:admin-user>ann</s:admin-user>"
                  "<s:address mac='52:54:00:AA:00:05' ip='10.0.0.4' prefix='24'/></s:vm>"
                  "<vm xmlns='urn:other'><location>east</location></vm></metadata></domain>",
             ns);
    ok(reads(xml, true), "metadata: %s", e.msg);
    is_str(d.location, "west");
    is_str(d.resource_group, "rg");
    is_str(d.user_data, "aGVsbG8=");
    is_str(d.nic[0].ip, "10.0.0.4");
    is_str(d.tag[1].value, "2?3");
    ok(d.n_tags == 2 && d.n_keys == 1, "tags and keys");
    ok(reads(HEAD "<metadata><s:vm xmlns:s='" SU_DOMAIN_NS
                  "'><s:user-data>not base64!</s:user-data></s:vm></metadata></domain>",
             true) &&
           d.user_data[0] == 0,
       "user data that is no base64 is left out");
}

static void refused(void)
{
    static const struct {
        const char *name, *xml;
    } rows[] = {
        {"nothing", ""},
        {"no XML", "hello"},
        {"another root", "<network/>"},
        {"no name", "<domain><uuid>" UUID "</uuid></domain>"},
        {"no UUID", "<domain><name>x</name></domain>"},
        {"a UUID that is none", "<domain><name>x</name><uuid>1234</uuid></domain>"},
        {"not closed", "<domain><name>x</name>"},
        {"a document type",
         "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><name>&a;</name><uuid>" UUID "</uuid></domain>"},
        {"an external entity",
         "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&a;</name><uuid>" UUID
         "</uuid></domain>"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        ok(!reads(rows[i].xml, true) && strcmp(e.id, "vm.xml") == 0 && d.uuid[0] == 0, "%s", rows[i].name);
    size_t n = (1 << 20) + 1;
    char *big = malloc(n + 1);
    memset(big, ' ', n);
    big[n] = 0;
    ok(!reads(big, true) && strcmp(e.id, "vm.xml-size") == 0, "too much");
    free(big);
}

static void instance(void)
{
    struct su_host_conf c = {.subscription = "00000000-0000-0000-0000-000000000000",
                             .host = "n1",
                             .cluster = "c1",
                             .legacy_bridge = "vbr-imds",
                             .license_type = "L"};
    struct su_buf json SU_BUF = {0};
    struct su_vm_facts f;
    ok(reads(HEAD EFI "<devices>" TPM "<interface><mac address='52:54:00:aa:00:05'/><source bridge='br0'/></interface>"
                      "<interface><mac address='5a:54:00:aa:00:06'/><source bridge='vbr-imds'/></interface>"
                      "<disk device='disk'><source file='/secret/path'/><target dev='vda'/></disk></devices></domain>",
             true),
       "a whole VM");
    ok(su_desc_instance(&d, &c, &json, &e) == 0, "instance metadata");
    json_t *o = json_loadb(su_buf_str(&json), json.n, 0, NULL), *sec = NULL, *nics = NULL;
    const char *name = "", *id = "", *mac = "", *ip = "?", *group = "";
    ok(json_unpack(o, "{s:{s:s,s:s,s:s,s:o},s:{s:o}}", "compute", "name", &name, "vmId", &id, "resourceGroupName",
                   &group, "securityProfile", &sec, "network", "interface", &nics) == 0,
       "has its members");
    is_str(name, "vm1");
    is_str(id, UUID);
    is_str(group, "c1");
    is_str(json_string_value(json_object_get(sec, "secureBootEnabled")), "true");
    ok(json_array_size(nics) == 1, "the card of the legacy network is not told");
    ok(json_unpack(json_array_get(nics, 0), "{s:s,s:{s:[{s:s}]}}", "macAddress", &mac, "ipv4", "ipAddress",
                   "privateIpAddress", &ip) == 0,
       "a card");
    is_str(mac, "525400AA0005");
    is_str(ip, "");
    ok(!strstr(su_buf_str(&json), "secret"), "paths of the host are not told");
    json_decref(o);
    su_desc_facts(&d, &c, &f);
    ok(f.secure_boot && f.vtpm && strcmp(f.license_type, "L") == 0, "what is signed");
    memset(d.user_data, 'A', SU_DESC_USER_DATA);
    d.n_tags = SU_DESC_TAGS;
    d.n_keys = SU_DESC_KEYS;
    for (unsigned i = 0; i < SU_DESC_TAGS; i++) {
        memset(d.tag[i].name, '"', SU_VM_WORD - 1);
        memset(d.tag[i].value, '\\', 255);
    }
    for (unsigned i = 0; i < SU_DESC_KEYS; i++)
        memset(d.key[i].data, '"', 1023);
    json.n = 0;
    ok(su_desc_instance(&d, &c, &json, &e) == 0 && json.n <= SU_VM_INSTANCE, "never more than fits: %zu", json.n);
}

/* What libvirt takes for a name, and a screen for something else. */
static void names(void)
{
    ok(reads("<domain><name>a\xE2\x80\xAE&lt;b&gt;\xC2\x85&#9;\xC3\xA4</name><uuid>" UUID "</uuid></domain>", false),
       "a name that turns the line: %s", e.msg);
    is_str(d.name, "a?<b>??\xC3\xA4");
}

int main(void)
{
    security();
    devices();
    metadata();
    refused();
    instance();
    names();
    return tap_done();
}
