/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/ipc.h - messages between surety's own programs, over Unix sockets of type SEQPACKET.
 *
 * The kernel keeps the boundaries of messages and tells who the peer is; a message may carry one file descriptor.
 * Frame: u8 operation, u8 version (SU_IPC_VERSION), u16 zero, u32 sequence, body; big endian.  An answer has the
 * sequence of its question.  What is inside a body stands in wire/sign.h and wire/imds.h.
 *
 * Failures: SU_E_IO "ipc.io", SU_E_CONFLICT "ipc.closed" (the peer went away), SU_E_FORMAT "ipc.frame",
 * SU_E_RANGE "ipc.size", SU_E_REFUSED "ipc.peer".  Each call is safe from several threads on different sockets. */
#pragma once
#include "base/buf.h"
#include <sys/types.h>

enum { SU_IPC_VERSION = 1, SU_IPC_HEADER = 8, SU_IPC_MAX = 64 << 10 /* bytes of a frame */ };

struct su_ipc_msg {
    uint8_t op;
    uint32_t seq;
    struct su_bytes body; /* borrowed from the buffer given to su_ipc_recv */
    int fd;               /* owned by the caller when >= 0, close-on-exec */
};

/* A listening socket at path (mode bits as given; a stale socket there is replaced).  Not blocking, close-on-exec. */
int su_ipc_listen(const char *path, unsigned mode, int *fd, struct su_err *e) SU_MUST_CHECK;
int su_ipc_connect(const char *path, int *fd, struct su_err *e) SU_MUST_CHECK;
/* 0 and *fd = -1 when nobody waits.  The peer's user must be root, our own or allow_uid ((uid_t)-1: nobody else);
 * others are closed without a byte.  The new socket is not blocking. */
int su_ipc_accept(int listener, uid_t allow_uid, int *fd, struct su_err *e) SU_MUST_CHECK;

/* Sends one frame; fd < 0: none, else borrowed.  A socket that is full: SU_E_CONFLICT "ipc.full", nothing sent. */
int su_ipc_send(int sock, uint8_t op, uint32_t seq, struct su_bytes body, int fd, struct su_err *e) SU_MUST_CHECK;
/* One frame into buf (cap >= SU_IPC_MAX for all that may come).  Returns 1 with *out set, 0 when none is there (not
 * blocking socket), -1 on failure. */
int su_ipc_recv(int sock, uint8_t *buf, size_t cap, struct su_ipc_msg *out, struct su_err *e) SU_MUST_CHECK;
/* Sends a question and waits up to timeout_ms for the answer with its sequence; other frames that come meanwhile are
 * SU_E_FORMAT.  For sockets on which we alone ask, one question at a time.  SU_E_IO "ipc.timeout". */
int su_ipc_ask(int sock, uint8_t op, struct su_bytes body, int fd, int timeout_ms, uint8_t *buf, size_t cap,
               struct su_ipc_msg *out, struct su_err *e) SU_MUST_CHECK;
