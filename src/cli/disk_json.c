/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts, verdicts and plans as JSON.  Members only grow; names and ids are stable. */
#include "disk_show.h"
#include <string.h>

/* Guest text that is not UTF-8 would make jansson refuse the whole member. */
json_t *su_json_text(const char *s)
{
    json_t *t = json_string(s);
    if (t)
        return t;
    char clean[1100];
    size_t n = 0;
    for (; s[n] && n + 1 < sizeof clean; n++)
        clean[n] = (unsigned char)s[n] < 0x80 ? s[n] : '?';
    clean[n] = 0;
    return json_string(clean);
}

static json_t *hex(const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char s[2 * 64 + 1] = "";
    for (size_t i = 0; i < n && i < 64; i++) {
        s[2 * i] = digits[p[i] >> 4];
        s[2 * i + 1] = digits[p[i] & 15];
        s[2 * i + 2] = 0;
    }
    return json_string(s);
}

json_t *su_json_num(uint64_t v)
{
    return json_integer((json_int_t)v);
}

json_t *su_json_error_object(const struct su_err *e)
{
    json_t *o = json_pack("{s:s,s:s,s:o}", "id", e->id ? e->id : "", "kind", su_kind_name(e->kind), "message",
                          su_json_text(e->msg));
    if (o && e->remedy)
        json_object_set_new(o, "remedy", json_string(e->remedy));
    return o;
}

json_t *su_json_error(const struct su_err *e)
{
    return json_pack("{s:b,s:o}", "ok", 0, "error", su_json_error_object(e));
}

json_t *su_json_findings(const struct su_verdict *v, enum su_severity least)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++) {
        const struct su_finding *f = &v->finding[i];
        if (f->severity < least)
            continue;
        json_t *o = json_pack("{s:s,s:s,s:o}", "id", f->id, "severity", su_severity_name(f->severity), "message",
                              su_json_text(f->msg));
        if (o && f->remedy)
            json_object_set_new(o, "remedy", json_string(f->remedy));
        if (o && f->mbr2gpt)
            json_object_set_new(o, "mbr2gpt", json_pack("{s:s,s:i}", "rule", f->mbr2gpt, "code", f->code));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *partition(const struct su_facts *f, const struct su_part *p)
{
    char type[3], guid[SU_GUID_TEXT];
    json_t *o =
        json_pack("{s:i,s:o,s:o}", "number", (int)p->number, "offset", su_json_num(p->off), "size", su_json_num(p->n));
    if (f->table == SU_TABLE_MBR) {
        snprintf(type, sizeof type, "%02x", p->mbr_type);
        json_object_set_new(o, "mbr_type", json_string(type));
        unsigned now = p->number <= SU_GPT_ENTRIES && f->layout.n_problems == 0 ? f->layout.number_of[p->number] : 0;
        if (now) {
            su_guid_text(f->layout.gpt.entry[now - 1].guid, guid);
            json_object_set_new(o, "new_partuuid", json_string(guid));
            json_object_set_new(o, "new_number", json_integer((json_int_t)now));
        }
    } else if (f->table == SU_TABLE_GPT) {
        su_guid_text(f->gpt.entry[p->number - 1].type, guid);
        json_object_set_new(o, "gpt_type", json_string(guid));
        su_guid_text(f->gpt.entry[p->number - 1].guid, guid);
        json_object_set_new(o, "partuuid", json_string(guid));
    }
    return o;
}

static json_t *volume(const struct su_vol *x)
{
    json_t *o =
        json_pack("{s:s,s:i,s:s,s:o,s:o,s:b}", "name", x->name, "partition", (int)x->partition, "type", x->what.type,
                  "uuid", su_json_text(x->what.uuid), "label", su_json_text(x->what.label), "readable", x->fs != NULL);
    if (x->blk)
        json_object_set_new(o, "size", su_json_num(x->blk->size));
    if (x->why_closed.kind != SU_OK)
        json_object_set_new(o, "closed", su_json_error_object(&x->why_closed));
    return o;
}

json_t *su_json_signature(const struct su_sb_result *r)
{
    return json_pack("{s:s,s:o,s:o}", "verdict", su_sb_verdict_name(r->verdict), "signer", su_json_text(r->signer),
                     "sha256", hex(r->digest, sizeof r->digest));
}

static json_t *secure_boot(const struct su_facts *f)
{
    json_t *kernels = json_array(), *modules = json_array();
    for (size_t i = 0; i < f->check.n_kernels; i++) {
        const struct su_kernel_check *k = &f->check.kernel[i];
        json_t *o = su_json_signature(&k->sb);
        json_object_set_new(o, "path", su_json_text(k->path));
        json_object_set_new(o, "default", json_boolean(k->is_default));
        json_object_set_new(o, "present", json_boolean(k->present));
        json_object_set_new(o, "efi_stub", json_boolean(k->efi));
        json_array_append_new(kernels, o);
    }
    for (unsigned i = 0; i < f->n_unsigned && i < SU_FACTS_MAX_UNSIGNED; i++)
        json_array_append_new(modules, su_json_text(f->unsigned_module[i]));
    json_t *o = json_pack("{s:b,s:o,s:b,s:o,s:o,s:i}", "firmware_known", f->check.firmware_known, "firmware",
                          su_json_text(f->check.firmware), "boot_files", f->files.found, "kernels", kernels,
                          "unsigned_modules", modules, "unsigned_module_count", (int)f->n_unsigned);
    json_object_set_new(o, "ok", json_boolean(su_facts_secure_boot(f)));
    if (f->files.found) {
        json_object_set_new(o, "boot_files_from", su_json_text(f->files.origin));
        json_object_set_new(o, "vendor", json_string(f->files.vendor));
        json_object_set_new(o, "shim", su_json_signature(&f->check.shim));
        json_object_set_new(o, "grub", su_json_signature(&f->check.grub));
    }
    return o;
}

static json_t *initramfs(const struct su_facts *f)
{
    json_t *drivers = json_object();
    for (int d = 0; d < SU_DRIVER_COUNT; d++)
        json_object_set_new(drivers, su_driver_name((enum su_driver)d),
                            json_string(su_driver_state_name(f->initramfs.driver[d])));
    return json_pack("{s:s,s:s,s:o,s:b,s:b,s:o}", "kernel", f->initramfs.kernel, "maker",
                     su_initramfs_maker_name(f->initramfs.maker), "drivers", drivers, "lvm", f->initramfs.lvm,
                     "cryptsetup", f->initramfs.cryptsetup, "resume", su_json_text(f->initramfs.resume));
}

static json_t *linux_system(const struct su_facts *f)
{
    const struct su_linux *l = &f->linux_;
    json_t *names = json_array(), *refs = json_array(), *swaps = json_array();
    for (size_t i = 0; i < f->names.n; i++)
        json_array_append_new(names, json_pack("{s:o,s:s,s:b}", "name", su_json_text(f->names.name[i].name),
                                               "depends_on", su_netname_kind_name(f->names.name[i].kind), "pinned",
                                               f->names.name[i].pinned));
    for (size_t i = 0; i < l->n_refs; i++)
        json_array_append_new(refs, json_pack("{s:s,s:o,s:i}", "volume", f->vols.vol[l->ref[i].vol].name, "path",
                                              su_json_text(l->ref[i].path), "count", (int)l->ref[i].count));
    for (size_t i = 0; i < l->fstab.n; i++)
        if (strcmp(l->fstab.entry[i].type, "swap") == 0)
            json_array_append_new(swaps, su_json_text(l->fstab.entry[i].spec));
    json_t *o =
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", su_json_text(l->os_id), "version",
                  su_json_text(l->os_version), "name", su_json_text(l->os_name), "kernel", su_json_text(l->kernel),
                  "initrd", su_json_text(l->initrd), "cmdline", su_json_text(l->cmdline), "resume",
                  su_json_text(l->resume), "swap", swaps, "network_names", names, "partuuids", refs);
    json_object_set_new(o, "root", l->root.vol < 0 ? json_null() : json_string(f->vols.vol[l->root.vol].name));
    json_object_set_new(o, "boot", l->boot.vol < 0 ? json_null() : json_string(f->vols.vol[l->boot.vol].name));
    json_object_set_new(o, "loader", l->grub_found ? json_string("grub2") : json_null());
    json_object_set_new(o, "grub_dir", su_json_text(l->grub_dir));
    json_object_set_new(o, "hostname", su_json_text(l->hostname));
    json_object_set_new(o, "machine_id", su_json_text(l->machine_id));
    json_object_set_new(o, "root_uuid", su_json_text(l->root.vol < 0 ? "" : f->vols.vol[l->root.vol].what.uuid));
    if (f->has_initramfs)
        json_object_set_new(o, "initramfs", initramfs(f));
    return o;
}

static json_t *changes(const struct su_facts *f)
{
    json_t *o = json_object();
    if (f->table != SU_TABLE_MBR || f->layout.n_problems || f->mbr.n_problems)
        return o;
    const struct su_gpt_entry *esp = &f->layout.gpt.entry[f->layout.esp_number - 1];
    json_object_set_new(o, "size", su_json_num(f->layout.disk_bytes));
    json_object_set_new(o, "esp",
                        json_pack("{s:i,s:o,s:o}", "number", (int)f->layout.esp_number, "offset",
                                  su_json_num(esp->first * f->sector_size), "size",
                                  su_json_num((esp->last - esp->first + 1) * f->sector_size)));
    json_object_set_new(o, "bios_room_sectors", su_json_num(f->bios.room));
    return o;
}

json_t *su_json_facts(const struct su_facts *f)
{
    static const char *const tables[] = {[SU_TABLE_NONE] = "none", [SU_TABLE_MBR] = "mbr", [SU_TABLE_GPT] = "gpt"};
    json_t *parts = json_array(), *vols = json_array();
    for (size_t i = 0; i < f->n_parts; i++)
        json_array_append_new(parts, partition(f, &f->part[i]));
    for (size_t i = 0; i < f->vols.n; i++)
        json_array_append_new(vols, volume(&f->vols.vol[i]));
    json_t *o =
        json_pack("{s:b,s:o,s:s,s:o,s:i,s:s,s:b,s:s,s:o,s:o,s:o}", "ok", 1, "image", su_json_text(f->opt->image),
                  "format", f->image.format, "size", su_json_num(f->image.blk->size), "sector_size",
                  (int)f->sector_size, "table", tables[f->table], "can_grow", f->image.can_grow, "os",
                  f->os ? f->os->name : "unknown", "partitions", parts, "volumes", vols, "would_change", changes(f));
    if (!o)
        return NULL;
    if (f->os == &su_os_linux) {
        json_object_set_new(o, "linux", linux_system(f));
        json_object_set_new(o, "secure_boot", secure_boot(f));
        json_object_set_new(o, "pcr4", f->check.has_pcr4 ? hex(f->check.pcr4, sizeof f->check.pcr4) : json_null());
    } else if (f->os == &su_os_windows) {
        json_object_set_new(o, "windows", su_json_windows(f));
        json_object_set_new(o, "secure_boot", su_json_windows_secure_boot(f));
    }
    return o;
}

static json_t *steps(const struct su_plan *p)
{
    static const char *const kinds[] = {
        [SU_STEP_WRITE] = "write", [SU_STEP_BARRIER] = "barrier", [SU_STEP_KEEP] = "keep"};
    json_t *list = json_array();
    for (size_t i = 0; i < p->n; i++) {
        const struct su_step *s = &p->step[i];
        json_t *o = json_pack("{s:s,s:s}", "kind", kinds[s->kind], "why", s->why);
        if (s->kind != SU_STEP_BARRIER) {
            json_object_set_new(o, "area", json_string(su_area_name(s->area)));
            json_object_set_new(o, "offset", su_json_num(s->off));
            json_object_set_new(o, "bytes", su_json_num(s->n));
        }
        json_array_append_new(list, o);
    }
    return list;
}

json_t *su_json_conversion(const struct su_facts *f, const struct su_conversion *c)
{
    const struct su_gpt_entry *en = &c->layout.gpt.entry[c->layout.esp_number - 1];
    json_t *edits = json_array();
    for (size_t i = 0; i < c->edits.n; i++)
        json_array_append_new(edits, json_pack("{s:s,s:s,s:o}", "kind", su_edit_kind_name(c->edits.edit[i].kind),
                                               "volume", f->vols.vol[c->edits.edit[i].vol].name, "path",
                                               su_json_text(c->edits.edit[i].path)));
    json_t *o =
        json_pack("{s:b,s:o,s:b,s:o,s:o,s:o,s:o,s:o}", "ok", 1, "image", su_json_text(f->opt->image), "dual", c->dual,
                  "size_before", su_json_num(c->plan.size_before), "size", su_json_num(c->plan.size_after), "bytes",
                  su_json_num(su_plan_total(&c->plan)), "steps", steps(&c->plan), "edits", edits);
    json_object_set_new(o, "pcr4", f->check.has_pcr4 ? hex(f->check.pcr4, sizeof f->check.pcr4) : json_null());
    json_object_set_new(o, "esp",
                        json_pack("{s:i,s:s,s:o,s:o,s:o}", "number", (int)c->layout.esp_number, "uuid",
                                  c->edits.esp_uuid, "offset", su_json_num(en->first * f->sector_size), "size",
                                  su_json_num((en->last - en->first + 1) * f->sector_size), "content",
                                  su_json_num(c->esp_content)));
    json_object_set_new(o, "bios_boot",
                        c->layout.bios_number ? json_integer((json_int_t)c->layout.bios_number) : json_null());
    json_object_set_new(o, "secure_boot", json_boolean(su_facts_secure_boot(f)));
    if (c->dual_why[0])
        json_object_set_new(o, "dual_why", su_json_text(c->dual_why));
    if (f->os == &su_os_windows) /* letters: taken from the old system partition; driver: how it started before */
        json_object_set_new(o, "windows",
                            json_pack("{s:i,s:s#,s:s,s:b,s:b}", "boot_names", (int)f->store.devices, "letters",
                                      c->edits.letter, (int)c->edits.n_letters, "driver", c->edits.driver, "recovery",
                                      f->windows.winre >= 0, "esp_reused", c->layout.esp_reused));
    return o;
}

int su_json_print(json_t *o, FILE *out, struct su_err *e)
{
    char *s = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!s)
        return su_fail_nomem(e, 4096);
    fprintf(out, "%s\n", s);
    free(s);
    return 0;
}
