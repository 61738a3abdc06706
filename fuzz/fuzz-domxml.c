/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A domain's XML: what is accepted has a UUID, a name and texts without control characters; its instance metadata is
 * within its bound; what is refused leaves the output alone. */
#include "fuzz/text_check.h"
#include "daemon/desc.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct su_vm_desc *d)
{
    static const struct su_host_conf c = {.subscription = "00000000-0000-0000-0000-000000000000", .cluster = "c"};
    struct su_buf out SU_BUF = {0};
    struct su_err e = {0};
    if (!su_uuid_valid(d->uuid) || !d->name[0] || d->cid == 1 || d->cid == 2)
        abort();
    if (d->n_nics > SU_DESC_NICS || d->n_disks > SU_DESC_DISKS || d->n_tags > SU_DESC_TAGS || d->n_keys > SU_DESC_KEYS)
        abort();
    if (d->custom_command && (d->secure_boot || d->vtpm))
        abort();
    check_text(d->name, sizeof d->name);
    for (unsigned i = 0; i < d->n_tags; i++)
        check_text(d->tag[i].value, sizeof d->tag[i].value);
    if (su_desc_instance(d, &c, &out, &e) == 0 && out.n > SU_VM_INSTANCE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct su_vm_desc d, before;
    struct su_err e = {0};
    memset(&d, 0x5A, sizeof d);
    before = d;
    if (su_desc_from_xml((struct su_bytes){data, n}, true, &d, &e) == 0)
        check(&d);
    else if (!e.id || memcmp(&d, &before, sizeof d) != 0)
        abort();
    return 0;
}
