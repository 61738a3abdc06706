/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pki/key_int.h - what the kinds of keys share.  A device is what keys stand in: a TPM, a token.  Keys of one device
 * share its connection, so it is used by one thread at a time, under its lock. */
#pragma once
#include "base/buf.h"
#include "key.h"
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <pthread.h>

enum { SU_KEY_NAME = 96, SU_KEY_TCTI = 256, SU_KEY_TOKEN = 33, SU_KEY_DEVICE = 640 };
enum su_key_kind { SU_KIND_FILE, SU_KIND_TPM2, SU_KIND_PKCS11 };

struct su_key_name {
    enum su_key_kind kind;
    char name[SU_KEY_NAME];
    char tcti[SU_KEY_TCTI];   /* tpm2: */
    char token[SU_KEY_TOKEN]; /* pkcs11:, the label */
};
int su_key_name_parse(const char *uri, struct su_key_name *out, struct su_err *e) SU_MUST_CHECK;

struct su_key_device {
    struct su_key_device *next;
    unsigned refs;
    bool dead; /* an operation failed: the next open makes a new connection */
    char id[SU_KEY_DEVICE];
    pthread_mutex_t lock;
    OSSL_LIB_CTX *libctx; /* tpm2: */
    void *token;          /* pkcs11: */
    void (*close)(struct su_key_device *d);
};
/* The device of this id, made by make when there is none; to be given back. */
int su_key_device_get(const char *id, int (*make)(struct su_key_device *d, const void *arg, struct su_err *e),
                      const void *arg, struct su_key_device **out, struct su_err *e) SU_MUST_CHECK;
void su_key_device_ref(struct su_key_device *d);
int su_key_device_lock(struct su_key_device *d, struct su_err *e) SU_MUST_CHECK; /* NULL is fine */
void su_key_device_unlock(struct su_key_device *d);
void su_key_device_put(struct su_key_device **d);

struct su_key {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *sign;
    EVP_MD *md;
    EVP_MD_CTX *md_ctx;
    struct su_key_device *device; /* NULL: a file */
    char propq[32];               /* for sign */
    bool faced;                   /* pkey is a face (key_face.c), which owns sign and locks the device by itself */
};
/* Puts a face on a TPM's key that is ready to sign. */
int su_key_face(struct su_key *k, struct su_err *e) SU_MUST_CHECK;

/* Each opens, makes or destroys exactly the named key. */
int su_key_file_open(const struct su_key_name *n, const struct su_key_options *o, struct su_key *k, struct su_err *e);
int su_key_file_make(const struct su_key_name *n, enum su_key_algorithm a, const struct su_key_options *o,
                     struct su_err *e);
int su_key_tpm_open(const struct su_key_name *n, const struct su_key_options *o, struct su_key *k, struct su_err *e);
int su_key_tpm_make(const struct su_key_name *n, enum su_key_algorithm a, const struct su_key_options *o,
                    struct su_err *e);
int su_key_token_open(const struct su_key_name *n, const struct su_key_options *o, struct su_key *k, struct su_err *e);
int su_key_token_make(const struct su_key_name *n, enum su_key_algorithm a, const struct su_key_options *o,
                      struct su_err *e);
int su_key_token_destroy(const struct su_key_name *n, const struct su_key_options *o, struct su_err *e);

/* Keys in the key directory. */
int su_key_path(const struct su_key_name *n, const struct su_key_options *o, char *out, size_t cap, struct su_err *e);
int su_key_file_read(const char *path, BIO **out, struct su_err *e);             /* in locked memory */
int su_key_file_write(const char *path, struct su_bytes text, struct su_err *e); /* new, 0600, flushed */

void su_key_token_uri(struct su_buf *b, const char *token, const char *name); /* appends */
void su_snprint(char *out, size_t cap, const char *s);                        /* copied, cut */
