/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each message: what is put comes back the same; cut anywhere, it is refused and nothing changes. */
#include "tests/lib/tap.h"
#include "wire/imds.h"
#include "wire/sign.h"

#define UUID "b1310a36-d400-46f6-82cb-6217df846586"

static struct su_bytes b_(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

/* cuts: every shorter form of a good message must be refused, the output left as it was */
#define ROUND(type, value)                                                                                             \
    do {                                                                                                               \
        SU_BUF struct su_buf out_ = {0};                                                                               \
        struct type in_ = value, got_, mark_;                                                                          \
        unsigned taken_ = 0, touched_ = 0;                                                                             \
        memset(&got_, 0x5a, sizeof got_);                                                                              \
        memset(&mark_, 0x5a, sizeof mark_);                                                                            \
        type##_put(&out_, &in_);                                                                                       \
        for (size_t n_ = 0; n_ < out_.n; n_++) {                                                                       \
            struct su_bytes c_ = {out_.p, n_};                                                                         \
            taken_ += type##_take(&c_, &got_) || c_.n != n_;                                                           \
            touched_ += memcmp(&got_, &mark_, sizeof got_) != 0;                                                       \
        }                                                                                                              \
        ok(taken_ == 0 && touched_ == 0, #type ": cut anywhere it is refused");                                        \
        struct su_bytes c_ = su_buf_bytes(&out_);                                                                      \
        SU_BUF struct su_buf again_ = {0};                                                                             \
        ok(type##_take(&c_, &got_) && c_.n == 0, #type ": taken to its end");                                          \
        type##_put(&again_, &got_);                                                                                    \
        ok(again_.n == out_.n && memcmp(again_.p, out_.p, out_.n) == 0, #type ": the same again");                     \
    } while (0)
#define V(...)                                                                                                         \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static void round_trips(void)
{
    ROUND(su_vm_facts, V(.uuid = UUID, .secure_boot = true, .security_type = "TrustedLaunch", .subscription = UUID,
                         .license_type = "Windows_Server", .plan_name = "p"));
    ROUND(su_vm_route, V(.uuid = UUID, .name = "web1", .cid = 42, .mark = 7, .instance = b_("{}")));
    ROUND(su_sign_request, V(.uuid = UUID, .version = 34, .nonce = "n0nce", .audience = "https://a.example.org/",
                             .thumbprint = "abc_-"));
    ROUND(su_sign_reply, V(.der = b_("0123"), .created = 1790000000, .expires = 1790021600, .nonce = "n"));
    ROUND(su_sign_item, V(.op = SU_SIGN_ERROR, .seq = 0x01020304, .body = b_("0123")));
    ROUND(su_sign_status, V(.state = SU_SIGNER_READY, .key = "file:host", .not_after = 5, .serial = "0a",
                            .leaf = b_("l"), .chain = b_("c"), .roots = b_("r"), .vms = 3));
    ROUND(su_sign_enrol, V(.host = "node1", .secret = "s"));
    ROUND(su_imds_listener, V(.name = "vsock", .identify = SU_BY_CID, .transport = SU_OVER_VSOCK));
    ROUND(su_imds_host, V(.host = "node1", .serving = 1, .chain = b_("c"), .rate = 5, .burst = 10));
    ROUND(su_imds_audit, V(.time_ms = 1, .kind = SU_AUDIT_DOCUMENT, .transport = SU_OVER_HTTP, .status = 200,
                           .uuid = UUID, .peer = "mark 7", .path = "/metadata", .result = "ok"));
    ROUND(su_imds_status, V(.vms = 1, .requests = 2, .signer = 1));
}

#define REFUSED(type, value, text)                                                                                     \
    do {                                                                                                               \
        SU_BUF struct su_buf out_ = {0};                                                                               \
        struct type in_ = value, got_;                                                                                 \
        type##_put(&out_, &in_);                                                                                       \
        struct su_bytes c_ = su_buf_bytes(&out_);                                                                      \
        ok(!type##_take(&c_, &got_), #type ": " text);                                                                 \
    } while (0)

static void refusals(void)
{
    REFUSED(su_vm_facts, V(.uuid = "B1310A36-D400-46F6-82CB-6217DF846586", .subscription = UUID), "upper case UUID");
    REFUSED(su_vm_facts, V(.uuid = UUID, .subscription = ""), "no subscription");
    REFUSED(su_sign_request, V(.uuid = UUID, .nonce = "a\"b"), "a quote in the nonce");
    REFUSED(su_sign_request, V(.uuid = UUID, .nonce = "a b"), "a blank in the nonce");
    REFUSED(su_sign_request, V(.uuid = UUID, .audience = "a\\b"), "a backslash in the audience");
    REFUSED(su_sign_request, V(.uuid = UUID, .audience = "\xc3\xa4"), "UTF-8 in the audience");
    REFUSED(su_sign_request, V(.uuid = UUID, .thumbprint = "a/b"), "a slash in the thumbprint");
    REFUSED(su_sign_request, V(.uuid = "x"), "no UUID");
    REFUSED(su_sign_reply, V(.nonce = ""), "no nonce");
    REFUSED(su_sign_item, V(.op = SU_SIGN_ENROL), "an operation that is no document");
    REFUSED(su_sign_status, V(.state = 9), "a state that does not exist");
    REFUSED(su_sign_enrol, V(.host = "", .secret = "s"), "no host");
    REFUSED(su_imds_listener, V(.name = "x", .identify = SU_BY_LISTENER, .transport = 1), "nobody's listener");
    REFUSED(su_imds_listener, V(.name = "x", .identify = SU_BY_CID, .transport = 1, .uuid = UUID), "two identities");
    REFUSED(su_imds_listener, V(.name = "", .identify = SU_BY_CID, .transport = 1), "no name");
    REFUSED(su_imds_host, V(.serving = 0, .status = 200), "not serving with 200");
    REFUSED(su_imds_audit, V(.kind = 1, .transport = 1, .path = "a\nb"), "a line break in the audit");
    REFUSED(su_imds_audit, V(.kind = 1, .transport = 1, .peer = "\x1b[2J"), "an escape in the audit");
    REFUSED(su_imds_audit, V(.kind = 0, .transport = 1), "no kind");
}

static void items(void)
{
    SU_BUF struct su_buf b = {0};
    ok(su_sign_items(su_buf_bytes(&b)) == 0, "no bytes are no items");
    for (unsigned i = 1; i <= SU_SIGN_TOGETHER + 1; i++) {
        su_sign_item_put(&b, &(struct su_sign_item){SU_SIGN_DOCUMENT, i, b_("x")});
        ok(su_sign_items(su_buf_bytes(&b)) == (i > SU_SIGN_TOGETHER ? 0 : i), "%u items", i);
    }
    struct su_bytes cut = {b.p, 2 * (SU_SIGN_ITEM + 1) - 1};
    ok(su_sign_items(cut) == 0, "cut");
    b.p[0] = SU_SIGN_ENROL;
    ok(su_sign_items((struct su_bytes){b.p, SU_SIGN_ITEM + 1}) == 0, "something else");
}

static void words(void)
{
    char long_nonce[SU_NONCE_MAX + 2];
    memset(long_nonce, 'a', sizeof long_nonce);
    long_nonce[SU_NONCE_MAX + 1] = '\0';
    ok(!su_nonce_valid(long_nonce) && su_nonce_valid(long_nonce + 1), "a nonce has 32 characters at most");
    ok(!su_nonce_valid("") && su_nonce_valid("0") && !su_nonce_valid("a.b") && su_nonce_valid("20260728-192400"));
    ok(su_audience_valid("spiffe://example.org/x?") == false && su_audience_valid("spiffe://example.org/x"));
    ok(su_uuid_valid(UUID) && !su_uuid_valid("b1310a36_d400-46f6-82cb-6217df846586") && !su_uuid_valid(""));
    struct su_err e = {0};
    SU_BUF struct su_buf b = {0};
    struct su_wire_error w;
    su_fail(&e, SU_E_REFUSED, "sign.busy", "too much to do");
    su_wire_error_put(&b, &e);
    struct su_bytes c = su_buf_bytes(&b);
    ok(su_wire_error_take(&c, &w) && w.kind == SU_E_REFUSED && !strcmp(w.id, "sign.busy"), "an error comes over");
    b.p[0] = SU_KIND_COUNT;
    c = su_buf_bytes(&b);
    ok(!su_wire_error_take(&c, &w), "a kind that does not exist");
}

int main(void)
{
    round_trips();
    refusals();
    items();
    words();
    return tap_done();
}
