/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/regf_int.h - between the files of regf.h. */
#pragma once
#include "regf.h"

enum {
    REGF_SECTOR = 512, /* of logs, whatever the disk's is */
    REGF_BASE = 4096,  /* bytes of the base block */
    REGF_PAGE = 4096,  /* a bin is a multiple of it */
    REGF_BIN_HEAD = 32,
    /* the base block */
    REGF_SEQ1 = 4,
    REGF_SEQ2 = 8,
    REGF_WRITTEN = 12, /* FILETIME */
    REGF_MAJOR = 20,
    REGF_MINOR = 24,
    REGF_TYPE = 28,
    REGF_FORMAT = 32,
    REGF_ROOT = 36,
    REGF_SIZE = 40, /* of all bins */
    REGF_FLAGS = 144,
    REGF_SUM = 508,
    /* the first bin's copy of REGF_WRITTEN */
    REGF_BIN_WRITTEN = REGF_BASE + 20,
    REGF_MAX_DEPTH = 512, /* keys in keys, as Windows allows */
};
enum { REGF_PRIMARY = 0, REGF_LOG_OLD = 1, REGF_LOG_OLDER = 2, REGF_LOG_NEW = 6 };
#define REGF_NONE UINT32_C(0xFFFFFFFF)

/* base: REGF_SECTOR bytes */
uint32_t su_regf_sum(const uint8_t *base);
bool su_regf_base_ok(const uint8_t *base); /* signature, checksum, version and format */
/* The hash of log entries. */
uint64_t su_regf_marvin(const uint8_t *p, size_t n);

/* Puts the logs into hive, which is dirty; replayed as in su_regf_load().  What is left in the hive is not checked. */
int su_regf_replay(struct su_buf *hive, const struct su_bytes log[2], unsigned *replayed,
                   struct su_err *e) SU_MUST_CHECK;

/* Every key that can be reached from the root, its lists of subkeys and values, and the values: cells of their kind, of
 * the right size, and no cell used twice.  hive: one whose bins and cells are in order.  to_change: also what hivex
 * aborts on when it deletes: a class name, or the data of an empty value, that is nowhere.  SU_E_FORMAT "hive.damaged",
 * SU_E_RANGE "hive.limit". */
int su_regf_check_tree(struct su_bytes hive, bool to_change, struct su_err *e) SU_MUST_CHECK;
