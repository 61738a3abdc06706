/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Windows guest, played by this file: what its registry prints, what its boot manager leaves in NVRAM, and what is
 * proved by that.  The forms are those of reg.exe and of qemu-ga; no real Windows was asked. */
#include "guest/efivars.h"
#include "tests/lib/tap.h"
#include "upgrade/agent_answer.h"
#include "upgrade/verify_int.h"
#include "upgrade/verify_parse.h"
#include <stdio.h>
#include <time.h>

#define RAW(s) ((struct su_bytes){(const uint8_t *)(s), sizeof(s) - 1})

/* The registry ---------------------------------------------------------------- */

#define PRINTED(key, value, type, data)                                                                                \
    "\r\nHKEY_LOCAL_MACHINE\\" key "\r\n    " value "    " type "    " data "\r\n\r\n"
#define GUID "0b2394a9-095e-487d-8d48-719ecd4d78ca"
#define CRYPTOGRAPHY(data) PRINTED("SOFTWARE\\Microsoft\\Cryptography", "MachineGuid", "REG_SZ", data)

static void registry(void)
{
    static const struct {
        const char *printed;
        int status;
        enum su_tri want;
    } rows[] = {
        {PRINTED("SYSTEM\\CurrentControlSet\\Control", "PEFirmwareType", "REG_DWORD", "0x2"), 0, SU_YES},
        {PRINTED("SYSTEM\\CurrentControlSet\\Control", "PEFirmwareType", "REG_DWORD", "0x1"), 0, SU_NO},
        {PRINTED("SYSTEM\\CurrentControlSet\\Control", "PEFirmwareType", "REG_DWORD", "0x3"), 0, SU_UNKNOWN},
        {PRINTED("SYSTEM\\CurrentControlSet\\Control", "PEFirmwareType", "REG_DWORD", "0x2"), 1, SU_UNKNOWN},
        {PRINTED("SYSTEM\\CurrentControlSet\\Control", "PEFirmwareType", "REG_SZ", "0x2"), 0, SU_UNKNOWN},
        {PRINTED("x", "PEFirmwareTypes", "REG_DWORD", "0x2"), 0, SU_UNKNOWN},
        {PRINTED("x", "PEFirmwareType", "REG_DWORD", "0x"), 0, SU_UNKNOWN},
        {PRINTED("x", "PEFirmwareType", "REG_DWORD", "0x2z"), 0, SU_UNKNOWN},
        {PRINTED("x", "PEFirmwareType", "REG_DWORD", "0xffffffffffffffffffffffffff2"), 0, SU_UNKNOWN},
        {PRINTED("x", "PEFirmwareType", "REG_DWORD", "2"), 0, SU_UNKNOWN},
        {PRINTED("x", "PEFirmwareType", "REG_DWORD", ""), 0, SU_UNKNOWN},
        {"PEFirmwareType REG_DWORD 0x2", 0, SU_YES}, /* without an end */
        {"", 0, SU_UNKNOWN},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_bytes b = {(const uint8_t *)rows[i].printed, strlen(rows[i].printed)};
        ok(su_seen_dword(rows[i].status, b, "PEFirmwareType", 2, 1) == rows[i].want, "row %zu", i);
    }
    char id[40], small[4];
    su_agent_take_machine_guid(RAW(CRYPTOGRAPHY(GUID)), id);
    is_str(id, GUID);
    su_agent_take_machine_guid(RAW(CRYPTOGRAPHY(GUID "0")), id);
    is_str(id, "");
    su_agent_take_machine_guid(RAW(CRYPTOGRAPHY("0b2394a9-095e-487d-8d48-719ecd4d78c/")), id);
    is_str(id, "");
    su_agent_take_machine_guid(RAW(CRYPTOGRAPHY("0b2394a90095e-487d-8d48-719ecd4d78ca")), id);
    is_str(id, "");
    ok(su_agent_reg_value(RAW("a REG_SZ lo\x1bnger"), "a", "REG_SZ", small, sizeof small), "is cut");
    is_str(small, "lo?");
}

/* NVRAM ----------------------------------------------------------------------- */

/* An EFI_LOAD_OPTION: a description, a hard drive, and files, each in a node of its own. */
static size_t option(uint8_t out[512], const char *description, const char *const *paths)
{
    size_t n = 6;
    memset(out, 0, 512);
    out[0] = 1;
    for (const char *c = description;; c++, n += 2) {
        out[n] = (uint8_t)*c;
        if (!*c)
            break;
    }
    size_t begin = n += 2;
    memcpy(out + n, "\x04\x01\x2a\0", 4);
    n += 42;
    for (; *paths; paths++) {
        size_t k = strlen(*paths) + 1;
        memcpy(out + n, "\x04\x04", 2);
        out[n + 2] = (uint8_t)(4 + 2 * k);
        for (size_t i = 0; i < k; i++)
            out[n + 4 + 2 * i] = (uint8_t)(*paths)[i];
        n += 4 + 2 * k;
    }
    memcpy(out + n, "\x7f\xff\x04\0", 4);
    n += 4;
    out[4] = (uint8_t)(n - begin);
    memcpy(out + n, "WINDOWS", 8); /* its own data */
    return n + 8;
}

static bool entry(const char *const *paths)
{
    uint8_t o[512];
    return su_seen_bootmgr_entry((struct su_bytes){o, option(o, "Windows Boot Manager", paths)});
}
#define ENTRY(...) entry((const char *const[]){__VA_ARGS__, NULL})
#define MANAGER "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"

static void boot_entries(void)
{
    uint8_t o[512];
    ok(ENTRY(MANAGER) && ENTRY("\\efi\\MICROSOFT\\boot\\BOOTMGFW.EFI"), "the path, in any case");
    ok(ENTRY("\\EFI\\Microsoft\\Boot", "bootmgfw.efi") == false && ENTRY("\\EFI\\Microsoft\\Boot\\", "\\bootmgfw.efi"),
       "in two nodes");
    ok(!ENTRY("\\EFI\\BOOT\\BOOTX64.EFI") && !ENTRY(MANAGER "x") && !ENTRY("\\EFI\\Microsoft\\Boot\\bootmgfw.ef") &&
           !ENTRY(""),
       "other paths");
    size_t n = option(o, "Windows Boot Manager", (const char *const[]){MANAGER, NULL});
    unsigned found = 0;
    for (size_t i = 0; i < n - 12; i++) /* cut anywhere */
        found += su_seen_bootmgr_entry((struct su_bytes){o, i});
    ok(found == 0, "an entry that ends early is none");
    for (size_t i = 0; i < n; i++) { /* bits that fell over: it ends, within bounds */
        o[i] ^= 0xff;
        (void)su_seen_bootmgr_entry((struct su_bytes){o, n});
        o[i] ^= 0xff;
    }
    ok(!su_seen_bootmgr_entry(RAW("")), "nothing");
}

static const uint8_t policy_guid[] = {0xbd, 0x9a, 0xfa, 0x77, 0x59, 0x03, 0x32, 0x4d,
                                      0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78, 0x4b};
static const uint8_t unlock_guid[] = {0x6f, 0x22, 0xec, 0xea, 0xa3, 0xc9, 0x7a, 0x47,
                                      0xa8, 0x26, 0xdd, 0xc7, 0x16, 0xcd, 0xc0, 0xe3};

/* OVMF's own store with one more variable. */
static bool nvram_with(const char *name, const uint8_t *guid, uint8_t state, struct su_bytes data)
{
    static uint8_t file[1 << 20];
    struct su_evidence ev = {0};
    FILE *f = fopen("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "re");
    size_t size = f ? fread(file, 1, sizeof file, f) : 0, at = 72 + 28, n = strlen(name) + 1;
    if (f)
        fclose(f);
    while (at + 60 < size && su_le16(file + at) == 0x55aa)
        at = (at + 60 + su_le32(file + at + 36) + su_le32(file + at + 40) + 3) / 4 * 4;
    if (size == 0 || at + 60 + 2 * n + data.n > size)
        return false;
    memset(file + at, 0, 60);
    su_put_le16(file + at, 0x55aa);
    file[at + 2] = state;
    su_put_le32(file + at + 36, (uint32_t)(2 * n));
    su_put_le32(file + at + 40, (uint32_t)data.n);
    memcpy(file + at + 44, guid, SU_EFI_GUID);
    for (size_t i = 0; i < n; i++)
        su_put_le16(file + at + 60 + 2 * i, (uint8_t)name[i]);
    memcpy(file + at + 60 + 2 * n, data.p, data.n);
    su_seen_nvram((struct su_bytes){file, size}, &ev);
    ok(ev.nvram_read && ev.nvram_keys && !ev.nvram_shim, "%s in NVRAM", name);
    return ev.nvram_bootmgr;
}

static void nvram(void)
{
    enum { ADDED = 0x3f, DELETED = 0x3c };
    uint8_t o[512];
    if (access("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", R_OK) < 0) {
        printf("# without OVMF's variables, NVRAM is not tried\n");
        return;
    }
    struct su_bytes boot = {o, option(o, "Windows Boot Manager", (const char *const[]){MANAGER, NULL})};
    ok(nvram_with("UnlockIDCopy", unlock_guid, ADDED, RAW("x")), "a variable of Windows'");
    ok(nvram_with("CurrentPolicy", policy_guid, ADDED, RAW("x")), "and of Secure Boot's policy");
    ok(!nvram_with("CurrentPolicy", policy_guid, DELETED, RAW("x")), "a deleted one is none");
    ok(nvram_with("Boot000A", su_efi_global_guid, ADDED, boot), "a boot entry");
    ok(!nvram_with("Boot000A", policy_guid + 0, DELETED, boot), "a deleted one");
    ok(!nvram_with("Boot00g0", su_efi_global_guid, ADDED, boot), "no boot entry's name");
    ok(!nvram_with("Boot00001", su_efi_global_guid, ADDED, boot), "a longer one");
    ok(!nvram_with("Boot0003", su_efi_security_guid, ADDED, boot), "somebody else's");
    boot.n = option(o, "Windows Boot Manager", (const char *const[]){"\\EFI\\BOOT\\BOOTX64.EFI", NULL});
    ok(!nvram_with("Boot0003", su_efi_global_guid, ADDED, boot), "a boot entry of something else");
}

/* The agent ------------------------------------------------------------------- */

/* A command of the registry and what it prints, base64; NULL: the key is not there. */
struct says {
    const char *word, *printed;
};
static const struct says *script;
static const struct says *last;
static unsigned n_asked;
static bool deaf;

int su_hv_agent(struct su_hv *hv, const char *uuid, const char *command, uint32_t timeout_s, struct su_buf *answer,
                struct su_err *e)
{
    (void)hv, (void)uuid, (void)timeout_s;
    n_asked++;
    if (deaf)
        return su_fail(e, SU_E_MISSING, "vm.agent", "no guest agent answers");
    if (strstr(command, "guest-exec-status")) {
        su_buf_printf(answer, "{\"return\":{\"exited\":true,\"exitcode\":%d,\"out-data\":\"%s\"}}", last ? 0 : 1,
                      last ? last->printed : "");
        return su_buf_ok(answer, e);
    }
    if (strstr(command, "guest-exec")) {
        ok(strstr(command, "\"C:\\\\Windows\\\\System32\\\\reg.exe\"") && strstr(command, "[\"query\",\"HKLM\\\\") &&
               strstr(command, "\"/reg:64\"]"),
           "asked: %.160s", command);
        last = NULL;
        for (const struct says *s = script; s->word && !last; s++)
            last = strstr(command, s->word) ? s : NULL;
        su_buf_text(answer, "{\"return\":{\"pid\":9}}");
    } else if (strstr(command, "guest-info")) {
        su_buf_text(answer, "{\"return\":{\"version\":\"100.0.0\",\"supported_commands\":[{\"name\":\"guest-exec\","
                            "\"enabled\":true}]}}");
    } else if (strstr(command, "guest-get-osinfo")) {
        su_buf_text(answer,
                    "{\"return\":{\"id\":\"mswindows\",\"version-id\":\"2019\",\"pretty-name\":\"Windows Server "
                    "2019 Standard\",\"kernel-release\":\"17763\",\"machine\":\"x86_64\"}}");
    } else {
        su_buf_text(answer, "{\"return\":{\"host-name\":\"WIN-1\"}}");
    }
    return su_buf_ok(answer, e);
}

/* base64 of "MachineGuid REG_SZ " GUID, "PEFirmwareType REG_DWORD 0x2" and so on */
static const struct says good[] = {
    {"MachineGuid", "TWFjaGluZUd1aWQgUkVHX1NaIDBiMjM5NGE5LTA5NWUtNDg3ZC04ZDQ4LTcxOWVjZDRkNzhjYQ=="},
    {"PEFirmwareType", "UEVGaXJtd2FyZVR5cGUgUkVHX0RXT1JEIDB4Mg=="},
    {"UEFISecureBootEnabled", "VUVGSVNlY3VyZUJvb3RFbmFibGVkIFJFR19EV09SRCAweDE="},
    {"MSFT0101", ""},
    {NULL, NULL},
};
static const struct says bios[] = {{"PEFirmwareType", "UEVGaXJtd2FyZVR5cGUgUkVHX0RXT1JEIDB4MQ=="}, {NULL, NULL}};
static const struct says strange[] = {{NULL, NULL}};

static void asks(void)
{
    struct su_agent_facts f;
    struct su_err e = {0};
    struct su_evidence ev = {0};
    script = good;
    ok(su_agent_ask(NULL, "u", 5, &f, &e) == 0 && f.answered && f.windows && f.exec, "Windows answers");
    is_str(f.os_id, "windows");
    is_str(f.os_version, "2019");
    is_str(f.hostname, "WIN-1");
    is_str(f.machine_id, GUID);
    ev.agent = f;
    su_verify_windows(NULL, "u", &ev);
    ok(ev.efi == SU_YES && ev.secure_boot == SU_YES && ev.tpm2 == SU_YES, "UEFI, Secure Boot, TPM");
    script = bios;
    ev = (struct su_evidence){.agent = f};
    su_verify_windows(NULL, "u", &ev);
    ok(ev.efi == SU_NO && ev.secure_boot == SU_UNKNOWN && ev.tpm2 == SU_NO, "BIOS");
    script = strange;
    ev = (struct su_evidence){.agent = f};
    su_verify_windows(NULL, "u", &ev);
    ok(ev.efi == SU_UNKNOWN && ev.tpm2 == SU_UNKNOWN, "a registry that tells nothing proves nothing");
    deaf = true;
    n_asked = 0;
    su_verify_windows(NULL, "u", &ev);
    ok(n_asked == 1, "who does not answer is not asked again");
    ev.agent.exec = false;
    su_verify_windows(NULL, "u", &ev);
    ok(n_asked == 1, "nor who runs no programs");
    ok(!su_finish_needed("windows") && su_finish_needed("debian") && su_finish_needed("") &&
           !su_finish_commands("windows"),
       "nothing to install");
}

/* The rows -------------------------------------------------------------------- */

static struct su_expect x;
static struct su_evidence ev;

static void windows(void)
{
    x = (struct su_expect){.secure_boot = true, .vtpm = true, .os_id = "windows", .machine_id = GUID};
    ev = (struct su_evidence){.running = true, .nvram_read = true, .nvram_keys = true, .nvram_enabled = SU_YES};
    ev.nvram_bootmgr = ev.tpm_state = ev.tx_known = true;
    ev.tx_bytes = 100;
    ev.live.firmware = SU_FIRMWARE_UEFI;
    ev.live.loader_secure = ev.live.tpm = SU_YES;
    ev.live.n_nics = 1;
}

static void is(const char *id, enum su_proof proof, const char *text)
{
    struct su_verified v;
    su_verify_judge(&x, &ev, &v);
    for (unsigned i = 0; i < v.n; i++)
        if (strcmp(v.row[i].id, id) == 0)
            ok(v.row[i].proof == proof && strstr(v.row[i].text, text), "%s %s: %s", id, su_proof_name(v.row[i].proof),
               v.row[i].text);
}

static void rows(void)
{
    struct su_verified v;
    windows();
    su_verify_judge(&x, &ev, &v);
    ok(v.no == 0 && v.open == 0, "all that counts is proved from outside");
    is("verify.alive", SU_PROOF_YES, "Windows' boot manager has started");
    is("verify.secure-boot", SU_PROOF_YES, "Windows' boot manager was started under them");
    is("verify.pcr4", SU_PROOF_OPEN, "Windows");
    is("verify.log", SU_PROOF_OPEN, "Windows");
    is("verify.root-disk", SU_PROOF_OPEN, "Windows");
    is("verify.network-names", SU_PROOF_OPEN, "Windows");
    is("verify.units", SU_PROOF_OPEN, "Windows");
    is("verify.network", SU_PROOF_YES, "have sent");
    ev.tx_bytes = 0;
    is("verify.alive", SU_PROOF_OPEN, "have sent nothing yet");
    ev.live.n_nics = 0;
    is("verify.alive", SU_PROOF_OPEN, "cannot be told without a guest agent");
    ev.nvram_bootmgr = false;
    is("verify.alive", SU_PROOF_NO, "nothing of Windows' boot manager in NVRAM");
    is("verify.secure-boot", SU_PROOF_OPEN, "not seen");
    ev.tx_bytes = 5; /* what it leaves in NVRAM is not known for certain: that it is not there disproves nothing */
    is("verify.alive", SU_PROOF_OPEN, "perhaps by the firmware");

    windows();
    ev.inside = ev.agent.windows = ev.network_known = true;
    snprintf(ev.agent.os_id, sizeof ev.agent.os_id, "windows");
    snprintf(ev.agent.machine_id, sizeof ev.agent.machine_id, "%s", GUID);
    ev.efi = ev.secure_boot = ev.tpm2 = SU_YES;
    ev.net.n_addresses = 2;
    su_verify_judge(&x, &ev, &v);
    ok(v.no == 0 && v.open == 0 && v.inside, "and from inside");
    is("verify.firmware", SU_PROOF_YES, "started by it");
    is("verify.os", SU_PROOF_YES, "as before");
    is("verify.network", SU_PROOF_YES, "the guest has 2 addresses");
    ev.agent.machine_id[0] = 'f';
    is("verify.os", SU_PROOF_NO, "another one");
    ev.tpm2 = SU_NO;
    is("verify.tpm", SU_PROOF_OPEN, "its registry shows none");
    ev.secure_boot = SU_NO;
    is("verify.secure-boot", SU_PROOF_NO, "off");
    x = (struct su_expect){0}; /* without a record */
    is("verify.units", SU_PROOF_OPEN, "Windows");
}

int main(void)
{
    registry();
    boot_entries();
    nvram();
    asks();
    rows();
    return tap_done();
}
