/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/esp.h - the content of an EFI system partition, as a sparse file: FAT32 with one sector a cluster.
 *
 * mkfs.fat (dosfstools) and mcopy (mtools) do the work.  Same input, same bytes: volume id, dates and configuration are
 * given, never taken from the host.  One sector a cluster, because FAT32 begins at 65525 clusters and firmware
 * tells the kinds of FAT apart by that number alone (Microsoft FAT specification, "FAT type determination").
 * Thread safe. */
#pragma once
#include "base/buf.h"

enum { SU_ESP_MAX_FILES = 1024, SU_ESP_MAX_PATH = 128, SU_ESP_MAX_DEPTH = 8 };
#define SU_ESP_MAX_SIZE (4096 * SU_MIB)

struct su_esp_file {       /* borrowed */
    const char *path;      /* "EFI/BOOT/BOOTX64.EFI": components that su_esp_is_name() takes */
    const char *host_file; /* NULL: bytes */
    struct su_bytes bytes;
};

struct su_esp_spec {         /* borrowed */
    uint64_t size;           /* bytes, whole sectors, from su_esp_min_size() to SU_ESP_MAX_SIZE */
    uint32_t sector_size;    /* of the disk: 512 or 4096 */
    uint32_t volume_id;      /* what fstab calls UUID, as su_esp_uuid() writes it */
    uint32_t hidden_sectors; /* sectors before the partition, for the boot record; 0 where that does not fit */
    const char *label;       /* 1 to 11 of [A-Z0-9 _-] */
    const struct su_esp_file *file;
    size_t n_files; /* at most SU_ESP_MAX_FILES; no two differ in case only, and no directories of theirs do */
};

/* A name of [A-Za-z0-9._-] that does not start with '.' or '-', nor end with '.', and is no device's in DOS. */
bool su_esp_is_name(const char *s, size_t n);

/* *fd_out is owned by the caller: an open file without a name, of size bytes, with holes where nothing is.
 * "guest.esp.spec" (SU_E_USAGE): outside of the above; "guest.esp.size" (SU_E_RANGE): the files do not fit;
 * "guest.esp.file": a host file cannot be read; "host.tool....", "host.tmpdir". */
int su_esp_build(const struct su_esp_spec *spec, int *fd_out, struct su_err *e) SU_MUST_CHECK;

/* Calls fn for each run of the file that is not zero, in order, in pages of 4 KiB and at most 1 MiB at once; data is
 * borrowed for the call.  Whoever writes only these must know that the rest of the target reads as zeros.
 * fn returns 0, or -1 with *e set, which ends it. */
typedef int su_esp_extent_fn(void *arg, uint64_t off, struct su_bytes data, struct su_err *e);
int su_esp_extents(int fd, su_esp_extent_fn *fn, void *arg, struct su_err *e) SU_MUST_CHECK;

/* The least size that is FAT32 and holds this many bytes of files, in bytes, whole MiB; 0: no such sector size. */
uint64_t su_esp_min_size(uint32_t sector_size, uint64_t content);
/* What installers make: 100 MiB, 260 MiB with sectors of 4096 bytes; more if the content wants it. */
uint64_t su_esp_default_size(uint32_t sector_size, uint64_t content);

enum { SU_ESP_UUID = 10 /* with the NUL */ };
void su_esp_uuid(uint32_t volume_id, char out[SU_ESP_UUID]); /* "ABCD-1234" */
