/* SPDX-License-Identifier: GPL-3.0-or-later */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { languages, messages, messagesOf, parsePo, script, scriptOf } from "../po.mjs";

const load = text => {
    let said;
    runInNewContext(text, {
        cockpit: {
            locale: o => {
                said = o;
            },
        },
    });
    return said;
};

test("messages are found in sources", () => {
    const found = messagesOf(
        '_("a \\"b\\"") _c("x", "a") ngettext("one", "more", n) many("1", "2") x_("no") format(_(\n"c"))',
    );
    assert.deepEqual([...found.keys()], ['a "b"', "x\u0004a", "one", "1", "c"]);
    assert.equal(found.get("one").many, "more");
});

test("the PO format", () => {
    const entries = parsePo(
        '# c\nmsgid ""\nmsgstr ""\n"Plural-Forms: x;\\n"\n#, fuzzy\nmsgid "f"\nmsgstr "F"\n\nmsgctxt "k"\nmsgid "a"\n' +
            '"b"\nmsgstr "A"\n"B\\n"\nmsgid "1"\nmsgid_plural "n"\nmsgstr[0] "eins"\nmsgstr[1] "viele"\n',
    );
    assert.equal(entries.get("f").fuzzy, true);
    assert.deepEqual(entries.get("k\u0004ab").said, ["AB\n"]);
    assert.deepEqual(entries.get("1").said, ["eins", "viele"]);
});

test("a script of Cockpit's form, and nothing that runs", () => {
    const said = load(
        script(
            "xx",
            'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n' +
                'msgid "a"\nmsgstr "ä"\n\nmsgid "u"\nmsgstr ""\n',
        ),
    );
    assert.equal(said[""].language, "xx");
    assert.equal(said[""]["plural-forms"](1), 0);
    assert.equal(said[""]["plural-forms"](2), 1);
    assert.equal(said.a[1], "ä");
    assert.equal("u" in said, false, "what is not translated stays English");
    assert.throws(() => script("xx", 'msgid ""\nmsgstr "Plural-Forms: plural=alert(1);\\n"\n'));
});

test("every message is translated, with the same places for values", () => {
    const places = s => (s.match(/\$\d/g) ?? []).sort().join();
    assert.deepEqual(languages(), ["de", "it"]);
    for (const lang of languages()) {
        const have = parsePo(readFileSync(new URL(`../po/${lang}.po`, import.meta.url), "utf8")),
            said = load(scriptOf(lang));
        for (const [key, e] of messages()) {
            const got = have.get(key)?.said ?? [];
            assert.equal(got.length, e.many === undefined ? 1 : 2, `${lang}: ${e.one}`);
            assert.ok(
                got.every(s => s),
                `${lang}: ${e.one} is not translated`,
            );
            assert.equal(places(got.at(-1)), places(e.many ?? e.one), `${lang}: ${e.one}`);
            assert.equal(said[key][1], got[0]);
        }
        assert.equal(have.size - 1, messages().size, `${lang}: messages that nothing says: run npm run pot`);
    }
});

test("the template is that of the sources", () => {
    const have = parsePo(readFileSync(new URL("../po/surety.pot", import.meta.url), "utf8"));
    assert.deepEqual(
        [...have.keys()].filter(k => k),
        [...messages().keys()],
    );
});
