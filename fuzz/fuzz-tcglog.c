/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes: events lie inside the log, each takes bytes off it, and refusals have names. */
#include "must.h"
#include "guest/tcglog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_tcglog log;
    struct su_tcglog_event ev;
    struct su_tcglog_pcrs pcrs;
    struct su_err e = {0};
    int rc = su_tcglog_replay((struct su_bytes){data, n}, &pcrs, &e);
    MUST(rc == 0 || (e.kind == SU_E_FORMAT && e.id));
    if (su_tcglog_open((struct su_bytes){data, n}, &log, &e) < 0)
        return 0;
    size_t events = 0;
    int more;
    for (size_t left = log.rest.n; (more = su_tcglog_next(&log, &ev, &e)) > 0; left = log.rest.n, events++) {
        MUST(log.rest.n < left);
        MUST(ev.sha256 >= data && ev.sha256 + SU_PCR_SIZE <= data + n);
        MUST(ev.data.n <= n && ev.data.p >= data && ev.data.p + ev.data.n <= data + n);
    }
    MUST(rc < 0 || (more == 0 && events == pcrs.events));
    return 0;
}
