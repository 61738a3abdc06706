/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os.h"
#include <stdio.h>
#include <string.h>

/* Linux first: a disk with both boots through GRUB. */
const struct su_os_port *const su_os_ports[] = {&su_os_linux, &su_os_windows, NULL};

void su_esp_list_done(struct su_esp_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((char *)(uintptr_t)l->file[i].path);
    free(l->file);
    su_buf_done(&l->own);
    su_winfiles_done(&l->win);
    *l = (struct su_esp_list){0};
}

int su_esp_list_put(struct su_esp_list *l, const char *path, struct su_bytes bytes, struct su_err *e)
{
    if (bytes.n == 0)
        return 0;
    if (l->n == SU_ESP_MAX_FILES)
        return su_fail(e, SU_E_RANGE, "boot.files.many", "more than %d files for the ESP", SU_ESP_MAX_FILES);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        struct su_esp_file *file = realloc(l->file, cap * sizeof *file);
        if (!file)
            return su_fail_nomem(e, cap * sizeof *file);
        l->file = file;
        l->cap = cap;
    }
    char *own = strdup(path);
    if (!own)
        return su_fail_nomem(e, strlen(path));
    l->file[l->n++] = (struct su_esp_file){.path = own, .bytes = bytes};
    return 0;
}

int su_esp_list_add(struct su_esp_list *l, const char *dir, const char *name, struct su_bytes bytes, struct su_err *e)
{
    char path[SU_ESP_MAX_PATH];
    int n = snprintf(path, sizeof path, "EFI/%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return su_fail(e, SU_E_RANGE, "boot.files.many", "a name on the ESP is too long");
    return su_esp_list_put(l, path, bytes, e);
}

int su_watch_tell(const struct su_watch *watch, const char *what, struct su_err *e)
{
    if (!watch || watch->step(watch->arg, what, 0, 0) == 0)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "disk.interrupted", "interrupted");
    return su_remedy(e, "nothing was written; run the command again");
}

int su_phase_tell(const struct su_facts *f, const struct su_watch *watch, enum su_phase p, const char *usual,
                  struct su_err *e)
{
    const char *const own[] = {usual, NULL};
    const char *const *text = f->os && f->os->messages ? f->os->messages(f, p) : own;
    for (; *text; text++)
        if (su_watch_tell(watch, *text, e) < 0)
            return -1;
    return 0;
}
