/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hives of a stopped Windows: complete ones, and what they tell. */
#include "windows_int.h"
#include <stdio.h>
#include <string.h>

/* A log beside the hive; one that is missing or cannot be read is no log. */
static int read_log(struct su_fs *fs, const char *path, const char *ending, struct su_buf *out, struct su_err *e)
{
    char log[SU_WIN_PATH];
    struct su_err why = {0};
    if (!su_win_join(path, ending, log) || su_fs_read_file(fs, fs->root, log, SU_REGF_LOG_MAX, out, &why) == 0)
        return 0;
    su_buf_done(out);
    return su_win_fact(&why, NULL, e);
}

/* Hives have .LOG1 and .LOG2 since Vista; where both are empty, as beside boot stores, it is .LOG that counts. */
static int replay(struct su_fs *fs, struct su_win_hive *what, struct su_bytes hive, struct su_buf *out,
                  struct su_err *e)
{
    SU_BUF struct su_buf log1 = {0}, log2 = {0};
    struct su_err why = {0};
    if (read_log(fs, what->path, ".LOG1", &log1, e) < 0 || read_log(fs, what->path, ".LOG2", &log2, e) < 0)
        return -1;
    if (log1.n == 0 && log2.n == 0 && read_log(fs, what->path, ".LOG", &log1, e) < 0)
        return -1;
    if (su_regf_load(hive, su_buf_bytes(&log1), su_buf_bytes(&log2), out, &what->replayed, &why) < 0)
        return su_win_fact(&why, &what->why, e);
    what->loaded = true;
    return 0;
}

int su_win_hive_read(struct su_fs *fs, const char *path, size_t max, struct su_win_hive *what, struct su_buf *out,
                     struct su_err *e)
{
    SU_BUF struct su_buf hive = {0};
    struct su_err why = {0};
    *what = (struct su_win_hive){0};
    if (!su_win_join("", path, what->path))
        return su_fail(&what->why, SU_E_RANGE, "fs.path.length", "the path of a hive is too long"), 0;
    if (su_fs_read_file(fs, fs->root, path, max, &hive, &why) < 0) {
        what->there = why.kind != SU_E_MISSING;
        return su_win_fact(&why, &what->why, e);
    }
    what->there = true;
    switch (su_regf_state(su_buf_bytes(&hive), &why)) {
    case SU_REGF_CLEAN: /* as most are: no second copy of what may be hundreds of MiB */
        su_buf_done(out);
        *out = hive;
        hive = (struct su_buf){0};
        what->loaded = true;
        return 0;
    case SU_REGF_DIRTY:
        return replay(fs, what, su_buf_bytes(&hive), out, e);
    default:
        return su_win_fact(&why, &what->why, e);
    }
}

/* The hive \System32\config\NAME, opened; *out NULL: it could not be, and what says why. */
static int open_hive(const struct su_win_disk *d, const struct su_windows *w, const char *name,
                     struct su_win_hive *what, struct su_hive **out, struct su_err *e)
{
    SU_BUF struct su_buf bytes = {0};
    struct su_err why = {0};
    char path[SU_WIN_PATH], tail[64];
    snprintf(tail, sizeof tail, SU_WIN_CONFIG "%s", name);
    if (!su_win_readable(d->vols, w->os) || !su_win_join(w->root, tail, path))
        return 0;
    if (su_win_hive_read(d->vols->vol[w->os].fs, path, SU_REGF_MAX, what, &bytes, e) < 0)
        return -1;
    if (!what->loaded || su_hive_open(su_buf_bytes(&bytes), false, out, &why) == 0)
        return 0;
    what->loaded = false;
    return su_win_fact(&why, &what->why, e);
}

/* What one of the readers below said about a hive that was opened. */
static int misread(struct su_win_hive *what, const struct su_err *why, struct su_err *e)
{
    what->loaded = false;
    return su_win_fact(why, &what->why, e);
}

static int read_letters(const struct su_win_disk *d, struct su_hive *h, struct su_windows *w, struct su_err *e)
{
    for (size_t i = 0; i < d->n_parts && w->n_letters < SU_ARRAY_LEN(w->letter); i++) {
        char letter = 0;
        if (su_mounted_letter(h, d->signature, d->part[i].off, &letter, e) < 0)
            return -1;
        if (letter) {
            w->letter[w->n_letters].number = d->part[i].number;
            w->letter[w->n_letters++].letter = letter;
        }
    }
    return 0;
}

static int read_system(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    struct su_err why = {0};
    if (open_hive(d, w, "SYSTEM", &w->system_hive, &h, e) < 0)
        return -1;
    if (h && (su_winsystem_read(h, &w->settings, &why) < 0 || read_letters(d, h, w, &why) < 0))
        return misread(&w->system_hive, &why, e);
    return 0;
}

/* BCD-Template matters where there is no store that can be converted. */
static int read_template(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd model = {0};
    struct su_err why = {0};
    if (open_hive(d, w, "BCD-Template", &w->template_hive, &h, e) < 0)
        return -1;
    if (h && su_bcd_read(h, &model, &why) < 0)
        return misread(&w->template_hive, &why, e);
    w->store_rebuilt = su_win_store_unusable(w) && w->candidates == 1 && w->template_hive.loaded;
    return 0;
}

int su_win_read_hives(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    if (read_system(d, w, e) < 0)
        return su_context(e, "the SYSTEM hive");
    return read_template(d, w, e) < 0 ? su_context(e, "BCD-Template") : 0;
}

int su_windows_read_versions(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    struct su_err why = {0};
    if (open_hive(d, w, "SOFTWARE", &w->software_hive, &h, e) < 0)
        return su_context(e, "the SOFTWARE hive");
    if (!h)
        return 0;
    if (su_winversion_read(h, &w->version, &why) < 0)
        return misread(&w->software_hive, &why, e);
    snprintf(w->version_short, sizeof w->version_short, "%s", su_winversion_short(&w->version, w->settings.server));
    return 0;
}
