/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs without libvirt: a file each. */
#include "base/clean.h"
#include "desc.h"
#include <stdio.h>
#include <string.h>

struct file_values {
    char uuid[SU_UUID_TEXT], name[SU_VM_NAME], socket[512], pid_file[512], location[SU_VM_WORD],
        resource_group[SU_VM_WORD];
    uint32_t cid, vcpus, memory;
    bool secure_boot, vtpm;
};
#define AT(m) offsetof(struct file_values, m), sizeof(((struct file_values *)0)->m)
static const struct su_conf_row rows[] = {
    {"vm", "uuid", SU_CONF_STRING, AT(uuid), NULL, 0, 0, NULL},
    {"vm", "name", SU_CONF_STRING, AT(name), NULL, 0, 0, NULL},
    {"vm", "socket", SU_CONF_STRING, AT(socket), "", 0, 0, NULL},
    {"vm", "cid", SU_CONF_UINT, AT(cid), "0", 0, UINT32_MAX - 1, NULL},
    {"vm", "pid-file", SU_CONF_STRING, AT(pid_file), "", 0, 0, NULL},
    {"vm", "secure-boot", SU_CONF_BOOL, AT(secure_boot), "no", 0, 0, NULL},
    {"vm", "vtpm", SU_CONF_BOOL, AT(vtpm), "no", 0, 0, NULL},
    {"vm", "location", SU_CONF_STRING, AT(location), "", 0, 0, NULL},
    {"vm", "resource-group", SU_CONF_STRING, AT(resource_group), "", 0, 0, NULL},
    {"vm", "vcpus", SU_CONF_UINT, AT(vcpus), "0", 0, 65536, NULL},
    {"vm", "memory", SU_CONF_UINT, AT(memory), "0", 0, UINT32_MAX - 1, NULL},
};

static int check(const struct file_values *v, const char *name, struct su_err *e)
{
    struct su_vm_desc *none = NULL;
    if (!su_uuid_valid(v->uuid))
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: uuid is not a UUID in lower case", name);
    if (!v->name[0])
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: the name is empty", name);
    if (v->socket[0] && (v->socket[0] != '/' || strlen(v->socket) + 12 > sizeof none->socket))
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: socket is not an absolute path of at most %zu bytes", name,
                       sizeof none->socket - 12);
    if (!v->socket[0] && v->cid == 0)
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: neither socket nor cid says how the VM is known", name);
    if (v->socket[0] && v->cid)
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: with socket, the VMM decides about the cid: leave one out",
                       name);
    if (v->cid && v->cid <= 2)
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: cid %u is not a VM's", name, v->cid);
    if (v->pid_file[0] && v->pid_file[0] != '/')
        return su_fail(e, SU_E_FORMAT, "vm.file", "%s: pid-file is not an absolute path", name);
    return 0;
}

int su_desc_from_file(struct su_bytes text, const char *name, struct su_vm_desc *out, struct su_err *e)
{
    struct file_values v = {0};
    if (su_conf_parse(rows, SU_ARRAY_LEN(rows), text, name, &v, sizeof v, e) < 0 || check(&v, name, e) < 0)
        return -1;
    memset(out, 0, sizeof *out);
    memcpy(out->uuid, v.uuid, sizeof out->uuid);
    su_clean(out->name, sizeof out->name, v.name);
    memcpy(out->socket, v.socket, sizeof out->socket - 1);
    memcpy(out->pid_file, v.pid_file, sizeof out->pid_file);
    su_clean(out->location, sizeof out->location, v.location);
    su_clean(out->resource_group, sizeof out->resource_group, v.resource_group);
    out->running = true;
    out->vsock_device = true;
    out->cid = v.cid;
    out->secure_boot = v.secure_boot;
    out->vtpm = v.vtpm;
    if (v.secure_boot && v.vtpm)
        snprintf(out->security_type, sizeof out->security_type, "TrustedLaunch");
    out->vcpus = v.vcpus;
    out->memory_mib = v.memory;
    return 0;
}
