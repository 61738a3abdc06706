/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real host behind the port of the legacy network: nft and ip as children, files of /proc/sys and /sys. */
#include "base/child.h"
#include "legacy_int.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int host_run(void *arg, const char *const *argv, struct su_bytes input, struct su_buf *out, struct su_err *e)
{
    (void)arg;
    struct su_child c = {.argv = argv, .input = input, .timeout_ms = 20000, .max_out = SU_LEGACY_LISTING};
    return su_child_run(&c, out, e);
}

static int host_read(void *arg, const char *path, char *out, size_t cap, struct su_err *e)
{
    (void)arg;
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENODEV))
        return su_fail(e, SU_E_MISSING, "legacy.kernel", "%s does not exist", path);
    if (fd < 0)
        return su_fail_os(e, "legacy.kernel", "%s cannot be read", path);
    ssize_t n = read(fd, out, cap - 1);
    if (n < 0)
        return su_fail_os(e, "legacy.kernel", "%s cannot be read", path);
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return 0;
}

static int host_write(void *arg, const char *path, const char *text, struct su_err *e)
{
    (void)arg;
    SU_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return su_fail_os(e, "legacy.kernel", "%s cannot be written", path);
    size_t n = strlen(text);
    return write(fd, text, n) == (ssize_t)n ? 0 : su_fail_os(e, "legacy.kernel", "%s cannot be set to %s", path, text);
}

const struct su_legacy_host su_legacy_real_host = {host_run, host_read, host_write, NULL};
