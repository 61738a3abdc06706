#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest-server DIR SOCKET|127.0.0.1:PORT: a metadata service that behaves as DIR/mode says.

It signs with leaf.pem and leaf.key of guest-ca.  Modes are words with blanks between: what the document says (nonce=, vm=,
cluster=, life=, age=, vtpm=off), how it is made (altered, foreign, replay), and how it is sent (chunked, slow, huge,
endless, cut, silent, close, garbage, folded, two, status=N, later=N: N times 429).  Requests are logged in DIR/requests,
one a line; DIR/port is the port of TCP.
"""
import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

DIR, PATH = sys.argv[1:3]
VM = "b1310a36-d400-46f6-82cb-6217df846586"
lock = threading.Lock()


def words():
    with open(f"{DIR}/mode", encoding="ascii") as f:
        return dict((w.split("=", 1) + [""])[:2] for w in f.read().split())


def stamp(t):
    return time.strftime("%m/%d/%y %H:%M:%S -0000", time.gmtime(t))


def document(mode, query):
    nonce = mode.get("nonce", query.get("nonce", [""])[0])
    created = int(time.time()) - int(mode.get("age", 0))
    expires = created + int(mode.get("life", 21600))
    payload = {"licenseType": "", "nonce": nonce, "plan": {"name": "", "product": "", "publisher": ""}, "sku": "",
               "subscriptionId": "8a205152-b25a-417f-a676-80465535a6c9",
               "surety": {"audience": query.get("audience", [""])[0], "cluster": mode.get("cluster", "c1"),
                          "createdOn": created, "expiresOn": expires, "host": "node1",
                          "keyThumbprint": query.get("key", [""])[0],
                          "securityProfile": {"secureBoot": True, "securityType": "TrustedLaunch",
                                              "vTpm": mode.get("vtpm") != "off"}},
               "timeStamp": {"createdOn": stamp(created), "expiresOn": stamp(expires)}, "vmId": mode.get("vm", VM)}
    who = "foreign" if "foreign" in mode else "leaf"
    der = subprocess.run(["openssl", "smime", "-sign", "-nodetach", "-noattr", "-binary", "-md", "sha256", "-outform", "DER",
                          "-signer", f"{DIR}/{who}.pem", "-inkey", f"{DIR}/{who}.key"], check=True, capture_output=True,
                         input=json.dumps(payload, separators=(",", ":")).encode()).stdout
    if "altered" in mode:
        der = der.replace(b'"host":"node1"', b'"host":"node2"')
    with open(f"{DIR}/issuing.der", "rb") as f:
        chain = base64.b64encode(f.read()).decode()
    answer = {"encoding": "pkcs7", "signature": base64.b64encode(der).decode(),
              "surety": {"chain": [chain], "host": "node1", "transport": "unix"}}
    return json.dumps(answer, separators=(",", ":")).encode()


def send(c, mode, status, body, extra=b""):
    head = b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\n%s" % (status, extra)
    if "folded" in mode:
        head += b"X: a\r\n b\r\n"
    if "chunked" in mode:
        c.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 700):
            part = body[i:i + 700]
            c.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        c.sendall(b"0\r\n\r\n")
    elif "slow" in mode:
        for byte in head:
            c.sendall(bytes([byte]))
            time.sleep(0.1)
    elif "cut" in mode:
        c.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:len(body) // 2])
    else:
        c.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body + (b"more" if "two" in mode else b""))


def endless(c):
    c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        c.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")


def answer(c, mode, target):
    url = urlsplit(target)
    query = parse_qs(url.query)
    if url.path == "/metadata/surety/verification":
        return send(c, {}, 204, b"")
    later = int(mode.get("later", 0))
    if later:
        mode["later"] = str(later - 1)
        with open(f"{DIR}/mode", "w", encoding="ascii") as f:
            f.write(" ".join(k + ("=" + v if v else "") for k, v in mode.items()))
        return send(c, {}, 429, b'{"error":"too many"}', b"Retry-After: 1\r\n")
    if "status" in mode:
        return send(c, {}, int(mode["status"]), b'{"error":"\x1b[2Jno"}')
    if "replay" in mode:
        with open(f"{DIR}/old", "rb") as f:
            return send(c, mode, 200, f.read())
    body = document(mode, query)
    with open(f"{DIR}/old", "wb") as f:
        f.write(body)
    return send(c, mode, 200, body)


def serve(c):
    mode = words()
    try:
        if "close" in mode:
            return
        data = b""
        while b"\r\n\r\n" not in data:
            more = c.recv(4096)
            if not more:
                return
            data += more
        lines = data.decode("ascii").split("\r\n")
        with lock, open(f"{DIR}/requests", "a", encoding="ascii") as f:
            f.write(" | ".join(x for x in lines if x) + "\n")
        if "silent" in mode:
            time.sleep(20)
        elif "garbage" in mode:
            c.sendall(os.urandom(2000))
        elif "huge" in mode:
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + b"a" * 200000)
        elif "endless" in mode:
            endless(c)
        else:
            answer(c, mode, lines[0].split(" ")[1])
    except OSError:
        pass
    finally:
        c.close()


if PATH.startswith("127."):
    listener = socket.create_server((PATH.split(":")[0], int(PATH.split(":")[1])))
    with open(f"{DIR}/port.new", "w", encoding="ascii") as out:
        out.write(str(listener.getsockname()[1]))
    os.rename(f"{DIR}/port.new", f"{DIR}/port")
else:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(PATH + ".new")
    listener.listen(16)
    os.rename(PATH + ".new", PATH)      # who sees it can connect
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
