/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a grant asks of all VMs, for many grants at once. */
#include "legacy_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Another VM's interface with the same name would keep this one from starting, and one with the MAC would confuse the
 * bridge. */
struct looking {
    struct su_legacy_want *w;
    size_t n;
    const char *uuid, *name; /* of the VM whose cards come */
};

static void compare(void *arg, const char *dev, const char *mac)
{
    struct looking *k = arg;
    if (strncmp(dev, SU_LEGACY_PREFIX, strlen(SU_LEGACY_PREFIX)) != 0 && !mac[0])
        return;
    for (size_t i = 0; i < k->n; i++) {
        struct su_legacy_want *w = &k->w[i];
        if (strcmp(w->uuid, k->uuid) != 0 && (strcmp(w->dev, dev) == 0 || strcmp(w->mac, mac) == 0))
            snprintf(w->clash, sizeof w->clash, "%s", k->name);
    }
}

int su_legacy_clashes(struct su_legacy *l, struct su_legacy_want *w, size_t n, struct su_err *e)
{
    virDomainPtr *doms = NULL;
    struct looking k = {w, n, NULL, NULL};
    for (size_t i = 0; i < n; i++) {
        su_legacy_dev_of(w[i].uuid, w[i].dev);
        su_legacy_mac_of(w[i].uuid, w[i].mac);
        w[i].clash[0] = '\0';
    }
    int found = virConnectListAllDomains(l->conn, &doms, 0);
    for (int i = 0; i < found; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";
        struct su_err none = {0}; /* one that was removed meanwhile clashes with nobody */
        SU_FREE char *xml = virDomainGetUUIDString(doms[i], uuid) == 0 ? virDomainGetXMLDesc(doms[i], 0) : NULL;
        k.uuid = uuid;
        k.name = virDomainGetName(doms[i]);
        int rc = xml ? su_legacy_dom_cards(xml, compare, &k, &none) : 0;
        (void)rc;
        virDomainFree(doms[i]);
    }
    free(doms);
    return found < 0 ? su_legacy_lv_fail(e, "the VMs cannot be listed") : 0;
}

int su_legacy_fail_clash(const struct su_legacy_want *w, struct su_err *e)
{
    if (!w->clash[0])
        return 0;
    su_fail(e, SU_E_CONFLICT, "legacy.clash", "VM %.100s has an interface %s or its MAC address %s", w->clash, w->dev,
            w->mac);
    return su_remedy(e, "it is a copy made by hand: remove that interface from it (virsh detach-interface)");
}

/* Frames of a card's first moment count, so the port is open before the card is there. */
int su_legacy_prepare(struct su_legacy *l, struct su_legacy_want *w, size_t n, struct su_err *e)
{
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports ports = {0}, used = {0};
    bool changed;
    if (su_legacy_must_be_on(l, e) < 0 || su_legacy_online(l, e) < 0 || su_legacy_clashes(l, w, n, e) < 0 ||
        su_legacy_collect(l, &ports, e) < 0 || su_legacy_numbers(l, &used, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        uint32_t number;
        if (!w[i].running || w[i].clash[0])
            continue;
        if (su_legacy_number_of(l, &used, w[i].uuid, &number, e) < 0 ||
            su_legacy_ports_add(&ports, w[i].uuid, number, e) < 0)
            return -1;
    }
    return su_legacy_apply(l, &ports, &changed, e) < 0 ? -1 : su_legacy_begin(l, w, n, e);
}
