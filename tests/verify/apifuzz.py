#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""apifuzz.py SOCKET COUNT SEED [--as USER[:GROUP]] [--rules FILE] [--known SEGMENT=VALUE]... [--unsafe]

Requests made from the API's own OpenAPI document, right ones and odd ones: values on the edge, wrong types, missing and
other members, double and deep ones, broken JSON, other methods and content types.  Every answer has to be one that the
document promises, within 10 seconds: its status, its content type, and a body that fits its schema and has nothing more;
an error is a problem with an id of FILE.  Who is no manager gets nothing but what everybody may have.

--known SEGMENT=VALUE: what may stand behind a segment of the path, so that each GET is answered with success once.  Without --unsafe
the host stays enrolled and its legacy network untouched.  Prints what does not hold, and how many requests there were.
"""
import argparse
import http.client
import json
import os
import random
import re
import socket
import sys
import time
from urllib.parse import quote

UNSAFE = {'removeServer', 'enrolServer', 'syncServer', 'enableLegacy', 'disableLegacy'}
ID = re.compile(r'^[a-z][a-z0-9]*(\.[a-z0-9_-]+)+$')
TIME = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
ODD = ['', '.', '..', '%', '\0', 'a' * 300, 'a' * 9000, '-1', '0', '1e9', '99999999999999999999', 'ä', '\U0001f600', "'", '"', '\n',
       '../server', '{}', 'null', '20260101-000000-0000', '11111111-2222-4333-8444-555555555501', '\u202e', '\ufeff', 'a/b',
       '%00', "' OR 1=1 --"]
METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW']
KINDS = ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'x', '']
SLOW_S = 10


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


# ---- does an answer fit ----------------------------------------------------------------------------------------------

def resolve(doc, schema):
    while '$ref' in schema:
        at = doc
        for part in schema['$ref'].removeprefix('#/').split('/'):
            at = at[part]
        schema = at
    if 'allOf' in schema:
        parts = [resolve(doc, s) for s in schema['allOf']]
        schema = {'type': 'object', 'required': [r for p in parts for r in p.get('required', [])],
                  'properties': {n: s for p in parts for n, s in p['properties'].items()}}
    return schema


TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}


def is_type(value, name):
    if name == 'integer':
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits_object(doc, schema, value, where):
    for name in schema.get('required', []):
        if name not in value:
            return f'{where}: {name} is missing'
    more = schema.get('additionalProperties', 'properties' not in schema)
    for name, v in value.items():
        part = schema.get('properties', {}).get(name, more)
        if part is False:
            return f'{where}: {name} is not in the document'
        if part is not True and (bad := fits(doc, part, v, f'{where}.{name}')):
            return bad
    return None


def fits(doc, schema, value, where='$'):
    """What of value is not as schema says; None: all of it is."""
    schema = resolve(doc, schema)
    if 'anyOf' in schema:
        all_bad = [fits(doc, s, value, where) for s in schema['anyOf']]
        return where + ': ' + '; '.join(all_bad) if all(all_bad) else None
    types = schema.get('type', [])
    types = types if isinstance(types, list) else [types]
    if types and not any(is_type(value, t) for t in types):
        return f'{where}: {str(value)[:60]!r} is no {types}'
    if 'enum' in schema and value not in schema['enum']:
        return f'{where}: {value!r} is none of {schema["enum"]}'
    if schema.get('format') == 'date-time' and isinstance(value, str) and not TIME.match(value):
        return f'{where}: {value!r} is no time'
    if isinstance(value, dict):
        return fits_object(doc, schema, value, where)
    if isinstance(value, list) and 'items' in schema:
        for i, v in enumerate(value):
            if bad := fits(doc, schema['items'], v, f'{where}[{i}]'):
                return bad
    return None


# ---- requests --------------------------------------------------------------------------------------------------------

def any_value(rng, depth=0):
    make = [lambda: rng.choice(ODD), lambda: rng.randint(-2**63, 2**64), lambda: None, lambda: True, lambda: 1.5,
            lambda: [any_value(rng, depth + 1) for _ in range(rng.randint(0, 3))] if depth < 3 else [],
            lambda: {rng.choice(ODD): any_value(rng, depth + 1)} if depth < 3 else {}]
    return rng.choice(make)()


def sample(doc, schema, rng):
    schema = resolve(doc, schema)
    if rng.random() < 0.1:
        return any_value(rng)
    if 'enum' in schema:
        return rng.choice(schema['enum'])
    kind = schema.get('type')
    if kind == 'object':
        required = set(schema.get('required', []))
        o = {n: sample(doc, s, rng) for n, s in schema.get('properties', {}).items()
             if (n in required and rng.random() < 0.95) or rng.random() < 0.5}
        if rng.random() < 0.05:
            o[rng.choice(ODD)] = any_value(rng)
        return o
    if kind == 'array':
        return [sample(doc, schema['items'], rng) for _ in range(rng.randint(0, 3))]
    return {'boolean': rng.random() < 0.5, 'integer': rng.randint(0, 100)}.get(kind, rng.choice(ODD))


def twice(text):
    return text.replace(b'{', b'{"op":"assess","op":"upgrade",', 1)


# how often, and what becomes of the right text
BROKEN = [(0.08, lambda text, rng: text[:rng.randint(0, len(text))]),
          (0.05, lambda text, rng: bytes(rng.randrange(256) for _ in range(rng.randint(0, 200)))),
          (0.02, lambda text, rng: b'[' * 15000),
          (0.02, lambda text, rng: b'{"a":' * 2000 + b'1' + b'}' * 2000),
          (0.02, lambda text, rng: b'{"vm":' + b'[' * 900 + b']' * 900 + b'}'),
          (0.03, lambda text, rng: twice(text)),
          (0.02, lambda text, rng: b'\xef\xbb\xbf' + text),
          (0.005, lambda text, rng: b' ' * (2 << 20))]


def body_of(doc, op, rng):
    if 'requestBody' not in op:
        return rng.choice([None, None, None, b'{}', b'{"x":1}', b'x'])
    text = json.dumps(sample(doc, op['requestBody']['content']['application/json']['schema'], rng)).encode()
    for chance, change in BROKEN:
        if rng.random() < chance:
            return change(text, rng)
    return text


class Run:
    def __init__(self, args):
        self.sock, self.rng, self.known = args.socket, random.Random(args.seed), dict(k.split('=', 1) for k in args.known)
        self.doc = json.loads(self.ask('GET', '/v1/openapi.json')[2])
        self.manager = args.manager
        self.ids = set(re.findall(r'`([a-z][a-z0-9.*-]*\.[a-z0-9.*-]+)`', open(args.rules).read())) if args.rules else None
        self.ops = [(p, m, op) for p, item in self.doc['paths'].items() for m, op in item.items()
                    if (args.unsafe or op['operationId'] not in UNSAFE) and op['operationId'] != 'watchJob']
        self.good, self.slowest = set(), 0

    def ask(self, method, url, body=None, headers=None):
        conn = Unix(self.sock)
        try:
            conn.request(method, url, body, headers or {})
        except BrokenPipeError:
            pass  # refused before all of it was sent
        r = conn.getresponse()
        found = r.status, r.headers, r.read()
        conn.close()
        return found

    def is_known(self, name):
        parts = name.split('.')
        return self.ids is None or name in self.ids or any('.'.join(parts[:i]) + '.*' in self.ids for i in range(1, len(parts)))

    def problem(self, status, kind, data):
        media = self.doc['components']['responses']['Problem']['content']
        if kind not in media:
            return f'type {kind}'
        o = json.loads(data)
        if bad := fits(self.doc, media[kind]['schema'], o):
            return bad
        if not ID.match(o['id']) or not self.is_known(o['id']):
            return f'an id that is none: {o["id"]}'
        if o['status'] != status:
            return 'another status in the body'
        if status >= 500 and o['id'].startswith(('api.', 'http.path', 'http.method')):
            return 'an error of the caller with status 500'
        return None

    def judge(self, op, method, status, headers, data):
        kind = (headers['Content-Type'] or '').split(';')[0]
        if headers['Cache-Control'] != 'no-store':
            return 'it may be stored'
        if not self.manager and op['x-surety-access'] == 'managers' and status not in (403, 404, 405, 413, 414):
            return f'status {status} for somebody who is no manager'
        if method == 'HEAD':
            return 'a body' if data else None
        if status >= 400:
            return self.problem(status, kind, data)
        if str(status) not in op['responses']:
            return 'a status that is not in the document'
        media = op['responses'][str(status)]['content']
        if kind not in media:
            return f'type {kind}'
        self.good.add(op['operationId'])
        return fits(self.doc, media[kind]['schema'], json.loads(data)) if kind.endswith('json') else None

    def value(self, segment, right):
        if segment in self.known and (right or self.rng.random() < 0.3):
            return self.known[segment]
        return self.rng.choice(ODD)

    def one(self, path, method, op, right=False):
        rng = self.rng
        url = re.sub(r'(\w+)/\{\w+\}', lambda m: m[1] + '/' + (quote(self.value(m[1], right), safe='') or 'x'), path)
        query = [f'{p["name"]}={quote(rng.choice(ODD + p["schema"].get("enum", [])))}' for p in op.get('parameters', [])
                 if p['in'] == 'query' and p['name'] != 'wait' and rng.random() < 0.5]
        url += '?' + '&'.join(query) if query and not right else ''
        method, body, headers = method.upper(), None if right else body_of(self.doc, op, rng), {}
        if not right and rng.random() < 0.1:
            headers['Content-Type'] = rng.choice(KINDS)
        if not right and rng.random() < 0.05:
            others = {m.upper() for m in self.doc['paths'][path]}
            method = rng.choice([m for m in METHODS if m not in others])
            if method == 'HEAD' or method == 'TRACE':
                body = None
        start = time.monotonic()
        status, headers, data = self.ask(method, url, body, headers)
        took = time.monotonic() - start
        self.slowest = max(self.slowest, took)
        bad = self.judge(op, method, status, headers, data)
        if not bad and took > SLOW_S:
            bad = f'it took {took:.1f} s'
        return f'{method} {url[:80]}: {status}: {bad}' if bad else None

    def run(self, count):
        failed = 0
        gets = [(p, m, op) for p, m, op in self.ops if m == 'get']
        for i in range(-len(gets), count):
            path, method, op = gets[i] if i < 0 else self.ops[i % len(self.ops)]
            try:
                bad = self.one(path, method, op, i < 0)
            except (OSError, ValueError, http.client.HTTPException) as e:
                bad = f'{method} {path}: {e!r}'
            if bad and failed < 20:
                print(bad)
            failed += bool(bad)
        missed = [op['operationId'] for _, _, op in gets if op['operationId'] not in self.good]
        if self.known and missed:
            print('never answered with success:', *missed)
            failed += 1
        print(f'{count} requests of {len(self.ops)} operations, {failed} answered otherwise than promised, the slowest in'
              f' {self.slowest * 1000:.0f} ms, {len(self.good)} operations with success')
        return failed > 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument('socket')
    p.add_argument('count', type=int)
    p.add_argument('seed', type=int)
    p.add_argument('--as', dest='user', default='', help='UID[:GROUP]: that user, with this group beside')
    p.add_argument('--no-manager', dest='manager', action='store_false')
    p.add_argument('--rules')
    p.add_argument('--known', action='append', default=[])
    p.add_argument('--unsafe', action='store_true')
    args = p.parse_args()
    run_as = [int(n) for n in args.user.split(':')] if args.user else []
    if run_as:
        os.setgroups(run_as[1:])
        os.setgid(65534)
        os.setuid(run_as[0])
    return Run(args).run(args.count)


sys.exit(main())
