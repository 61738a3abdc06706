/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/jobs/ID/events: a job from now on, line by line.
 *
 * Each line is a JSON object: {"event":"vm","vm":{...}} for each VM that is another than before, and then
 * {"event":"job","job":{...}}, the view (jobs/view.h) without its VMs: what came before is all that has changed up to
 * there.  The first lines tell everything.  A blank line says that nothing has happened for a second.  The stream ends
 * after the line of a job that has ended. */
#include "base/clock.h"
#include "daemon/api_int.h"
#include "jobs/view.h"
#include <string.h>

enum { LOOK_MS = 250, LOOKS = 4 };

struct events {
    struct su_daemon *d;
    char id[SU_BATCH_ID];
    struct su_jobs_mark mark;
    char change[24]; /* of the view that was told last */
    uint64_t *told;  /* owned: of each VM, what was told of it */
    size_t n_told;
    struct su_buf out; /* lines that are not written yet */
    size_t at;
    bool ended;
};

static void events_free(void *arg)
{
    struct events *ev = arg;
    su_buf_done(&ev->out);
    free(ev->told);
    free(ev);
}

/* FNV-1a, 64 bits; never 0, which is nothing told. */
static uint64_t hash(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h ? h : 1;
}

static void line(struct su_buf *out, const char *kind, const char *text)
{
    su_buf_printf(out, "{\"event\":\"%s\",\"%s\":", kind, kind);
    su_buf_text(out, text);
    su_buf_text(out, "}\n");
}

static int tell_vms(struct events *ev, const json_t *vms, struct su_err *e)
{
    size_t n = json_array_size(vms);
    if (n > ev->n_told) { /* a job of all VMs finds them when it begins */
        uint64_t *more = reallocarray(ev->told, n, sizeof *more);
        if (!more)
            return su_fail_nomem(e, n * sizeof *more);
        memset(more + ev->n_told, 0, (n - ev->n_told) * sizeof *more);
        ev->told = more;
        ev->n_told = n;
    }
    for (size_t i = 0; i < n; i++) {
        char *text SU_FREE = json_dumps(json_array_get(vms, i), JSON_COMPACT);
        if (!text)
            return su_fail_nomem(e, 1024);
        uint64_t h = hash(text);
        if (h != ev->told[i])
            line(&ev->out, "vm", text);
        ev->told[i] = h;
    }
    return 0;
}

/* Looks at the job, and puts the lines of what is new into ev->out. */
static int look(struct events *ev, struct su_err *e)
{
    json_t *view SU_JSON = NULL;
    su_jobs_look(ev->d, &ev->mark);
    if (su_jobs_view(&ev->d->jobs, ev->id, &view, e) < 0)
        return -1;
    const char *change = su_api_text(view, "change");
    if (strcmp(change, ev->change) == 0)
        return 0;
    snprintf(ev->change, sizeof ev->change, "%s", change);
    if (tell_vms(ev, json_object_get(view, "vms"), e) < 0)
        return -1;
    ev->ended = strcmp(su_api_text(view, "state"), su_batch_state_name(SU_BATCH_ENDED)) == 0;
    (void)json_object_del(view, "vms");
    char *text SU_FREE = json_dumps(view, JSON_COMPACT);
    if (!text)
        return su_fail_nomem(e, 1024);
    line(&ev->out, "job", text);
    return su_buf_ok(&ev->out, e);
}

/* Up to a second.  -1: suretyd ends, or the job cannot be read any more. */
static int await(struct events *ev)
{
    struct su_jobs_mark now;
    struct su_err ignored = {0};
    for (unsigned i = 0; i < LOOKS && ev->out.n == 0; i++) {
        if (su_nap_until(ev->d->stop_fd, LOOK_MS))
            return -1;
        su_jobs_look(ev->d, &now);
        if (memcmp(&now, &ev->mark, sizeof now) != 0 && look(ev, &ignored) < 0)
            return -1;
    }
    if (ev->out.n == 0)
        su_buf_text(&ev->out, "\n");
    return 0;
}

static ssize_t pass(void *arg, char *out, size_t cap)
{
    struct events *ev = arg;
    if (ev->at == ev->out.n) {
        su_buf_done(&ev->out);
        ev->at = 0;
        if (ev->ended)
            return 0;
        if (await(ev) < 0 || ev->out.failed)
            return -1;
    }
    size_t n = ev->out.n - ev->at < cap ? ev->out.n - ev->at : cap;
    memcpy(out, ev->out.p + ev->at, n);
    ev->at += n;
    return (ssize_t)n;
}

int su_api_events(struct su_daemon *d, const char *id, struct su_http_response *a, struct su_err *e)
{
    if (!su_batch_id_valid(id))
        return su_fail(e, SU_E_MISSING, "job.none", "there is no job %.64s", id);
    struct events *ev = calloc(1, sizeof *ev);
    if (!ev)
        return su_fail_nomem(e, sizeof *ev);
    ev->d = d;
    snprintf(ev->id, sizeof ev->id, "%s", id);
    if (look(ev, e) < 0) {
        events_free(ev);
        return -1;
    }
    a->type = "application/x-ndjson";
    a->stream = pass;
    a->stream_free = events_free;
    a->stream_arg = ev;
    return 0;
}
