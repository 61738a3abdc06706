/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence that the guest's agent reads for us.  The guest chooses every byte and how long an answer takes, so there is
 * a fixed list of questions, the first that nobody answers is the last, and so is one after PATIENCE_S. */
#include "base/clean.h"
#include "base/clock.h"
#include "upgrade/verify_int.h"
#include "upgrade/verify_parse.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EFIVARS "/sys/firmware/efi/efivars/"
#define EFI_GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define TPM "/sys/class/tpm/tpm0/"
enum { TIMEOUT_S = 10, PATIENCE_S = 300, SMALL = 4096, MOUNTS = 256 << 10, LOG = 512 << 10, MOST_CARDS = 8 };

struct look {
    struct su_hv *hv;
    const char *uuid;
    time_t begun; /* CLOCK_MONOTONIC; 0: not yet */
    bool gone;    /* it does not answer any more */
    struct su_err why;
};

/* An agent that is slow at each answer must not hold a fleet for hours. */
static bool patient(struct look *l)
{
    int64_t now = su_monotonic_s();
    l->begun = l->begun ? l->begun : now;
    return now - l->begun < PATIENCE_S;
}

/* Appends; false when it cannot be had.  *absent: the guest says that there is no such file. */
static bool get(struct look *l, const char *path, size_t max, struct su_buf *out, bool *absent)
{
    *absent = false;
    l->gone = l->gone || !patient(l);
    if (l->gone)
        return false;
    if (su_agent_file(l->hv, l->uuid, path, max, out, &l->why) == 0)
        return true;
    l->gone = strcmp(l->why.id, "vm.agent.failed") != 0 && strcmp(l->why.id, "vm.agent.denied") != 0 &&
              strcmp(l->why.id, "vm.agent.size") != 0;
    *absent = strstr(l->why.msg, "No such file") != NULL;
    return false;
}

static void firmware(struct look *l, struct su_evidence *out)
{
    SU_BUF struct su_buf a = {0}, b = {0}, c = {0};
    bool absent;
    if (get(l, "/sys/firmware/efi/fw_platform_size", SMALL, &a, &absent))
        out->efi = SU_YES;
    else
        out->efi = absent ? SU_NO : SU_UNKNOWN;
    if (get(l, EFIVARS "SecureBoot" EFI_GLOBAL, SMALL, &b, &absent))
        out->secure_boot = su_seen_flag(su_buf_bytes(&b));
    if (get(l, EFIVARS "SetupMode" EFI_GLOBAL, SMALL, &c, &absent))
        out->setup_mode = su_seen_flag(su_buf_bytes(&c));
    if (out->secure_boot != SU_UNKNOWN)
        out->efi = SU_YES;
}

/* Kernels before 5.6 do not tell the version, but make a resource manager for a TPM 2.0 alone (since 4.12). */
static enum su_tri older_tpm2(struct look *l)
{
    SU_BUF struct su_buf b = {0};
    bool absent;
    if (get(l, "/sys/class/tpmrm/tpmrm0/uevent", SMALL, &b, &absent))
        return SU_YES;
    return absent ? SU_NO : SU_UNKNOWN;
}

/* FACP is in every machine's: with it there, a table that is missing is known to be missing. */
static enum su_tri acpi_table(struct look *l)
{
    SU_BUF struct su_buf a = {0}, b = {0};
    bool absent, ignored;
    if (get(l, "/sys/firmware/acpi/tables/TPM2", SMALL, &a, &absent))
        return SU_YES;
    return absent && get(l, "/sys/firmware/acpi/tables/FACP", SMALL, &b, &ignored) ? SU_NO : SU_UNKNOWN;
}

static void tpm(struct look *l, struct su_evidence *out)
{
    static const unsigned wanted[] = {0, 2, 4, 7}; /* code and its order; settings and exits go on changing */
    char pcr[SU_SEEN_PCRS][65] = {{0}}, path[64];
    SU_BUF struct su_buf version = {0}, log = {0};
    bool absent;
    if (get(l, TPM "tpm_version_major", SMALL, &version, &absent))
        out->tpm2 = su_seen_tpm2(su_buf_bytes(&version));
    else
        out->tpm2 = absent ? older_tpm2(l) : SU_UNKNOWN;
    if (out->tpm2 == SU_NO)
        out->tpm_table = acpi_table(l);
    if (out->tpm2 != SU_YES)
        return;
    for (size_t i = 0; i < SU_ARRAY_LEN(wanted); i++) {
        SU_BUF struct su_buf b = {0};
        snprintf(path, sizeof path, TPM "pcr-sha256/%u", wanted[i]);
        if (get(l, path, SMALL, &b, &absent))
            su_seen_pcr(su_buf_bytes(&b), pcr[wanted[i]]);
    }
    memcpy(out->pcr4, pcr[4], sizeof out->pcr4);
    if (get(l, "/sys/kernel/security/tpm0/binary_bios_measurements", LOG, &log, &absent))
        su_seen_log(su_buf_bytes(&log), pcr, out->log_pcr4, &out->log_true);
}

/* The disk that a partition is on: in sysfs a partition's directory lies in its disk's. */
static void disk_of(struct look *l, const char *class, const char *dev, char *out, size_t cap)
{
    char path[128], type[16];
    bool absent;
    SU_BUF struct su_buf own = {0}, above = {0};
    out[0] = 0;
    snprintf(path, sizeof path, "%s/%s/uevent", class, dev);
    if (!get(l, path, SMALL, &own, &absent))
        return;
    su_seen_var(su_buf_bytes(&own), "", "DEVTYPE", type, sizeof type);
    su_seen_var(su_buf_bytes(&own), "", "DEVNAME", out, cap);
    if (strcmp(type, "partition") != 0)
        return;
    out[0] = 0;
    snprintf(path, sizeof path, "%s/%s/../uevent", class, dev);
    if (get(l, path, SMALL, &above, &absent))
        su_seen_var(su_buf_bytes(&above), "", "DEVNAME", out, cap);
}

/* By the agent's own list, which knows what lies below LVM and LUKS; else by the number of what is mounted. */
static void find_disk(struct look *l, const json_t *fsinfo, struct su_bytes mounts, const char *point, const char *type,
                      char *out, size_t cap)
{
    struct su_seen_devs devs;
    char number[24];
    su_seen_fsinfo(fsinfo, point, &devs);
    su_seen_mount(mounts, point, type, number, sizeof number);
    out[0] = 0;
    if (devs.n > 0)
        disk_of(l, "/sys/class/block", devs.name[0], out, cap);
    else if (number[0] && strncmp(number, "0:", 2) != 0)
        disk_of(l, "/sys/dev/block", number, out, cap);
    if (!su_seen_is_dev(out) || strncmp(out, "dm-", 3) == 0) /* below it may be anything */
        out[0] = 0;
}

static void root_names(struct look *l, struct su_bytes mounts, struct su_evidence *out)
{
    char number[24], path[64];
    bool absent;
    SU_BUF struct su_buf b = {0};
    su_seen_mount(mounts, "/", NULL, number, sizeof number);
    if (!number[0] || strncmp(number, "0:", 2) == 0)
        return;
    snprintf(path, sizeof path, "/run/udev/data/b%s", number);
    if (!get(l, path, MOUNTS, &b, &absent))
        return;
    su_seen_var(su_buf_bytes(&b), "E:", "ID_PART_ENTRY_SCHEME", out->root_table, sizeof out->root_table);
    su_seen_var(su_buf_bytes(&b), "E:", "ID_FS_UUID", out->root_uuid, sizeof out->root_uuid);
}

static void disks(struct look *l, struct su_evidence *out)
{
    static const char *const points[] = {"/boot/efi", "/efi", "/boot"};
    SU_BUF struct su_buf mounts = {0};
    struct su_err why = {0};
    json_t *fsinfo = NULL;
    bool absent;
    if (!get(l, "/proc/self/mountinfo", MOUNTS, &mounts, &absent))
        return;
    out->esp_disk[0] = 0;
    out->root_is_ours = SU_UNKNOWN;
    if (su_agent_filesystems(l->hv, l->uuid, TIMEOUT_S, &fsinfo, &why) < 0)
        fsinfo = NULL;
    find_disk(l, fsinfo, su_buf_bytes(&mounts), "/", NULL, out->root_disk, sizeof out->root_disk);
    for (size_t i = 0; i < SU_ARRAY_LEN(points) && !out->esp_disk[0]; i++) {
        char number[24];
        su_seen_mount(su_buf_bytes(&mounts), points[i], "vfat", number, sizeof number);
        if (number[0])
            find_disk(l, fsinfo, su_buf_bytes(&mounts), points[i], "vfat", out->esp_disk, sizeof out->esp_disk);
    }
    json_decref(fsinfo);
    root_names(l, su_buf_bytes(&mounts), out);
    if (out->root_disk[0] && out->esp_disk[0])
        out->root_is_ours = strcmp(out->root_disk, out->esp_disk) == 0 ? SU_YES : SU_NO;
    else if (out->efi == SU_YES && strcmp(out->root_table, "dos") == 0)
        out->root_is_ours = SU_NO; /* a disk of the old table: a copy of the old system is attached */
}

static bool is_up(struct look *l, const char *card)
{
    char path[64], state[16];
    bool absent;
    SU_BUF struct su_buf b = {0};
    snprintf(path, sizeof path, "/sys/class/net/%s/operstate", card);
    if (!*card || !get(l, path, SMALL, &b, &absent))
        return false;
    su_clean_last_line(state, sizeof state, su_buf_bytes(&b));
    return strcmp(state, "up") == 0 || strcmp(state, "unknown") == 0;
}

static void network(struct look *l, struct su_evidence *out)
{
    struct su_err why = {0};
    if (l->gone || su_agent_network(l->hv, l->uuid, TIMEOUT_S, &out->net, &why) < 0)
        return;
    out->network_known = true;
    out->n_up = 0;
    for (uint32_t i = 0; i < out->net.n && i < MOST_CARDS && !out->agent.windows; i++)
        out->n_up += is_up(l, out->net.nic[i].name);
}

static void units(struct look *l, struct su_evidence *out)
{
    static const char *const argv[] = {"systemctl", "is-system-running", NULL};
    SU_BUF struct su_buf b = {0};
    struct su_err why = {0};
    int status;
    if (!l->gone && out->agent.exec && su_agent_exec(l->hv, l->uuid, argv, TIMEOUT_S, &status, &b, &why) == 0)
        su_clean_last_line(out->units, sizeof out->units, su_buf_bytes(&b));
}

void su_verify_again(struct su_hv *hv, const char *uuid, struct su_evidence *out)
{
    struct look l = {.hv = hv, .uuid = uuid};
    if (!out->agent.windows && (out->agent.files || out->agent.exec))
        disks(&l, out);
    network(&l, out);
    if (!out->agent.windows)
        units(&l, out);
}

int su_verify_inside(struct su_hv *hv, const char *uuid, struct su_evidence *out, struct su_err *e)
{
    struct look l = {.hv = hv, .uuid = uuid};
    if (su_agent_ask(hv, uuid, TIMEOUT_S, &out->agent, e) < 0)
        return -1;
    out->inside = out->agent.answered;
    out->inside_why = out->agent.why;
    if (!out->inside)
        return 0;
    if (!out->agent.windows && (out->agent.files || out->agent.exec)) {
        firmware(&l, out);
        tpm(&l, out);
        disks(&l, out);
    }
    if (out->agent.windows)
        su_verify_windows(hv, uuid, out);
    network(&l, out);
    if (!out->agent.windows)
        units(&l, out);
    return 0;
}
