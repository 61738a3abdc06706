/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verification: every row with evidence for yes, no and open; the files of a guest; a guest, NVRAM and libvirt played
 * by this file. */
#include "tests/lib/tap.h"
#include "upgrade/verify.h"
#include <stdio.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX64_OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID "0123456789abcdef0123456789abcdef"

/* The rows ------------------------------------------------------------------- */

static struct su_expect x;
static struct su_evidence ev;
static struct su_verified got;

/* An upgrade that was asked for all, and a guest that shows all. */
static void all_good(void)
{
    x = (struct su_expect){.secure_boot = true,
                           .vtpm = true,
                           .has_pcr4 = true,
                           .pcr4 = HEX64,
                           .os_id = "debian",
                           .os_version = "12",
                           .machine_id = ID,
                           .hostname = "web1",
                           .root_uuid = "aa-bb",
                           .agent_before = true,
                           .network_before = true,
                           .cards = "ens3=52:54:00:11:22:33"};
    ev = (struct su_evidence){.running = true,
                              .nvram_read = true,
                              .nvram_keys = true,
                              .nvram_shim = true,
                              .nvram_enabled = SU_YES,
                              .tpm_state = true,
                              .tx_known = true,
                              .tx_bytes = 1000,
                              .inside = true,
                              .efi = SU_YES,
                              .secure_boot = SU_YES,
                              .setup_mode = SU_NO,
                              .tpm2 = SU_YES,
                              .pcr4 = HEX64,
                              .log_pcr4 = HEX64,
                              .log_true = SU_YES,
                              .root_disk = "vda",
                              .esp_disk = "vda",
                              .root_table = "gpt",
                              .root_uuid = "AA-BB",
                              .root_is_ours = SU_YES,
                              .network_known = true,
                              .net = {.n_addresses = 2, .n = 1, .nic = {{"ens3", "52:54:00:11:22:33", 2}}},
                              .n_up = 1,
                              .units = "running"};
    ev.agent = (struct su_agent_facts){.answered = true,
                                       .version = "7.2",
                                       .os_id = "debian",
                                       .os_version = "12",
                                       .os_name = "Debian 12",
                                       .hostname = "web1",
                                       .machine_id = ID,
                                       .files = true};
    ev.live.firmware = SU_FIRMWARE_UEFI;
    ev.live.loader_secure = ev.live.secure_boot_feature = ev.live.tpm = SU_YES;
    ev.live.n_nics = 1;
}

/* The same guest, without an agent. */
static void outside_only(void)
{
    all_good();
    x.agent_before = false;
    ev.inside = ev.network_known = false;
    ev.agent = (struct su_agent_facts){0};
    ev.efi = ev.secure_boot = ev.setup_mode = ev.tpm2 = ev.log_true = ev.root_is_ours = SU_UNKNOWN;
    ev.pcr4[0] = ev.log_pcr4[0] = ev.root_uuid[0] = ev.units[0] = 0;
}

static const struct su_verify_row *row(const char *id)
{
    static const struct su_verify_row none = {.id = "none", .text = "", .how = ""};
    su_verify_judge(&x, &ev, &got);
    for (unsigned i = 0; i < got.n; i++)
        if (strcmp(got.row[i].id, id) == 0)
            return &got.row[i];
    return &none;
}

static void is(const char *id, enum su_proof proof, bool required, const char *how)
{
    const struct su_verify_row *r = row(id);
    ok(strcmp(r->id, id) == 0 && r->proof == proof && r->required == required && strcmp(r->how, how) == 0 && r->text[0],
       "%s %s%s %s: %s", id, su_proof_name(r->proof), r->required ? " required" : "", r->how, r->text);
}

#define OUT "outside"
#define IN "guest agent"

static void rows_of_the_whole(void)
{
    all_good();
    su_verify_judge(&x, &ev, &got);
    ok(got.no == 0 && got.open == 0 && got.n >= 13, "all is good");
    for (unsigned i = 0; i < got.n; i++)
        ok(got.row[i].proof == SU_PROOF_YES, "%s: %s", got.row[i].id, got.row[i].text);
    outside_only();
    su_verify_judge(&x, &ev, &got);
    ok(got.no == 0 && got.open == 0, "all that counts is good from outside, too");
    ev.simulated = true;
    ev.live.firmware = SU_FIRMWARE_BIOS;
    su_verify_judge(&x, &ev, &got);
    ok(got.no == 0 && got.open >= 5, "of libvirt's test driver all is open");
    is("verify.running", SU_PROOF_YES, true, OUT);
    all_good();
    ev = (struct su_evidence){0};
    is("verify.running", SU_PROOF_NO, true, OUT);
    ok(got.no == 1, "a VM that is off is one no, and all else is open");
}

static void rows_of_life(void)
{
    outside_only();
    is("verify.alive", SU_PROOF_YES, true, OUT);
    ev.tx_bytes = 0;
    is("verify.alive", SU_PROOF_OPEN, true, OUT);
    is("verify.network", SU_PROOF_NO, true, OUT);
    ev.live.n_nics = 0;
    is("verify.alive", SU_PROOF_OPEN, true, OUT);
    is("verify.network", SU_PROOF_OPEN, true, OUT);
    ev.nvram_shim = false;
    is("verify.alive", SU_PROOF_NO, true, OUT);
    ev.tx_bytes = 500; /* the firmware's own, looking for something to boot */
    is("verify.alive", SU_PROOF_NO, true, OUT);
    ev.nvram_read = false;
    is("verify.alive", SU_PROOF_OPEN, true, OUT);
    x.has_pcr4 = false; /* what starts is not ours, so shim is not expected */
    ev.nvram_read = true;
    is("verify.alive", SU_PROOF_OPEN, true, OUT);
    ev.tx_bytes = 0;
    is("verify.alive", SU_PROOF_NO, true, OUT);
    all_good();
    is("verify.alive", SU_PROOF_YES, true, IN);
    is("verify.agent", SU_PROOF_YES, true, IN);
    ev.inside = false;
    is("verify.agent", SU_PROOF_NO, true, IN);
    x.agent_before = false;
    is("verify.agent", SU_PROOF_OPEN, false, IN);
}

static void rows_of_firmware(void)
{
    all_good();
    is("verify.firmware", SU_PROOF_YES, true, IN);
    ev.efi = SU_UNKNOWN;
    is("verify.firmware", SU_PROOF_YES, true, OUT);
    ev.efi = SU_NO;
    is("verify.firmware", SU_PROOF_NO, true, IN);
    ev.live.firmware = SU_FIRMWARE_BIOS;
    is("verify.firmware", SU_PROOF_NO, true, OUT);

    all_good();
    is("verify.secure-boot", SU_PROOF_YES, true, IN);
    ev.secure_boot = SU_NO;
    is("verify.secure-boot", SU_PROOF_NO, true, IN);
    x.secure_boot = false;
    is("verify.secure-boot", SU_PROOF_NO, false, IN);
    outside_only();
    is("verify.secure-boot", SU_PROOF_YES, true, OUT);
    ev.nvram_shim = false;
    is("verify.secure-boot", SU_PROOF_OPEN, true, OUT);
    ev.nvram_enabled = SU_NO;
    is("verify.secure-boot", SU_PROOF_NO, true, OUT);
    ev.nvram_keys = false;
    is("verify.secure-boot", SU_PROOF_NO, true, OUT);
    is("verify.setup-mode", SU_PROOF_NO, true, OUT);
    ev.nvram_read = false;
    is("verify.secure-boot", SU_PROOF_OPEN, true, OUT);
    is("verify.setup-mode", SU_PROOF_OPEN, true, OUT);
    ev.live.loader_secure = SU_NO;
    is("verify.secure-boot", SU_PROOF_NO, true, OUT);
    outside_only();
    is("verify.setup-mode", SU_PROOF_YES, true, OUT);
    all_good();
    is("verify.setup-mode", SU_PROOF_YES, true, IN);
    ev.setup_mode = SU_YES;
    is("verify.setup-mode", SU_PROOF_NO, true, IN);
}

/* A guest's word does not outweigh what is seen from outside. */
static void guest_lies(void)
{
    all_good();
    ev.nvram_enabled = SU_NO;
    is("verify.secure-boot", SU_PROOF_NO, true, OUT);
    ev.nvram_enabled = SU_YES;
    ev.nvram_keys = false;
    is("verify.secure-boot", SU_PROOF_NO, true, OUT);
    is("verify.setup-mode", SU_PROOF_NO, true, OUT);
    all_good();
    ev.live.loader_secure = SU_NO;
    is("verify.secure-boot", SU_PROOF_NO, true, OUT);
    ev.live.tpm = SU_NO;
    is("verify.tpm", SU_PROOF_NO, true, OUT);
}

static void rows_of_the_tpm(void)
{
    all_good();
    is("verify.tpm", SU_PROOF_YES, true, IN);
    ev.tpm2 = SU_NO;
    is("verify.tpm", SU_PROOF_OPEN, true, IN);
    ev.tpm_table = SU_YES; /* a kernel without the driver */
    is("verify.tpm", SU_PROOF_OPEN, true, IN);
    ev.tpm_table = SU_NO;
    is("verify.tpm", SU_PROOF_NO, true, IN);
    ev.tpm2 = SU_UNKNOWN;
    is("verify.tpm", SU_PROOF_YES, true, OUT);
    ev.tpm_state = false;
    is("verify.tpm", SU_PROOF_OPEN, true, OUT);
    ev.live.tpm = SU_NO;
    is("verify.tpm", SU_PROOF_NO, true, OUT);
    x.vtpm = false;
    is("verify.tpm", SU_PROOF_NO, false, OUT);

    all_good();
    is("verify.pcr4", SU_PROOF_YES, true, IN);
    snprintf(ev.pcr4, sizeof ev.pcr4, "%s", HEX64_OTHER);
    is("verify.pcr4", SU_PROOF_NO, true, IN);
    ev.pcr4[0] = 0; /* an old kernel shows only the log */
    is("verify.pcr4", SU_PROOF_YES, true, IN);
    ev.log_pcr4[0] = 0;
    is("verify.pcr4", SU_PROOF_OPEN, false, IN);
    all_good();
    x.later = true;
    is("verify.pcr4", SU_PROOF_YES, true, IN);
    snprintf(ev.pcr4, sizeof ev.pcr4, "%s", HEX64_OTHER); /* updated since */
    is("verify.pcr4", SU_PROOF_NO, false, IN);
    snprintf(x.pcr4_now, sizeof x.pcr4_now, "%s", HEX64_OTHER);
    is("verify.pcr4", SU_PROOF_YES, false, IN);
    all_good();
    x.has_pcr4 = false;
    is("verify.pcr4", SU_PROOF_OPEN, false, IN);

    all_good();
    is("verify.log", SU_PROOF_YES, false, IN);
    ev.log_true = SU_NO;
    is("verify.log", SU_PROOF_NO, false, IN);
    ev.log_true = SU_UNKNOWN;
    is("verify.log", SU_PROOF_OPEN, false, IN);
}

static void rows_of_the_system(void)
{
    all_good();
    is("verify.os", SU_PROOF_YES, true, IN);
    snprintf(ev.agent.hostname, sizeof ev.agent.hostname, "web2");
    is("verify.os", SU_PROOF_YES, true, IN);
    ev.agent.machine_id[0] = 'f';
    is("verify.os", SU_PROOF_NO, true, IN);
    ev.agent.machine_id[0] = 0;
    is("verify.os", SU_PROOF_YES, true, IN);
    snprintf(ev.agent.os_id, sizeof ev.agent.os_id, "ubuntu");
    is("verify.os", SU_PROOF_NO, true, IN);
    x.os_id[0] = 0;
    is("verify.os", SU_PROOF_OPEN, false, IN);
    outside_only();
    is("verify.os", SU_PROOF_OPEN, false, IN);

    all_good();
    is("verify.root-disk", SU_PROOF_YES, true, IN);
    ev.root_is_ours = SU_NO;
    is("verify.root-disk", SU_PROOF_NO, true, IN);
    ev.root_is_ours = SU_UNKNOWN;
    is("verify.root-disk", SU_PROOF_OPEN, false, IN);
    ev.root_uuid[0] = 'c';
    is("verify.root-disk", SU_PROOF_NO, true, IN);

    all_good();
    is("verify.network", SU_PROOF_YES, true, IN);
    ev.net.n_addresses = 0;
    is("verify.network", SU_PROOF_NO, true, IN);
    x.network_before = false;
    is("verify.network", SU_PROOF_NO, false, IN);
    outside_only();
    is("verify.network", SU_PROOF_YES, true, OUT);

    all_good();
    is("verify.units", SU_PROOF_YES, false, IN);
    snprintf(ev.units, sizeof ev.units, "degraded");
    is("verify.units", SU_PROOF_NO, false, IN);
    snprintf(ev.units, sizeof ev.units, "starting");
    is("verify.units", SU_PROOF_OPEN, false, IN);
}

static void card(unsigned i, const char *name, const char *mac)
{
    snprintf(ev.net.nic[i].name, sizeof ev.net.nic[i].name, "%s", name);
    snprintf(ev.net.nic[i].mac, sizeof ev.net.nic[i].mac, "%s", mac);
    ev.net.n = i + 1;
}

#define MAC1 "52:54:00:11:22:33"
#define MAC2 "52:54:00:44:55:66"
static void rows_of_network_names(void)
{
    struct su_domain *d = calloc(1, sizeof *d);
    all_good();
    is("verify.network-names", SU_PROOF_YES, true, IN);
    card(0, "ENS3", MAC1);
    is("verify.network-names", SU_PROOF_NO, true, IN);
    card(0, "enp1s1", "52:54:00:11:22:33");
    is("verify.network-names", SU_PROOF_NO, true, IN);
    ok(strstr(row("verify.network-names")->text, "was ens3, and is now enp1s1") != NULL, "which card, and how");
    ev.net.n = 0;
    is("verify.network-names", SU_PROOF_NO, true, IN);
    ev.network_known = false;
    is("verify.network-names", SU_PROOF_OPEN, false, IN);
    x.cards[0] = 0;
    is("verify.network-names", SU_PROOF_OPEN, false, IN);
    ev.network_known = true;
    is("verify.network-names", SU_PROOF_OPEN, false, IN);

    all_good(); /* two cards change their names; a bridge shares its card's address */
    snprintf(x.cards, sizeof x.cards, "ens3=" MAC1 " ens4=" MAC2 " br0=" MAC2);
    card(0, "ens4", MAC1);
    card(1, "ens3", MAC2);
    card(2, "br0", MAC2);
    is("verify.network-names", SU_PROOF_NO, true, IN);
    card(0, "ens3", "52:54:00:11:22:33");
    card(1, "ens4", "02:00:00:00:00:01");
    card(2, "br0", MAC2);
    is("verify.network-names", SU_PROOF_YES, true, IN);
    snprintf(x.cards, sizeof x.cards, "nonsense without end =x ens3");
    is("verify.network-names", SU_PROOF_YES, true, IN);

    d->n_nics = 2;
    snprintf(d->nic[0].mac, sizeof d->nic[0].mac, MAC1);
    snprintf(d->nic[1].mac, sizeof d->nic[1].mac, "52:54:00:AA:bb:cc");
    card(0, "ens3", MAC1);
    card(1, "", MAC1);
    card(2, "docker0", "02:42:00:00:00:01");
    card(3, "ens4", "52:54:00:aa:bb:cc");
    ev.net.n_addresses = 1;
    su_expect_network(&ev.net, d, &x);
    is_str(x.cards, "ens3=" MAC1 " ens4=52:54:00:aa:bb:cc");
    ok(x.network_before, "and an address");
    for (unsigned i = 0; i < SU_AGENT_NICS; i++)
        card(i, "a-name-of-15-ch", MAC1);
    ev.net.n_addresses = 0;
    su_expect_network(&ev.net, d, &x);
    ok(strlen(x.cards) == SU_AGENT_NICS * 34 - 1 && !x.network_before, "as many as there may be");
    free(d);
}

static void as_json(void)
{
    struct su_expect back = {0};
    struct su_err e = {0};
    all_good();
    su_verify_judge(&x, &ev, &got);
    json_t *o = su_verified_json(&got);
    ok(json_is_true(json_object_get(o, "ok")) && json_array_size(json_object_get(o, "rows")) == got.n, "rows as JSON");
    json_decref(o);
    o = su_expect_json(&x);
    ok(su_expect_parse(o, &back, &e) == 0 && memcmp(&back, &x, sizeof x) == 0, "expectations, there and back");
    json_object_set_new(o, "vtpm", json_integer(1));
    back.vtpm = false;
    ok(su_expect_parse(o, &back, &e) < 0 && !back.vtpm && strcmp(e.id, "vm.expect") == 0, "a number is no boolean");
    json_object_set_new(o, "vtpm", json_true());
    json_object_set_new(o, "pcr4", json_string(HEX64 "0"));
    ok(su_expect_parse(o, &back, &e) < 0, "a text that is too long");
    json_decref(o);
    ok(su_expect_parse(NULL, &back, &e) < 0, "nothing");
    o = json_object();
    ok(su_expect_parse(o, &back, &e) == 0 && !back.secure_boot && !back.pcr4[0], "nothing is expected");
    json_decref(o);
}

int main(void)
{
    rows_of_the_whole();
    rows_of_life();
    rows_of_firmware();
    guest_lies();
    rows_of_the_tpm();
    rows_of_the_system();
    rows_of_network_names();
    as_json();
    return tap_done();
}
