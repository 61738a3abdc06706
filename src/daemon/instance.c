/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Instance metadata: every primitive is a string, and what is not known is "". */
#include "desc.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *words(const char *const *names)
{
    json_t *o = json_object();
    for (; *names; names++)
        json_object_set_new(o, *names, json_string(""));
    return o;
}
#define EMPTY(...) words((const char *const[]){__VA_ARGS__, NULL})

static void put(json_t *o, const char *name, const char *value)
{
    json_t *v = json_string(value);
    json_object_set_new(o, name, v ? v : json_string(""));
}

static json_t *disk(const char *name, const char *lun)
{
    json_t *o = EMPTY("caching", "createOption", "diskSizeGB", "writeAcceleratorEnabled");
    put(o, "name", name);
    json_object_set_new(o, "managedDisk", EMPTY("id", "storageAccountType"));
    json_object_set_new(o, "image", EMPTY("uri"));
    json_object_set_new(o, "vhd", EMPTY("uri"));
    if (!lun) {
        json_object_set_new(o, "diffDiskSettings", EMPTY("option"));
        json_object_set_new(o, "encryptionSettings", json_pack("{s:s}", "enabled", "false"));
        put(o, "osType", "");
        return o;
    }
    put(o, "lun", lun);
    put(o, "isSharedDisk", "false");
    put(o, "isUltraDisk", "false");
    put(o, "bytesPerSecondThrottle", "");
    put(o, "opsPerSecondThrottle", "");
    put(o, "diskCapacityBytes", "");
    return o;
}

static json_t *storage(const struct su_vm_desc *d)
{
    json_t *o = json_object(), *os = disk(d->n_disks ? d->disk[0] : "", NULL), *data = json_array();
    char lun[12];
    put(os, "osType", d->os_type);
    for (unsigned i = 1; i < d->n_disks; i++) {
        snprintf(lun, sizeof lun, "%u", i - 1);
        json_array_append_new(data, disk(d->disk[i], lun));
    }
    json_object_set_new(o, "dataDisks", data);
    json_object_set_new(o, "imageReference",
                        EMPTY("id", "offer", "publisher", "sku", "version", "communityGalleryImageId",
                              "sharedGalleryImageId", "exactVersion"));
    json_object_set_new(o, "osDisk", os);
    json_object_set_new(o, "resourceDisk", EMPTY("size"));
    return o;
}

static void put_tags(json_t *compute, const struct su_vm_desc *d, bool with)
{
    struct su_buf all SU_BUF = {0};
    json_t *list = json_array();
    struct su_err ignored = {0};
    for (unsigned i = 0; with && i < d->n_tags; i++) {
        su_buf_printf(&all, "%s%s:%s", i ? ";" : "", d->tag[i].name, d->tag[i].value);
        json_array_append_new(list, json_pack("{s:s,s:s}", "name", d->tag[i].name, "value", d->tag[i].value));
    }
    put(compute, "tags", su_buf_ok(&all, &ignored) == 0 ? su_buf_str(&all) : "");
    json_object_set_new(compute, "tagsList", list);
}

static void put_keys(json_t *compute, const struct su_vm_desc *d, bool with)
{
    json_t *list = json_array();
    for (unsigned i = 0; with && i < d->n_keys; i++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "keyData", d->key[i].data, "path", d->key[i].path));
    json_object_set_new(compute, "publicKeys", list);
}

static void put_names(json_t *o, const struct su_vm_desc *d, const struct su_host_conf *c)
{
    char id[SU_VM_NAME + SU_VM_WORD + 160], size[48];
    const char *group = d->resource_group[0] ? d->resource_group : c->cluster;
    snprintf(id, sizeof id, "/subscriptions/%s/resourceGroups/%s/providers/Surety.Compute/virtualMachines/%s",
             c->subscription, group, d->name);
    snprintf(size, sizeof size, "%uvcpu-%llum", d->vcpus, (unsigned long long)d->memory_mib);
    put(o, "name", d->name);
    put(o, "vmId", d->uuid);
    put(o, "resourceId", id);
    put(o, "resourceGroupName", group);
    put(o, "subscriptionId", c->subscription);
    put(o, "location", d->location[0] ? d->location : c->location[0] ? c->location : c->cluster);
    put(o, "provider", "Surety.Compute");
    put(o, "azEnvironment", "Surety");
    put(o, "vmSize", d->vm_size[0] ? d->vm_size : d->vcpus ? size : "");
    put(o, "osType", d->os_type);
    put(o, "licenseType", c->license_type);
    put(o, "sku", c->sku);
}

/* with: user data (2), keys and tags (1). */
static json_t *compute(const struct su_vm_desc *d, const struct su_host_conf *c, unsigned with)
{
    json_t *o =
        EMPTY("evictionPolicy", "offer", "placementGroupId", "platformFaultDomain", "platformSubFaultDomain",
              "platformUpdateDomain", "priority", "publisher", "version", "vmScaleSetName", "zone", "physicalZone");
    put_names(o, d, c);
    put(o, "isHostCompatibilityLayerVm", "false");
    put(o, "customData", "");
    put(o, "userData", with & 2 ? d->user_data : "");
    put_tags(o, d, with & 1);
    put_keys(o, d, with & 1);
    json_object_set_new(o, "additionalCapabilities", json_pack("{s:s}", "hibernationEnabled", "false"));
    json_object_set_new(o, "extendedLocation", EMPTY("type", "name"));
    json_object_set_new(o, "host", json_pack("{s:s}", "id", c->host));
    json_object_set_new(o, "hostGroup", json_pack("{s:s}", "id", c->cluster));
    json_object_set_new(o, "osProfile",
                        json_pack("{s:s,s:s,s:s}", "adminUsername", d->admin_user, "computerName", d->name,
                                  "disablePasswordAuthentication", "true"));
    json_object_set_new(o, "plan", EMPTY("name", "product", "publisher"));
    json_object_set_new(o, "securityProfile",
                        json_pack("{s:s,s:s,s:s,s:s}", "encryptionAtHost", "false", "secureBootEnabled",
                                  d->secure_boot ? "true" : "false", "securityType", d->security_type,
                                  "virtualTpmEnabled", d->vtpm ? "true" : "false"));
    json_object_set_new(o, "storageProfile", storage(d));
    json_object_set_new(o, "virtualMachineScaleSet", EMPTY("id"));
    return o;
}

static json_t *nic(const struct su_desc_nic *n)
{
    char mac[13];
    unsigned at = 0;
    for (const char *s = n->mac; *s && at < 12; s++)
        if (*s != ':')
            mac[at++] = (char)(*s >= 'a' && *s <= 'f' ? *s - 'a' + 'A' : *s);
    mac[at] = 0;
    return json_pack("{s:{s:[{s:s,s:s}],s:[{s:s,s:s}]},s:{s:[]},s:s}", "ipv4", "ipAddress", "privateIpAddress", n->ip,
                     "publicIpAddress", n->public_ip, "subnet", "address", "", "prefix", n->prefix, "ipv6", "ipAddress",
                     "macAddress", mac);
}

static json_t *network(const struct su_vm_desc *d, const struct su_host_conf *c)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < d->n_nics; i++)
        if (strcmp(d->nic[i].bridge, c->legacy_bridge) != 0) /* the way to us is no interface of the guest's own */
            json_array_append_new(list, nic(&d->nic[i]));
    return json_pack("{s:o}", "interface", list);
}

int su_desc_instance(const struct su_vm_desc *d, const struct su_host_conf *c, struct su_buf *out, struct su_err *e)
{
    static const unsigned with[] = {3, 1, 0};
    for (size_t i = 0; i < SU_ARRAY_LEN(with); i++) {
        json_t *o = json_pack("{s:o,s:o}", "compute", compute(d, c, with[i]), "network", network(d, c));
        char *text SU_FREE = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        json_decref(o);
        if (!text)
            return su_fail_nomem(e, SU_VM_INSTANCE);
        if (strlen(text) <= SU_VM_INSTANCE) {
            su_buf_text(out, text);
            return su_buf_ok(out, e);
        }
    }
    return su_fail(e, SU_E_RANGE, "vm.instance", "the instance metadata of %s is too large", d->name);
}

void su_desc_facts(const struct su_vm_desc *d, const struct su_host_conf *c, struct su_vm_facts *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->uuid, d->uuid, sizeof out->uuid);
    out->secure_boot = d->secure_boot;
    out->vtpm = d->vtpm;
    memcpy(out->security_type, d->security_type, sizeof out->security_type);
    memcpy(out->subscription, c->subscription, sizeof out->subscription);
    memcpy(out->license_type, c->license_type, sizeof out->license_type);
    memcpy(out->sku, c->sku, sizeof out->sku);
}
