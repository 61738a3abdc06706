/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "upgrade/verify_parse.h"
#include "base/clean.h"
#include "guest/efivars.h"
#include "guest/tcglog.h"
#include "guest/text.h"
#include "upgrade/agent_answer.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum su_tri su_seen_flag(struct su_bytes file)
{
    return file.n != 5 || file.p[4] > 1 ? SU_UNKNOWN : file.p[4] ? SU_YES : SU_NO;
}

void su_seen_pcr(struct su_bytes file, char out[65])
{
    size_t n = 0;
    while (n < file.n && n < 65 && isxdigit(file.p[n]))
        n++;
    out[0] = 0;
    if (n != 64 || (file.n > 64 && file.p[64] != '\n'))
        return;
    for (size_t i = 0; i < 64; i++)
        out[i] = (char)tolower(file.p[i]);
    out[64] = 0;
}

enum su_tri su_seen_tpm2(struct su_bytes file)
{
    if (file.n == 0 || !isdigit(file.p[0]) || (file.n > 1 && file.p[1] != '\n'))
        return SU_UNKNOWN;
    return file.p[0] == '2' ? SU_YES : SU_NO;
}

void su_seen_var(struct su_bytes file, const char *prefix, const char *key, char *out, size_t cap)
{
    struct su_bytes line;
    size_t p = strlen(prefix), k = strlen(key);
    out[0] = 0;
    while (su_text_line(&file, &line)) {
        if (line.n <= p + k || memcmp(line.p, prefix, p) != 0 || memcmp(line.p + p, key, k) != 0 ||
            line.p[p + k] != '=')
            continue;
        (void)su_skip(&line, p + k + 1);
        su_clean_bytes(out, cap, line);
        return;
    }
}

/* The fields of one line that matter: the number, the mount point, and the type behind the separator. */
struct mount {
    struct su_bytes number, point, type;
};

static struct mount take_mount(struct su_bytes line)
{
    enum { NUMBER = 2, POINT = 4 };
    struct mount m = {0};
    struct su_bytes word;
    bool after = false;
    for (int i = 0; su_text_word(&line, &word); i++) {
        if (i == NUMBER)
            m.number = word;
        else if (i == POINT)
            m.point = word;
        else if (after && !m.type.p)
            m.type = word;
        after |= i > POINT && su_text_is(word, "-");
    }
    return m;
}

void su_seen_mount(struct su_bytes mountinfo, const char *mountpoint, const char *type, char *out, size_t cap)
{
    struct su_bytes line;
    out[0] = 0;
    while (su_text_line(&mountinfo, &line)) {
        struct mount m = take_mount(line);
        if (m.point.p && su_text_is(m.point, mountpoint) && (!type || (m.type.p && su_text_is(m.type, type))))
            su_clean_bytes(out, cap, m.number);
    }
    if (out[strspn(out, "0123456789:")] != 0)
        out[0] = 0;
}

bool su_seen_is_dev(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < 32 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-!")] == 0;
}

void su_seen_fsinfo(const json_t *ret, const char *mountpoint, struct su_seen_devs *out)
{
    *out = (struct su_seen_devs){0};
    for (size_t i = 0; i < json_array_size(ret) && i < 1024; i++) {
        const json_t *o = json_array_get(ret, i), *disks = json_object_get(o, "disk");
        const char *at = json_string_value(json_object_get(o, "mountpoint"));
        if (!at || strcmp(at, mountpoint) != 0)
            continue;
        for (size_t k = 0; k < json_array_size(disks) && out->n < SU_SEEN_DEVS; k++) {
            const char *dev = json_string_value(json_object_get(json_array_get(disks, k), "dev"));
            if (dev && strncmp(dev, "/dev/", 5) == 0 && su_seen_is_dev(dev + 5))
                su_clean(out->name[out->n++], sizeof out->name[0], dev + 5);
        }
        return;
    }
}

static void hex(const uint8_t *p, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SU_PCR_SIZE; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[64] = 0;
}

void su_seen_log(struct su_bytes log, const char (*pcr)[65], char pcr4[65], enum su_tri *same)
{
    struct su_tcglog_pcrs all;
    struct su_err why = {0};
    bool differs = false;
    unsigned compared = 0;
    pcr4[0] = 0;
    *same = SU_UNKNOWN;
    if (su_tcglog_replay(log, &all, &why) < 0)
        return;
    for (unsigned i = 0; i < SU_SEEN_PCRS; i++) {
        char replayed[65];
        if (!(all.extended >> i & 1))
            continue;
        hex(all.value[i], replayed);
        if (i == 4)
            memcpy(pcr4, replayed, sizeof replayed);
        compared += pcr[i][0] != 0;
        differs |= pcr[i][0] && strcmp(pcr[i], replayed) != 0;
    }
    *same = differs ? SU_NO : compared ? SU_YES : SU_UNKNOWN;
}

enum su_tri su_seen_dword(int status, struct su_bytes printed, const char *value, uint32_t yes, uint32_t no)
{
    char text[24], *end;
    if (status != 0 || !su_agent_reg_value(printed, value, "REG_DWORD", text, sizeof text) ||
        strncmp(text, "0x", 2) != 0 || !isxdigit((unsigned char)text[2]))
        return SU_UNKNOWN;
    unsigned long n = strtoul(text, &end, 16);
    return *end ? SU_UNKNOWN : n == yes ? SU_YES : n == no ? SU_NO : SU_UNKNOWN;
}

/* Windows in NVRAM ------------------------------------------------------------ */

static const char manager[] = "\\EFI\\Microsoft\\Boot\\bootmgfw.efi";

/* UTF-16LE; the path of one node, or of several that follow one another, its separators between them. */
static bool path_char(uint16_t c, size_t *n)
{
    if (c == '\\' && *n > 0 && *n < sizeof manager && manager[*n - 1] == '\\')
        return true;
    if (*n >= sizeof manager - 1 || c >= 0x80 || tolower(c) != tolower((unsigned char)manager[*n]))
        return false;
    ++*n;
    return true;
}

/* The text of one FILEPATH_DEVICE_PATH, without its NUL. */
static bool path_node(struct su_bytes text, size_t *n)
{
    uint16_t c;
    while (text.n >= 2) {
        c = (uint16_t)(text.p[0] | text.p[1] << 8);
        if (c == 0)
            return true;
        if (!path_char(c, n))
            return false;
        (void)su_skip(&text, 2);
    }
    return true;
}

bool su_seen_bootmgr_entry(struct su_bytes option)
{
    enum { HEAD = 6, MEDIA = 4, FILE_PATH = 4, END = 0x7f };
    size_t n = 0;
    struct su_bytes rest = option;
    if (!su_skip(&rest, HEAD))
        return false;
    size_t paths = (size_t)(option.p[4] | option.p[5] << 8);
    while (rest.n >= 2 && (rest.p[0] || rest.p[1])) /* the description */
        (void)su_skip(&rest, 2);
    if (!su_skip(&rest, 2) || paths > rest.n)
        return false;
    for (rest.n = paths; rest.n >= 4 && rest.p[0] != END;) {
        size_t size = (size_t)(rest.p[2] | rest.p[3] << 8);
        if (size < 4 || size > rest.n)
            return false;
        if (rest.p[0] == MEDIA && rest.p[1] == FILE_PATH && !path_node((struct su_bytes){rest.p + 4, size - 4}, &n))
            return false;
        (void)su_skip(&rest, size);
    }
    return n == sizeof manager - 1;
}

static bool is_boot_entry(const struct su_efivar *v)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *name = v->name.p;
    if (v->name.n != 18 || memcmp(v->guid, su_efi_global_guid, SU_EFI_GUID) != 0 ||
        memcmp(name, "B\0o\0o\0t\0", 8) != 0)
        return false;
    for (size_t i = 8; i < 16; i += 2)
        if (!name[i] || !strchr(digits, name[i]) || name[i + 1])
            return false;
    return true;
}

/* Variables that Windows' boot manager makes at its first start (CurrentPolicy; UnlockIDCopy, OfflineUniqueID...), as
 * lists of them from machines with Windows show; no firmware does.  And its boot entry, which neither firmware nor this
 * program makes. */
static bool bootmgr_was_here(const struct su_efivar *v)
{
    static const uint8_t vendors[][SU_EFI_GUID] = {
        /* 77fa9abd-0359-4d32-bd60-28f4e78f784b */
        {0xbd, 0x9a, 0xfa, 0x77, 0x59, 0x03, 0x32, 0x4d, 0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78, 0x4b},
        /* eaec226f-c9a3-477a-a826-ddc716cdc0e3 */
        {0x6f, 0x22, 0xec, 0xea, 0xa3, 0xc9, 0x7a, 0x47, 0xa8, 0x26, 0xdd, 0xc7, 0x16, 0xcd, 0xc0, 0xe3},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(vendors); i++)
        if (memcmp(v->guid, vendors[i], SU_EFI_GUID) == 0)
            return v->data.n > 0;
    return is_boot_entry(v) && su_seen_bootmgr_entry(v->data);
}

static bool find_bootmgr(struct su_efivars vars)
{
    struct su_efivar v;
    struct su_err why = {0};
    while (su_efivars_next(&vars, &v, &why) > 0)
        if (bootmgr_was_here(&v))
            return true;
    return false;
}

void su_seen_nvram(struct su_bytes file, struct su_evidence *out)
{
    /* EDK2's SecurityPkg/Include/Guid/SecureBootEnableDisable.h */
    static const uint8_t switch_guid[SU_EFI_GUID] = {0xc7, 0x0b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45,
                                                     0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44};
    struct su_efivars vars;
    struct su_efivar v;
    struct su_err why = {0};
    if (su_efivars_open(file, &vars, &why) < 0)
        return;
    out->nvram_read = true;
    out->nvram_keys = su_efivars_find(file, "PK", su_efi_global_guid, &v, &why) == 0 && v.data.n > 0;
    out->nvram_shim = su_efivars_find(file, "SbatLevel", su_efi_shim_guid, &v, &why) == 0 && v.data.n > 0;
    out->nvram_bootmgr = find_bootmgr(vars);
    out->nvram_enabled = SU_UNKNOWN;
    if (su_efivars_find(file, "SecureBootEnable", switch_guid, &v, &why) == 0 && v.data.n == 1)
        out->nvram_enabled = v.data.p[0] ? SU_YES : SU_NO;
}
