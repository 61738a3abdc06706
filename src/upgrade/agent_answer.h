/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/agent_answer.h - private to agent*.c: what the guest agent's answers mean.  Pure; every byte is hostile. */
#pragma once
#include "base/buf.h"
#include "upgrade/agent.h"

enum { SU_AGENT_ANSWER = 1 << 20 }; /* bytes of one answer that are looked at */
enum { SU_AGENT_VALUES = 1 << 17 }; /* commas and opening brackets in it */

/* *ret: the member "return", new reference.  An answer that is an error becomes one. */
int su_agent_return(struct su_bytes answer, json_t **ret, struct su_err *e) SU_MUST_CHECK;
/* An agent's own refusal, in its words or in libvirt's that wrap them: denied or failed.  Always -1. */
int su_agent_refused(const char *words, struct su_err *e);

/* RFC 4648 section 4, padded, nothing else in it.  Appends; SU_E_RANGE when it is more than max bytes. */
int su_agent_base64(const char *text, size_t n, size_t max, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* guest-info, guest-get-osinfo, guest-get-host-name.  What is not there stays.  The id of Windows, "mswindows" there,
 * is "windows", as everywhere else. */
void su_agent_take_info(const json_t *ret, struct su_agent_facts *out);
void su_agent_take_os(const json_t *ret, struct su_agent_facts *out);
void su_agent_take_host(const json_t *ret, struct su_agent_facts *out);
/* The content of /etc/machine-id; "" when it is none (machine-id(5): 32 hex digits). */
void su_agent_take_machine_id(struct su_bytes file, char out[40]);
/* What "reg query KEY /v VALUE" of Windows prints: true, and the data of that value ("0x1", or text) when it is there
 * and of that type ("REG_DWORD", "REG_SZ"); else false, and "". */
bool su_agent_reg_value(struct su_bytes printed, const char *value, const char *type, char *out, size_t cap);
/* What it prints of MachineGuid, which is made once for an installation; "" when it is none. */
void su_agent_take_machine_guid(struct su_bytes printed, char out[40]);
/* guest-network-get-interfaces. */
int su_agent_take_network(const json_t *ret, struct su_agent_net *out, struct su_err *e) SU_MUST_CHECK;

/* guest-exec-status. */
struct su_agent_end {
    bool exited;
    int status;
};
int su_agent_take_end(const json_t *ret, bool with_stderr, struct su_agent_end *out, struct su_buf *printed,
                      struct su_err *e) SU_MUST_CHECK;
/* guest-file-read. */
int su_agent_take_chunk(const json_t *ret, size_t max, bool *eof, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
