/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "tests/lib/tap.h"
#include <stdbool.h>

static int64_t us(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void deadlines(void)
{
    bool fit = true, late = true;
    for (unsigned ms = 0; ms < 5000; ms++) {
        int64_t before = su_monotonic_us();
        struct timespec t = su_deadline_ms(ms);
        int64_t after = su_monotonic_us();
        fit = fit && t.tv_nsec >= 0 && t.tv_nsec < 1000000000;
        late = late && us(t) >= before + ms * 1000 && us(t) <= after + ms * 1000;
    }
    ok(fit, "a deadline has less than a second of nanoseconds");
    ok(late, "and is that far ahead");
    ok(su_deadline_ms(UINT32_MAX).tv_sec >= su_monotonic_s() + UINT32_MAX / 1000 - 1, "49 days ahead, too");
}

static void units(void)
{
    int64_t u = su_monotonic_us(), m = su_monotonic_ms(), s = su_monotonic_s();
    ok(m >= u / 1000 && m <= u / 1000 + 60000 && s >= m / 1000 && s <= m / 1000 + 60, "one clock, in three units");
    su_nap_ms(20);
    ok(su_monotonic_us() - u >= 20000, "a nap is as long as it says");
}

int main(void)
{
    deadlines();
    units();
    return tap_done();
}
