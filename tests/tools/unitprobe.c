/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unitprobe ATTEMPT...: tries what a sandbox may forbid and prints a line for each, "ATTEMPT ok" or "ATTEMPT ERRNO".
 *
 * ATTEMPT: socket:inet|inet6|unix|netlink|packet|vsock  tcp:PORT (of 127.0.0.1)  exec:PROGRAM  read:FILE  write:FILE
 * (made, and removed again)  chown:FILE (to user and group 1)  setuid (to 1)  wx (memory to write and execute)
 * namespace  mount  realtime  set-uid-file:FILE  personality  module  clock  ptrace  others (processes of other users
 * in /proc).  It is started in place of a program, in that program's unit. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each returns 0, or -1 with errno. */
static int closing(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static int try_socket(const char *name)
{
    static const struct {
        const char *name;
        int family;
    } known[] = {{"inet", AF_INET},       {"inet6", AF_INET6},   {"unix", AF_UNIX},
                 {"netlink", AF_NETLINK}, {"packet", AF_PACKET}, {"vsock", AF_VSOCK}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            return closing(socket(known[i].family,
                                  known[i].family == AF_UNIX || known[i].family == AF_VSOCK ? SOCK_STREAM : SOCK_DGRAM,
                                  0));
    errno = EINVAL;
    return -1;
}

static int try_tcp(const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return s < 0 || connect(s, (struct sockaddr *)&a, sizeof a) < 0 ? -1 : close(s);
}

static int try_exec(const char *program)
{
    char *const argv[] = {(char *)program, NULL};
    pid_t pid;
    int rc = posix_spawn(&pid, program, NULL, NULL, argv, NULL);
    if (rc) {
        errno = rc;
        return -1;
    }
    return waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int try_read(const char *file)
{
    struct stat st;
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
        return closing(open(file, O_RDONLY | O_DIRECTORY));
    return closing(open(file, O_RDONLY | O_NONBLOCK));
}

static int try_write(const char *file)
{
    if (access(file, F_OK) == 0)
        return closing(open(file, O_WRONLY));
    return closing(open(file, O_WRONLY | O_CREAT | O_EXCL, 0600)) < 0 ? -1 : unlink(file);
}

static int try_chown(const char *file)
{
    return chown(file, 1, 1);
}

static int try_setuid(const char *unused)
{
    (void)unused;
    pid_t pid = fork();
    int status;
    if (pid == 0)
        _exit(syscall(SYS_setresuid, 1, 1, 1) < 0 ? errno : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
    return errno ? -1 : 0;
}

static int try_wx(const char *unused)
{
    (void)unused;
    return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int try_namespace(const char *unused)
{
    (void)unused;
    return unshare(CLONE_NEWUSER);
}

static int try_mount(const char *unused)
{
    (void)unused;
    return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int try_realtime(const char *unused)
{
    struct sched_param p = {.sched_priority = 1};
    (void)unused;
    return sched_setscheduler(0, SCHED_FIFO, &p);
}

static int try_set_uid_file(const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return -1;
    int rc = fchmod(fd, 04755), why = errno;
    close(fd);
    unlink(file);
    errno = why;
    return rc;
}

static int try_personality(const char *unused)
{
    (void)unused;
    return personality(READ_IMPLIES_EXEC) < 0 ? -1 : 0;
}

static int try_module(const char *unused)
{
    (void)unused;
    return syscall(SYS_finit_module, -1, "", 0) < 0 && errno != EBADF ? -1 : 0;
}

static int try_clock(const char *unused)
{
    struct timeval now;
    (void)unused;
    return gettimeofday(&now, NULL) < 0 ? -1 : settimeofday(&now, NULL);
}

static int try_ptrace(const char *unused)
{
    (void)unused;
    return ptrace(PTRACE_ATTACH, 1, NULL, NULL) < 0 ? -1 : 0;
}

/* 0: some are seen */
static int try_others(const char *unused)
{
    struct stat st;
    (void)unused;
    return stat("/proc/1/status", &st);
}

static const struct {
    const char *name;
    int (*run)(const char *);
} attempts[] = {
    {"socket", try_socket},
    {"tcp", try_tcp},
    {"exec", try_exec},
    {"read", try_read},
    {"write", try_write},
    {"chown", try_chown},
    {"setuid", try_setuid},
    {"wx", try_wx},
    {"namespace", try_namespace},
    {"mount", try_mount},
    {"realtime", try_realtime},
    {"set-uid-file", try_set_uid_file},
    {"personality", try_personality},
    {"module", try_module},
    {"clock", try_clock},
    {"ptrace", try_ptrace},
    {"others", try_others},
};

static int run(const char *what)
{
    size_t n = strcspn(what, ":");
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strncmp(what, attempts[i].name, n) == 0 && !attempts[i].name[n]) {
            errno = 0;
            int rc = attempts[i].run(what[n] ? what + n + 1 : "");
            printf("%s %s\n", what, rc == 0 ? "ok" : strerrorname_np(errno));
            return 0;
        }
    fprintf(stderr, "unitprobe: no attempt \"%s\"\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    int rc = argc < 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        rc |= run(argv[i]);
    return rc;
}
