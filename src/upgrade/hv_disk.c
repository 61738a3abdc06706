/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An overlay of a running VM is merged into its base: QEMU's active commit, then the pivot to the base.
 *
 * Every turn of the loop looks how things are; so a call that was cut is simply made again, and a libvirtd that was
 * restarted in between does no harm: the job runs in QEMU. */
#include "upgrade/hv_xml.h"
#include <stdio.h>
#include <string.h>

enum { POLL_MS = 100, BUSY_TURNS = 300 };

struct commit {
    const char *target, *overlay;
    bool done;
    unsigned busy; /* turns in which libvirt had a job that it did not show */
};

static int runs_on(virDomainPtr dom, const struct commit *c, bool *overlay, struct su_err *e)
{
    struct su_hv_disks disks SU_AUTO(su_hv_disks_done) = {0};
    if (su_hv_disks_read(dom, &disks, e) < 0)
        return -1;
    for (size_t i = 0; i < disks.n; i++)
        if (strcmp(disks.disk[i].target, c->target) == 0) {
            *overlay = strcmp(disks.disk[i].source, c->overlay) == 0;
            return 0;
        }
    return su_fail(e, SU_E_MISSING, "vm.disk.none", "the VM has no disk %s", c->target);
}

static int pivot(virDomainPtr dom, struct commit *c, struct su_err *e)
{
    if (virDomainBlockJobAbort(dom, c->target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
        return 0; /* the next turn sees it */
    if (virGetLastErrorCode() == VIR_ERR_BLOCK_COPY_ACTIVE)
        return 0; /* not ready yet after all */
    su_hv_fail(e, "the end of the merge", dom);
    virDomainBlockJobInfo job; /* gone meanwhile: libvirt had still been at the pivot somebody asked for before us */
    return virDomainGetBlockJobInfo(dom, c->target, &job, 0) == 0 ? 0 : -1;
}

static int turn(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct commit *c = arg;
    virDomainBlockJobInfo job = {0};
    (void)conn;
    int n = virDomainGetBlockJobInfo(dom, c->target, &job, 0);
    if (n < 0)
        return su_hv_fail(e, "the state of the merge", dom);
    if (n == 1 && job.type != VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT)
        return su_fail(e, SU_E_CONFLICT, "vm.disk.job", "another block job runs on disk %s", c->target);
    if (n == 1)
        return job.end > 0 && job.cur == job.end ? pivot(dom, c, e) : 0;
    bool overlay = false;
    if (runs_on(dom, c, &overlay, e) < 0)
        return -1;
    c->done = !overlay;
    unsigned flags = VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | VIR_DOMAIN_BLOCK_COMMIT_SHALLOW;
    if (!overlay || virDomainBlockCommit(dom, c->target, NULL, NULL, 0, flags) == 0)
        return 0;
    /* a libvirtd that was restarted knows of the job before it can tell how far it is */
    if (virGetLastErrorCode() == VIR_ERR_BLOCK_COPY_ACTIVE && c->busy++ < BUSY_TURNS)
        return 0;
    return su_hv_fail(e, "the merge", dom);
}

int su_hv_commit_disk(struct su_hv *hv, const char *uuid, const char *target, const char *overlay, struct su_err *e)
{
    struct commit c = {.target = target, .overlay = overlay};
    for (unsigned turns = 0; !c.done; turns++) {
        if (turns > 1)
            su_hv_nap(POLL_MS);
        if (su_hv_do(hv, uuid, SU_HV_REPEAT, turn, &c, e) < 0)
            return -1;
    }
    return 0;
}
