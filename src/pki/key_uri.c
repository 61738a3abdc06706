/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of keys. */
#include "key_int.h"
#include <string.h>

/* A PIN has no place in it, and is not repeated when it stands there in spite of that. */
static int bad(struct su_err *e, const char *uri, const char *why)
{
    const char *pin = strcasestr(uri, "pin");
    int n = pin && pin - uri < 120 ? (int)(pin - uri) : 120;
    su_fail(e, SU_E_USAGE, "key.uri", "the key \"%.*s%s\" %s", n, uri, pin ? "..." : "", why);
    return su_remedy(e, "write file:, tpm2: or pkcs11:token=LABEL;object=NAME");
}

static bool plain(const char *s)
{
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == 0 && s[0] != '.';
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Percent-decodes n bytes (RFC 7512, 2.3); no control characters. */
static bool decode(const char *s, size_t n, char *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int c = (unsigned char)s[i];
        if (c == '%') {
            if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
                return false;
            c = hex(s[i + 1]) << 4 | hex(s[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || len + 1 >= cap)
            return false;
        out[len++] = (char)c;
    }
    out[len] = 0;
    return len > 0;
}

/* Where a part of the URI goes; NULL: nowhere. */
static char *field(struct su_key_name *n, const char *part, size_t len, size_t *cap, size_t *skip)
{
    static const struct {
        enum su_key_kind kind;
        const char *word;
        size_t offset, cap;
    } rows[] = {
        {SU_KIND_TPM2, "tcti=", offsetof(struct su_key_name, tcti), SU_KEY_TCTI},
        {SU_KIND_PKCS11, "token=", offsetof(struct su_key_name, token), SU_KEY_TOKEN},
        {SU_KIND_PKCS11, "object=", offsetof(struct su_key_name, name), SU_KEY_NAME},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        size_t w = strlen(rows[i].word);
        if (rows[i].kind == n->kind && len > w && strncmp(part, rows[i].word, w) == 0) {
            *cap = rows[i].cap;
            *skip = w;
            return (char *)n + rows[i].offset;
        }
    }
    *cap = SU_KEY_NAME;
    *skip = 0;
    return n->kind != SU_KIND_PKCS11 && !memchr(part, '=', len) ? n->name : NULL;
}

static int parse_parts(const char *uri, const char *part, struct su_key_name *n, struct su_err *e)
{
    while (*part) {
        size_t len = strcspn(part, ";"), cap, skip;
        char *to = field(n, part, len, &cap, &skip);
        if (!to)
            return bad(e, uri, "has a part that is not known");
        if (*to)
            return bad(e, uri, "has a part twice");
        if (n->kind == SU_KIND_PKCS11 ? !decode(part + skip, len - skip, to, cap) : len - skip >= cap)
            return bad(e, uri, "has a part that is not readable or too long");
        if (n->kind != SU_KIND_PKCS11) {
            memcpy(to, part + skip, len - skip);
            to[len - skip] = 0;
        }
        part += len;
        if (*part == ';' && !*++part)
            return bad(e, uri, "ends with ';'");
    }
    return 0;
}

int su_key_name_parse(const char *uri, struct su_key_name *out, struct su_err *e)
{
    static const char *const schemes[] = {
        [SU_KIND_FILE] = "file:", [SU_KIND_TPM2] = "tpm2:", [SU_KIND_PKCS11] = "pkcs11:"};
    struct su_key_name n = {0};
    const char *rest = NULL;
    for (unsigned i = 0; i < SU_ARRAY_LEN(schemes) && !rest; i++)
        if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0) {
            n.kind = (enum su_key_kind)i;
            rest = uri + strlen(schemes[i]);
        }
    if (!rest)
        return bad(e, uri, "is of no known kind");
    if (n.kind == SU_KIND_PKCS11 && strchr(rest, '?')) /* RFC 7512's query, where a PIN may stand */
        return bad(e, uri, "has a part that is not known");
    if (parse_parts(uri, rest, &n, e) < 0)
        return -1;
    if (n.kind == SU_KIND_PKCS11) {
        if (!n.token[0] || !n.name[0])
            return bad(e, uri, "names no token and object");
    } else {
        if (!n.name[0])
            memcpy(n.name, "key", 4);
        if (!plain(n.name))
            return bad(e, uri, "has a name that is not of [A-Za-z0-9._-]");
    }
    *out = n;
    return 0;
}

static void encode(struct su_buf *b, const char *s)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (; *s; s++) {
        if (strchr(safe, *s))
            su_buf_add(b, s, 1);
        else
            su_buf_printf(b, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

void su_key_token_uri(struct su_buf *b, const char *token, const char *name)
{
    su_buf_text(b, "pkcs11:token=");
    encode(b, token);
    su_buf_text(b, ";object=");
    encode(b, name);
}

void su_snprint(char *out, size_t cap, const char *s)
{
    size_t n = strnlen(s, cap - 1);
    memcpy(out, s, n);
    out[n] = 0;
}
