/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drive letters, on a hive made here and on SYSTEM hives of real machines. */
#include "guest/mounted.h"
#include "guest/regf.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

enum { SIGNATURE = 0x3E27AABB };

static struct su_winmap map_of(uint32_t signature, uint64_t system_at, uint64_t os_at)
{
    struct su_winmap m = {.signature = signature, .n = 2, .system = 1};
    m.part[0] = (struct su_winmap_part){.number = 1, .offset = system_at, .guid = "system-partition"};
    m.part[1] = (struct su_winmap_part){.number = 2, .offset = os_at, .guid = "windowspartition"};
    memcpy(m.esp_guid, "esp-esp-esp-esp-", 16);
    return m;
}

static void put(struct su_hive *h, su_hive_node k, const char *name, const void *data, size_t n)
{
    struct su_err e = {0};
    if (su_hive_set(h, k, name, SU_REG_BINARY, (struct su_bytes){data, n}, &e) < 0)
        ok(false, "%s", e.msg);
}

static void put_mbr(struct su_hive *h, su_hive_node k, const char *name, uint32_t signature, uint64_t offset)
{
    uint8_t d[12];
    su_put_le32(d, signature);
    su_put_le64(d + 4, offset);
    put(h, k, name, d, sizeof d);
}

static su_hive_node key_of(struct su_hive *h)
{
    struct su_err e = {0};
    su_hive_node k = 0;
    (void)!su_hive_find(h, su_hive_root(h), "MountedDevices", &k, &e);
    return k;
}

static struct su_hive *open_made(void)
{
    SU_BUF struct su_buf b = {0};
    struct su_hive *h = NULL;
    struct su_err e = {0};
    su_hive_node k = 0;
    hivegen(&b, 5);
    if (su_hive_open(su_buf_bytes(&b), true, &h, &e) < 0 ||
        su_hive_add_key(h, su_hive_root(h), "MountedDevices", &k, &e) < 0)
        printf("# %s\n", e.msg);
    put_mbr(h, k, "\\DosDevices\\C:", SIGNATURE, 0x20000000);
    put_mbr(h, k, "\\DosDevices\\e:", SIGNATURE, 0x100000);
    put_mbr(h, k, "\\??\\Volume{1}", SIGNATURE, 0x100000);
    put_mbr(h, k, "\\DosDevices\\F:", SIGNATURE + 1, 0x100000);
    put_mbr(h, k, "\\DosDevices\\G:", SIGNATURE, 0x200000);
    put_mbr(h, k, "\\DosDevices\\CC:", SIGNATURE, 0x100000);
    put(h, k, "\\DosDevices\\D:", "\\\0?\0?\0", 6);
    put(h, k, "\\DosDevices\\H:", "DMIO:ID:another-disk-abc", 24);
    put(h, k, "", "DMIO_ID:windowspartition", 24);
    return h;
}

static void differ(struct su_hive *h, const struct su_buf *before, const char *want)
{
    SU_BUF struct su_buf now = hivegen_saved(h), diff = {0};
    hivegen_diff(su_buf_bytes(before), su_buf_bytes(&now), &diff);
    is_str(su_buf_str(&diff), want);
}

static void test_there_and_back(void)
{
    SU_HIVE struct su_hive *h = open_made();
    SU_BUF struct su_buf before = hivegen_saved(h);
    struct su_winmap m = map_of(SIGNATURE, 0x100000, 0x20000000);
    struct su_mounted_change c = {0}, back = {0};
    struct su_err e = {0};
    char letter = 'x';
    ok(su_mounted_letter(h, SIGNATURE, 0x100000, &letter, &e) == 0 && letter == 'E');
    ok(su_mounted_letter(h, SIGNATURE, 0x20000000, &letter, &e) == 0 && letter == 'C');
    ok(su_mounted_letter(h, SIGNATURE, 5, &letter, &e) == 0 && letter == 0);
    ok(su_mounted_to_gpt(h, &m, 2, &c, &e) == 0 && c.renamed == 3 && c.n_letters == 1 && c.letter[0] == 'E' &&
           c.strangers == 1,
       "%u renamed, %u letters, %u strangers", c.renamed, c.n_letters, c.strangers);
    differ(h, &before,
           "+\\MountedDevices|\\??\\Volume{1}|3|444d494f3a49443a73797374656d2d706172746974696f6e\n"
           "-\\MountedDevices|\\??\\Volume{1}|3|bbaa273e0000100000000000\n"
           "+\\MountedDevices|\\DosDevices\\C:|3|444d494f3a49443a77696e646f7773706172746974696f6e\n"
           "-\\MountedDevices|\\DosDevices\\C:|3|bbaa273e0000002000000000\n"
           "+\\MountedDevices|\\DosDevices\\CC:|3|444d494f3a49443a73797374656d2d706172746974696f6e\n"
           "-\\MountedDevices|\\DosDevices\\CC:|3|bbaa273e0000100000000000\n"
           "-\\MountedDevices|\\DosDevices\\e:|3|bbaa273e0000100000000000\n");
    ok(su_mounted_to_gpt(h, &m, 2, &back, &e) == 0 && back.renamed == 0 && back.n_letters == 0,
       "a second time changes nothing");
    ok(su_mounted_to_mbr(h, &m, c.letter, c.n_letters, &back, &e) == 0 && back.renamed == 3 && back.n_letters == 1,
       "and back");
    differ(h, &before,
           "+\\MountedDevices|\\DosDevices\\E:|3|bbaa273e0000100000000000\n-\\MountedDevices|\\DosDevices\\e:|3|"
           "bbaa273e0000100000000000\n");
}

static void test_letter_taken_meanwhile(void)
{
    SU_HIVE struct su_hive *h = open_made();
    struct su_winmap m = map_of(SIGNATURE, 0x100000, 0x20000000);
    struct su_mounted_change c = {0}, back = {0};
    struct su_err e = {0};
    ok(su_mounted_to_gpt(h, &m, 2, &c, &e) == 0);
    put_mbr(h, key_of(h), "\\DosDevices\\E:", 77, 0x100000);
    put(h, key_of(h), "\\??\\Volume{9}", "DMIO:ID:esp-esp-esp-esp-", 24);
    ok(su_mounted_to_mbr(h, &m, c.letter, c.n_letters, &back, &e) == 0 && back.n_letters == 0 && back.strangers == 1,
       "another volume has the letter now");
    char letter = 0;
    ok(su_mounted_letter(h, 77, 0x100000, &letter, &e) == 0 && letter == 'E');
}

static void test_one_partition(void)
{
    SU_HIVE struct su_hive *h = open_made();
    struct su_winmap m = map_of(SIGNATURE, 0x20000000, 0x100000);
    struct su_mounted_change c = {0};
    struct su_err e = {0};
    ok(su_mounted_to_gpt(h, &m, 1, &c, &e) == 0 && c.n_letters == 0 && c.renamed == 4,
       "the system's own volume keeps its letter");
}

static void test_none(void)
{
    SU_BUF struct su_buf b = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_winmap m = map_of(SIGNATURE, 0x100000, 0x20000000);
    struct su_mounted_change c = {.renamed = 9};
    struct su_err e = {0};
    char letter = 'x';
    hivegen(&b, 5);
    ok(su_hive_open(su_buf_bytes(&b), true, &h, &e) == 0 && su_mounted_to_gpt(h, &m, 2, &c, &e) == 0 &&
           c.renamed == 0 && su_mounted_to_mbr(h, &m, "E", 1, &c, &e) == 0 &&
           su_mounted_letter(h, SIGNATURE, 0x100000, &letter, &e) == 0 && !letter,
       "a hive without the key");
}

/* A real machine: only the values that are meant change, and all come back. */
static void test_real(const char *name, uint32_t signature, uint64_t system_at, uint64_t os_at, unsigned os,
                      const char *want)
{
    SU_BUF struct su_buf hive = {0}, after = {0}, diff = {0}, back = {0}, none = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_HIVE struct su_hive *again = NULL;
    struct su_winmap m = map_of(signature, system_at, os_at);
    struct su_mounted_change c = {0}, undone = {0};
    struct su_err e = {0};
    if (!hivegen_data(name, &hive)) {
        ok(true, "%s # SKIP no test data", name);
        return;
    }
    hivegen_clean(&hive);
    ok(su_hive_open(su_buf_bytes(&hive), true, &h, &e) == 0 && su_mounted_to_gpt(h, &m, os, &c, &e) == 0 &&
           su_hive_save(h, 1700000000, &after, &e) == 0,
       "%s: converted %s", name, e.msg);
    hivegen_diff(su_buf_bytes(&hive), su_buf_bytes(&after), &diff);
    is_str(su_buf_str(&diff), want);
    size_t changed = 0;
    for (size_t i = 0; i < hive.n && i < after.n; i++)
        changed += hive.p[i] != after.p[i];
    ok(changed < 8192 && after.n - hive.n <= 8192, "%s: %zu bytes changed, %zu more", name, changed, after.n - hive.n);
    ok(su_hive_open(su_buf_bytes(&after), true, &again, &e) == 0 &&
           su_mounted_to_mbr(again, &m, c.letter, c.n_letters, &undone, &e) == 0 &&
           su_hive_save(again, 1700000001, &back, &e) == 0,
       "%s: and back", name);
    hivegen_diff(su_buf_bytes(&hive), su_buf_bytes(&back), &none);
    is_str(su_buf_str(&none), "");
}

int main(void)
{
    test_there_and_back();
    test_letter_taken_meanwhile();
    test_one_partition();
    test_none();
    test_real("system-hives/SYSTEM_WIN_10_1709.xz", 0xDF4546AE, 0x100000, 0x1F500000, 2,
              "+\\MountedDevices|\\DosDevices\\C:|3|444d494f3a49443a77696e646f7773706172746974696f6e\n"
              "-\\MountedDevices|\\DosDevices\\C:|3|ae4645df0000501f00000000\n"
              "-\\MountedDevices|\\DosDevices\\E:|3|ae4645df0000100000000000\n");
    test_real("system-hives/SYSTEM_2.xz", 0x273E4CFE, 0x100000, 0x15F00000, 2,
              "+\\MountedDevices|\\??\\Volume{a08efec2-a076-11e5-824f-806e6f6e6963}|3|"
              "444d494f3a49443a73797374656d2d706172746974696f6e\n"
              "-\\MountedDevices|\\??\\Volume{a08efec2-a076-11e5-824f-806e6f6e6963}|3|fe4c3e270000100000000000\n"
              "+\\MountedDevices|\\??\\Volume{a08efec3-a076-11e5-824f-806e6f6e6963}|3|"
              "444d494f3a49443a77696e646f7773706172746974696f6e\n"
              "-\\MountedDevices|\\??\\Volume{a08efec3-a076-11e5-824f-806e6f6e6963}|3|fe4c3e270000f01500000000\n"
              "+\\MountedDevices|\\DosDevices\\C:|3|444d494f3a49443a77696e646f7773706172746974696f6e\n"
              "-\\MountedDevices|\\DosDevices\\C:|3|fe4c3e270000f01500000000\n");
    test_real("system-hives/SYSTEM.xz", 0x5CBEA03E, 0x100000, UINT64_C(0x7777700000), 1,
              "-\\MountedDevices|\\??\\Volume{656b1715-ecf6-11df-92e6-806e6f6e6963}|3|3ea0be5c0000100000000000\n"
              "+\\MountedDevices|\\??\\Volume{656b1715-ecf6-11df-92e6-806e6f6e6963}|3|"
              "444d494f3a49443a73797374656d2d706172746974696f6e\n"
              "-\\MountedDevices|\\DosDevices\\C:|3|3ea0be5c0000100000000000\n"
              "+\\MountedDevices|\\DosDevices\\C:|3|444d494f3a49443a73797374656d2d706172746974696f6e\n");
    test_real("system-hives/SYSTEM_B.xz", 0x12345678, 0x100000, 0x1F500000, 2, "");
    return tap_done();
}
