/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses the message; what is taken is put back as the same bytes and holds only what its header says.
 */
#include "must.h"
#include "wire/imds.h"
#include "wire/sign.h"
#include <string.h>

#define MESSAGE(type)                                                                                                  \
    static void round_##type(struct su_bytes in)                                                                       \
    {                                                                                                                  \
        struct type v, mark;                                                                                           \
        struct su_bytes at = in;                                                                                       \
        memset(&v, 0x5a, sizeof v);                                                                                    \
        memset(&mark, 0x5a, sizeof mark);                                                                              \
        if (!type##_take(&at, &v)) {                                                                                   \
            MUST(at.p == in.p && at.n == in.n && memcmp(&v, &mark, sizeof v) == 0);                                    \
            return;                                                                                                    \
        }                                                                                                              \
        SU_BUF struct su_buf out = {0};                                                                                \
        type##_put(&out, &v);                                                                                          \
        MUST(out.n == in.n - at.n && (out.n == 0 || memcmp(out.p, in.p, out.n) == 0));                                 \
    }
MESSAGE(su_vm_facts)
MESSAGE(su_vm_route)
MESSAGE(su_sign_request)
MESSAGE(su_sign_reply)
MESSAGE(su_sign_status)
MESSAGE(su_sign_enrol)
MESSAGE(su_imds_listener)
MESSAGE(su_imds_host)
MESSAGE(su_imds_audit)
MESSAGE(su_imds_status)
MESSAGE(su_sign_item)

/* What is said to be so many items is taken as so many. */
static void several(struct su_bytes in)
{
    struct su_sign_item i;
    unsigned n = su_sign_items(in);
    MUST(n <= SU_SIGN_TOGETHER);
    for (unsigned at = 0; at < n; at++)
        MUST(su_sign_item_take(&in, &i) && (i.op == SU_SIGN_DOCUMENT || i.op == SU_SIGN_ERROR));
    MUST(n == 0 || in.n == 0);
}

static void (*const rounds[])(struct su_bytes) = {round_su_vm_facts,      round_su_vm_route,    round_su_sign_request,
                                                  round_su_sign_reply,    round_su_sign_status, round_su_sign_enrol,
                                                  round_su_imds_listener, round_su_imds_host,   round_su_imds_audit,
                                                  round_su_imds_status,   round_su_sign_item,   several};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_sign_request q;
    if (n == 0)
        return 0;
    struct su_bytes in = {data + 1, n - 1};
    rounds[data[0] % SU_ARRAY_LEN(rounds)](in);
    if (su_sign_request_take(&in, &q)) /* goes into JSON as it is */
        MUST(!strpbrk(q.nonce, "\"\\") && !strpbrk(q.audience, "\"\\") && !strpbrk(q.thumbprint, "\"\\"));
    return 0;
}
