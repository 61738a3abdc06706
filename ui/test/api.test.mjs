/* SPDX-License-Identifier: GPL-3.0-or-later */
import "./cockpit-stub.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const { gate, harmless, lines, parsed, Problem, toProblem } = await import("../src/api.js");
const { relative, seconds } = await import("../src/format.js");
const { isDark } = await import("../src/theme.js");

test("problem details become problems", () => {
    const body = JSON.stringify({
        type: "urn:surety:error:vm.busy",
        title: "Conflict",
        status: 409,
        detail: "busy",
        id: "vm.busy",
        remedy: "wait",
    });
    const p = toProblem({ status: 409, reason: "Conflict" }, body);
    assert.ok(p instanceof Problem);
    assert.deepEqual([p.id, p.message, p.remedy, p.status], ["vm.busy", "busy", "wait", 409]);
});

test("an error that is no JSON keeps its status", () => {
    const p = toProblem({ status: 502, reason: "Bad Gateway" }, "<html>");
    assert.deepEqual([p.id, p.message, p.status], ["http.502", "Bad Gateway", 502]);
});

test("characters that turn what follows do not pass, and JSON stays what it is", () => {
    for (const evil of ["\u202e", "\\u202E", "\\\\\\u2066"])
        assert.doesNotMatch(JSON.parse(harmless(`{"a":"x${evil}y"}`)).a, /[\u202a-\u202e\u2066-\u2069]/);
    const plain = JSON.stringify({ a: "\\u202e \u05d0\u200f \n ä" });
    assert.equal(harmless(plain), plain);
    const seen = [];
    lines(v => seen.push(v))('"\u202e"\n');
    assert.deepEqual(seen, ["\ufffd"]);
});

test("an answer that broke off is a problem, with an id", () => {
    assert.deepEqual(parsed('{"vms":[]}'), { vms: [] });
    assert.throws(
        () => parsed('{"vms":['),
        error => error instanceof Problem && error.id === "page.json" && error.detail !== "",
    );
});

test("no answer at all", () => {
    assert.equal(toProblem({ problem: "not-found" }).id, "page.not-running");
    assert.equal(toProblem({ problem: "access-denied" }).id, "page.access");
    assert.equal(toProblem({ problem: "disconnected" }).id, "page.disconnected");
    assert.equal(toProblem({ problem: "protocol-error" }).id, "page.protocol-error");
    assert.equal(toProblem({}).id, "page.unknown");
});

test("a stream in any pieces", () => {
    const text = '{"a":1}\n\n{"a":"ü\\n"}\n';
    for (let n = 1; n <= text.length; n++) {
        const seen = [],
            take = lines(o => seen.push(o.a));
        for (let i = 0; i < text.length; i += n) take(text.slice(i, i + n));
        assert.deepEqual(seen, [1, "ü\n"]);
    }
});

test("no more requests at a time than there is room", async () => {
    const inTurn = gate(2);
    let now = 0,
        most = 0,
        done = 0;
    const run = fails =>
        inTurn(async () => {
            most = Math.max(most, ++now);
            await new Promise(resolve => setTimeout(resolve, 1));
            now--;
            done++;
            if (fails) throw new Error("no");
        });
    await Promise.allSettled([run(), run(true), run(), run(true), run()]);
    await run();
    assert.deepEqual([most, done], [2, 6]);
});

test("times", () => {
    const now = Date.parse("2026-01-10T00:00:00Z");
    assert.equal(relative("2026-01-22T12:00:00Z", now), "in 12 days");
    assert.equal(relative("2026-01-09T21:00:00Z", now), "3 hours ago");
    assert.equal(relative(null, now), "");
    assert.equal(relative("rubbish", now), "");
    assert.equal(seconds(1.25), "1.3 s");
    assert.equal(seconds(75.9), "1 min 15 s");
});

test("dark mode", () => {
    assert.equal(isDark("dark", false), true);
    assert.equal(isDark("light", true), false);
    assert.equal(isDark("auto", true), true);
    assert.equal(isDark("auto", false), false);
});
