/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence that needs no guest.  NVRAM belongs to QEMU's user and the TPM's state to swtpm's: neither may lead us to
 * another file, nor make us wait or grow. */
#include "upgrade/verify_int.h"
#include "upgrade/verify_parse.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void su_verify_read_nvram(const char *path, struct su_evidence *out)
{
    struct stat st;
    SU_BUF struct su_buf b = {0};
    SU_CLOSE int fd = *path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > SU_VERIFY_NVRAM)
        return;
    size_t size = (size_t)st.st_size, n = 0;
    uint8_t *p = su_buf_room(&b, size);
    while (p && n < size) {
        ssize_t got = pread(fd, p + n, size - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return; /* it became shorter: the firmware's store never does */
        n += (size_t)got;
    }
    if (p)
        su_seen_nvram((struct su_bytes){p, n}, out);
}

/* swtpm's file backend: tpm2/tpm2-00.permall. */
bool su_verify_has_tpm_state(const char *dir)
{
    enum { FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    struct stat st;
    SU_CLOSE int top = *dir ? open(dir, FLAGS) : -1;
    SU_CLOSE int sub = top >= 0 ? openat(top, "tpm2", FLAGS) : -1;
    return sub >= 0 && fstatat(sub, "tpm2-00.permall", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_size > 0;
}

int su_verify_outside(struct su_hv *hv, const char *uuid, struct su_evidence *out, struct su_err *e)
{
    struct su_hv_vm vm;
    struct su_hv_places places;
    struct su_err why = {0};
    uint64_t rx = 0;
    SU_BUF struct su_buf xml = {0};
    if (su_hv_find(hv, uuid, &vm, e) < 0)
        return -1;
    out->running = vm.run == SU_HV_RUNNING || vm.run == SU_HV_PAUSED || vm.run == SU_HV_BUSY;
    out->simulated = su_hv_is_test(hv);
    if (su_hv_xml(hv, uuid, out->running, &xml, e) < 0 || su_domain_parse(su_buf_bytes(&xml), &out->live, e) < 0)
        return -1;
    if (!out->running || out->simulated)
        return 0;
    su_hv_places(hv, &out->live, &places);
    su_verify_read_nvram(places.nvram, out);
    out->tpm_state = su_verify_has_tpm_state(places.tpm);
    out->tx_known = su_hv_net(hv, uuid, &rx, &out->tx_bytes, &why) == 0;
    return 0;
}
