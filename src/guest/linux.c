/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "linux.h"
#include "grubenv.h"
#include "shellvars.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_TEXT = SU_TEXT_MAX };

/* Where distributions put "/" of a btrfs file system: Debian's installer, Ubuntu's, Fedora's. */
static const char *const prefixes[] = {"", "/@rootfs", "/@", "/root"};
static const char *const grub_dirs[] = {"/boot/grub", "/boot/grub2", "/grub", "/grub2"};

void su_linux_done(struct su_linux *l)
{
    su_fstab_done(&l->fstab);
    su_buf_done(&l->fstab_text);
}

/* An error of the guest's bytes is "not there"; one of the host is ours. */
static int host_error(const struct su_err *why, struct su_err *e)
{
    if (why->kind != SU_E_IO && why->kind != SU_E_NOMEM)
        return 0;
    *e = *why;
    return -1;
}

int su_tree_read_why(const struct su_vols *v, const struct su_tree *t, const char *path, size_t max, struct su_buf *out,
                     bool *found, struct su_err *why, struct su_err *e)
{
    *found = false;
    if (t->vol < 0 || !v->vol[t->vol].fs) {
        (void)su_fail(why, SU_E_MISSING, "fs.missing", "there is no such file system");
        return 0;
    }
    if (su_fs_read_file(v->vol[t->vol].fs, t->base, path, max, out, why) < 0)
        return host_error(why, e);
    *found = true;
    return 0;
}

int su_tree_read(const struct su_vols *v, const struct su_tree *t, const char *path, size_t max, struct su_buf *out,
                 bool *found, struct su_err *e)
{
    struct su_err why = {0};
    return su_tree_read_why(v, t, path, max, out, found, &why, e);
}

static bool exists(const struct su_vols *v, const struct su_tree *t, const char *path, enum su_fs_kind kind)
{
    struct su_err why = {0};
    struct su_fs_node node;
    struct su_fs_stat st;
    struct su_fs *fs = t->vol < 0 ? NULL : v->vol[t->vol].fs;
    return fs && su_fs_walk(fs, t->base, path, &node, &why) == 0 && fs->ops->stat(fs, node, &st, &why) == 0 &&
           st.kind == kind;
}

void su_linux_tree(const struct su_vols *v, int vol, const char *prefix, struct su_tree *out)
{
    struct su_err why = {0};
    struct su_fs *fs = v->vol[vol].fs;
    *out = (struct su_tree){.vol = -1};
    if (!fs)
        return;
    struct su_tree t = {.vol = vol, .base = fs->root};
    if (*prefix && su_fs_walk(fs, fs->root, prefix, &t.base, &why) < 0)
        return;
    snprintf(t.prefix, sizeof t.prefix, "%s", prefix);
    *out = t;
}

/* Root --------------------------------------------------------------------- */

static void find_root(const struct su_vols *v, struct su_tree *root)
{
    *root = (struct su_tree){.vol = -1};
    for (size_t i = 0; i < v->n; i++) {
        for (size_t k = 0; k < SU_ARRAY_LEN(prefixes); k++) {
            struct su_tree t;
            su_linux_tree(v, (int)i, prefixes[k], &t);
            bool here = exists(v, &t, "/etc/fstab", SU_FS_FILE) && (exists(v, &t, "/etc/os-release", SU_FS_FILE) ||
                                                                    exists(v, &t, "/usr/lib/os-release", SU_FS_FILE));
            if (here) {
                *root = t;
                return;
            }
        }
    }
}

static void take_var(struct su_bytes text, const char *name, char *out, size_t cap)
{
    SU_BUF struct su_buf b = {0};
    struct su_err why = {0};
    if (su_shellvars_get(text, name, &b, &why) < 0)
        return;
    snprintf(out, cap, "%s", su_buf_str(&b));
    for (char *p = out; *p; p++) /* it is shown to people */
        if (!isprint((unsigned char)*p))
            *p = '?';
}

static int read_os(const struct su_vols *v, struct su_linux *l, struct su_err *e)
{
    static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};
    for (size_t i = 0; i < SU_ARRAY_LEN(paths); i++) {
        SU_BUF struct su_buf b = {0};
        bool found;
        if (su_tree_read(v, &l->root, paths[i], 65536, &b, &found, e) < 0)
            return -1;
        if (!found)
            continue;
        take_var(su_buf_bytes(&b), "ID", l->os_id, sizeof l->os_id);
        take_var(su_buf_bytes(&b), "ID_LIKE", l->os_like, sizeof l->os_like);
        take_var(su_buf_bytes(&b), "VERSION_ID", l->os_version, sizeof l->os_version);
        take_var(su_buf_bytes(&b), "PRETTY_NAME", l->os_name, sizeof l->os_name);
        return 0;
    }
    return 0;
}

/* The first line, when it is a single word; it is shown to people. */
static int read_word(const struct su_vols *v, const struct su_linux *l, const char *path, char *out, size_t cap,
                     struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    struct su_bytes text, line, word;
    bool found;
    if (su_tree_read(v, &l->root, path, 4096, &b, &found, e) < 0)
        return -1;
    text = su_buf_bytes(&b);
    if (!found || !su_text_line(&text, &line) || !su_text_word(&line, &word) || word.n >= cap)
        return 0;
    for (size_t i = 0; i < word.n; i++)
        if (!isgraph(word.p[i]))
            return 0;
    memcpy(out, word.p, word.n);
    out[word.n] = 0;
    return 0;
}

/* Who it is: what tells this system from another one of the same distribution.  machine-id(5): 32 hex digits. */
static int read_identity(const struct su_vols *v, struct su_linux *l, struct su_err *e)
{
    char id[sizeof l->machine_id] = "";
    if (read_word(v, l, "/etc/hostname", l->hostname, sizeof l->hostname, e) < 0 ||
        read_word(v, l, "/etc/machine-id", id, sizeof id, e) < 0)
        return -1;
    if (strlen(id) == 32 && strspn(id, "0123456789abcdefABCDEF") == 32)
        memcpy(l->machine_id, id, sizeof id);
    return 0;
}

static int read_fstab(const struct su_vols *v, struct su_linux *l, struct su_err *e)
{
    bool found;
    struct su_err why = {0};
    if (su_tree_read_why(v, &l->root, "/etc/fstab", MAX_TEXT, &l->fstab_text, &found, &why, e) < 0)
        return -1;
    if (!found || su_fstab_parse(su_buf_bytes(&l->fstab_text), &l->fstab, &why) < 0) {
        l->fstab_why = why.kind == SU_E_MISSING ? (struct su_err){0} : why;
        return host_error(&why, e);
    }
    snprintf(l->fstab_path, sizeof l->fstab_path, "%s/etc/fstab", l->root.prefix);
    return 0;
}

static int by_partuuid(const struct su_vols *v, const struct su_partuuid *map, size_t n, const char *value)
{
    for (size_t i = 0; i < n; i++) {
        char mbr[SU_PARTUUID_MBR_TEXT], gpt[SU_GUID_TEXT];
        su_partuuid_mbr_text(map[i].disk_id, map[i].slot, mbr);
        su_guid_text(map[i].guid, gpt);
        if (strcasecmp(value, mbr) == 0 || strcasecmp(value, gpt) == 0)
            return su_vols_by_partition(v, map[i].slot);
    }
    return -1;
}

/* sda5, vda5, nvme0n1p5: the disk's own name is the host's business, so only the number counts. */
static int by_kernel_name(const struct su_vols *v, const char *value)
{
    size_t n = strlen(value), i = n;
    while (i > 0 && isdigit((unsigned char)value[i - 1]))
        i--;
    unsigned number = 0;
    for (size_t k = i; k < n && number < 1000; k++)
        number = number * 10 + (unsigned)(value[k] - '0');
    return i == n ? -1 : su_vols_by_partition(v, number);
}

int su_linux_resolve(const struct su_vols *v, const struct su_partuuid *map, size_t n_map, enum su_spec_kind kind,
                     const char *value)
{
    switch (kind) {
    case SU_SPEC_UUID:
        return su_vols_by_uuid(v, value);
    case SU_SPEC_LABEL:
        return su_vols_by_label(v, value);
    case SU_SPEC_PARTUUID:
        return by_partuuid(v, map, n_map, value);
    case SU_SPEC_DEV:
        return su_vols_by_lv(v, value);
    case SU_SPEC_KERNEL_NAME:
        return by_kernel_name(v, value);
    case SU_SPEC_PARTLABEL:
    case SU_SPEC_ID:
    case SU_SPEC_PATH:
    case SU_SPEC_OTHER:
    case SU_SPEC_KINDS:
        break;
    }
    return -1;
}

/* GRUB --------------------------------------------------------------------- */

struct candidate {
    struct su_tree tree; /* base: the file system's root, because that is where GRUB starts */
    char dir[SU_LINUX_PATH];
    char boot_dir[SU_LINUX_PATH];
    int score;
};

/* Where fstab says /boot is; the root itself when it says nothing. */
static int expected_boot(const struct su_vols *v, const struct su_linux *l, const struct su_partuuid *map, size_t n)
{
    const struct su_fstab_entry *en = su_fstab_find(&l->fstab, "/boot");
    if (!en)
        return l->root.vol;
    return su_linux_resolve(v, map, n, en->kind, en->value);
}

/* The places that could hold the menu GRUB shows, best first: what fstab says is /boot, then a
 * directory that GRUB itself was installed to.  A stale /grub beside the real one scores lower. */
static int score(const struct su_vols *v, const struct su_linux *l, const struct candidate *c, int expected)
{
    char path[SU_LINUX_PATH + 32];
    int s = 0;
    bool own = l->root.vol >= 0 && expected >= 0 && expected != l->root.vol; /* /boot is a file system of its own */
    if (c->tree.vol == expected && own == (c->boot_dir[0] == 0))
        s += 4;
    snprintf(path, sizeof path, "%s/i386-pc/normal.mod", c->dir);
    if (exists(v, &c->tree, path, SU_FS_FILE))
        s += 2;
    snprintf(path, sizeof path, "%s/grubenv", c->dir);
    return s + exists(v, &c->tree, path, SU_FS_FILE);
}

static void consider(const struct su_vols *v, const struct su_linux *l, int vol, const char *prefix, const char *dir,
                     int expected, struct candidate *best)
{
    struct candidate c = {0};
    char path[SU_LINUX_PATH + 16];
    su_linux_tree(v, vol, "", &c.tree);
    snprintf(c.dir, sizeof c.dir, "%s%s", prefix, dir);
    snprintf(path, sizeof path, "%s/grub.cfg", c.dir);
    if (c.tree.vol < 0 || !exists(v, &c.tree, path, SU_FS_FILE))
        return;
    snprintf(c.boot_dir, sizeof c.boot_dir, "%s%s", prefix, strncmp(dir, "/boot/", 6) == 0 ? "/boot" : "");
    c.score = score(v, l, &c, expected);
    if (best->dir[0] == 0 || c.score > best->score)
        *best = c;
}

static void find_grub(const struct su_vols *v, struct su_linux *l, const struct su_partuuid *map, size_t n)
{
    struct candidate best = {0};
    int expected = expected_boot(v, l, map, n);
    for (size_t i = 0; i < v->n; i++)
        for (size_t p = 0; v->vol[i].fs && p < SU_ARRAY_LEN(prefixes); p++)
            for (size_t d = 0; d < SU_ARRAY_LEN(grub_dirs); d++)
                consider(v, l, (int)i, prefixes[p], grub_dirs[d], expected, &best);
    l->boot = (struct su_tree){.vol = -1};
    if (best.dir[0] == 0)
        return;
    l->grub_found = true;
    l->boot = best.tree;
    snprintf(l->grub_dir, sizeof l->grub_dir, "%s", best.dir);
    snprintf(l->boot_dir, sizeof l->boot_dir, "%s", best.boot_dir);
}

/* A path of grub.cfg without the "(device)" some configurations put in front. */
static void plain_path(const char *path, char *out, size_t cap)
{
    const char *close = path[0] == '(' ? strchr(path, ')') : NULL;
    snprintf(out, cap, "%s", close ? close + 1 : path);
}

static void take_kernels(struct su_linux *l, const struct su_grubcfg *g, size_t chosen)
{
    for (size_t i = 0; i < g->n; i++) {
        struct su_linux_kernel k = {.is_default = i == chosen};
        if (!g->entry[i].kernel)
            continue;
        plain_path(g->entry[i].kernel, k.path, sizeof k.path);
        bool known = false;
        for (size_t m = 0; m < l->n_kernels && !known; m++) {
            known = strcmp(l->other[m].path, k.path) == 0;
            l->other[m].is_default = l->other[m].is_default || (known && k.is_default);
        }
        if (!known && l->n_kernels < SU_LINUX_MAX_KERNELS)
            l->other[l->n_kernels++] = k;
    }
}

static int read_menu(const struct su_vols *v, struct su_linux *l, struct su_err *e)
{
    SU_BUF struct su_buf text = {0}, env = {0};
    SU_GRUBCFG struct su_grubcfg g = {0};
    struct su_err why = {0};
    char path[SU_LINUX_PATH + 16];
    bool found;
    size_t chosen = 0;
    snprintf(path, sizeof path, "%s/grub.cfg", l->grub_dir);
    if (su_tree_read_why(v, &l->boot, path, MAX_TEXT, &text, &found, &l->grub_why, e) < 0)
        return -1;
    if (!found)
        return 0;
    snprintf(path, sizeof path, "%s/grubenv", l->grub_dir);
    if (su_tree_read(v, &l->boot, path, 65536, &env, &found, e) < 0)
        return -1;
    if (su_grubcfg_parse(su_buf_bytes(&text), &g, &why) < 0 ||
        su_grubcfg_default(&g, su_buf_bytes(&env), &chosen, &why) < 0) {
        l->grub_why = why;
        l->grub_bls = g.bls;
        return host_error(&why, e);
    }
    l->grub_bls = g.bls;
    const struct su_grub_entry *en = &g.entry[chosen];
    take_kernels(l, &g, chosen);
    snprintf(l->title, sizeof l->title, "%s", en->title);
    plain_path(en->kernel ? en->kernel : "", l->kernel, sizeof l->kernel);
    plain_path(en->n_initrds ? en->initrd[en->n_initrds - 1] : "", l->initrd, sizeof l->initrd);
    snprintf(l->cmdline, sizeof l->cmdline, "%s", en->cmdline ? en->cmdline : "");
    return 0;
}

/* Resume ------------------------------------------------------------------- */

/* Where the kernel resumes from: resume= on the command line wins over the initramfs's own. */
static int read_resume(const struct su_vols *v, struct su_linux *l, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    bool found;
    if (su_tree_read(v, &l->root, "/etc/initramfs-tools/conf.d/resume", MAX_TEXT, &b, &found, e) < 0)
        return -1;
    if (found)
        take_var(su_buf_bytes(&b), "RESUME", l->conf_resume, sizeof l->conf_resume);
    const char *arg = strstr(l->cmdline, "resume=");
    if (arg && (arg == l->cmdline || arg[-1] == ' '))
        snprintf(l->resume, sizeof l->resume, "%.*s", (int)strcspn(arg + 7, " "), arg + 7);
    else
        snprintf(l->resume, sizeof l->resume, "%s", l->conf_resume);
    return 0;
}

int su_linux_find(const struct su_vols *v, const struct su_partuuid *map, size_t n_map, struct su_linux *out,
                  struct su_err *e)
{
    SU_LINUX struct su_linux l = {0};
    find_root(v, &l.root);
    if (l.root.vol >= 0 && (read_os(v, &l, e) < 0 || read_identity(v, &l, e) < 0 || read_fstab(v, &l, e) < 0))
        return -1;
    find_grub(v, &l, map, n_map);
    l.found = l.root.vol >= 0 || l.grub_found;
    if (l.grub_found && read_menu(v, &l, e) < 0)
        return -1;
    if (l.found && (su_linux_find_refs(v, map, n_map, &l, e) < 0 || read_resume(v, &l, e) < 0))
        return -1;
    *out = l;
    l = (struct su_linux){0};
    return 0;
}
