/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "efivars.h"
#include <string.h>

#define GUID(a, b, c, ...)                                                                                             \
    {                                                                                                                  \
        (a)&0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24 & 0xff, (b)&0xff, (b) >> 8, (c)&0xff, (c) >> 8,         \
            __VA_ARGS__                                                                                                \
    }
const uint8_t su_efi_global_guid[SU_EFI_GUID] =
    GUID(0x8be4df61, 0x93ca, 0x11d2, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c);
const uint8_t su_efi_security_guid[SU_EFI_GUID] =
    GUID(0xd719b2cb, 0x3d3a, 0x4596, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f);
const uint8_t su_efi_shim_guid[SU_EFI_GUID] =
    GUID(0x605dab50, 0xe046, 0x4300, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23);
static const uint8_t nv_volume_guid[SU_EFI_GUID] =
    GUID(0xfff12b8d, 0x7696, 0x4c8b, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50);
static const uint8_t store_guid[SU_EFI_GUID] =
    GUID(0xaaf32c78, 0x947b, 0x439a, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92);

enum {
    VOLUME_HEADER = 56, /* without the block map */
    STORE_HEADER = 28,
    STORE_FORMATTED = 0x5a,
    STORE_HEALTHY = 0xfe,
    VAR_HEADER = 60,
    VAR_START = 0x55aa,
    VAR_ADDED = 0x3f,
    VAR_IN_TRANSITION = 0xfe, /* bits of the state are cleared, never set */
    LIST_HEADER = 28,
};

static int damaged(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "efi.vars.damaged", "the EFI variable store is damaged: %s", what);
}

/* The firmware volume's header: where its content starts, and that it lies in the file. */
static int open_volume(struct su_bytes file, struct su_bytes *content, struct su_err *e)
{
    const uint8_t *h = file.p;
    if (file.n < VOLUME_HEADER || memcmp(h + 40, "_FVH", 4) != 0 || memcmp(h + 16, nv_volume_guid, SU_EFI_GUID) != 0)
        return su_fail(e, SU_E_FORMAT, "efi.vars.format", "not a raw EFI variable store");
    uint64_t length = su_le64(h + 32);
    uint16_t header = su_le16(h + 48), sum = 0;
    if (length > file.n || header < VOLUME_HEADER || header % 2 != 0 || header > length)
        return damaged(e, "its volume header does not fit");
    for (unsigned i = 0; i < header; i += 2)
        sum = (uint16_t)(sum + su_le16(h + i));
    if (sum != 0)
        return damaged(e, "its volume header has a wrong checksum");
    *content = (struct su_bytes){h + header, (size_t)length - header};
    return 0;
}

int su_efivars_open(struct su_bytes file, struct su_efivars *out, struct su_err *e)
{
    struct su_bytes b = {NULL, 0};
    if (open_volume(file, &b, e) < 0)
        return -1;
    if (b.n < STORE_HEADER || memcmp(b.p, store_guid, SU_EFI_GUID) != 0)
        return su_fail(e, SU_E_FORMAT, "efi.vars.format", "the EFI variables are not in the authenticated format");
    uint32_t size = su_le32(b.p + 16);
    if (size < STORE_HEADER || size > b.n || b.p[20] != STORE_FORMATTED || b.p[21] != STORE_HEALTHY)
        return damaged(e, "its store header does not fit");
    out->rest = (struct su_bytes){b.p + STORE_HEADER, size - STORE_HEADER};
    return 0;
}

int su_efivars_next(struct su_efivars *vars, struct su_efivar *out, struct su_err *e)
{
    for (;;) {
        struct su_bytes b = vars->rest;
        const uint8_t *h = b.p;
        if (b.n < VAR_HEADER || su_le16(h) != VAR_START)
            return 0; /* the free space behind the last variable */
        uint8_t state = h[2];
        uint32_t name = su_le32(h + 36), data = su_le32(h + 40);
        if (name > b.n - VAR_HEADER || data > b.n - VAR_HEADER - name)
            return damaged(e, "a variable runs past the end of the store");
        uint64_t whole = su_round_up((uint64_t)VAR_HEADER + name + data, 4);
        (void)su_skip(&vars->rest, whole < b.n ? (size_t)whole : b.n);
        if (state != VAR_ADDED && state != (VAR_ADDED & VAR_IN_TRANSITION))
            continue; /* deleted, or its writing was cut off */
        *out = (struct su_efivar){
            .name = {h + VAR_HEADER, name},
            .guid = h + 44,
            .attributes = su_le32(h + 4),
            .in_transition = state != VAR_ADDED,
            .data = {h + VAR_HEADER + name, data},
        };
        return 1;
    }
}

bool su_efivar_named(const struct su_efivar *v, const char *name)
{
    size_t n = strlen(name) + 1;
    if (v->name.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (su_le16(v->name.p + 2 * i) != (uint8_t)name[i])
            return false;
    return true;
}

int su_efivars_find(struct su_bytes file, const char *name, const uint8_t guid[SU_EFI_GUID], struct su_efivar *out,
                    struct su_err *e)
{
    struct su_efivars vars;
    struct su_efivar v, found = {0};
    bool have = false;
    int more;
    if (su_efivars_open(file, &vars, e) < 0)
        return -1;
    while ((more = su_efivars_next(&vars, &v, e)) > 0) {
        if (memcmp(v.guid, guid, SU_EFI_GUID) != 0 || !su_efivar_named(&v, name))
            continue;
        found = v;
        have = true;
        if (!v.in_transition) /* one in transition counts only while there is no other */
            break;
    }
    if (more < 0)
        return -1;
    if (!have)
        return su_fail(e, SU_E_MISSING, "efi.vars.missing", "the EFI variable %s is not set", name);
    *out = found;
    return 0;
}

static enum su_sig_kind kind_of(const uint8_t *guid)
{
    static const struct {
        uint8_t guid[SU_EFI_GUID];
        enum su_sig_kind kind;
    } kinds[] = {
        {GUID(0xa5c059a1, 0x94e4, 0x4aa7, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72), SU_SIG_X509},
        {GUID(0xc1c41626, 0x504c, 0x4092, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28), SU_SIG_SHA256},
        {GUID(0x3bd2a492, 0x96c0, 0x4079, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed), SU_SIG_X509_SHA256},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++)
        if (memcmp(guid, kinds[i].guid, SU_EFI_GUID) == 0)
            return kinds[i].kind;
    return SU_SIG_OTHER;
}

struct su_siglist su_siglist_open(struct su_bytes value)
{
    return (struct su_siglist){.rest = value};
}

static int open_list(struct su_siglist *l, struct su_err *e)
{
    struct su_bytes b = l->rest;
    if (b.n < LIST_HEADER)
        return su_fail(e, SU_E_FORMAT, "efi.list.truncated", "a signature list ends inside its header");
    uint32_t whole = su_le32(b.p + 16), header = su_le32(b.p + 20), size = su_le32(b.p + 24);
    if (whole > b.n || whole < LIST_HEADER || header > whole - LIST_HEADER)
        return su_fail(e, SU_E_FORMAT, "efi.list.truncated", "a signature list does not fit into its variable");
    uint32_t entries = whole - LIST_HEADER - header;
    enum su_sig_kind kind = kind_of(b.p);
    uint32_t fixed = kind == SU_SIG_SHA256 ? 32 : kind == SU_SIG_X509_SHA256 ? 32 + 16 : 0;
    if (size < SU_EFI_GUID + 1 || entries % size != 0 || (fixed && size != SU_EFI_GUID + fixed))
        return su_fail(e, SU_E_FORMAT, "efi.list.size", "a signature list has entries of an impossible size");
    l->kind = kind;
    l->size = size;
    l->entries = (struct su_bytes){b.p + LIST_HEADER + header, entries};
    (void)su_skip(&l->rest, whole);
    return 0;
}

int su_siglist_next(struct su_siglist *l, struct su_sig *out, struct su_err *e)
{
    while (l->entries.n == 0) {
        if (l->rest.n == 0)
            return 0;
        if (open_list(l, e) < 0)
            return -1;
    }
    struct su_bytes data = {l->entries.p + SU_EFI_GUID, l->size - SU_EFI_GUID};
    if (l->kind == SU_SIG_X509_SHA256)
        data.n = 32;
    *out = (struct su_sig){.kind = l->kind, .owner = l->entries.p, .data = data};
    (void)su_skip(&l->entries, l->size);
    return 1;
}
