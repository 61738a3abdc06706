/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "benefit/guestos.h"
#include "base/clean.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "2012 R2" and "2012R2" are one version. */
static void word(char *out, size_t cap, const char *text)
{
    size_t at = 0;
    char all[128];
    su_clean(all, sizeof all, text);
    for (const char *p = all; *p && at + 1 < cap; p++)
        if (*p > ' ' && *p < 0x7F)
            out[at++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    out[at] = 0;
}

/* A number and nothing else; 0: none. */
static uint32_t number(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    return n && n <= 9 && strspn(text, "0123456789") == n ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static const char *text_of(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static void freep(json_t **o)
{
    json_decref(*o);
}
#define JSON SU_AUTO(freep)

/* Windows 10 and later: the build is the truth.  An older agent calls a system that it does not know by the last name
 * that it does, and multi-session Windows, which tells programs that it is a server, by a server's. */
static void name_by_build(struct su_guest_os *os, bool client)
{
    static const struct {
        uint32_t build;
        const char *client, *server;
    } versions[] = {{26100, "11", "2025"}, {22000, "11", NULL},   {20348, "10", "2022"},
                    {17763, "10", "2019"}, {14393, "10", "2016"}, {10240, "10", NULL}};
    bool sessions = strcasecmp(os->edition, "ServerRdsh") == 0 || strcasestr(os->name, "multi-session") ||
                    strcasestr(os->name, "Virtual Desktops");
    bool server = !sessions && (strcasestr(os->name, "Server") || strncasecmp(os->edition, "Server", 6) == 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(versions) && (server || sessions || client); i++) {
        const char *is = server ? versions[i].server : versions[i].client;
        if (os->build < versions[i].build)
            continue;
        if (is && (!server || os->build == versions[i].build)) /* servers between two have other names */
            snprintf(os->version, sizeof os->version, "%s", is);
        return;
    }
}

int su_guest_os_from_agent(struct su_bytes answer, uint64_t now, struct su_guest_os *out, struct su_err *e)
{
    struct su_guest_os os = {.source = "agent", .at = now};
    json_t *o JSON = answer.n <= SU_GUEST_ANSWER ? json_loadb((const char *)answer.p, answer.n, 0, NULL) : NULL;
    const json_t *ret = json_object_get(o, "return");
    if (!json_is_object(ret))
        return su_fail(e, SU_E_FORMAT, "guest.answer", "the guest agent's answer is none");
    word(os.id, sizeof os.id, text_of(ret, "id"));
    word(os.version, sizeof os.version, text_of(ret, "version-id"));
    su_clean(os.name, sizeof os.name, text_of(ret, "pretty-name"));
    if (strcmp(os.id, "mswindows") == 0) {
        const char *variant = text_of(ret, "variant-id");
        memcpy(os.id, "windows", sizeof "windows");
        os.build = number(text_of(ret, "kernel-release"));
        name_by_build(&os, variant && strcmp(variant, "client") == 0);
    }
    if (!os.id[0])
        return su_fail(e, SU_E_FORMAT, "guest.answer", "the guest agent does not say which system it runs on");
    *out = os;
    return 0;
}

void su_guest_os_from_disk(const char *id, const char *version, const char *name, const char *edition, uint32_t build,
                           uint32_t revision, uint64_t now, struct su_guest_os *out)
{
    *out = (struct su_guest_os){
        .source = "disk", .at = now, .build = build, .revision = build ? revision : 0, .revision_known = build != 0};
    word(out->id, sizeof out->id, id);
    word(out->version, sizeof out->version, version);
    su_clean(out->name, sizeof out->name, name);
    su_clean(out->edition, sizeof out->edition, edition);
    if (strcmp(out->id, "windows") == 0)
        name_by_build(out, false);
}

void su_guest_os_keep(const struct su_guest_os *was, struct su_guest_os *is)
{
    if (strcmp(was->id, is->id) != 0)
        return;
    if (!is->edition[0] && strcmp(was->name, is->name) == 0)
        memcpy(is->edition, was->edition, sizeof is->edition);
    if (!is->revision_known && is->build && was->build == is->build && was->revision_known) {
        is->revision = was->revision;
        is->revision_known = is->revision_old = true;
    }
}

json_t *su_guest_os_json(const struct su_guest_os *os)
{
    json_t *revision = os->revision_known ? json_integer(os->revision) : json_null();
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:o,s:b,s:s,s:I}", "id", os->id, "version", os->version, "name", os->name,
                     "edition", os->edition, "build", (json_int_t)os->build, "revision", revision, "revisionOld",
                     os->revision_old, "source", os->source, "at", (json_int_t)os->at);
}

static bool in_32(const json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= UINT32_MAX;
}

int su_guest_os_parse(struct su_bytes record, struct su_guest_os *out, struct su_err *e)
{
    struct su_guest_os os = {0};
    json_t *o JSON = record.n <= SU_GUEST_ANSWER ? json_loadb((const char *)record.p, record.n, 0, NULL) : NULL;
    const json_t *revision = json_object_get(o, "revision"), *build = json_object_get(o, "build");
    json_int_t at = json_integer_value(json_object_get(o, "at"));
    word(os.id, sizeof os.id, text_of(o, "id"));
    word(os.version, sizeof os.version, text_of(o, "version"));
    su_clean(os.name, sizeof os.name, text_of(o, "name"));
    su_clean(os.edition, sizeof os.edition, text_of(o, "edition"));
    word(os.source, sizeof os.source, text_of(o, "source"));
    os.build = in_32(build) ? (uint32_t)json_integer_value(build) : 0;
    os.revision_known = in_32(revision);
    os.revision = os.revision_known ? (uint32_t)json_integer_value(revision) : 0;
    os.revision_old = os.revision_known && json_is_true(json_object_get(o, "revisionOld"));
    os.at = at > 0 ? (uint64_t)at : 0;
    if (!os.id[0] || !os.source[0])
        return su_fail(e, SU_E_FORMAT, "guest.record", "the record of a guest's system is damaged");
    *out = os;
    return 0;
}

bool su_guest_os_differ(const struct su_guest_os *a, const struct su_guest_os *b)
{
    return strcmp(a->id, b->id) != 0 || strcmp(a->version, b->version) != 0 || strcmp(a->name, b->name) != 0 ||
           strcmp(a->edition, b->edition) != 0 || strcmp(a->source, b->source) != 0 || a->build != b->build ||
           a->revision != b->revision || a->revision_known != b->revision_known || a->revision_old != b->revision_old;
}
