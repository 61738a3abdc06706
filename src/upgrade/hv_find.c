/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which VMs there are, and how they are.
 *
 * A list asks libvirt once a property and not once a VM: its filters say which VMs have it. */
#include "upgrade/hv_xml.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum su_hv_run su_hv_run_of(int state)
{
    switch (state) {
    case VIR_DOMAIN_SHUTOFF:
        return SU_HV_OFF;
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
        return SU_HV_RUNNING;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
        return SU_HV_PAUSED;
    default:
        return SU_HV_BUSY;
    }
}

/* The list ------------------------------------------------------------------ */

struct rows {
    struct su_hv_vm *vm; /* owned */
    size_t n;
};

static void rows_done(struct rows *r)
{
    free(r->vm);
}

static void free_domains(virDomainPtr *all, int n)
{
    for (int i = 0; i < n; i++)
        virDomainFree(all[i]);
    free(all);
}

static int by_uuid(const void *a, const void *b)
{
    return strcmp(((const struct su_hv_vm *)a)->uuid, ((const struct su_hv_vm *)b)->uuid);
}

static int by_name(const void *a, const void *b)
{
    int c = strcmp(((const struct su_hv_vm *)a)->name, ((const struct su_hv_vm *)b)->name);
    return c ? c : by_uuid(a, b);
}

static int name_them(struct rows *rows, virDomainPtr *all, int n, struct su_err *e)
{
    rows->vm = calloc(n ? (size_t)n : 1, sizeof *rows->vm);
    if (!rows->vm)
        return su_fail_nomem(e, (size_t)n * sizeof *rows->vm);
    for (int i = 0; i < n; i++) {
        struct su_hv_vm *vm = &rows->vm[rows->n];
        const char *name = virDomainGetName(all[i]);
        if (!name || strlen(name) >= sizeof vm->name || virDomainGetUUIDString(all[i], vm->uuid) < 0)
            continue; /* a name that long cannot be asked for either */
        memcpy(vm->name, name, strlen(name) + 1);
        vm->run = SU_HV_BUSY;
        rows->n++;
    }
    qsort(rows->vm, rows->n, sizeof *rows->vm, by_uuid);
    return 0;
}

static void set_off(struct su_hv_vm *vm)
{
    vm->run = SU_HV_OFF;
}

static void set_running(struct su_hv_vm *vm)
{
    vm->run = SU_HV_RUNNING;
}

static void set_paused(struct su_hv_vm *vm)
{
    vm->run = SU_HV_PAUSED;
}

static void set_persistent(struct su_hv_vm *vm)
{
    vm->persistent = true;
}

static void set_autostart(struct su_hv_vm *vm)
{
    vm->autostart = true;
}

static void set_saved(struct su_hv_vm *vm)
{
    vm->managed_save = true;
}

static void set_snapshots(struct su_hv_vm *vm)
{
    vm->snapshots = 1;
}

static void set_checkpoints(struct su_hv_vm *vm)
{
    vm->checkpoints = 1;
}

static const struct {
    unsigned flag;
    void (*set)(struct su_hv_vm *vm);
    bool optional; /* a driver may not know it: then the count is -1 */
} properties[] = {
    {VIR_CONNECT_LIST_DOMAINS_SHUTOFF, set_off, false},
    {VIR_CONNECT_LIST_DOMAINS_RUNNING, set_running, false},
    {VIR_CONNECT_LIST_DOMAINS_PAUSED, set_paused, false},
    {VIR_CONNECT_LIST_DOMAINS_PERSISTENT, set_persistent, false},
    {VIR_CONNECT_LIST_DOMAINS_AUTOSTART, set_autostart, true},
    {VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, set_saved, true},
    {VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT, set_snapshots, true},
    {VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT, set_checkpoints, true},
};

static void unknown(struct rows *rows, unsigned flag)
{
    for (size_t i = 0; i < rows->n; i++)
        if (flag == VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
            rows->vm[i].snapshots = -1;
        else if (flag == VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT)
            rows->vm[i].checkpoints = -1;
}

static int ask(virConnectPtr conn, struct rows *rows, size_t property, struct su_err *e)
{
    virDomainPtr *all = NULL;
    int n = virConnectListAllDomains(conn, &all, properties[property].flag);
    if (n < 0 && !properties[property].optional)
        return su_hv_fail(e, "listing the VMs", NULL);
    if (n < 0)
        unknown(rows, properties[property].flag);
    for (int i = 0; i < n; i++) {
        struct su_hv_vm key = {.run = SU_HV_OFF};
        if (virDomainGetUUIDString(all[i], key.uuid) < 0)
            continue;
        struct su_hv_vm *vm = bsearch(&key, rows->vm, rows->n, sizeof *rows->vm, by_uuid);
        if (vm)
            properties[property].set(vm);
    }
    if (n >= 0)
        free_domains(all, n);
    return 0;
}

static int list(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    virDomainPtr *all = NULL;
    struct rows *out = arg, rows SU_AUTO(rows_done) = {0};
    (void)dom;
    int n = virConnectListAllDomains(conn, &all, 0);
    if (n < 0)
        return su_hv_fail(e, "listing the VMs", NULL);
    int r = name_them(&rows, all, n, e);
    free_domains(all, n);
    for (size_t i = 0; r == 0 && i < SU_ARRAY_LEN(properties); i++)
        r = ask(conn, &rows, i, e);
    if (r < 0)
        return -1;
    qsort(rows.vm, rows.n, sizeof *rows.vm, by_name);
    *out = rows;
    rows.vm = NULL;
    return 0;
}

int su_hv_list(struct su_hv *hv, su_hv_each each, void *arg, struct su_err *e)
{
    struct rows rows SU_AUTO(rows_done) = {0};
    if (su_hv_do(hv, NULL, SU_HV_REPEAT, list, &rows, e) < 0)
        return -1;
    for (size_t i = 0; i < rows.n; i++)
        if (each(arg, &rows.vm[i]) < 0)
            return -1;
    return 0;
}

/* One ----------------------------------------------------------------------- */

static bool looks_like_uuid(const char *s)
{
    size_t i = 0;
    for (; s[i]; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (i >= 36 || (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i])))
            return false;
    }
    return i == 36;
}

struct find {
    const char *name;
    struct su_hv_vm vm;
};

static int32_t count_checkpoints(virDomainPtr dom)
{
    virDomainCheckpointPtr *all = NULL;
    int n = virDomainListAllCheckpoints(dom, &all, 0);
    for (int i = 0; i < n; i++)
        virDomainCheckpointFree(all[i]);
    if (n >= 0)
        free(all);
    return n;
}

/* A backup, a migration, a snapshot under way; or a block job of one of its disks. */
static bool has_job(virDomainPtr dom)
{
    virDomainJobInfo info = {0};
    if (virDomainGetJobInfo(dom, &info) == 0 &&
        (info.type == VIR_DOMAIN_JOB_BOUNDED || info.type == VIR_DOMAIN_JOB_UNBOUNDED))
        return true;
    struct su_hv_disks disks SU_AUTO(su_hv_disks_done) = {0};
    struct su_err ignored;
    if (su_hv_disks_read(dom, &disks, &ignored) < 0)
        return false;
    for (size_t i = 0; i < disks.n; i++) {
        virDomainBlockJobInfo job;
        if (virDomainGetBlockJobInfo(dom, disks.disk[i].target, &job, 0) == 1)
            return true;
    }
    return false;
}

static int look(virDomainPtr dom, struct su_hv_vm *vm, struct su_err *e)
{
    int state = 0, autostart = 0;
    const char *name = virDomainGetName(dom);
    if (!name || strlen(name) >= sizeof vm->name)
        return su_fail(e, SU_E_RANGE, "vm.name", "a VM's name is longer than %zu bytes", sizeof vm->name - 1);
    if (virDomainGetUUIDString(dom, vm->uuid) < 0 || virDomainGetState(dom, &state, NULL, 0) < 0)
        return su_hv_fail(e, "the state", dom);
    memcpy(vm->name, name, strlen(name) + 1);
    vm->run = su_hv_run_of(state);
    vm->persistent = virDomainIsPersistent(dom) == 1;
    vm->updated = virDomainIsUpdated(dom) == 1;
    vm->autostart = virDomainGetAutostart(dom, &autostart) == 0 && autostart;
    vm->managed_save = virDomainHasManagedSaveImage(dom, 0) == 1;
    vm->snapshots = virDomainSnapshotNum(dom, 0);
    vm->checkpoints = count_checkpoints(dom);
    vm->job = vm->run != SU_HV_OFF && has_job(dom);
    return 0;
}

static int find(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct find *f = arg;
    /* What looks like a UUID is one: a VM whose name is another's UUID must not be taken for it. */
    virDomainPtr found SU_HV_DOMAIN =
        looks_like_uuid(f->name) ? virDomainLookupByUUIDString(conn, f->name) : virDomainLookupByName(conn, f->name);
    (void)dom;
    if (found)
        return look(found, &f->vm, e);
    if (virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
        return su_hv_fail(e, "looking for a VM", NULL);
    su_fail(e, SU_E_MISSING, "vm.none", "libvirt knows no VM \"%.120s\"", f->name);
    return su_remedy(e, "surety vm list prints the names and UUIDs");
}

int su_hv_find(struct su_hv *hv, const char *name_or_uuid, struct su_hv_vm *out, struct su_err *e)
{
    struct find f = {.name = name_or_uuid};
    if (su_hv_do(hv, NULL, SU_HV_REPEAT, find, &f, e) < 0)
        return -1;
    *out = f.vm;
    return 0;
}
