/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/pcr4 and guest/tcglog: the prediction against the event log of a real start, and logs that are none. */
#include "guest/pcr4.h"
#include "guest/pe.h"
#include "guest/tcglog.h"
#include "tests/lib/files.h"
#include "tests/lib/tap.h"

static const char *hex(const uint8_t *p)
{
    static char text[2 * SU_PCR_SIZE + 1];
    for (int i = 0; i < SU_PCR_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    return text;
}

/* The value was worked out with another SHA-256 (Python's hashlib); the digests are 32 bytes of 01, 02, 03. */
static void test_vector(void)
{
    struct su_pcr4_boot boot;
    struct su_err e = {0};
    uint8_t pcr[SU_PCR_SIZE];
    memset(boot.shim, 1, SU_PCR_SIZE);
    memset(boot.grub, 2, SU_PCR_SIZE);
    memset(boot.kernel, 3, SU_PCR_SIZE);
    ok(su_pcr4_predict(&boot, pcr, &e) == 0, "a prediction");
    is_str(hex(pcr), "7b6cb477c63464e1f56779c0f18af19715184c636304b900ebd654984a54db02");
}

struct put {
    uint8_t p[512];
    size_t n;
};
static void le32(struct put *b, uint32_t v) { su_put_le32(b->p + b->n, v), b->n += 4; }
static void le16(struct put *b, uint16_t v) { su_put_le16(b->p + b->n, v), b->n += 2; }
static void raw(struct put *b, const void *p, size_t n) { memcpy(b->p + b->n, p, n), b->n += n; }
static void fill(struct put *b, uint8_t v, size_t n) { memset(b->p + b->n, v, n), b->n += n; }

static void log_head(struct put *b)
{
    b->n = 0;
    le32(b, 0), le32(b, SU_TCGLOG_NO_ACTION), fill(b, 0, 20), le32(b, 28 + 8 + 1);
    raw(b, "Spec ID Event03", 16), fill(b, 0, 4), raw(b, "\0\2\0\2", 4);
    le32(b, 2), le16(b, 4), le16(b, 20), le16(b, 0xb), le16(b, 32), fill(b, 0, 1);
}

static void log_event(struct put *b, uint32_t pcr, uint32_t type, uint8_t digest, const void *data, uint32_t n)
{
    le32(b, pcr), le32(b, type), le32(b, 2);
    le16(b, 0xb), fill(b, digest, 32), le16(b, 4), fill(b, 9, 20);
    le32(b, n), raw(b, data, n);
}

static void test_made_log(void)
{
    struct put b;
    struct su_err e = {0};
    struct su_tcglog_pcrs pcrs;
    uint8_t want[32] = {0}, digest[32];
    log_head(&b);
    log_event(&b, 0, SU_TCGLOG_NO_ACTION, 0, "StartupLocality\0\3", 17);
    log_event(&b, 0xffffffff, SU_TCGLOG_NO_ACTION, 0, "", 0);
    log_event(&b, 0, 8, 0x55, "v", 1);
    ok(su_tcglog_replay((struct su_bytes){b.p, b.n}, &pcrs, &e) == 0 && pcrs.events == 3 && pcrs.extended == 1,
       "a made log");
    want[31] = 3;
    memset(digest, 0x55, 32);
    ok(su_pcr_extend(want, digest, &e) == 0 && memcmp(want, pcrs.value[0], 32) == 0, "PCR 0 starts at the locality");

    for (size_t n = 0; n < b.n; n++) {
        struct su_tcglog_pcrs untouched = {.events = 77};
        int rc = su_tcglog_replay((struct su_bytes){b.p, n}, &untouched, &e);
        if (rc == 0 ? untouched.events > 2 : untouched.events != 77 || strncmp(e.id, "tcglog.", 7) != 0)
            ok(false, "cut at %zu", n);
    }
    ok(true, "cut anywhere");
    log_event(&b, 24, 8, 1, "", 0);
    ok(su_tcglog_replay((struct su_bytes){b.p, b.n}, &pcrs, &e) < 0, "a PCR that does not exist");
    is_str(e.id, "tcglog.pcr");
    log_head(&b);
    b.p[32 + 24] = 9;
    ok(su_tcglog_replay((struct su_bytes){b.p, b.n}, &pcrs, &e) < 0, "too many banks");
    is_str(e.id, "tcglog.banks");
    log_head(&b);
    su_put_le16(b.p + 32 + 28 + 4, 0xc);
    ok(su_tcglog_replay((struct su_bytes){b.p, b.n}, &pcrs, &e) < 0, "no SHA-256 bank");
    is_str(e.id, "tcglog.sha256");
    log_head(&b);
    log_event(&b, 1, 1, 1, "", 0);
    su_put_le16(b.p + b.n - 4 - 22, 0xb); /* SHA-256 twice */
    ok(su_tcglog_replay((struct su_bytes){b.p, b.n}, &pcrs, &e) < 0, "a bank twice");
    is_str(e.id, "tcglog.digests");
}

static void test_no_log(void)
{
    static uint8_t text[6458];
    struct su_err e = {0};
    struct su_tcglog_pcrs pcrs;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)"PCR banks and other prose.\n"[i % 27];
    ok(su_tcglog_replay((struct su_bytes){text, sizeof text}, &pcrs, &e) < 0, "a text file");
    is_str(e.id, "tcglog.magic");
    ok(su_tcglog_replay((struct su_bytes){NULL, 0}, &pcrs, &e) < 0, "an empty file");
    is_str(e.id, "tcglog.magic");
}

/* The last three kinds of events in PCR 4 are what booted. */
static void test_real_log(void)
{
    enum { BOOT_APPLICATION = 0x80000003 };
    SU_BUF struct su_buf file = {0};
    if (!files_read(files_shared(), "images/samples/eventlog-debian12-sb.bin", &file)) {
        ok(1, "the event log of a real start # SKIP no sample");
        return;
    }
    struct su_err e = {0};
    struct su_tcglog_pcrs pcrs;
    ok(su_tcglog_replay(su_buf_bytes(&file), &pcrs, &e) == 0 && pcrs.events == 88, "the event log of a real start");
    is_str(hex(pcrs.value[4]), "c2125c9768ec0280072b8fc88e2ab4c1ee344bb954a06145248ffc83bd4d15c8");
    is_str(hex(pcrs.value[7]), "75677db6f14082d3bfec4d14bdd75c8d72612ef6914ca99cd5a5997b7a21309d");
    is_str(hex(pcrs.value[14]), "b9c97933fe323334271a718fdf2966e0609afcb793f3b68aaf18fc31ea39dc0a");
    ok(pcrs.extended == (0x3ff | 1 << 14), "the PCRs it extends");

    struct su_tcglog log;
    struct su_tcglog_event ev;
    const uint8_t *app[4] = {0};
    int n = 0;
    if (su_tcglog_open(su_buf_bytes(&file), &log, &e) == 0)
        while (su_tcglog_next(&log, &ev, &e) > 0)
            if (ev.pcr == 4 && ev.type == BOOT_APPLICATION && n < 4)
                app[n++] = ev.sha256;
    if (!ok(n == 4, "four boot applications"))
        return;
    struct su_pcr4_boot boot;
    uint8_t pcr[SU_PCR_SIZE];
    memcpy(boot.shim, app[0], 32), memcpy(boot.grub, app[1], 32), memcpy(boot.kernel, app[2], 32);
    ok(memcmp(app[2], app[3], 32) == 0, "the kernel is measured twice");
    ok(su_pcr4_predict(&boot, pcr, &e) == 0 && memcmp(pcr, pcrs.value[4], 32) == 0,
       "the prediction is the log's value");
    file.n -= 13;
    ok(su_tcglog_replay(su_buf_bytes(&file), &pcrs, &e) < 0, "the same log cut");
    is_str(e.id, "tcglog.truncated");
}

int main(void)
{
    test_vector();
    test_made_log();
    test_no_log();
    test_real_log();
    return tap_done();
}
