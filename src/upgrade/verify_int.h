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
/* The same of Windows: its registry, through reg.exe. */
void su_verify_windows(struct su_hv *hv, const char *uuid, struct su_evidence *out);
/* The boot loader that belongs to the guest has run: the firmware found it on the ESP, and accepted it. */
static inline bool su_loader_ran(const struct su_evidence *ev)
{
    return ev->nvram_shim || ev->nvram_bootmgr;
}
/* su_expect.cards against the cards now.  text: the names, or what is wrong. */
bool su_cards_same(const char *before, const struct su_agent_net *now, char *text, size_t cap);

/* Files in directories of less privileged users, read without following a link: NVRAM at most SU_VERIFY_NVRAM bytes. */
enum { SU_VERIFY_NVRAM = 16 << 20 };
void su_verify_read_nvram(const char *path, struct su_evidence *out);
bool su_verify_has_tpm_state(const char *dir);
