/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netnames.h"
#include "netplan.h"
#include "text.h"
#include <string.h>

static const char *const kinds[] = {
    [SU_NETNAME_STABLE] = "stable",   [SU_NETNAME_SLOT] = "slot",     [SU_NETNAME_PATH] = "path",
    [SU_NETNAME_ONBOARD] = "onboard", [SU_NETNAME_KERNEL] = "kernel",
};
_Static_assert(SU_ARRAY_LEN(kinds) == SU_NETNAME_KIND_COUNT, "a kind without a name");

enum { IFNAME_MAX = 15 };

const char *su_netname_kind_name(enum su_netname_kind k)
{
    return k < SU_NETNAME_KIND_COUNT ? kinds[k] : "?";
}

/* Names ------------------------------------------------------------------- */

static bool take_prefix(struct su_bytes *b, const char *s)
{
    size_t n = strlen(s);
    return b->n >= n && memcmp(b->p, s, n) == 0 && su_skip(b, n);
}

static bool take_digits(struct su_bytes *b, bool hex)
{
    size_t n = 0;
    while (n < b->n && ((b->p[n] >= '0' && b->p[n] <= '9') || (hex && b->p[n] >= 'a' && b->p[n] <= 'f')))
        n++;
    return n > 0 && su_skip(b, n);
}

/* What may follow a slot: f0, d1, u2, i0, v3, np0, nfoo */
static bool is_suffix(struct su_bytes b)
{
    while (b.n) {
        char c = (char)b.p[0];
        (void)su_skip(&b, 1);
        if (c == 'n')
            return b.n > 0; /* the rest is the port's own name */
        if (!strchr("fduiv", c) || !take_digits(&b, false))
            return false;
    }
    return true;
}

static enum su_netname_kind udev_kind(struct su_bytes b)
{
    struct su_bytes at = b;
    if (take_prefix(&at, "x"))
        return SU_NETNAME_STABLE;
    if (take_prefix(&at, "o"))
        return take_digits(&at, false) && is_suffix(at) ? SU_NETNAME_ONBOARD : SU_NETNAME_STABLE;
    if (take_prefix(&at, "s"))
        return take_digits(&at, false) && is_suffix(at) ? SU_NETNAME_SLOT : SU_NETNAME_STABLE;
    if (take_prefix(&at, "P") && !take_digits(&at, false))
        return SU_NETNAME_STABLE;
    if (take_prefix(&at, "p") && take_digits(&at, true) && take_prefix(&at, "s") && take_digits(&at, false) &&
        is_suffix(at))
        return SU_NETNAME_PATH;
    return SU_NETNAME_STABLE;
}

static struct su_bytes base_name(struct su_bytes name)
{
    size_t n = 0;
    while (n < name.n && name.p[n] != '.' && name.p[n] != ':')
        n++;
    name.n = n;
    return name;
}

enum su_netname_kind su_netname_kind(struct su_bytes name)
{
    static const char *const types[] = {"en", "wl", "ww", "ib"};
    struct su_bytes b = base_name(name);
    if (b.n > IFNAME_MAX)
        return SU_NETNAME_STABLE;
    struct su_bytes at = b;
    if ((take_prefix(&at, "eth") || take_prefix(&at, "wlan")) && take_digits(&at, false) && at.n == 0)
        return SU_NETNAME_KERNEL;
    for (size_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        at = b;
        if (take_prefix(&at, types[i]))
            return udev_kind(at);
    }
    return SU_NETNAME_STABLE;
}

/* The list ---------------------------------------------------------------- */

static bool is_word(struct su_bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] <= ' ' || b.p[i] > '~')
            return false;
    return b.n > 0 && b.n < SU_NETNAME_SIZE;
}

static void add(struct su_netnames *l, struct su_bytes name, enum su_netname_kind kind, bool pinned)
{
    unsigned i = 0;
    if (!is_word(name) || (kind == SU_NETNAME_STABLE && !pinned))
        return;
    while (i < l->n && !su_text_is(name, l->name[i].name))
        i++;
    if (i == SU_NETNAMES_MAX) {
        l->more = true;
        return;
    }
    if (i == l->n) {
        l->name[l->n++] = (struct su_netname){.kind = kind};
        memcpy(l->name[i].name, name.p, name.n);
    }
    l->name[i].pinned |= pinned;
}

void su_netnames_add_name(struct su_netnames *l, struct su_bytes name)
{
    name = base_name(name);
    add(l, name, su_netname_kind(name), false);
}

void su_netnames_pin(struct su_netnames *l, struct su_bytes name)
{
    add(l, name, su_netname_kind(name), true);
}

static void add_words(struct su_netnames *l, struct su_bytes words, const char *more_blanks)
{
    while (words.n) {
        size_t n = 0;
        while (n < words.n && words.p[n] != ' ' && words.p[n] != '\t' && !strchr(more_blanks, words.p[n]))
            n++;
        su_netnames_add_name(l, (struct su_bytes){words.p, n});
        (void)su_skip(&words, n < words.n ? n + 1 : n);
    }
}

/* "pci-0000:00:03.0" and lists of such; a pattern that any slot matches says nothing. */
static void add_paths(struct su_netnames *l, struct su_bytes words)
{
    struct su_bytes word;
    while (su_text_word(&words, &word)) {
        struct su_bytes at = word;
        if (take_prefix(&at, "pci-") && at.n && at.p[0] != '*')
            add(l, word, SU_NETNAME_PATH, false);
    }
}

/* Files ------------------------------------------------------------------- */

static struct su_bytes trimmed(struct su_bytes b)
{
    while (b.n && (b.p[0] == ' ' || b.p[0] == '\t'))
        (void)su_skip(&b, 1);
    while (b.n && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t' || b.p[b.n - 1] == '\r'))
        b.n--;
    return b;
}

static void interfaces(struct su_netnames *l, struct su_bytes text)
{
    static const char *const options[] = {
        "auto",         "allow-auto",   "allow-hotplug", "iface",       "mapping",         "bridge_ports",
        "bridge-ports", "bond-slaves",  "bond_slaves",   "slaves",      "vlan-raw-device", "vlan_raw_device",
        "bond-primary", "bond_primary", "no-auto-down",  "no-scripts",  "allow-ovs",
    };
    struct su_bytes line, word;
    bool names = false, continued = false;
    while (su_text_line(&text, &line)) {
        line = trimmed(line);
        if (!continued) {
            names = false;
            if (!su_text_word(&line, &word) || word.p[0] == '#')
                continue;
            for (size_t i = 0; i < SU_ARRAY_LEN(options); i++)
                names |= su_text_is(word, options[i]);
        }
        continued = line.n && line.p[line.n - 1] == '\\';
        line.n -= continued;
        if (names)
            add_words(l, line, "");
    }
}

/* "[section]" and "key=value" lines. */
struct ini {
    struct su_bytes text, section, key, value;
};

static bool ini_next(struct ini *f)
{
    struct su_bytes line;
    while (su_text_line(&f->text, &line)) {
        line = trimmed(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[') {
            f->section = (struct su_bytes){line.p + 1, line.n - 1 - (line.p[line.n - 1] == ']')};
            continue;
        }
        const uint8_t *eq = memchr(line.p, '=', line.n);
        if (!eq)
            continue;
        f->key = trimmed((struct su_bytes){line.p, (size_t)(eq - line.p)});
        f->value = trimmed((struct su_bytes){eq + 1, line.n - (size_t)(eq - line.p) - 1});
        return true;
    }
    return false;
}

static void networkd(struct su_netnames *l, struct su_bytes text)
{
    struct ini f = {.text = text};
    struct su_bytes given = {NULL, 0};
    bool by_mac = false;
    while (ini_next(&f)) {
        if (su_text_is(f.section, "Link") && su_text_is(f.key, "Name"))
            given = f.value;
        if (!su_text_is(f.section, "Match"))
            continue;
        if (su_text_is(f.key, "Name") || su_text_is(f.key, "OriginalName"))
            add_words(l, f.value, "");
        else if (su_text_is(f.key, "Path"))
            add_paths(l, f.value);
        else if (su_text_is(f.key, "MACAddress") || su_text_is(f.key, "PermanentMACAddress"))
            by_mac = true;
    }
    if (by_mac)
        su_netnames_pin(l, given);
}

static void keyfile(struct su_netnames *l, struct su_bytes text)
{
    struct ini f = {.text = text};
    while (ini_next(&f)) {
        bool match = su_text_is(f.section, "match");
        if (su_text_is(f.key, "interface-name") && (match || su_text_is(f.section, "connection")))
            add_words(l, f.value, ";");
        else if (match && su_text_is(f.key, "path"))
            add_paths(l, f.value);
        else if (su_text_is(f.key, "parent") && su_text_is(f.section, "vlan"))
            su_netnames_add_name(l, f.value);
    }
}

static void ifcfg(struct su_netnames *l, struct su_bytes text)
{
    struct ini f = {.text = text};
    while (ini_next(&f)) {
        struct su_bytes v = f.value;
        if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0])
            v = (struct su_bytes){v.p + 1, v.n - 2};
        if (su_text_is(f.key, "DEVICE") || su_text_is(f.key, "PHYSDEV"))
            su_netnames_add_name(l, v);
    }
}

/* The value between quotes after key and an operator, "ATTR{address}==" or "NAME=". */
static bool udev_value(struct su_bytes line, const char *key, struct su_bytes *value)
{
    size_t k = strlen(key);
    for (; line.n > k; (void)su_skip(&line, 1)) {
        if (memcmp(line.p, key, k) != 0)
            continue;
        const uint8_t *end = memchr(line.p + k, '"', line.n - k);
        *value = (struct su_bytes){line.p + k, end ? (size_t)(end - line.p) - k : 0};
        return end != NULL;
    }
    return false;
}

static void udev(struct su_netnames *l, struct su_bytes text)
{
    struct su_bytes line, value, name;
    while (su_text_line(&text, &line)) {
        line = trimmed(line);
        if (line.n && line.p[0] != '#' && udev_value(line, "ATTR{address}==\"", &value) &&
            udev_value(line, "NAME=\"", &name))
            su_netnames_pin(l, name);
    }
}

void su_netnames_add(struct su_netnames *list, enum su_netfile kind, struct su_bytes text)
{
    static void (*const readers[])(struct su_netnames *, struct su_bytes) = {
        [SU_NETFILE_INTERFACES] = interfaces, [SU_NETFILE_NETPLAN] = su_netplan_names,
        [SU_NETFILE_NETWORKD] = networkd,     [SU_NETFILE_KEYFILE] = keyfile,
        [SU_NETFILE_IFCFG] = ifcfg,           [SU_NETFILE_UDEV] = udev,
    };
    _Static_assert(SU_ARRAY_LEN(readers) == SU_NETFILE_COUNT, "a kind of file without a reader");
    if (text.n && text.n <= SU_TEXT_MAX && (unsigned)kind < SU_NETFILE_COUNT)
        readers[kind](list, text);
}
