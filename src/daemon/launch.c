/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/launch.h"
#include "jobs/view.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

enum { SOCKET = 3, ANSWER_MS = 10000 };

/* In the child: never returns.  The failure of exec goes to report, which exec closes. */
static void become(const char *surety, const char *state_dir, const char *id, int report)
{
    const char *const argv[] = {"surety", "job", "run", id, "--state", state_dir, NULL};
    static const int reset[] = {SIGCHLD, SIGPIPE, SIGXFSZ, SIGHUP, SIGINT, SIGTERM};
    sigset_t none;
    int null = open("/dev/null", O_RDWR);
    sigemptyset(&none);
    for (size_t i = 0; i < SU_ARRAY_LEN(reset); i++)
        signal(reset[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setsid() >= 0 && chdir("/") == 0 && null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
        syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        execv(surety, (char *const *)argv);
    int why = errno;
    (void)!write(report, &why, sizeof why);
    _exit(127);
}

/* 0, or the errno of what did not work. */
static int start_one(const char *surety, const char *state_dir, const char *id)
{
    int pipe_fd[2], why = 0;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return errno;
    pid_t pid = fork();
    if (pid == 0)
        become(surety, state_dir, id, pipe_fd[1]);
    int rc = pid < 0 ? errno : 0;
    close(pipe_fd[1]);
    if (pid > 0 && read(pipe_fd[0], &why, sizeof why) == (ssize_t)sizeof why)
        rc = why ? why : EIO;
    close(pipe_fd[0]);
    return rc;
}

static void serve(const char *surety, const char *state_dir)
{
    char id[SU_BATCH_ID];
    for (;;) {
        ssize_t n = recv(SOCKET, id, sizeof id - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(0);
        id[n] = 0;
        int rc = strlen(id) == (size_t)n && su_batch_id_valid(id) ? start_one(surety, state_dir, id) : EINVAL;
        if (send(SOCKET, &rc, sizeof rc, MSG_NOSIGNAL) < 0)
            _exit(0);
    }
}

/* Nothing of suretyd's but its standard error and the socket: its lock ends with it. */
static void be_launcher(int fd, const char *surety, const char *state_dir)
{
    prctl(PR_SET_NAME, "suretyd-launch", 0, 0, 0);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    if ((fd != SOCKET && dup2(fd, SOCKET) < 0) || fcntl(SOCKET, F_SETFD, FD_CLOEXEC) < 0 ||
        syscall(SYS_close_range, SOCKET + 1U, ~0U, 0) < 0)
        _exit(1);
    serve(surety, state_dir);
}

int su_launcher_start(const char *surety, const char *state_dir, int *fd, struct su_err *e)
{
    int pair[2];
    if (surety[0] != '/')
        return su_fail(e, SU_E_USAGE, "daemon.launch", "%.160s is no absolute path of a program", surety);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return su_fail_os(e, "daemon.launch", "making a socket");
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        be_launcher(pair[1], surety, state_dir);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return su_fail_os(e, "daemon.launch", "starting a process");
    }
    *fd = pair[0];
    return 0;
}

int su_launcher_ask(int fd, const char *id, struct su_err *e)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = 0;
    while (recv(fd, &rc, sizeof rc, MSG_DONTWAIT) > 0)
        ; /* an answer that came too late was to an earlier question */
    if (send(fd, id, strlen(id), MSG_NOSIGNAL) < 0)
        return su_fail_os(e, "daemon.launch", "asking for a runner");
    int n = poll(&p, 1, ANSWER_MS);
    if (n <= 0 || recv(fd, &rc, sizeof rc, MSG_DONTWAIT) != (ssize_t)sizeof rc)
        return su_fail(e, SU_E_IO, "daemon.launch", "what starts runners does not answer");
    if (rc == 0)
        return 0;
    errno = rc;
    su_fail_os(e, "daemon.launch", "starting surety");
    return su_remedy(e, "Install the program surety, or name it: suretyd --surety PATH");
}
