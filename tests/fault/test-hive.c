/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each allocation of what reads, replays and changes hives fails once; linked with --wrap for malloc, calloc, realloc.
 */
#include "guest/mounted.h"
#include "guest/regf_int.h"
#include "guest/winsystem.h"
#include "oom.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

static const uint8_t c_drive[12] = {0xBB, 0xAA, 0x27, 0x3E, 0, 0, 0x10};

static int run_change(struct su_bytes hive, struct su_buf *out, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    struct su_winmap m = {.signature = 0x3E27AABB, .n = 1, .part = {{.number = 1, .offset = 0x100000}}};
    struct su_mounted_change c;
    struct su_winversion v;
    su_hive_node k = 0;
    if (su_hive_open(hive, true, &h, e) < 0 || su_hive_add_key(h, su_hive_root(h), "MountedDevices", &k, e) < 0)
        return -1;
    for (char name[] = "\\DosDevices\\A:"; name[12] < 'U'; name[12]++)
        if (su_hive_set(h, k, name, SU_REG_BINARY, (struct su_bytes){c_drive, sizeof c_drive}, e) < 0)
            return -1;
    if (su_mounted_to_gpt(h, &m, 1, &c, e) < 0 || su_hive_add_key(h, su_hive_root(h), "Microsoft", &k, e) < 0 ||
        su_hive_add_key(h, k, "Windows NT", &k, e) < 0 || su_hive_add_key(h, k, "CurrentVersion", &k, e) < 0 ||
        su_hive_set(h, k, "ProductName", SU_REG_SZ, (struct su_bytes){(const uint8_t *)"W\0\0\0", 4}, e) < 0 ||
        su_winversion_read(h, &v, e) < 0)
        return -1;
    return su_hive_save(h, 1700000000, out, e);
}

/* A log of the older kind without a dirty page completes a hive. */
static int run_replay(struct su_bytes clean, struct su_buf *out, struct su_err *e)
{
    uint8_t hive[2 * REGF_BASE], log[4 * REGF_SECTOR] = {0};
    unsigned n = 0;
    memcpy(hive, clean.p, sizeof hive);
    memcpy(log, clean.p, REGF_SECTOR);
    su_put_le32(hive + REGF_SEQ1, 8);
    hivegen_sum(hive);
    su_put_le32(log + REGF_TYPE, REGF_LOG_OLD);
    hivegen_sum(log);
    memcpy(log + REGF_SECTOR, "DIRT", 4);
    return su_regf_load((struct su_bytes){hive, sizeof hive}, (struct su_bytes){log, sizeof log}, (struct su_bytes){0},
                        out, &n, e);
}

static void each_allocation(const char *what, int (*run)(struct su_bytes hive, struct su_buf *out, struct su_err *e))
{
    SU_BUF struct su_buf hive = {0};
    bool good = true, hit = true;
    unsigned long k = 0;
    hivegen(&hive, 5);
    while (hit && k < 2000) {
        SU_BUF struct su_buf out = {0};
        struct su_err e = {0};
        fail_in = ++k;
        int rc = run(su_buf_bytes(&hive), &out, &e);
        hit = fail_in == 0;
        fail_in = 0;
        bool this = hit ? rc < 0 && e.kind == SU_E_NOMEM && out.n == 0 : rc == 0 && out.n > 0;
        if (!this)
            printf("# %s, allocation %lu: %d %s\n", what, k, rc, e.msg);
        good = good && this;
    }
    ok(good && k > 1 && k < 2000, "%s: %lu allocations", what, k - 1);
}

int main(void)
{
    each_allocation("changing a hive", run_change);
    each_allocation("replaying a log", run_replay);
    return tap_done();
}
