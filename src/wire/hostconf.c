/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostconf.h"
#include <string.h>

#define TEXT(sec, name, field, def, ...)                                                                               \
    {                                                                                                                  \
        .section = sec, .key = name, .type = SU_CONF_STRING, .offset = offsetof(struct su_host_conf, field),           \
        .size = sizeof((struct su_host_conf *)0)->field, .value = def, __VA_ARGS__                                     \
    }
#define NUMBER(sec, name, kind, field, def, lo, hi)                                                                    \
    {                                                                                                                  \
        .section = sec, .key = name, .type = kind, .offset = offsetof(struct su_host_conf, field), .value = def,       \
        .min = lo, .max = hi                                                                                           \
    }

static const char *const algorithms[] = {"rsa2048", "rsa3072", "p256", NULL};
static const char *const digest_oids[] = {"sha256", "azure", NULL};
static const char *const legacy_modes[] = {"bridge", "tap", NULL};

static const struct su_conf_row rows[] = {
    TEXT("host", "name", host, ""),
    TEXT("host", "cluster", cluster, "default"),
    TEXT("authority", "url", authority, ""),
    TEXT("key", "uri", key, "file:host"),
    TEXT("key", "pin-file", pin_file, ""),
    TEXT("key", "pkcs11-module", module, ""),
    TEXT("key", "algorithm", algorithm, "rsa2048", .words = algorithms),
    TEXT("document", "digest-oid", digest_oid, "sha256", .words = digest_oids),
    NUMBER("document", "lifetime", SU_CONF_SECONDS, lifetime, "6h", 60, 86400),
    TEXT("document", "subscription", subscription, "00000000-0000-0000-0000-000000000000"),
    TEXT("document", "license-type", license_type, ""),
    TEXT("document", "sku", sku, ""),
    NUMBER("imds", "rate", SU_CONF_UINT, rate, "5", 1, 100000),
    NUMBER("imds", "burst", SU_CONF_UINT, burst, "10", 1, 100000),
    NUMBER("imds", "vsock-port", SU_CONF_UINT, vsock_port, "169", 0, UINT32_MAX - 1),
    TEXT("imds", "location", location, ""),
    TEXT("libvirt", "uri", libvirt, "qemu:///system"),
    TEXT("vms", "dir", vms_dir, "/etc/surety/vms.d"),
    NUMBER("sync", "interval", SU_CONF_SECONDS, sync_interval, "12h", 60, 7 * 86400),
    TEXT("legacy", "mode", legacy_mode, "bridge", .words = legacy_modes),
    TEXT("legacy", "bridge", legacy_bridge, "vbr-imds"),
};

/* What goes into signed documents as text must be plain; what is shown must not be secret. */
static int check_words(const struct su_host_conf *c, const char *path, struct su_err *e)
{
    const char *const words[] = {c->host, c->cluster, c->license_type, c->sku, c->location};
    for (size_t i = 0; i < SU_ARRAY_LEN(words); i++)
        for (const char *p = words[i]; *p; p++)
            if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
                return su_fail(e, SU_E_FORMAT, "conf.value", "%s: names have printable ASCII without quotes", path);
    if (strchr(c->authority, '@')) /* everybody may ask which authority it is */
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s: [authority] url has no user and no password", path);
    if (!su_uuid_valid(c->subscription))
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s: [document] subscription is no UUID in lower case", path);
    return 0;
}

int su_host_conf_load(const char *path, struct su_host_conf *out, struct su_err *e)
{
    struct su_host_conf c = {0};
    if (su_conf_load(rows, SU_ARRAY_LEN(rows), path, true, &c, sizeof c, e) < 0 || check_words(&c, path, e) < 0)
        return -1;
    if (!*c.host && gethostname(c.host, sizeof c.host - 1) < 0)
        return su_fail_os(e, "conf.host", "cannot tell the host's name");
    if (!*c.location)
        memcpy(c.location, c.cluster, sizeof c.location < sizeof c.cluster ? sizeof c.location : sizeof c.cluster);
    *out = c;
    return 0;
}
