/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcr4.h"
#include <openssl/evp.h>
#include <string.h>

static int sha256(const void *p, size_t n, uint8_t out[SU_PCR_SIZE], struct su_err *e)
{
    if (EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) != 1)
        return su_fail(e, SU_E_NOMEM, "host.digest", "SHA-256 failed");
    return 0;
}

int su_pcr_extend(uint8_t pcr[SU_PCR_SIZE], const uint8_t digest[SU_PCR_SIZE], struct su_err *e)
{
    uint8_t both[2 * SU_PCR_SIZE], next[SU_PCR_SIZE];
    memcpy(both, pcr, SU_PCR_SIZE);
    memcpy(both + SU_PCR_SIZE, digest, SU_PCR_SIZE);
    if (sha256(both, sizeof both, next, e) < 0)
        return -1;
    memcpy(pcr, next, SU_PCR_SIZE);
    return 0;
}

int su_pcr4_predict(const struct su_pcr4_boot *boot, uint8_t out[SU_PCR_SIZE], struct su_err *e)
{
    static const char action[] = "Calling EFI Application from Boot Option";
    static const uint8_t separator[4];
    uint8_t pcr[SU_PCR_SIZE] = {0}, first[SU_PCR_SIZE], second[SU_PCR_SIZE];
    if (sha256(action, sizeof action - 1, first, e) < 0 || sha256(separator, sizeof separator, second, e) < 0)
        return -1;
    const uint8_t *const events[] = {first, second, boot->shim, boot->grub, boot->kernel, boot->kernel};
    for (size_t i = 0; i < SU_ARRAY_LEN(events); i++)
        if (su_pcr_extend(pcr, events[i], e) < 0)
            return -1;
    memcpy(out, pcr, SU_PCR_SIZE);
    return 0;
}
