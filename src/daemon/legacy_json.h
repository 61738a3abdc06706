/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/legacy_json.h - what the management API says about the legacy network.
 *
 *   GET    /v1/legacy           200 su_legacy_json()
 *   POST   /v1/legacy/enable    200 {"changed":bool}
 *   POST   /v1/legacy/disable   {"removeVms":bool}               200 {"changed":bool}
 *   POST   /v1/legacy/grants    {"vm":"NAME","configOnly":bool}  200 {"changed":bool,"vm":su_legacy_vm_json()}
 *                               {"vms":["NAME"],"configOnly":bool}  200 {"changed":bool,"granted":[],"failed":[]}
 *   DELETE /v1/legacy/grants/{} name or UUID                     200 {"changed":bool,"vm":su_legacy_vm_json()} */
#pragma once
#include "daemon/legacy.h"
#include <jansson.h>

/* Milliseconds since 1970 of the VM's last request over HTTP; 0: none known. */
typedef uint64_t (*su_legacy_last)(void *arg, const char *uuid);

/* A message, which may have been cut in the middle of a character of a name. */
json_t *su_legacy_text(const char *message);
/* {"name","uuid","state","running","mac","device","address","mark","problem","lastRequest"}; strings "" and numbers 0
 * when there is nothing to say.  NULL: out of memory. */
json_t *su_legacy_vm_json(const struct su_legacy_vm *vm, uint64_t last_request);
/* {"enabled","mode","bridge","addresses":[],"problems":[{"id","message","remedy"}],"vms":[]}; last may be NULL. */
json_t *su_legacy_json(bool enabled, const struct su_host_conf *conf, const struct su_legacy_findings *f,
                       const struct su_legacy_vms *v, su_legacy_last last, void *arg);
