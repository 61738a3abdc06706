/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/hv_int.h - private to hv*.c: the connection, and how a call meets a broken one. */
#pragma once
#include "upgrade/hv.h"
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>

struct su_hv {
    pthread_mutex_t lock; /* of conn */
    virConnectPtr conn;   /* NULL: broke, and could not be made again yet */
    char uri[512];
    bool local, test, session;

    pthread_mutex_t caps_lock; /* of what follows; taken before lock, and held while libvirt is asked */
    struct su_hv_asked {
        char virt_type[16], arch[16], machine[32];
        int64_t until_ms; /* by su_monotonic_ms(); 0: not asked yet */
        struct su_hv_caps caps;
    } asked[4];
    uint32_t next_asked;
};

static inline void su_hv_domain_free(virDomainPtr *d)
{
    if (*d)
        virDomainFree(*d);
}
#define SU_HV_DOMAIN SU_AUTO(su_hv_domain_free)

/* libvirt's last error of this thread as ours, and resets it.  what: "reading the XML"; dom: of whom, or NULL. */
int su_hv_fail(struct su_err *e, const char *what, virDomainPtr dom);

/* What to do when the connection broke while a call was under way. */
enum su_hv_again {
    SU_HV_REPEAT, /* the call changes nothing, or leads to the same state however often it is made */
    SU_HV_ONCE    /* fails: only the caller can know whether it happened */
};
/* Returns 0, or -1 with *e; by su_hv_fail() when libvirt refused. */
typedef int (*su_hv_call)(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e);
/* uuid NULL: dom is NULL. */
int su_hv_do(struct su_hv *hv, const char *uuid, enum su_hv_again again, su_hv_call call, void *arg,
             struct su_err *e) SU_MUST_CHECK;

enum su_hv_run su_hv_run_of(int state); /* of a virDomainState */
void su_hv_nap(unsigned ms);
