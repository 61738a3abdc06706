/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each case runs in a child of its own, because confinement is for good. */
#include "base/confine.h"
#include "base/sanitized.h"
#include "tests/lib/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char in[64], out[64];

static int make(const char *dir, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? errno : 0;
}

static int file_outside(void)
{
    return make(out, "new") == EACCES;
}
static int file_inside(void)
{
    return make(in, "new") == 0;
}
static int named_file(void)
{
    return make(out, "named") == 0;
}
static int reading(void)
{
    char c;
    SU_CLOSE int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &c, 1) == 1;
}
static int mounting(void)
{
    return mount("none", in, "tmpfs", 0, NULL) < 0 && errno == EPERM;
}
static int tracing(void)
{
    return SU_SANITIZED || (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM);
}
static int grandchild(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(make(out, "new2") == EACCES ? 0 : 1);
    int status = 1;
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static const struct {
    const char *name;
    int (*run)(void);
    bool landlock; /* holds only where the kernel has it */
} cases[] = {
    {"a new file elsewhere is refused", file_outside, true},
    {"a new file in an allowed directory is made", file_inside, false},
    {"a named file can be written", named_file, false},
    {"reading stays free", reading, false},
    {"mount is refused", mounting, false},
    {"ptrace is refused", tracing, false},
    {"a child is held by it too", grandchild, true},
};

enum { GOOD, BAD, NO_LANDLOCK };

static int in_child(size_t i)
{
    struct su_confine c = {0};
    struct su_err e = {0};
    char named[80];
    bool landlocked = false;
    snprintf(named, sizeof named, "%s/named", out);
    su_confine_allow(&c, in, true);
    su_confine_allow(&c, named, false);
    su_confine_allow(&c, NULL, true);
    su_confine_allow(&c, "/does/not/exist", true);
    if (su_confine_enter(&c, &landlocked, &e) < 0)
        return BAD;
    if (cases[i].landlock && !landlocked)
        return NO_LANDLOCK;
    return cases[i].run() ? GOOD : BAD;
}

int main(void)
{
    char t1[] = "/tmp/surety-in-XXXXXX", t2[] = "/tmp/surety-out-XXXXXX", path[128];
    if (!mkdtemp(t1) || !mkdtemp(t2))
        return 1;
    snprintf(in, sizeof in, "%s", t1);
    snprintf(out, sizeof out, "%s", t2);
    make(out, "named");
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        int status = 0;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            _exit(in_child(i));
        waitpid(pid, &status, 0);
        int rc = WIFEXITED(status) ? WEXITSTATUS(status) : BAD;
        ok(rc != BAD, "%s%s", cases[i].name, rc == NO_LANDLOCK ? " # SKIP no Landlock in this kernel" : "");
    }
    static const char *const left[] = {"new", "new2", "named"};
    for (size_t i = 0; i < SU_ARRAY_LEN(left); i++) {
        snprintf(path, sizeof path, "%s/%s", in, left[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s", out, left[i]);
        unlink(path);
    }
    rmdir(in);
    rmdir(out);
    return tap_done();
}
