/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drivers.h"
#include "text.h"
#include <string.h>

static const struct {
    const char *name, *symbol;
} drivers[] = {
    [SU_DRIVER_AHCI] = {"ahci", "SATA_AHCI"},
    [SU_DRIVER_ATA_PIIX] = {"ata_piix", "ATA_PIIX"},
    [SU_DRIVER_ATA_GENERIC] = {"ata_generic", "ATA_GENERIC"},
    [SU_DRIVER_SD_MOD] = {"sd_mod", "BLK_DEV_SD"},
    [SU_DRIVER_VIRTIO_PCI] = {"virtio_pci", "VIRTIO_PCI"},
    [SU_DRIVER_VIRTIO_BLK] = {"virtio_blk", "VIRTIO_BLK"},
    [SU_DRIVER_VIRTIO_SCSI] = {"virtio_scsi", "SCSI_VIRTIO"},
    [SU_DRIVER_NVME] = {"nvme", "BLK_DEV_NVME"},
    [SU_DRIVER_XHCI_PCI] = {"xhci_pci", "USB_XHCI_PCI"},
    [SU_DRIVER_USB_STORAGE] = {"usb_storage", "USB_STORAGE"},
};
_Static_assert(SU_ARRAY_LEN(drivers) == SU_DRIVER_COUNT, "a driver without a name");

static const char *const states[] = {
    [SU_DRIVER_UNKNOWN] = "unknown",
    [SU_DRIVER_ABSENT] = "absent",
    [SU_DRIVER_MODULE] = "module",
    [SU_DRIVER_BUILTIN] = "builtin",
};
_Static_assert(SU_ARRAY_LEN(states) == SU_DRIVER_STATE_COUNT, "a state without a name");

const char *su_driver_name(enum su_driver d)
{
    return d < SU_DRIVER_COUNT ? drivers[d].name : "?";
}

const char *su_driver_state_name(enum su_driver_state s)
{
    return s < SU_DRIVER_STATE_COUNT ? states[s] : "?";
}

static bool same_module(const uint8_t *p, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] == '-' ? '_' : (char)p[i]) != name[i])
            return false;
    return true;
}

/* Bytes of the module's name in "name.ko", "name.ko.xz"...; 0: not a module's file. */
static size_t module_name(struct su_bytes base)
{
    static const char *const ends[] = {".ko", ".ko.xz", ".ko.gz", ".ko.zst"};
    for (size_t i = 0; i < SU_ARRAY_LEN(ends); i++) {
        size_t n = strlen(ends[i]);
        if (base.n > n && memcmp(base.p + base.n - n, ends[i], n) == 0)
            return base.n - n;
    }
    return 0;
}

enum su_driver su_driver_of(struct su_bytes path)
{
    const uint8_t *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    if (slash)
        (void)su_skip(&path, (size_t)(slash + 1 - path.p));
    size_t n = module_name(path);
    if (n == 0)
        return SU_DRIVER_COUNT;
    enum su_driver d = 0;
    while (d < SU_DRIVER_COUNT && !(strlen(drivers[d].name) == n && same_module(path.p, drivers[d].name, n)))
        d++;
    return d;
}

void su_drivers_listed(struct su_bytes text, enum su_driver_state what, enum su_driver_state state[SU_DRIVER_COUNT])
{
    struct su_bytes line;
    while (su_text_line(&text, &line)) {
        const uint8_t *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
        if (colon)
            line.n = (size_t)(colon - line.p);
        enum su_driver d = su_driver_of(line);
        if (d < SU_DRIVER_COUNT)
            state[d] = what;
    }
}

/* "CONFIG_SYMBOL=y" */
static void config_line(struct su_bytes line, enum su_driver_state out[SU_DRIVER_COUNT])
{
    if (line.n < 3 || line.p[line.n - 2] != '=')
        return;
    uint8_t value = line.p[line.n - 1];
    for (enum su_driver d = 0; d < SU_DRIVER_COUNT; d++)
        if (strlen(drivers[d].symbol) == line.n - 2 && memcmp(line.p, drivers[d].symbol, line.n - 2) == 0)
            out[d] = value == 'y' ? SU_DRIVER_BUILTIN : value == 'm' ? SU_DRIVER_MODULE : SU_DRIVER_ABSENT;
}

int su_drivers_config(struct su_bytes text, enum su_driver_state out[SU_DRIVER_COUNT], struct su_err *e)
{
    static const char prefix[] = "CONFIG_";
    enum { ENOUGH = 100 }; /* a real configuration has thousands of symbols */
    enum su_driver_state state[SU_DRIVER_COUNT];
    unsigned symbols = 0;
    for (enum su_driver d = 0; d < SU_DRIVER_COUNT; d++)
        state[d] = SU_DRIVER_ABSENT; /* a symbol that cannot be set is not mentioned at all */
    struct su_bytes line;
    while (su_text_line(&text, &line)) {
        if (line.n < sizeof prefix || memcmp(line.p, prefix, sizeof prefix - 1) != 0)
            continue;
        (void)su_skip(&line, sizeof prefix - 1);
        symbols++;
        config_line(line, state);
    }
    if (symbols < ENOUGH)
        return su_fail(e, SU_E_FORMAT, "kernel.config", "not the configuration of a kernel: %u symbols", symbols);
    memcpy(out, state, sizeof state);
    return 0;
}
