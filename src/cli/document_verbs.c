/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of "surety document". */
#include "cli.h"

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_trust, "--trust", "FILE", "the roots to trust, PEM (default /etc/surety/trust.pem)", NULL);
OPT(o_intermediates, "--intermediates", "FILE", "certificates between signer and root, PEM or DER", NULL);
OPT(o_crl, "--crl", "FILE", "revocation list of the issuer, PEM or DER; may be repeated", NULL);
OPT(o_domain, "--domain", "NAME", "the signer's name lies under it; may be repeated", "");
OPT(o_nonce, "--nonce", "TEXT", "the nonce of the question it must answer", "");
OPT(o_audience, "--audience", "TEXT", "who it must be for", "");
OPT(o_key, "--key", "THUMBPRINT", "the key it must be bound to", "");
OPT(o_vm, "--vm-id", "UUID", "the VM it must be about", "");
OPT(o_cluster, "--cluster", "NAME", "the cluster it must come from", "");
OPT(o_subscription, "--subscription", "UUID", "the subscription it must name; may be repeated", "");
OPT(o_secure_boot, "--secure-boot", NULL, "demand Secure Boot", NULL);
OPT(o_vtpm, "--vtpm", NULL, "demand a virtual TPM", NULL);
OPT(o_type, "--security-type", "TYPE", "demand this security type", "TrustedLaunch");
OPT(o_at, "--at", "TIME", "verify as if it were then: 2026-07-28T13:24:00Z, or seconds since 1970", "");
OPT(o_age, "--max-age", "SECONDS", "how old it may be", "");
OPT(o_skew, "--skew", "SECONDS", "how far the host's clock may be ahead (default 120)", "");
OPT(o_server, "--server-certificates", NULL, "take signers with certificates of TLS servers, as Azure's", NULL);
OPT(o_extra, "--extra-certificates", NULL, "take documents with more than the signer's certificate", NULL);
OPT(o_any, "--any-audience", NULL, "take documents that are for somebody else", NULL);

OPT(o_version, "--api-version", "DATE", "which members it has (default: the newest)", "");
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);

static const struct su_option *const get_options[] = {&o_nonce,  &o_audience, &o_key, &o_version,
                                                      &o_socket, &o_json,     NULL};
static const struct su_option *const show_options[] = {&o_json, NULL};
static const struct su_option *const verify_options[] = {
    &o_json, &o_trust, &o_intermediates, &o_crl,          &o_domain,      &o_nonce, &o_audience,
    &o_key,  &o_vm,    &o_cluster,       &o_subscription, &o_secure_boot, &o_vtpm,  &o_type,
    &o_at,   &o_age,   &o_skew,          &o_server,       &o_extra,       &o_any,   NULL};

static const struct su_verb verbs[] = {
    {"document", "get", "VM", "a document about a VM of this host", 1, 1, get_options, su_document_get},
    {"document", "show", "FILE", "what a document claims; proves nothing", 1, 1, show_options, su_document_show},
    {"document", "verify", "FILE", "is it true? signature, chain, times, and what is asked for", 1, 1, verify_options,
     su_document_verify},
};
const struct su_noun su_document_noun = {verbs, SU_ARRAY_LEN(verbs)};
