/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a definition, what is refused, and the edges of the transformation. */
#include "tests/lib/tap.h"
#include "upgrade/domain.h"
#include <stdlib.h>

#define NAMES "<name>vm</name><uuid>11111111-2222-4333-8444-555555555501</uuid>"
#define OS "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>"
#define VM(os, devices) "<domain type='qemu'>" NAMES os "<devices>" devices "</devices></domain>"
#define SLOT(s, b, f) "<address type='pci' domain='0x0000' bus='" b "' slot='" s "' function='" f "'/>"
#define NIC(mac, address) "<interface type='network'><mac address='52:54:00:00:00:" mac "'/>" address "</interface>"
#define DISK(dev, bus, rest)                                                                                           \
    "<disk type='file' device='disk'><source file='/x/" dev "'/><target dev='" dev "' bus='" bus "'/>" rest "</disk>"

static struct su_domain d;
static struct su_domain_notes notes;
static struct su_err e;

static struct su_bytes text(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static bool reads(const char *xml)
{
    e = (struct su_err){0};
    memset(&d, 0x5A, sizeof d);
    return su_domain_parse(text(xml), &d, &e) == 0;
}

static const struct su_domain_target all = {.secure_boot = true, .vtpm = true};

static bool upgrades(const char *xml, const struct su_domain_target *t, struct su_buf *out)
{
    e = (struct su_err){0};
    notes = (struct su_domain_notes){0};
    su_buf_done(out);
    *out = (struct su_buf){0};
    return su_domain_upgrade(text(xml), t, out, &notes, &e) == 0;
}

static bool noted(const char *id, const char *part)
{
    for (unsigned i = 0; i < notes.n; i++)
        if (strcmp(notes.note[i].id, id) == 0 && strstr(notes.note[i].text, part))
            return true;
    return false;
}

static void forms(void)
{
    static const struct {
        const char *name, *xml, *id;
    } rows[] = {
        {"no XML", "hello", "vm.xml"},
        {"another document", "<network/>", "vm.xml"},
        {"nothing", "", "vm.xml-size"},
        {"entities", "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain>" NAMES "</domain>", "vm.xml"},
        {"no name", "<domain><uuid>11111111-2222-4333-8444-555555555501</uuid></domain>", "vm.xml"},
        {"no UUID", "<domain><name>a</name></domain>", "vm.xml"},
        {"a UUID that is none", "<domain><name>a</name><uuid>1111111-12222-4333-8444-555555555501</uuid></domain>",
         "vm.xml"},
        {"a foreign name", "<domain xmlns='urn:x'>" NAMES "</domain>", "vm.xml"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        ok(!reads(rows[i].xml) && e.id && strcmp(e.id, rows[i].id) == 0, "%s: %s", rows[i].name, rows[i].id);
        ok(d.n_disks == 0x5A5A5A5A, "%s: the output is as it was", rows[i].name);
    }
}

static void facts(void)
{
    ok(reads("<domain type='qemu' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>" NAMES
             "<metadata><l:libosinfo xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'><l:os "
             "id='http://debian.org/debian/12'/></l:libosinfo><s:upgrade xmlns:s='" SU_UPGRADE_NS
             "' state='done'/></metadata><memory unit='GiB'>2</memory><vcpu current='1'>4</vcpu>" OS
             "<devices>" DISK("vdb", "virtio", "<boot order='2'/><shareable/>")
                 DISK("vda", "virtio", "<driver type='qcow2'/><boot order='1'/><blockio logical_block_size='4096'/>")
                     NIC("AB", SLOT("0x03", "0x00",
                                    "0x0")) "<channel><target type='virtio' name='org.qemu.guest_agent.0' "
                                            "state='connected'/></channel></devices>"
                                            "<q:commandline><q:arg value='edu,bus=pci.0'/></q:commandline></domain>"),
       "a definition is read");
    ok(d.memory_kib == 2u << 20 && d.vcpus == 4, "memory and processors");
    ok(d.n_disks == 2 && d.boot_disk == 1, "the boot order decides");
    ok(d.disk[1].logical_sector == 4096 && !strcmp(d.disk[1].format, "qcow2") && d.disk[0].shareable, "a disk's facts");
    ok(d.n_nics == 1 && !strcmp(d.nic[0].mac, "52:54:00:00:00:ab") && d.nic[0].slot == 3, "a card's facts");
    ok(d.agent_channel && d.agent_connected && d.qemu_names_i440fx, "channel, arguments of QEMU");
    is_str(d.os_id, "http://debian.org/debian/12");
    is_str(d.upgrade_state, "done");
    ok(d.tpm == SU_NO && d.firmware == SU_FIRMWARE_BIOS && !d.acpi, "BIOS without TPM");
    ok(reads(VM("<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>",
                DISK("vda", "virtio", ""))) &&
           d.boot_disk == UINT32_MAX,
       "booted from the network");
    ok(reads(VM(OS, "<disk type='file'><source file='/a&#10;b'/><target dev='vda' bus='virtio'/></disk>")) &&
           !d.disk[0].source[0],
       "a path with a control character is none");
    ok(reads(VM(OS, "<disk type='file'><source file='a/b'/><target dev='v&#x9b;a'/></disk>")) && !d.disk[0].source[0] &&
           !strcmp(d.disk[0].target, "v??a"),
       "a relative path is none; control characters are not shown");
}

static void chipsets(void)
{
    static const struct {
        const char *machine;
        enum su_chipset chipset;
    } rows[] = {
        {"pc", SU_CHIPSET_I440FX},
        {"pc-i440fx-2.6", SU_CHIPSET_I440FX},
        {"pc-i440fx-rhel7.6.0", SU_CHIPSET_I440FX},
        {"pc-i440fx-jammy", SU_CHIPSET_I440FX},
        {"pc-1.0", SU_CHIPSET_I440FX},
        {"rhel6.6.0", SU_CHIPSET_I440FX},
        {"q35", SU_CHIPSET_Q35},
        {"pc-q35-rhel9.2.0", SU_CHIPSET_Q35},
        {"isapc", SU_CHIPSET_OTHER},
        {"microvm", SU_CHIPSET_OTHER},
        {"xenfv", SU_CHIPSET_OTHER},
        {"pcx", SU_CHIPSET_OTHER},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char xml[512];
        snprintf(xml, sizeof xml, VM("<os><type arch='x86_64' machine='%s'>hvm</type></os>", ""), rows[i].machine);
        ok(reads(xml) && d.chipset == rows[i].chipset, "machine %s", rows[i].machine);
    }
}

static void refused(void)
{
    static const struct {
        const char *xml, *id;
    } rows[] = {
        {VM("<os><type arch='i686'>hvm</type></os>", ""), "vm.xml.arch"},
        {VM("<os><type arch='aarch64' machine='virt'>hvm</type></os>", ""), "vm.xml.arch"},
        {VM("<os><type arch='x86_64' machine='isapc'>hvm</type></os>", ""), "vm.xml.machine"},
        {VM("<os><type arch='x86_64' machine='microvm'>hvm</type></os>", ""), "vm.xml.machine"},
        {VM("<os><type arch='x86_64' machine='xenpv'>linux</type></os>", ""), "vm.xml.os"},
        {"<domain type='xen'>" NAMES "<os><type arch='x86_64' machine='xenfv'>hvm</type></os></domain>", "vm.xml.type"},
        {"<domain type='lxc'>" NAMES "<os><type arch='x86_64'>exe</type></os></domain>", "vm.xml.type"},
        {"<domain type='kvm'>" NAMES "<os><type arch='x86_64' machine='q35'>hvm</type></os><launchSecurity "
         "type='sev'/></domain>",
         "vm.xml.launch-security"},
        /* the test driver's own */
        {"<domain type='test' id='1'><name>test</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid><memory "
         "unit='KiB'>8388608</memory><vcpu placement='static'>2</vcpu><os><type arch='i686'>hvm</type><boot "
         "dev='hd'/></os><devices/></domain>",
         "vm.xml.arch"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_buf out SU_BUF = {0};
        ok(!upgrades(rows[i].xml, &all, &out) && !strcmp(e.id, rows[i].id) && out.n == 0, "refused: %s", rows[i].id);
    }
}

static void cards(void)
{
    struct su_buf out SU_BUF = {0};
    ok(upgrades(VM(OS, NIC("01", SLOT("0x1f", "0x00", "0x0")) NIC("02", "") NIC("03", "<address type='pci'/>")
                           NIC("04", "<address type='usb' bus='0' port='1'/>") NIC("05", SLOT("0x1f", "0x01", "0x0"))),
                &all, &out) &&
           reads(su_buf_str(&out)),
       "cards of all kinds");
    ok(d.nic[0].bus == 2 && d.nic[0].slot == 31, "the last slot");
    ok(d.nic[1].bus == 2 && d.nic[1].slot == 3 && noted("vm.xml.nic-name", "00:02"),
       "without an address: the first free");
    ok(d.nic[2].slot == 4 && d.nic[2].bus == 2, "an address that says nothing");
    ok(!d.nic[3].pci && strstr(su_buf_str(&out), "type=\"usb\" bus=\"0\" port=\"1\""), "a USB card stays");
    ok(d.nic[4].slot == 5 && noted("vm.xml.nic-name", "00:05"), "another bus whose slot is taken");
    ok(strstr(su_buf_str(&out), "pcie-to-pci-bridge") != NULL, "there is a bridge");
    ok(upgrades(VM(OS, ""), &all, &out) && !strstr(su_buf_str(&out), "pcie-to-pci-bridge"), "no card, no bridge");
}

static void too_many_cards(void)
{
    struct su_buf xml SU_BUF = {0}, out SU_BUF = {0};
    su_buf_text(&xml, "<domain type='qemu'>" NAMES OS "<devices>");
    for (unsigned i = 0; i < 40; i++)
        su_buf_printf(&xml, "<interface type='user'><mac address='52:54:00:00:01:%02x'/></interface>", i);
    su_buf_text(&xml, "</devices></domain>");
    ok(upgrades(su_buf_str(&xml), &all, &out) && reads(su_buf_str(&out)) && d.n_nics == SU_DOM_NICS && d.more,
       "more cards than slots");
    ok(d.nic[28].slot == 31 && !d.nic[29].pci && !d.nic[31].pci, "the last ones are libvirt's to place");
}

static void disks(void)
{
    struct su_buf out SU_BUF = {0};
    ok(upgrades(VM(OS, DISK("hda", "ide", "") DISK("hdb", "ide", "") DISK("sda", "usb", "")
                           DISK("sdc", "sata", "<address type='drive' controller='0' bus='0' target='0' unit='1'/>")),
                &all, &out) &&
           reads(su_buf_str(&out)),
       "IDE beside SATA and USB");
    is_str(d.disk[0].target, "sdd"); /* sda and sdc are names, port 1 (sdb) is in use, and so is sdc's own */
    ok(!strcmp(d.disk[0].bus, "sata") && !strcmp(d.disk[1].target, "sde"), "names and ports that are free");
    ok(d.disk[0].boot_order == 1 && d.boot_disk == 0 && noted("vm.xml.boot", "device"),
       "the boot disk is the same one");
    ok(noted("vm.xml.bus", "disk hda"), "and it is said");
    ok(upgrades(VM(OS, DISK("hdc", "ide", "") DISK("hda", "ide", "")), &all, &out) && reads(su_buf_str(&out)) &&
           !strcmp(d.disk[0].target, "sdb") && !strcmp(d.disk[1].target, "sda"),
       "the order is that of the names");
    ok(strstr(su_buf_str(&out), "<boot dev=\"hd\"/>") != NULL, "IDE alone: the boot order stays as it is");
}

static void tpms(void)
{
    static const struct {
        const char *tpm, *model, *backend;
        bool note;
    } rows[] = {
        {"", "tpm-crb", "emulator", false},
        {"<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>", "tpm-tis", "emulator", false},
        {"<tpm model='tpm-tis'><backend type='emulator' version='1.2'/></tpm>", "tpm-crb", "emulator", true},
        {"<tpm model='tpm-tis'><backend type='passthrough'/></tpm>", "tpm-tis", "passthrough", true},
        {"<tpm model='tpm-crb'><backend type='external'/></tpm>", "tpm-crb", "external", false},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_buf out SU_BUF = {0};
        char xml[768];
        snprintf(xml, sizeof xml, VM(OS, "%s"), rows[i].tpm);
        ok(upgrades(xml, &all, &out) && reads(su_buf_str(&out)) && !strcmp(d.tpm_model, rows[i].model) &&
               !strcmp(d.tpm_backend, rows[i].backend) && noted("vm.xml.tpm", "") == rows[i].note,
           "TPM %zu: %s, %s", i, d.tpm_model, d.tpm_backend);
    }
}

static void switches(void)
{
    struct su_buf out SU_BUF = {0};
    struct su_domain_target t = all;
    t.machine = SU_MACHINE_I440FX;
    ok(upgrades(VM(OS, DISK("hda", "ide", "")), &t, &out) && reads(su_buf_str(&out)) &&
           d.chipset == SU_CHIPSET_I440FX && d.firmware == SU_FIRMWARE_UEFI && d.tpm == SU_YES &&
           d.loader_secure != SU_YES && d.disk[0].bus[0] == 'i' && noted("vm.xml.secure-boot", ""),
       "i440fx: UEFI and vTPM, no Secure Boot, and it is said");
    ok(upgrades(VM("<os><type arch='x86_64' machine='q35'>hvm</type></os>", ""), &t, &out) && reads(su_buf_str(&out)) &&
           d.loader_secure == SU_YES,
       "a q35 stays one, with Secure Boot");
    t = (struct su_domain_target){0};
    ok(upgrades(VM(OS, ""), &t, &out) && reads(su_buf_str(&out)) && d.tpm == SU_NO && d.loader_secure == SU_UNKNOWN &&
           d.secure_boot_feature == SU_NO && d.firmware == SU_FIRMWARE_UEFI,
       "neither: UEFI alone");
    ok(upgrades(VM("<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader secure='yes'/></os>"
                   "<features><acpi/><smm state='on'/></features>",
                   ""),
                &t, &out) &&
           reads(su_buf_str(&out)) && d.loader_secure == SU_YES,
       "Secure Boot that is on is not turned off");
}

static void sources(void)
{
    static const char vm[] =
        VM(OS, DISK("hda", "ide",
                    "<driver name='qemu' type='raw'/><backingStore/>") "<disk type='block'><source "
                                                                       "dev='/dev/x'/><target dev='vdb'/></disk>"
                                                                       "<disk type='network'><source "
                                                                       "protocol='nbd'/><target dev='vdc'/></disk>");
    struct su_domain_target t = {.source = {{"hda", "/o/hda.qcow2", "qcow2"}, {"vdb", "/o/vdb.qcow2", "qcow2"}},
                                 .n_sources = 2};
    struct su_buf out SU_BUF = {0};
    ok(su_domain_sources(text(vm), &t, &out, &e) == 0 && reads(su_buf_str(&out)), "sources change");
    ok(!strcmp(d.disk[0].source, "/o/hda.qcow2") && !strcmp(d.disk[0].format, "qcow2") &&
           !strcmp(d.disk[0].target, "hda"),
       "a file");
    ok(!strcmp(d.disk[1].source, "/o/vdb.qcow2") && !strcmp(d.disk[1].type, "file"), "a device becomes a file");
    ok(!strstr(su_buf_str(&out), "backingStore") && d.firmware == SU_FIRMWARE_BIOS, "and nothing else");
    ok(upgrades(vm, &t, &out) && reads(su_buf_str(&out)) && !strcmp(d.disk[0].target, "sda") &&
           !strcmp(d.disk[0].source, "/o/hda.qcow2"),
       "targets are named as they were");
    t.source[0].target = "vdc";
    su_buf_done(&out);
    out = (struct su_buf){0};
    ok(su_domain_sources(text(vm), &t, &out, &e) < 0 && e.kind == SU_E_REFUSED && out.n == 0, "no file: refused");
    t.source[0].target = "vdz";
    ok(su_domain_sources(text(vm), &t, &out, &e) < 0 && e.kind == SU_E_MISSING && out.n == 0, "no such disk");
}

static void same(void)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"<domain><a x='1' y='2'/></domain>", "<domain>\n  <a y='2' x=\"1\"></a>\n</domain>", true},
        {"<domain id='3'><a/></domain>", "<domain><a/></domain>", true},
        {"<domain><a id='3'/></domain>", "<domain><a/></domain>", false},
        {"<domain><a><alias name='net0'/></a></domain>", "<domain><a/></domain>", true},
        {"<domain><a><alias name='ua-1'/></a></domain>", "<domain><a/></domain>", false},
        {"<domain><a/><b/></domain>", "<domain><b/><a/></domain>", false},
        {"<domain><a>1</a></domain>", "<domain><a>2</a></domain>", false},
        {"<domain><metadata><s:upgrade xmlns:s='" SU_UPGRADE_NS "' state='x'/></metadata></domain>", "<domain/>", true},
        {"<domain><metadata><s:vm xmlns:s='urn:x'/></metadata></domain>", "<domain/>", false},
        {"<domain xmlns:q='urn:q'><q:a/></domain>", "<domain xmlns:r='urn:q'><r:a/></domain>", true},
        {"<domain><a/></domain>", "<domain><a/><a/></domain>", false},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        bool got = !rows[i].same, back = got;
        ok(su_domain_same(text(rows[i].a), text(rows[i].b), &got, &e) == 0 && got == rows[i].same &&
               su_domain_same(text(rows[i].b), text(rows[i].a), &back, &e) == 0 && back == got,
           "definitions %zu are %s", i, rows[i].same ? "the same" : "not the same");
    }
    bool got = true;
    ok(su_domain_same(text("<domain/>"), text("<x/>"), &got, &e) < 0 && got, "no domain");
}

int main(void)
{
    forms();
    facts();
    chipsets();
    refused();
    cards();
    too_many_cards();
    disks();
    tpms();
    switches();
    sources();
    same();
    return tap_done();
}
