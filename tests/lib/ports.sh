# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# TCP ports of 127.0.0.1. Source me after tap.sh.

# free_port [N]: the first of N ports of 127.0.0.1 that nobody has, below those that a connection gets by itself
free_port() {
    python3 - "${1:-1}" <<'PY'
import random, socket, sys
for _ in range(1000):
    first, held = random.randrange(10000, 32000), []
    try:
        for port in range(first, first + int(sys.argv[1])):
            held.append(socket.socket())
            held[-1].bind(("127.0.0.1", port))
        print(first)
        break
    except OSError:
        pass
PY
}
listens() { ss -Hltn "sport = :$1" | finds .; } # listens PORT: somebody does; without a connection to it
