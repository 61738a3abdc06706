/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What SYSTEM and SOFTWARE hives tell: hives made here, real ones, and .reg files merged by hivexregedit. */
#include "base/tmpdir.h"
#include "guest/regf.h"
#include "guest/winsystem.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <sys/wait.h>

static void dword(struct su_hive *h, su_hive_node k, const char *name, uint32_t v)
{
    struct su_err e = {0};
    uint8_t d[4];
    su_put_le32(d, v);
    if (su_hive_set(h, k, name, SU_REG_DWORD, (struct su_bytes){d, 4}, &e) < 0)
        ok(false, "%s", e.msg);
}

static void text(struct su_hive *h, su_hive_node k, const char *name, const char *v)
{
    struct su_err e = {0};
    SU_BUF struct su_buf b = {0};
    for (; *v; v++)
        su_buf_add(&b, (const char[]){*v, 0}, 2);
    su_buf_zero(&b, 2);
    if (su_hive_set(h, k, name, SU_REG_SZ, su_buf_bytes(&b), &e) < 0)
        ok(false, "%s", e.msg);
}

/* "A\\B\\C" with all that is missing. */
static su_hive_node key(struct su_hive *h, const char *path)
{
    struct su_err e = {0};
    su_hive_node k = su_hive_root(h);
    while (*path) {
        char name[64];
        size_t len = strcspn(path, "\\");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        if (su_hive_add_key(h, k, name, &k, &e) < 0)
            ok(false, "%s: %s", name, e.msg);
        path += len + (path[len] == '\\');
    }
    return k;
}

static struct su_hive *open_empty(void)
{
    SU_BUF struct su_buf b = {0};
    struct su_hive *h = NULL;
    struct su_err e = {0};
    hivegen(&b, 5);
    if (su_hive_open(su_buf_bytes(&b), true, &h, &e) < 0)
        printf("# %s\n", e.msg);
    return h;
}

#define SERVICES "ControlSet003\\Services\\"

static struct su_hive *open_made(void)
{
    struct su_hive *h = open_empty();
    dword(h, key(h, "Select"), "Current", 3);
    text(h, key(h, "ControlSet003\\Control\\ComputerName\\ComputerName"), "ComputerName", "WEB-1");
    text(h, key(h, "ControlSet003\\Control\\ProductOptions"), "ProductType", "ServerNT");
    dword(h, key(h, "ControlSet003\\Control\\Session Manager\\Power"), "HiberbootEnabled", 1);
    dword(h, key(h, SERVICES "atapi"), "Start", 0);
    dword(h, key(h, SERVICES "intelide"), "Start", 3);
    dword(h, key(h, SERVICES "pciide"), "Start", 0);
    dword(h, key(h, SERVICES "pciide\\StartOverride"), "0", 3);
    dword(h, key(h, SERVICES "storahci"), "Start", 0);
    dword(h, key(h, SERVICES "storahci\\StartOverride"), "0", 0);
    text(h, key(h, SERVICES "storahci"), "ImagePath", "System32\\drivers\\storahci.sys");
    dword(h, key(h, SERVICES "stornvme"), "Start", 0);
    dword(h, key(h, SERVICES "stornvme\\StartOverride"), "0", 3);
    text(h, key(h, SERVICES "viostor"), "Start", "0");
    return h;
}

static void test_read(void)
{
    SU_HIVE struct su_hive *h = open_made();
    struct su_winsystem s = {0};
    struct su_err e = {0};
    ok(su_winsystem_read(h, &s, &e) == 0 && s.control_set == 3 && s.server && s.fast_startup, "%s", e.msg);
    is_str(s.computer, "WEB-1");
    is_str(su_winstart_name(s.bus[SU_WINBUS_IDE]), "later");
    is_str(su_winstart_name(s.bus[SU_WINBUS_SATA]), "boot");
    is_str(su_winstart_name(s.bus[SU_WINBUS_NVME]), "later");
    is_str(su_winstart_name(s.bus[SU_WINBUS_SCSI]), "absent");
    is_str(su_winstart_name(s.bus[SU_WINBUS_VIRTIO]), "unknown");
    is_str(s.driver_path[SU_WINBUS_SATA], "System32\\drivers\\storahci.sys");
    is_str(s.driver_path[SU_WINBUS_IDE], "");
    is_str(su_winbus_name(SU_WINBUS_SCSI), "scsi");
    dword(h, key(h, SERVICES "atapi"), "Start", 3);
    dword(h, key(h, SERVICES "intelide"), "Start", 0);
    ok(su_winsystem_read(h, &s, &e) == 0 && s.bus[SU_WINBUS_IDE] == SU_WINSTART_LATER, "both drivers of IDE count");
}

static void test_bus(enum su_winbus bus, const char *want_was)
{
    SU_HIVE struct su_hive *h = open_made();
    SU_BUF struct su_buf before = hivegen_saved(h), was = {0}, after = {0}, diff = {0};
    struct su_winsystem s = {0};
    struct su_err e = {0};
    bool changed = false;
    int rc = su_winsystem_boot_driver(h, bus, &changed, &was, &e);
    is_str(rc < 0 ? e.id : su_buf_str(&was), want_was);
    if (rc < 0)
        return;
    ok(changed == (was.n > 0) && su_winsystem_read(h, &s, &e) == 0 && s.bus[bus] == SU_WINSTART_BOOT, "%s starts",
       su_winbus_name(bus));
    ok(su_winsystem_driver_back(h, su_buf_str(&was), &changed, &e) == 0 && changed == (was.n > 0), "%s back",
       su_winbus_name(bus));
    after = hivegen_saved(h);
    hivegen_diff(su_buf_bytes(&before), su_buf_bytes(&after), &diff);
    is_str(su_buf_str(&diff), "");
    ok(su_winsystem_driver_back(h, su_buf_str(&was), &changed, &e) == 0 && !changed, "once");
}

static void test_back(void)
{
    static const char *const bad[] = {"x",
                                      "storahci",
                                      "storahci:3",
                                      "storahci:3:3",
                                      "tcpip:3:3;",
                                      "storahci:x:3;",
                                      "storahci:3:3-;",
                                      "storahci:3:--;",
                                      "storahci:-:3;",
                                      "storahci:123456789012:3;",
                                      ":::",
                                      "storahci:3:3;x"};
    SU_HIVE struct su_hive *h = open_made();
    struct su_err e = {0};
    bool changed = false;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        ok(su_winsystem_driver_back(h, bad[i], &changed, &e) < 0 && strcmp(e.id, "windows.driver.note") == 0,
           "no note: %s", bad[i]);
    ok(su_winsystem_driver_back(h, "", &changed, &e) == 0 && !changed, "nothing noted");
    ok(su_winsystem_driver_back(h, "vioscsi:3:-;intelide:1:-;", &changed, &e) == 0 && !changed,
       "a driver that is gone, or was changed since, stays so");
}

static void test_no_select(void)
{
    static const char *const steps[] = {"none", "zero", "large", "no set"};
    SU_HIVE struct su_hive *h = open_empty();
    struct su_winsystem s = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(steps); i++) {
        struct su_err e = {0};
        if (i > 0)
            dword(h, key(h, "Select"), "Current", i == 1 ? 0 : i == 2 ? 1000 : 1);
        ok(su_winsystem_read(h, &s, &e) < 0 && strcmp(e.id, "windows.select") == 0, "control set: %s", steps[i]);
    }
    struct su_err e = {0};
    SU_BUF struct su_buf was = {0};
    bool changed = false;
    key(h, "ControlSet001");
    ok(su_winsystem_read(h, &s, &e) == 0 && s.bus[SU_WINBUS_SATA] == SU_WINSTART_ABSENT && !s.server,
       "an empty one is one");
    ok(su_winsystem_boot_driver(h, SU_WINBUS_SATA, &changed, &was, &e) < 0 && strcmp(e.id, "windows.driver") == 0);
}

/* Real machines ------------------------------------------------------------- */

static void test_real(const char *name, const char *computer, const char *want)
{
    SU_BUF struct su_buf hive = {0}, starts = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_winsystem s = {0};
    struct su_err e = {0};
    if (!hivegen_data(name, &hive)) {
        ok(true, "%s # SKIP no test data", name);
        return;
    }
    hivegen_clean(&hive);
    ok(su_hive_open(su_buf_bytes(&hive), true, &h, &e) == 0 && su_winsystem_read(h, &s, &e) == 0, "%s %s", name, e.msg);
    is_str(s.computer, computer);
    su_buf_printf(&starts, "set %u server %d fast %d", s.control_set, s.server, s.fast_startup);
    for (unsigned b = 0; b < SU_WINBUS_COUNT; b++)
        su_buf_printf(&starts, " %s=%s", su_winbus_name(b), su_winstart_name(s.bus[b]));
    is_str(su_buf_str(&starts), want);
    for (unsigned b = 0; b < SU_WINBUS_COUNT; b++) {
        SU_BUF struct su_buf was = {0}, after = {0}, diff = {0};
        bool changed = false;
        if (s.bus[b] != SU_WINSTART_LATER)
            continue;
        ok(su_winsystem_boot_driver(h, b, &changed, &was, &e) == 0 && changed &&
               su_winsystem_driver_back(h, su_buf_str(&was), &changed, &e) == 0 &&
               su_hive_save(h, 1700000000, &after, &e) == 0,
           "%s: %s", su_winbus_name(b), su_buf_str(&was));
        hivegen_diff(su_buf_bytes(&hive), su_buf_bytes(&after), &diff);
        is_str(su_buf_str(&diff), "");
    }
}

/* Versions ------------------------------------------------------------------ */

/* reg, a text for hivexregedit, put into the smallest hive. */
static bool merge(const char *minimal, const char *reg, struct su_buf *out)
{
    SU_TMPDIR struct su_tmpdir t = SU_TMPDIR_NONE;
    SU_BUF struct su_buf hive = {0}, lines = {0};
    struct su_err e = {0};
    char hive_path[300], reg_path[300];
    if (!hivegen_data(minimal, &hive) || !hivegen_data(reg, &lines) || su_tmpdir_make(&t, 1 << 20, &e) < 0 ||
        su_tmpdir_put(&t, "hive", 0, su_buf_bytes(&hive), &e) < 0 ||
        su_tmpdir_put(&t, "reg", 0, su_buf_bytes(&lines), &e) < 0)
        return false;
    snprintf(hive_path, sizeof hive_path, "%s/hive", t.path);
    snprintf(reg_path, sizeof reg_path, "%s/reg", t.path);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("hivexregedit", "hivexregedit", "--merge", "--prefix", "HKEY_LOCAL_MACHINE\\SOFTWARE", hive_path,
               reg_path, (char *)NULL);
        _exit(127);
    }
    int status = 1;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return false;
    SU_CLOSE int fd = open(hive_path, O_RDONLY | O_CLOEXEC);
    uint8_t chunk[4096];
    for (ssize_t n; fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0;)
        su_buf_add(out, chunk, (size_t)n);
    return fd >= 0;
}

static void test_version(const char *name, bool server, const char *want)
{
    SU_BUF struct su_buf hive = {0}, got = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_winversion v = {0};
    struct su_err e = {0};
    char reg[80];
    snprintf(reg, sizeof reg, "virt-v2v-phony/%s-software.reg", name);
    if (!merge("virt-v2v-phony/minimal-hive", reg, &hive)) {
        ok(true, "%s # SKIP no test data, or no hivexregedit", name);
        return;
    }
    ok(su_hive_open(su_buf_bytes(&hive), false, &h, &e) == 0 && su_winversion_read(h, &v, &e) == 0, "%s %s", name,
       e.msg);
    su_buf_printf(&got, "%s|%s|%s|%s|%u.%u.%u.%u|%s", v.product, v.edition, v.display, v.installation, v.major, v.minor,
                  v.build, v.ubr, su_winversion_short(&v, server));
    is_str(su_buf_str(&got), want);
}

static void test_short(void)
{
    static const struct {
        unsigned major, minor, build;
        bool server;
        const char *want;
    } rows[] = {
        {10, 0, 10240, false, "10"},  {10, 0, 19045, false, "10"},   {10, 0, 22000, false, "11"},
        {10, 0, 26200, false, "11"},  {10, 0, 14393, true, "2016"},  {10, 0, 17763, true, "2019"},
        {10, 0, 20348, true, "2022"}, {10, 0, 26100, true, "2025"},  {10, 0, 18363, true, ""},
        {10, 0, 25398, true, ""},     {10, 0, 10240, true, ""},      {6, 3, 9600, true, "2012 R2"},
        {6, 3, 9600, false, "8.1"},   {6, 2, 9200, true, "2012"},    {6, 2, 9200, false, "8"},
        {6, 1, 7601, false, "7"},     {6, 1, 7601, true, "2008 R2"}, {6, 0, 6002, false, "Vista"},
        {6, 4, 9841, false, "8.1"},   {5, 1, 2600, false, ""},       {11, 0, 30000, false, ""},
        {0, 0, 0, false, ""},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_winversion v = {.major = rows[i].major, .minor = rows[i].minor, .build = rows[i].build};
        ok(strcmp(su_winversion_short(&v, rows[i].server), rows[i].want) == 0, "%u.%u.%u is \"%s\"", v.major, v.minor,
           v.build, rows[i].want);
    }
}

static void test_no_version(void)
{
    SU_HIVE struct su_hive *h = open_empty();
    struct su_winversion v = {0};
    struct su_err e = {0};
    ok(su_winversion_read(h, &v, &e) < 0 && strcmp(e.id, "windows.version") == 0);
    text(h, key(h, "Microsoft\\Windows NT\\CurrentVersion"), "CurrentBuild", "9200");
    text(h, key(h, "Microsoft\\Windows NT\\CurrentVersion"), "CurrentVersion", "6.2");
    text(h, key(h, "Microsoft\\Cryptography"), "MachineGuid", "0b2394a9-095e-487d-8d48-719ecd4d78ca");
    ok(su_winversion_read(h, &v, &e) == 0 && v.major == 6 && v.minor == 2 && v.build == 9200);
    is_str(v.machine_guid, "0b2394a9-095e-487d-8d48-719ecd4d78ca");
}

int main(void)
{
    test_read();
    test_bus(SU_WINBUS_IDE, "intelide:3:-;");
    test_bus(SU_WINBUS_SATA, "");
    test_bus(SU_WINBUS_NVME, "stornvme:0:3;");
    test_bus(SU_WINBUS_SCSI, "windows.driver");
    test_bus(SU_WINBUS_VIRTIO, "windows.driver");
    test_back();
    test_no_select();
    test_real("system-hives/SYSTEM_WIN_10_1709.xz", "DESKTOP-2KGM189",
              "set 1 server 0 fast 1 ide=boot sata=boot virtio=absent scsi=absent nvme=later");
    test_real("system-hives/SYSTEM_2.xz", "SENSEI",
              "set 1 server 0 fast 1 ide=later sata=boot virtio=absent scsi=absent nvme=later");
    test_real("system-hives/SYSTEM.xz", "WKS-WIN732BITA",
              "set 1 server 0 fast 0 ide=boot sata=later virtio=absent scsi=absent nvme=absent");
    test_real("system-hives/SYSTEM_B.xz", "DESKTOP-PM6C56D",
              "set 1 server 0 fast 1 ide=later sata=later virtio=absent scsi=absent nvme=later");
    test_version("win10", false, "Windows 10 Enterprise Evaluation|EnterpriseEval|23H2|Client|10.0.17763.3880|10");
    test_version("win11", false, "Windows 10 Home|Core|23H2|Client|10.0.22631.3880|11");
    test_version("win2k22", true, "Windows Server 2022 Phony Edition|ServerStandard|21H2|Server|10.0.20348.1607|2022");
    test_version("win2k25", true, "Windows Server 2025 Phony Edition|ServerStandard|24H2|Server|10.0.26100.2894|2025");
    test_version("win7-32", false, "Microsoft Windows 7 Phony Edition|||Client|6.1.0.0|7");
    test_short();
    test_no_version();
    return tap_done();
}
