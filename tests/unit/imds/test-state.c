/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "imds/state.h"
#include "tests/lib/tap.h"

static const char *id(unsigned n)
{
    static char text[4][SU_UUID_TEXT];
    static unsigned at;
    snprintf(text[++at % 4], SU_UUID_TEXT, "00000000-0000-4000-8000-%012x", n);
    return text[at % 4];
}

static unsigned dropped;
static void drop(void *ctx, struct su_imds_vm *vm)
{
    (void)ctx;
    vm->conns = NULL;
    dropped++;
}

static struct su_imds_state s = {.hooks.drop = drop};

static int put(unsigned n, uint32_t cid, uint32_t mark)
{
    struct su_err e = {0};
    struct su_vm_route r = {.name = "x", .cid = cid, .mark = mark, .instance = {(const uint8_t *)"{}", 2}};
    memcpy(r.uuid, id(n), sizeof r.uuid);
    return su_imds_vm_put(&s, &r, &e);
}

static struct su_imds_conn *const some = (struct su_imds_conn *)&dropped;

static void tables(void)
{
    struct su_err e = {0};
    for (unsigned n = 1; n <= 3000; n++)
        if (put(n, n + 2, n * 7) < 0)
            ok(0, "VM %u", n);
    unsigned wrong = 0;
    for (unsigned n = 1; n <= 3000; n++) {
        struct su_imds_vm *v = su_imds_by_uuid(&s, id(n));
        wrong += !v || su_imds_by_cid(&s, n + 2) != v || su_imds_by_mark(&s, n * 7) != v;
    }
    ok(wrong == 0 && s.n_vms == 3000, "3000 VMs, each found three ways");
    for (unsigned n = 1; n <= 3000; n += 2)
        if (su_imds_vm_del(&s, id(n), &e) < 0)
            ok(0, "VM %u goes", n);
    wrong = 0;
    for (unsigned n = 1; n <= 3000; n++)
        wrong += !su_imds_by_cid(&s, n + 2) == !(n % 2) || !su_imds_by_mark(&s, n * 7) == !(n % 2);
    ok(wrong == 0 && s.n_vms == 1500, "half of them are gone, the others are there");
    ok(su_imds_vm_del(&s, id(1), &e) < 0 && e.kind == SU_E_MISSING);
    su_imds_state_clear(&s);
    ok(s.n_vms == 0 && !su_imds_by_cid(&s, 4));
    for (unsigned n = 1; n <= SU_IMDS_MAX_VMS; n++)
        wrong += put(n, 0, 0) < 0;
    ok(wrong == 0 && put(5000, 0, 0) < 0 && put(5, 6, 6) == 0, "as many as fit, and no more");
    su_imds_state_clear(&s);
}

static void identity(void)
{
    struct su_err e = {0};
    ok(put(1, 5, 6) == 0 && !su_imds_by_cid(&s, 0) && !su_imds_by_mark(&s, 0), "0 is nobody");
    struct su_imds_vm *one = su_imds_by_cid(&s, 5);
    uint64_t first = one->id;
    one->conns = some;
    ok(put(1, 5, 6) == 0 && dropped == 0 && one->conns == some, "the same again leaves connections alone");
    ok(put(2, 5, 0) == 0 && dropped == 1 && one->cid == 0 && su_imds_by_cid(&s, 5) == su_imds_by_uuid(&s, id(2)),
       "a context id moves to the newest, and the other's connections go");
    ok(su_imds_by_mark(&s, 6) == one, "its mark stays");
    one->conns = some;
    ok(put(3, 0, 6) == 0 && dropped == 2 && su_imds_by_mark(&s, 6) == su_imds_by_uuid(&s, id(3)), "so do marks");
    one->conns = some;
    ok(put(1, 9, 0) == 0 && dropped == 3 && su_imds_by_cid(&s, 9) == one, "a VM with a new context id starts anew");
    one->conns = some;
    ok(su_imds_vm_del(&s, id(1), &e) == 0 && dropped == 4);
    ok(put(1, 9, 0) == 0 && su_imds_by_cid(&s, 9)->id > first, "the same VM again is another one");
    su_imds_state_clear(&s);
}

static void buckets(void)
{
    struct su_bucket b = {0};
    int64_t now = 1000000000, wait = 0;
    unsigned got = 0;
    for (int i = 0; i < 20; i++)
        got += su_bucket_take(&b, 5, 10, now) == 0;
    ok(got == 10, "ten at once");
    wait = su_bucket_take(&b, 5, 10, now);
    ok(wait == 200000, "then one in 200 ms: %lld", (long long)wait);
    ok(su_bucket_take(&b, 5, 10, now + 199999) > 0 && su_bucket_take(&b, 5, 10, now + 200000) == 0);
    for (got = 0; su_bucket_take(&b, 5, 10, now + 3600000000) == 0;)
        got++;
    ok(got == 10, "an hour later ten, not more");
    b = (struct su_bucket){0};
    ok(su_bucket_take(&b, 0, 0, now) == 0 && su_bucket_take(&b, 0, 0, now) == 1000000, "0 counts as 1");
    for (got = 0; got < 100 && su_bucket_take(&b, UINT32_MAX, UINT32_MAX, now + 5000000) == 0;)
        got++;
    ok(got == 100, "the largest numbers do no harm");
}

static void nonces(void)
{
    static struct su_imds_vm vm;
    char text[16];
    ok(!su_imds_nonce_known(&vm, "", 0), "the empty nonce was never issued");
    for (int i = 0; i < 17; i++) {
        snprintf(text, sizeof text, "n%d", i);
        su_imds_nonce_issued(&vm, text, 1000);
    }
    ok(!su_imds_nonce_known(&vm, "n0", 1000) && su_imds_nonce_known(&vm, "n1", 1000), "sixteen are remembered");
    ok(su_imds_nonce_known(&vm, "n16", 1000 + 600000000) && !su_imds_nonce_known(&vm, "n16", 1001 + 600000000),
       "for ten minutes");
    ok(!su_imds_nonce_known(&vm, "n", 1000) && !su_imds_nonce_known(&vm, "n161", 1000));
}

int main(void)
{
    tables();
    identity();
    buckets();
    nonces();
    return tap_done();
}
