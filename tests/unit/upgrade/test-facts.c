/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the facts, and the whole on libvirt's test driver. */
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/checks.h"

#define UUID_A "11111111-2222-4333-8444-555555555555"
#define UUID_B "11111111-2222-4333-8444-666666666666"

static void domain(struct su_buf *out, const char *name, const char *uuid, const char *os, const char *more,
                   const char *devices)
{
    su_buf_printf(out, "<domain type='test'><name>%s</name><uuid>%s</uuid><memory>1048576</memory><vcpu>2</vcpu>", name,
                  uuid);
    su_buf_printf(out, "<os><type arch='x86_64' machine='pc'>hvm</type>%s</os><features><acpi/></features>%s", os,
                  more);
    su_buf_printf(out, "<devices>%s</devices></domain>", devices);
}

static struct su_vm_extras extras(const char *os, const char *more, const char *devices)
{
    static struct su_domain d;
    struct su_vm_extras x = {0};
    struct su_err e = {0};
    SU_BUF struct su_buf xml = {0};
    domain(&xml, "a", UUID_A, os, more, devices);
    ok(su_domain_parse(su_buf_bytes(&xml), &d, &e) == 0 && su_extras_read(su_buf_bytes(&xml), &d, &x, &e) == 0,
       "parsed %s", e.msg);
    return x;
}

#define DISK(target, bus, more)                                                                                        \
    "<disk type='file' device='disk'><source file='/images/a'/><target dev='" target "' bus='" bus "'/>" more "</"     \
    "disk>"
#define CD(more)                                                                                                       \
    "<disk type='file' device='cdrom'><source file='/images/cd'/><target dev='sdz' bus='sata'/>" more "</disk>"
#define NIC(more) "<interface type='network'><source network='default'/>" more "</interface>"

static void read_extras(void)
{
    struct su_vm_extras x = extras("<boot dev='hd'/>", "", DISK("vda", "virtio", ""));
    ok(!x.cpu_model[0] && !x.n_serials && !x.network_first && !x.cdrom_first && !x.reboot_destroys && !x.rom_bios);
    x = extras("",
               "<on_reboot>destroy</on_reboot><cpu><model>qemu32</model><feature policy='disable' name='lm'/></cpu>",
               "<serial type='pty'/><serial type='pty'/><hostdev><rom file='/x.rom'/></hostdev>");
    is_str(x.cpu_model, "qemu32");
    ok(x.cpu_without_long_mode && x.n_serials == 2 && x.reboot_destroys && x.rom_bios);
    x = extras(
        "", "",
        DISK("sda", "scsi",
             "<address type='drive' controller='1'/>") "<controller type='scsi' index='0' model='lsilogic'/>"
                                                       "<controller type='scsi' index='1' model='virtio-scsi'/>");
    is_str(x.scsi_model, "virtio-scsi");
    ok(extras("<boot dev='network'/><boot dev='hd'/>", "", DISK("vda", "virtio", "")).network_first);
    ok(extras("<boot dev='cdrom'/><boot dev='hd'/>", "", DISK("vda", "virtio", "") CD("")).cdrom_first);
    ok(!extras("<boot dev='cdrom'/><boot dev='hd'/>", "", DISK("vda", "virtio", "")).cdrom_first, "no CD, no matter");
    ok(extras("", "", DISK("vda", "virtio", "<boot order='2'/>") NIC("<boot order='1'/>")).network_first);
    ok(!extras("", "", DISK("vda", "virtio", "<boot order='1'/>") NIC("<boot order='2'/>")).network_first);
    ok(extras("", "", DISK("vda", "virtio", "<boot order='2'/>") CD("<boot order='1'/>")).cdrom_first);
}

static void is_bus(const char *devices, const char *want)
{
    char bus[16] = "x";
    struct su_err e = {0};
    SU_BUF struct su_buf xml = {0};
    domain(&xml, "a", UUID_A, "<boot dev='hd'/>", "", devices);
    ok(su_boot_bus(su_buf_bytes(&xml), bus, &e) == 0, "%s: %s", want, e.msg);
    is_str(bus, want);
}

static void boot_bus(void)
{
    struct su_err e = {0};
    char bus[16] = "x";
    is_bus(DISK("sda", "sata", ""), "sata");
    is_bus(DISK("vda", "virtio", "") DISK("sda", "sata", ""), "virtio");
    is_bus(DISK("sda", "scsi", "") "<controller type='scsi' index='0' model='virtio-scsi'/>", "scsi");
    is_bus(DISK("sda", "scsi", "") "<controller type='scsi' index='0' model='lsilogic'/>", "");
    is_bus("", "");
    ok(su_boot_bus((struct su_bytes){(const uint8_t *)"<", 1}, bus, &e) < 0 && bus[0] == 'x', "no definition: %s",
       e.id);
}

/* Firmware descriptors ------------------------------------------------------- */

static void put(const struct su_tmpdir *t, const char *name, const char *text)
{
    struct su_err e;
    struct su_bytes b = {(const uint8_t *)text, strlen(text)};
    ok(su_tmpdir_put(t, name, 0, b, &e) == 0, "%s", name);
}

static void descriptor(const struct su_tmpdir *t, const char *name, const char *machine, const char *features,
                       const char *template)
{
    SU_BUF struct su_buf b = {0};
    su_buf_printf(&b, "{\"interface-types\":[\"uefi\"],\"mapping\":{\"device\":\"flash\",");
    su_buf_printf(&b, "\"executable\":{\"filename\":\"%s/code.fd\"},\"nvram-template\":{\"filename\":\"%s/%s\"}},",
                  t->path, t->path, template);
    su_buf_printf(&b, "\"targets\":[{\"architecture\":\"x86_64\",\"machines\":[\"%s\"]}],\"features\":[%s]}", machine,
                  features);
    put(t, name, su_buf_str(&b));
}

static void host(void)
{
    struct su_err e;
    struct su_job_options o;
    struct su_host_facts h;
    char low[300], high[300];
    SU_TMPDIR struct su_tmpdir t = SU_TMPDIR_NONE;
    su_job_options_default(&o);
    if (su_tmpdir_make(&t, 1 << 20, &e) < 0 || su_tmpdir_mkdir(&t, "low", 0, &e) < 0 ||
        su_tmpdir_mkdir(&t, "high", 0, &e) < 0)
        exit(1);
    snprintf(low, sizeof low, "%s/low", t.path);
    snprintf(high, sizeof high, "%s/high", t.path);
    const char *const dirs[] = {high, low, NULL};
    su_host_facts_read(dirs, &o, &h);
    ok(!h.descriptor && !h.loader && !h.nvram_template, "no descriptors");
    put(&t, "code.fd", "x");
    put(&t, "vars.fd", "x");
    put(&t, "low/10-broken.json", "{");
    descriptor(&t, "low/60-plain.json", "pc-*", "\"acpi-s3\"", "vars.fd");
    descriptor(&t, "low/40-secure.json", "pc-q35-*", "\"secure-boot\",\"enrolled-keys\",\"requires-smm\"", "gone.fd");
    su_host_facts_read(dirs, &o, &h);
    ok(h.descriptor && h.loader && !h.nvram_template, "a template that is not there");
    put(&t, "high/40-secure.json", "");
    su_host_facts_read(dirs, &o, &h);
    ok(!h.descriptor, "an empty file hides one of the same name");
    descriptor(&t, "high/30-mine.json", "pc-q35-*", "\"secure-boot\",\"enrolled-keys\",\"requires-smm\"", "vars.fd");
    su_host_facts_read(dirs, &o, &h);
    ok(h.descriptor && h.loader && h.nvram_template && strstr(h.template_file, "/vars.fd"));
    o.machine = SU_MACHINE_I440FX;
    su_host_facts_read(dirs, &o, &h);
    ok(h.descriptor && h.nvram_template, "UEFI without Secure Boot, for i440fx");
}

static void already(void)
{
    static struct su_domain d;
    struct su_job_options o;
    su_job_options_default(&o);
    ok(!su_vm_same_already(&d, &o));
    d.firmware = SU_FIRMWARE_UEFI;
    d.tpm = SU_YES;
    ok(!su_vm_same_already(&d, &o), "Secure Boot is missing");
    o.secure_boot = false;
    ok(su_vm_same_already(&d, &o), "and was not asked for");
    o.secure_boot = true;
    d.loader_secure = SU_YES;
    ok(su_vm_same_already(&d, &o));
    d.secure_boot_feature = SU_NO;
    ok(!su_vm_same_already(&d, &o), "SMM alone is no Secure Boot");
    d.secure_boot_feature = SU_YES;
    d.tpm = SU_NO;
    ok(!su_vm_same_already(&d, &o), "the vTPM is missing");
}

/* All of it, on libvirt's test driver ------------------------------------------- */

static bool says(const struct su_check_verdict *v, const char *id, enum su_check_severity s)
{
    for (unsigned i = 0; i < v->n; i++)
        if (strcmp(v->finding[i].id, id) == 0 && v->finding[i].severity == s)
            return true;
    return false;
}

static void vm(struct su_buf *xml, const struct su_tmpdir *t, const char *name, const char *uuid, const char *disk)
{
    char devices[1024];
    snprintf(devices, sizeof devices,
             "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s/%s'/><target dev='vda' "
             "bus='virtio'/></disk>",
             t->path, disk);
    domain(xml, name, uuid, "<boot dev='hd'/>", "", devices);
}

static void whole(void)
{
    char uri[400];
    struct su_err e = {0};
    struct su_job_options o;
    SU_HV struct su_hv *hv = NULL;
    SU_INVENTORY struct su_inventory *inv = NULL;
    SU_VM_FACTS struct su_vm_facts *f = NULL;
    SU_TMPDIR struct su_tmpdir t = SU_TMPDIR_NONE;
    SU_BUF struct su_buf xml = {0};
    SU_FREE struct su_check_verdict *v = calloc(1, sizeof *v);
    su_job_options_default(&o);
    if (!v || su_tmpdir_make(&t, 1 << 20, &e) < 0)
        exit(1);
    put(&t, "disk.raw", "nothing");
    su_buf_text(&xml, "<node>");
    vm(&xml, &t, "a", UUID_A, "disk.raw");
    vm(&xml, &t, "b", UUID_B, "disk.raw");
    su_buf_text(&xml, "</node>");
    put(&t, "node.xml", su_buf_str(&xml));
    snprintf(uri, sizeof uri, "test://%s/node.xml", t.path);
    ok(su_hv_open(uri, &hv, &e) == 0 && su_inventory_read(hv, &inv, &e) == 0, "%s", e.msg);
    ok(su_vm_facts_read(hv, "a", &o, (struct su_facts_ask){0}, inv, &f, &e) == 0, "%s", e.msg);
    ok(f && f->test_driver && f->local && f->live && f->use[0].used_by_other);
    su_checks_run(f, true, v);
    ok(says(v, "vm.disk.used", SU_CHECK_STOP), "b uses the same disk");
    ok(says(v, "vm.practice.test-driver", SU_CHECK_NOTE));
    ok(!says(v, "vm.disk.looked", SU_CHECK_UNKNOWN), "nobody asked");
    su_vm_facts_freep(&f);
    ok(su_vm_facts_read(hv, UUID_B, &o, (struct su_facts_ask){0}, NULL, &f, &e) == 0, "with an inventory of its own");
    ok(f && f->use[0].used_by_other && strcmp(f->use[0].other, "a") == 0);
    su_vm_facts_freep(&f);
    ok(su_vm_facts_read(hv, "nobody", &o, (struct su_facts_ask){0}, inv, &f, &e) < 0 && strcmp(e.id, "vm.none") == 0);
    ok(!f);
}

int main(void)
{
    read_extras();
    boot_bus();
    host();
    already();
    whole();
    return tap_done();
}
