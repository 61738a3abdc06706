/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs on the legacy network: who has a grant, giving one, taking it away. */
#include "base/clock.h"
#include "legacy_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *su_legacy_state_name(enum su_legacy_state s)
{
    static const char *const names[] = {"none", "connected", "configured", "detaching", "broken"};
    return (size_t)s < SU_ARRAY_LEN(names) ? names[s] : "unknown";
}

void su_legacy_vms_done(struct su_legacy_vms *v)
{
    free(v->vm);
    *v = (struct su_legacy_vms){0};
}

/* Both sides of a domain: what runs, and what is stored. */
struct both {
    struct su_legacy_dom live, stored;
    bool running, persistent;
};

static int look(virDomainPtr dom, struct both *b, struct su_err *e)
{
    *b = (struct both){.running = virDomainIsActive(dom) == 1, .persistent = virDomainIsPersistent(dom) == 1};
    if (su_legacy_dom_facts(dom, true, &b->stored, e) < 0)
        return -1;
    if (b->running)
        return su_legacy_dom_facts(dom, false, &b->live, e);
    return 0;
}

static bool granted(const struct both *b)
{
    return (b->running && b->live.granted) || (b->persistent && b->stored.granted);
}

static const char *trouble_of(const struct su_legacy_dom *d)
{
    if (d->interfaces > 1)
        return "it has more than one interface on the legacy network";
    return "its interface on the legacy network was changed: name, MAC address or filter";
}

static void broken(struct su_legacy_vm *v, const char *why)
{
    v->state = SU_LEGACY_BROKEN;
    snprintf(v->problem, sizeof v->problem, "%s", why);
}

/* The table of states; first that fits. */
static void judge(const struct both *b, struct su_legacy_vm *v)
{
    const struct su_legacy_dom *live = &b->live, *stored = &b->stored;
    bool own = strcmp(live->dev, v->dev) == 0;
    if (!granted(b)) {
        if (b->running && live->interfaces)
            own ? (void)(v->state = SU_LEGACY_DETACHING)
                : broken(v, "it was attached without a grant, and gets no answers");
        else if (stored->interfaces)
            broken(v, "it was attached without a grant, and gets no answers");
    } else if (b->running && live->granted && live->interfaces) {
        if (live->right)
            v->state = SU_LEGACY_CONNECTED;
        else
            broken(v, trouble_of(live));
    } else if (!stored->interfaces) {
        broken(v, "it has a grant, but its interface was removed");
    } else if (!stored->right) {
        broken(v, trouble_of(stored));
    } else {
        v->state = SU_LEGACY_CONFIGURED;
    }
}

static int describe(struct su_legacy *l, virDomainPtr dom, struct su_legacy_vm *out, struct su_err *e)
{
    struct both b;
    char path[128];
    if (look(dom, &b, e) < 0)
        return -1;
    struct su_legacy_vm v = {.running = b.running};
    snprintf(v.uuid, sizeof v.uuid, "%s", b.stored.uuid);
    snprintf(v.name, sizeof v.name, "%s", b.stored.name);
    su_legacy_dev_of(v.uuid, v.dev);
    su_legacy_mac_of(v.uuid, v.mac);
    judge(&b, &v);
    for (size_t i = 0; v.state == SU_LEGACY_CONNECTED && l->applied && i < l->applied->n; i++)
        if (strcmp(l->applied->ports[i].uuid, v.uuid) == 0) {
            v.mark = SU_LEGACY_MARK + l->applied->ports[i].number;
            su_legacy_address_of(l->applied->ports[i].number, v.address);
        }
    su_legacy_net_path(path, v.dev, "brport/isolated");
    if (v.state == SU_LEGACY_CONNECTED && (!v.mark || !su_legacy_exists(l, path))) {
        broken(&v, v.mark ? "its interface is not on the bridge" : "its port is not open");
        v.mark = 0;
    }
    *out = v;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct su_legacy_vm *)a)->name, ((const struct su_legacy_vm *)b)->name);
}

int su_legacy_list(struct su_legacy *l, struct su_legacy_vms *out, struct su_err *e)
{
    virDomainPtr *doms = NULL;
    struct su_legacy_vms v = {0};
    int rc = 0;
    if (su_legacy_online(l, e) < 0)
        return -1;
    int n = virConnectListAllDomains(l->conn, &doms, 0);
    if (n < 0)
        return su_legacy_lv_fail(e, "the VMs cannot be listed");
    v.vm = calloc((size_t)n + 1, sizeof *v.vm);
    if (!v.vm)
        rc = su_fail_nomem(e, (size_t)n * sizeof *v.vm);
    for (int i = 0; i < n; i++) {
        struct su_err gone = {0}; /* a VM that was removed meanwhile is no failure */
        if (rc == 0 && describe(l, doms[i], &v.vm[v.n], &gone) == 0 && v.vm[v.n].state != SU_LEGACY_NONE)
            v.n++;
        virDomainFree(doms[i]);
    }
    free(doms);
    if (rc < 0)
        return -1;
    qsort(v.vm, v.n, sizeof *v.vm, by_name);
    *out = v;
    return 0;
}

/* Giving and taking
 * ---------------------------------------------------------------------------------------------------- */

static int find(struct su_legacy *l, const char *vm, virDomainPtr *out, struct su_err *e)
{
    if (su_legacy_online(l, e) < 0)
        return -1;
    *out = su_uuid_valid(vm) ? virDomainLookupByUUIDString(l->conn, vm) : NULL;
    if (!*out)
        *out = virDomainLookupByName(l->conn, vm);
    if (*out)
        return 0;
    if (virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
        return su_legacy_lv_fail(e, "the VM cannot be looked up");
    return su_fail(e, SU_E_MISSING, "legacy.vm", "there is no VM %.128s", vm);
}

/* What su_legacy_prepare() does for many.  begin: something is missing. */
static int prepare_one(struct su_legacy *l, const struct both *b, bool begin, struct su_err *e)
{
    struct su_legacy_want w = {.running = b->running};
    snprintf(w.uuid, sizeof w.uuid, "%s", b->stored.uuid);
    if (su_legacy_clashes(l, &w, 1, e) < 0 || su_legacy_fail_clash(&w, e) < 0)
        return -1;
    return begin ? su_legacy_begin(l, &w, 1, e) : 0;
}

static int set_metadata(virDomainPtr dom, bool grant, unsigned flags, struct su_err *e)
{
    if (!flags)
        return 0;
    if (virDomainSetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, grant ? "<grant/>" : NULL, SU_LEGACY_METADATA_KEY,
                             SU_LEGACY_METADATA, flags) == 0 ||
        (!grant && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA))
        return 0;
    return su_legacy_lv_fail(e, "the grant cannot be written into the VM's metadata");
}

/* Takes every interface of the legacy network out of one side of a domain. */
static int detach(virDomainPtr dom, unsigned interfaces, unsigned flag, struct su_err *e)
{
    for (unsigned i = 0; i < interfaces; i++) {
        struct su_legacy_dom d;
        char xml[256];
        if (su_legacy_dom_facts(dom, flag == VIR_DOMAIN_AFFECT_CONFIG, &d, e) < 0)
            return -1;
        if (!d.interfaces)
            return 0;
        snprintf(xml, sizeof xml,
                 "<interface type='network'><mac address='%s'/><source network='" SU_LEGACY_NAME "'/></interface>",
                 d.mac);
        if (virDomainDetachDeviceFlags(dom, xml, flag) < 0) {
            int code = virGetLastErrorCode();
            if (code == VIR_ERR_DEVICE_MISSING || (flag == VIR_DOMAIN_AFFECT_LIVE && virDomainIsActive(dom) != 1))
                return 0;
            if (flag == VIR_DOMAIN_AFFECT_LIVE) /* the guest has not answered the last request yet, or cannot */
                return 0;
            return su_legacy_lv_fail(e, "the interface cannot be removed");
        }
    }
    return 0;
}

bool su_legacy_pause(struct su_legacy *l, unsigned *left_ms)
{
    if (*left_ms < SU_LEGACY_LOOK_MS)
        return false;
    *left_ms -= SU_LEGACY_LOOK_MS;
    if (l->pause)
        return l->pause(l->pause_arg, SU_LEGACY_LOOK_MS);
    su_nap_ms(SU_LEGACY_LOOK_MS);
    return true;
}

/* A guest that is busy takes its time; one that takes no notice of such events never lets go. */
static void wait_detached(struct su_legacy *l, virDomainPtr dom)
{
    struct su_legacy_dom d;
    struct su_err gone = {0};
    unsigned left = SU_LEGACY_LET_GO_MS;
    while (virDomainIsActive(dom) == 1 && su_legacy_dom_facts(dom, false, &d, &gone) == 0 && d.interfaces)
        if (!su_legacy_pause(l, &left))
            return;
}

/* Where legacy support is off there are none, and no rules. */
static int refresh_ports(struct su_legacy *l, const char *add, const char *drop, struct su_err *e)
{
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports ports = {0};
    uint32_t number;
    bool changed, enabled;
    if (su_legacy_enabled(l, &enabled, e) < 0)
        return -1;
    if (!enabled)
        return 0;
    if (su_legacy_collect(l, &ports, e) < 0)
        return -1;
    if (add && (su_legacy_number(l, add, &number, e) < 0 || su_legacy_ports_add(&ports, add, number, e) < 0))
        return -1;
    if (drop)
        su_legacy_ports_drop(&ports, drop);
    return su_legacy_apply(l, &ports, &changed, e);
}

static int fail_poweroff(struct su_err *e, const char *name, const char *why)
{
    su_fail(e, SU_E_REFUSED, "legacy.poweroff", "VM %.60s cannot take a network card while it runs: %.140s", name, why);
    return su_remedy(e, "surety legacy grant --config NAME, then power the VM off and start it (a restart from inside "
                        "is not enough)");
}

static int attach(struct su_legacy *l, virDomainPtr dom, const struct both *b, unsigned flags, bool prepared,
                  struct su_err *e)
{
    SU_BUF struct su_buf xml = {0};
    bool live = flags & VIR_DOMAIN_AFFECT_LIVE;
    if (live && b->live.no_hotplug)
        return fail_poweroff(e, b->stored.name, b->live.no_hotplug);
    su_legacy_interface_xml(b->stored.uuid, live ? b->live.model : b->stored.model, &xml);
    if (su_buf_ok(&xml, e) < 0)
        return -1;
    if (live && !prepared && refresh_ports(l, b->stored.uuid, NULL, e) < 0) /* frames of the first moment count */
        return -1;
    if (virDomainAttachDeviceFlags(dom, su_buf_str(&xml), flags) == 0)
        return 0;
    if (live)
        return fail_poweroff(e, b->stored.name, virGetLastErrorMessage());
    return su_legacy_lv_fail(e, "the interface cannot be added");
}

/* What is missing for "granted, with the right interface" on the sides that are asked for. */
struct missing {
    unsigned record, card; /* VIR_DOMAIN_AFFECT_LIVE, _CONFIG */
};

static void missing_on(struct missing *m, const struct su_legacy_dom *d, unsigned side)
{
    if (!d->granted || !d->right)
        m->record |= side;
    if (!d->right)
        m->card |= side;
}

static struct missing what_is_missing(const struct both *b, unsigned flags)
{
    struct missing m = {0};
    bool later = (flags & SU_LEGACY_CONFIG_ONLY) && b->persistent;
    if (b->running && !later)
        missing_on(&m, &b->live, VIR_DOMAIN_AFFECT_LIVE);
    if (b->persistent)
        missing_on(&m, &b->stored, VIR_DOMAIN_AFFECT_CONFIG);
    return m;
}

/* A changed interface goes before the right one comes. */
static int clear_way(struct su_legacy *l, virDomainPtr dom, const struct both *b, unsigned sides, bool wait,
                     struct su_err *e)
{
    bool live = (sides & VIR_DOMAIN_AFFECT_LIVE) && b->live.interfaces;
    if (live && detach(dom, b->live.interfaces, VIR_DOMAIN_AFFECT_LIVE, e) < 0)
        return -1;
    if ((sides & VIR_DOMAIN_AFFECT_CONFIG) && b->stored.interfaces &&
        detach(dom, b->stored.interfaces, VIR_DOMAIN_AFFECT_CONFIG, e) < 0)
        return -1;
    if (live && wait)
        wait_detached(l, dom);
    return 0;
}

static int grant_sides(struct su_legacy *l, virDomainPtr dom, const struct both *b, unsigned flags, bool *changed,
                       struct su_err *e)
{
    struct missing m = what_is_missing(b, flags);
    *changed = m.record != 0;
    if (m.card && (clear_way(l, dom, b, m.card, true, e) < 0 || su_legacy_must_be_on(l, e) < 0 || /* others had it */
                   attach(l, dom, b, m.card, flags & SU_LEGACY_PREPARED, e) < 0))
        return -1;
    return set_metadata(dom, true, m.record, e);
}

int su_legacy_must_be_on(struct su_legacy *l, struct su_err *e)
{
    bool enabled;
    if (su_legacy_enabled(l, &enabled, e) < 0)
        return -1;
    if (enabled)
        return 0;
    su_fail(e, SU_E_REFUSED, "legacy.disabled", "legacy OS support is off on this host");
    return su_remedy(e, "surety legacy enable");
}

/* What was begun; rc: what came of it. */
static int end_one(struct su_legacy *l, int rc, struct su_err *e)
{
    struct su_err later = {0};
    su_legacy_granted(l, rc == 0);
    return refresh_ports(l, NULL, NULL, rc < 0 ? &later : e) < 0 ? -1 : rc;
}

int su_legacy_grant(struct su_legacy *l, const char *vm, unsigned flags, struct su_legacy_vm *out, bool *changed,
                    struct su_err *e)
{
    SU_AUTO(su_dom_freep) virDomainPtr dom = NULL;
    struct both b;
    bool did = false;
    if (su_legacy_must_be_on(l, e) < 0 || find(l, vm, &dom, e) < 0 || look(dom, &b, e) < 0)
        return -1;
    const bool alone = !(flags & SU_LEGACY_PREPARED), begin = alone && what_is_missing(&b, flags).record;
    if (alone && prepare_one(l, &b, begin, e) < 0)
        return -1;
    int rc = grant_sides(l, dom, &b, flags, &did, e);
    if (begin)
        rc = end_one(l, rc, e);
    if (rc < 0 || (out && describe(l, dom, out, e) < 0))
        return -1;
    *changed = did;
    return 0;
}

int su_legacy_complete(struct su_legacy *l, const char *uuid, struct su_err *e)
{
    SU_AUTO(su_dom_freep) virDomainPtr dom = NULL;
    struct both b;
    unsigned sides = 0;
    if (find(l, uuid, &dom, e) < 0)
        return e->kind == SU_E_MISSING ? 0 : -1;
    if (look(dom, &b, e) < 0)
        return -1;
    if (b.running && b.live.right && !b.live.granted)
        sides |= VIR_DOMAIN_AFFECT_LIVE;
    if (b.persistent && b.stored.right && !b.stored.granted)
        sides |= VIR_DOMAIN_AFFECT_CONFIG;
    return set_metadata(dom, true, sides, e);
}

/* First the port, then the record, last the card: at no moment is there more than is granted. */
static int take_away(struct su_legacy *l, virDomainPtr dom, const struct both *b, bool wait, struct su_err *e)
{
    unsigned sides = (b->running ? VIR_DOMAIN_AFFECT_LIVE : 0u) | (b->persistent ? VIR_DOMAIN_AFFECT_CONFIG : 0u);
    if (su_legacy_begun_drop(l, b->stored.uuid, e) < 0 || refresh_ports(l, NULL, b->stored.uuid, e) < 0 ||
        set_metadata(dom, false, sides, e) < 0 || su_legacy_number_drop(l, b->stored.uuid, e) < 0)
        return -1;
    return clear_way(l, dom, b, sides, wait, e);
}

int su_legacy_revoke(struct su_legacy *l, const char *vm, unsigned flags, struct su_legacy_vm *out, bool *changed,
                     struct su_err *e)
{
    SU_AUTO(su_dom_freep) virDomainPtr dom = NULL;
    struct su_legacy_vm v;
    struct both b;
    if (find(l, vm, &dom, e) < 0 || look(dom, &b, e) < 0)
        return -1;
    bool did = granted(&b) || (b.running && b.live.interfaces) || (b.persistent && b.stored.interfaces);
    if ((did && take_away(l, dom, &b, !(flags & SU_LEGACY_NO_WAIT), e) < 0) || describe(l, dom, &v, e) < 0)
        return -1;
    if (out)
        *out = v;
    *changed = did;
    return 0;
}
