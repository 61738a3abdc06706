/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "firmware_keys.h"
#include "efivars.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { MAX_VARS = 4 << 20 };

void su_firmware_keys_done(struct su_firmware_keys *k)
{
    su_buf_done(&k->store);
}

static int read_vars(const char *path, struct su_buf *out, bool *found, struct su_err *e)
{
    struct stat st;
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    *found = false;
    if (fd < 0)
        return errno == ENOENT ? 0 : su_fail_os(e, "boot.firmware.vars", "reading %s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_VARS)
        return su_fail(e, SU_E_FORMAT, "boot.firmware.vars", "%s is not a variable store", path);
    su_buf_zero(out, (size_t)st.st_size);
    if (su_buf_ok(out, e) < 0)
        return -1;
    if (pread(fd, out->p, out->n, 0) != (ssize_t)out->n)
        return su_fail_os(e, "boot.firmware.vars", "reading %s", path);
    *found = true;
    return 0;
}

static int find_list(struct su_bytes file, const char *name, struct su_bytes *out, struct su_err *e)
{
    struct su_efivar var;
    struct su_err why = {0};
    *out = (struct su_bytes){0};
    if (su_efivars_find(file, name, su_efi_security_guid, &var, &why) == 0) {
        *out = var.data;
        return 0;
    }
    if (why.kind == SU_E_MISSING)
        return 0;
    *e = why;
    return -1;
}

int su_firmware_keys_read(const char *vars, struct su_firmware_keys *out, struct su_err *e)
{
    SU_FIRMWARE_KEYS struct su_firmware_keys k = {0};
    if (read_vars(vars, &k.store, &k.known, e) < 0)
        return -1;
    if (k.known && (find_list(su_buf_bytes(&k.store), "db", &k.keys.db, e) < 0 ||
                    find_list(su_buf_bytes(&k.store), "dbx", &k.keys.dbx, e) < 0))
        return su_context(e, "%s", vars);
    *out = k;
    k.store = (struct su_buf){0};
    return 0;
}
