/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/legacy_int.h - what the files of the legacy network share. */
#pragma once
#include "legacy_plan.h"
#include <libvirt/virterror.h>

enum { SU_LEGACY_LISTING = 64 << 20 }; /* bytes of nft's output, with everything the kernel learned */

/* What this process put into the kernel, to see whether somebody changed it. */
struct su_legacy_applied {
    struct su_legacy_port *ports; /* owned, by UUID */
    size_t n;
    struct su_buf listing; /* "nft list" right after; empty: unknown */
};

struct su_legacy_ports {
    struct su_legacy_port *p; /* owned */
    size_t n;
};
/* Kept in the order of the UUIDs; number 0: not known, and does not replace a known one. */
void su_legacy_ports_done(struct su_legacy_ports *p);
int su_legacy_ports_add(struct su_legacy_ports *p, const char *uuid, uint32_t number, struct su_err *e) SU_MUST_CHECK;
void su_legacy_ports_drop(struct su_legacy_ports *p, const char *uuid);

static inline void su_dom_freep(virDomainPtr *d)
{
    if (*d)
        virDomainFree(*d);
}
static inline void su_net_freep(virNetworkPtr *n)
{
    if (*n)
        virNetworkFree(*n);
}
static inline void su_filter_freep(virNWFilterPtr *f)
{
    if (*f)
        virNWFilterFree(*f);
}

/* Records libvirt's last error. */
int su_legacy_lv_fail(struct su_err *e, const char *what);
int su_legacy_online(struct su_legacy *l, struct su_err *e) SU_MUST_CHECK;
/* *out NULL when there is none. */
int su_legacy_network(struct su_legacy *l, virNetworkPtr *out, struct su_err *e) SU_MUST_CHECK;
int su_legacy_filter(struct su_legacy *l, virNWFilterPtr *out, struct su_err *e) SU_MUST_CHECK;

/* legacy_store.c: the operator's wish and the numbers of ports. */
struct su_legacy_record {
    bool fwmark_was_off; /* to be put back by disable */
};
/* *there: enabled */
int su_legacy_record_get(struct su_legacy *l, struct su_legacy_record *r, bool *there, struct su_err *e) SU_MUST_CHECK;
int su_legacy_record_put(struct su_legacy *l, const struct su_legacy_record *r, struct su_err *e) SU_MUST_CHECK;
int su_legacy_record_drop(struct su_legacy *l, struct su_err *e) SU_MUST_CHECK; /* and all numbers */
int su_legacy_number(struct su_legacy *l, const char *uuid, uint32_t *out, struct su_err *e) SU_MUST_CHECK;
/* For many: used are all that there are, to which it is added. */
int su_legacy_number_of(struct su_legacy *l, struct su_legacy_ports *used, const char *uuid, uint32_t *out,
                        struct su_err *e) SU_MUST_CHECK;
int su_legacy_number_drop(struct su_legacy *l, const char *uuid, struct su_err *e) SU_MUST_CHECK;
/* All that have one. */
int su_legacy_numbers(struct su_legacy *l, struct su_legacy_ports *out, struct su_err *e) SU_MUST_CHECK;

/* Grants that are begun, until they have ended.  Begin counts in l->granting. */
int su_legacy_begin(struct su_legacy *l, const struct su_legacy_want *w, size_t n, struct su_err *e) SU_MUST_CHECK;
int su_legacy_begun_drop(struct su_legacy *l, const char *uuid, struct su_err *e) SU_MUST_CHECK;
/* Those that nobody works on any more are brought to their end.  What cannot be now is tried again at the next call. */
void su_legacy_resume(struct su_legacy *l);
/* legacy_vm.c */
int su_legacy_must_be_on(struct su_legacy *l, struct su_err *e) SU_MUST_CHECK; /* "legacy.disabled" */
/* A card without the record of its grant gets that. */
int su_legacy_complete(struct su_legacy *l, const char *uuid, struct su_err *e) SU_MUST_CHECK;

enum { SU_LEGACY_LET_GO_MS = 30000, SU_LEGACY_LOOK_MS = 200 };
/* Until the next look at what a guest has to do; false: it is not waited for any longer. */
bool su_legacy_pause(struct su_legacy *l, unsigned *left_ms);

/* legacy_many.c: fills dev, mac and clash. */
int su_legacy_clashes(struct su_legacy *l, struct su_legacy_want *w, size_t n, struct su_err *e) SU_MUST_CHECK;

/* legacy_ports.c: which ports are to be open, and opening them. */
int su_legacy_dom_facts(virDomainPtr dom, bool inactive, struct su_legacy_dom *out, struct su_err *e) SU_MUST_CHECK;
int su_legacy_collect(struct su_legacy *l, struct su_legacy_ports *out, struct su_err *e) SU_MUST_CHECK;
int su_legacy_apply(struct su_legacy *l, const struct su_legacy_ports *want, bool *changed,
                    struct su_err *e) SU_MUST_CHECK;
int su_legacy_unapply(struct su_legacy *l, struct su_err *e) SU_MUST_CHECK;
/* Whether the tables are as they were made; unknown (nothing applied by this process) counts as not. */
int su_legacy_tables_intact(struct su_legacy *l, bool *out, struct su_err *e) SU_MUST_CHECK;

/* legacy_net.c: libvirt's network and filter, the bridge, sysctls. */
/* Fails when libvirt has a network or a filter of our name that is somebody else's: it is never touched. */
int su_legacy_foreign(struct su_legacy *l, struct su_err *e) SU_MUST_CHECK;
int su_legacy_filter_ensure(struct su_legacy *l, bool *changed, struct su_err *e) SU_MUST_CHECK;
int su_legacy_network_ensure(struct su_legacy *l, bool *changed, struct su_err *e) SU_MUST_CHECK;
int su_legacy_bridge_ensure(struct su_legacy *l, const struct su_legacy_ports *ports, bool *changed,
                            struct su_err *e) SU_MUST_CHECK;
int su_legacy_network_remove(struct su_legacy *l, bool *changed, struct su_err *e) SU_MUST_CHECK;
/* What is wrong with the network, NULL: nothing; static. */
int su_legacy_network_wrong(struct su_legacy *l, virNetworkPtr net, const char **wrong, struct su_err *e) SU_MUST_CHECK;
#define SU_LEGACY_SYSCTL "/proc/sys/net/ipv4/tcp_fwmark_accept"
/* Sets the file to text unless it says so already. */
int su_legacy_set(struct su_legacy *l, const char *path, const char *text, bool *changed,
                  struct su_err *e) SU_MUST_CHECK;
bool su_legacy_exists(struct su_legacy *l, const char *path); /* of /sys and /proc: can be read */
void su_legacy_net_path(char out[128], const char *dev, const char *file);
bool su_legacy_has_address(struct su_bytes addr_json, const char *address);
