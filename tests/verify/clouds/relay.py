#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""relay.py FROM TO UUID ADDRESS:PORT: between suretyd and surety-imds, with one listener more.

suretyd connects to FROM/imds/imds.sock, surety-imds listens at TO/imds/imds.sock. Everything passes unchanged in both
directions; once suretyd has told of the VM, surety-imds also gets a TCP socket of which every connection is this VM's,
as suretyd makes one for each tap. So clients in a network namespace are a VM without being one.
"""
import array
import os
import select
import socket
import struct
import sys

LISTEN, VM_PUT, DONE = 3, 5, 9
BY_LISTENER, OVER_HTTP = 3, 2
OUR_SEQUENCE = 0xfffffff0


def text(s):
    return struct.pack('>H', len(s)) + s.encode()


def receive(sock):
    fds = array.array('i')
    data, extra, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(4))
    for level, kind, value in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(value[:4])
    return data, fds


def send(sock, data, fds):
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else [])
    for fd in fds:
        os.close(fd)


def add_listener(imds, uuid, where):
    host, port = where.rsplit(':', 1)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
        s.listen(64)
        s.setblocking(False)
        body = text('relay') + bytes([BY_LISTENER, OVER_HTTP]) + text(uuid)
        imds.sendmsg([struct.pack('>BBHI', LISTEN, 1, 0, OUR_SEQUENCE) + body],
                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])


def relay(daemon, imds, uuid, where):
    told = False
    while True:
        for sock in select.select([daemon, imds], [], [])[0]:
            data, fds = receive(sock)
            if not data:
                return
            if sock is imds and struct.unpack_from('>I', data, 4)[0] == OUR_SEQUENCE:
                print('listening' if data[0] == DONE else f'refused: {data[8:]!r}', flush=True)
                continue
            send(imds if sock is daemon else daemon, data, fds)
            if sock is daemon and data[0] == VM_PUT and not told and data[8:].startswith(text(uuid)):
                told = True
                add_listener(imds, uuid, where)


def main(source, to, uuid, where):
    os.makedirs(source + '/imds', exist_ok=True)
    path = source + '/imds/imds.sock'
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(4)
    while True:
        daemon, _ = listener.accept()
        with daemon, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as imds:
            imds.connect(to + '/imds/imds.sock')
            relay(daemon, imds, uuid, where)


main(*sys.argv[1:])
