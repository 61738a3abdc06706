/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bios.h"
#include "guest/grubcore.h"
#include <openssl/evp.h>
#include <stdio.h>

enum { MAX_MODULE = 4 << 20 };

struct source {
    const struct su_vols *v;
    const struct su_linux *l;
};

bool su_bios_files(const struct su_vols *v, const struct su_linux *l)
{
    struct su_fs_node node;
    struct su_err why = {0};
    return l->root.vol >= 0 &&
           su_fs_walk(v->vol[l->root.vol].fs, l->root.base, SU_GRUB_BIOS_DIR "/kernel.img", &node, &why) == 0;
}

static int fetch(void *arg, const char *name, size_t max, struct su_buf *out, struct su_err *e)
{
    const struct source *s = arg;
    char path[SU_LINUX_PATH];
    snprintf(path, sizeof path, SU_GRUB_BIOS_DIR "/%.100s", name);
    return su_fs_read_file(s->v->vol[s->l->root.vol].fs, s->l->root.base, path, max, out, e);
}

int su_bios_core(const struct su_vols *v, const struct su_linux *l, uint64_t lba, uint64_t max_sectors,
                 struct su_buf *out, struct su_err *e)
{
    const struct su_vol *boot = &v->vol[l->boot.vol];
    struct source s = {.v = v, .l = l};
    struct su_grub_core_spec spec = {.fetch = fetch,
                                     .arg = &s,
                                     .fs_type = boot->what.type,
                                     .fs_uuid = boot->what.uuid,
                                     .prefix = l->grub_dir,
                                     .lvm = boot->lv[0] != 0,
                                     .lba = lba,
                                     .max_sectors = (uint32_t)max_sectors};
    return su_grub_core_build(&spec, out, e);
}

int su_bios_print(const struct su_vols *v, const struct su_linux *l, char out[SU_BIOS_PRINT], struct su_err *e)
{
    SU_BUF struct su_buf module = {0};
    char path[SU_LINUX_PATH + 32];
    uint8_t digest[32];
    unsigned n = sizeof digest;
    bool found;
    out[0] = 0;
    snprintf(path, sizeof path, "%s/i386-pc/normal.mod", l->grub_dir);
    if (su_tree_read(v, &l->boot, path, MAX_MODULE, &module, &found, e) < 0)
        return -1;
    if (!found)
        return 0;
    if (EVP_Digest(module.p, module.n, digest, &n, EVP_sha256(), NULL) != 1)
        return su_fail_nomem(e, 0);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return 0;
}
