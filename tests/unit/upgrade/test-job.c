/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every operation on a VM of libvirt's test driver, whose disk is converted for real. */
#include "jobworld.h"

static void none(struct su_job_options *o)
{
    o->restore = SU_RESTORE_NONE;
}

static void no_start(struct su_job_options *o)
{
    o->no_start = true;
}

static void overlay(struct su_job_options *o)
{
    o->restore = SU_RESTORE_OVERLAY;
}

static void keep_data(struct su_job_options *o)
{
    o->keep_data = true;
}

static void yes(struct su_job_options *o)
{
    o->yes = true;
}

static void dry_run(struct su_job_options *o)
{
    o->dry_run = true;
}

static const char *overlay_of(struct world *w)
{
    static char path[SU_DOM_PATH];
    struct su_err e = {0};
    uint64_t at;
    SU_FREE struct su_vm_record *r = calloc(1, sizeof *r);
    path[0] = 0;
    if (su_record_get(&w->jobs, WORLD_UUID, r, &at, &e) == 0)
        snprintf(path, sizeof path, "%s", r->image);
    return path;
}

/* Off, raw: an overlay; not started, and so never run. */
static void test_off(void)
{
    struct world w;
    char image[SU_DOM_PATH];
    if (!ok(world_make(&w, "raw", false), "a VM that is off"))
        return;
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_ALREADY, "nothing to take back");
    ok(world_job(&w, SU_OP_COMMIT, NULL) == SU_VM_ALREADY, "nothing to give up");
    ok(world_job(&w, SU_OP_VERIFY, NULL) == SU_VM_STOPPED, "a BIOS VM cannot be verified");
    ok(world_job(&w, SU_OP_ASSESS, NULL) == SU_VM_OK, "can be upgraded");
    ok(json_object_get(w.job.report, "checks") != NULL, "with its findings in the report");
    ok(world_state(&w, SU_VM_STATES), "no record");
    ok(world_job(&w, SU_OP_UPGRADE, no_start) == SU_VM_OK, "upgraded");
    ok(world_state(&w, SU_VM_DONE) && world_defined_as(&w, SU_FIRMWARE_UEFI) && world_marked(&w, "upgraded"),
       "is UEFI");
    ok(!world_runs(&w) && strstr(w.job.vm.summary, "not verified"), "stayed off, and that is said");
    snprintf(image, sizeof image, "%s", overlay_of(&w));
    ok(world_disk_is_old(&w) && world_disk_has_gpt(image), "its old disk is the restore point, the overlay has a GPT");
    ok(json_object_get(w.job.report, "step_us") != NULL, "how long each step took");
    ok(world_job(&w, SU_OP_UPGRADE, no_start) == SU_VM_ALREADY && world_state(&w, SU_VM_DONE), "again: already");
    ok(world_job(&w, SU_OP_VERIFY, NULL) == SU_VM_STOPPED && strcmp(w.job.vm.id, "vm.off") == 0, "off: not verified");
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_OK, "it never ran, so nothing newer is lost");
    ok(world_state(&w, SU_VM_UNDONE) && world_defined_as(&w, SU_FIRMWARE_BIOS) && world_marked(&w, ""), "is BIOS");
    ok(world_disk_is_old(&w) && access(image, F_OK) < 0, "with its disk, and no overlay is left");
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_ALREADY, "again: already");
    world_done(&w);
}

/* Running, qcow2: a snapshot inside. */
static void test_running(void)
{
    struct world w;
    if (!ok(world_make(&w, "qcow2", true), "a VM that runs"))
        return;
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_OK && world_runs(&w), "upgraded, and running");
    ok(world_state(&w, SU_VM_DONE) && world_snapshots(&w) && world_disk_has_gpt(w.disk), "snapshot and GPT");
    ok(world_job(&w, SU_OP_VERIFY, NULL) == SU_VM_OK && json_object_get(w.job.report, "verified"), "verified again");
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_FAILED && world_state(&w, SU_VM_DONE), "newer data is not lost so");
    is_str(w.job.vm.id, "vm.rollback.newer");
    ok(world_runs(&w), "and it still runs");
    ok(world_job(&w, SU_OP_ROLLBACK, keep_data) == SU_VM_OK && world_runs(&w), "the layout goes back, it runs");
    ok(world_defined_as(&w, SU_FIRMWARE_BIOS) && !world_snapshots(&w) && !world_disk_has_gpt(w.disk), "all of it");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_OK, "and upgraded a second time");
    ok(world_job(&w, SU_OP_ROLLBACK, yes) == SU_VM_OK && world_runs(&w), "the whole set goes back");
    ok(world_disk_is_old(&w) && !world_snapshots(&w) && world_marked(&w, ""), "with every byte");
    world_done(&w);
}

/* A VM beside it, with this disk. */
static bool clone_with(struct world *w, const char *disk)
{
    char xml[1024];
    struct su_err e = {0};
    snprintf(xml, sizeof xml,
             "<domain type='test'><name>clone</name><uuid>5e5e0000-0000-4000-8000-000000000002</uuid>"
             "<memory unit='MiB'>64</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'>"
             "<driver name='qemu' type='raw'/><source file='%s'/><target dev='vda'/></disk></devices></domain>",
             disk);
    return su_hv_define(w->hv, (struct su_bytes){(uint8_t *)xml, strlen(xml)}, &e) == 0;
}

static void test_commit(void)
{
    struct world w;
    char image[SU_DOM_PATH];
    if (!ok(world_make(&w, "qcow2", false), "a VM"))
        return;
    ok(world_job(&w, SU_OP_UPGRADE, overlay) == SU_VM_OK && !world_runs(&w), "upgraded, verified, and off again");
    snprintf(image, sizeof image, "%s", overlay_of(&w));
    ok(strcmp(image, w.disk) != 0 && world_disk_is_old(&w), "on an overlay");
    ok(clone_with(&w, w.disk), "somebody gave its old disk to another VM");
    ok(world_job(&w, SU_OP_COMMIT, NULL) == SU_VM_FAILED && strcmp(w.job.vm.id, "vm.restore.shared") == 0,
       "which would be destroyed");
    ok(world_job(&w, SU_OP_ROLLBACK, keep_data) == SU_VM_FAILED && strcmp(w.job.vm.id, "vm.restore.shared") == 0,
       "by going back, too");
    ok(access(image, F_OK) == 0 && world_disk_is_old(&w) && world_state(&w, SU_VM_DONE), "nothing happened");
    ok(clone_with(&w, "/nothing"), "it was a mistake");
    ok(world_job(&w, SU_OP_COMMIT, NULL) == SU_VM_OK && world_state(&w, SU_VM_KEPT), "the restore point is given up");
    ok(access(image, F_OK) < 0 && world_disk_has_gpt(w.disk), "the old file has it all");
    ok(world_defined_as(&w, SU_FIRMWARE_UEFI) && strcmp(overlay_of(&w), w.disk) == 0, "and is used");
    ok(world_job(&w, SU_OP_COMMIT, NULL) == SU_VM_ALREADY, "again: already");
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_OK, "the layout can still go back");
    ok(world_defined_as(&w, SU_FIRMWARE_BIOS) && !world_disk_has_gpt(w.disk), "is BIOS");
    world_done(&w);
}

static void test_keep_data_on_overlay(void)
{
    struct world w;
    char image[SU_DOM_PATH];
    if (!ok(world_make(&w, "qcow2", false), "a VM"))
        return;
    ok(world_job(&w, SU_OP_UPGRADE, overlay) == SU_VM_OK, "upgraded");
    snprintf(image, sizeof image, "%s", overlay_of(&w));
    ok(world_job(&w, SU_OP_ROLLBACK, keep_data) == SU_VM_OK && world_state(&w, SU_VM_UNDONE), "back, with newer data");
    ok(access(image, F_OK) < 0 && !world_disk_has_gpt(w.disk) && world_defined_as(&w, SU_FIRMWARE_BIOS),
       "in its old file, and the restore point is given up");
    world_done(&w);
}

static void test_none(void)
{
    struct world w;
    if (!ok(world_make(&w, "raw", true), "a VM"))
        return;
    ok(world_job(&w, SU_OP_UPGRADE, none) == SU_VM_OK && world_disk_has_gpt(w.disk),
       "upgraded without a restore point");
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_OK && strstr(w.job.vm.summary, "stays"), "the journal goes back");
    ok(world_disk_is_old(&w) && world_runs(&w), "nothing was newer, so with every byte");
    world_done(&w);
}

static void test_dry_run(void)
{
    struct world w;
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    ok(world_job(&w, SU_OP_UPGRADE, dry_run) == SU_VM_OK && world_state(&w, SU_VM_STATES), "no record");
    const json_t *plan = json_object_get(w.job.report, "plan");
    ok(json_is_string(json_object_get(plan, "definition")) && json_is_object(json_object_get(plan, "restore_point")) &&
           json_is_true(json_object_get(json_object_get(plan, "disk"), "ok")),
       "the plan");
    ok(world_disk_is_old(&w) && world_defined_as(&w, SU_FIRMWARE_BIOS) && world_marked(&w, ""), "nothing was changed");
    world_done(&w);
}

static void test_stopped(void)
{
    struct world w;
    char xml[4096];
    struct su_err e = {0};
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    world_definition(&w, "<kernel>/boot/vmlinuz</kernel>", xml, sizeof xml);
    ok(su_hv_define(w.hv, (struct su_bytes){(uint8_t *)xml, strlen(xml)}, &e) == 0, "that boots a kernel %s", e.msg);
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_STOPPED && w.job.vm.id[0] && w.job.vm.text[0], "a check stops it");
    ok(json_object_get(w.job.report, "checks") && world_state(&w, SU_VM_STATES), "with its findings; no record");
    ok(world_disk_is_old(&w) && world_marked(&w, ""), "nothing was changed");
    world_done(&w);
}

/* Nobody may work on a VM twice at a time, nor on a disk. */
static void test_locks(void)
{
    struct world w;
    struct su_err e = {0};
    struct stat st;
    int fd;
    char key[40];
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    ok(su_vm_lock(&w.jobs, WORLD_UUID, &fd, &e) == 0, "somebody works on it");
    ok(world_job(&w, SU_OP_UPGRADE, no_start) == SU_VM_FAILED, "not twice");
    is_str(w.job.vm.id, "vm.locked");
    close(fd);
    ok(stat(w.disk, &st) == 0, "its disk");
    snprintf(key, sizeof key, "%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    ok(su_disk_lock(&w.jobs, key, &fd, &e) == 0, "is somebody's");
    ok(world_job(&w, SU_OP_UPGRADE, no_start) == SU_VM_FAILED && world_state(&w, SU_VM_STATES), "nothing begins");
    is_str(w.job.vm.id, "vm.disk.locked");
    close(fd);
    world_done(&w);
}

/* Somebody edits the definition while the VM is upgraded, or weeks later. */
static void test_changed_later(void)
{
    struct world w;
    struct su_err e = {0};
    SU_BUF struct su_buf xml = {0};
    if (!ok(world_make(&w, "raw", false) && world_job(&w, SU_OP_UPGRADE, no_start) == SU_VM_OK, "an upgraded VM"))
        return;
    ok(su_hv_xml(w.hv, WORLD_UUID, false, &xml, &e) == 0, "its definition");
    char *memory = strstr((char *)xml.p, "524288");
    while (memory) { /* as much text as before */
        memcpy(memory, "262144", 6);
        memory = strstr(memory, "524288");
    }
    ok(su_hv_define(w.hv, su_buf_bytes(&xml), &e) == 0, "is changed %s", e.msg);
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_OK && world_defined_as(&w, SU_FIRMWARE_BIOS), "back all the same");
    const char *kept = json_string_value(json_object_get(w.job.report, "replaced_definition"));
    ok(kept && access(kept, F_OK) == 0, "what was replaced is kept");
    world_done(&w);
}

static void test_gone(void)
{
    struct world w;
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    if (!world_batch(&w, SU_OP_UPGRADE, NULL))
        return;
    snprintf(w.job.vm.name, sizeof w.job.vm.name, "other");
    struct su_err e = {0};
    ok(su_job_upgrade(&w.job, &e) == 0 && w.job.vm.outcome == SU_VM_FAILED, "no such VM");
    is_str(w.job.vm.id, "vm.none");
    world_done(&w);
}

static void less(struct su_job_options *o)
{
    o->secure_boot = o->vtpm = false;
}

/* UEFI already: only Secure Boot and TPM are switched on; the disk is not touched. */
static void test_switch(void)
{
    struct world w;
    if (!ok(world_make(&w, "qcow2", false), "a VM"))
        return;
    ok(world_job(&w, SU_OP_UPGRADE, less) == SU_VM_OK, "upgraded to UEFI alone");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_FAILED && world_state(&w, SU_VM_DONE), "its way back is not lost");
    is_str(w.job.vm.id, "vm.restore-point");
    ok(world_job(&w, SU_OP_COMMIT, NULL) == SU_VM_OK, "given up");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_OK && world_state(&w, SU_VM_DONE), "switched");
    ok(json_is_true(json_object_get(json_object_get(w.job.report, "record"), "switch_only")), "without a conversion");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_ALREADY, "is Trusted Launch now");
    ok(world_job(&w, SU_OP_ROLLBACK, yes) == SU_VM_OK && world_defined_as(&w, SU_FIRMWARE_UEFI),
       "back: UEFI, as before");
    ok(!world_snapshots(&w) && world_disk_has_gpt(w.disk), "with its disk");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_OK, "and once more");
    ok(world_job(&w, SU_OP_ROLLBACK, keep_data) == SU_VM_OK && !world_snapshots(&w), "back with newer data");
    world_done(&w);
}

/* Which state an upgrade may throw away: none that the VM had, and goes on with. */
static void test_state_left(void)
{
    struct su_domain *was = calloc(1, sizeof *was), *will = calloc(1, sizeof *will);
    const struct su_hv_places all = {.nvram = "/n", .tpm = "/t"};
    struct su_hv_places p = all;
    su_run_state_left(was, will, &p);
    ok(p.nvram[0] && p.tpm[0], "what an earlier VM of this name left");
    was->tpm = SU_YES;
    snprintf(was->nvram, sizeof was->nvram, "/n");
    p = all;
    su_run_state_left(was, will, &p);
    ok(p.nvram[0] && !p.tpm[0], "variables of a firmware that goes; not its TPM");
    snprintf(will->nvram, sizeof will->nvram, "/n");
    was->tpm = SU_UNKNOWN;
    p = all;
    su_run_state_left(was, will, &p);
    ok(!p.nvram[0] && p.tpm[0], "a TPM 1.2; not the variables that stay");
    free(was);
    free(will);
}

int main(void)
{
    static void (*const all[])(void) = {
        test_off,     test_commit, test_keep_data_on_overlay, test_running, test_none, test_switch, test_stopped,
        test_dry_run, test_locks,  test_changed_later,        test_gone,
    };
    test_state_left();
    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++)
        if (!tap_skips(i, 3))
            all[i]();
    unlink(world_base());
    return tap_done();
}
