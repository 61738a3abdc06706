/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "initramfs_facts.h"
#include "text.h"
#include <stdio.h>
#include <string.h>

static const char *const makers[] = {
    [SU_MAKER_UNKNOWN] = "unknown",
    [SU_MAKER_INITRAMFS_TOOLS] = "initramfs-tools",
    [SU_MAKER_DRACUT] = "dracut",
    [SU_MAKER_MKINITCPIO] = "mkinitcpio",
};
_Static_assert(SU_ARRAY_LEN(makers) == SU_MAKER_COUNT, "a maker without a name");

const char *su_initramfs_maker_name(enum su_initramfs_maker m)
{
    return m < SU_MAKER_COUNT ? makers[m] : "?";
}

struct gather {
    struct su_initramfs_facts f;
    bool wanted[SU_DRIVER_COUNT]; /* drivers not decided yet */
    bool dep_read, builtin_read;  /* modules.dep, modules.builtin */
    bool dracut_read;             /* dracut's list of its modules */
    bool in_order;                /* names came sorted so far, as initramfs-tools writes them */
    char last[SU_INITRAMFS_MAX_NAME];
    enum su_packing last_packing;
};

/* What a name alone tells. */
static const struct {
    const char *name;
    enum su_initramfs_maker maker;
    bool crypt, lvm;
} names[] = {
    {"conf/initramfs.conf", SU_MAKER_INITRAMFS_TOOLS, false, false},
    {"scripts/functions", SU_MAKER_INITRAMFS_TOOLS, false, false},
    {"scripts/local-top/cryptroot", SU_MAKER_INITRAMFS_TOOLS, true, false},
    {"scripts/local-top/lvm2", SU_MAKER_INITRAMFS_TOOLS, false, true},
    {"usr/lib/dracut/modules.txt", SU_MAKER_DRACUT, false, false},
    {"lib/dracut/modules.txt", SU_MAKER_DRACUT, false, false},
    {"etc/initrd-release", SU_MAKER_DRACUT, false, false},
    {"init_functions", SU_MAKER_MKINITCPIO, false, false},
    {"hooks/encrypt", SU_MAKER_MKINITCPIO, true, false},
    {"hooks/lvm2", SU_MAKER_MKINITCPIO, false, true},
    {"usr/sbin/cryptsetup", SU_MAKER_UNKNOWN, true, false},
    {"usr/bin/cryptsetup", SU_MAKER_UNKNOWN, true, false},
    {"sbin/cryptsetup", SU_MAKER_UNKNOWN, true, false},
    {"usr/lib/systemd/systemd-cryptsetup", SU_MAKER_UNKNOWN, true, false},
    {"usr/bin/systemd-cryptsetup", SU_MAKER_UNKNOWN, true, false},
    {"etc/lvm/lvm.conf", SU_MAKER_UNKNOWN, false, true},
    {"usr/sbin/lvm", SU_MAKER_UNKNOWN, false, true},
    {"usr/bin/lvm", SU_MAKER_UNKNOWN, false, true},
    {"sbin/lvm", SU_MAKER_UNKNOWN, false, true},
};

static void note_name(struct gather *g, const char *name)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i].name) != 0)
            continue;
        if (names[i].maker != SU_MAKER_UNKNOWN && g->f.maker == SU_MAKER_UNKNOWN)
            g->f.maker = names[i].maker;
        g->f.cryptsetup |= names[i].crypt;
        g->f.lvm |= names[i].lvm;
    }
    g->f.microcode |= strncmp(name, "kernel/x86/microcode/", 21) == 0;
}

/* "lib/modules/VERSION/REST": REST, or NULL. */
static const char *below_modules(struct gather *g, const char *name)
{
    static const char dir[] = "lib/modules/";
    if (strncmp(name, "usr/", 4) == 0)
        name += 4;
    if (strncmp(name, dir, sizeof dir - 1) != 0)
        return NULL;
    const char *version = name + sizeof dir - 1, *rest = strchr(version, '/');
    if (!rest || rest == version)
        return NULL;
    size_t n = (size_t)(rest - version);
    if (!g->f.kernel[0] && n < sizeof g->f.kernel) {
        memcpy(g->f.kernel, version, n);
        g->f.kernel[n] = 0;
    }
    return rest + 1;
}

static void note_module(struct gather *g, const char *name)
{
    enum su_driver d = su_driver_of((struct su_bytes){(const uint8_t *)name, strlen(name)});
    if (d == SU_DRIVER_COUNT)
        return;
    g->f.driver[d] = SU_DRIVER_MODULE;
    g->wanted[d] = false;
}

static void note_order(struct gather *g, const struct su_initramfs_entry *en)
{
    if (en->packing != g->last_packing)
        g->last[0] = 0; /* another archive: the early one has an order of its own */
    if (strcmp(en->name, ".") != 0) {
        g->in_order = g->in_order && strcmp(g->last, en->name) < 0;
        memcpy(g->last, en->name, strlen(en->name) + 1);
    }
    g->last_packing = en->packing;
}

/* The maker's own files, which come before the modules, tell about LVM, LUKS, resume and root. */
static bool setup_decided(const struct gather *g)
{
    if (g->f.maker == SU_MAKER_INITRAMFS_TOOLS)
        return g->in_order && strcmp(g->last, "scripts/local-top/lvm2") > 0;
    if (g->f.maker == SU_MAKER_DRACUT)
        return g->dracut_read;
    return false;
}

static bool drivers_decided(const struct gather *g)
{
    if (g->dep_read && g->builtin_read)
        return true;
    for (enum su_driver d = 0; d < SU_DRIVER_COUNT; d++)
        if (g->wanted[d])
            return false;
    return true;
}

static enum su_initramfs_step step(const struct gather *g)
{
    return g->f.kernel[0] && drivers_decided(g) && setup_decided(g) ? SU_INITRAMFS_STOP : SU_INITRAMFS_ON;
}

static bool is_dracut_list(const char *name)
{
    size_t n = strlen(name);
    return n >= 22 && strcmp(name + n - 22, "lib/dracut/modules.txt") == 0;
}

static enum su_initramfs_step on_entry(void *arg, const struct su_initramfs_entry *en)
{
    struct gather *g = arg;
    note_order(g, en);
    note_name(g, en->name);
    const char *rest = below_modules(g, en->name);
    if (rest)
        note_module(g, rest);
    if (g->f.packing == SU_PACK_NONE)
        g->f.packing = en->packing;
    if (strcmp(en->name, "conf/conf.d/resume") == 0 || strcmp(en->name, "conf/param.conf") == 0 ||
        is_dracut_list(en->name))
        return SU_INITRAMFS_WANT;
    if (rest && (strcmp(rest, "modules.dep") == 0 || strcmp(rest, "modules.builtin") == 0))
        return SU_INITRAMFS_WANT;
    return step(g);
}

static struct su_bytes unquoted(struct su_bytes v)
{
    while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\r'))
        v.n--;
    if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0])
        v = (struct su_bytes){v.p + 1, v.n - 2};
    return v;
}

/* The value of the last "KEY=value" line, cut to fit. */
static void assignment(struct su_bytes text, const char *key, char *out, size_t cap)
{
    size_t k = strlen(key);
    struct su_bytes line;
    while (su_text_line(&text, &line)) {
        if (line.n <= k || memcmp(line.p, key, k) != 0 || line.p[k] != '=')
            continue;
        (void)su_skip(&line, k + 1);
        line = unquoted(line);
        snprintf(out, cap, "%.*s", (int)(line.n < cap ? line.n : cap), line.n ? (const char *)line.p : "");
    }
}

static void dracut_modules(struct gather *g, struct su_bytes text)
{
    struct su_bytes line;
    while (su_text_line(&text, &line)) {
        g->f.cryptsetup |= su_text_is(line, "crypt") || su_text_is(line, "systemd-cryptsetup");
        g->f.lvm |= su_text_is(line, "lvm");
    }
    g->dracut_read = true;
}

static enum su_initramfs_step on_content(void *arg, const struct su_initramfs_entry *en, struct su_bytes content)
{
    struct gather *g = arg;
    enum su_driver_state listed[SU_DRIVER_COUNT] = {0};
    if (strcmp(en->name, "conf/conf.d/resume") == 0) {
        assignment(content, "RESUME", g->f.resume, sizeof g->f.resume);
    } else if (strcmp(en->name, "conf/param.conf") == 0) {
        assignment(content, "ROOT", g->f.root, sizeof g->f.root);
    } else if (is_dracut_list(en->name)) {
        dracut_modules(g, content);
    } else {
        bool dep = strstr(en->name, "/modules.dep") != NULL;
        su_drivers_listed(content, dep ? SU_DRIVER_MODULE : SU_DRIVER_BUILTIN, listed);
        g->dep_read |= dep;
        g->builtin_read |= !dep;
        for (enum su_driver d = 0; d < SU_DRIVER_COUNT; d++) {
            if (listed[d] == SU_DRIVER_UNKNOWN || g->f.driver[d] == SU_DRIVER_MODULE)
                continue;
            g->f.driver[d] = listed[d];
            g->wanted[d] = false;
        }
    }
    return step(g);
}

int su_initramfs_facts(struct su_pull src, const enum su_driver_state config[SU_DRIVER_COUNT],
                       struct su_initramfs_facts *out, struct su_err *e)
{
    struct gather *g = calloc(1, sizeof *g);
    struct su_initramfs_visitor v = {.arg = g, .max_content = 4 << 20, .entry = on_entry, .content = on_content};
    if (!g)
        return su_fail_nomem(e, sizeof *g);
    g->in_order = true;
    for (enum su_driver d = 0; d < SU_DRIVER_COUNT; d++) {
        g->wanted[d] = !config || config[d] == SU_DRIVER_MODULE || config[d] == SU_DRIVER_UNKNOWN;
        if (!g->wanted[d])
            g->f.driver[d] = config[d];
    }
    int rc = su_initramfs_walk(src, &v, &g->f.whole, e);
    if (rc == 0) {
        for (enum su_driver d = 0; d < SU_DRIVER_COUNT; d++)
            if (g->f.driver[d] == SU_DRIVER_UNKNOWN && (g->builtin_read || (config && config[d] != SU_DRIVER_UNKNOWN)))
                g->f.driver[d] = SU_DRIVER_ABSENT;
        *out = g->f;
    }
    free(g);
    return rc;
}
