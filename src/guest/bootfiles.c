/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bootfiles.h"
#include "shellvars.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_EFI = 8 << 20 }; /* bytes of one boot file; GRUB's is about 4 MiB */

void su_bootfiles_done(struct su_bootfiles *b)
{
    su_buf_done(&b->shim);
    su_buf_done(&b->grub);
    su_buf_done(&b->mm);
    *b = (struct su_bootfiles){0};
}

/* What each file is called: in a directory made for surety, and in the packages of the distributions. */
static const struct {
    size_t at; /* of the buffer in su_bootfiles */
    const char *names[3];
    const char *packaged[4];
} files[] = {
    {offsetof(struct su_bootfiles, shim),
     {"shimx64.efi", "shimx64.efi.signed", NULL},
     {"/usr/lib/shim/shimx64.efi.signed", "/usr/lib/shim/shimx64.efi.signed.latest", "/boot/efi/EFI/%s/shimx64.efi",
      "/usr/share/efi/x86_64/shim.efi"}},
    {offsetof(struct su_bootfiles, grub),
     {"grubx64.efi", "grubx64.efi.signed", NULL},
     {"/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "/boot/efi/EFI/%s/grubx64.efi",
      "/usr/share/efi/x86_64/grub.efi", NULL}},
    {offsetof(struct su_bootfiles, mm),
     {"mmx64.efi", "mmx64.efi.signed", NULL},
     {"/usr/lib/shim/mmx64.efi.signed", "/usr/lib/shim/mmx64.efi", "/boot/efi/EFI/%s/mmx64.efi",
      "/usr/share/efi/x86_64/MokManager.efi"}},
};

static struct su_buf *buffer(struct su_bootfiles *b, size_t i)
{
    return (struct su_buf *)((char *)b + files[i].at);
}

static bool complete(const struct su_bootfiles *b)
{
    return b->shim.n > 0 && b->grub.n > 0;
}

/* Packages of Red Hat's family put the files below EFI/<id>; "redhat" for RHEL itself. */
static void packaged_path(const char *pattern, const char *id, char *out, size_t cap)
{
    const char *mark = strstr(pattern, "%s");
    const char *vendor = strcmp(id, "rhel") == 0 ? "redhat" : id;
    if (mark)
        snprintf(out, cap, "%.*s%s%s", (int)(mark - pattern), pattern, vendor, mark + 2);
    else
        snprintf(out, cap, "%s", pattern);
}

static int from_guest(const struct su_vols *v, const struct su_linux *l, struct su_bootfiles *b, struct su_err *e)
{
    char path[SU_LINUX_PATH];
    for (size_t i = 0; i < SU_ARRAY_LEN(files); i++) {
        bool found = false;
        for (size_t k = 0; k < SU_ARRAY_LEN(files[i].packaged) && files[i].packaged[k] && !found; k++) {
            packaged_path(files[i].packaged[k], l->os_id, path, sizeof path);
            if (su_tree_read(v, &l->root, path, MAX_EFI, buffer(b, i), &found, e) < 0)
                return -1;
        }
    }
    snprintf(b->origin, sizeof b->origin, "the guest");
    return 0;
}

/* A host file; *found is false when it does not exist. */
static int read_host(const char *path, struct su_buf *out, bool *found, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    *found = false;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "boot.files.read", "reading %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_EFI)
        return su_fail(e, SU_E_FORMAT, "boot.files.read", "%s is not a boot file", path);
    if (!su_buf_room(out, (size_t)st.st_size))
        return su_fail_nomem(e, (size_t)st.st_size);
    for (size_t done = 0; done < out->n;) {
        ssize_t got = pread(fd, out->p + done, out->n - done, (off_t)done);
        if (got <= 0)
            return su_fail_os(e, "boot.files.read", "reading %s", path);
        done += (size_t)got;
    }
    *found = true;
    return 0;
}

static int from_dir(const char *dir, struct su_bootfiles *b, struct su_err *e)
{
    char path[SU_LINUX_PATH];
    for (size_t i = 0; i < SU_ARRAY_LEN(files); i++) {
        bool found = false;
        for (size_t k = 0; files[i].names[k] && !found; k++) {
            snprintf(path, sizeof path, "%.200s/%s", dir, files[i].names[k]);
            if (read_host(path, buffer(b, i), &found, e) < 0)
                return -1;
        }
    }
    snprintf(b->origin, sizeof b->origin, "%s", dir);
    return 0;
}

static int from_host_packages(const struct su_linux *l, struct su_bootfiles *b, struct su_err *e)
{
    SU_BUF struct su_buf os = {0}, id = {0};
    struct su_err why = {0};
    bool found;
    if (read_host("/etc/os-release", &os, &found, e) < 0)
        return -1;
    if (!found || su_shellvars_get(su_buf_bytes(&os), "ID", &id, &why) < 0 || strcmp(su_buf_str(&id), l->os_id) != 0)
        return 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(files); i++) {
        char path[SU_LINUX_PATH];
        found = false;
        for (size_t k = 0; k < SU_ARRAY_LEN(files[i].packaged) && files[i].packaged[k] && !found; k++) {
            packaged_path(files[i].packaged[k], l->os_id, path, sizeof path);
            if (read_host(path, buffer(b, i), &found, e) < 0)
                return -1;
        }
    }
    snprintf(b->origin, sizeof b->origin, "packages of the host");
    return 0;
}

static bool plain_id(const char *id)
{
    return *id && id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == 0;
}

/* The next word of os-release's ID_LIKE; false at the end. */
static bool next_word(const char **p, char *out, size_t cap)
{
    *p += strspn(*p, " ");
    size_t n = strcspn(*p, " ");
    snprintf(out, cap, "%.*s", (int)n, *p);
    *p += n;
    return n > 0;
}

/* A guest whose root is encrypted does not say what it is: then the host's own family is tried. */
static int from_host_dirs(const struct su_linux *l, struct su_bootfiles *b, struct su_err *e)
{
    static const char *const tops[] = {"/var/lib/surety/boot", "/usr/share/surety/boot"};
    char id[32], ids[128], dir[SU_LINUX_PATH];
    snprintf(ids, sizeof ids, "%s %s", l->os_id[0] ? l->os_id : "debian", l->os_like);
    const char *p = ids;
    while (next_word(&p, id, sizeof id)) {
        for (size_t i = 0; i < SU_ARRAY_LEN(tops) && plain_id(id); i++) {
            su_bootfiles_done(b);
            snprintf(dir, sizeof dir, "%s/%s", tops[i], id);
            if (from_dir(dir, b, e) < 0)
                return -1;
            if (complete(b))
                return 0;
        }
    }
    return 0;
}

static int gather(const struct su_vols *v, const struct su_linux *l, const char *dir, struct su_bootfiles *b,
                  struct su_err *e)
{
    if (dir)
        return from_dir(dir, b, e);
    if (from_guest(v, l, b, e) < 0)
        return -1;
    if (complete(b))
        return 0;
    if (from_host_dirs(l, b, e) < 0)
        return -1;
    if (complete(b))
        return 0;
    su_bootfiles_done(b);
    return from_host_packages(l, b, e);
}

/* The one the operator named. */
static int check_dir(const char *dir, struct su_err *e)
{
    struct stat st;
    const char *how = "is not one";
    if (stat(dir, &st) < 0)
        how = errno == ENOENT ? "does not exist" : "cannot be looked into";
    else if (S_ISDIR(st.st_mode))
        return 0;
    (void)su_fail(e, SU_E_MISSING, "boot.files.missing", "the directory %s of --boot-files %s", dir, how);
    return su_remedy(e, "name a directory with the distribution's signed shimx64.efi and grubx64.efi");
}

int su_bootfiles_find(const struct su_vols *v, const struct su_linux *l, const char *dir, struct su_bootfiles *out,
                      struct su_err *e)
{
    SU_BOOTFILES struct su_bootfiles b = {0};
    if (dir && check_dir(dir, e) < 0)
        return -1;
    if (gather(v, l, dir, &b, e) < 0)
        return -1;
    if (dir && !complete(&b)) {
        (void)su_fail(e, SU_E_MISSING, "boot.files.missing", "%s has no shimx64.efi and grubx64.efi", dir);
        return su_remedy(e, "name a directory with the distribution's signed shimx64.efi and grubx64.efi");
    }
    if (!complete(&b)) {
        *out = (struct su_bootfiles){0};
        return 0;
    }
    if (su_grub_vendor(su_buf_bytes(&b.grub), b.vendor, sizeof b.vendor, e) < 0)
        return su_context(e, "%s", b.origin);
    b.found = true;
    *out = b;
    b = (struct su_bootfiles){0};
    return 0;
}
