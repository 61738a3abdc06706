/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/seal.h - the secrets of tokens at rest: AES-256-GCM under a key file of the authority.
 *
 * A MAC over a request needs the secret itself, so a hash of it will not do.  The host's name is authenticated with it,
 * so a sealed secret of one host is none of another. */
#pragma once
#include "base/secret.h"
#include "ledger.h"

enum { SU_SEAL_KEY = 32 };
int su_seal(const struct su_secret *key, const char *host, const char secret[SU_TOKEN_SECRET],
            uint8_t sealed[SU_TOKEN_SEALED], struct su_err *e) SU_MUST_CHECK;
/* SU_E_FORMAT "authority.token.sealed": not sealed with this key for this host. */
int su_unseal(const struct su_secret *key, const char *host, const uint8_t sealed[SU_TOKEN_SEALED],
              char secret[SU_TOKEN_SECRET], struct su_err *e) SU_MUST_CHECK;
