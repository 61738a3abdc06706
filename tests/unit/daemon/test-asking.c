/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the agents in VMs are asked: also those that want to be asked without end. */
#include "daemon/asking.h"
#include "tests/lib/tap.h"

enum { T = 100000 };

static void test_good(void)
{
    struct su_asking a = {0};
    su_asking_done(&a, T, true, 0);
    ok(a.at == T + 3600 && !a.silent, "one that has answered is asked again in an hour");
    su_asking_done(&a, T + 3600, true, 0);
    su_asking_done(&a, T + 7200, true, 0);
    su_asking_connected(&a, T + 9000);
    ok(a.at == T + 9003, "and soon when it connects anew");
    a = (struct su_asking){0};
    for (unsigned i = 0, at = T; i < 4; i++, at += 10)
        su_asking_done(&a, at, false, 0);
    ok(a.at == T + 30 + 80 && a.silent, "while nobody is there, less and less");
    su_asking_connected(&a, T + 45);
    ok(a.at == T + 48 && !a.silent, "which is not held against the one that comes");
    for (unsigned i = 0; i < 20; i++)
        su_asking_done(&a, T, false, 0);
    ok(a.at == T + 3600, "but once an hour at least");
    su_asking_connected(&a, T + 3598);
    ok(a.at == T + 3600, "what comes sooner anyway stays");
}

/* It connects each second, and is asked whenever its time has come; how often in a day? */
static unsigned questions(bool answers, uint64_t took)
{
    struct su_asking a = {0};
    unsigned n = 0;
    for (uint64_t now = T; now < T + 86400; now++) {
        su_asking_connected(&a, now);
        if (a.at > now)
            continue;
        n++;
        su_asking_done(&a, now, answers, took);
        now += took;
    }
    return n;
}

int main(void)
{
    test_good();
    ok(questions(true, 0) <= 32, "one that comes and goes all the time is asked %u times a day", questions(true, 0));
    ok(questions(false, 10) <= 32, "so is one that lets us wait: %u", questions(false, 10));
    struct su_asking first = {0}, good = {.at = 50}, silent = {.at = 5, .silent = true};
    ok(su_asking_before(&first, &good) && !su_asking_before(&good, &first), "the older one comes first");
    ok(su_asking_before(&good, &silent) && !su_asking_before(&silent, &good),
       "but those that answer before all others");
    return tap_done();
}
