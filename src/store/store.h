/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store/store.h - records of surety's programs: keys with values and revisions, and a log that is cut by count.
 *
 * Records: a key is text of at most SU_STORE_KEY bytes, a value at most SU_STORE_VALUE bytes.  The revision of a key is
 * 1 when it is made and grows by one with each write; a write names the revision it expects, so that two writers
 * cannot undo each other's work unseen.
 * Log: entries of a subject, a kind and a text, numbered upwards; the oldest of a kind go when there are more of it
 * than asked, so that many of one kind do not push out those of another.
 *
 * SQLite, write-ahead log, one file.  A commit is on stable storage when the call returns.  Thread safe: the calls of
 * one store are serialized.  Several processes, and several stores of one process, may have the same file open: a write
 * waits for another's transaction, up to 10 seconds, and none is lost.
 * Failures: SU_E_IO "store.io" (a full disk, too: SQLite says so in the message), SU_E_CONFLICT "store.revision",
 * SU_E_MISSING "store.none", SU_E_RANGE "store.size", SU_E_FORMAT "store.format" (another version of surety made it, or
 * it is damaged). */
#pragma once
#include "base/buf.h"

enum { SU_STORE_KEY = 255, SU_STORE_VALUE = 64 << 10 };

struct su_store;
/* Made with mode 0600 when it is not there. */
int su_store_open(const char *path, struct su_store **out, struct su_err *e) SU_MUST_CHECK;
/* The same.  When the file system is full, this process has the store alone until there is room: what it has can be
 * read then, and each write succeeds or fails for itself.  Others fail to open it meanwhile.  Not of a store that is
 * new, or of an older version. */
int su_store_open_sparing(const char *path, struct su_store **out, struct su_err *e) SU_MUST_CHECK;
void su_store_close(struct su_store **s);

#define SU_STORE_REMEDY "Make room in the state directory, or let it be written to"
#define SU_STORE_ANY UINT64_MAX /* as an expected revision: whatever it is */

/* Appends the value; revision may be NULL. */
int su_store_get(struct su_store *s, const char *key, struct su_buf *value, uint64_t *revision,
                 struct su_err *e) SU_MUST_CHECK;
/* expected 0: the key must not exist. */
int su_store_put(struct su_store *s, const char *key, struct su_bytes value, uint64_t expected, uint64_t *revision,
                 struct su_err *e) SU_MUST_CHECK;
/* Whatever its revision, and without waiting for stable storage: for progress.  It outlives this process; a power cut
 * may take it, as long as nothing was written to the store in another way since. */
int su_store_put_lazy(struct su_store *s, const char *key, struct su_bytes value, struct su_err *e) SU_MUST_CHECK;
/* A key that is not there is fine with SU_STORE_ANY. */
int su_store_del(struct su_store *s, const char *key, uint64_t expected, struct su_err *e) SU_MUST_CHECK;

/* Every key with this prefix, which is not empty. */
int su_store_drop(struct su_store *s, const char *prefix, struct su_err *e) SU_MUST_CHECK;

/* Calls each for every key with this prefix, in the order of the keys, until it returns non-zero.  The store must not
 * be used from inside. */
typedef int (*su_store_each)(void *arg, const char *key, uint64_t revision, struct su_bytes value);
int su_store_list(struct su_store *s, const char *prefix, su_store_each each, void *arg,
                  struct su_err *e) SU_MUST_CHECK;

/* One transaction: all of it or nothing. */
struct su_store_write {
    const char *key; /* with value; NULL: an entry of the log */
    const char *subject, *text;
    const char *kind; /* of the entry; NULL: "" */
    struct su_bytes value;
    bool compare; /* the key has to be at revision expected, as for su_store_put */
    uint64_t expected;
};
/* keep_log: how many entries of each kind are kept, when there is one among them; a 64th of them more may be there. */
int su_store_batch(struct su_store *s, const struct su_store_write *w, size_t n, uint64_t keep_log,
                   struct su_err *e) SU_MUST_CHECK;

/* The newest entries first, below number `before` (0: from the newest), of this subject and kind (NULL: any), at most
 * max. */
struct su_store_which {
    const char *subject, *kind;
};
typedef int (*su_store_entry)(void *arg, uint64_t number, const char *subject, const char *text);
int su_store_log(struct su_store *s, const struct su_store_which *w, uint64_t before, unsigned max, su_store_entry each,
                 void *arg, struct su_err *e) SU_MUST_CHECK;
