/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows: evidence in, proofs out.  Each is a function, and all of them are one table. */
#include "upgrade/verify_int.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define OUTSIDE "outside"
#define INSIDE "guest agent"

static const char *const proof_names[] = {[SU_PROOF_YES] = "yes", [SU_PROOF_NO] = "no", [SU_PROOF_OPEN] = "open"};

const char *su_proof_name(enum su_proof p)
{
    return (size_t)p < SU_ARRAY_LEN(proof_names) ? proof_names[p] : "?";
}

typedef const struct su_expect want;
typedef const struct su_evidence seen;
typedef struct su_verify_row row;

SU_PRINTF(4, 5)
static void say(row *r, enum su_proof proof, const char *how, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, ap);
    va_end(ap);
    r->proof = proof;
    r->how = how;
}

/* What is asked: a row tells its proof, and whether it counts. */
static void running(want *x, seen *ev, row *r)
{
    (void)x;
    r->required = true;
    if (ev->running)
        say(r, SU_PROOF_YES, OUTSIDE, "the VM runs");
    else
        say(r, SU_PROOF_NO, OUTSIDE, "the VM is off");
}

/* What of one's own an upgrade expects: shim, or Windows' boot manager. */
static bool of_windows(want *x, seen *ev)
{
    return strcmp(x->os_id, "windows") == 0 || ev->agent.windows || (ev->nvram_bootmgr && !ev->nvram_shim);
}

static const char *loader(want *x, seen *ev)
{
    return of_windows(x, ev) ? "Windows' boot manager" : "shim";
}

/* Firmware, too, sends frames when it finds nothing to boot: they count only after the boot loader. */
static void alive(want *x, seen *ev, row *r)
{
    bool shim_expected = x->has_pcr4 && ev->nvram_read, ran = su_loader_ran(ev);
    const char *name = loader(x, ev);
    r->required = true;
    if (ev->inside)
        say(r, SU_PROOF_YES, INSIDE, "the guest's agent answers");
    else if (ran && ev->tx_bytes > 0)
        say(r, SU_PROOF_YES, OUTSIDE, "%s has started, and the guest's network cards have sent %llu bytes", name,
            (unsigned long long)ev->tx_bytes);
    else if (shim_expected && !ev->nvram_shim)
        say(r, SU_PROOF_NO, OUTSIDE, "the firmware has not started shim: nothing of it is in NVRAM");
    else if (ran && ev->tx_known && ev->live.n_nics > 0)
        say(r, SU_PROOF_OPEN, OUTSIDE, "%s has started; the guest's network cards have sent nothing yet", name);
    else if (ran)
        say(r, SU_PROOF_OPEN, OUTSIDE, "%s has started; whether the system has cannot be told without a guest agent",
            name);
    else if (ev->tx_bytes > 0)
        say(r, SU_PROOF_OPEN, OUTSIDE, "the network cards have sent %llu bytes, perhaps by the firmware",
            (unsigned long long)ev->tx_bytes);
    else
        say(r, SU_PROOF_NO, OUTSIDE, "there is no sign of life: no agent, no frame sent, nothing of %s in NVRAM", name);
}

static void firmware(want *x, seen *ev, row *r)
{
    (void)x;
    r->required = true;
    if (ev->live.firmware != SU_FIRMWARE_UEFI)
        say(r, SU_PROOF_NO, OUTSIDE, "the VM runs with BIOS");
    else if (ev->efi == SU_NO)
        say(r, SU_PROOF_NO, INSIDE, "the guest was not started by UEFI");
    else
        say(r, SU_PROOF_YES, ev->efi == SU_YES ? INSIDE : OUTSIDE, "UEFI%s",
            ev->efi == SU_YES ? ", and the guest was started by it" : ", by the running definition");
}

/* What the guest's firmware cannot be, whatever the guest says: its agent may lie. */
static const char *no_secure_boot(seen *ev)
{
    if (ev->live.loader_secure == SU_NO)
        return "the firmware in use is not the one for Secure Boot";
    if (ev->nvram_read && !ev->nvram_keys)
        return "NVRAM has no platform key, so Secure Boot is off";
    if (ev->nvram_read && ev->nvram_enabled == SU_NO)
        return "Secure Boot is switched off in the firmware's setup";
    return NULL;
}

static void secure_boot(want *x, seen *ev, row *r)
{
    const char *no = no_secure_boot(ev);
    r->required = x->secure_boot;
    if (ev->secure_boot == SU_NO)
        say(r, SU_PROOF_NO, INSIDE, "the guest's firmware says that Secure Boot is off");
    else if (no)
        say(r, SU_PROOF_NO, OUTSIDE, "%s%s", no, ev->secure_boot == SU_YES ? "; the guest says that it is on" : "");
    else if (ev->secure_boot == SU_YES)
        say(r, SU_PROOF_YES, INSIDE, "the guest's firmware says that Secure Boot is on");
    else if (!ev->nvram_read)
        say(r, SU_PROOF_OPEN, OUTSIDE, "neither the guest nor NVRAM could be read");
    else if (su_loader_ran(ev) && ev->live.loader_secure == SU_YES)
        say(r, SU_PROOF_YES, OUTSIDE, "the firmware enforces it, NVRAM has its keys, and %s was started under them",
            loader(x, ev));
    else
        say(r, SU_PROOF_OPEN, OUTSIDE, "NVRAM has keys; that the guest was started under them is not seen");
}

static void setup_mode(want *x, seen *ev, row *r)
{
    r->required = x->secure_boot;
    if (ev->setup_mode == SU_YES)
        say(r, SU_PROOF_NO, INSIDE, "the firmware is in setup mode");
    else if (ev->nvram_read && !ev->nvram_keys)
        say(r, SU_PROOF_NO, OUTSIDE, "NVRAM has no platform key");
    else if (ev->setup_mode == SU_NO)
        say(r, SU_PROOF_YES, INSIDE, "the firmware is not in setup mode");
    else if (!ev->nvram_read)
        say(r, SU_PROOF_OPEN, OUTSIDE, "NVRAM could not be read");
    else
        say(r, SU_PROOF_YES, OUTSIDE, "NVRAM has a platform key");
}

static void tpm(want *x, seen *ev, row *r)
{
    r->required = x->vtpm;
    if (ev->live.tpm != SU_YES)
        say(r, SU_PROOF_NO, OUTSIDE, "the running definition has no emulated TPM 2.0");
    else if (ev->tpm2 == SU_YES)
        say(r, SU_PROOF_YES, INSIDE, "the guest sees a TPM 2.0");
    else if (ev->tpm2 == SU_NO && ev->tpm_table == SU_NO)
        say(r, SU_PROOF_NO, INSIDE, "QEMU gives the guest a TPM 2.0, and its firmware tells the kernel of none");
    else if (ev->tpm2 == SU_NO)
        say(r, SU_PROOF_OPEN, INSIDE, "QEMU gives the guest a TPM 2.0, and its %s shows none: it may lack the driver",
            of_windows(x, ev) ? "registry" : "kernel");
    else if (ev->tpm_state)
        say(r, SU_PROOF_YES, OUTSIDE, "the running definition has a TPM 2.0, and swtpm keeps its state");
    else
        say(r, SU_PROOF_OPEN, OUTSIDE, "the running definition has a TPM 2.0; its state is not seen from here");
}

static const char *no_pcr4(bool windows)
{
    return windows ? "PCR 4 is neither predicted nor read for Windows" : "PCR 4 could not be read";
}

static void pcr4(want *x, seen *ev, row *r)
{
    const char *got = ev->pcr4[0] ? ev->pcr4 : ev->log_pcr4;
    bool known = x->has_pcr4 && x->pcr4[0] && got[0];
    r->required = known && (!x->later || strcasecmp(got, x->pcr4) == 0);
    if (known && strcasecmp(got, x->pcr4) == 0)
        say(r, SU_PROOF_YES, INSIDE, "PCR 4 is what was predicted from the boot files: %.16s...", got);
    else if (x->later && got[0] && strcasecmp(got, x->pcr4_now) == 0)
        say(r, SU_PROOF_YES, INSIDE,
            "PCR 4 is what the boot files on the disk give, which were updated since: %.16s...", got);
    else if (known && x->later)
        say(r, SU_PROOF_NO, INSIDE,
            "PCR 4 is %.16s..., after the upgrade it was %.16s...: boot files were updated, or something else was "
            "started",
            got, x->pcr4);
    else if (known)
        say(r, SU_PROOF_NO, INSIDE, "PCR 4 is %.16s..., predicted was %.16s...: something else was started", got,
            x->pcr4);
    else if (got[0])
        say(r, SU_PROOF_OPEN, INSIDE, "PCR 4 is %s; it was not predicted", got);
    else
        say(r, SU_PROOF_OPEN, INSIDE, "%s", no_pcr4(of_windows(x, ev)));
}

static void event_log(want *x, seen *ev, row *r)
{
    if (ev->log_true == SU_UNKNOWN)
        say(r, SU_PROOF_OPEN, INSIDE,
            of_windows(x, ev) ? "the event log is not read for Windows"
                              : "the event log could not be read and compared");
    else
        say(r, ev->log_true == SU_YES ? SU_PROOF_YES : SU_PROOF_NO, INSIDE, "the event log replays to %s values",
            ev->log_true == SU_YES ? "the TPM's" : "other");
}

/* Versions change with every update, and names may; who it is does not. */
static void system_of(want *x, seen *ev, row *r)
{
    const struct su_agent_facts *a = &ev->agent;
    bool known = ev->inside && x->os_id[0] && a->os_id[0];
    bool both_ids = x->machine_id[0] && a->machine_id[0];
    r->required = known;
    if (!known)
        say(r, SU_PROOF_OPEN, INSIDE, "which system runs %s", x->os_id[0] ? "cannot be asked" : "was not known before");
    else if (strcmp(x->os_id, a->os_id) != 0)
        say(r, SU_PROOF_NO, INSIDE, "the system is %.40s, and was %.40s", a->os_id, x->os_id);
    else if (both_ids && strcasecmp(x->machine_id, a->machine_id) != 0)
        say(r, SU_PROOF_NO, INSIDE, "the system is another one: its machine-id is %s and was %s", a->machine_id,
            x->machine_id);
    else if (x->hostname[0] && a->hostname[0] && strcmp(x->hostname, a->hostname) != 0)
        say(r, SU_PROOF_YES, INSIDE, "%.40s %.20s, as before; its name is %.60s and was %.60s", a->os_id, a->os_version,
            a->hostname, x->hostname);
    else
        say(r, SU_PROOF_YES, INSIDE, "%.100s, as before", a->os_name[0] ? a->os_name : a->os_id);
}

static void root_disk(want *x, seen *ev, row *r)
{
    bool other = x->root_uuid[0] && ev->root_uuid[0] && strcasecmp(x->root_uuid, ev->root_uuid) != 0;
    r->required = other || ev->root_is_ours != SU_UNKNOWN;
    if (other)
        say(r, SU_PROOF_NO, INSIDE, "root's file system is %s, and was %s", ev->root_uuid, x->root_uuid);
    else if (ev->root_is_ours == SU_YES)
        say(r, SU_PROOF_YES, INSIDE, "root and the EFI system partition are on %s", ev->root_disk);
    else if (ev->root_is_ours == SU_NO)
        say(r, SU_PROOF_NO, INSIDE,
            "root is on %s with a %s table, the EFI system partition on %s: a copy of the disk is "
            "attached",
            ev->root_disk[0] ? ev->root_disk : "a disk", ev->root_table[0] ? ev->root_table : "partition",
            ev->esp_disk[0] ? ev->esp_disk : "another one");
    else if (of_windows(x, ev))
        say(r, SU_PROOF_OPEN, INSIDE, "which disk Windows runs from is not compared");
    else
        say(r, SU_PROOF_OPEN, INSIDE,
            "which disk root is on could not be compared with that of the EFI system partition");
}

static void network(want *x, seen *ev, row *r)
{
    r->required = x->network_before;
    if (ev->network_known && ev->net.n_addresses > 0 && of_windows(x, ev))
        say(r, SU_PROOF_YES, INSIDE, "the guest has %u addresses", ev->net.n_addresses);
    else if (ev->network_known && ev->net.n_addresses > 0)
        say(r, SU_PROOF_YES, INSIDE, "the guest has %u addresses; %u cards are up", ev->net.n_addresses, ev->n_up);
    else if (ev->network_known)
        say(r, SU_PROOF_NO, INSIDE, "the guest has no address on any network card");
    else if (ev->tx_known && ev->tx_bytes > 0)
        say(r, ev->inside || su_loader_ran(ev) ? SU_PROOF_YES : SU_PROOF_OPEN, OUTSIDE,
            "the network cards have sent %llu bytes", (unsigned long long)ev->tx_bytes);
    else if (ev->tx_known && ev->live.n_nics > 0)
        say(r, SU_PROOF_NO, OUTSIDE, "the network cards have sent nothing");
    else
        say(r, SU_PROOF_OPEN, OUTSIDE, "nobody counts what the network cards send");
}

/* Names are the guest's word, and only its agent has them: "open" where it does not answer. */
static void network_names(want *x, seen *ev, row *r)
{
    char text[sizeof r->text];
    r->required = x->cards[0] && ev->network_known;
    if (!x->cards[0] && of_windows(x, ev))
        say(r, SU_PROOF_OPEN, INSIDE, "not compared: Windows takes a card at another place for a new one");
    else if (!x->cards[0])
        say(r, SU_PROOF_OPEN, INSIDE, "the guest's names of its network cards were not known before");
    else if (!ev->network_known)
        say(r, SU_PROOF_OPEN, INSIDE, "the guest's names of its network cards cannot be asked");
    else
        say(r, su_cards_same(x->cards, &ev->net, text, sizeof text) ? SU_PROOF_YES : SU_PROOF_NO, INSIDE, "%s", text);
}

static void agent(want *x, seen *ev, row *r)
{
    r->required = x->agent_before;
    if (ev->inside)
        say(r, SU_PROOF_YES, INSIDE, "it answers: version %s", ev->agent.version[0] ? ev->agent.version : "unknown");
    else if (x->agent_before)
        say(r, SU_PROOF_NO, INSIDE, "it answered before, and does not now");
    else
        say(r, SU_PROOF_OPEN, INSIDE, "no guest agent answers");
}

static void units(want *x, seen *ev, row *r)
{
    if (of_windows(x, ev))
        say(r, SU_PROOF_OPEN, INSIDE, "not asked: Windows has no systemd");
    else if (strcmp(ev->units, "running") == 0)
        say(r, SU_PROOF_YES, INSIDE, "systemd says that the system is running, and no unit has failed");
    else if (strcmp(ev->units, "degraded") == 0)
        say(r, SU_PROOF_NO, INSIDE, "units have failed in the guest: run systemctl --failed there");
    else
        say(r, SU_PROOF_OPEN, INSIDE, "systemd says: %s", ev->units[0] ? ev->units : "nothing");
}

static const struct {
    const char *id;
    void (*judge)(want *x, seen *ev, row *r);
} rows[] = {
    {"verify.running", running},
    {"verify.alive", alive},
    {"verify.firmware", firmware},
    {"verify.secure-boot", secure_boot},
    {"verify.setup-mode", setup_mode},
    {"verify.tpm", tpm},
    {"verify.pcr4", pcr4},
    {"verify.log", event_log},
    {"verify.os", system_of},
    {"verify.root-disk", root_disk},
    {"verify.network", network},
    {"verify.network-names", network_names},
    {"verify.agent", agent},
    {"verify.units", units},
};
_Static_assert(SU_ARRAY_LEN(rows) <= SU_VERIFY_ROWS, "more rows than fit");

/* Where no guest runs, or none can be asked, nothing of it is proved or disproved. */
static bool needs_guest(const char *id)
{
    return strcmp(id, "verify.running") != 0;
}

void su_verify_judge(const struct su_expect *x, const struct su_evidence *ev, struct su_verified *out)
{
    *out = (struct su_verified){.inside = ev->inside};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        row *r = &out->row[out->n++];
        *r = (row){.id = rows[i].id};
        rows[i].judge(x, ev, r);
        if (ev->simulated && needs_guest(r->id))
            say(r, SU_PROOF_OPEN, OUTSIDE, "libvirt's test driver runs no guest");
        else if (!ev->running && needs_guest(r->id))
            say(r, SU_PROOF_OPEN, OUTSIDE, "the VM is off");
        out->no += r->required && r->proof == SU_PROOF_NO;
        out->open += r->required && r->proof == SU_PROOF_OPEN;
    }
}
