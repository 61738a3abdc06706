/* SPDX-License-Identifier: GPL-3.0-or-later */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as model from "../src/model.js";
import { makeApi } from "./fake-api.mjs";

const worldOf = options => makeApi(options).world;

test("a certificate's end", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    const at = notAfter => model.certificateState({ certificate: { notAfter } }, now);
    assert.equal(model.certificateState({ certificate: null }, now), "none");
    assert.equal(at("2025-12-31T23:59:59Z"), "ended");
    assert.equal(at("2026-01-01T00:00:00Z"), "ended");
    assert.equal(at("2026-01-07T23:59:59Z"), "soon");
    assert.equal(at("2026-01-08T00:00:00Z"), "good");
});

test("benefits are counted, of all or of one", () => {
    const { vms } = worldOf({ vms: 8 });
    assert.deepEqual(model.benefitCounts(vms), { active: 2, inactive: 4, unknown: 2, "not-applicable": 0 });
    assert.deepEqual(model.benefitCounts(vms, "esu"), { active: 0, inactive: 2, unknown: 0, "not-applicable": 6 });
    assert.deepEqual(model.benefitCounts([]), { active: 0, inactive: 0, unknown: 0, "not-applicable": 0 });
    assert.equal(model.statusOf(vms[0], "nothing"), "not-applicable");
});

test("each action once, and what makes an unknown system known", () => {
    const actions = vm => model.actionsOf({ source: "libvirt", ...vm }).map(a => a.action);
    const benefits = [
        { id: "a", status: "inactive", action: "verify" },
        { id: "b", status: "inactive", action: "verify" },
        { id: "c", status: "not-applicable", action: "add-vsock" },
    ];
    assert.deepEqual(actions({ benefits }), ["verify"]);
    const half = [
        { id: "a", status: "inactive", action: "add-vsock" },
        { id: "b", status: "unknown", action: null },
    ];
    assert.deepEqual(actions({ benefits: half, running: false }), ["add-vsock", "look"]);
    assert.deepEqual(actions({ benefits: half, running: true }), ["add-vsock"]);
    const none = [{ id: "b", status: "unknown", action: "agent-channel" }];
    assert.deepEqual(actions({ benefits: none, running: false }), ["agent-channel", "look"]);
    const later = [{ id: "b", status: "inactive", action: "restart" }];
    assert.deepEqual(actions({ benefits: later, running: true }), ["restart"]);
    assert.deepEqual(actions({ benefits: [] }), []);
});

test("what can be done for a VM that libvirt does not define", () => {
    const actions = vm => model.actionsOf({ source: "file:a.conf", ...vm }).map(a => a.action);
    const b = (action, status = "inactive") => ({ id: `b-${action}`, status, action });
    for (const action of ["add-vsock", "legacy-network", "agent-channel", "upgrade", "start", "restart"])
        assert.deepEqual(actions({ benefits: [b(action)], running: true }), [], action);
    for (const action of ["install-updates", "verify", "sync-server"])
        assert.deepEqual(actions({ benefits: [b(action)], running: true }), [action]);
    assert.deepEqual(actions({ benefits: [b(null, "unknown")], running: false }), [], "its disk is not looked at");
    assert.deepEqual(actions({ benefits: [b(null)], running: true }), [], "inactive without an action");
});

test("for which of several VMs an action makes sense", () => {
    const { vms } = worldOf({ vms: 8 });
    const names = some => some.map(vm => vm.name);
    vms[1].legacy = true;
    vms[4].source = "file";
    assert.deepEqual(names(model.suiting("add-vsock", vms)), ["vm2", "vm3", "vm6", "vm7"]);
    assert.deepEqual(names(model.suiting("legacy-network", vms)), ["vm0", "vm2", "vm3", "vm5", "vm6", "vm7"]);
    assert.deepEqual(names(model.suiting("legacy-off", vms)), ["vm1"]);
    assert.deepEqual(names(model.suiting("agent-channel", vms)), ["vm3", "vm7"]);
    assert.deepEqual(names(model.suiting("look", vms)), ["vm3", "vm7"], "where no agent tells");
    assert.deepEqual(names(model.withoutWay(vms)), ["vm2", "vm3", "vm6", "vm7"]);
    assert.deepEqual(names(model.inNeedOf("legacy-network", vms)), ["vm2", "vm6"]);
});

test("work in turns", async () => {
    let now = 0,
        most = 0;
    const run = async n => {
        most = Math.max(most, ++now);
        await new Promise(resolve => setTimeout(resolve, 1));
        now--;
        if (n === 3) throw new Error("three");
        return n * 2;
    };
    const counted = [];
    const all = await model.inTurns([1, 2, 3, 4, 5], run, n => counted.push(n), 2);
    assert.equal(most, 2);
    assert.deepEqual(counted, [1, 2, 3, 4, 5]);
    assert.deepEqual(all.done, [
        [1, 2],
        [2, 4],
        [4, 8],
        [5, 10],
    ]);
    assert.deepEqual(
        all.failed.map(([n, e]) => [n, e.message]),
        [[3, "three"]],
    );
    const some = await model.inTurns([1, 2, 4, 5], run, n => n < 2, 1);
    assert.deepEqual(
        [some.done.map(d => d[0]), some.left],
        [
            [1, 2],
            [4, 5],
        ],
        "who is stopped begins no more",
    );
});

test("what an upgrade can do for a VM", () => {
    const state = (upgrade, securityType) =>
        model.upgradeState({ upgrade: upgrade && { state: upgrade }, security: { securityType } });
    assert.equal(state(null, "Standard"), "upgrade");
    assert.equal(state(null, "TrustedLaunch"), "trusted");
    assert.equal(state("done", "TrustedLaunch"), "upgraded");
    assert.equal(state("kept", "TrustedLaunch"), "upgraded");
    assert.equal(state("undone", "Standard"), "upgrade");
    assert.equal(state("converted", "Standard"), "busy");
});

test("choosing and sorting VMs", () => {
    const { vms } = worldOf({ vms: 12 });
    const names = want => model.chooseVms(vms, want).map(vm => vm.name);
    assert.deepEqual(names({}).slice(0, 4), ["vm0", "vm1", "vm2", "vm3"], "by name");
    assert.deepEqual(names({ key: "name" }).slice(-2), ["vm10", "vm11"], "numbers in names count as numbers");
    assert.deepEqual(names({ key: "name", down: true })[0], "vm11");
    assert.deepEqual(names({ search: " VM1 " }), ["vm1", "vm10", "vm11"]);
    assert.deepEqual(names({ search: "00000000000b" }), ["vm11"], "by UUID");
    assert.deepEqual(names({ search: "debian" }).length, 6, "by system");
    assert.deepEqual(names({ state: "unknown" }), ["vm3", "vm7", "vm11"]);
    assert.deepEqual(names({ benefit: "esu" }), ["vm2", "vm6", "vm10"], "by benefit");
    assert.deepEqual(names({ benefit: "esu", state: "not-applicable" }).length, 9, "by benefit and its state");
    assert.deepEqual(names({ show: "trusted" }), ["vm0", "vm4", "vm8"]);
    assert.deepEqual(names({ show: "running" }).length, 9);
    assert.deepEqual(names({ need: "install-updates" }), ["vm1", "vm5", "vm9"]);
    assert.equal(names({ key: "benefits" })[0], "vm1", "what needs somebody stands first");
    assert.equal(names({ key: "firmware", down: true })[0], "vm0");
    assert.deepEqual(model.pageOf([1, 2, 3, 4, 5], 2, 2), [3, 4]);
});

test("what needs attention, the worst first, and what cures it", () => {
    const { servers } = worldOf({ state: "Expired" });
    const item = (kind, id) => ({ kind, id, name: "a", text: "m", remedy: null });
    const summary = {
        needs_attention: [
            item("benefit", "verify"),
            item("server", "server.imds"),
            item("vm", "vm.upgrade.undoing"),
            item("server", "server.expired"),
        ],
    };
    assert.deepEqual(
        model.attention(summary, servers[0]).map(a => [a.id, a.severity]),
        [
            ["vm.upgrade.undoing", "danger"],
            ["server.expired", "danger"],
            ["verify", "warning"],
            ["server.imds", "warning"],
        ],
    );
    assert.deepEqual(model.attention(undefined, undefined), []);
    assert.equal(model.cureOf("server.expired"), "sync");
    assert.equal(model.cureOf("server.sync-overdue"), "sync");
    assert.equal(model.cureOf("server.not-enrolled"), "enrol");
    assert.equal(model.cureOf("server.signer"), null);
});

test("events of a job are put together, and count with the job's line", () => {
    const start = { view: null, vms: new Map() };
    const said = [
        { event: "vm", vm: { index: 1, name: "b" } },
        { event: "vm", vm: { index: 0, name: "a" } },
        { event: "other" },
        { event: "vm" },
        { event: "job", job: { id: "J", state: "running" } },
        { event: "vm", vm: { index: 0, name: "a", percent: 9 } },
        { event: "job", job: { id: "J", state: "ended" } },
    ];
    const views = [];
    said.reduce((known, line) => {
        const next = model.applyEvent(known, line);
        if (next !== known) views.push(next.view);
        return next;
    }, start);
    assert.deepEqual(views, [
        {
            id: "J",
            state: "running",
            vms: [
                { index: 0, name: "a" },
                { index: 1, name: "b" },
            ],
        },
        {
            id: "J",
            state: "ended",
            vms: [
                { index: 0, name: "a", percent: 9 },
                { index: 1, name: "b" },
            ],
        },
    ]);
});

test("progress of a job", () => {
    const vms = [
        { outcome: "ok", percent: 0 },
        { outcome: "working", percent: 50 },
        { outcome: "pending", percent: 50 },
        { outcome: "failed" },
    ];
    assert.deepEqual(model.progressOf({ state: "running", vms }), { done: 2, all: 4, percent: 62 });
    assert.deepEqual(model.progressOf({ state: "waiting", vms: [] }), { done: 0, all: 0, percent: 0 });
    assert.deepEqual(model.progressOf(undefined), { done: 0, all: 0, percent: 0 });
    assert.equal(model.secondsOf({ startedMs: 1000, endedMs: 3500 }, 0), 2.5);
    assert.equal(model.secondsOf({ startedMs: 1000, endedMs: 0 }, 500), 0, "clocks differ");
});

test("findings by rule", () => {
    const found = (...findings) => ({ findings });
    const note = { id: "x", severity: "note", message: "m1", remedy: null };
    const report = {
        vms: [
            { name: "a", checks: found(note, { id: "ok", severity: "ok" }) },
            {
                name: "b",
                checks: found({ id: "gone", severity: "stop" }),
                checks_at_rest: found(
                    { id: "x", severity: "warning", message: "m2" },
                    { id: "y", severity: "stop", message: "no", remedy: "do" },
                ),
            },
            { name: "c" },
        ],
    };
    const { rules, well } = model.findingsByRule(report);
    assert.equal(well, 1);
    assert.deepEqual(
        rules.map(r => [r.id, r.severity, r.vms.length]),
        [
            ["y", "stop", 1],
            ["x", "warning", 2],
        ],
    );
    assert.deepEqual(model.findingsByRule(null), { rules: [], well: 0 });
});

test("a job is asked for with what differs from the defaults, and what the operation knows", () => {
    const vms = [
        { uuid: "u-1", name: "a" },
        { uuid: "", name: "b" },
    ];
    assert.deepEqual(model.jobOf("upgrade", vms, model.DEFAULT_OPTIONS), {
        op: "upgrade",
        vms: [{ name: "u-1" }, { name: "b" }],
        options: {},
    });
    const options = { ...model.DEFAULT_OPTIONS, force: true, vtpm: false };
    assert.deepEqual(model.jobOf("upgrade", vms, options).options, { force: true, vtpm: false });
    assert.deepEqual(model.jobOf("assess", vms, options).options, { vtpm: false });
    assert.deepEqual(model.jobOf("rollback", vms, { yes: true }).options, { yes: true });
    const job = { options: { ...model.DEFAULT_OPTIONS, vtpm: false, "keep-data": false } };
    assert.deepEqual(model.optionsAfter(job, { ...options, vtpm: true }), options, "what was assessed, and the rest");
    assert.deepEqual(model.optionsAfter({}), model.DEFAULT_OPTIONS);
});

test("a command has a VM's name when that is a word, and its UUID otherwise", () => {
    const of = name => model.argumentOf({ name, uuid: "u-1" });
    assert.equal(of("web-1.example"), "web-1.example");
    for (const name of ["a b", "a;reboot", "$(reboot)", "--all", "7", "it's", "a\nb", "é", ""]) assert.equal(of(name), "u-1");
});

test("what went well, and what was chosen of it", () => {
    const entries = [
        { kind: "document", status: 200, result: "" },
        { kind: "document", status: 503, result: "" },
        { kind: "verified", status: 204, result: "nonce" },
        { kind: "management", result: "ok" },
        { kind: "management", result: "vm.busy" },
    ];
    assert.deepEqual(entries.map(model.wentWell), [true, false, false, true, false]);
    assert.equal(model.chooseEntries(entries, "").length, 5);
    assert.deepEqual(model.chooseEntries(entries, "badly"), [entries[1], entries[2], entries[4]]);
    assert.deepEqual(model.chooseEntries(entries, "well"), [entries[0], entries[3]]);
});

test("a problem that several met is told once", () => {
    const problem = (id, message = id, status = 0) => ({ id, message, status });
    const gone = problem("page.not-running"),
        lost = problem("page.disconnected"),
        memory = problem("host.memory", "out of memory", 503),
        refused = problem("api.refused", "no", 403);
    assert.equal(model.generalOf([null, memory, lost, gone]), lost);
    assert.equal(model.generalOf([memory, null, { ...memory }]), memory);
    assert.equal(model.generalOf([memory, null, problem("vm.libvirt")]), null);
    assert.equal(model.generalOf([refused, refused]), null, "who may not see a thing is told otherwise");
    assert.equal(model.isSame(gone, lost), true);
    assert.equal(model.isSame(memory, gone), false);
    assert.equal(model.isSame(null, null), false);
    assert.equal(model.isTotal(Error("without an id")), false);
});
