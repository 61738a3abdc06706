/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sequence of control messages: operation, u16 length, body.  Afterwards the tables agree with each other. */
#include "must.h"
#include "imds/conn.h"
#include "wire/fields.h"
#include <string.h>

static struct su_imds_state s;
static struct su_conns conns;

static void drop(void *ctx, struct su_imds_vm *vm)
{
    (void)ctx;
    while (vm->conns)
        su_conns_remove(&conns, vm->conns);
}

static unsigned check_tables(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < SU_IMDS_HASH; i++) {
        for (struct su_imds_vm *v = s.uuid[i]; v; v = v->next_uuid, n++) {
            MUST(su_uuid_valid(v->uuid) && su_imds_by_uuid(&s, v->uuid) == v && v->instance);
            MUST(!v->cid || su_imds_by_cid(&s, v->cid) == v);
            MUST(!v->mark || su_imds_by_mark(&s, v->mark) == v);
            if (v->n_conns == 0)
                MUST(su_conns_add(&conns, 0, v, 0)); /* so that there is something to lose */
        }
        for (struct su_imds_vm *v = s.cid[i]; v; v = v->next_cid)
            MUST(v->cid && su_imds_by_uuid(&s, v->uuid) == v);
        for (struct su_imds_vm *v = s.mark[i]; v; v = v->next_mark)
            MUST(v->mark && su_imds_by_uuid(&s, v->uuid) == v);
    }
    return n;
}

static void answer_must_hold(uint8_t rc, const struct su_buf *out)
{
    struct su_bytes at = su_buf_bytes(out);
    struct su_wire_error why;
    struct su_imds_status st;
    if (rc == SU_IMDS_ERROR)
        MUST(su_wire_error_take(&at, &why) && at.n == 0);
    else if (rc == SU_IMDS_STATUS)
        MUST(su_imds_status_take(&at, &st) && at.n == 0);
    else
        MUST(rc == SU_IMDS_DONE && at.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_bytes in = {data, size}, body;
    uint8_t op;
    if (!conns.first[SU_PHASE_FREE] && conns.n == 0)
        su_conns_init(&conns);
    s.hooks.drop = drop;
    for (int i = 0; i < 32 && su_take_u8(&in, &op) && su_take_bytes(&in, UINT16_MAX, &body); i++) {
        SU_BUF struct su_buf out = {0};
        answer_must_hold(su_imds_control(&s, op, body, -1, &out), &out);
        MUST(check_tables() == s.n_vms && conns.n == s.n_vms);
    }
    for (int i = SU_OVER_VSOCK; i <= SU_OVER_UNIX; i++)
        MUST(!s.told == !s.tail[i]);
    su_imds_state_clear(&s);
    MUST(s.n_vms == 0 && conns.n == 0);
    return 0;
}
