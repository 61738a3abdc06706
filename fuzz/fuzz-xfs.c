/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any volume (a sparse image, tests/lib/memblk.h) as xfs: what guest/fs.h promises holds, with a bounded
 * number of reads. */
#include "fs_check.h"
#include "guest/fs_xfs_log.h"
#include "tests/lib/memblk.h"

enum { MAX_READS = 20000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs = NULL;
    struct su_err e = {0};
    if (su_memblk_sparse((struct su_bytes){data, n}, &d, &e) < 0)
        return 0;
    if (fs_check_failed(su_fs_open_xfs(d, &fs, &e), &e) < 0) {
        MUST(fs == NULL);
        return 0;
    }
    fs_check_all(fs);
    bool clean;
    (void)fs_check_failed(su_fs_xfs_clean(d, &clean, &e), &e);
    MUST(su_memblk_count(d).reads < MAX_READS);
    su_fs_close(fs);
    return 0;
}
