/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz/must.h - a promise that is not kept is a finding. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "broken promise: %s\n", #cond);                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)
