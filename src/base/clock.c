/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clock.h"
#include <poll.h>

static struct timespec now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: the clock is there and t is ours */
    return t;
}

int64_t su_monotonic_us(void)
{
    struct timespec t = now();
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t su_monotonic_ms(void)
{
    return su_monotonic_us() / 1000;
}

int64_t su_monotonic_s(void)
{
    return now().tv_sec;
}

struct timespec su_deadline_ms(unsigned ms)
{
    struct timespec t = now();
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void su_nap_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

bool su_nap_until(int fd, unsigned ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)ms) > 0;
}
