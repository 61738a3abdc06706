/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A domain's XML as facts. */
#include "domain_int.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QEMU_NS "http://libvirt.org/schemas/domain/qemu/1.0"
#define OSINFO_NS "http://libosinfo.org/xmlns/libvirt/domain/1.0"
#define AGENT_CHANNEL "org.qemu.guest_agent.0"

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* Names of the two chipsets: QEMU's own, those of RHEL and of Ubuntu. */
static enum su_chipset chipset(const char *machine)
{
    static const char *const i440fx[] = {"",      "pc",   "pc-i440fx", "ubuntu",  "trusty", "utopic",
                                         "vivid", "wily", "xenial",    "yakkety", "zesty",  NULL};
    static const char *const i440fx_family[] = {"pc-i440fx-", "pc-0.", "pc-1.", "rhel5.", "rhel6."};
    if (su_dx_one_of(machine, i440fx))
        return SU_CHIPSET_I440FX;
    for (size_t i = 0; i < SU_ARRAY_LEN(i440fx_family); i++)
        if (starts(machine, i440fx_family[i]))
            return SU_CHIPSET_I440FX;
    return strcmp(machine, "q35") == 0 || strcmp(machine, "ubuntu-q35") == 0 || starts(machine, "pc-q35-")
               ? SU_CHIPSET_Q35
               : SU_CHIPSET_OTHER;
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + ('a' - 'A'));
}

static bool uuid_valid(const char *s)
{
    for (unsigned i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-'
                                                    : !((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
            return false;
    return s[36] == 0;
}

static uint64_t memory_kib(const xmlNode *n)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {
        {"KiB", 1024},
        {"", 1024},
        {"k", 1024},
        {"MiB", 1 << 20},
        {"M", 1 << 20},
        {"GiB", 1 << 30},
        {"G", 1 << 30},
        {"TiB", UINT64_C(1) << 40},
        {"T", UINT64_C(1) << 40},
        {"b", 1},
        {"bytes", 1},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", UINT64_C(1000000000000)},
    };
    char text[24], unit[8], *end;
    su_dx_text(n, text, sizeof text);
    su_dx_attr(n, "unit", unit, sizeof unit);
    errno = 0;
    unsigned long long v = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    for (size_t i = 0; v && i < SU_ARRAY_LEN(units); i++)
        if (strcmp(unit, units[i].unit) == 0 && errno == 0 && *end == 0 && v <= UINT64_MAX / units[i].bytes)
            return v * units[i].bytes / 1024;
    return 0;
}

/* A loader that is no pflash is a rom: SeaBIOS, or OVMF without variables, which only its name tells. */
static bool rom_is_uefi(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return strcasestr(name, "ovmf") || strcasestr(name, "edk2") || strcasestr(name, "efi");
}

static void read_os(const xmlNode *root, struct su_domain *d)
{
    const xmlNode *os = su_dx_child(root, "os"), *type = su_dx_child(os, "type");
    const xmlNode *loader = su_dx_child(os, "loader"), *nvram = su_dx_child(os, "nvram");
    const xmlNode *smm = su_dx_path(root, "features", "smm");
    su_dx_text(type, d->os_type, sizeof d->os_type);
    su_dx_attr(type, "arch", d->arch, sizeof d->arch);
    su_dx_attr(type, "machine", d->machine, sizeof d->machine);
    d->chipset = chipset(d->machine);
    d->auto_firmware = su_dx_is(os, "firmware", "efi");
    su_dx_text_path(loader, d->loader, sizeof d->loader);
    su_dx_text_path(nvram, d->nvram, sizeof d->nvram);
    d->firmware = d->auto_firmware || nvram || su_dx_is(loader, "type", "pflash") || rom_is_uefi(d->loader)
                      ? SU_FIRMWARE_UEFI
                      : SU_FIRMWARE_BIOS;
    d->loader_secure = su_dx_yes(loader, "secure");
    d->secure_boot_feature = su_dx_yes(su_dx_feature(os, "secure-boot"), "enabled");
    d->smm = smm && !su_dx_is(smm, "state", "off");
    d->acpi = su_dx_path(root, "features", "acpi") != NULL;
    d->kernel_boot = su_dx_child(os, "kernel") != NULL;
}

static void read_disk(const xmlNode *n, struct su_dom_disk *k)
{
    const xmlNode *source = su_dx_child(n, "source"), *target = su_dx_child(n, "target");
    const xmlNode *driver = su_dx_child(n, "driver");
    if (!su_dx_attr(n, "device", k->device, sizeof k->device))
        snprintf(k->device, sizeof k->device, "disk");
    if (!su_dx_attr(n, "type", k->type, sizeof k->type))
        snprintf(k->type, sizeof k->type, "file");
    su_dx_attr(target, "dev", k->target, sizeof k->target);
    su_dx_attr(target, "bus", k->bus, sizeof k->bus);
    if (strcmp(k->type, "file") == 0)
        su_dx_attr_path(source, "file", k->source, sizeof k->source);
    else if (strcmp(k->type, "block") == 0)
        su_dx_attr_path(source, "dev", k->source, sizeof k->source);
    su_dx_attr(driver, "type", k->format, sizeof k->format);
    k->read_only = su_dx_child(n, "readonly") || strcmp(k->device, "cdrom") == 0;
    k->shareable = su_dx_child(n, "shareable") != NULL;
    k->transient = su_dx_child(n, "transient") != NULL;
    k->boot_order = su_dx_number(su_dx_child(n, "boot"), "order", INT32_MAX, 0);
    k->logical_sector = su_dx_number(su_dx_child(n, "blockio"), "logical_block_size", 1 << 20, 0);
}

static void read_nic(const xmlNode *n, struct su_dom_nic *c)
{
    struct su_dx_pci at = su_dx_pci(n);
    su_dx_attr(su_dx_child(n, "mac"), "address", c->mac, sizeof c->mac);
    lower(c->mac);
    su_dx_attr(n, "type", c->type, sizeof c->type);
    su_dx_attr(su_dx_child(n, "model"), "type", c->model, sizeof c->model);
    su_dx_attr(su_dx_child(n, "target"), "dev", c->target, sizeof c->target);
    c->pci = at.has;
    c->domain = at.domain;
    c->bus = at.bus;
    c->slot = at.slot;
    c->function = at.function;
}

/* An emulator of TPM 2.0, libvirt's own or another process; TIS without a version may be either. */
static bool tpm_good(const xmlNode *tpm)
{
    const xmlNode *b = su_dx_child(tpm, "backend");
    char version[8];
    bool said = su_dx_attr(b, "version", version, sizeof version);
    if (su_dx_is(b, "type", "emulator"))
        return said ? strcmp(version, "2.0") == 0 : su_dx_is(tpm, "model", "tpm-crb");
    return su_dx_is(b, "type", "external") && (!said || strcmp(version, "2.0") == 0);
}

static void read_tpm(const xmlNode *devices, struct su_domain *d)
{
    const xmlNode *shown = NULL;
    d->tpm = SU_NO;
    for (xmlNode *n = su_dx_child(devices, "tpm"); n && d->tpm != SU_YES; n = su_dx_next(n, "tpm")) {
        d->tpm = tpm_good(n) ? SU_YES : SU_UNKNOWN;
        shown = d->tpm == SU_YES || !shown ? n : shown;
    }
    su_dx_attr(shown, "model", d->tpm_model, sizeof d->tpm_model);
    su_dx_attr(su_dx_child(shown, "backend"), "type", d->tpm_backend, sizeof d->tpm_backend);
    d->persistent_tpm = su_dx_is(su_dx_child(shown, "backend"), "persistent_state", "yes");
}

static void read_hostdev(const xmlNode *n, struct su_domain *d)
{
    d->n_hostdevs_pci += su_dx_is(n, "type", "pci") || su_dx_is(n, "type", "mdev");
    d->n_hostdevs_usb += su_dx_is(n, "type", "usb");
}

static void read_interface(const xmlNode *n, struct su_domain *d)
{
    struct su_dx_pci at = su_dx_pci(n);
    d->n_hostdevs_pci += su_dx_passthrough_nic(n);
    d->n_nics_elsewhere += at.has && (at.bus || at.domain);
    if (d->n_nics < SU_DOM_NICS)
        read_nic(n, &d->nic[d->n_nics++]);
    else
        d->more = true;
}

static void read_a_disk(const xmlNode *n, struct su_domain *d)
{
    d->floppy |= su_dx_is(n, "device", "floppy");
    d->ide |= su_dx_is(su_dx_child(n, "target"), "bus", "ide");
    if (d->n_disks < SU_DOM_DISKS)
        read_disk(n, &d->disk[d->n_disks++]);
    else
        d->more = true;
}

static void read_channel(const xmlNode *n, struct su_domain *d)
{
    const xmlNode *t = su_dx_child(n, "target");
    if (!su_dx_is(t, "name", AGENT_CHANNEL))
        return;
    d->agent_channel = true;
    d->agent_connected = su_dx_is(t, "state", "connected");
}

static void read_controller(const xmlNode *n, struct su_domain *d)
{
    static const char *const bridges[] = {"pci-bridge", "pci-expander-bus", NULL};
    char model[32];
    su_dx_attr(n, "model", model, sizeof model);
    d->n_pci_bridges += su_dx_is(n, "type", "pci") && su_dx_one_of(model, bridges);
}

static void read_sound(const xmlNode *n, struct su_domain *d)
{
    d->isa_sound |= su_dx_is(n, "model", "sb16") || su_dx_is(n, "model", "pcspk");
}

static void read_shmem(const xmlNode *n, struct su_domain *d)
{
    (void)n;
    d->n_shmem++;
}

static void read_memory_device(const xmlNode *n, struct su_domain *d)
{
    (void)n;
    d->memory_hotplug = true;
}

static void read_iommu(const xmlNode *n, struct su_domain *d)
{
    (void)n;
    d->iommu = true;
}

static void read_devices(const xmlNode *devices, struct su_domain *d)
{
    static const struct {
        const char *name;
        void (*read)(const xmlNode *n, struct su_domain *d);
    } kinds[] = {
        {"disk", read_a_disk},     {"interface", read_interface},   {"hostdev", read_hostdev},
        {"channel", read_channel}, {"controller", read_controller}, {"sound", read_sound},
        {"shmem", read_shmem},     {"memory", read_memory_device},  {"iommu", read_iommu},
    };
    for (const xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
        for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++)
            if (su_dx_named(n, kinds[i].name))
                kinds[i].read(n, d);
}

static bool os_boots(const xmlNode *os, const char *dev)
{
    const xmlNode *b = su_dx_child(os, "boot");
    while (b && !su_dx_is(b, "dev", dev))
        b = su_dx_next(b, "boot");
    return b != NULL;
}

/* The disk with the lowest <boot order>, else, when <boot dev='hd'> or nothing is said, the first one. */
static uint32_t boot_disk(const xmlNode *os, const struct su_domain *d)
{
    uint32_t best = UINT32_MAX, first = UINT32_MAX;
    for (uint32_t i = 0; i < d->n_disks; i++) {
        const struct su_dom_disk *k = &d->disk[i];
        if (strcmp(k->device, "disk") != 0 && strcmp(k->device, "lun") != 0)
            continue;
        first = first == UINT32_MAX ? i : first;
        if (k->boot_order && (best == UINT32_MAX || k->boot_order < d->disk[best].boot_order))
            best = i;
    }
    if (best != UINT32_MAX)
        return best;
    return os_boots(os, "hd") || !su_dx_child(os, "boot") ? first : UINT32_MAX;
}

static void read_metadata(const xmlNode *metadata, struct su_domain *d)
{
    for (const xmlNode *n = metadata ? metadata->children : NULL; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE)
            continue;
        if (su_dx_in(n, SU_UPGRADE_NS) && strcmp((const char *)n->name, "upgrade") == 0)
            su_dx_attr(n, "state", d->upgrade_state, sizeof d->upgrade_state);
        if (!su_dx_in(n, OSINFO_NS) || strcmp((const char *)n->name, "libosinfo") != 0)
            continue;
        for (const xmlNode *os = n->children; os; os = os->next)
            if (os->type == XML_ELEMENT_NODE && strcmp((const char *)os->name, "os") == 0)
                su_dx_attr(os, "id", d->os_id, sizeof d->os_id);
    }
}

/* Arguments of QEMU that name what only i440fx has. */
static bool names_i440fx(const xmlNode *commandline)
{
    static const char *const words[] = {"pci.0", "PIIX", "piix", "i440", "ide.0", "ide.1"};
    for (const xmlNode *n = commandline->children; n; n = n->next) {
        char value[4096];
        if (n->type != XML_ELEMENT_NODE)
            continue;
        su_dx_attr(n, "value", value, sizeof value);
        for (size_t i = 0; i < SU_ARRAY_LEN(words); i++)
            if (strstr(value, words[i]))
                return true;
    }
    return false;
}

static void read_qemu(const xmlNode *root, struct su_domain *d)
{
    for (const xmlNode *n = root->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || !su_dx_in(n, QEMU_NS))
            continue;
        bool arguments = strcmp((const char *)n->name, "commandline") == 0;
        d->qemu_commandline |= arguments || strcmp((const char *)n->name, "override") == 0;
        d->qemu_names_i440fx |= arguments && names_i440fx(n);
    }
}

int su_dx_facts(xmlDoc *doc, struct su_domain *d, struct su_err *e)
{
    const xmlNode *root = xmlDocGetRootElement(doc), *devices = su_dx_child(root, "devices");
    char vcpus[16];
    su_dx_text(su_dx_child(root, "name"), d->name, sizeof d->name);
    su_dx_text(su_dx_child(root, "uuid"), d->uuid, sizeof d->uuid);
    lower(d->uuid);
    if (!uuid_valid(d->uuid) || !d->name[0])
        return su_fail(e, SU_E_FORMAT, "vm.xml", "the domain's XML has no UUID or no name");
    su_dx_attr(root, "type", d->virt_type, sizeof d->virt_type);
    read_os(root, d);
    d->memory_kib = memory_kib(su_dx_child(root, "memory"));
    su_dx_text(su_dx_child(root, "vcpu"), vcpus, sizeof vcpus);
    d->vcpus = (uint32_t)strtoul(vcpus, NULL, 10);
    d->memory_hotplug = su_dx_child(root, "maxMemory") != NULL;
    d->launch_security = su_dx_child(root, "launchSecurity") != NULL;
    d->xen = strcmp(d->virt_type, "xen") == 0 || starts(d->machine, "xen");
    read_devices(devices, d);
    read_tpm(devices, d);
    read_metadata(su_dx_child(root, "metadata"), d);
    read_qemu(root, d);
    d->boot_disk = boot_disk(su_dx_child(root, "os"), d);
    return 0;
}

int su_domain_parse(struct su_bytes xml, struct su_domain *out, struct su_err *e)
{
    xmlDoc *doc SU_DX_DOC = su_dx_read(xml, e);
    struct su_domain *d SU_FREE = doc ? calloc(1, sizeof *d) : NULL;
    if (!doc)
        return -1;
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    if (su_dx_facts(doc, d, e) < 0)
        return -1;
    *out = *d;
    return 0;
}
