/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suretyd stays root, but with less. */
#include "base/confine.h"
#include "daemon/daemon.h"
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Sockets in other users' directories, ports below 1024, the legacy network; libvirt's clients need none. */
static const unsigned kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE};

static int drop_capabilities(struct su_err *e)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2] = {{0}}, next[2] = {{0}};
    if (syscall(SYS_capget, &head, now) < 0)
        return su_fail_os(e, "daemon.harden", "reading the capabilities");
    for (size_t i = 0; i < SU_ARRAY_LEN(kept); i++) {
        uint32_t bit = 1u << (kept[i] & 31);
        next[kept[i] >> 5].permitted |= now[kept[i] >> 5].permitted & bit;
        next[kept[i] >> 5].effective |= now[kept[i] >> 5].permitted & bit;
    }
    for (unsigned cap = 0; cap <= 63; cap++) {
        bool keep = false;
        for (size_t i = 0; i < SU_ARRAY_LEN(kept); i++)
            keep |= kept[i] == cap;
        if (!keep && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
            geteuid() == 0)
            return su_fail_os(e, "daemon.harden", "giving up capability %u", cap);
    }
    if (memcmp(now, next, sizeof now) == 0) /* the unit did it already, and its filter refuses the call */
        return 0;
    if (syscall(SYS_capset, &head, next) < 0)
        return su_fail_os(e, "daemon.harden", "giving up capabilities");
    return 0;
}

int su_harden(struct su_err *e)
{
    struct su_confine everywhere = {0};
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none); /* the unit's filter refuses the call, since the unit did it */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return su_fail_os(e, "daemon.harden", "refusing core files");
    /* where a VM's socket lies is only known later, so that writing is bounded by the unit, not here */
    su_confine_allow(&everywhere, "/", true);
    return drop_capabilities(e) < 0 ? -1 : su_confine_enter(&everywhere, NULL, e);
}
