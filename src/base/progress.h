/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/progress.h - progress of one long piece of work on stderr: a bar on a terminal, lines elsewhere. */
#pragma once
#include "su.h"
#include <stdio.h>

struct su_progress {
    FILE *out; /* borrowed; NULL: silent */
    bool terminal;
    int64_t started_us, drawn_us;
    const char *step;
};

void su_progress_start(struct su_progress *p, FILE *out);
/* step is static text.  total 0: no bar, only the name. */
void su_progress_step(struct su_progress *p, const char *step, uint64_t done, uint64_t total);
void su_progress_end(struct su_progress *p, const char *summary);
