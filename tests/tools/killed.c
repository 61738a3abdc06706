/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command, with a runner that dies at a boundary of the job: SURETY_KILL="STATE begun" right after the record says
 * that the step after STATE has begun, "STATE done" right after it says that STATE is reached.  Both records are on
 * stable storage then.  SURETY_KILL_NTH: at the n-th such record (1).  SURETY_KILL=list prints all boundaries, from the
 * table, and ends.
 *
 * Linked with --wrap=su_record_put. */
#include "upgrade/record.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

int __real_su_record_put(struct su_jobs *j, const struct su_vm_record *r, uint64_t *revision, struct su_err *e);
int __wrap_su_record_put(struct su_jobs *j, const struct su_vm_record *r, uint64_t *revision, struct su_err *e);

int __wrap_su_record_put(struct su_jobs *j, const struct su_vm_record *r, uint64_t *revision, struct su_err *e)
{
    static unsigned times; /* one VM a batch: one thread writes records */
    const char *wanted = getenv("SURETY_KILL"), *nth = getenv("SURETY_KILL_NTH");
    char here[64];
    int rc = __real_su_record_put(j, r, revision, e);
    snprintf(here, sizeof here, "%s %s", su_state_table[r->state].name, r->going ? "begun" : "done");
    if (rc == 0 && wanted && strcmp(wanted, here) == 0 && ++times >= (nth ? strtoul(nth, NULL, 10) : 1))
        kill(getpid(), SIGKILL);
    return rc;
}

__attribute__((constructor)) static void list(void)
{
    const char *wanted = getenv("SURETY_KILL");
    if (!wanted || strcmp(wanted, "list") != 0)
        return;
    for (int s = 0; s < SU_VM_STATES; s++)
        printf("%s begun\n%s done\n", su_state_table[s].name, su_state_table[s].name);
    exit(0);
}
