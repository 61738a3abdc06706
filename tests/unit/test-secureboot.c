/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/secureboot: every verdict on an image signed here, and on Debian's real boot chain. */
#include "guest/efivars.h"
#include "guest/sbat.h"
#include "guest/secureboot.h"
#include "tests/lib/files.h"
#include "tests/lib/pe_sample.h"
#include "tests/lib/sign_sample.h"
#include "tests/lib/tap.h"

static struct su_sb_result check(struct su_bytes image, const struct su_sb_keys *keys)
{
    struct su_sb_result r = {.verdict = SU_SB_VERDICT_COUNT};
    struct su_err e = {0};
    struct su_source src = su_source_bytes(&image);
    if (su_sb_check(&src, keys, &r, &e) < 0)
        printf("# %s: %s\n", e.id, e.msg);
    return r;
}

static void verdict(const char *what, struct su_bytes image, const struct su_sb_keys *keys, enum su_sb_verdict want,
                    const char *why)
{
    struct su_sb_result r = check(image, keys);
    ok(r.verdict == want && r.why && strcmp(r.why, why) == 0, "%s: %s %s", what, su_sb_verdict_name(r.verdict), r.why);
}

enum { YEAR = 365 * 24 * 3600 };
struct world {
    struct signer ca, other_ca, leaf, old_leaf, self;
    struct su_buf db, ca_list, leaf_list, leaf_hash; /* signature lists */
    uint8_t digest[32];
};

static void world_open(struct world *w)
{
    uint8_t *tbs = NULL, sum[32];
    *w = (struct world){.ca = signer_new("Test CA", NULL, -YEAR, YEAR),
                        .other_ca = signer_new("Other CA", NULL, -YEAR, YEAR),
                        .self = signer_new("Nobody", NULL, -YEAR, YEAR)};
    w->leaf = signer_new("Test \xc3\xa9 signer", &w->ca, -YEAR, YEAR);
    w->old_leaf = signer_new("Expired signer", &w->ca, -2 * YEAR, -YEAR);
    list_cert(&w->db, w->other_ca.cert);
    list_cert(&w->db, w->ca.cert);
    list_cert(&w->ca_list, w->ca.cert);
    list_cert(&w->leaf_list, w->leaf.cert);
    int n = i2d_re_X509_tbs(w->leaf.cert, &tbs);
    EVP_Digest(tbs, (size_t)n, sum, NULL, EVP_sha256(), NULL);
    OPENSSL_free(tbs);
    list_digest(&w->leaf_hash, sum, true);
}

static void world_done(struct world *w)
{
    signer_done(&w->ca), signer_done(&w->other_ca), signer_done(&w->leaf), signer_done(&w->old_leaf);
    signer_done(&w->self);
    su_buf_done(&w->db), su_buf_done(&w->ca_list), su_buf_done(&w->leaf_list), su_buf_done(&w->leaf_hash);
}

static void plain(struct su_buf *image, uint8_t digest[32])
{
    uint8_t p[PE_SIZE];
    struct su_pe pe;
    struct su_err e = {0};
    pe_sample(p);
    struct su_bytes b = {p, PE_SIZE};
    struct su_source src = su_source_bytes(&b);
    if (su_pe_parse(&src, &pe, &e) < 0 || su_pe_digest(&pe, digest, &e) < 0)
        abort();
    su_buf_add(image, p, PE_SIZE);
}

static void sign(struct su_buf *image, const uint8_t *digest, const struct signer *by, const struct signer *issuer)
{
    SU_BUF struct su_buf der = {0};
    sign_digest(&der, digest, by, issuer);
    attach(image, PE_CERT_DIR, su_buf_bytes(&der));
}

static void test_trust(struct world *w)
{
    SU_BUF struct su_buf image = {0}, expired = {0}, self = {0}, both = {0};
    struct su_sb_keys none = {0}, keys = {.db = su_buf_bytes(&w->db)}, shim = {.vendor_db = su_buf_bytes(&w->ca_list)};
    uint8_t d[32];
    plain(&image, d);
    verdict("no signature", su_buf_bytes(&image), &keys, SU_SB_UNSIGNED, "");
    sign(&image, d, &w->leaf, NULL);
    verdict("signed below db", su_buf_bytes(&image), &keys, SU_SB_TRUSTED_BY_FIRMWARE, "");
    struct su_sb_result r = check(su_buf_bytes(&image), &keys);
    is_str(r.signer, "Test \xc3\xa9 signer");
    is_str(r.anchor, "Test CA");
    ok(r.signatures == 1 && r.has_sbat && memcmp(r.digest, d, 32) == 0, "the other facts");
    verdict("signed below shim's list", su_buf_bytes(&image), &shim, SU_SB_TRUSTED_BY_SHIM, "");
    uint8_t *der = NULL;
    int n = i2d_X509(w->ca.cert, &der);
    shim.vendor_db = (struct su_bytes){der, (size_t)n};
    verdict("signed below shim's certificate", su_buf_bytes(&image), &shim, SU_SB_TRUSTED_BY_SHIM, "");
    OPENSSL_free(der);
    shim.vendor_db = su_buf_bytes(&w->leaf_list);
    verdict("the signer itself is listed", su_buf_bytes(&image), &shim, SU_SB_TRUSTED_BY_SHIM, "");
    verdict("nobody is trusted", su_buf_bytes(&image), &none, SU_SB_UNTRUSTED, "");
    plain(&expired, d);
    sign(&expired, d, &w->old_leaf, NULL);
    verdict("an expired signer", su_buf_bytes(&expired), &keys, SU_SB_TRUSTED_BY_FIRMWARE, "");
    plain(&self, d);
    sign(&self, d, &w->self, NULL);
    verdict("self-signed", su_buf_bytes(&self), &keys, SU_SB_UNTRUSTED, "");
    plain(&both, d);
    sign(&both, d, &w->self, NULL);
    sign(&both, d, &w->leaf, &w->ca);
    verdict("two signatures, the second trusted", su_buf_bytes(&both), &keys, SU_SB_TRUSTED_BY_FIRMWARE, "");
    r = check(su_buf_bytes(&both), &keys);
    ok(r.signatures == 2 && strcmp(r.anchor, "Test CA") == 0, "both are counted");
    SU_BUF struct su_buf hash = {0};
    list_digest(&hash, d, false);
    struct su_sb_keys by_hash = {.db = su_buf_bytes(&hash)};
    verdict("the digest is in db", su_buf_bytes(&self), &by_hash, SU_SB_TRUSTED_BY_FIRMWARE, "");
}

static void test_revoked(struct world *w)
{
    SU_BUF struct su_buf image = {0}, hash = {0};
    uint8_t d[32];
    plain(&image, d);
    list_digest(&hash, d, false);
    struct su_sb_keys keys = {.db = su_buf_bytes(&w->db), .dbx = su_buf_bytes(&hash)};
    verdict("unsigned and in dbx", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.digest");
    sign(&image, d, &w->leaf, NULL);
    verdict("the digest is in dbx", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.digest");
    keys.dbx = su_buf_bytes(&w->leaf_list);
    verdict("the signer is in dbx", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.certificate");
    keys.dbx = su_buf_bytes(&w->ca_list);
    verdict("its issuer is in dbx", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.certificate");
    keys.dbx = su_buf_bytes(&w->leaf_hash);
    verdict("its hash is in dbx", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.certificate");
    keys.dbx = (struct su_bytes){NULL, 0};
    keys.vendor_dbx = su_buf_bytes(&hash);
    verdict("the digest is in shim's list", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.digest");
    keys.vendor_dbx = (struct su_bytes){NULL, 0};
    keys.sbat_level = (struct su_bytes){(const uint8_t *)"sbat,1,2025\ngrub,4\n", 19};
    verdict("below the SBAT level", su_buf_bytes(&image), &keys, SU_SB_REVOKED, "secureboot.revoked.sbat");
    keys.sbat_level.p = (const uint8_t *)"sbat,1,2025\ngrub,3\n";
    verdict("at the SBAT level", su_buf_bytes(&image), &keys, SU_SB_TRUSTED_BY_FIRMWARE, "");
    struct su_sb_result r = {.signatures = 77};
    struct su_err e = {0};
    struct su_bytes b = su_buf_bytes(&image);
    struct su_source src = su_source_bytes(&b);
    keys.dbx = (struct su_bytes){hash.p, hash.n - 1};
    ok(su_sb_check(&src, &keys, &r, &e) < 0 && r.signatures == 77, "a damaged dbx is an error");
    is_str(e.id, "efi.list.truncated");
}

/* Each byte of the image flipped, one at a time: none may stay trusted, but those no signature covers. */
static void test_flips(struct world *w)
{
    SU_BUF struct su_buf image = {0};
    struct su_sb_keys keys = {.db = su_buf_bytes(&w->db)};
    uint8_t d[32];
    plain(&image, d);
    sign(&image, d, &w->leaf, NULL);
    unsigned trusted = 0, other = 0;
    for (size_t at = 0; at < PE_SIZE; at += at < 0x220 ? 1 : 61) {
        image.p[at] ^= 0x41;
        struct su_sb_result r = check(su_buf_bytes(&image), &keys);
        image.p[at] ^= 0x41;
        if (at >= PE_OPTIONAL + 64 && at < PE_OPTIONAL + 68)
            continue; /* the checksum field */
        trusted += r.verdict == SU_SB_TRUSTED_BY_FIRMWARE;
        other += r.verdict != SU_SB_DAMAGED && !(r.verdict == SU_SB_UNSIGNED && at >= PE_OPTIONAL && at < PE_SECTIONS);
    }
    ok(trusted == 0, "no flipped byte of the image stays trusted");
    ok(other == 0, "a flipped byte means damaged");
    trusted = 0;
    for (size_t at = PE_SIZE + 8; at + 8 < image.n; at += 7) {
        image.p[at] ^= 0x41;
        trusted += check(su_buf_bytes(&image), &keys).verdict == SU_SB_TRUSTED_BY_FIRMWARE;
        image.p[at] ^= 0x41;
    }
    ok(trusted <= 2, "flipped bytes of the signature: %u unnoticed (fields no verifier reads)", trusted);
}

static void test_damaged(struct world *w)
{
    SU_BUF struct su_buf image = {0}, junk = {0}, many = {0};
    struct su_sb_keys keys = {.db = su_buf_bytes(&w->db)};
    uint8_t d[32], wrong[32] = {1};
    plain(&image, d);
    sign(&image, wrong, &w->leaf, NULL);
    verdict("another image's signature", su_buf_bytes(&image), &keys, SU_SB_DAMAGED, "secureboot.digest");
    sign(&image, d, &w->leaf, NULL);
    verdict("and a good one after it", su_buf_bytes(&image), &keys, SU_SB_TRUSTED_BY_FIRMWARE, "");
    plain(&junk, d);
    attach(&junk, PE_CERT_DIR, (struct su_bytes){(const uint8_t *)"no DER at all...", 16});
    verdict("junk for a signature", su_buf_bytes(&junk), &keys, SU_SB_DAMAGED, "secureboot.signature");
    verdict("a text file", (struct su_bytes){(const uint8_t *)"#!/bin/sh\n", 10}, &keys, SU_SB_DAMAGED, "pe.truncated");
    plain(&many, d);
    for (int i = 0; i < SU_SB_MAX_SIGNATURES + 1; i++)
        attach(&many, PE_CERT_DIR, (struct su_bytes){(const uint8_t *)"no DER at all...", 16});
    verdict("too many signatures", su_buf_bytes(&many), &keys, SU_SB_DAMAGED, "secureboot.signatures");
}

static void test_sections(void)
{
    uint8_t p[40] = {0};
    struct su_bytes db, dbx, old, new;
    struct su_err e = {0};
    su_put_le32(p, 5), su_put_le32(p + 4, 7), su_put_le32(p + 8, 16), su_put_le32(p + 12, 21);
    ok(su_sb_vendor((struct su_bytes){p, 28}, &db, &dbx, &e) == 0, "a vendor section");
    ok(db.p == p + 16 && db.n == 5 && dbx.p == p + 21 && dbx.n == 7, "its parts");
    ok(su_sb_vendor((struct su_bytes){p, 27}, &db, &dbx, &e) < 0, "a vendor section that is too short");
    ok(su_sb_vendor((struct su_bytes){p, 15}, &db, &dbx, &e) < 0, "one without its header");
    memset(p, 0, sizeof p);
    su_put_le32(p + 4, 8), su_put_le32(p + 8, 12);
    memcpy(p + 12, "a,1\0b,2\n", 8);
    ok(su_sbat_levels((struct su_bytes){p, 20}, &old, &new, &e) == 0 && old.n == 3 && new.n == 4, "levels");
    su_put_le32(p + 8, 16);
    ok(su_sbat_levels((struct su_bytes){p, 20}, &old, &new, &e) < 0, "a level outside its section");
    is_str(e.id, "sbat.level");
}

static void sbat(const char *image, const char *level, const char *want)
{
    bool revoked = false;
    char name[SU_SBAT_NAME];
    struct su_err e = {0};
    int rc = su_sbat_check((struct su_bytes){(const uint8_t *)image, strlen(image)},
                           (struct su_bytes){(const uint8_t *)level, strlen(level)}, &revoked, name, &e);
    const char *got = rc < 0 ? e.id : revoked ? name : "fine";
    ok(strcmp(got, want) == 0, "\"%.*s\"...: %s", (int)strcspn(image, "\r\n"), image, got);
}

static void test_sbat(void)
{
    sbat("sbat,1,x\ngrub,5,y", "sbat,1\ngrub,5\n", "fine");
    sbat("sbat,1,x\r\ngrub.debian,4,y\r\n", "sbat,1\r\ngrub,5\r\ngrub.debian,5\r\n", "grub.debian");
    sbat("\xef\xbb\xbfshim,3,x\n", "shim,4\n", "shim");
    sbat("grub,10\n", "grub,9\n", "fine");
    sbat("grub,5\n", "", "fine");
    sbat("", "grub,5", "sbat.format");
    sbat("grub\n", "grub,5", "sbat.format");
    sbat("grub,five\n", "grub,5", "sbat.format");
    sbat("grub,99999999999\n", "grub,5", "sbat.format");
}

/* Debian's chain under the keys of Debian's OVMF. */
struct chain {
    struct su_buf vars, vendor, level;
    struct su_sb_keys keys;
};

static bool chain_open(struct chain *c, const struct su_buf *shim)
{
    struct su_bytes b = su_buf_bytes(shim), newest;
    struct su_source src = su_source_bytes(&b);
    struct su_efivar db, dbx;
    struct su_pe pe;
    struct su_err e = {0};
    if (!files_read("/usr/share/OVMF", "OVMF_VARS_4M.ms.fd", &c->vars) ||
        su_efivars_find(su_buf_bytes(&c->vars), "db", su_efi_security_guid, &db, &e) < 0 ||
        su_efivars_find(su_buf_bytes(&c->vars), "dbx", su_efi_security_guid, &dbx, &e) < 0 ||
        su_pe_parse(&src, &pe, &e) < 0 || su_pe_read_section(&pe, ".vendor_cert", 1 << 20, &c->vendor, &e) < 0 ||
        su_pe_read_section(&pe, ".sbatlevel", 4096, &c->level, &e) < 0)
        return false;
    c->keys.db = db.data;
    c->keys.dbx = dbx.data;
    return su_sb_vendor(su_buf_bytes(&c->vendor), &c->keys.vendor_db, &c->keys.vendor_dbx, &e) == 0 &&
           su_sbat_levels(su_buf_bytes(&c->level), &c->keys.sbat_level, &newest, &e) == 0;
}

static void real(const char *name, const struct chain *c, enum su_sb_verdict want, const char *signer,
                 const char *anchor)
{
    SU_BUF struct su_buf image = {0};
    if (!files_read(files_cache(), name, &image)) {
        ok(1, "%s # SKIP not in the cache", name);
        return;
    }
    struct su_sb_result r = check(su_buf_bytes(&image), &c->keys);
    printf("# %s: %s, signed by \"%s\" below \"%s\", %u signatures\n", name, su_sb_verdict_name(r.verdict), r.signer,
           r.anchor, r.signatures);
    ok(r.verdict == want, "%s: %s", name, su_sb_verdict_name(r.verdict));
    ok(strncmp(r.signer, signer, strlen(signer)) == 0 && strcmp(r.anchor, anchor) == 0, "%s: its signer", name);
    image.p[image.n / 2] ^= 1;
    r = check(su_buf_bytes(&image), &c->keys);
    ok(r.verdict == SU_SB_DAMAGED && strcmp(r.why, "secureboot.digest") == 0, "%s with one bit flipped", name);
}

static void test_real(void)
{
    SU_BUF struct su_buf shim = {0};
    struct chain c = {0};
    if (!files_read(files_cache(), "efi/shimx64.efi", &shim) || !chain_open(&c, &shim)) {
        ok(1, "Debian's boot chain # SKIP not in the cache");
        return;
    }
    real("efi/shimx64.efi", &c, SU_SB_TRUSTED_BY_FIRMWARE, "Microsoft Windows UEFI Driver Publisher",
         "Microsoft Corporation UEFI CA 2011");
    real("efi/grubx64.efi", &c, SU_SB_TRUSTED_BY_SHIM, "Debian Secure Boot Signer", "Debian Secure Boot CA");
    real("efi/mmx64.efi", &c, SU_SB_TRUSTED_BY_SHIM, "Debian Secure Boot Signer", "Debian Secure Boot CA");
    real("kernel/vmlinuz", &c, SU_SB_TRUSTED_BY_SHIM, "Debian Secure Boot Signer", "Debian Secure Boot CA");
    struct su_sb_result r = check(su_buf_bytes(&shim), &c.keys);
    ok(r.signatures == 2, "shim carries two signatures");
    c.keys.db.n = 0;
    verdict("shim without db", su_buf_bytes(&shim), &c.keys, SU_SB_UNTRUSTED, "");
    su_buf_done(&c.vars), su_buf_done(&c.vendor), su_buf_done(&c.level);
}

int main(void)
{
    struct world w;
    world_open(&w);
    test_trust(&w);
    test_revoked(&w);
    test_flips(&w);
    test_damaged(&w);
    test_sections();
    test_sbat();
    test_real();
    world_done(&w);
    return tap_done();
}
