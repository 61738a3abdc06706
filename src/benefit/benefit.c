/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One file of a benefit. */
#include "benefit/benefit.h"
#include "base/conf.h"
#include <stdio.h>
#include <string.h>

struct file {
    char title[128], description[512], os[128], version[256], edition[256], transport[8], min_build[256];
    uint32_t build_from;
    bool enabled, secure_boot, vtpm;
};

static const char *const transports[] = {"any", "vsock", "legacy", NULL};

#define TEXT(sec, name, field, def, ...)                                                                               \
    {                                                                                                                  \
        .section = sec, .key = name, .type = SU_CONF_STRING, .offset = offsetof(struct file, field),                   \
        .size = sizeof((struct file *)0)->field, .value = def, __VA_ARGS__                                             \
    }
#define YES_NO(sec, name, field, def)                                                                                  \
    {                                                                                                                  \
        .section = sec, .key = name, .type = SU_CONF_BOOL, .offset = offsetof(struct file, field), .value = def        \
    }

static const struct su_conf_row rows[] = {
    TEXT("benefit", "title", title, NULL),
    TEXT("benefit", "description", description, ""),
    YES_NO("benefit", "enabled", enabled, "yes"),
    TEXT("eligible", "os", os, ""),
    TEXT("eligible", "version", version, ""),
    TEXT("eligible", "edition", edition, ""),
    {.section = "eligible",
     .key = "build-from",
     .type = SU_CONF_UINT,
     .offset = offsetof(struct file, build_from),
     .value = "0",
     .max = 999999},
    TEXT("require", "transport", transport, "any", .words = transports),
    YES_NO("require", "secure-boot", secure_boot, "no"),
    YES_NO("require", "vtpm", vtpm, "no"),
    TEXT("require", "min-build", min_build, ""),
};

static bool id_valid(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n < SU_BENEFIT_ID && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && id[0] != '-';
}

/* A number off the front, at most nine digits. */
static bool take_number(const char **p, uint32_t *out)
{
    size_t n = strspn(*p, "0123456789");
    if (n == 0 || n > 9)
        return false;
    *out = (uint32_t)strtoul(*p, NULL, 10);
    *p += n;
    return true;
}

/* "20348.2402, 25398.830": a list of BUILD.REVISION, growing. */
static int read_builds(const char *text, const char *name, struct su_benefit *b, struct su_err *e)
{
    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        uint32_t build, revision;
        if (b->n_builds == SU_BENEFIT_BUILDS)
            return su_fail(e, SU_E_FORMAT, "benefit.value", "%s: min-build has more than %d builds", name,
                           SU_BENEFIT_BUILDS);
        if (!take_number(&p, &build) || *p++ != '.' || !take_number(&p, &revision))
            return su_fail(e, SU_E_FORMAT, "benefit.value", "%s: min-build is no list of BUILD.REVISION", name);
        if (b->n_builds && b->min_build[b->n_builds - 1].build >= build)
            return su_fail(e, SU_E_FORMAT, "benefit.value", "%s: the builds of min-build do not grow", name);
        b->min_build[b->n_builds].build = build;
        b->min_build[b->n_builds++].revision = revision;
        p += strspn(p, " ");
        if (*p && *p++ != ',')
            return su_fail(e, SU_E_FORMAT, "benefit.value", "%s: min-build is no list of BUILD.REVISION", name);
    }
    return 0;
}

static bool plain(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
            return false;
    return true;
}

/* All of it goes into JSON and onto terminals. */
static int check_words(const struct file *f, const char *name, struct su_err *e)
{
    const char *const words[] = {f->title, f->description, f->os, f->version, f->edition};
    for (size_t i = 0; i < SU_ARRAY_LEN(words); i++)
        if (!plain(words[i]))
            return su_fail(e, SU_E_FORMAT, "benefit.value", "%s: texts have printable ASCII", name);
    return f->title[0] ? 0 : su_fail(e, SU_E_FORMAT, "benefit.value", "%s: the title is empty", name);
}

int su_benefit_parse(const char *id, struct su_bytes text, const char *name, struct su_benefit *out, bool *off,
                     struct su_err *e)
{
    struct file f = {0};
    struct su_benefit b = {0};
    if (!id_valid(id))
        return su_fail(e, SU_E_FORMAT, "benefit.id", "%s: a benefit's id has lower case letters, digits and '-'", name);
    if (su_conf_parse(rows, SU_ARRAY_LEN(rows), text, name, &f, sizeof f, e) < 0 || check_words(&f, name, e) < 0 ||
        read_builds(f.min_build, name, &b, e) < 0)
        return -1;
    snprintf(b.id, sizeof b.id, "%s", id);
    memcpy(b.title, f.title, sizeof b.title);
    memcpy(b.description, f.description, sizeof b.description);
    memcpy(b.os, f.os, sizeof b.os);
    memcpy(b.version, f.version, sizeof b.version);
    memcpy(b.edition, f.edition, sizeof b.edition);
    b.build_from = f.build_from;
    b.secure_boot = f.secure_boot;
    b.vtpm = f.vtpm;
    while (strcmp(transports[b.transport], f.transport) != 0)
        b.transport++;
    *out = b;
    *off = !f.enabled;
    return 0;
}

const char *su_benefit_transport_name(enum su_benefit_transport t)
{
    return (unsigned)t < SU_BENEFIT_TRANSPORTS ? transports[t] : "any";
}
