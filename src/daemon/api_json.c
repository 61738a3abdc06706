/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/api_json.h"
#include <string.h>

json_t *su_api_words(const char *s)
{
    json_t *o = s && s[0] ? json_string(s) : NULL;
    return o ? o : json_null();
}

json_t *su_api_when(uint64_t t)
{
    char text[SU_TIME_TEXT];
    su_time_text(t, text);
    return su_api_words(text);
}

static json_t *notice(const struct su_notice *n)
{
    return json_pack("{s:s,s:s,s:o}", "id", n->id, "text", n->text, "remedy", su_api_words(n->remedy));
}

static json_t *last_sync(const struct su_daemon *d)
{
    static const char *const outcomes[] = {[SU_SYNC_NEVER] = "never",
                                           [SU_SYNC_DONE] = "done",
                                           [SU_SYNC_UNREACHABLE] = "unreachable",
                                           [SU_SYNC_REFUSED] = "refused",
                                           [SU_SYNC_FAILED] = "failed"};
    const struct su_server_facts *f = &d->facts;
    json_t *problem = f->problem[0] ? json_pack("{s:s,s:s,s:o}", "id", f->problem_id, "text", f->problem, "remedy",
                                                su_api_words(f->problem_remedy))
                                    : json_null();
    return json_pack("{s:o,s:o,s:s,s:o,s:o,s:o}", "last", su_api_when(f->last_sync), "lastAttempt",
                     su_api_when(f->last_attempt), "outcome",
                     f->outcome < SU_ARRAY_LEN(outcomes) ? outcomes[f->outcome] : "failed", "problem", problem, "next",
                     su_api_when(f->not_after ? d->next_sync : 0), "neededBefore", su_api_when(d->state.sync_by));
}

static json_t *parts(const struct su_daemon *d)
{
    static const char *const states[] = {[SU_SIGNER_NO_CERT] = "no certificate",
                                         [SU_SIGNER_READY] = "ready",
                                         [SU_SIGNER_BUSY] = "busy",
                                         [SU_SIGNER_BROKEN] = "broken"};
    const struct su_server_facts *f = &d->facts;
    uint8_t s = f->signer_connected && f->signer_state < SU_ARRAY_LEN(states) ? f->signer_state : 0;
    json_t *signer = json_pack("{s:b,s:o,s:o,s:I}", "connected", f->signer_connected, "state", su_api_words(states[s]),
                               "key", su_api_words(d->copy.key), "signed", (json_int_t)d->copy.signed_documents);
    json_t *imds =
        json_pack("{s:b,s:i,s:i,s:i,s:I,s:I,s:I}", "connected", f->imds_connected, "vms", (int)d->imds_status.vms,
                  "listeners", (int)d->imds_status.listeners, "connections", (int)d->imds_status.connections,
                  "requests", (json_int_t)d->imds_status.requests, "documents", (json_int_t)d->imds_status.documents,
                  "refused", (json_int_t)d->imds_status.refused);
    json_t *virt = json_pack("{s:s,s:b}", "uri", d->conf.libvirt, "connected", f->libvirt_connected);
    return json_pack("{s:o,s:o,s:o,s:{s:b,s:i}}", "signer", signer, "imds", imds, "libvirt", virt, "vsock", "open",
                     f->vsock_open, "port", (int)d->conf.vsock_port);
}

json_t *su_api_server(const struct su_daemon *d)
{
    json_t *warnings = json_array();
    int run = 0, served = 0;
    for (unsigned i = 0; i < d->state.n_warnings; i++)
        json_array_append_new(warnings, notice(&d->state.warning[i]));
    for (size_t i = 0; i < d->vms.n; i++) {
        run += d->vms.vm[i]->desc && d->vms.vm[i]->desc->running;
        served += d->vms.vm[i]->wanted;
    }
    json_t *cert = d->facts.not_after
                       ? json_pack("{s:s,s:o,s:o}", "serial", d->copy.serial, "notBefore",
                                   su_api_when(d->facts.not_before), "notAfter", su_api_when(d->facts.not_after))
                       : json_null();
    json_t *legacy = d->legacy_known ? json_boolean(d->legacy_enabled) : json_null();
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:{s:i,s:i,s:i},s:o,s:{s:o}}", "name", d->conf.host, "cluster",
                     d->conf.cluster, "state", su_server_status_name(d->state.status), "reason", notice(&d->state.why),
                     "warnings", warnings, "authority", su_api_words(d->authority), "certificate", cert, "sync",
                     last_sync(d), "vms", "running", run, "served", served, "cutOff", (int)d->facts.cut_off, "parts",
                     parts(d), "legacy", "enabled", legacy);
}
