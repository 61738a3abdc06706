/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the evidence of a verification comes from: files of a guest, NVRAM and swtpm's state, and a whole VM, played by
 * this file.  And what is run in it afterwards. */
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/verify.h"
#include "upgrade/verify_int.h"
#include "upgrade/verify_parse.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID "0123456789abcdef0123456789abcdef"

/* Files of a guest ----------------------------------------------------------- */

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}
#define RAW(s) ((struct su_bytes){(const uint8_t *)(s), sizeof(s) - 1})

static const char mountinfo[] = "22 27 0:21 / /sys rw,nosuid - sysfs sysfs rw\n"
                                "27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
                                "31 27 0:29 / /boot/efi rw - autofs systemd-1 rw\n"
                                "60 27 254:15 / /boot/efi rw,relatime shared:30 master:3 - vfat /dev/vda15 rw\n"
                                "no line of it\n61 27 ../x / /odd rw - ext4 x rw\n";

static void files(void)
{
    char s[65], t[16];
    ok(su_seen_flag(RAW("\6\0\0\0\1")) == SU_YES && su_seen_flag(RAW("\6\0\0\0\0")) == SU_NO, "a flag");
    ok(su_seen_flag(RAW("\6\0\0\0\2")) == SU_UNKNOWN && su_seen_flag(RAW("\1")) == SU_UNKNOWN, "no flag");
    su_seen_pcr(bytes("00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n"), s);
    is_str(s, HEX64);
    su_seen_pcr(bytes(HEX64 "00"), s);
    is_str(s, "");
    su_seen_pcr(bytes("zz"), s);
    is_str(s, "");
    ok(su_seen_tpm2(bytes("2\n")) == SU_YES && su_seen_tpm2(bytes("1\n")) == SU_NO &&
           su_seen_tpm2(bytes("22")) == SU_UNKNOWN && su_seen_tpm2(bytes("")) == SU_UNKNOWN,
       "a TPM's version");
    su_seen_mount(bytes(mountinfo), "/", NULL, t, sizeof t);
    is_str(t, "254:1");
    su_seen_mount(bytes(mountinfo), "/boot/efi", "vfat", t, sizeof t);
    is_str(t, "254:15");
    su_seen_mount(bytes(mountinfo), "/odd", NULL, t, sizeof t);
    is_str(t, "");
    su_seen_var(bytes("MAJOR=254\nDEVNAME=vda1\nDEVTYPE=partition\n"), "", "DEVNAME", t, sizeof t);
    is_str(t, "vda1");
    su_seen_var(bytes("E:ID_FS_UUID_ENC=x\nE:ID_FS_UUID=aa-bb"), "E:", "ID_FS_UUID", t, sizeof t);
    is_str(t, "aa-bb");
    struct su_seen_devs d;
    json_t *o = json_loads("[{\"mountpoint\":\"/x\"},{\"mountpoint\":\"/\",\"disk\":[{\"dev\":\"/dev/vda5\"},{\"dev\":"
                           "\"/dev/../x\"},{\"dev\":\"vdb\"},7,{\"dev\":\"/dev/nvme0n1p2\"}]}]",
                           0, NULL);
    su_seen_fsinfo(o, "/", &d);
    ok(d.n == 2, "two devices of names that fit");
    is_str(d.name[0], "vda5");
    is_str(d.name[1], "nvme0n1p2");
    json_decref(o);
    enum su_tri same;
    char pcr[SU_SEEN_PCRS][65] = {{0}};
    su_seen_log(bytes("nonsense"), pcr, s, &same);
    ok(same == SU_UNKNOWN && !s[0], "no event log");
}

/* NVRAM and swtpm's state ---------------------------------------------------- */

static struct su_tmpdir dir = SU_TMPDIR_NONE;

static void outside_files(void)
{
    struct su_err e = {0};
    char path[400], link_[400];
    struct su_evidence v = {0};
    static const char vars[] = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
    if (access(vars, R_OK) == 0) {
        char real[PATH_MAX];
        ok(realpath(vars, real) != NULL, "the variable store of the host");
        su_verify_read_nvram(real, &v);
        ok(v.nvram_read && v.nvram_keys && !v.nvram_shim, "has keys, and shim never ran");
        snprintf(link_, sizeof link_, "%s/link", dir.path);
        v = (struct su_evidence){0};
        ok(symlink(real, link_) == 0, "a link");
        su_verify_read_nvram(link_, &v);
        ok(!v.nvram_read, "is not followed");
    }
    snprintf(path, sizeof path, "%s/fifo", dir.path);
    ok(mkfifo(path, 0600) == 0, "a pipe");
    su_verify_read_nvram(path, &v);
    snprintf(path, sizeof path, "%s/big", dir.path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ok(fd >= 0 && ftruncate(fd, (off_t)SU_VERIFY_NVRAM + 1) == 0, "a file that is too large");
    close(fd);
    v = (struct su_evidence){0};
    su_verify_read_nvram(path, &v);
    su_verify_read_nvram("", &v);
    ok(!v.nvram_read, "nothing of it is NVRAM");

    ok(!su_verify_has_tpm_state(dir.path) && !su_verify_has_tpm_state(""), "no state");
    ok(su_tmpdir_mkdir(&dir, "tpm2", 0700, &e) == 0 &&
           su_tmpdir_put(&dir, "tpm2/tpm2-00.permall", 0600, RAW(""), &e) == 0 && !su_verify_has_tpm_state(dir.path),
       "an empty one");
    snprintf(path, sizeof path, "%s/tpm2/tpm2-00.permall", dir.path);
    ok(unlink(path) == 0 && symlink("/etc/passwd", path) == 0 && !su_verify_has_tpm_state(dir.path), "a link");
    ok(unlink(path) == 0 && su_tmpdir_put(&dir, "tpm2/tpm2-00.permall", 0600, RAW("x"), &e) == 0 &&
           su_verify_has_tpm_state(dir.path),
       "state");
}

/* A VM ----------------------------------------------------------------------- */

static struct {
    bool gone, off, test, agent, no_agent_ever, deaf, no_tpm_version;
    unsigned finds, agent_after; /* it answers after so many looks */
    unsigned starting;           /* so many times systemd says so */
    uint64_t tx;
    int exec_status;
    unsigned asked;
} vm;

int su_hv_find(struct su_hv *hv, const char *name, struct su_hv_vm *out, struct su_err *e)
{
    (void)hv, (void)name;
    vm.finds++;
    if (vm.gone)
        return su_fail(e, SU_E_MISSING, "vm.none", "there is no such VM");
    *out = (struct su_hv_vm){.run = vm.off ? SU_HV_OFF : SU_HV_RUNNING, .persistent = true};
    return 0;
}

int su_hv_xml(struct su_hv *hv, const char *uuid, bool live, struct su_buf *out, struct su_err *e)
{
    (void)hv, (void)uuid, (void)live;
    su_buf_printf(out,
                  "<domain type='qemu'><name>v</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory>1024"
                  "</memory><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><loader readonly='yes' secure='yes' "
                  "type='pflash'>/usr/share/OVMF/x.fd</loader><nvram>/nonexistent/nvram</nvram></os><devices>"
                  "<interface type='network'><mac address='52:54:00:11:22:33'/></interface>%s<tpm model='tpm-crb'>"
                  "<backend type='emulator' version='2.0'/></tpm></devices></domain>",
                  vm.no_agent_ever ? ""
                                   : "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"
                                     "</channel>");
    return su_buf_ok(out, e);
}

bool su_hv_is_test(const struct su_hv *hv)
{
    (void)hv;
    return vm.test;
}

void su_hv_places(const struct su_hv *hv, const struct su_domain *d, struct su_hv_places *out)
{
    (void)hv, (void)d;
    *out = (struct su_hv_places){.nvram = "/nonexistent/nvram"};
}

int su_hv_net(struct su_hv *hv, const char *uuid, uint64_t *rx, uint64_t *tx, struct su_err *e)
{
    (void)hv, (void)uuid, (void)e;
    *rx = 0;
    *tx = vm.tx;
    return 0;
}

/* file path -> base64 */
static const struct {
    const char *path, *b64;
} guest_files[] = {
    {"/etc/machine-id", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYK"},
    {"/sys/firmware/efi/fw_platform_size", "NjQK"},
    {"/efivars/SecureBoot-", "BgAAAAE="},
    {"/efivars/SetupMode-", "BgAAAAA="},
    {"/tpm0/tpm_version_major", "Mgo="},
    {"/tpm0/pcr-sha256/4", "MDAxMTIyMzM0NDU1NjY3Nzg4OTlBQUJCQ0NEREVFRkYwMDExMjIzMzQ0NTU2Njc3ODg5OUFBQkJDQ0RERUVGRgo="},
    /* "27 1 254:1 / / rw - ext4 x rw\n60 27 254:15 / /boot/efi rw - vfat y rw\n" */
    {"/proc/self/mountinfo",
     "MjcgMSAyNTQ6MSAvIC8gcncgLSBleHQ0IHggcncKNjAgMjcgMjU0OjE1IC8gL2Jvb3QvZWZpIHJ3IC0gdmZhdCB5IHJ3Cg=="},
    {"/tpmrm/tpmrm0/uevent", "MQo="},
    {"/../uevent", "REVWTkFNRT12ZGEKREVWVFlQRT1kaXNrCg=="},      /* DEVNAME=vda DEVTYPE=disk */
    {"/uevent", "REVWTkFNRT12ZGExCkRFVlRZUEU9cGFydGl0aW9uCg=="}, /* vda1, partition */
    {"/run/udev/data/b254:1", "RTpJRF9QQVJUX0VOVFJZX1NDSEVNRT1ncHQKRTpJRF9GU19VVUlEPWFhLWJiCg=="},
    {"/operstate", "dXAK"},
};
static const char *opened;

static void answer_file(const char *command, struct su_buf *answer)
{
    opened = NULL;
    for (size_t i = 0; i < SU_ARRAY_LEN(guest_files) && !opened; i++)
        if (strstr(command, guest_files[i].path) && !(vm.no_tpm_version && strstr(command, "tpm_version_major")))
            opened = guest_files[i].b64;
    su_buf_text(answer, opened
                            ? "{\"return\":7}"
                            : "{\"error\":{\"class\":\"GenericError\",\"desc\":\"failed to open file: No such file or "
                              "directory\"}}");
}

int su_hv_agent(struct su_hv *hv, const char *uuid, const char *command, uint32_t timeout_s, struct su_buf *answer,
                struct su_err *e)
{
    static const struct {
        const char *command, *answer;
    } rows[] = {
        {"guest-ping", "{\"return\":{}}"},
        {"guest-info",
         "{\"return\":{\"version\":\"7.2\",\"supported_commands\":[{\"name\":\"guest-file-open\",\"enabled\":"
         "true},{\"name\":\"guest-file-read\",\"enabled\":true},{\"name\":\"guest-exec\",\"enabled\":true}]}}"},
        {"guest-get-osinfo", "{\"return\":{\"id\":\"debian\",\"version-id\":\"12\",\"pretty-name\":\"Debian 12\"}}"},
        {"guest-get-host-name", "{\"return\":{\"host-name\":\"web1\"}}"},
        {"guest-file-close", "{\"return\":{}}"},
        {"guest-get-fsinfo", "{\"return\":[{\"mountpoint\":\"/\",\"disk\":[{\"dev\":\"/dev/vda1\"}]}]}"},
        {"guest-network-get-interfaces", "{\"return\":[{\"name\":\"ens3\",\"hardware-address\":\"52:54:00:11:22:33\","
                                         "\"ip-addresses\":[{\"ip-address\":\"192.0.2.7\"}]}]}"},
    };
    (void)hv, (void)uuid, (void)timeout_s;
    vm.asked++;
    if (!vm.agent || vm.finds < vm.agent_after || (vm.deaf && !strstr(command, "guest-ping")))
        return su_fail(e, SU_E_MISSING, "vm.agent", "no guest agent answers");
    if (strstr(command, "guest-file-open"))
        answer_file(command, answer);
    else if (strstr(command, "guest-file-read"))
        su_buf_printf(answer, "{\"return\":{\"buf-b64\":\"%s\",\"eof\":true}}", opened ? opened : "");
    else if (strstr(command, "guest-exec-status")) /* "starting\n", "running\n" */
        su_buf_printf(answer, "{\"return\":{\"exited\":true,\"exitcode\":%d,\"out-data\":\"%s\"}}", vm.exec_status,
                      vm.starting && vm.starting-- ? "c3RhcnRpbmcK" : "cnVubmluZwo=");
    else if (strstr(command, "guest-exec"))
        su_buf_text(answer, "{\"return\":{\"pid\":9}}");
    for (size_t i = 0; i < SU_ARRAY_LEN(rows) && answer->n == 0; i++)
        if (strstr(command, rows[i].command))
            su_buf_text(answer, rows[i].answer);
    return su_buf_ok(answer, e);
}

/* Time passes when somebody sleeps, and a little when somebody looks. */
static int64_t clock_ns;

int clock_gettime(clockid_t id, struct timespec *t)
{
    (void)id;
    clock_ns += 1000;
    *t = (struct timespec){clock_ns / 1000000000, clock_ns % 1000000000};
    return 0;
}

int nanosleep(const struct timespec *t, struct timespec *left)
{
    (void)left;
    clock_ns += (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
    return 0;
}

/* How many seconds a guest is waited for that can only be seen from outside. */
static int waited(const struct su_expect *x, struct su_evidence *ev)
{
    struct su_err e = {0};
    int64_t begin = clock_ns;
    ok(su_verify_collect(NULL, "u", x, 600, NULL, NULL, ev, &e) == 0, "collected");
    return (int)((clock_ns - begin) / 1000000000);
}

static void waiting(void)
{
    struct su_evidence ev = {0};
    struct su_expect x = {.has_pcr4 = true};
    int s;
    vm = (__typeof__(vm)){.no_agent_ever = true, .tx = 5};
    s = waited(&x, &ev);
    ok(s >= 59 && s <= 61, "frames, and no more that is required: %d s", s);
    x.agent_maybe = true;
    s = waited(&x, &ev);
    ok(s >= 119 && s <= 121, "an agent that may come: %d s", s);
    x.agent_maybe = false;
    x.network_before = true;
    s = waited(&x, &ev);
    ok(s >= 59 && s <= 61, "the network is there: %d s", s);
    x.agent_before = true;
    s = waited(&x, &ev);
    ok(s >= 598, "an agent that has to come: %d s", s);
    x.agent_before = false;
    vm.tx = 0;
    s = waited(&x, &ev);
    ok(s >= 598, "no sign of life: %d s", s);
    vm = (__typeof__(vm)){.agent = true, .starting = 999, .tx = 5};
    s = waited(&x, &ev);
    ok(s >= 58 && s <= 61 && ev.inside && strcmp(ev.units, "starting") == 0, "a system that never is up: %d s", s);
    vm = (__typeof__(vm)){.agent = true, .starting = 5, .tx = 5};
    snprintf(x.cards, sizeof x.cards, "ens3=52:54:00:11:22:33");
    s = waited(&x, &ev);
    ok(s >= 5 && s <= 7, "one that is up later: %d s", s);
    snprintf(x.cards, sizeof x.cards, "eth0=52:54:00:11:22:33");
    s = waited(&x, &ev);
    ok(s >= 58 && s <= 61, "a name that does not come: %d s", s);
}

static bool stop(void *arg)
{
    (void)arg;
    return true;
}

static void the_whole(void)
{
    struct su_err e = {0};
    struct su_evidence ev = {0};
    struct su_verified got;
    struct su_expect x = {.secure_boot = true,
                          .vtpm = true,
                          .has_pcr4 = true,
                          .pcr4 = HEX64,
                          .os_id = "debian",
                          .machine_id = ID,
                          .root_uuid = "aa-bb",
                          .agent_before = true,
                          .network_before = true,
                          .cards = "ens3=52:54:00:11:22:33"};
    vm = (__typeof__(vm)){.agent = true, .tx = 5};
    ok(su_verify_look(NULL, "u", &ev, &e) == 0 && ev.inside, "a look: %s", e.msg);
    ok(ev.efi == SU_YES && ev.secure_boot == SU_YES && ev.setup_mode == SU_NO && ev.tpm2 == SU_YES, "firmware and TPM");
    is_str(ev.pcr4, HEX64);
    is_str(ev.root_disk, "vda");
    is_str(ev.esp_disk, "vda");
    is_str(ev.root_table, "gpt");
    is_str(ev.root_uuid, "aa-bb");
    is_str(ev.units, "running");
    ok(ev.root_is_ours == SU_YES && ev.net.n_addresses == 1 && ev.n_up == 1, "disks and cards");
    su_verify_judge(&x, &ev, &got);
    ok(got.no == 0 && got.open == 0, "it is what was promised");

    vm = (__typeof__(vm)){.agent = true, .agent_after = 3, .tx = 5};
    ok(su_verify_collect(NULL, "u", &x, 20, NULL, NULL, &ev, &e) == 0 && ev.inside && vm.finds < 10,
       "it comes up later");
    vm = (__typeof__(vm)){.agent = true, .starting = 1, .no_tpm_version = true, .tx = 5};
    ok(su_verify_collect(NULL, "u", &x, 20, NULL, NULL, &ev, &e) == 0 && strcmp(ev.units, "running") == 0,
       "a system that still starts is asked again");
    ok(ev.tpm2 == SU_YES, "an older kernel shows its TPM by the resource manager");
    vm = (__typeof__(vm)){.agent = true, .starting = 99, .tx = 5};
    ok(su_verify_collect(NULL, "u", &x, 2, NULL, NULL, &ev, &e) == 0 && strcmp(ev.units, "starting") == 0,
       "but no longer than there is time");
    vm = (__typeof__(vm)){.agent = false, .tx = 5};
    ok(su_verify_collect(NULL, "u", &x, 1, NULL, NULL, &ev, &e) == 0 && !ev.inside, "it does not come up");
    su_verify_judge(&x, &ev, &got);
    ok(got.no > 0, "which it has to");
    vm = (__typeof__(vm)){.agent = true, .deaf = true};
    ok(su_verify_collect(NULL, "u", &x, 1, NULL, NULL, &ev, &e) == 0 && !ev.inside && vm.asked < 10, "it says no more");
    vm = (__typeof__(vm)){.off = true};
    ok(su_verify_collect(NULL, "u", &x, 600, NULL, NULL, &ev, &e) == 0 && !ev.running, "it is off");
    vm = (__typeof__(vm)){.test = true};
    ok(su_verify_collect(NULL, "u", &x, 600, NULL, NULL, &ev, &e) == 0 && ev.simulated, "the test driver");
    vm = (__typeof__(vm)){.gone = true};
    ok(su_verify_collect(NULL, "u", &x, 600, NULL, NULL, &ev, &e) < 0 && strcmp(e.id, "vm.none") == 0, "it is gone");
    vm = (__typeof__(vm)){.agent = false};
    ok(su_verify_collect(NULL, "u", &x, 600, stop, NULL, &ev, &e) < 0 && strcmp(e.id, "vm.cancelled") == 0,
       "cancelled");
}

static void finishing(void)
{
    static const char *const known[] = {"debian", "ubuntu", "rhel", "rocky", "almalinux", "fedora", "sles"};
    struct su_err e = {0};
    char path[400];
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++) {
        const char *c = su_finish_commands(known[i]);
        char command[500], name[32];
        snprintf(name, sizeof name, "finish-%s", known[i]);
        snprintf(path, sizeof path, "%s/%s", dir.path, name);
        snprintf(command, sizeof command, "/bin/sh -n %s", path);
        ok(c && su_tmpdir_put(&dir, name, 0600, bytes(c), &e) == 0, "commands of %s", known[i]);
        FILE *f = popen(command, "re"); /* the shell's own opinion */
        ok(f && pclose(f) == 0, "are a shell's");
    }
    ok(!su_finish_commands("plan9") && !su_finish_commands(NULL) && !su_finish_commands(""), "of others nothing");
    SU_BUF struct su_buf log = {0};
    vm = (__typeof__(vm)){.agent = true};
    ok(su_finish_run(NULL, "u", "debian", 10, &log, &e) == 0, "run");
    is_str(su_buf_str(&log), "running\n");
    vm.exec_status = 100;
    ok(su_finish_run(NULL, "u", "debian", 10, &log, &e) < 0 && strcmp(e.id, "vm.finish") == 0 &&
           strstr(e.msg, "running"),
       "failed: %s", e.msg);
    ok(su_finish_run(NULL, "u", "plan9", 10, &log, &e) < 0 && strcmp(e.id, "vm.finish.unknown") == 0, "unknown");
    vm.agent = false;
    ok(su_finish_run(NULL, "u", "debian", 0, &log, &e) < 0 && strcmp(e.id, "vm.agent") == 0, "nobody");
}

int main(void)
{
    struct su_err e = {0};
    setenv("TMPDIR", "/tmp", 1);
    if (su_tmpdir_make(&dir, 0, &e) < 0)
        return 1;
    files();
    outside_files();
    the_whole();
    waiting();
    finishing();
    su_tmpdir_remove(&dir);
    return tap_done();
}
