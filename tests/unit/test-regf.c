/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hives that were not written completely, with logs of both kinds made here, and real ones.
 *
 * Four states of one hive, each with more in it than the one before, are the pages of the logs. */
#include "guest/hive.h"
#include "guest/regf_int.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

enum { STATES = 5, SEQ = 7 };
static struct su_buf state[STATES];

static void make_states(void)
{
    struct su_err e = {0};
    static uint8_t data[3000];
    hivegen(&state[0], 5);
    for (unsigned i = 1; i < STATES; i++) {
        SU_HIVE struct su_hive *h = NULL;
        su_hive_node k = 0;
        char name[] = "key0";
        name[3] = (char)('0' + i);
        memset(data, (int)i, sizeof data);
        ok(su_hive_open(su_buf_bytes(&state[i - 1]), true, &h, &e) == 0 &&
               su_hive_add_key(h, su_hive_root(h), name, &k, &e) == 0 &&
               su_hive_set(h, k, "v", SU_REG_BINARY, (struct su_bytes){data, sizeof data}, &e) == 0 &&
               su_hive_save(h, 1700000000, &state[i], &e) == 0,
           "state %u", i);
    }
    ok(state[STATES - 1].n > state[0].n, "the hive grows");
}

/* Logs of the newer kind ------------------------------------------------------ */

static void log_base(struct su_buf *log, uint32_t type, uint32_t seq)
{
    su_buf_add(log, state[0].p, REGF_SECTOR);
    su_put_le32(log->p + REGF_TYPE, type);
    su_put_le32(log->p + REGF_SEQ1, seq);
    su_put_le32(log->p + REGF_SEQ2, seq);
    hivegen_sum(log->p);
}

static void hash(struct su_buf *log, size_t at)
{
    uint8_t *p = log->p + at;
    su_put_le64(p + 24, su_regf_marvin(p + 40, su_le32(p + 4) - 40));
    su_put_le64(p + 32, su_regf_marvin(p, 32));
}

/* The pages that b has and a has not; returns where the entry begins. */
static size_t add_entry(struct su_buf *log, uint32_t seq, const struct su_buf *a, const struct su_buf *b)
{
    SU_BUF struct su_buf refs = {0}, pages = {0};
    size_t at = log->n;
    uint8_t head[40] = "HvLE", ref[8];
    for (uint32_t p = 0; p < b->n - REGF_BASE; p += REGF_PAGE) {
        if (p + REGF_BASE < a->n && memcmp(a->p + REGF_BASE + p, b->p + REGF_BASE + p, REGF_PAGE) == 0)
            continue;
        su_put_le32(ref, p);
        su_put_le32(ref + 4, REGF_PAGE);
        su_buf_add(&refs, ref, sizeof ref);
        su_buf_add(&pages, b->p + REGF_BASE + p, REGF_PAGE);
    }
    su_put_le32(head + 4, (uint32_t)su_round_up(sizeof head + refs.n + pages.n, REGF_SECTOR));
    su_put_le32(head + 8, 1);
    su_put_le32(head + 12, seq);
    su_put_le32(head + 16, su_le32(b->p + REGF_SIZE));
    su_put_le32(head + 20, (uint32_t)(refs.n / 8));
    su_buf_add(log, head, sizeof head);
    su_buf_add(log, refs.p, refs.n);
    su_buf_add(log, pages.p, pages.n);
    su_buf_zero(log, at + su_le32(head + 4) - log->n);
    hash(log, at);
    return at;
}

/* A log that leads from state a to state b, an entry each. */
static struct su_buf log_of(uint32_t seq, unsigned a, unsigned b)
{
    struct su_buf log = {0};
    log_base(&log, REGF_LOG_NEW, seq);
    for (; a < b; a++, seq++)
        add_entry(&log, seq, &state[a], &state[a + 1]);
    return log;
}

/* A primary file in state s whose base block says that it was written up to seq, and begun once more. */
static struct su_buf dirty(unsigned s, uint32_t seq)
{
    struct su_buf h = {0};
    su_buf_add(&h, state[s].p, state[s].n);
    su_put_le32(h.p + REGF_SEQ1, seq + 1);
    su_put_le32(h.p + REGF_SEQ2, seq);
    hivegen_sum(h.p);
    return h;
}

static bool is_state(const struct su_buf *b, unsigned s)
{
    return b->n == state[s].n && memcmp(b->p + REGF_BASE, state[s].p + REGF_BASE, b->n - REGF_BASE) == 0;
}

static const struct su_buf empty;

/* want: the state that comes out after n entries, or -1: refused */
static void loads(const char *what, const struct su_buf *hive, const struct su_buf *one, const struct su_buf *two,
                  int want, unsigned n, uint32_t seq)
{
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    unsigned replayed = 99;
    int rc = su_regf_load(su_buf_bytes(hive), su_buf_bytes(one), su_buf_bytes(two), &out, &replayed, &e);
    if (want < 0) {
        ok(rc < 0 && e.kind == SU_E_REFUSED && strcmp(e.id, "hive.dirty") == 0 && e.remedy && out.n == 0 &&
               replayed == 99,
           "%s: refused (%s)", what, e.msg);
        return;
    }
    ok(rc == 0 && is_state(&out, (unsigned)want) && replayed == n && su_le32(out.p + REGF_SEQ1) == seq &&
           su_le32(out.p + REGF_SEQ2) == seq && su_regf_state(su_buf_bytes(&out), NULL) == SU_REGF_CLEAN,
       "%s: state %d, %u entries, %s", what, want, replayed, e.msg);
}

static void test_one_log(void)
{
    SU_BUF struct su_buf h = dirty(0, SEQ), all = log_of(SEQ, 0, 4), late = log_of(SEQ + 1, 0, 4),
                         gap = log_of(SEQ + 2, 0, 4), old = log_of(SEQ - 1, 0, 4);
    ok(su_regf_state(su_buf_bytes(&h), NULL) == SU_REGF_DIRTY);
    loads("no logs", &h, &empty, &empty, -1, 0, 0);
    loads("LOG1", &h, &all, &empty, 4, 4, SEQ + 4);
    loads("LOG2 alone", &h, &empty, &all, 4, 4, SEQ + 4);
    loads("a log that begins with the primary number", &h, &late, &empty, 4, 4, SEQ + 5);
    loads("a log with a gap before it", &h, &gap, &empty, -1, 0, 0);
    loads("a log from before the last write", &h, &old, &empty, -1, 0, 0);
    loads("the file itself as a log", &h, &h, &h, -1, 0, 0);
    SU_BUF struct su_buf clean = {0};
    su_buf_add(&clean, state[0].p, state[0].n);
    loads("a clean hive with a log that goes on", &clean, &all, &empty, 0, 0, SEQ);
}

static void test_two_logs(void)
{
    SU_BUF struct su_buf h = dirty(0, SEQ), a = log_of(SEQ, 0, 2), b = log_of(SEQ + 2, 2, 4),
                         far = log_of(SEQ + 3, 2, 4), later = dirty(2, SEQ + 2), same = log_of(SEQ, 0, 2);
    loads("LOG1 then LOG2", &h, &a, &b, 4, 4, SEQ + 4);
    loads("LOG2 then LOG1", &h, &b, &a, 4, 4, SEQ + 4);
    loads("the first log is applied already", &later, &a, &b, 4, 2, SEQ + 4);
    loads("entries are missing between the logs", &h, &a, &far, -1, 0, 0);
    loads("the newer log alone", &h, &empty, &b, -1, 0, 0);
    loads("two logs with the same numbers", &h, &a, &same, -1, 0, 0);
    /* both logs were full once: the bins hold the first log's entries and more, the base block does not say so */
    SU_BUF struct su_buf partly = dirty(2, 1), a2 = log_of(100, 0, 2), b2 = log_of(102, 2, 4);
    loads("a gap before two logs that follow each other", &partly, &a2, &b2, 4, 4, 104);
    loads("a gap before one of them", &partly, &b2, &empty, -1, 0, 0);
}

static void test_numbers_start_again(void)
{
    SU_BUF struct su_buf h = dirty(0, UINT32_MAX - 1), a = log_of(UINT32_MAX - 1, 0, 1), b = log_of(UINT32_MAX, 1, 4);
    loads("numbers that start again from 0", &h, &a, &b, 4, 4, 2);
    loads("whichever is first", &h, &b, &a, 4, 4, 2);
}

static void test_cut(void)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t with;
        bool rehash;
    } cuts[] = {
        {"signature", 0, 'x', true},      {"size", 5, 0x10, false},       {"number", 12, 0x55, true},
        {"bins, no pages", 16, 1, true},  {"pages 255", 20, 255, true},   {"hash 1", 24, 1, false},
        {"hash 2", 32, 1, false},         {"data", 600, 0xEE, false},     {"page beyond the bins", 42, 0x70, true},
        {"page of 0 bytes", 45, 0, true}, {"large page", 47, 0x7F, true},
    };
    SU_BUF struct su_buf h = dirty(0, SEQ);
    for (size_t i = 0; i < SU_ARRAY_LEN(cuts); i++) {
        SU_BUF struct su_buf log = log_of(SEQ, 0, 2);
        size_t at = add_entry(&log, SEQ + 2, &state[2], &state[3]), size = su_le32(log.p + at + 4);
        if (cuts[i].rehash)
            log.p[at + cuts[i].at] = cuts[i].with;
        else
            log.p[at + cuts[i].at] ^= cuts[i].with;
        if (cuts[i].rehash && su_le32(log.p + at + 4) == size)
            hash(&log, at);
        loads(cuts[i].what, &h, &log, &empty, 2, 2, SEQ + 2);
    }
    SU_BUF struct su_buf log = log_of(SEQ, 0, 3);
    log.n -= REGF_SECTOR;
    loads("the end of the log is missing", &h, &log, &empty, 2, 2, SEQ + 2);
    log.n = REGF_SECTOR;
    loads("all of the log is missing", &h, &log, &empty, -1, 0, 0);
}

static void test_bad_log_base(void)
{
    static const struct {
        size_t at;
        uint32_t v;
    } bad[] = {{0, 1},          {REGF_SEQ2, 99}, {REGF_TYPE, 0},  {REGF_TYPE, 1},
               {REGF_MAJOR, 2}, {REGF_MINOR, 7}, {REGF_FORMAT, 2}};
    SU_BUF struct su_buf h = dirty(0, SEQ);
    for (size_t i = 0; i <= SU_ARRAY_LEN(bad); i++) {
        SU_BUF struct su_buf log = log_of(SEQ, 0, 2);
        if (i < SU_ARRAY_LEN(bad))
            su_put_le32(log.p + bad[i].at, bad[i].v);
        hivegen_sum(log.p);
        log.p[REGF_SUM] ^= i == SU_ARRAY_LEN(bad);
        loads("a log's base block", &h, &log, &empty, -1, 0, 0);
    }
}

static void test_no_base_block(void)
{
    SU_BUF struct su_buf a = log_of(SEQ, 0, 2), b = log_of(SEQ + 2, 2, 4), stale = log_of(1, 0, 1);
    for (unsigned i = 0; i < 3; i++) {
        SU_BUF struct su_buf h = dirty(0, SEQ), later = dirty(2, SEQ);
        h.p[200] ^= i == 0;
        memset(h.p, i == 1 ? 0 : h.p[0], i == 1 ? REGF_SECTOR : 1);
        later.p[i == 2 ? 0 : REGF_SUM] ^= 1;
        if (i < 2) {
            ok(su_regf_state(su_buf_bytes(&h), NULL) == SU_REGF_DIRTY, "a base block that is damaged");
            loads("no base block, both logs", &h, &a, &b, 4, 4, SEQ + 4);
            loads("no base block, no logs", &h, &empty, &empty, -1, 0, 0);
        }
        loads("no base block, a stale log", &later, &stale, &b, 4, 2, SEQ + 4);
    }
    SU_BUF struct su_buf h = dirty(0, SEQ), out = {0};
    struct su_err e = {0};
    unsigned n = 0;
    memset(h.p, 0, REGF_BASE + 4);
    ok(su_regf_state(su_buf_bytes(&h), &e) == SU_REGF_BAD && strcmp(e.id, "hive.damaged") == 0, "%s", e.msg);
    ok(su_regf_load(su_buf_bytes(&h), su_buf_bytes(&a), su_buf_bytes(&b), &out, &n, &e) < 0 &&
       strcmp(e.id, "hive.damaged") == 0);
}

/* What a log says is not believed blindly. */
static void test_replay_that_breaks(void)
{
    SU_BUF struct su_buf h = dirty(0, SEQ), broken = {0}, log = {0};
    su_buf_add(&broken, state[1].p, state[1].n);
    su_put_le32(broken.p + REGF_BASE + 0x70 + 4 + 28, 0x20); /* the root's subkeys */
    log_base(&log, REGF_LOG_NEW, SEQ);
    add_entry(&log, SEQ, &state[0], &broken);
    loads("a tree that is none", &h, &log, &empty, -1, 0, 0);
}

/* Logs of the older kind ------------------------------------------------------ */

static struct su_buf old_log(unsigned from, unsigned to, uint32_t type)
{
    struct su_buf log = {0};
    uint32_t bins = su_le32(state[to].p + REGF_SIZE);
    log_base(&log, type, SEQ + 1);
    su_put_le32(log.p + REGF_SIZE, bins);
    su_put_le64(log.p + REGF_WRITTEN, su_le64(state[from].p + REGF_WRITTEN));
    hivegen_sum(log.p);
    su_buf_text(&log, "DIRT");
    su_buf_zero(&log, su_round_up(4 + bins / REGF_PAGE, REGF_SECTOR) - 4);
    for (uint32_t i = 0; i < bins / REGF_SECTOR; i++) {
        size_t at = REGF_BASE + (size_t)i * REGF_SECTOR;
        if (at < state[from].n && memcmp(state[from].p + at, state[to].p + at, REGF_SECTOR) == 0)
            continue;
        log.p[REGF_SECTOR + 4 + i / 8] |= (uint8_t)(1 << i % 8);
        su_buf_add(&log, state[to].p + at, REGF_SECTOR);
    }
    return log;
}

static void test_old_logs(void)
{
    SU_BUF struct su_buf h = dirty(0, SEQ), log = old_log(0, 4, REGF_LOG_OLD), older = old_log(0, 4, REGF_LOG_OLDER),
                         mixed = log_of(SEQ - 3, 0, 1);
    loads("old kind", &h, &log, &empty, 4, 1, SEQ + 1);
    loads("old kind in LOG2", &h, &empty, &log, 4, 1, SEQ + 1);
    loads("type 2", &h, &older, &empty, 4, 1, SEQ + 1);
    loads("a log of the new kind is what counts", &h, &mixed, &log, -1, 0, 0);
    h.p[200] ^= 1;
    loads("old kind, no base block", &h, &log, &empty, 4, 1, SEQ + 1);
    h.p[200] ^= 1;
    log.n -= REGF_SECTOR;
    loads("old kind, cut", &h, &log, &empty, -1, 0, 0);
    log.n += REGF_SECTOR;
    log.p[REGF_SECTOR] = 'x';
    loads("old kind, no bitmap", &h, &log, &empty, -1, 0, 0);
    log.p[REGF_SECTOR] = 'D';
    su_put_le64(log.p + REGF_WRITTEN, 5);
    hivegen_sum(log.p);
    loads("old kind, of another write", &h, &log, &empty, -1, 0, 0);
    loads("old kind, the other one is right", &h, &log, &older, 4, 1, SEQ + 1);
    su_put_le64(log.p + REGF_WRITTEN, 0);
    hivegen_sum(log.p);
    su_put_le64(h.p + REGF_WRITTEN, 0);
    hivegen_sum(h.p);
    loads("old kind, without times", &h, &log, &empty, -1, 0, 0);
}

/* Base block, bins and cells -------------------------------------------------- */

static void test_damage(void)
{
    static const struct {
        size_t at;
        uint32_t v;
        const char *what;
    } bad[] = {
        {REGF_SIZE, 0, "no bins"},
        {REGF_SIZE, 0x1001, "size"},
        {REGF_SIZE, 0x2000, "beyond the file"},
        {REGF_ROOT, 0x20, "root is no key"},
        {REGF_ROOT, 0xFFFFFFF0, "root is nowhere"},
        {REGF_BASE, 1, "no bin"},
        {REGF_BASE + 4, 4096, "bin in another place"},
        {REGF_BASE + 8, 0, "bin without size"},
        {REGF_BASE + 8, 0x2000, "bin beyond the end"},
        {REGF_BASE + 0x20, 0, "cell without size"},
        {REGF_BASE + 0x20, 0x80000000, "largest cell"},
        {REGF_BASE + 0x20, 0xFFFFFFFC, "cell of 4 bytes"},
        {REGF_BASE + 0x20, 0xFFFFFFB4, "cell of odd size"},
        {REGF_BASE + 0x70, 0x58, "root is free"},
        {REGF_TYPE, 1, "a log"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        SU_BUF struct su_buf h = {0}, out = {0};
        struct su_err e = {0}, e2 = {0};
        unsigned n = 0;
        hivegen(&h, 5);
        su_put_le32(h.p + bad[i].at, bad[i].v);
        hivegen_sum(h.p);
        ok(su_regf_state(su_buf_bytes(&h), &e) == SU_REGF_BAD && strcmp(e.id, "hive.damaged") == 0, "%s: %s",
           bad[i].what, e.msg);
        ok(su_regf_load(su_buf_bytes(&h), (struct su_bytes){0}, (struct su_bytes){0}, &out, &n, &e2) < 0);
    }
    ok(su_regf_state((struct su_bytes){(const uint8_t *)"regf", 4}, NULL) == SU_REGF_BAD);
    ok(su_regf_state((struct su_bytes){NULL, 0}, NULL) == SU_REGF_BAD);
}

/* A cell of n bytes of data at *at, which moves on; returns where it is. */
static uint32_t new_cell(uint8_t *bins, uint32_t *at, uint32_t n)
{
    uint32_t here = *at, size = (n + 4 + 7) / 8 * 8;
    su_put_le32(bins + here, 0u - size);
    *at += size;
    return here;
}

/* Two values of the root key with data in segments; shared: they name the same list of them. */
static bool segments(bool shared, struct su_err *e)
{
    enum { ROOT_AT = 0x70, FREE_AT = 0xC8 };
    SU_BUF struct su_buf h = {0};
    hivegen(&h, 5);
    uint8_t *bins = h.p + REGF_BASE, *root = bins + ROOT_AT + 4;
    uint32_t at = FREE_AT, values = new_cell(bins, &at, 8), list = 0;
    su_put_le32(root + 36, 2);
    su_put_le32(root + 40, values);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t vk = new_cell(bins, &at, 20), db = new_cell(bins, &at, 8);
        if (i == 0 || !shared) {
            uint32_t segment = new_cell(bins, &at, 8);
            list = new_cell(bins, &at, 4);
            su_put_le32(bins + list + 4, segment);
        }
        su_put_le32(bins + values + 4 + 4 * i, vk);
        memcpy(bins + vk + 4, "vk", 2);
        su_put_le32(bins + vk + 4 + 4, 20000);
        su_put_le32(bins + vk + 4 + 8, db);
        memcpy(bins + db + 4, "db", 2);
        su_put_le16(bins + db + 4 + 2, 1);
        su_put_le32(bins + db + 4 + 4, list);
    }
    su_put_le32(bins + at, REGF_PAGE - at);
    hivegen_sum(h.p);
    return su_regf_state(su_buf_bytes(&h), e) == SU_REGF_CLEAN && su_regf_check_tree(su_buf_bytes(&h), false, e) == 0;
}

static void test_segments(void)
{
    struct su_err e = {0};
    ok(segments(false, &e), "data in segments %s", e.msg);
    ok(!segments(true, &e) && strcmp(e.id, "hive.damaged") == 0, "a list that many values name would take for ever");
}

static void test_marvin(void)
{
    static const uint8_t real[40] = {0x48, 0x76, 0x4C, 0x45, 0x00, 0x3E, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x3B, 0x08,
                                     0x00, 0x00, 0x00, 0x30, 0xBD, 0x00, 0x03, 0x00, 0x00, 0x00, 0xC4, 0x81, 0x2C, 0xBE,
                                     0xA1, 0xB6, 0x70, 0x4B, 0x0A, 0xF3, 0x48, 0xDF, 0xD7, 0xC5, 0x88, 0xDD};
    ok(su_regf_marvin(real, 32) == su_le64(real + 32), "the hash of a real log");
    ok(su_regf_marvin(real, 31) != su_regf_marvin(real, 30) && su_regf_marvin(real, 29) != su_regf_marvin(real, 28),
       "of any length");
}

static void test_stamp(void)
{
    SU_BUF struct su_buf a = {0};
    hivegen(&a, 5);
    su_regf_stamp(a.p, a.n, 0);
    ok(su_le64(a.p + REGF_WRITTEN) == UINT64_C(116444736000000000) &&
       su_regf_state(su_buf_bytes(&a), NULL) == SU_REGF_CLEAN);
    ok(su_le64(a.p + REGF_BIN_WRITTEN) == su_le64(a.p + REGF_WRITTEN), "the first bin has the time too");
}

/* Real hives ------------------------------------------------------------------- */

static void test_real(void)
{
    SU_BUF struct su_buf h = {0}, a = {0}, b = {0}, out = {0}, diff = {0}, before = {0};
    struct su_err e = {0};
    unsigned n = 0;
    if (!hivegen_data("system-hives/SYSTEM_B.xz", &h) || !hivegen_data("system-hives/SYSTEM_B.LOG1.xz", &a) ||
        !hivegen_data("system-hives/SYSTEM_B.LOG2.xz", &b)) {
        ok(true, "a real hive with its logs # SKIP no test data");
        return;
    }
    ok(su_regf_load(su_buf_bytes(&h), su_buf_bytes(&a), su_buf_bytes(&b), &out, &n, &e) == 0 && n == 24,
       "%u entries %s", n, e.msg);
    ok(su_regf_state(su_buf_bytes(&out), NULL) == SU_REGF_CLEAN && su_le32(out.p + REGF_SEQ2) == 2131);
    su_buf_add(&before, h.p, h.n);
    hivegen_clean(&before);
    hivegen_diff(su_buf_bytes(&before), su_buf_bytes(&out), &diff);
    ok(strstr(su_buf_str(&diff), "+\\MountedDevices|\\DosDevices\\F:|3|8159d4760000100000000000\n") != NULL,
       "a drive letter that only the logs have");
    loads("LOG1 alone", &h, &a, &empty, -1, 0, 0);
    loads("LOG2 alone", &h, &empty, &b, -1, 0, 0);
    for (size_t at = 600; at < a.n && at < 60000; at += 9973) {
        a.p[at] ^= 1;
        loads("a bit of LOG1 is wrong", &h, &a, &b, -1, 0, 0);
        a.p[at] ^= 1;
    }
    b.p[700] ^= 1;
    loads("LOG2 has no good entry", &h, &a, &b, -1, 0, 0);
}

static void test_real_state(const char *name, enum su_regf_state want)
{
    SU_BUF struct su_buf h = {0};
    struct su_err e = {0};
    if (!hivegen_data(name, &h)) {
        ok(true, "%s # SKIP no test data", name);
        return;
    }
    enum su_regf_state got = su_regf_state(su_buf_bytes(&h), &e);
    ok(got == want && (got != SU_REGF_CLEAN || su_regf_check_tree(su_buf_bytes(&h), true, &e) == 0), "%s %s", name,
       e.msg);
    if (got == SU_REGF_DIRTY)
        loads(name, &h, &empty, &empty, -1, 0, 0);
}

int main(void)
{
    make_states();
    test_one_log();
    test_two_logs();
    test_numbers_start_again();
    test_cut();
    test_bad_log_base();
    test_no_base_block();
    test_replay_that_breaks();
    test_old_logs();
    test_damage();
    test_segments();
    test_marvin();
    test_stamp();
    test_real();
    test_real_state("system-hives/SYSTEM.xz", SU_REGF_CLEAN);
    test_real_state("system-hives/SYSTEM_2.xz", SU_REGF_DIRTY);
    test_real_state("system-hives/SYSTEM_WIN_10_1709.xz", SU_REGF_DIRTY);
    test_real_state("system-hives/corrupted_system_hive.xz", SU_REGF_BAD);
    test_real_state("gpt-bcd/regipy-BCD", SU_REGF_CLEAN);
    test_real_state("ntloader/bcd", SU_REGF_CLEAN);
    for (unsigned i = 0; i < STATES; i++)
        su_buf_done(&state[i]);
    return tap_done();
}
