/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/su.h - what every file may use: errors, cleanup, byte cursors, little-endian stores. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define SU_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define SU_MUST_CHECK __attribute__((warn_unused_result))
#define SU_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SU_MIB (UINT64_C(1) << 20)

/* Errors ------------------------------------------------------------------
 * The caller owns the struct; recording an error never allocates, so running
 * out of memory can be reported like anything else.  Functions return 0 or
 * -1 and fill *e exactly when they return -1; on -1 other outputs are left
 * as they were.  Library code never prints: the edge (cli/) does, once. */
enum su_kind {
    SU_OK = 0,
    SU_E_IO,       /* a device or a file failed; os_errno says how */
    SU_E_FORMAT,   /* bytes from outside are not what they claim to be */
    SU_E_RANGE,    /* a number or an extent does not fit */
    SU_E_CONFLICT, /* somebody else holds it, or the world changed under us */
    SU_E_MISSING,  /* a named thing does not exist */
    SU_E_REFUSED,  /* possible, but not safely: the remedy says what to do first */
    SU_E_NOMEM,
    SU_E_USAGE,
    SU_KIND_COUNT
};

struct su_err {
    enum su_kind kind;
    int os_errno;       /* 0 when no system call was involved */
    const char *id;     /* static; stable name for scripts, e.g. "disk.mbr.signature" */
    const char *remedy; /* static or NULL: one sentence, what to do about it */
    char msg[240];      /* one sentence, no trailing period */
};

int su_fail(struct su_err *e, enum su_kind kind, const char *id, const char *fmt, ...) SU_PRINTF(4, 5);
int su_fail_os(struct su_err *e, const char *id, const char *fmt, ...) SU_PRINTF(3, 4); /* appends strerror(errno) */
int su_fail_nomem(struct su_err *e, size_t wanted);
int su_context(struct su_err *e, const char *fmt, ...) SU_PRINTF(2, 3); /* prepends "...: "; returns -1 */
int su_remedy(struct su_err *e, const char *remedy); /* borrows a static string; returns -1 */
const char *su_kind_name(enum su_kind kind);

/* Cleanup ----------------------------------------------------------------- */
#define SU_AUTO(fn) __attribute__((cleanup(fn)))
static inline void su_freep(void *p)
{
    free(*(void **)p);
}
static inline void su_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define SU_FREE SU_AUTO(su_freep)
#define SU_CLOSE SU_AUTO(su_closep)
#define su_steal(pp) ({ __typeof__(*(pp)) taken_ = *(pp); *(pp) = NULL; taken_; })

/* Byte cursor -------------------------------------------------------------
 * Reads from the front of a borrowed range; a short range is false, never a
 * wild read.  Parsers take one of these and nothing else from outside. */
struct su_bytes {
    const uint8_t *p;
    size_t n;
};
bool su_skip(struct su_bytes *b, size_t n);
bool su_take(struct su_bytes *b, void *out, size_t n);
bool su_take_u8(struct su_bytes *b, uint8_t *out);
bool su_take_le16(struct su_bytes *b, uint16_t *out);
bool su_take_le32(struct su_bytes *b, uint32_t *out);
bool su_take_le64(struct su_bytes *b, uint64_t *out);
bool su_take_be16(struct su_bytes *b, uint16_t *out);
bool su_take_be32(struct su_bytes *b, uint32_t *out);
bool su_take_be64(struct su_bytes *b, uint64_t *out);

/* Unchecked loads and stores at a pointer the caller has bounded. */
uint16_t su_le16(const uint8_t *p);
uint32_t su_le32(const uint8_t *p);
uint64_t su_le64(const uint8_t *p);
uint16_t su_be16(const uint8_t *p);
uint32_t su_be32(const uint8_t *p);
uint64_t su_be64(const uint8_t *p);
void su_put_le16(uint8_t *p, uint16_t v);
void su_put_le32(uint8_t *p, uint32_t v);
void su_put_le64(uint8_t *p, uint64_t v);

bool su_all_zero(const uint8_t *p, size_t n);
uint64_t su_round_up(uint64_t v, uint64_t to); /* to > 0; saturates at the largest multiple below 2^64 */
