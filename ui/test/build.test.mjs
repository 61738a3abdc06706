/* SPDX-License-Identifier: GPL-3.0-or-later */
import assert from "node:assert/strict";
import { test } from "node:test";
import { licences, mayHave, prune, withoutUnread, withShortNames } from "../build.mjs";

test("selectors that nothing can match go", () => {
    const may = mayHave(new Set(["card", "cardTitle", "compact", "pf-v5-c-raw"]));
    const css =
        ".pf-v5-c-card,.pf-v5-c-menu{a:b}.pf-v5-c-card__title.pf-m-compact{a:b}.pf-v5-c-card.pf-m-huge{a:b}" +
        "@media print{.pf-v5-c-menu{a:b}}@media screen{.own,.pf-v5-c-raw{a:b}}.pf-v5-c-card:not(.pf-m-huge){a:b}" +
        "@font-face{src:x}";
    assert.equal(
        prune(css, may),
        ".pf-v5-c-card{a:b}.pf-v5-c-card__title.pf-m-compact{a:b}@media screen{.own,.pf-v5-c-raw{a:b}}" +
            ".pf-v5-c-card:not(.pf-m-huge){a:b}@font-face{src:x}",
    );
});

test("variables that nothing reads go, and those that only they read", () => {
    assert.equal(withoutUnread(".a{--x:1;--y:var(--x);b:c}.d{--z:1}.e{--w:2}", 'style["--w"]'), ".a{b:c}.e{--w:2}");
    assert.equal(withoutUnread(".a{--x:1;b:var(--x)}", ""), ".a{--x:1;b:var(--x)}");
});

test("variables get short names, but for those that the script knows", () => {
    assert.equal(
        withShortNames(".a{--pf-x:1;--pf-y:2;b:var(--pf-x) var(--pf-y) var(--own)}", "--pf-y"),
        ".a{--v0:1;--pf-y:2;b:var(--v0) var(--pf-y) var(--own)}",
    );
});

test("every package that is in the bundle has its licence beside it", () => {
    const text = licences(["node_modules/react-dom/index.js", "src/index.jsx"]);
    assert.match(text, /react-dom 18\./);
    assert.match(text, /MIT License/);
    assert.match(text, /Font Awesome/);
    assert.match(text, /RedHat(Text|Display)/);
});
