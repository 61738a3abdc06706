/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "child_exec.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *tool, *remedy;
} packages[] = {
    {"mkfs.fat", "install the Debian package dosfstools"},
    {"fsck.fat", "install the Debian package dosfstools"},
    {"mcopy", "install the Debian package mtools"},
    {"grub-mkimage", "install the Debian package grub-common"},
    {"qemu-img", "install the Debian package qemu-utils"},
    {"qemu-nbd", "install the Debian package qemu-utils"},
    {"qemu-storage-daemon", "install the Debian package qemu-system-common"},
    {"guestfish", "install the Debian package guestfish"},
    {"virt-customize", "install the Debian package guestfs-tools"},
    {"sbverify", "install the Debian package sbsigntool"},
    {"swtpm", "install the Debian package swtpm"},
    {"swtpm_setup", "install the Debian package swtpm-tools"},
};

static const char *remedy_for(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    for (size_t i = 0; i < SU_ARRAY_LEN(packages); i++)
        if (strcmp(packages[i].tool, base) == 0)
            return packages[i].remedy;
    return "install the package that holds this tool";
}

static bool runnable(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode) && access(path, X_OK) == 0;
}

/* One "dir:dir:dir"; relative and empty entries are passed over. */
static bool find_in(const char *dirs, const char *name, char *path, size_t cap)
{
    while (*dirs) {
        size_t n = strcspn(dirs, ":");
        int len = n > 0 && dirs[0] == '/' && n < cap ? snprintf(path, cap, "%.*s/%s", (int)n, dirs, name) : -1;
        if (len > 0 && (size_t)len < cap && runnable(path))
            return true;
        dirs += n + (dirs[n] == ':');
    }
    return false;
}

int su_child_find(const char *name, char *out, size_t cap, struct su_err *e)
{
    char path[1024];
    const char *dirs = getenv("PATH");
    bool found = false;
    if (name[0] == '/')
        found = snprintf(path, sizeof path, "%s", name) < (int)sizeof path && runnable(path);
    else if (!strchr(name, '/'))
        found = (dirs && find_in(dirs, name, path, sizeof path)) || find_in(SU_CHILD_PATH, name, path, sizeof path);
    if (!found || strlen(path) >= cap) {
        su_fail(e, SU_E_MISSING, "host.tool.missing", "the tool %s is not installed", name);
        return su_remedy(e, remedy_for(name));
    }
    memcpy(out, path, strlen(path) + 1);
    return 0;
}
