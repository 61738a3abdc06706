/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A definition, and what an upgrade makes of it: the result is read again, is Trusted Launch, and upgrading it once
 * more changes nothing; what is refused leaves the outputs alone.  The first byte chooses what is asked for. */
#include "fuzz/text_check.h"
#include "upgrade/domain.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct su_domain d, before;

static void facts(void)
{
    if (d.n_disks > SU_DOM_DISKS || d.n_nics > SU_DOM_NICS || !d.name[0] || strlen(d.uuid) != 36)
        abort();
    if (d.boot_disk != UINT32_MAX && d.boot_disk >= d.n_disks)
        abort();
    check_text(d.name, sizeof d.name);
    check_text(d.loader, sizeof d.loader);
    for (uint32_t i = 0; i < d.n_disks; i++) {
        check_text(d.disk[i].target, sizeof d.disk[i].target);
        check_text(d.disk[i].source, sizeof d.disk[i].source);
        if (d.disk[i].source[0] && d.disk[i].source[0] != '/')
            abort();
    }
}

static void upgraded(struct su_bytes xml, const struct su_domain_target *t)
{
    static struct su_domain_notes notes;
    struct su_buf again SU_BUF = {0};
    struct su_err e = {0};
    bool same = false;
    if (su_domain_parse(xml, &d, &e) < 0)
        abort();
    facts();
    if (d.firmware != SU_FIRMWARE_UEFI || !d.acpi)
        abort();
    if (t->secure_boot && d.chipset == SU_CHIPSET_Q35 && (d.loader_secure != SU_YES || !d.smm))
        abort();
    if (t->vtpm && d.tpm == SU_NO)
        abort();
    if (su_domain_upgrade(xml, t, &again, &notes, &e) < 0 || again.n != xml.n || memcmp(again.p, xml.p, xml.n) != 0)
        abort();
    if (su_domain_same(xml, su_buf_bytes(&again), &same, &e) < 0 || !same)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct su_domain_notes notes;
    struct su_buf out SU_BUF = {0};
    struct su_err e = {0};
    struct su_bytes xml = {data, n};
    struct su_domain_target t = {.secure_boot = true, .vtpm = true};
    if (n && data[0] < 8) { /* XML begins with another byte */
        t = (struct su_domain_target){.secure_boot = data[0] & 1, .vtpm = data[0] & 2, .machine = data[0] >> 2};
        su_skip(&xml, 1);
    }
    memset(&d, 0x5A, sizeof d);
    before = d;
    if (su_domain_parse(xml, &d, &e) == 0)
        facts();
    else if (!e.id || memcmp(&d, &before, sizeof d) != 0)
        abort();
    if (su_domain_upgrade(xml, &t, &out, &notes, &e) == 0)
        upgraded(su_buf_bytes(&out), &t);
    else if (out.n || !e.id)
        abort();
    return 0;
}
