/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts the disk worker and reads its answer.  Its standard output is a file in memory that cannot grow beyond
 * SU_WORKER_ANSWER, so a worker that was taken over can neither fill our memory nor hang us on a pipe.
 *
 * It gets SIGTERM, not SIGKILL, when we die or lose patience: `surety disk convert` then puts the disk back. */
#include "upgrade/worker.h"
#include "base/child.h"
#include "base/clean.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { MAX_ARGS = 48, MAX_MAPS = 16, TIMEOUT_S = 600, PATIENCE_MS = 120000, MAX_WORDS = 512, MAX_ID = 63 };

/* Words that last ------------------------------------------------------------ */

/* An error's id and remedy are static strings; the worker's are made so here, each once.  No more than MAX_WORDS of
 * them: the worker has a few hundred, and one that was taken over must not make us grow. */
static const char *keep_word(const char *word)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *words[MAX_WORDS];
    static size_t n;
    const char *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n && !found; i++)
        if (strcmp(words[i], word) == 0)
            found = words[i];
    if (!found && n < MAX_WORDS) {
        words[n] = strdup(word);
        found = words[n];
        n += found != NULL;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static bool is_id(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n <= MAX_ID && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == 0;
}

/* The command line ----------------------------------------------------------- */

struct command {
    const char *argv[MAX_ARGS];
    size_t n;
    char maps[256], sector[16];
};

static void add(struct command *c, const char *word)
{
    if (c->n + 1 < MAX_ARGS)
        c->argv[c->n++] = word;
}

static void add_option(struct command *c, const char *option, const char *value)
{
    if (value && *value) {
        add(c, option);
        add(c, value);
    }
}

/* Which verb knows which option. */
enum { INSPECT = 1, VALIDATE = 2, CONVERT = 4, ROLLBACK = 8, RECOVER = 16 };
static const struct {
    const char *name;
    unsigned bit;
} verbs[] = {
    {"inspect", INSPECT}, {"validate", VALIDATE}, {"convert", CONVERT}, {"rollback", ROLLBACK}, {"recover", RECOVER},
};

static unsigned verb_bit(const char *verb)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].bit;
    return 0;
}

static int add_maps(struct command *c, const char *map, struct su_err *e)
{
    char *rest = c->maps;
    if (snprintf(c->maps, sizeof c->maps, "%s", map ? map : "") >= (int)sizeof c->maps)
        return su_fail(e, SU_E_RANGE, "vm.disk.worker", "the list of partition types is too long");
    for (int n = 0; *rest; n++) {
        char *word = strsep(&rest, ",");
        if (n == MAX_MAPS)
            return su_fail(e, SU_E_RANGE, "vm.disk.worker", "more than %d partition types are mapped", MAX_MAPS);
        add_option(c, "--map", word);
        if (!rest)
            break;
    }
    return 0;
}

static int make_command(const struct su_worker *w, const char *program, const char *verb, struct command *c,
                        struct su_err *e)
{
    unsigned bit = verb_bit(verb);
    if (!bit)
        return su_fail(e, SU_E_USAGE, "vm.disk.worker", "surety disk has no verb %s", verb);
    add(c, program);
    add(c, "disk");
    add(c, verb);
    add(c, "--json");
    add_option(c, "--format", w->format);
    if (bit & (INSPECT | VALIDATE | CONVERT | ROLLBACK))
        add_option(c, "--key-file", w->key_file);
    if (bit & (CONVERT | ROLLBACK | RECOVER))
        add_option(c, "--undo", w->undo);
    if (bit & (INSPECT | VALIDATE | CONVERT)) {
        add_option(c, "--firmware-vars", w->firmware_vars);
        add_option(c, "--boot-files", w->boot_files);
        snprintf(c->sector, sizeof c->sector, "%u", w->sector_size);
        add_option(c, "--sector-size", w->sector_size ? c->sector : NULL);
        if (bit & (VALIDATE | CONVERT))
            add_option(c, "--boot-bus", w->boot_bus);
        if (w->allow_unsigned)
            add(c, "--allow-unsigned");
        if (w->no_grow)
            add(c, "--no-grow");
        if (add_maps(c, w->map, e) < 0)
            return -1;
    }
    if (w->dry_run && (bit & CONVERT))
        add(c, "--dry-run");
    if (w->shared && (bit & (INSPECT | VALIDATE)))
        add(c, "--force-share");
    add(c, "--"); /* an image's name may begin with '-' */
    add(c, w->image);
    return 0;
}

const char *su_worker_bus(const char *bus, const char *scsi_model)
{
    static const char *const same[] = {"ide", "sata", "virtio", "nvme"};
    for (size_t i = 0; i < SU_ARRAY_LEN(same); i++)
        if (strcmp(same[i], bus) == 0)
            return same[i];
    return strcmp(bus, "scsi") == 0 && strncmp(scsi_model, "virtio-", 7) == 0 ? "scsi" : NULL;
}

/* Running it ----------------------------------------------------------------- */

/* What of our environment the worker is to see. */
struct environment {
    const char *var[8]; /* ends with NULL */
    char *text[8];
};

static void environment_done(struct environment *v)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(v->text); i++)
        free(v->text[i]);
}

static int make_environment(struct environment *v, struct su_err *e)
{
    static const char *const passed[] = {"TMPDIR", "LIBGUESTFS_CACHEDIR", "LIBGUESTFS_BACKEND", "SOURCE_DATE_EPOCH",
                                         "ASAN_OPTIONS"};
    size_t n = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(passed); i++) {
        const char *value = getenv(passed[i]);
        if (!value)
            continue;
        if (asprintf(&v->text[n], "%s=%s", passed[i], value) < 0) {
            v->text[n] = NULL;
            return su_fail_nomem(e, strlen(value));
        }
        v->var[n] = v->text[n];
        n++;
    }
    return 0;
}

/* Of SU_WORKER_ANSWER bytes, and sealed so. */
static int make_answer(struct su_err *e)
{
    int fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && ftruncate(fd, SU_WORKER_ANSWER) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return fd;
    (void)su_fail_os(e, "vm.disk.worker", "a file for the disk worker's answer");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* 1: it has ended; *status is its exit status, -1 when a signal ended it.  0: not in time. */
static int await_end(const struct su_proc *p, unsigned timeout_s, int *status)
{
    int64_t deadline = su_monotonic_ms() + (int64_t)timeout_s * 1000;
    siginfo_t si = {0};
    for (;;) {
        int64_t left = deadline - su_monotonic_ms();
        struct pollfd f = {p->pidfd, POLLIN, 0};
        int n = poll(&f, 1, left < 0 ? 0 : left > 60000 ? 60000 : (int)left);
        if (n > 0)
            break;
        if (left <= 0)
            return 0;
    }
    if (waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED | WNOWAIT) < 0)
        return 0;
    *status = si.si_code == CLD_EXITED ? si.si_status : -1;
    return 1;
}

/* Reaps it.  *how: with which status or signal it ended, and the last it wrote to standard error. */
static void reap(struct su_proc *p, int status, struct su_err *how)
{
    p->name = "the disk worker";
    if (su_child_stop(p, 0, how) == 0)
        (void)su_fail(how, SU_E_IO, "vm.disk.worker",
                      status < 0 ? "the disk worker: ended by signal %d" : "the disk worker: exit status %d",
                      status < 0 ? SIGTERM : status);
    how->id = "vm.disk.worker";
}

static int run(const struct command *c, int answer, unsigned timeout_s, int *status, struct su_err *how,
               struct su_err *e)
{
    SU_AUTO(environment_done) struct environment env = {{0}};
    SU_PROC struct su_proc proc = SU_PROC_NONE;
    if (make_environment(&env, e) < 0)
        return -1;
    struct su_child spec = {.argv = c->argv, .env = env.var, .out_fd = &answer, .own_group = true};
    if (su_child_start(&spec, &proc, e) < 0)
        return -1;
    if (await_end(&proc, timeout_s, status) == 0) {
        struct su_err ignored = {0};
        (void)su_child_stop(&proc, PATIENCE_MS, &ignored);
        (void)su_fail(e, SU_E_IO, "vm.disk.timeout", "the disk worker was not done after %u s", timeout_s);
        return su_remedy(e, "look at the disk's storage; then run the command again, which goes on where this ended");
    }
    reap(&proc, *status, how);
    return 0;
}

/* Its answer ----------------------------------------------------------------- */

static int load_answer(int fd, json_t **out, struct su_err *e)
{
    json_error_t why;
    off_t n = lseek(fd, 0, SEEK_CUR); /* the descriptor is the worker's too: where it ended to write */
    if (n <= 0 || n > SU_WORKER_ANSWER)
        return su_fail(e, SU_E_FORMAT, "vm.disk.worker", "the disk worker said nothing that could be read");
    SU_BUF struct su_buf b = {0};
    uint8_t *p = su_buf_room(&b, (size_t)n);
    if (!p)
        return su_fail_nomem(e, (size_t)n);
    if (pread(fd, p, (size_t)n, 0) != n)
        return su_fail_os(e, "vm.disk.worker", "reading the disk worker's answer");
    *out = json_loadb((const char *)p, (size_t)n, JSON_REJECT_DUPLICATES, &why);
    if (*out && json_is_object(*out))
        return 0;
    json_decref(*out);
    *out = NULL;
    return su_fail(e, SU_E_FORMAT, "vm.disk.worker", "the disk worker's answer is not JSON");
}

static enum su_kind kind_of(const char *name)
{
    for (int k = SU_E_IO; name && k < SU_KIND_COUNT; k++)
        if (strcmp(su_kind_name((enum su_kind)k), name) == 0)
            return (enum su_kind)k;
    return SU_E_IO;
}

static bool says_why(const json_t *answer)
{
    const json_t *o = json_object_get(answer, "error");
    const char *id = json_string_value(json_object_get(o, "id"));
    const char *msg = json_string_value(json_object_get(o, "message"));
    return json_is_false(json_object_get(answer, "ok")) && id && is_id(id) && msg && *msg;
}

int su_worker_error(const json_t *answer, struct su_err *e)
{
    char msg[sizeof e->msg], remedy[256];
    const json_t *o = json_object_get(answer, "error");
    const char *id = json_string_value(json_object_get(o, "id"));
    const char *why = json_string_value(json_object_get(o, "remedy"));
    su_clean(msg, sizeof msg, json_string_value(json_object_get(o, "message")));
    if (!says_why(answer))
        return su_fail(e, SU_E_FORMAT, "vm.disk.worker", "the disk worker failed and did not say why");
    const char *kept = keep_word(id);
    (void)su_fail(e, kind_of(json_string_value(json_object_get(o, "kind"))), kept ? kept : "vm.disk.worker", "%s", msg);
    su_clean(remedy, sizeof remedy, why);
    const char *kept_remedy = remedy[0] ? keep_word(remedy) : NULL;
    return kept_remedy ? su_remedy(e, kept_remedy) : -1;
}

/* Its own reason; how it ended when it gave none. */
static int not_done(int fd, const struct su_err *how, struct su_err *e)
{
    json_t *answer = NULL;
    struct su_err unread;
    *e = *how;
    if (load_answer(fd, &answer, &unread) == 0 && says_why(answer))
        (void)su_worker_error(answer, e);
    json_decref(answer);
    return -1;
}

int su_worker_run(const struct su_worker *w, const char *verb, int *status, json_t **out, struct su_err *e)
{
    const char *program = secure_getenv("SURETY_DISK_WORKER");
    struct command c = {{0}};
    int ended = -1;
    struct su_err how = {0};
    if (!w->image || !*w->image)
        return su_fail(e, SU_E_USAGE, "vm.disk.worker", "the disk worker needs an image");
    if (make_command(w, program && *program ? program : "/proc/self/exe", verb, &c, e) < 0)
        return -1;
    SU_CLOSE int fd = make_answer(e);
    if (fd < 0 || run(&c, fd, w->timeout_s ? w->timeout_s : TIMEOUT_S, &ended, &how, e) < 0)
        return -1;
    if (ended != 0 && ended != 3 && ended != 4)
        return not_done(fd, &how, e);
    if (load_answer(fd, out, e) < 0)
        return -1;
    *status = ended;
    return 0;
}
