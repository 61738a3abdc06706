/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/legacy.h - the network for VMs that have no vsock: enable, disable, grant, revoke, look, repair.
 *
 * What is made (docs/legacy-network.md says why):
 *   libvirt network SU_LEGACY_NAME   a bridge without uplink, isolated ports, 169.254.169.254 and .253, no DNS, no DHCP
 *   libvirt nwfilter SU_LEGACY_NAME  what is left when nftables is flushed: TCP 80 of those addresses, nothing forged
 *   nftables "bridge surety"         a port is an identity: its frames get its mark, and its own source address
 *   nftables "inet surety"           TCP 80 to those addresses, nothing else from or to the bridge
 *   nftables "arp surety"            nothing from a port that did not come through the bridge
 *   net.ipv4.tcp_fwmark_accept = 1   SO_MARK of an accepted socket is the mark of the port
 *   per VM: one <interface> with a fixed name and MAC, and metadata in the domain that records the grant
 *
 * suretyd owns one struct su_legacy.  Calls are not thread safe: one at a time, from any thread; they block (libvirt,
 * nft; some seconds at most, and LET_GO_MS for a guest that has to let go of its card: others may come in then, see
 * pause).  All are idempotent, and repair what is damaged.
 *
 * When suretyd calls what:
 *   - at start, after each reconnect to libvirt, on network events, domain STARTED, STOPPED, DEFINED, DEVICE_REMOVED,
 *     METADATA_CHANGE, when su_legacy_watch()'s descriptor becomes readable (drain it after the call), and once a
 *     minute: su_legacy_ensure(), then su_legacy_listen(), then routes to surety-imds from the ports.  All three are
 *     cheap when nothing has changed;
 *   - before su_legacy_disable(): close the listeners (SU_IMDS_UNLISTEN, su_legacy_unlisten());
 *   - before su_legacy_revoke(): take the mark away from surety-imds (SU_IMDS_VM_PUT with mark 0), so that it closes
 *     the connections of the VM.
 *
 * Failures, beside those of store.h and base/child.h:
 *   legacy.enrolled   SU_E_REFUSED   the host is not enrolled
 *   legacy.libvirt    SU_E_IO        libvirt said no; the message is its own
 *   legacy.offline    SU_E_CONFLICT  no connection to libvirt
 *   legacy.tool       SU_E_MISSING   nft or ip is not there, or too old
 *   legacy.kernel     SU_E_MISSING   the kernel lacks something (tcp_fwmark_accept, nftables for bridges)
 *   legacy.cloud      SU_E_REFUSED   the host is itself a VM in a cloud, which has a metadata service there
 *   legacy.address    SU_E_CONFLICT  169.254.169.253 or .254 is used by another interface, or routed elsewhere
 *   legacy.bridge     SU_E_CONFLICT  an interface with the bridge's name, or a network with ours, is not ours
 *   legacy.filter     SU_E_CONFLICT  the same of a network filter
 *   legacy.disabled   SU_E_REFUSED   grant, listen: enable first
 *   legacy.attached   SU_E_REFUSED   disable: VMs are attached; the message names them
 *   legacy.vm         SU_E_MISSING   no such VM
 *   legacy.poweroff   SU_E_REFUSED   the VM runs and cannot take a network card now
 *   legacy.clash      SU_E_CONFLICT  another VM has this VM's interface name or MAC
 *   legacy.mode       SU_E_USAGE     [legacy] mode is unknown
 *   legacy.full       SU_E_RANGE     SU_LEGACY_PORTS VMs are granted */
#pragma once
#include "store/store.h"
#include "wire/hostconf.h"
#include <libvirt/libvirt.h>

#define SU_LEGACY_NAME "surety-imds" /* of the network and of the filter */
#define SU_LEGACY_IP_HCI "169.254.169.253"
#define SU_LEGACY_IP_IMDS "169.254.169.254"
enum {
    SU_LEGACY_PORTS = 32000,     /* VMs with a grant */
    SU_LEGACY_MARK = 0x53550000, /* mark of port 0; the mark of port n is this + n, n from 1 */
    SU_LEGACY_DEV = 16,          /* interface names, with the NUL */
    SU_LEGACY_MAC = 18,          /* "5a:..", with the NUL */
    SU_LEGACY_ADDRESS = 16,
    SU_LEGACY_PROBLEM = 240
};

/* What is done to the host outside libvirt.  Paths are those of /proc/sys and /sys. */
struct su_legacy_host {
    /* As su_child_run: argv ends with NULL; input for stdin; out may be NULL. */
    int (*run)(void *arg, const char *const *argv, struct su_bytes input, struct su_buf *out, struct su_err *e);
    /* First line without its end.  SU_E_MISSING "legacy.kernel" when there is no such file. */
    int (*read)(void *arg, const char *path, char *out, size_t cap, struct su_err *e);
    int (*write)(void *arg, const char *path, const char *text, struct su_err *e);
    void *arg;
};
extern const struct su_legacy_host su_legacy_real_host;

struct su_legacy {
    virConnectPtr conn;                /* borrowed; NULL while there is none: set it anew after a reconnect */
    const struct su_host_conf *conf;   /* borrowed */
    struct su_store *store;            /* borrowed; records below "legacy/" */
    const struct su_legacy_host *host; /* borrowed */
    bool enrolled;                     /* kept up to date by suretyd */
    /* Lets others call, for so long; false: the wait is given up.  NULL: sleeps. */
    bool (*pause)(void *arg, unsigned ms);
    void *pause_arg;
    unsigned granting;                 /* grants under way: what is half done of them is no damage */
    bool settled;                      /* no other one is half done, as far as this process knows */
    struct su_legacy_applied *applied; /* owned, NULL at first: what this process put in place; su_legacy_done frees */
};
void su_legacy_done(struct su_legacy *l);

/* VMs ------------------------------------------------------------------------------------------------------------- */
enum su_legacy_state {
    SU_LEGACY_NONE = 0,   /* no grant, no interface */
    SU_LEGACY_CONNECTED,  /* runs, and its port is open */
    SU_LEGACY_CONFIGURED, /* granted; connected with its next start */
    SU_LEGACY_DETACHING,  /* revoked, its port is closed; the guest has not let go of the card yet */
    SU_LEGACY_BROKEN      /* problem says why */
};
const char *su_legacy_state_name(enum su_legacy_state s); /* "connected" ...; static */

struct su_legacy_vm {
    char uuid[SU_UUID_TEXT];
    char name[SU_VM_NAME];
    enum su_legacy_state state;
    bool running;
    char mac[SU_LEGACY_MAC];
    char dev[SU_LEGACY_DEV];
    char address[SU_LEGACY_ADDRESS]; /* the peer address the host sees, whatever the guest has given itself */
    uint32_t mark;                   /* != 0 exactly when CONNECTED: for su_vm_route.mark */
    char problem[SU_LEGACY_PROBLEM]; /* "" or one sentence */
};
/* Zero is an empty list. */
struct su_legacy_vms {
    struct su_legacy_vm *vm; /* owned */
    size_t n;
};
void su_legacy_vms_done(struct su_legacy_vms *v);

/* One row per VM with a grant or with an interface on the network, by name. */
int su_legacy_list(struct su_legacy *l, struct su_legacy_vms *out, struct su_err *e) SU_MUST_CHECK;

enum {
    SU_LEGACY_CONFIG_ONLY = 1, /* do not touch the running machine: from the next start on */
    SU_LEGACY_PREPARED = 2,    /* su_legacy_prepare() was called, and su_legacy_ensure() will be */
    SU_LEGACY_NO_WAIT = 4      /* revoke: not for the guest, which has been asked to let go of the card */
};
/* Before many grants: what each of them would ask of all VMs is asked once, and ports are opened in one go. */
struct su_legacy_want {
    char uuid[SU_UUID_TEXT], name[SU_VM_NAME];
    bool running;
    char dev[SU_LEGACY_DEV], mac[SU_LEGACY_MAC]; /* filled */
    char clash[SU_VM_NAME];                      /* filled: the VM that has its interface's name or MAC; "": none */
};
int su_legacy_prepare(struct su_legacy *l, struct su_legacy_want *w, size_t n, struct su_err *e) SU_MUST_CHECK;
/* After them.  all: none failed.  What was cut off in the middle, or failed there, is brought to its end by the next
 * su_legacy_ensure(): a VM has both, card and grant, or neither. */
void su_legacy_granted(struct su_legacy *l, bool all);
int su_legacy_fail_clash(const struct su_legacy_want *w, struct su_err *e); /* "legacy.clash"; -1 */
/* vm: a name or a UUID.  *changed: false when it was granted already.  out may be NULL. */
int su_legacy_grant(struct su_legacy *l, const char *vm, unsigned flags, struct su_legacy_vm *out, bool *changed,
                    struct su_err *e) SU_MUST_CHECK;
/* The port is closed when this returns, even if the guest keeps the card (out->state is DETACHING then). */
int su_legacy_revoke(struct su_legacy *l, const char *vm, unsigned flags, struct su_legacy_vm *out, bool *changed,
                     struct su_err *e) SU_MUST_CHECK;

/* The host -------------------------------------------------------------------------------------------------------- */
/* All that may stand in the way, in order, nothing changed. */
int su_legacy_preflight(struct su_legacy *l, struct su_err *e) SU_MUST_CHECK;
/* *changed: something was made or repaired.  On failure what this call made is taken away again. */
int su_legacy_enable(struct su_legacy *l, bool *changed, struct su_err *e) SU_MUST_CHECK;
int su_legacy_disable(struct su_legacy *l, bool remove_vms, bool *changed, struct su_err *e) SU_MUST_CHECK;
/* Whether the operator wants it (the record in the store), not whether it works. */
int su_legacy_enabled(struct su_legacy *l, bool *out, struct su_err *e) SU_MUST_CHECK;
/* Puts in order what belongs to the host: tables, sysctls, network, filter, ports.  Does nothing when not enabled, and
 * touches nothing that is as it should be.  *changed: something was repaired. */
int su_legacy_ensure(struct su_legacy *l, bool *changed, struct su_err *e) SU_MUST_CHECK;

enum { SU_LEGACY_FINDINGS = 16 };
struct su_legacy_finding {
    const char *id;     /* static: "legacy.network", "legacy.nftables" ...; stable */
    const char *remedy; /* static */
    char text[SU_LEGACY_PROBLEM];
};
struct su_legacy_findings {
    size_t n;
    struct su_legacy_finding finding[SU_LEGACY_FINDINGS];
};
/* What is broken, by name; nothing when legacy support is off and left nothing behind.  Changes nothing. */
int su_legacy_check(struct su_legacy *l, struct su_legacy_findings *out, struct su_err *e) SU_MUST_CHECK;

/* Listeners ------------------------------------------------------------------------------------------------------- */
enum { SU_LEGACY_LISTENERS = 2 };
struct su_legacy_listeners {
    size_t n;
    unsigned ifindex; /* of the bridge they are bound to */
    struct {
        char name[64]; /* "legacy:169.254.169.254": su_imds_listener.name; SU_BY_MARK, SU_OVER_HTTP */
        int fd;        /* owned; not blocking, close-on-exec, listening */
    } listener[SU_LEGACY_LISTENERS];
};
/* TCP 80 of both addresses, bound to the bridge.  Zero *s before the first call.  *changed: they are other sockets than
 * before (the first call, or the bridge was made anew), or none any more: tell surety-imds. */
int su_legacy_listen(struct su_legacy *l, struct su_legacy_listeners *s, bool *changed, struct su_err *e) SU_MUST_CHECK;
void su_legacy_unlisten(struct su_legacy_listeners *s);

/* A descriptor that becomes readable when somebody changes nftables (a firewall that reloads, "nft flush ruleset").
 * Not blocking, close-on-exec, owned by the caller. */
int su_legacy_watch(int *fd, struct su_err *e) SU_MUST_CHECK;
void su_legacy_watch_drain(int fd);
