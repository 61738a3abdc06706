/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices that a VM lacks for its benefits: added to its definition, and to the running machine where that can be. */
#include "daemon/virt_int.h"
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

static const char *const devices[SU_VM_DEVICES] = {
    [SU_VM_DEVICE_VSOCK] = "<vsock model='virtio'><cid auto='yes'/></vsock>",
    [SU_VM_DEVICE_AGENT] = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
};

static void close_connp(virConnectPtr *c)
{
    if (*c)
        virConnectClose(*c);
}

static void free_domainp(virDomainPtr *d)
{
    if (*d)
        virDomainFree(*d);
}

static int refuse(struct su_err *e)
{
    su_fail(e, SU_E_IO, "vm.action.libvirt", "libvirt: %.200s", virGetLastErrorMessage());
    return -1;
}

/* With a device that the kernel cannot serve a VM would not start; one that nobody serves is of no use. */
static int check_vsock(struct su_daemon *d, struct su_err *e)
{
    su_listeners_vsock(d); /* the module may have come a moment ago */
    su_daemon_wake(d);
    if (d->facts.vsock_open)
        return 0;
    const bool off = !d->facts.vsock_wanted;
    su_fail(e, SU_E_REFUSED, "vm.action.vsock", "this host cannot serve VMs by vsock: %.160s",
            off ? "vsock-port is 0 in surety.conf" : d->facts.vsock_problem);
    return su_remedy(e, off ? "Set vsock-port in surety.conf and restart suretyd; or use the legacy network"
                            : "modprobe vhost_vsock, and keep it in /etc/modules-load.d; or use the legacy network");
}

/* Which VM this is, and whether there is anything to do. */
static int look_up(struct su_daemon *d, const char *name, enum su_vm_device what, char uuid[SU_UUID_TEXT], bool *there,
                   bool *runs, struct su_err *e)
{
    struct su_vm *vm;
    SU_HOLD(&d->lock);
    if (su_vmtab_lookup(&d->vms, name, &vm, e) < 0)
        return -1;
    if (!vm->desc || strcmp(vm->source, "libvirt") != 0) {
        su_fail(e, SU_E_REFUSED, "vm.action.source", "%.120s is no VM of libvirt's", vm->name);
        return su_remedy(e, "Add the device where the VM is defined");
    }
    *there = what == SU_VM_DEVICE_VSOCK ? vm->desc->vsock_device : vm->desc->agent_channel;
    *runs = vm->desc->running;
    memcpy(uuid, vm->uuid, SU_UUID_TEXT);
    return *there || what != SU_VM_DEVICE_VSOCK ? 0 : check_vsock(d, e);
}

static bool has(const struct su_vm_desc *desc, enum su_vm_device what)
{
    return what == SU_VM_DEVICE_VSOCK ? desc->vsock_device : desc->agent_channel;
}

static bool defined(virDomainPtr dom, enum su_vm_device what)
{
    struct su_vm_desc *desc SU_FREE = malloc(sizeof *desc);
    return desc && su_virt_defined(dom, desc) && has(desc, what);
}

static int attach(virDomainPtr dom, enum su_vm_device what, bool *changed, bool *live, struct su_err *e)
{
    bool active = virDomainIsActive(dom) == 1, kept = virDomainIsPersistent(dom) == 1;
    bool there = kept && defined(dom, what);
    if (kept && !there && virDomainAttachDeviceFlags(dom, devices[what], VIR_DOMAIN_AFFECT_CONFIG) < 0)
        return refuse(e);
    /* a machine without a free slot has it from its next start on */
    *live = active && virDomainAttachDeviceFlags(dom, devices[what], VIR_DOMAIN_AFFECT_LIVE) == 0;
    *changed = *live || !there;
    return *live || kept ? 0 : refuse(e);
}

int su_virt_add_device(struct su_daemon *d, const char *name, enum su_vm_device what, bool *changed, bool *live,
                       struct su_err *e)
{
    char uuid[SU_UUID_TEXT];
    bool there = false;
    if (look_up(d, name, what, uuid, &there, live, e) < 0)
        return -1;
    *changed = false;
    if (there)
        return 0;
    SU_CLOSE int lock = -1; /* an upgrade would find another definition than it made */
    if (su_vm_lock(&d->jobs, uuid, &lock, e) < 0)
        return -1;
    virConnectPtr conn SU_AUTO(close_connp) = su_virt_borrow(d); /* it breaks when libvirt hangs */
    if (!conn) {
        su_fail(e, SU_E_IO, "vm.action.libvirt", "there is no connection to libvirt");
        return su_remedy(e, "Start libvirt: systemctl start libvirtd, or virtqemud");
    }
    virDomainPtr dom SU_AUTO(free_domainp) = virDomainLookupByUUIDString(conn, uuid);
    if (!dom || attach(dom, what, changed, live, e) < 0)
        return dom ? -1 : refuse(e);
    su_virt_claim(d->virt, dom); /* of a change to the definition alone libvirt tells nobody */
    return 0;
}
