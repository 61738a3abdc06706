/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "imds/conn.h"
#include "tests/lib/tap.h"

static struct su_conns c;
static struct su_imds_vm a = {.id = 1}, b = {.id = 2};

static void deadlines(void)
{
    struct su_imds_conn *x = su_conns_add(&c, 3, &a, 1000), *y = su_conns_add(&c, 4, &a, 2000);
    ok(x && y && a.n_conns == 2 && c.n == 2);
    ok(su_conns_deadline(&c) == 1000 + SU_HEAD_MS * 1000LL);
    ok(!su_conns_late(&c, 1000 + SU_HEAD_MS * 1000LL - 1) && su_conns_late(&c, 1000 + SU_HEAD_MS * 1000LL) == x);
    su_conns_phase(&c, x, SU_PHASE_SIGN, 1000);
    ok(su_conns_deadline(&c) == 1000 + SU_SIGN_MS * 1000LL, "each phase has its own time");
    ok(su_conns_oldest_idle(&c, &a) == y && su_conns_oldest_idle(&c, NULL) == y && !su_conns_oldest_idle(&c, &b));
    su_conns_phase(&c, x, SU_PHASE_HEAD, 3000);
    ok(su_conns_oldest_idle(&c, &a) == y, "the longest silent one");
    y->dead = true;
    ok(su_conns_oldest_idle(&c, &a) == x, "one that is closing does not count");
    su_conns_remove(&c, x);
    su_conns_remove(&c, y);
    ok(a.n_conns == 0 && !a.conns && c.n == 0 && su_conns_deadline(&c) == INT64_MAX);
}

static void sequences(void)
{
    struct su_imds_conn *x = su_conns_add(&c, 3, &a, 0);
    uint32_t first = su_conns_ask(&c, x);
    ok(!su_conns_asker(&c, first), "only who waits for the signer is answered");
    su_conns_phase(&c, x, SU_PHASE_SIGN, 0);
    ok(su_conns_asker(&c, first) == x && !su_conns_asker(&c, first + 1) && !su_conns_asker(&c, 0) &&
       !su_conns_asker(&c, UINT32_MAX));
    uint32_t second = su_conns_ask(&c, x);
    ok(second != first && !su_conns_asker(&c, first) && su_conns_asker(&c, second) == x, "an old answer finds nobody");
    c.last_seq = UINT32_MAX;
    ok(su_conns_ask(&c, x) != 0, "never 0");
    su_conns_remove(&c, x);
    struct su_imds_conn *y = su_conns_add(&c, 3, &b, 0);
    su_conns_phase(&c, y, SU_PHASE_SIGN, 0);
    ok(y == x && !su_conns_asker(&c, second), "nor does one of the slot's last owner");
    su_conns_remove(&c, y);
}

static void owners(void)
{
    struct su_imds_conn *x = su_conns_add(&c, 3, &a, 0);
    ok(su_conn_vm(x) == &a);
    a.id = 9;
    ok(!su_conn_vm(x), "another VM in the same place is not its VM");
    a.id = 1;
    su_conns_leave_vm(x);
    ok(!su_conn_vm(x) && a.n_conns == 0 && c.n == 1);
    su_conns_leave_vm(x);
    su_conns_remove(&c, x);
    unsigned n = 0;
    while (su_conns_add(&c, 5, n % 2 ? &a : &b, 0))
        n++;
    ok(n == SU_CONNS_SLOTS && a.n_conns == n / 2, "%u slots", n);
    while (a.conns)
        su_conns_remove(&c, a.conns);
    while (b.conns)
        su_conns_remove(&c, b.conns->vm_next ? b.conns->vm_next : b.conns); /* not always the first */
    ok(c.n == 0 && a.n_conns == 0 && b.n_conns == 0);
}

int main(void)
{
    su_conns_init(&c);
    deadlines();
    sequences();
    owners();
    return tap_done();
}
