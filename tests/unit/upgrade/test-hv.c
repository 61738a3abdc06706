/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libvirt's calls, on libvirt's own test driver: no guest, no privilege. */
#include "base/clock.h"
#include "tests/lib/tap.h"
#include "upgrade/hv_int.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 1000 };
#define UUID "10000000-0000-4000-8000-00000000000"
#define BODY(name, uuid)                                                                                               \
    "<domain type='test'><name>" name "</name><uuid>" uuid "</uuid><memory unit='MiB'>64</memory>"                     \
    "<os><type>hvm</type></os><devices><disk type='file' device='disk'><source file='/tmp/none.img'/>"                 \
    "<target dev='vda' bus='virtio'/></disk></devices></domain>"

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

struct seen {
    unsigned n;
    bool sorted;
    char last[SU_DOM_TEXT];
    struct su_hv_vm a, b;
};

static int see(void *arg, const struct su_hv_vm *vm)
{
    struct seen *s = arg;
    if (s->n++ > 0 && strcmp(s->last, vm->name) > 0)
        s->sorted = false;
    memcpy(s->last, vm->name, sizeof s->last);
    if (strcmp(vm->name, "a") == 0)
        s->a = *vm;
    if (strcmp(vm->name, "b") == 0)
        s->b = *vm;
    return 0;
}

static int stop_at_once(void *arg, const struct su_hv_vm *vm)
{
    (void)vm;
    ++*(int *)arg;
    return -1;
}

static void test_open(void)
{
    static const struct {
        const char *uri;
        bool test;
    } good[] = {{"test:///default", true}};
    struct su_hv *hv SU_HV = NULL;
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++) {
        ok(su_hv_open(good[i].uri, &hv, &e) == 0 && su_hv_is_local(hv) && su_hv_is_test(hv) == good[i].test, "%s",
           good[i].uri);
        su_hv_close(&hv);
    }
    ok(su_hv_open("nonsense:///x", &hv, &e) < 0 && !hv && e.remedy, "no such driver");
    is_str(e.id, "vm.connect");
    char *huge SU_FREE = malloc(2001);
    memset(huge, 'x', 2000);
    huge[2000] = 0;
    ok(su_hv_open(huge, &hv, &e) < 0 && !hv, "an address without end");
}

static void test_list(struct su_hv *hv)
{
    struct seen s = {.sorted = true};
    struct su_err e = {0};
    ok(su_hv_define(hv, bytes(BODY("b", UUID "b")), &e) == 0, "%s", e.msg);
    ok(su_hv_define(hv, bytes(BODY("a", UUID "a")), &e) == 0, "%s", e.msg);
    ok(su_hv_start(hv, UUID "a", true, &e) == 0, "starts %s", e.msg);
    ok(su_hv_list(hv, see, &s, &e) == 0 && s.n == 3 && s.sorted, "three with the driver's own, by name");
    ok(s.a.run == SU_HV_RUNNING && s.b.run == SU_HV_OFF && s.a.persistent && !s.a.autostart && !s.a.managed_save,
       "how they are");
    ok(s.b.snapshots == 0 && s.b.checkpoints <= 0, "no snapshots (%d, %d)", s.b.snapshots, s.b.checkpoints);
    int n = 0;
    ok(su_hv_list(hv, stop_at_once, &n, &e) < 0 && n == 1, "a callback ends it");
}

static void test_find(struct su_hv *hv)
{
    struct su_hv_vm vm = {0}, same = {0};
    struct su_err e = {0};
    ok(su_hv_find(hv, "a", &vm, &e) == 0 && vm.run == SU_HV_RUNNING && !vm.job, "by name %s", e.msg);
    is_str(vm.uuid, UUID "a");
    ok(vm.snapshots == 0 && vm.checkpoints <= 0, "nothing kept (%d, %d)", vm.snapshots, vm.checkpoints);
    ok(su_hv_find(hv, UUID "a", &same, &e) == 0 && strcmp(same.name, "a") == 0, "by UUID");
    ok(su_hv_find(hv, "nobody", &same, &e) < 0 && e.kind == SU_E_MISSING && strcmp(same.name, "a") == 0, "untouched");
    is_str(e.id, "vm.none");
    ok(su_hv_find(hv, UUID "0", &same, &e) < 0 && e.kind == SU_E_MISSING, "no such UUID");
    ok(su_hv_define(hv, bytes(BODY(UUID "b", UUID "c")), &e) == 0, "a VM that has another's UUID for a name");
    ok(su_hv_find(hv, UUID "b", &same, &e) == 0 && strcmp(same.name, "b") == 0, "is not taken for it");
    ok(su_hv_define(hv, bytes(BODY(UUID "d", UUID "e")), &e) == 0 && su_hv_find(hv, UUID "d", &same, &e) < 0,
       "nor for one that is gone");
}

static void test_xml(struct su_hv *hv)
{
    struct su_buf xml SU_BUF = {0};
    struct su_err e = {0};
    ok(su_hv_xml(hv, UUID "a", false, &xml, &e) == 0 && strstr(su_buf_str(&xml), "<name>a</name>"), "its definition");
    size_t n = xml.n;
    ok(su_hv_xml(hv, UUID "a", true, &xml, &e) == 0 && xml.n > n, "appended");
    ok(su_hv_xml(hv, UUID "0", true, &xml, &e) < 0 && e.kind == SU_E_MISSING, "of nobody");
    ok(su_hv_define(hv, bytes("<domain"), &e) < 0 && e.kind == SU_E_IO, "no XML: %s", e.msg);
    is_str(e.id, "vm.libvirt");
    ok(su_hv_define(hv, bytes(""), &e) < 0, "nothing");
}

static void test_power(struct su_hv *hv)
{
    struct su_err e = {0};
    bool off = false;
    ok(su_hv_start(hv, UUID "a", false, &e) < 0 && e.kind == SU_E_CONFLICT, "runs already");
    is_str(e.id, "vm.state");
    int64_t t = su_monotonic_ms();
    ok(su_hv_wait_off(hv, UUID "a", 250, &off, &e) == 0 && !off, "still on");
    ok(su_monotonic_ms() - t >= 250, "after the time given");
    ok(su_hv_stop(hv, UUID "a", SU_HV_STOP_AGENT, &e) == 0, "asked %s", e.msg);
    ok(su_hv_wait_off(hv, UUID "a", 1000, &off, &e) == 0 && off, "off");
    ok(su_hv_stop(hv, UUID "a", SU_HV_STOP_ACPI, &e) < 0 && e.kind == SU_E_CONFLICT, "twice");
    ok(su_hv_start(hv, UUID "a", false, &e) == 0 && su_hv_stop(hv, UUID "a", SU_HV_STOP_DESTROY, &e) == 0, "pulled");
    ok(su_hv_wait_off(hv, UUID "a", 0, &off, &e) == 0 && off, "off at once");
    ok(su_hv_wait_off(hv, UUID "0", 0, &off, &e) < 0 && e.kind == SU_E_MISSING, "nobody");
}

static bool says(struct su_hv *hv, bool live, const char *text)
{
    struct su_buf xml SU_BUF = {0};
    struct su_err e = {0};
    return su_hv_xml(hv, UUID "a", live, &xml, &e) == 0 && strstr(su_buf_str(&xml), text);
}

static void test_mark(struct su_hv *hv)
{
    static const char full[] = "<surety:upgrade xmlns:surety='" SU_UPGRADE_NS "' state='x' why='surety: b'>"
                               "<surety:from machine='pc'/></surety:upgrade>";
    struct su_err e = {0};
    ok(su_hv_start(hv, UUID "a", false, &e) == 0, "on");
    ok(su_hv_mark(hv, UUID "a", "<upgrade state='working'/>", &e) == 0, "marked %s", e.msg);
    ok(says(hv, true, "state=\"working\"") && says(hv, false, "state=\"working\""), "live and defined");
    ok(su_hv_mark(hv, UUID "a", full, &e) == 0, "with a prefix %s", e.msg);
    ok(says(hv, false, "<surety:upgrade xmlns:surety=\"" SU_UPGRADE_NS "\" state=\"x\" why=\"surety: b\">") &&
           says(hv, true, "<surety:from machine=\"pc\"/>"),
       "the same element");
    ok(su_hv_mark(hv, UUID "a", NULL, &e) == 0 && !says(hv, true, "surety:") && !says(hv, false, "surety:"), "removed");
    ok(su_hv_mark(hv, UUID "a", NULL, &e) == 0, "twice %s", e.msg);
    ok(su_hv_stop(hv, UUID "a", SU_HV_STOP_DESTROY, &e) == 0 && su_hv_mark(hv, UUID "a", full, &e) == 0, "when off");
    ok(says(hv, false, "state=\"x\""), "defined");
    ok(su_hv_mark(hv, UUID "a", "no element", &e) < 0 && e.kind == SU_E_IO, "text is none");
}

static void test_missing(struct su_hv *hv)
{
    struct su_buf answer SU_BUF = {0};
    struct su_hv_caps caps = {.q35 = true};
    struct su_hv_places places;
    struct su_domain *d SU_FREE = calloc(1, sizeof *d);
    struct su_err e = {0};
    uint64_t rx = 7, tx = 7;
    ok(su_hv_start(hv, UUID "a", false, &e) == 0, "on");
    ok(su_hv_agent(hv, UUID "a", "{\"execute\":\"guest-ping\"}", 1, &answer, &e) < 0 && e.kind == SU_E_MISSING &&
           e.remedy && answer.n == 0,
       "no agent there");
    is_str(e.id, "vm.agent");
    ok(su_hv_net(hv, UUID "a", &rx, &tx, &e) < 0 && e.kind == SU_E_MISSING && rx == 7, "no counters: %s", e.msg);
    is_str(e.id, "vm.net");
    ok(su_hv_commit_disk(hv, UUID "a", "vda", "/tmp/none.img", &e) < 0, "no block jobs: %s", e.msg);
    ok(su_hv_caps(hv, "test", "x86_64", "q35", &caps, &e) == 0 && !caps.known && !caps.q35, "cannot say %s", e.msg);
    caps.q35 = true;
    ok(su_hv_caps(hv, "test", "x86_64", "q35", &caps, &e) == 0 && !caps.known && !caps.q35, "nor the second time");
    snprintf(d->name, sizeof d->name, "a");
    snprintf(d->nvram, sizeof d->nvram, "/x");
    su_hv_places(hv, d, &places);
    ok(!*places.nvram && !*places.tpm, "keeps no state");
}

static void test_places(void)
{
    struct su_hv hv = {.local = true};
    struct su_hv_places p;
    struct su_domain *d SU_FREE = calloc(1, sizeof *d);
    snprintf(d->name, sizeof d->name, "web");
    snprintf(d->uuid, sizeof d->uuid, "%s", UUID "a");
    su_hv_places(&hv, d, &p);
    is_str(p.nvram, "/var/lib/libvirt/qemu/nvram/web_VARS.fd");
    is_str(p.tpm, "/var/lib/libvirt/swtpm/" UUID "a");
    hv.session = true;
    setenv("XDG_CONFIG_HOME", "/srv/u/conf", 1);
    su_hv_places(&hv, d, &p);
    is_str(p.nvram, "/srv/u/conf/libvirt/qemu/nvram/web_VARS.fd");
    is_str(p.tpm, "/srv/u/conf/libvirt/qemu/swtpm/" UUID "a");
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", "/srv/v", 1);
    su_hv_places(&hv, d, &p);
    is_str(p.nvram, "/srv/v/.config/libvirt/qemu/nvram/web_VARS.fd");
    snprintf(d->nvram, sizeof d->nvram, "/srv/own.fd");
    su_hv_places(&hv, d, &p);
    is_str(p.nvram, "/srv/own.fd");
    d->nvram[0] = 0;
    snprintf(d->name, sizeof d->name, "../../etc/x");
    su_hv_places(&hv, d, &p);
    ok(!*p.nvram && !*p.tpm, "no name leads out of the directory");
    hv.local = false;
    snprintf(d->name, sizeof d->name, "web");
    su_hv_places(&hv, d, &p);
    ok(!*p.nvram && !*p.tpm, "of another machine nothing");
}

static void test_many(void)
{
    char path[] = "/tmp/surety-hv-XXXXXX", uri[64];
    struct su_hv *hv SU_HV = NULL;
    struct su_err e = {0};
    struct seen s = {.sorted = true};
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!ok(f != NULL))
        return;
    fprintf(f, "<node>");
    for (int i = 0; i < MANY; i++)
        fprintf(f,
                "<domain type='test'><name>vm%04d</name><uuid>20000000-0000-4000-8000-%012d</uuid>"
                "<memory>65536</memory><os><type>hvm</type></os></domain>",
                i * 7919 % MANY, i);
    fprintf(f, "</node>");
    fclose(f);
    snprintf(uri, sizeof uri, "test://%s", path);
    ok(su_hv_open(uri, &hv, &e) == 0, "%s %s", uri, e.msg);
    unlink(path);
    clock_t t = clock();
    ok(hv && su_hv_list(hv, see, &s, &e) == 0 && s.n == MANY && s.sorted, "%u VMs by name %s", s.n, e.msg);
    t = (clock() - t) / (CLOCKS_PER_SEC / 1000);
    ok(t < 1000, "in %d ms of processor time", (int)t);
}

static void test_default_address(void)
{
    struct su_hv *hv SU_HV = NULL;
    struct su_err e = {0};
    setenv("LIBVIRT_DEFAULT_URI", "test:///default", 1); /* is not what "no address" means here */
    if (su_hv_open(NULL, &hv, &e) < 0)
        is_str(e.id, "vm.connect");
    else
        ok(!su_hv_is_test(hv), "qemu:///system");
}

int main(void)
{
    struct su_hv *hv SU_HV = NULL;
    struct su_err e = {0};
    if (!ok(su_hv_open("test:///default", &hv, &e) == 0, "%s", e.msg))
        return tap_done();
    test_open();
    test_list(hv);
    test_find(hv);
    test_xml(hv);
    test_power(hv);
    test_mark(hv);
    test_missing(hv);
    test_places();
    test_many();
    test_default_address();
    return tap_done();
}
