/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the guest's own files tell about its next start: the initramfs, modules, network names. */
#include "facts.h"
#include "guest/modsig.h"
#include "guest/shellvars.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_CONFIG = 1 << 20,
    MAX_CONF = 256 << 10,
    MAX_CONF_FILES = 256, /* of one directory */
    MAX_DIRS = 64,        /* of modules outside the kernel's tree */
    MAX_MODULES = 512,
};

/* "/boot/vmlinuz-6.1.0-56-amd64" -> "6.1.0-56-amd64" */
static const char *kernel_version(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *dash = strchr(name ? name : path, '-');
    return dash ? dash + 1 : "";
}

/* Initramfs ---------------------------------------------------------------- */

struct file_pull {
    struct su_fs *fs;
    struct su_fs_node node;
    uint64_t at;
};

static int pull_file(void *arg, void *buf, size_t n, size_t *got, struct su_err *e)
{
    struct file_pull *p = arg;
    if (p->fs->ops->read(p->fs, p->node, p->at, buf, n, got, e) < 0)
        return -1;
    p->at += *got;
    return 0;
}

static bool host_failed(const struct su_err *why, struct su_err *e)
{
    if (why->kind != SU_E_IO && why->kind != SU_E_NOMEM)
        return false;
    *e = *why;
    return true;
}

/* The kernel's configuration says what is built in, and spares a look for it. */
static int read_config(const struct su_facts *f, enum su_driver_state *state, bool *known, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    struct su_err why = {0};
    char path[SU_LINUX_PATH * 2];
    snprintf(path, sizeof path, "%s/config-%s", f->linux_.boot_dir, kernel_version(f->linux_.kernel));
    if (su_tree_read(&f->vols, &f->linux_.boot, path, MAX_CONFIG, &text, known, e) < 0)
        return -1;
    *known = *known && su_drivers_config(su_buf_bytes(&text), state, &why) == 0;
    return 0;
}

/* Unpacking an initramfs takes longer than all else.  It is not needed to convert where the guest's own
 * configuration says that every driver goes in, and no PARTUUID may be baked in. */
static bool expects_news(const struct su_facts *f, const char *modules)
{
    return f->opt->thorough || f->linux_.root.vol < 0 || strcmp(modules, "most") != 0 ||
           strncasecmp(f->linux_.conf_resume, "PARTUUID=", 9) == 0;
}

/* MODULES= as initramfs-tools would see it; "" when it is not said. */
static int read_policy(const struct su_facts *f, char *out, size_t cap, struct su_err *e)
{
    static const char *const paths[] = {"/etc/initramfs-tools/initramfs.conf",
                                        "/etc/initramfs-tools/conf.d/driver-policy"};
    *out = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(paths); i++) {
        SU_BUF struct su_buf text = {0}, value = {0};
        struct su_err why = {0};
        bool there;
        if (su_tree_read(&f->vols, &f->linux_.root, paths[i], MAX_CONF, &text, &there, e) < 0)
            return -1;
        if (there && su_shellvars_get(su_buf_bytes(&text), "MODULES", &value, &why) == 0)
            snprintf(out, cap, "%s", su_buf_str(&value));
    }
    return 0;
}

/* One look into the initramfs, perhaps in a thread of its own. */
struct look {
    struct su_facts *f;
    struct su_fs *own; /* owned: a second driver; NULL: the first one is used */
    struct file_pull file;
    enum su_driver_state config[SU_DRIVER_COUNT];
    bool wanted, config_known;
    int rc;
};

static void *look_inside(void *arg)
{
    struct look *l = arg;
    struct su_pull src = {.fn = pull_file, .arg = &l->file};
    l->rc = su_initramfs_facts(src, l->config_known ? l->config : NULL, &l->f->initramfs, &l->f->initramfs_why);
    return NULL;
}

static int prepare_look(struct look *l, struct su_err *e)
{
    struct su_facts *f = l->f;
    struct su_fs *fs = f->linux_.boot.vol < 0 ? NULL : f->vols.vol[f->linux_.boot.vol].fs;
    char modules[32];
    if (!fs || !f->linux_.initrd[0])
        return 0;
    if (read_policy(f, modules, sizeof modules, e) < 0)
        return -1;
    if (!expects_news(f, modules))
        return 0;
    if (su_fs_walk(fs, f->linux_.boot.base, f->linux_.initrd, &l->file.node, &f->initramfs_why) < 0)
        return host_failed(&f->initramfs_why, e) ? -1 : 0;
    l->wanted = true;
    l->file.fs = fs;
    return read_config(f, l->config, &l->config_known, e);
}

/* Raw images answer several readers at once; an NBD connection and a decrypting layer do not. */
static bool two_readers(const struct su_facts *f)
{
    bool plain = strcmp(f->image.format, "raw") == 0;
    for (int v = f->linux_.boot.vol; v >= 0; v = f->vols.vol[v].parent)
        plain = plain && strcmp(f->vols.vol[v].what.type, "crypto_LUKS") != 0;
    return plain;
}

static int read_initramfs(struct su_facts *f, int (*meanwhile)(struct su_facts *f, struct su_err *e), struct su_err *e)
{
    struct look l = {.f = f};
    struct su_err why = {0};
    pthread_t thread;
    if (prepare_look(&l, e) < 0)
        return -1;
    if (l.wanted && two_readers(f) && su_vol_open_again(&f->vols.vol[f->linux_.boot.vol], &l.own, &why) == 0)
        l.file.fs = l.own;
    bool threaded = l.own && pthread_create(&thread, NULL, look_inside, &l) == 0;
    int rc = meanwhile(f, e);
    if (threaded)
        pthread_join(thread, NULL);
    else if (l.wanted)
        (void)look_inside(&l);
    su_fs_close(l.own);
    if (rc < 0)
        return -1;
    if (l.wanted && l.rc < 0)
        return host_failed(&f->initramfs_why, e) ? -1 : 0;
    f->has_initramfs = l.wanted;
    return 0;
}

bool su_facts_driver(const struct su_facts *f, const char *module)
{
    for (int d = 0; d < SU_DRIVER_COUNT; d++)
        if (strcmp(su_driver_name((enum su_driver)d), module) == 0)
            return f->initramfs.driver[d] == SU_DRIVER_MODULE || f->initramfs.driver[d] == SU_DRIVER_BUILTIN;
    return false;
}

/* Modules ------------------------------------------------------------------ */

/* Distributions put what others built into these directories beside "kernel"; only there are unsigned modules. */
static const char *const foreign[] = {"updates", "extra", "weak-updates", "misc"};

struct module_walk {
    struct su_facts *f;
    struct su_fs *fs;
    struct su_fs_node dirs[MAX_DIRS]; /* still to be listed */
    size_t n_dirs;
    unsigned modules;
};

static bool module_name(const char *name, size_t len)
{
    static const char *const ends[] = {".ko", ".ko.xz", ".ko.zst", ".ko.gz"};
    for (size_t i = 0; i < SU_ARRAY_LEN(ends); i++) {
        size_t n = strlen(ends[i]);
        if (len > n && memcmp(name + len - n, ends[i], n) == 0)
            return true;
    }
    return false;
}

static int look_at_module(struct module_walk *w, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    struct file_pull p = {.fs = w->fs, .node = node};
    struct su_err why = {0};
    struct su_modsig sig;
    if (++w->modules > MAX_MODULES)
        return 1;
    if (su_modsig_read((struct su_pull){.fn = pull_file, .arg = &p}, &sig, &why) < 0 && host_failed(&why, e))
        return -1;
    if (why.kind == SU_OK && sig.is_signed)
        return 0;
    if (w->f->n_unsigned < SU_FACTS_MAX_UNSIGNED)
        snprintf(w->f->unsigned_module[w->f->n_unsigned], sizeof w->f->unsigned_module[0], "%.*s", (int)len, name);
    w->f->n_unsigned++;
    return 0;
}

static int module_entry(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    struct module_walk *w = arg;
    struct su_fs_stat st;
    struct su_err why = {0};
    if (w->fs->ops->stat(w->fs, node, &st, &why) < 0)
        return host_failed(&why, e) ? -1 : 0;
    if (st.kind == SU_FS_DIR && w->n_dirs < MAX_DIRS)
        w->dirs[w->n_dirs++] = node;
    else if (st.kind == SU_FS_FILE && module_name(name, len))
        return look_at_module(w, name, len, node, e);
    return 0;
}

static int read_modules(struct su_facts *f, struct su_err *e)
{
    struct module_walk w = {.f = f, .fs = f->linux_.root.vol < 0 ? NULL : f->vols.vol[f->linux_.root.vol].fs};
    const char *version = kernel_version(f->linux_.kernel);
    char path[SU_LINUX_PATH * 2];
    for (size_t i = 0; w.fs && *version && i < SU_ARRAY_LEN(foreign); i++) {
        struct su_err why = {0};
        snprintf(path, sizeof path, "/lib/modules/%s/%s", version, foreign[i]);
        if (su_fs_walk(w.fs, f->linux_.root.base, path, &w.dirs[w.n_dirs], &why) == 0)
            w.n_dirs++;
        else if (host_failed(&why, e))
            return -1;
    }
    for (size_t i = 0; i < w.n_dirs; i++) {
        struct su_err why = {0};
        if (w.fs->ops->list(w.fs, w.dirs[i], module_entry, &w, &why) < 0 && host_failed(&why, e))
            return -1;
    }
    return 0;
}

/* Network names ------------------------------------------------------------ */

static const struct {
    const char *path; /* a file, or a directory whose files count */
    enum su_netfile kind;
    bool dir;
} netconfs[] = {
    {"/etc/network/interfaces", SU_NETFILE_INTERFACES, false},
    {"/etc/network/interfaces.d", SU_NETFILE_INTERFACES, true},
    {"/etc/netplan", SU_NETFILE_NETPLAN, true},
    {"/etc/systemd/network", SU_NETFILE_NETWORKD, true},
    {"/etc/NetworkManager/system-connections", SU_NETFILE_KEYFILE, true},
    {"/etc/sysconfig/network-scripts", SU_NETFILE_IFCFG, true},
    {"/etc/sysconfig/network", SU_NETFILE_IFCFG, true},
    {"/etc/udev/rules.d/70-persistent-net.rules", SU_NETFILE_UDEV, false},
};

struct net_walk {
    struct su_facts *f;
    struct su_netnames *names;
    const char *dir;
    enum su_netfile kind;
    unsigned files;
};

static int read_netconf(const struct net_walk *w, const char *path, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    bool there;
    if (su_tree_read(&w->f->vols, &w->f->linux_.root, path, MAX_CONF, &text, &there, e) < 0)
        return -1;
    if (there)
        su_netnames_add(w->names, w->kind, su_buf_bytes(&text));
    return 0;
}

static int net_entry(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    struct net_walk *w = arg;
    char path[SU_LINUX_PATH];
    (void)node;
    if (++w->files > MAX_CONF_FILES)
        return 1;
    if (w->kind == SU_NETFILE_IFCFG && (len < 6 || memcmp(name, "ifcfg-", 6) != 0))
        return 0;
    int n = snprintf(path, sizeof path, "%s/%.*s", w->dir, (int)len, name);
    return n < 0 || (size_t)n >= sizeof path ? 0 : read_netconf(w, path, e);
}

static int read_names(struct su_facts *f, struct su_err *e)
{
    struct su_fs *fs = f->linux_.root.vol < 0 ? NULL : f->vols.vol[f->linux_.root.vol].fs;
    for (size_t i = 0; fs && i < SU_ARRAY_LEN(netconfs); i++) {
        struct net_walk w = {.f = f, .names = &f->names, .dir = netconfs[i].path, .kind = netconfs[i].kind};
        struct su_fs_node dir;
        struct su_err why = {0};
        if (!netconfs[i].dir && read_netconf(&w, netconfs[i].path, e) < 0)
            return -1;
        if (netconfs[i].dir &&
            (su_fs_walk(fs, f->linux_.root.base, netconfs[i].path, &dir, &why) < 0 ||
             fs->ops->list(fs, dir, net_entry, &w, &why) < 0) &&
            host_failed(&why, e))
            return -1;
    }
    return 0;
}

int su_facts_read_tree(struct su_facts *f, int (*meanwhile)(struct su_facts *f, struct su_err *e), struct su_err *e)
{
    return read_initramfs(f, meanwhile, e) < 0 || read_modules(f, e) < 0 || read_names(f, e) < 0 ? -1 : 0;
}
