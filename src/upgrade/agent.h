/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/agent.h - the QEMU guest agent: what a guest says of itself.  Its answers are hostile: bounded, and only
 * believed where docs/vm-upgrade.md says so (a guest can lie about itself; then it lies to its own operator).
 *
 * Protocol: QEMU's docs/interop/qemu-ga-ref; libvirt synchronises the channel.  Files are read with
 * guest-file-open/read/close, and where those are switched off with guest-exec of head.  Timeouts are seconds and for
 * one command.  Thread safe.
 * Errors: SU_E_MISSING "vm.agent" (nobody answers), SU_E_REFUSED "vm.agent.denied" (switched off in the guest, or not
 * known there), SU_E_IO "vm.agent.failed" (the guest could not do it: no such file), SU_E_IO "vm.agent.timeout",
 * SU_E_FORMAT "vm.agent.answer", SU_E_RANGE "vm.agent.size"; of libvirt's as in hv.h. */
#pragma once
#include "upgrade/hv.h"
#include <jansson.h>

/* machine_id: the one of systemd, or of Windows its MachineGuid. */
struct su_agent_facts {
    bool answered;
    struct su_err why; /* when not */
    char version[24], os_id[64], os_version[64], os_name[128], kernel[128], machine[32], hostname[256], machine_id[40];
    bool windows;
    bool files, exec; /* it lets files be read, programs be run */
};
/* Fails only without memory. */
int su_agent_ask(struct su_hv *hv, const char *uuid, uint32_t timeout_s, struct su_agent_facts *out,
                 struct su_err *e) SU_MUST_CHECK;
/* Until it answers guest-ping, at most so long.  *up: it did.  Fails when there is no such VM. */
int su_agent_wait(struct su_hv *hv, const char *uuid, uint32_t timeout_s, bool *up, struct su_err *e) SU_MUST_CHECK;
/* A file of the guest, appended: at most max bytes, SU_E_RANGE when it is longer.  path: absolute, ours and not the
 * guest's. */
int su_agent_file(struct su_hv *hv, const char *uuid, const char *path, size_t max, struct su_buf *out,
                  struct su_err *e) SU_MUST_CHECK;
/* Runs a program without a shell; waits up to timeout_s.  *status: its exit status, 128 + N when signal N ended it.
 * out: what it printed, stderr after stdout, cut at SU_AGENT_OUTPUT bytes each by the one who reads. */
#define SU_AGENT_REG "C:\\Windows\\System32\\reg.exe" /* where a Windows is that was not installed otherwise */
enum { SU_AGENT_OUTPUT = 512 << 10 };
int su_agent_exec(struct su_hv *hv, const char *uuid, const char *const *argv, uint32_t timeout_s, int *status,
                  struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* guest-get-fsinfo as it is: new reference. */
int su_agent_filesystems(struct su_hv *hv, const char *uuid, uint32_t timeout_s, json_t **out,
                         struct su_err *e) SU_MUST_CHECK;

enum { SU_AGENT_NICS = 32 };
struct su_agent_net {
    uint32_t n_addresses; /* of all cards, without loopback and link-local */
    uint32_t n;           /* cards but loopback; more than fit are left out */
    struct {
        char name[16]; /* fit to be part of a path */
        char mac[18];
        uint32_t addresses;
    } nic[SU_AGENT_NICS];
};
int su_agent_network(struct su_hv *hv, const char *uuid, uint32_t timeout_s, struct su_agent_net *out,
                     struct su_err *e) SU_MUST_CHECK;
