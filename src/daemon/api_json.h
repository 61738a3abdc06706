/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/api_json.h - what the management API says.  Objects are the caller's; NULL: out of memory.  With lock. */
#pragma once
#include "daemon/daemon.h"
#include <jansson.h>

json_t *su_api_server(const struct su_daemon *d);
/* upgrades: of su_api_upgrades(); borrowed. */
json_t *su_api_vm(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, const json_t *upgrades);
/* api_benefit.c: its members "benefits", "benefit_status", "os", "agentChannel", "vsock", "legacy". */
void su_api_vm_benefits(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, json_t *o);
void su_api_benefit_facts(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, struct su_benefit_facts *f);
json_t *su_api_when(uint64_t t); /* RFC 3339; null: none */
/* The text of {"vms": [...]}, one VM after another: the values of all of them take ten times as much. */
int su_api_vms(const struct su_daemon *d, const json_t *upgrades, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
