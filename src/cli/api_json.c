/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of suretyd's answers. */
#include "api.h"
#include <string.h>
#include <time.h>

void su_api_freep(json_t **o)
{
    json_decref(*o);
}

const json_t *su_api_member(const json_t *o, const char *path)
{
    char name[64];
    while (o && *path) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof name)
            return NULL;
        memcpy(name, path, n);
        name[n] = 0;
        o = json_object_get(o, name);
        path += n + (path[n] == '.');
    }
    return o;
}

const char *su_api_text(const json_t *o, const char *path)
{
    const char *s = json_string_value(su_api_member(o, path));
    return s ? s : "";
}

uint64_t su_api_time(const json_t *o, const char *path)
{
    const json_t *v = su_api_member(o, path);
    const char *text = json_string_value(v);
    struct tm tm = {0};
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    json_int_t t = end && !*end ? (json_int_t)timegm(&tm) : json_integer_value(v);
    return t > 0 ? (uint64_t)t : 0;
}
