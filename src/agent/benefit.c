/* SPDX-License-Identifier: GPL-3.0-or-later */
/* benefit.c - benefits as files: NAME.conf in the vendor's and the administrator's directory. */
#include "agent.h"
#include "base/conf.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT(s, k, member, def)                                                                                        \
    {                                                                                                                  \
        s, k, SU_CONF_STRING, offsetof(struct su_benefit, member), sizeof(((struct su_benefit *)0)->member), def, 0,   \
            0, NULL                                                                                                    \
    }
#define OTHER(s, k, type, member, def, min, max)                                                                       \
    {                                                                                                                  \
        s, k, type, offsetof(struct su_benefit, member), 0, def, min, max, NULL                                        \
    }

static const struct su_conf_row rows[] = {
    TEXT("benefit", "title", title, NULL),
    OTHER("benefit", "enabled", SU_CONF_BOOL, enabled, "yes", 0, 0),
    TEXT("require", "audience", audience, ""),
    TEXT("require", "cluster", cluster, ""),
    TEXT("require", "security-type", security_type, ""),
    OTHER("require", "secure-boot", SU_CONF_BOOL, secure_boot, "no", 0, 0),
    OTHER("require", "vtpm", SU_CONF_BOOL, vtpm, "no", 0, 0),
    TEXT("activate", "hook", hook, ""),
    TEXT("activate", "deactivate", deactivate, ""),
    OTHER("activate", "timeout", SU_CONF_SECONDS, timeout, "60", 1, 300),
};

/* "esu.conf" -> "esu"; the id becomes a file's name and a variable's value. */
static bool id_of(const char *file, char out[64])
{
    size_t n = strlen(file);
    if (n < 6 || n - 5 >= 64 || strcmp(file + n - 5, ".conf") != 0 || file[0] == '.' || file[0] == '-')
        return false;
    if (strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n)
        return false;
    memcpy(out, file, n - 5);
    out[n - 5] = 0;
    return true;
}

/* What root runs because of a file must be root's word. */
static int check_owner(const char *path, struct su_err *e)
{
    struct stat st;
    if (geteuid() != 0)
        return 0;
    if (stat(path, &st) < 0)
        return su_fail_os(e, "benefit.read", "%s", path);
    if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        su_fail(e, SU_E_REFUSED, "benefit.owner", "%s may be written by others than root", path);
        return su_remedy(e, "Make it root's, mode 0644");
    }
    return 0;
}

static int check_command(const char *path, const char *command, struct su_err *e)
{
    if (*command && command[0] != '/')
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s: a hook begins with an absolute path", path);
    return 0;
}

static int load_one(const char *dir, const char *file, struct su_benefits *all, struct su_err *e)
{
    struct su_benefit b;
    char path[1024], id[64];
    if (!id_of(file, id))
        return 0;
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return su_fail(e, SU_E_RANGE, "benefit.read", "%.200s: the path is too long", dir);
    if (check_owner(path, e) < 0 || su_conf_load(rows, SU_ARRAY_LEN(rows), path, false, &b, sizeof b, e) < 0)
        return -1;
    if (check_command(path, b.hook, e) < 0 || check_command(path, b.deactivate, e) < 0)
        return -1;
    memcpy(b.id, id, sizeof b.id);
    size_t i = 0;
    while (i < all->n && strcmp(all->row[i].id, id) < 0)
        i++;
    if (i == all->n || strcmp(all->row[i].id, id) != 0) {
        if (all->n == SU_BENEFITS_MAX)
            return su_fail(e, SU_E_RANGE, "benefit.count", "more than %d benefits", SU_BENEFITS_MAX);
        memmove(&all->row[i + 1], &all->row[i], (all->n - i) * sizeof *all->row);
        all->n++;
    }
    all->row[i] = b;
    return 0;
}

static int load_dir(const char *dir, struct su_benefits *all, struct su_err *e)
{
    DIR *d = opendir(dir);
    int r = 0;
    if (!d)
        return errno == ENOENT ? 0 : su_fail_os(e, "benefit.read", "%s", dir);
    r = check_owner(dir, e);
    for (struct dirent *x; r == 0 && (x = readdir(d));)
        r = load_one(dir, x->d_name, all, e);
    closedir(d);
    return r;
}

int su_benefits_load(const struct su_guest_conf *c, struct su_benefits *out, struct su_err *e)
{
    struct su_benefits *all SU_FREE = calloc(1, sizeof *all);
    if (!all)
        return su_fail_nomem(e, sizeof *all);
    if (load_dir(c->vendor_dir, all, e) < 0 || load_dir(c->admin_dir, all, e) < 0)
        return -1;
    memcpy(out, all, sizeof *out);
    return 0;
}

int su_benefit_find(const struct su_benefits *all, const char *id, const struct su_benefit **out, struct su_err *e)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->row[i].id, id) != 0)
            continue;
        if (!all->row[i].enabled)
            return su_fail(e, SU_E_REFUSED, "benefit.disabled", "%s is disabled", id);
        *out = &all->row[i];
        return 0;
    }
    su_fail(e, SU_E_MISSING, "benefit.unknown", "no benefit is called %.60s", id);
    return su_remedy(e, "surety-guest benefits lists them");
}
