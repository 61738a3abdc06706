/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies ready on this host: swtpm, and the firmware that libvirt will choose (docs/interop/firmware.json of QEMU).
 */
#include "base/child.h"
#include "base/clean.h"
#include "base/clock.h"
#include "upgrade/facts.h"
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DESCRIPTORS_MAX = 64, DESCRIPTOR_SIZE = 64 << 10, NAME_SIZE = 128 };

struct descriptor {
    char name[NAME_SIZE];
    const char *dir; /* borrowed */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct descriptor *)a)->name, ((const struct descriptor *)b)->name);
}

static bool has_name(const struct descriptor *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return true;
    return false;
}

static size_t list_dir(const char *dir, struct descriptor *list, size_t n)
{
    DIR *d = opendir(dir);
    for (struct dirent *en; d && n < DESCRIPTORS_MAX && (en = readdir(d));) {
        size_t len = strlen(en->d_name);
        if (len < 6 || len >= NAME_SIZE || strcmp(en->d_name + len - 5, ".json") != 0 || has_name(list, n, en->d_name))
            continue;
        list[n].dir = dir;
        memcpy(list[n++].name, en->d_name, len + 1);
    }
    if (d)
        closedir(d);
    return n;
}

/* NULL: none, or an empty file, which hides one of the same name. */
static json_t *load(const struct descriptor *d)
{
    char path[1024];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/%s", d->dir, d->name);
    SU_CLOSE int fd = len > 0 && (size_t)len < sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > DESCRIPTOR_SIZE)
        return NULL;
    SU_FREE char *text = malloc(DESCRIPTOR_SIZE);
    ssize_t n = text ? pread(fd, text, DESCRIPTOR_SIZE, 0) : -1;
    return n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
}

static bool lists(const json_t *array, const char *word)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *s = json_string_value(json_array_get(array, i));
        if (s && strcmp(s, word) == 0)
            return true;
    }
    return false;
}

static bool for_machine(const json_t *targets, const char *machine)
{
    for (size_t i = 0; i < json_array_size(targets); i++) {
        const json_t *t = json_array_get(targets, i), *machines = json_object_get(t, "machines");
        const char *arch = json_string_value(json_object_get(t, "architecture"));
        if (!arch || strcmp(arch, "x86_64") != 0)
            continue;
        for (size_t k = 0; k < json_array_size(machines); k++) {
            const char *pattern = json_string_value(json_array_get(machines, k));
            if (pattern && fnmatch(pattern, machine, 0) == 0)
                return true;
        }
    }
    return false;
}

static bool fits(const json_t *d, const struct su_job_options *opt)
{
    bool q35 = opt->machine == SU_MACHINE_Q35, secure = opt->secure_boot && q35;
    const json_t *features = json_object_get(d, "features");
    const char *device = json_string_value(json_object_get(json_object_get(d, "mapping"), "device"));
    return lists(json_object_get(d, "interface-types"), "uefi") && device && strcmp(device, "flash") == 0 &&
           for_machine(json_object_get(d, "targets"), q35 ? "pc-q35-7.2" : "pc-i440fx-7.2") &&
           lists(features, "secure-boot") == secure && lists(features, "enrolled-keys") == secure &&
           (q35 || !lists(features, "requires-smm"));
}

static bool take_file(const json_t *d, const char *member, char *out, size_t cap)
{
    const json_t *m = json_object_get(json_object_get(d, "mapping"), member);
    su_clean(out, cap, json_string_value(json_object_get(m, "filename")));
    return out[0] == '/' && access(out, R_OK) == 0;
}

static bool runnable(const char *tool)
{
    char path[1024];
    struct su_err e;
    return su_child_find(tool, path, sizeof path, &e) == 0;
}

void su_host_facts_read(const char *const *dirs, const struct su_job_options *opt, struct su_host_facts *out)
{
    static const char *const places[] = {"/etc/qemu/firmware", "/usr/share/qemu/firmware", NULL};
    struct descriptor list[DESCRIPTORS_MAX];
    size_t n = 0;
    *out = (struct su_host_facts){
        .swtpm = runnable("swtpm"), .swtpm_setup = runnable("swtpm_setup"), .qemu_img = runnable("qemu-img")};
    for (const char *const *d = dirs ? dirs : places; *d; d++)
        n = list_dir(*d, list, n);
    qsort(list, n, sizeof list[0], by_name);
    for (size_t i = 0; i < n && !out->descriptor; i++) {
        json_t *d = load(&list[i]);
        if (d && fits(d, opt)) {
            out->descriptor = true;
            out->loader = take_file(d, "executable", out->loader_file, sizeof out->loader_file);
            out->nvram_template = take_file(d, "nvram-template", out->template_file, sizeof out->template_file);
        }
        json_decref(d);
    }
}

void su_host_facts_now(const struct su_job_options *opt, struct su_host_facts *out)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        int64_t until; /* CLOCK_MONOTONIC, seconds; 0: not read yet */
        struct su_host_facts facts;
    } read[2][2]; /* by what fits() looks at */
    int64_t now = su_monotonic_s();
    pthread_mutex_lock(&lock);
    size_t q35 = opt->machine == SU_MACHINE_Q35, secure = opt->secure_boot;
    if (read[q35][secure].until <= now) {
        su_host_facts_read(NULL, opt, &read[q35][secure].facts);
        read[q35][secure].until = now + SU_HOST_FACTS_S;
    }
    *out = read[q35][secure].facts;
    pthread_mutex_unlock(&lock);
}
