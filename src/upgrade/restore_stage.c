/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far a restore point is: one line in one file, replaced as a whole. */
#include "upgrade/restore_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "restore.stage"

static const char *const names[SU_STAGES] = {
    [SU_STAGE_NONE] = "none",        [SU_STAGE_BEGUN] = "begun",       [SU_STAGE_TAKEN] = "taken",
    [SU_STAGE_GOING] = "going-back", [SU_STAGE_RESTORED] = "restored", [SU_STAGE_GIVEN_UP] = "given-up",
    [SU_STAGE_KEPT] = "kept",
};

int su_stage_get(int dir, const char *name, struct su_stage_mark *out, struct su_err *e)
{
    char text[160] = "", stage[16] = "", set[80] = "";
    int fd SU_CLOSE = openat(dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    *out = (struct su_stage_mark){SU_STAGE_NONE, false};
    if (fd < 0 && errno == ENOENT)
        return 0;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0)
        return su_restore_fail_os(e, "reading", FILE_NAME);
    if (sscanf(text, "%15s %79s", stage, set) != 2)
        return su_fail(e, SU_E_FORMAT, "vm.restore.stage", "%s in the VM's directory is damaged", FILE_NAME);
    for (unsigned i = 0; i < SU_STAGES; i++)
        if (strcmp(stage, names[i]) == 0) {
            *out = (struct su_stage_mark){i, strcmp(set, name) != 0};
            return 0;
        }
    return su_fail(e, SU_E_FORMAT, "vm.restore.stage", "%s in the VM's directory is damaged", FILE_NAME);
}

int su_stage_set(int dir, const char *name, enum su_stage stage, struct su_err *e)
{
    char text[160];
    if (stage == SU_STAGE_NONE)
        return su_state_remove(dir, FILE_NAME, e);
    int n = snprintf(text, sizeof text, "%s %s\n", names[stage], name);
    return su_state_write(dir, FILE_NAME, (struct su_bytes){(const uint8_t *)text, (size_t)n}, e);
}

int su_restore_dir(const char *path, int *fd, struct su_err *e)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return su_restore_fail_os(e, "opening", path);
    *fd = dir;
    return 0;
}
