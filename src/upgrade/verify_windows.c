/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence that the agent of a Windows guest reads for us: values of its registry, each asked of reg.exe without a
 * shell.  The guest chooses every byte and how long an answer takes: a fixed list of questions, the first that nobody
 * answers is the last.  PEFirmwareType: 1 is BIOS, 2 is UEFI.  MSFT0101 is the ACPI name of a TPM 2.0. */
#include "upgrade/verify_int.h"
#include "upgrade/verify_parse.h"
#include <string.h>

enum { TIMEOUT_S = 10 };

static void take_firmware(int status, struct su_bytes printed, struct su_evidence *out)
{
    out->efi = su_seen_dword(status, printed, "PEFirmwareType", 2, 1);
}

/* Not there under BIOS. */
static void take_secure_boot(int status, struct su_bytes printed, struct su_evidence *out)
{
    out->secure_boot = su_seen_dword(status, printed, "UEFISecureBootEnabled", 1, 0);
    if (out->secure_boot != SU_UNKNOWN)
        out->efi = SU_YES;
}

/* 1: there is no such key.  Believed of a registry that answered before. */
static void take_tpm(int status, struct su_bytes printed, struct su_evidence *out)
{
    (void)printed;
    out->tpm2 = status == 0 ? SU_YES : status == 1 && out->efi != SU_UNKNOWN ? SU_NO : SU_UNKNOWN;
}

#define CONTROL "HKLM\\SYSTEM\\CurrentControlSet\\Control"
static const struct {
    const char *key, *value; /* value NULL: whether the key is there */
    void (*take)(int status, struct su_bytes printed, struct su_evidence *out);
} questions[] = {
    {CONTROL, "PEFirmwareType", take_firmware},
    {CONTROL "\\SecureBoot\\State", "UEFISecureBootEnabled", take_secure_boot},
    {"HKLM\\SYSTEM\\CurrentControlSet\\Enum\\ACPI\\MSFT0101", NULL, take_tpm},
};

void su_verify_windows(struct su_hv *hv, const char *uuid, struct su_evidence *out)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(questions) && out->agent.exec; i++) {
        const char *with_value[] = {SU_AGENT_REG, "query", questions[i].key, "/v", questions[i].value, "/reg:64", NULL};
        const char *alone[] = {SU_AGENT_REG, "query", questions[i].key, "/reg:64", NULL};
        SU_BUF struct su_buf printed = {0};
        struct su_err why = {0};
        int status = 0;
        if (su_agent_exec(hv, uuid, questions[i].value ? with_value : alone, TIMEOUT_S, &status, &printed, &why) == 0)
            questions[i].take(status, su_buf_bytes(&printed), out);
        else if (strcmp(why.id, "vm.agent.failed") != 0)
            return;
    }
}
