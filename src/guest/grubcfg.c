/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grubcfg.h"
#include "grubenv.h"
#include <string.h>

struct parser {
    struct su_grubcfg g;
    struct su_grubscript s;
    size_t text_n, text_cap;         /* of g.text */
    int block[SU_GRUBCFG_MAX_DEPTH]; /* index of an entry, or -1: a function or another block */
    size_t depth;
    unsigned conditions; /* open ifs and loops */
    const char *fs_uuid; /* of the last search outside entries */
};

static void parser_done(struct parser *p)
{
    su_grubcfg_done(&p->g);
    su_grubscript_done(&p->s);
}

void su_grubcfg_done(struct su_grubcfg *g)
{
    free(g->entry);
    free(g->text);
    *g = (struct su_grubcfg){0};
}

/* The words from the i-th on, a blank between; NULL: out of room, which parse() has made impossible. */
static const char *keep(struct parser *p, size_t i, size_t to)
{
    char *start = p->g.text + p->text_n;
    for (; i < to; i++) {
        const struct su_grub_word *w = &p->s.word[i];
        if (w->n + 1 > p->text_cap - p->text_n)
            return NULL;
        memcpy(p->g.text + p->text_n, w->text, w->n);
        p->text_n += w->n;
        p->g.text[p->text_n++] = i + 1 < to ? ' ' : 0;
    }
    return start;
}

static bool word_is(const struct parser *p, size_t i, const char *s)
{
    return i < p->s.n_words && strcmp(p->s.word[i].text, s) == 0;
}

static bool word_in(const struct parser *p, size_t i, const char *const *list)
{
    for (; *list; list++)
        if (word_is(p, i, *list))
            return true;
    return false;
}

static struct su_grub_entry *current(struct parser *p)
{
    int i = p->depth > 0 ? p->block[p->depth - 1] : -1;
    return i >= 0 && !p->g.entry[i].submenu ? &p->g.entry[i] : NULL;
}

static int push(struct parser *p, int index, struct su_err *e)
{
    if (p->depth == SU_GRUBCFG_MAX_DEPTH)
        return su_fail(e, SU_E_RANGE, "guest.grubcfg.depth", "grub.cfg nests more than %d blocks",
                       SU_GRUBCFG_MAX_DEPTH);
    p->block[p->depth++] = index;
    return 0;
}

/* The submenu a new entry belongs to: -1 top level, -2: inside a function or an entry, so it is no entry now. */
static int parent(const struct parser *p)
{
    if (p->depth == 0)
        return -1;
    int i = p->block[p->depth - 1];
    return i >= 0 && p->g.entry[i].submenu ? i : -2;
}

/* menuentry TITLE [--class X | --users X | --hotkey X | --id X | --unrestricted]... [ARG]... { */
static int open_entry(struct parser *p, size_t at, struct su_err *e)
{
    static const char *const with_value[] = {"--class", "--users", "--hotkey", "--source", NULL};
    int up = parent(p);
    if (up < -1)
        return push(p, -1, e);
    if (p->g.n == SU_GRUBCFG_MAX_ENTRIES)
        return su_fail(e, SU_E_RANGE, "guest.grubcfg.entries", "grub.cfg has more than %d entries",
                       SU_GRUBCFG_MAX_ENTRIES);
    struct su_grub_entry n = {.parent = up, .submenu = word_is(p, at, "submenu"), .conditional = p->conditions > 0};
    n.fs_uuid = p->fs_uuid;
    for (size_t i = at + 1; i < p->s.n_words; i++) {
        if (word_is(p, i, "--id")) {
            i++;
            n.id = i < p->s.n_words ? keep(p, i, i + 1) : NULL;
        } else if (word_in(p, i, with_value)) {
            i++;
        } else if (!n.title && strncmp(p->s.word[i].text, "--", 2) != 0) {
            n.title = keep(p, i, i + 1);
        }
    }
    n.title = n.title ? n.title : "";
    struct su_grub_entry *grown = realloc(p->g.entry, (p->g.n + 1) * sizeof *grown);
    if (!grown)
        return su_fail_nomem(e, (p->g.n + 1) * sizeof *grown);
    p->g.entry = grown;
    p->g.entry[p->g.n] = n;
    return push(p, (int)p->g.n++, e);
}

static bool looks_like_uuid(const char *s)
{
    size_t n = strlen(s);
    return n >= 8 && n <= 36 && strspn(s, "0123456789abcdefABCDEF-") == n;
}

/* search --fs-uuid ... UUID, search.fs_uuid UUID [VARIABLE [HINT]...] */
static void take_search(struct parser *p, size_t at)
{
    const char *uuid = NULL;
    bool by_uuid = word_is(p, at, "search.fs_uuid");
    for (size_t i = at + 1; i < p->s.n_words; i++) {
        by_uuid = by_uuid || word_is(p, i, "--fs-uuid") || word_is(p, i, "-u");
        if (looks_like_uuid(p->s.word[i].text))
            uuid = keep(p, i, i + 1);
    }
    if (!by_uuid || !uuid)
        return;
    if (current(p))
        current(p)->fs_uuid = uuid;
    else if (p->depth == 0)
        p->fs_uuid = uuid;
}

static void take_linux(struct parser *p, size_t at)
{
    struct su_grub_entry *entry = current(p);
    if (!entry || entry->kernel || at + 1 >= p->s.n_words)
        return;
    entry->kernel = keep(p, at + 1, at + 2);
    entry->cmdline = at + 2 < p->s.n_words ? keep(p, at + 2, p->s.n_words) : "";
}

static int take_initrd(struct parser *p, size_t at, struct su_err *e)
{
    struct su_grub_entry *entry = current(p);
    for (size_t i = at + 1; entry && i < p->s.n_words; i++) {
        if (entry->n_initrds == SU_GRUBCFG_MAX_INITRDS)
            return su_fail(e, SU_E_RANGE, "guest.grubcfg.initrds", "grub.cfg has an entry with more than %d initrds",
                           SU_GRUBCFG_MAX_INITRDS);
        entry->initrd[entry->n_initrds++] = keep(p, i, i + 1);
    }
    return 0;
}

/* [set] default=VALUE */
static void take_default(struct parser *p, size_t at)
{
    static const char name[] = "default=";
    at += word_is(p, at, "set");
    if (p->depth > 0 || at >= p->s.n_words || strncmp(p->s.word[at].text, name, strlen(name)) != 0)
        return;
    const char *value = keep(p, at, at + 1);
    if (!value)
        return;
    if (strstr(value, "${next_entry}"))
        p->g.reads_next_entry = true;
    else
        p->g.default_value = value + strlen(name);
}

/* Steps over the words that only structure commands, counting conditions. */
static size_t skip_keywords(struct parser *p)
{
    static const char *const opening[] = {"if", "while", "until", "for", NULL};
    static const char *const closing[] = {"fi", "done", NULL};
    static const char *const other[] = {"then", "else", "elif", "do", "!", NULL};
    size_t at = 0;
    for (; at < p->s.n_words; at++) {
        if (word_in(p, at, opening))
            p->conditions++;
        else if (word_in(p, at, closing))
            p->conditions -= p->conditions > 0;
        else if (!word_in(p, at, other))
            break;
    }
    return at;
}

static int command(struct parser *p, struct su_err *e)
{
    static const char *const entries[] = {"menuentry", "submenu", NULL};
    static const char *const searches[] = {"search", "search.fs_uuid", NULL};
    static const char *const kernels[] = {"linux", "linux16", "linuxefi", NULL};
    static const char *const initrds[] = {"initrd", "initrd16", "initrdefi", NULL};
    size_t at = skip_keywords(p);
    int r = 0;
    if (p->s.end == SU_GRUB_END_OPEN)
        return word_in(p, at, entries) ? open_entry(p, at, e) : push(p, -1, e);
    if (word_in(p, at, searches))
        take_search(p, at);
    else if (word_in(p, at, kernels))
        take_linux(p, at);
    else if (word_in(p, at, initrds))
        r = take_initrd(p, at, e);
    else if (word_is(p, at, "blscfg"))
        p->g.bls = true;
    else
        take_default(p, at);
    if (p->s.end == SU_GRUB_END_CLOSE && p->depth > 0)
        p->depth--;
    return r;
}

int su_grubcfg_parse(struct su_bytes text, struct su_grubcfg *out, struct su_err *e)
{
    SU_AUTO(parser_done) struct parser p = {0};
    int more;
    if (su_text_check(text, "grub.cfg", e) < 0)
        return -1;
    /* a variable "$a" becomes "${a}": nothing grows more than that, and each word ends with one byte that
     * its source has as well */
    p.text_cap = text.n * 2 + 1;
    p.g.text = malloc(p.text_cap);
    if (!p.g.text)
        return su_fail_nomem(e, p.text_cap);
    su_grubscript_init(&p.s, text);
    while ((more = su_grubscript_next(&p.s, e)) > 0)
        if (command(&p, e) < 0)
            return -1;
    if (more < 0)
        return -1;
    *out = p.g;
    p.g = (struct su_grubcfg){0};
    return 0;
}

/* Is spec this name, up to its end or a single '>'?  A doubled one is the character itself. */
static bool names(const char *spec, const char *name)
{
    if (!name || !*name)
        return false;
    for (; *name; name++) {
        if (*spec != *name || (*spec == '>' && spec[1] != '>'))
            return false;
        spec += *spec == '>' ? 2 : 1;
    }
    return !*spec || (*spec == '>' && spec[1] != '>');
}

/* What is left for the menu below, whether or not this level was found. */
static const char *next_level(const char *spec)
{
    for (; *spec; spec++) {
        if (*spec == '>' && spec[1] != '>')
            return spec + 1;
        spec += *spec == '>';
    }
    return spec;
}

/* One level of the menu, as get_entry_number() in GRUB's normal/menu.c has it: a specification that begins with a
 * number is that number, whatever comes behind it.  False when the level is empty. */
static bool choose(const struct su_grubcfg *g, int up, const char *spec, size_t *index)
{
    bool by_number = *spec >= '0' && *spec <= '9', any = false;
    unsigned long number = by_number ? strtoul(spec, NULL, 0) : 0, nth = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct su_grub_entry *entry = &g->entry[i];
        if (entry->parent != up)
            continue;
        if (by_number ? nth++ == number : names(spec, entry->title) || names(spec, entry->id)) {
            *index = i;
            return true;
        }
        if (!any)
            *index = i;
        any = true;
    }
    return any;
}

/* The value of one of the variables a menu's default may hang on, or "". */
static int from_env(struct su_bytes grubenv, const char *name, struct su_buf *out, struct su_err *e)
{
    if (grubenv.n == 0 || su_grubenv_get(grubenv, name, out, e) == 0)
        return 0;
    return e->kind == SU_E_NOMEM ? -1 : 0; /* a damaged block is an empty one, to GRUB too */
}

static int default_spec(const struct su_grubcfg *g, struct su_bytes grubenv, struct su_buf *spec, struct su_err *e)
{
    if (g->reads_next_entry && from_env(grubenv, "next_entry", spec, e) < 0)
        return -1;
    if (spec->n > 0)
        return 0;
    if (!g->default_value || strcmp(g->default_value, "${saved_entry}") != 0) {
        su_buf_text(spec, g->default_value ? g->default_value : "0");
        return su_buf_ok(spec, e);
    }
    /* grub-reboot of old kept the former one here */
    if (from_env(grubenv, "prev_saved_entry", spec, e) < 0)
        return -1;
    return spec->n > 0 ? 0 : from_env(grubenv, "saved_entry", spec, e);
}

int su_grubcfg_default(const struct su_grubcfg *g, struct su_bytes grubenv, size_t *index, struct su_err *e)
{
    SU_BUF struct su_buf value = {0};
    size_t at = 0;
    int up = -1;
    if (default_spec(g, grubenv, &value, e) < 0)
        return -1;
    const char *spec = su_buf_str(&value);
    for (int depth = 0; depth <= SU_GRUBCFG_MAX_DEPTH && choose(g, up, spec, &at); depth++) {
        if (!g->entry[at].submenu) {
            *index = at;
            return 0;
        }
        up = (int)at;
        spec = next_level(spec);
    }
    return su_fail(e, SU_E_MISSING, "guest.grubcfg.default", "the boot menu has no entry to start by default%s",
                   g->bls ? " (its entries come from boot loader specification files)" : "");
}
