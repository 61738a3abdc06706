/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/verify_int.h - private to verify*.c: who collects what. */
#pragma once
#include "upgrade/verify.h"

/* The definition as it runs, NVRAM, the TPM's state, what the cards sent.  Only out->running when it is off. */
int su_verify_outside(struct su_hv *hv, const char *uuid, struct su_evidence *out, struct su_err *e) SU_MUST_CHECK;
/* What its agent tells; out->inside says whether there is one.  Fails only without memory. */
int su_verify_inside(struct su_hv *hv, const char *uuid, struct su_evidence *out, struct su_err *e) SU_MUST_CHECK;
/* Of that only what comes later than the agent: mounts, network, units. */
void su_verify_again(struct su_hv *hv, const char *uuid, struct su_evidence *out);
/* su_expect.cards against the cards now.  text: the names, or what is wrong. */
bool su_cards_same(const char *before, const struct su_agent_net *now, char *text, size_t cap);

/* Files in directories of less privileged users, read without following a link: NVRAM at most SU_VERIFY_NVRAM bytes. */
enum { SU_VERIFY_NVRAM = 16 << 20 };
void su_verify_read_nvram(const char *path, struct su_evidence *out);
bool su_verify_has_tpm_state(const char *dir);
