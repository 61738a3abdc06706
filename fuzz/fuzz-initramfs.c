/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an initramfs: names and contents keep their bounds, and the same bytes give the same facts. */
#include "must.h"
#include "guest/initramfs_facts.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_CONTENT = 64 };

static enum su_initramfs_step entry(void *arg, const struct su_initramfs_entry *en)
{
    size_t length = strlen(en->name);
    (void)arg;
    MUST(length > 0 && length < SU_INITRAMFS_MAX_NAME && en->name[0] != '/' && en->packing < SU_PACK_COUNT);
    return length % 2 ? SU_INITRAMFS_WANT : SU_INITRAMFS_ON;
}

static enum su_initramfs_step content(void *arg, const struct su_initramfs_entry *en, struct su_bytes b)
{
    size_t *total = arg;
    MUST(b.n == en->size && b.n <= MAX_CONTENT && b.p[b.n] == 0);
    *total += b.n;
    return *total > 4096 ? SU_INITRAMFS_STOP : SU_INITRAMFS_ON;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t total = 0;
    struct su_initramfs_visitor v = {.arg = &total, .max_content = MAX_CONTENT, .entry = entry, .content = content};
    struct su_bytes b = {data, n};
    struct su_err e = {0};
    bool whole;
    if (su_initramfs_walk(su_pull_bytes(&b), &v, &whole, &e) < 0)
        MUST(e.kind != SU_OK && e.id);
    struct su_initramfs_facts f = {0};
    b = (struct su_bytes){data, n};
    if (su_initramfs_facts(su_pull_bytes(&b), NULL, &f, &e) == 0) {
        MUST(memchr(f.kernel, 0, sizeof f.kernel) && memchr(f.resume, 0, sizeof f.resume));
        for (int d = 0; d < SU_DRIVER_COUNT; d++)
            MUST(f.driver[d] < SU_DRIVER_STATE_COUNT);
    }
    enum su_driver_state state[SU_DRIVER_COUNT];
    (void)!su_drivers_config((struct su_bytes){data, n}, state, &e);
    return 0;
}
