/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Builds real ESPs; fsck.fat, mdir and mtype are the judges. */
#include "base/child.h"
#include "guest/esp.h"
#include "tests/lib/files.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static uint8_t big[3 << 20];
static const char stub[] = "search.fs_uuid x root \n";

static void sizes(void)
{
    ok(su_esp_min_size(512, 0) == 33 * SU_MIB, "least size with 512: %ju", (uintmax_t)su_esp_min_size(512, 0));
    ok(su_esp_min_size(4096, 0) == 257 * SU_MIB, "with 4096: %ju", (uintmax_t)su_esp_min_size(4096, 0));
    ok(su_esp_min_size(512, 12 << 20) == 33 * SU_MIB, "a few files are in it");
    ok(su_esp_min_size(512, 80 << 20) > 81 * SU_MIB && su_esp_min_size(512, 80 << 20) < 85 * SU_MIB, "more are not");
    ok(su_esp_min_size(1024, 0) == 0 && su_esp_default_size(1024, 0) == 0, "no other sector sizes");
    ok(su_esp_min_size(512, UINT64_MAX) == UINT64_MAX, "no overflow");
    ok(su_esp_default_size(512, 12 << 20) == 100 * SU_MIB && su_esp_default_size(4096, 0) == 260 * SU_MIB, "usual");
    ok(su_esp_default_size(512, 200 << 20) == su_esp_min_size(512, 200 << 20), "or what it takes");
    char uuid[SU_ESP_UUID];
    su_esp_uuid(0x0abc01de, uuid);
    is_str(uuid, "0ABC-01DE");
}

struct copy {
    int fd;
    uint64_t at, written;
    unsigned calls;
};

/* Writes to a file that has been zero, and checks the promises. */
static int to_file(void *arg, uint64_t off, struct su_bytes d, struct su_err *e)
{
    struct copy *c = arg;
    c->calls++;
    if (off < c->at || off % 4096 || d.n == 0 || d.n > 1 << 20 || su_all_zero(d.p, d.n < 4096 ? d.n : 4096))
        return su_fail(e, SU_E_FORMAT, "test.extent", "at %ju", (uintmax_t)off);
    c->at = off + d.n;
    c->written += d.n;
    return pwrite(c->fd, d.p, d.n, (off_t)off) == (ssize_t)d.n ? 0 : su_fail_os(e, "test.write", "copy");
}

static int give_up(void *arg, uint64_t off, struct su_bytes d, struct su_err *e)
{
    ++*(unsigned *)arg;
    return su_fail(e, SU_E_IO, "test.io", "at %ju of %zu", (uintmax_t)off, d.n);
}

static void copy_out(int fd, const char *name, uint64_t size, uint64_t content)
{
    struct su_err e = {0};
    SU_CLOSE int to = open(sh_path("%s", name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct copy c = {.fd = to};
    ok(to >= 0 && ftruncate(to, (off_t)size) == 0 && su_esp_extents(fd, to_file, &c, &e) == 0, "copied %s", e.msg);
    ok(c.written < content + (1 << 20), "%ju bytes in %u runs for %ju of files", (uintmax_t)c.written, c.calls,
       (uintmax_t)content);
    unsigned calls = 0;
    ok(su_esp_extents(fd, give_up, &calls, &e) < 0 && calls == 1 && strcmp(e.id, "test.io") == 0, "a failure ends it");
}

static struct su_esp_spec spec(const struct su_esp_file *f, size_t n, uint32_t sector, uint64_t size)
{
    return (struct su_esp_spec){.size = size,
                                .sector_size = sector,
                                .volume_id = 0xabcd1234,
                                .hidden_sectors = 2048,
                                .label = "EFI",
                                .file = f,
                                .n_files = n};
}

static void good(uint32_t sector, uint64_t size)
{
    struct su_err e = {0};
    SU_FREE char *host = strdup(sh_path("host file"));
    sh("head -c 70000 /dev/zero | tr '\\0' x > 'host file'");
    const struct su_esp_file f[] = {
        {"EFI/BOOT/BOOTX64.EFI", NULL, {big, sizeof big}},
        {"EFI/BOOT/grubx64.efi", host, {0}},
        {"EFI/debian/shimx64.efi", NULL, {big, sizeof big}},
        {"EFI/debian/grub.cfg", NULL, {(const uint8_t *)stub, sizeof stub - 1}},
        {"startup.nsh", NULL, {NULL, 0}},
    };
    struct su_esp_spec s = spec(f, SU_ARRAY_LEN(f), sector, size);
    int fd = -1, again = -1;
    struct stat st;
    ok(su_esp_build(&s, &fd, &e) == 0, "built with sectors of %u", sector);
    ok(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)size && st.st_nlink == 0,
       "as long as asked for, no name");
    copy_out(fd, "esp", size, 2 * sizeof big + 70000);
    ok(su_esp_build(&s, &again, &e) == 0, "again");
    copy_out(again, "esp2", size, 2 * sizeof big + 70000);
    ok(sh("cmp esp esp2") == 0, "the same bytes");
    ok(sh("cat /proc/%d/fd/%d | cmp - esp", (int)getpid(), fd) == 0, "extents are all there is");
    ok(sh("fsck.fat -n esp") == 0, "fsck.fat finds nothing");
    ok(sh("test \"$(blkid -p -o value -s TYPE -s UUID -s LABEL -s VERSION esp | sort | tr '\\n' ' ')\" = "
          "'ABCD-1234 EFI FAT32 vfat '") == 0,
       "blkid knows it");
    ok(sh("mtype -i esp ::/EFI/BOOT/grubx64.efi | cmp - 'host file'") == 0, "a host file is in it");
    ok(sh("test \"$(mtype -i esp ::/EFI/debian/grub.cfg)\" = 'search.fs_uuid x root '") == 0, "and bytes");
    ok(sh("mtype -i esp ::/EFI/BOOT/BOOTX64.EFI >a; mtype -i esp ::/EFI/debian/shimx64.efi | cmp - a && "
          "test $(stat -c %%s a) = %zu",
          sizeof big) == 0,
       "and the same bytes twice");
    ok(sh("mdir -i esp ::/ | grep -q 'startup  *nsh  *0 2024-01-01'") == 0, "and an empty file, with its date");
    ok(sh("test \"$(od -An -tu4 -j28 -N4 esp | tr -d ' ')\" = 2048") == 0, "hidden sectors");
    close(fd);
    close(again);
}

/* As many files as may be, in directories as Windows has them. */
static void many(void)
{
    static char path[SU_ESP_MAX_FILES + 1][SU_ESP_MAX_PATH];
    static struct su_esp_file f[SU_ESP_MAX_FILES + 1];
    struct su_err e = {0};
    int fd = -1;
    for (size_t i = 0; i <= SU_ESP_MAX_FILES; i++) {
        snprintf(path[i], sizeof path[i], "EFI/Microsoft/Boot/x%zu-XX/file-%zu_of.efi.mui", i % 40, i);
        f[i] = (struct su_esp_file){path[i], NULL, {big + i, 3000 + i}};
    }
    struct su_esp_spec s = spec(f, SU_ESP_MAX_FILES + 1, 512, 100 * SU_MIB);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.spec") == 0, "one file too many");
    s.n_files--;
    ok(su_esp_build(&s, &fd, &e) == 0, "%d files %s", SU_ESP_MAX_FILES, e.msg);
    copy_out(fd, "esp", 100 * SU_MIB, SU_ESP_MAX_FILES * UINT64_C(4608) + (1 << 20));
    ok(sh("fsck.fat -n esp | grep -q ' %d files'", SU_ESP_MAX_FILES + 43 + 1) == 0,
       "all are there, in their directories");
    ok(sh("test $(mtype -i esp ::/EFI/Microsoft/Boot/x23-XX/file-1023_of.efi.mui | wc -c) = 4023") == 0,
       "the last one");
    close(fd);
}

static void refusals(void)
{
    static const struct {
        const char *name, *path, *path2;
    } rows[] = {
        {"absolute", "/EFI/x", NULL},
        {"up", "EFI/../x", NULL},
        {"empty", "", NULL},
        {"double slash", "EFI//x", NULL},
        {"slash at the end", "EFI/", NULL},
        {"hidden", "EFI/.x", NULL},
        {"option", "-s/x", NULL},
        {"device", "EFI/aux.efi", NULL},
        {"blank", "EFI/a b", NULL},
        {"colon", "::x", NULL},
        {"glob", "EFI/*", NULL},
        {"dot at the end", "EFI/a.", NULL},
        {"deep", "1/2/3/4/5/6/7/8/9", NULL},
        {"twice", "EFI/x", "EFI/x"},
        {"twice but for case", "EFI/x", "efi/X"},
        {"file and directory", "EFI/x", "EFI/x/y"},
        {"file and directory but for case", "EFI/x/y", "EFI/X"},
        {"a directory by two spellings", "EFI/Fonts/x", "EFI/fonts/y"},
    };
    struct su_err e = {0};
    int fd = 77;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        const struct su_esp_file f[] = {{rows[i].path, NULL, {0}}, {rows[i].path2, NULL, {0}}};
        struct su_esp_spec s = spec(f, rows[i].path2 ? 2 : 1, 512, 34 * SU_MIB);
        ok(su_esp_build(&s, &fd, &e) < 0 && fd == 77, "%s", rows[i].name);
        is_str(e.id, "guest.esp.spec");
    }
    struct su_esp_spec s = spec(NULL, 0, 512, 32 * SU_MIB);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.spec") == 0, "too small for FAT32");
    s = spec(NULL, 0, 520, 34 * SU_MIB);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.spec") == 0, "sectors of 520 bytes");
    s = spec(NULL, 0, 512, 34 * SU_MIB + 1);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.spec") == 0, "half a sector");
    s = spec(NULL, 0, 512, 34 * SU_MIB);
    s.label = "lower case";
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.spec") == 0, "a label");
    const struct su_esp_file missing = {"EFI/x", "/nonexistent/shim", {0}}, dir = {"EFI/x", "/", {0}};
    s = spec(&missing, 1, 512, 34 * SU_MIB);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.file") == 0, "a missing host file: %s", e.msg);
    s = spec(&dir, 1, 512, 34 * SU_MIB);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.file") == 0, "a directory: %s", e.msg);
    static uint8_t huge[36 << 20];
    const struct su_esp_file large = {"EFI/x", NULL, {huge, sizeof huge}};
    s = spec(&large, 1, 512, 34 * SU_MIB);
    ok(su_esp_build(&s, &fd, &e) < 0 && strcmp(e.id, "guest.esp.size") == 0 && fd == 77, "too much: %s", e.msg);
}

/* Signed boot files of a real guest, when they have been fetched; the time is told, not judged. */
static void real_files(void)
{
    static const char *const names[][2] = {{"BOOT/BOOTX64.EFI", "shimx64.efi"},
                                           {"BOOT/grubx64.efi", "grubx64.efi"},
                                           {"debian/shimx64.efi", "shimx64.efi"},
                                           {"debian/grubx64.efi", "grubx64.efi"},
                                           {"debian/mmx64.efi", "mmx64.efi"}};
    char path[5][64], host[5][512];
    struct su_esp_file f[5] = {0};
    struct su_err e = {0};
    struct timespec a, b;
    for (size_t i = 0; i < 5; i++) {
        snprintf(path[i], sizeof path[i], "EFI/%s", names[i][0]);
        snprintf(host[i], sizeof host[i], "%s/efi/%s", files_cache(), names[i][1]);
        f[i] = (struct su_esp_file){path[i], host[i], {0}};
        if (access(host[i], R_OK) < 0) {
            ok(1, "real boot files # SKIP not fetched");
            return;
        }
    }
    struct su_esp_spec s = spec(f, 5, 512, 100 * SU_MIB);
    SU_CLOSE int fd = -1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    int r = su_esp_build(&s, &fd, &e);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ok(r == 0, "real boot files in %.1f ms",
       (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
}

int main(void)
{
    char path[256];
    struct su_err e = {0};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 31 + i / 4096 + 1);
    sizes();
    if (su_child_find("mkfs.fat", path, sizeof path, &e) < 0 || su_child_find("mcopy", path, sizeof path, &e) < 0) {
        ok(1, "file systems # SKIP dosfstools or mtools is not installed");
        return tap_done();
    }
    good(512, 33 * SU_MIB);
    good(4096, 257 * SU_MIB);
    many();
    refusals();
    real_files();
    return tap_done();
}
