/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/winboot_list.h - which files of \Windows\Boot go where on an ESP (for winboot.c). */
#pragma once
#include "winboot.h"

struct su_winboot_entry {
    char path[SU_ESP_MAX_PATH]; /* on the ESP */
    struct su_fs_node node;
    uint64_t size; /* bytes */
};
struct su_winboot_list {
    struct su_fs *fs; /* borrowed */
    size_t n, skipped;
    struct su_winboot_entry *entry; /* owned; room for SU_WINBOOT_FILES */
    uint64_t bytes;
    bool fonts, resources;
    struct su_err why; /* kind != SU_OK: a file that cannot be copied, or too many; the list is not complete */
};
void su_winboot_list_done(struct su_winboot_list *l);
#define SU_WINBOOT_LIST SU_AUTO(su_winboot_list_done)

#define SU_WINBOOT_DIR "EFI/Microsoft/Boot"
#define SU_WINBOOT_MANAGER SU_WINBOOT_DIR "/bootmgfw.efi"
#define SU_WINBOOT_FALLBACK "EFI/BOOT/BOOTX64.EFI"

/* root: "/Windows".  ex: files of EFI_EX and Fonts_EX, in place of those of the same name.  Fails for I/O and memory.
 */
int su_winboot_list(struct su_fs *fs, const char *root, bool ex, struct su_winboot_list *out,
                    struct su_err *e) SU_MUST_CHECK;
/* What the driver says about a file that it cannot read, as a finding about boot files. */
void su_winboot_explain(struct su_err *why);
