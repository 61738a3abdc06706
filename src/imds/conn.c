/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn.h"
#include <string.h>

static const int lasts_ms[SU_PHASES] = {[SU_PHASE_HEAD] = SU_HEAD_MS,
                                        [SU_PHASE_BODY] = SU_BODY_MS,
                                        [SU_PHASE_SIGN] = SU_SIGN_MS,
                                        [SU_PHASE_PEN] = SU_PEN_MS,
                                        [SU_PHASE_SEND] = SU_SEND_MS};

static void unlink_phase(struct su_conns *c, struct su_imds_conn *k)
{
    *(k->prev ? &k->prev->next : &c->first[k->phase]) = k->next;
    *(k->next ? &k->next->prev : &c->last[k->phase]) = k->prev;
    k->next = k->prev = NULL;
}

static void link_phase(struct su_conns *c, struct su_imds_conn *k, enum su_phase phase)
{
    k->phase = phase;
    if (phase == SU_PHASE_FREE) { /* a stack: memory that was used is used again */
        k->next = c->first[phase];
        *(k->next ? &k->next->prev : &c->last[phase]) = k;
        c->first[phase] = k;
        return;
    }
    /* all of a phase last equally long, so the end of the list is the place in order */
    k->prev = c->last[phase];
    *(k->prev ? &k->prev->next : &c->first[phase]) = k;
    c->last[phase] = k;
}

void su_conns_init(struct su_conns *c)
{
    for (unsigned i = SU_CONNS_SLOTS; i-- > 0;) {
        c->slot[i].fd = -1;
        link_phase(c, &c->slot[i], SU_PHASE_FREE);
    }
}

void su_conns_phase(struct su_conns *c, struct su_imds_conn *k, enum su_phase phase, int64_t now_us)
{
    unlink_phase(c, k);
    k->deadline_us = now_us + (int64_t)lasts_ms[phase] * 1000;
    link_phase(c, k, phase);
}

struct su_imds_conn *su_conns_add(struct su_conns *c, int fd, struct su_imds_vm *vm, int64_t now_us)
{
    struct su_imds_conn *k = c->first[SU_PHASE_FREE];
    if (!k)
        return NULL;
    unlink_phase(c, k);
    k->fd = fd;
    k->dead = k->suspended = k->parked = false;
    k->seq = 0;
    k->mhd = NULL;
    k->answer = NULL;
    k->target[0] = '\0';
    k->vm = vm;
    k->vm_id = vm->id;
    k->vm_prev = NULL;
    k->vm_next = vm->conns;
    if (vm->conns)
        vm->conns->vm_prev = k;
    vm->conns = k;
    vm->n_conns++;
    c->n++;
    k->deadline_us = now_us + (int64_t)SU_HEAD_MS * 1000;
    link_phase(c, k, SU_PHASE_HEAD);
    return k;
}

static void leave_vm(struct su_imds_conn *k)
{
    if (!k->vm)
        return;
    *(k->vm_prev ? &k->vm_prev->vm_next : &k->vm->conns) = k->vm_next;
    if (k->vm_next)
        k->vm_next->vm_prev = k->vm_prev;
    k->vm->n_conns--;
    k->vm = NULL;
    k->vm_next = k->vm_prev = NULL;
}

void su_conns_remove(struct su_conns *c, struct su_imds_conn *k)
{
    leave_vm(k);
    unlink_phase(c, k);
    k->fd = -1;
    k->seq = 0;
    link_phase(c, k, SU_PHASE_FREE);
    c->n--;
}

void su_conns_leave_vm(struct su_imds_conn *k)
{
    leave_vm(k);
}

uint32_t su_conns_ask(struct su_conns *c, struct su_imds_conn *k)
{
    uint32_t turn = (c->last_seq >> SU_CONNS_SEQ_BITS) + 1;
    c->last_seq = turn << SU_CONNS_SEQ_BITS;
    if (!c->last_seq) /* 0 belongs to what is unasked */
        c->last_seq = 1U << SU_CONNS_SEQ_BITS;
    return k->seq = c->last_seq | (uint32_t)(k - c->slot);
}

struct su_imds_conn *su_conns_asker(struct su_conns *c, uint32_t seq)
{
    uint32_t i = seq & ((1U << SU_CONNS_SEQ_BITS) - 1);
    struct su_imds_conn *k = i < SU_CONNS_SLOTS ? &c->slot[i] : NULL;
    return k && seq && k->seq == seq && k->phase == SU_PHASE_SIGN ? k : NULL;
}

struct su_imds_conn *su_conns_oldest_idle(struct su_conns *c, const struct su_imds_vm *vm)
{
    struct su_imds_conn *k = c->first[SU_PHASE_HEAD]; /* the list is in order of age */
    while (k && (k->dead || (vm && k->vm != vm)))
        k = k->next;
    return k;
}

int64_t su_conns_deadline(const struct su_conns *c)
{
    int64_t least = INT64_MAX;
    for (int i = SU_PHASE_HEAD; i < SU_PHASES; i++)
        if (c->first[i] && c->first[i]->deadline_us < least)
            least = c->first[i]->deadline_us;
    return least;
}

struct su_imds_conn *su_conns_late(const struct su_conns *c, int64_t now_us)
{
    for (int i = SU_PHASE_HEAD; i < SU_PHASES; i++)
        if (c->first[i] && c->first[i]->deadline_us <= now_us)
            return c->first[i];
    return NULL;
}

struct su_imds_vm *su_conn_vm(const struct su_imds_conn *k)
{
    return k->vm && k->vm->id == k->vm_id ? k->vm : NULL;
}
