/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done to one VM: read, define, start, stop, mark, ask.
 *
 * A call that is made a second time, because the connection broke under the first, looks first whether that one
 * happened. */
#include "base/clock.h"
#include "upgrade/hv_int.h"
#include <libvirt/libvirt-qemu.h>
#include <stdio.h>
#include <string.h>

enum { POLL_MS = 100 };

/* Its XML ------------------------------------------------------------------- */

struct xml {
    bool live;
    char *text; /* owned */
};

static int get_xml(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct xml *x = arg;
    (void)conn;
    x->text = virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_SECURE | (x->live ? 0 : VIR_DOMAIN_XML_INACTIVE));
    return x->text ? 0 : su_hv_fail(e, "the XML", dom);
}

int su_hv_xml(struct su_hv *hv, const char *uuid, bool live, struct su_buf *out, struct su_err *e)
{
    struct xml x = {.live = live};
    if (su_hv_do(hv, uuid, SU_HV_REPEAT, get_xml, &x, e) < 0)
        return -1;
    char *text SU_FREE = x.text;
    if (strlen(text) > SU_DOMAIN_XML)
        return su_fail(e, SU_E_RANGE, "vm.xml-size", "libvirt's XML of the VM has %zu bytes, more than %d",
                       strlen(text), SU_DOMAIN_XML);
    su_buf_text(out, text);
    return su_buf_ok(out, e);
}

static int define(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    (void)dom;
    virDomainPtr made SU_HV_DOMAIN = virDomainDefineXML(conn, arg);
    return made ? 0 : su_hv_fail(e, "defining the VM", NULL);
}

int su_hv_define(struct su_hv *hv, struct su_bytes xml, struct su_err *e)
{
    char *text SU_FREE = strndup((const char *)xml.p, xml.n);
    if (!text)
        return su_fail_nomem(e, xml.n);
    return su_hv_do(hv, NULL, SU_HV_REPEAT, define, text, e); /* the same definition twice is that definition */
}

static int give_name(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    const char *is = virDomainGetName(dom);
    (void)conn;
    if (is && strcmp(is, arg) == 0)
        return 0;
    return virDomainRename(dom, arg, 0) < 0 ? su_hv_fail(e, "renaming", dom) : 0;
}

int su_hv_rename(struct su_hv *hv, const char *uuid, const char *name, struct su_err *e)
{
    char *text SU_FREE = strdup(name);
    if (!text)
        return su_fail_nomem(e, strlen(name));
    return su_hv_do(hv, uuid, SU_HV_REPEAT, give_name, text, e);
}

/* On and off ---------------------------------------------------------------- */

struct power {
    bool test, fresh_nvram;
    enum su_hv_stop how;
    unsigned calls;
    enum su_hv_run run;
};

static int get_run(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct power *p = arg;
    int state = 0;
    (void)conn;
    if (virDomainGetState(dom, &state, NULL, 0) < 0)
        return su_hv_fail(e, "the state", dom);
    p->run = su_hv_run_of(state);
    return 0;
}

/* Drivers have different errors for a VM that is not in the state the call wants. */
static int refused(virConnectPtr conn, virDomainPtr dom, struct power *p, enum su_hv_run wants, const char *what,
                   struct su_err *e)
{
    struct su_err ignored;
    su_hv_fail(e, what, dom);
    bool other = get_run(conn, dom, p, &ignored) == 0 && (p->run == SU_HV_OFF) != (wants == SU_HV_OFF);
    return !other || e->kind == SU_E_MISSING
               ? -1
               : su_fail(e, SU_E_CONFLICT, "vm.state", "%s of %.80s: the VM %s", what, virDomainGetName(dom),
                         p->run == SU_HV_OFF ? "is off" : "is not off");
}

static int start(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct power *p = arg;
    unsigned flags = p->fresh_nvram && !p->test ? VIR_DOMAIN_START_RESET_NVRAM : 0;
    if (p->calls++ > 0 && get_run(conn, dom, p, e) == 0 && p->run != SU_HV_OFF)
        return 0;
    return virDomainCreateWithFlags(dom, flags) == 0 ? 0 : refused(conn, dom, p, SU_HV_OFF, "the start", e);
}

int su_hv_start(struct su_hv *hv, const char *uuid, bool fresh_nvram, struct su_err *e)
{
    struct power p = {.test = hv->test, .fresh_nvram = fresh_nvram};
    return su_hv_do(hv, uuid, SU_HV_REPEAT, start, &p, e);
}

static int ask_to_stop(virDomainPtr dom, const struct power *p)
{
    if (p->how == SU_HV_STOP_DESTROY)
        return virDomainDestroy(dom);
    if (p->test)
        return virDomainShutdown(dom);
    return virDomainShutdownFlags(dom, p->how == SU_HV_STOP_AGENT ? VIR_DOMAIN_SHUTDOWN_GUEST_AGENT
                                                                  : VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
}

static int stop(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct power *p = arg;
    if (p->calls++ > 0 && get_run(conn, dom, p, e) == 0 && p->run == SU_HV_OFF)
        return 0;
    return ask_to_stop(dom, p) == 0 ? 0 : refused(conn, dom, p, SU_HV_RUNNING, "the stop", e);
}

int su_hv_stop(struct su_hv *hv, const char *uuid, enum su_hv_stop how, struct su_err *e)
{
    struct power p = {.test = hv->test, .how = how};
    return su_hv_do(hv, uuid, SU_HV_REPEAT, stop, &p, e);
}

int su_hv_wait_off(struct su_hv *hv, const char *uuid, uint32_t ms, bool *off, struct su_err *e)
{
    struct power p = {.run = SU_HV_BUSY};
    for (int64_t until = su_monotonic_ms() + ms;; su_hv_nap(POLL_MS)) {
        if (su_hv_do(hv, uuid, SU_HV_REPEAT, get_run, &p, e) < 0)
            return -1;
        if (p.run == SU_HV_OFF || su_monotonic_ms() >= until)
            break;
    }
    *off = p.run == SU_HV_OFF;
    return 0;
}

/* Metadata ------------------------------------------------------------------ */

static int mark(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    unsigned flags = (virDomainIsActive(dom) == 1 ? VIR_DOMAIN_AFFECT_LIVE : 0) |
                     (virDomainIsPersistent(dom) == 1 ? VIR_DOMAIN_AFFECT_CONFIG : 0);
    (void)conn;
    if (virDomainSetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, arg, arg ? "surety" : NULL, SU_UPGRADE_NS, flags) == 0)
        return 0;
    return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA && !arg ? 0 : su_hv_fail(e, "the metadata", dom);
}

/* libvirt declares the namespace itself, and takes no element that does it, too. */
static char *without(const char *text, const char *const *drop, size_t n_drop)
{
    char *out = strdup(text);
    for (size_t i = 0; out && i < n_drop; i++)
        for (char *at; (at = strstr(out, drop[i]));) {
            size_t n = strlen(drop[i]);
            memmove(at, at + n, strlen(at + n) + 1);
        }
    return out;
}

int su_hv_mark(struct su_hv *hv, const char *uuid, const char *element, struct su_err *e)
{
    static const char *const drop[] = {" xmlns:surety=\"" SU_UPGRADE_NS "\"", " xmlns:surety='" SU_UPGRADE_NS "'"};
    char *plain SU_FREE = element ? without(element, drop, SU_ARRAY_LEN(drop)) : NULL;
    if (element && !plain)
        return su_fail_nomem(e, strlen(element));
    for (char *at = plain; at && (at = strstr(at, "surety:"));) {
        bool tag = at > plain && (at[-1] == '<' || at[-1] == '/');
        if (tag)
            memmove(at, at + 7, strlen(at + 7) + 1);
        else
            at += 7;
    }
    return su_hv_do(hv, uuid, SU_HV_REPEAT, mark, plain, e);
}

/* The guest ----------------------------------------------------------------- */

struct ask {
    const char *command;
    int timeout_s;
    char *answer; /* owned */
};

static bool nobody_answers(int code)
{
    static const int codes[] = {VIR_ERR_AGENT_UNRESPONSIVE, VIR_ERR_AGENT_UNSYNCED, VIR_ERR_NO_SUPPORT,
                                VIR_ERR_OPERATION_UNSUPPORTED, VIR_ERR_ARGUMENT_UNSUPPORTED};
    for (size_t i = 0; i < SU_ARRAY_LEN(codes); i++)
        if (code == codes[i])
            return true;
    return false;
}

static int ask_agent(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct ask *a = arg;
    (void)conn;
    a->answer = virDomainQemuAgentCommand(dom, a->command, a->timeout_s, 0);
    if (a->answer)
        return 0;
    if (!nobody_answers(virGetLastErrorCode()))
        return su_hv_fail(e, "the guest agent", dom);
    su_fail(e, SU_E_MISSING, "vm.agent", "no guest agent answers: %.180s", virGetLastErrorMessage());
    return su_remedy(e, "install qemu-guest-agent in the VM and give it the channel org.qemu.guest_agent.0");
}

int su_hv_agent(struct su_hv *hv, const char *uuid, const char *command, uint32_t timeout_s, struct su_buf *answer,
                struct su_err *e)
{
    struct ask a = {.command = command, .timeout_s = timeout_s > 3600 ? 3600 : (int)timeout_s};
    if (su_hv_do(hv, uuid, SU_HV_ONCE, ask_agent, &a, e) < 0)
        return -1;
    char *text SU_FREE = a.answer;
    size_t n = strnlen(text, SU_HV_AGENT + 1);
    if (n > SU_HV_AGENT)
        return su_fail(e, SU_E_RANGE, "vm.agent.size", "the guest agent answered with more than %d bytes", SU_HV_AGENT);
    su_buf_add(answer, text, n);
    return su_buf_ok(answer, e);
}

struct net {
    uint64_t rx, tx;
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static int get_net(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct net *net = arg;
    virDomainPtr one[] = {dom, NULL};
    virDomainStatsRecordPtr *stats = NULL;
    bool any = false;
    (void)conn;
    int n = virDomainListGetStats(one, VIR_DOMAIN_STATS_INTERFACE, &stats, 0);
    if (n < 0 && !nobody_answers(virGetLastErrorCode()))
        return su_hv_fail(e, "the counters", dom);
    *net = (struct net){0};
    for (int i = 0; n > 0 && i < stats[0]->nparams; i++) {
        const virTypedParameter *p = &stats[0]->params[i];
        if (p->type != VIR_TYPED_PARAM_ULLONG || strncmp(p->field, "net.", 4) != 0)
            continue;
        any |= ends_with(p->field, ".rx.bytes");
        net->rx += ends_with(p->field, ".rx.bytes") ? p->value.ul : 0;
        net->tx += ends_with(p->field, ".tx.bytes") ? p->value.ul : 0;
    }
    if (n >= 0)
        virDomainStatsRecordListFree(stats);
    return any ? 0 : su_fail(e, SU_E_MISSING, "vm.net", "libvirt counts no bytes of this VM's network cards");
}

int su_hv_net(struct su_hv *hv, const char *uuid, uint64_t *rx, uint64_t *tx, struct su_err *e)
{
    struct net net = {0};
    if (su_hv_do(hv, uuid, SU_HV_REPEAT, get_net, &net, e) < 0)
        return -1;
    *rx = net.rx;
    *tx = net.tx;
    return 0;
}
