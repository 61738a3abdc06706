# SPDX-License-Identifier: GPL-3.0-or-later
"""What surety-imds talks to, played by a test: suretyd on imds.sock (wire/imds.h) and a signer (wire/sign.h).

As a program: imdsctl.py RUN BURST-AND-RATE LISTENER...   keeps surety-imds fed until its standard input ends;
LISTENER is unix:PATH, or tcp:ADDRESS:PORT with all connections belonging to one VM.
"""
import array
import atexit
import os
import socket
import struct
import subprocess
import sys
import threading
import time

CLEAR, HOST, LISTEN, UNLISTEN, VM_PUT, VM_DEL, STATUS, AUDIT, DONE, ERROR = range(1, 11)
BY_CID, BY_MARK, BY_LISTENER = 1, 2, 3
VSOCK, HTTP, UNIX = 1, 2, 3
SIGN_DOCUMENT, SIGN_ERROR, SIGN_DOCUMENTS, SIGN_ANSWERS = 1, 12, 13, 14
INSTANCE = b'''{"compute":{"azEnvironment":"surety","isHostCompatibilityLayerVm":"false","location":"here","name":"vm1",
"osProfile":{"adminUsername":"","computerName":"vm1","disablePasswordAuthentication":"true"},"platformFaultDomain":0,
"securityProfile":{"encryptionAtHost":"false","secureBootEnabled":true,"securityType":"TrustedLaunch",
"virtualTpmEnabled":"true"},"tags":"","tagsList":[{"name":"a","value":"1"},{"name":"b","value":"2"}],
"vmId":"%s","vmSize":"4 CPUs","zone":null},"network":{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":
"169.254.9.9","publicIpAddress":""}],"subnet":[{"address":"169.254.0.0","prefix":"16"}]},"ipv6":{"ipAddress":[]},
"macAddress":"525400AA0009"}]}}'''


def text(s):
    b = s.encode() if isinstance(s, str) else s
    return struct.pack('>H', len(b)) + b


def uuid(n):
    return '11111111-2222-4333-8444-%012x' % n


class Reader:
    def __init__(self, b):
        self.b, self.at = b, 0

    def num(self, fmt):
        v, = struct.unpack_from('>' + fmt, self.b, self.at)
        self.at += struct.calcsize('>' + fmt)
        return v

    def text(self):
        n = self.num('H')
        self.at += n
        return self.b[self.at - n:self.at].decode()


def audit_record(body):
    r = Reader(body)
    a = {'time': r.num('Q'), 'kind': r.num('B'), 'transport': r.num('B'), 'status': r.num('H')}
    for name in ('uuid', 'peer', 'path', 'nonce_hash', 'audience', 'result'):
        a[name] = r.text()
    assert r.at == len(body)
    return a


class Control:
    """suretyd's side. Audit records are collected unless deaf."""

    def __init__(self, run, decode=True):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.connect(run + '/imds/imds.sock')
        self.seq, self.answers, self.audits, self.n_audits, self.decode = 0, {}, [], 0, decode
        self.change, self.ended, self.deaf = threading.Condition(), False, False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            while self.deaf:
                time.sleep(0.01)
            try:
                m = self.s.recv(65536)
            except OSError:
                m = b''
            if not m:
                break
            if m[0] == AUDIT:
                self.n_audits += 1
                if not self.decode:
                    continue
            with self.change:
                if m[0] == AUDIT:
                    self.audits.append(audit_record(m[8:]))
                else:
                    self.answers[struct.unpack_from('>I', m, 4)[0]] = m
                self.change.notify_all()
        with self.change:
            self.ended = True
            self.change.notify_all()

    def raw(self, op, body=b'', fd=None):
        self.seq += 1
        frame = struct.pack('>BBHI', op, 1, 0, self.seq) + body
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))] if fd is not None else []
        self.s.sendmsg([frame], extra)
        return self.seq

    def ask(self, op, body=b'', fd=None, want=DONE):
        seq = self.raw(op, body, fd)
        with self.change:
            assert self.change.wait_for(lambda: seq in self.answers or self.ended, 60), 'no answer'
            assert seq in self.answers, 'the connection ended'
            m = self.answers.pop(seq)
        if want is not None and m[0] != want:
            raise AssertionError(f'operation {op} answered {m[0]}: {m[8:]!r}')
        return m

    def audit(self):
        """All records of what was answered before."""
        time.sleep(0.05)        # records wait up to 10 ms for others
        self.status()           # a turn of the loop, at the end of which they go out
        self.status()           # the answer comes after them
        with self.change:
            got, self.audits = self.audits, []
        return got

    def clear(self):
        self.ask(CLEAR)

    def host(self, serving=1, status=0, why='', chain=b'', rate=5, burst=10, host='node1'):
        self.ask(HOST, text(host) + struct.pack('>BH', serving, status) + text(why) + text(chain) +
                 struct.pack('>II', rate, burst))

    def vm(self, n, cid=0, mark=0, instance=None, want=DONE):
        instance = INSTANCE % uuid(n).encode() if instance is None else instance
        return self.ask(VM_PUT, text(uuid(n)) + text(f'vm{n}') + struct.pack('>II', cid, mark) + text(instance), want=want)

    def vm_del(self, n):
        self.ask(VM_DEL, text(uuid(n)))

    def listen(self, sock, name, by=BY_LISTENER, transport=UNIX, vm=None, want=DONE):
        return self.ask(LISTEN, text(name) + bytes([by, transport]) + text(uuid(vm) if vm is not None else ''),
                        sock.fileno(), want)

    def listen_unix(self, path, vm, name=None, **kw):
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.listen(1024)
        r = self.listen(s, name or path, vm=vm, **kw)
        s.close()
        return r

    def listen_tcp(self, address, name, by=BY_LISTENER, vm=None):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(address)
        s.listen(1024)
        port = s.getsockname()[1]
        self.listen(s, name, by, HTTP, vm)
        s.close()
        return port

    def status(self):
        r = Reader(self.ask(STATUS, want=STATUS)[8:])
        return dict(zip(('vms', 'listeners', 'connections', 'requests', 'documents', 'refused', 'signer'),
                        [r.num(f) for f in 'IIIQQQB']))

    def close(self):
        try:
            self.s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.s.close()


class Signer:
    """Answers with a DER look-alike that holds the question. mode: ok, slow, silent, error:KIND, garbage, swap."""

    def __init__(self, run, der=None):
        os.makedirs(run + '/signer', exist_ok=True)
        self.path = run + '/signer/sign.sock'
        self.der, self.mode, self.asked, self.conns, self.open = der, 'ok', [], [], True
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.bind(self.path)
        self.s.listen(4)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while self.open:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            if not self.open:    # who connects again at once would stay
                c.close()
                return
            self.conns.append(c)
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _reply(self, c, seq, q, mode):
        if mode == 'slow':
            time.sleep(1.0)
        nonce = q['nonce'] or '20260728-192400'
        if mode == 'swap':
            nonce = 'somebody-elses'
        kind, body = SIGN_DOCUMENT, self.der or b'\x30\x82' + (repr(q).encode() * 8)[:1400]
        if mode.startswith('error:'):
            kind, body = SIGN_ERROR, bytes([int(mode[6:])]) + text('sign.test') + text('as asked')
        elif mode == 'garbage':
            kind, body = 77, b'\xff' * 40
        else:
            body = text(body) + struct.pack('>QQ', 1790000000, 1790021600) + text(nonce)
        m = struct.pack('>BBHI', kind, 1, 0, seq) + body
        if mode != 'garbage' and seq % 2:    # answers come singly or together
            m = struct.pack('>BBHI', SIGN_ANSWERS, 1, 0, 0) + struct.pack('>BIH', kind, seq, len(body)) + body
        try:
            c.send(m)
        except OSError:
            pass

    def _serve(self, c):
        while True:
            try:
                m = c.recv(65536)
            except OSError:
                return
            if not m:
                return
            assert m[0] == SIGN_DOCUMENTS
            r = Reader(m[8:])
            while r.at < len(r.b):
                assert r.num('B') == SIGN_DOCUMENT
                seq, n = r.num('I'), r.num('H')
                end = r.at + n
                q = {'uuid': r.text(), 'version': r.num('H'), 'nonce': r.text(), 'audience': r.text(), 'key': r.text()}
                assert r.at == end
                self.asked.append(q)
                args = (c, seq, q, self.mode)
                if self.mode == 'slow':
                    threading.Thread(target=self._reply, args=args, daemon=True).start()
                elif self.mode != 'silent':
                    self._reply(*args)

    def stop(self):
        self.open = False
        for c in [self.s] + self.conns:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            c.close()
        os.unlink(self.path)


class Imds:
    """The program under test."""

    def __init__(self, program, run, *options, prefix=()):
        self.log = open(run + '/imds.log', 'ab')
        self.run = run
        self.p = subprocess.Popen([*prefix, program, '--run', run, *options], stderr=self.log, stdout=self.log)
        self.pid = self.p.pid
        atexit.register(self.p.kill)    # does nothing once it was waited for
        for _ in range(6000):
            if os.path.exists(run + '/imds/imds.sock') and b'waiting' in open(run + '/imds.log', 'rb').read():
                break
            assert self.p.poll() is None, open(run + '/imds.log').read()
            time.sleep(0.01)

    def stop(self):
        self.p.terminate()
        return self.p.wait(60)

    def ticks(self):
        """Processor time, of 1/100 s."""
        field = open(f'/proc/{self.pid}/stat').read().rsplit(')', 1)[1].split()
        return int(field[11]) + int(field[12])

    def rss(self):
        return int(open(f'/proc/{self.pid}/statm').read().split()[1]) * 4


def feed(run, rate, listeners):
    c = Control(run, decode=False)
    c.clear()
    c.host(rate=rate, burst=rate, chain=b'\x30\x82\x04\x00' + bytes(1024))
    c.vm(1)
    for at in listeners:
        if at.startswith('unix:'):
            if os.path.exists(at[5:]):
                os.unlink(at[5:])
            c.listen_unix(at[5:], 1)
        else:
            _, host, port = at.split(':')
            c.listen_tcp((host, int(port)), at, vm=1)
    print('ready', flush=True)
    sys.stdin.read()
    print('status', c.status(), 'audits', c.n_audits, flush=True)


if __name__ == '__main__':
    feed(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
