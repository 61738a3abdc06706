/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/agent.h - the QEMU guest agent: what a guest says of itself.  Its answers are hostile: bounded, and only
 * believed where docs/vm-upgrade.md says so (a guest can lie about itself; then it lies to its own operator).
 *
 * Protocol: QEMU's docs/interop/qemu-ga-ref.  Files are read with guest-file-open/read/close, and where those are
 * switched off with guest-exec of /bin/cat.  SU_E_MISSING "vm.agent", SU_E_REFUSED "vm.agent.denied" (switched off in
 * the guest), SU_E_FORMAT "vm.agent.answer". */
#pragma once
#include "upgrade/hv.h"

struct su_agent_facts {
    bool answered;
    struct su_err why; /* when not */
    char version[24], os_id[64], os_version[64], os_name[128], kernel[128], machine[32], hostname[256], machine_id[40];
    bool windows;
};
/* Fails only without memory. */
int su_agent_ask(struct su_hv *hv, const char *uuid, uint32_t timeout_s, struct su_agent_facts *out,
                 struct su_err *e) SU_MUST_CHECK;
/* Until it answers guest-ping, at most so long.  *up: it did. */
int su_agent_wait(struct su_hv *hv, const char *uuid, uint32_t timeout_s, bool *up, struct su_err *e) SU_MUST_CHECK;
/* A file of the guest, at most max bytes. */
int su_agent_file(struct su_hv *hv, const char *uuid, const char *path, size_t max, struct su_buf *out,
                  struct su_err *e) SU_MUST_CHECK;
/* Runs a program without a shell; waits up to timeout_s.  *status: its exit status; out: what it printed, cut. */
int su_agent_exec(struct su_hv *hv, const char *uuid, const char *const *argv, uint32_t timeout_s, int *status,
                  struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
