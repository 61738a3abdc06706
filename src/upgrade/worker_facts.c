/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the JSON of `surety disk inspect` to what the checks need. */
#include "base/clean.h"
#include "upgrade/worker.h"
#include <stdio.h>
#include <string.h>

static void take_text(const json_t *o, const char *member, char *out, size_t cap)
{
    su_clean(out, cap, json_string_value(json_object_get(o, member)));
}

static void take_linux(const json_t *o, struct su_disk_facts *out)
{
    take_text(o, "id", out->os_id, sizeof out->os_id);
    take_text(o, "version", out->os_version, sizeof out->os_version);
    take_text(o, "name", out->os_name, sizeof out->os_name);
    take_text(o, "hostname", out->hostname, sizeof out->hostname);
    take_text(o, "machine_id", out->machine_id, sizeof out->machine_id);
    take_text(o, "root", out->root_volume, sizeof out->root_volume);
    take_text(o, "root_uuid", out->root_uuid, sizeof out->root_uuid);
}

/* Its id is ours, as os-release(5) has none for it. */
static void take_windows(const json_t *o, struct su_disk_facts *out)
{
    json_int_t build = json_integer_value(json_object_get(o, "build"));
    snprintf(out->os_id, sizeof out->os_id, "windows");
    take_text(o, "version", out->os_version, sizeof out->os_version);
    take_text(o, "product", out->os_name, sizeof out->os_name);
    take_text(o, "computer", out->hostname, sizeof out->hostname);
    take_text(o, "machine_guid", out->machine_id, sizeof out->machine_id);
    take_text(o, "os", out->root_volume, sizeof out->root_volume);
    out->build = build < 0 || build > UINT32_MAX ? 0 : (uint32_t)build;
    json_int_t revision = json_integer_value(json_object_get(o, "ubr"));
    out->revision = revision < 0 || revision > UINT32_MAX ? 0 : (uint32_t)revision;
    take_text(o, "edition", out->edition, sizeof out->edition);
    out->hibernation = json_is_true(json_object_get(o, "hibernated"));
    out->fast_startup = json_is_true(json_object_get(o, "fast_startup"));
}

static void take_drivers(json_t *drivers, struct su_disk_facts *out)
{
    const char *name;
    json_t *state;
    json_object_foreach(drivers, name, state)
    {
        if (out->n_drivers == SU_DF_DRIVERS)
            break;
        su_clean(out->driver[out->n_drivers].name, sizeof out->driver[0].name, name);
        su_clean(out->driver[out->n_drivers].where, sizeof out->driver[0].where, json_string_value(state));
        out->n_drivers++;
    }
}

static void take_names(const json_t *list, struct su_disk_facts *out)
{
    for (size_t i = 0; i < json_array_size(list) && out->n_names < SU_DF_NAMES; i++) {
        const json_t *o = json_array_get(list, i);
        take_text(o, "name", out->name[out->n_names].name, sizeof out->name[0].name);
        take_text(o, "depends_on", out->name[out->n_names].depends, sizeof out->name[0].depends);
        out->name[out->n_names].pinned = json_is_true(json_object_get(o, "pinned"));
        out->n_names++;
    }
}

static void take_secure_boot(const json_t *o, struct su_disk_facts *out)
{
    json_int_t n = json_integer_value(json_object_get(o, "unsigned_module_count"));
    out->secure_boot_firmware_known = json_is_true(json_object_get(o, "firmware_known"));
    out->secure_boot_ok = json_is_true(json_object_get(o, "ok"));
    out->unsigned_modules = n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool is_finding(const json_t *o, const char *id)
{
    const char *s = json_string_value(json_object_get(o, "id"));
    return s && strcmp(s, id) == 0;
}

/* As surety disk tells it. */
static void add_mbr2gpt(const json_t *o, char *text, size_t cap)
{
    const json_t *m = json_object_get(o, "mbr2gpt");
    const char *rule = json_string_value(json_object_get(m, "rule"));
    char clean[8], add[48];
    if (!rule)
        return;
    su_clean(clean, sizeof clean, rule); /* it read a guest's disk */
    snprintf(add, sizeof add, " (MBR2GPT: %s, %d)", clean,
             (int)(json_integer_value(json_object_get(m, "code")) & 0xFF));
    size_t at = strlen(text), n = strlen(add) + 1;
    if (n <= cap - at)
        memcpy(text + at, add, n);
}

static void take_findings(const json_t *list, struct su_disk_facts *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        if (is_finding(o, "linux.hibernation") || is_finding(o, "volume.hibernated") ||
            is_finding(o, "windows.hibernated") || is_finding(o, "windows.faststartup"))
            out->hibernation = true;
        if (out->n_findings == SU_DF_FINDINGS)
            continue;
        __typeof__(&out->finding[0]) f = &out->finding[out->n_findings++];
        take_text(o, "id", f->id, sizeof f->id);
        take_text(o, "severity", f->severity, sizeof f->severity);
        take_text(o, "message", f->text, sizeof f->text);
        add_mbr2gpt(o, f->text, sizeof f->text);
        take_text(o, "remedy", f->remedy, sizeof f->remedy);
    }
}

void su_worker_parse(const json_t *answer, bool stale, struct su_disk_facts *out)
{
    const json_t *system = json_object_get(answer, "linux"), *windows = json_object_get(answer, "windows");
    const json_t *initramfs = json_object_get(system, "initramfs");
    const char *pcr4 = json_string_value(json_object_get(answer, "pcr4"));
    *out = (struct su_disk_facts){.looked = true, .stale = stale};
    take_text(answer, "table", out->table, sizeof out->table);
    take_text(answer, "os", out->os, sizeof out->os);
    if (strcmp(out->os, "windows") == 0) {
        take_windows(windows, out);
        take_drivers(json_object_get(windows, "drivers"), out);
    } else {
        take_linux(system, out);
        take_drivers(json_object_get(initramfs, "drivers"), out);
    }
    out->initramfs_known = json_is_object(initramfs);
    take_names(json_object_get(system, "network_names"), out);
    take_secure_boot(json_object_get(answer, "secure_boot"), out);
    take_findings(json_object_get(answer, "findings"), out);
    out->has_pcr4 = pcr4 && strlen(pcr4) == 64 && strspn(pcr4, "0123456789abcdef") == 64;
    if (out->has_pcr4)
        su_clean(out->pcr4, sizeof out->pcr4, pcr4);
}

int su_worker_facts(const struct su_worker *w, struct su_disk_facts *out, struct su_err *e)
{
    int status = 0;
    json_t *answer = NULL;
    struct su_err why = {0};
    if (su_worker_run(w, "inspect", &status, &answer, &why) < 0) {
        if (why.kind == SU_E_NOMEM) {
            *e = why;
            return -1;
        }
        *out = (struct su_disk_facts){.why = why, .stale = w->shared};
        return 0;
    }
    su_worker_parse(answer, w->shared, out);
    json_decref(answer);
    return 0;
}
