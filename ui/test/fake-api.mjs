/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stand-in for suretyd's management API, for tests of the page alone: it is never installed.
 *
 *   node fake-api.mjs SOCKET [--vms N] [--servers N] [--state Active|Expired|Inactive...]
 *
 * Answers have the form of data/openapi.json, to which contract.test.mjs holds each of them.  A sync makes an expired
 * server active, an action does what it says at once, a job goes through its steps in TICK_MS each; an upgrade of vm7
 * fails, and it is brought back. */
import { createServer } from "node:http";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TICK_MS = 150;
const STEPS = ["checking", "stopping", "saving", "converting", "redefining", "starting", "verifying", "ending"];
const benefit = (id, title, description, require) => ({
    id,
    title,
    description,
    source: "shipped",
    eligible: { os: "", version: "", edition: "", buildFrom: 0 },
    require: { transport: "any", secureBoot: false, vTpm: false, minBuild: [], ...require },
});
const BENEFITS = [
    benefit("esu", "Extended security updates", "Updates for Windows Server 2012", { transport: "legacy" }),
    benefit("guest-configuration", "Guest configuration", "Settings of the system as code", {}),
    benefit("multi-session", "Windows multi-session desktop", "Session hosts", { minBuild: ["22621.3447"] }),
];
const iso = ms => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
const uuid = i => `5ec0de00-0000-4000-8000-${i.toString(16).padStart(12, "0")}`;

const REASONS = {
    Active: ["server.active", "VMs are attested", null],
    Expired: ["server.expired", "the certificate ended", "Run: surety server sync"],
    Inactive: ["server.not-enrolled", "this host is not enrolled", "Run: surety server enrol"],
    Error: ["server.signer", "surety-signer does not answer", "Start it: systemctl start surety-signer"],
};

function makeServer(state, name = "node1") {
    const [id, text, remedy] = REASONS[state];
    const now = Date.now(),
        day = 86400000,
        good = state === "Active";
    return {
        name,
        cluster: "lab",
        state,
        reason: { id, text, remedy },
        warnings: [],
        authority: "http://authority.example.org:8829",
        certificate:
            state === "Inactive"
                ? null
                : {
                      serial: "01",
                      notBefore: iso(now - 31 * day),
                      notAfter: iso(good ? now + 29 * day : now - day),
                  },
        sync: {
            last: iso(good ? now - 3600000 : now - 31 * day),
            lastAttempt: null,
            outcome: "done",
            problem: null,
            next: iso(now + 11 * 3600000),
            neededBefore: null,
        },
        vms: { running: 0, served: 0, cutOff: 0 },
        parts: {
            signer: { connected: true, state: "ready", key: "file", signed: 7 },
            imds: { connected: true, vms: 1, listeners: 1, connections: 0, requests: 9, documents: 7, refused: 0 },
            libvirt: { uri: "qemu:///system", connected: true },
            vsock: { open: true, port: 8080 },
        },
        legacy: { enabled: false },
    };
}

/* Every fourth VM has everything, the others lack something each. */
function makeVm(i) {
    const kind = i % 4,
        running = kind !== 3,
        uefi = kind === 0;
    const benefits = [
        [{ id: "guest-configuration", status: "active", action: null }],
        [
            { id: "guest-configuration", status: "inactive", action: "verify" },
            { id: "multi-session", status: "inactive", action: "install-updates" },
        ],
        [
            { id: "esu", status: "inactive", action: "legacy-network" },
            { id: "guest-configuration", status: "inactive", action: "add-vsock" },
        ],
        [{ id: "guest-configuration", status: "unknown", action: "agent-channel" }],
    ][kind];
    return {
        uuid: uuid(i),
        name: `vm${i}`,
        source: "libvirt",
        running,
        status: ["Active", "Ready", "Inactive", "Stopped"][kind],
        problem: null,
        transports: [["vsock"], ["vsock"], [], []][kind],
        served: kind < 2,
        cid: kind < 2 ? 100 + i : 0,
        mark: 0,
        security: {
            secureBoot: uefi,
            securityType: uefi ? "TrustedLaunch" : "Standard",
            vTpm: uefi,
            customCommand: false,
        },
        lastDocument: kind === 0 ? iso(Date.now() - 60000) : null,
        lastVerified: kind === 0 ? iso(Date.now() - 60000) : null,
        lastResult: kind === 0 ? "ok" : null,
        firmware: uefi ? "uefi" : "bios",
        upgrade: null,
        benefits: BENEFITS.map(
            ({ id }) => benefits.find(o => o.id === id) ?? { id, status: "not-applicable", action: null },
        ),
        benefit_status: ["active", "inactive", "inactive", "unknown"][kind],
        os:
            kind === 3
                ? null
                : {
                      id: kind === 1 ? "windows" : "debian",
                      version: kind === 1 ? "11" : "12",
                      name: kind === 1 ? "Windows 11 Enterprise multi-session" : "Debian GNU/Linux 12",
                      edition: "",
                      build: kind === 1 ? 22621 : 0,
                      revision: kind === 1 ? 1105 : null,
                      source: "agent",
                      at: iso(Date.now() - 5000),
                  },
        agentChannel: kind !== 3,
        vsock: kind < 2,
        legacy: false,
    };
}

const FINDINGS = vm => [
    {
        id: "vm.xml.machine",
        severity: "ok",
        source: "domain XML",
        message: "the machine type is known",
        remedy: null,
    },
    {
        id: "vm.practice.restore-point",
        severity: "warning",
        source: "not checked",
        message: `${vm} has no tested backup`,
        remedy: "Have a backup of the VM that was tested",
    },
    ...(vm === "vm3"
        ? [
              {
                  id: "vm.disk.rules",
                  severity: "stop",
                  source: "disk",
                  message: "there are four primary partitions (MBR2GPT: V5, 12)",
                  remedy: "Delete one of them",
              },
          ]
        : []),
];

/* DER, as much as a document needs. */
const der = (tag, ...parts) => {
    const content = Buffer.concat(parts);
    const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
};
const OID_DATA = Buffer.from("2a864886f70d010701", "hex"),
    OID_SIGNED = Buffer.from("2a864886f70d010702", "hex");

/* A SignedData without signers: the page reads what was signed and verifies nothing. */
export const makeDocument = claims =>
    der(
        0x30,
        der(0x06, OID_SIGNED),
        der(
            0xa0,
            der(
                0x30,
                der(0x02, Buffer.from([1])),
                der(0x31),
                der(0x30, der(0x06, OID_DATA), der(0xa0, der(0x04, Buffer.from(JSON.stringify(claims))))),
                der(0x31),
            ),
        ),
    ).toString("base64");

const problem = (status, id, detail, remedy) => ({
    status,
    type: "application/problem+json",
    body: { type: `urn:surety:error:${id}`, title: "Refused", status, detail, id, remedy },
});
const ok = (body, status = 200) => ({ status, body });
const BUSY = ["vm.busy", "the VM is being changed by somebody else", "Try again in a moment"];

/* Jobs: one VM after the other, a step a tick. */
function makeJobs(world, findVm) {
    const stamp = job => Object.assign(job, { change: String(Number(job.change ?? 0) + 1) });
    const fails = (job, vm) => job.op === "upgrade" && vm.name === "vm7";

    function end(job) {
        const bad = job.vms.some(v => v.outcome !== "ok");
        for (const v of job.vms) job.counts[v.outcome] = (job.counts[v.outcome] ?? 0) + 1;
        Object.assign(job, {
            state: "ended",
            ended: Math.floor(Date.now() / 1000),
            status: job.cancelled ? 3 : bad ? 1 : 0,
        });
    }

    function finish(job, vm) {
        const target = findVm(vm.name);
        if (fails(job, vm))
            return Object.assign(vm, {
                outcome: "failed",
                step: "as before",
                percent: 100,
                endedMs: Date.now(),
                id: "vm.verify.timeout",
                text: "the guest did not come up in time",
                remedy: "Look at its console, and give it more time: --verify-timeout",
            });
        Object.assign(vm, {
            outcome: "ok",
            percent: 100,
            endedMs: Date.now(),
            summary:
                {
                    assess: "can be upgraded",
                    upgrade: "upgraded: Secure Boot on, vTPM present",
                    rollback: "as before",
                }[job.op] ?? "done",
        });
        const made = (firmware, state, on) =>
            Object.assign(target, {
                firmware,
                upgrade: { state, job: job.id },
                security: {
                    ...target.security,
                    secureBoot: on,
                    vTpm: on,
                    securityType: on ? "TrustedLaunch" : "Standard",
                },
            });
        if (job.op === "upgrade") made("uefi", "done", true);
        if (job.op === "rollback") made("bios", "undone", false);
    }

    function tick(job) {
        const vm = job.vms.find(v => v.outcome === "pending" || v.outcome === "working");
        if (job.cancelled) job.vms.forEach(v => v.outcome === "pending" && (v.outcome = "skipped"));
        if (!vm || (job.cancelled && vm.outcome === "skipped")) {
            end(job);
        } else {
            const at = vm.outcome === "pending" ? 0 : STEPS.indexOf(vm.step) + 1;
            job.state = "running";
            if (at >= (job.op === "upgrade" ? STEPS.length : 2)) finish(job, vm);
            else
                Object.assign(vm, {
                    outcome: "working",
                    step: STEPS[at],
                    percent: at * 12,
                    startedMs: vm.startedMs || Date.now(),
                });
            setTimeout(() => tick(job), TICK_MS);
        }
        stamp(job);
    }

    const lineOf = (name, index, id) => ({
        index,
        name: findVm(name).name,
        uuid: findVm(name).uuid,
        group: "",
        secureBoot: null,
        outcome: "pending",
        step: "",
        percent: 0,
        startedMs: 0,
        endedMs: 0,
        id: "",
        text: "",
        remedy: "",
        summary: "",
        log: `/var/lib/surety/jobs/log/${id}-${index}.log`,
    });

    function post(o) {
        const names = o.all ? world.vms.map(v => v.name) : (o.vms ?? []).map(v => v.name);
        if (!names.length || names.some(n => !findVm(n))) return problem(400, "job.vms", "at least one VM is needed");
        const now = Math.floor(Date.now() / 1000),
            id = `20260101-0000${String(world.jobs.length).padStart(2, "0")}-00aa`;
        const job = {
            id,
            op: o.op,
            connect: "qemu:///system",
            origin: "uid=0 api",
            state: "waiting",
            cancelled: false,
            all: !!o.all,
            count: names.length,
            created: now,
            started: now,
            ended: 0,
            options: o.options ?? {},
            counts: {},
            status: null,
            vms: names.map((name, index) => lineOf(name, index, id)),
        };
        world.jobs.unshift(stamp(job));
        setTimeout(() => tick(job), TICK_MS);
        return ok({ id }, 202);
    }

    const foundOf = (job, vm) => ({
        ...vm,
        checks: { findings: FINDINGS(vm.name) },
        ...(job.op === "upgrade" && {
            step_us: { checking: 12000, converting: 450000 },
            restore_point: { kind: "overlay" },
            verified: {
                ok: true,
                no: 0,
                open: 1,
                rows: [
                    { id: "firmware", proof: "yes", required: true, how: "outside", text: "it boots by UEFI" },
                    { id: "pcr4", proof: "open", required: false, how: "inside", text: "PCR 4 was not read" },
                ],
            },
        }),
    });

    function route(method, [id, verb]) {
        const job = world.jobs.find(j => j.id === id);
        if (!job) return problem(404, "job.none", `there is no job ${id}`);
        if (method === "GET" && !verb) return ok(job);
        if (method === "GET" && verb === "events") return { stream: job };
        if (method === "GET" && verb === "report")
            return job.state !== "ended"
                ? problem(404, "job.report", "there is no report yet", "It is written when the job ends")
                : ok({
                      path: `/var/lib/surety/jobs/report/${id}.txt`,
                      text: `Batch ${id}: ${job.op} of ${job.count} VMs\n`,
                      report: { vms: job.vms.map(vm => foundOf(job, vm)) },
                  });
        if (method === "POST" && verb === "cancel") {
            job.cancelled = true;
            return ok(stamp(job));
        }
        if (method === "POST" && verb === "run") {
            job.vms.forEach(vm => vm.outcome === "skipped" && (vm.outcome = "pending"));
            Object.assign(job, { state: "waiting", cancelled: false, status: null, ended: 0, counts: {} });
            setTimeout(() => tick(job), TICK_MS);
            return ok(stamp(job));
        }
        return problem(405, "http.method", "not so");
    }

    return {
        route,
        post,
        heads: () => world.jobs.map(({ vms: _v, counts: _c, status: _s, change: _h, ...head }) => head),
    };
}

/* Audit: what VMs were answered, and what was done by whom. */
function makeAudit(world) {
    const told = [];
    let number = 5000;
    return {
        note: (action, vm, failed) =>
            told.unshift({
                number: ++number,
                time: iso(Date.now()),
                kind: "management",
                user: "root",
                uid: 0,
                action,
                on: vm?.uuid ?? "",
                name: vm?.name ?? "",
                result: failed?.id ?? "ok",
                detail: failed?.detail ?? "",
            }),
        list(query) {
            const asked = world.vms
                .filter(v => v.lastVerified)
                .map((v, i) => ({
                    number: 1000 - i,
                    time: v.lastVerified,
                    vm: v.uuid,
                    name: v.name,
                    kind: "verified",
                    transport: "vsock",
                    status: 204,
                    peer: "vsock:100",
                    path: "/surety/result",
                    nonceHash: "",
                    audience: "example.org",
                    result: i === 1 ? "nonce" : "ok",
                }));
            const before = Number(query.get("before") ?? 0),
                vm = query.get("vm"),
                kind = query.get("kind");
            return [...told, ...asked]
                .filter(a => (!before || a.number < before) && (!kind || a.kind === kind))
                .filter(a => !vm || (a.vm ?? a.on) === vm)
                .slice(0, Number(query.get("max") ?? 100));
        },
    };
}

export function makeApi({ vms = 8, servers = 1, state = "Active" } = {}) {
    const world = {
        servers: Array.from({ length: servers }, (_s, i) => makeServer(i ? "Active" : state, `node${i + 1}`)),
        vms: Array.from({ length: vms }, (_v, i) => makeVm(i)),
        jobs: [],
        legacy: { enabled: false, mode: "bridge", bridge: "vbr-imds", addresses: [], problems: [], vms: [] },
        asked: [],
    };
    const findVm = name => world.vms.find(v => v.uuid === name || v.name === name);
    const jobs = makeJobs(world, findVm),
        audit = makeAudit(world);
    const noted = (action, vm, answer) => {
        audit.note(action, vm, answer.status < 300 ? null : answer.body);
        return answer;
    };

    /* What was done for a VM no benefit waits for any more. */
    function given(vm, action) {
        for (const b of vm.benefits) if (b.action === action) Object.assign(b, { action: "verify" });
        if (action === "add-vsock") vm.vsock = true;
        if (action === "agent-channel") vm.agentChannel = true;
        if (action === "legacy-network") {
            vm.legacy = true;
            world.legacy.vms.push({
                name: vm.name,
                uuid: vm.uuid,
                state: vm.running ? "connected" : "waiting",
                running: vm.running,
                mac: "52:54:00:00:00:01",
                device: "vnet0",
                address: "169.254.0.2",
                mark: 0,
                problem: "",
                lastRequest: 0,
            });
        }
        return vm.running ? "now" : "start";
    }

    function act(vm, action) {
        if (action === "add-vsock" && vm.name === "vm6") return problem(409, ...BUSY);
        if (action === "legacy-network" && !world.legacy.enabled)
            return problem(409, "legacy.disabled", "legacy OS support is off", "Run: surety legacy enable");
        if (action === "look")
            return ok({ action, changed: true, next: "job", job: jobs.post({ op: "look", vms: [vm] }).body.id });
        return ok({ action, changed: true, next: given(vm, action) });
    }

    function documentOf(vm) {
        if (!vm.served) return problem(409, "vm.not-served", `VM ${vm.name} is not served: it does not run`);
        const timeStamp = { createdOn: iso(Date.now()) },
            claims = { vmId: vm.uuid, nonce: "", timeStamp, surety: { host: "node1" } };
        return ok({
            encoding: "pkcs7",
            signature: makeDocument(claims),
            surety: { chain: [], host: "node1", transport: "vsock" },
        });
    }

    function vmRoute(method, [id, verb], o) {
        const vm = findVm(id);
        if (!vm) return problem(404, "vm.none", `there is no VM ${id}`);
        if (method === "GET") return ok({ ...vm, instance: null });
        if (verb === "document") return noted("document", vm, documentOf(vm));
        return noted(o.action, vm, act(vm, o.action));
    }

    function enable({ grantVms }) {
        const changed = !world.legacy.enabled;
        world.legacy.enabled = world.servers[0].legacy.enabled = true;
        const answer = { changed, granted: [], failed: [] };
        for (const vm of grantVms ? world.vms.filter(v => !v.vsock && !v.legacy) : [])
            if (vm.name === "vm6")
                answer.failed.push({ uuid: vm.uuid, name: vm.name, id: BUSY[0], detail: BUSY[1], remedy: BUSY[2] });
            else answer.granted.push({ uuid: vm.uuid, name: vm.name, next: given(vm, "legacy-network") });
        return ok(answer);
    }

    function legacyRoute(method, [verb, id], o) {
        if (method === "GET") return ok(world.legacy);
        if (verb === "enable") return noted("legacy enable", null, enable(o));
        if (verb === "disable") {
            world.legacy.enabled = world.servers[0].legacy.enabled = false;
            return noted("legacy disable", null, ok({ changed: true }));
        }
        const vm = findVm(id ?? o.vm);
        if (method === "POST") return act(vm, "legacy-network");
        vm.legacy = false;
        world.legacy.vms = world.legacy.vms.filter(v => v.uuid !== vm.uuid);
        return noted("legacy revoke", vm, ok({ changed: true }));
    }

    const none = () => ({ inactive: 0, unknown: 0, active: 0, "not-applicable": 0 });

    function summary() {
        const count = none(),
            needs = new Map();
        for (const vm of world.vms) {
            count[vm.benefit_status]++;
            for (const action of new Set(vm.benefits.map(b => b.action)))
                if (action) needs.set(action, (needs.get(action) ?? 0) + 1);
        }
        const states = { Active: 0, Expired: 0, Inactive: 0, Error: 0 };
        for (const s of world.servers) states[s.state]++;
        const [here] = world.servers;
        return {
            servers: states,
            vms: { ...count, total: world.vms.length, running: world.vms.filter(v => v.running).length },
            needs_attention: [
                ...(here.state === "Active" ? [] : [{ kind: "server", name: here.name, ...here.reason }]),
                ...[...needs].map(([id, n]) => ({
                    kind: "benefit",
                    id,
                    name: "",
                    text: `${n} VMs: ${id}`,
                    remedy: null,
                })),
            ],
        };
    }

    const benefits = () =>
        BENEFITS.map(b => {
            const counts = none();
            for (const vm of world.vms) counts[vm.benefits.find(o => o.id === b.id).status]++;
            return { ...b, counts };
        });

    function serverRoute(method, [verb]) {
        const [here] = world.servers;
        const become = state => (world.servers[0] = { ...makeServer(state), legacy: here.legacy });
        if (verb === "sync") noted("sync", null, ok(become("Active")));
        if (verb === "enrol") noted("enrol", null, ok(become("Active")));
        if (method === "DELETE") noted("remove", null, ok(become("Inactive")));
        return ok(world.servers[0]);
    }

    const table = {
        server: serverRoute,
        servers: () => ok({ servers: world.servers }),
        summary: () => ok(summary()),
        benefits: () => ok({ benefits: benefits(), problems: [] }),
        vms: (method, rest, _query, o) => (rest.length ? vmRoute(method, rest, o) : ok({ vms: world.vms })),
        legacy: (method, rest, _query, o) => legacyRoute(method, rest, o),
        jobs: (method, rest, _query, o) =>
            rest.length ? jobs.route(method, rest) : method === "POST" ? jobs.post(o) : ok({ jobs: jobs.heads() }),
        audit: (_method, _rest, query) => ok({ audit: audit.list(query) }),
    };
    const answer = (method, path, body) => {
        const url = new URL(path, "http://localhost"),
            [version, name, ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
        world.asked.push(`${method} ${url.pathname} ${body ?? ""}`.trim());
        return (
            (version === "v1" && table[name]?.(method, rest, url.searchParams, body ? JSON.parse(body) : {})) ||
            problem(404, "http.route", "there is nothing here")
        );
    };
    return { world, answer };
}

/* A line for each VM that is another than before, then one for the job, as src/daemon/api_events.c has them. */
function streamJob(job, response) {
    let change;
    const told = new Map();
    response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    const timer = setInterval(() => {
        const { vms, ...view } = job;
        if (job.change === change) return response.write("\n");
        change = job.change;
        for (const vm of vms) {
            const text = JSON.stringify({ event: "vm", vm });
            if (told.get(vm.index) !== text) response.write(text + "\n");
            told.set(vm.index, text);
        }
        response.write(JSON.stringify({ event: "job", job: view }) + "\n");
        if (job.state === "ended") {
            clearInterval(timer);
            response.end();
        }
    }, 50);
    response.on("close", () => clearInterval(timer));
}

export function serve(socket, options) {
    const api = makeApi(options);
    rmSync(socket, { force: true });
    const server = createServer((request, response) => {
        let body = "";
        request.on("data", part => {
            body += part;
        });
        request.on("end", () => {
            const a = api.answer(request.method, request.url, body);
            const send = ({ status, type = "application/json", body: value }) => {
                response.writeHead(status, { "Content-Type": type });
                response.end(JSON.stringify(value));
            };
            if (a.stream) streamJob(a.stream, response);
            else send(a);
        });
    });
    return new Promise(resolve =>
        server.listen(socket, () =>
            resolve({
                ...api,
                close: () => {
                    server.close();
                    server.closeAllConnections();
                },
            }),
        ),
    );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const value = name => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
    await serve(process.argv[2], {
        vms: Number(value("--vms") ?? 8),
        servers: Number(value("--servers") ?? 1),
        state: value("--state"),
    });
}
