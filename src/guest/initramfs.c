/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "initramfs.h"
#include "base/buf.h"
#include <string.h>
#include <sys/stat.h>

enum { NEWC_HEADER = 110, NEWC_MAGIC = 6, NEWC_FIELDS = 13 };
enum { F_MODE = 1, F_FILESIZE = 6, F_NAMESIZE = 11 };

struct walk {
    const struct su_initramfs_visitor *v;
    struct su_input in;
    uint64_t budget;
    unsigned entries;
    bool stopped;
    struct su_buf content;
    char name[SU_INITRAMFS_MAX_NAME];
};

/* Bytes of one archive or of several in the same packing. */
struct stream {
    struct su_unpack *u;
    struct su_bytes chunk;
    uint64_t off; /* of chunk.p, from the first archive's start: entries are aligned to it */
    enum su_packing packing;
};

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "initramfs.damaged", "the initramfs is damaged: %s", what);
}

/* false in *more: the stream has ended */
static int refill(struct stream *s, bool *more, struct su_err *e)
{
    if (s->chunk.n == 0 && su_unpack_next(s->u, &s->chunk, e) < 0)
        return -1;
    *more = s->chunk.n != 0;
    return 0;
}

/* Takes n bytes; out may be NULL to pass over them. */
static int take(struct stream *s, void *out, uint64_t n, struct su_err *e)
{
    bool more;
    for (uint8_t *to = out; n;) {
        if (refill(s, &more, e) < 0)
            return -1;
        if (!more)
            return bad(e, "an archive ends too early");
        size_t part = n < s->chunk.n ? (size_t)n : s->chunk.n;
        if (to) {
            memcpy(to, s->chunk.p, part);
            to += part;
        }
        (void)su_skip(&s->chunk, part);
        s->off += part;
        n -= part;
    }
    return 0;
}

static int align(struct stream *s, struct su_err *e)
{
    return take(s, NULL, (4 - s->off % 4) % 4, e);
}

static bool hex_fields(const uint8_t *h, uint32_t out[NEWC_FIELDS])
{
    for (int f = 0; f < NEWC_FIELDS; f++) {
        uint32_t v = 0;
        for (int i = 0; i < 8; i++, h++) {
            uint8_t c = *h;
            uint8_t digit = c >= '0' && c <= '9'   ? (uint8_t)(c - '0')
                            : c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10)
                            : c >= 'A' && c <= 'F' ? (uint8_t)(c - 'A' + 10)
                                                   : 16;
            if (digit > 15)
                return false;
            v = v << 4 | digit;
        }
        out[f] = v;
    }
    return true;
}

static int read_name(struct walk *w, struct stream *s, uint32_t size, struct su_err *e)
{
    if (size == 0 || size > sizeof w->name)
        return bad(e, "an entry's name has an impossible length");
    if (take(s, w->name, size, e) < 0)
        return -1;
    if (w->name[size - 1] != 0 || strlen(w->name) != size - 1)
        return bad(e, "an entry's name is not ended by a NUL");
    return align(s, e);
}

static const char *trimmed(const char *name)
{
    while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
        name += name[0] == '/' ? 1 : 2;
    return *name ? name : ".";
}

static int show_content(struct walk *w, struct stream *s, const struct su_initramfs_entry *en, struct su_err *e)
{
    w->content.n = 0;
    su_buf_zero(&w->content, en->size);
    if (su_buf_ok(&w->content, e) < 0 || take(s, w->content.p, en->size, e) < 0)
        return -1;
    w->stopped = w->v->content(w->v->arg, en, su_buf_bytes(&w->content)) == SU_INITRAMFS_STOP;
    return 0;
}

/* One entry; *trailer at the end of an archive. */
static int walk_entry(struct walk *w, struct stream *s, bool *trailer, struct su_err *e)
{
    uint8_t h[NEWC_HEADER];
    uint32_t f[NEWC_FIELDS];
    if (take(s, h, sizeof h, e) < 0)
        return -1;
    if ((memcmp(h, "070701", NEWC_MAGIC) != 0 && memcmp(h, "070702", NEWC_MAGIC) != 0) ||
        !hex_fields(h + NEWC_MAGIC, f))
        return bad(e, "an entry has no cpio header");
    if (read_name(w, s, f[F_NAMESIZE], e) < 0)
        return -1;
    *trailer = strcmp(w->name, "TRAILER!!!") == 0;
    if (!*trailer) {
        struct su_initramfs_entry en = {trimmed(w->name), f[F_MODE], f[F_FILESIZE], s->packing};
        if (++w->entries > SU_INITRAMFS_MAX_ENTRIES)
            return su_fail(e, SU_E_RANGE, "initramfs.entries", "the initramfs has too many entries");
        enum su_initramfs_step step = w->v->entry(w->v->arg, &en);
        w->stopped = step == SU_INITRAMFS_STOP;
        if (step == SU_INITRAMFS_WANT && S_ISREG(en.mode) && en.size <= w->v->max_content) {
            f[F_FILESIZE] = 0; /* taken */
            if (show_content(w, s, &en, e) < 0)
                return -1;
        }
    }
    if (w->stopped)
        return 0;
    if (take(s, NULL, f[F_FILESIZE], e) < 0)
        return -1;
    return align(s, e);
}

static int skip_zeros(struct stream *s, bool *more, struct su_err *e)
{
    for (;;) {
        if (refill(s, more, e) < 0)
            return -1;
        if (!*more || s->chunk.p[0] != 0)
            return 0;
        (void)su_skip(&s->chunk, 1);
        s->off++;
    }
}

/* Archives in one packing.  Plain ones end where something packed begins: that is left in the input. */
static int walk_archives(struct walk *w, struct stream *s, struct su_err *e)
{
    for (bool more = true, trailer = false; !w->stopped;) {
        if (walk_entry(w, s, &trailer, e) < 0)
            return -1;
        if (!trailer || w->stopped)
            continue;
        if (skip_zeros(s, &more, e) < 0)
            return -1;
        if (!more)
            return 0;
        if (s->packing == SU_PACK_NONE && s->chunk.p[0] != '0') {
            w->in.at -= s->chunk.n; /* chunks of a plain stream are the input's own window */
            return 0;
        }
    }
    return 0;
}

static int walk_all(struct walk *w, struct su_err *e)
{
    struct su_bytes head;
    for (bool first = true; !w->stopped; first = false) {
        if (su_input_skip_zeros(&w->in, e) < 0 || su_input_peek(&w->in, 6, &head, e) < 0)
            return -1;
        if (head.n == 0)
            return first ? bad(e, "it is empty") : 0;
        struct stream s = {.packing = su_packing_detect(head)};
        if (s.packing == SU_PACK_NONE && head.p[0] != '0')
            return su_fail(e, SU_E_FORMAT, "initramfs.magic", "%s is neither a cpio archive nor packed data",
                           first ? "the initramfs" : "what follows in the initramfs");
        SU_UNPACK struct su_unpack *u = NULL;
        if (su_unpack_open(&w->in, s.packing, &w->budget, &u, e) < 0)
            return -1;
        s.u = u;
        if (walk_archives(w, &s, e) < 0)
            return -1;
    }
    return 0;
}

int su_initramfs_walk(struct su_pull src, const struct su_initramfs_visitor *v, bool *whole, struct su_err *e)
{
    struct walk *w = calloc(1, sizeof *w);
    if (!w)
        return su_fail_nomem(e, sizeof *w);
    w->v = v;
    w->in.src = src;
    w->budget = SU_INITRAMFS_MAX_OUT;
    int rc = walk_all(w, e);
    if (rc == 0 && whole)
        *whole = !w->stopped;
    su_input_done(&w->in);
    su_buf_done(&w->content);
    free(w);
    return rc;
}
