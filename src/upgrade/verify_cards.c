/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of network cards inside the guest, before and after: the guest's own configuration goes by them. */
#include "upgrade/verify_int.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Bridges, tunnels and containers make devices with addresses of their own, and other ones at each start. */
static bool has_card(const struct su_domain *d, const char *mac)
{
    for (uint32_t i = 0; i < d->n_nics && i < SU_DOM_NICS; i++)
        if (*mac && strcasecmp(d->nic[i].mac, mac) == 0)
            return true;
    return false;
}

void su_expect_network(const struct su_agent_net *net, const struct su_domain *d, struct su_expect *x)
{
    size_t used = 0;
    x->network_before = net->n_addresses > 0;
    x->cards[0] = 0;
    for (uint32_t i = 0; i < net->n && i < SU_AGENT_NICS; i++) {
        char one[48];
        if (!net->nic[i].name[0] || !has_card(d, net->nic[i].mac))
            continue;
        int n = snprintf(one, sizeof one, "%s%s=%s", used ? " " : "", net->nic[i].name, net->nic[i].mac);
        if (n < 0 || (size_t)n >= sizeof one || used + (size_t)n >= sizeof x->cards)
            continue;
        memcpy(x->cards + used, one, (size_t)n + 1);
        used += (size_t)n;
    }
}

struct card {
    char name[16], mac[18];
};

static uint32_t take_cards(const char *text, struct card out[SU_AGENT_NICS])
{
    uint32_t n = 0;
    int used = 0;
    for (; n < SU_AGENT_NICS && sscanf(text, " %15[^= ]=%17[0-9a-fA-F:]%n", out[n].name, out[n].mac, &used) == 2; n++)
        text += used;
    return n;
}

/* The members of a bond, and a bridge with its card, share an address, and may exchange it. */
static bool shared(const struct card *all, uint32_t n, uint32_t of)
{
    for (uint32_t i = 0; i < n; i++)
        if (i != of && strcasecmp(all[i].mac, all[of].mac) == 0)
            return true;
    return false;
}

static const char *name_now(const struct su_agent_net *now, const char *mac)
{
    for (uint32_t i = 0; i < now->n && i < SU_AGENT_NICS; i++)
        if (now->nic[i].name[0] && strcasecmp(now->nic[i].mac, mac) == 0)
            return now->nic[i].name;
    return NULL;
}

static bool is_there(const struct su_agent_net *now, const struct card *c, bool any_address)
{
    for (uint32_t i = 0; i < now->n && i < SU_AGENT_NICS; i++)
        if (strcmp(now->nic[i].name, c->name) == 0)
            return any_address || strcasecmp(now->nic[i].mac, c->mac) == 0;
    return false;
}

bool su_cards_same(const char *before, const struct su_agent_net *now, char *text, size_t cap)
{
    struct card all[SU_AGENT_NICS];
    uint32_t n = take_cards(before, all);
    int used = snprintf(text, cap, "as before:");
    for (uint32_t i = 0; i < n; i++) {
        const char *name = name_now(now, all[i].mac);
        if (!is_there(now, &all[i], shared(all, n, i))) {
            snprintf(text, cap, "the network card %s was %s, and %s%s", all[i].mac, all[i].name,
                     name ? "is now " : "does not show itself", name ? name : "");
            return false;
        }
        if (used > 0 && (size_t)used < cap)
            used += snprintf(text + used, cap - (size_t)used, " %s", all[i].name);
    }
    return true;
}
