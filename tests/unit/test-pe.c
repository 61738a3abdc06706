/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/pe: the reader against a hand-made image, and the digest against what Debian's signatures say. */
#include "guest/pe.h"
#include "tests/lib/files.h"
#include "tests/lib/pe_sample.h"
#include "tests/lib/tap.h"
#include <openssl/evp.h>

static void same(uint8_t *p) { (void)p; }
static void no_mz(uint8_t *p) { p[0] = 'Z'; }
static void no_pe(uint8_t *p) { p[PE_AT] = 'N'; }
static void pe_far(uint8_t *p) { su_put_le32(p + 60, 0xfffffff0); }
static void pe_at_end(uint8_t *p) { su_put_le32(p + 60, PE_SIZE - 10); }
static void many_sections(uint8_t *p) { su_put_le16(p + PE_AT + 6, 97); }
static void table_out(uint8_t *p) { su_put_le16(p + PE_AT + 6, 90); }
static void rom(uint8_t *p) { su_put_le16(p + PE_OPTIONAL, 0x107); }
static void short_optional(uint8_t *p) { su_put_le16(p + PE_AT + 20, 90); }
static void many_dirs(uint8_t *p) { su_put_le32(p + PE_OPTIONAL + 108, 17); }
static void huge_dirs(uint8_t *p) { su_put_le32(p + PE_OPTIONAL + 108, 0x20000001); }
static void huge_headers(uint8_t *p) { su_put_le32(p + PE_OPTIONAL + 60, 0xffffffff); }
static void small_headers(uint8_t *p) { su_put_le32(p + PE_OPTIONAL + 60, 0x100); }
static void overlap(uint8_t *p) { su_put_le32(p + PE_SECTIONS + 20, 0x4ff); }
static void in_headers(uint8_t *p) { su_put_le32(p + PE_SECTIONS + 80 + 20, 0x1ff); }
static void past_end(uint8_t *p) { su_put_le32(p + PE_SECTIONS + 16, 0x111); }
static void wraps(uint8_t *p) { su_put_le32(p + PE_SECTIONS + 16, 0xffffffff); }
static void cert_inside(uint8_t *p) { su_put_le32(p + PE_CERT_DIR, 0x5f0), su_put_le32(p + PE_CERT_DIR + 4, 0x20); }
static void cert_early(uint8_t *p) { su_put_le32(p + PE_CERT_DIR, 0x600), su_put_le32(p + PE_CERT_DIR + 4, 8); }
static void cert_past(uint8_t *p) { su_put_le32(p + PE_CERT_DIR, 0x600), su_put_le32(p + PE_CERT_DIR + 4, 17); }
static void cert_wraps(uint8_t *p) { su_put_le32(p + PE_CERT_DIR, 0xfffffff8), su_put_le32(p + PE_CERT_DIR + 4, 16); }

static const struct {
    const char *name, *want;
    void (*spoil)(uint8_t *p);
    size_t n;
} bad[] = {
    {"an empty file", "pe.truncated", same, 0},
    {"a DOS header alone", "pe.truncated", same, 64},
    {"a file cut in its headers", "pe.truncated", same, PE_OPTIONAL + 20},
    {"a file cut in a section", "pe.truncated", same, 0x5ff},
    {"no MZ", "pe.magic", no_mz, PE_SIZE},
    {"no PE", "pe.magic", no_pe, PE_SIZE},
    {"a PE header far away", "pe.truncated", pe_far, PE_SIZE},
    {"a PE header at the very end", "pe.truncated", pe_at_end, PE_SIZE},
    {"too many sections", "pe.sections", many_sections, PE_SIZE},
    {"a section table outside the headers", "pe.headers", table_out, PE_SIZE},
    {"a ROM image", "pe.optional", rom, PE_SIZE},
    {"a short optional header", "pe.optional", short_optional, PE_SIZE},
    {"too many directories", "pe.optional", many_dirs, PE_SIZE},
    {"a directory count that wraps", "pe.optional", huge_dirs, PE_SIZE},
    {"headers longer than the file", "pe.headers", huge_headers, PE_SIZE},
    {"headers shorter than the section table", "pe.headers", small_headers, PE_SIZE},
    {"overlapping sections", "pe.overlap", overlap, PE_SIZE},
    {"a section in the headers", "pe.overlap", in_headers, PE_SIZE},
    {"a section past the end", "pe.truncated", past_end, PE_SIZE},
    {"a section that wraps", "pe.truncated", wraps, PE_SIZE},
    {"certificates inside a section", "pe.certificates", cert_inside, PE_SIZE},
    {"bytes behind the certificates", "pe.certificates", cert_early, PE_SIZE},
    {"certificates past the end", "pe.certificates", cert_past, PE_SIZE},
    {"certificates that wrap", "pe.certificates", cert_wraps, PE_SIZE},
};

static void test_refusals(void)
{
    uint8_t p[PE_SIZE];
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        pe_sample(p);
        bad[i].spoil(p);
        struct su_bytes b = {p, bad[i].n};
        struct su_source src = su_source_bytes(&b);
        struct su_err e = {0};
        struct su_pe pe = {.sections = 77};
        ok(su_pe_parse(&src, &pe, &e) < 0 && pe.sections == 77, "%s is refused", bad[i].name);
        is_str(e.id ? e.id : "", bad[i].want);
    }
}

/* The digest over the four ranges, spelled out. */
static void test_digest_ranges(void)
{
    uint8_t p[PE_SIZE], signed_p[PE_SIZE + 32], covered[PE_SIZE], want[32], got[32] = {0};
    struct su_err e = {0};
    struct su_pe pe;
    pe_sample(p);
    size_t n = 0;
    memcpy(covered, p, PE_OPTIONAL + 64), n += PE_OPTIONAL + 64;
    memcpy(covered + n, p + PE_OPTIONAL + 68, PE_CERT_DIR - PE_OPTIONAL - 68), n += PE_CERT_DIR - PE_OPTIONAL - 68;
    memcpy(covered + n, p + PE_CERT_DIR + 8, PE_SIZE - PE_CERT_DIR - 8), n += PE_SIZE - PE_CERT_DIR - 8;
    EVP_Digest(covered, n, want, NULL, EVP_sha256(), NULL);
    struct su_bytes b = {p, PE_SIZE};
    struct su_source src = su_source_bytes(&b);
    ok(su_pe_parse(&src, &pe, &e) == 0 && su_pe_digest(&pe, got, &e) == 0 && memcmp(got, want, 32) == 0,
       "the digest skips the checksum and the certificate directory");

    memcpy(signed_p, p, PE_SIZE);
    memset(signed_p + PE_SIZE, 0, 32);
    su_put_le32(signed_p + PE_SIZE, 9 + 8);
    su_put_le16(signed_p + PE_SIZE + 4, 0x200);
    su_put_le16(signed_p + PE_SIZE + 6, SU_PE_CERT_PKCS7);
    su_put_le32(signed_p + PE_SIZE + 24, 8);
    su_put_le32(signed_p + PE_CERT_DIR, PE_SIZE);
    su_put_le32(signed_p + PE_CERT_DIR + 4, 32);
    su_put_le32(signed_p + PE_OPTIONAL + 64, 1);
    b = (struct su_bytes){signed_p, sizeof signed_p};
    src = su_source_bytes(&b);
    ok(su_pe_parse(&src, &pe, &e) == 0 && su_pe_digest(&pe, got, &e) == 0 && memcmp(got, want, 32) == 0,
       "signing an image leaves its digest alone");

    SU_BUF struct su_buf table = {0};
    struct su_pe_cert c;
    ok(su_pe_read_certs(&pe, &table, &e) == 0 && table.n == 32, "the certificate table");
    struct su_bytes rest = su_buf_bytes(&table);
    ok(su_pe_next_cert(&rest, &c, &e) == 1 && c.type == SU_PE_CERT_PKCS7 && c.revision == 0x200 && c.data.n == 9,
       "its first entry");
    ok(su_pe_next_cert(&rest, &c, &e) == 1 && c.type == 0 && c.data.n == 0, "its second entry");
    ok(su_pe_next_cert(&rest, &c, &e) == 0, "its end");
    su_put_le32(table.p, 7);
    rest = su_buf_bytes(&table);
    ok(su_pe_next_cert(&rest, &c, &e) < 0 && strcmp(e.id, "pe.certificate") == 0, "an entry shorter than its header");
    su_put_le32(table.p, 33);
    rest = su_buf_bytes(&table);
    ok(su_pe_next_cert(&rest, &c, &e) < 0, "an entry longer than the table");
}

static void test_sections(void)
{
    uint8_t p[PE_SIZE];
    struct su_err e = {0};
    struct su_pe pe;
    SU_BUF struct su_buf text = {0};
    pe_sample(p);
    /* a string table behind the last section: ".vendor_cert" for the section that was .text */
    memset(p + 0x600, 0, 16);
    memcpy(p + 0x600 + 2, ".vendor_cert", 13);
    su_put_le32(p + PE_AT + 12, 0x600 - 18);
    su_put_le32(p + PE_AT + 16, 1);
    memcpy(p + PE_SECTIONS + 80, "/2\0\0\0\0\0", 8);
    struct su_bytes b = {p, PE_SIZE};
    struct su_source src = su_source_bytes(&b);
    ok(su_pe_parse(&src, &pe, &e) == 0, "a good image");
    ok(pe.machine == SU_PE_X86_64 && pe.plus && pe.headers == PE_HEADERS && pe.sections == 3, "its facts");
    ok(su_pe_find(&pe, ".vendor_cert") && su_pe_find(&pe, ".vendor_cert")->off == 0x200, "a long section name");
    ok(!su_pe_find(&pe, ".linux"), "a section that is not there");
    ok(su_pe_read_section(&pe, ".sbat", 64, &text, &e) == 0 && text.n == 64, "a section ends at its size in memory");
    ok(su_pe_read_section(&pe, ".sbat", 63, &text, &e) < 0 && e.kind == SU_E_RANGE && text.n == 64, "too long a one");
    ok(su_pe_read_section(&pe, "mods", 64, &text, &e) < 0 && e.kind == SU_E_MISSING, "a missing one");
    memcpy(p + PE_SECTIONS + 80, "/999999", 8);
    ok(su_pe_parse(&src, &pe, &e) == 0 && su_pe_find(&pe, "/999999"), "a name outside the string table stays as it is");
}

static int failing_read(void *arg, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct su_bytes *b = arg;
    if (off >= 0x500)
        return su_fail(e, SU_E_IO, "test.io", "no");
    memcpy(buf, b->p + off, n);
    return 0;
}

static void test_io(void)
{
    uint8_t p[PE_SIZE], digest[32];
    pe_sample(p);
    struct su_bytes b = {p, PE_SIZE};
    struct su_source src = {.read = failing_read, .arg = &b, .size = PE_SIZE};
    struct su_pe pe;
    struct su_err e = {0};
    ok(su_pe_parse(&src, &pe, &e) == 0 && su_pe_digest(&pe, digest, &e) < 0 && e.kind == SU_E_IO, "a failing read");
}

static bool contains(struct su_bytes b, const void *what, size_t n)
{
    for (size_t i = 0; i + n <= b.n; i++)
        if (memcmp(b.p + i, what, n) == 0)
            return true;
    return false;
}

/* Every signature of Debian's names the digest of its image: an oracle that is not ours. */
static void test_real(const char *name, const char *section)
{
    SU_BUF struct su_buf file = {0}, table = {0};
    if (!files_read(files_cache(), name, &file)) {
        ok(1, "%s # SKIP not in the cache", name);
        return;
    }
    struct su_bytes b = su_buf_bytes(&file);
    struct su_source src = su_source_bytes(&b);
    struct su_pe pe;
    struct su_err e = {0};
    uint8_t digest[32];
    if (!ok(su_pe_parse(&src, &pe, &e) == 0 && su_pe_digest(&pe, digest, &e) == 0, "%s is read", name))
        return;
    ok(pe.machine == SU_PE_X86_64 && su_pe_find(&pe, section), "%s has %s", name, section);
    ok(su_pe_read_certs(&pe, &table, &e) == 0, "%s is signed", name);
    struct su_bytes rest = su_buf_bytes(&table);
    struct su_pe_cert c;
    unsigned n = 0;
    while (su_pe_next_cert(&rest, &c, &e) == 1) {
        ok(contains(c.data, digest, sizeof digest), "signature %u of %s signs this digest", n, name);
        n++;
    }
    ok(n > 0, "%s: %u signatures", name, n);
}

/* And another program's digest, when that is installed. */
static void test_oracle(const char *name)
{
    SU_BUF struct su_buf file = {0};
    char command[600], line[256], hex[2 * SU_SHA256 + 1] = "", theirs[2 * SU_SHA256 + 1] = "";
    uint8_t digest[SU_SHA256];
    struct su_pe pe;
    struct su_err e = {0};
    snprintf(command, sizeof command, "osslsigncode verify -in '%s/%s' 2>/dev/null", files_cache(), name);
    FILE *out = popen(command, "re");
    while (out && fgets(line, sizeof line, out))
        sscanf(line, "Calculated message digest : %64[0-9A-F]", theirs);
    if (out)
        pclose(out);
    if (!theirs[0] || !files_read(files_cache(), name, &file)) {
        ok(1, "osslsigncode on %s # SKIP not installed, or no file", name);
        return;
    }
    struct su_bytes b = su_buf_bytes(&file);
    struct su_source src = su_source_bytes(&b);
    if (su_pe_parse(&src, &pe, &e) == 0 && su_pe_digest(&pe, digest, &e) == 0)
        for (int i = 0; i < SU_SHA256; i++)
            snprintf(hex + 2 * i, 3, "%02X", digest[i]);
    is_str(hex, theirs);
}

int main(void)
{
    test_refusals();
    test_digest_ranges();
    test_sections();
    test_io();
    test_real("efi/shimx64.efi", ".vendor_cert");
    test_real("efi/grubx64.efi", "mods");
    test_real("efi/mmx64.efi", ".sbat");
    test_real("kernel/vmlinuz", ".setup");
    test_oracle("efi/grubx64.efi");
    test_oracle("efi/mmx64.efi");
    return tap_done();
}
