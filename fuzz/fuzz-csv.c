/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of VMs that is taken has from 1 to SU_BATCH_VMS of them, each once, with names that are text and no control
 * character; one that is refused leaves the outputs as they were, and says in one sentence why. */
#include "base/clean.h"
#include "jobs/batch.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PROMISE(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static void check_text(const char *s, size_t cap)
{
    char clean[SU_BATCH_NAME];
    PROMISE(memchr(s, 0, cap));
    su_clean(clean, sizeof clean, s);
    PROMISE(strcmp(clean, s) == 0);
}

static void check_vm(const struct su_batch_vm *vm, size_t index)
{
    check_text(vm->name, sizeof vm->name);
    check_text(vm->group, sizeof vm->group);
    PROMISE(vm->name[0] && vm->index == index && (vm->secure_boot == 0 || vm->secure_boot == 1));
    PROMISE(vm->outcome == SU_VM_PENDING && !vm->uuid[0] && !vm->started_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_batch_vm untouched, *vms = &untouched;
    struct su_err e = {0};
    size_t count = 77;
    if (su_batch_csv((struct su_bytes){data, n}, "vms.csv", &vms, &count, &e) < 0) {
        PROMISE(vms == &untouched && count == 77 && e.kind != SU_OK && e.id && e.msg[0]);
        return 0;
    }
    PROMISE(count > 0 && count <= SU_BATCH_VMS && n <= SU_CSV_BYTES);
    for (size_t i = 0; i < count; i++) {
        check_vm(&vms[i], i);
        for (size_t k = i + 1; k < count && k < i + 100; k++)
            PROMISE(strcmp(vms[i].name, vms[k].name) != 0);
    }
    free(vms);
    return 0;
}
