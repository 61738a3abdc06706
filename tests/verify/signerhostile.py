#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""signerhostile RUN UUID: a client of sign.sock that took over surety-imds. Everything is refused, the signer lives, and an
honest client is served all the time. Exit status 0, or a line that says what went wrong."""
import array
import os
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import signerctl as c  # noqa: E402

RUN, UUID = sys.argv[1:3]
random.seed(1)
slowest = [0.0]
errors = []
end = threading.Event()


def honest():
    s = c.Signer(RUN, 'sign')
    while not end.is_set():
        t = time.monotonic()
        if s.document(UUID, nonce='honest')['nonce'] != 'honest':
            errors.append('an honest client got something else')
        slowest[0] = max(slowest[0], time.monotonic() - t)
        time.sleep(0.005)


def refused(raw, want, which='sign'):
    """The frame is answered with this error, or ('closed') the connection is closed."""
    s = c.Signer(RUN, which)
    try:
        s.s.send(raw)
        op, _, body = s.recv()
        got = c.error(body) if op == c.ERROR else f'operation {op}'
    except (c.Closed, ConnectionError):
        got = 'closed'
    if not got.startswith(want):
        errors.append(f'{raw[:24].hex()} ({len(raw)} bytes): {got}, not {want}')
    s.s.close()


def frame(op, body=b'', seq=1, version=1, zero=0):
    return struct.pack('>BBHI', op, version, zero, seq) + body


DOCUMENTS, ANSWERS = 13, 14


def item(body, op=1, seq=7):
    return struct.pack('>BIH', op, seq, len(body)) + body


def answers(s, n):
    """n answers that come together: their operations, by sequence."""
    got = {}
    while len(got) < n:
        op, _, body = s.recv()
        if op != ANSWERS:
            return f'operation {op}'
        while body:
            op, seq, length = struct.unpack_from('>BIH', body)
            got[seq], body = op, body[7 + length:]
    return got


def together():
    good = item(c.request(UUID))
    refused(frame(DOCUMENTS), 'sign.size')
    refused(frame(DOCUMENTS, good * 17), 'sign.body')
    refused(frame(DOCUMENTS, good[:-1]), 'sign.body')
    refused(frame(DOCUMENTS, good + b'\1'), 'sign.body')
    refused(frame(DOCUMENTS, item(b'', op=c.ENROL)), 'sign.body')
    refused(frame(DOCUMENTS, good), 'sign.op', 'control')
    s = c.Signer(RUN, 'sign')
    many = [c.request(UUID), c.request(UUID, nonce='a"b'), b'\0' * 600, b''] * 4
    s.s.send(frame(DOCUMENTS, b''.join(item(m, seq=i) for i, m in enumerate(many))))
    want = {i: c.DOCUMENT if i % 4 == 0 else c.ERROR for i in range(16)}
    got = answers(s, 16)
    if got != want:
        errors.append(f'sixteen questions together: {got}')
    s.s.close()


def frames():
    for op in range(256):
        if op not in (c.DOCUMENT, DOCUMENTS):
            refused(frame(op), 'sign.op')
    for n in (0, 1, 39, 513, 4096, 60000):
        refused(frame(c.DOCUMENT, b'\0' * n), 'sign.size')
    refused(frame(c.DOCUMENT, b'\0' * 60), 'sign.body')
    refused(frame(c.DOCUMENT, c.request(UUID) + b'x'), 'sign.body')
    for bad in (c.request(UUID.upper()), c.request(UUID, nonce='a"b'), c.request(UUID, nonce='a b'), c.request(UUID, nonce='x' * 33),
                c.request(UUID, audience='a"'), c.request(UUID, audience='\n'), c.request(UUID, key='é'),
                c.request(UUID[:-1] + '"'), c.text(UUID) + b'\xff\xff' + c.text('') * 3):
        refused(frame(c.DOCUMENT, bad), 'sign.')
    refused(frame(c.DOCUMENT, c.request('b1310a36-d400-46f6-82cb-000000000000')), 'sign.vm')
    for raw in (b'', b'\1', b'\1' * 7, frame(c.DOCUMENT, version=2), frame(c.DOCUMENT, zero=1), b'\0' * 70000):
        try:
            refused(raw, 'closed')
        except OSError:
            pass
    refused(frame(c.ENROL, c.text('node1') + c.text('x')), 'sign.op')
    refused(frame(c.VM_PUT, c.text(UUID) + b'\0' * 60), 'sign.op')
    for which in ('sign', 'control'):
        for _ in range(300):
            try:
                s = c.Signer(RUN, which)
            except BlockingIOError:                     # the queue of the listener is full
                time.sleep(0.01)
                continue
            raw = bytearray(frame(random.choice((1, 1, 2, 4, 5, 6, 10, 12, 13, 13)), random.randbytes(random.randrange(600))))
            if raw[0] in (c.ENROL, c.FORGET, c.VM_CLEAR) and which == 'control':
                raw[0] = c.CMP_REPLY
            try:
                s.s.send(raw)
            except BrokenPipeError:                     # all places were taken
                pass
            s.s.close()


def descriptors():
    sent, until = 0, time.monotonic() + 60
    while sent < 50 and time.monotonic() < until:
        s = c.Signer(RUN, 'sign')
        fds = array.array('i', [os.open('/dev/null', os.O_RDONLY) for _ in range(4)])
        try:
            s.s.sendmsg([frame(c.DOCUMENT, c.request(UUID))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            sent += 1
        except BrokenPipeError:                         # all places are taken by those before, until they are seen to go
            time.sleep(0.01)
        s.s.close()
        for fd in fds:
            os.close(fd)
    if sent < 50:
        errors.append(f'only {sent} of 50 with descriptors were let in')


def floods():
    """Questions without taking answers, and more connections than there is room for."""
    many = []
    for _ in range(60):
        try:
            s = c.Signer(RUN, 'sign')
            s.s.setblocking(False)
            many.append(s)
        except OSError:
            break
    until = time.monotonic() + 2
    while time.monotonic() < until:
        for s in many:
            try:
                for _ in range(20):
                    s.s.send(frame(c.DOCUMENT, c.request(UUID, nonce='flood')))
            except OSError:
                pass
        time.sleep(0.001)
    try:
        control = c.Signer(RUN, 'control', 30)
        control.status()
    except Exception as e:                              # noqa: BLE001 whatever it is, it is told
        errors.append(f'control does not answer in a flood: {e!r}')
    for s in many:
        s.s.close()


t = threading.Thread(target=honest, daemon=True)
t.start()
frames()
together()
descriptors()
floods()
end.set()
t.join(60)
if t.is_alive() or slowest[0] > 10:
    errors.append(f'an honest client waited {slowest[0]:.2f} s')
print(f'slowest honest answer {slowest[0] * 1000:.1f} ms')
for e in errors:
    print(e)
sys.exit(1 if errors else 0)
