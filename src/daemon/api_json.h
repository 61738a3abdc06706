/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/api_json.h - what the management API says.  Objects are the caller's; NULL: out of memory.  With lock. */
#pragma once
#include "daemon/daemon.h"
#include <jansson.h>

json_t *su_api_server(const struct su_daemon *d);
/* api_vm.c.  upgrades: of su_api_upgrades(); borrowed. */
json_t *su_api_vm(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, const json_t *upgrades);
void su_api_benefit_facts(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, struct su_benefit_facts *f);
json_t *su_api_words(const char *s); /* null: NULL, empty, or no UTF-8 */
json_t *su_api_when(uint64_t t);     /* RFC 3339; null: none */
/* The text of {"vms": [...]}: as values of jansson's they took ten times the memory and four times the time. */
int su_api_vms(const struct su_daemon *d, const json_t *upgrades, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
