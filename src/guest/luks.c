/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a LUKS volume: what it demands is judged before anything expensive or secret happens. */
#include "luks_int.h"
#include "blkcopy.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <string.h>

enum { MAX_HEADER = 64 << 20, MAX_JSON = 4 << 20, MIN_HEADER = 4096 };

static int bad_header(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "volume.luks.header", "the LUKS header is damaged: %s", what);
}

static int unsupported(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_REFUSED, "volume.luks.unsupported", "this LUKS volume is not supported: %s", what);
}

/* Copying the header ------------------------------------------------------------*/

/* All in front of the data, which is 2 MiB as a rule. */
static int copy_luks1(struct su_blk *vol, int fd, const uint8_t *head, struct su_err *e)
{
    uint64_t data = (uint64_t)su_be32(head + 104) * SU_SECTOR;
    if (data < MIN_HEADER || data > MAX_HEADER || data >= vol->size)
        return bad_header(e, "the data begins at an odd place");
    return su_blkcopy(fd, vol, 0, data, e);
}

/* Both copies of the metadata; the key slots follow when the metadata was understood. */
static int copy_luks2(struct su_blk *vol, int fd, const uint8_t *head, struct su_err *e)
{
    uint64_t size = su_be64(head + 8);
    if (size < MIN_HEADER || size > MAX_JSON || size > vol->size / 2)
        return bad_header(e, "the metadata has an odd size");
    return su_blkcopy(fd, vol, 0, 2 * size, e);
}

static int copy_header(struct su_blk *vol, int fd, unsigned *version, struct su_err *e)
{
    uint8_t head[SU_SECTOR];
    if (vol->size < MIN_HEADER)
        return bad_header(e, "the volume is too small");
    if (su_blk_read(vol, 0, head, sizeof head, e) < 0)
        return -1;
    if (memcmp(head, "LUKS\xba\xbe", 6) != 0)
        return bad_header(e, "no LUKS signature");
    *version = su_be16(head + 6);
    if (*version == 1)
        return copy_luks1(vol, fd, head, e);
    if (*version == 2)
        return copy_luks2(vol, fd, head, e);
    return unsupported(e, "it is neither LUKS1 nor LUKS2");
}

/* LUKS2 metadata ----------------------------------------------------------------*/

/* The numbers of LUKS2 are decimal strings; false: none, or more than 63 bits. */
static bool number(json_t *o, const char *key, uint64_t *out)
{
    const char *s = json_string_value(json_object_get(o, key));
    uint64_t v = 0;
    if (!s || !*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > (UINT64_C(1) << 62) / 10)
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *out = v;
    return true;
}

static bool is_text(json_t *o, const char *key, const char *want)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && strcmp(s, want) == 0;
}

static int read_segment(json_t *s, struct su_luks_layout *l, struct su_err *e)
{
    json_int_t sector = json_integer_value(json_object_get(s, "sector_size"));
    l->dynamic = is_text(s, "size", "dynamic");
    if (!number(s, "offset", &l->data) || !number(s, "iv_tweak", &l->iv))
        return bad_header(e, "a data segment without a place");
    if (!l->dynamic && !number(s, "size", &l->size))
        return bad_header(e, "a data segment without a size");
    if (sector != 512 && sector != 1024 && sector != 2048 && sector != 4096)
        return bad_header(e, "sectors of an odd size");
    l->sector = (uint32_t)sector;
    return 0;
}

static int check_segment(json_t *root, struct su_luks_layout *l, struct su_err *e)
{
    json_t *segments = json_object_get(root, "segments");
    json_t *s = json_object_iter_value(json_object_iter(segments));
    if (json_object_size(segments) != 1)
        return unsupported(e, "its data lies in several segments, as while it is being reencrypted");
    if (!is_text(s, "type", "crypt"))
        return unsupported(e, "its data segment is of another type than \"crypt\"");
    if (json_object_get(s, "integrity"))
        return unsupported(e, "it has integrity protection");
    if (json_array_size(json_object_get(s, "flags")) > 0)
        return unsupported(e, "its data segment has special flags");
    if (!is_text(s, "encryption", "aes-xts-plain64"))
        return unsupported(e, "its cipher is not aes-xts-plain64");
    return read_segment(s, l, e);
}

static int check_requirements(json_t *root, struct su_err *e)
{
    json_t *must = json_object_get(json_object_get(json_object_get(root, "config"), "requirements"), "mandatory");
    if (json_array_size(must) == 0)
        return 0;
    const char *first = json_string_value(json_array_get(must, 0));
    bool reencrypt = first && strstr(first, "reencrypt");
    unsupported(e, reencrypt ? "its reencryption is not finished" : "it has requirements unknown to this program");
    return su_remedy(e, reencrypt ? "finish it with cryptsetup reencrypt --resume-only" : NULL);
}

/* Digests are PBKDF2 as well, and computed for each key that is tried. */
static uint64_t digest_iterations(json_t *root)
{
    uint64_t sum = 0;
    const char *name;
    json_t *d;
    json_object_foreach (json_object_get(root, "digests"), name, d) {
        json_int_t n = json_integer_value(json_object_get(d, "iterations"));
        sum += n > 0 && n <= UINT32_MAX ? (uint64_t)n : UINT32_MAX;
    }
    return sum;
}

static int copy_keyslots(struct su_blk *vol, int fd, json_t *root, const struct su_luks_layout *l, struct su_err *e)
{
    uint64_t off, n, all = 0;
    const char *name;
    json_t *k;
    json_object_foreach (json_object_get(root, "keyslots"), name, k) {
        json_t *area = json_object_get(k, "area");
        if (!number(area, "offset", &off) || !number(area, "size", &n) || n > MAX_HEADER || off > l->data ||
            n > l->data - off || (all += n) > MAX_HEADER)
            return bad_header(e, "a key slot lies at an odd place");
        if (su_blkcopy(fd, vol, off, n, e) < 0)
            return -1;
    }
    return 0;
}

static void free_json(json_t **j)
{
    json_decref(*j);
}

static int check_luks2(struct crypt_device *cd, struct su_blk *vol, int fd, struct su_luks_layout *l, struct su_err *e)
{
    const char *text = NULL;
    if (crypt_dump_json(cd, &text, 0) < 0 || !text)
        return bad_header(e, "no metadata");
    json_t *root SU_AUTO(free_json) = json_loads(text, 0, NULL);
    if (!root)
        return bad_header(e, "metadata that cannot be read");
    if (check_requirements(root, e) < 0 || check_segment(root, l, e) < 0)
        return -1;
    l->digests = digest_iterations(root);
    return copy_keyslots(vol, fd, root, l, e);
}

/* LUKS1 -------------------------------------------------------------------------*/

static int check_luks1(struct crypt_device *cd, struct su_luks_layout *l, int fd, struct su_err *e)
{
    const char *cipher = crypt_get_cipher(cd), *mode = crypt_get_cipher_mode(cd);
    uint8_t iterations[4];
    if (!cipher || !mode || strcmp(cipher, "aes") != 0 || strcmp(mode, "xts-plain64") != 0)
        return unsupported(e, "its cipher is not aes-xts-plain64");
    if (pread(fd, iterations, sizeof iterations, 164) != sizeof iterations)
        return bad_header(e, "it is too short");
    *l = (struct su_luks_layout){.data = crypt_get_data_offset(cd) * SU_SECTOR,
                                 .dynamic = true,
                                 .sector = SU_SECTOR,
                                 .digests = su_be32(iterations)};
    return 0;
}

/* The volume key ------------------------------------------------------------------*/

/* All key slots together, since a wrong key is tried on each. */
static int check_cost(struct crypt_device *cd, const struct su_luks_layout *l, struct su_err *e)
{
    uint64_t iterations = l->digests, kib_passes = 0;
    int slots = crypt_keyslot_max(crypt_get_type(cd));
    for (int i = 0; i < slots; i++) {
        struct crypt_pbkdf_type k = {0};
        crypt_keyslot_info s = crypt_keyslot_status(cd, i);
        if (s != CRYPT_SLOT_ACTIVE && s != CRYPT_SLOT_ACTIVE_LAST)
            continue;
        if (crypt_keyslot_get_pbkdf(cd, i, &k) < 0 || !k.type)
            return bad_header(e, "a key slot without key derivation");
        if (strcmp(k.type, CRYPT_KDF_PBKDF2) == 0) {
            iterations += k.iterations + l->digests;
            continue;
        }
        if (k.max_memory_kb > SU_LUKS_MAX_KDF_KIB || k.parallel_threads > SU_LUKS_MAX_KDF_CPUS)
            iterations = UINT64_MAX;
        else
            kib_passes += (uint64_t)k.max_memory_kb * k.iterations;
        if (iterations == UINT64_MAX)
            break;
    }
    if (iterations <= SU_LUKS_MAX_ITERATIONS && kib_passes <= SU_LUKS_MAX_KDF_WORK &&
        iterations * 1000 / SU_LUKS_MAX_ITERATIONS + kib_passes * 1000 / SU_LUKS_MAX_KDF_WORK <= 1000)
        return 0;
    return su_fail(e, SU_E_REFUSED, "volume.luks.cost",
                   "opening this LUKS volume would take more memory or time than any sensible one");
}

static int get_key(struct crypt_device *cd, const struct su_secret *key, struct su_secret *out, struct su_err *e)
{
    int size = crypt_get_volume_key_size(cd);
    if (size != 32 && size != 64)
        return unsupported(e, "its volume key has neither 256 nor 512 bits");
    SU_SECRET struct su_secret vk = {0};
    if (su_secret_new((size_t)size, &vk, e) < 0)
        return -1;
    size_t n = vk.n;
    int slot = crypt_volume_key_get(cd, CRYPT_ANY_SLOT, (char *)vk.p, &n, (const char *)key->p, key->n);
    if (slot == -ENOMEM)
        return su_fail_nomem(e, 0);
    if (slot == -EPERM || slot == -ENOENT)
        return su_fail(e, SU_E_REFUSED, "volume.luks.key", "no key slot of the LUKS volume opens with this key");
    if (slot < 0 || n != vk.n)
        return bad_header(e, "its key slots cannot be read");
    *out = vk;
    vk = (struct su_secret){0};
    return 0;
}

/* ---------------------------------------------------------------------------------*/

static void silence(int level, const char *msg, void *arg)
{
    (void)level, (void)msg, (void)arg;
}

static void free_cd(struct crypt_device **cd)
{
    crypt_free(*cd); /* NULL is fine */
}

static int load(int fd, unsigned version, struct crypt_device **cd, struct su_err *e)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    crypt_set_log_callback(NULL, silence, NULL); /* it would print */
    crypt_metadata_locking(NULL, 0);             /* the file is ours alone */
    int rc = crypt_init(cd, path);
    if (rc < 0) {
        errno = -rc;
        return su_fail_os(e, "host.cryptsetup", "starting libcryptsetup");
    }
    crypt_set_log_callback(*cd, silence, NULL);
    rc = crypt_load(*cd, version == 1 ? CRYPT_LUKS1 : CRYPT_LUKS2, NULL);
    if (rc == -ENOMEM)
        return su_fail_nomem(e, 0);
    if (rc == -ETXTBSY || rc == -ENOTSUP)
        return unsupported(e, "its requirements are unknown to libcryptsetup");
    return rc < 0 ? bad_header(e, "libcryptsetup cannot read it") : 0;
}

/* The segment, inside the volume and in whole sectors. */
static int fit(struct su_luks_layout *l, uint64_t volume, struct su_err *e)
{
    if (l->data < MIN_HEADER || l->data % SU_SECTOR || l->data >= volume)
        return bad_header(e, "the data begins at an odd place");
    if (l->dynamic)
        l->size = volume - l->data;
    if (l->size > volume - l->data || l->iv > UINT64_MAX - volume / SU_SECTOR)
        return bad_header(e, "the data does not fit the volume");
    l->size -= l->size % l->sector;
    return l->size ? 0 : bad_header(e, "no data");
}

int su_blk_luks_open(struct su_blk *vol, const struct su_secret *key, bool writable, struct su_blk **out,
                     struct su_err *e)
{
    SU_CLOSE int fd = -1;
    struct crypt_device *cd SU_AUTO(free_cd) = NULL;
    SU_SECRET struct su_secret vk = {0};
    struct su_luks_layout l = {0};
    unsigned version = 0;
    if (su_blkcopy_open("surety-luks", vol->size, &fd, e) < 0 || copy_header(vol, fd, &version, e) < 0 ||
        load(fd, version, &cd, e) < 0)
        return -1;
    if ((version == 1 ? check_luks1(cd, &l, fd, e) : check_luks2(cd, vol, fd, &l, e)) < 0)
        return -1;
    if (fit(&l, vol->size, e) < 0 || check_cost(cd, &l, e) < 0 || get_key(cd, key, &vk, e) < 0)
        return -1;
    return su_luks_blk_open(vol, &l, &vk, writable, out, e);
}
