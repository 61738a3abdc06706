/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/guid.h"
#include "tests/lib/tap.h"

static const char esp[] = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

static void text(void)
{
    static const uint8_t on_disk[] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                      0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
    static const char *const bad[] = {
        "",
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93bb",
        "c12a7328f81f-11d2-ba4b-00a0c93ec93bcc",
        "c12a7328-f81f-11d2-ba4b000a0c93ec93b",
        "{12a7328-f81f-11d2-ba4b-00a0c93ec93}",
        "g12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        "c12a7328-f81f-11d2-ba4b- 0a0c93ec93b",
    };
    struct su_err e = {0};
    uint8_t g[SU_GUID_SIZE], before[SU_GUID_SIZE];
    char t[SU_GUID_TEXT];
    ok(su_guid_parse(esp, 36, g, &e) == 0 && memcmp(g, on_disk, 16) == 0, "mixed endian");
    su_guid_text(g, t);
    is_str(t, esp);
    ok(su_guid_parse("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", 36, g, &e) == 0 && memcmp(g, on_disk, 16) == 0, "case");
    memcpy(before, g, sizeof g);
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        ok(su_guid_parse(bad[i], strlen(bad[i]), g, &e) < 0, "\"%s\" is refused", bad[i]);
        is_str(e.id, "disk.guid.text");
        ok(memcmp(g, before, sizeof g) == 0, "and the output left alone");
    }
}

/* RFC 9562, appendix B.2: name space DNS, "www.example.com" */
static void derived(void)
{
    static const char dns[] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", name[] = "www.example.com";
    struct su_err e = {0};
    uint8_t ns[SU_GUID_SIZE], g[SU_GUID_SIZE];
    char t[SU_GUID_TEXT];
    ok(su_guid_parse(dns, 36, ns, &e) == 0, "name space");
    ok(su_guid_derive(ns, (struct su_bytes){(const uint8_t *)name, strlen(name)}, g, &e) == 0, "derived");
    su_guid_text(g, t);
    is_str(t, "5c146b14-3c52-8afd-938a-375d0df1fbf6");
    ok(su_guid_derive(ns, (struct su_bytes){NULL, 0}, g, &e) == 0, "an empty name is a name");
    su_guid_text(g, t);
    ok(t[14] == '8' && strchr("89ab", t[19]), "version and variant");
}

static void types(void)
{
    struct su_err e = {0};
    uint8_t g[SU_GUID_SIZE];
    for (int i = 0; i < SU_GPT_TYPE_COUNT; i++)
        ok(su_gpt_type_find(su_gpt_type_guid((enum su_gpt_type)i)) == i, "%s", su_gpt_type_name((enum su_gpt_type)i));
    ok(su_guid_parse(esp, 36, g, &e) == 0 && su_gpt_type_find(g) == SU_GPT_ESP, "text and table agree");
    ok(memcmp(su_gpt_type_guid(SU_GPT_BIOS_BOOT), "Hah!IdontNeedEFI", 16) == 0, "the BIOS boot type reads well");
    g[0] ^= 1;
    ok(su_gpt_type_find(g) == -1, "another type");
}

int main(void)
{
    text();
    derived();
    types();
    return tap_done();
}
