#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""signerctl RUN COMMAND...: asks surety-signer what suretyd (control.sock) and surety-imds (sign.sock) ask it.

  status                                      prints JSON
  vm UUID [name=value]...                     facts: secure_boot vtpm security_type subscription license_type sku
                                              plan_name plan_product plan_publisher
  del UUID | clear
  document UUID [--version V] [--nonce N] [--audience A] [--key K] [--out FILE] [--count N] [--json]
  enrol HOST SECRET --url URL | renew --url URL      carries CMP messages to URL by HTTP POST
  forget
  raw sign|control HEX                        sends bytes as one frame; prints the answer or "closed"
Exit status 1, and "id: message", when the signer answers with an error.  As a module: class Signer.
"""
import argparse
import base64
import json
import os
import socket
import struct
import sys
import time
import urllib.request

DOCUMENT, STATUS, VM_CLEAR, VM_PUT, VM_DEL, ENROL, RENEW, FORGET, CMP_POST, CMP_REPLY, DONE, ERROR = range(1, 13)
STATES = {1: 'no-cert', 2: 'ready', 3: 'busy', 4: 'broken'}
VERSIONS = ('2017-03-01 2017-04-02 2017-08-01 2017-10-01 2017-12-01 2018-02-01 2018-04-02 2018-10-01 2019-02-01 '
            '2019-03-11 2019-04-30 2019-06-01 2019-06-04 2019-08-01 2019-08-15 2019-11-01 2020-06-01 2020-07-15 '
            '2020-09-01 2020-10-01 2020-12-01 2021-01-01 2021-02-01 2021-03-01 2021-05-01 2021-08-01 2021-10-01 '
            '2021-11-01 2021-11-15 2021-12-13 2023-07-01 2023-11-15 2024-03-15 2024-07-17 2025-04-07').split()
NIL = '00000000-0000-0000-0000-000000000000'


class Refused(Exception):
    """An SU_SIGN_ERROR."""


class Closed(Exception):
    """The signer closed the connection."""


def text(s):
    raw = s.encode()
    return struct.pack('>H', len(raw)) + raw


class Take:
    def __init__(self, body):
        self.b = body

    def n(self, fmt):
        size = struct.calcsize(fmt)
        v, = struct.unpack('>' + fmt, self.b[:size])
        self.b = self.b[size:]
        return v

    def raw(self):
        n = self.n('H')
        v, self.b = self.b[:n], self.b[n:]
        return v

    def str(self):
        return self.raw().decode()


class Signer:
    """One connection to one of the sockets."""

    def __init__(self, run, which, timeout=30):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(timeout)
        self.s.connect(os.path.join(run, 'signer', which + '.sock'))
        self.seq = 0

    def send(self, op, body=b'', seq=None):
        if seq is None:
            self.seq += 1
            seq = self.seq
        self.s.send(struct.pack('>BBHI', op, 1, 0, seq) + body)
        return seq

    def recv(self):
        m = self.s.recv(65536)
        if not m:
            raise Closed()
        op, _, _, seq = struct.unpack('>BBHI', m[:8])
        return op, seq, m[8:]

    def ask(self, op, body=b''):
        seq = self.send(op, body)
        got, s, answer = self.recv()
        if s != seq:
            raise ValueError(f'sequence {s}, asked {seq}')
        if got == ERROR:
            raise Refused(error(answer))
        return got, answer

    def status(self):
        t = Take(self.ask(STATUS)[1])
        v = {'state': STATES[t.n('B')]}
        for k in ('key', 'problemId', 'problem'):
            v[k] = t.str()
        v['notBefore'], v['notAfter'], v['serial'] = t.n('Q'), t.n('Q'), t.str()
        for k in ('leaf', 'chain', 'roots'):
            v[k] = base64.b64encode(t.raw()).decode()
        v['vms'], v['signed'] = t.n('I'), t.n('Q')
        return v

    def vm(self, uuid, secure_boot=True, vtpm=True, security_type='TrustedLaunch', subscription=NIL, license_type='',
           sku='', plan_name='', plan_product='', plan_publisher=''):
        self.ask(VM_PUT, text(uuid) + bytes([bool(secure_boot), bool(vtpm)]) +
                 b''.join(map(text, (security_type, subscription, license_type, sku, plan_name, plan_product, plan_publisher))))

    def document(self, *args, **kw):
        return reply(self.ask(DOCUMENT, request(*args, **kw))[1])

    def change(self, op, body, carry):
        """ENROL, RENEW: carry(der) -> der or an exception, whose text the signer is told."""
        seq = self.send(op, body)
        while True:
            got, s, answer = self.recv()
            if s != seq:
                raise ValueError(f'sequence {s}, asked {seq}')
            if got == ERROR:
                raise Refused(error(answer))
            if got == DONE:
                return
            if got != CMP_POST:
                raise ValueError(f'operation {got}')
            try:
                der = carry(Take(answer).raw())
                body = b'\1' + struct.pack('>H', len(der)) + der
            except OSError as e:
                body = b'\0' + text(str(e)[:150])
            self.send(CMP_REPLY, body, seq)


def error(body):
    t = Take(body)
    t.n('B')
    return f'{t.str()}: {t.str()}'


def request(uuid, version='2025-04-07', nonce='', audience='', key=''):
    return text(uuid) + struct.pack('>H', VERSIONS.index(version)) + text(nonce) + text(audience) + text(key)


def reply(body):
    t = Take(body)
    return {'der': t.raw(), 'created': t.n('Q'), 'expires': t.n('Q'), 'nonce': t.str()}


def http(url):
    def carry(der):
        q = urllib.request.Request(url, der, {'Content-Type': 'application/pkixcmp'})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(q, timeout=60) as a:
            return a.read()
    return carry


def answer_json(der, chain, host, transport='vsock'):
    """The HTTP answer of surety-imds around a document; chain: DER certificates one after the other."""
    certs = []
    while chain:
        n = 4 + int.from_bytes(chain[2:4], 'big')       # certificates are longer than 255 and shorter than 64 KiB
        certs.append(base64.b64encode(chain[:n]).decode())
        chain = chain[n:]
    return json.dumps({'encoding': 'pkcs7', 'signature': base64.b64encode(der).decode(),
                       'surety': {'chain': certs, 'host': host, 'transport': transport}}, separators=(',', ':'))


def document(a):
    s = Signer(a.run, 'sign')
    t0, d = time.monotonic(), None
    for _ in range(a.count):
        d = s.document(a.uuid, a.version, a.nonce, a.audience, a.key)
    if a.count > 1:
        print(f'{a.count / (time.monotonic() - t0):.0f}')
    out = d['der']
    if a.json:
        st = Signer(a.run, 'control').status()
        out = answer_json(out, base64.b64decode(st['chain']), a.host).encode()
    if a.out:
        with open(a.out, 'wb') as f:
            f.write(out)
    elif a.count == 1:
        print(out.decode() if a.json else base64.b64encode(out).decode())


def raw(a):
    s = Signer(a.run, a.which)
    s.s.send(bytes.fromhex(a.hex))
    try:
        op, _, body = s.recv()
        print(error(body) if op == ERROR else f'{op} {body.hex()}')
    except (Closed, ConnectionResetError):
        print('closed')


def parser():
    p = argparse.ArgumentParser(usage=__doc__, add_help=False)
    p.add_argument('run')
    sub = p.add_subparsers(dest='command', required=True)
    for name in ('status', 'clear', 'forget'):
        sub.add_parser(name)
    v = sub.add_parser('vm')
    v.add_argument('uuid')
    v.add_argument('facts', nargs='*')
    sub.add_parser('del').add_argument('uuid')
    d = sub.add_parser('document')
    d.add_argument('uuid')
    for o, default in (('version', VERSIONS[-1]), ('nonce', ''), ('audience', ''), ('key', ''), ('out', ''), ('host', 'node1')):
        d.add_argument('--' + o, default=default)
    d.add_argument('--count', type=int, default=1)
    d.add_argument('--json', action='store_true')
    e = sub.add_parser('enrol')
    e.add_argument('host')
    e.add_argument('secret')
    for x in (e, sub.add_parser('renew')):
        x.add_argument('--url', required=True)
    r = sub.add_parser('raw')
    r.add_argument('which', choices=('sign', 'control'))
    r.add_argument('hex')
    return p


def main():
    a = parser().parse_args()
    if a.command in ('document', 'raw'):
        return globals()[a.command](a)
    c = Signer(a.run, 'control', 300)
    if a.command == 'status':
        print(json.dumps(c.status()))
    elif a.command == 'vm':
        facts = dict(f.split('=', 1) for f in a.facts)
        for k in ('secure_boot', 'vtpm'):
            if k in facts:
                facts[k] = facts[k] in ('1', 'true')
        c.vm(a.uuid, **facts)
    elif a.command == 'del':
        c.ask(VM_DEL, text(a.uuid))
    elif a.command == 'clear':
        c.ask(VM_CLEAR)
    elif a.command == 'forget':
        c.change(FORGET, b'', None)
    elif a.command == 'enrol':
        c.change(ENROL, text(a.host) + text(a.secret), http(a.url))
    elif a.command == 'renew':
        c.change(RENEW, b'', http(a.url))
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except Refused as e:
        print(e, file=sys.stderr)
        sys.exit(1)
