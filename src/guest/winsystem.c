/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "winsystem.h"
#include "utf16.h"
#include <stdio.h>
#include <string.h>

enum { GROUPS = 2, CHOICES = 2, MAX_SET = 999 };

/* What a bus needs: of each group one service.  With an IDE controller that is the driver of its channels and the one
 * of the controller. */
static const struct {
    const char *name;
    const char *service[GROUPS][CHOICES];
} buses[SU_WINBUS_COUNT] = {
    [SU_WINBUS_IDE] = {"ide", {{"atapi"}, {"intelide", "pciide"}}},
    [SU_WINBUS_SATA] = {"sata", {{"storahci", "msahci"}}}, /* msahci: before Windows 8 */
    [SU_WINBUS_VIRTIO] = {"virtio", {{"viostor"}}},
    [SU_WINBUS_SCSI] = {"scsi", {{"vioscsi"}}},
    [SU_WINBUS_NVME] = {"nvme", {{"stornvme"}}},
};

const char *su_winbus_name(enum su_winbus b)
{
    return (unsigned)b < SU_WINBUS_COUNT ? buses[b].name : "";
}

const char *su_winstart_name(enum su_winstart s)
{
    static const char *const names[] = {"boot", "later", "absent", "unknown"};
    return (unsigned)s < SU_ARRAY_LEN(names) ? names[s] : "unknown";
}

/* One service ---------------------------------------------------------------- */

struct service {
    const char *name;
    su_hive_node key, overrides; /* 0: none */
    bool has_start, has_override;
    uint32_t start, override;
};

static enum su_winstart start_of(const struct service *s)
{
    if (!s->key)
        return SU_WINSTART_ABSENT;
    if (!s->has_start)
        return SU_WINSTART_UNKNOWN;
    return s->start == 0 && (!s->has_override || s->override == 0) ? SU_WINSTART_BOOT : SU_WINSTART_LATER;
}

static int read_service(struct su_hive *h, su_hive_node services, const char *name, struct service *s, struct su_err *e)
{
    *s = (struct service){.name = name};
    if (su_hive_find(h, services, name, &s->key, e) < 0)
        return -1;
    if (!s->key)
        return 0;
    if (su_hive_get_dword(h, s->key, "Start", &s->start, &s->has_start, e) < 0 ||
        su_hive_find(h, s->key, "StartOverride", &s->overrides, e) < 0)
        return -1;
    return s->overrides ? su_hive_get_dword(h, s->overrides, "0", &s->override, &s->has_override, e) : 0;
}

/* The key of the control set that Windows starts with next time; its number. */
static int control_set(struct su_hive *h, su_hive_node *set, unsigned *number, struct su_err *e)
{
    su_hive_node select = 0;
    uint32_t current = 0;
    bool there = false;
    char name[24];
    if (su_hive_find(h, su_hive_root(h), "Select", &select, e) < 0 ||
        (select && su_hive_get_dword(h, select, "Current", &current, &there, e) < 0))
        return -1;
    if (!there || current == 0 || current > MAX_SET)
        return su_fail(e, SU_E_FORMAT, "windows.select", "the SYSTEM hive does not say which control set is in use");
    snprintf(name, sizeof name, "ControlSet%03u", (unsigned)current);
    if (su_hive_find(h, su_hive_root(h), name, set, e) < 0)
        return -1;
    if (!*set)
        return su_fail(e, SU_E_FORMAT, "windows.select", "the SYSTEM hive has no %s, which it says is in use", name);
    *number = current;
    return 0;
}

static int find_services(struct su_hive *h, su_hive_node *services, struct su_err *e)
{
    su_hive_node set = 0;
    unsigned number = 0;
    return control_set(h, &set, &number, e) < 0 ? -1 : su_hive_find(h, set, "Services", services, e);
}

/* A bus ---------------------------------------------------------------------- */

/* The service that counts of a group: the first that is installed, as Windows prefers the driver that knows the
 * hardware. */
static int read_group(struct su_hive *h, su_hive_node services, const char *const names[CHOICES], struct service *out,
                      struct su_err *e)
{
    for (size_t i = 0; i < CHOICES && names[i]; i++) {
        if (read_service(h, services, names[i], out, e) < 0)
            return -1;
        if (out->key)
            return 0;
    }
    return 0;
}

static enum su_winstart worse(enum su_winstart a, enum su_winstart b)
{
    static const uint8_t weight[] = {
        [SU_WINSTART_BOOT] = 0, [SU_WINSTART_LATER] = 1, [SU_WINSTART_UNKNOWN] = 2, [SU_WINSTART_ABSENT] = 3};
    return weight[a] > weight[b] ? a : b;
}

static int read_bus(struct su_hive *h, su_hive_node services, enum su_winbus b, struct su_winsystem *out,
                    struct su_err *e)
{
    out->bus[b] = SU_WINSTART_BOOT;
    for (size_t g = 0; g < GROUPS && buses[b].service[g][0]; g++) {
        struct service s = {0};
        if (services && read_group(h, services, buses[b].service[g], &s, e) < 0)
            return -1;
        out->bus[b] = worse(out->bus[b], start_of(&s));
        if (g == 0 && s.key &&
            su_hive_get_text(h, s.key, "ImagePath", out->driver_path[b], sizeof out->driver_path[b], e) < 0)
            return -1;
    }
    return 0;
}

/* Texts and switches of the control set. */
static int read_control(struct su_hive *h, su_hive_node set, struct su_winsystem *s, struct su_err *e)
{
    su_hive_node computer = 0, product = 0, power = 0;
    char type[16] = "";
    uint32_t hiberboot = 0;
    bool there = false;
    if (su_hive_find(h, set, "Control\\ComputerName\\ComputerName", &computer, e) < 0 ||
        su_hive_find(h, set, "Control\\ProductOptions", &product, e) < 0 ||
        su_hive_find(h, set, "Control\\Session Manager\\Power", &power, e) < 0)
        return -1;
    if ((computer && su_hive_get_text(h, computer, "ComputerName", s->computer, sizeof s->computer, e) < 0) ||
        (product && su_hive_get_text(h, product, "ProductType", type, sizeof type, e) < 0) ||
        (power && su_hive_get_dword(h, power, "HiberbootEnabled", &hiberboot, &there, e) < 0))
        return -1;
    s->server = type[0] && !su_name_is(type, strlen(type), "WinNT");
    s->fast_startup = there && hiberboot == 1;
    return 0;
}

int su_winsystem_read(struct su_hive *system, struct su_winsystem *out, struct su_err *e)
{
    struct su_winsystem s = {0};
    su_hive_node set = 0, services = 0;
    if (control_set(system, &set, &s.control_set, e) < 0 || su_hive_find(system, set, "Services", &services, e) < 0 ||
        read_control(system, set, &s, e) < 0)
        return -1;
    for (unsigned b = 0; b < SU_WINBUS_COUNT; b++)
        if (read_bus(system, services, b, &s, e) < 0)
            return -1;
    *out = s;
    return 0;
}

/* Changes -------------------------------------------------------------------- */

static int set_dword(struct su_hive *h, su_hive_node key, const char *name, uint32_t value, struct su_err *e)
{
    uint8_t data[4];
    su_put_le32(data, value);
    return su_hive_set(h, key, name, SU_REG_DWORD, (struct su_bytes){data, sizeof data}, e);
}

static int start_at_boot(struct su_hive *h, const struct service *s, struct su_buf *was, struct su_err *e)
{
    if (!s->key || !s->has_start || start_of(s) == SU_WINSTART_BOOT)
        return 0;
    su_buf_printf(was, "%s:%u:", s->name, (unsigned)s->start);
    if (s->has_override)
        su_buf_printf(was, "%u;", (unsigned)s->override);
    else
        su_buf_text(was, "-;");
    if (s->has_override && su_hive_unset(h, s->overrides, "0", e) < 0)
        return -1;
    return set_dword(h, s->key, "Start", 0, e);
}

int su_winsystem_boot_driver(struct su_hive *system, enum su_winbus bus, bool *changed, struct su_buf *was,
                             struct su_err *e)
{
    SU_BUF struct su_buf note = {0};
    struct service s[GROUPS] = {0};
    su_hive_node services = 0;
    if (find_services(system, &services, e) < 0)
        return -1;
    for (size_t g = 0; g < GROUPS && buses[bus].service[g][0]; g++) {
        if (services && read_group(system, services, buses[bus].service[g], &s[g], e) < 0)
            return -1;
        if (!s[g].has_start)
            return su_fail(e, SU_E_MISSING, "windows.driver",
                           "the driver %s, which starts a disk on %s, is not installed", buses[bus].service[g][0],
                           buses[bus].name);
    }
    for (size_t g = 0; g < GROUPS; g++)
        if (start_at_boot(system, &s[g], &note, e) < 0)
            return -1;
    if (su_buf_ok(&note, e) < 0)
        return -1;
    su_buf_add(was, note.p, note.n);
    if (su_buf_ok(was, e) < 0)
        return -1;
    *changed = note.n > 0;
    return 0;
}

struct noted {
    const char *name; /* of the table */
    uint32_t start, override;
    bool has_override;
};

static const char *known_service(const char *name, size_t len)
{
    for (size_t i = 0; i < SU_WINBUS_COUNT * GROUPS * CHOICES; i++) {
        const char *s = buses[i / (GROUPS * CHOICES)].service[i / CHOICES % GROUPS][i % CHOICES];
        if (s && su_name_is(name, len, s))
            return s;
    }
    return NULL;
}

/* One "name:start:override;" from the front of *text. */
static bool take_noted(const char **text, struct noted *n)
{
    const char *p = *text;
    size_t len = strcspn(p, ":");
    char number[2][12];
    int used = 0;
    *n = (struct noted){.name = known_service(p, len)};
    if (!n->name || sscanf(p + len, ":%11[0-9]:%11[0-9-];%n", number[0], number[1], &used) != 2 || used == 0 ||
        (number[1][0] == '-' ? number[1][1] != '\0' : strchr(number[1], '-') != NULL))
        return false;
    n->start = (uint32_t)strtoul(number[0], NULL, 10);
    n->has_override = number[1][0] != '-';
    n->override = (uint32_t)strtoul(number[1], NULL, 10);
    *text = p + len + used;
    return true;
}

/* Only what still is as it was left: who has changed it since knows better. */
static int put_back(struct su_hive *h, su_hive_node services, const struct noted *n, bool *changed, struct su_err *e)
{
    struct service s;
    if (read_service(h, services, n->name, &s, e) < 0)
        return -1;
    if (!s.key || !s.has_start || s.start != 0 || s.has_override)
        return 0;
    *changed = true;
    if (n->has_override && ((!s.overrides && su_hive_add_key(h, s.key, "StartOverride", &s.overrides, e) < 0) ||
                            set_dword(h, s.overrides, "0", n->override, e) < 0))
        return -1;
    return set_dword(h, s.key, "Start", n->start, e);
}

int su_winsystem_driver_back(struct su_hive *system, const char *was, bool *changed, struct su_err *e)
{
    su_hive_node services = 0;
    bool any = false;
    if (find_services(system, &services, e) < 0)
        return -1;
    while (*was) {
        struct noted n;
        if (!take_noted(&was, &n))
            return su_fail(e, SU_E_FORMAT, "windows.driver.note", "what a driver's start was is not understood");
        if (services && put_back(system, services, &n, &any, e) < 0)
            return -1;
    }
    *changed = any;
    return 0;
}
