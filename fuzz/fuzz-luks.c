/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LUKS headers from hostile bytes.  The input is LUKS2 metadata (JSON), put into a header with a right
 * checksum, or, when it begins with "SPRS", a whole sparse image.  Whatever it says, opening ends with
 * a disk inside the volume or with an error that has a name, and writes nothing.
 * FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION lowers the allowed cost of key derivation. */
#include "guest/luks.h"
#include "tests/lib/memblk.h"
#include <openssl/evp.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                                       \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

enum { HEADER = 16384, BINARY = 4096 };

/* LUKS2 On-Disk Format Specification, 2.1: the binary header. */
static struct su_blk *with_metadata(const uint8_t *data, size_t n)
{
    struct su_err e;
    struct su_blk *d = NULL;
    if (n > HEADER - BINARY - 1 || su_memblk_new(20 * SU_MIB, &d, &e) < 0)
        return NULL;
    uint8_t *p = su_memblk_data(d), sum[32];
    unsigned size = sizeof sum;
    memcpy(p, "LUKS\xba\xbe\0\2", 8);
    p[14] = HEADER >> 8; /* header size, big-endian */
    p[23] = 1;           /* sequence number */
    memcpy(p + 72, "sha256", 6);
    memcpy(p + 168, "01234567-89ab-cdef-0123-456789abcdef", 36);
    memcpy(p + BINARY, data, n);
    CHECK(EVP_Digest(p, HEADER, sum, &size, EVP_sha256(), NULL) == 1);
    memcpy(p + 448, sum, sizeof sum);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t secret[] = "surety";
    const struct su_secret key = {secret, sizeof secret - 1};
    struct su_err e = {0};
    SU_BLK struct su_blk *vol = NULL, *d = NULL;
    if (n > 4 && memcmp(data, "SPRS", 4) == 0) {
        if (su_memblk_sparse((struct su_bytes){data, n}, &vol, &e) < 0)
            return 0;
    } else {
        vol = with_metadata(data, n);
    }
    if (!vol)
        return 0;
    if (su_blk_luks_open(vol, &key, false, &d, &e) < 0) {
        CHECK(e.kind != SU_OK && e.id && !d);
        return 0;
    }
    uint8_t sector[512];
    CHECK(d->size > 0 && d->size < vol->size && su_memblk_count(vol).writes == 0);
    CHECK(su_blk_read(d, 0, sector, sizeof sector, &e) == 0);
    CHECK(su_blk_read(d, d->size - sizeof sector, sector, sizeof sector, &e) == 0);
    return 0;
}
