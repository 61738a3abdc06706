/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which ports of the legacy network are open, and the nftables that open them. */
#include "legacy_int.h"
#include <stdlib.h>
#include <string.h>

void su_legacy_ports_done(struct su_legacy_ports *p)
{
    free(p->p);
    *p = (struct su_legacy_ports){0};
}

int su_legacy_ports_add(struct su_legacy_ports *p, const char *uuid, uint32_t number, struct su_err *e)
{
    size_t at = 0;
    while (at < p->n && strcmp(p->p[at].uuid, uuid) < 0)
        at++;
    if (at < p->n && strcmp(p->p[at].uuid, uuid) == 0) {
        p->p[at].number = number ? number : p->p[at].number;
        return 0;
    }
    struct su_legacy_port *grown = realloc(p->p, (p->n + 1) * sizeof *grown);
    if (!grown)
        return su_fail_nomem(e, (p->n + 1) * sizeof *grown);
    p->p = grown;
    memmove(grown + at + 1, grown + at, (p->n - at) * sizeof *grown);
    memset(&grown[at], 0, sizeof grown[at]);
    memcpy(grown[at].uuid, uuid, strnlen(uuid, SU_UUID_TEXT - 1));
    grown[at].number = number;
    p->n++;
    return 0;
}

void su_legacy_ports_drop(struct su_legacy_ports *p, const char *uuid)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->p[i].uuid, uuid) == 0) {
            memmove(p->p + i, p->p + i + 1, (p->n - i - 1) * sizeof *p->p);
            p->n--;
            return;
        }
}

/* Domains -----------------------------------------------------------------------------------------------------------
 */

int su_legacy_lv_fail(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_IO, "legacy.libvirt", "%s: %s", what, virGetLastErrorMessage());
}

int su_legacy_dom_facts(virDomainPtr dom, bool inactive, struct su_legacy_dom *out, struct su_err *e)
{
    SU_FREE char *xml = virDomainGetXMLDesc(dom, inactive ? VIR_DOMAIN_XML_INACTIVE : 0);
    if (!xml)
        return su_legacy_lv_fail(e, "the XML of a VM cannot be had");
    return su_legacy_dom_read(xml, out, e);
}

/* VMs that sit on the network now, wherever they came from. */
static int add_owners(virNetworkPtr net, struct su_legacy_ports *p, struct su_err *e)
{
    virNetworkPortPtr *ports = NULL;
    int n = virNetworkIsActive(net) == 1 ? virNetworkListAllPorts(net, &ports, 0) : 0, rc = 0;
    for (int i = 0; i < n; i++) {
        char uuid[SU_UUID_TEXT] = "";
        SU_FREE char *xml = rc == 0 ? virNetworkPortGetXMLDesc(ports[i], 0) : NULL;
        if (xml && su_legacy_port_owner(xml, uuid, e) == 0 && *uuid)
            rc = su_legacy_ports_add(p, uuid, 0, e);
        virNetworkPortFree(ports[i]);
    }
    free(ports);
    return n < 0 ? su_legacy_lv_fail(e, "the network's ports cannot be listed") : rc;
}

/* A port is open for the VM that runs, has the grant, and has exactly the interface that belongs to it. */
static int open_if_right(struct su_legacy *l, const struct su_legacy_port *p, struct su_legacy_ports *out,
                         struct su_err *e)
{
    SU_AUTO(su_dom_freep) virDomainPtr dom = virDomainLookupByUUIDString(l->conn, p->uuid);
    if (!dom) {
        if (virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
            return su_legacy_lv_fail(e, "a VM cannot be looked up");
        struct su_err later = {0}; /* on a full disk the ports of the others are opened all the same */
        int rc = su_legacy_number_drop(l, p->uuid, &later);
        (void)rc;
        return 0;
    }
    struct su_legacy_dom d;
    uint32_t number = p->number;
    int active = virDomainIsActive(dom);
    if (active == 0)
        return 0;
    struct su_err why = {0};
    if (active < 0)
        su_legacy_lv_fail(&why, "whether a VM runs cannot be had");
    if (active < 0 || su_legacy_dom_facts(dom, false, &d, &why) < 0) {
        /* It may end meanwhile; what libvirt could not answer otherwise does not close a port that is open. */
        if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN || strcmp(why.id, "legacy.libvirt") != 0)
            return 0;
        *e = why;
        return -1;
    }
    if (!d.granted || !d.right)
        return 0;
    if (!number && su_legacy_number(l, p->uuid, &number, e) < 0)
        return -1;
    return su_legacy_ports_add(out, p->uuid, number, e);
}

int su_legacy_collect(struct su_legacy *l, struct su_legacy_ports *out, struct su_err *e)
{
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports maybe = {0};
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports is = {0};
    SU_AUTO(su_net_freep) virNetworkPtr net = NULL;
    if (su_legacy_online(l, e) < 0 || su_legacy_numbers(l, &maybe, e) < 0 || su_legacy_network(l, &net, e) < 0)
        return -1;
    if (net && add_owners(net, &maybe, e) < 0)
        return -1;
    for (size_t i = 0; i < maybe.n; i++)
        if (open_if_right(l, &maybe.p[i], &is, e) < 0)
            return -1;
    *out = is;
    is = (struct su_legacy_ports){0};
    return 0;
}

/* nftables ----------------------------------------------------------------------------------------------------------
 */

static int nft_do(struct su_legacy *l, const struct su_buf *script, struct su_err *e)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};
    if (su_buf_ok(script, e) < 0)
        return -1;
    return l->host->run(l->host->arg, argv, su_buf_bytes(script), NULL, e);
}

/* Empty when a table is not there. */
static int list_tables(struct su_legacy *l, struct su_buf *out, struct su_err *e)
{
    static const char *const families[] = {"bridge", "inet", "arp"};
    SU_BUF struct su_buf all = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(families); i++) {
        const char *argv[] = {"nft", "-s", "list", "table", families[i], "surety", NULL};
        struct su_err why = {0};
        if (l->host->run(l->host->arg, argv, (struct su_bytes){0}, &all, &why) == 0)
            continue;
        if (why.kind != SU_E_IO) {
            *e = why;
            return -1;
        }
        return 0;
    }
    if (su_buf_ok(&all, e) < 0)
        return -1;
    su_legacy_nft_stable(su_buf_str(&all), out);
    return su_buf_ok(out, e);
}

static bool same_bytes(const struct su_buf *a, const struct su_buf *b)
{
    return a->n == b->n && (!a->n || memcmp(a->p, b->p, a->n) == 0);
}

int su_legacy_tables_intact(struct su_legacy *l, bool *out, struct su_err *e)
{
    SU_BUF struct su_buf now = {0};
    if (list_tables(l, &now, e) < 0)
        return -1;
    *out = l->applied && l->applied->listing.n && same_bytes(&now, &l->applied->listing);
    return 0;
}

static bool same_ports(const struct su_legacy_applied *a, const struct su_legacy_ports *want)
{
    bool same = a->n == want->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->ports[i].uuid, want->p[i].uuid) == 0 && a->ports[i].number == want->p[i].number;
    return same;
}

static int remember(struct su_legacy *l, const struct su_legacy_ports *want, struct su_err *e)
{
    struct su_legacy_applied *a = l->applied;
    struct su_legacy_port *copy = calloc(want->n + 1, sizeof *copy);
    if (!copy)
        return su_fail_nomem(e, (want->n + 1) * sizeof *copy);
    if (want->n)
        memcpy(copy, want->p, want->n * sizeof *copy);
    free(a->ports);
    a->ports = copy;
    a->n = want->n;
    su_buf_done(&a->listing);
    a->listing = (struct su_buf){0};
    return list_tables(l, &a->listing, e);
}

int su_legacy_apply(struct su_legacy *l, const struct su_legacy_ports *want, bool *changed, struct su_err *e)
{
    if (!l->applied && !(l->applied = calloc(1, sizeof *l->applied)))
        return su_fail_nomem(e, sizeof *l->applied);
    bool intact;
    if (su_legacy_tables_intact(l, &intact, e) < 0)
        return -1;
    if (intact && same_ports(l->applied, want))
        return 0;
    SU_BUF struct su_buf soft = {0}, hard = {0};
    struct su_err ignored = {0};
    su_legacy_nft_ports(want->p, want->n, &soft);
    su_legacy_nft(l->conf->legacy_bridge, want->p, want->n, &hard);
    bool done = intact && nft_do(l, &soft, &ignored) == 0;
    if (!done && nft_do(l, &hard, e) < 0)
        return su_context(e, "the rules of the legacy network cannot be loaded");
    *changed = true;
    return remember(l, want, e);
}

int su_legacy_unapply(struct su_legacy *l, struct su_err *e)
{
    SU_BUF struct su_buf script = {0};
    su_legacy_nft_remove(&script);
    su_legacy_done(l);
    return nft_do(l, &script, e);
}

void su_legacy_done(struct su_legacy *l)
{
    if (!l->applied)
        return;
    free(l->applied->ports);
    su_buf_done(&l->applied->listing);
    free(l->applied);
    l->applied = NULL;
}
