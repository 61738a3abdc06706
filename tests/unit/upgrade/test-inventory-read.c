/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An inventory of VMs of which some vanish, cannot be read, or are not understood; linked with --wrap. */
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/inventory.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int __wrap_su_hv_list(struct su_hv *hv, su_hv_each each, void *arg, struct su_err *e);
int __wrap_su_hv_xml(struct su_hv *hv, const char *uuid, bool live, struct su_buf *out, struct su_err *e);

#define UUID(n) "00000000-0000-0000-0000-00000000000" #n
static const struct vm {
    const char *uuid, *name;
    bool runs;
    enum su_kind kind; /* of the error when its XML is asked for; SU_OK: it is told */
    const char *id, *more;
} * vms;
static size_t n_vms;
static char disk[256];

int __wrap_su_hv_list(struct su_hv *hv, su_hv_each each, void *arg, struct su_err *e)
{
    (void)hv, (void)e;
    for (size_t i = 0; i < n_vms; i++) {
        struct su_hv_vm vm = {.persistent = true, .run = vms[i].runs ? SU_HV_RUNNING : SU_HV_OFF};
        snprintf(vm.uuid, sizeof vm.uuid, "%s", vms[i].uuid);
        snprintf(vm.name, sizeof vm.name, "%s", vms[i].name);
        if (each(arg, &vm) < 0)
            return -1;
    }
    return 0;
}

int __wrap_su_hv_xml(struct su_hv *hv, const char *uuid, bool live, struct su_buf *out, struct su_err *e)
{
    const struct vm *vm = vms;
    (void)hv, (void)live;
    while (strcmp(vm->uuid, uuid) != 0)
        vm++;
    if (vm->kind != SU_OK)
        return su_fail(e, vm->kind, vm->id, "no");
    su_buf_printf(out,
                  "<domain type='qemu'><name>%s</name><uuid>%s</uuid><devices><disk type='file' device='disk'>"
                  "<source file='%s'/><target dev='vda' bus='virtio'/></disk>%s</devices></domain>",
                  vm->name, vm->uuid, disk, vm->more ? vm->more : "");
    return 0;
}

static int read_of(const struct vm *list, size_t n, struct su_inventory **inv, struct su_err *e)
{
    vms = list;
    n_vms = n;
    return su_inventory_read(NULL, inv, e);
}

static bool shared(const struct su_inventory *inv)
{
    struct su_dom_disk d = {.target = "vda"};
    struct su_disk_use use;
    snprintf(d.source, sizeof d.source, "%s", disk);
    su_inventory_look(inv, UUID(1), &d, &use);
    return use.used_by_other;
}

static void odd_ones(void)
{
    static const struct vm list[] = {
        {UUID(1), "good", true, SU_OK, NULL, NULL},
        {UUID(2), "deleted", false, SU_E_MISSING, "vm.none", NULL},
        {UUID(3), "stopped", true, SU_E_CONFLICT, "vm.state", NULL},
        {UUID(4), "torn", true, SU_OK, NULL, "<disk"},
        {UUID(5), "refused", false, SU_E_IO, "vm.libvirt", NULL},
        {UUID(6), "last", false, SU_OK, NULL, NULL},
    };
    struct su_err e = {0};
    char name[SU_DOM_TEXT];
    SU_INVENTORY struct su_inventory *inv = NULL;
    if (!ok(read_of(list, SU_ARRAY_LEN(list), &inv, &e) == 0, "what cannot be read is no failure: %s", e.msg))
        return;
    ok(shared(inv), "the VM behind it was read");
    ok(su_inventory_unread(inv, UUID(1), name) == 2, "two are unknown; those that are gone have no disks");
    is_str(name, "torn");
    ok(su_inventory_unread(inv, UUID(4), name) == 1, "one for the other");
    is_str(name, "refused");
}

static void too_many_disks(void)
{
    char more[128 * (SU_DOM_DISKS + 1)] = "", name[SU_DOM_TEXT];
    for (int i = 0; i < SU_DOM_DISKS; i++)
        sprintf(more + strlen(more), "<disk type='file' device='disk'><target dev='vdx%d' bus='virtio'/></disk>", i);
    const struct vm list[] = {{UUID(1), "many", false, SU_OK, NULL, more}, {UUID(2), "few", false, SU_OK, NULL, NULL}};
    struct su_err e = {0};
    SU_INVENTORY struct su_inventory *inv = NULL;
    if (!ok(read_of(list, 2, &inv, &e) == 0, "%s", e.msg))
        return;
    ok(su_inventory_unread(inv, UUID(2), name) == 1 && strcmp(name, "many") == 0, "not all of its disks are known");
    ok(shared(inv), "the others are");
    ok(su_inventory_unread(inv, UUID(1), name) == 0 && name[0] == 0, "nobody else's");
}

static void no_libvirt(void)
{
    static const struct vm list[] = {{UUID(1), "good", false, SU_OK, NULL, NULL},
                                     {UUID(2), "lost", false, SU_E_IO, "vm.connect", NULL}};
    struct su_err e = {0};
    SU_INVENTORY struct su_inventory *inv = NULL;
    ok(read_of(list, 2, &inv, &e) < 0 && strcmp(e.id, "vm.connect") == 0 && !inv, "libvirt itself is gone");
}

int main(void)
{
    struct su_err e;
    SU_TMPDIR struct su_tmpdir t = SU_TMPDIR_NONE;
    if (su_tmpdir_make(&t, 1 << 20, &e) < 0)
        return 1;
    snprintf(disk, sizeof disk, "%.200s/disk.raw", t.path);
    SU_CLOSE int fd = open(disk, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return 1;
    odd_ones();
    too_many_disks();
    no_libvirt();
    return tap_done();
}
