/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is served, and in what order the peers are told: model peers check the promises of the header at each step. */
#include "daemon/vmtab.h"
#include "tests/lib/tap.h"
#include "wire/fields.h"

static const struct su_host_conf conf = {
    .subscription = "00000000-0000-0000-0000-000000000000", .host = "h", .cluster = "c", .legacy_bridge = "vbr-imds"};
static struct su_err e;

static struct su_vm_desc *vm(unsigned n, uint32_t cid)
{
    static struct su_vm_desc d;
    memset(&d, 0, sizeof d);
    snprintf(d.uuid, sizeof d.uuid, "11111111-2222-4333-8444-%012u", n);
    snprintf(d.name, sizeof d.name, "vm%u", n);
    d.running = true;
    d.cid = cid;
    return &d;
}

static bool claim(struct su_vmtab *t, const char *source, const struct su_vm_desc *d)
{
    return su_vmtab_claim(t, source, d, &conf, &e) == 0 && su_vmtab_resolve(t, &e) == 0;
}

static const char *problem(struct su_vmtab *t, unsigned n)
{
    struct su_vm *v = su_vmtab_find(t, vm(n, 0)->uuid);
    return !v ? "(gone)" : v->wanted ? "" : v->problem_id[0] ? v->problem_id : "(not wanted)";
}

static void collisions(void)
{
    struct su_vmtab t = {0};
    ok(claim(&t, "libvirt", vm(1, 10)) && claim(&t, "libvirt", vm(2, 11)), "two VMs");
    is_str(problem(&t, 1), "");
    ok(claim(&t, "libvirt", vm(3, 10)), "a third with the context id of the first");
    is_str(problem(&t, 1), "vm.cid-collision");
    is_str(problem(&t, 3), "vm.cid-collision");
    is_str(problem(&t, 2), "");
    su_vmtab_stopped(&t, "libvirt", vm(1, 0)->uuid);
    ok(su_vmtab_resolve(&t, &e) == 0, "the first stops");
    is_str(problem(&t, 3), "");
    is_str(problem(&t, 1), "(not wanted)");
    ok(claim(&t, "file:x.conf", vm(2, 50)), "a file claims the second's UUID");
    is_str(problem(&t, 2), "vm.uuid-collision");
    su_vmtab_unclaim(&t, "file:x.conf", vm(2, 0)->uuid);
    ok(su_vmtab_resolve(&t, &e) == 0, "and lets it go");
    is_str(problem(&t, 2), "");
    struct su_vm_mark m[2] = {{.mark = 7}, {.mark = 7, .later = true}};
    memcpy(m[0].uuid, vm(2, 0)->uuid, SU_UUID_TEXT);
    memcpy(m[1].uuid, vm(3, 0)->uuid, SU_UUID_TEXT);
    su_vmtab_marks(&t, m, 2);
    ok(su_vmtab_resolve(&t, &e) == 0, "one mark for two");
    is_str(problem(&t, 2), "vm.mark-collision");
    su_vmtab_unmark(&t, m[0].uuid);
    ok(su_vmtab_resolve(&t, &e) == 0, "taken from one");
    ok(su_vmtab_find(&t, m[0].uuid)->granted && su_vmtab_find(&t, m[1].uuid)->granted, "who stays granted");
    ok(!su_vmtab_find(&t, m[0].uuid)->granted_later && su_vmtab_find(&t, m[1].uuid)->granted_later,
       "one from its next start on");
    is_str(problem(&t, 2), "");
    struct su_vm_desc *s = vm(4, 0);
    snprintf(s->socket, sizeof s->socket, "/s");
    ok(claim(&t, "file:a.conf", s), "a socket");
    s = vm(5, 0);
    snprintf(s->socket, sizeof s->socket, "/s");
    ok(claim(&t, "file:b.conf", s), "twice");
    is_str(problem(&t, 4), "vm.socket-collision");
    is_str(problem(&t, 5), "vm.socket-collision");
    ok(claim(&t, "libvirt", vm(6, 0)), "a VM without a way to ask");
    is_str(problem(&t, 6), "(not wanted)");
    struct su_vm *v = NULL;
    ok(su_vmtab_lookup(&t, "vm6", &v, &e) == 0 && su_vmtab_lookup(&t, v->uuid, &v, &e) == 0, "found by name and UUID");
    ok(su_vmtab_lookup(&t, "none", &v, &e) < 0 && strcmp(e.id, "vm.none") == 0, "not found");
    struct su_vm_desc *twin = vm(7, 0);
    snprintf(twin->name, sizeof twin->name, "vm6");
    ok(claim(&t, "libvirt", twin) && su_vmtab_lookup(&t, "vm6", &v, &e) < 0 && strcmp(e.id, "vm.ambiguous") == 0,
       "two of a name");
    uint64_t round = su_vmtab_begin(&t);
    ok(claim(&t, "libvirt", vm(2, 11)), "seen again");
    su_vmtab_end(&t, "libvirt", round);
    ok(su_vmtab_resolve(&t, &e) == 0, "the others not");
    is_str(problem(&t, 3), "(gone)");
    is_str(problem(&t, 2), "");
    is_str(problem(&t, 4), "vm.socket-collision");
    su_vmtab_done(&t);
}

/* What the peers have, after each acknowledged message. */
enum { N = 12 };
struct model {
    bool facts[N], route[N];
    uint8_t secure[N]; /* as the signer has it */
    uint32_t cid[N];
    struct su_vm_sent flying[SU_PEERS];
    bool busy[SU_PEERS];
    unsigned puts;
};

static unsigned index_of(const char *uuid)
{
    return (unsigned)strtoul(uuid + 24, NULL, 10);
}

static bool one_cid_each(const struct model *m)
{
    for (unsigned i = 0; i < N; i++)
        for (unsigned j = i + 1; j < N; j++)
            if (m->route[i] && m->route[j] && m->cid[i] == m->cid[j])
                return false;
    return true;
}

static bool step(struct su_vmtab *t, struct model *m, enum su_vm_peer peer, bool refuse)
{
    struct su_vm *v = NULL;
    if (m->busy[peer]) { /* the answer */
        struct su_vm_sent *s = &m->flying[peer];
        unsigned i = index_of(s->uuid);
        struct su_err no = {.id = "x", .msg = "no"};
        m->busy[peer] = false;
        if (peer == SU_PEER_SIGNER && !(refuse && s->change == SU_VM_PUT))
            m->facts[i] = s->change == SU_VM_PUT;
        if (peer == SU_PEER_IMDS && s->change == SU_VM_REMOVE)
            m->route[i] = false;
        su_vmtab_answered(t, peer, s, refuse && s->change == SU_VM_PUT ? &no : NULL);
        return true;
    }
    enum su_vm_change c = su_vmtab_next(t, peer, &v);
    if (c == SU_VM_NOTHING)
        return false;
    su_vmtab_sent(v, peer, c, &m->flying[peer]);
    m->busy[peer] = true;
    unsigned i = index_of(v->uuid);
    if (peer == SU_PEER_IMDS && c == SU_VM_PUT) { /* it may have it from now on */
        if (!m->facts[i] || m->secure[i] != v->desc->secure_boot)
            return ok(0, "route of %u without its facts", i);
        m->route[i] = true;
        m->cid[i] = v->desc->cid;
        m->puts++;
        if (!one_cid_each(m))
            return ok(0, "two routes with one context id");
    }
    if (peer == SU_PEER_SIGNER && c == SU_VM_PUT)
        m->secure[i] = v->desc->secure_boot;
    if (peer == SU_PEER_SIGNER && c == SU_VM_REMOVE && m->route[i])
        return ok(0, "facts of %u taken away under its route", i);
    return true;
}

static uint32_t seed = 1;
static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void change(struct su_vmtab *t, struct model *m)
{
    unsigned i = 1 + rnd(N - 1);
    struct su_vm_desc *d = vm(i, 3 + rnd(5));
    d->secure_boot = rnd(2);
    switch (rnd(8)) {
    case 0:
        su_vmtab_stopped(t, "libvirt", d->uuid);
        break;
    case 1:
        su_vmtab_unclaim(t, "libvirt", d->uuid);
        break;
    case 2:
        if (rnd(6) == 0) { /* surety-imds is started anew */
            memset(m->route, 0, sizeof m->route);
            m->busy[SU_PEER_IMDS] = false;
            su_vmtab_forgot(t, SU_PEER_IMDS);
        }
        break;
    case 3:
        if (rnd(6) == 0) {
            memset(m->facts, 0, sizeof m->facts);
            m->busy[SU_PEER_SIGNER] = false;
            su_vmtab_forgot(t, SU_PEER_SIGNER);
        }
        break;
    default:
        if (su_vmtab_claim(t, "libvirt", d, &conf, &e) < 0)
            ok(0, "%s", e.msg);
    }
    if (rnd(3) && su_vmtab_resolve(t, &e) < 0) /* the peers' answers may come in between */
        ok(0, "%s", e.msg);
}

static void order(void)
{
    unsigned puts = 0;
    int bad = tap_bad;
    for (unsigned run = 1; run <= 200 && tap_bad == bad; run++) {
        struct su_vmtab t = {0};
        struct model m = {0};
        seed = run;
        for (unsigned i = 0; i < 400 && tap_bad == bad; i++) {
            if (rnd(3) == 0)
                change(&t, &m);
            step(&t, &m, rnd(2) ? SU_PEER_IMDS : SU_PEER_SIGNER, rnd(50) == 0);
        }
        unsigned n = 0;
        while (n++ < 2000 && su_vmtab_resolve(&t, &e) == 0 &&
               (int)step(&t, &m, SU_PEER_SIGNER, false) + (int)step(&t, &m, SU_PEER_IMDS, false) > 0)
            ;
        if (n >= 2000)
            ok(0, "run %u does not come to an end", run);
        for (size_t i = 0; i < t.n; i++) {
            struct su_vm *v = t.vm[i];
            if (!v->wanted && (v->at[SU_PEER_IMDS].rev || m.route[index_of(v->uuid)]))
                ok(0, "run %u: a route that is not wanted stays", run);
            if (v->wanted && !v->problem_id[0] && v->at[SU_PEER_IMDS].rev != v->route_rev)
                ok(0, "run %u: a route that is wanted is missing", run);
        }
        puts += m.puts;
        su_vmtab_done(&t);
    }
    ok(tap_bad == bad && puts > 1000, "200 random histories, %u routes: every order holds", puts);
}

static void many(void)
{
    struct su_vmtab t = {0};
    unsigned n = 0;
    struct su_vm *v = NULL;
    for (unsigned i = 0; i < SU_VMTAB_MAX; i++)
        if (su_vmtab_claim(&t, "libvirt", vm(i, 100 + i), &conf, &e) == 0)
            n++;
    ok(n == SU_VMTAB_MAX, "as many as fit");
    ok(su_vmtab_claim(&t, "libvirt", vm(SU_VMTAB_MAX, 1), &conf, &e) < 0 && strcmp(e.id, "vm.too-many") == 0,
       "and no more");
    ok(su_vmtab_resolve(&t, &e) == 0 && su_vmtab_next(&t, SU_PEER_SIGNER, &v) == SU_VM_PUT, "all are wanted");
    su_vmtab_done(&t);
}

static void gone(void)
{
    struct su_vmtab t = {0};
    struct su_vm_sent sent;
    struct su_vm *v = NULL;
    ok(claim(&t, "file:a.conf", vm(1, 100)), "a VM");
    for (enum su_vm_peer p = 0; p < SU_PEERS; p++) { /* surety-signer first */
        ok(su_vmtab_next(&t, p, &v) == SU_VM_PUT, "which a peer is told of");
        su_vmtab_sent(v, p, SU_VM_PUT, &sent);
        su_vmtab_answered(&t, p, &sent, NULL);
    }
    su_vmtab_unclaim(&t, "file:a.conf", vm(1, 0)->uuid);
    v = su_vmtab_find(&t, vm(1, 0)->uuid);
    ok(v && !v->desc && !v->wanted, "before the table is resolved it is there, without a claim, and not wanted");
    ok(su_vmtab_next(&t, SU_PEER_IMDS, &v) == SU_VM_REMOVE, "surety-imds may be told already");
    ok(su_vmtab_claim(&t, "file:a.conf", vm(2, 100), &conf, &e) == 0 &&
           su_vmtab_next(&t, SU_PEER_SIGNER, &v) == SU_VM_NOTHING,
       "of another one nobody is told before that");
    su_vmtab_done(&t);
}

static void runs(void)
{
    struct su_vm v = {.last_verified = 1000};
    su_vm_begins(&v, 1000);
    ok(v.runs_since > v.last_verified, "what was verified in the second of a start was verified before it");
    su_vm_begins(&v, 1001);
    ok(v.runs_since == 1001, "another start, later");
    v.last_verified = 5000;
    su_vm_begins(&v, 1002);
    ok(v.runs_since == 1002, "a clock that was set back does not make the next verification wait");
}

int main(void)
{
    gone();
    runs();
    collisions();
    order();
    many();
    return tap_done();
}
