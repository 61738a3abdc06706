/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transaction logs.
 *
 * Windows 8.1 and later write changed pages to a log first and to the primary file up to an hour later, so a hive of a
 * guest that was not shut down is dirty for most of the time.  Two logs take turns; entries are numbered through both.
 *
 * Which entries complete the hive: those of the log that begins with the hive's own number (secondary sequence), then
 * those of the other one when it goes on where the first ends.  The numbers may also begin later: when both logs were
 * full the bins were written without their base block, and then both logs together hold all that matters; one log
 * alone with such a gap does not, so that it is refused.  Windows would load it, with whatever is in it. */
#include "regf_int.h"
#include <string.h>

#define SEED UINT64_C(0x82EF4D887A4E55C5)

enum {
    ENTRY_SIZE = 4,
    ENTRY_FLAGS = 8,
    ENTRY_SEQ = 12,
    ENTRY_BINS = 16,
    ENTRY_PAGES = 20,
    ENTRY_HASH1 = 24,
    ENTRY_HASH2 = 32,
    ENTRY_HEAD = 40,
    PAGE_REF = 8,
};

static uint32_t turn(uint32_t v, unsigned by)
{
    return v << by | v >> (32 - by);
}

static void mix(uint32_t s[2], uint32_t v)
{
    s[0] += v;
    s[1] ^= s[0];
    s[0] = turn(s[0], 20) + s[1];
    s[1] = turn(s[1], 9) ^ s[0];
    s[0] = turn(s[0], 27) + s[1];
    s[1] = turn(s[1], 19);
}

uint64_t su_regf_marvin(const uint8_t *p, size_t n)
{
    uint32_t s[2] = {(uint32_t)SEED, (uint32_t)(SEED >> 32)}, last = 0x80;
    for (; n >= 4; p += 4, n -= 4)
        mix(s, su_le32(p));
    while (n > 0)
        last = last << 8 | p[--n];
    mix(s, last);
    mix(s, 0);
    return (uint64_t)s[1] << 32 | s[0];
}

struct log {
    struct su_bytes b;
    uint32_t first; /* sequence number of the first entry */
    unsigned n;     /* entries, each with the number after the one before */
};

/* The pages of an entry of size bytes lie in it, and in the bins. */
static bool pages_ok(const uint8_t *entry, uint32_t size)
{
    uint32_t bins = su_le32(entry + ENTRY_BINS), pages = su_le32(entry + ENTRY_PAGES);
    if (pages == 0 || pages > (size - ENTRY_HEAD) / PAGE_REF)
        return false;
    size_t left = size - ENTRY_HEAD - (size_t)pages * PAGE_REF;
    for (uint32_t i = 0; i < pages; i++) {
        const uint8_t *ref = entry + ENTRY_HEAD + (size_t)i * PAGE_REF;
        uint32_t at = su_le32(ref), n = su_le32(ref + 4);
        if (n == 0 || n > left || n > bins || at > bins - n)
            return false;
        left -= n;
    }
    return true;
}

/* A sound entry with that number is at the front of b.  The bins a hive grows by are in its logs. */
static bool entry_ok(struct su_bytes b, uint32_t seq, size_t max_bins)
{
    if (b.n < REGF_SECTOR || memcmp(b.p, "HvLE", 4) != 0 || su_le32(b.p + ENTRY_SEQ) != seq)
        return false;
    uint32_t size = su_le32(b.p + ENTRY_SIZE), bins = su_le32(b.p + ENTRY_BINS);
    if (size < REGF_SECTOR || size % REGF_SECTOR != 0 || size > b.n || bins == 0 || bins % REGF_PAGE != 0 ||
        bins > max_bins)
        return false;
    return su_regf_marvin(b.p, ENTRY_HASH2) == su_le64(b.p + ENTRY_HASH2) &&
           su_regf_marvin(b.p + ENTRY_HEAD, size - ENTRY_HEAD) == su_le64(b.p + ENTRY_HASH1) && pages_ok(b.p, size);
}

static bool base_of(struct su_bytes b, bool newer)
{
    if (b.n < 2 * REGF_SECTOR || !su_regf_base_ok(b.p) || su_le32(b.p + REGF_SEQ1) != su_le32(b.p + REGF_SEQ2))
        return false;
    uint32_t type = su_le32(b.p + REGF_TYPE);
    return newer ? type == REGF_LOG_NEW : type == REGF_LOG_OLD || type == REGF_LOG_OLDER;
}

/* n stays 0 for what is no log of the newer kind, or an empty one. */
static struct log read_log(struct su_bytes b, size_t max_bins)
{
    struct log l = {.b = b};
    if (!base_of(b, true))
        return l;
    l.first = su_le32(b.p + REGF_SEQ1);
    for (su_skip(&b, REGF_SECTOR); entry_ok(b, l.first + l.n, max_bins); l.n++)
        su_skip(&b, su_le32(b.p + ENTRY_SIZE));
    return l;
}

/* Sequence numbers start again from 0 after 2^32. */
static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static int grow(struct su_buf *hive, uint32_t bins, struct su_err *e)
{
    if (hive->n < REGF_BASE + (size_t)bins)
        su_buf_zero(hive, REGF_BASE + (size_t)bins - hive->n);
    return su_buf_ok(hive, e);
}

static void set_base(uint8_t *base, uint32_t seq, uint32_t bins)
{
    su_put_le32(base + REGF_TYPE, REGF_PRIMARY);
    su_put_le32(base + REGF_SEQ1, seq);
    su_put_le32(base + REGF_SEQ2, seq);
    su_put_le32(base + REGF_SIZE, bins);
    su_put_le32(base + REGF_SUM, su_regf_sum(base));
}

static int apply_entry(struct su_buf *hive, const uint8_t *entry, struct su_err *e)
{
    uint32_t bins = su_le32(entry + ENTRY_BINS), pages = su_le32(entry + ENTRY_PAGES);
    const uint8_t *page = entry + ENTRY_HEAD + (size_t)pages * PAGE_REF;
    if (grow(hive, bins, e) < 0)
        return -1;
    for (uint32_t i = 0; i < pages; i++) {
        const uint8_t *ref = entry + ENTRY_HEAD + (size_t)i * PAGE_REF;
        memcpy(hive->p + REGF_BASE + su_le32(ref), page, su_le32(ref + 4));
        page += su_le32(ref + 4);
    }
    uint32_t flags = su_le32(hive->p + REGF_FLAGS) & ~UINT32_C(1);
    su_put_le32(hive->p + REGF_FLAGS, flags | (su_le32(entry + ENTRY_FLAGS) & 1));
    /* one more than the last entry's: what Windows logs next can then not be taken for going on in an old log */
    set_base(hive->p, su_le32(entry + ENTRY_SEQ) + 1, bins);
    return 0;
}

static int apply(struct su_buf *hive, const struct log *l, struct su_err *e)
{
    struct su_bytes b = l->b;
    su_skip(&b, REGF_SECTOR);
    for (unsigned i = 0; i < l->n; i++) {
        if (apply_entry(hive, b.p, e) < 0)
            return -1;
        su_skip(&b, su_le32(b.p + ENTRY_SIZE));
    }
    return 0;
}

/* The logs to be applied, oldest first, for a base block that is sound; 0: these logs do not complete the hive. */
static unsigned choose(const uint8_t *base, struct log l[2])
{
    uint32_t seq = su_le32(base + REGF_SEQ2);
    unsigned n = 0;
    for (unsigned i = 0; i < 2; i++)
        if (l[i].n > 0 && !before(l[i].first, seq))
            l[n++] = l[i];
    if (n == 1)
        return l[0].first - seq <= 1;
    return n == 2 && l[0].first + l[0].n == l[1].first ? 2 : 0;
}

static int replay_new(struct su_buf *hive, struct log l[2], unsigned *replayed, struct su_err *e)
{
    bool base_ok = su_regf_base_ok(hive->p);
    unsigned n = base_ok ? choose(hive->p, l) : 1;
    if (n == 0)
        return su_fail(e, SU_E_REFUSED, "hive.dirty",
                       "the hive was not written completely, and its logs do not follow each other");
    if (!base_ok) {
        /* the newest log has the newest base block; the older one counts where the newer goes on from it */
        if (l[0].n > 0 && l[0].first + l[0].n == l[1].first)
            n = 2;
        else
            l[0] = l[1];
        memcpy(hive->p, l[n - 1].b.p, REGF_SECTOR);
    }
    for (unsigned i = 0; i < n; i++) {
        if (apply(hive, &l[i], e) < 0)
            return -1;
        *replayed += l[i].n;
    }
    return 0;
}

/* The kind with a bitmap of sectors.  Like Windows' boot loader: the first log that was made for this very write. */
static bool applies_old(const struct su_buf *hive, struct su_bytes log, size_t max_bins)
{
    if (!base_of(log, false))
        return false;
    const uint8_t *written = hive->p + (su_regf_base_ok(hive->p) ? REGF_WRITTEN : REGF_BIN_WRITTEN);
    uint32_t bins = su_le32(log.p + REGF_SIZE);
    return su_le64(log.p + REGF_WRITTEN) == su_le64(written) && su_le64(written) != 0 && bins != 0 &&
           bins % REGF_PAGE == 0 && bins <= max_bins;
}

static int replay_old(struct su_buf *hive, struct su_bytes log, struct su_err *e)
{
    uint32_t bins = su_le32(log.p + REGF_SIZE), seq = su_le32(log.p + REGF_SEQ1);
    struct su_bytes map = log, pages = log;
    if (!su_skip(&map, REGF_SECTOR) || map.n < 4 || memcmp(map.p, "DIRT", 4) != 0 || !su_skip(&map, 4) ||
        map.n < bins / REGF_PAGE || !su_skip(&pages, su_round_up(REGF_SECTOR + 4 + bins / REGF_PAGE, REGF_SECTOR)))
        return su_fail(e, SU_E_REFUSED, "hive.dirty", "the hive was not written completely, and its log is damaged");
    if (grow(hive, bins, e) < 0)
        return -1;
    for (uint32_t i = 0; i < bins / REGF_SECTOR; i++)
        if ((map.p[i / 8] >> (i % 8) & 1) && !su_take(&pages, hive->p + REGF_BASE + i * REGF_SECTOR, REGF_SECTOR))
            return su_fail(e, SU_E_REFUSED, "hive.dirty",
                           "the hive was not written completely, and its log is cut off");
    if (su_regf_base_ok(hive->p) && before(seq, su_le32(hive->p + REGF_SEQ1)))
        seq = su_le32(hive->p + REGF_SEQ1);
    memcpy(hive->p, log.p, REGF_SECTOR);
    set_base(hive->p, seq, bins);
    return 0;
}

int su_regf_replay(struct su_buf *hive, const struct su_bytes log[2], unsigned *replayed, struct su_err *e)
{
    size_t max_bins = hive->n + log[0].n + log[1].n - REGF_BASE;
    if (max_bins > SU_REGF_MAX - REGF_BASE)
        max_bins = SU_REGF_MAX - REGF_BASE;
    struct log l[2] = {read_log(log[0], max_bins), read_log(log[1], max_bins)};
    if (l[0].n > 0 && (l[1].n == 0 || before(l[1].first, l[0].first))) {
        struct log newer = l[0];
        l[0] = l[1];
        l[1] = newer;
    }
    if (l[1].n > 0)
        return replay_new(hive, l, replayed, e);
    for (unsigned i = 0; i < 2; i++) {
        if (applies_old(hive, log[i], max_bins)) {
            *replayed = 1;
            return replay_old(hive, log[i], e);
        }
    }
    return su_fail(e, SU_E_REFUSED, "hive.dirty",
                   log[0].n + log[1].n > 0 ? "the hive was not written completely, and its logs are not the ones for it"
                                           : "the hive was not written completely, and it has no logs");
}
