/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs at suretyd; and where the store is. */
#include "base/clock.h"
#include "cli.h"
#include "job.h"
#include "wire/hostconf.h"
#include <string.h>
#include <time.h>

enum { CALL_S = 15 };

int su_job_call(const struct su_args *a, const char *method, const char *path, const char *segment, json_t *body,
                json_t **out, struct su_err *e)
{
    int rc = su_api_call(a, method, path, segment, body, CALL_S, out, e);
    if (rc < 0 && strcmp(e->id, "api.connect") == 0)
        return su_remedy(e, "Start it: systemctl start suretyd; or do without it, as root: --local");
    return rc;
}

static int look(void *arg, const char *since, unsigned wait_ms, json_t **out, struct su_err *e)
{
    const struct su_job_api *of = arg;
    char path[96];
    snprintf(path, sizeof path, "/v1/jobs/%%s?wait=%u%s%.20s", (wait_ms + 999) / 1000, since ? "&since=" : "",
             since ? since : "");
    return su_job_call(of->a, "GET", path, of->id, NULL, out, e);
}

static int report(void *arg, json_t **out, struct su_err *e)
{
    const struct su_job_api *of = arg;
    return su_job_call(of->a, "GET", "/v1/jobs/%s/report", of->id, NULL, out, e);
}

static void rest(void *arg, unsigned ms)
{
    (void)arg;
    su_nap_ms(ms);
}

struct su_job_port su_job_port_api(struct su_job_api *of)
{
    return (struct su_job_port){.look = look, .report = report, .rest = rest, .arg = of};
}

const char *su_job_state_dir(const struct su_args *a)
{
    const char *dir = su_args_get(a, "--state");
    return dir ? dir : SU_STATE_DIR;
}

int su_job_local_open(const struct su_args *a, struct su_jobs *out, struct su_err *e)
{
    return su_jobs_open(su_job_state_dir(a), out, e);
}
