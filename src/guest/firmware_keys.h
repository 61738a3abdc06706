/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/firmware_keys.h - db and dbx of a firmware, out of an OVMF variable store on the host. */
#pragma once
#include "base/buf.h"
#include "secureboot.h"

struct su_firmware_keys {
    bool known;             /* the variable store is there */
    struct su_sb_keys keys; /* db and dbx, borrowed from store */
    struct su_buf store;    /* owned */
};
void su_firmware_keys_done(struct su_firmware_keys *k);
#define SU_FIRMWARE_KEYS SU_AUTO(su_firmware_keys_done)

/* A file that does not exist is no error: known is false and the keys are empty.  "boot.firmware.vars" for one that
 * cannot be read, "efi.vars...." for one that is damaged. */
int su_firmware_keys_read(const char *vars, struct su_firmware_keys *out, struct su_err *e) SU_MUST_CHECK;
