/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was found, for people's tables and for programs. */
#include "base/clean.h"
#include "upgrade/checks_int.h"
#include <string.h>

static json_t *text(const char *s)
{
    char clean[SU_DOM_PATH];
    su_clean(clean, sizeof clean, s);
    return clean[0] ? json_string(clean) : json_null();
}

static json_t *finding(const struct su_check_finding *f)
{
    return json_pack("{s:o,s:s,s:s,s:o,s:o}", "id", text(f->id), "severity", su_check_severity_name(f->severity),
                     "source", su_check_source_name(f->source), "message", text(f->text), "remedy", text(f->remedy));
}

static json_t *disk(const struct su_dom_disk *d, const struct su_disk_use *u, bool boot)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:b,s:b,s:I,s:I,s:i,s:i}", "target", text(d->target), "bus", text(d->bus),
                     "device", text(d->device), "source", text(d->source), "format", text(u->format), "boot", boot,
                     "exists", u->exists, "size", (json_int_t)(u->virtual_size & INT64_MAX), "free",
                     (json_int_t)(u->free_space & INT64_MAX), "backing", (int)u->backing, "snapshots",
                     (int)(u->internal_snapshots & INT32_MAX));
}

static json_t *disks(const struct su_vm_facts *f)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < f->defined.n_disks && i < SU_DOM_DISKS; i++)
        json_array_append_new(list, disk(&f->defined.disk[i], &f->use[i], i == f->defined.boot_disk));
    return list;
}

static json_t *nics(const struct su_domain *d)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < d->n_nics && i < SU_DOM_NICS; i++) {
        const struct su_dom_nic *n = &d->nic[i];
        json_t *o = json_pack("{s:o,s:o,s:o}", "mac", text(n->mac), "type", text(n->type), "model", text(n->model));
        if (o && n->pci)
            json_object_set_new(o, "slot", json_integer(n->slot));
        json_array_append_new(list, o);
    }
    return list;
}

static const char *tri(enum su_tri t)
{
    return t == SU_YES ? "yes" : t == SU_NO ? "no" : "unknown";
}

static json_t *system_seen(const struct su_vm_facts *f)
{
    struct su_os_seen os;
    su_os_seen(f, &os);
    const char *name = f->agent.answered ? f->agent.os_name : f->disk.os_name;
    return json_pack("{s:o,s:o,s:o,s:s}", "id", text(os.id), "version", text(os.version), "name", text(name), "from",
                     su_check_source_name(os.source));
}

static json_t *facts(const struct su_vm_facts *f)
{
    static const char *const runs[] = {
        [SU_HV_OFF] = "off", [SU_HV_RUNNING] = "running", [SU_HV_PAUSED] = "paused", [SU_HV_BUSY] = "busy"};
    const struct su_domain *d = &f->defined;
    enum su_tri secure = d->secure_boot_feature == SU_UNKNOWN ? d->loader_secure : d->secure_boot_feature;
    json_t *o = json_pack(
        "{s:s,s:o,s:o,s:s,s:s,s:s,s:I,s:i,s:o,s:o,s:o,s:b,s:b,s:o}", "state", runs[f->vm.run], "machine",
        text(d->machine), "arch", text(d->arch), "firmware", d->firmware == SU_FIRMWARE_UEFI ? "uefi" : "bios",
        "secureBoot", d->firmware == SU_FIRMWARE_UEFI ? tri(secure) : "no", "vTpm", tri(d->tpm), "memoryKiB",
        (json_int_t)(d->memory_kib & INT64_MAX), "vcpus", (int)(d->vcpus & INT32_MAX), "os", system_seen(f), "disks",
        disks(f), "nics", nics(d), "agentChannel", d->agent_channel, "agentAnswered", f->agent.answered, "table",
        f->disk.looked ? text(f->disk.table) : json_null());
    if (o && f->disk.looked && f->disk.has_pcr4)
        json_object_set_new(o, "pcr4", text(f->disk.pcr4));
    return o;
}

json_t *su_check_json(const struct su_vm_facts *f, const struct su_check_verdict *v)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < v->n; i++)
        json_array_append_new(list, finding(&v->finding[i]));
    return json_pack("{s:o,s:o,s:b,s:b,s:b,s:o,s:o}", "vm", text(f->vm.name), "uuid", text(f->vm.uuid), "upgradable",
                     v->stops == 0 && !v->already, "already", v->already, "complete", !v->full && v->unknowns == 0,
                     "findings", list, "facts", facts(f));
}
