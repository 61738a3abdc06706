/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "progress.h"
#include "clock.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { REDRAW_US = 50000, BAR = 24 };

void su_progress_start(struct su_progress *p, FILE *out)
{
    *p = (struct su_progress){.out = out, .started_us = su_monotonic_us()};
    p->terminal = out && isatty(fileno(out));
}

static void draw(struct su_progress *p, const char *step, uint64_t done, uint64_t total)
{
    char bar[BAR + 1];
    double share = total ? (double)done / (double)total : 0, s = (double)(su_monotonic_us() - p->started_us) / 1e6;
    int full = (int)(share * BAR);
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)(full < 0 ? 0 : full > BAR ? BAR : full));
    bar[BAR] = 0;
    if (total)
        fprintf(p->out, "\r\033[K[%s] %3.0f%%  %-30s %6.1f MiB/s", bar, share * 100, step,
                s > 0 ? (double)done / (double)SU_MIB / s : 0);
    else
        fprintf(p->out, "\r\033[K[%s]       %s", bar, step);
    fflush(p->out);
}

void su_progress_step(struct su_progress *p, const char *step, uint64_t done, uint64_t total)
{
    int64_t now = su_monotonic_us();
    bool new_step = !p->step || strcmp(p->step, step) != 0;
    if (!p->out)
        return;
    if (p->terminal && (new_step || now - p->drawn_us > REDRAW_US)) {
        draw(p, step, done, total);
        p->drawn_us = now;
    } else if (!p->terminal && new_step) {
        fprintf(p->out, "%8.3f  %s\n", (double)(now - p->started_us) / 1e6, step);
    }
    p->step = step;
}

void su_progress_end(struct su_progress *p, const char *summary)
{
    if (!p->out)
        return;
    if (p->terminal)
        fprintf(p->out, "\r\033[K");
    fprintf(p->out, "%8.3f  %s\n", (double)(su_monotonic_us() - p->started_us) / 1e6, summary);
}
