/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a Linux system names partitions by PARTUUID of the old table.  Nothing that might is passed over in silence:
 * it is rewritten, or it is stuck and says why. */
#include "grubenv.h"
#include "linux.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A search under way. */
struct search {
    const struct su_vols *v;
    const struct su_partuuid *map;
    size_t n;
    struct su_linux *l;
};

static const struct {
    bool boot; /* in GRUB's directory; else in the root */
    const char *path;
} places[] = {
    {false, "/etc/fstab"},
    {false, "/etc/crypttab"},
    {false, "/etc/default/grub"},
    {false, "/etc/kernel/cmdline"},
    {false, "/etc/initramfs-tools/conf.d/resume"},
    {false, "/etc/initramfs-tools/initramfs.conf"},
    {false, "/etc/lilo.conf"},
    {true, "/grub.cfg"},
    {true, "/custom.cfg"},
    {true, "/grubenv"},
};

/* It may stand in messages, in JSON and in an appliance's script. */
static bool plain(const char *path)
{
    for (; *path; path++)
        if (*path < ' ' || *path > '~' || strchr("\"'\\", *path))
            return false;
    return true;
}

static bool holds(struct su_bytes text, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; at + n <= text.n; at++)
        if (strncasecmp((const char *)text.p + at, word, n) == 0)
            return true;
    return false;
}

/* Anything that a reference cannot do without, in bytes that are no text we understand. */
static bool may_refer(const struct search *s, struct su_bytes text)
{
    char id[SU_PARTUUID_MBR_TEXT];
    if (s->n == 0)
        return false;
    su_partuuid_mbr_text(s->map[0].disk_id, 0, id);
    id[8] = 0; /* without the slot: it is the same in all of them */
    return holds(text, "PARTUUID") || holds(text, id);
}

static void stuck(struct search *s, int vol, const char *prefix, const char *path, const struct su_err *why)
{
    if (s->l->n_stuck == SU_LINUX_MAX_STUCK)
        return;
    struct su_linux_stuck *x = &s->l->stuck[s->l->n_stuck++];
    *x = (struct su_linux_stuck){.vol = vol, .why = *why};
    size_t n = 0;
    for (const char *from[] = {prefix, path}, **f = from; f < from + 2; f++)
        for (const char *c = *f; *c && n + 1 < sizeof x->path; c++)
            x->path[n++] = *c >= ' ' && *c <= '~' ? *c : '?';
}

static void add_ref(struct search *s, const struct su_tree *t, const char *path, unsigned count)
{
    struct su_err why = {0};
    struct su_linux_ref r = {.vol = t->vol, .count = count};
    int n = snprintf(r.path, sizeof r.path, "%s%s", t->prefix, path);
    if (n < 0 || (size_t)n >= sizeof r.path || !plain(path)) {
        (void)su_fail(&why, SU_E_REFUSED, "guest.partuuid.name", "its name is too long, or not plain ASCII");
        (void)su_remedy(&why, "rename the file in the guest");
    } else if (s->l->n_refs == SU_LINUX_MAX_FILES) {
        (void)su_fail(&why, SU_E_RANGE, "guest.partuuid.files", "more than %d files name partitions by PARTUUID",
                      SU_LINUX_MAX_FILES);
        (void)su_remedy(&why, "remove old boot entries in the guest, or name partitions by UUID= in them");
    } else {
        s->l->ref[s->l->n_refs++] = r;
        return;
    }
    stuck(s, t->vol, t->prefix, path, &why);
}

static int rewrite(const struct search *s, const char *path, struct su_bytes text, struct su_buf *out, unsigned *count,
                   struct su_err *why)
{
    size_t n = strlen(path);
    bool env = n > 8 && strcmp(path + n - 8, "/grubenv") == 0;
    return env ? su_grubenv_rewrite(text, SU_PARTUUID_TO_GPT, s->map, s->n, out, count, why)
               : su_partuuid_rewrite(text, SU_PARTUUID_TO_GPT, s->map, s->n, out, count, why);
}

static int look_at(struct search *s, const struct su_tree *t, const char *path, struct su_err *e)
{
    SU_BUF struct su_buf text = {0}, out = {0};
    struct su_err why = {0};
    unsigned count = 0;
    bool found;
    if (s->n == 0) /* no old table, no references to it */
        return 0;
    if (su_tree_read_why(s->v, t, path, SU_TEXT_MAX, &text, &found, &why, e) < 0)
        return -1;
    if (!found) {
        if (why.kind != SU_E_MISSING)
            stuck(s, t->vol, t->prefix, path, &why);
        return 0;
    }
    if (rewrite(s, path, su_buf_bytes(&text), &out, &count, &why) == 0) {
        if (count)
            add_ref(s, t, path, count);
        return 0;
    }
    if (why.kind == SU_E_NOMEM)
        return *e = why, -1;
    if (may_refer(s, su_buf_bytes(&text)))
        stuck(s, t->vol, t->prefix, path, &why);
    return 0;
}

/* Boot loader entry files (boot/loader/entries/ *.conf), which Fedora and its kin use instead of grub.cfg. */
static int bls_entry(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    struct search *s = arg;
    char path[SU_LINUX_PATH + 320]; /* a name has at most 255 bytes */
    (void)node;
    if (len < 5 || memcmp(name + len - 5, ".conf", 5) != 0)
        return 0;
    snprintf(path, sizeof path, "%s/loader/entries/%.*s", s->l->boot_dir, (int)len, name);
    return look_at(s, &s->l->boot, path, e);
}

static int look_at_entries(struct search *s, struct su_err *e)
{
    char path[SU_LINUX_PATH + 32];
    struct su_err why = {0};
    struct su_fs_node dir;
    const struct su_tree *t = &s->l->boot;
    struct su_fs *fs = t->vol < 0 ? NULL : s->v->vol[t->vol].fs;
    snprintf(path, sizeof path, "%s/loader/entries", s->l->boot_dir);
    if (!fs || s->n == 0 ||
        (su_fs_walk(fs, t->base, path, &dir, &why) == 0 && fs->ops->list(fs, dir, bls_entry, s, &why) == 0) ||
        why.kind == SU_E_MISSING)
        return 0;
    if (why.kind == SU_E_IO || why.kind == SU_E_NOMEM)
        return *e = why, -1;
    stuck(s, t->vol, t->prefix, path, &why);
    return 0;
}

int su_linux_find_refs(const struct su_vols *v, const struct su_partuuid *map, size_t n_map, struct su_linux *l,
                       struct su_err *e)
{
    struct search s = {.v = v, .map = map, .n = n_map, .l = l};
    char path[SU_LINUX_PATH + 64];
    for (size_t i = 0; i < SU_ARRAY_LEN(places); i++) {
        const struct su_tree *t = places[i].boot ? &l->boot : &l->root;
        snprintf(path, sizeof path, "%s%s", places[i].boot ? l->grub_dir : "", places[i].path);
        if (look_at(&s, t, path, e) < 0)
            return -1;
    }
    return look_at_entries(&s, e);
}
