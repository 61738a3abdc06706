/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operation look: which system lies on the disk of a VM, for whom its guest agent cannot tell. */
#include "benefit/guestos.h"
#include "upgrade/facts.h"
#include "upgrade/job_int.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static int write_record(struct su_job *job, const struct su_disk_facts *disk, struct su_guest_os *os, struct su_err *e)
{
    char key[64];
    su_guest_os_from_disk(disk->os_id, disk->os_version, disk->os_name, disk->edition, disk->build, disk->revision,
                          (uint64_t)time(NULL), os);
    json_t *o = su_guest_os_json(os);
    char *text SU_FREE = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return su_fail_nomem(e, 512);
    snprintf(key, sizeof key, "guest/%s", job->vm.uuid);
    return su_store_put(job->jobs->store, key, (struct su_bytes){(const uint8_t *)text, strlen(text)}, SU_STORE_ANY,
                        NULL, e);
}

static int end_looked(struct su_job *job, const struct su_disk_facts *disk, struct su_err *e)
{
    char summary[240];
    struct su_guest_os os;
    struct su_err why = disk->why;
    if (!disk->looked && why.kind == SU_OK)
        (void)su_fail(&why, SU_E_MISSING, "vm.look", "the VM has no disk that can be looked at from here");
    if (disk->looked && !disk->os_id[0])
        (void)su_fail(&why, SU_E_MISSING, "vm.look", "there is no system on its disk that is known");
    if (!why.remedy)
        (void)su_remedy(&why, "Let the guest agent tell: install it in the VM, and give the VM its channel");
    if (!disk->looked || !disk->os_id[0])
        return su_job_fail(job, &why, e);
    if (write_record(job, disk, &os, e) < 0)
        return -1;
    snprintf(summary, sizeof summary, "%.200s", os.name[0] ? os.name : os.id);
    return su_job_end(job, SU_VM_OK, NULL, summary, e);
}

int su_job_look(struct su_job *job, struct su_err *e)
{
    struct su_err why = {0};
    struct su_facts_ask ask = {.disk = true};
    SU_RUN struct su_run *r = su_run_new(job, e);
    if (!r || su_job_begin(job, e) < 0)
        return -1;
    const char *name = job->vm.uuid[0] ? job->vm.uuid : job->vm.name;
    if (su_vm_facts_read(job->hv, name, &job->batch.options, ask, job->inv, &r->facts, &why) < 0)
        return su_job_fail(job, &why, e);
    snprintf(job->vm.uuid, sizeof job->vm.uuid, "%s", r->facts->vm.uuid);
    snprintf(job->vm.name, sizeof job->vm.name, "%s", r->facts->vm.name);
    return end_looked(job, &r->facts->disk, e);
}
