/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fstab.h"
#include <stdio.h>
#include <string.h>

static const char esp_comment[] = "# Added by surety: the EFI system partition";
static const char esp_mount_point[] = "/boot/efi";

static const char *const kind_names[] = {
    [SU_SPEC_UUID] = "uuid",
    [SU_SPEC_LABEL] = "label",
    [SU_SPEC_PARTUUID] = "partuuid",
    [SU_SPEC_PARTLABEL] = "partlabel",
    [SU_SPEC_ID] = "id",
    [SU_SPEC_PATH] = "path",
    [SU_SPEC_KERNEL_NAME] = "kernel-name",
    [SU_SPEC_DEV] = "device",
    [SU_SPEC_OTHER] = "other",
};
_Static_assert(SU_ARRAY_LEN(kind_names) == SU_SPEC_KINDS, "a kind without a name");

const char *su_spec_kind_name(enum su_spec_kind k)
{
    return kind_names[k];
}

static const struct {
    const char *prefix;
    enum su_spec_kind kind;
} prefixes[] = {
    {"UUID=", SU_SPEC_UUID},
    {"LABEL=", SU_SPEC_LABEL},
    {"PARTUUID=", SU_SPEC_PARTUUID},
    {"PARTLABEL=", SU_SPEC_PARTLABEL},
    {"ID=", SU_SPEC_ID},
    {"/dev/disk/by-uuid/", SU_SPEC_UUID},
    {"/dev/disk/by-label/", SU_SPEC_LABEL},
    {"/dev/disk/by-partuuid/", SU_SPEC_PARTUUID},
    {"/dev/disk/by-partlabel/", SU_SPEC_PARTLABEL},
    {"/dev/disk/by-id/", SU_SPEC_ID},
    {"/dev/disk/by-path/", SU_SPEC_PATH},
};

/* sd, hd, vd, xvd and a letter; nvme, mmcblk and a digit */
static bool is_kernel_name(const char *dev)
{
    static const struct {
        const char *prefix, *then;
    } names[] = {
        {"sd", "abcdefghijklmnopqrstuvwxyz"},
        {"hd", "abcdefghijklmnopqrstuvwxyz"},
        {"vd", "abcdefghijklmnopqrstuvwxyz"},
        {"xvd", "abcdefghijklmnopqrstuvwxyz"},
        {"nvme", "0123456789"},
        {"mmcblk", "0123456789"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i].prefix);
        if (strncmp(dev, names[i].prefix, n) == 0 && dev[n] && strchr(names[i].then, dev[n]) && !strchr(dev, '/'))
            return true;
    }
    return false;
}

enum su_spec_kind su_spec_sort(const char *spec, const char **value)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(prefixes); i++) {
        size_t n = strlen(prefixes[i].prefix);
        if (strncmp(spec, prefixes[i].prefix, n) == 0) {
            *value = spec + n;
            return prefixes[i].kind;
        }
    }
    *value = spec;
    if (strncmp(spec, "/dev/", 5) == 0 && is_kernel_name(spec + 5))
        return SU_SPEC_KERNEL_NAME;
    return spec[0] == '/' ? SU_SPEC_DEV : SU_SPEC_OTHER;
}

static bool octal(const char *s)
{
    return s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7';
}

/* Undoes \ooo in place.  \000 would end the field early and stays as it is. */
static void unescape(char *s)
{
    char *to = s;
    while (*s) {
        int c = octal(s) ? (s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0') : 0;
        *to++ = c ? (char)c : *s;
        s += c ? 4 : 1;
    }
    *to = 0;
}

/* UUID="x" is UUID=x. */
static void unquote(char *spec)
{
    char *eq = strchr(spec, '=');
    size_t n = eq ? strlen(eq + 1) : 0;
    if (spec[0] == '/' || n < 2 || (eq[1] != '"' && eq[1] != '\'') || eq[n] != eq[1])
        return;
    memmove(eq + 1, eq + 2, n - 2);
    eq[n - 1] = 0;
}

static bool number(const char *s, unsigned *out)
{
    unsigned v = 0;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > 9999)
            return false;
        v = v * 10 + (unsigned)(*s - '0');
    }
    *out = v;
    return true;
}

/* The fields of one line, cut apart in place; a comment may follow the fourth. */
static bool parse_line(char *line, struct su_fstab_entry *out)
{
    char *field[6] = {NULL};
    size_t n = 0;
    while (n < SU_ARRAY_LEN(field)) {
        line += strspn(line, " \t");
        if (!*line || (n > 0 && *line == '#'))
            break;
        field[n++] = line;
        line += strcspn(line, " \t");
        if (*line)
            *line++ = 0;
    }
    if (n < 3)
        return false;
    for (size_t i = 0; i < n; i++)
        unescape(field[i]);
    unquote(field[0]);
    *out = (struct su_fstab_entry){.spec = field[0], .file = field[1], .type = field[2]};
    out->options = n > 3 ? field[3] : "defaults";
    out->kind = su_spec_sort(out->spec, &out->value);
    return (n < 5 || number(field[4], &out->freq)) && (n < 6 || number(field[5], &out->passno));
}

static int add_entry(struct su_fstab *f, const struct su_fstab_entry *entry, struct su_err *e)
{
    if (f->n == SU_FSTAB_MAX_ENTRIES)
        return su_fail(e, SU_E_RANGE, "guest.fstab.entries", "fstab has more than %d entries", SU_FSTAB_MAX_ENTRIES);
    struct su_fstab_entry *p = realloc(f->entry, (f->n + 1) * sizeof *p);
    if (!p)
        return su_fail_nomem(e, (f->n + 1) * sizeof *p);
    f->entry = p;
    f->entry[f->n++] = *entry;
    return 0;
}

int su_fstab_parse(struct su_bytes text, struct su_fstab *out, struct su_err *e)
{
    SU_FSTAB struct su_fstab f = {0};
    if (su_text_check_lines(text, "fstab", e) < 0)
        return -1;
    f.text = malloc(text.n + 1);
    if (!f.text)
        return su_fail_nomem(e, text.n + 1);
    if (text.n > 0)
        memcpy(f.text, text.p, text.n);
    f.text[text.n] = 0;
    unsigned number_of_line = 1;
    for (char *next = f.text, *line; (line = strsep(&next, "\n")); number_of_line++) {
        struct su_fstab_entry entry;
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            continue;
        if (!parse_line(line, &entry)) {
            f.bad_lines++;
            continue;
        }
        entry.line = number_of_line;
        if (add_entry(&f, &entry, e) < 0)
            return -1;
    }
    *out = f;
    f = (struct su_fstab){0};
    return 0;
}

void su_fstab_done(struct su_fstab *f)
{
    free(f->entry);
    free(f->text);
    *f = (struct su_fstab){0};
}

/* Without the slashes at the end; "/" has none left. */
static size_t path_length(const char *path)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    return n;
}

const struct su_fstab_entry *su_fstab_find(const struct su_fstab *f, const char *mount_point)
{
    size_t n = path_length(mount_point);
    for (size_t i = 0; i < f->n; i++) {
        const char *file = f->entry[i].file;
        if (file[0] == '/' && path_length(file) == n && memcmp(file, mount_point, n) == 0)
            return &f->entry[i];
    }
    return NULL;
}

bool su_fstab_option(const struct su_fstab_entry *entry, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name);
    for (const char *o = entry->options; *o; o += *o == ',') {
        size_t len = strcspn(o, ",");
        if (len >= n && strncmp(o, name, n) == 0 && (len == n || o[n] == '=')) {
            size_t value = len > n ? len - n - 1 : 0;
            if (value >= cap)
                return false;
            memcpy(out, o + len - value, value);
            out[value] = 0;
            return true;
        }
        o += len;
    }
    return false;
}

static bool is_volume_id(const char *s)
{
    return strlen(s) == 9 && s[4] == '-' && strspn(s, "0123456789ABCDEF") == 4 &&
           strspn(s + 5, "0123456789ABCDEF") == 4;
}

int su_fstab_add_esp(struct su_bytes text, const char *uuid, struct su_buf *out, struct su_err *e)
{
    SU_FSTAB struct su_fstab f = {0};
    char line[80];
    if (!is_volume_id(uuid))
        return su_fail(e, SU_E_USAGE, "guest.fstab.uuid", "the ESP's volume id has the form ABCD-1234");
    if (su_fstab_parse(text, &f, e) < 0)
        return -1;
    const struct su_fstab_entry *there = su_fstab_find(&f, esp_mount_point);
    if (there)
        return su_fail(e, SU_E_CONFLICT, "guest.fstab.esp", "line %u of fstab mounts something on %s already",
                       there->line, esp_mount_point);
    snprintf(line, sizeof line, "UUID=%s %s vfat umask=0077,nofail 0 1", uuid, esp_mount_point);
    return su_text_add_block(text, esp_comment, line, out, e);
}

/* Options, blanks and the last fields may have been changed since. */
static bool mounts_esp(struct su_bytes line, const void *uuid)
{
    struct su_bytes spec, file;
    return su_text_word(&line, &spec) && su_text_word(&line, &file) && su_text_is(file, esp_mount_point) &&
           spec.n == 14 && memcmp(spec.p, "UUID=", 5) == 0 && memcmp(spec.p + 5, uuid, 9) == 0;
}

int su_fstab_remove_esp(struct su_bytes text, const char *uuid, struct su_buf *out, unsigned *removed, struct su_err *e)
{
    if (!is_volume_id(uuid))
        return su_fail(e, SU_E_USAGE, "guest.fstab.uuid", "the ESP's volume id has the form ABCD-1234");
    if (su_text_check_lines(text, "fstab", e) < 0)
        return -1;
    return su_text_remove_block(text, esp_comment, mounts_esp, uuid, out, removed, e);
}
