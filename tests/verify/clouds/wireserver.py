#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""wireserver.py LOG: what Azure's agents ask beside the metadata service, answered just so that they go on.

The host's agent of Azure at 168.63.129.16 (goal state, health reports) is no part of surety. cloud-init and waagent
want an answer from it before and between their calls of the metadata service, which are what the test is about.
LOG gets a line for each request.
"""
import http.server
import json
import sys
import threading

ADDRESS = '168.63.129.16'
HEAD = '<?xml version="1.0" encoding="utf-8"?>'
CONTAINER = '11111111-0000-4000-8000-00000000000c'
INSTANCE = '11111111-0000-4000-8000-00000000000d._vm'


def config_url(kind):
    return f'<{kind[0].upper()}{kind[1:]}>http://{ADDRESS}:80/machine/c/i?comp=config&amp;type={kind}&amp;incarnation=1' \
           f'</{kind[0].upper()}{kind[1:]}>'


GOAL_STATE = (
    f'{HEAD}<GoalState><Version>2012-11-30</Version><Incarnation>1</Incarnation><Machine>'
    '<ExpectedState>Started</ExpectedState><StopRolesDeadlineHint>300000</StopRolesDeadlineHint>'
    '<LBProbePorts><Port>16001</Port></LBProbePorts><ExpectHealthReport>FALSE</ExpectHealthReport></Machine>'
    f'<Container><ContainerId>{CONTAINER}</ContainerId><RoleInstanceList><RoleInstance>'
    f'<InstanceId>{INSTANCE}</InstanceId><State>Started</State><Configuration>'
    + ''.join(map(config_url, ('hostingEnvironmentConfig', 'sharedConfig', 'extensionsConfig', 'fullConfig'))) +
    '<ConfigName>c.1.xml</ConfigName></Configuration></RoleInstance></RoleInstanceList></Container></GoalState>')
VERSIONS = (f'{HEAD}<Versions><Preferred><Version>2012-11-30</Version></Preferred>'
            '<Supported><Version>2012-11-30</Version><Version>2015-04-05</Version></Supported></Versions>')
DEPLOYMENT = ('<Deployment name="d" guid="{0}" incarnation="0"><Service name="s" guid="{0}"/>'
              '<ServiceInstance name="d.0" guid="{0}"/></Deployment><Incarnation number="1" instance="vm" guid="{0}"/>'
              '<Role guid="{0}" name="vm" settleTimeSeconds="0"/>')
CONFIG = {
    'hostingEnvironmentConfig':
        f'{HEAD}<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="1"><StoredCertificates/>{DEPLOYMENT}'
        '<HostingEnvironmentSettings name="full" Runtime="none"/></HostingEnvironmentConfig>',
    'sharedConfig': f'{HEAD}<SharedConfig version="1.0.0.0" goalStateIncarnation="1">{DEPLOYMENT}</SharedConfig>',
    'extensionsConfig':
        f'{HEAD}<Extensions version="1.0.0.0" goalStateIncarnation="1"><GuestAgentExtension><GAFamilies>'
        '<GAFamily><Name>Prod</Name><Uris/></GAFamily></GAFamilies></GuestAgentExtension><Plugins/><PluginSettings/>'
        '<StatusUploadBlob/></Extensions>',
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        port = self.connection.getsockname()[1]
        status, body = self.plugin() if port == 32526 else self.wire()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json' if port == 32526 else 'text/xml; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
        log.write(f'{self.command} {port} {self.path} {status}\n')

    def plugin(self):
        if self.path.startswith('/versions'):
            return 200, json.dumps(['2015-09-01'])
        return (404, '') if self.path.startswith('/vmSettings') else (200, '')

    def wire(self):
        query = dict(p.split('=', 1) for p in self.path.partition('?')[2].split('&') if '=' in p)
        comp = query.get('comp', '').lower()
        if comp == 'config':
            return 200, CONFIG.get(query.get('type'), '').replace('{0}', '{11111111-0000-4000-8000-00000000000e}')
        return 200, {'versions': VERSIONS, 'goalstate': GOAL_STATE}.get(comp, '')

    do_GET = do_POST = do_PUT = answer


log = open(sys.argv[1], 'a', buffering=1)
servers = [http.server.ThreadingHTTPServer((ADDRESS, port), Handler) for port in (80, 32526)]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
