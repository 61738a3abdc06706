/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "regf_int.h"
#include <string.h>

#define FULL_SHUTDOWN "start the guest once and shut it down fully: shutdown /s /f /t 0"
/* 1601 to 1970 */
#define FILETIME_EPOCH_S INT64_C(11644473600)

uint32_t su_regf_sum(const uint8_t *base)
{
    uint32_t sum = 0;
    for (size_t at = 0; at < REGF_SUM; at += 4)
        sum ^= su_le32(base + at);
    return sum == 0 ? 1 : sum == UINT32_MAX ? UINT32_MAX - 1 : sum;
}

bool su_regf_base_ok(const uint8_t *base)
{
    uint32_t minor = su_le32(base + REGF_MINOR);
    return memcmp(base, "regf", 4) == 0 && su_regf_sum(base) == su_le32(base + REGF_SUM) &&
           su_le32(base + REGF_MAJOR) == 1 && minor >= 3 && minor <= 6 && su_le32(base + REGF_FORMAT) == 1;
}

static bool is_bin(struct su_bytes hive, uint32_t at)
{
    const uint8_t *bin = hive.p + REGF_BASE + at;
    return memcmp(bin, "hbin", 4) == 0 && su_le32(bin + 4) == at;
}

/* The cells of one bin fill it; *root: the root key's cell is among them. */
static int check_cells(const uint8_t *bin, uint32_t at, uint32_t size, uint32_t root, bool *root_seen,
                       struct su_err *why)
{
    for (uint32_t off = REGF_BIN_HEAD; off < size;) {
        int32_t raw = (int32_t)su_le32(bin + off);
        uint32_t n = raw < 0 ? 0 - (uint32_t)raw : (uint32_t)raw;
        if (n < 8 || n % 8 != 0 || n > size - off)
            return su_fail(why, SU_E_FORMAT, "hive.damaged", "the hive's cell at %u does not fit into its bin",
                           at + off);
        if (at + off == root)
            *root_seen = raw < 0 && n >= 80 && memcmp(bin + off + 4, "nk", 2) == 0;
        off += n;
    }
    return 0;
}

static int check_bins(struct su_bytes hive, struct su_err *why)
{
    uint32_t end = su_le32(hive.p + REGF_SIZE), root = su_le32(hive.p + REGF_ROOT);
    bool root_seen = false;
    if (end == 0 || end % REGF_PAGE != 0 || end > hive.n - REGF_BASE)
        return su_fail(why, SU_E_FORMAT, "hive.damaged", "the hive says it has %u bytes, and the file %zu", end,
                       hive.n);
    for (uint32_t at = 0; at < end;) {
        const uint8_t *bin = hive.p + REGF_BASE + at;
        uint32_t size = su_le32(bin + 8);
        if (!is_bin(hive, at) || size == 0 || size % REGF_PAGE != 0 || size > end - at)
            return su_fail(why, SU_E_FORMAT, "hive.damaged", "the hive has no sound bin at %u", at);
        if (check_cells(bin, at, size, root, &root_seen, why) < 0)
            return -1;
        at += size;
    }
    if (!root_seen)
        return su_fail(why, SU_E_FORMAT, "hive.damaged", "the hive has no root key");
    return 0;
}

static enum su_regf_state look(struct su_bytes hive, struct su_err *why)
{
    bool base_ok = hive.n >= REGF_BASE + REGF_PAGE && su_regf_base_ok(hive.p);
    if (hive.n > SU_REGF_MAX) {
        su_fail(why, SU_E_RANGE, "hive.limit", "a hive of %zu bytes", hive.n);
        return SU_REGF_BAD;
    }
    if (hive.n < REGF_BASE + REGF_PAGE || (memcmp(hive.p, "regf", 4) != 0 && !is_bin(hive, 0)) ||
        (base_ok && su_le32(hive.p + REGF_TYPE) != REGF_PRIMARY)) {
        su_fail(why, SU_E_FORMAT, "hive.damaged", "not a registry hive");
        return SU_REGF_BAD;
    }
    /* what is wrong in the bins of a dirty hive may be just what its logs mend */
    if (!base_ok || su_le32(hive.p + REGF_SEQ1) != su_le32(hive.p + REGF_SEQ2))
        return SU_REGF_DIRTY;
    return check_bins(hive, why) < 0 ? SU_REGF_BAD : SU_REGF_CLEAN;
}

enum su_regf_state su_regf_state(struct su_bytes hive, struct su_err *why)
{
    struct su_err unused = {0};
    return look(hive, why ? why : &unused);
}

/* What came out of a replay must be whole: a hive that is not would lose keys later, where nobody looks. */
static int check_replayed(const struct su_buf *hive, struct su_err *e)
{
    struct su_err why = {0};
    if (look(su_buf_bytes(hive), &why) == SU_REGF_CLEAN && su_regf_check_tree(su_buf_bytes(hive), false, &why) == 0)
        return 0;
    if (why.kind == SU_E_NOMEM) {
        *e = why;
        return -1;
    }
    su_fail(e, SU_E_REFUSED, "hive.dirty", "the hive was not written completely, and its logs do not complete it: %s",
            why.msg);
    return su_remedy(e, FULL_SHUTDOWN);
}

int su_regf_load(struct su_bytes hive, struct su_bytes log1, struct su_bytes log2, struct su_buf *out,
                 unsigned *replayed, struct su_err *e)
{
    SU_BUF struct su_buf work = {0};
    const struct su_bytes log[2] = {log1, log2};
    unsigned n = 0;
    enum su_regf_state state = look(hive, e);
    if (state == SU_REGF_BAD)
        return -1;
    if (log1.n > SU_REGF_LOG_MAX || log2.n > SU_REGF_LOG_MAX)
        return su_fail(e, SU_E_RANGE, "hive.limit", "a hive's log of %zu bytes", log1.n > log2.n ? log1.n : log2.n);
    if (state == SU_REGF_DIRTY) {
        su_buf_add(&work, hive.p, hive.n);
        if (su_buf_ok(&work, e) < 0)
            return -1;
        if (su_regf_replay(&work, log, &n, e) < 0)
            return e->kind == SU_E_REFUSED ? su_remedy(e, FULL_SHUTDOWN) : -1;
        if (check_replayed(&work, e) < 0)
            return -1;
        hive = su_buf_bytes(&work);
    }
    if (work.n > 0 && out->n == 0 && !out->failed) { /* no second copy of what may be hundreds of MiB */
        su_buf_done(out);
        *out = work;
        work = (struct su_buf){0};
    } else {
        su_buf_add(out, hive.p, hive.n);
    }
    if (su_buf_ok(out, e) < 0)
        return -1;
    *replayed = n;
    return 0;
}

void su_regf_stamp(uint8_t *hive, size_t n, int64_t now)
{
    if (n < REGF_BASE + REGF_PAGE)
        return;
    uint64_t t = ((uint64_t)now + (uint64_t)FILETIME_EPOCH_S) * 10000000;
    su_put_le64(hive + REGF_WRITTEN, t);
    su_put_le64(hive + REGF_BIN_WRITTEN, t);
    su_put_le32(hive + REGF_SUM, su_regf_sum(hive));
}
