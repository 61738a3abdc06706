/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of states, and records in the store. */
#include "tests/lib/tap.h"
#include "upgrade/record_int.h"
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID "5e5e0000-0000-4000-8000-000000000001"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static bool may(enum su_vm_state from, enum su_vm_state to)
{
    struct su_vm_record *r SU_FREE = calloc(1, sizeof *r);
    struct su_err e = {0};
    r->state = from;
    r->going = true;
    bool good = su_record_move(r, to, &e) == 0;
    ok(good ? r->state == to && !r->going : r->state == from && r->going && strcmp(e.id, "vm.record.move") == 0,
       "%s to %s: %s", su_state_table[from].name, su_state_table[to].name, good ? "yes" : "no");
    return good;
}

static void test_table(void)
{
    unsigned reached = 1U << SU_VM_NEW;
    for (unsigned s = 0; s < SU_VM_STATES; s++) {
        const struct su_state_row *row = &su_state_table[s];
        ok(row->name && row->name[0] && row->step && row->percent <= 100, "row %u", s);
        for (unsigned t = 0; t < s; t++)
            ok(strcmp(row->name, su_state_table[t].name) != 0, "%s is one name", row->name);
        reached |= row->next;
        for (unsigned to = 0; to < SU_VM_STATES; to++)
            ok(may(s, to) == !!(row->next & (1U << to)), "as the table says");
    }
    ok(reached == (1U << SU_VM_STATES) - 1, "every state can be reached");
    for (unsigned s = SU_VM_NEW; s < SU_VM_DONE; s++) {
        ok(su_state_table[s].next == (1U << (s + 1) | 1U << SU_VM_UNDOING), "%s: forward or back",
           su_state_table[s].name);
        ok(su_state_table[s].percent < su_state_table[s + 1].percent, "percents grow");
    }
    ok(su_state_table[SU_VM_UNDOING].next == 1U << SU_VM_UNDONE, "undoing ends as before");
    for (unsigned s = SU_VM_OFF; s < SU_VM_STARTED; s++)
        ok(!su_state_table[s].usable, "%s: nobody may start it", su_state_table[s].name);
    struct su_vm_record *r SU_FREE = calloc(1, sizeof *r);
    struct su_err e = {0};
    ok(su_record_move(r, SU_VM_STATES, &e) < 0, "no such state");
}

static void fill(struct su_vm_record *r)
{
    memset(r, 0, sizeof *r);
    snprintf(r->uuid, sizeof r->uuid, "%s", UUID);
    snprintf(r->name, sizeof r->name, "web \"1\" ä");
    snprintf(r->image, sizeof r->image, "/images/web 1.qcow2");
    snprintf(r->error.text, sizeof r->error.text, "text");
    su_job_options_default(&r->options);
    r->restore.kind = SU_RESTORE_OVERLAY;
    snprintf(r->restore.name, sizeof r->restore.name, "surety-20260101-000000-0000");
    r->restore.n_disks = 1;
    snprintf(r->restore.disk[0].target, sizeof r->restore.disk[0].target, "vda");
    snprintf(r->restore.disk[0].format, sizeof r->restore.disk[0].format, "qcow2");
    snprintf(r->restore.disk[0].source, sizeof r->restore.disk[0].source, "/images/web 1.qcow2");
    snprintf(r->restore.disk[0].overlay, sizeof r->restore.disk[0].overlay, "/images/web 1.new.qcow2");
    snprintf(r->restore.disk[0].key, sizeof r->restore.disk[0].key, "1-2");
    r->expect.secure_boot = r->expect.vtpm = r->expect.has_pcr4 = true;
    memset(r->expect.pcr4, 'a', 64);
    r->state = SU_VM_CONVERTED;
    r->going = r->was_running = r->redefining = true;
    r->sector_size = 4096;
    r->begun = 1767225600;
    r->step_us[SU_VM_CONVERTED] = 123456;
}

static void test_text(void)
{
    struct su_vm_record *r SU_FREE = calloc(1, sizeof *r), *back SU_FREE = calloc(1, sizeof *back);
    struct su_err e = {0};
    char *a SU_FREE = NULL, *b SU_FREE = NULL;
    fill(r);
    if (!ok(su_record_print(r, &a, &e) == 0, "printed %s", e.msg))
        return;
    struct su_bytes text = {(const uint8_t *)a, strlen(a)};
    ok(su_record_parse(text, back, &e) == 0 && su_record_print(back, &b, &e) == 0, "and read %s", e.msg);
    if (b)
        is_str(b, a);
    ok(back->state == SU_VM_CONVERTED && back->going && back->sector_size == 4096 && back->restore.n_disks == 1,
       "the same");
    is_str(back->name, r->name);
    back->begun = 1;
    for (size_t n = 0; n < text.n; n += 1 + n / 40) {
        struct su_bytes cut = {text.p, n};
        if (su_record_parse(cut, back, &e) == 0)
            ok(0, "cut at %zu", n);
    }
    ok(back->begun == 1 && strcmp(e.id, "vm.record") == 0, "a record that is cut is refused, and nothing is touched");
}

/* One member changed at a time. */
static void test_strict(void)
{
    static const struct {
        const char *member, *json;
    } bad[] = {
        {"state", "\"gone\""},
        {"state", "3"},
        {"going", "1"},
        {"undo_step", "-1"},
        {"undo_step", "4294967296"},
        {"begun", "\"0\""},
        {"step_us", "[1]"},
        {"step_us", "{}"},
        {"uuid", "null"},
        {"format_version", "2"},
        {"options", "[]"},
        {"restore", "null"},
        {"expect", "true"},
        {"more", "1"},
        {"boot_target", "\"0123456789abcdef\""},
    };
    struct su_vm_record *r SU_FREE = calloc(1, sizeof *r);
    struct su_err e = {0};
    char *text SU_FREE = NULL;
    fill(r);
    if (!ok(su_record_print(r, &text, &e) == 0, "printed"))
        return;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        json_t *o = json_loads(text, 0, NULL);
        json_object_set_new(o, bad[i].member, json_loads(bad[i].json, JSON_DECODE_ANY, NULL));
        char *changed SU_FREE = json_dumps(o, 0);
        ok(su_record_parse((struct su_bytes){(uint8_t *)changed, strlen(changed)}, r, &e) < 0, "%s: %s is refused",
           bad[i].member, bad[i].json);
        json_object_del(o, bad[i].member);
        char *without SU_FREE = json_dumps(o, 0);
        if (strcmp(bad[i].member, "more") != 0)
            ok(su_record_parse((struct su_bytes){(uint8_t *)without, strlen(without)}, r, &e) < 0, "without %s",
               bad[i].member);
        json_decref(o);
    }
}

static int count(void *arg, const struct su_vm_record *r)
{
    struct su_jobs *j = ((void **)arg)[1];
    struct su_err e = {0};
    uint64_t at;
    struct su_vm_record *same SU_FREE = malloc(sizeof *same);
    ok(su_record_get(j, r->uuid, same, &at, &e) == 0, "the store may be used meanwhile");
    ++*((int **)arg)[0];
    return 0;
}

static void test_store(struct su_jobs *j)
{
    struct su_vm_record *r SU_FREE = calloc(1, sizeof *r), *other SU_FREE = calloc(1, sizeof *other);
    struct su_err e = {0};
    uint64_t mine = 0, theirs = 0;
    ok(su_record_get(j, UUID, r, &mine, &e) < 0 && e.kind == SU_E_MISSING, "nothing yet");
    is_str(e.id, "vm.not-upgraded");
    fill(r);
    ok(su_record_put(j, r, &mine, &e) == 0 && mine == 1, "made %s", e.msg);
    ok(su_record_put(j, r, &theirs, &e) < 0 && e.kind == SU_E_CONFLICT && theirs == 0, "made once");
    ok(su_record_get(j, UUID, other, &theirs, &e) == 0 && theirs == 1 && other->state == SU_VM_CONVERTED, "read");
    ok(su_record_put(j, other, &theirs, &e) == 0 && theirs == 2, "written by another");
    ok(su_record_put(j, r, &mine, &e) < 0 && e.kind == SU_E_CONFLICT && mine == 1, "who is late does not write");
    ok(su_record_get(j, "../../etc", other, &theirs, &e) < 0 && e.kind == SU_E_FORMAT, "no UUID");
    int n = 0;
    void *arg[] = {&n, j};
    ok(su_record_each(j, count, arg, &e) == 0 && n == 1, "one in the list");
}

static void test_size(struct su_jobs *j)
{
    struct su_vm_record *r SU_FREE = calloc(1, sizeof *r);
    struct su_err e = {0};
    uint64_t at = 0;
    fill(r);
    r->restore.n_disks = SU_DOM_DISKS;
    for (uint32_t i = 0; i < SU_DOM_DISKS; i++) {
        r->restore.disk[i] = r->restore.disk[0];
        r->restore.disk[i].source[0] = '/';
        memset(r->restore.disk[i].source + 1, 'a', sizeof r->restore.disk[i].source - 2);
        r->restore.disk[i].source[sizeof r->restore.disk[i].source - 1] = 0;
    }
    ok(su_record_put(j, r, &at, &e) < 0 && strcmp(e.id, "vm.record.size") == 0 && e.remedy, "too large: %s", e.msg);
}

static void test_dir(struct su_jobs *j)
{
    char dir[SU_DOM_PATH], link[SU_DOM_PATH + 64];
    struct su_err e = {0};
    struct stat st;
    ok(su_record_dir(j, UUID, dir, sizeof dir, &e) == 0 && stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700,
       "a private directory %s", e.msg);
    ok(su_record_dir(j, UUID, dir, sizeof dir, &e) == 0, "again");
    ok(su_record_dir(j, "a/b", dir, sizeof dir, &e) < 0, "no UUID");
    ok(su_record_dir(j, UUID, dir, 20, &e) < 0, "no room");
    snprintf(link, sizeof link, "%s/vm/5e5e0000-0000-4000-8000-000000000002", j->dir);
    ok(symlink("/tmp", link) == 0 && su_record_dir(j, "5e5e0000-0000-4000-8000-000000000002", dir, sizeof dir, &e) < 0,
       "a link is not followed");
}

int main(void)
{
    char dir[] = "/tmp/su-record-XXXXXX";
    struct su_err e = {0};
    SU_JOBS struct su_jobs j = {0};
    if (!ok(mkdtemp(dir) && su_jobs_open(dir, &j, &e) == 0, "a state %s", e.msg))
        return tap_done();
    test_table();
    test_text();
    test_strict();
    test_store(&j);
    test_size(&j);
    test_dir(&j);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return tap_done();
}
