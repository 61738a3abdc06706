/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connecting to sockets in directories of others. */
#include "daemon/peer.h"
#include "tests/lib/tap.h"
#include "wire/ipc.h"
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char top[] = "/tmp/su-peer.XXXXXX", path[64], other[64];
    struct su_err e = {0};
    int fd = -1, to = -1;
    if (!mkdtemp(top))
        return 1;
    snprintf(path, sizeof path, "%s/a.sock", top);
    snprintf(other, sizeof other, "%s/b.sock", top);
    ok(su_ipc_listen(path, 0600, &fd, &e) == 0, "a socket");
    ok(su_peer_connect(path, &to, &e) == 0 && to >= 0, "is connected to: %s", e.msg);
    su_closep(&to);
    to = -1;
    ok(symlink(path, other) == 0 && su_peer_connect(other, &to, &e) < 0 && to < 0, "a link to it is not");
    is_str(e.id, "ipc.path");
    unlink(other);
    ok(su_peer_connect(other, &to, &e) < 0, "nor what is not there");
    is_str(e.id, "ipc.io");
    unlink(path);
    ok(rmdir(top) == 0);
    su_closep(&fd);
    return tap_done();
}
