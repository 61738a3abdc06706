/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/desc.h - what one source (libvirt, or a file of vms.d) says of one VM.
 *
 * domxml.c and vmfile.c make it from bytes, instance.c makes instance metadata of it, vmtab.c keeps what it needs of
 * it.  It is large: one at a time, never one for each VM.  Every string is UTF-8 without control characters, cut at its
 * array's end. */
#pragma once
#include "wire/hostconf.h"

enum { SU_DESC_NICS = 16, SU_DESC_DISKS = 32, SU_DESC_TAGS = 32, SU_DESC_KEYS = 8, SU_DESC_USER_DATA = 16 << 10 };

/* Of the domain's <metadata>: <surety:vm xmlns:surety="urn:surety:domain:1">; docs/operations.md lists its elements.
 * Whoever may edit the domain writes it, so nothing of it is ever signed. */
#define SU_DOMAIN_NS "urn:surety:domain:1"

struct su_desc_nic {
    char mac[18];    /* "52:54:00:aa:00:05", lower case */
    char target[16]; /* name of the tap on the host; "" while not running */
    char bridge[16], network[SU_VM_WORD];
    char ip[46], prefix[4], public_ip[46]; /* told by the metadata; "" */
};

struct su_vm_desc {
    char uuid[SU_UUID_TEXT];
    char name[SU_VM_NAME];
    bool running;
    uint32_t cid;       /* vsock context id in use; 0: none */
    char socket[108];   /* hybrid vsock: the VMM's Unix socket, without "_169"; "": none */
    char pid_file[512]; /* "": none known; its process is the VM */
    char firmware[8];   /* "bios", "uefi"; "": not told */
    bool secure_boot, vtpm;
    char security_type[32];
    bool vsock_device;             /* it has one, running or not */
    bool agent_channel;            /* the QEMU guest agent's */
    bool vsock_later, agent_later; /* it runs without, and has it from its next start on */
    bool custom_command;           /* libvirt's qemu:commandline or qemu:override: what the XML says may not be so */
    uint32_t vcpus;
    uint64_t memory_mib;
    char os_type[16]; /* "Linux", "Windows", "" */
    unsigned n_nics, n_disks, n_tags, n_keys;
    struct su_desc_nic nic[SU_DESC_NICS];
    char disk[SU_DESC_DISKS][16]; /* target names; paths of the host are not a guest's business */
    char location[SU_VM_WORD], resource_group[SU_VM_WORD], admin_user[SU_VM_WORD], vm_size[SU_VM_WORD];
    struct {
        char name[SU_VM_WORD], value[256];
    } tag[SU_DESC_TAGS];
    struct {
        char path[256], data[1024];
    } key[SU_DESC_KEYS];
    char user_data[SU_DESC_USER_DATA + 1]; /* base64 */
};

/* A domain's XML as libvirt prints it; live: of a running domain (virDomainGetXMLDesc without
 * VIR_DOMAIN_XML_INACTIVE).  What Secure Boot and vTPM need to count stands in docs/operations.md.
 * SU_E_FORMAT "vm.xml", SU_E_RANGE "vm.xml-size". */
int su_desc_from_xml(struct su_bytes xml, bool live, struct su_vm_desc *out, struct su_err *e) SU_MUST_CHECK;

/* A file of vms.d (surety.conf(5)); name is for messages.  "conf...." errors, and SU_E_FORMAT "vm.file". */
int su_desc_from_file(struct su_bytes text, const char *name, struct su_vm_desc *out, struct su_err *e) SU_MUST_CHECK;

/* The answer of /metadata/instance in its newest form, at most SU_VM_INSTANCE bytes: user data, then keys and tags
 * are left out when it would be more. */
int su_desc_instance(const struct su_vm_desc *d, const struct su_host_conf *c, struct su_buf *out,
                     struct su_err *e) SU_MUST_CHECK;
/* What is signed of it. */
void su_desc_facts(const struct su_vm_desc *d, const struct su_host_conf *c, struct su_vm_facts *out);
