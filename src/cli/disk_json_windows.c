/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Windows on a disk as JSON.  Members only grow; names and ids are stable. */
#include "disk_show.h"
#include <string.h>

const char *su_machine_name(uint16_t machine)
{
    return machine == SU_PE_X86_64 ? "x86_64" : machine == SU_PE_I386 ? "i386" : machine == SU_PE_ARM64 ? "arm64" : "";
}

static json_t *volume_name(const struct su_facts *f, int vol)
{
    return vol < 0 ? json_null() : json_string(f->vols.vol[vol].name);
}

static json_t *text_or_null(const char *s)
{
    return *s ? su_json_text(s) : json_null();
}

static void add_why(json_t *o, const struct su_err *why)
{
    if (why->kind != SU_OK)
        json_object_set_new(o, "why", su_json_error_object(why));
}

static json_t *hive(const struct su_win_hive *h)
{
    json_t *o = json_pack("{s:o,s:b,s:b,s:o}", "path", su_json_text(h->path), "present", h->there, "loaded", h->loaded,
                          "replayed", su_json_num(h->replayed));
    add_why(o, &h->why);
    return o;
}

/* The boot store: as it is, and what its default entry says. */
static json_t *store(const struct su_facts *f)
{
    const struct su_windows *w = &f->windows;
    json_t *notes = json_array(), *o = hive(&w->store);
    for (size_t i = 0; i < f->store.n_notes; i++)
        json_array_append_new(notes, su_json_text(f->store.note[i]));
    json_object_set_new(o, "names_system", json_boolean(w->by_store));
    json_object_set_new(o, "rebuilt", json_boolean(w->store_rebuilt));
    json_object_set_new(o, "candidates", su_json_num(w->candidates));
    json_object_set_new(o, "devices", su_json_num(f->store.devices));
    json_object_set_new(o, "notes", notes);
    if (w->has_entry)
        json_object_set_new(o, "default",
                            json_pack("{s:o,s:o,s:o,s:o,s:o}", "guid", su_json_text(w->entry.guid), "description",
                                      su_json_text(w->entry.description), "path", su_json_text(w->entry.path), "root",
                                      su_json_text(w->entry.root), "locale", su_json_text(w->entry.locale)));
    if (w->store.why.kind == SU_OK)
        add_why(o, &w->store_why);
    return o;
}

static json_t *winre(const struct su_facts *f)
{
    const struct su_windows *w = &f->windows;
    json_t *files = json_array();
    for (size_t i = 0; i < SU_WIN_REAGENTS; i++) {
        const struct su_win_reagent *r = &w->reagent[i];
        if (r->vol < 0)
            continue;
        json_t *o = json_pack("{s:o,s:o,s:b}", "volume", volume_name(f, r->vol), "path", su_json_text(r->path),
                              "enabled", r->what.enabled);
        add_why(o, &r->why);
        json_array_append_new(files, o);
    }
    return json_pack("{s:o,s:o,s:b,s:o}", "volume", volume_name(f, w->winre), "path", text_or_null(w->winre_path),
                     "present", w->winre_file, "reagent", files);
}

static json_t *drivers(const struct su_winsystem *s)
{
    json_t *o = json_object();
    for (int b = 0; b < SU_WINBUS_COUNT; b++)
        json_object_set_new(o, su_winbus_name((enum su_winbus)b), json_string(su_winstart_name(s->bus[b])));
    return o;
}

static json_t *letters(const struct su_facts *f)
{
    json_t *o = json_object();
    for (size_t i = 0; i < f->windows.n_letters; i++) {
        const char letter[] = {f->windows.letter[i].letter, 0};
        int vol = su_vols_by_partition(&f->vols, f->windows.letter[i].number);
        json_object_set_new(o, letter, volume_name(f, vol));
    }
    return o;
}

static json_t *boot_files(const struct su_winboot *b)
{
    json_t *o = b->found ? su_json_signature(&b->manager) : json_object();
    json_object_set_new(o, "found", json_boolean(b->found));
    json_object_set_new(o, "from", text_or_null(b->from));
    json_object_set_new(o, "ex", json_boolean(b->ex));
    json_object_set_new(o, "has_ex", json_boolean(b->has_ex));
    if (b->has_ex)
        json_object_set_new(o, "other", su_json_signature(&b->manager_ex));
    json_object_set_new(o, "machine", text_or_null(su_machine_name(b->machine)));
    json_object_set_new(o, "files", su_json_num(b->files));
    json_object_set_new(o, "bytes", su_json_num(b->bytes));
    json_object_set_new(o, "skipped", su_json_num(b->skipped));
    add_why(o, &b->why);
    return o;
}

static void add_version(json_t *o, const struct su_windows *w)
{
    const struct su_winversion *v = &w->version;
    json_object_set_new(o, "product", su_json_text(v->product));
    json_object_set_new(o, "version", su_json_text(w->version_short));
    json_object_set_new(o, "edition", su_json_text(v->edition));
    json_object_set_new(o, "display_version", su_json_text(v->display));
    json_object_set_new(o, "installation", su_json_text(v->installation));
    json_object_set_new(o, "build", su_json_num(v->build));
    json_object_set_new(o, "ubr", su_json_num(v->ubr));
    json_object_set_new(o, "server", json_boolean(w->settings.server));
    json_object_set_new(o, "computer", su_json_text(w->settings.computer));
    json_object_set_new(o, "machine_guid", su_json_text(v->machine_guid));
    json_object_set_new(o, "machine", text_or_null(su_machine_name(w->machine)));
}

/* Of the two volumes that matter, either. */
static void add_health(json_t *o, const struct su_windows *w)
{
    const struct su_ntfs_state *a = &w->os_state, *b = &w->system_state;
    json_object_set_new(o, "dirty", json_boolean(a->dirty || b->dirty));
    json_object_set_new(o, "log_dirty", json_boolean(a->log_dirty || b->log_dirty));
    json_object_set_new(o, "hibernated", json_boolean(a->hibernated || b->hibernated));
    json_object_set_new(o, "fast_startup", json_boolean(w->settings.fast_startup));
    json_object_set_new(o, "bitlocker", json_boolean(w->bitlocker_os));
}

json_t *su_json_windows(const struct su_facts *f)
{
    const struct su_windows *w = &f->windows;
    json_t *o = json_object();
    add_version(o, w);
    json_object_set_new(o, "system", volume_name(f, w->system));
    json_object_set_new(o, "os", volume_name(f, w->os));
    json_object_set_new(o, "root", text_or_null(w->root));
    json_object_set_new(o, "active", w->active ? su_json_num(w->active) : json_null());
    json_object_set_new(o, "active_partitions", su_json_num(w->n_active));
    json_object_set_new(o, "store", f->table == SU_TABLE_MBR ? store(f) : json_null()); /* else it is on the ESP */
    json_object_set_new(o, "winre", winre(f));
    json_object_set_new(o, "hives",
                        json_pack("{s:o,s:o,s:o}", "system", hive(&w->system_hive), "software", hive(&w->software_hive),
                                  "template", hive(&w->template_hive)));
    json_object_set_new(o, "drivers", drivers(&w->settings));
    json_object_set_new(o, "letters", letters(f));
    add_health(o, w);
    json_object_set_new(o, "boot_files", boot_files(&f->winboot));
    return o;
}

json_t *su_json_windows_secure_boot(const struct su_facts *f)
{
    return json_pack("{s:b,s:o,s:b,s:b}", "firmware_known", f->winboot.firmware_known, "firmware",
                     su_json_text(f->winboot.firmware), "boot_files", f->winboot.found, "ok", su_facts_secure_boot(f));
}
