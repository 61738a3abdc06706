/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One allocation fails: for programs linked with --wrap for malloc, calloc and realloc.  Included once a program. */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

static unsigned long fail_in; /* 1: the next one; 0: none */

static bool fails(void)
{
    if (!fail_in || --fail_in != 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
    return fails() ? NULL : __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}
