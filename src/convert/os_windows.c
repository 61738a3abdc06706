/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Windows port recognises a Windows disk, so that it is refused by its name and not as a stranger. */
#include "os.h"
#include <string.h>

static int read_windows(struct su_facts *f, bool *mine, struct su_err *e)
{
    (void)e;
    for (size_t i = 0; i < f->vols.n; i++)
        *mine = *mine || strcmp(f->vols.vol[i].what.type, "ntfs") == 0 ||
                strcmp(f->vols.vol[i].what.type, "BitLocker") == 0;
    return 0;
}

static void not_converted(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    (void)f;
    su_found(v, row, "the disk holds Windows, which this version does not convert");
}

static const struct su_rule su_rules_windows[] = {
    {"os.windows", SU_STOP, "the system is one that this version converts",
     "run MBR2GPT /convert /allowFullOS inside the guest", not_converted},
    {0},
};

static const struct su_rule *const rules[] = {su_rules_windows, NULL};

const struct su_os_port su_os_windows = {.name = "windows", .read = read_windows, .rules = rules};
