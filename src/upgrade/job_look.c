/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is found now: the VM, its definition, and whether both go with the record. */
#include "upgrade/job_int.h"
#include <string.h>

int su_run_look(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    r->gone = false;
    if (su_hv_find(r->job->hv, r->job->vm.uuid, &r->vm, &why) == 0)
        return 0;
    if (why.kind != SU_E_MISSING) {
        *e = why;
        return -1;
    }
    r->vm.run = SU_HV_OFF;
    r->gone = true;
    return 0;
}

static int same_as_file(struct su_run *r, const char *name, struct su_bytes now, bool *same, struct su_err *e)
{
    SU_BUF struct su_buf file = {0};
    *same = false;
    if (!su_run_has_file(r, name))
        return 0;
    if (su_run_get_file(r, name, &file, e) < 0)
        return -1;
    return su_domain_same(su_buf_bytes(&file), now, same, e);
}

int su_run_defined(struct su_run *r, enum su_defined *out, struct su_err *e)
{
    SU_BUF struct su_buf now = {0};
    bool same = false;
    if (su_run_look(r, e) < 0)
        return -1;
    *out = SU_DEFINED_GONE;
    if (r->gone)
        return 0;
    if (su_hv_xml(r->job->hv, r->vm.uuid, false, &now, e) < 0)
        return -1;
    if (same_as_file(r, "before.xml", su_buf_bytes(&now), &same, e) < 0)
        return -1;
    *out = same ? SU_DEFINED_BEFORE : SU_DEFINED_OTHER;
    if (same)
        return 0;
    if (same_as_file(r, "after.xml", su_buf_bytes(&now), &same, e) < 0)
        return -1;
    if (same)
        *out = SU_DEFINED_AFTER;
    return 0;
}

/* Which definitions a state may meet.  While the step to "redefined" is under way it may be either. */
static bool may_meet(const struct su_vm_record *rec, enum su_defined d)
{
    bool between = rec->state == SU_VM_CONVERTED && rec->going;
    if (rec->state < SU_VM_REDEFINED)
        return d == SU_DEFINED_BEFORE || (between && d == SU_DEFINED_AFTER);
    return d == SU_DEFINED_AFTER;
}

int su_run_agrees(struct su_run *r, struct su_err *e)
{
    enum su_defined d;
    if (su_run_defined(r, &d, e) < 0)
        return -1;
    if (d == SU_DEFINED_GONE) {
        (void)su_fail(e, SU_E_CONFLICT, "vm.gone", "%s was undefined while it was upgraded", r->rec.name);
        return su_remedy(e, "its disk is as it was before; before.xml in the directory of the report defines it again");
    }
    if (may_meet(&r->rec, d))
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "vm.changed", "somebody changed the definition of %s while it was upgraded",
                  r->rec.name);
    return su_remedy(e, "see that nobody else works on this VM, then upgrade it again");
}

int su_run_is_off(struct su_run *r, struct su_err *e)
{
    if (su_run_look(r, e) < 0)
        return -1;
    if (!r->gone && r->vm.run == SU_HV_OFF)
        return 0;
    if (r->gone)
        return su_run_agrees(r, e);
    (void)su_fail(e, SU_E_CONFLICT, "vm.started", "somebody started %s while it was upgraded", r->vm.name);
    return su_remedy(e, "see that nobody else works on this VM, then upgrade it again");
}

/* One of the files, when it is another VM's, too. */
static int alone(const struct su_inventory *inv, const struct su_run *r, const char *path, struct su_err *e)
{
    char name[SU_DOM_TEXT];
    if (!path[0] || !su_inventory_other(inv, r->rec.uuid, path, name))
        return 0;
    (void)su_fail(e, SU_E_REFUSED, "vm.restore.shared", "%.120s is used by %.60s, too, and would change under it", path,
                  name);
    return su_remedy(e, "make that VM independent of it first: virsh blockpull, or qemu-img rebase -b ''");
}

int su_run_alone(struct su_run *r, struct su_err *e)
{
    SU_INVENTORY struct su_inventory *inv = NULL;
    if (su_inventory_read(r->job->hv, &inv, e) < 0 || alone(inv, r, r->rec.image, e) < 0)
        return -1;
    for (uint32_t i = 0; i < r->rec.restore.n_disks; i++)
        if (alone(inv, r, r->rec.restore.disk[i].source, e) < 0 || alone(inv, r, r->rec.restore.disk[i].overlay, e) < 0)
            return -1;
    return 0;
}
