/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/hive_int.h - between the files of hive.h. */
#pragma once
#include "hive.h"
#include <hivex.h>

/* The values a key is going to have.  hivex only writes all of them anew, so changes to one key are put together. */
struct hive_values {
    su_hive_node node; /* 0: none */
    bool changed;
    size_t n, cap;
    struct hive_set_value *v; /* owned, with what is in them */
};

struct su_hive {
    hive_h *h;    /* owned */
    uint8_t *map; /* the bytes it was opened from; owned mapping */
    size_t n;     /* of map */
    bool writable;
    bool broken; /* a change failed half way */
    struct hive_values pending;
};

int su_hive_fail(struct su_err *e, const char *what); /* what hivex could not do, by errno */
/* Private memory with a name that hivex can open; -1 with *e set.  path: 32 bytes. */
int su_hive_memory(char *path, struct su_err *e);
int su_hive_flush(struct su_hive *h, struct su_err *e);
void su_hive_values_done(struct hive_values *p);

/* The values of a key; ends with 0; owned by the caller. */
int su_hive_value_list(struct su_hive *h, su_hive_node n, hive_value_h **out, struct su_err *e);
/* Name in UTF-8, owned by the caller; NULL with *e untouched: a name that has none (half of a pair, or a NUL in it). */
int su_hive_value_name(struct su_hive *h, hive_value_h v, char **out, struct su_err *e);
int su_hive_key_name(struct su_hive *h, su_hive_node n, char **out, struct su_err *e);
/* Its data; *out owned by the caller. */
int su_hive_value_data(struct su_hive *h, hive_value_h v, uint32_t *type, uint8_t **out, size_t *n, struct su_err *e);
