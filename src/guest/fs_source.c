/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs_source.h"

static int read_all(void *arg, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct su_fs_source *s = arg;
    size_t got = 0;
    if (s->fs->ops->read(s->fs, s->node, off, buf, n, &got, e) < 0)
        return -1;
    return got == n ? 0 : su_fail(e, SU_E_FORMAT, "fs.file.short", "the file ends early");
}

int su_fs_source_open(struct su_fs *fs, struct su_fs_node base, const char *path, struct su_fs_source *file,
                      struct su_source *src, struct su_err *e)
{
    struct su_fs_stat st;
    struct su_fs_source s = {.fs = fs};
    if (su_fs_walk(fs, base, path, &s.node, e) < 0 || fs->ops->stat(fs, s.node, &st, e) < 0)
        return -1;
    uint8_t byte;
    size_t got;
    if (st.kind == SU_FS_OTHER && fs->ops->read(fs, s.node, 0, &byte, 1, &got, e) < 0)
        return -1; /* the driver knows best why it cannot be read */
    if (st.kind != SU_FS_FILE)
        return su_fail(e, SU_E_MISSING, "fs.missing", "it is no regular file");
    *file = s;
    *src = (struct su_source){.read = read_all, .arg = file, .size = st.size};
    return 0;
}
