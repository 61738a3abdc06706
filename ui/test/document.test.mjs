/* SPDX-License-Identifier: GPL-3.0-or-later */
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf, rowsOf } from "../src/document.js";
import { makeDocument } from "./fake-world.mjs";

const CLAIMS = { vmId: "5ec0de00", nonce: "", timeStamp: { createdOn: "now" }, surety: { secureBoot: true, x: null } };

test("claims are read from signed data, of any length", () => {
    assert.deepEqual(claimsOf(makeDocument(CLAIMS)), CLAIMS);
    const long = { text: "ü".repeat(300) };
    assert.deepEqual(claimsOf(makeDocument(long)), long);
    assert.deepEqual(rowsOf(CLAIMS), [
        ["vmId", "5ec0de00"],
        ["timeStamp.createdOn", "now"],
        ["surety.secureBoot", "true"],
    ]);
});

test("what is cut off or changed is refused, never read beyond its end", () => {
    const good = Buffer.from(makeDocument(CLAIMS), "base64");
    for (let n = 0; n < good.length; n++)
        assert.throws(() => claimsOf(good.subarray(0, n).toString("base64")), `${n} bytes`);
    for (let i = 0; i < 40; i++)
        for (const value of [0x00, 0x80, 0xff]) {
            const bad = Buffer.from(good);
            bad[i] = value;
            try {
                assert.equal(typeof claimsOf(bad.toString("base64")), "object");
            } catch (error) {
                assert.ok(error instanceof Error);
            }
        }
    assert.throws(() => claimsOf("%"));
});
