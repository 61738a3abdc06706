/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of a journal against docs/formats/undo-journal.md, damage by name, and what is refused.  Power cuts are
 * the business of tests/crash. */
#include "disk/journal.h"
#include "disk/journal_format.h"
#include "tests/lib/memblk.h"
#include "tests/lib/promise.h"
#include "tests/lib/tap.h"
#include <zlib.h>

enum { DISK = 64 * 1024, HEADER = 0, EXTENTS = 16384, CRC_AT = 4092 };

struct pair {
    struct su_blk *disk, *journal;
    uint8_t old[DISK];
};

static void pair_done(struct pair *p)
{
    su_blk_close(p->disk);
    su_blk_close(p->journal);
}
#define PAIR SU_AUTO(pair_done)

static void open_pair(struct pair *p)
{
    struct su_err e = {0};
    *p = (struct pair){0};
    if (su_memblk_new(DISK, &p->disk, &e) < 0 || su_memblk_new(0, &p->journal, &e) < 0)
        exit(99);
    for (int i = 0; i < DISK; i++)
        su_memblk_data(p->disk)[i] = p->old[i] = (uint8_t)(i * 13 + i / 256);
}

/* Grows by 4096, shrinks by 1024; a write, one across the old end, one kept. */
static void make_plan(struct su_plan *p)
{
    static uint8_t bytes[2048];
    struct su_err e = {0};
    memset(bytes, 0xEE, sizeof bytes);
    p->size_before = DISK;
    p->size_during = DISK + 4096;
    p->size_after = DISK + 3072;
    if (su_plan_write(p, SU_AREA_TABLE, "table", 512, bytes, 1024, &e) < 0 ||
        su_plan_barrier(p, "barrier", &e) < 0 ||
        su_plan_write(p, SU_AREA_ESP, "across", DISK - 100, bytes, 300, &e) < 0 ||
        su_plan_keep(p, SU_AREA_BOOT, "kept", 8192, 777, &e) < 0)
        exit(99);
}

static const struct su_bytes meta = {(const uint8_t *)"remember this", 13};

static int stop_at(void *arg, const char *why, uint64_t done, uint64_t total)
{
    (void)why, (void)done, (void)total;
    return --*(int *)arg == 0;
}

/* A journal in that state. */
static void reach(struct pair *p, enum su_journal_state state)
{
    struct su_err e = {0};
    enum su_journal_state was;
    int countdown = 6;
    struct su_watch watch = {stop_at, &countdown};
    SU_PLAN struct su_plan plan = SU_PLAN_INIT;
    bool cut = state == SU_JOURNAL_SEALED || state == SU_JOURNAL_REVERTED;
    make_plan(&plan);
    int rc = su_journal_run(p->journal, p->disk, &plan, meta, cut ? &watch : NULL, &e);
    if ((rc < 0) != cut || (cut && strcmp(e.id, "disk.interrupted") != 0) ||
        (state == SU_JOURNAL_REVERTED && su_journal_recover(p->journal, p->disk, &was, &e) < 0)) {
        printf("Bail out! %s\n", e.msg);
        exit(1);
    }
}

static void bytes(void)
{
    PAIR struct pair p;
    open_pair(&p);
    reach(&p, SU_JOURNAL_COMMITTED);
    const uint8_t *b = su_memblk_data(p.journal), *x = b + EXTENTS;
    ok(memcmp(b, "SURETYUJ\1\0\0\0\3\0\0\0", 16) == 0 && su_le64(b + 16) == DISK && su_le64(b + 24) == DISK + 4096 &&
           su_le64(b + 32) == DISK + 3072 && su_le32(b + 40) == 13, "header");
    ok(su_le32(b + 44) == crc32(0, x, 3 * 56) && su_le32(b + 48) == crc32(0, meta.p, 13) &&
           memcmp(b + 52, p.old + 440, 6) == 0 && su_le32(b + CRC_AT) == crc32(0, b, CRC_AT), "checksums");
    ok(memcmp(b + 4096, "COMMITTD", 8) == 0 && memcmp(b + 4104, b + CRC_AT, 4) == 0 &&
           su_le32(b + 4112) == crc32(0, b + 4096, 16) && su_all_zero(b + 8192, 4096), "commit mark");
    ok(memcmp(b + 12288, "SETTLED.", 8) == 0, "settle mark");
    ok(su_le64(x) == 512 && su_le64(x + 8) == 1024 && su_le64(x + 16) == 1024 &&
           su_le64(x + 24) == EXTENTS + 168 + 13 && su_le32(x + 32) == crc32(0, p.old + 512, 1024) &&
           su_le32(x + 40) == SU_AREA_TABLE && su_le32(x + 44) == 0,
       "extent 1");
    ok(su_le64(x + 56) == DISK - 100 && su_le64(x + 64) == 300 && su_le64(x + 72) == 100, "extent 2: what existed");
    ok(su_le64(x + 112) == 8192 && su_le32(x + 112 + 44) == 1 && su_le32(x + 112 + 36) == 0, "extent 3: kept only");
    ok(memcmp(x + 168, meta.p, 13) == 0 && memcmp(x + 181, p.old + 512, 1024) == 0, "description, kept bytes");
    static uint8_t ee[1024];
    memset(ee, 0xEE, sizeof ee);
    ok(su_le32(x + 36) == crc32(0, ee, 1024) && su_le32(x + 56 + 36) == crc32(0, ee, 300),
       "checksums of the new bytes");
    ok(p.disk->size == DISK + 3072 && p.journal->size % 512 == 0, "sizes");
}

static void reading(void)
{
    static const enum su_journal_state states[] = {SU_JOURNAL_SEALED, SU_JOURNAL_REVERTED, SU_JOURNAL_COMMITTED};
    for (size_t i = 0; i < SU_ARRAY_LEN(states); i++) {
        struct su_err e = {0};
        SU_JOURNAL struct su_journal j = {0};
        PAIR struct pair p;
        open_pair(&p);
        reach(&p, states[i]);
        ok(su_journal_open(p.journal, &j, &e) == 0 && j.state == states[i] && j.n == 3, "state %d", (int)states[i]);
        ok(j.settled == (states[i] == SU_JOURNAL_COMMITTED) && !su_promise_journal(&j, p.journal->size), "promise");
        ok(j.meta.n == 13 && memcmp(j.meta.p, meta.p, 13) == 0, "description");
        uint8_t kept[1024];
        ok(su_journal_kept(p.journal, &j.extent[0], kept, &e) == 0 && memcmp(kept, p.old + 512, 1024) == 0,
           "kept bytes");
        ok(su_journal_check_disk(&j, p.disk, &e) == 0, "this disk");
        su_memblk_data(p.disk)[445] ^= 1;
        ok(su_journal_check_disk(&j, p.disk, &e) < 0 && strcmp(e.id, "undo.other-disk") == 0, "another disk");
        su_memblk_data(p.disk)[445] ^= 1;
        p.disk->size -= 512;
        ok(su_journal_check_disk(&j, p.disk, &e) < 0 && strcmp(e.id, "undo.other-disk") == 0, "another size");
    }
}

static void put_crcs(uint8_t *b)
{
    su_put_le32(b + 44, (uint32_t)crc32(0, b + EXTENTS, su_le32(b + 12) * 56 > 60000 ? 0 : su_le32(b + 12) * 56));
    su_put_le32(b + CRC_AT, (uint32_t)crc32(0, b, CRC_AT));
}

enum effect { NOT_SEALED, DAMAGED, RECOVER_FAILS };
static const struct {
    const char *name;
    unsigned at, bytes;
    uint64_t v;
    bool repair; /* the checksums of header and extents */
    enum effect effect;
} damage[] = {
    {"another magic", 0, 1, 's', true, NOT_SEALED},
    {"a later version", 8, 4, 2, true, NOT_SEALED},
    {"a flipped bit in the header", 60, 1, 1, false, NOT_SEALED},
    {"a flipped bit in the unused part", 3000, 1, 1, false, NOT_SEALED},
    {"a flipped bit in the extents", EXTENTS, 1, 1, false, DAMAGED},
    {"a flipped bit in the description", EXTENTS + 170, 1, 1, false, DAMAGED},
    {"a flipped bit in the kept bytes", EXTENTS + 200, 1, 0xFF, false, RECOVER_FAILS},
    {"a flipped bit in bytes kept for rollback", EXTENTS + 181 + 1024 + 100 + 5, 1, 0xFF, false, RECOVER_FAILS},
    {"4097 extents", 12, 4, 4097, true, DAMAGED},
    {"2^32 - 1 extents", 12, 4, UINT32_MAX, true, DAMAGED},
    {"more extents than the file holds", 12, 4, 200, true, DAMAGED},
    {"a description of more than 1 MiB", 40, 4, (1 << 20) + 1, true, DAMAGED},
    {"a description longer than the file", 40, 4, 100000, true, DAMAGED},
    {"shrinking before it writes", 24, 8, DISK - 1, true, DAMAGED},
    {"an extent past the disk", EXTENTS, 8, DISK + 4096, true, DAMAGED},
    {"an offset that wraps", EXTENTS, 8, UINT64_MAX - 3, true, DAMAGED},
    {"a length that wraps", EXTENTS + 8, 8, UINT64_MAX, true, DAMAGED},
    {"more kept than long", EXTENTS + 16, 8, 1025, true, DAMAGED},
    {"less kept than was there", EXTENTS + 16, 8, 1023, true, DAMAGED},
    {"kept bytes that never were", EXTENTS + 56 + 16, 8, 101, true, DAMAGED},
    {"kept bytes past the file", EXTENTS + 24, 8, 1 << 20, true, DAMAGED},
    {"kept bytes at a place that wraps", EXTENTS + 24, 8, UINT64_MAX, true, DAMAGED},
    {"an unknown area", EXTENTS + 40, 4, SU_AREAS, true, DAMAGED},
    {"an unknown flag", EXTENTS + 44, 4, 2, true, DAMAGED},
};

static void damaged(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(damage); i++) {
        struct su_err e = {0};
        struct su_journal j = {.n = 77};
        enum su_journal_state was = SU_JOURNAL_REVERTED;
        PAIR struct pair p;
        open_pair(&p);
        reach(&p, SU_JOURNAL_SEALED);
        uint8_t *b = su_memblk_data(p.journal), cut[DISK];
        memcpy(cut, su_memblk_data(p.disk), DISK);
        for (unsigned k = 0; k < damage[i].bytes; k++)
            b[damage[i].at + k] = (uint8_t)(damage[i].v >> 8 * k);
        if (damage[i].repair)
            put_crcs(b);
        int rc = su_journal_open(p.journal, &j, &e);
        if (damage[i].effect == DAMAGED) {
            ok(rc < 0 && e.kind == SU_E_FORMAT && j.n == 77, "%s", damage[i].name);
            is_str(e.id, "undo.damaged");
        } else {
            ok(rc == 0 && (j.state == SU_JOURNAL_NONE) == (damage[i].effect == NOT_SEALED), "%s", damage[i].name);
            su_journal_done(&j);
        }
        rc = su_journal_recover(p.journal, p.disk, &was, &e);
        ok((rc == 0) == (damage[i].effect == NOT_SEALED) && p.disk->size == DISK + 4096 &&
               memcmp(cut, su_memblk_data(p.disk), DISK) == 0, "and the disk stays as it is");
        ok(rc == 0 ? was == SU_JOURNAL_NONE : was == SU_JOURNAL_REVERTED && strcmp(e.id, "undo.damaged") == 0,
           "answer");
    }
}

/* A mark counts only whole, and only for the header it was made for. */
static void marks(void)
{
    static const unsigned at[] = {4096, 4103, 4104, 4107, 4112, 4115, 4108};
    for (size_t i = 0; i < SU_ARRAY_LEN(at); i++) {
        struct su_err e = {0};
        SU_JOURNAL struct su_journal j = {0};
        PAIR struct pair p;
        open_pair(&p);
        reach(&p, SU_JOURNAL_COMMITTED);
        su_memblk_data(p.journal)[at[i]] ^= 0x20;
        ok(su_journal_open(p.journal, &j, &e) == 0 && j.state == SU_JOURNAL_SEALED && !j.settled, "byte %u", at[i]);
    }
    struct su_err e = {0};
    SU_JOURNAL struct su_journal j = {0};
    PAIR struct pair p;
    open_pair(&p);
    reach(&p, SU_JOURNAL_COMMITTED);
    su_memblk_data(p.journal)[32] ^= 1; /* another run: another final size */
    put_crcs(su_memblk_data(p.journal));
    ok(su_journal_open(p.journal, &j, &e) == 0 && j.state == SU_JOURNAL_SEALED, "a mark of another run");
}

static void short_files(void)
{
    PAIR struct pair p;
    open_pair(&p);
    reach(&p, SU_JOURNAL_SEALED);
    uint64_t whole = p.journal->size, kept_from = EXTENTS + 3 * 56 + 13;
    for (uint64_t size = 0; size < whole; size += size < EXTENTS ? 4095 : 7) {
        struct su_err e = {0};
        struct su_journal j = {.n = 77};
        p.journal->size = size;
        int rc = su_journal_open(p.journal, &j, &e);
        bool good = size < EXTENTS ? rc == 0 && j.state == SU_JOURNAL_NONE
                    : size < kept_from + 1901 ? rc < 0 && strcmp(e.id, "undo.damaged") == 0
                                              : rc == 0;
        if (!good)
            ok(0, "cut to %u bytes", (unsigned)size);
        if (rc == 0)
            su_journal_done(&j);
    }
    ok(1, "cut anywhere");
    p.journal->size = whole;
}

static void refused(void)
{
    struct su_err e = {0};
    enum su_journal_state was;
    PAIR struct pair p;
    open_pair(&p);
    SU_PLAN struct su_plan plan = SU_PLAN_INIT;
    make_plan(&plan);
    plan.size_before--;
    ok(su_journal_run(p.journal, p.disk, &plan, meta, NULL, &e) < 0 && strcmp(e.id, "disk.changed") == 0,
       "another size");
    plan.size_before++;
    plan.step[0].off = 440;
    ok(su_journal_run(p.journal, p.disk, &plan, meta, NULL, &e) < 0 && strcmp(e.id, "disk.plan.invalid") == 0,
       "the witness");
    plan.step[0].off = 446;
    ok(p.journal->size == 0 && memcmp(su_memblk_data(p.disk), p.old, DISK) == 0, "nothing was touched");
    reach(&p, SU_JOURNAL_SEALED);
    ok(su_journal_spend(p.journal, &e) < 0 && strcmp(e.id, "undo.state") == 0, "an open journal cannot be spent");
    ok(su_journal_recover(p.journal, p.disk, &was, &e) == 0 && was == SU_JOURNAL_SEALED &&
           memcmp(su_memblk_data(p.disk), p.old, DISK) == 0, "reverted");
    ok(su_journal_spend(p.journal, &e) == 0, "spent twice is spent");
    PAIR struct pair q;
    SU_JOURNAL struct su_journal j = {0};
    open_pair(&q);
    reach(&q, SU_JOURNAL_COMMITTED);
    ok(su_journal_spend(q.journal, &e) == 0 && su_journal_open(q.journal, &j, &e) == 0 &&
           j.state == SU_JOURNAL_REVERTED && !j.settled,
       "a committed one is spent");
    memset(su_memblk_data(p.journal), 0, 4096);
    ok(su_journal_spend(p.journal, &e) < 0 && strcmp(e.id, "undo.state") == 0, "no journal");
}

static void unfinished(void)
{
    struct su_err e = {0};
    PAIR struct pair p, q;
    open_pair(&p);
    open_pair(&q);
    SU_PLAN struct su_plan plan = SU_PLAN_INIT;
    make_plan(&plan);
    reach(&p, SU_JOURNAL_SEALED);
    ok(su_journal_run(p.journal, q.disk, &plan, meta, NULL, &e) < 0 && e.remedy, "a run over an unfinished one");
    is_str(e.id, "undo.unfinished");
    ok(memcmp(su_memblk_data(q.disk), q.old, DISK) == 0 && q.disk->size == DISK, "is refused first");
}

static void other_disk(void)
{
    struct su_err e = {0};
    enum su_journal_state was = SU_JOURNAL_NONE;
    PAIR struct pair p;
    open_pair(&p);
    reach(&p, SU_JOURNAL_SEALED);
    uint8_t cut[DISK];
    su_memblk_data(p.disk)[442] ^= 0x80;
    memcpy(cut, su_memblk_data(p.disk), DISK);
    ok(su_journal_recover(p.journal, p.disk, &was, &e) < 0 && was == SU_JOURNAL_NONE && e.kind == SU_E_CONFLICT,
       "another disk");
    is_str(e.id, "undo.other-disk");
    ok(memcmp(cut, su_memblk_data(p.disk), DISK) == 0, "is left alone");
}

/* Clones share size and identifier; a byte that is neither old nor new gives them away. */
static void clone_of_it(uint64_t at, const char *what)
{
    struct su_err e = {0};
    enum su_journal_state was = SU_JOURNAL_NONE;
    PAIR struct pair p;
    open_pair(&p);
    reach(&p, SU_JOURNAL_SEALED);
    uint8_t clone[DISK];
    su_memblk_data(p.disk)[at] ^= 0x55;
    memcpy(clone, su_memblk_data(p.disk), DISK);
    ok(su_journal_recover(p.journal, p.disk, &was, &e) < 0 && was == SU_JOURNAL_NONE && e.remedy, "a clone, by %s",
       what);
    is_str(e.id, "undo.other-disk");
    ok(memcmp(clone, su_memblk_data(p.disk), DISK) == 0, "is left alone");
}

/* A journal that lies around has no claim on a disk that has its final size. */
static void resized_since(void)
{
    struct su_err e = {0};
    enum su_journal_state was = SU_JOURNAL_NONE;
    PAIR struct pair p;
    open_pair(&p);
    reach(&p, SU_JOURNAL_COMMITTED);
    ok(su_blk_resize(p.disk, DISK + 4096, &e) == 0 && su_journal_recover(p.journal, p.disk, &was, &e) == 0 &&
           was == SU_JOURNAL_COMMITTED && p.disk->size == DISK + 4096, "grown again by its owner");
    memset(su_memblk_data(p.journal) + SU_JF_SETTLE_AT, 0, 512);
    ok(su_journal_recover(p.journal, p.disk, &was, &e) == 0 && p.disk->size == DISK + 3072, "the last step was cut");
    memset(su_memblk_data(p.journal) + SU_JF_SETTLE_AT, 0, 512);
    ok(su_blk_resize(p.disk, DISK + 8192, &e) == 0 && su_journal_recover(p.journal, p.disk, &was, &e) == 0 &&
           p.disk->size == DISK + 8192, "a third size is the owner's");
    SU_JOURNAL struct su_journal j = {0};
    ok(su_journal_open(p.journal, &j, &e) == 0 && j.settled, "and settles it");
}

static void limits(void)
{
    struct su_err e = {0};
    static uint8_t big[(1 << 20) + 1];
    PAIR struct pair p;
    open_pair(&p);
    SU_PLAN struct su_plan plan = SU_PLAN_INIT;
    make_plan(&plan);
    ok(su_journal_run(p.journal, p.disk, &plan, (struct su_bytes){big, sizeof big}, NULL, &e) < 0,
       "too much to remember");
    is_str(e.id, "undo.size");
    SU_PLAN struct su_plan many = SU_PLAN_INIT;
    many.size_before = many.size_during = many.size_after = DISK;
    for (int i = 0; i < 4097; i++)
        if (su_plan_keep(&many, SU_AREA_FS, "k", 512 + (uint64_t)i, 1, &e) < 0)
            exit(99);
    ok(su_journal_run(p.journal, p.disk, &many, meta, NULL, &e) < 0 && strcmp(e.id, "undo.size") == 0, "4097 extents");
    many.n--;
    SU_JOURNAL struct su_journal j = {0};
    ok(su_journal_run(p.journal, p.disk, &many, meta, NULL, &e) == 0 && su_journal_open(p.journal, &j, &e) == 0 &&
           j.n == 4096,
       "4096");
}

/* The watch hears of each step, and can stop the run anywhere. */
static void interrupted(void)
{
    for (int n = 1; n <= 7; n++) {
        struct su_err e = {0};
        enum su_journal_state was = SU_JOURNAL_NONE;
        int countdown = n;
        struct su_watch watch = {stop_at, &countdown};
        PAIR struct pair p;
        open_pair(&p);
        SU_PLAN struct su_plan plan = SU_PLAN_INIT;
        make_plan(&plan);
        int rc = su_journal_run(p.journal, p.disk, &plan, meta, &watch, &e);
        if (n == 7) {
            ok(rc == 0 && countdown == 1, "six steps are told of");
            continue;
        }
        ok(rc < 0 && strcmp(e.id, "disk.interrupted") == 0, "stopped before step %d", n);
        ok(su_journal_recover(p.journal, p.disk, &was, &e) == 0 && p.disk->size == DISK &&
               memcmp(su_memblk_data(p.disk), p.old, DISK) == 0, "and taken back");
    }
}

static bool checked(struct su_blk *journal, const char *id)
{
    struct su_err e = {0};
    int rc = su_journal_check_file(journal, &e);
    return id ? rc < 0 && strcmp(e.id, id) == 0 && e.remedy : rc == 0;
}

static void foreign_files(void)
{
    struct su_err e = {0};
    PAIR struct pair p;
    open_pair(&p);
    ok(checked(p.journal, NULL), "an empty file may become a journal");
    ok(checked(p.disk, "undo.foreign"), "a disk is none");
    ok(su_blk_resize(p.journal, 100, &e) == 0 && checked(p.journal, NULL), "neither is harm in zeros");
    su_memblk_data(p.journal)[0] = 'a';
    ok(checked(p.journal, "undo.foreign"), "but in a letter");
    PAIR struct pair q;
    open_pair(&q);
    reach(&q, SU_JOURNAL_COMMITTED);
    uint8_t *b = su_memblk_data(q.journal);
    ok(checked(q.journal, NULL), "a journal is one");
    b[3] = 0;
    ok(checked(q.journal, "undo.damaged"), "damage in the magic of one that is in force");
    b[3] = 'E', b[1000] = 1;
    ok(checked(q.journal, "undo.damaged"), "and in its zeros");
    b[1000] = 0, b[8192] = 'R', b[20]++;
    ok(checked(q.journal, NULL), "a spent one may be cut while it is made anew");
    b[8192] = b[4096] = 0;
    memset(b + 4096, 0, 3 * 4096);
    b[CRC_AT] = 0;
    ok(checked(q.journal, NULL), "so may a new one while it is sealed");
}

int main(void)
{
    bytes();
    foreign_files();
    reading();
    damaged();
    marks();
    short_files();
    refused();
    unfinished();
    other_disk();
    clone_of_it(700, "a byte that is written");
    clone_of_it(8200, "a byte that is kept");
    resized_since();
    limits();
    interrupted();
    return tap_done();
}
