/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Definitions of many makers, before and after; tests/upgrade/define has libvirt accept each of them. */
#include "tests/lib/golden.h"
#include "upgrade/domain.h"

static struct su_domain before, after;
static struct su_domain_notes notes;
static struct su_err e;

static void options(const char *words, struct su_domain_target *t)
{
    *t = (struct su_domain_target){.secure_boot = !strstr(words, "secure-boot-off"),
                                   .vtpm = !strstr(words, "vtpm-off"),
                                   .machine = strstr(words, " i440fx") ? SU_MACHINE_I440FX : SU_MACHINE_Q35};
}

static void said(const char *name)
{
    struct su_buf text SU_BUF = {0};
    char file[128];
    for (unsigned i = 0; i < notes.n; i++)
        su_buf_printf(&text, "%s %s: %s\n", notes.note[i].id, notes.note[i].lost ? "lost" : "kept", notes.note[i].text);
    if (notes.n == 0)
        su_buf_text(&text, "nothing\n");
    snprintf(file, sizeof file, "domain/%s.notes", name);
    golden_is(file, su_buf_bytes(&text));
}

/* Each card that was alone in a slot of bus 0 has that slot number, on the bus of the bridge. */
static void same_slots(const char *name)
{
    bool good = before.n_nics == after.n_nics, moved = before.chipset != after.chipset;
    for (uint32_t i = 0; good && i < before.n_nics; i++) {
        const struct su_dom_nic *a = &before.nic[i], *b = &after.nic[i];
        good = strcmp(a->mac, b->mac) == 0 && strcmp(a->model, b->model) == 0;
        if (good && a->bus == 0 && a->function == 0 && strcmp(a->type, "hostdev") != 0)
            good = b->slot == a->slot && b->bus == (moved ? 2u : a->bus);
    }
    ok(good, "%s: the cards have their slots", name);
}

static void same_disks(const char *name)
{
    bool good = before.n_disks == after.n_disks && before.boot_disk == after.boot_disk;
    for (uint32_t i = 0; good && i < before.n_disks; i++) {
        const struct su_dom_disk *a = &before.disk[i], *b = &after.disk[i];
        bool ide = strcmp(a->bus, "ide") == 0 && before.chipset != after.chipset;
        good = strcmp(a->source, b->source) == 0 && strcmp(a->format, b->format) == 0 &&
               strcmp(ide ? "sata" : a->bus, b->bus) == 0 && (ide || strcmp(a->target, b->target) == 0);
        for (uint32_t k = 0; good && k < i; k++)
            good = strcmp(after.disk[k].target, b->target) != 0;
    }
    ok(good, "%s: the disks are the same, in the same order, with names of their own", name);
}

static void what_it_is(const char *name, const struct su_domain_target *t)
{
    ok(after.firmware == SU_FIRMWARE_UEFI && after.acpi, "%s: UEFI", name);
    bool secure = t->secure_boot && after.chipset == SU_CHIPSET_Q35;
    ok(!secure || (after.loader_secure == SU_YES && after.smm && after.secure_boot_feature == SU_YES),
       "%s: Secure Boot", name);
    ok(!t->vtpm || after.tpm != SU_NO, "%s: a TPM", name);
    ok(t->secure_boot || after.loader_secure != SU_YES, "%s: no Secure Boot that nobody wanted", name);
}

static void one(const char *name, const char *words)
{
    struct su_buf in SU_BUF = {0}, out SU_BUF = {0}, again SU_BUF = {0};
    struct su_domain_target t;
    char file[128];
    bool same = false;
    options(words, &t);
    snprintf(file, sizeof file, "domain/%s.before.xml", name);
    notes = (struct su_domain_notes){0};
    if (!ok(golden_input(file, &in) && su_domain_upgrade(su_buf_bytes(&in), &t, &out, &notes, &e) == 0, "%s", name))
        return;
    snprintf(file, sizeof file, "domain/%s.after.xml", name);
    golden_is(file, su_buf_bytes(&out));
    said(name);
    if (!ok(su_domain_parse(su_buf_bytes(&in), &before, &e) == 0 &&
                su_domain_parse(su_buf_bytes(&out), &after, &e) == 0,
            "%s: both are read", name))
        return;
    what_it_is(name, &t);
    same_slots(name);
    same_disks(name);
    ok(su_domain_upgrade(su_buf_bytes(&out), &t, &again, NULL, &e) == 0 && out.n == again.n &&
           memcmp(out.p, again.p, out.n) == 0,
       "%s: the second time nothing changes", name);
    ok(su_domain_same(su_buf_bytes(&in), su_buf_bytes(&out), &same, &e) == 0 && same == !!strstr(words, "already"),
       "%s: another definition", name);
}

int main(void)
{
    struct su_buf cases SU_BUF = {0};
    char *save = NULL;
    unsigned n = 0;
    ok(golden_input("domain/cases", &cases));
    for (char *line = strtok_r((char *)cases.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char name[64];
        if (line[0] == '#' || sscanf(line, "%63s", name) != 1)
            continue;
        one(name, line + strlen(name));
        n++;
    }
    ok(n >= 30, "%u shapes", n);
    return tap_done();
}
