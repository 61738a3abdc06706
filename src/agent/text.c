/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c - JSON of what was found.  Strings come from libsurety: UTF-8 without control characters; others are ASCII. */
#include "agent.h"

void su_json_string(struct su_buf *b, const char *s)
{
    if (!s) {
        su_buf_text(b, "null");
        return;
    }
    su_buf_text(b, "\"");
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        if (*p == '"' || *p == '\\')
            su_buf_printf(b, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7F)
            su_buf_printf(b, "\\u%04x", *p);
        else
            su_buf_add(b, p, 1);
    }
    su_buf_text(b, "\"");
}

void su_json_facts_of(struct su_buf *b, const struct surety_document *d)
{
    const char *comma = "{";
    for (int f = 0; f < SURETY_FIELD_COUNT; f++) {
        enum surety_field field = (enum surety_field)f;
        const char *v = surety_document_get(d, field);
        if (!v)
            continue;
        su_buf_text(b, comma);
        comma = ",";
        su_json_string(b, surety_field_name(field));
        su_buf_text(b, ":");
        bool plain = field == SURETY_F_CREATED_ON || field == SURETY_F_EXPIRES_ON || field == SURETY_F_SIGNER_EXPIRES ||
                     field == SURETY_F_SECURE_BOOT || field == SURETY_F_VTPM;
        if (plain)
            su_buf_text(b, v);
        else
            su_json_string(b, v);
    }
    su_buf_text(b, "}");
}

void su_json_checked(struct su_buf *b, unsigned checked)
{
    static const char *const names[] = {"nonce",        "age",     "domain",   "crl", "vm",
                                        "subscription", "cluster", "audience", "key", "security"};
    const char *comma = "";
    su_buf_text(b, "[");
    for (unsigned i = 0; i < SU_ARRAY_LEN(names); i++) {
        if (!(checked & 1u << i))
            continue;
        su_buf_printf(b, "%s\"%s\"", comma, names[i]);
        comma = ",";
    }
    su_buf_text(b, "]");
}
