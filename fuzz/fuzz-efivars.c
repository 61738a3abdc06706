/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a variable store, and as a signature list: what is found lies inside, and walking ends. */
#include "must.h"
#include "guest/efivars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool inside(struct su_bytes b, struct su_bytes all)
{
    return b.n <= all.n && b.p >= all.p && b.p + b.n <= all.p + all.n;
}

static void walk_list(struct su_bytes value)
{
    struct su_siglist l = su_siglist_open(value);
    struct su_sig sig;
    struct su_err e = {0};
    size_t n = 0;
    int more;
    while ((more = su_siglist_next(&l, &sig, &e)) > 0) {
        MUST(inside(sig.data, value) && inside((struct su_bytes){sig.owner, SU_EFI_GUID}, value) && sig.data.n > 0);
        MUST((sig.kind != SU_SIG_SHA256 && sig.kind != SU_SIG_X509_SHA256) || sig.data.n == 32);
        MUST(++n <= value.n);
    }
    MUST(more == 0 || (e.kind == SU_E_FORMAT && e.id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_bytes all = {data, n};
    struct su_efivars vars;
    struct su_efivar v;
    struct su_err e = {0};
    walk_list(all);
    if (su_efivars_open(all, &vars, &e) < 0) {
        MUST(e.kind == SU_E_FORMAT && e.id);
        return 0;
    }
    int more;
    for (size_t left = vars.rest.n; (more = su_efivars_next(&vars, &v, &e)) > 0; left = vars.rest.n) {
        MUST(vars.rest.n < left && inside(v.name, all) && inside(v.data, all));
        walk_list(v.data);
    }
    MUST(more == 0 || (e.kind == SU_E_FORMAT && e.id));
    (void)!su_efivars_find(all, "db", su_efi_security_guid, &v, &e);
    return 0;
}
