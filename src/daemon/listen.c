/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening sockets: made here as root, used by surety-imds. */
#include "daemon/daemon.h"
#include "daemon/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int su_listeners_add(struct su_daemon *d, const char *name, uint8_t identify, uint8_t transport, const char *uuid,
                     int fd, const char *path, struct su_err *e)
{
    struct su_listener *grown = realloc(d->listener, (d->n_listeners + 1) * sizeof *grown);
    if (!grown)
        return su_fail_nomem(e, sizeof *grown);
    d->listener = grown;
    struct su_listener *l = &grown[d->n_listeners];
    memset(l, 0, sizeof *l);
    l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (l->fd < 0)
        return su_fail_os(e, "daemon.listen", "keeping a socket");
    l->l.identify = identify;
    l->l.transport = transport;
    snprintf(l->l.name, sizeof l->l.name, "%s", name);
    snprintf(l->l.uuid, sizeof l->l.uuid, "%s", uuid);
    snprintf(l->path, sizeof l->path, "%s", path);
    d->n_listeners++;
    return 0;
}

static void remove_socket(const char *path);

static void close_listener(struct su_listener *l)
{
    close(l->fd);
    if (l->path[0])
        remove_socket(l->path);
}

void su_listeners_sweep(struct su_daemon *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->n_listeners; i++)
        if (d->listener[i].gone && !d->listener[i].told)
            close_listener(&d->listener[i]);
        else
            d->listener[kept++] = d->listener[i];
    d->n_listeners = kept;
}

void su_listeners_drop(struct su_daemon *d, const char *prefix)
{
    for (size_t i = 0; i < d->n_listeners; i++)
        if (strncmp(d->listener[i].l.name, prefix, strlen(prefix)) == 0)
            d->listener[i].gone = true;
    su_listeners_sweep(d);
}

bool su_listeners_at_imds(const struct su_daemon *d, const char *prefix)
{
    for (size_t i = 0; i < d->n_listeners; i++)
        if (d->listener[i].told && strncmp(d->listener[i].l.name, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

void su_listeners_done(struct su_daemon *d)
{
    for (size_t i = 0; i < d->n_listeners; i++)
        close_listener(&d->listener[i]);
    free(d->listener);
    d->listener = NULL;
    d->n_listeners = 0;
}

/* Only for guests: bound to the host's own context id, so that what reaches this machine from outside (when it is
 * itself a VM) does not arrive here. */
static int open_vsock(uint32_t port, int *fd, struct su_err *e)
{
    SU_CLOSE int vhost = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC); /* loads the module */
    if (vhost < 0)
        return su_fail_os(e, "daemon.vsock", "/dev/vhost-vsock");
    SU_CLOSE int s = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 128) < 0)
        return su_fail_os(e, "daemon.vsock", "vsock port %u", port);
    *fd = s;
    s = -1;
    return 0;
}

void su_listeners_vsock(struct su_daemon *d)
{
    SU_CLOSE int fd = -1;
    struct su_err e = {0};
    if (!d->facts.vsock_wanted || d->facts.vsock_open)
        return;
    if (open_vsock(d->conf.vsock_port, &fd, &e) < 0 ||
        su_listeners_add(d, "vsock", SU_BY_CID, SU_OVER_VSOCK, "", fd, "", &e) < 0) {
        if (!d->facts.vsock_problem[0])
            su_log_err(LOG_WARNING, "vsock", &e);
        snprintf(d->facts.vsock_problem, sizeof d->facts.vsock_problem, "%s", e.msg);
        return;
    }
    d->facts.vsock_open = true;
}

/* Whoever runs a VMM may own the directory of its socket, or one above: with a link there he would lead us, as root, to
 * the sockets of others.  So links are followed only when root made them, and everything is done in the directory that
 * was opened, whatever its path means by then. */
enum { LINKS_MAX = 8 };

/* The name at the front of rest, which then begins behind it; false: there is none any more. */
static bool next_name(char **rest, char **name)
{
    *name = *rest + strspn(*rest, "/");
    *rest = *name + strcspn(*name, "/");
    if (**rest)
        *(*rest)++ = 0;
    return **name != 0;
}

/* What the link at says, before what is left of the path. */
static int follow(int at, const struct stat *st, char *path, size_t cap, char **rest, struct su_err *e)
{
    char target[PATH_MAX];
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return su_fail(e, SU_E_REFUSED, "daemon.listen", "a link on the way belongs to user %u", (unsigned)st->st_uid);
    ssize_t n = readlinkat(at, "", target, sizeof target);
    size_t left = strlen(*rest);
    if (n <= 0 || (size_t)n + 1 + left >= sizeof target || (size_t)n + 1 + left >= cap)
        return su_fail(e, SU_E_RANGE, "daemon.listen", "a link on the way cannot be read, or is too long");
    target[n] = '/';
    memcpy(target + n + 1, *rest, left + 1);
    memcpy(path, target, (size_t)n + 1 + left + 1);
    *rest = path;
    return 0;
}

static int open_directory(const char *dir, int *out, struct su_err *e)
{
    char path[PATH_MAX], *rest = path, *name;
    SU_CLOSE int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || strlen(dir) >= sizeof path)
        return su_fail(e, SU_E_IO, "daemon.listen", "%s cannot be opened", dir);
    memcpy(path, dir, strlen(dir) + 1);
    for (unsigned links = 0; next_name(&rest, &name);) {
        struct stat st;
        SU_CLOSE int next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 || fstat(next, &st) < 0)
            return su_fail_os(e, "daemon.listen", "%s", dir);
        if (S_ISLNK(st.st_mode)) {
            if (++links > LINKS_MAX)
                return su_fail(e, SU_E_RANGE, "daemon.listen", "%s leads over too many links", dir);
            if (follow(next, &st, path, sizeof path, &rest, e) < 0)
                return -1;
            if (*rest != '/')
                continue;
            su_closep(&next);
            next = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        int was = at;
        at = next;
        next = was;
    }
    *out = at;
    at = -1;
    return 0;
}

/* The directory of path, opened, and the name in it. */
static int open_place(const char *path, int *dir_fd, const char **name, struct su_err *e)
{
    char dir[sizeof((struct su_listener *)0)->path];
    size_t n = strlen(path);
    if (path[0] != '/' || n >= sizeof dir)
        return su_fail(e, SU_E_RANGE, "daemon.listen", "the path %s is too long", path);
    memcpy(dir, path, n + 1);
    *strrchr(dir, '/') = 0;
    *name = strrchr(path, '/') + 1;
    return open_directory(dir, dir_fd, e);
}

static void remove_socket(const char *path)
{
    SU_CLOSE int dir_fd = -1;
    const char *name = NULL;
    struct su_err ignored = {0};
    struct stat st;
    if (open_place(path, &dir_fd, &name, &ignored) == 0 && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISSOCK(st.st_mode))
        unlinkat(dir_fd, name, 0);
}

/* By its descriptor, so that it is the socket we made and no other file that took its name. */
static int give(int dir_fd, const char *name, const struct stat *dir, const char *path, struct su_err *e)
{
    struct stat st;
    if (dir->st_uid == 0 && dir->st_gid == 0)
        return 0;
    SU_CLOSE int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "daemon.listen", "giving %s to its owner", path);
    if (!S_ISSOCK(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
        return su_fail(e, SU_E_REFUSED, "daemon.listen", "%s is another file than the one just made", path);
    if (fchownat(fd, "", dir->st_uid, dir->st_gid, AT_EMPTY_PATH) < 0)
        return su_fail_os(e, "daemon.listen", "giving %s to its owner", path);
    return 0;
}

/* The VMM connects to this socket when the guest opens the port; whoever may connect is the VM.  So it belongs to the
 * owner of its directory, who runs the VMM, and to nobody else. */
static int open_hybrid(const char *path, int *fd, struct su_err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st, old;
    const char *name = NULL;
    SU_CLOSE int dir_fd = -1;
    if (strlen(path) >= sizeof a.sun_path)
        return su_fail(e, SU_E_RANGE, "daemon.listen", "the path %s is too long", path);
    if (open_place(path, &dir_fd, &name, e) < 0)
        return -1;
    if (fstat(dir_fd, &st) < 0 || !S_ISDIR(st.st_mode))
        return su_fail(e, SU_E_CONFLICT, "daemon.listen", "%s is in no directory", path);
    if (fstatat(dir_fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISSOCK(old.st_mode))
            return su_fail(e, SU_E_CONFLICT, "daemon.listen", "%s exists and is no socket", path);
        unlinkat(dir_fd, name, 0);
    }
    if (snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir_fd, name) >= (int)sizeof a.sun_path)
        return su_fail(e, SU_E_RANGE, "daemon.listen", "the name of %s is too long", path);
    SU_CLOSE int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0 || fchmod(s, 0600) < 0) /* the mode that bind gives the file */
        return su_fail_os(e, "daemon.listen", "making a socket");
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 64) < 0)
        return su_fail_os(e, "daemon.listen", "%s", path);
    if (give(dir_fd, name, &st, path, e) < 0)
        return -1;
    *fd = s;
    s = -1;
    return 0;
}

/* A path is used again only when the socket that was there is closed. */
static bool taken(const struct su_daemon *d, const struct su_vm *vm, const char *path)
{
    for (size_t i = 0; i < d->n_listeners; i++)
        if (strcmp(d->listener[i].path, path) == 0 || strcmp(d->listener[i].l.uuid, vm->uuid) == 0)
            return true;
    return false;
}

static void add_hybrid(struct su_daemon *d, struct su_vm *vm, const char *path)
{
    char name[64];
    struct su_err e = {0};
    SU_CLOSE int fd = -1;
    snprintf(name, sizeof name, "unix:%s", vm->uuid);
    if (open_hybrid(path, &fd, &e) == 0 &&
        su_listeners_add(d, name, SU_BY_LISTENER, SU_OVER_UNIX, vm->uuid, fd, path, &e) == 0)
        return;
    if (strcmp(vm->problem_id, "vm.socket") != 0)
        su_log_err(LOG_ERR, vm->name, &e);
    snprintf(vm->problem_id, sizeof vm->problem_id, "vm.socket");
    snprintf(vm->problem, sizeof vm->problem, "%s", e.msg);
}

bool su_listeners_lost(struct su_daemon *d)
{
    bool lost = false;
    struct stat st;
    for (size_t i = 0; i < d->n_listeners; i++) {
        struct su_listener *l = &d->listener[i];
        if (l->path[0] && !l->gone && lstat(l->path, &st) < 0 && errno == ENOENT)
            lost = l->gone = true;
    }
    return lost;
}

void su_listeners_vms(struct su_daemon *d)
{
    char path[120];
    for (size_t i = 0; i < d->n_listeners; i++) {
        struct su_listener *l = &d->listener[i];
        struct su_vm *vm = l->l.uuid[0] ? su_vmtab_find(&d->vms, l->l.uuid) : NULL;
        if (!l->l.uuid[0])
            continue;
        snprintf(path, sizeof path, "%s_169", vm && vm->desc ? vm->desc->socket : "");
        l->gone |= !vm || !vm->wanted || strcmp(path, l->path) != 0;
    }
    su_listeners_sweep(d);
    for (size_t i = 0; i < d->vms.n; i++) {
        struct su_vm *vm = d->vms.vm[i];
        if (!vm->wanted || !vm->desc->socket[0])
            continue;
        snprintf(path, sizeof path, "%s_169", vm->desc->socket);
        if (!taken(d, vm, path))
            add_hybrid(d, vm, path);
    }
}
