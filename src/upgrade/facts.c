/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the facts: libvirt first, then files, then the disk and the agent when they are asked for. */
#include "upgrade/facts.h"
#include <stdio.h>
#include <string.h>

enum { AGENT_TIMEOUT_S = 3, DISK_TIMEOUT_S = 120 };

void su_vm_facts_freep(struct su_vm_facts **f)
{
    if (!*f)
        return;
    su_buf_done(&(*f)->xml);
    free(*f);
    *f = NULL;
}

bool su_vm_same_already(const struct su_domain *d, const struct su_job_options *opt)
{
    bool secure = d->secure_boot_feature != SU_NO && (d->secure_boot_feature == SU_YES || d->loader_secure == SU_YES);
    bool wanted = opt->secure_boot && opt->machine == SU_MACHINE_Q35;
    return d->firmware == SU_FIRMWARE_UEFI && (secure || !wanted) && (d->tpm == SU_YES || !opt->vtpm);
}

static int read_definition(struct su_hv *hv, struct su_vm_facts *f, struct su_err *e)
{
    if (su_hv_xml(hv, f->vm.uuid, false, &f->xml, e) < 0)
        return -1;
    if (su_domain_parse(su_buf_bytes(&f->xml), &f->defined, e) < 0 ||
        su_extras_read(su_buf_bytes(&f->xml), &f->defined, &f->extras, e) < 0)
        return su_context(e, "the definition of %s", f->vm.name);
    f->same_already = su_vm_same_already(&f->defined, &f->options);
    return 0;
}

/* A VM that stops meanwhile is off, which is no error. */
static int read_live(struct su_hv *hv, struct su_vm_facts *f, struct su_err *e)
{
    struct su_err why;
    SU_BUF struct su_buf xml = {0};
    SU_FREE struct su_domain *d = malloc(sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    if (su_hv_xml(hv, f->vm.uuid, true, &xml, &why) < 0 || su_domain_parse(su_buf_bytes(&xml), d, &why) < 0)
        return 0;
    f->agent_connected = d->agent_connected;
    f->same_already = f->same_already || (f->defined.firmware == SU_FIRMWARE_UEFI && f->defined.auto_firmware &&
                                          su_vm_same_already(d, &f->options));
    return 0;
}

static int read_host(struct su_hv *hv, struct su_vm_facts *f, struct su_err *e)
{
    const char *machine = f->options.machine == SU_MACHINE_Q35 ? "q35" : "pc";
    if (f->local && !f->test_driver) /* which runs no guests */
        su_host_facts_now(&f->options, &f->host);
    return su_hv_caps(hv, f->defined.virt_type, f->defined.arch, machine, &f->caps, e);
}

/* Where libvirt would put the variables goes by the VM's name, and a VM that was renamed may still have its own there.
 */
static void look_nvram(struct su_hv *hv, const struct su_inventory *inv, struct su_vm_facts *f)
{
    struct su_hv_places now, later;
    char said[SU_DOM_PATH];
    su_hv_places(hv, &f->defined, &now);
    memcpy(said, f->defined.nvram, sizeof said);
    f->defined.nvram[0] = 0;
    su_hv_places(hv, &f->defined, &later);
    memcpy(f->defined.nvram, said, sizeof said);
    if (now.nvram[0] && !su_inventory_other(inv, f->vm.uuid, now.nvram, f->nvram_vm))
        (void)su_inventory_other(inv, f->vm.uuid, later.nvram, f->nvram_vm);
}

static int read_uses(struct su_hv *hv, const struct su_inventory *inv, struct su_vm_facts *f, struct su_err *e)
{
    SU_INVENTORY struct su_inventory *own = NULL;
    if (!f->local)
        return 0;
    if (!inv && su_inventory_read(hv, &own, e) < 0)
        return -1;
    for (uint32_t i = 0; i < f->defined.n_disks && i < SU_DOM_DISKS; i++)
        su_inventory_look(inv ? inv : own, f->vm.uuid, &f->defined.disk[i], &f->use[i]);
    f->unread_vms = su_inventory_unread(inv ? inv : own, f->vm.uuid, f->unread_vm);
    look_nvram(hv, inv ? inv : own, f);
    return 0;
}

static void try_transform(struct su_vm_facts *f)
{
    SU_BUF struct su_buf out = {0};
    struct su_domain_target t = {
        .secure_boot = f->options.secure_boot, .vtpm = f->options.vtpm, .machine = f->options.machine};
    if (su_domain_upgrade(su_buf_bytes(&f->xml), &t, &out, &f->notes, &f->transform_why) == 0)
        (void)!su_boot_bus(su_buf_bytes(&out), f->boot_bus, &f->transform_why);
}

static int try_restore(struct su_hv *hv, struct su_vm_facts *f, struct su_err *e)
{
    struct su_hv_places places;
    SU_FREE struct su_restore *r = calloc(1, sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    su_hv_places(hv, &f->defined, &places);
    f->restore = f->options.restore;
    if (f->local && su_restore_plan(&f->defined, f->use, &f->options, &places, "0", r, &f->restore_why) == 0)
        f->restore = r->kind;
    return 0;
}

/* DIR/NAME, when there is one; else "". */
static void key_file(const struct su_vm_facts *f, char *out, size_t cap)
{
    int n = f->options.key_dir[0] && !strchr(f->vm.name, '/')
                ? snprintf(out, cap, "%s/%s", f->options.key_dir, f->vm.name)
                : -1;
    if (n < 0 || (size_t)n >= cap || access(out, R_OK) < 0)
        out[0] = 0;
}

/* Signatures are judged by the keys of the template.  Where Secure Boot is to be off it has none, and would refuse all:
 * NULL, for the keys that firmware has usually. */
static const char *template_with_keys(const struct su_vm_facts *f)
{
    bool on = f->options.secure_boot && f->options.machine != SU_MACHINE_I440FX;
    return on ? f->host.template_file : NULL;
}

static int read_disk(struct su_vm_facts *f, struct su_err *e)
{
    char key[SU_DOM_PATH];
    const struct su_domain *d = &f->defined;
    const struct su_job_options *o = &f->options;
    const struct su_disk_use *use =
        d->boot_disk < d->n_disks && d->boot_disk < SU_DOM_DISKS ? &f->use[d->boot_disk] : NULL;
    if (!use || !use->exists || !f->local)
        return 0;
    key_file(f, key, sizeof key);
    struct su_worker w = {
        .image = d->disk[d->boot_disk].source,
        .format = use->format,
        .key_file = key,
        .boot_files = o->boot_files,
        .firmware_vars = o->firmware_vars[0] ? o->firmware_vars : template_with_keys(f),
        .map = o->map,
        .sector_size = d->disk[d->boot_disk].logical_sector,
        .allow_unsigned = o->allow_unsigned || !o->secure_boot || o->machine == SU_MACHINE_I440FX,
        .shared = f->live,
        .timeout_s = DISK_TIMEOUT_S,
    };
    return su_worker_facts(&w, &f->disk, e);
}

static int read_agent(struct su_hv *hv, struct su_vm_facts *f, struct su_err *e)
{
    if (!f->live || !f->defined.agent_channel)
        return 0;
    if (f->agent_connected)
        return su_agent_ask(hv, f->vm.uuid, AGENT_TIMEOUT_S, &f->agent, e);
    (void)su_fail(&f->agent.why, SU_E_MISSING, "vm.agent", "it is not connected");
    return 0;
}

static int read_all(struct su_hv *hv, const char *vm, const struct su_inventory *inv, struct su_vm_facts *f,
                    struct su_err *e)
{
    f->local = su_hv_is_local(hv);
    f->test_driver = su_hv_is_test(hv);
    if (su_hv_find(hv, vm, &f->vm, e) < 0)
        return -1;
    f->live = f->vm.run != SU_HV_OFF;
    if (read_definition(hv, f, e) < 0 || (f->live && read_live(hv, f, e) < 0) || read_host(hv, f, e) < 0 ||
        read_uses(hv, inv, f, e) < 0)
        return -1;
    try_transform(f);
    if (try_restore(hv, f, e) < 0 || (f->asked.agent && read_agent(hv, f, e) < 0))
        return -1;
    return f->asked.disk ? read_disk(f, e) : 0;
}

int su_vm_facts_read(struct su_hv *hv, const char *vm, const struct su_job_options *opt, struct su_facts_ask ask,
                     const struct su_inventory *inv, struct su_vm_facts **out, struct su_err *e)
{
    SU_VM_FACTS struct su_vm_facts *f = calloc(1, sizeof *f);
    if (!f)
        return su_fail_nomem(e, sizeof *f);
    f->options = *opt;
    f->asked = ask;
    if (read_all(hv, vm, inv, f, e) < 0)
        return -1;
    *out = su_steal(&f);
    return 0;
}
