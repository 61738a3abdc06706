/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running a plan on a real image, and cleaning up after a crash. */
#include "convert.h"
#include "disk/blk_file.h"
#include "os.h"
#include "undo.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LOCK_TRIES = 20, LOCK_WAIT_US = 100000 };

#define RUN_RECOVER "run: surety disk recover IMAGE, with the same --undo, before anything else uses the disk"

/* A new name in a directory is stable only when the directory is. */
int su_undo_sync_dir(const char *path, struct su_err *e)
{
    char dir[SU_UNDO_PATH];
    snprintf(dir, sizeof dir, "%s", path);
    SU_CLOSE int fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return su_fail_os(e, "undo.open", "flushing the directory of %s", path);
    return 0;
}

int su_undo_rollback_path(const char *undo, char out[SU_UNDO_PATH], struct su_err *e)
{
    int n = snprintf(out, SU_UNDO_PATH, "%s.rollback", undo);
    return n < 0 || n >= SU_UNDO_PATH ? su_fail(e, SU_E_RANGE, "undo.open", "the name of the undo file is too long")
                                      : 0;
}

bool su_undo_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The default directory is made when it is first needed; any other is the operator's. */
int su_undo_prepare(const char *path, struct su_err *e)
{
    static const char dir[] = SU_IMAGE_UNDO_DIR "/";
    if (strncmp(path, dir, sizeof dir - 1) != 0)
        return 0;
    if ((mkdir("/var/lib/surety", 0755) < 0 && errno != EEXIST) ||
        (mkdir(SU_IMAGE_UNDO_DIR, 0700) < 0 && errno != EEXIST))
        return su_fail_os(e, "undo.open", "making " SU_IMAGE_UNDO_DIR);
    return 0;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* A file under a name of our making is ours even while nothing is in it; under any other only what is a
 * journal beyond doubt is, because a blank disk image looks like one that was not begun. */
static bool ours_by_name(const char *path)
{
    return ends_with(path, ".surety-undo") || ends_with(path, ".surety-undo.rollback");
}

static int check_ours(struct su_blk *journal, const char *path, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    if (su_journal_check_file(journal, e) < 0)
        return -1;
    if (ours_by_name(path) || journal->size == 0)
        return 0;
    if (su_journal_open(journal, &j, e) < 0)
        return -1;
    if (j.state != SU_JOURNAL_NONE)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "undo.foreign", "the file is not an undo journal");
    return su_remedy(e,
                     "name another file; if surety was cut while it made this one, the disk was not touched yet, and "
                     "the file can be removed");
}

int su_undo_open(const char *path, bool create, struct su_blk **out, struct su_err *e)
{
    if (su_blk_file_open(path, create ? SU_FILE_CREATE : SU_FILE_WRITE, out, NULL, e) < 0) {
        if (strcmp(e->id, "disk.open") == 0 || strcmp(e->id, "disk.read-only") == 0) {
            e->id = "undo.open";
            (void)su_remedy(e, "name a file in a directory you may write to, with --undo FILE");
        }
        return su_context(e, "the undo journal");
    }
    if (check_ours(*out, path, e) < 0 || (create && su_undo_sync_dir(path, e) < 0)) {
        (void)su_context(e, "%s", path);
        su_blk_close(*out);
        *out = NULL;
        return -1;
    }
    return 0;
}

int su_undo_remove(const char *path, struct su_err *e)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return su_fail_os(e, "undo.open", "removing %s", path);
    return su_undo_sync_dir(path, e);
}

/* A journal that somebody holds is being worked with right now; that is for the disk's own lock to tell. */
static int sealed_only(const char *path, bool *yes, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    SU_BLK struct su_blk *journal = NULL;
    struct su_err why = {0};
    *yes = false;
    if (!su_undo_exists(path))
        return 0;
    if (su_blk_file_open(path, SU_FILE_READ, &journal, NULL, &why) < 0 || su_journal_open(journal, &j, &why) < 0)
        return why.kind == SU_E_NOMEM ? (*e = why, -1) : 0;
    *yes = j.state == SU_JOURNAL_SEALED;
    return 0;
}

int su_undo_unfinished(const char *undo, bool *unfinished, struct su_err *e)
{
    char path[SU_UNDO_PATH];
    bool first, second;
    if (su_undo_rollback_path(undo, path, e) < 0 || sealed_only(undo, &first, e) < 0 ||
        sealed_only(path, &second, e) < 0)
        return -1;
    *unfinished = first || second;
    return 0;
}

/* Recovery ----------------------------------------------------------------- */

/* The journal of a rollback that was cut short: undone, or its last steps done again. */
static int settle_rollback(struct su_blk *disk, const char *undo, struct su_err *e)
{
    char path[SU_UNDO_PATH];
    enum su_journal_state was;
    SU_BLK struct su_blk *second = NULL, *first = NULL;
    if (su_undo_rollback_path(undo, path, e) < 0)
        return -1;
    if (!su_undo_exists(path))
        return 0;
    if (su_undo_open(path, false, &second, e) < 0 || su_journal_recover(second, disk, &was, e) < 0)
        return su_context(e, "settling an interrupted rollback");
    if (was == SU_JOURNAL_COMMITTED && su_undo_exists(undo)) {
        if (su_undo_open(undo, false, &first, e) < 0 || su_journal_spend(first, e) < 0)
            return -1;
        su_blk_close(su_steal(&first));
        if (su_undo_remove(undo, e) < 0)
            return -1;
    }
    return su_undo_remove(path, e);
}

static int recover_on(struct su_blk *disk, const char *undo, struct su_outcome *out, struct su_err *e)
{
    enum su_journal_state was;
    SU_BLK struct su_blk *journal = NULL;
    *out = (struct su_outcome){.what = SU_DONE_NOTHING};
    if (settle_rollback(disk, undo, e) < 0)
        return -1;
    if (!su_undo_exists(undo))
        return 0;
    if (su_undo_open(undo, false, &journal, e) < 0 || su_journal_recover(journal, disk, &was, e) < 0)
        return -1;
    if (was == SU_JOURNAL_SEALED)
        out->what = SU_DONE_RECOVERED_OLD;
    else if (was == SU_JOURNAL_COMMITTED)
        out->what = SU_DONE_RECOVERED_NEW;
    out->exact = was == SU_JOURNAL_SEALED;
    /* A journal that holds nothing to go back to would only be in the way. */
    bool spent = was == SU_JOURNAL_SEALED || was == SU_JOURNAL_REVERTED;
    return spent || (was == SU_JOURNAL_NONE && ours_by_name(undo)) ? su_undo_remove(undo, e) : 0;
}

/* Recovery often follows a kill at once, and the killed storage daemon holds its lock until its last thread is
 * gone. */
static int open_after_crash(const struct su_options *opt, struct su_image *im, struct su_err *e)
{
    for (int tries = 0; su_image_open(opt->image, opt->format, SU_BLK_WRITE, im, e) < 0; tries++) {
        if (tries == LOCK_TRIES || strcmp(e->id, "disk.in-use") != 0)
            return -1;
        usleep(LOCK_WAIT_US);
    }
    return 0;
}

int su_disk_recover(const struct su_options *opt, struct su_blk *blk, const char *undo, struct su_outcome *out,
                    struct su_err *e)
{
    SU_IMAGE struct su_image own = {0};
    if (!blk && open_after_crash(opt, &own, e) < 0)
        return -1;
    return recover_on(blk ? blk : own.blk, undo, out, e);
}

/* Conversion --------------------------------------------------------------- */

/* The failure in *e stays the one that is reported; what happened to the disk goes into its remedy. */
int su_undo_put_back(struct su_blk *journal, struct su_blk *disk, const char *path, struct su_err *e)
{
    struct su_err why = {0};
    struct su_err removed = {0};
    enum su_journal_state was;
    if (su_journal_recover(journal, disk, &was, &why) < 0)
        return su_remedy(e, RUN_RECOVER);
    if (was == SU_JOURNAL_COMMITTED)
        return su_remedy(e, "the change was made; run: surety disk recover IMAGE, with the same --undo, to finish it");
    if (su_undo_remove(path, &removed) < 0)
        return su_remedy(e, "the disk is as it was before; the spent undo journal can be removed");
    return su_remedy(e, "the disk is as it was before; remove the cause and run the command again");
}

/* A journal in the way: of a crash (recovered by then), spent, or of a conversion that is still in force. */
static int check_old_journal(struct su_blk *journal, const char *undo, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    if (su_journal_open(journal, &j, e) < 0)
        return su_context(e, "%s", undo);
    if (j.state == SU_JOURNAL_NONE || j.state == SU_JOURNAL_REVERTED)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "undo.exists", "%s belongs to an earlier conversion", undo);
    return su_remedy(e, "if that disk was replaced since, move the file away or name another with --undo");
}

/* Steps under the name that the system's own tool has for all of them together. */
struct named {
    const struct su_facts *f;
    const struct su_watch *watch;
};

static int named_step(void *arg, const char *why, uint64_t done, uint64_t total)
{
    const struct named *n = arg;
    const char *const *text = n->f->os->messages(n->f, SU_PHASE_WRITE);
    return n->watch->step(n->watch->arg, *text ? *text : why, done, total);
}

int su_conversion_run(struct su_facts *f, struct su_conversion *c, const char *undo, const struct su_watch *watch,
                      struct su_outcome *out, struct su_err *e)
{
    SU_BLK struct su_blk *journal = NULL;
    SU_AUTO(su_json_decrefp) json_t *meta = su_conversion_meta(f, c);
    SU_FREE char *text = meta ? json_dumps(meta, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text)
        return su_fail_nomem(e, 4096);
    if (su_undo_open(undo, true, &journal, e) < 0 || check_old_journal(journal, undo, e) < 0)
        return -1;
    struct su_bytes m = {(const uint8_t *)text, strlen(text)};
    struct named names = {f, watch};
    const struct su_watch own = {.step = named_step, .arg = &names};
    const struct su_watch *told = watch && f->os && f->os->messages ? &own : watch;
    if (su_journal_run(journal, f->image.blk, &c->plan, m, told, e) < 0)
        return su_undo_put_back(journal, f->image.blk, undo, e);
    *out = (struct su_outcome){.what = SU_DONE_CONVERTED, .written = f->image.blk->written};
    return 0;
}
