#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""cmpmock CA STATE: HTTP in front of the mock server of `openssl cmp`, which issues nothing itself.

For each ir and kur a host certificate for the key in the message is made with hostcert.sh, and a mock started that
hands it out; confirmations go to the same mock. Prints the port, then one line a message. STATE/mode, read at each
message, says what is wrong with the answer:
  ok           nothing        explicit   nothing, and confirmation is asked for      key    for another key
  host         another name   eku        for TLS                                    root   from another authority (CA.2)
  old          expired        hostsigner the answer is protected by a host's certificate (CA/rogue.pem, rogue.key)
  garbage      no CMP         slow       an answer when the mode is another
"""
import ctypes
import http.client
import http.server
import os
import signal
import subprocess
import sys
import time

CA, STATE = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
ALGORITHMS = [bytes.fromhex(h) for h in ('300d06092a864886f70d0101010500', '301306072a8648ce3d020106082a8648ce3d030107')]
BODY = {0xa0: 'ir', 0xa7: 'kur', 0xb8: 'certConf'}
mock = None


def header(b):
    """Length of header and contents of the element at the start."""
    n, at = b[1], 2
    if n & 0x80:
        at += n & 0x7f
        n = int.from_bytes(b[2:at], 'big')
    return at, n


def kind(message):
    at, _ = header(message)
    h, n = header(message[at:])
    return BODY.get(message[at + h + n], 'other')


def public_key(message):
    """The first SubjectPublicKeyInfo in it, which is the template's."""
    at, alg = min((message.find(a), a) for a in ALGORITHMS if a in message)
    h, n = header(message[at + len(alg):])
    inner = alg + message[at + len(alg):at + len(alg) + h + n]
    size = b'\x82' + len(inner).to_bytes(2, 'big') if len(inner) > 255 else bytes([0x81, len(inner)]) if len(inner) > 127 else bytes([len(inner)])
    return b'\x30' + size + inner


def mode():
    with open(f'{STATE}/mode') as f:
        return f.read().strip()


def die_with_us():
    """The suite ends us with a signal that leaves no time for anything."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG


def start(message, what):
    global mock
    if mock:
        mock.kill()
        mock.wait()
    m = mode()
    env = {**os.environ, 'M': m, 'CA': CA + '.2' if m == 'root' else CA, 'OUT': f'{STATE}/issued', 'HERE': HERE}
    if m == 'eku':
        env['EKU'] = 'serverAuth'
    with open(f'{STATE}/pub.der', 'wb') as f:
        f.write(public_key(message))
    subprocess.run(['bash', '-c', '''. "$HERE/hostcert.sh"
        openssl pkey -pubin -inform DER -in "${OUT%issued}pub.der" -out "$OUT.pub" || exit 1
        [ "$M" != key ] || openssl pkey -in "$CA/any.key" -pubout -out "$OUT.pub"
        name=$(cat "${OUT%issued}host"); [ "$M" != host ] || name=other
        dates=(); [ "$M" != old ] || dates=(-days -1)
        # the mock answers a kur only for the very certificate it hands out: same issuer, same serial number
        [ ! -s "$OUT.serial" ] || export SERIAL="0x$(cat "$OUT.serial")"
        issue_host "$CA" "$name" "$OUT.pub" "$OUT.pem" "${dates[@]}" &&
            openssl x509 -in "$OUT.pem" -noout -serial | sed 's/.*=//' >"$OUT.serial"'''], env=env, check=True)
    srv = f'{CA}/rogue' if m == 'hostsigner' else f'{CA}/issuing'
    cmd = ['openssl', 'cmp', '-port', '0', '-srv_cert', srv + '.pem', '-srv_key', srv + '.key', '-srv_trusted', f'{CA}/chain.pem',
           '-rsp_cert', f'{STATE}/issued.pem', '-rsp_extracerts', f"{env['CA']}/issuing.pem", '-rsp_capubs', f'{CA}/root.pem',
           '-srv_untrusted', f'{CA}/issuing.pem']
    if what == 'ir':
        with open(f'{STATE}/secret') as f:
            cmd += ['-srv_ref', 'node1', '-srv_secret', 'pass:' + f.read().strip()]
    if m != 'explicit':
        cmd += ['-grant_implicitconf']
    # port 0 is told in a line like "ACCEPT 0.0.0.0:41193 PID=..."
    mock = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=open(f'{STATE}/mock.log', 'ab'), text=True,
                            preexec_fn=die_with_us)
    for line in mock.stdout:
        if line.startswith('ACCEPT'):
            mock.http = http.client.HTTPConnection('127.0.0.1', int(line.split()[1].rsplit(':', 1)[1]), timeout=20)
            return
    raise OSError('the mock does not start')


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = self.rfile.read(int(self.headers['Content-Length']))
        what = kind(message)
        print(what, flush=True)
        while mode() == 'slow':
            time.sleep(0.05)
        if what in ('ir', 'kur'):
            start(message, what)
        status, answer = 200, b'no message'
        if mode() != 'garbage':
            mock.http.request('POST', '/pkix/', message, {'Content-Type': 'application/pkixcmp', 'Connection': 'keep-alive'})
            r = mock.http.getresponse()
            status, answer = r.status, r.read()
        self.send_response(status)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


try:
    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
finally:
    if mock:
        mock.kill()
