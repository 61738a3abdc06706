/* SPDX-License-Identifier: GPL-3.0-or-later */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as model from "../src/model.js";
import { makeApi } from "./fake-api.mjs";

const worldOf = options => makeApi(options).world;

test("an answer may be a list, or an object that has it", () => {
    assert.deepEqual(model.list([1], "vms"), [1]);
    assert.deepEqual(model.list({ vms: [1] }, "vms"), [1]);
    assert.deepEqual(model.list(undefined, "vms"), []);
    assert.deepEqual(model.servers(null, { name: "a" }), [{ name: "a" }]);
    assert.deepEqual(model.servers({ servers: [{ name: "b" }] }, { name: "a" }), [{ name: "b" }]);
    assert.deepEqual(model.servers(null, undefined), []);
});

test("a certificate's end", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    const at = notAfter => model.certificateState({ certificate: { notAfter } }, now);
    assert.equal(model.certificateState({ certificate: null }, now), "none");
    assert.equal(at("2025-12-31T23:59:59Z"), "ended");
    assert.equal(at("2026-01-01T00:00:00Z"), "ended");
    assert.equal(at("2026-01-07T23:59:59Z"), "soon");
    assert.equal(at("2026-01-08T00:00:00Z"), "good");
});

test("benefits are counted, or told, or not known", () => {
    const { vms } = worldOf({ vms: 8 });
    assert.deepEqual(model.benefitCounts(vms, null), { active: 2, inactive: 4, unknown: 2, "not-applicable": 0 });
    const told = { active: 1, inactive: 2, unknown: 3, "not-applicable": 4 };
    assert.equal(model.benefitCounts(vms, { vms: told }), told);
    assert.equal(model.benefitCounts(vms, { benefits: told }), told);
    assert.equal(model.benefitCounts(worldOf({ old: true }).vms, null), null);
    assert.equal(model.benefitCounts([], null), null);
});

test("each action once, and what makes an unknown VM known", () => {
    const twice = {
        benefits: [
            { id: "a", status: "inactive", action: "verify" },
            { id: "b", status: "inactive", action: "verify" },
            { id: "c", status: "not-applicable", action: "add-vsock" },
        ],
        benefit_status: "inactive",
    };
    assert.deepEqual(
        model.actionsOf(twice).map(a => a.action),
        ["verify"],
    );
    assert.deepEqual(
        model.actionsOf({ benefit_status: "unknown", running: false }).map(a => a.action),
        ["agent-channel", "look"],
    );
    const half = [
        { id: "a", status: "inactive", action: "add-vsock" },
        { id: "b", status: "unknown", action: null },
    ];
    assert.deepEqual(
        model
            .actionsOf({ benefits: half, benefit_status: "inactive", agentChannel: true, running: false })
            .map(a => a.action),
        ["add-vsock", "look"],
    );
    assert.deepEqual(
        model.actionsOf({ benefit_status: "unknown", running: true }).map(a => a.action),
        ["agent-channel"],
    );
    assert.deepEqual(model.actionsOf({}), []);
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
    assert.deepEqual(names({ search: "debian" }).length, 9, "by system");
    assert.deepEqual(names({ state: "unknown" }), ["vm3", "vm7", "vm11"]);
    assert.equal(names({ key: "benefits" })[0], "vm1", "what needs somebody stands first");
    assert.equal(names({ key: "firmware", down: true })[0], "vm0");
    assert.deepEqual(model.pageOf([1, 2, 3, 4, 5], 2, 2), [3, 4]);
});

test("what needs attention", () => {
    const { server, vms } = worldOf({ state: "Expired" });
    const seen = model.attention({ summary: null, hosts: [server], legacy: null, vms, jobs: [] });
    assert.deepEqual(
        seen.map(a => [a.what, a.id, a.severity]),
        [["server", "server.expired", "danger"]],
    );
    const broken = [
        { name: "a", problem: { id: "vm.uuid-collision", text: "two" } },
        { name: "b", upgrade: { state: "converted", job: "J" } },
    ];
    const found = model.attention({
        summary: null,
        hosts: [],
        legacy: { enabled: true, problems: [{ id: "legacy.bridge", message: "gone", remedy: "r" }] },
        vms: broken,
        jobs: [],
    });
    assert.deepEqual(
        found.map(a => a.what),
        ["upgrade", "legacy", "vm"],
        "the worst first",
    );
    assert.deepEqual(
        model.attention({
            summary: null,
            hosts: [],
            legacy: null,
            vms: [broken[1]],
            jobs: [{ id: "J", state: "running" }],
        }),
        [],
        "an upgrade in work needs nobody",
    );
    const told = model.attention({
        summary: { needs_attention: [{ kind: "vm", name: "a", id: "i", text: "m", remedy: null }] },
        hosts: [server],
        legacy: null,
        vms,
        jobs: [],
    });
    assert.deepEqual(
        told,
        [{ what: "vm", name: "a", uuid: "", id: "i", text: "m", remedy: "", severity: "warning" }],
        "suretyd's own list counts",
    );
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
    assert.deepEqual(model.jobOf("upgrade", ["a"], model.DEFAULT_OPTIONS), {
        op: "upgrade",
        vms: [{ name: "a" }],
        options: {},
    });
    const options = { ...model.DEFAULT_OPTIONS, force: true, vtpm: false };
    assert.deepEqual(model.jobOf("upgrade", ["a"], options).options, { force: true, vtpm: false });
    assert.deepEqual(model.jobOf("assess", ["a"], options).options, { vtpm: false });
    assert.deepEqual(model.jobOf("rollback", ["a"], { yes: true }).options, { yes: true });
});
