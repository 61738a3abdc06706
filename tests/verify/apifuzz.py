#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""apifuzz.py SOCKET COUNT SEED [--unsafe]: requests made from the API's own OpenAPI document, right ones and odd ones.

Every answer has to be one that the document promises: its status, its content type, and a body that fits its schema; an
error is a problem with an id.  Prints what does not hold, and how many requests there were.  Without --unsafe the host
stays enrolled and its legacy network untouched.
"""
import http.client
import json
import random
import re
import socket
import sys
from urllib.parse import quote

UNSAFE = {'removeServer', 'enrolServer', 'syncServer', 'enableLegacy', 'disableLegacy'}
ID = re.compile(r'^[a-z][a-z0-9]*(\.[a-z0-9_-]+)+$')
ODD = ['', '.', '..', '%', '\0', 'a' * 300, 'a' * 9000, '-1', '0', '1e9', '99999999999999999999', 'ä', '\U0001f600', "'", '"', '\n',
       '../server', '{}', 'null', '20260101-000000-0000', '11111111-2222-4333-8444-555555555501', 'fc1']


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def resolve(doc, schema):
    while '$ref' in schema:
        at = doc
        for part in schema['$ref'].removeprefix('#/').split('/'):
            at = at[part]
        schema = at
    return schema


TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}


def is_type(value, name):
    if name == 'integer':
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits(doc, schema, value, where='$'):
    """What of value is not as schema says; None: all of it is."""
    schema = resolve(doc, schema)
    for part in schema.get('allOf', []):
        if bad := fits(doc, part, value, where):
            return bad
    if 'anyOf' in schema and all(fits(doc, s, value, where) for s in schema['anyOf']):
        return where + ': ' + '; '.join(str(fits(doc, s, value, where)) for s in schema['anyOf'])
    types = schema.get('type', [])
    types = types if isinstance(types, list) else [types]
    if types and not any(is_type(value, t) for t in types):
        return f'{where}: {str(value)[:60]!r} is no {types}'
    if 'enum' in schema and value not in schema['enum']:
        return f'{where}: {value!r} is none of {schema["enum"]}'
    if isinstance(value, dict):
        for name in schema.get('required', []):
            if name not in value:
                return f'{where}: {name} is missing'
        for name, part in schema.get('properties', {}).items():
            if name in value and (bad := fits(doc, part, value[name], f'{where}.{name}')):
                return bad
    if isinstance(value, list) and 'items' in schema:
        for i, v in enumerate(value):
            if bad := fits(doc, schema['items'], v, f'{where}[{i}]'):
                return bad
    return None


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
        return {n: sample(doc, s, rng) for n, s in schema.get('properties', {}).items()
                if n in required or rng.random() < 0.5}
    if kind == 'array':
        return [sample(doc, schema['items'], rng) for _ in range(rng.randint(0, 3))]
    return {'boolean': rng.random() < 0.5, 'integer': rng.randint(0, 100)}.get(kind, rng.choice(ODD))


def body_of(doc, op, rng):
    if 'requestBody' not in op:
        return None
    text = json.dumps(sample(doc, op['requestBody']['content']['application/json']['schema'], rng)).encode()
    how = rng.random()
    if how < 0.1:
        return text[:rng.randint(0, len(text))]
    if how < 0.15:
        return bytes(rng.randrange(256) for _ in range(rng.randint(0, 200)))
    if how < 0.17:
        return b'[' * 20000
    if how < 0.18:
        return b' ' * (2 << 20)
    return text


def one(doc, path, method, op, rng, sock):
    url = re.sub(r'\{\w+\}', lambda _: quote(rng.choice(ODD), safe='') or 'x', path)
    query = [f'{p["name"]}={quote(rng.choice(ODD))}' for p in op.get('parameters', [])
             if p['in'] == 'query' and p['name'] != 'wait' and rng.random() < 0.5]
    url += '?' + '&'.join(query) if query else ''
    body = body_of(doc, op, rng)
    conn = Unix(sock)
    try:
        conn.request(method.upper(), url, body)
    except BrokenPipeError:
        pass  # refused before all of it was sent
    r = conn.getresponse()
    status, kind, data = r.status, (r.headers['Content-Type'] or '').split(';')[0], r.read()
    conn.close()
    if str(status) in op['responses']:
        media = op['responses'][str(status)]['content']
    elif status >= 400:
        media = doc['components']['responses']['Problem']['content']
    else:
        return f'{url[:80]}: status {status}'
    if kind not in media:
        return f'{url[:80]}: status {status}, type {kind}'
    if not kind.endswith('json'):
        return None
    bad = fits(doc, media[kind]['schema'], json.loads(data))
    if not bad and status >= 400 and not ID.match(json.loads(data)['id']):
        bad = 'an id that is none'
    if not bad and status >= 500 and json.loads(data)['id'].startswith('api.'):
        bad = 'an error of the caller with status 500'
    return f'{method} {url[:80]}: {status}: {bad}' if bad else None


def main():
    sock, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    unsafe = '--unsafe' in sys.argv
    conn = Unix(sock)
    conn.request('GET', '/v1/openapi.json')
    doc = json.loads(conn.getresponse().read())
    rng = random.Random(seed)
    ops = [(p, m, op) for p, item in doc['paths'].items() for m, op in item.items()
           if (unsafe or op['operationId'] not in UNSAFE) and op['operationId'] != 'watchJob']
    failed, seen = 0, {}
    for i in range(count):
        path, method, op = ops[i % len(ops)]
        try:
            bad = one(doc, path, method, op, rng, sock)
        except (OSError, ValueError, http.client.HTTPException) as e:
            bad = f'{method} {path}: {e!r}'
        if bad and failed < 20:
            print(bad)
        failed += bool(bad)
        seen[op['operationId']] = seen.get(op['operationId'], 0) + 1
    print(f'{count} requests of {len(seen)} operations, {failed} answered otherwise than promised')
    return failed > 0


sys.exit(main())
