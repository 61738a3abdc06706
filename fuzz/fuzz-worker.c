/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of a disk worker that was taken over: facts stay inside their arrays, an error is always one. */
#include "upgrade/worker.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct su_disk_facts f;
    struct su_err e = {0};
    json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!o)
        return 0;
    su_worker_parse(o, true, &f);
    if (f.n_findings > SU_DF_FINDINGS || f.n_drivers > SU_DF_DRIVERS || f.n_names > SU_DF_NAMES)
        abort();
    for (uint32_t i = 0; i < f.n_drivers; i++)
        if (strnlen(f.driver[i].where, sizeof f.driver[0].where) == sizeof f.driver[0].where)
            abort();
    for (uint32_t i = 0; i < f.n_findings; i++)
        if (strnlen(f.finding[i].text, sizeof f.finding[0].text) == sizeof f.finding[0].text)
            abort();
    if (f.has_pcr4 && strlen(f.pcr4) != 64)
        abort();
    if (su_worker_error(o, &e) != -1 || e.kind == SU_OK || !e.id || !e.msg[0])
        abort();
    json_decref(o);
    return 0;
}
