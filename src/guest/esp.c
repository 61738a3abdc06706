/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "esp.h"
#include "base/child.h"
#include "base/tmpdir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    MIN_CLUSTERS = 65525 + 16, /* some firmware is off by a few, says the specification */
    RESERVED_SECTORS = 32,
    PAGE = 4096,
    CHUNK = 1 << 20,
    MAX_TOP = 16,    /* entries of the root directory */
    SLACK = 1 << 20, /* directories, and what the last cluster of a file wastes */
};

/* Mtools reads /etc/mtools.conf and ~/.mtoolsrc as well; this comes after them, and HOME is ours. */
static const char mtoolsrc[] = "mtools_skip_check=1\n"
                               "mtools_fat_compatibility=0\n"
                               "mtools_lower_case=0\n"
                               "mtools_no_vfat=0\n"
                               "mtools_dotted_dir=0\n"
                               "mtools_name_numeric_tail=1\n";

/* The date of every file: 2024-01-01 UTC.  What matters is that it is always the same. */
#define DATE "1704067200"

void su_esp_uuid(uint32_t volume_id, char out[SU_ESP_UUID])
{
    snprintf(out, SU_ESP_UUID, "%04X-%04X", volume_id >> 16, volume_id & 0xffff);
}

uint64_t su_esp_min_size(uint32_t sector_size, uint64_t content)
{
    if (sector_size != 512 && sector_size != 4096)
        return 0;
    if (content > SU_ESP_MAX_SIZE)
        return UINT64_MAX;
    uint64_t clusters = (content + SLACK) / sector_size + 1;
    if (clusters < MIN_CLUSTERS)
        clusters = MIN_CLUSTERS;
    uint64_t fat = su_round_up((clusters + 2) * 4, sector_size);
    return su_round_up(RESERVED_SECTORS * (uint64_t)sector_size + 2 * fat + clusters * sector_size, SU_MIB);
}

uint64_t su_esp_default_size(uint32_t sector_size, uint64_t content)
{
    uint64_t usual = sector_size == 4096 ? 260 * SU_MIB : 100 * SU_MIB;
    uint64_t least = su_esp_min_size(sector_size, content);
    return least == 0 || least > usual ? least : usual;
}

static bool made_of(const char *s, size_t n, const char *special, bool lower)
{
    for (size_t i = 0; i < n; i++) {
        bool plain =
            (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9') || (lower && s[i] >= 'a' && s[i] <= 'z');
        if (!plain && (!s[i] || !strchr(special, s[i])))
            return false;
    }
    return n > 0;
}

/* Names of devices in DOS, with any ending: mtools takes no such file, and Windows could not remove it. */
static bool is_device(const char *s, size_t n)
{
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "COM", "LPT"};
    size_t stem = 0;
    while (stem < n && s[stem] != '.')
        stem++;
    for (size_t i = 0; i < SU_ARRAY_LEN(devices); i++)
        if (strncasecmp(s, devices[i], 3) == 0 && (i < 4 ? stem == 3 : stem == 4 && s[3] >= '0' && s[3] <= '9'))
            return true;
    return false;
}

bool su_esp_is_name(const char *s, size_t n)
{
    return made_of(s, n, "._-", true) && s[0] != '.' && s[0] != '-' && s[n - 1] != '.' && !is_device(s, n);
}

static bool is_path(const char *path)
{
    if (strlen(path) >= SU_ESP_MAX_PATH)
        return false;
    for (int depth = 0; depth < SU_ESP_MAX_DEPTH; depth++) {
        size_t n = strcspn(path, "/");
        if (!su_esp_is_name(path, n))
            return false;
        if (!path[n])
            return true;
        path += n + 1;
    }
    return false;
}

/* FAT knows no case, no name that is both a file and a directory, and no directory by two spellings. */
static bool clash(const char *a, const char *b)
{
    for (;;) {
        size_t n = strcspn(a, "/");
        if (n != strcspn(b, "/") || strncasecmp(a, b, n) != 0)
            return false;
        if (!a[n] || !b[n] || memcmp(a, b, n) != 0)
            return true;
        a += n + 1;
        b += n + 1;
    }
}

static int check_spec(const struct su_esp_spec *s, struct su_err *e)
{
    uint64_t least = su_esp_min_size(s->sector_size, 0);
    if (least == 0 || s->size % s->sector_size != 0 || s->size < least || s->size > SU_ESP_MAX_SIZE)
        return su_fail(e, SU_E_USAGE, "guest.esp.spec", "an ESP of %ju bytes in sectors of %u cannot be made",
                       (uintmax_t)s->size, s->sector_size);
    if (strlen(s->label) > 11 || !made_of(s->label, strlen(s->label), " _-", false) || s->n_files > SU_ESP_MAX_FILES)
        return su_fail(e, SU_E_USAGE, "guest.esp.spec", "the ESP's label or number of files cannot be");
    for (size_t i = 0; i < s->n_files; i++) {
        bool good = is_path(s->file[i].path);
        for (size_t k = 0; k < i && good; k++)
            good = !clash(s->file[i].path, s->file[k].path);
        if (!good)
            return su_fail(e, SU_E_USAGE, "guest.esp.spec", "%.64s cannot be a file of the ESP", s->file[i].path);
    }
    return 0;
}

/* The absolute path of a host file, and its size. */
static int look_at(const char *host_file, char path[PATH_MAX], uint64_t *size, struct su_err *e)
{
    struct stat s;
    if (!realpath(host_file, path) || stat(path, &s) < 0 || access(path, R_OK) < 0)
        return su_fail_os(e, "guest.esp.file", "%s", host_file);
    if (!S_ISREG(s.st_mode))
        return su_fail(e, SU_E_FORMAT, "guest.esp.file", "%s is no regular file", host_file);
    *size = (uint64_t)s.st_size;
    return 0;
}

/* The directories of tree/path. */
static int make_directories(const struct su_tmpdir *t, const char *path, struct su_err *e)
{
    char dir[SU_ESP_MAX_PATH + 8];
    struct stat s;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(dir, sizeof dir, "tree/%.*s", (int)(slash - path), path);
        if (fstatat(t->fd, dir, &s, AT_SYMLINK_NOFOLLOW) < 0 && su_tmpdir_mkdir(t, dir, 0, e) < 0)
            return -1;
    }
    return 0;
}

/* One file into the tree.  Host files are linked to, mcopy follows that; bytes are written, once. */
static int stage(const struct su_tmpdir *t, const struct su_esp_spec *spec, size_t i, uint64_t *content,
                 struct su_err *e)
{
    const struct su_esp_file *f = &spec->file[i];
    char name[SU_ESP_MAX_PATH + 8], target[PATH_MAX];
    uint64_t size = f->bytes.n;
    size_t same = i;
    snprintf(name, sizeof name, "tree/%s", f->path);
    if (make_directories(t, f->path, e) < 0)
        return -1;
    for (size_t k = 0; k < i && !f->host_file; k++)
        if (!spec->file[k].host_file && spec->file[k].bytes.p == f->bytes.p && spec->file[k].bytes.n == f->bytes.n)
            same = k;
    if (f->host_file && look_at(f->host_file, target, &size, e) < 0)
        return -1;
    if (same != i)
        snprintf(target, sizeof target, "%s/tree/%s", t->path, spec->file[same].path);
    *content = size > SU_ESP_MAX_SIZE - *content ? SU_ESP_MAX_SIZE : *content + size;
    if (!f->host_file && same == i)
        return su_tmpdir_put(t, name, 0, f->bytes, e);
    if (symlinkat(target, t->fd, name) < 0)
        return su_fail_os(e, "host.tmpdir", "%s/%s", t->path, name);
    return 0;
}

static int stage_all(const struct su_tmpdir *t, const struct su_esp_spec *spec, struct su_err *e)
{
    uint64_t content = 0;
    if (su_tmpdir_mkdir(t, "tree", 0, e) < 0 ||
        su_tmpdir_put(t, "mtoolsrc", 0, (struct su_bytes){(const uint8_t *)mtoolsrc, sizeof mtoolsrc - 1}, e) < 0)
        return -1;
    for (size_t i = 0; i < spec->n_files; i++)
        if (stage(t, spec, i, &content, e) < 0)
            return -1;
    if (su_esp_min_size(spec->sector_size, content) > spec->size)
        return su_fail(e, SU_E_RANGE, "guest.esp.size", "%ju bytes of files do not fit into an ESP of %ju bytes",
                       (uintmax_t)content, (uintmax_t)spec->size);
    return 0;
}

static int make_file_system(const struct su_tmpdir *t, const struct su_esp_spec *spec, struct su_err *e)
{
    char sector[16], id[16], hidden[16];
    snprintf(sector, sizeof sector, "%u", spec->sector_size);
    snprintf(id, sizeof id, "%08x", spec->volume_id);
    snprintf(hidden, sizeof hidden, "%u", spec->hidden_sectors);
    /* --invariant sets a volume id, so -i comes after it */
    const char *argv[] = {"mkfs.fat", "--invariant", "-F",   "32", "-s",        "1",   "-S", sector, "-i",
                          id,         "-h",          hidden, "-n", spec->label, "esp", NULL};
    struct su_child c = {.argv = argv, .cwd = t->path, .own_group = true};
    return su_child_run(&c, NULL, e);
}

/* Everything below tree/, in one run.  Its entries are the arguments, in the order of the specification. */
static int copy_files(const struct su_tmpdir *t, const struct su_esp_spec *spec, struct su_err *e)
{
    SU_FREE char(*top)[SU_ESP_MAX_PATH] = calloc(SU_ESP_MAX_FILES, sizeof *top);
    char home[sizeof t->path + 8], rc[sizeof t->path + 32], cwd[sizeof t->path + 8];
    const char *argv[MAX_TOP + 8] = {"mcopy", "-s", "-Q", "-i", "../esp"};
    size_t n = 5, n_top = 0;
    if (!top)
        return su_fail_nomem(e, SU_ESP_MAX_FILES * sizeof *top);
    for (size_t i = 0; i < spec->n_files; i++) {
        bool there = false;
        snprintf(top[n_top], SU_ESP_MAX_PATH, "%.*s", (int)strcspn(spec->file[i].path, "/"), spec->file[i].path);
        for (size_t k = 0; k < n_top && !there; k++)
            there = strcmp(top[k], top[n_top]) == 0;
        if (!there && n_top == MAX_TOP)
            return su_fail(e, SU_E_USAGE, "guest.esp.spec", "more than %d entries in the ESP's root", MAX_TOP);
        if (!there)
            argv[n++] = top[n_top++];
    }
    if (n_top == 0)
        return 0;
    argv[n] = "::/";
    snprintf(home, sizeof home, "HOME=%s", t->path);
    snprintf(rc, sizeof rc, "MTOOLSRC=%s/mtoolsrc", t->path);
    snprintf(cwd, sizeof cwd, "%s/tree", t->path);
    const char *env[] = {home, rc, "SOURCE_DATE_EPOCH=" DATE, "TZ=UTC0", "MTOOLS_SKIP_CHECK=1", NULL};
    struct su_child c = {.argv = argv, .env = env, .cwd = cwd, .own_group = true};
    return su_child_run(&c, NULL, e);
}

/* The files, once in the tree and once in the image, and its tables. */
static uint64_t room_wanted(const struct su_esp_spec *spec)
{
    uint64_t n = 64 * SU_MIB;
    for (size_t i = 0; i < spec->n_files && n < 2 * SU_ESP_MAX_SIZE; i++)
        n += 2 * (uint64_t)spec->file[i].bytes.n;
    return n;
}

int su_esp_build(const struct su_esp_spec *spec, int *fd_out, struct su_err *e)
{
    SU_TMPDIR struct su_tmpdir t = SU_TMPDIR_NONE;
    if (check_spec(spec, e) < 0 || su_tmpdir_make(&t, room_wanted(spec), e) < 0)
        return su_context(e, "making an ESP");
    SU_CLOSE int fd = openat(t.fd, "esp", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)spec->size) < 0)
        return su_fail_os(e, "host.tmpdir", "%s/esp", t.path);
    if (stage_all(&t, spec, e) < 0 || make_file_system(&t, spec, e) < 0 || copy_files(&t, spec, e) < 0)
        return su_context(e, "making an ESP");
    *fd_out = fd;
    fd = -1;
    return 0;
}

/* The runs of one chunk; at is its offset in the file. */
static int chunk_extents(uint64_t at, struct su_bytes b, su_esp_extent_fn *fn, void *arg, struct su_err *e)
{
    size_t from = 0;
    while (from < b.n) {
        size_t to = from, n = b.n - from < PAGE ? b.n - from : PAGE;
        if (su_all_zero(b.p + from, n)) {
            from += n;
            continue;
        }
        do {
            to += n;
            n = b.n - to < PAGE ? b.n - to : PAGE;
        } while (n > 0 && !su_all_zero(b.p + to, n));
        if (fn(arg, at + from, (struct su_bytes){b.p + from, to - from}, e) < 0)
            return -1;
        from = to;
    }
    return 0;
}

static int read_fully(int fd, uint8_t *p, size_t n, off_t at, struct su_err *e)
{
    while (n > 0) {
        ssize_t got = pread(fd, p, n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* the file has become shorter */
        if (got <= 0)
            return su_fail_os(e, "guest.esp.read", "reading the new ESP");
        p += got;
        n -= (size_t)got;
        at += got;
    }
    return 0;
}

int su_esp_extents(int fd, su_esp_extent_fn *fn, void *arg, struct su_err *e)
{
    struct stat s;
    if (fstat(fd, &s) < 0)
        return su_fail_os(e, "guest.esp.read", "the new ESP");
    SU_FREE uint8_t *buf = malloc(CHUNK);
    if (!buf)
        return su_fail_nomem(e, CHUNK);
    off_t at = 0, end = 0;
    while (at < s.st_size) {
        if (at >= end) { /* on to the next data; ENXIO: there is none */
            at = lseek(fd, at, SEEK_DATA);
            end = at < 0 ? -1 : lseek(fd, at, SEEK_HOLE);
            if (end < 0 && errno == ENXIO)
                return 0;
            if (end < 0)
                return su_fail_os(e, "guest.esp.read", "the new ESP");
            at -= at % PAGE; /* pages of ours, whatever the file system's are: no overlap, no gap */
            end = (off_t)su_round_up((uint64_t)end, PAGE);
            end = end < s.st_size ? end : s.st_size;
        }
        size_t n = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        if (read_fully(fd, buf, n, at, e) < 0 || chunk_extents((uint64_t)at, (struct su_bytes){buf, n}, fn, arg, e) < 0)
            return -1;
        at += (off_t)n;
    }
    return 0;
}
