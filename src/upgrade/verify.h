/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/verify.h - is the VM what the upgrade promised?  Evidence from outside and inside, row by row.
 *
 * outside: the running definition (firmware, loader, TPM), the NVRAM file (Secure Boot's keys; that shim, or Windows'
 *          boot manager, ran), swtpm's state, frames the cards have sent.
 * inside:  the guest agent reads the guest's own view: the SecureBoot variable, the TPM's PCR 4, the event log, the OS,
 *          root's disk against the ESP's disk, the network.  Of Windows: what its registry says of them.
 * Pure rows over collected evidence, so that each is tested without a guest.  Thread safe. */
#pragma once
#include "upgrade/agent.h"
#include "upgrade/checks.h"

enum su_proof { SU_PROOF_YES, SU_PROOF_NO, SU_PROOF_OPEN /* cannot be told from here */ };
const char *su_proof_name(enum su_proof p); /* "yes", "no", "open" */

struct su_expect {
    bool secure_boot, vtpm;
    bool has_pcr4;
    char pcr4[65];                                                 /* hex, predicted; "": none */
    bool later;                                                    /* it was updated since, perhaps; not kept */
    char pcr4_now[65];                                             /* then: of the files on the disk now; not kept */
    char os_id[64], os_version[64], machine_id[40], hostname[256]; /* "": not known */
    char root_uuid[40];                                            /* of root's file system; "": not known */
    bool agent_before;   /* it answered before the upgrade: it has to afterwards */
    bool agent_maybe;    /* it was off, with a channel for an agent: nobody knows whether one answers */
    bool network_before; /* the guest had an address before; where it cannot be asked: it sent frames */
    char cards[SU_AGENT_NICS *
               34]; /* names that the guest has for the VM's network cards: "ens3=52:54:00:11:22:33 ..." */
};

struct su_evidence {
    struct su_domain live;
    bool simulated; /* libvirt's test driver: no guest runs there */
    bool running;
    bool nvram_read, nvram_keys, nvram_shim; /* PK is there; SbatLevel is there: shim has run */
    bool nvram_bootmgr;                      /* Windows' boot manager has run: it left variables or a boot entry */
    enum su_tri nvram_enabled;               /* OVMF's own switch for Secure Boot */
    bool tpm_state;
    bool tx_known;
    uint64_t tx_bytes;
    bool inside; /* the agent answered */
    struct su_err inside_why;
    struct su_agent_facts agent;
    enum su_tri efi, secure_boot, setup_mode;
    enum su_tri tpm2;                 /* SU_NO: the guest's kernel shows no TPM 2.0 */
    enum su_tri tpm_table;            /* ACPI's table TPM2: the firmware tells the kernel of one */
    char pcr4[65];                    /* lower case hex; "": could not be read */
    char log_pcr4[65];                /* replayed from the event log; "" */
    enum su_tri log_true;             /* the log replays to the values of the TPM */
    char root_disk[64], esp_disk[64]; /* of the kernel; "": unknown */
    char root_table[8];               /* "gpt", "dos"; "" */
    char root_uuid[40];
    enum su_tri root_is_ours;
    bool network_known;
    struct su_agent_net net; /* when it is known */
    uint32_t n_up;           /* cards that have a configured name and are up */
    char units[24];          /* systemctl is-system-running; "" */
};

enum { SU_VERIFY_ROWS = 24 };
struct su_verify_row {
    const char *id; /* static: "verify.firmware", "verify.secure-boot", "verify.pcr4" ... */
    enum su_proof proof;
    bool required;   /* a "no" here fails the upgrade; an "open" never does, but it is said */
    const char *how; /* static: "outside", "guest agent" */
    char text[240];
};
struct su_verified {
    unsigned n;        /* rows */
    unsigned no, open; /* of required rows */
    bool inside;       /* the guest agent answered */
    struct su_verify_row row[SU_VERIFY_ROWS];
};

/* Takes from what the agent says of a running guest, before: names of its cards, and whether it has an address. */
void su_expect_network(const struct su_agent_net *net, const struct su_domain *d, struct su_expect *x);

/* Waits for the guest (its agent, or for signs of life from outside) up to timeout_s seconds, then collects.  It ends
 * early when the evidence is complete, when nothing required is missing that could still come, or the VM is off; an
 * agent that answers while the system still starts is asked again, for a minute.  SU_E_CONFLICT "vm.cancelled"; of
 * libvirt's as in hv.h. */
int su_verify_collect(struct su_hv *hv, const char *uuid, const struct su_expect *x, uint32_t timeout_s,
                      bool (*cancelled)(void *), void *arg, struct su_evidence *out, struct su_err *e) SU_MUST_CHECK;
/* Once, without waiting: surety vm verify. */
int su_verify_look(struct su_hv *hv, const char *uuid, struct su_evidence *out, struct su_err *e) SU_MUST_CHECK;
/* Pure. */
void su_verify_judge(const struct su_expect *x, const struct su_evidence *ev, struct su_verified *out);
json_t *su_verified_json(const struct su_verified *v); /* {"ok","no","open","rows":[...]}; new reference */
json_t *su_expect_json(const struct su_expect *x);     /* new reference */
/* What is missing is not expected.  SU_E_FORMAT "vm.expect". */
int su_expect_parse(const json_t *o, struct su_expect *out, struct su_err *e) SU_MUST_CHECK;

/* finish: what has to be run in the guest so that shim and GRUB are updated with it, by distribution.  Lines of shell
 * for people; static.  NULL: nothing is known for this system. */
const char *su_finish_commands(const char *os_id);
/* False: the system keeps its boot files up to date by itself, as Windows does. */
bool su_finish_needed(const char *os_id);
/* Runs them through the agent.  log: what they printed. */
int su_finish_run(struct su_hv *hv, const char *uuid, const char *os_id, uint32_t timeout_s, struct su_buf *log,
                  struct su_err *e) SU_MUST_CHECK;
