/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stand-in for suretyd's management API, for tests of the page alone: it is never installed.
 *
 *   node fake-api.mjs SOCKET [--vms N] [--old] [--state Active|Expired|...]
 *
 * Answers have the form of src/daemon/api*.c.  --old leaves out what an older suretyd does not have: /v1/servers,
 * /v1/summary, /v1/benefits, the stream of a job, and benefits of VMs.  A sync makes an expired server active, an
 * action does what it says at once, a job goes through its steps in TICK_MS each. */
import { createServer } from "node:http";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TICK_MS = 150;
const STEPS = ["checking", "stopping", "saving", "converting", "redefining", "starting", "verifying", "ending"];
const BENEFITS = [
    { id: "esu", title: "Extended security updates", description: "Updates for Windows Server 2012" },
    { id: "guest-configuration", title: "Guest configuration", description: "Settings of the system as code" },
];
const iso = ms => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
const uuid = i => `5ec0de00-0000-4000-8000-${i.toString(16).padStart(12, "0")}`;

function makeServer(state) {
    const now = Date.now(),
        day = 86400000,
        good = state === "Active";
    return {
        name: "node1",
        cluster: "lab",
        state,
        reason: good
            ? { id: "server.active", text: "VMs are attested", remedy: null }
            : { id: "server.expired", text: "the certificate ended", remedy: "Run surety server sync" },
        warnings: [],
        authority: "http://authority.example.org:8829",
        certificate: {
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
    };
}

/* Every fourth VM has everything, the others lack something each. */
function makeVm(i, old) {
    const kind = i % 4,
        running = kind !== 3,
        uefi = kind === 0;
    const vm = {
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
    };
    if (old) return vm;
    const benefits = [
        [{ id: "guest-configuration", status: "active", action: null }],
        [{ id: "guest-configuration", status: "inactive", action: "verify" }],
        [
            { id: "esu", status: "inactive", action: "legacy-network" },
            { id: "guest-configuration", status: "inactive", action: "add-vsock" },
        ],
        [{ id: "guest-configuration", status: "unknown", action: null }],
    ][kind];
    return {
        ...vm,
        benefits,
        benefit_status: ["active", "inactive", "inactive", "unknown"][kind],
        os:
            kind === 3
                ? null
                : {
                      id: "debian",
                      version: "12",
                      name: "Debian GNU/Linux 12",
                      source: "agent",
                      at: iso(Date.now() - 5000),
                  },
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
];

export function makeApi({ vms = 8, old = false, state = "Active" } = {}) {
    const world = {
        server: makeServer(state),
        vms: Array.from({ length: vms }, (_v, i) => makeVm(i, old)),
        jobs: [],
        legacy: { enabled: false, mode: "bridge", bridge: "vbr-imds", addresses: [], problems: [], vms: [] },
        asked: [],
    };
    const problem = (status, id, detail, remedy) => ({
        status,
        type: "application/problem+json",
        body: { type: `urn:surety:error:${id}`, title: "Refused", status, detail, id, remedy },
    });
    const ok = (body, status = 200) => ({ status, body });
    const findVm = name => world.vms.find(v => v.uuid === name || v.name === name);
    const stamp = job => Object.assign(job, { change: String(Number(job.change ?? 0) + 1) });

    function end(job) {
        Object.assign(job, { state: "ended", ended: Math.floor(Date.now() / 1000), status: job.cancelled ? 3 : 0 });
    }

    function finish(job, vm) {
        const target = findVm(vm.name);
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
        if (job.op === "upgrade")
            Object.assign(target, {
                firmware: "uefi",
                upgrade: { state: "done", job: job.id },
                security: { ...target.security, secureBoot: true, vTpm: true, securityType: "TrustedLaunch" },
            });
        if (job.op === "rollback")
            Object.assign(target, {
                firmware: "bios",
                upgrade: { state: "undone", job: job.id },
                security: { ...target.security, secureBoot: false, vTpm: false, securityType: "Standard" },
            });
    }

    /* One VM after the other, a step a tick. */
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

    function postJob(o) {
        const names = o.all ? world.vms.map(v => v.name) : (o.vms ?? []).map(v => v.name);
        if (!names.length || names.some(n => !findVm(n))) return problem(400, "job.vms", "at least one VM is needed");
        const now = Math.floor(Date.now() / 1000);
        const job = {
            id: `20260101-0000${String(world.jobs.length).padStart(2, "0")}-00aa`,
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
            vms: names.map((name, index) => ({
                index,
                name,
                uuid: findVm(name).uuid,
                outcome: "pending",
                step: "",
                percent: 0,
                startedMs: 0,
                endedMs: 0,
                id: "",
                text: "",
                remedy: "",
                summary: "",
            })),
        };
        world.jobs.unshift(stamp(job));
        setTimeout(() => tick(job), TICK_MS);
        return ok({ id: job.id }, 202);
    }

    function jobRoute(method, [id, verb], query) {
        const job = world.jobs.find(j => j.id === id);
        if (!job) return problem(404, "job.none", `there is no job ${id}`);
        if (method === "GET" && !verb) return query.get("since") === job.change ? { later: () => ok(job) } : ok(job);
        if (method === "GET" && verb === "events")
            return old ? problem(404, "http.route", "there is nothing here") : { stream: job };
        if (method === "GET" && verb === "report")
            return job.state !== "ended"
                ? problem(404, "job.report", "there is no report yet", "It is written when the job ends")
                : ok({
                      path: `/var/lib/surety/jobs/report/${id}.txt`,
                      text: "",
                      report: { vms: job.vms.map(v => ({ ...v, checks: { findings: FINDINGS(v.name) } })) },
                  });
        if (method === "POST" && verb === "cancel") {
            job.cancelled = true;
            return ok(stamp(job));
        }
        return problem(405, "http.method", "not so");
    }

    function vmRoute(method, [id, verb], o) {
        const vm = findVm(id);
        if (!vm) return problem(404, "vm.none", `there is no VM ${id}`);
        if (method === "GET") return ok(vm);
        if (verb !== "actions" || old) return problem(404, "http.route", "there is nothing here");
        if (o.action === "add-vsock" && vm.name === "vm6")
            return problem(409, "vm.busy", "the VM is being changed by somebody else", "Try again in a moment");
        for (const b of vm.benefits ?? []) if (b.action === o.action) b.action = "verify";
        if (o.action === "legacy-network")
            world.legacy.vms.push({ name: vm.name, uuid: vm.uuid, state: "connected", running: true });
        return ok({
            action: o.action,
            changed: true,
            next: o.action === "look" ? "job" : vm.running ? "now" : "start",
        });
    }

    function legacyRoute(method, [verb, id], o) {
        if (method === "POST" && verb === "grants") {
            const vm = findVm(o.vm);
            if (!world.legacy.enabled)
                return problem(409, "legacy.disabled", "legacy OS support is off", "Run surety legacy enable");
            world.legacy.vms.push({ name: vm.name, uuid: vm.uuid, state: "connected", running: true });
            vm.benefits?.forEach(b => b.action === "legacy-network" && (b.action = "verify"));
            return ok({ changed: true });
        }
        if (method === "DELETE") world.legacy.vms = world.legacy.vms.filter(v => v.uuid !== id);
        else if (method === "POST") world.legacy.enabled = verb === "enable";
        return ok(verb ? { changed: true } : world.legacy);
    }

    const audit = query => {
        const all = world.vms
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
                result: "ok",
            }));
        const before = Number(query.get("before") ?? 0),
            vm = query.get("vm");
        return all
            .filter(a => (!before || a.number < before) && (!vm || a.vm === vm))
            .slice(0, Number(query.get("max") ?? 100));
    };

    function summary() {
        const count = { active: 0, inactive: 0, unknown: 0, "not-applicable": 0 };
        world.vms.forEach(v => count[v.benefit_status]++);
        return {
            servers: { [world.server.state]: 1 },
            vms: count,
            needs_attention:
                world.server.state === "Active" ? [] : [{ kind: "server", name: "node1", ...world.server.reason }],
        };
    }

    const table = {
        server: (method, rest) => {
            if (method === "POST" && rest[0] === "sync") world.server = makeServer("Active");
            return ok(world.server);
        },
        servers: () => (old ? null : ok({ servers: [world.server] })),
        summary: () => (old ? null : ok(summary())),
        benefits: () => (old ? null : ok({ benefits: BENEFITS })),
        vms: (method, rest, _query, o) => (rest.length ? vmRoute(method, rest, o) : ok({ vms: world.vms })),
        legacy: (method, rest, _query, o) => legacyRoute(method, rest, o),
        jobs: (method, rest, query, o) =>
            rest.length
                ? jobRoute(method, rest, query)
                : method === "POST"
                  ? postJob(o)
                  : ok({ jobs: world.jobs.map(({ vms: _vms, ...j }) => j) }),
        audit: (_method, _rest, query) => ok({ audit: audit(query) }),
    };
    const answer = (method, path, body) => {
        const url = new URL(path, "http://localhost"),
            [version, name, ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
        world.asked.push(`${method} ${url.pathname} ${body}`.trim());
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
            else if (a.later) setTimeout(() => send(a.later()), 200);
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
        old: process.argv.includes("--old"),
        state: value("--state"),
    });
}
