/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judging half of bootfiles.h. */
#include "bootfiles.h"
#include "firmware_keys.h"
#include "fs_source.h"
#include <stdio.h>
#include <string.h>

/* GRUB's module area (include/grub/kernel.h): a header, then objects of (type, size, bytes). */
enum { MODINFO_MAGIC = 0x676D696D, MODINFO_HEADER = 24, OBJECT_HEADER = 8, OBJECT_PREFIX = 3 };

static bool find_prefix(struct su_bytes area, struct su_bytes *prefix)
{
    while (area.n >= OBJECT_HEADER) {
        uint32_t type = su_le32(area.p), size = su_le32(area.p + 4);
        if (size < OBJECT_HEADER || size > area.n)
            return false;
        if (type == OBJECT_PREFIX) {
            *prefix = (struct su_bytes){area.p + OBJECT_HEADER, size - OBJECT_HEADER};
            return true;
        }
        area = (struct su_bytes){area.p + size, area.n - size};
    }
    return false;
}

static bool mods_area(struct su_bytes mods, struct su_bytes *area)
{
    for (size_t at = 0; at + MODINFO_HEADER <= mods.n && at < 64; at += 4) {
        if (su_le32(mods.p + at) != MODINFO_MAGIC)
            continue;
        uint64_t off = su_le64(mods.p + at + 8), size = su_le64(mods.p + at + 16);
        if (off > mods.n - at || size > mods.n - at || size < off)
            return false;
        *area = (struct su_bytes){mods.p + at + off, size - off};
        return true;
    }
    return false;
}

int su_grub_vendor(struct su_bytes grub, char *out, size_t cap, struct su_err *e)
{
    struct su_source src = su_source_bytes(&grub);
    struct su_pe pe;
    struct su_bytes mods = {0}, area, prefix;
    if (su_pe_parse(&src, &pe, e) < 0)
        return su_context(e, "grubx64.efi");
    const struct su_pe_section *section = su_pe_find(&pe, "mods");
    if (section) /* parsing made sure that it lies inside the file */
        mods = (struct su_bytes){grub.p + section->off, section->size};
    bool ok = mods_area(mods, &area) && find_prefix(area, &prefix) && prefix.n > 5 && prefix.n < 64 &&
              memcmp(prefix.p, "/EFI/", 5) == 0;
    size_t n = ok ? strnlen((const char *)prefix.p + 5, prefix.n - 5) : 0;
    for (size_t i = 0; i < n; i++)
        ok = ok && strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", prefix.p[5 + i]) != NULL;
    if (!ok || n == 0 || n >= cap) {
        (void)su_fail(e, SU_E_FORMAT, "boot.grub.prefix",
                      "grubx64.efi does not say which directory of the ESP it looks in");
        return su_remedy(e, "use a distribution's signed GRUB, whose prefix is /EFI/<vendor>");
    }
    snprintf(out, cap, "%.*s", (int)n, (const char *)prefix.p + 5);
    return 0;
}

/* Judging ------------------------------------------------------------------ */

struct judge {
    const struct su_vols *v;
    const struct su_linux *l;
    struct su_sb_keys firmware, shim; /* shim: what shim asks for, firmware's keys and its own */
    struct su_buf vendor;
};

static int shim_keys(struct judge *j, const struct su_bootfiles *b, struct su_err *e)
{
    struct su_bytes shim = su_buf_bytes(&b->shim);
    struct su_source src = su_source_bytes(&shim);
    struct su_pe pe;
    struct su_err why = {0};
    j->shim = j->firmware;
    if (su_pe_parse(&src, &pe, &why) < 0 || su_pe_read_section(&pe, ".vendor_cert", 1 << 20, &j->vendor, &why) < 0 ||
        su_sb_vendor(su_buf_bytes(&j->vendor), &j->shim.vendor_db, &j->shim.vendor_dbx, &why) < 0)
        return why.kind == SU_E_NOMEM ? (*e = why, -1) : 0; /* then shim trusts only what the firmware does */
    return 0;
}

static int check_kernel(struct judge *j, struct su_kernel_check *k, struct su_err *e)
{
    struct su_err why = {0};
    struct su_pe pe;
    struct su_fs_source file;
    struct su_source src;
    if (su_fs_source_open(j->v->vol[j->l->boot.vol].fs, j->l->boot.base, k->path, &file, &src, &why) < 0)
        return why.kind == SU_E_IO || why.kind == SU_E_NOMEM ? (*e = why, -1) : 0;
    k->present = true;
    k->efi = su_pe_parse(&src, &pe, &why) == 0 && pe.plus && pe.machine == SU_PE_X86_64;
    if (!k->efi) {
        k->sb.verdict = SU_SB_DAMAGED;
        return 0;
    }
    return su_sb_check(&src, &j->shim, &k->sb, e);
}

static int check_kernels(struct judge *j, struct su_bootcheck *c, struct su_err *e)
{
    for (size_t i = 0; i < j->l->n_kernels && j->l->boot.vol >= 0; i++) {
        struct su_kernel_check *k = &c->kernel[c->n_kernels];
        *k = (struct su_kernel_check){.is_default = j->l->other[i].is_default};
        snprintf(k->path, sizeof k->path, "%s", j->l->other[i].path);
        if (check_kernel(j, k, e) < 0)
            return su_context(e, "%s", k->path);
        c->n_kernels++;
    }
    return 0;
}

static int check_file(const struct su_buf *file, const struct su_sb_keys *keys, struct su_sb_result *out,
                      struct su_err *e)
{
    struct su_bytes bytes = su_buf_bytes(file);
    struct su_source src = su_source_bytes(&bytes);
    return su_sb_check(&src, keys, out, e);
}

static int predict(struct su_bootcheck *c, struct su_err *e)
{
    struct su_pcr4_boot boot;
    for (size_t i = 0; i < c->n_kernels; i++) {
        const struct su_kernel_check *k = &c->kernel[i];
        if (!k->is_default || !k->efi)
            continue;
        memcpy(boot.shim, c->shim.digest, sizeof boot.shim);
        memcpy(boot.grub, c->grub.digest, sizeof boot.grub);
        memcpy(boot.kernel, k->sb.digest, sizeof boot.kernel);
        if (su_pcr4_predict(&boot, c->pcr4, e) < 0)
            return -1;
        c->has_pcr4 = true;
    }
    return 0;
}

static void judge_done(struct judge *j)
{
    su_buf_done(&j->vendor);
}

int su_bootcheck(const struct su_vols *v, const struct su_linux *l, const struct su_bootfiles *b, const char *vars,
                 struct su_bootcheck *out, struct su_err *e)
{
    SU_FIRMWARE_KEYS struct su_firmware_keys keys = {0};
    SU_AUTO(judge_done) struct judge j = {.v = v, .l = l};
    struct su_bootcheck c = {0};
    if (su_firmware_keys_read(vars, &keys, e) < 0)
        return -1;
    c.firmware_known = keys.known;
    j.firmware = keys.keys;
    snprintf(c.firmware, sizeof c.firmware, "%s", vars);
    if (b->found && (shim_keys(&j, b, e) < 0 || check_file(&b->shim, &j.firmware, &c.shim, e) < 0 ||
                     check_file(&b->grub, &j.shim, &c.grub, e) < 0))
        return -1;
    if (check_kernels(&j, &c, e) < 0 || (b->found && predict(&c, e) < 0))
        return -1;
    *out = c;
    return 0;
}
