/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/options.h - what the operator may choose; everything else is derived from the disk. */
#pragma once
#include "base/secret.h"
#include "disk/layout.h"

enum su_choice { SU_AUTO_CHOICE, SU_ON, SU_OFF };
enum su_engine { SU_ENGINE_NATIVE, SU_ENGINE_APPLIANCE };

enum { SU_MAX_MAP = 16 };

/* All strings borrowed. */
struct su_options {
    const char *image;
    const char *format;   /* NULL: look */
    uint32_t sector_size; /* 0: find out */
    uint64_t esp_bytes;   /* 0: 100 MiB, 260 MiB on 4096-byte sectors */
    bool no_grow;
    bool shared;                 /* a VM may be running on it: read without a lock; only for looking */
    enum su_choice dual;         /* keep it bootable under BIOS */
    enum su_engine engine;       /* who edits files that the native drivers cannot write */
    const char *boot_files;      /* NULL: search */
    const char *firmware_vars;   /* NULL: the host's OVMF template with Microsoft's keys */
    const char *boot_bus;        /* Windows: the bus it will boot from ("sata"); NULL: as before */
    bool msr;                    /* Windows: with a Microsoft reserved partition */
    bool reuse_esp;              /* Windows: the old system partition becomes the ESP, where the rules allow it */
    bool thorough;               /* look into every initramfs, also where it is not expected to tell anything new */
    bool allow_unsigned;         /* convert although Secure Boot would refuse the guest's kernel */
    const uint8_t *random;       /* 32 random bytes for GUIDs; NULL: derived from the disk */
    const struct su_secret *key; /* for LUKS; NULL: none */
    size_t n_map;
    struct su_type_row map[SU_MAX_MAP];
    int64_t now; /* seconds since the epoch, for time stamps in edited file systems */
};
