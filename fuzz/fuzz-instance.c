/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A target, a line break, then a tree ("": one that stands here).  What is answered as JSON is JSON whose values are
 * strings; what is answered as text has no line that leads nowhere. */
#include "must.h"
#include "imds/instance.h"
#include <jansson.h>
#include <string.h>

static const char tree[] =
    "{\"compute\":{\"name\":\"vm1\",\"zone\":null,\"n\":-7,\"on\":true,\"f\":1e300,\"tagsList\":[{\"name\":"
    "\"a\\u0001\"}],"
    "\"securityProfile\":{\"secureBootEnabled\":true,\"securityType\":\"\"}},\"network\":{\"interface\":[{\"ipv4\":"
    "{\"ipAddress\":[{\"privateIpAddress\":\"10.0.0.1\"}]},\"macAddress\":\"525400AA0009\"}]}}";

static void must_be_strings(const json_t *j)
{
    const char *name;
    json_t *v;
    size_t i;
    MUST(json_is_object(j) || json_is_array(j) || json_is_string(j));
    json_object_foreach((json_t *)j, name, v) must_be_strings(v);
    json_array_foreach(j, i, v) must_be_strings(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct su_query q;
    char target[1024];
    struct su_err e = {0};
    const uint8_t *end = memchr(data, '\n', size);
    if (!end || end - data >= (long)sizeof target || size > SU_VM_INSTANCE)
        return 0;
    memcpy(target, data, (size_t)(end - data));
    target[end - data] = '\0';
    struct su_bytes json = {end + 1, size - (size_t)(end + 1 - data)};
    if (!json.n)
        json = (struct su_bytes){(const uint8_t *)tree, sizeof tree - 1};
    struct su_head h = {"GET", target, 1, "true", false};
    if (su_query_judge(&h, &q) || q.route != SU_ROUTE_INSTANCE || su_instance_check(json, &e) < 0)
        return 0;
    SU_BUF struct su_buf out = {0};
    const struct su_refusal *why = su_instance_answer(json, &q, &out);
    if (why) {
        MUST(why == &su_refusals[SU_NOT_FOUND] || why == &su_refusals[SU_IS_LEAF]);
        MUST(out.n == 0);
        return 0;
    }
    if (q.text)
        return 0;
    json_t *j = json_loadb((const char *)out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    MUST(j);
    must_be_strings(j);
    json_decref(j);
    return 0;
}
