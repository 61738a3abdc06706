/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/desc.h"
#include "tests/lib/tap.h"

#define VM "[vm]\nuuid = 11111111-2222-4333-8444-555555555501\nname = fc1\n"

int main(void)
{
    static const struct {
        const char *name, *text, *id;
    } bad[] = {
        {"empty", "", "conf.missing"},
        {"a wrong key", VM "cid = 5\nwhat = 1\n", "conf.unknown"},
        {"upper case", "[vm]\nuuid = 11111111-2222-4333-8444-55555555550A\nname = a\ncid = 5\n", "vm.file"},
        {"no way to be known", VM, "vm.file"},
        {"two ways", VM "cid = 5\nsocket = /a\n", "vm.file"},
        {"the host's cid", VM "cid = 2\n", "vm.file"},
        {"a relative socket", VM "socket = a\n", "vm.file"},
        {"a relative pid-file", VM "cid = 5\npid-file = a\n", "vm.file"},
        {"a long socket",
         VM "socket = "
            "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
         "vm.file"},
    };
    struct su_vm_desc d;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_err e = {0};
        memset(&d, 0x5A, sizeof d);
        int rc =
            su_desc_from_file((struct su_bytes){(const uint8_t *)bad[i].text, strlen(bad[i].text)}, "x.conf", &d, &e);
        ok(rc < 0 && strcmp(e.id, bad[i].id) == 0 && d.uuid[0] == 0x5A, "%s: %s", bad[i].name, rc < 0 ? e.id : "taken");
    }
    static const char good[] = VM "socket = /run/fc/v.sock\nsecure-boot = yes\nvtpm = yes\nvcpus = 2\nmemory = 512\n";
    struct su_err e = {0};
    ok(su_desc_from_file((struct su_bytes){(const uint8_t *)good, strlen(good)}, "x.conf", &d, &e) == 0, "taken: %s",
       e.msg);
    is_str(d.socket, "/run/fc/v.sock");
    is_str(d.security_type, "TrustedLaunch");
    ok(d.running && d.cid == 0 && d.vcpus == 2, "as it says");
    return tap_done();
}
