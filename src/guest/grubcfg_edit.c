/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grubcfg.h"
#include <stdio.h>
#include <string.h>

static const char defaults_comment[] = "# Added by surety: a kernel argument that the initramfs needs on a GPT disk";
enum { MAX_ARGUMENT = 256, MAX_PREFIX = 255 };

static bool made_of(const char *s, const char *special)
{
    for (; *s; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
        if (!plain && !strchr(special, *s))
            return false;
    }
    return true;
}

static int check_argument(const char *arg, struct su_err *e)
{
    if (!*arg || strlen(arg) > MAX_ARGUMENT || !made_of(arg, "=_./:,@-"))
        return su_fail(e, SU_E_USAGE, "guest.grubcfg.argument", "this is no kernel argument that can be added");
    return 0;
}

static bool starts_linux(const struct su_grubscript *s)
{
    const char *verb = s->n_words > 1 ? s->word[0].text : "";
    return strcmp(verb, "linux") == 0 || strcmp(verb, "linux16") == 0 || strcmp(verb, "linuxefi") == 0;
}

/* A word that is written as it reads: no quotes in it. */
static bool is_plain(const struct su_grubscript *s, const struct su_grub_word *w, const char *arg)
{
    return strcmp(w->text, arg) == 0 && w->to - w->from == strlen(arg) && w->from > 0 &&
           s->source.p[w->from - 1] == ' ';
}

/* One pass over the script; edit() sees each linux command and copies the source up to where it changes it. */
struct edit {
    const char *arg;
    struct su_buf *out;
    size_t copied; /* bytes of the source that are in out, changed or not */
    unsigned changed;
};

static void copy_to(struct edit *d, const struct su_grubscript *s, size_t to)
{
    su_buf_add(d->out, s->source.p + d->copied, to - d->copied);
    d->copied = to;
}

static void add(struct edit *d, const struct su_grubscript *s)
{
    size_t last = s->n_words - 1; /* the word it goes behind */
    for (size_t i = s->n_words - 1; i >= 2; i--) {
        if (strcmp(s->word[i].text, d->arg) == 0)
            return;
        if (strcmp(s->word[i].text, "--") == 0)
            last = i - 1;
    }
    copy_to(d, s, s->word[last].to);
    su_buf_printf(d->out, " %s", d->arg);
    d->changed++;
}

static void drop(struct edit *d, const struct su_grubscript *s)
{
    for (size_t i = 2; i < s->n_words; i++) {
        if (!is_plain(s, &s->word[i], d->arg))
            continue;
        copy_to(d, s, s->word[i].from - 1);
        d->copied = s->word[i].to;
        d->changed++;
    }
}

static int edit_linux(struct su_bytes text, const char *arg, void (*edit)(struct edit *, const struct su_grubscript *),
                      struct su_buf *out, unsigned *changed, struct su_err *e)
{
    SU_GRUBSCRIPT struct su_grubscript s;
    struct edit d = {.arg = arg, .out = out};
    size_t was = out->n;
    int more;
    su_grubscript_init(&s, text);
    if (check_argument(arg, e) < 0 || su_text_check_lines(text, "grub.cfg", e) < 0)
        return -1;
    while ((more = su_grubscript_next(&s, e)) > 0)
        if (starts_linux(&s))
            edit(&d, &s);
    copy_to(&d, &s, text.n);
    if (more < 0 || su_buf_ok(out, e) < 0) {
        su_text_truncate(out, was);
        return -1;
    }
    *changed = d.changed;
    return 0;
}

int su_grubcfg_add_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                            struct su_err *e)
{
    return edit_linux(text, arg, add, out, changed, e);
}

int su_grubcfg_remove_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                               struct su_err *e)
{
    return edit_linux(text, arg, drop, out, changed, e);
}

static void defaults_line(const char *arg, char line[MAX_ARGUMENT + 64])
{
    snprintf(line, MAX_ARGUMENT + 64, "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX %s\"", arg);
}

static bool is_line(struct su_bytes line, const void *want)
{
    return su_text_is(line, want);
}

int su_grub_defaults_remove_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                                     struct su_err *e)
{
    char line[MAX_ARGUMENT + 64];
    if (check_argument(arg, e) < 0 || su_text_check_lines(text, "/etc/default/grub", e) < 0)
        return -1;
    defaults_line(arg, line);
    return su_text_remove_block(text, defaults_comment, is_line, line, out, changed, e);
}

int su_grub_defaults_add_argument(struct su_bytes text, const char *arg, struct su_buf *out, unsigned *changed,
                                  struct su_err *e)
{
    SU_BUF struct su_buf dropped = {0};
    char line[MAX_ARGUMENT + 64];
    unsigned there = 0;
    if (su_grub_defaults_remove_argument(text, arg, &dropped, &there, e) < 0)
        return -1;
    if (there) { /* once is enough */
        su_buf_add(out, text.p, text.n);
        if (su_buf_ok(out, e) < 0)
            return -1;
        *changed = 0;
        return 0;
    }
    defaults_line(arg, line);
    if (su_text_add_block(text, defaults_comment, line, out, e) < 0)
        return -1;
    *changed = 1;
    return 0;
}

static int check_place(const char *fs_uuid, const char *prefix, struct su_err *e)
{
    size_t n = strlen(fs_uuid);
    if (n < 4 || n > 36 || strspn(fs_uuid, "0123456789abcdefABCDEF-") != n)
        return su_fail(e, SU_E_FORMAT, "guest.grubstub.uuid", "the file system's UUID has characters no UUID has");
    if (prefix[0] != '/' || strlen(prefix) > MAX_PREFIX || !made_of(prefix, "/_.@-")) {
        su_fail(e, SU_E_REFUSED, "guest.grubstub.prefix", "GRUB's directory has a name that GRUB could misread");
        return su_remedy(e, "move GRUB's directory to /boot/grub");
    }
    return 0;
}

int su_grub_core_config(const char *fs_uuid, const char *prefix, struct su_buf *out, struct su_err *e)
{
    if (check_place(fs_uuid, prefix, e) < 0)
        return -1;
    /* the blank before the newline is in what grub-install writes, too */
    su_buf_printf(out, "search.fs_uuid %s root \nset prefix=($root)'%s'\n", fs_uuid, prefix);
    return su_buf_ok(out, e);
}

int su_grub_stub(const char *fs_uuid, const char *prefix, struct su_buf *out, struct su_err *e)
{
    if (su_grub_core_config(fs_uuid, prefix, out, e) < 0)
        return -1;
    su_buf_text(out, "configfile $prefix/grub.cfg\n");
    return su_buf_ok(out, e);
}
