/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "guest/grubenv.h"
#include "guest/partuuid.h"
#include "tests/lib/tap.h"

#define G1 "11223344-5566-8788-99aa-bbccddeeff01"
#define G5 "11223344-5566-8788-99aa-bbccddeeff05"
#define G1_UP "11223344-5566-8788-99AA-BBCCDDEEFF01"

static struct su_partuuid map[2] = {{.disk_id = 0x381a4875, .slot = 1}, {.disk_id = 0x381a4875, .slot = 5}};

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static const struct {
    const char *name, *mbr, *gpt;
    unsigned n;
} rows[] = {
    {"empty", "", "", 0},
    {"plain", "PARTUUID=381a4875-01 / ext4\n", "PARTUUID=" G1 " / ext4\n", 1},
    {"capitals", "PARTUUID=381A4875-01", "PARTUUID=" G1_UP, 1},
    {"key in any case", "partuuid=381a4875-05", "partuuid=" G5, 1},
    {"double quotes", "PARTUUID=\"381a4875-01\"", "PARTUUID=\"" G1 "\"", 1},
    {"single quotes", "PARTUUID='381a4875-01'", "PARTUUID='" G1 "'", 1},
    {"quoted quotes", "X=\"PARTUUID=\\\"381a4875-01\\\"\"", "X=\"PARTUUID=\\\"" G1 "\\\"\"", 1},
    {"kernel argument", "linux /v root=PARTUUID=381a4875-01 resume=PARTUUID=381a4875-05 ro",
     "linux /v root=PARTUUID=" G1 " resume=PARTUUID=" G5 " ro", 2},
    {"in quotes as a whole", "GRUB_CMDLINE_LINUX=\"resume=PARTUUID=381a4875-05\"",
     "GRUB_CMDLINE_LINUX=\"resume=PARTUUID=" G5 "\"", 1},
    {"by path", "swap /dev/disk/by-partuuid/381a4875-05 /dev/urandom swap",
     "swap /dev/disk/by-partuuid/" G5 " /dev/urandom swap", 1},
    {"partition offset", "root=PARTUUID=381a4875-01/PARTNROFF=1", "root=PARTUUID=" G1 "/PARTNROFF=1", 1},
    {"twice on a line", "PARTUUID=381a4875-01,PARTUUID=381a4875-01", "PARTUUID=" G1 ",PARTUUID=" G1, 2},
    {"longer slot", "PARTUUID=381a4875-011", "PARTUUID=381a4875-011", 0},
    {"shorter slot", "PARTUUID=381a4875-1", "PARTUUID=381a4875-1", 0},
    {"goes on", "PARTUUID=381a4875-01-x", "PARTUUID=381a4875-01-x", 0},
    {"another slot", "PARTUUID=381a4875-02", "PARTUUID=381a4875-02", 0},
    {"another disk", "PARTUUID=381a4876-01", "PARTUUID=381a4876-01", 0},
    {"another key", "MYPARTUUID=381a4875-01", "MYPARTUUID=381a4875-01", 0},
    {"no key", "UUID=381a4875-01 381a4875-01", "UUID=381a4875-01 381a4875-01", 0},
    {"blank between", "PARTUUID= 381a4875-01", "PARTUUID= 381a4875-01", 0},
    {"cut short", "PARTUUID=381a4875-0", "PARTUUID=381a4875-0", 0},
    {"only the key", "PARTUUID=", "PARTUUID=", 0},
    {"only a quote", "PARTUUID=\\", "PARTUUID=\\", 0},
    {"carriage returns", "PARTUUID=381a4875-01\r\nx\r\n", "PARTUUID=" G1 "\r\nx\r\n", 1},
    {"a key as a value", "PARTUUID=PARTUUID=381a4875-01", "PARTUUID=PARTUUID=" G1, 1},
};

static void both_ways(void)
{
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BUF struct su_buf gpt = {0}, mbr = {0};
        unsigned n = 99;
        ok(su_partuuid_rewrite(bytes(rows[i].mbr), SU_PARTUUID_TO_GPT, map, 2, &gpt, &n, &e) == 0 && n == rows[i].n &&
               strcmp(su_buf_str(&gpt), rows[i].gpt) == 0,
           "%s", rows[i].name);
        ok(su_partuuid_rewrite(su_buf_bytes(&gpt), SU_PARTUUID_TO_MBR, map, 2, &mbr, &n, &e) == 0 && n == rows[i].n &&
               strcmp(su_buf_str(&mbr), rows[i].mbr) == 0,
           "%s, and back", rows[i].name);
    }
}

static void refused(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf out = {0};
    unsigned n = 99;
    su_buf_text(&out, "kept");
    struct su_bytes nul = {(const uint8_t *)"PARTUUID=381a4875-01\0", 21};
    ok(su_partuuid_rewrite(nul, SU_PARTUUID_TO_GPT, map, 2, &out, &n, &e) < 0 && n == 99, "NUL is refused");
    is_str(e.id, "guest.text.nul");
    is_str(su_buf_str(&out), "kept");
    ok(su_partuuid_rewrite(bytes(" PARTUUID=381a4875-01"), SU_PARTUUID_TO_GPT, map, 2, &out, &n, &e) == 0, "appends");
    is_str(su_buf_str(&out), "kept PARTUUID=" G1);
}

/* An environment block of n bytes that starts with s. */
static void env(struct su_buf *b, const char *s, size_t n)
{
    su_buf_text(b, "# GRUB Environment Block\n");
    su_buf_text(b, s);
    while (b->n < n)
        su_buf_add(b, "#", 1);
}

static void grubenv(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf b = {0}, out = {0}, back = {0}, value = {0};
    unsigned n = 99;
    env(&b, "saved_entry=a\\\\b>c\nkernelopts=root=PARTUUID=381a4875-01 ro\n", 1024);
    ok(su_grubenv_get(su_buf_bytes(&b), "saved_entry", &value, &e) == 0, "a value");
    is_str(su_buf_str(&value), "a\\b>c");
    ok(su_grubenv_get(su_buf_bytes(&b), "next_entry", &value, &e) < 0 && e.kind == SU_E_MISSING, "a missing one");
    ok(su_grubenv_get(bytes("saved_entry=1\n"), "saved_entry", &value, &e) < 0, "no header");
    is_str(e.id, "guest.grubenv.format");
    ok(su_grubenv_rewrite(su_buf_bytes(&b), SU_PARTUUID_TO_GPT, map, 2, &out, &n, &e) == 0 && n == 1 && out.n == 1024 &&
           strstr(su_buf_str(&out), "root=PARTUUID=" G1 " ro\n#"),
       "rewritten at the same size");
    ok(su_grubenv_rewrite(su_buf_bytes(&out), SU_PARTUUID_TO_MBR, map, 2, &back, &n, &e) == 0 && back.n == b.n &&
           memcmp(back.p, b.p, b.n) == 0,
       "and back");
    su_buf_done(&b);
    env(&b, "kernelopts=root=PARTUUID=381a4875-01\n", 70);
    su_buf_done(&out);
    ok(su_grubenv_rewrite(su_buf_bytes(&b), SU_PARTUUID_TO_GPT, map, 2, &out, &n, &e) < 0 && out.n == 0, "no room");
    is_str(e.id, "guest.grubenv.full");
}

int main(void)
{
    struct su_err e = {0};
    char text[SU_PARTUUID_MBR_TEXT];
    ok(su_guid_parse(G1, 36, map[0].guid, &e) == 0 && su_guid_parse(G5, 36, map[1].guid, &e) == 0, "the map");
    su_partuuid_mbr_text(0xab, 16, text);
    is_str(text, "000000ab-10");
    both_ways();
    refused();
    grubenv();
    return tap_done();
}
