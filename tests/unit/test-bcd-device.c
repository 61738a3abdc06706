/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device elements: read, written for a GPT, and refused when their lengths lie. */
#include "guest/bcd.h"
#include "tests/lib/bcdtext.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

#define DISK "d15c0000-0000-4000-8000-00000000d15c"
#define P1 "9a270000-0000-4000-8000-000000000001"
#define P2 "9a270000-0000-4000-8000-000000000002"

static struct su_winmap map;
static struct su_err err;

static void setup(void)
{
    bcdtext_map("map 76a4a23d " DISK " e5900000-0000-4000-8000-0000000000e5 1\npart 1 1048576 " P1
                "\npart 2 608174080 " P2 "\n",
                &map);
}

static void unhex(const char *s, struct su_buf *out)
{
    for (unsigned v; sscanf(s, " %2x", &v) == 1;) {
        uint8_t b = (uint8_t)v;
        su_buf_add(out, &b, 1);
        s += strspn(s, " ") + 2;
    }
}

static void value(const char *text, struct su_buf *out)
{
    uint32_t type;
    bcdtext_value(SU_BCD_DEVICE, text, &type, out);
}

/* Bytes of real stores ---------------------------------------------------- */

#define ZERO16 "00000000000000000000000000000000"
#define HEAD6 "06000000000000004800000000000000"
static const char mbr_hex[] = ZERO16 HEAD6 "00004024000000000000000000000000"
                                           "0000000001000000"
                                           "3da2a476000000000000000000000000" ZERO16;
static const char gpt_hex[] = ZERO16 HEAD6 "382c0f8eeae4ba47b7fc9d8c74dccf0b"
                                           "0000000000000000"
                                           "a994230b5e097d488d48719ecd4d78ca" ZERO16;

static void test_real(void)
{
    SU_BUF struct su_buf mbr = {0}, gpt = {0}, made = {0}, out = {0};
    struct su_bcd_device d;
    unsigned changed = 9, left = 9;
    unhex(mbr_hex, &mbr);
    unhex(gpt_hex, &gpt);
    ok(mbr.n == 88 && su_bcd_device_parse(su_buf_bytes(&mbr), &d, &err) == 0);
    ok(d.kind == SU_BCD_D_MBR && d.on == SU_BCD_D_MBR && d.signature == 0x76A4A23D && d.offset == 608174080 &&
       !*d.path);
    ok(su_bcd_device_parse(su_buf_bytes(&gpt), &d, &err) == 0 && d.kind == SU_BCD_D_GPT && d.partition[0] == 0x38 &&
       d.disk[0] == 0xA9);
    ok(su_bcd_device_to_gpt(su_buf_bytes(&mbr), &map, &out, &changed, &left, &err) == 0 && changed == 1 && left == 0);
    su_bcd_device_make(map.disk_guid, map.part[1].guid, &made);
    ok(made.n == 88 && out.n == 88 && memcmp(made.p, out.p, 88) == 0, "as a new one would be");
    su_bcd_device_make(d.disk, d.partition, &made);
    ok(memcmp(made.p + 88, gpt.p, 88) == 0, "as Windows made one");
    ok(su_bcd_device_to_gpt(su_buf_bytes(&gpt), &map, &out, &changed, &left, &err) == 0 && changed == 0 && left == 0 &&
           memcmp(out.p + 88, gpt.p, 88) == 0,
       "one of a GPT stays, and is appended");
}

/* Kinds ------------------------------------------------------------------- */

static const struct row {
    const char *text;
    enum su_bcd_device_kind kind, on;
    const char *path, *gpt; /* what it becomes; NULL: stays */
    unsigned left;
} rows[] = {
    {"mbr 76a4a23d 1048576", SU_BCD_D_MBR, SU_BCD_D_MBR, "", "gpt " DISK " " P1, 0},
    {"mbr 76a4a23d 1048577", SU_BCD_D_MBR, SU_BCD_D_MBR, "", NULL, 1},
    {"mbr 76a4a23e 1048576", SU_BCD_D_MBR, SU_BCD_D_MBR, "", NULL, 0},
    {"boot", SU_BCD_D_BOOT, SU_BCD_D_BOOT, "", "gpt " DISK " " P1, 0},
    {"locate 12000002", SU_BCD_D_LOCATE, SU_BCD_D_LOCATE, "", NULL, 0},
    {"search \"\\hiberfil.sys\"", SU_BCD_D_LOCATE, SU_BCD_D_LOCATE, "", NULL, 0},
    {"search \"\\x\" mbr 76a4a23d 608174080", SU_BCD_D_MBR, SU_BCD_D_MBR, "", "search \"\\x\" gpt " DISK " " P2, 0},
    {"options {c77a2611-6d5b-11eb-9ff2-e9f459e1e132} ramdisk \"\\Recovery\\Winre.wim\" mbr 76a4a23d 608174080",
     SU_BCD_D_RAMDISK, SU_BCD_D_MBR, "\\Recovery\\Winre.wim",
     "options {c77a2611-6d5b-11eb-9ff2-e9f459e1e132} ramdisk \"\\Recovery\\Winre.wim\" gpt " DISK " " P2, 0},
    {"ramdisk \"\\sources\\boot.wim\" boot", SU_BCD_D_RAMDISK, SU_BCD_D_BOOT, "\\sources\\boot.wim",
     "ramdisk \"\\sources\\boot.wim\" gpt " DISK " " P1, 0},
    {"ramdisk \"\\boot.wim\" mbr 76a4a23d 5", SU_BCD_D_RAMDISK, SU_BCD_D_MBR, "\\boot.wim", NULL, 1},
    {"file \"\\a.vhd\" mbr 76a4a23d 608174080", SU_BCD_D_FILE, SU_BCD_D_MBR, "\\a.vhd",
     "file \"\\a.vhd\" gpt " DISK " " P2, 0},
    {"vhd file \"\\a.vhd\" mbr 76a4a23d 608174080", SU_BCD_D_FILE, SU_BCD_D_MBR, "\\a.vhd",
     "vhd file \"\\a.vhd\" gpt " DISK " " P2, 0},
    {"vhd file \"\\a.vhd\" locate 12000002", SU_BCD_D_FILE, SU_BCD_D_LOCATE, "\\a.vhd", NULL, 0},
    {"locate 22000002 vhd file \"\\Größe\\東京.vhdx\" mbr 76a4a23d 608174080", SU_BCD_D_FILE, SU_BCD_D_MBR,
     "\\Größe\\東京.vhdx", "locate 22000002 vhd file \"\\Größe\\東京.vhdx\" gpt " DISK " " P2, 0},
};

static void check(const struct row *r)
{
    SU_BUF struct su_buf in = {0}, out = {0}, want = {0};
    struct su_bcd_device d;
    unsigned changed = 9, left = 9;
    value(r->text, &in);
    value(r->gpt ? r->gpt : r->text, &want);
    ok(su_bcd_device_parse(su_buf_bytes(&in), &d, &err) == 0 && d.kind == r->kind && d.on == r->on, "%s", r->text);
    is_str(d.path, r->path);
    ok(su_bcd_device_to_gpt(su_buf_bytes(&in), &map, &out, &changed, &left, &err) == 0 && changed == (r->gpt != NULL) &&
       left == r->left);
    ok(out.n == in.n && out.n == want.n && memcmp(out.p, want.p, want.n) == 0, "every byte");
    SU_BUF struct su_buf again = {0};
    ok(su_bcd_device_to_gpt(su_buf_bytes(&out), &map, &again, &changed, &left, &err) == 0 && changed == 0 &&
           memcmp(again.p, out.p, out.n) == 0,
       "once is enough");
}

/* A partition inside a virtual disk keeps its name there; the file it is in lies on ours. */
static void test_inside_virtual_disk(void)
{
    SU_BUF struct su_buf inner = {0}, b = {0}, out = {0};
    struct su_bcd_device d;
    unsigned changed = 0, left = 0;
    value("file \"\\os.vhd\" mbr 76a4a23d 608174080", &inner);
    unhex(mbr_hex, &b); /* its own partition has the numbers of one of ours */
    su_put_le32(b.p + 48, 6);
    b.n = 16 + 0x38;
    su_buf_add(&b, inner.p + 16, inner.n - 16);
    su_put_le32(b.p + 24, (uint32_t)(b.n - 16));
    ok(su_bcd_device_parse(su_buf_bytes(&b), &d, &err) == 0 && d.kind == SU_BCD_D_FILE && d.on == SU_BCD_D_MBR);
    is_str(d.path, "\\os.vhd");
    ok(su_bcd_device_to_gpt(su_buf_bytes(&b), &map, &out, &changed, &left, &err) == 0 && changed == 1 &&
       memcmp(out.p, b.p, 16 + 0x38) == 0);
}

/* Not known, and left alone ------------------------------------------------ */

static void test_other(void)
{
    SU_BUF struct su_buf serial = {0}, raw = {0}, disk = {0}, out = {0}, path = {0}, small = {0};
    struct su_bcd_device d;
    unsigned changed = 9, left = 9;
    unhex(ZERO16 "03000000"
                 "00000000"
                 "14000000"
                 "00000000"
                 "00000000",
          &serial);
    ok(su_bcd_device_parse(su_buf_bytes(&serial), &d, &err) == 0 && d.kind == SU_BCD_D_OTHER, "a serial line");
    unhex(mbr_hex, &raw);
    su_put_le32(raw.p + 0x34, 2);
    ok(su_bcd_device_to_gpt(su_buf_bytes(&raw), &map, &out, &changed, &left, &err) == 0 && changed == 0 && left == 0 &&
           memcmp(out.p, raw.p, raw.n) == 0,
       "a partition by number");
    unhex(ZERO16 "00000000"
                 "00000000"
                 "48000000"
                 "00000000"
                 "00000000"
                 "01000000"
                 "3da2a476",
          &disk);
    su_buf_zero(&disk, 88 - disk.n);
    ok(su_bcd_device_parse(su_buf_bytes(&disk), &d, &err) == 0 && d.kind == SU_BCD_D_OTHER, "a whole disk");
    value("ramdisk \"\\x.wim\" mbr 76a4a23d 1048576", &path);
    su_put_le32(path.p + 0x40, 3);
    ok(su_bcd_device_parse(su_buf_bytes(&path), &d, &err) == 0 && d.kind == SU_BCD_D_OTHER, "a path of another kind");
    value("boot", &small);
    su_put_le32(small.p + 24, 40);
    ok(su_bcd_device_parse(su_buf_bytes(&small), &d, &err) == 0 && d.kind == SU_BCD_D_OTHER,
       "the firmware's partition, without room for a name");
    map.system = 0;
    small.n = 0;
    value("boot", &small);
    out.n = 0;
    ok(su_bcd_device_to_gpt(su_buf_bytes(&small), &map, &out, &changed, &left, &err) == 0 && changed == 0 && left == 0,
       "the system partition is not known");
    setup();
}

/* Lies --------------------------------------------------------------------- */

static void refused(struct su_bytes b, const char *what)
{
    SU_BUF struct su_buf out = {0};
    struct su_bcd_device d = {.kind = SU_BCD_D_GPT, .offset = 77};
    unsigned changed = 9, left = 9;
    err = (struct su_err){0};
    bool good = su_bcd_device_parse(b, &d, &err) < 0 && err.kind == SU_E_FORMAT && strcmp(err.id, "bcd.device") == 0 &&
                d.kind == SU_BCD_D_GPT && d.offset == 77;
    ok(good && su_bcd_device_to_gpt(b, &map, &out, &changed, &left, &err) < 0 && out.n == 0 && changed == 9, "%s: %s",
       what, err.msg);
}

static void test_lies(void)
{
    static const struct {
        size_t at;
        uint32_t v;
        const char *what;
    } lies[] = {
        {24, 0x10000000, "a length beyond the element"},
        {24, 15, "a length below a header"},
        {24, 40, "too short for its disk"},
        {0x3C, 0xFFFFFFFF, "a path's length beyond"},
        {0x3C, 11, "a path shorter than its header"},
        {0x4C, 0x1000, "an inner length beyond the path"},
        {0x4C, 8, "an inner length below a header"},
        {0x4C, 71, "a partition cut short"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(lies); i++) {
        SU_BUF struct su_buf b = {0};
        value("ramdisk \"\\Recovery\\Winre.wim\" mbr 76a4a23d 608174080", &b);
        su_put_le32(b.p + lies[i].at, lies[i].v);
        refused(su_buf_bytes(&b), lies[i].what);
    }
    SU_BUF struct su_buf s = {0};
    value("search \"\\x\" mbr 76a4a23d 608174080", &s);
    static const uint32_t parents[] = {1, 27, 0x1000, 0xFFFFFFFF, 0x52};
    for (size_t i = 0; i < SU_ARRAY_LEN(parents); i++) {
        su_put_le32(s.p + 16 + 24, parents[i]);
        refused(su_buf_bytes(&s), "a search elsewhere");
    }
    refused((struct su_bytes){0}, "nothing");
    refused((struct su_bytes){s.p, 31}, "no descriptor");
}

/* Every cut of every kind is refused or leaves the element as it is: no read beyond the end (checked by ASAN). */
static void test_cuts(void)
{
    unsigned bad = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BUF struct su_buf b = {0};
        value(rows[i].text, &b);
        for (size_t n = 0; n < b.n; n++) {
            SU_BUF struct su_buf out = {0};
            SU_FREE uint8_t *exact = malloc(n + 1);
            unsigned changed = 0, left = 0;
            memcpy(exact, b.p, n);
            bad += su_bcd_device_to_gpt((struct su_bytes){exact, n}, &map, &out, &changed, &left, &err) == 0;
        }
    }
    ok(bad == 0, "every cut is refused");
}

static void test_depth(void)
{
    char text[200] = "";
    struct su_bcd_device d;
    for (int depth = 1; depth <= 9; depth++) {
        SU_BUF struct su_buf b = {0};
        strncat(text, depth == 1 ? "" : "vhd ", sizeof text - strlen(text) - 1);
        char whole[240];
        snprintf(whole, sizeof whole, "%sboot", text);
        value(whole, &b);
        if (depth <= 8)
            ok(su_bcd_device_parse(su_buf_bytes(&b), &d, &err) == 0 && d.on == SU_BCD_D_BOOT, "%d deep", depth);
        else
            refused(su_buf_bytes(&b), "nine deep");
    }
    SU_BUF struct su_buf loop = {0};
    value("search \"\\x\"", &loop);
    su_put_le32(loop.p + 16 + 24, 28); /* into its own path */
    refused(su_buf_bytes(&loop), "a search in its own text");
}

static void test_long_path(void)
{
    SU_BUF struct su_buf b = {0};
    struct su_bcd_device d;
    char text[1200] = "file \"\\";
    while (strlen(text) < 800)
        strncat(text, "ö", sizeof text - strlen(text) - 1);
    strncat(text, "\" boot", sizeof text - strlen(text) - 1);
    value(text, &b);
    ok(su_bcd_device_parse(su_buf_bytes(&b), &d, &err) == 0 && strlen(d.path) == 511, "cut to the last whole letter");
    ok((unsigned char)d.path[510] == 0xB6);
}

/* All devices of the one real store with an MBR's. */
static void test_store(void)
{
    SU_BUF struct su_buf bytes = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    unsigned kinds[SU_BCD_D_OTHER + 1] = {0};
    if (!hivegen_data("ntloader/bcd", &bytes)) {
        ok(1, "a real store # SKIP no ntloader/bcd");
        return;
    }
    if (su_hive_open(su_buf_bytes(&bytes), false, &h, &err) < 0 || su_bcd_read(h, &b, &err) < 0) {
        ok(0, "%s", err.msg);
        return;
    }
    for (size_t i = 0; i < b.n; i++)
        for (size_t k = 0; k < b.object[i].n; k++) {
            struct su_bcd_device d;
            const struct su_bcd_element *x = &b.object[i].element[k];
            if (su_bcd_format(x->id) != SU_BCD_F_DEVICE || su_bcd_device_parse(x->data, &d, &err) < 0)
                continue;
            kinds[d.kind]++;
            bool here = d.on == SU_BCD_D_BOOT || (d.signature == 0x43DA9AB1 && d.offset == 0x1F500000);
            ok(here, "%s %08x: %s", b.object[i].guid, x->id, d.path);
        }
    ok(kinds[SU_BCD_D_MBR] == 4 && kinds[SU_BCD_D_RAMDISK] == 2 && kinds[SU_BCD_D_FILE] == 2 &&
       kinds[SU_BCD_D_BOOT] == 1);
}

int main(void)
{
    setup();
    test_real();
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        check(&rows[i]);
    test_inside_virtual_disk();
    test_other();
    test_lies();
    test_cuts();
    test_depth();
    test_long_path();
    test_store();
    return tap_done();
}
