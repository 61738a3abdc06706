/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "guid.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* Where the n-th byte of the text lies on disk. */
static const uint8_t place[SU_GUID_SIZE] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse(const char *text, size_t n, uint8_t g[SU_GUID_SIZE])
{
    size_t at = 0;
    if (n != SU_GUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < SU_GUID_SIZE; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
            return false;
        int hi = hex(text[at]), lo = hex(text[at + 1]);
        if (hi < 0 || lo < 0)
            return false;
        g[place[i]] = (uint8_t)(hi << 4 | lo);
        at += 2;
    }
    return true;
}

int su_guid_parse(const char *text, size_t n, uint8_t out[SU_GUID_SIZE], struct su_err *e)
{
    uint8_t g[SU_GUID_SIZE];
    if (!parse(text, n, g))
        return su_fail(e, SU_E_FORMAT, "disk.guid.text", "this is not a GUID");
    memcpy(out, g, sizeof g);
    return 0;
}

void su_guid_text(const uint8_t g[SU_GUID_SIZE], char out[SU_GUID_TEXT])
{
    char *at = out;
    for (size_t i = 0; i < SU_GUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = "0123456789abcdef"[g[place[i]] >> 4];
        *at++ = "0123456789abcdef"[g[place[i]] & 15];
    }
    *at = 0;
}

static void md_free(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

int su_guid_derive(const uint8_t name_space[SU_GUID_SIZE], struct su_bytes name, uint8_t out[SU_GUID_SIZE],
                   struct su_err *e)
{
    uint8_t ns[SU_GUID_SIZE], md[EVP_MAX_MD_SIZE];
    for (size_t i = 0; i < SU_GUID_SIZE; i++)
        ns[i] = name_space[place[i]];
    SU_AUTO(md_free) EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(c, ns, sizeof ns) != 1 ||
        EVP_DigestUpdate(c, name.p, name.n) != 1 || EVP_DigestFinal_ex(c, md, NULL) != 1)
        return su_fail_nomem(e, sizeof md);
    md[6] = (uint8_t)((md[6] & 0x0f) | 0x80); /* version 8 */
    md[8] = (uint8_t)((md[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
    for (size_t i = 0; i < SU_GUID_SIZE; i++)
        out[place[i]] = md[i];
    return 0;
}

/* Written in the order of the text. */
#define GUID(a, b, c, d, e)                                                                                            \
    {                                                                                                                  \
        (a) & 255, (a) >> 8 & 255, (a) >> 16 & 255, (a) >> 24 & 255, (b)&255, (b) >> 8 & 255, (c)&255, (c) >> 8 & 255, \
            (d) >> 8 & 255, (d)&255, (e) >> 40 & 255, (e) >> 32 & 255, (e) >> 24 & 255, (e) >> 16 & 255,               \
            (e) >> 8 & 255, (e)&255                                                                                    \
    }

static const struct {
    uint8_t guid[SU_GUID_SIZE];
    const char *name;
} types[] = {
    [SU_GPT_ESP] = {GUID(0xC12A7328, 0xF81F, 0x11D2, 0xBA4B, 0x00A0C93EC93B), "EFI System"},
    [SU_GPT_BIOS_BOOT] = {GUID(0x21686148, 0x6449, 0x6E6F, 0x744E, 0x656564454649), "BIOS boot"},
    [SU_GPT_LINUX_DATA] = {GUID(0x0FC63DAF, 0x8483, 0x4772, 0x8E79, 0x3D69D8477DE4), "Linux filesystem"},
    [SU_GPT_LINUX_SWAP] = {GUID(0x0657FD6D, 0xA4AB, 0x43C4, 0x84E5, 0x0933C84B4F4F), "Linux swap"},
    [SU_GPT_LINUX_LVM] = {GUID(0xE6D6D379, 0xF507, 0x44C2, 0xA23C, 0x238F2A3DF928), "Linux LVM"},
    [SU_GPT_LINUX_RAID] = {GUID(0xA19D880F, 0x05FC, 0x4D3B, 0xA006, 0x743F0F84911E), "Linux RAID"},
    [SU_GPT_MS_BASIC] = {GUID(0xEBD0A0A2, 0xB9E5, 0x4433, 0x87C0, 0x68B6B72699C7), "Microsoft basic data"},
    [SU_GPT_MS_RESERVED] = {GUID(0xE3C9E316, 0x0B5C, 0x4DB8, 0x817D, 0xF92DF00215AE), "Microsoft reserved"},
    [SU_GPT_MS_RECOVERY] = {GUID(0xDE94BBA4, 0x06D1, 0x4D40, 0xA16A, 0xBFD50179D6AC), "Windows recovery environment"},
};
_Static_assert(SU_ARRAY_LEN(types) == SU_GPT_TYPE_COUNT, "a type without a row");

const uint8_t *su_gpt_type_guid(enum su_gpt_type t)
{
    return types[t].guid;
}

const char *su_gpt_type_name(enum su_gpt_type t)
{
    return types[t].name;
}

int su_gpt_type_find(const uint8_t guid[SU_GUID_SIZE])
{
    for (size_t i = 0; i < SU_GPT_TYPE_COUNT; i++)
        if (memcmp(types[i].guid, guid, SU_GUID_SIZE) == 0)
            return (int)i;
    return -1;
}
