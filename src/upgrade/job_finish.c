/* SPDX-License-Identifier: GPL-3.0-or-later */
/* finish: works inside the guest, and leaves the VM as it is. */
#include "base/clean.h"
#include "guest/text.h"
#include "upgrade/job_int.h"

enum { FINISH_S = 1800, LINES = 40 };

/* What package managers print: all of it is in the log of the VM, its end, which tells why, in the report. */
static json_t *lines_of(struct su_run *r, struct su_bytes text)
{
    char clean[240];
    struct su_bytes line;
    json_t *list = json_array();
    while (su_text_line(&text, &line)) {
        su_clean_bytes(clean, sizeof clean, line);
        if (!clean[0])
            continue;
        su_job_log(r->job, "finishing", "%s", clean);
        json_array_append_new(list, json_string(clean));
        if (json_array_size(list) > LINES)
            json_array_remove(list, 0);
    }
    return list;
}

void su_run_finish_report(struct su_run *r, const char *os_id, bool good, struct su_bytes printed)
{
    su_job_report(r->job, "finish",
                  json_pack("{s:b,s:o,s:s*}", "ok", good, "log", lines_of(r, printed), "commands",
                            good ? NULL : su_finish_commands(os_id)));
}

int su_run_finish(struct su_run *r, const char *os_id, struct su_err *e)
{
    SU_BUF struct su_buf log = {0};
    int rc = su_finish_run(r->job->hv, r->vm.uuid, os_id, FINISH_S, &log, e);
    su_run_finish_report(r, os_id, rc == 0, su_buf_bytes(&log));
    return rc;
}
