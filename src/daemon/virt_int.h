/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/virt_int.h - private to virt*.c and guestinfo.c. */
#pragma once
#include "daemon/daemon.h"
#include "daemon/legacy.h"
#include <stdatomic.h>

enum { SU_VIRT_DIRTY = 4096 };

struct su_virt {
    struct su_daemon *d;
    pthread_t thread;
    bool stopping; /* the thread's own */
    virConnectPtr conn;
    virConnectPtr shared; /* the same, for others: with the daemon's lock */
    unsigned retry_s;
    int64_t retry_at, ensure_at; /* CLOCK_MONOTONIC, seconds */
    atomic_bool closed;
    int tick; /* libvirt's timer that turns the thread */
    bool resync, look_at_legacy;
    char dirty[SU_VIRT_DIRTY][SU_UUID_TEXT]; /* domains whose XML has to be read again */
    size_t n_dirty;
    int watch_fd;        /* changes of nftables */
    atomic_uint at_work; /* who changes the network looks at it when that is done, and nobody before */

    pthread_mutex_t legacy_lock; /* of what follows; taken before the daemon's lock */
    struct su_legacy legacy;
    struct su_legacy_listeners listeners;
};

/* The connection, to be closed by the caller; NULL: there is none.  Any thread, without lock. */
virConnectPtr su_virt_borrow(struct su_daemon *d);
/* Its definition, which a running machine may not follow before its next start; false: there is none. */
bool su_virt_defined(virDomainPtr dom, struct su_vm_desc *out);
/* Reads its definition into the table.  Any thread, without lock. */
void su_virt_claim(struct su_virt *v, virDomainPtr dom);
/* Puts the legacy network in order, and tells the table and the listeners what came of it. */
void su_virt_legacy_look(struct su_virt *v);
/* With the legacy lock, which others may have meanwhile; struct su_legacy's pause. */
bool su_virt_legacy_pause(void *arg, unsigned ms);
/* With the legacy lock: the ports into the table. */
void su_virt_legacy_marks(struct su_virt *v);
void su_virt_legacy_done(struct su_virt *v);
