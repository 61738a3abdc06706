/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/tmpdir.h"
#include "jobs/batch.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static struct su_batch_vm named(const char *name)
{
    struct su_batch_vm vm = {.secure_boot = -1};
    snprintf(vm.name, sizeof vm.name, "%s", name);
    return vm;
}

static struct su_batch asked(enum su_op op)
{
    struct su_batch b = {.op = op, .connect = "test:///default", .origin = "local"};
    su_job_options_default(&b.options);
    return b;
}

static void make(struct su_jobs *j)
{
    struct su_err e = {0};
    struct su_batch_vm vms[3] = {named("a"), named("b"), named("c")}, vm;
    struct su_batch b = asked(SU_OP_UPGRADE), got;
    uint64_t rev = 0;
    b.options.canary = 1;
    b.n_vms = 77;
    vms[1].secure_boot = 0;
    snprintf(vms[1].group, sizeof vms[1].group, "prod");
    ok(su_batch_make(j, &b, vms, 3, &e) == 0, "made: %s", e.msg);
    ok(strlen(b.id) == 20 && b.n_vms == 3 && b.state == SU_BATCH_WAITING && b.created > 0, "with the ID %s", b.id);
    ok(su_batch_get(j, b.id, &got, &rev, &e) == 0 && rev == 1 && memcmp(&got, &b, sizeof b) == 0, "and read back");
    ok(su_batch_vm_get(j, b.id, 1, &vm, &e) == 0 && vm.index == 1 && vm.secure_boot == 0 &&
           strcmp(vm.group, "prod") == 0 && strcmp(vm.name, "b") == 0,
       "its second VM");
    ok(su_batch_vm_get(j, b.id, 3, &vm, &e) < 0 && strcmp(e.id, "job.none") == 0, "no fourth one");
    ok(su_batch_get(j, "20260101-000000-0000", &got, NULL, &e) < 0 && strcmp(e.id, "job.none") == 0, "no other batch");
    ok(strcmp(e.msg, "there is no job 20260101-000000-0000") == 0 && e.remedy && *e.remedy, "told, with a remedy");
    ok(su_batch_get(j, "../../../etc/shadow", &got, NULL, &e) < 0 && strcmp(e.id, "job.none") == 0, "no path");
    ok(su_batch_get(j, "20260101-000000-000G", &got, NULL, &e) < 0 && strcmp(e.id, "job.none") == 0, "no other form");
    rev = 9;
    ok(su_batch_put(j, &b, &rev, &e) < 0 && e.kind == SU_E_CONFLICT, "not over another's write");
}

static void refused(struct su_jobs *j)
{
    struct su_err e = {0};
    struct su_batch_vm vms[2] = {named("a"), named("a")};
    struct su_batch b = asked(SU_OP_ASSESS);
    ok(su_batch_make(j, &b, NULL, 0, &e) < 0 && strcmp(e.id, "job.vms") == 0 && !b.id[0], "no VM");
    ok(su_batch_make(j, &b, vms, 2, &e) < 0 && strcmp(e.id, "job.twice") == 0, "one twice");
    snprintf(vms[0].uuid, sizeof vms[0].uuid, "11111111-2222-4333-8444-555555555501");
    vms[1] = vms[0];
    vms[1].name[0] = 'b';
    ok(su_batch_make(j, &b, vms, 2, &e) < 0 && strcmp(e.id, "job.twice") == 0, "or under two names");
    vms[1] = named("a");
    vms[1].uuid[0] = '2';
    ok(su_batch_make(j, &b, vms, 2, &e) == 0, "two VMs that are shown by one name: %s", e.msg);
    b = asked(SU_OP_ASSESS);
    vms[0] = vms[1] = named("a");
    ok(su_batch_make(j, &b, vms, SU_BATCH_VMS + 1, &e) < 0 && strcmp(e.id, "job.vms") == 0, "too many");
    vms[0] = named("");
    ok(su_batch_make(j, &b, vms, 2, &e) < 0 && strcmp(e.id, "job.vms") == 0, "no name");
    vms[0] = named("x\n");
    ok(su_batch_make(j, &b, vms, 2, &e) < 0 && strcmp(e.id, "job.vms") == 0, "a name that is none");
    vms[0] = named("x\xe2\x80\xaey");
    ok(su_batch_make(j, &b, vms, 2, &e) < 0 && strcmp(e.id, "job.vms") == 0 && !strstr(e.msg, "\xae"),
       "or that turns what is beside it");
    b.options.keep_data = true;
    ok(su_batch_make(j, &b, vms + 1, 1, &e) < 0 && strcmp(e.id, "job.option") == 0, "an option of another operation");
}

static int count_vm(void *arg, const struct su_batch_vm *vm)
{
    unsigned *n = arg;
    if (vm->index == *n)
        ++*n;
    return 0;
}

static void all(struct su_jobs *j)
{
    struct su_err e = {0};
    struct su_batch b = asked(SU_OP_ASSESS), twice;
    SU_FREE struct su_batch_vm *vms = calloc(SU_BATCH_VMS, sizeof *vms);
    unsigned n = 0;
    b.all = true;
    for (unsigned i = 0; i < SU_BATCH_VMS; i++) {
        snprintf(vms[i].name, sizeof vms[i].name, "vm-%u", i);
        vms[i].secure_boot = -1;
    }
    ok(su_batch_make(j, &b, NULL, 0, &e) == 0 && b.n_vms == 0, "all VMs, found later");
    twice = b;
    ok(su_batch_cancel(j, b.id, &e) == 0, "cancelled meanwhile");
    ok(su_batch_add(j, &b, vms, SU_BATCH_VMS, &e) == 0 && b.n_vms == SU_BATCH_VMS && b.cancelled,
       "added, and the cancel is not lost");
    ok(su_batch_add(j, &twice, vms, 5, &e) == 0 && twice.n_vms == SU_BATCH_VMS, "not added twice");
    ok(su_batch_vms(j, b.id, count_vm, &n, &e) == 0 && n == SU_BATCH_VMS, "listed in order");
}

static void texts(struct su_jobs *j)
{
    struct su_err e = {0};
    struct su_batch b = asked(SU_OP_VERIFY);
    struct su_batch_vm vm = named("a"), got;
    ok(su_batch_make(j, &b, &vm, 1, &e) == 0, "made");
    vm.outcome = SU_VM_STUCK;
    vm.percent = 100;
    vm.started_ms = 1700000000123;
    snprintf(vm.text, sizeof vm.text, "a\tb\x1b[31m \xff \xc3\xa9 \xe2\x82");
    ok(su_batch_vm_put(j, b.id, &vm, &e) == 0 && su_batch_vm_get(j, b.id, 0, &got, &e) == 0, "written and read");
    is_str(got.text, "a?b?[31m ? \xc3\xa9 ??");
    ok(got.outcome == SU_VM_STUCK && got.percent == 100 && got.started_ms == vm.started_ms, "the rest as it was");
    vm.index = SU_BATCH_VMS;
    ok(su_batch_vm_put(j, b.id, &vm, &e) < 0 && strcmp(e.id, "job.none") == 0, "no index beyond the limit");
    ok(su_store_put(j->store, "line/x", (struct su_bytes){0}, 0, NULL, &e) == 0, "a neighbour");
}

static bool bump(void *arg, struct su_batch *b)
{
    (void)arg;
    b->started++;
    return true;
}

static bool leave(void *arg, struct su_batch *b)
{
    (void)arg;
    b->ended = 5;
    return false;
}

static void *bumps(void *arg)
{
    struct su_err e = {0};
    struct su_jobs j;
    char *dir_id = arg; /* directory, NUL, ID */
    size_t bad = su_jobs_open(dir_id, &j, &e) < 0;
    for (int i = 0; i < 50 && !bad; i++)
        bad += su_batch_change(&j, dir_id + strlen(dir_id) + 1, bump, NULL, NULL, &e) < 0;
    su_jobs_done(&j);
    return (void *)bad;
}

static void changes(const char *dir, struct su_jobs *j)
{
    struct su_err e = {0};
    struct su_batch_vm vm = named("a");
    struct su_batch b = asked(SU_OP_VERIFY), got;
    char arg[600];
    pthread_t t[3];
    size_t bad = 0;
    ok(su_batch_make(j, &b, &vm, 1, &e) == 0, "made");
    memcpy(arg + snprintf(arg, 500, "%s", dir) + 1, b.id, sizeof b.id);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, bumps, arg);
    for (int i = 0; i < 3; i++) {
        void *r;
        pthread_join(t[i], &r);
        bad += (size_t)r;
    }
    ok(bad == 0 && su_batch_get(j, b.id, &got, NULL, &e) == 0 && got.started == 150, "no change is lost: %u",
       (unsigned)got.started);
    ok(su_batch_change(j, b.id, leave, NULL, NULL, &e) == 0 && su_batch_get(j, b.id, &got, NULL, &e) == 0 &&
           got.ended == 0,
       "nothing is written when nothing is to be");
}

static bool end_at(void *arg, struct su_batch *b)
{
    b->state = SU_BATCH_ENDED;
    b->ended = *(uint64_t *)arg;
    return true;
}

struct ids {
    char text[4000];
    unsigned n, most;
};

static int see(void *arg, const struct su_batch *b)
{
    struct ids *x = arg;
    snprintf(x->text + strlen(x->text), sizeof x->text - strlen(x->text), "%s ", b->id);
    return ++x->n == x->most;
}

static bool is_there(const char *dir, const char *sub, const char *id, const char *more)
{
    char path[700];
    struct stat st;
    snprintf(path, sizeof path, "%.400s/jobs/%.20s/%.40s%.40s", dir, sub, id, more);
    return lstat(path, &st) == 0;
}

static void touch(const char *dir, const char *sub, const char *id, const char *more)
{
    char path[700];
    snprintf(path, sizeof path, "%.400s/jobs/%.20s/%.40s%.40s", dir, sub, id, more);
    SU_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ok(fd >= 0, "made %s%s", sub, more);
}

/* Looking is no holding: who comes to hold it while others look gets it. */
static void looks(struct su_jobs *j, const char *held, const char *free_one)
{
    struct su_err e = {0};
    bool running = false;
    int fd = -1;
    ok(su_batch_running(j, held, &running, &e) == 0 && running, "one that is run");
    ok(su_batch_running(j, free_one, &running, &e) == 0 && !running, "one that nobody has run yet");
    ok(su_batch_lock(j, free_one, &fd, &e) == 0 && su_batch_running(j, free_one, &running, &e) == 0 && running,
       "it is run now");
    close(fd);
    ok(su_batch_running(j, free_one, &running, &e) == 0 && !running, "and then no more");
    ok(su_batch_running(j, "../x", &running, &e) < 0, "a name that is none");
}

/* One that has ended is asked for again; one that has not stays as it is. */
static void again(struct su_jobs *j, const char *ended, const char *open)
{
    struct su_err e = {0};
    struct su_batch b = {0}, was = {0};
    uint64_t before = 0, after = 0;
    ok(su_batch_again(j, ended, &e) == 0 && su_batch_get(j, ended, &b, NULL, &e) == 0, "run again");
    ok(b.state == SU_BATCH_WAITING && b.ended == 0 && !b.cancelled, "it waits, and has not ended");
    ok(su_batch_cancel(j, ended, &e) == 0, "so it can be cancelled");
    ok(su_batch_get(j, open, &was, &before, &e) == 0 && su_batch_again(j, open, &e) == 0 &&
           su_batch_get(j, open, &b, &after, &e) == 0 && before == after,
       "one that has not ended stays as it is");
}

static void lists(const char *dir, struct su_jobs *j)
{
    struct su_err e = {0};
    struct su_batch_vm vm = named("a");
    struct su_batch b[3];
    struct ids x = {.most = 0}, y = {.most = 0}, z = {.most = 1};
    uint64_t now = (uint64_t)time(NULL), old = now - 90000;
    int fd = -1;
    for (int i = 0; i < 3; i++) {
        b[i] = asked(SU_OP_VERIFY);
        ok(su_batch_make(j, &b[i], &vm, 1, &e) == 0, "made %s", b[i].id);
    }
    ok(su_batch_list(j, see, &x, &e) == 0 && x.n == 3, "listed: %s", x.text);
    ok(strncmp(x.text, x.text + 21, 20) > 0 && strncmp(x.text + 21, x.text + 42, 20) > 0, "newest first");
    ok(su_batch_list(j, see, &z, &e) == 0 && z.n == 1, "until it is told to stop");
    ok(su_batch_change(j, b[0].id, end_at, &old, NULL, &e) == 0, "the first ends");
    ok(su_batch_lock(j, b[1].id, &fd, &e) == 0, "the second is run");
    ok(su_batch_unfinished(j, see, &y, &e) == 0 && y.n == 1 && strncmp(y.text, b[2].id, 20) == 0,
       "the third waits for somebody");
    looks(j, b[1].id, b[2].id);
    close(fd);
    ok(su_batch_cancel(j, b[0].id, &e) < 0 && strcmp(e.id, "job.ended") == 0, "what ended is not cancelled");
    again(j, b[0].id, b[1].id);
    ok(su_batch_change(j, b[0].id, end_at, &old, NULL, &e) == 0, "the first ends once more");
    for (int i = 0; i < 3; i++) {
        touch(dir, "log", b[i].id, "-a.log");
        touch(dir, "report", b[i].id, ".json");
    }
    ok(su_batch_lock(j, b[0].id, &fd, &e) == 0 && su_jobs_trim(j, 1, &e) == 0 &&
           su_batch_get(j, b[0].id, &b[0], NULL, &e) == 0,
       "what somebody runs again stays");
    close(fd);
    ok(su_jobs_trim(j, 2, &e) == 0 && su_batch_get(j, b[0].id, &b[0], NULL, &e) == 0, "younger than that stays");
    ok(su_jobs_trim(j, 1, &e) == 0 && su_batch_get(j, b[0].id, &b[0], NULL, &e) < 0 &&
           su_batch_vm_get(j, b[0].id, 0, &vm, &e) < 0 && !is_there(dir, "log", b[0].id, "-a.log") &&
           !is_there(dir, "report", b[0].id, ".json") && !is_there(dir, "lock", "batch-", b[0].id),
       "what is old goes, with its files: %s", e.msg);
    ok(su_batch_vm_get(j, b[1].id, 0, &vm, &e) == 0 && is_there(dir, "log", b[1].id, "-a.log") &&
           is_there(dir, "report", b[2].id, ".json"),
       "the others stay");
}

static void old_locks(struct su_jobs *j, const char *dir)
{
    static const char *const vm[] = {"c7a5fdbd-edaf-9455-926a-000000000001", "c7a5fdbd-edaf-9455-926a-000000000002",
                                     "c7a5fdbd-edaf-9455-926a-000000000003"};
    const struct timespec old[2] = {{time(NULL) - 3 * 86400}, {time(NULL) - 3 * 86400}};
    struct su_err e = {0};
    int held = -1, fd = -1;
    for (int i = 0; i < 3; i++) {
        ok(su_vm_lock(j, vm[i], &fd, &e) == 0 && (i == 2 || futimens(fd, old) == 0));
        held = i == 1 ? fd : held;
        if (i != 1)
            close(fd);
    }
    ok(su_disk_lock(j, "fe01-1a2c", &fd, &e) == 0 && futimens(fd, old) == 0);
    close(fd);
    ok(su_jobs_trim(j, 2, &e) == 0 && !is_there(dir, "lock", "vm-", vm[0]) &&
           !is_there(dir, "lock", "disk-", "fe01-1a2c"),
       "old locks of VMs and disks go");
    ok(is_there(dir, "lock", "vm-", vm[1]) && su_vm_lock(j, vm[1], &fd, &e) < 0, "one that somebody has stays");
    ok(is_there(dir, "lock", "vm-", vm[2]), "so does a new one");
    close(held);
    ok(su_vm_lock(j, vm[0], &fd, &e) == 0, "what went can be taken again");
    close(fd);
}

static void locks(struct su_jobs *j)
{
    static const char uuid[] = "c7a5fdbd-edaf-9455-926a-d65c16db1809";
    struct su_err e = {0};
    int a = -1, b = -1, c = -1, status = 0;
    ok(su_vm_lock(j, uuid, &a, &e) == 0, "a VM");
    ok(su_vm_lock(j, uuid, &b, &e) < 0 && e.kind == SU_E_CONFLICT && strcmp(e.id, "vm.locked") == 0 && b == -1,
       "not twice, in one process either");
    ok(su_disk_lock(j, uuid, &b, &e) == 0, "a disk of the same name is another thing");
    ok(su_disk_lock(j, uuid, &c, &e) < 0 && strcmp(e.id, "vm.disk.locked") == 0, "not twice");
    close(b);
    ok(su_disk_lock(j, "fe01-1a2b", &c, &e) == 0, "another disk");
    close(c);
    ok(su_vm_lock(j, "../x", &c, &e) < 0 && strcmp(e.id, "job.lock-name") == 0, "no path");
    ok(su_vm_lock(j, "", &c, &e) < 0 && strcmp(e.id, "job.lock-name") == 0, "no empty name");
    close(a);
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        _exit(su_vm_lock(j, uuid, &fd, &e) == 0 ? 0 : 1); /* dies with it */
    }
    ok(waitpid(pid, &status, 0) == pid && status == 0, "another process had it and died");
    ok(su_vm_lock(j, uuid, &a, &e) == 0, "it is free then");
    close(a);
}

static void status(void)
{
    struct su_batch_vm v[3] = {{.outcome = SU_VM_OK}, {.outcome = SU_VM_ALREADY}, {.outcome = SU_VM_OK}};
    ok(su_batch_status(v, 3) == 0 && su_batch_status(v, 0) == 0, "all is well");
    v[1].outcome = SU_VM_STOPPED;
    ok(su_batch_status(v, 3) == 3, "one was stopped by a check");
    static const enum su_vm_outcome bad[] = {SU_VM_FAILED, SU_VM_STUCK, SU_VM_SKIPPED, SU_VM_PENDING, SU_VM_WORKING};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        v[2].outcome = bad[i];
        ok(su_batch_status(v, 3) == 1, "%s", su_vm_outcome_name(bad[i]));
        ok(su_vm_outcome_final(bad[i]) == (i < 3), "final or not");
    }
}

static void damaged(struct su_jobs *j)
{
    static const char *const texts_[] = {"",
                                         "x",
                                         "[]",
                                         "{\"state\":\"odd\"}",
                                         "{\"id\":5}",
                                         "{\"count\":-1}",
                                         "{\"options\":{\"x\":1}}",
                                         "{\"cancelled\":0}",
                                         "{\"count\":9999,\"options\":{}}"};
    struct su_err e = {0};
    struct su_batch b;
    for (size_t i = 0; i < SU_ARRAY_LEN(texts_); i++) {
        struct su_bytes v = {(const uint8_t *)texts_[i], strlen(texts_[i])};
        ok(su_store_put(j->store, "batch/20250101-000000-0000", v, SU_STORE_ANY, NULL, &e) == 0 &&
               su_batch_get(j, "20250101-000000-0000", &b, NULL, &e) < 0 && strcmp(e.id, "job.record") == 0,
           "damaged: %s (%s)", texts_[i], e.msg);
    }
    ok(su_store_del(j->store, "batch/20250101-000000-0000", SU_STORE_ANY, &e) == 0, "away with it");
}

static void opening(const char *dir)
{
    struct su_jobs j SU_JOBS = {0};
    struct su_err e = {0};
    struct stat st;
    char state[600], path[700];
    snprintf(state, sizeof state, "%.400s/new", dir);
    ok(su_jobs_open(state, &j, &e) == 0, "a state directory that is not there is made");
    snprintf(path, sizeof path, "%s/jobs/vm", state);
    ok(lstat(path, &st) == 0 && (st.st_mode & 07777) == 0700, "0700");
    su_jobs_done(&j);
    chmod(path, 0770);
    ok(su_jobs_open(state, &j, &e) < 0 && strcmp(e.id, "job.state.open") == 0, "not where others may write");
    rmdir(path);
    ok(symlink("/tmp", path) == 0 && su_jobs_open(state, &j, &e) < 0 && strcmp(e.id, "job.state.open") == 0, "no link");
}

int main(void)
{
    struct su_tmpdir t SU_TMPDIR = SU_TMPDIR_NONE;
    struct su_err e = {0};
    if (su_tmpdir_make(&t, 0, &e) < 0)
        return 1;
    const char *dir = t.path;
    struct su_jobs j SU_JOBS = {0};
    opening(dir);
    ok(su_jobs_open(dir, &j, &e) == 0, "opened: %s", e.msg);
    lists(dir, &j);
    make(&j);
    refused(&j);
    all(&j);
    texts(&j);
    changes(dir, &j);
    locks(&j);
    old_locks(&j, dir);
    status();
    damaged(&j);
    return tap_done();
}
