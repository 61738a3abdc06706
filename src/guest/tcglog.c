/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tcglog.h"
#include <string.h>

enum { SHA1_SIZE = 20, TPM_ALG_SHA256 = 0x000b };

static int truncated(struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "tcglog.truncated", "the event log ends inside an event");
}

static int not_a_log(struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "tcglog.magic", "not a TCG event log with a bank for each algorithm");
}

/* TCG_EfiSpecIDEvent, the data of the header event. */
static int read_spec_id(struct su_bytes spec, struct su_tcglog *out, struct su_err *e)
{
    char signature[16];
    uint32_t banks;
    bool sha256 = false;
    if (!su_take(&spec, signature, sizeof signature) || memcmp(signature, "Spec ID Event03", 16) != 0)
        return not_a_log(e);
    if (!su_skip(&spec, 8) || !su_take_le32(&spec, &banks)) /* platform class, version, errata, size of UINTN */
        return truncated(e);
    if (banks == 0 || banks > SU_TCGLOG_MAX_BANKS)
        return su_fail(e, SU_E_FORMAT, "tcglog.banks", "the event log claims %u digest algorithms", banks);
    out->banks = banks;
    for (unsigned i = 0; i < banks; i++) {
        if (!su_take_le16(&spec, &out->bank[i].alg) || !su_take_le16(&spec, &out->bank[i].size))
            return truncated(e);
        if (out->bank[i].alg != TPM_ALG_SHA256)
            continue;
        if (sha256 || out->bank[i].size != SU_PCR_SIZE)
            return su_fail(e, SU_E_FORMAT, "tcglog.banks", "the event log describes SHA-256 wrongly");
        sha256 = true;
    }
    if (!sha256)
        return su_fail(e, SU_E_FORMAT, "tcglog.sha256", "the event log has no SHA-256 digests");
    return 0;
}

int su_tcglog_open(struct su_bytes log, struct su_tcglog *out, struct su_err *e)
{
    struct su_tcglog t = {.rest = log};
    uint32_t pcr, type, size;
    if (!su_take_le32(&t.rest, &pcr) || !su_take_le32(&t.rest, &type) || !su_skip(&t.rest, SHA1_SIZE) ||
        !su_take_le32(&t.rest, &size) || pcr != 0 || type != SU_TCGLOG_NO_ACTION)
        return not_a_log(e);
    struct su_bytes spec = {t.rest.p, size};
    if (!su_skip(&t.rest, size))
        return truncated(e);
    if (read_spec_id(spec, &t, e) < 0)
        return -1;
    *out = t;
    return 0;
}

/* TPML_DIGEST_VALUES: every bank exactly once, in any order. */
static int read_digests(const struct su_tcglog *log, struct su_bytes *b, struct su_tcglog_event *ev, struct su_err *e)
{
    uint32_t count, seen = 0;
    if (!su_take_le32(b, &count))
        return truncated(e);
    if (count != log->banks)
        return su_fail(e, SU_E_FORMAT, "tcglog.digests", "an event has %u digests instead of %u", count, log->banks);
    for (uint32_t n = 0; n < count; n++) {
        uint16_t alg;
        unsigned i = 0;
        if (!su_take_le16(b, &alg))
            return truncated(e);
        while (i < log->banks && (log->bank[i].alg != alg || (seen & 1u << i)))
            i++;
        if (i == log->banks)
            return su_fail(e, SU_E_FORMAT, "tcglog.digests", "an event has an unexpected digest, algorithm 0x%x", alg);
        seen |= 1u << i;
        if (alg == TPM_ALG_SHA256)
            ev->sha256 = b->p;
        if (!su_skip(b, log->bank[i].size))
            return truncated(e);
    }
    return 0;
}

int su_tcglog_next(struct su_tcglog *log, struct su_tcglog_event *out, struct su_err *e)
{
    struct su_bytes b = log->rest;
    struct su_tcglog_event ev = {0};
    uint32_t size;
    if (b.n == 0)
        return 0;
    if (!su_take_le32(&b, &ev.pcr) || !su_take_le32(&b, &ev.type))
        return truncated(e);
    if (read_digests(log, &b, &ev, e) < 0)
        return -1;
    if (!su_take_le32(&b, &size))
        return truncated(e);
    ev.data = (struct su_bytes){b.p, size};
    if (!su_skip(&b, size))
        return truncated(e);
    log->rest = b;
    *out = ev;
    return 1;
}

/* PCR 0 starts at the locality of TPM2_Startup, which the firmware notes in the log. */
static void note_locality(const struct su_tcglog_event *ev, struct su_tcglog_pcrs *pcrs)
{
    static const char name[16] = "StartupLocality";
    if (ev->pcr == 0 && ev->data.n == 17 && memcmp(ev->data.p, name, 16) == 0 && !(pcrs->extended & 1))
        pcrs->value[0][SU_PCR_SIZE - 1] = ev->data.p[16];
}

int su_tcglog_replay(struct su_bytes bytes, struct su_tcglog_pcrs *out, struct su_err *e)
{
    struct su_tcglog log;
    struct su_tcglog_event ev = {0};
    struct su_tcglog_pcrs pcrs = {0};
    int more;
    if (su_tcglog_open(bytes, &log, e) < 0)
        return -1;
    while ((more = su_tcglog_next(&log, &ev, e)) > 0) {
        pcrs.events++;
        if (ev.type == SU_TCGLOG_NO_ACTION) {
            note_locality(&ev, &pcrs);
            continue;
        }
        if (ev.pcr >= SU_TCGLOG_PCRS)
            return su_fail(e, SU_E_FORMAT, "tcglog.pcr", "an event extends PCR %u", ev.pcr);
        if (su_pcr_extend(pcrs.value[ev.pcr], ev.sha256, e) < 0)
            return -1;
        pcrs.extended |= 1u << ev.pcr;
    }
    if (more < 0)
        return -1;
    *out = pcrs;
    return 0;
}
