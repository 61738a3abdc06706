/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/verify_parse.h - private to verify*.c: files of a guest's /proc, /sys and /run, as its agent reads them.
 * Pure; every byte is hostile.  Texts come out clean; what is not as it should be is "" or SU_UNKNOWN. */
#pragma once
#include "upgrade/verify.h"

enum { SU_SEEN_DEVS = 8, SU_SEEN_PCRS = 8 };

/* efivarfs: four bytes of attributes, then the variable, here one byte that is 0 or 1. */
enum su_tri su_seen_flag(struct su_bytes file);
/* 64 hex digits, as /sys/class/tpm/tpm0/pcr-sha256/N has them; lower case. */
void su_seen_pcr(struct su_bytes file, char out[65]);
enum su_tri su_seen_tpm2(struct su_bytes file); /* tpm_version_major */
/* The value of KEY in lines "KEY=value", after a prefix ("" or "E:"): uevent, and udev's database. */
void su_seen_var(struct su_bytes file, const char *prefix, const char *key, char *out, size_t cap);
/* proc_pid_mountinfo(5): "MAJOR:MINOR" of what is mounted there last; of that file system type unless NULL. */
void su_seen_mount(struct su_bytes mountinfo, const char *mountpoint, const char *type, char *out, size_t cap);

/* guest-get-fsinfo: the kernel's names of the devices below a mount, without "/dev/". */
struct su_seen_devs {
    uint32_t n;
    char name[SU_SEEN_DEVS][32]; /* fit to be part of a path */
};
void su_seen_fsinfo(const json_t *ret, const char *mountpoint, struct su_seen_devs *out);
/* A kernel's name of a block device, and a device number: letters, digits, '-' and '!'; digits and ':'. */
bool su_seen_is_dev(const char *name);

/* Replays the log; pcr[i]: what the TPM holds in PCR i, "" when it is not known.  *same: every known one that the log
 * extends is as replayed. */
void su_seen_log(struct su_bytes log, const char (*pcr)[65], char pcr4[65], enum su_tri *same);

/* A value of Windows' registry as reg.exe prints it, status being its exit status: YES when the DWORD is yes, NO when
 * it is no, else UNKNOWN. */
enum su_tri su_seen_dword(int status, struct su_bytes printed, const char *value, uint32_t yes, uint32_t no);

/* An EFI_LOAD_OPTION (UEFI 2.10, 3.1.3) whose path ends with Windows' boot manager. */
bool su_seen_bootmgr_entry(struct su_bytes option);
/* OVMF's variable store. */
void su_seen_nvram(struct su_bytes file, struct su_evidence *out);
