/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/conf.h"
#include "agent.h"
#include <string.h>

#define TEXT(s, k, member, def)                                                                                        \
    {                                                                                                                  \
        s, k, SU_CONF_STRING, offsetof(struct su_guest_conf, member), sizeof(((struct su_guest_conf *)0)->member),     \
            def, 0, 0, NULL                                                                                            \
    }
#define OTHER(s, k, type, member, def, min, max)                                                                       \
    {                                                                                                                  \
        s, k, type, offsetof(struct su_guest_conf, member), 0, def, min, max, NULL                                     \
    }

static const struct su_conf_row rows[] = {
    TEXT("trust", "roots", roots, "/etc/surety/trust.pem"),
    TEXT("trust", "intermediates", intermediates, ""),
    TEXT("trust", "crl", crl, ""),
    OTHER("trust", "azure", SU_CONF_BOOL, azure, "no", 0, 0),
    TEXT("expect", "domain", domain, ""),
    TEXT("expect", "cluster", cluster, ""),
    TEXT("expect", "subscription", subscription, ""),
    TEXT("expect", "vm-id", vm_id, "auto"),
    TEXT("expect", "security-type", security_type, ""),
    OTHER("expect", "secure-boot", SU_CONF_BOOL, secure_boot, "no", 0, 0),
    OTHER("expect", "vtpm", SU_CONF_BOOL, vtpm, "no", 0, 0),
    OTHER("expect", "max-age", SU_CONF_SECONDS, max_age, "300", 1, 86400),
    OTHER("expect", "skew", SU_CONF_SECONDS, skew, "120", 0, 86400),
    TEXT("fetch", "endpoints", endpoints, ""),
    OTHER("fetch", "timeout", SU_CONF_SECONDS, timeout, "10", 1, 600),
    OTHER("fetch", "report", SU_CONF_BOOL, report, "yes", 0, 0),
    TEXT("benefits", "admin-dir", admin_dir, "/etc/surety/benefits.d"),
    TEXT("benefits", "vendor-dir", vendor_dir, "/usr/share/surety/benefits.d"),
    TEXT("benefits", "run-dir", run_dir, "/run/surety/benefits"),
};

int su_guest_conf_load(const char *path, bool missing_ok, struct su_guest_conf *out, struct su_err *e)
{
    return su_conf_load(rows, SU_ARRAY_LEN(rows), path, missing_ok, out, sizeof *out, e);
}

int su_each_word(const char *list, int (*f)(void *ctx, const char *word, struct su_err *e), void *ctx, struct su_err *e)
{
    char word[512];
    for (const char *p = list; *(p += strspn(p, " \t"));) {
        size_t n = strcspn(p, " \t");
        if (n >= sizeof word)
            return su_fail(e, SU_E_RANGE, "conf.value", "a word of more than %zu bytes", sizeof word - 1);
        memcpy(word, p, n);
        word[n] = 0;
        if (f(ctx, word, e) < 0)
            return -1;
        p += n;
    }
    return 0;
}
