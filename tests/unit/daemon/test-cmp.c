/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts an operator gives: URLs and tokens. */
#include "daemon/cmp.h"
#include "tests/lib/tap.h"

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

int main(void)
{
    static const struct {
        const char *in, *out;
    } urls[] = {
        {"http://a:8829", "http://a:8829"},
        {"https://a.example.org/", "https://a.example.org"},
        {"http://a/x//", "http://a/x"},
        {"http://[::1]:80", "http://[::1]:80"},
        {"ftp://a", NULL},
        {"http://", NULL},
        {"http:///x", NULL},
        {"a:8829", NULL},
        {"http://a?x", NULL},
        {"http://a#x", NULL},
        {"http://u@a", NULL},
        {"http://u:s3cret@a", NULL},
        {"sut1_node1_s3cret", NULL},
        {"http://a b", NULL},
        {"http://a\r\nX: y", NULL},
        {"", NULL},
        {"file:///etc/passwd", NULL},
    };
    static const struct {
        const char *token, *host;
    } tokens[] = {
        {"sut1_node1_" SECRET, "node1"},  {"sut1_n1.example.org_" SECRET, "n1.example.org"},
        {"sut1__" SECRET, NULL},          {"sut2_node1_" SECRET, NULL},
        {"sut1_node1_" SECRET "0", NULL}, {"sut1_Node1_" SECRET, NULL},
        {"sut1_../x_" SECRET, NULL},      {"sut1_node1", NULL},
        {"sut1_a/b_" SECRET, NULL},       {"", NULL},
        {"sut1_-a_" SECRET, NULL},        {"sut1_" SECRET, NULL},
    };
    char out[64];
    for (size_t i = 0; i < SU_ARRAY_LEN(urls); i++) {
        struct su_err e = {0};
        int rc = su_cmp_url_check(urls[i].in, out, sizeof out, &e);
        ok(urls[i].out ? rc == 0 && strcmp(out, urls[i].out) == 0 : rc < 0 && strcmp(e.id, "server.authority-url") == 0,
           "URL %zu", i);
        ok(!strstr(e.msg, "s3cret"), "and no secret in the message");
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(tokens); i++) {
        struct su_err e = {0};
        struct su_sign_enrol r = {0};
        int rc = su_cmp_token(tokens[i].token, &r, &e);
        ok(tokens[i].host ? rc == 0 && strcmp(r.host, tokens[i].host) == 0 && strcmp(r.secret, SECRET) == 0
                          : rc < 0 && strcmp(e.id, "server.token") == 0,
           "token %zu", i);
        ok(!strstr(e.msg, "0123456789abcdef"), "its secret is not in the message");
    }
    return tap_done();
}
