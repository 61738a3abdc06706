/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/clock.h - time that only goes forward (CLOCK_MONOTONIC), for waits and for what they took.  Thread safe. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

int64_t su_monotonic_us(void);
int64_t su_monotonic_ms(void);
int64_t su_monotonic_s(void);

/* ms from now, for pthread_cond_clockwait(). */
struct timespec su_deadline_ms(unsigned ms);

/* Shorter when a signal is handled. */
void su_nap_ms(unsigned ms);
/* The same, unless fd can be read, as one by which a thread is told to end; true: it can. */
bool su_nap_until(int fd, unsigned ms);
