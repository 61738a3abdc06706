/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the signature of a sound image: whatever they say, nobody with a key made just now vouches for it.
 * The same bytes as shim's sections and as SBAT text. */
#include "must.h"
#include "guest/sbat.h"
#include "guest/secureboot.h"
#include "tests/lib/pe_sample.h"
#include "tests/lib/sign_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void sections(struct su_bytes b)
{
    struct su_bytes one, two;
    struct su_err e = {0};
    bool revoked = false;
    char name[SU_SBAT_NAME] = "";
    if (su_sb_vendor(b, &one, &two, &e) == 0) {
        MUST(one.n == 0 || (one.p >= b.p && one.p + one.n <= b.p + b.n));
        MUST(two.n == 0 || (two.p >= b.p && two.p + two.n <= b.p + b.n));
    }
    if (su_sbat_levels(b, &one, &two, &e) == 0)
        MUST(one.p >= b.p && one.p + one.n <= b.p + b.n && two.p >= b.p && two.p + two.n <= b.p + b.n);
    if (su_sbat_check(b, b, &revoked, name, &e) < 0)
        MUST(e.kind == SU_E_FORMAT && e.id);
    MUST(strlen(name) < SU_SBAT_NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct signer ca;
    static struct su_buf db;
    if (!ca.cert) {
        ca = signer_new("Fuzz CA", NULL, -3600, 3600);
        list_cert(&db, ca.cert);
    }
    struct su_bytes b = {data, n};
    sections(b);
    if (n > 65536)
        return 0;
    SU_BUF struct su_buf image = {0};
    uint8_t p[PE_SIZE];
    pe_sample(p);
    su_buf_add(&image, p, sizeof p);
    attach(&image, PE_CERT_DIR, b);
    struct su_bytes whole = su_buf_bytes(&image);
    struct su_source src = su_source_bytes(&whole);
    struct su_sb_keys keys = {.db = su_buf_bytes(&db)};
    struct su_sb_result r;
    struct su_err e = {0};
    MUST(su_sb_check(&src, &keys, &r, &e) == 0);
    MUST(r.verdict == SU_SB_UNTRUSTED || r.verdict == SU_SB_DAMAGED);
    MUST(r.signatures == 1 && r.anchor[0] == 0 && strlen(r.signer) < SU_AC_NAME);
    return 0;
}
