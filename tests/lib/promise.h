/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/promise.h - what the headers of src/disk promise, as predicates that share no code with it.
 * Each returns NULL, or a static sentence naming the promise that was broken. */
#pragma once
#include "disk/gpt.h"
#include "disk/journal.h"
#include "disk/layout.h"
#include "disk/mbr.h"

const char *su_promise_mbr(const struct su_mbr *m, uint64_t disk_bytes); /* as su_mbr_read() returned it */
const char *su_promise_gpt(const struct su_gpt *g, uint64_t disk_bytes, uint32_t sector_size);
const char *su_promise_layout(const struct su_layout_request *r, const struct su_layout *l);
const char *su_promise_journal(const struct su_journal *j, uint64_t journal_bytes);
