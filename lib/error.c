/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - reasons: their stable names, what they mean, what to do. */
#include "internal.h"
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

#define CLOCK "Set this machine's clock, and compare it with the host's"
#define SYNC "On the host: surety server sync; then ask again"
#define BUNDLE "Compare the trust bundle with the authority's: GET /bundle.pem"
#define ANOTHER "Ask the host for a new document"

static const struct {
    const char *name, *text, *remedy;
} reasons[SURETY_REASON_COUNT] = {
    [SURETY_OK] = {"ok", "the document is verified", NULL},
    [SURETY_USAGE] = {"usage", "an argument is not allowed", NULL},
    [SURETY_NOMEM] = {"memory", "out of memory", NULL},
    [SURETY_CRYPTO] = {"crypto", "libcrypto failed", NULL},
    [SURETY_FILE] = {"file", "a file cannot be read", NULL},
    [SURETY_DMI] = {"dmi", "this machine does not tell its UUID", "Run as root, or give the VM's UUID"},
    [SURETY_TRUST_FORM] = {"trust.form", "neither a certificate nor a CRL in PEM or DER", NULL},
    [SURETY_TRUST_EMPTY] = {"trust.empty", "no root is pinned",
                            "Install the authority's roots: GET /bundle.pem of the authority, over a trusted way"},
    [SURETY_FETCH_ENDPOINT] = {"fetch.endpoint", "not the name of an endpoint",
                               "Endpoints: vsock:CID:PORT, http:IPV4:PORT, unix:PATH"},
    [SURETY_FETCH_CONNECT] = {"fetch.connect", "no endpoint could be reached",
                              "Give the VM a vsock device, or grant it legacy access: surety legacy grant"},
    [SURETY_FETCH_TIMEOUT] = {"fetch.timeout", "the host did not answer in time", NULL},
    [SURETY_FETCH_BROKEN] = {"fetch.broken", "the connection ended before the answer did", NULL},
    [SURETY_FETCH_HTTP] = {"fetch.http", "the answer is not HTTP/1.1", NULL},
    [SURETY_FETCH_SIZE] = {"fetch.size", "the answer is too long", NULL},
    [SURETY_FETCH_REFUSED] = {"fetch.refused", "the host refuses the request", NULL},
    [SURETY_FETCH_BUSY] = {"fetch.busy", "the host cannot answer now", "Ask again later"},
    [SURETY_FETCH_FAILED] = {"fetch.failed", "the host failed", "On the host: surety server show"},
    [SURETY_ANSWER_SIZE] = {"answer.size", "the answer is empty or too long", NULL},
    [SURETY_ANSWER_JSON] = {"answer.json", "the answer is not well-formed JSON", NULL},
    [SURETY_ANSWER_MEMBER] = {"answer.member", "a member of the answer is missing or of the wrong type", NULL},
    [SURETY_ANSWER_ENCODING] = {"answer.encoding", "the answer's encoding is not pkcs7", NULL},
    [SURETY_ANSWER_BASE64] = {"answer.base64", "not base64", NULL},
    [SURETY_DOCUMENT_SIZE] = {"document.size", "the document is empty or too long", NULL},
    [SURETY_DOCUMENT_DER] = {"document.der", "the document is not DER", NULL},
    [SURETY_DOCUMENT_TRAILING] = {"document.trailing", "bytes follow the document", NULL},
    [SURETY_DOCUMENT_TYPE] = {"document.type", "the document is not PKCS#7 SignedData of version 1", NULL},
    [SURETY_DOCUMENT_CONTENT] = {"document.content", "the document does not contain what was signed", NULL},
    [SURETY_DOCUMENT_SIGNERS] = {"document.signers", "the document does not have exactly one signer", NULL},
    [SURETY_DOCUMENT_ATTRIBUTES] = {"document.attributes", "the signature has attributes", NULL},
    [SURETY_DOCUMENT_CERTIFICATES] = {"document.certificates", "more than the signer's certificate is inside", NULL},
    [SURETY_ALGORITHM_DIGEST] = {"algorithm.digest", "the digest is not SHA-256", NULL},
    [SURETY_ALGORITHM_SIGNATURE] = {"algorithm.signature", "the signature algorithm is not allowed", NULL},
    [SURETY_KEY_TYPE] = {"key.type", "the signer's key is of a kind that is not allowed", NULL},
    [SURETY_KEY_SIZE] = {"key.size", "the signer's RSA key does not have 2048 to 8192 bits", NULL},
    [SURETY_SIGNER_MISSING] = {"signer.missing", "no certificate has the signer's issuer and serial number", NULL},
    [SURETY_SIGNATURE_WRONG] = {"signature.wrong", "the signature does not fit the content", ANOTHER},
    [SURETY_CERTIFICATE_USAGE] = {"certificate.usage", "the signer's certificate is not for signing documents", NULL},
    [SURETY_CERTIFICATE_CA] = {"certificate.ca", "the signer's certificate is that of an authority", NULL},
    [SURETY_CERTIFICATE_NAME] =
        {"certificate.name",
         "the signer's name is not under an expected domain, or not the host's that the document names", NULL},
    [SURETY_CERTIFICATE_EARLY] = {"certificate.early", "the signer's certificate is not valid yet", CLOCK},
    [SURETY_CERTIFICATE_EXPIRED] = {"certificate.expired", "the signer's certificate has expired", SYNC},
    [SURETY_CERTIFICATE_CREATED] = {"certificate.created",
                                    "the signer's certificate was not valid when the document was made", NULL},
    [SURETY_CERTIFICATE_REVOKED] = {"certificate.revoked", "the signer's certificate is revoked", NULL},
    [SURETY_CHAIN_INCOMPLETE] = {"chain.incomplete", "the issuer of the signer's certificate is not at hand",
                                 "Give the authority's issuing certificate as an intermediate"},
    [SURETY_CHAIN_UNTRUSTED] = {"chain.untrusted", "the chain does not lead to a pinned root", BUNDLE},
    [SURETY_CHAIN_INVALID] = {"chain.invalid", "a certificate of the chain may not do what it does", NULL},
    [SURETY_CHAIN_EXPIRED] = {"chain.expired", "an authority's certificate is not valid at this time", CLOCK},
    [SURETY_CHAIN_WEAK] = {"chain.weak", "a key or digest in the chain is too weak", NULL},
    [SURETY_CHAIN_REVOKED] = {"chain.revoked", "an authority's certificate is revoked", NULL},
    [SURETY_CRL_MISSING] = {"crl.missing", "no CRL of the signer's issuer was given", NULL},
    [SURETY_CRL_EXPIRED] = {"crl.expired", "the CRL is not valid at this time", "Get a new CRL from the authority"},
    [SURETY_CRL_INVALID] = {"crl.invalid", "the CRL cannot be used", "Get a new CRL from the authority"},
    [SURETY_PAYLOAD_JSON] = {"payload.json", "what is signed is not a well-formed JSON object", NULL},
    [SURETY_PAYLOAD_MEMBER] = {"payload.member", "a signed member is missing or has no allowed value", NULL},
    [SURETY_NONCE_MISSING] = {"nonce.missing", "the document has no nonce", NULL},
    [SURETY_NONCE_SERVER] = {"nonce.server", "the nonce is one that the server chose, which proves no freshness", NULL},
    [SURETY_NONCE_DIFFERS] = {"nonce.differs", "the document answers another request", ANOTHER},
    [SURETY_TIME_MISSING] = {"time.missing", "the document does not say when it was made and when it ends", NULL},
    [SURETY_TIME_WINDOW] = {"time.window", "the document's times make no sense", NULL},
    [SURETY_TIME_EARLY] = {"time.early", "the document was made in the future", CLOCK},
    [SURETY_TIME_EXPIRED] = {"time.expired", "the document has expired", ANOTHER},
    [SURETY_TIME_OLD] = {"time.old", "the document is too old", ANOTHER},
    [SURETY_VM_DIFFERS] = {"vm.differs", "the document is about another VM", NULL},
    [SURETY_CLUSTER_DIFFERS] = {"cluster.differs", "the document comes from another cluster", NULL},
    [SURETY_AUDIENCE_DIFFERS] = {"audience.differs", "the document is for another audience", NULL},
    [SURETY_AUDIENCE_UNEXPECTED] = {"audience.unexpected", "the document is for an audience, and none was asked for",
                                    NULL},
    [SURETY_KEY_DIFFERS] = {"key.differs", "the document is bound to another key, or to none", NULL},
    [SURETY_SUBSCRIPTION_DIFFERS] = {"subscription.differs", "the document is of another subscription", NULL},
    [SURETY_SECURITY_MISSING] = {"security.missing", "the document has no security profile", NULL},
    [SURETY_SECURITY_SECURE_BOOT] = {"security.secure-boot", "the VM does not have Secure Boot",
                                     "On the host: surety vm upgrade"},
    [SURETY_SECURITY_VTPM] = {"security.vtpm", "the VM does not have a virtual TPM", "On the host: surety vm upgrade"},
    [SURETY_SECURITY_TYPE] = {"security.type", "the VM's security type is another", "On the host: surety vm upgrade"},
};

#define VALID(r) ((unsigned)(r) < SURETY_REASON_COUNT)

const char *surety_version(void)
{
    return SURETY_VERSION;
}

const char *surety_reason_name(enum surety_reason r)
{
    return VALID(r) ? reasons[r].name : "unknown";
}

const char *surety_reason_text(enum surety_reason r)
{
    return VALID(r) ? reasons[r].text : "an unknown reason";
}

const char *surety_reason_remedy(enum surety_reason r)
{
    return VALID(r) ? reasons[r].remedy : NULL;
}

enum surety_reason surety_reason_from_name(const char *name)
{
    for (int r = 0; name && r < SURETY_REASON_COUNT; r++)
        if (strcmp(reasons[r].name, name) == 0)
            return (enum surety_reason)r;
    return SURETY_REASON_COUNT;
}

int surety_reason_is_transport(enum surety_reason r)
{
    return r >= SURETY_FETCH_CONNECT && r <= SURETY_FETCH_FAILED;
}

int surety_fail(struct surety_error *e, enum surety_reason r, const char *fmt, ...)
{
    if (!e)
        return (int)r;
    *e = (struct surety_error){.reason = r};
    int n = snprintf(e->detail, sizeof e->detail, "%s", surety_reason_text(r));
    if (fmt && n > 0 && (size_t)n + 3 < sizeof e->detail) {
        va_list ap;
        va_start(ap, fmt);
        memcpy(e->detail + n, ": ", 2);
        vsnprintf(e->detail + n + 2, sizeof e->detail - (size_t)n - 2, fmt, ap);
        va_end(ap);
    }
    /* what others wrote gets into details: nothing of it may steer a terminal, and a cut character is no UTF-8 */
    for (unsigned char *p = (unsigned char *)e->detail; *p; p++)
        if (*p < 0x20 || *p >= 0x7F)
            *p = '?';
    return (int)r;
}

int surety_fail_os(struct surety_error *e, enum surety_reason r, int os_errno, const char *what)
{
    surety_fail(e, r, "%s: %s", what, strerror(os_errno));
    if (e)
        e->os_errno = os_errno;
    return (int)r;
}

int surety_fail_crypto(struct surety_error *e, const char *what)
{
    char text[160] = "no error recorded";
    unsigned long code = ERR_peek_last_error();
    if (code)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return surety_fail(e, SURETY_CRYPTO, "%s: %s", what, text);
}
