/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An internal snapshot is deleted while QEMU runs on the disk.
 *
 * libvirt has no call for a snapshot that it does not know of, so QEMU is asked through libvirt's monitor passthrough:
 * the same command libvirt itself gives for its own snapshots.  libvirt marks the running domain as tainted by that. */
#include "upgrade/hv_xml.h"
#include <jansson.h>
#include <libvirt/libvirt-qemu.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MAX = 4 << 20 };

struct drop {
    const char *target, *name;
};

static void json_freep(json_t **j)
{
    json_decref(*j);
}
#define JSON SU_AUTO(json_freep)

/* *out: its "return", new reference */
static int qmp(virDomainPtr dom, const json_t *command, json_t **out, struct su_err *e)
{
    char *text SU_FREE = command ? json_dumps(command, JSON_COMPACT) : NULL, *said = NULL;
    if (!text)
        return su_fail_nomem(e, 0);
    if (virDomainQemuMonitorCommand(dom, text, &said, 0) < 0)
        return su_hv_fail(e, "QEMU's monitor", dom);
    char *owned SU_FREE = said;
    json_t *answer JSON = owned && strnlen(owned, ANSWER_MAX + 1) <= ANSWER_MAX ? json_loads(owned, 0, NULL) : NULL;
    json_t *value = json_object_get(answer, "return");
    if (!value) {
        const char *why = json_string_value(json_object_get(json_object_get(answer, "error"), "desc"));
        return su_fail(e, SU_E_IO, "vm.libvirt", "QEMU refuses: %.150s", why ? why : "no answer");
    }
    *out = json_incref(value);
    return 0;
}

/* The name libvirt gives to the node of a disk's format, by the index it shows in the live XML. */
static int node_of(virDomainPtr dom, const char *target, char *out, size_t cap, struct su_err *e)
{
    struct su_hv_disks disks SU_AUTO(su_hv_disks_done) = {0};
    if (su_hv_disks_read(dom, &disks, e) < 0)
        return -1;
    for (size_t i = 0; i < disks.n; i++)
        if (strcmp(disks.disk[i].target, target) == 0 && *disks.disk[i].index) {
            snprintf(out, cap, "libvirt-%s-format", disks.disk[i].index);
            return 0;
        }
    return su_fail(e, SU_E_MISSING, "vm.disk.none", "the VM has no disk %s", target);
}

static bool has_snapshot(const json_t *blocks, const char *node, const char *name, bool *node_there)
{
    size_t i, k;
    json_t *b, *s;
    json_array_foreach(blocks, i, b)
    {
        const json_t *inserted = json_object_get(b, "inserted");
        const char *n = json_string_value(json_object_get(inserted, "node-name"));
        if (!n || strcmp(n, node) != 0)
            continue;
        *node_there = true;
        json_array_foreach(json_object_get(json_object_get(inserted, "image"), "snapshots"), k, s)
        {
            const char *known = json_string_value(json_object_get(s, "name"));
            if (known && strcmp(known, name) == 0)
                return true;
        }
    }
    return false;
}

static int drop(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    const struct drop *d = arg;
    char node[64];
    json_t *ask JSON = json_pack("{s:s}", "execute", "query-block");
    json_t *blocks JSON = NULL, *done JSON = NULL;
    bool node_there = false;
    (void)conn;
    if (node_of(dom, d->target, node, sizeof node, e) < 0 || qmp(dom, ask, &blocks, e) < 0)
        return -1;
    bool has = has_snapshot(blocks, node, d->name, &node_there);
    if (!node_there) {
        su_fail(e, SU_E_REFUSED, "vm.restore.running", "QEMU names disk %s in a way that is not known here", d->target);
        return su_remedy(e, "shut the VM down, then run the same command again");
    }
    if (!has)
        return 0;
    json_t *del JSON = json_pack("{s:s, s:{s:s, s:s}}", "execute", "blockdev-snapshot-delete-internal-sync",
                                 "arguments", "device", node, "name", d->name);
    return qmp(dom, del, &done, e);
}

int su_hv_drop_snapshot(struct su_hv *hv, const char *uuid, const char *target, const char *name, struct su_err *e)
{
    struct drop d = {.target = target, .name = name};
    return su_hv_do(hv, uuid, SU_HV_REPEAT, drop, &d, e);
}
