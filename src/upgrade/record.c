/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The states of an upgrade and the moves between them; records in the store, and the VM's directory. */
#include "upgrade/record_int.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TO(s) (1U << (SU_VM_##s))

const struct su_state_row su_state_table[SU_VM_STATES] = {
    [SU_VM_NEW] = {"new", "waiting", TO(CHECKED) | TO(UNDOING), true, 0},
    [SU_VM_CHECKED] = {"checked", "checking", TO(OFF) | TO(UNDOING), true, 5},
    [SU_VM_OFF] = {"stopped", "stopping", TO(SAVED) | TO(UNDOING), false, 20},
    [SU_VM_SAVED] = {"saved", "saving", TO(CONVERTED) | TO(UNDOING), false, 30},
    [SU_VM_CONVERTED] = {"converted", "converting", TO(REDEFINED) | TO(UNDOING), false, 45},
    [SU_VM_REDEFINED] = {"redefined", "redefining", TO(STARTED) | TO(UNDOING), false, 50},
    [SU_VM_STARTED] = {"started", "starting", TO(VERIFIED) | TO(UNDOING), true, 60},
    [SU_VM_VERIFIED] = {"verified", "verifying", TO(DONE) | TO(UNDOING), true, 90},
    [SU_VM_DONE] = {"done", "ending", TO(UNDOING) | TO(KEPT), true, 100},
    [SU_VM_UNDOING] = {"undoing", "going back", TO(UNDONE), false, 80},
    [SU_VM_UNDONE] = {"undone", "as before", TO(NEW), true, 100},
    [SU_VM_KEPT] = {"kept", "committing", TO(UNDOING) | TO(NEW), true, 100},
};

int su_record_move(struct su_vm_record *r, enum su_vm_state to, struct su_err *e)
{
    if ((unsigned)r->state >= SU_VM_STATES || (unsigned)to >= SU_VM_STATES ||
        !(su_state_table[r->state].next & (1U << to)))
        return su_fail(e, SU_E_CONFLICT, "vm.record.move", "an upgrade that is \"%s\" cannot become \"%s\"",
                       (unsigned)r->state < SU_VM_STATES ? su_state_table[r->state].name : "?",
                       (unsigned)to < SU_VM_STATES ? su_state_table[to].name : "?");
    r->state = to;
    r->going = false;
    return 0;
}

/* A UUID as libvirt prints it: it becomes part of a path and of a key. */
static bool good_uuid(const char *u)
{
    size_t n = strlen(u);
    return n == 36 && strspn(u, "0123456789abcdef-") == n;
}

static int key_of(const char *uuid, char *key, size_t cap, struct su_err *e)
{
    if (!good_uuid(uuid))
        return su_fail(e, SU_E_FORMAT, "vm.record", "a VM's UUID is not one");
    snprintf(key, cap, "vm/%s", uuid);
    return 0;
}

int su_record_get(struct su_jobs *j, const char *uuid, struct su_vm_record *out, uint64_t *revision, struct su_err *e)
{
    char key[64];
    uint64_t at;
    SU_BUF struct su_buf text = {0};
    if (key_of(uuid, key, sizeof key, e) < 0)
        return -1;
    if (su_store_get(j->store, key, &text, &at, e) < 0) {
        if (e->kind != SU_E_MISSING)
            return -1;
        return su_fail(e, SU_E_MISSING, "vm.not-upgraded", "surety has not upgraded this VM");
    }
    if (su_record_parse(su_buf_bytes(&text), out, e) < 0)
        return -1;
    if (revision)
        *revision = at;
    return 0;
}

int su_record_put(struct su_jobs *j, const struct su_vm_record *r, uint64_t *revision, struct su_err *e)
{
    char key[64];
    SU_FREE char *text = NULL;
    uint64_t now;
    if (key_of(r->uuid, key, sizeof key, e) < 0 || su_record_print(r, &text, e) < 0)
        return -1;
    struct su_bytes value = {(const uint8_t *)text, strlen(text)};
    if (su_store_put(j->store, key, value, *revision, &now, e) < 0)
        return -1;
    *revision = now;
    return 0;
}

/* The store must not be used while it lists, and each may want to: keys first. */
struct keys {
    char (*uuid)[37];
    size_t n, cap;
    bool failed;
};

static int collect(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    struct keys *k = arg;
    (void)revision;
    (void)value;
    if (!good_uuid(key + strlen("vm/")))
        return 0;
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 64;
        char(*more)[37] = realloc(k->uuid, cap * sizeof *more);
        if (!more)
            return k->failed = true;
        k->uuid = more;
        k->cap = cap;
    }
    snprintf(k->uuid[k->n++], sizeof k->uuid[0], "%s", key + strlen("vm/"));
    return 0;
}

int su_record_each(struct su_jobs *j, int (*each)(void *arg, const struct su_vm_record *r), void *arg, struct su_err *e)
{
    struct keys k = {0};
    SU_FREE struct su_vm_record *r = malloc(sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    int rc = su_store_list(j->store, "vm/", collect, &k, e);
    if (rc == 0 && k.failed)
        rc = su_fail_nomem(e, (k.cap + 1) * sizeof *k.uuid);
    for (size_t i = 0; rc == 0 && i < k.n; i++) {
        struct su_err gone = {0};
        if (su_record_get(j, k.uuid[i], r, NULL, &gone) == 0) {
            if (each(arg, r))
                break;
        } else if (gone.kind != SU_E_MISSING) {
            *e = gone;
            rc = -1;
        }
    }
    free(k.uuid);
    return rc;
}

static int make_dir(const char *path, struct su_err *e)
{
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return su_fail_os(e, "vm.dir", "making %s", path);
    SU_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "vm.dir", "opening %s", path);
    if (st.st_uid != geteuid() || (st.st_mode & 022))
        return su_fail(e, SU_E_REFUSED, "vm.dir", "%s belongs to somebody else, or others may write there", path);
    return 0;
}

int su_record_dir(struct su_jobs *j, const char *uuid, char *out, size_t cap, struct su_err *e)
{
    char path[SU_DOM_PATH];
    if (!good_uuid(uuid))
        return su_fail(e, SU_E_FORMAT, "vm.record", "a VM's UUID is not one");
    int n = snprintf(path, sizeof path, "%s/vm", j->dir);
    if (n < 0 || (size_t)n + 38 > sizeof path || (size_t)n + 38 > cap)
        return su_fail(e, SU_E_RANGE, "vm.dir", "the path of the state's directory is too long");
    if (make_dir(path, e) < 0)
        return -1;
    snprintf(path + n, sizeof path - (size_t)n, "/%s", uuid);
    if (make_dir(path, e) < 0)
        return -1;
    snprintf(out, cap, "%s", path);
    return 0;
}
