/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be said of a benefit and a VM. */
#include "benefit/benefit.h"
#include <ctype.h>
#include <string.h>

/* The next element of a list, without blanks around it; false at the end. */
static bool element(const char **list, struct su_bytes *out)
{
    while (**list) {
        const char *from = *list + strspn(*list, " ");
        size_t n = strcspn(from, ",");
        *list = from + n + (from[n] == ',');
        while (n && from[n - 1] == ' ')
            n--;
        *out = (struct su_bytes){(const uint8_t *)from, n};
        if (n)
            return true;
    }
    return false;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static bool is_word(struct su_bytes pattern, const char *text)
{
    if (strlen(text) != pattern.n)
        return false;
    for (size_t i = 0; i < pattern.n; i++)
        if (!same_letter((char)pattern.p[i], text[i]))
            return false;
    return true;
}

static bool is_version(struct su_bytes pattern, const char *version)
{
    char head[32];
    if (pattern.n < sizeof head && strlen(version) > pattern.n && version[pattern.n] == '.') {
        memcpy(head, version, pattern.n);
        head[pattern.n] = 0;
        return is_word(pattern, head);
    }
    return is_word(pattern, version);
}

/* '*' is any text.  Linear but for going back to the last '*'. */
static bool is_glob(struct su_bytes pattern, const char *text)
{
    size_t at = 0, star = SIZE_MAX;
    const char *back = NULL;
    while (*text) {
        if (at < pattern.n && pattern.p[at] == '*') {
            star = at++;
            back = text;
        } else if (at < pattern.n && same_letter((char)pattern.p[at], *text)) {
            at++;
            text++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            text = ++back;
        } else {
            return false;
        }
    }
    while (at < pattern.n && pattern.p[at] == '*')
        at++;
    return at == pattern.n;
}

/* Whether something fits; the worst of several is the lowest. */
enum fit { FITS_NOT, NOT_KNOWN, FITS };

/* An empty list asks for nothing. */
static enum fit one_of(const char *list, bool (*is)(struct su_bytes, const char *), const char *text, const char * or)
{
    struct su_bytes pattern;
    bool any = false, known = text[0] || (or && or [0]);
    while (element(&list, &pattern)) {
        any = true;
        if (known && (is(pattern, text) || (or && or [0] && is(pattern, or))))
            return FITS;
    }
    return !any ? FITS : known ? FITS_NOT : NOT_KNOWN;
}

static bool asks_for_os(const struct su_benefit *b)
{
    return b->os[0] || b->version[0] || b->edition[0] || b->build_from;
}

static enum fit fits_build(const struct su_benefit *b, const struct su_guest_os *os)
{
    if (os->build == 0 && b->build_from && strcmp(os->id, "windows") == 0)
        return NOT_KNOWN;
    return os->build >= b->build_from ? FITS : FITS_NOT;
}

static enum fit eligible(const struct su_benefit *b, const struct su_guest_os *os)
{
    const enum fit all[] = {one_of(b->os, is_word, os->id, NULL), one_of(b->version, is_version, os->version, NULL),
                            one_of(b->edition, is_glob, os->name, os->edition), fits_build(b, os)};
    enum fit worst = FITS;
    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++)
        worst = all[i] < worst ? all[i] : worst;
    return worst;
}

/* A build between two of the list is older than the next one asks for; one behind the last is newer than all.  What is
 * not known is not held against the guest; nor is a revision that it had before it ran, once it has proved itself. */
static bool too_old(const struct su_benefit *b, const struct su_guest_os *os, bool proved)
{
    unsigned i = 0;
    if (os->build == 0)
        return false;
    while (i < b->n_builds && b->min_build[i].build < os->build)
        i++;
    if (i == b->n_builds)
        return false;
    if (b->min_build[i].build > os->build)
        return true;
    return os->revision_known && os->revision < b->min_build[i].revision && !(os->revision_old && proved);
}

static enum su_benefit_action transport_action(const struct su_benefit *b, const struct su_benefit_facts *f)
{
    const bool vsock = f->vsock && !f->vsock_off && b->transport != SU_BENEFIT_LEGACY;
    const bool legacy = f->legacy && b->transport != SU_BENEFIT_VSOCK;
    const bool instead = f->vsock_off && !f->foreign && b->transport != SU_BENEFIT_VSOCK;
    if (!vsock && !legacy)
        return instead || b->transport == SU_BENEFIT_LEGACY ? SU_BENEFIT_LEGACY_NETWORK : SU_BENEFIT_ADD_VSOCK;
    return (vsock && !f->vsock_later) || (legacy && !f->legacy_later) ? SU_BENEFIT_VERIFY : SU_BENEFIT_RESTART;
}

bool su_benefit_verified(uint64_t last_verified, uint64_t runs_since, uint64_t now)
{
    return last_verified && last_verified >= runs_since && now >= last_verified &&
           now - last_verified < SU_BENEFIT_PERIOD_S;
}

static bool proved_now(const struct su_benefit_facts *f)
{
    return !f->stopped && su_benefit_verified(f->last_verified, f->runs_since, f->now);
}

static enum su_benefit_action next_action(const struct su_benefit *b, const struct su_benefit_facts *f)
{
    if (too_old(b, &f->os, proved_now(f)))
        return SU_BENEFIT_INSTALL_UPDATES;
    if ((b->secure_boot && !f->secure_boot) || (b->vtpm && !f->vtpm))
        return SU_BENEFIT_UPGRADE;
    enum su_benefit_action way = transport_action(b, f);
    if (way != SU_BENEFIT_VERIFY)
        return way;
    if (f->server_off)
        return SU_BENEFIT_SYNC;
    if (f->stopped)
        return SU_BENEFIT_START;
    return proved_now(f) ? SU_BENEFIT_NOTHING : SU_BENEFIT_VERIFY;
}

/* Its agent tells which system it is, when it can be asked; that of a foreign one never is. */
static enum su_benefit_action agent_action(const struct su_benefit_facts *f)
{
    if (f->foreign || f->os.id[0] || (f->agent_channel && !f->agent_later))
        return SU_BENEFIT_NOTHING;
    return f->agent_channel ? SU_BENEFIT_RESTART : SU_BENEFIT_AGENT_CHANNEL;
}

/* What changes the definition of a VM works for those of libvirt alone. */
static bool is_change(enum su_benefit_action a)
{
    return a == SU_BENEFIT_UPGRADE || a == SU_BENEFIT_ADD_VSOCK || a == SU_BENEFIT_LEGACY_NETWORK;
}

/* What cannot be done from here is no action: the sentence says where. */
static struct su_benefit_verdict verdict(enum su_benefit_status status, enum su_benefit_action a,
                                         const struct su_benefit_facts *f)
{
    const char *elsewhere = NULL;
    if (a == SU_BENEFIT_ADD_VSOCK && f->vsock_off)
        elsewhere = "Let this host serve VMs by vsock: vsock-port in surety.conf";
    else if (f->foreign && is_change(a))
        elsewhere = "Change the VM where it is defined: it is none of libvirt's";
    else if (f->foreign && a == SU_BENEFIT_START)
        elsewhere = "Start the VM where it is defined: a guest that is off proves nothing";
    else if (!f->foreign && status == SU_BENEFIT_UNKNOWN && a == SU_BENEFIT_NOTHING)
        elsewhere = "Let its guest agent tell, or look at its disk: surety vm look NAME";
    return elsewhere ? (struct su_benefit_verdict){status, SU_BENEFIT_NOTHING, elsewhere}
                     : (struct su_benefit_verdict){status, a, su_benefit_action_sentence(a)};
}

struct su_benefit_verdict su_benefit_judge(const struct su_benefit *b, const struct su_benefit_facts *f)
{
    enum fit fit = !asks_for_os(b) ? FITS : f->os.id[0] ? eligible(b, &f->os) : NOT_KNOWN;
    if (fit == NOT_KNOWN)
        return verdict(SU_BENEFIT_UNKNOWN, agent_action(f), f);
    if (fit == FITS_NOT)
        return verdict(SU_BENEFIT_NOT_APPLICABLE, SU_BENEFIT_NOTHING, f);
    enum su_benefit_action action = next_action(b, f);
    return verdict(action == SU_BENEFIT_NOTHING ? SU_BENEFIT_ACTIVE : SU_BENEFIT_INACTIVE, action, f);
}

const char *su_benefit_status_name(enum su_benefit_status s)
{
    static const char *const names[SU_BENEFIT_STATUSES] = {"inactive", "unknown", "active", "not-applicable"};
    return (unsigned)s < SU_BENEFIT_STATUSES ? names[s] : "unknown";
}

static const struct {
    const char *name, *sentence;
} actions[SU_BENEFIT_ACTIONS] = {
    [SU_BENEFIT_NOTHING] = {NULL, ""},
    [SU_BENEFIT_INSTALL_UPDATES] = {"install-updates", "Install the latest updates in the guest"},
    [SU_BENEFIT_UPGRADE] = {"upgrade", "Upgrade the VM to Trusted Launch"},
    [SU_BENEFIT_ADD_VSOCK] = {"add-vsock", "Add a vsock device to the VM"},
    [SU_BENEFIT_LEGACY_NETWORK] = {"legacy-network", "Set up legacy networking for the VM"},
    [SU_BENEFIT_AGENT_CHANNEL] = {"agent-channel", "Turn on the guest agent's channel"},
    [SU_BENEFIT_SYNC] = {"sync-server", "Bring the server to the state Active: surety server show"},
    [SU_BENEFIT_START] = {"start", "Start the VM: a guest that is off proves nothing"},
    [SU_BENEFIT_RESTART] = {"restart",
                            "Shut the VM down and start it: what was added to it counts from its next start"},
    [SU_BENEFIT_VERIFY] = {"verify", "Let the guest verify itself: surety-guest verify"},
};

const char *su_benefit_action_name(enum su_benefit_action a)
{
    return (unsigned)a < SU_BENEFIT_ACTIONS ? actions[a].name : NULL;
}

const char *su_benefit_action_sentence(enum su_benefit_action a)
{
    return (unsigned)a < SU_BENEFIT_ACTIONS ? actions[a].sentence : "";
}
