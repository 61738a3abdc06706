/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /metrics: numbers for Prometheus, in its text format 0.0.4.  No VM is named there: everybody may read it. */
#include "daemon/api_int.h"
#include "jobs/batch.h"
#include <inttypes.h>
#include <string.h>

struct numbers {
    uint64_t vms, running, served, verified, job[SU_BATCH_STATES];
    unsigned *benefit; /* owned: SU_BENEFIT_STATUSES of each */
};

static void head(struct su_buf *b, const char *name, const char *type, const char *help)
{
    su_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct su_buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    head(b, name, type, help);
    su_buf_printf(b, "%s %" PRIu64 "\n", name, value);
}

static int add_job(void *arg, const struct su_batch *b)
{
    struct numbers *n = arg;
    if ((unsigned)b->state < SU_BATCH_STATES)
        n->job[b->state]++;
    return 0;
}

static void count(const struct su_daemon *d, struct numbers *n)
{
    uint64_t now = su_now();
    for (size_t i = 0; i < d->vms.n; i++) {
        const struct su_vm *vm = d->vms.vm[i];
        struct su_benefit_facts f;
        if (!vm->desc)
            continue;
        n->vms++;
        n->running += vm->desc->running;
        n->served += vm->wanted;
        n->verified += vm->desc->running && su_benefit_verified(vm->last_verified, vm->runs_since, now);
        su_api_benefit_facts(d, vm, now, &f);
        for (size_t k = 0; k < d->benefits.n; k++)
            n->benefit[k * SU_BENEFIT_STATUSES + su_benefit_judge(&d->benefits.row[k], &f).status]++;
    }
}

static void put_server(const struct su_daemon *d, struct su_buf *b)
{
    const struct su_server_facts *f = &d->facts;
    head(b, "surety_build_info", "gauge", "The version that runs.");
    su_buf_printf(b, "surety_build_info{version=\"%s\"} 1\n", SURETY_VERSION);
    head(b, "surety_server_state", "gauge", "1 for the state that this server is in.");
    for (unsigned i = SU_SERVER_ACTIVE; i < SU_SERVER_STATUSES; i++)
        su_buf_printf(b, "surety_server_state{state=\"%s\"} %d\n", su_server_status_name((uint8_t)i),
                      d->state.status == i);
    one(b, "surety_server_warnings", "gauge", "Warnings of the state.", d->state.n_warnings);
    one(b, "surety_certificate_not_after_seconds", "gauge", "End of the certificate, since 1970; 0: there is none.",
        f->not_after);
    one(b, "surety_sync_last_seconds", "gauge", "The last sync that succeeded, since 1970; 0: never.", f->last_sync);
    one(b, "surety_sync_last_attempt_seconds", "gauge", "The last attempt to sync, since 1970; 0: never.",
        f->last_attempt);
    head(b, "surety_part_connected", "gauge", "1 when suretyd is connected to the part.");
    su_buf_printf(b, "surety_part_connected{part=\"signer\"} %d\n", f->signer_connected);
    su_buf_printf(b, "surety_part_connected{part=\"imds\"} %d\n", f->imds_connected);
    if (f->libvirt_wanted)
        su_buf_printf(b, "surety_part_connected{part=\"libvirt\"} %d\n", f->libvirt_connected);
}

static void put_work(const struct su_daemon *d, struct su_buf *b)
{
    one(b, "surety_documents_signed_total", "counter", "Documents that were signed.", d->copy.signed_documents);
    one(b, "surety_imds_requests_total", "counter", "Requests of virtual machines.", d->imds_status.requests);
    one(b, "surety_imds_documents_total", "counter", "Requests that were answered with a document.",
        d->imds_status.documents);
    one(b, "surety_imds_refused_total", "counter", "Requests that were refused.", d->imds_status.refused);
    one(b, "surety_imds_connections", "gauge", "Connections of virtual machines now.", d->imds_status.connections);
}

static void put_vms(const struct su_daemon *d, const struct numbers *n, struct su_buf *b)
{
    one(b, "surety_vms", "gauge", "Virtual machines that are known.", n->vms);
    one(b, "surety_vms_running", "gauge", "Virtual machines that run.", n->running);
    one(b, "surety_vms_served", "gauge", "Virtual machines that can get documents.", n->served);
    one(b, "surety_vms_cut_off", "gauge", "Virtual machines that are refused because two claim one identity.",
        d->facts.cut_off);
    one(b, "surety_vms_verified", "gauge",
        "Virtual machines that run and verified a document within a day, in this run.", n->verified);
    head(b, "surety_benefit_vms", "gauge", "Virtual machines by benefit and status.");
    for (size_t i = 0; i < d->benefits.n; i++)
        for (unsigned s = 0; s < SU_BENEFIT_STATUSES; s++)
            su_buf_printf(b, "surety_benefit_vms{benefit=\"%s\",status=\"%s\"} %u\n", d->benefits.row[i].id,
                          su_benefit_status_name((enum su_benefit_status)s), n->benefit[i * SU_BENEFIT_STATUSES + s]);
    head(b, "surety_jobs", "gauge", "Jobs on record by their state.");
    for (unsigned s = 0; s < SU_BATCH_STATES; s++)
        su_buf_printf(b, "surety_jobs{state=\"%s\"} %" PRIu64 "\n", su_batch_state_name((enum su_batch_state)s),
                      n->job[s]);
}

int su_api_metrics(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    struct numbers n = {0};
    (void)q;
    if (su_batch_list(&d->jobs, add_job, &n, e) < 0 || su_guests_refresh(d, e) < 0)
        return -1;
    unsigned *counts SU_FREE = n.benefit = calloc((size_t)SU_BENEFITS_MAX * SU_BENEFIT_STATUSES, sizeof *counts);
    if (!counts)
        return su_fail_nomem(e, 4096);
    a->type = "text/plain; version=0.0.4; charset=utf-8";
    SU_HOLD(&d->lock);
    su_daemon_state(d);
    count(d, &n);
    put_server(d, &a->body);
    put_work(d, &a->body);
    put_vms(d, &n, &a->body);
    return su_buf_ok(&a->body, e);
}
