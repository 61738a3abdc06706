/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "instance.h"
#include "wire/versions.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Since when a member exists (azure-compute-docs, instance-metadata-service.md).  Members without a row were there
 * from the first version on.  Array elements add nothing to a path. */
static const struct {
    const char *path, *since;
} members[] = {
    {"compute.additionalCapabilities", "2021-11-01"},
    {"compute.azEnvironment", "2018-10-01"},
    {"compute.customData", "2019-02-01"},
    {"compute.evictionPolicy", "2020-12-01"},
    {"compute.extendedLocation", "2021-03-01"},
    {"compute.host", "2021-11-15"},
    {"compute.hostGroup", "2021-11-15"},
    {"compute.isHostCompatibilityLayerVm", "2020-06-01"},
    {"compute.isVmInStandbyPool", "2024-03-15"},
    {"compute.licenseType", "2020-09-01"},
    {"compute.osProfile", "2020-07-15"},
    {"compute.osProfile.disablePasswordAuthentication", "2020-10-01"},
    {"compute.physicalZone", "2023-11-15"},
    {"compute.placementGroupId", "2017-08-01"},
    {"compute.plan", "2018-04-02"},
    {"compute.platformSubFaultDomain", "2021-10-01"},
    {"compute.priority", "2020-12-01"},
    {"compute.provider", "2018-10-01"},
    {"compute.publicKeys", "2018-04-02"},
    {"compute.resourceGroupName", "2017-08-01"},
    {"compute.resourceId", "2019-03-11"},
    {"compute.securityProfile", "2020-06-01"},
    {"compute.securityProfile.encryptionAtHost", "2021-11-01"},
    {"compute.securityProfile.securityType", "2021-12-13"},
    {"compute.storageProfile", "2019-06-01"},
    {"compute.subscriptionId", "2017-08-01"},
    {"compute.tags", "2017-08-01"},
    {"compute.tagsList", "2019-06-04"},
    {"compute.userData", "2021-01-01"},
    {"compute.virtualMachineScaleSet", "2021-03-01"},
    {"compute.vmScaleSetName", "2017-12-01"},
    {"compute.zone", "2017-12-01"},
};

enum { PATH_MAX_ = 128, DEPTH_MAX = 16 };

static void json_done(json_t **j)
{
    json_decref(*j);
}

static bool exists(const char *path, int version)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(members); i++)
        if (strcmp(path, members[i].path) == 0)
            return version >= (int)su_api_version_of(members[i].since);
    return true;
}

/* "compute" and "host" to "compute.host".  What does not fit has no row and exists in every version. */
static void join(char *out, const char *parent, const char *name)
{
    snprintf(out, PATH_MAX_, "%s%s%s", parent, *parent ? "." : "", name);
}

static json_t *load(struct su_bytes json)
{
    return json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
}

static bool shallow(const json_t *j, unsigned depth)
{
    const char *name;
    json_t *v;
    size_t i;
    if (depth == DEPTH_MAX)
        return false;
    json_object_foreach((json_t *)j, name, v) if (!shallow(v, depth + 1)) return false;
    json_array_foreach(j, i, v) if (!shallow(v, depth + 1)) return false;
    return true;
}

int su_instance_check(struct su_bytes json, struct su_err *e)
{
    SU_AUTO(json_done) json_t *j = load(json);
    if (!json_is_object(j) || !shallow(j, 0))
        return su_fail(e, SU_E_FORMAT, "imds.instance", "the instance metadata is no JSON object of at most %d levels",
                       DEPTH_MAX);
    return 0;
}

/* Any primitive as the text it is answered as; room holds numbers. */
static const char *primitive(const json_t *j, char *room, size_t cap)
{
    room[0] = '\0';
    switch (json_typeof(j)) {
    case JSON_STRING:
        return json_string_value(j);
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_INTEGER:
        snprintf(room, cap, "%lld", (long long)json_integer_value(j));
        return room;
    case JSON_REAL:
        snprintf(room, cap, "%.17g", json_real_value(j));
        return room;
    default:
        return room;
    }
}

static bool is_leaf(const json_t *j)
{
    return !json_is_object(j) && !json_is_array(j);
}

static void put_string(const char *s, struct su_buf *out)
{
    su_buf_text(out, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            su_buf_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            su_buf_printf(out, "\\u%04x", c);
        else
            su_buf_add(out, s, 1);
    }
    su_buf_text(out, "\"");
}

static void put_json(const json_t *j, const char *path, int version, struct su_buf *out)
{
    char room[40], below[PATH_MAX_];
    const char *name, *comma = "";
    json_t *v;
    size_t i;
    if (is_leaf(j)) {
        put_string(primitive(j, room, sizeof room), out);
        return;
    }
    su_buf_text(out, json_is_array(j) ? "[" : "{");
    json_array_foreach(j, i, v)
    {
        su_buf_text(out, i ? "," : "");
        put_json(v, path, version, out);
    }
    json_object_foreach((json_t *)j, name, v)
    {
        join(below, path, name);
        if (!exists(below, version))
            continue;
        su_buf_text(out, comma);
        put_string(name, out);
        su_buf_text(out, ":");
        put_json(v, below, version, out);
        comma = ",";
    }
    su_buf_text(out, json_is_array(j) ? "]" : "}");
}

static void put_listing(const json_t *j, const char *path, int version, struct su_buf *out)
{
    char below[PATH_MAX_];
    const char *name, *line = "";
    json_t *v;
    size_t i;
    json_array_foreach(j, i, v)
    {
        su_buf_printf(out, "%s%zu%s", line, i, is_leaf(v) ? "" : "/");
        line = "\n";
    }
    json_object_foreach((json_t *)j, name, v)
    {
        join(below, path, name);
        if (!exists(below, version))
            continue;
        su_buf_printf(out, "%s%s%s", line, name, is_leaf(v) ? "" : "/");
        line = "\n";
    }
}

/* "0", "17"; not "", "+1", "01": one element has one name. */
static json_t *element(const json_t *array, const char *index)
{
    size_t n = 0, len = strlen(index);
    if (len == 0 || len > 4 || (len > 1 && *index == '0'))
        return NULL;
    for (; *index; index++) {
        if (*index < '0' || *index > '9')
            return NULL;
        n = n * 10 + (size_t)(*index - '0');
    }
    return json_array_get(array, n);
}

const struct su_refusal *su_instance_answer(struct su_bytes json, const struct su_query *q, struct su_buf *out)
{
    char path[PATH_MAX_] = "", below[PATH_MAX_], room[40];
    SU_AUTO(json_done) json_t *root = load(json);
    const json_t *at = root;
    if (!root)
        return &su_refusals[SU_NO_MEMORY];
    for (unsigned i = 2; i < q->n_segments && at; i++) {
        const char *name = su_query_segment(q, i);
        if (json_is_array(at)) {
            at = element(at, name);
            continue;
        }
        join(below, path, name);
        at = exists(below, q->version) ? json_object_get(at, name) : NULL;
        memcpy(path, below, sizeof path);
    }
    if (!at)
        return &su_refusals[SU_NOT_FOUND];
    if (is_leaf(at) && !q->text)
        return &su_refusals[SU_IS_LEAF];
    if (is_leaf(at))
        su_buf_text(out, primitive(at, room, sizeof room));
    else if (q->text)
        put_listing(at, path, q->version, out);
    else
        put_json(at, path, q->version, out);
    return out->failed ? &su_refusals[SU_NO_MEMORY] : NULL;
}
