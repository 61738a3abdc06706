/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drive letters and boot drivers of any SYSTEM hive: there and back is where it was. */
#include "must.h"
#include "guest/mounted.h"
#include "guest/winsystem.h"
#include "hive_body.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct su_winmap map(void)
{
    struct su_winmap m = {.signature = 0x3E27AABB, .n = 2, .system = 1};
    m.part[0] = (struct su_winmap_part){.number = 1, .offset = 0x100000, .guid = "system-partition"};
    m.part[1] = (struct su_winmap_part){.number = 2, .offset = 0x20000000, .guid = "windowspartition"};
    memcpy(m.esp_guid, "esp-esp-esp-esp-", 16);
    return m;
}

/* One value of MountedDevices, or one service with what starts it. */
static int put(struct su_hive *h, su_hive_node mounted, su_hive_node services, uint8_t what, struct su_bytes d)
{
    static const char *const letters[] = {"\\DosDevices\\C:",
                                          "\\DosDevices\\D:",
                                          "\\DosDevices\\E:",
                                          "\\DosDevices\\Z:",
                                          "\\??\\Volume{1}",
                                          "\\??\\Volume{2}",
                                          "#{3}",
                                          "\\DosDevices\\"};
    static const char *const names[] = {"atapi",  "intelide", "pciide",  "storahci",
                                        "msahci", "viostor",  "vioscsi", "stornvme"};
    struct su_err e = {0};
    su_hive_node s = 0, over = 0;
    if (what < 128)
        return su_hive_set(h, mounted, letters[what % 8], what / 8 % 4 ? SU_REG_BINARY : SU_REG_SZ, d, &e);
    if (su_hive_add_key(h, services, names[what % 8], &s, &e) < 0 ||
        (what & 8 && su_hive_set(h, s, "Start", SU_REG_DWORD, d, &e) < 0))
        return -1;
    if (!(what & 16))
        return 0;
    return su_hive_add_key(h, s, "StartOverride", &over, &e) < 0 ? -1 : su_hive_set(h, over, "0", SU_REG_DWORD, d, &e);
}

/* A SYSTEM hive of records: what, how many bytes, the bytes. */
static void make(struct su_hive *h, struct su_bytes b)
{
    struct su_err e = {0};
    su_hive_node mounted = 0, select = 0, set = 0, services = 0;
    uint8_t what, len;
    MUST(su_hive_add_key(h, su_hive_root(h), "MountedDevices", &mounted, &e) == 0 &&
         su_hive_add_key(h, su_hive_root(h), "Select", &select, &e) == 0 &&
         su_hive_add_key(h, su_hive_root(h), "ControlSet001", &set, &e) == 0 &&
         su_hive_add_key(h, set, "Services", &services, &e) == 0);
    MUST(su_hive_set(h, select, "Current", SU_REG_DWORD, (struct su_bytes){(const uint8_t *)"\1\0\0\0", 4}, &e) == 0);
    while (su_take_u8(&b, &what) && su_take_u8(&b, &len)) {
        struct su_bytes d = {b.p, len % 32 < b.n ? len % 32 : b.n};
        su_skip(&b, d.n);
        MUST(put(h, mounted, services, what, d) == 0);
    }
}

/* A GPT name of this disk was none of the MBR's: only without any is there a way back. */
static int is_ours(void *arg, const char *name, uint32_t type, struct su_bytes d, struct su_err *e)
{
    const struct su_winmap m = map();
    (void)name, (void)e;
    *(bool *)arg |= d.n == 24 && memcmp(d.p, "DMIO:ID:", 8) == 0 && su_winmap_by_guid(&m, d.p + 8) != NULL;
    *(bool *)arg |= type != SU_REG_BINARY && d.n == 12; /* a letter comes back as REG_BINARY */
    return 0;
}

static void save(struct su_hive *h, struct su_buf *out)
{
    struct su_err e = {0};
    out->n = 0;
    MUST(su_hive_save(h, 1700000000, out, &e) == 0);
}

static void letters_there_and_back(struct su_hive *h)
{
    const struct su_winmap m = map();
    SU_BUF struct su_buf before = {0}, after = {0}, diff = {0};
    struct su_mounted_change c = {0}, back = {0};
    struct su_err e = {0};
    su_hive_node k = 0;
    bool ours = false;
    char letter = 0;
    MUST(su_hive_find(h, su_hive_root(h), "MountedDevices", &k, &e) == 0 && k &&
         su_hive_each_value(h, k, is_ours, &ours, &e) == 0);
    save(h, &before);
    MUST(su_mounted_to_gpt(h, &m, 2, &c, &e) == 0);
    MUST(su_mounted_letter(h, m.signature, 0x100000, &letter, &e) == 0 && !letter);
    MUST(su_mounted_to_mbr(h, &m, c.letter, c.n_letters, &back, &e) == 0);
    save(h, &after);
    if (!ours) {
        hivegen_diff(su_buf_bytes(&before), su_buf_bytes(&after), &diff);
        MUST(diff.n == 0 && back.n_letters == c.n_letters);
    }
}

static void driver_there_and_back(struct su_hive *h, enum su_winbus b)
{
    SU_BUF struct su_buf before = {0}, after = {0}, diff = {0}, was = {0};
    struct su_winsystem s = {0}, now = {0};
    struct su_err e = {0};
    bool changed = false, undone = false;
    MUST(su_winsystem_read(h, &s, &e) == 0);
    save(h, &before);
    if (su_winsystem_boot_driver(h, b, &changed, &was, &e) < 0) {
        MUST(s.bus[b] == SU_WINSTART_ABSENT || s.bus[b] == SU_WINSTART_UNKNOWN);
        return;
    }
    MUST(su_winsystem_read(h, &now, &e) == 0 && now.bus[b] == SU_WINSTART_BOOT &&
         changed == (s.bus[b] != SU_WINSTART_BOOT));
    MUST(su_winsystem_driver_back(h, su_buf_str(&was), &undone, &e) == 0 && undone == changed);
    save(h, &after);
    hivegen_diff(su_buf_bytes(&before), su_buf_bytes(&after), &diff);
    MUST(diff.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SU_BUF struct su_buf bytes = {0}, raw = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_HIVE struct su_hive *any = NULL;
    struct su_err e = {0};
    struct su_winversion v;
    struct su_winsystem s;
    char letter;
    hive_body((struct su_bytes){data, n}, &raw);
    if (su_hive_open(su_buf_bytes(&raw), false, &any, &e) == 0) {
        (void)!su_winsystem_read(any, &s, &e);
        (void)!su_winversion_read(any, &v, &e);
        (void)!su_mounted_letter(any, 1, 2, &letter, &e);
    }
    hivegen(&bytes, 5);
    MUST(su_hive_open(su_buf_bytes(&bytes), true, &h, &e) == 0);
    make(h, (struct su_bytes){data, n < 2048 ? n : 2048});
    letters_there_and_back(h);
    driver_there_and_back(h, n > 0 ? data[n - 1] % SU_WINBUS_COUNT : SU_WINBUS_IDE);
    char note[64];
    snprintf(note, sizeof note, "%.*s", n < 63 ? (int)n : 63, (const char *)data);
    bool changed;
    (void)!su_winsystem_driver_back(h, note, &changed, &e);
    return 0;
}
