/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The disk worker, played by shell scripts: what it is told, and what becomes of its answers. */
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/worker.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct su_tmpdir dir = SU_TMPDIR_NONE;

/* The worker is this script from now on; $D is the test's directory. */
static void play(const char *script)
{
    static int n;
    char name[32], path[320];
    struct su_err e = {0};
    SU_BUF struct su_buf b = {0};
    su_buf_printf(&b, "#!/bin/sh\nD=%s\n%s\n", dir.path, script);
    snprintf(name, sizeof name, "worker%d", n++);
    snprintf(path, sizeof path, "%s/%s", dir.path, name);
    ok(su_tmpdir_put(&dir, name, 0700, su_buf_bytes(&b), &e) == 0, "a script");
    setenv("SURETY_DISK_WORKER", path, 1);
}

static bool content(const char *name, char *out, size_t cap)
{
    char path[320];
    snprintf(path, sizeof path, "%s/%s", dir.path, name);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(out, 1, cap - 1, f) : 0;
    out[n] = 0;
    if (f)
        fclose(f);
    return f != NULL;
}

static int ask(const struct su_worker *w, const char *verb, json_t **out, struct su_err *e)
{
    int status = -1;
    *out = NULL;
    *e = (struct su_err){0};
    return su_worker_run(w, verb, &status, out, e) < 0 ? -1 : status;
}

static void its_words(void)
{
    struct su_err e;
    json_t *o;
    char said[1024];
    struct su_worker w = {.image = "-disk.img", .format = "qcow2", .undo = "/j/undo", .key_file = "/k", .shared = true};
    w.boot_files = "/bf";
    w.firmware_vars = "/vars";
    w.map = "8e=aa,83=bb";
    w.sector_size = 4096;
    w.allow_unsigned = true;
    w.boot_bus = "sata";
    play("printf '%s ' \"$@\" > $D/said; echo '{\"ok\":true}'");
    ok(ask(&w, "inspect", &o, &e) == 0, "inspect");
    json_decref(o);
    ok(content("said", said, sizeof said));
    is_str(said,
           "disk inspect --json --format qcow2 --key-file /k --firmware-vars /vars --boot-files /bf --sector-size "
           "4096 --allow-unsigned --map 8e=aa --map 83=bb --force-share -- -disk.img ");
    ok(ask(&w, "convert", &o, &e) == 0, "convert");
    json_decref(o);
    ok(content("said", said, sizeof said) && strstr(said, " --undo /j/undo ") && !strstr(said, "share") &&
           strstr(said, " --boot-bus sata "),
       "its words");
    ok(ask(&w, "validate", &o, &e) == 0, "validate");
    json_decref(o);
    ok(content("said", said, sizeof said) && strstr(said, " --boot-bus sata ") && strstr(said, " --force-share "),
       "too");
    w.boot_bus = "";
    ok(ask(&w, "validate", &o, &e) == 0, "validate");
    json_decref(o);
    ok(content("said", said, sizeof said) && !strstr(said, "--boot-bus"), "no bus is none");
    ok(ask(&w, "rollback", &o, &e) == 0, "rollback");
    json_decref(o);
    ok(content("said", said, sizeof said));
    is_str(said, "disk rollback --json --format qcow2 --key-file /k --undo /j/undo -- -disk.img ");
    ok(ask(&w, "recover", &o, &e) == 0, "recover");
    json_decref(o);
    ok(content("said", said, sizeof said));
    is_str(said, "disk recover --json --format qcow2 --undo /j/undo -- -disk.img ");
    ok(ask(&w, "destroy", &o, &e) < 0 && e.kind == SU_E_USAGE, "an unknown verb");
    w.image = "";
    ok(ask(&w, "inspect", &o, &e) < 0 && e.kind == SU_E_USAGE, "no image");
}

static void its_end(void)
{
    static const struct {
        const char *script;
        int result; /* the status, or -1 */
        enum su_kind kind;
        const char *id, *msg;
    } rows[] = {
        {"echo '{\"ok\":true}'; exit 0", 0, SU_OK, NULL, NULL},
        {"echo '{\"ok\":false}'; exit 3", 3, SU_OK, NULL, NULL},
        {"echo '{\"ok\":true}'; exit 4", 4, SU_OK, NULL, NULL},
        {"echo '{\"ok\":false,\"error\":{\"id\":\"disk.in-use\",\"kind\":\"conflict\",\"message\":\"m\",\"remedy\":"
         "\"r\"}}'; exit 1",
         -1, SU_E_CONFLICT, "disk.in-use", "m"},
        {"echo '{\"ok\":false,\"error\":{\"id\":\"cli.map\",\"message\":\"m\"}}'; exit 2", -1, SU_E_IO, "cli.map", "m"},
        {"echo '{\"ok\":false,\"error\":{\"id\":\"Not an id\",\"message\":\"m\"}}'; exit 1", -1, SU_E_IO,
         "vm.disk.worker", "the disk worker: exit status 1"},
        {"echo '{\"ok\":true}'; echo a library 1>&2; echo ' no memory' 1>&2; exit 1", -1, SU_E_IO, "vm.disk.worker",
         "the disk worker: exit status 1:  no memory"},
        {"echo '{\"ok\":false,\"error\":[]}'; exit 77", -1, SU_E_IO, "vm.disk.worker",
         "the disk worker: exit status 77"},
        {"exit 5", -1, SU_E_IO, "vm.disk.worker", "the disk worker: exit status 5"},
        {"exit 0", -1, SU_E_FORMAT, "vm.disk.worker", NULL},
        {"echo '[]'", -1, SU_E_FORMAT, "vm.disk.worker", NULL},
        {"echo '{\"ok\":true'", -1, SU_E_FORMAT, "vm.disk.worker", NULL},
        {"echo '{\"ok\":true,\"ok\":false}'", -1, SU_E_FORMAT, "vm.disk.worker", NULL},
        {"kill -9 $$", -1, SU_E_IO, "vm.disk.worker", "the disk worker: ended by signal 9 (Killed)"},
        {"kill -TERM $$", -1, SU_E_IO, "vm.disk.worker", "the disk worker: ended by signal 15"},
        {"head -c 6000000 /dev/zero; exit 0", -1, SU_E_FORMAT, "vm.disk.worker", NULL},
    };
    struct su_worker w = {.image = "x"};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_err e;
        json_t *o;
        play(rows[i].script);
        ok(ask(&w, "inspect", &o, &e) == rows[i].result, "%s", rows[i].script);
        ok((o != NULL) == (rows[i].result >= 0), "an answer or none");
        json_decref(o);
        ok(e.kind == rows[i].kind && (!rows[i].id || strcmp(e.id, rows[i].id) == 0), "its error: %s", e.msg);
        ok(!rows[i].msg || strcmp(e.msg, rows[i].msg) == 0, "its sentence");
    }
    setenv("SURETY_DISK_WORKER", "/nonexistent/worker", 1);
    struct su_err e;
    json_t *o;
    ok(ask(&w, "inspect", &o, &e) < 0 && strcmp(e.id, "host.tool.missing") == 0, "no worker");
}

static bool alive(const char *pid_file)
{
    char pid[32];
    return content(pid_file, pid, sizeof pid) && pid[0] && kill((pid_t)strtol(pid, NULL, 10), 0) == 0;
}

static void its_time(void)
{
    char said[16];
    struct su_err e;
    json_t *o;
    struct su_worker w = {.image = "x", .timeout_s = 1};
    play("trap 'echo put back > $D/back; exit 1' TERM; while :; do sleep 0.05; done");
    ok(ask(&w, "convert", &o, &e) < 0 && strcmp(e.id, "vm.disk.timeout") == 0, "too slow: %s", e.msg);
    ok(content("back", said, sizeof said), "it could put the disk back");
    /* We die: so does it, after it has put the disk back. */
    w.timeout_s = 0;
    play(
        "trap 'echo back > $D/back2; exit 1' TERM; echo $$ > $D/pid.new; mv $D/pid.new $D/pid; while :; do sleep 0.05; "
        "done");
    pid_t pid = fork();
    if (pid == 0) {
        (void)ask(&w, "convert", &o, &e);
        _exit(0);
    }
    for (int i = 0; i < 200 && !alive("pid"); i++)
        usleep(50000);
    ok(alive("pid"), "it runs");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 200 && alive("pid"); i++)
        usleep(50000);
    ok(!alive("pid") && content("back2", said, sizeof said), "it does not outlive us, and put the disk back");
}

static void many_ids(void)
{
    struct su_err e = {0};
    char id[64];
    const char *first = NULL;
    for (int i = 0; i < 2000; i++) {
        snprintf(id, sizeof id, "disk.made-up-%d", i);
        json_t *o = json_pack("{s:b,s:{s:s,s:s,s:s}}", "ok", 0, "error", "id", id, "message", "m", "remedy", id);
        (void)su_worker_error(o, &e);
        first = first ? first : e.id;
        json_decref(o);
    }
    is_str(e.id, "vm.disk.worker");
    ok(!e.remedy, "no remedy is kept any more");
    is_str(first, "disk.made-up-0");
}

static const char inspected[] =
    "{\"ok\":true,\"table\":\"mbr\",\"os\":\"linux\",\"linux\":{\"id\":\"debian\",\"version\":\"12\",\"name\":\"Debian "
    "GNU/Linux 12\",\"hostname\":\"web\\n1\",\"machine_id\":\"0123456789abcdef0123456789abcdef\",\"root\":\"p1\","
    "\"root_uuid\":\"aaaa\",\"network_names\":[{\"name\":\"ens3\",\"depends_on\":\"slot\",\"pinned\":false},{\"name\":"
    "\"eth0\",\"depends_on\":\"kernel\",\"pinned\":true}],\"initramfs\":{\"drivers\":{\"ahci\":\"absent\",\"virtio_"
    "blk\":"
    "\"module\"}}},\"secure_boot\":{\"ok\":true,\"firmware_known\":true,\"unsigned_module_count\":3},\"pcr4\":"
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"findings\":[{\"id\":\"linux.hibernation\","
    "\"severity\":\"note\",\"message\":\"it does\",\"remedy\":\"r\"}]}";

static void facts(void)
{
    struct su_disk_facts f;
    json_t *o = json_loads(inspected, 0, NULL);
    su_worker_parse(o, true, &f);
    json_decref(o);
    ok(f.looked && f.stale, "looked");
    is_str(f.table, "mbr");
    is_str(f.os_id, "debian");
    is_str(f.hostname, "web?1");
    is_str(f.machine_id, "0123456789abcdef0123456789abcdef");
    is_str(f.root_volume, "p1");
    ok(f.secure_boot_ok && f.secure_boot_firmware_known && f.unsigned_modules == 3, "Secure Boot");
    ok(f.has_pcr4 && strlen(f.pcr4) == 64, "PCR 4");
    ok(f.initramfs_known && f.n_drivers == 2 && f.n_names == 2 && f.name[1].pinned, "drivers and names");
    is_str(f.driver[0].where, "absent");
    is_str(f.name[0].depends, "slot");
    ok(f.n_findings == 1 && f.hibernation, "findings");
    is_str(f.finding[0].remedy, "r");

    SU_BUF struct su_buf b = {0};
    su_buf_text(&b, "{\"pcr4\":\"zz\",\"linux\":[],\"findings\":[");
    for (int i = 0; i < 500; i++)
        su_buf_text(&b, i ? ",{\"id\":5}" : "7");
    su_buf_text(&b, "]}");
    o = json_loadb((const char *)b.p, b.n, 0, NULL);
    su_worker_parse(o, false, &f);
    json_decref(o);
    ok(f.looked && !f.has_pcr4 && f.n_findings == SU_DF_FINDINGS && !f.os_id[0], "nonsense is nothing");
    su_worker_parse(NULL, false, &f);
    ok(f.looked && !f.table[0], "nothing at all");

    struct su_err e = {0};
    play("echo '{\"ok\":false,\"error\":{\"id\":\"disk.open\",\"kind\":\"io\",\"message\":\"no\"}}'; exit 1");
    ok(su_worker_facts(&(struct su_worker){.image = "x"}, &f, &e) == 0 && !f.looked, "a disk that cannot be read");
    is_str(f.why.id, "disk.open");
}

static const char windows_disk[] =
    "{\"ok\":true,\"table\":\"mbr\",\"os\":\"windows\",\"windows\":{\"product\":\"Windows Server 2012 R2 "
    "Standard\",\"version\":\"2012 R2\",\"build\":9600,\"server\":true,\"computer\":\"WIN\\u0007-1\",\"os\":\"p2\","
    "\"root\":\"/Windows\",\"machine_guid\":\"0b2394a9-095e-487d-8d48-719ecd4d78ca\",\"drivers\":{\"ide\":\"boot\","
    "\"sata\":\"later\",\"virtio\":\"absent\"},\"dirty\":false,\"hibernated\":true},\"secure_boot\":{\"ok\":true,"
    "\"firmware_known\":true},\"findings\":[]}";

static void windows(void)
{
    struct su_disk_facts f;
    json_t *o = json_loads(windows_disk, 0, NULL);
    su_worker_parse(o, false, &f);
    is_str(f.os_id, "windows");
    is_str(f.os_version, "2012 R2");
    is_str(f.os_name, "Windows Server 2012 R2 Standard");
    is_str(f.hostname, "WIN?-1");
    is_str(f.machine_id, "0b2394a9-095e-487d-8d48-719ecd4d78ca");
    is_str(f.root_volume, "p2");
    ok(f.build == 9600 && f.hibernation && !f.has_pcr4 && !f.initramfs_known && f.secure_boot_ok, "what else it tells");
    ok(f.n_drivers == 3, "drivers");
    is_str(f.driver[1].name, "sata");
    is_str(f.driver[1].where, "later");
    json_object_set_new(json_object_get(o, "windows"), "build", json_integer(-1));
    json_object_set_new(json_object_get(o, "windows"), "drivers", json_string("all"));
    su_worker_parse(o, false, &f);
    ok(f.build == 0 && f.n_drivers == 0, "nonsense is nothing");
    json_object_set_new(o, "os", json_string("linux")); /* what it is is said once */
    su_worker_parse(o, false, &f);
    ok(!f.os_id[0] && f.build == 0, "a Linux has no Windows");
    json_object_set_new(o, "os", json_string("windows"));
    json_object_set_new(o, "windows", json_integer(5));
    su_worker_parse(o, false, &f);
    ok(strcmp(f.os_id, "windows") == 0 && !f.os_version[0] && f.n_drivers == 0, "Windows, and no more is known");
    json_object_set_new(o, "findings", json_pack("[{s:s}]", "id", "windows.faststartup"));
    su_worker_parse(o, false, &f);
    ok(f.hibernation, "Fast Startup is a hibernation");
    json_object_set_new(o, "findings",
                        json_pack("[{s:s,s:s,s:{s:s,s:i}}]", "id", "windows.store.disk", "message", "another disk",
                                  "mbr2gpt", "rule", "V6\n", "code", 7));
    su_worker_parse(o, false, &f);
    is_str(f.finding[0].text, "another disk (MBR2GPT: V6?, 7)");
    json_object_set_new(o, "findings", json_pack("[{s:s,s:s,s:s}]", "id", "x.y", "message", "text", "mbr2gpt", "V6"));
    su_worker_parse(o, false, &f);
    is_str(f.finding[0].text, "text");
    json_decref(o);
    ok(strcmp(su_worker_bus("ide", ""), "ide") == 0 && strcmp(su_worker_bus("scsi", "virtio-scsi"), "scsi") == 0,
       "buses");
    ok(!su_worker_bus("scsi", "lsilogic") && !su_worker_bus("scsi", "") && !su_worker_bus("usb", ""), "and others");
}

int main(void)
{
    struct su_err e = {0};
    setenv("TMPDIR", "/tmp", 1);
    if (su_tmpdir_make(&dir, 0, &e) < 0)
        return 1;
    its_words();
    its_end();
    its_time();
    facts();
    windows();
    many_ids(); /* last: it fills the table */
    su_tmpdir_remove(&dir);
    return tap_done();
}
