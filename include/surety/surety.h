/* SPDX-License-Identifier: Apache-2.0 */
/* surety.h - libsurety: where does this virtual machine run?
 *
 * A host signs an attested document for each of its VMs (PKCS#7 around JSON, docs/formats/document.md, the format of
 * Azure's instance metadata service and more).  This library fetches the document from inside the VM and verifies it.
 *
 *     struct surety_request *q;  struct surety_client *c;  struct surety_verifier *v;    (_new each)
 *     surety_verifier_add_roots_file(v, "/etc/surety/trust.pem", &e);
 *     surety_verifier_add_domain(v, "example.org", &e);
 *     surety_verifier_use_dmi(v, &e);
 *     surety_fetch(c, q, &answer, &e);              asks, with a nonce nobody knew before
 *     surety_verify(v, q, answer, &document, &e);   one function, one answer
 *
 * Rules of every function:
 *  - 0 is success; anything else is the enum surety_reason that is also in *e.  e may be NULL.  What goes out is
 *    untouched on failure.
 *  - _new makes a handle, _free(&handle) destroys it and sets it to NULL; NULL is fine.
 *  - Strings and bytes that go in are copied.  Strings that come out belong to the handle and live as long as it does.
 *    They are UTF-8 and hold no NUL and no control character.
 *  - Times are seconds since 1970-01-01 UTC.
 *  - No function prints, keeps global state, reads the environment or fetches anything but what surety_fetch() says.
 *    (libcrypto reads its own configuration, which programs can prevent.)
 *  - A handle may be read by several threads at once, and changed by one that is alone with it.  surety_verify(),
 *    surety_fetch() and surety_report() read all they are given but what they hand out.
 */
#ifndef SURETY_SURETY_H
#define SURETY_SURETY_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__) && !defined(_WIN32)
#define SURETY_API __attribute__((visibility("default")))
#else
#define SURETY_API
#endif

const char *surety_version(void) SURETY_API;

/* Reasons ------------------------------------------------------------------
 * The name (surety_reason_name) is stable and for programs; the text is a sentence for people.  New ones may be added
 * at any place, so that programs should store names, not numbers. */
enum surety_reason {
    SURETY_OK = 0,
    /* about the call and the machine */
    SURETY_USAGE,       /* usage: an argument that no caller may pass */
    SURETY_NOMEM,       /* memory */
    SURETY_CRYPTO,      /* crypto: libcrypto failed for a reason of its own */
    SURETY_FILE,        /* file: a file cannot be read; os_errno says why */
    SURETY_DMI,         /* dmi: this machine does not tell its UUID */
    SURETY_TRUST_FORM,  /* trust.form: not a certificate or CRL, in PEM or DER */
    SURETY_TRUST_EMPTY, /* trust.empty: no root is pinned, so nothing can be verified */
    /* about fetching */
    SURETY_FETCH_ENDPOINT, /* fetch.endpoint: not the name of an endpoint */
    SURETY_FETCH_CONNECT,  /* fetch.connect: no endpoint could be reached */
    SURETY_FETCH_TIMEOUT,  /* fetch.timeout */
    SURETY_FETCH_BROKEN,   /* fetch.broken: the connection ended inside the answer */
    SURETY_FETCH_HTTP,     /* fetch.http: the answer is not HTTP/1.1 as we accept it */
    SURETY_FETCH_SIZE,     /* fetch.size: the answer is too long */
    SURETY_FETCH_REFUSED,  /* fetch.refused: HTTP status 4xx; http_status says which */
    SURETY_FETCH_BUSY,     /* fetch.busy: HTTP status 410, 429 or 503: later; retry_after says when */
    SURETY_FETCH_FAILED,   /* fetch.failed: any other HTTP status */
    /* about the answer's form */
    SURETY_ANSWER_SIZE,     /* answer.size */
    SURETY_ANSWER_JSON,     /* answer.json: not JSON, or with duplicate names, bad UTF-8, too deep */
    SURETY_ANSWER_MEMBER,   /* answer.member: a member is missing or of the wrong type */
    SURETY_ANSWER_ENCODING, /* answer.encoding: not "pkcs7" */
    SURETY_ANSWER_BASE64,   /* answer.base64 */
    /* about the signature's form */
    SURETY_DOCUMENT_SIZE,         /* document.size */
    SURETY_DOCUMENT_DER,          /* document.der: not DER */
    SURETY_DOCUMENT_TRAILING,     /* document.trailing: bytes after the end */
    SURETY_DOCUMENT_TYPE,         /* document.type: not PKCS#7 SignedData version 1 */
    SURETY_DOCUMENT_CONTENT,      /* document.content: no embedded content of type data */
    SURETY_DOCUMENT_SIGNERS,      /* document.signers: not exactly one signer */
    SURETY_DOCUMENT_ATTRIBUTES,   /* document.attributes: signed or unsigned attributes */
    SURETY_DOCUMENT_CERTIFICATES, /* document.certificates: more than one certificate, or CRLs, inside */
    SURETY_ALGORITHM_DIGEST,      /* algorithm.digest: neither sha256 nor Azure's way of writing it */
    SURETY_ALGORITHM_SIGNATURE,   /* algorithm.signature: not RSA PKCS#1 v1.5 or ECDSA with SHA-256, or not the key's */
    SURETY_KEY_TYPE,              /* key.type: neither RSA nor EC on P-256, P-384, P-521 */
    SURETY_KEY_SIZE,              /* key.size: RSA under 2048 or over 8192 bits */
    SURETY_SIGNER_MISSING,        /* signer.missing: no certificate with the signer's issuer and serial number */
    SURETY_SIGNATURE_WRONG,       /* signature.wrong: the content was altered, or signed with another key */
    /* about the certificate */
    SURETY_CERTIFICATE_USAGE,   /* certificate.usage: not made for signing documents */
    SURETY_CERTIFICATE_CA,      /* certificate.ca: a CA's certificate signed the document */
    SURETY_CERTIFICATE_NAME,    /* certificate.name: not under an expected domain, or not of surety.host */
    SURETY_CERTIFICATE_EARLY,   /* certificate.early: not valid yet */
    SURETY_CERTIFICATE_EXPIRED, /* certificate.expired */
    SURETY_CERTIFICATE_CREATED, /* certificate.created: it was not valid when the document was made */
    SURETY_CERTIFICATE_REVOKED, /* certificate.revoked */
    SURETY_CHAIN_INCOMPLETE,    /* chain.incomplete: the issuer of the signer's certificate is not at hand */
    SURETY_CHAIN_UNTRUSTED,     /* chain.untrusted: the chain does not lead to a pinned root */
    SURETY_CHAIN_INVALID,       /* chain.invalid: a certificate in it may not do what it does */
    SURETY_CHAIN_EXPIRED,       /* chain.expired: an authority's certificate is not valid now */
    SURETY_CHAIN_WEAK,          /* chain.weak: a key or digest under 112 bits of security */
    SURETY_CHAIN_REVOKED,       /* chain.revoked: an authority's certificate is revoked */
    SURETY_CRL_MISSING,         /* crl.missing: CRLs are demanded and none is of this issuer */
    SURETY_CRL_EXPIRED,         /* crl.expired: the CRL is past its next update, or not valid yet */
    SURETY_CRL_INVALID,         /* crl.invalid: wrongly signed, or with what we do not know */
    /* about what is signed */
    SURETY_PAYLOAD_JSON,         /* payload.json: not a JSON object, or with duplicate names, bad UTF-8, too deep */
    SURETY_PAYLOAD_MEMBER,       /* payload.member: a member is missing, of the wrong type, or has no allowed value */
    SURETY_NONCE_MISSING,        /* nonce.missing: none in the document */
    SURETY_NONCE_SERVER,         /* nonce.server: a nonce chosen by the server (a time) stands for the one asked for */
    SURETY_NONCE_DIFFERS,        /* nonce.differs: an answer to another question, perhaps a replay */
    SURETY_TIME_MISSING,         /* time.missing: the document does not say when it was made */
    SURETY_TIME_WINDOW,          /* time.window: it ends before it begins, its times contradict, or it lasts too long */
    SURETY_TIME_EARLY,           /* time.early: made in the future */
    SURETY_TIME_EXPIRED,         /* time.expired */
    SURETY_TIME_OLD,             /* time.old: older than the verifier takes */
    SURETY_VM_DIFFERS,           /* vm.differs: about another VM */
    SURETY_CLUSTER_DIFFERS,      /* cluster.differs, or not in the document */
    SURETY_AUDIENCE_DIFFERS,     /* audience.differs, or not in the document */
    SURETY_AUDIENCE_UNEXPECTED,  /* audience.unexpected: made for somebody, and not for this verifier */
    SURETY_KEY_DIFFERS,          /* key.differs: bound to another key, or to none */
    SURETY_SUBSCRIPTION_DIFFERS, /* subscription.differs, or not in the document */
    SURETY_SECURITY_MISSING,     /* security.missing: no security profile in the document */
    SURETY_SECURITY_SECURE_BOOT, /* security.secure-boot: demanded and off */
    SURETY_SECURITY_VTPM,        /* security.vtpm: demanded and not there */
    SURETY_SECURITY_TYPE,        /* security.type: another one is demanded */
    SURETY_REASON_COUNT
};
const char *surety_reason_name(enum surety_reason r) SURETY_API; /* "nonce.differs"; "ok"; never NULL */
const char *surety_reason_text(enum surety_reason r) SURETY_API; /* "the document answers another question" */
/* What to do about it, or NULL. */
const char *surety_reason_remedy(enum surety_reason r) SURETY_API;
/* SURETY_REASON_COUNT for a name that is none. */
enum surety_reason surety_reason_from_name(const char *name) SURETY_API;
/* 1 when the reason concerns getting an answer (fetch.*), so that what was verified before may hold until it expires;
 * 0 when an answer was there and must not be believed, or the caller's own set-up is wrong. */
int surety_reason_is_transport(enum surety_reason r) SURETY_API;

struct surety_error {
    enum surety_reason reason;
    int os_errno;         /* 0 when no system call was involved */
    int http_status;      /* 0 when there was none */
    unsigned retry_after; /* seconds the server asks for; 0: it did not say */
    char detail[256];     /* one sentence, no trailing period: the text, and what was found; fit for a terminal */
};

/* Requests -----------------------------------------------------------------
 * What is asked of the host, and what a fresh document must therefore say. */
struct surety_request;
/* With a nonce of 32 characters (192 bits) from libcrypto's random generator. */
int surety_request_new(struct surety_request **out, struct surety_error *e) SURETY_API;
void surety_request_free(struct surety_request **q) SURETY_API;
/* 22..32 of [A-Za-z0-9_-], given by whoever wants the proof; not like the server's own "20260728-192400". */
int surety_request_set_nonce(struct surety_request *q, const char *nonce, struct surety_error *e) SURETY_API;
/* The nonce that somebody else asked with, for a document at hand: 1..32 of [A-Za-z0-9_-].  Azure's clients often use
 * ten digits, which is too few to be sure of for questions of one's own. */
int surety_request_expect_nonce(struct surety_request *q, const char *nonce, struct surety_error *e) SURETY_API;
/* Who the document is for: 1..255 printable ASCII characters without '"' and '\'; "" takes it back. */
int surety_request_set_audience(struct surety_request *q, const char *audience, struct surety_error *e) SURETY_API;
/* Thumbprint of a key that the document is to be bound to: 1..64 of [A-Za-z0-9_-] (RFC 7638 in base64url has 43). */
int surety_request_set_key(struct surety_request *q, const char *thumbprint, struct surety_error *e) SURETY_API;
/* "2025-04-07" by default. */
int surety_request_set_api_version(struct surety_request *q, const char *version, struct surety_error *e) SURETY_API;
const char *surety_request_nonce(const struct surety_request *q) SURETY_API;

/* Answers ------------------------------------------------------------------
 * A signed document with what came beside it, unverified. */
struct surety_answer;
enum { SURETY_ANSWER_MAX = 64 << 10, SURETY_DOCUMENT_MAX = 16 << 10, SURETY_CHAIN_MAX = 8 };
/* The JSON of /metadata/attested/document, or PKCS#7 in PEM, base64 or DER. */
int surety_answer_parse(const void *data, size_t n, struct surety_answer **out, struct surety_error *e) SURETY_API;
void surety_answer_free(struct surety_answer **a) SURETY_API;
/* The PKCS#7, DER. */
const void *surety_answer_der(const struct surety_answer *a, size_t *n) SURETY_API;
/* Certificates that came beside it, DER; NULL past the last. */
const void *surety_answer_chain(const struct surety_answer *a, size_t i, size_t *n) SURETY_API;
/* "vsock:2:169": where surety_fetch() got it; "" when it did not. */
const char *surety_answer_endpoint(const struct surety_answer *a) SURETY_API;
/* The answer as JSON, as it would be served. */
const char *surety_answer_json(const struct surety_answer *a) SURETY_API;

/* Verifying ----------------------------------------------------------------
 * A verifier holds whom to trust and what to demand. */
struct surety_verifier;
int surety_verifier_new(struct surety_verifier **out, struct surety_error *e) SURETY_API;
void surety_verifier_free(struct surety_verifier **v) SURETY_API;
/* Roots, in PEM (any number) or DER (one).  Nothing else is trusted: never the system's store. */
int surety_verifier_add_roots(struct surety_verifier *v, const void *data, size_t n, struct surety_error *e) SURETY_API;
int surety_verifier_add_roots_file(struct surety_verifier *v, const char *path, struct surety_error *e) SURETY_API;
/* Certificates that may stand between signer and root, for answers that bring none.  They are not trusted. */
int surety_verifier_add_intermediates(struct surety_verifier *v, const void *data, size_t n,
                                      struct surety_error *e) SURETY_API;
int surety_verifier_add_intermediates_file(struct surety_verifier *v, const char *path,
                                           struct surety_error *e) SURETY_API;
/* CRLs, PEM or DER.  With the first one, the signer's issuer must have one that is valid. */
int surety_verifier_add_crl(struct surety_verifier *v, const void *data, size_t n, struct surety_error *e) SURETY_API;
int surety_verifier_add_crl_file(struct surety_verifier *v, const char *path, struct surety_error *e) SURETY_API;
/* A DNS name of the signer's certificate has to be the domain or lie under it; for several, under one of them.
 * Azure's own: metadata.azure.com, metadata.azure.us, metadata.azure.cn, metadata.microsoftazure.de. */
int surety_verifier_add_domain(struct surety_verifier *v, const char *domain, struct surety_error *e) SURETY_API;
/* The UUID of this VM; both byte orders of its first three fields are taken (SMBIOS before 2.6, and Hyper-V). */
int surety_verifier_set_vm_id(struct surety_verifier *v, const char *uuid, struct surety_error *e) SURETY_API;
/* The same with the UUID that this machine's firmware tells.  Needs root on Linux. */
int surety_verifier_use_dmi(struct surety_verifier *v, struct surety_error *e) SURETY_API;
int surety_verifier_set_cluster(struct surety_verifier *v, const char *cluster, struct surety_error *e) SURETY_API;
int surety_verifier_add_subscription(struct surety_verifier *v, const char *uuid, struct surety_error *e) SURETY_API;
/* type: "TrustedLaunch" or NULL for any. */
int surety_verifier_require_security(struct surety_verifier *v, int secure_boot, int vtpm, const char *type,
                                     struct surety_error *e) SURETY_API;
/* When to verify for; 0: now. */
void surety_verifier_set_time(struct surety_verifier *v, int64_t at) SURETY_API;
/* How far the host's clock may be ahead, 0..86400; 120 by default.  It never prolongs a document. */
int surety_verifier_set_skew(struct surety_verifier *v, unsigned seconds, struct surety_error *e) SURETY_API;
/* How old a document may be; 0: as old as it says.  By default 300 when a request is given, else 0. */
void surety_verifier_set_max_age(struct surety_verifier *v, unsigned seconds) SURETY_API;

enum {
    SURETY_ALLOW_SERVER_AUTH = 1,  /* certificates for TLS servers, as Azure's; needs a domain */
    SURETY_ALLOW_EXTRA_CERTS = 2,  /* more certificates inside the PKCS#7; they help to build the chain */
    SURETY_ALLOW_ANY_AUDIENCE = 4, /* a document for somebody else, when no audience is asked for: to look at files */
};
int surety_verifier_set_flags(struct surety_verifier *v, unsigned flags, struct surety_error *e) SURETY_API;

/* The one answer.  In this order: form, algorithms, signer, signature, certificate (usage, name, chain, revocation,
 * time), then what is signed: JSON, nonce, times, VM, subscription, cluster, audience, key, security profile.
 * q NULL: a document from a file; nothing is known of its freshness then. */
struct surety_document;
int surety_verify(const struct surety_verifier *v, const struct surety_request *q, const struct surety_answer *a,
                  struct surety_document **out, struct surety_error *e) SURETY_API;
void surety_document_free(struct surety_document **d) SURETY_API;

enum surety_field {
    SURETY_F_VM_ID,            /* "vmId": canonical, lower case */
    SURETY_F_NONCE,            /* "nonce" */
    SURETY_F_CREATED_ON,       /* "createdOn": seconds, decimal */
    SURETY_F_EXPIRES_ON,       /* "expiresOn" */
    SURETY_F_SUBSCRIPTION_ID,  /* "subscriptionId" */
    SURETY_F_SKU,              /* "sku" */
    SURETY_F_LICENSE_TYPE,     /* "licenseType" */
    SURETY_F_PLAN_NAME,        /* "plan.name" */
    SURETY_F_PLAN_PRODUCT,     /* "plan.product" */
    SURETY_F_PLAN_PUBLISHER,   /* "plan.publisher" */
    SURETY_F_CLUSTER,          /* "surety.cluster" */
    SURETY_F_HOST,             /* "surety.host" */
    SURETY_F_AUDIENCE,         /* "surety.audience" */
    SURETY_F_KEY_THUMBPRINT,   /* "surety.keyThumbprint" */
    SURETY_F_SECURE_BOOT,      /* "surety.securityProfile.secureBoot": "true" or "false" */
    SURETY_F_VTPM,             /* "surety.securityProfile.vTpm": "true" or "false" */
    SURETY_F_SECURITY_TYPE,    /* "surety.securityProfile.securityType" */
    SURETY_F_SIGNER_NAME,      /* "signer.name": the first DNS name of the signer's certificate */
    SURETY_F_SIGNER_ISSUER,    /* "signer.issuer": distinguished name, RFC 2253 */
    SURETY_F_SIGNER_SERIAL,    /* "signer.serial": hexadecimal */
    SURETY_F_SIGNER_EXPIRES,   /* "signer.notAfter": seconds, decimal */
    SURETY_F_SIGNER_ALGORITHM, /* "signer.algorithm": "RSA-2048", "P-256" */
    SURETY_FIELD_COUNT
};
const char *surety_field_name(enum surety_field f) SURETY_API;
/* NULL when the document does not have it. */
const char *surety_document_get(const struct surety_document *d, enum surety_field f) SURETY_API;
int64_t surety_document_created(const struct surety_document *d) SURETY_API;
int64_t surety_document_expires(const struct surety_document *d) SURETY_API;
/* The signed bytes: JSON. */
const char *surety_document_payload(const struct surety_document *d, size_t *n) SURETY_API;

/* What surety_verify() was asked to hold the document against, and did. */
enum {
    SURETY_CHECKED_NONCE = 1,
    SURETY_CHECKED_AGE = 2,
    SURETY_CHECKED_DOMAIN = 4,
    SURETY_CHECKED_CRL = 8,
    SURETY_CHECKED_VM = 16,
    SURETY_CHECKED_SUBSCRIPTION = 32,
    SURETY_CHECKED_CLUSTER = 64,
    SURETY_CHECKED_AUDIENCE = 128,
    SURETY_CHECKED_KEY = 256,
    SURETY_CHECKED_SECURITY = 512,
};
unsigned surety_document_checked(const struct surety_document *d) SURETY_API;

/* What an answer claims, before or without verifying: for people who look for the mistake.  Nothing of it is proved,
 * not even that the signature fits, which is why this is another type.  It must be possible to read (document.*,
 * payload.*). */
struct surety_claims;
int surety_peek_unverified(const struct surety_answer *a, struct surety_claims **out,
                           struct surety_error *e) SURETY_API;
void surety_claims_free(struct surety_claims **c) SURETY_API;
const char *surety_claims_get(const struct surety_claims *c, enum surety_field f) SURETY_API;
const char *surety_claims_payload(const struct surety_claims *c, size_t *n) SURETY_API;

/* Fetching -----------------------------------------------------------------
 * Endpoints, tried in turn until one answers: by default "vsock:2:169" (Linux), "http:169.254.169.254:80" and
 * "http:169.254.169.253:80".  Further: "unix:/path", for tests and monitors that end vsock in a Unix socket.
 * The next one is tried only when nothing of an answer came.  What does come is final, refusals included: who can spoil
 * one transport must not be able to choose another for us.  (What any of them says is verified the same way.)
 * One request a connection, no redirects, no proxies, and no endpoint but these. */
struct surety_client;
int surety_client_new(struct surety_client **out, struct surety_error *e) SURETY_API;
void surety_client_free(struct surety_client **c) SURETY_API;
/* The first call replaces the default ones; at most 8.  HTTP hosts are IPv4 addresses: nothing is looked up. */
int surety_client_add_endpoint(struct surety_client *c, const char *endpoint, struct surety_error *e) SURETY_API;
/* For everything together, 100..600000 ms; 10 s by default. */
int surety_client_set_timeout(struct surety_client *c, unsigned ms, struct surety_error *e) SURETY_API;
int surety_fetch(const struct surety_client *c, const struct surety_request *q, struct surety_answer **out,
                 struct surety_error *e) SURETY_API;
/* Tells the host how verifying went, at the endpoint that the answer came from.  The host notes it as the VM's last
 * verification; a failure here says nothing about the document, and takes 2 s at most. */
int surety_report(const struct surety_client *c, const struct surety_request *q, const struct surety_answer *a,
                  enum surety_reason result, struct surety_error *e) SURETY_API;

/* This machine's UUID from its firmware (SMBIOS), lower case, with the NUL. */
enum { SURETY_UUID_TEXT = 37 };
int surety_dmi_uuid(char out[SURETY_UUID_TEXT], struct surety_error *e) SURETY_API;

#ifdef __cplusplus
}
#endif
#endif
