/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

/* Tests do not wait: the module's clock runs ahead. */
static time_t fake_time;
time_t time(time_t *out)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    if (out)
        *out = now.tv_sec + fake_time;
    return now.tv_sec + fake_time;
}

static bool exists(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0;
}

/* Directories as killed processes leave them: one old, one new, one still held, one of another name. */
static void leftovers(void)
{
    static const char *const names[] = {"surety-AAAAAA", "surety-BBBBBB", "surety-CCCCCC", "surety-DDDDDDD"};
    struct su_err e = {0};
    struct su_tmpdir outer = SU_TMPDIR_NONE, t = SU_TMPDIR_NONE;
    char path[4][320];
    ok(su_tmpdir_make(&outer, 0, &e) == 0, "a place");
    for (size_t i = 0; i < 4; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", outer.path, names[i]);
        ok(su_tmpdir_mkdir(&outer, names[i], 0, &e) == 0, "a leftover");
        if (i == 0) {
            ok(su_tmpdir_put(&outer, "surety-AAAAAA/file", 0, (struct su_bytes){0}, &e) == 0, "with a file");
            ok(su_tmpdir_mkdir(&outer, "surety-AAAAAA/dir", 0, &e) == 0, "and a directory");
        }
    }
    int held = open(path[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok(held >= 0 && flock(held, LOCK_EX) == 0, "one is held");
    setenv("TMPDIR", outer.path, 1);
    ok(su_tmpdir_make(&t, 0, &e) == 0 && exists(path[0]) && exists(path[1]), "new ones are let be");
    fake_time = 10; /* seconds ahead */
    su_tmpdir_remove(&t);
    ok(su_tmpdir_make(&t, 0, &e) == 0 && !exists(path[0]) && !exists(path[1]), "old ones go");
    ok(exists(path[2]) && exists(path[3]), "but not those that are held, or of another name");
    struct su_tmpdir second = SU_TMPDIR_NONE;
    ok(su_tmpdir_make(&second, 0, &e) == 0 && exists(t.path), "nor our own");
    fake_time = 0;
    su_tmpdir_remove(&second);
    su_tmpdir_remove(&t);
    close(held);
    unsetenv("TMPDIR");
    su_tmpdir_remove(&outer);
}

int main(void)
{
    struct su_err e = {0};
    struct su_tmpdir t = SU_TMPDIR_NONE, outer = SU_TMPDIR_NONE;
    struct stat s;
    unsetenv("TMPDIR");
    ok(su_tmpdir_make(&outer, 1 << 20, &e) == 0, "makes one: %s", e.msg);
    ok(stat(outer.path, &s) == 0 && (s.st_mode & 07777) == 0700 && s.st_uid == geteuid(), "private");
    ok(fcntl(outer.fd, F_GETFD) == FD_CLOEXEC, "its descriptor is not inherited");

    setenv("TMPDIR", outer.path, 1);
    ok(su_tmpdir_make(&t, UINT64_MAX, &e) == 0, "TMPDIR decides");
    ok(strncmp(t.path, outer.path, strlen(outer.path)) == 0, "and is used");
    ok(su_tmpdir_put(&outer, "outside", 0, (struct su_bytes){(const uint8_t *)"x", 1}, &e) == 0, "a file");
    ok(su_tmpdir_put(&outer, "outside", 0, (struct su_bytes){(const uint8_t *)"x", 1}, &e) < 0 && e.os_errno == EEXIST,
       "never an existing one");
    is_str(e.id, "host.tmpdir");
    umask(077);
    ok(su_tmpdir_mkdir(&outer, "dir", 0755, &e) == 0 && fstatat(outer.fd, "dir", &s, 0) == 0 &&
           (s.st_mode & 07777) == 0755,
       "a directory with its mode");
    ok(su_tmpdir_mkdir(&outer, "dir", 0755, &e) < 0 && e.os_errno == EEXIST, "not twice");
    ok(su_tmpdir_put(&outer, "dir/inside", 0640, (struct su_bytes){0}, &e) == 0, "an empty file in a directory");

    char target[320], deep[1024];
    snprintf(target, sizeof target, "%s/outside", outer.path);
    ok(symlinkat(target, t.fd, "link") == 0 && mkdirat(t.fd, "a", 0700) == 0 && mkdirat(t.fd, "a/b", 0700) == 0,
       "links");
    snprintf(target, sizeof target, "%s/dir", outer.path);
    ok(symlinkat(target, t.fd, "a/b/dirlink") == 0 && mkfifoat(t.fd, "a/fifo", 0600) == 0, "and others");
    snprintf(deep, sizeof deep, "%s", t.path);
    su_tmpdir_remove(&t);
    ok(!exists(deep) && t.fd == -1 && t.path[0] == 0, "removed");
    snprintf(deep, sizeof deep, "%s/dir/inside", outer.path);
    ok(exists(deep), "what links point to stays");
    su_tmpdir_remove(&t);

    setenv("TMPDIR", "/nonexistent", 1);
    ok(su_tmpdir_make(&t, 0, &e) < 0 && t.fd == -1, "a TMPDIR that is not there");
    is_str(e.id, "host.tmpdir");
    setenv("TMPDIR", "relative", 1);
    ok(su_tmpdir_make(&t, 0, &e) == 0 && strncmp(t.path, "relative", 8) != 0, "a relative one is not used");
    su_tmpdir_remove(&t);
    snprintf(deep, sizeof deep, "%s", outer.path);
    su_tmpdir_remove(&outer);
    ok(!exists(deep), "the first one too");
    leftovers();
    return tap_done();
}
