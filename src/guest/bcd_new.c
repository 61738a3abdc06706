/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd_new.c - a boot store from Windows' own template, as bcdboot makes it.
 *
 * \Windows\System32\config\BCD-Template holds the settings that entries inherit, {bootmgr}, {memdiag}, and for each
 * kind of firmware a target: what a loader and a resume object start out with.  Elements of class 4 say how to use a
 * target (42000002: the loader's path below the system's directory) and are not copied.  All targets go. */
#include "bcd_int.h"
#include "disk/guid.h"
#include "utf16.h"
#include <stdio.h>
#include <string.h>

#define TARGET_LOADER "{b012b84d-c47c-4ed5-b722-c0c42163e569}"
#define TARGET_RESUME "{0c334284-9a41-4de1-99b3-a7e87e8ff07e}"
#define GLOBAL_SETTINGS "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
#define LOADER_SETTINGS "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
#define RESUME_SETTINGS "{1afa9c49-16ab-4a5c-901b-212802da9460}"

enum {
    RESUME_ON_BOOT = 0x23000006,
    TARGET_PATH = 0x42000002,
    RECOVERY_ENTRY = 0x46000010,
    DISPLAY_OPTIONS = 0x15000065,
    BOOT_MENU = 0x250000C2,
    NX = 0x25000020,
    TEMPLATE_CLASS = 4,
};

struct making {
    const struct su_bcd *b;
    const struct su_bcd_new *what;
    struct su_bcd_changes *out;
    const uint8_t *disk;
    const struct su_winmap_part *os, *winre; /* winre: NULL: none */
    char loader[39], resume[39], recovery[39], ramdisk[39];
    uint8_t ramdisk_guid[16];
};

/* The same disk, the same guid. */
static int derive(const struct making *k, const char *name, char text[39], uint8_t guid[16], struct su_err *e)
{
    char t[SU_GUID_TEXT];
    if (su_guid_derive(k->disk, (struct su_bytes){(const uint8_t *)name, strlen(name)}, guid, e) < 0)
        return -1;
    su_guid_text(guid, t);
    snprintf(text, 39, "{%s}", t);
    return 0;
}

/* What bcdboot keeps: settings, and of the applications two, if they are what they should be. */
static bool is_kept(const struct su_bcd_object *o)
{
    enum { APPLICATION = 1 };
    if (strcmp(o->guid, SU_BCD_BOOTMGR) == 0)
        return o->type == SU_BCD_BOOT_MANAGER;
    if (strcmp(o->guid, SU_BCD_MEMDIAG) == 0)
        return o->type == SU_BCD_MEMORY_TEST;
    return o->type >> 28 != APPLICATION && strcmp(o->guid, SU_BCD_FWBOOTMGR) != 0 && !su_bcd_is_legacy(o);
}

static const struct su_bcd_object *kept(const struct su_bcd *b, const char *guid)
{
    const struct su_bcd_object *o = su_bcd_find(b, guid);
    return o && is_kept(o) ? o : NULL;
}

static bool exists(const void *arg, const char *guid)
{
    return kept(arg, guid) != NULL;
}

/* Elements ---------------------------------------------------------------- */

/* One of a target, or of a settings object that stays: lists name only what exists, integers are 8 bytes. */
static int copy_element(struct making *k, const char *guid, const struct su_bcd_element *x, struct su_err *e)
{
    SU_BUF struct su_buf data = {0};
    unsigned left = 1, dropped = 0;
    if (su_bcd_format(x->id) == SU_BCD_F_OBJECTS) {
        su_bcd_filter_list(x->data, exists, k->b, &data, &left, &dropped);
    } else {
        su_buf_add(&data, x->data.p, x->data.n);
        if (su_bcd_format(x->id) == SU_BCD_F_INTEGER && data.n < sizeof(uint64_t))
            su_buf_zero(&data, sizeof(uint64_t) - data.n);
    }
    if (su_buf_ok(&data, e) < 0)
        return -1;
    return left ? su_bcd_set(k->out, guid, x->id, x->reg_type, su_buf_bytes(&data), e) : 0;
}

/* Settings only: devices and objects of the new entry are its own. */
static bool is_setting(uint32_t id)
{
    enum su_bcd_format f = su_bcd_format(id);
    return id >> 28 != TEMPLATE_CLASS && f != SU_BCD_F_DEVICE && f != SU_BCD_F_OBJECT;
}

static int copy_target(struct making *k, const char *target, const char *guid, struct su_err *e)
{
    const struct su_bcd_object *o = su_bcd_find(k->b, target);
    for (size_t i = 0; o && i < o->n; i++)
        if (is_setting(o->element[i].id) && copy_element(k, guid, &o->element[i], e) < 0)
            return -1;
    return 0;
}

/* Inherits from a settings object, when that is there and the target does not say so itself. */
static int inherit(struct making *k, const char *guid, const char *target, const char *from, struct su_err *e)
{
    const struct su_bcd_object *o = target ? su_bcd_find(k->b, target) : NULL;
    if ((o && su_bcd_get(o, SU_BCD_INHERIT)) || !kept(k->b, from))
        return 0;
    return su_bcd_set_guid(k->out, guid, SU_BCD_INHERIT, from, e);
}

static int set_locale(struct making *k, const char *guid, struct su_err *e)
{
    const char *locale = k->what->locale;
    return locale && *locale ? su_bcd_set_text(k->out, guid, SU_BCD_LOCALE, locale, 1, e) : 0;
}

static bool is_efi(const char *path)
{
    size_t n = strlen(path);
    return path[0] == '\\' && n > 4 && su_name_is(path + n - 4, 4, ".efi");
}

/* The path of a target below the system's directory. */
static int set_path(struct making *k, const char *guid, const char *target, const char *usual, struct su_err *e)
{
    char below[200], path[512];
    const struct su_bcd_object *o = su_bcd_find(k->b, target);
    bool told = o && su_bcd_text(o, TARGET_PATH, below, sizeof below) && is_efi(below);
    snprintf(path, sizeof path, "%s%s", k->what->root, told ? below : usual);
    return su_bcd_set_text(k->out, guid, SU_BCD_PATH, path, 1, e);
}

static int set_os(struct making *k, const char *guid, uint32_t id, struct su_err *e)
{
    return su_bcd_set_partition(k->out, guid, id, k->disk, k->os->guid, e);
}

/* Which entry starts when this one fails to. */
static int set_recovery(struct making *k, const char *guid, struct su_err *e)
{
    if (!k->winre)
        return 0;
    if (su_bcd_set_guid(k->out, guid, SU_BCD_RECOVERY_SEQUENCE, k->recovery, e) < 0)
        return -1;
    return su_bcd_set_boolean(k->out, guid, SU_BCD_RECOVERY_ENABLED, true, e);
}

/* Objects ----------------------------------------------------------------- */

static int make_loader(struct making *k, struct su_err *e)
{
    const char *g = k->loader;
    if (su_bcd_add_object(k->out, g, SU_BCD_OS_LOADER, e) < 0 || copy_target(k, TARGET_LOADER, g, e) < 0 ||
        set_os(k, g, SU_BCD_DEVICE, e) < 0 || set_os(k, g, SU_BCD_OS_DEVICE, e) < 0 ||
        set_path(k, g, TARGET_LOADER, "\\system32\\winload.efi", e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_DESCRIPTION, k->what->description, 1, e) < 0 || set_locale(k, g, e) < 0)
        return -1;
    if (inherit(k, g, TARGET_LOADER, LOADER_SETTINGS, e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_SYSTEM_ROOT, k->what->root, 1, e) < 0 ||
        su_bcd_set_guid(k->out, g, SU_BCD_RESUME_OBJECT, k->resume, e) < 0 ||
        su_bcd_set_boolean(k->out, g, SU_BCD_ISOLATED_CONTEXT, true, e) < 0)
        return -1;
    return set_recovery(k, g, e);
}

static int make_resume(struct making *k, struct su_err *e)
{
    const char *g = k->resume;
    if (su_bcd_add_object(k->out, g, SU_BCD_RESUME, e) < 0 || copy_target(k, TARGET_RESUME, g, e) < 0 ||
        set_os(k, g, SU_BCD_DEVICE, e) < 0 || set_os(k, g, SU_BCD_OS_DEVICE, e) < 0 ||
        set_path(k, g, TARGET_RESUME, "\\system32\\winresume.efi", e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_DESCRIPTION, "Windows Resume Application", 1, e) < 0)
        return -1;
    if (set_locale(k, g, e) < 0 || inherit(k, g, TARGET_RESUME, RESUME_SETTINGS, e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_SYSTEM_ROOT, "\\hiberfil.sys", 1, e) < 0 ||
        su_bcd_set_boolean(k->out, g, SU_BCD_ISOLATED_CONTEXT, true, e) < 0)
        return -1;
    return set_recovery(k, g, e);
}

/* An object that the template should have. */
static int need(struct making *k, const char *guid, uint32_t type, struct su_err *e)
{
    return kept(k->b, guid) ? 0 : su_bcd_add_object(k->out, guid, type, e);
}

static int on_esp(struct making *k, const char *guid, const char *path, const char *description, unsigned nuls,
                  struct su_err *e)
{
    const struct su_bcd_object *o = kept(k->b, guid);
    bool described = o && su_bcd_get(o, SU_BCD_DESCRIPTION);
    if (su_bcd_set_partition(k->out, guid, SU_BCD_DEVICE, k->disk, k->what->map->esp_guid, e) < 0 ||
        su_bcd_set_text(k->out, guid, SU_BCD_PATH, path, nuls, e) < 0 ||
        (!described && su_bcd_set_text(k->out, guid, SU_BCD_DESCRIPTION, description, 1, e) < 0))
        return -1;
    return set_locale(k, guid, e) < 0 ? -1 : inherit(k, guid, o ? guid : NULL, GLOBAL_SETTINGS, e);
}

static int make_managers(struct making *k, struct su_err *e)
{
    const char *g = SU_BCD_BOOTMGR;
    if (need(k, g, SU_BCD_BOOT_MANAGER, e) < 0 || need(k, SU_BCD_MEMDIAG, SU_BCD_MEMORY_TEST, e) < 0)
        return -1;
    if (on_esp(k, g, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", "Windows Boot Manager", 2, e) < 0 ||
        on_esp(k, SU_BCD_MEMDIAG, "\\EFI\\Microsoft\\Boot\\memtest.efi", "Windows Memory Diagnostic", 1, e) < 0)
        return -1;
    if (su_bcd_set_guid(k->out, g, SU_BCD_DEFAULT, k->loader, e) < 0 ||
        su_bcd_set_guid(k->out, g, RESUME_ON_BOOT, k->resume, e) < 0 ||
        su_bcd_set_guid(k->out, g, SU_BCD_DISPLAY_ORDER, k->loader, e) < 0 ||
        su_bcd_set_guid(k->out, g, SU_BCD_TOOLS_ORDER, SU_BCD_MEMDIAG, e) < 0)
        return -1;
    const struct su_bcd_object *o = kept(k->b, g);
    if ((!o || !su_bcd_get(o, SU_BCD_TIMEOUT)) && su_bcd_set_integer(k->out, g, SU_BCD_TIMEOUT, 30, e) < 0)
        return -1;
    return su_bcd_add_fwbootmgr(k->out, e);
}

/* Recovery ---------------------------------------------------------------- */

/* "ramdisk=[partition]path,{options}" */
static int set_ramdisk(struct making *k, const char *guid, uint32_t id, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    if (su_bcd_device_make_ramdisk(k->ramdisk_guid, k->disk, k->winre->guid, k->what->winre_path, &b, e) < 0)
        return -1;
    return su_bcd_set(k->out, guid, id, SU_REG_BINARY, su_buf_bytes(&b), e);
}

static int make_ramdisk(struct making *k, struct su_err *e)
{
    char sdi[512];
    const char *path = k->what->winre_path, *name = strrchr(path, '\\');
    if (!name)
        return su_fail(e, SU_E_FORMAT, "guest.winpath", "a path is not absolute");
    snprintf(sdi, sizeof sdi, "%.*s\\boot.sdi", (int)(name - path < 480 ? name - path : 480), path);
    const char *g = k->ramdisk;
    if (su_bcd_add_object(k->out, g, SU_BCD_DEVICE_OPTIONS, e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_DESCRIPTION, "Windows Recovery", 1, e) < 0 ||
        su_bcd_set_partition(k->out, g, SU_BCD_SDI_DEVICE, k->disk, k->winre->guid, e) < 0)
        return -1;
    return su_bcd_set_text(k->out, g, SU_BCD_SDI_PATH, sdi, 1, e);
}

static int make_recovery(struct making *k, struct su_err *e)
{
    const char *g = k->recovery;
    if (!k->winre)
        return 0;
    if (make_ramdisk(k, e) < 0 || su_bcd_add_object(k->out, g, SU_BCD_OS_LOADER, e) < 0 ||
        set_ramdisk(k, g, SU_BCD_DEVICE, e) < 0 || set_ramdisk(k, g, SU_BCD_OS_DEVICE, e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_PATH, "\\windows\\system32\\winload.efi", 1, e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_DESCRIPTION, "Windows Recovery Environment", 1, e) < 0)
        return -1;
    if (set_locale(k, g, e) < 0 || inherit(k, g, NULL, LOADER_SETTINGS, e) < 0 ||
        su_bcd_set_integer(k->out, g, DISPLAY_OPTIONS, 3, e) < 0 ||
        su_bcd_set_text(k->out, g, SU_BCD_SYSTEM_ROOT, "\\windows", 1, e) < 0 ||
        su_bcd_set_integer(k->out, g, NX, 0, e) < 0 || su_bcd_set_integer(k->out, g, BOOT_MENU, 1, e) < 0)
        return -1;
    return su_bcd_set_boolean(k->out, g, SU_BCD_WINPE, true, e) < 0
               ? -1
               : su_bcd_set_boolean(k->out, g, RECOVERY_ENTRY, true, e);
}

/* The template ------------------------------------------------------------ */

/* A template names no disk; its lists name only what stays. */
static int clean_element(struct making *k, const struct su_bcd_object *o, const struct su_bcd_element *x,
                         struct su_err *e)
{
    bool list = su_bcd_format(x->id) == SU_BCD_F_OBJECTS, device = su_bcd_format(x->id) == SU_BCD_F_DEVICE;
    bool target = x->id >> 28 == TEMPLATE_CLASS;
    if (!list && !device && !target)
        return 0;
    if (su_bcd_unset(k->out, o->guid, x->id, e) < 0)
        return -1;
    return list && !target ? copy_element(k, o->guid, x, e) : 0;
}

static int clean_object(struct making *k, const struct su_bcd_object *o, struct su_err *e)
{
    if (!is_kept(o))
        return su_bcd_drop_object(k->out, o->guid, e);
    for (size_t i = 0; i < o->n; i++)
        if (clean_element(k, o, &o->element[i], e) < 0)
            return -1;
    return 0;
}

static int name_objects(struct making *k, struct su_err *e)
{
    uint8_t guid[16];
    if (derive(k, "BCD loader", k->loader, guid, e) < 0 || derive(k, "BCD resume", k->resume, guid, e) < 0 ||
        derive(k, "BCD recovery", k->recovery, guid, e) < 0 ||
        derive(k, "BCD ramdisk", k->ramdisk, k->ramdisk_guid, e) < 0)
        return -1;
    const char *known = k->what->winre_guid;
    char lower[39];
    if (known && su_bcd_guid_lower(known, strlen(known), lower) && !su_bcd_find(k->b, lower) &&
        strcmp(lower, "{00000000-0000-0000-0000-000000000000}") != 0)
        memcpy(k->recovery, lower, sizeof lower);
    return 0;
}

int su_bcd_from_template(const struct su_bcd *b, const struct su_bcd_new *what, struct su_bcd_changes *out,
                         struct su_err *e)
{
    SU_BCD_CHANGES struct su_bcd_changes changes = {0};
    struct making k = {.b = b, .what = what, .out = &changes, .disk = what->map->disk_guid};
    k.os = su_winmap_by_number(what->map, what->os);
    k.winre = what->winre_path ? su_winmap_by_number(what->map, what->winre) : NULL;
    if (!k.os)
        return su_fail(e, SU_E_MISSING, "bcd.default", "the system's volume is no partition of the disk");
    if (!su_bcd_find(b, TARGET_LOADER) && !su_bcd_find(b, LOADER_SETTINGS))
        return su_fail(e, SU_E_FORMAT, "bcd.damaged", "BCD-Template has neither a target for UEFI nor settings");
    if (name_objects(&k, e) < 0)
        return -1;
    struct su_bcd_change mark = {.kind = SU_BCD_MARK_SYSTEM};
    if (su_bcd_change(&changes, mark, (struct su_bytes){0}, e) < 0)
        return -1;
    for (size_t i = 0; i < b->n; i++)
        if (clean_object(&k, &b->object[i], e) < 0)
            return -1;
    if (make_managers(&k, e) < 0 || make_loader(&k, e) < 0 || make_resume(&k, e) < 0 || make_recovery(&k, e) < 0)
        return -1;
    *out = changes;
    changes = (struct su_bcd_changes){0};
    return 0;
}
