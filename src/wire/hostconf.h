/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/hostconf.h - /etc/surety/surety.conf, which suretyd, surety-signer and surety-imds read.  No secrets in it. */
#pragma once
#include "base/conf.h"
#include "wire/vm.h"

struct su_host_conf {
    char host[254];           /* [host] name; default: the system's host name */
    char cluster[128];        /* [host] cluster; default "default" */
    char authority[512];      /* [authority] url, without the path; "" until known: enrol stores it */
    char key[512];            /* [key] uri: "file:", "tpm2:", "tpm2:tcti=...", "pkcs11:token=...;object=..." */
    char pin_file[512];       /* [key] pin-file, for pkcs11: */
    char module[512];         /* [key] pkcs11-module */
    char algorithm[16];       /* [key] algorithm: rsa2048 rsa3072 p256 */
    char digest_oid[16];      /* [document] digest-oid: sha256 or azure (sha256WithRSAEncryption) */
    uint32_t lifetime;        /* [document] lifetime, seconds, 60..86400; default 6 h */
    char subscription[SU_UUID_TEXT]; /* [document] subscription; default all zero */
    char license_type[SU_VM_WORD], sku[SU_VM_WORD]; /* [document] license-type, sku */
    uint32_t rate, burst;     /* [imds] rate (5), burst (10): documents a second and VM */
    uint32_t vsock_port;      /* [imds] vsock-port (169); 0: no vsock */
    char location[SU_VM_WORD]; /* [imds] location: compute.location; default the cluster */
    char libvirt[256];        /* [libvirt] uri (qemu:///system); "none": no libvirt */
    char vms_dir[512];        /* [vms] dir (/etc/surety/vms.d): VMs without libvirt */
    uint32_t sync_interval;   /* [sync] interval (12h) */
    char legacy_mode[8];      /* [legacy] mode: bridge or tap */
    char legacy_bridge[16];   /* [legacy] bridge (vbr-imds) */
};
int su_host_conf_load(const char *path, struct su_host_conf *out, struct su_err *e) SU_MUST_CHECK;

/* Where the programs meet; --run DIR and --state DIR change the roots. */
#define SU_RUN_DIR "/run/surety"
#define SU_STATE_DIR "/var/lib/surety"
#define SU_CONF_FILE "/etc/surety/surety.conf"
#define SU_OWN_BENEFITS "/etc/surety/host-benefits.d"
/* RUN/signer/sign.sock     surety-imds asks surety-signer
 * RUN/signer/control.sock  suretyd tells surety-signer
 * RUN/imds/imds.sock       suretyd tells surety-imds
 * RUN/api.sock             the management API of suretyd
 * STATE/signer/            key and certificates; surety-signer's alone
 * STATE/host/              suretyd's own state */
