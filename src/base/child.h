/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/child.h - run a tool of the host as a child process.
 *
 * There is no shell: the tool gets an argument vector.  It starts with
 *  - stdin from /dev/null or from given bytes, stdout and stderr into pipes,
 *  - PATH, LC_ALL=C and the variables of the spec for an environment,
 *  - no other file descriptor than those the spec names,
 *  - every signal at its default and none blocked,
 *  - a death signal: it does not outlive the thread that started it.
 * Needs Linux 5.11 (close_range with CLOSE_RANGE_CLOEXEC).  The functions may be called from
 * several threads at once, each with its own specs and handles.
 *
 * Failures: "host.tool.missing" (SU_E_MISSING, with the Debian package as remedy), "host.tool.failed"
 * (SU_E_IO: bad exit status, a signal, too much output, or the child could not be set up; the message ends with
 * the last line the tool wrote), "host.tool.timeout" (SU_E_IO), and "host.tool.spec" (SU_E_USAGE). */
#pragma once
#include "buf.h"
#include <sys/types.h>

/* Borrowed for the duration of the call.  Zero means the default everywhere. */
struct su_child {
    const char *const *argv; /* ends with NULL; argv[0]: an absolute path, or a name to find (su_child_find) */
    const char *const *env;  /* NAME=value, ends with NULL; may be NULL; comes after PATH and LC_ALL=C */
    struct su_bytes input;   /* stdin; n == 0: /dev/null */
    const char *cwd;         /* NULL: "/" */
    const int *out_fd;       /* stdout is this file and no pipe (some tools sync it); nothing goes to out */
    const int *keep_fds;     /* stay open under the same numbers, which are above 2 */
    size_t n_keep_fds;
    unsigned timeout_ms; /* default 30 s; no meaning for su_child_start */
    size_t max_out;      /* bytes of stdout taken into out, more is a failure; default 1 MiB */
    bool own_group;      /* own process group: the terminal's Ctrl-C reaches only us, and a timeout ends all of it */

    /* For a tool that reads a guest's bytes: user nobody when we are root, no_new_privs, no core file, no network when
     * we may take it away, and the limits below.  The tool enters cwd before it becomes nobody, so a directory
     * inside a private one will do, as long as the tool itself uses relative paths. */
    bool confined;
    uint64_t max_file;   /* bytes a file may grow to; default 64 MiB */
    uint64_t max_memory; /* bytes of address space; default 512 MiB */
    uint64_t max_files;  /* descriptors; default 64 */
    uint64_t max_cpu_s;  /* seconds of processor time; default 20 */
};

/* Runs to the end.  out, when given, has stdout appended on success; it is untouched on failure. */
int su_child_run(const struct su_child *spec, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* A child that stays: a storage daemon, for one.  Its death signal is SIGTERM, so that it can close its files. */
struct su_proc {
    pid_t pid; /* 0: none */
    int pidfd; /* owned, as is err_fd */
    int err_fd;
    const char *name; /* borrowed from the spec: argv[0] */
};
#define SU_PROC_NONE {.pid = 0, .pidfd = -1, .err_fd = -1}

/* Returns when the tool was executed; what it prints first (up to a pipe's worth) is kept for messages. */
int su_child_start(const struct su_child *spec, struct su_proc *out, struct su_err *e) SU_MUST_CHECK;
/* -1 when it has ended on its own; waits up to wait_ms for that.  The handle stays valid. */
int su_child_alive(const struct su_proc *p, unsigned wait_ms, struct su_err *e) SU_MUST_CHECK;
/* SIGTERM, then SIGKILL after timeout_ms, and reap: the handle is empty afterwards, whatever is returned.
 * Fails with "host.tool.timeout" when it had to be killed, "host.tool.failed" when it ended badly.
 * An empty handle is fine. */
int su_child_stop(struct su_proc *p, unsigned timeout_ms, struct su_err *e);
void su_child_stopp(struct su_proc *p); /* the same with 2 s, for the cleanup attribute; the result is dropped */
#define SU_PROC SU_AUTO(su_child_stopp)

/* Finds a tool: $PATH's absolute entries first, then the system's bin and sbin directories.  out gets the path. */
int su_child_find(const char *name, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;
