/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/upgrade/jobworld.h - a host of one VM for tests of the job: libvirt's test driver, a real small disk with
 * an MBR (tests/system/mkdisk), and the real disk worker. */
#pragma once
#include "base/child.h"
#include "tests/lib/tap.h"
#include "upgrade/job_int.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORLD_UUID "5e5e0000-0000-4000-8000-000000000001"

struct world {
    char dir[64], disk[96], xml[96], uri[112];
    const char *format;
    struct su_jobs jobs;
    struct su_hv *hv;
    struct su_job job;
    char log[96];
};

static inline int world_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline bool world_run(const char *const *argv, struct su_buf *out)
{
    struct su_err e = {0};
    char here[512];
    struct su_child c = {.argv = argv, .timeout_ms = 120000, .max_out = 8 << 20, .cwd = getcwd(here, sizeof here)};
    bool good = su_child_run(&c, out, &e) == 0;
    if (!good)
        printf("# %s: %s\n", argv[0], e.msg);
    return good;
}

/* The same legacy disk every time, made once a process. */
static inline const char *world_base(void)
{
    static char path[64];
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/su-job-base-%d.raw", getpid());
        const char *argv[] = {"/bin/bash", "tests/system/mkdisk", "--size", "64", path, NULL};
        if (!world_run(argv, NULL))
            exit(77);
    }
    return path;
}

static inline bool world_make_disk(struct world *w)
{
    const char *argv[] = {"qemu-img", "convert", "-f", "raw", "-O", w->format, world_base(), w->disk, NULL};
    (void)unlink(w->disk);
    return world_run(argv, NULL);
}

static inline void world_write_xml(struct world *w, const char *domain)
{
    FILE *f = fopen(w->xml, "we");
    fprintf(f, "<node>%s</node>", domain);
    fclose(f);
}

static inline void world_definition(const struct world *w, const char *os, char *out, size_t cap)
{
    snprintf(out, cap,
             "<domain type='test'><name>web1</name><uuid>" WORLD_UUID "</uuid><memory unit='MiB'>512</memory>"
             "<vcpu>1</vcpu><os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>%s<boot dev='hd'/></os>"
             "<features><acpi/><apic/></features><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
             "<disk type='file' device='disk'><driver name='qemu' type='%s'/><source file='%s'/>"
             "<target dev='vda' bus='virtio'/></disk><interface type='network'><mac address='52:54:00:11:22:33'/>"
             "<source network='default'/><model type='virtio'/></interface></devices></domain>",
             os, w->format, w->disk);
}

/* Domains of a file run when it is opened. */
static inline bool world_open(struct world *w, bool running)
{
    struct su_err e = {0};
    if (su_hv_open(w->uri, &w->hv, &e) < 0 || (!running && su_hv_stop(w->hv, WORLD_UUID, SU_HV_STOP_DESTROY, &e) < 0)) {
        printf("# %s\n", e.msg);
        return false;
    }
    return true;
}

static inline bool world_make(struct world *w, const char *format, bool running)
{
    struct su_err e = {0};
    char xml[4096];
    *w = (struct world){.dir = "/tmp/su-job-XXXXXX", .format = format};
    if (!mkdtemp(w->dir))
        return false;
    snprintf(w->disk, sizeof w->disk, "%s/web1.%s", w->dir, format);
    snprintf(w->xml, sizeof w->xml, "%s/node.xml", w->dir);
    snprintf(w->uri, sizeof w->uri, "test://%s", w->xml);
    snprintf(w->log, sizeof w->log, "%s/log", w->dir);
    world_definition(w, "", xml, sizeof xml);
    world_write_xml(w, xml);
    return world_make_disk(w) && world_open(w, running) && su_jobs_open(w->dir, &w->jobs, &e) == 0;
}

static inline void world_done(struct world *w)
{
    json_decref(w->job.report);
    su_jobs_done(&w->jobs);
    su_hv_close(&w->hv);
    nftw(w->dir, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

typedef void (*world_tweak)(struct su_job_options *o);

/* A batch of one VM, made but not run. */
static inline bool world_batch(struct world *w, enum su_op op, world_tweak tweak)
{
    struct su_err e = {0};
    struct su_batch b = {.op = op};
    struct su_batch_vm vm = {.name = "web1", .secure_boot = -1};
    su_job_options_default(&b.options);
    if (op == SU_OP_UPGRADE)
        b.options.verify_timeout = 2;
    if (op == SU_OP_UPGRADE || op == SU_OP_ROLLBACK)
        b.options.shutdown_timeout = 2;
    if (tweak)
        tweak(&b.options);
    snprintf(b.connect, sizeof b.connect, "%s", w->uri);
    json_decref(w->job.report);
    w->job = (struct su_job){.jobs = &w->jobs, .hv = w->hv};
    if (su_batch_make(&w->jobs, &b, &vm, 1, &e) < 0 || su_batch_vm_get(&w->jobs, b.id, 0, &w->job.vm, &e) < 0) {
        printf("# %s\n", e.msg);
        return false;
    }
    w->job.batch = b;
    return true;
}

static int (*const world_ops[SU_OP_COUNT])(struct su_job *job, struct su_err *e) = {
    [SU_OP_ASSESS] = su_job_assess,     [SU_OP_UPGRADE] = su_job_upgrade, [SU_OP_VERIFY] = su_job_verify,
    [SU_OP_ROLLBACK] = su_job_rollback, [SU_OP_COMMIT] = su_job_commit,   [SU_OP_FINISH] = su_job_finish,
};

static inline enum su_vm_outcome world_job(struct world *w, enum su_op op, world_tweak tweak)
{
    struct su_err e = {0};
    if (!world_batch(w, op, tweak))
        return SU_VM_OUTCOMES;
    w->job.log = fopen(w->log, "ae");
    if (world_ops[op](&w->job, &e) < 0)
        printf("# %s: %s\n", e.id, e.msg);
    fclose(w->job.log);
    w->job.log = NULL;
    printf("# %s: %s: %s [%s] %s\n", su_op_name(op), su_vm_outcome_name(w->job.vm.outcome), w->job.vm.summary,
           w->job.vm.id, w->job.vm.text);
    return w->job.vm.outcome;
}

/* What is there now. */
static inline bool world_defined_as(struct world *w, enum su_firmware firmware)
{
    struct su_err e = {0};
    SU_BUF struct su_buf xml = {0};
    SU_FREE struct su_domain *d = calloc(1, sizeof *d);
    return su_hv_xml(w->hv, WORLD_UUID, false, &xml, &e) == 0 && su_domain_parse(su_buf_bytes(&xml), d, &e) == 0 &&
           d->firmware == firmware && d->chipset == (firmware == SU_FIRMWARE_UEFI ? SU_CHIPSET_Q35 : SU_CHIPSET_I440FX);
}

static inline bool world_runs(struct world *w)
{
    struct su_err e = {0};
    struct su_hv_vm vm;
    return su_hv_find(w->hv, WORLD_UUID, &vm, &e) == 0 && vm.run == SU_HV_RUNNING;
}

static inline bool world_marked(struct world *w, const char *state)
{
    struct su_err e = {0};
    SU_BUF struct su_buf xml = {0};
    SU_FREE struct su_domain *d = calloc(1, sizeof *d);
    return su_hv_xml(w->hv, WORLD_UUID, false, &xml, &e) == 0 && su_domain_parse(su_buf_bytes(&xml), d, &e) == 0 &&
           strcmp(d->upgrade_state, state) == 0;
}

static inline bool world_state(struct world *w, enum su_vm_state state)
{
    struct su_err e = {0};
    uint64_t at;
    SU_FREE struct su_vm_record *r = calloc(1, sizeof *r);
    if (su_record_get(&w->jobs, WORLD_UUID, r, &at, &e) < 0)
        return state == SU_VM_STATES;
    if (r->state != state)
        printf("# the record says %s\n", su_state_table[r->state].name);
    return r->state == state;
}

/* The disk of the VM holds what the legacy disk held, byte for byte. */
static inline bool world_disk_is_old(struct world *w)
{
    const char *argv[] = {"qemu-img", "compare", "-q", "-f", "raw", "-F", w->format, world_base(), w->disk, NULL};
    return world_run(argv, NULL);
}

static inline bool world_snapshots(struct world *w)
{
    SU_BUF struct su_buf out = {0};
    const char *argv[] = {"qemu-img", "snapshot", "-l", w->disk, NULL};
    return world_run(argv, &out) && strstr(su_buf_str(&out), "surety-");
}

static inline bool world_disk_has_gpt(const char *path)
{
    SU_BUF struct su_buf out = {0};
    const char *argv[] = {"qemu-img", "dd", "-O", "raw", "bs=512", "count=2", NULL, NULL, NULL};
    char from[SU_DOM_PATH + 8], to[] = "/tmp/su-job-head-XXXXXX";
    uint8_t head[1024] = {0};
    int fd = mkstemp(to);
    char of[64];
    snprintf(from, sizeof from, "if=%s", path);
    snprintf(of, sizeof of, "of=%s", to);
    argv[6] = from;
    argv[7] = of;
    bool good = world_run(argv, &out);
    int now = open(to, O_RDONLY | O_CLOEXEC);
    good = good && pread(now, head, sizeof head, 0) == (ssize_t)sizeof head;
    close(now);
    close(fd);
    unlink(to);
    return good && memcmp(head + 512, "EFI PART", 8) == 0;
}
