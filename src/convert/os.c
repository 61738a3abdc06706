/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os.h"
#include <stdio.h>

/* Linux first: a disk with both boots through GRUB. */
const struct su_os_port *const su_os_ports[] = {&su_os_linux, &su_os_windows, NULL};

void su_esp_list_done(struct su_esp_list *l)
{
    su_buf_done(&l->own);
}

int su_esp_list_add(struct su_esp_list *l, const char *dir, const char *name, struct su_bytes bytes, struct su_err *e)
{
    if (bytes.n == 0)
        return 0;
    if (l->n == SU_ESP_LIST_MAX)
        return su_fail(e, SU_E_RANGE, "boot.files.many", "more than %d files for the ESP", SU_ESP_LIST_MAX);
    int n = snprintf(l->path[l->n], SU_ESP_LIST_PATH, "EFI/%s/%s", dir, name);
    if (n < 0 || n >= SU_ESP_LIST_PATH)
        return su_fail(e, SU_E_RANGE, "boot.files.many", "a name on the ESP is too long");
    l->file[l->n] = (struct su_esp_file){.path = l->path[l->n], .bytes = bytes};
    l->n++;
    return 0;
}
