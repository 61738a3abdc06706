/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/efivars: a store made by hand with every state a variable can be in, and the one Debian's OVMF ships. */
#include "guest/efivars.h"
#include "tests/lib/efivars_sample.h"
#include "tests/lib/files.h"
#include "tests/lib/tap.h"

static const uint8_t x509_guid[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                      0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t sha256_guid[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                        0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};

static const char *find(const struct efivars_store *s, const char *name, const uint8_t *guid)
{
    static char text[64];
    struct su_efivar v;
    struct su_err e = {0};
    if (su_efivars_find((struct su_bytes){s->p, sizeof s->p}, name, guid, &v, &e) < 0)
        return e.id;
    snprintf(text, sizeof text, "%.*s", (int)v.data.n, (const char *)v.data.p);
    return text;
}

static void test_states(void)
{
    struct efivars_store s;
    efivars_empty(&s);
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.missing");
    efivars_put_text(&s, 0x3c, "db", su_efi_security_guid, "deleted");
    efivars_put_text(&s, 0x3d, "db", su_efi_security_guid, "deleted in one step");
    efivars_put_text(&s, 0x7f, "db", su_efi_security_guid, "header written only");
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.missing");
    efivars_put_text(&s, 0x3e, "db", su_efi_security_guid, "old");
    is_str(find(&s, "db", su_efi_security_guid), "old");
    efivars_put_text(&s, 0x3f, "db", su_efi_security_guid, "new");
    efivars_put_text(&s, 0x3f, "dbx", su_efi_security_guid, "x");
    efivars_put_text(&s, 0x3e, "dbx", su_efi_security_guid, "older x");
    efivars_put_text(&s, 0x3f, "db", su_efi_global_guid, "another namespace");
    is_str(find(&s, "db", su_efi_security_guid), "new");
    is_str(find(&s, "dbx", su_efi_security_guid), "x");
    is_str(find(&s, "db", su_efi_global_guid), "another namespace");
    is_str(find(&s, "d", su_efi_global_guid), "efi.vars.missing");
    su_put_le32(s.p + s.at, 0x3f55aa);
    su_put_le32(s.p + s.at + 36, 4), su_put_le32(s.p + s.at + 40, EFIVARS_STORE);
    is_str(find(&s, "MokList", su_efi_shim_guid), "efi.vars.damaged");
    su_put_le32(s.p + s.at + 36, 0xfffffff0);
    is_str(find(&s, "MokList", su_efi_shim_guid), "efi.vars.damaged");
}

static void test_headers(void)
{
    struct efivars_store s;
    efivars_empty(&s);
    memcpy(s.p, "QFI\xfb", 4);
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.damaged");
    memcpy(s.p + 40, "QFI\xfb", 4);
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.format");
    efivars_empty(&s);
    s.p[EFIVARS_HEADER] ^= 1;
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.format");
    efivars_empty(&s);
    su_put_le32(s.p + EFIVARS_HEADER + 16, EFIVARS_STORE + 1);
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.damaged");
    efivars_empty(&s);
    su_put_le16(s.p + 48, 0xfffe);
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.damaged");
    efivars_empty(&s);
    su_put_le64(s.p + 32, UINT64_MAX), efivars_checksum(&s);
    is_str(find(&s, "db", su_efi_security_guid), "efi.vars.damaged");
}

static size_t list(uint8_t *p, const uint8_t *guid, uint32_t size, uint32_t n, uint8_t fill)
{
    memcpy(p, guid, 16);
    su_put_le32(p + 16, 28 + size * n);
    su_put_le32(p + 20, 0);
    su_put_le32(p + 24, size);
    memset(p + 28, fill, (size_t)size * n);
    return 28 + (size_t)size * n;
}

static void test_lists(void)
{
    uint8_t p[512];
    struct su_err e = {0};
    struct su_sig sig;
    size_t n = list(p, sha256_guid, 48, 2, 1);
    n += list(p + n, efivars_volume_guid, 20, 0, 2);
    n += list(p + n, x509_guid, 16 + 100, 1, 3);
    struct su_siglist l = su_siglist_open((struct su_bytes){p, n});
    ok(su_siglist_next(&l, &sig, &e) == 1 && sig.kind == SU_SIG_SHA256 && sig.data.n == 32 && sig.data.p[0] == 1,
       "first");
    ok(su_siglist_next(&l, &sig, &e) == 1 && sig.kind == SU_SIG_SHA256, "2nd");
    ok(su_siglist_next(&l, &sig, &e) == 1 && sig.kind == SU_SIG_X509 && sig.data.n == 100 && sig.owner[0] == 3, "3rd");
    ok(su_siglist_next(&l, &sig, &e) == 0, "the end");
    l = su_siglist_open((struct su_bytes){p, n - 1});
    for (int i = 0; i < 2; i++)
        (void)!su_siglist_next(&l, &sig, &e);
    ok(su_siglist_next(&l, &sig, &e) < 0, "a cut list");
    is_str(e.id, "efi.list.truncated");
    static const struct {
        const char *name, *want;
        unsigned at;
        uint32_t v;
    } bad[] = {
        {"a list longer than its variable", "efi.list.truncated", 16, 0xffffffff},
        {"a list shorter than its header", "efi.list.truncated", 16, 27},
        {"a header longer than its list", "efi.list.truncated", 20, 0xffffffff},
        {"entries of no size", "efi.list.size", 24, 0},
        {"entries of another size", "efi.list.size", 24, 47},
        {"digests of another length", "efi.list.size", 24, 32},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        n = list(p, sha256_guid, 48, 2, 1);
        su_put_le32(p + bad[i].at, bad[i].v);
        l = su_siglist_open((struct su_bytes){p, n});
        ok(su_siglist_next(&l, &sig, &e) < 0, "%s", bad[i].name);
        is_str(e.id, bad[i].want);
    }
}

static void test_real(const char *file, int want_certs)
{
    SU_BUF struct su_buf b = {0};
    struct su_err e = {0};
    struct su_efivar v;
    struct su_sig sig;
    if (!files_read("/usr/share/OVMF", file, &b)) {
        ok(1, "%s # SKIP no OVMF", file);
        return;
    }
    int found = su_efivars_find(su_buf_bytes(&b), "db", su_efi_security_guid, &v, &e);
    if (want_certs == 0) {
        ok(found < 0 && e.kind == SU_E_MISSING, "%s has no db", file);
        return;
    }
    if (!ok(found == 0, "%s has a db", file))
        return;
    int certs = 0;
    struct su_siglist l = su_siglist_open(v.data);
    while (su_siglist_next(&l, &sig, &e) > 0)
        certs += sig.kind == SU_SIG_X509 && sig.data.n > 500 && sig.data.p[0] == 0x30;
    ok(certs == want_certs, "%s trusts %d certificates", file, want_certs);
    ok(su_efivars_find(su_buf_bytes(&b), "SecureBootEnable",
                       (const uint8_t *)"\xc7\x0b\xa3\xf0\x08\xaf\x56\x45\x99\xc4\x00\x10\x09\xc9\x3a\x44", &v,
                       &e) == 0 &&
           v.data.n == 1 && v.data.p[0] == 1,
       "%s enables Secure Boot", file);
}

int main(void)
{
    test_states();
    test_headers();
    test_lists();
    test_real("OVMF_VARS_4M.ms.fd", 2);
    test_real("OVMF_VARS.ms.fd", 2);
    test_real("OVMF_VARS_4M.fd", 0);
    return tap_done();
}
