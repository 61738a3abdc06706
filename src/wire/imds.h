/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/imds.h - between suretyd and surety-imds.
 *
 * surety-imds owns no privilege: suretyd (root) makes the listening sockets and hands them over.  suretyd connects to
 * imds.sock, sends the whole state, then changes; surety-imds sends a line of audit for every request it answered. */
#pragma once
#include "wire/vm.h"

enum su_imds_op {
    /* suretyd -> surety-imds, each answered by SU_IMDS_DONE or SU_IMDS_ERROR (wire/sign.h's su_wire_error) */
    SU_IMDS_CLEAR = 1, /* empty: forget VMs and listeners; a full state follows */
    SU_IMDS_HOST,      /* su_imds_host */
    SU_IMDS_LISTEN,    /* su_imds_listener, with the listening socket */
    SU_IMDS_UNLISTEN,  /* str name */
    SU_IMDS_VM_PUT,    /* su_vm_route */
    SU_IMDS_VM_DEL,    /* str uuid: its connections are closed */
    SU_IMDS_STATUS,    /* empty -> SU_IMDS_STATUS su_imds_status */
    /* surety-imds -> suretyd, unasked, sequence 0 */
    SU_IMDS_AUDIT, /* su_imds_audit */
    SU_IMDS_DONE,
    SU_IMDS_ERROR,
    SU_IMDS_OPS
};

/* How a listener knows whose connection it accepted; always taken from the kernel, at accept. */
enum su_identify {
    SU_BY_CID = 1, /* AF_VSOCK: the peer's context id */
    SU_BY_MARK,    /* TCP: SO_MARK of the accepted socket, set by nftables from the bridge port */
    SU_BY_LISTENER /* Unix socket, or TCP bound to one tap: the listener belongs to one VM */
};
enum su_transport { SU_OVER_VSOCK = 1, SU_OVER_HTTP, SU_OVER_UNIX };

struct su_imds_listener {
    char name[128]; /* unique */
    uint8_t identify;  /* enum su_identify */
    uint8_t transport; /* enum su_transport, for the answer and the audit */
    char uuid[SU_UUID_TEXT]; /* SU_BY_LISTENER: whose; else "" */
};
void su_imds_listener_put(struct su_buf *b, const struct su_imds_listener *l);
bool su_imds_listener_take(struct su_bytes *b, struct su_imds_listener *out);

/* What every answer depends on. */
struct su_imds_host {
    char host[254];     /* the host's name, told in the answer */
    uint8_t serving;    /* 0: documents are answered with status and text below (not enrolled, expired, ...) */
    uint16_t status;    /* 410, 500 or 503 */
    char text[240];
    struct su_bytes chain; /* DER certificates one after the other, the issuer first; borrowed */
    uint32_t rate, burst;  /* documents a second and VM; at once */
};
void su_imds_host_put(struct su_buf *b, const struct su_imds_host *h);
bool su_imds_host_take(struct su_bytes *b, struct su_imds_host *out);

enum su_audit_kind { SU_AUDIT_REQUEST = 1, SU_AUDIT_DOCUMENT, SU_AUDIT_VERIFIED };
/* One answered request. */
struct su_imds_audit {
    uint64_t time_ms; /* since 1970 */
    uint8_t kind;      /* enum su_audit_kind */
    uint8_t transport; /* enum su_transport */
    uint16_t status;   /* HTTP */
    char uuid[SU_UUID_TEXT]; /* "": nobody known */
    char peer[64];     /* "cid 42", "mark 7", "listener NAME" */
    char path[128];    /* without the query, cut, printable */
    char nonce_hash[65]; /* hex SHA-256; "" : none given */
    char audience[256];
    char result[64];   /* "ok", or the id of why not; of SU_AUDIT_VERIFIED: what the guest says */
};
void su_imds_audit_put(struct su_buf *b, const struct su_imds_audit *a);
bool su_imds_audit_take(struct su_bytes *b, struct su_imds_audit *out);

struct su_imds_status {
    uint32_t vms, listeners, connections;
    uint64_t requests, documents, refused;
    uint8_t signer; /* 1: its socket is connected */
};
void su_imds_status_put(struct su_buf *b, const struct su_imds_status *s);
bool su_imds_status_take(struct su_bytes *b, struct su_imds_status *out);
