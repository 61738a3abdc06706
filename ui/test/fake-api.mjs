/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stand-in for suretyd's management API, for tests of the page alone: it is never installed.
 *
 *   node fake-api.mjs SOCKET [--vms N] [--servers N] [--state Active|Expired|Inactive...]
 *
 * Answers have the form of data/openapi.json, to which contract.test.mjs holds each of them.  A sync makes an expired
 * server active, an action does what it says at once, a job goes through its steps; an upgrade of vm7 fails, and it
 * is brought back. */
import { createServer } from "node:http";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BUSY, makeJobs, ok, problem } from "./fake-jobs.mjs";
import { BENEFITS, iso, makeDocument, makeServer, makeVm } from "./fake-world.mjs";

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
        busy: new Set(), // names of VMs that get nothing, since somebody else changes them
        late: new Map(), // by path, a function: what an answer that was made waits for
        hold: false, // no job goes on
        tick: undefined, // milliseconds that a job's step takes
        refuse: () => null, // (method, path) -> the problem that is the answer
        cut: "", // the path whose answers break off
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
        if (world.busy.has(vm.name)) return problem(409, ...BUSY);
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
            else {
                const next = given(vm, "legacy-network");
                answer.granted.push({
                    uuid: vm.uuid,
                    name: vm.name,
                    next,
                    changed: true,
                    vm: world.legacy.vms.at(-1),
                });
            }
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
        const refused = world.refuse(method, url.pathname);
        if (refused) return refused;
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

/* close() is suretyd's end, again() its next start with all that it knew; breakStreams() ends streams of jobs amid. */
export async function serve(socket, options) {
    const api = makeApi(options);
    const streams = new Set();
    let server = null;
    const again = async () => {
        rmSync(socket, { force: true });
        server = serverOf(api, streams);
        await new Promise(resolve => server.listen(socket, resolve));
    };
    await again();
    return {
        ...api,
        again,
        breakStreams: () => streams.forEach(s => s.destroy()),
        close: () => {
            server.close();
            server.closeAllConnections();
        },
    };
}

function serverOf(api, streams) {
    return createServer((request, response) => {
        let body = "";
        request.on("data", part => {
            body += part;
        });
        request.on("end", () => {
            const a = api.answer(request.method, request.url, body);
            const whole = JSON.stringify(a.body),
                text = request.url.split("?")[0] === api.world.cut ? whole.slice(0, -1) : whole;
            const send = () => {
                response.writeHead(a.status, { "Content-Type": a.type ?? "application/json" });
                response.end(text);
            };
            if (!a.stream) {
                Promise.resolve(api.world.late.get(request.url.split("?")[0])?.()).then(send);
                return;
            }
            streams.add(response);
            response.on("close", () => streams.delete(response));
            streamJob(a.stream, response);
        });
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const value = name => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
    await serve(process.argv[2], {
        vms: Number(value("--vms") ?? 8),
        servers: Number(value("--servers") ?? 1),
        state: value("--state"),
    });
}
