/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/vmtab.h - the table of VMs: who claims to be which VM, what follows from it, and what surety-signer and
 * surety-imds have been told of it.
 *
 * Sources (libvirt, each file of vms.d) claim VMs.  A VM is served when exactly one running claim has its UUID and
 * nobody else running has its context id, mark or socket: a second claim cuts off both, since which of them is true
 * cannot be known.
 *
 * The order in which the peers are told is a promise:
 *   - a route leaves surety-imds, and that is acknowledged, before a route with its context id or mark goes there;
 *   - the facts are acknowledged by surety-signer before the route goes to surety-imds;
 *   - facts leave surety-signer after the route left surety-imds.
 *
 * Pure but for memory; not thread safe. */
#pragma once
#include "daemon/asking.h"
#include "daemon/desc.h"

enum su_vm_peer { SU_PEER_SIGNER, SU_PEER_IMDS, SU_PEERS };

/* What is kept of a claim's struct su_vm_desc. */
struct su_vm_kept {
    char uuid[SU_UUID_TEXT];
    char name[SU_VM_NAME];
    bool running, secure_boot, vtpm, custom_command;
    bool vsock_device, agent_channel, vsock_later, agent_later;
    uint32_t cid;
    char socket[108], pid_file[512], firmware[8], security_type[32];
    struct su_buf facts, instance; /* of a running one: what is signed, and /metadata/instance; empty: none */
};

/* A VM by its UUID. */
struct su_vm {
    char uuid[SU_UUID_TEXT];
    char name[SU_VM_NAME];
    struct su_vm_kept *desc; /* borrowed from the claim that counts; NULL: nobody claims it any more */
    char source[300];        /* of that claim */
    unsigned n_claims;
    uint32_t mark;                     /* of its port on the legacy network; 0: it has none */
    bool granted;                      /* the legacy network, running or not */
    bool granted_later;                /* its card comes with its next start */
    bool wanted;                       /* to be served */
    char problem_id[32], problem[240]; /* why not, while it runs; "" */
    struct su_buf facts, route;        /* messages, as they should be at the peers */
    uint64_t facts_rev, route_rev;     /* grow with each change; 0: never made */
    struct {
        uint64_t rev, refused; /* what it has, and what it did not take; 0: nothing */
        uint32_t cid, mark;
    } at[SU_PEERS];
    uint64_t last_document, last_verified; /* seconds since 1970; 0: never */
    uint64_t runs_since;    /* seconds since 1970; what was verified before was another run of it; 0: not known */
    bool seen_off;          /* it did not run when it was looked at last */
    bool seen;              /* it was looked at */
    char last_result[64];   /* of what the guest said about its last verification */
    uint8_t last_transport; /* enum su_transport */
    bool recalled;          /* the four above were read from the store */
    char logged_id[32];     /* the problem that was told last */
    struct su_asking ask;   /* guestinfo.c: when its agent is asked next */
};

struct su_vm_claim;
struct su_vmtab {
    struct su_vm **vm; /* in the order of their UUIDs; owned */
    size_t n, cap;
    struct su_vm_claim *claim; /* owned */
    size_t n_claims, cap_claims;
    uint64_t rev;
    uint64_t round; /* of begin and end */
    bool dirty;
    uint64_t ended; /* grows when a claim stops running or goes */
};
enum { SU_VMTAB_MAX = 4096 }; /* as many as surety-imds takes */

void su_vmtab_done(struct su_vmtab *t);

/* A run of it begins now, after all that was verified until now: in this second, too. */
static inline void su_vm_begins(struct su_vm *vm, uint64_t now)
{
    vm->runs_since = vm->last_verified == now ? now + 1 : now;
}

/* A claim is replaced by a later one of the same source for the same UUID.  SU_E_RANGE "vm.too-many".  When the
 * messages of a running one cannot be made ("vm.instance"), the claim counts, and the VM is cut off. */
int su_vmtab_claim(struct su_vmtab *t, const char *source, const struct su_vm_desc *d, const struct su_host_conf *c,
                   struct su_err *e) SU_MUST_CHECK;
void su_vmtab_unclaim(struct su_vmtab *t, const char *source, const char *uuid);
/* The claim stays, but does not run any more. */
void su_vmtab_stopped(struct su_vmtab *t, const char *source, const char *uuid);
/* A source lists all that it has: what it did not claim between begin and end, it does not claim any more. */
uint64_t su_vmtab_begin(struct su_vmtab *t);
void su_vmtab_end(struct su_vmtab *t, const char *source, uint64_t round);

/* Who was granted the legacy network, with the port (mark 0: none now); a VM that is not among them was not. */
struct su_vm_mark {
    char uuid[SU_UUID_TEXT];
    uint32_t mark;
    bool later;
};
void su_vmtab_marks(struct su_vmtab *t, const struct su_vm_mark *m, size_t n);
/* Takes its mark from one VM, until su_vmtab_marks says something else. */
void su_vmtab_unmark(struct su_vmtab *t, const char *uuid);

/* Computes who is served, after changes; nothing to do otherwise. */
int su_vmtab_resolve(struct su_vmtab *t, struct su_err *e) SU_MUST_CHECK;

struct su_vm *su_vmtab_find(const struct su_vmtab *t, const char *uuid); /* borrowed; NULL: none */
/* By UUID or by name.  SU_E_MISSING "vm.none", SU_E_CONFLICT "vm.ambiguous". */
int su_vmtab_lookup(const struct su_vmtab *t, const char *name, struct su_vm **out, struct su_err *e) SU_MUST_CHECK;

enum su_vm_change { SU_VM_NOTHING, SU_VM_PUT, SU_VM_REMOVE };
/* What this peer has to be told next; until a table that changed is resolved, only what it has to let go of.
 * *vm is valid until the table changes. */
enum su_vm_change su_vmtab_next(struct su_vmtab *t, enum su_vm_peer peer, struct su_vm **vm);
/* The peer's answer to a change of the VM with this UUID: rev, cid and mark are those of the moment it was sent. */
struct su_vm_sent {
    char uuid[SU_UUID_TEXT];
    enum su_vm_change change;
    uint64_t rev;
    uint32_t cid, mark;
};
void su_vmtab_sent(struct su_vm *vm, enum su_vm_peer peer, enum su_vm_change change, struct su_vm_sent *out);
/* From the moment of sending the peer may have it. */
void su_vmtab_answered(struct su_vmtab *t, enum su_vm_peer peer, const struct su_vm_sent *sent,
                       const struct su_err *no);
/* The peer has nothing any more (a new connection, cleared). */
void su_vmtab_forgot(struct su_vmtab *t, enum su_vm_peer peer);
