/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LUKS volumes that cryptsetup encrypted in place: the contents must be those of before, and what is
 * written here must be what cryptsetup decrypts. */
#include "guest/luks.h"
#include "tests/lib/memblk.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <openssl/evp.h>

enum { PLAIN = 2 << 20, DATA = 16 << 20 };

static struct su_err e;
static uint8_t plain[PLAIN];
static struct su_secret key, wrong;

#define PBKDF2 "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
#define ENCRYPT                                                                                                        \
    "cp plain i && truncate -s 36M i && cryptsetup reencrypt -q --encrypt --type luks2 --key-file key "                \
    "--reduce-device-size 32M "
static const struct {
    const char *name, *make;
} variants[] = {
    {"luks2", ENCRYPT PBKDF2 "i"},
    {"luks2 of 4096-byte sectors, 256 bits", ENCRYPT PBKDF2 "--sector-size 4096 -s 256 i"},
    {"luks2 with argon2id",
     ENCRYPT "--pbkdf argon2id --pbkdf-memory 64 --pbkdf-parallel 1 --pbkdf-force-iterations 4 i"},
    {"luks1", ENCRYPT PBKDF2 "i && cryptsetup convert -q --type luks1 i"},
};

static struct su_blk *make(const char *how)
{
    struct su_blk *d = NULL;
    if (sh("rm -f i; %s", how) != 0 || su_memblk_load(sh_path("i"), &d, &e) < 0)
        return NULL;
    return d;
}

static struct su_blk *open_luks(struct su_blk *vol, const struct su_secret *k, bool writable)
{
    struct su_blk *d = NULL;
    e = (struct su_err){0};
    if (su_blk_luks_open(vol, k, writable, &d, &e) < 0)
        printf("# %s: %s\n", e.id, e.msg);
    return d;
}

static void test_read(const char *name, struct su_blk *vol)
{
    SU_BLK struct su_blk *d = open_luks(vol, &key, false);
    static uint8_t got[PLAIN];
    static const struct {
        uint64_t off;
        size_t n;
    } odd[] = {{0, 1}, {511, 2}, {1, 510}, {4095, 4098}, {100000, 200001}, {PLAIN - 1, 1}, {65536, 65536}};
    if (!ok(d, "%s: opens", name))
        return;
    ok(d->size == vol->size - DATA, "%s: size", name);
    ok(su_blk_read(d, 0, got, PLAIN, &e) == 0 && memcmp(got, plain, PLAIN) == 0, "%s: the contents of before", name);
    for (size_t i = 0; i < SU_ARRAY_LEN(odd); i++)
        ok(su_blk_read(d, odd[i].off, got, odd[i].n, &e) == 0 && !memcmp(got, plain + odd[i].off, odd[i].n),
           "%s: %zu bytes at %llu", name, odd[i].n, (unsigned long long)odd[i].off);
    ok(su_blk_write(d, 0, got, 1, &e) < 0 && e.kind == SU_E_REFUSED, "%s: opened read-only", name);
    ok(su_blk_read(d, d->size - 1, got, 2, &e) < 0 && e.kind == SU_E_RANGE, "%s: no further than the end", name);
    ok(su_memblk_count(vol).writes == 0, "%s: nothing is written", name);
}

/* cryptsetup decrypts what is on vol, and encrypts it with another key: it must still be what it was. */
static void test_reencrypted(const char *name, struct su_blk *vol, const uint8_t *want)
{
    SU_FREE uint8_t *got = calloc(1, PLAIN);
    SU_BLK struct su_blk *vol2 = NULL;
    int rc = su_memblk_save(vol, sh_path("i"), &e);
    if (rc == 0)
        rc = sh("cryptsetup reencrypt -q --force-offline-reencrypt --key-file key " PBKDF2 "i");
    ok(rc == 0 && su_memblk_load(sh_path("i"), &vol2, &e) == 0, "%s: cryptsetup reencrypts", name);
    SU_BLK struct su_blk *again = vol2 ? open_luks(vol2, &key, false) : NULL;
    ok(again && su_blk_read(again, 0, got, PLAIN, &e) == 0 && memcmp(got, want, PLAIN) == 0,
       "%s: cryptsetup saw what was written", name);
}

/* Writes odd pieces, has cryptsetup decrypt them (by reencrypting with another key), reads again. */
static void test_write(const char *name, struct su_blk *vol)
{
    SU_FREE uint8_t *want = malloc(PLAIN), *got = malloc(PLAIN), *head = malloc(DATA);
    struct su_blk *d = open_luks(vol, &key, true);
    if (!ok(d && want && got && head, "%s: opens for writing", name))
        return;
    memcpy(want, plain, PLAIN);
    memcpy(head, su_memblk_data(vol), DATA);
    static const struct {
        size_t off, n;
    } odd[] = {{0, 3},        {510, 4},         {4000, 5000},   {70001, 1},
               {65536, 4096}, {300007, 150000}, {PLAIN - 5, 5}, {9000, 200}};
    bool good = true;
    for (size_t i = 0; i < SU_ARRAY_LEN(odd); i++) {
        memset(want + odd[i].off, (int)('A' + i), odd[i].n);
        good = good && su_blk_write(d, odd[i].off, want + odd[i].off, odd[i].n, &e) == 0;
    }
    ok(good && su_blk_flush(d, &e) == 0 && su_memblk_count(vol).unflushed == 0, "%s: written and flushed", name);
    ok(su_blk_read(d, 0, got, PLAIN, &e) == 0 && memcmp(got, want, PLAIN) == 0, "%s: reads back", name);
    ok(memcmp(head, su_memblk_data(vol), DATA) == 0, "%s: the header is untouched", name);
    su_blk_close(d);
    if (strcmp(name, "luks1") != 0) /* cryptsetup reencrypts LUKS1 with device mapper only */
        test_reencrypted(name, vol, want);
}

static void refuse(const char *name, struct su_blk *vol, const struct su_secret *k, const char *id)
{
    struct su_blk *d = NULL;
    e = (struct su_err){0};
    int rc = vol ? su_blk_luks_open(vol, k, true, &d, &e) : 0;
    ok(rc < 0 && !d && e.id && strcmp(e.id, id) == 0, "%s: %s", name, e.msg);
    if (rc == 0)
        su_blk_close(d);
    else if (strcmp(e.id, id) != 0)
        printf("# %s\n", e.id);
}

static void test_refused(void)
{
    static const struct {
        const char *name, *make, *id;
    } row[] = {
        {"cbc",
         "truncate -s 20M i && cryptsetup luksFormat -q --type luks2 --key-file key " PBKDF2
         "-c aes-cbc-essiv:sha256 -s 256 i",
         "volume.luks.unsupported"},
        {"serpent",
         "truncate -s 20M i && cryptsetup luksFormat -q --type luks1 --key-file key --pbkdf-force-iterations "
         "1000 i && printf serpent | dd of=i bs=1 seek=8 conv=notrunc",
         "volume.luks.unsupported"},
        {"plain iv",
         "truncate -s 20M i && cryptsetup luksFormat -q --type luks1 --key-file key --pbkdf-force-iterations "
         "1000 -c aes-xts-plain i",
         "volume.luks.unsupported"},
        {"reencryption begun", ENCRYPT PBKDF2 "i && cryptsetup reencrypt -q --init-only --key-file key " PBKDF2 "i",
         "volume.luks.unsupported"},
        {"iterations",
         "truncate -s 20M i && cryptsetup luksFormat -q --type luks1 --key-file key --pbkdf-force-iterations "
         "1000 i && printf '\\377\\377\\377\\377' | dd of=i bs=1 seek=212 conv=notrunc",
         "volume.luks.cost"},
        {"digest iterations",
         "truncate -s 20M i && cryptsetup luksFormat -q --type luks1 --key-file key "
         "--pbkdf-force-iterations 1000 i && printf '\\377\\377\\377\\377' | dd of=i bs=1 seek=164 "
         "conv=notrunc",
         "volume.luks.cost"},
        {"payload far off",
         "truncate -s 20M i && cryptsetup luksFormat -q --type luks1 --key-file key "
         "--pbkdf-force-iterations 1000 i && printf '\\377' | dd of=i bs=1 seek=104 conv=notrunc",
         "volume.luks.header"},
        {"header of an odd size", ENCRYPT PBKDF2 "i && printf '\\177' | dd of=i bs=1 seek=10 conv=notrunc",
         "volume.luks.header"},
        {"both headers damaged",
         ENCRYPT PBKDF2 "i && printf x | dd of=i bs=1 seek=5000 conv=notrunc && printf x | dd of=i "
                        "bs=1 seek=21500 conv=notrunc",
         "volume.luks.header"},
        {"version 3", ENCRYPT PBKDF2 "i && printf '\\003' | dd of=i bs=1 seek=7 conv=notrunc",
         "volume.luks.unsupported"},
        {"no LUKS", "truncate -s 20M i", "volume.luks.header"},
        {"tiny", "head -c 1000 plain >i", "volume.luks.header"},
        {"cut", ENCRYPT PBKDF2 "i && truncate -s 16M i", "volume.luks.header"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        SU_BLK struct su_blk *d = make(row[i].make);
        refuse(row[i].name, d, &key, row[i].id);
    }
}

/* LUKS2 metadata with one change, and a checksum that is right again; the second copy is wiped. */
static bool patch(struct su_blk *vol, const char *from, const char *to)
{
    enum { BINARY = 4096, SUM = 448 };
    uint8_t *p = su_memblk_data(vol), sum[32];
    size_t size = (size_t)su_be64(p + 8);
    char *json = (char *)p + BINARY, *at = strstr(json, from);
    SU_FREE char *rest = at ? strdup(at + strlen(from)) : NULL;
    if (!rest)
        return false;
    memcpy(at, to, strlen(to));
    memcpy(at + strlen(to), rest, strlen(rest) + 1);
    memset(p + SUM, 0, 64);
    unsigned n = sizeof sum;
    if (EVP_Digest(p, size, sum, &n, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(p + SUM, sum, sizeof sum);
    memset(p + size, 0, size);
    return true;
}

static void test_metadata(void)
{
    static const struct {
        const char *name, *from, *to, *id; /* id NULL: opens */
    } row[] = {
        {"unchanged", "\"crypt\"", "\"crypt\"", NULL},
        {"fixed size", "\"size\":\"dynamic\"", "\"size\":\"1048576\"", NULL},
        {"too large", "\"size\":\"dynamic\"", "\"size\":\"1048576000\"", "volume.luks.header"},
        {"huge", "\"size\":\"dynamic\"", "\"size\":\"18446744073709551616\"", "volume.luks.header"},
        {"type", "\"type\":\"crypt\"", "\"type\":\"linear\"", "volume.luks.unsupported"},
        {"cipher", "\"encryption\":\"aes-xts-plain64\",\"sector_size\"",
         "\"encryption\":\"aes-adiantum-plain64\",\"sector_size\"", "volume.luks.unsupported"},
        {"integrity", "\"encryption\":\"aes-xts-plain64\",\"sector_size\"",
         "\"integrity\":{\"type\":\"hmac(sha256)\",\"journal_encryption\":\"none\",\"journal_integrity\":\"none\"},"
         "\"encryption\":\"aes-xts-plain64\",\"sector_size\"",
         "volume.luks.unsupported"},
        {"requirement", "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"time-travel\"]},",
         "volume.luks.unsupported"},
        {"sector size", "\"sector_size\":512", "\"sector_size\":520", "volume.luks.header"},
        {"offset", "\"offset\":\"16777216\"", "\"offset\":\"99916777216\"", "volume.luks.header"},
        {"iterations", "\"iterations\":1000", "\"iterations\":4000000000", "volume.luks.cost"},
        {"memory", "\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000",
         "\"type\":\"argon2id\",\"time\":4,\"memory\":1048577,\"cpus\":1", "volume.luks.cost"},
        {"passes just beyond", "\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000",
         "\"type\":\"argon2id\",\"time\":17,\"memory\":1048576,\"cpus\":1", "volume.luks.cost"},
        {"passes", "\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000",
         "\"type\":\"argon2id\",\"time\":4000000,\"memory\":65536,\"cpus\":1", "volume.luks.cost"},
        {"lanes", "\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000",
         "\"type\":\"argon2id\",\"time\":4,\"memory\":65536,\"cpus\":10000", "volume.luks.cost"},
    };
    SU_BLK struct su_blk *first = make(ENCRYPT PBKDF2 "i");
    for (size_t i = 0; first && i < SU_ARRAY_LEN(row); i++) {
        SU_BLK struct su_blk *vol = NULL;
        if (!ok(su_memblk_load(sh_path("i"), &vol, &e) == 0 && patch(vol, row[i].from, row[i].to), "%s: changed",
                row[i].name))
            continue;
        if (row[i].id) {
            refuse(row[i].name, vol, &key, row[i].id);
            continue;
        }
        SU_BLK struct su_blk *d = open_luks(vol, &key, false);
        ok(d && (i == 0 || d->size == SU_MIB), "%s: opens", row[i].name);
    }
}

static void test_faults(void)
{
    SU_BLK struct su_blk *vol = make(ENCRYPT PBKDF2 "i");
    unsigned long k = 1, bad = 0;
    for (; vol && k < 500; k++) {
        SU_BLK struct su_blk *d = NULL;
        su_memblk_fail(vol, k);
        if (su_blk_luks_open(vol, &key, true, &d, &e) == 0)
            break;
        bad += strcmp(e.id, "test.io") != 0;
    }
    ok(vol && k > 3 && bad == 0, "%lu failing reads, each reported as such", k - 1);
}

int main(void)
{
    for (size_t i = 0; i < PLAIN; i++)
        plain[i] = (uint8_t)(i * 2654435761U >> 13);
    FILE *f = fopen(sh_path("plain"), "wb");
    if (!f || fwrite(plain, 1, PLAIN, f) != PLAIN || fclose(f) != 0 || !sh_have("cryptsetup") ||
        sh("printf 'surety\\n' >key; printf surety >wrong") != 0) {
        printf("1..0 # SKIP no cryptsetup\n");
        return 0;
    }
    ok(su_secret_from_file(sh_path("key"), &key, &e) == 0 && su_secret_from_file(sh_path("wrong"), &wrong, &e) == 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(variants); i++) {
        if (tap_skips(i, 3))
            continue;
        SU_BLK struct su_blk *d = make(variants[i].make);
        if (!ok(d, "%s: made by cryptsetup", variants[i].name))
            continue;
        test_read(variants[i].name, d);
        refuse("key without its newline", d, &wrong, "volume.luks.key");
        test_write(variants[i].name, d);
    }
    test_refused();
    test_metadata();
    test_faults();
    su_secret_done(&key);
    su_secret_done(&wrong);
    return tap_done();
}
