/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/sign.h - what may be asked of surety-signer.
 *
 * Two sockets.  sign.sock is for surety-imds, which sees hostile bytes: it may ask for documents and nothing else, and
 * of a VM it can only say which.  control.sock is for suretyd (root): VM facts, enrolment, renewal, state.
 * Every message has a row in a table of the signer: size limits and the states it is allowed in.
 *
 * Enrolment and renewal are CMP (RFC 4210).  The signer makes the key and the messages and checks the answers; it has
 * no network, so it hands each request to suretyd (SU_SIGN_CMP_POST) and gets the reply (SU_SIGN_CMP_REPLY). */
#pragma once
#include "wire/vm.h"

enum su_sign_op {
    /* sign.sock */
    SU_SIGN_DOCUMENT = 1, /* su_sign_request -> SU_SIGN_DOCUMENT su_sign_reply, or SU_SIGN_ERROR */
    /* control.sock */
    SU_SIGN_STATUS,   /* empty -> SU_SIGN_STATUS su_sign_status */
    SU_SIGN_VM_CLEAR, /* empty -> SU_SIGN_DONE; a full table follows */
    SU_SIGN_VM_PUT,   /* su_vm_facts -> SU_SIGN_DONE */
    SU_SIGN_VM_DEL,   /* uuid str -> SU_SIGN_DONE */
    SU_SIGN_ENROL,    /* su_sign_enrol -> SU_SIGN_CMP_POST ... -> SU_SIGN_DONE or SU_SIGN_ERROR */
    SU_SIGN_RENEW,    /* empty -> the same */
    SU_SIGN_FORGET,   /* empty -> SU_SIGN_DONE: key and certificate are destroyed */
    SU_SIGN_CMP_POST, /* signer -> suretyd: bytes DER; the sequence is that of the ENROL or RENEW */
    SU_SIGN_CMP_REPLY, /* suretyd -> signer: u8 1 and bytes DER, or u8 0 and str error text */
    SU_SIGN_DONE,
    SU_SIGN_ERROR, /* su_wire_error */
    /* sign.sock, several at once: a frame and a wake-up for a handful, not for each */
    SU_SIGN_DOCUMENTS, /* su_sign_item of SU_SIGN_DOCUMENT, one after the other -> SU_SIGN_ANSWERS, one or more */
    SU_SIGN_ANSWERS,   /* su_sign_item of SU_SIGN_DOCUMENT or SU_SIGN_ERROR, one after the other */
    SU_SIGN_OPS
};

enum { SU_NONCE_MAX = 32, SU_AUDIENCE_MAX = 255, SU_THUMBPRINT_MAX = 64, SU_DOCUMENT_MAX = 16 << 10 };

bool su_nonce_valid(const char *s);      /* 1..32 of [A-Za-z0-9_-] */
bool su_audience_valid(const char *s);   /* 1..255 of [A-Za-z0-9-._~:/@+=,] */
bool su_thumbprint_valid(const char *s); /* 1..64 of [A-Za-z0-9_-] */

/* An error that goes to another program.  Unknown ids are kept as text. */
struct su_wire_error {
    uint8_t kind; /* enum su_kind */
    char id[64], msg[240];
};
void su_wire_error_put(struct su_buf *b, const struct su_err *from);
bool su_wire_error_take(struct su_bytes *b, struct su_wire_error *out);

struct su_sign_request {
    char uuid[SU_UUID_TEXT];
    uint16_t version;                /* index into su_api_versions: which members the payload has */
    char nonce[SU_NONCE_MAX + 1];    /* "": the signer fills a timestamp in */
    char audience[SU_AUDIENCE_MAX + 1];
    char thumbprint[SU_THUMBPRINT_MAX + 1]; /* of the caller's key; "": none */
};
void su_sign_request_put(struct su_buf *b, const struct su_sign_request *r);
/* Checks every character set, so that what it accepts may be written into JSON as it is. */
bool su_sign_request_take(struct su_bytes *b, struct su_sign_request *out);

struct su_sign_reply {
    struct su_bytes der; /* borrowed: PKCS#7 SignedData */
    uint64_t created, expires; /* seconds since 1970, as signed */
    char nonce[SU_NONCE_MAX + 1];
};
void su_sign_reply_put(struct su_buf *b, const struct su_sign_reply *r);
bool su_sign_reply_take(struct su_bytes *b, struct su_sign_reply *out);

/* One of several questions, or of several answers; the frame around them has sequence 0. */
enum { SU_SIGN_TOGETHER = 16 /* items in a frame, at most */, SU_SIGN_ITEM = 7 /* bytes of one beside its body */ };
struct su_sign_item {
    uint8_t op; /* SU_SIGN_DOCUMENT or SU_SIGN_ERROR */
    uint32_t seq;
    struct su_bytes body; /* borrowed; what a frame of that operation has */
};
void su_sign_item_put(struct su_buf *b, const struct su_sign_item *i);
bool su_sign_item_take(struct su_bytes *b, struct su_sign_item *out);
/* How many items these bytes are, to their end; 0: none, more than SU_SIGN_TOGETHER, or something else. */
unsigned su_sign_items(struct su_bytes b);

enum su_sign_state { SU_SIGNER_NO_CERT = 1, SU_SIGNER_READY, SU_SIGNER_BUSY, SU_SIGNER_BROKEN };
struct su_sign_status {
    uint8_t state;       /* enum su_sign_state; BUSY: an enrolment or a renewal is under way (documents still flow) */
    char key[256];       /* the key's URI, without any PIN */
    char problem_id[64], problem[240]; /* BROKEN: why */
    uint64_t not_before, not_after; /* of the certificate; 0: none */
    char serial[64];                /* hex */
    struct su_bytes leaf;  /* DER; borrowed; empty: none */
    struct su_bytes chain; /* DER certificates one after the other, the issuer first, without the root; borrowed */
    struct su_bytes roots; /* the same: trusted roots */
    uint32_t vms;
    uint64_t signed_documents;
};
void su_sign_status_put(struct su_buf *b, const struct su_sign_status *s);
bool su_sign_status_take(struct su_bytes *b, struct su_sign_status *out);

struct su_sign_enrol {
    char host[254];       /* reference of the token, and the host's name at the authority */
    char secret[129];     /* of the token; to be wiped after use */
};
void su_sign_enrol_put(struct su_buf *b, const struct su_sign_enrol *r);
bool su_sign_enrol_take(struct su_bytes *b, struct su_sign_enrol *out);
