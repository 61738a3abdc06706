/* SPDX-License-Identifier: GPL-3.0-or-later */
/* restore-live URI VM DIR VERB [ARGUMENT]: libvirt's calls and restore points on a real host; for
 * tests/upgrade/restore. Verbs: take KIND, sources, back, back-state, commit, show, caps, start, destroy, agent, net,
 * mark, slow-list SECONDS. What was taken is in DIR/set.json. */
#include "upgrade/inventory.h"
#include "upgrade/restore.h"
#include <stdio.h>
#include <string.h>

#define BATCH "20260101-000000-0001"

struct live {
    struct su_hv *hv;
    struct su_hv_vm vm;
    const char *dir, *argument;
    char file[512];
    struct su_restore r;
    struct su_domain d;
    struct su_buf xml;
};

static int load(struct live *l, struct su_err *e)
{
    json_t *o = json_load_file(l->file, 0, NULL);
    int r = su_restore_parse(o, &l->r, e);
    json_decref(o);
    return r;
}

static void save(const struct live *l)
{
    json_t *o = su_restore_json(&l->r);
    if (!o || json_dump_file(o, l->file, 0) < 0)
        fprintf(stderr, "%s was not written\n", l->file);
    json_decref(o);
}

static int take(struct live *l, struct su_err *e)
{
    struct su_disk_use use[SU_DOM_DISKS];
    struct su_hv_places places;
    struct su_job_options opt;
    su_job_options_default(&opt);
    opt.restore = strcmp(l->argument, "overlay") == 0 ? SU_RESTORE_OVERLAY : SU_RESTORE_INTERNAL;
    for (uint32_t i = 0; i < l->d.n_disks; i++)
        su_inventory_look(NULL, l->vm.uuid, &l->d.disk[i], &use[i]);
    su_hv_places(l->hv, &l->d, &places);
    if (su_restore_plan(&l->d, use, &opt, &places, BATCH, &l->r, e) < 0 ||
        su_restore_take(&l->r, l->dir, su_buf_bytes(&l->xml), e) < 0)
        return -1;
    save(l);
    return 0;
}

/* The definition with the overlays. */
static int sources(struct live *l, struct su_err *e)
{
    struct su_buf out SU_BUF = {0};
    struct su_domain_target t = {.secure_boot = false};
    if (load(l, e) < 0)
        return -1;
    for (uint32_t i = 0; i < l->r.n_disks; i++) {
        t.source[i].target = l->r.disk[i].target;
        t.source[i].source = l->r.disk[i].overlay;
        t.source[i].format = "qcow2";
    }
    t.n_sources = l->r.n_disks;
    if (su_domain_sources(su_buf_bytes(&l->xml), &t, &out, e) < 0)
        return -1;
    return su_hv_define(l->hv, su_buf_bytes(&out), e);
}

static int back(struct live *l, struct su_err *e)
{
    return load(l, e) < 0 ? -1 : su_restore_back(&l->r, l->dir, false, e);
}

static int back_state(struct live *l, struct su_err *e)
{
    return load(l, e) < 0 ? -1 : su_restore_back(&l->r, l->dir, true, e);
}

static int commit(struct live *l, struct su_err *e)
{
    bool changed = false;
    if (load(l, e) < 0 || su_restore_commit(&l->r, l->hv, l->vm.uuid, l->vm.run != SU_HV_OFF, l->dir, &changed, e) < 0)
        return -1;
    save(l);
    printf("changed_xml=%d\n", changed);
    return 0;
}

static int show(struct live *l, struct su_err *e)
{
    (void)e;
    printf("run=%d persistent=%d job=%d snapshots=%d checkpoints=%d saved=%d\n", l->vm.run, l->vm.persistent, l->vm.job,
           l->vm.snapshots, l->vm.checkpoints, l->vm.managed_save);
    return 0;
}

static int caps(struct live *l, struct su_err *e)
{
    struct su_hv_caps c = {0}, none = {0};
    if (su_hv_caps(l->hv, "qemu", "x86_64", "q35", &c, e) < 0 ||
        su_hv_caps(l->hv, "qemu", "x86_64", "none-such", &none, e) < 0)
        return -1;
    printf("known=%d q35=%d efi=%d secure_boot=%d tpm=%d crb=%d loaders=%d none=%d%d\n", c.known, c.q35, c.efi,
           c.secure_boot, c.tpm_emulator, c.tpm_crb, c.n_loaders > 0, none.known, none.q35);
    return 0;
}

static int start(struct live *l, struct su_err *e)
{
    return su_hv_start(l->hv, l->vm.uuid, true, e);
}

static int destroy(struct live *l, struct su_err *e)
{
    bool off;
    return su_hv_stop(l->hv, l->vm.uuid, SU_HV_STOP_DESTROY, e) < 0 ? -1
                                                                    : su_hv_wait_off(l->hv, l->vm.uuid, 5000, &off, e);
}

static int agent(struct live *l, struct su_err *e)
{
    struct su_buf out SU_BUF = {0};
    return su_hv_agent(l->hv, l->vm.uuid, "{\"execute\":\"guest-ping\"}", 1, &out, e);
}

static int net(struct live *l, struct su_err *e)
{
    uint64_t rx, tx;
    return su_hv_net(l->hv, l->vm.uuid, &rx, &tx, e);
}

static int mark(struct live *l, struct su_err *e)
{
    return su_hv_mark(l->hv, l->vm.uuid, l->argument, e);
}

static int count(void *arg, const struct su_hv_vm *vm)
{
    (void)vm;
    ++*(unsigned *)arg;
    return 0;
}

/* A line when each list is there; meanwhile libvirtd may be restarted. */
static int slow_list(struct live *l, struct su_err *e)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned n = 0;
        char line[8];
        if (su_hv_list(l->hv, count, &n, e) < 0 || su_hv_mark(l->hv, l->vm.uuid, i ? "<upgrade n='2'/>" : NULL, e) < 0)
            return -1;
        printf("vms=%u\n", n);
        fflush(stdout);
        if (i == 0 && !fgets(line, sizeof line, stdin))
            return 0;
    }
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct live *l, struct su_err *e);
} verbs[] = {
    {"take", take}, {"sources", sources}, {"back", back},           {"back-state", back_state}, {"commit", commit},
    {"show", show}, {"caps", caps},       {"start", start},         {"destroy", destroy},       {"agent", agent},
    {"net", net},   {"mark", mark},       {"slow-list", slow_list},
};

static int run(struct live *l, const char *uri, const char *vm, const char *verb, struct su_err *e)
{
    if (su_hv_open(uri, &l->hv, e) < 0 || su_hv_find(l->hv, vm, &l->vm, e) < 0 ||
        su_hv_xml(l->hv, l->vm.uuid, false, &l->xml, e) < 0 || su_domain_parse(su_buf_bytes(&l->xml), &l->d, e) < 0)
        return -1;
    for (size_t i = 0; i < SU_ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].run(l, e);
    return su_fail(e, SU_E_USAGE, "usage", "no verb %s", verb);
}

int main(int argc, char **argv)
{
    struct live *l = calloc(1, sizeof *l);
    struct su_err e = {0};
    if (!l || argc < 5)
        return 2;
    l->dir = argv[3];
    l->argument = argc > 5 ? argv[5] : NULL;
    snprintf(l->file, sizeof l->file, "%s/set.json", l->dir);
    int r = run(l, argv[1], argv[2], argv[4], &e);
    if (r < 0)
        printf("%s: %s\n", e.id, e.msg);
    su_hv_close(&l->hv);
    su_buf_done(&l->xml);
    free(l);
    return r < 0;
}
