/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/daemon.h - private to suretyd: what its threads share.
 *
 *   main     the event loop: peers, table, listeners, timers.  Holds lock while it dispatches.
 *   virt     libvirt's events and queries, the legacy network
 *   sync     one job at a time with the authority: sync, enrol, remove
 *   audit    writes what happened to the store
 *   jobs     looks for jobs that nobody runs
 *   api      a thread a connection (net/httpd.h)
 *
 * lock guards everything below it.  Order: legacy lock (virt.c), lock, audit lock; none is held while waiting for the
 * network, libvirt, a tool or the disk, but for the legacy lock, which is there for that. */
#pragma once
#include "benefit/benefit.h"
#include "daemon/peer.h"
#include "daemon/state.h"
#include "daemon/vmtab.h"
#include "jobs/batch.h"
#include "net/httpd.h"
#include "store/store.h"
#include "wire/imds.h"
#include "wire/sign.h"
#include <pthread.h>

struct su_listener {
    struct su_imds_listener l;
    int fd;         /* owned */
    char path[120]; /* of a Unix socket, removed at the end; "" */
    bool told;      /* surety-imds has it */
    bool refused;   /* it did not take it; not again on this connection */
    bool gone;      /* to be taken away */
};

/* What surety-signer says of itself and its certificate. */
struct su_signer_copy {
    char key[256], serial[64];
    uint64_t signed_documents;
    struct su_buf leaf, chain, roots;
};

struct su_server_record { /* STATE/host/state.db, "server" */
    char authority[512];
    uint64_t last_sync, last_attempt;
    uint8_t outcome; /* enum su_sync_outcome */
    char problem_id[64], problem[240], problem_remedy[160];
    char revoked_serial[64];
};

struct su_virt;
struct su_sync;
struct su_audit;
struct su_runner;
struct su_guests;

struct su_daemon {
    struct su_host_conf conf; /* constant after start */
    char state_dir[200], run_dir[200];
    struct su_store *store; /* thread safe */
    struct su_audit *audit; /* the same */
    struct su_sync *sync;   /* the same */
    struct su_virt *virt;   /* the same */
    struct su_jobs jobs;    /* the same */
    struct su_runner *runner;
    struct su_guests *guests;
    const char *benefits_dir, *own_benefits_dir; /* constant after start */
    bool jobs_watched;                           /* the thread of jobs.c runs */
    int wake_fd;                                 /* eventfd: main looks again */
    int stop_fd;                                 /* eventfd: every thread ends */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC; something a waiting handler looks at */
    sd_event *ev;
    struct su_peer signer, imds;
    struct su_vmtab vms;
    struct su_benefits benefits;  /* read at start and on SIGHUP */
    struct su_listener *listener; /* owned */
    size_t n_listeners;
    bool legacy_known, legacy_enabled; /* the network for VMs without vsock */
    bool libvirt_here;                 /* facts about all running domains arrived once */
    bool vms_complete;                 /* and so did those of files: a VM that appears is new on this host */
    struct su_server_facts facts;
    struct su_server_state state; /* as last computed */
    char authority[512];
    char revoked_serial[64]; /* as the record has it */
    uint64_t next_sync;      /* wall clock, for people */
    struct su_signer_copy copy;
    struct su_imds_status imds_status;
    struct su_buf host_message; /* for surety-imds, as it should be there */
    struct {
        bool cleared, status_due;
        uint8_t asked;
        struct su_vm_sent sent;
    } at_signer;
    struct {
        bool cleared, status_due;
        uint8_t asked;
        uint64_t host_rev;  /* what it has */
        char listener[128]; /* of the question under way */
        struct su_vm_sent sent;
    } at_imds;
    uint64_t host_rev;
};

uint64_t su_now(void); /* seconds since 1970 */
/* Lets the main thread look at everything again.  From any thread, with or without lock. */
void su_daemon_wake(struct su_daemon *d);
/* Main thread: table, state and peers after a change. */
void su_daemon_refresh(struct su_daemon *d);
/* With lock: computes the state anew and logs when it changed. */
void su_daemon_state(struct su_daemon *d);
int su_daemon_path(const char *dir, const char *name, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;
static inline void su_unlockp(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}
#define SU_HOLD_NAME_(a, b) a##b
#define SU_HOLD_NAME(a, b) SU_HOLD_NAME_(a, b)
static inline pthread_mutex_t *su_lock(pthread_mutex_t *m)
{
    pthread_mutex_lock(m);
    return m;
}
/* Until the end of the block. */
#define SU_HOLD(m)                                                                                                     \
    pthread_mutex_t *SU_HOLD_NAME(held_, __LINE__) SU_AUTO(su_unlockp) __attribute__((unused)) = su_lock(m)

extern const struct su_peer_ops su_signer_ops, su_imds_ops;

/* listen.c: with lock */
void su_listeners_vsock(struct su_daemon *d); /* tries when there is none */
void su_listeners_vms(struct su_daemon *d);   /* a socket for each wanted VM that has one */
/* Adds a listener; fd is duplicated. */
int su_listeners_add(struct su_daemon *d, const char *name, uint8_t identify, uint8_t transport, const char *uuid,
                     int fd, const char *path, struct su_err *e) SU_MUST_CHECK;
void su_listeners_drop(struct su_daemon *d, const char *prefix); /* all whose name starts so */
bool su_listeners_lost(struct su_daemon *d);                     /* somebody removed a VM's socket: it is gone, too */
void su_listeners_sweep(struct su_daemon *d);                    /* those that are gone and that imds does not have */
bool su_listeners_at_imds(const struct su_daemon *d, const char *prefix);
void su_listeners_done(struct su_daemon *d);

/* audit.c */
int su_audit_start(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
void su_audit_stop(struct su_daemon *d); /* what is queued is written */
/* With lock: a record of surety-imds. */
void su_audit_take(struct su_daemon *d, const struct su_imds_audit *a);
/* Without lock: what a manager did. */
struct su_audit_act {
    uid_t uid;
    const char *action, *on, *name; /* on: UUID, or what was named; name: of the VM; never NULL */
    const char *result, *detail;    /* "ok" or the error's id; a sentence or "" */
};
void su_audit_did(struct su_daemon *d, const struct su_audit_act *a);
/* With lock, once the VM is in the table: what the store remembers of it. */
void su_audit_recall(struct su_daemon *d, struct su_vm *vm);

/* sync.c: without lock */
int su_sync_start(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
/* Nobody waits for a job any more, and none is begun; others may still call. */
void su_sync_end(struct su_daemon *d);
/* After su_sync_end(), when nobody calls any more. */
void su_sync_stop(struct su_daemon *d);
/* Each waits for the end of the job, up to two minutes.  SU_E_CONFLICT "server.busy". */
int su_sync_now(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
int su_sync_enrol(struct su_daemon *d, const char *authority, const char *token, struct su_err *e) SU_MUST_CHECK;
int su_sync_remove(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;

/* record.c */
int su_record_load(struct su_store *s, struct su_server_record *out, struct su_err *e) SU_MUST_CHECK;
int su_record_save(struct su_store *s, const struct su_server_record *r, struct su_err *e) SU_MUST_CHECK;
/* With lock: what of it belongs to the facts. */
void su_record_to_facts(struct su_daemon *d, const struct su_server_record *r);

/* virt.c, virt_legacy.c: without lock */
int su_virt_start(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
void su_virt_stop(struct su_daemon *d);
/* The legacy network: one call at a time, may take seconds.  json: the answer (legacy_json.h), owned by the caller. */
struct json_t;
int su_virt_legacy_show(struct su_daemon *d, struct json_t **json, struct su_err *e) SU_MUST_CHECK;
int su_virt_legacy_enable(struct su_daemon *d, bool *changed, struct su_err *e) SU_MUST_CHECK;
int su_virt_legacy_disable(struct su_daemon *d, bool remove_vms, bool *changed, struct su_err *e) SU_MUST_CHECK;
int su_virt_legacy_grant(struct su_daemon *d, const char *vm, bool config_only, struct json_t **json, bool *changed,
                         struct su_err *e) SU_MUST_CHECK;
int su_virt_legacy_revoke(struct su_daemon *d, const char *vm, struct json_t **json, bool *changed,
                          struct su_err *e) SU_MUST_CHECK;
/* Every VM of libvirt without a vsock device and without a grant.  Lists of {"uuid", "name", "next", "changed", "vm"}
 * and {"uuid", "name", "id", "detail", "remedy"}, owned by the caller.  -1: none could be begun. */
int su_virt_legacy_grant_all(struct su_daemon *d, struct json_t **granted, struct json_t **failed,
                             struct su_err *e) SU_MUST_CHECK;
/* The same for those that are named.  One that cannot take a card while it runs fails. */
int su_virt_legacy_grant_these(struct su_daemon *d, const struct json_t *names, bool config_only,
                               struct json_t **granted, struct json_t **failed, struct su_err *e) SU_MUST_CHECK;

/* virt_action.c: without lock.  *live: the running machine has it; else it counts from the next start on.
 * "vm.action.source", "vm.action.libvirt", "vm.locked", and those of su_vmtab_lookup(). */
enum su_vm_device { SU_VM_DEVICE_VSOCK, SU_VM_DEVICE_AGENT, SU_VM_DEVICES };
int su_virt_add_device(struct su_daemon *d, const char *vm, enum su_vm_device what, bool *changed, bool *live,
                       struct su_err *e) SU_MUST_CHECK;

/* files.c: main thread */
int su_files_start(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
void su_files_read(struct su_daemon *d);
void su_files_look(struct su_daemon *d); /* whether the directory has come meanwhile */
void su_files_done(void);

/* pids.c: main thread; watches the processes of VMs */
void su_pids_update(struct su_daemon *d);
void su_pids_done(void);

/* api.c: without lock */
int su_api_start(struct su_daemon *d, struct su_httpd **out, struct su_err *e) SU_MUST_CHECK;

/* jobs.c: without lock */
/* Before any thread and su_harden().  surety: the program that runs jobs; NULL: the installed one. */
int su_jobs_prepare(struct su_daemon *d, const char *surety, struct su_err *e) SU_MUST_CHECK;
int su_jobs_start(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
void su_jobs_stop(struct su_daemon *d); /* runners go on */
/* Starts a runner for a job.  SU_E_IO "daemon.launch", "host.tool.failed". */
int su_jobs_run(struct su_daemon *d, const char *id, struct su_err *e) SU_MUST_CHECK;

/* Of the files that every writer of jobs changes: so waiting costs two system calls a look, however long a list is. */
struct su_jobs_mark {
    struct timespec db, wal;
    off_t wal_size;
};
void su_jobs_look(const struct su_daemon *d, struct su_jobs_mark *m);

/* guestinfo.c: which systems the VMs run */
int su_guests_start(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
void su_guests_stop(struct su_daemon *d);
/* With lock: a VM is another than before. */
void su_guests_kick(struct su_daemon *d);
/* Without lock: takes what changed in the store. */
int su_guests_refresh(struct su_daemon *d, struct su_err *e) SU_MUST_CHECK;
/* With lock; borrowed until it is let go; NULL: not known. */
const struct su_guest_os *su_guests_find(const struct su_daemon *d, const char *uuid);

/* harden.c: before any thread */
int su_harden(struct su_err *e) SU_MUST_CHECK;
