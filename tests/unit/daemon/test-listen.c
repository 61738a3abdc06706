/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets in directories that belong to others. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void su_log(int priority, const char *fmt, ...)
{
    (void)priority, (void)fmt;
}

void su_log_err(int priority, const char *what, const struct su_err *e)
{
    (void)priority;
    printf("# %s: %s [%s]\n", what, e->msg, e->id);
}

enum { OPERATOR = 12345 };
static char top[64];
static struct su_vm_kept desc;
static struct su_vm vm = {.uuid = "b1310a36-d400-46f6-82cb-6217df846586", .name = "a", .desc = &desc, .wanted = true};
static struct su_vm *vms[] = {&vm};
static struct su_daemon d = {.vms = {.vm = vms, .n = 1}};

static const char *at(const char *name)
{
    static char path[4][128];
    static unsigned i;
    char *p = path[++i % 4];
    snprintf(p, sizeof path[0], "%s/%s", top, name);
    return p;
}

static void make_dir(const char *name, uid_t uid)
{
    if (mkdir(at(name), 0755) < 0 || lchown(at(name), uid, uid) < 0)
        perror(name);
}

static void make_link(const char *to, const char *name, uid_t uid)
{
    if (symlink(to, at(name)) < 0 || lchown(at(name), uid, uid) < 0)
        perror(name);
}

/* The VM's socket is to be there. */
static bool serve(const char *socket_path)
{
    snprintf(desc.socket, sizeof desc.socket, "%s", at(socket_path));
    vm.problem_id[0] = 0;
    su_listeners_vms(&d);
    return d.n_listeners == 1 && !vm.problem_id[0];
}

static void end(void)
{
    vm.wanted = false;
    su_listeners_vms(&d);
    vm.wanted = true;
}

static bool is_socket(const char *name, uid_t owner)
{
    struct stat st;
    return lstat(at(name), &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == owner && (st.st_mode & 0777) == 0600;
}

static bool here(const char *name)
{
    struct stat st;
    return lstat(at(name), &st) == 0;
}

static int listen_at(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", at(name));
    return bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 1) == 0 ? s : -1;
}

static void test_own(void)
{
    make_dir("own", OPERATOR);
    ok(serve("own/vm"), "a directory of a user");
    ok(is_socket("own/vm_169", OPERATOR), "the socket is the user's, and nobody else's");
    end();
    ok(d.n_listeners == 0 && !here("own/vm_169"), "it goes with its VM");
    close(listen_at("own/vm_169"));
    ok(serve("own/vm") && is_socket("own/vm_169", OPERATOR), "one left over makes room");
    end();
    FILE *f = fopen(at("own/vm_169"), "w");
    if (f)
        fclose(f);
    ok(!serve("own/vm") && here("own/vm_169"), "another file does not");
    unlink(at("own/vm_169"));
    ok(serve("own/vm") && !su_listeners_lost(&d), "there");
    unlink(at("own/vm_169"));
    ok(su_listeners_lost(&d) && serve("own/vm") && is_socket("own/vm_169", OPERATOR), "removed by others: made anew");
    end();
}

static void test_links(void)
{
    make_dir("other", OPERATOR + 1);
    int other = listen_at("other/vm_169");
    ok(other >= 0, "another VM's socket is served");
    make_link(at("other"), "own/run", OPERATOR);
    ok(!serve("own/run/vm") && here("other/vm_169"), "a user's link leads to nobody's directory");
    is_str(vm.problem_id, "vm.socket");
    make_link("../other", "own/near", OPERATOR);
    ok(!serve("own/near/vm") && here("other/vm_169"), "nor a relative one");
    make_link("own", "roots", 0);
    ok(serve("roots/vm") && is_socket("own/vm_169", OPERATOR), "root's link is followed");
    end();
    make_link(at("roots"), "twice", 0);
    ok(serve("twice/vm") && is_socket("own/vm_169", OPERATOR), "and one to another");
    end();
    make_link("loop", "loop", 0);
    ok(!serve("loop/vm"), "not without end");
    ok(!serve("own/none/vm"), "what is not there is not made");
    close(other);
}

/* The directory is exchanged while the VM runs: what is removed at its end is not another's. */
static void test_exchange(void)
{
    ok(serve("own/vm"), "served");
    rename(at("own"), at("away"));
    make_link("other", "own", OPERATOR);
    end();
    ok(here("other/vm_169"), "the other's socket stays");
}

int main(void)
{
    snprintf(top, sizeof top, "/tmp/su-listen.XXXXXX");
    if (geteuid() != 0 || !mkdtemp(top)) {
        ok(true, "# SKIP files cannot be given to others");
        return tap_done();
    }
    chmod(top, 0755);
    test_own();
    test_links();
    test_exchange();
    su_listeners_done(&d);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command) == 0 ? tap_done() : 1;
}
