/* SPDX-License-Identifier: Apache-2.0 */
/* der.c - is it DER all the way down?  X.690: definite lengths in their shortest form, primitive strings, low tag
 * numbers. OpenSSL reads BER as well, where one document could be written in many ways. */
#include "internal.h"

enum { DER_DEPTH = 24 };

struct tlv {
    bool constructed;
    unsigned tag;           /* the whole identifier byte */
    const unsigned char *p; /* contents */
    size_t n;
};

/* Takes one element off the front. */
static bool take(const unsigned char **p, size_t *n, struct tlv *out)
{
    const unsigned char *s = *p;
    if (*n < 2 || (s[0] & 0x1F) == 0x1F)
        return false;
    size_t head = 2, len = s[1];
    if (s[1] & 0x80) {
        unsigned k = s[1] & 0x7F;
        if (k == 0 || k > 3 || *n < 2 + k || s[2] == 0)
            return false;
        len = 0;
        for (unsigned i = 0; i < k; i++)
            len = len << 8 | s[2 + i];
        if (len < 0x80)
            return false;
        head += k;
    }
    if (len > *n - head)
        return false;
    *out = (struct tlv){(s[0] & 0x20) != 0, s[0], s + head, len};
    *p += head + len;
    *n -= head + len;
    return true;
}

/* Not a byte more than the number needs. */
static bool integer_ok(const struct tlv *t)
{
    if (t->n < 2)
        return t->n == 1;
    return !(t->p[0] == 0 && t->p[1] < 0x80) && !(t->p[0] == 0xFF && t->p[1] >= 0x80);
}

/* Universal types: which are constructed, and what little can be wrong inside the others. */
static bool form_ok(const struct tlv *t)
{
    unsigned number = t->tag & 0x1F;
    if ((t->tag & 0xC0) != 0)
        return true;
    if (number == 0 || t->constructed != (number == 16 || number == 17))
        return false;
    if (number == 1)
        return t->n == 1 && (t->p[0] == 0 || t->p[0] == 0xFF);
    if (number == 2 || number == 10)
        return integer_ok(t);
    if (number == 5)
        return t->n == 0;
    return true;
}

static bool walk(const unsigned char *p, size_t n)
{
    struct {
        const unsigned char *p;
        size_t n;
    } stack[DER_DEPTH];
    int depth = 1;
    stack[0].p = p;
    stack[0].n = n;
    while (depth > 0) {
        struct tlv t;
        if (stack[depth - 1].n == 0) {
            depth--;
            continue;
        }
        if (!take(&stack[depth - 1].p, &stack[depth - 1].n, &t) || !form_ok(&t))
            return false;
        if (!t.constructed)
            continue;
        if (depth == DER_DEPTH)
            return false;
        stack[depth].p = t.p;
        stack[depth++].n = t.n;
    }
    return true;
}

int surety_der_check(const unsigned char *p, size_t n, struct surety_error *e)
{
    const unsigned char *rest = p;
    size_t left = n;
    struct tlv t;
    if (!take(&rest, &left, &t) || t.tag != 0x30)
        return surety_fail(e, SURETY_DOCUMENT_DER, "no sequence with a definite length");
    if (left)
        return surety_fail(e, SURETY_DOCUMENT_TRAILING, "%zu of %zu", left, n);
    if (!walk(p, n))
        return surety_fail(e, SURETY_DOCUMENT_DER, "an element is not in the one form that DER has");
    return SURETY_OK;
}
