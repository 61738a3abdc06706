/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the host can (https://libvirt.org/formatdomaincaps.html), and where libvirt's QEMU driver keeps state. */
#include "base/clock.h"
#include "upgrade/hv_xml.h"
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

/* Capabilities -------------------------------------------------------------- */

struct ask {
    const char *virt_type, *arch, *machine;
    char *text; /* owned; NULL: the driver cannot say */
    bool none;  /* it can say: not this machine here */
};

static int ask(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    struct ask *a = arg;
    (void)dom;
    a->text = virConnectGetDomainCapabilities(conn, NULL, a->arch, a->machine, a->virt_type, 0);
    if (a->text)
        return 0;
    switch (virGetLastErrorCode()) {
    case VIR_ERR_NO_SUPPORT:
        return 0;
    case VIR_ERR_INVALID_ARG: /* no emulator for it, or the emulator lacks the machine */
    case VIR_ERR_CONFIG_UNSUPPORTED:
        a->none = true;
        return 0;
    default:
        return su_hv_fail(e, "asking what the host can", NULL);
    }
}

static xmlNodePtr supported(xmlNodePtr node)
{
    return su_hv_xml_attr_is(node, "supported", "yes") ? node : NULL;
}

/* <enum name='NAME'><value>VALUE</value> */
static bool has_value(xmlNodePtr node, const char *name, const char *value)
{
    char text[64];
    for (xmlNodePtr c = node ? node->children : NULL; c; c = c->next) {
        if (c->type != XML_ELEMENT_NODE || strcmp((const char *)c->name, "enum") != 0 ||
            !su_hv_xml_attr_is(c, "name", name))
            continue;
        for (xmlNodePtr v = c->children; v; v = v->next) {
            su_hv_xml_text(v, text, sizeof text);
            if (v->type == XML_ELEMENT_NODE && strcmp(text, value) == 0)
                return true;
        }
    }
    return false;
}

static void read_loaders(xmlNodePtr loader, struct su_hv_caps *out)
{
    for (xmlNodePtr c = loader ? loader->children : NULL; c && out->n_loaders < SU_ARRAY_LEN(out->loader);
         c = c->next) {
        if (c->type != XML_ELEMENT_NODE || strcmp((const char *)c->name, "value") != 0)
            continue;
        su_hv_xml_text(c, out->loader[out->n_loaders], sizeof out->loader[0]);
        out->n_loaders += *out->loader[out->n_loaders] != 0;
    }
}

static void read_caps(xmlNodePtr root, struct su_hv_caps *out)
{
    char machine[64];
    xmlNodePtr os = supported(su_hv_xml_child(root, "os"));
    xmlNodePtr loader = supported(su_hv_xml_child(os, "loader"));
    xmlNodePtr tpm = supported(su_hv_xml_child(su_hv_xml_child(root, "devices"), "tpm"));
    su_hv_xml_text(su_hv_xml_child(root, "machine"), machine, sizeof machine);
    out->q35 = strstr(machine, "q35") != NULL;
    out->efi = has_value(os, "firmware", "efi");
    out->secure_boot = out->efi && has_value(loader, "secure", "yes");
    out->tpm_emulator = has_value(tpm, "backendModel", "emulator");
    out->tpm_crb = has_value(tpm, "model", "tpm-crb");
    read_loaders(loader, out);
}

static int ask_caps(struct su_hv *hv, const char *virt_type, const char *arch, const char *machine,
                    struct su_hv_caps *out, struct su_err *e)
{
    struct ask a = {.virt_type = virt_type, .arch = arch, .machine = machine};
    if (su_hv_do(hv, NULL, SU_HV_REPEAT, ask, &a, e) < 0)
        return -1;
    char *text SU_FREE = a.text;
    struct su_hv_caps caps = {.known = text || a.none};
    xmlDocPtr doc = text ? su_hv_xml_doc(text) : NULL;
    if (text && !doc)
        return su_fail(e, SU_E_FORMAT, "vm.xml", "libvirt's XML of the host's capabilities cannot be read");
    if (doc)
        read_caps(xmlDocGetRootElement(doc), &caps);
    xmlFreeDoc(doc);
    *out = caps;
    return 0;
}

/* False: too long to be kept. */
static bool asked_set(struct su_hv_asked *a, const char *virt_type, const char *arch, const char *machine)
{
    int n = snprintf(a->virt_type, sizeof a->virt_type, "%s", virt_type);
    int m = snprintf(a->arch, sizeof a->arch, "%s", arch);
    int k = snprintf(a->machine, sizeof a->machine, "%s", machine);
    return (size_t)n < sizeof a->virt_type && (size_t)m < sizeof a->arch && (size_t)k < sizeof a->machine;
}

static struct su_hv_asked *asked_find(struct su_hv *hv, const struct su_hv_asked *like)
{
    int64_t now = su_monotonic_ms();
    for (size_t i = 0; i < SU_ARRAY_LEN(hv->asked); i++) {
        struct su_hv_asked *a = &hv->asked[i];
        if (a->until_ms > now && strcmp(a->virt_type, like->virt_type) == 0 && strcmp(a->arch, like->arch) == 0 &&
            strcmp(a->machine, like->machine) == 0)
            return a;
    }
    return NULL;
}

/* With caps_lock.  like: in, what is asked; out, the answer. */
static int look_up(struct su_hv *hv, struct su_hv_asked *like, struct su_err *e)
{
    const struct su_hv_asked *known = asked_find(hv, like);
    if (known) {
        *like = *known;
        return 0;
    }
    if (ask_caps(hv, like->virt_type, like->arch, like->machine, &like->caps, e) < 0)
        return -1;
    like->until_ms = su_monotonic_ms() + SU_HV_FRESH_MS;
    hv->asked[hv->next_asked] = *like;
    hv->next_asked = (hv->next_asked + 1) % SU_ARRAY_LEN(hv->asked);
    return 0;
}

int su_hv_caps(struct su_hv *hv, const char *virt_type, const char *arch, const char *machine, struct su_hv_caps *out,
               struct su_err *e)
{
    struct su_hv_asked like = {0};
    if (!asked_set(&like, virt_type, arch, machine))
        return ask_caps(hv, virt_type, arch, machine, out, e);
    pthread_mutex_lock(&hv->caps_lock);
    int rc = look_up(hv, &like, e);
    pthread_mutex_unlock(&hv->caps_lock);
    if (rc == 0)
        *out = like.caps;
    return rc;
}

/* Places --------------------------------------------------------------------- */

/* As libvirt's QEMU driver: the system's below /var/lib/libvirt, a user's below its configuration. */
static bool base_of(const struct su_hv *hv, char *nvram, char *tpm, size_t cap)
{
    char base[SU_DOM_PATH] = "";
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (!hv->session) {
        snprintf(nvram, cap, "/var/lib/libvirt/qemu/nvram");
        snprintf(tpm, cap, "/var/lib/libvirt/swtpm");
        return true;
    }
    if (xdg && *xdg == '/')
        snprintf(base, sizeof base, "%s", xdg);
    else if (home && *home == '/')
        snprintf(base, sizeof base, "%s/.config", home);
    int n = snprintf(nvram, cap, "%s/libvirt/qemu/nvram", base), m = snprintf(tpm, cap, "%s/libvirt/qemu/swtpm", base);
    return *base && n > 0 && (size_t)n < cap && m > 0 && (size_t)m < cap;
}

void su_hv_places(const struct su_hv *hv, const struct su_domain *d, struct su_hv_places *out)
{
    char nvram[SU_DOM_PATH], tpm[SU_DOM_PATH], text[2 * SU_DOM_PATH];
    *out = (struct su_hv_places){0};
    if (hv->test || !hv->local)
        return;
    snprintf(out->nvram, sizeof out->nvram, "%s", d->nvram);
    if (!base_of(hv, nvram, tpm, sizeof nvram) || strchr(d->name, '/') || strchr(d->uuid, '/'))
        return;
    int n = snprintf(text, sizeof text, "%s/%s_VARS.fd", nvram, d->name);
    if (!*out->nvram && n > 0 && (size_t)n < sizeof out->nvram)
        memcpy(out->nvram, text, (size_t)n + 1);
    n = snprintf(text, sizeof text, "%s/%s", tpm, d->uuid);
    if (n > 0 && (size_t)n < sizeof out->tpm)
        memcpy(out->tpm, text, (size_t)n + 1);
}
