/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --dry-run: the definition as it would be, the restore point, and every write to the disk; nothing is changed. */
#include "upgrade/job_int.h"
#include <string.h>

/* Passwords of consoles are in the definition; a report is for more eyes than that. */
static void hide_passwords(char *xml)
{
    static const char attribute[] = " passwd=";
    for (char *p = xml; (p = strstr(p, attribute));) {
        p += strlen(attribute);
        char quote = *p;
        if (quote != '\'' && quote != '"')
            continue;
        for (p++; *p && *p != quote; p++)
            *p = '*';
    }
}

static json_t *definition(struct su_bytes after)
{
    SU_FREE char *xml = strndup((const char *)after.p, after.n);
    if (!xml)
        return json_null();
    hide_passwords(xml);
    return json_string(xml);
}

static json_t *disk_plan(struct su_run *r)
{
    const struct su_domain *d = &r->facts->defined;
    struct su_worker w;
    char key[SU_DOM_PATH];
    int status = 0;
    json_t *answer = NULL;
    struct su_err why = {0};
    if (r->rec.switch_only || d->boot_disk >= d->n_disks)
        return json_null();
    su_run_worker(r, &w, key, sizeof key);
    w.image = d->disk[d->boot_disk].source;        /* the overlay is not there yet */
    w.format = r->facts->use[d->boot_disk].format; /* never looked for: a guest writes what is looked at */
    w.undo = NULL;
    w.shared = r->facts->live;
    w.dry_run = true;
    w.boot_bus = strcmp(r->rec.expect.os_id, "windows") == 0 ? r->facts->boot_bus : NULL;
    if (su_worker_run(&w, "convert", &status, &answer, &why) == 0)
        return answer;
    return json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "id", why.id, "message", why.msg);
}

int su_run_show_plan(struct su_run *r, struct su_err *e)
{
    json_t *plan = json_object();
    if (!plan)
        return su_fail_nomem(e, r->after.n);
    json_object_set_new(plan, "definition", definition(su_buf_bytes(&r->after)));
    json_object_set_new(plan, "restore_point", su_restore_json(&r->rec.restore));
    json_object_set_new(plan, "expect", su_expect_json(&r->rec.expect));
    json_object_set_new(plan, "disk", disk_plan(r));
    su_job_report(r->job, "plan", plan);
    return 0;
}
