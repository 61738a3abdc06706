/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netplan.h"
#include "text.h"
#include <string.h>
#include <yaml.h>

/* network: ethernets: ID: {match: {macaddress, name}, set-name}
 *   level 1 in "network", 2 in "ethernets" (or "wifis"), 3 in one ID, 4 in its "match" */
enum { IN_NETWORK = 1, IN_KIND, IN_ID, IN_MATCH, MAX_DEPTH = 32, MAX_TEXT = 65536 };

struct text {
    char p[SU_NETNAME_SIZE];
};

struct plan {
    struct su_netnames *list;
    unsigned depth;   /* of open mappings and sequences */
    unsigned level;   /* of the path above that is open: mappings opened one inside the other */
    bool sequence[MAX_DEPTH];
    bool want_value;  /* the last scalar of the innermost mapping was a key */
    struct text key, id, name, set_name;
    bool match, by_mac;
};

static void copy(struct text *t, const yaml_event_t *ev)
{
    size_t n = ev->data.scalar.length < sizeof t->p ? ev->data.scalar.length : 0; /* longer than any name: "" */
    memcpy(t->p, ev->data.scalar.value, n);
    t->p[n] = 0;
}

static struct su_bytes bytes_of(const struct text *t)
{
    return (struct su_bytes){(const uint8_t *)t->p, strlen(t->p)};
}

/* Without "match" the ID is the interface's name; with it, the ID is any word. */
static void end_id(struct plan *p)
{
    if (!p->match)
        su_netnames_add_name(p->list, bytes_of(&p->id));
    else if (!p->by_mac)
        su_netnames_add_name(p->list, bytes_of(&p->name));
    if (p->by_mac)
        su_netnames_pin(p->list, bytes_of(&p->set_name));
    p->match = p->by_mac = false;
    p->id.p[0] = p->name.p[0] = p->set_name.p[0] = 0;
}

/* Does the mapping that starts now, the value of p->key, continue the path? */
static bool on_path(const struct plan *p)
{
    if (p->level != p->depth - 1) /* depth counts the document's own mapping */
        return false;
    switch (p->level) {
    case 0: return strcmp(p->key.p, "network") == 0;
    case IN_NETWORK: return strcmp(p->key.p, "ethernets") == 0 || strcmp(p->key.p, "wifis") == 0;
    case IN_KIND: return true;
    case IN_ID: return strcmp(p->key.p, "match") == 0;
    default: return false;
    }
}

static bool open_node(struct plan *p, bool sequence)
{
    if (p->depth == MAX_DEPTH)
        return false;
    if (!sequence && p->depth > 0 && p->want_value && on_path(p)) {
        p->level++;
        if (p->level == IN_ID)
            p->id = p->key;
        p->match |= p->level == IN_MATCH;
    }
    p->sequence[p->depth] = sequence;
    p->depth++;
    p->want_value = false;
    return true;
}

static void close_node(struct plan *p)
{
    if (p->level == p->depth - 1 && p->level > 0 && !p->sequence[p->depth - 1]) {
        if (p->level == IN_ID)
            end_id(p);
        p->level--;
    }
    p->depth--;
    p->want_value = false; /* the node was a value, or a key too strange to matter */
}

/* "ens3:" with nothing, or an alias, in it */
static void bare_id(struct plan *p)
{
    if (p->level != p->depth - 1 || p->level != IN_KIND)
        return;
    p->id = p->key;
    end_id(p);
}

static void value(struct plan *p, const yaml_event_t *ev)
{
    if (p->level != p->depth - 1)
        return;
    if (p->level == IN_ID && strcmp(p->key.p, "set-name") == 0) {
        copy(&p->set_name, ev);
    } else if (p->level == IN_MATCH && strcmp(p->key.p, "macaddress") == 0) {
        p->by_mac = true;
    } else if (p->level == IN_MATCH && strcmp(p->key.p, "name") == 0) {
        copy(&p->name, ev);
    }
}

static void scalar(struct plan *p, const yaml_event_t *ev)
{
    if (p->depth == 0 || p->sequence[p->depth - 1])
        return;
    if (p->want_value) {
        bare_id(p);
        value(p, ev);
    } else {
        copy(&p->key, ev);
    }
    p->want_value = !p->want_value;
}

static void alias(struct plan *p)
{
    if (p->depth == 0 || p->sequence[p->depth - 1])
        return;
    if (p->want_value)
        bare_id(p);
    p->want_value = !p->want_value;
}

/* false: enough */
static bool event(struct plan *p, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_MAPPING_START_EVENT: return open_node(p, false);
    case YAML_SEQUENCE_START_EVENT: return open_node(p, true);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: close_node(p); return true;
    case YAML_SCALAR_EVENT: scalar(p, ev); return true;
    case YAML_ALIAS_EVENT: alias(p); return true;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT: return false;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT: break;
    }
    return true;
}

void su_netplan_names(struct su_netnames *l, struct su_bytes text)
{
    struct plan p = {.list = l};
    yaml_parser_t parser;
    yaml_event_t ev;
    if (text.n > MAX_TEXT || !yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_input_string(&parser, text.p, text.n);
    for (bool more = true; more && yaml_parser_parse(&parser, &ev);) {
        more = event(&p, &ev);
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&parser);
}
