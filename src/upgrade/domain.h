/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/domain.h - a domain's XML as facts, and the XML of the same VM as Trusted Launch.  Pure: text in, text out.
 *
 * The XML is what virDomainGetXMLDesc(VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE) prints, that is libvirt's own
 * form (https://libvirt.org/formatdomain.html), of at most SU_DOMAIN_XML bytes.  Parsing uses no network, no entities
 * of its own and no files.  Thread safe.  SU_E_FORMAT "vm.xml", SU_E_RANGE "vm.xml-size". */
#pragma once
#include "base/buf.h"
#include "jobs/options.h"

enum { SU_DOMAIN_XML = 4 << 20, SU_DOM_DISKS = 64, SU_DOM_NICS = 32, SU_DOM_TEXT = 256, SU_DOM_PATH = 1024 };

enum su_chipset { SU_CHIPSET_I440FX, SU_CHIPSET_Q35, SU_CHIPSET_OTHER };
enum su_firmware { SU_FIRMWARE_BIOS, SU_FIRMWARE_UEFI };
enum su_tri { SU_UNKNOWN, SU_NO, SU_YES };

struct su_dom_disk {
    char target[16], bus[16]; /* "vda", "virtio"; "hda", "ide" */
    char device[8];           /* "disk", "cdrom", "floppy", "lun" */
    char type[12];            /* of the source: "file", "block", "network", "volume", ... */
    char source[SU_DOM_PATH]; /* path of a file or device; "": none, or not local */
    char format[16];          /* driver type: "raw", "qcow2"; "": not said */
    bool read_only, shareable, transient;
    uint32_t boot_order;     /* 0: none */
    uint32_t logical_sector; /* blockio; 0: not said */
};

struct su_dom_nic {
    char mac[18], type[16], model[24], target[16];
    bool pci; /* has a PCI address */
    uint32_t domain, bus, slot, function;
};

struct su_domain {
    char name[SU_DOM_TEXT], uuid[37], virt_type[16], arch[16], machine[64], os_type[16], os_id[SU_DOM_TEXT];
    enum su_chipset chipset;
    enum su_firmware firmware;
    bool auto_firmware;                           /* os firmware='efi' */
    char loader[SU_DOM_PATH], nvram[SU_DOM_PATH]; /* "": not said */
    enum su_tri loader_secure, secure_boot_feature;
    bool smm, acpi, kernel_boot; /* kernel_boot: direct <kernel>, or a <boot dev='network'> alone counts not */
    enum su_tri tpm;             /* SU_YES: an emulated TPM 2.0; SU_NO: none; SU_UNKNOWN: another one */
    char tpm_model[24], tpm_backend[24];
    uint64_t memory_kib;
    uint32_t vcpus;
    bool agent_channel, agent_connected; /* org.qemu.guest_agent.0; connected only in live XML */
    bool persistent_tpm;
    uint32_t n_disks, n_nics;
    bool more; /* there were more disks or cards than fit */
    struct su_dom_disk disk[SU_DOM_DISKS];
    struct su_dom_nic nic[SU_DOM_NICS];
    uint32_t boot_disk; /* index into disk: what BIOS boots, by boot order or <boot dev>; UINT32_MAX: none */
    /* what q35, UEFI or an upgrade may not carry; each is a row of checks.h */
    uint32_t n_hostdevs_pci, n_hostdevs_usb, n_shmem, n_pci_bridges, n_nics_elsewhere; /* cards on another bus than 0 */
    bool qemu_commandline, qemu_names_i440fx; /* arguments of its own; they name pci.0 or PIIX devices */
    bool floppy, ide, isa_sound, xen, memory_hotplug, launch_security, iommu;
    char upgrade_state[32]; /* <surety:upgrade state='...'> of the metadata; "" */
};
int su_domain_parse(struct su_bytes xml, struct su_domain *out, struct su_err *e) SU_MUST_CHECK;

enum { SU_NOTES_MAX = 64 };
/* What the transformation did or could not carry: rows for people and for checks.h. */
struct su_domain_notes {
    unsigned n;
    struct {
        const char *id; /* static: "vm.xml.bus", "vm.xml.video" ... */
        bool lost;      /* something is not carried, or looks different to the guest */
        char text[240];
    } note[SU_NOTES_MAX];
};

struct su_domain_target {
    bool secure_boot, vtpm;
    enum su_machine machine;
    struct {
        const char *target;          /* borrowed: the disk's target as it was, "hda" even when it becomes "sda" */
        const char *source, *format; /* borrowed: path of a file, and "qcow2" or "raw" */
    } source[SU_DOM_DISKS];          /* disks whose source changes (overlays) */
    uint32_t n_sources;
};

/* The XML of the upgraded VM: docs/vm-upgrade.md lists every change by element.  MAC addresses, disks with their buses
 * and order, boot order, channels, metadata, memory, NUMA, CPU and unknown elements are kept.  A VM that has UEFI
 * already only gets Secure Boot and TPM.  Same text in, same text out.
 * SU_E_REFUSED "vm.xml.machine", "vm.xml.arch" ... when it cannot be carried at all. */
int su_domain_upgrade(struct su_bytes xml, const struct su_domain_target *t, struct su_buf *out,
                      struct su_domain_notes *notes, struct su_err *e) SU_MUST_CHECK;

/* Only sources of disks changed (restore points without a switch of the layout). */
int su_domain_sources(struct su_bytes xml, const struct su_domain_target *t, struct su_buf *out,
                      struct su_err *e) SU_MUST_CHECK;

/* Metadata: <surety:upgrade xmlns:surety="urn:surety:upgrade:1" state="..." .../> is what surety writes. */
#define SU_UPGRADE_NS "urn:surety:upgrade:1"

/* Both texts mean the same VM for libvirt: equal after white space and what libvirt fills in by itself are left out
 * (metadata of surety, aliases).  For finding out whether somebody changed a definition meanwhile. */
int su_domain_same(struct su_bytes a, struct su_bytes b, bool *same, struct su_err *e) SU_MUST_CHECK;
