/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/jobs/ID/report: passed on from its file, which may have megabytes, without being held. */
#include "daemon/api_int.h"
#include "jobs/view.h"
#include <errno.h>
#include <string.h>

struct passing {
    struct su_buf head; /* what comes before the file */
    int fd;
    uint64_t at, size; /* of the file */
    size_t told;       /* of head */
    bool ended;
};

static void pass_free(void *arg)
{
    struct passing *p = arg;
    if (p->fd >= 0)
        close(p->fd);
    su_buf_done(&p->head);
    free(p);
}

static ssize_t pass(void *arg, char *out, size_t cap)
{
    struct passing *p = arg;
    if (p->told < p->head.n) {
        size_t n = p->head.n - p->told < cap ? p->head.n - p->told : cap;
        memcpy(out, p->head.p + p->told, n);
        p->told += n;
        return (ssize_t)n;
    }
    if (p->at < p->size) {
        ssize_t n;
        do
            n = pread(p->fd, out, cap, (off_t)p->at);
        while (n < 0 && errno == EINTR);
        if (n <= 0) /* shorter than it was: a report is replaced, never cut */
            return -1;
        p->at += (uint64_t)n;
        return n;
    }
    if (p->ended || cap == 0)
        return 0;
    p->ended = true;
    out[0] = '}';
    return 1;
}

int su_api_report(struct su_jobs *j, const char *id, struct su_http_response *a, struct su_err *e)
{
    struct passing *p = calloc(1, sizeof *p);
    if (!p)
        return su_fail_nomem(e, sizeof *p);
    p->fd = -1;
    if (su_jobs_report_open(j, id, &p->head, &p->fd, &p->size, e) < 0) {
        pass_free(p);
        return -1;
    }
    a->stream = pass;
    a->stream_free = pass_free;
    a->stream_arg = p;
    return 0;
}
