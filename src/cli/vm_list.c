/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The VMs as libvirt itself has them, with what an upgrade made of them. */
#include "cli.h"
#include "upgrade/record.h"
#include "vm.h"
#include <string.h>

struct list {
    struct su_hv_vm *vm; /* owned */
    size_t n, room;
    struct su_err err;
};

static void list_done(struct list *l)
{
    free(l->vm);
}

static int add(void *arg, const struct su_hv_vm *vm)
{
    struct list *l = arg;
    if (l->n == l->room) {
        size_t room = l->room ? l->room * 2 : 64;
        struct su_hv_vm *more = reallocarray(l->vm, room, sizeof *more);
        if (!more)
            return su_fail_nomem(&l->err, room * sizeof *more);
        l->vm = more;
        l->room = room;
    }
    l->vm[l->n++] = *vm;
    return 0;
}

static const char *run_name(enum su_hv_run r)
{
    static const char *const names[] = {
        [SU_HV_OFF] = "off", [SU_HV_RUNNING] = "running", [SU_HV_PAUSED] = "paused", [SU_HV_BUSY] = "busy"};
    return (unsigned)r < SU_ARRAY_LEN(names) ? names[r] : "unknown";
}

static const char *chipset(enum su_chipset c)
{
    return c == SU_CHIPSET_Q35 ? "q35" : c == SU_CHIPSET_I440FX ? "i440fx" : "other";
}

static const char *tpm(const struct su_domain *d)
{
    return d->tpm == SU_YES ? "2.0" : d->tpm == SU_NO ? "no" : "other";
}

/* Of the definition: what the firmware is made to do, not what the guest says of it. */
static bool secure_boot(const struct su_domain *d)
{
    bool secure = d->loader_secure == SU_YES || d->secure_boot_feature == SU_YES;
    return d->firmware == SU_FIRMWARE_UEFI && secure && d->smm && d->secure_boot_feature != SU_NO;
}

/* The record, where it can be read; else what the definition's metadata says. */
static json_t *upgrade_of(struct su_jobs *j, const struct su_domain *d)
{
    struct su_err ignored = {0};
    struct su_vm_record *r SU_FREE = j ? calloc(1, sizeof *r) : NULL;
    uint64_t revision;
    if (r && su_record_get(j, d->uuid, r, &revision, &ignored) == 0)
        return json_pack("{s:s,s:s,s:I,s:s,s:s,s:s}", "state", su_state_table[r->state].name, "job", r->batch, "done",
                         (json_int_t)r->done, "was", r->old_machine, "is", r->new_machine, "version", r->version);
    return d->upgrade_state[0] ? json_pack("{s:s}", "state", d->upgrade_state) : json_null();
}

/* One whose definition cannot be read is there all the same. */
static json_t *unknown(const struct su_hv_vm *vm, const struct su_err *why)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:n,s:s,s:s,s:s,s:n,s:s}", "name", vm->name, "uuid", vm->uuid, "state",
                     run_name(vm->run), "firmware", "unknown", "secureBoot", "tpm", "unknown", "chipset", "unknown",
                     "machine", "", "upgrade", "problem", why->msg);
}

static json_t *describe(struct su_hv *hv, struct su_jobs *j, const struct su_hv_vm *vm, struct su_err *e)
{
    struct su_buf xml SU_BUF = {0};
    struct su_domain *d SU_FREE = calloc(1, sizeof *d);
    if (!d) {
        su_fail_nomem(e, sizeof *d);
        return NULL;
    }
    if (su_hv_xml(hv, vm->uuid, false, &xml, e) < 0 || su_domain_parse(su_buf_bytes(&xml), d, e) < 0)
        return NULL;
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:o}", "name", vm->name, "uuid", vm->uuid, "state",
                          run_name(vm->run), "firmware", d->firmware == SU_FIRMWARE_UEFI ? "uefi" : "bios",
                          "secureBoot", secure_boot(d), "tpm", tpm(d), "chipset", chipset(d->chipset), "machine",
                          d->machine, "upgrade", upgrade_of(j, d));
    if (!o)
        su_fail_nomem(e, 1024);
    return o;
}

/* Records may be another user's to read; then there are none. */
static struct su_jobs *records(const struct su_args *a, struct su_jobs *j)
{
    struct su_err ignored = {0};
    char path[512];
    snprintf(path, sizeof path, "%.500s/jobs", su_job_state_dir(a));
    return access(path, R_OK | W_OK) == 0 && su_job_local_open(a, j, &ignored) == 0 ? j : NULL;
}

static void cell(const json_t *row, size_t column, char *out, size_t cap)
{
    (void)column;
    const json_t *on = json_object_get(row, "secureBoot");
    snprintf(out, cap, "%s", json_is_null(on) ? "unknown" : json_is_true(on) ? "yes" : "no");
}

static int fill(struct su_hv *hv, struct su_jobs *j, json_t *rows, struct su_err *e)
{
    SU_AUTO(list_done) struct list l = {0};
    if (su_hv_list(hv, add, &l, e) < 0)
        return -1;
    if (l.err.kind != SU_OK) {
        *e = l.err;
        return -1;
    }
    for (size_t i = 0; i < l.n; i++) {
        json_t *o = describe(hv, j, &l.vm[i], e);
        if (!o && e->kind == SU_E_MISSING) /* undefined meanwhile */
            continue;
        if (!o && e->kind != SU_E_NOMEM && strcmp(e->id, "vm.connect") != 0)
            o = unknown(&l.vm[i], e);
        if (!o || json_array_append_new(rows, o) < 0)
            return -1;
    }
    return 0;
}

int su_vm_list_local(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {
        {"NAME", "name"}, {"STATE", "state"},     {"FIRMWARE", "firmware"},     {"SECUREBOOT", NULL},
        {"TPM", "tpm"},   {"MACHINE", "chipset"}, {"UPGRADE", "upgrade.state"}, {"UUID", "uuid", SU_API_TEXT, true}};
    struct su_hv *hv SU_HV = NULL;
    SU_JOBS struct su_jobs j = {0};
    json_t *rows SU_JSON = json_array();
    if (su_hv_open(su_args_get(a, "--connect"), &hv, e) < 0 || fill(hv, records(a, &j), rows, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(json_pack("{s:O}", "vms", rows), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_list(a, rows, columns, SU_ARRAY_LEN(columns), cell);
    return SU_EXIT_OK;
}

int su_vm_show_local(const struct su_args *a, struct su_err *e)
{
    struct su_hv *hv SU_HV = NULL;
    SU_JOBS struct su_jobs j = {0};
    struct su_hv_vm vm;
    if (su_hv_open(su_args_get(a, "--connect"), &hv, e) < 0 || su_hv_find(hv, a->operand[0], &vm, e) < 0)
        return -1;
    json_t *o SU_JSON = describe(hv, records(a, &j), &vm, e);
    if (!o)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_line("name", su_api_text(o, "name"));
    su_api_line("uuid", su_api_text(o, "uuid"));
    su_api_line("state", su_api_text(o, "state"));
    su_api_line("firmware", su_api_text(o, "firmware"));
    su_api_line("secure boot", json_is_true(su_api_member(o, "secureBoot")) ? "yes" : "no");
    su_api_line("tpm", su_api_text(o, "tpm"));
    su_api_line("machine", su_api_text(o, "machine"));
    su_api_line("upgrade", su_api_text(o, "upgrade.state"));
    su_api_line("upgrade job", su_api_text(o, "upgrade.job"));
    return SU_EXIT_OK;
}
