/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "imds/instance.h"
#include "tests/lib/tap.h"

static const char tree[] =
    "{\"compute\":{\"name\":\"vm \\\"1\\\"\",\"zone\":null,\"n\":7,\"on\":true,\"off\":false,\"f\":0.5,"
    "\"tagsList\":[{\"name\":\"a\"}],\"securityProfile\":{\"secureBootEnabled\":true,\"securityType\":\"\","
    "\"encryptionAtHost\":false}},\"network\":{\"interface\":[{\"mac\":\"0\"},[1,\"two\"]]},\"empty\":{}}";

static const char *ask(const char *target, struct su_buf *b)
{
    static struct su_query q;
    char full[256];
    snprintf(full, sizeof full, "/metadata/instance%s", target);
    struct su_head h = {"GET", full, 1, "true", false};
    const struct su_refusal *why = su_query_judge(&h, &q);
    su_buf_done(b);
    if (!why)
        why = su_instance_answer((struct su_bytes){(const uint8_t *)tree, sizeof tree - 1}, &q, b);
    return why ? why->id : su_buf_str(b);
}

static void answers(void)
{
    SU_BUF struct su_buf b = {0};
    is_str(ask("?api-version=2017-03-01", &b),
           "{\"compute\":{\"name\":\"vm \\\"1\\\"\",\"n\":\"7\",\"on\":\"true\",\"off\":\"false\","
           "\"f\":\"0.5\"},\"network\":{\"interface\":[{\"mac\":\"0\"},[\"1\",\"two\"]]},\"empty\":{}}");
}

static void cut(void)
{
    SU_BUF struct su_buf b = {0};
    is_str(ask("/compute/securityProfile?api-version=2020-06-01", &b), "{\"secureBootEnabled\":\"true\"}");
    is_str(ask("/compute/securityProfile?api-version=2021-11-01", &b),
           "{\"secureBootEnabled\":\"true\",\"encryptionAtHost\":\"false\"}");
    is_str(ask("/compute/securityProfile?api-version=2021-12-13", &b),
           "{\"secureBootEnabled\":\"true\",\"securityType\":\"\",\"encryptionAtHost\":\"false\"}");
    is_str(ask("/compute/securityProfile?api-version=2020-09-01&format=text", &b), "secureBootEnabled");
    is_str(ask("/compute/securityProfile?api-version=2019-11-01", &b), "path.missing");
    is_str(ask("/compute/tagsList/0/name?api-version=2019-06-01&format=text", &b), "path.missing");
    is_str(ask("/compute/tagsList/0/name?api-version=2019-06-04&format=text", &b), "a");
}

static void paths(void)
{
    SU_BUF struct su_buf b = {0};
    is_str(ask("/compute/name?api-version=2025-04-07", &b), "query.leaf");
    is_str(ask("/compute/name?api-version=2025-04-07&format=text", &b), "vm \"1\"");
    is_str(ask("/compute/zone/?api-version=2025-04-07&format=text", &b), "");
    is_str(ask("/compute/on?api-version=2025-04-07&format=text", &b), "true");
    is_str(ask("/network/interface/1/0?api-version=2025-04-07&format=text", &b), "1");
    is_str(ask("/network/interface/1?api-version=2025-04-07&format=text", &b), "0\n1");
    is_str(ask("/network/interface?api-version=2025-04-07&format=text", &b), "0/\n1/");
    is_str(ask("/empty?api-version=2025-04-07&format=text", &b), "");
    is_str(ask("/empty?api-version=2025-04-07", &b), "{}");
    is_str(ask("/network/interface/2?api-version=2025-04-07", &b), "path.missing");
    is_str(ask("/network/interface/00?api-version=2025-04-07", &b), "path.missing");
    is_str(ask("/network/interface/-1?api-version=2025-04-07", &b), "path.missing");
    is_str(ask("/network/interface/99999?api-version=2025-04-07", &b), "path.missing");
    is_str(ask("/network/interface/x?api-version=2025-04-07", &b), "path.missing");
    is_str(ask("/compute/name/0?api-version=2025-04-07", &b), "path.missing");
    is_str(ask("/Compute?api-version=2025-04-07", &b), "path.missing");
}

static void checks(void)
{
    struct su_err e = {0};
    static const char *const bad[] = {
        "", "[]", "{", "{\"a\":1,\"a\":2}", "\"x\"", "{}{}", "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        ok(su_instance_check((struct su_bytes){(const uint8_t *)bad[i], strlen(bad[i])}, &e) < 0 &&
               strcmp(e.id, "imds.instance") == 0,
           "refused: %s", bad[i]);
    ok(su_instance_check((struct su_bytes){(const uint8_t *)tree, sizeof tree - 1}, &e) == 0);
}

int main(void)
{
    answers();
    cut();
    paths();
    checks();
    return tap_done();
}
