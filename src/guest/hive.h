/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/hive.h - keys and values of a registry hive, through hivex.
 *
 * Bytes in, bytes out: hivex reads and writes a private memory file, never the guest's disk.  Only a hive that is
 * complete (regf.h) is opened.  Names are UTF-8 and compared without case, as Windows does.  All bytes are hostile:
 * numbers of children and values, sizes and depths are bounded ("hive.limit").  A node is valid until the next change
 * of its hive.  Errors: SU_E_FORMAT "hive.damaged" for what hivex refuses, SU_E_NOMEM.  After a change that failed the
 * hive cannot be changed or saved any more ("hive.closed").  Keys and values whose name is no text (half of a
 * surrogate pair, or a NUL in it) are not seen; values beside such a value are not changed ("hive.limit").  One thread
 * at a time. */
#pragma once
#include "base/buf.h"

enum {
    SU_HIVE_MAX_CHILDREN = 8192, /* of one key */
    SU_HIVE_MAX_VALUES = 4096,   /* of one key */
    SU_HIVE_MAX_VALUE = 1 << 20, /* bytes of one value's data */
    SU_HIVE_NAME = 256 * 3 + 1,  /* bytes of a name in UTF-8, with the NUL */
};

/* Types of values, as in the hive. */
enum su_reg_type {
    SU_REG_NONE,
    SU_REG_SZ,
    SU_REG_EXPAND_SZ,
    SU_REG_BINARY,
    SU_REG_DWORD,
    SU_REG_DWORD_BE,
    SU_REG_LINK,
    SU_REG_MULTI_SZ,
    SU_REG_QWORD = 11,
};

struct su_hive; /* opaque */
typedef uint64_t su_hive_node;

/* bytes is copied.  *out is owned by the caller. */
int su_hive_open(struct su_bytes bytes, bool writable, struct su_hive **out, struct su_err *e) SU_MUST_CHECK;
void su_hive_close(struct su_hive *h); /* NULL is fine */
static inline void su_hive_closep(struct su_hive **h)
{
    su_hive_close(*h);
}
#define SU_HIVE SU_AUTO(su_hive_closep)

su_hive_node su_hive_root(struct su_hive *h);
/* path: "Select", "ControlSet001\\Services\\storahci"; from a node; 0 in *out: no such key. */
int su_hive_find(struct su_hive *h, su_hive_node from, const char *path, su_hive_node *out,
                 struct su_err *e) SU_MUST_CHECK;
/* Calls fn for each subkey, in the order of the hive; fn returns 0 to go on, 1 to stop, -1 with *e set. */
typedef int su_hive_key_fn(void *arg, const char *name, su_hive_node node, struct su_err *e);
int su_hive_each_key(struct su_hive *h, su_hive_node n, su_hive_key_fn *fn, void *arg, struct su_err *e) SU_MUST_CHECK;
/* The same for values; data is borrowed for the call. */
typedef int su_hive_value_fn(void *arg, const char *name, uint32_t type, struct su_bytes data, struct su_err *e);
int su_hive_each_value(struct su_hive *h, su_hive_node n, su_hive_value_fn *fn, void *arg,
                       struct su_err *e) SU_MUST_CHECK;

/* One value: its data is appended to out (which may be NULL); *there false: none of that name. */
int su_hive_get(struct su_hive *h, su_hive_node n, const char *name, uint32_t *type, struct su_buf *out, bool *there,
                struct su_err *e) SU_MUST_CHECK;
/* A REG_DWORD; *there false: none, or of another type or size. */
int su_hive_get_dword(struct su_hive *h, su_hive_node n, const char *name, uint32_t *out, bool *there,
                      struct su_err *e) SU_MUST_CHECK;
/* A REG_SZ or REG_EXPAND_SZ as UTF-8, cut to cap; "" when there is none. */
int su_hive_get_text(struct su_hive *h, su_hive_node n, const char *name, char *out, size_t cap,
                     struct su_err *e) SU_MUST_CHECK;

/* Changes, in memory until su_hive_save(). */
int su_hive_set(struct su_hive *h, su_hive_node n, const char *name, uint32_t type, struct su_bytes data,
                struct su_err *e) SU_MUST_CHECK;
int su_hive_unset(struct su_hive *h, su_hive_node n, const char *name, struct su_err *e) SU_MUST_CHECK; /* absent: 0 */
/* One that is there already is *out as it is. */
int su_hive_add_key(struct su_hive *h, su_hive_node parent, const char *name, su_hive_node *out,
                    struct su_err *e) SU_MUST_CHECK;
int su_hive_delete_key(struct su_hive *h, su_hive_node n, struct su_err *e) SU_MUST_CHECK;
/* Appends the whole hive, clean and stamped (regf.h): same hive, same changes, same now: same bytes. */
int su_hive_save(struct su_hive *h, int64_t now, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
