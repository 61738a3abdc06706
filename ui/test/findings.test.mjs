/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checks found, as the page shows it in each language: the modules that show it are bundled as for the page, and
 * rendered without a browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { languages, scriptOf } from "../po.mjs";

const { outputFiles } = await build({
    stdin: {
        contents: `
            export { createElement } from "react";
            export { renderToStaticMarkup } from "react-dom/server.browser";
            export { Findings, VmFindings } from "./src/findings.jsx";
            export { inWords, lineOf, said, sentence, titleOf } from "./src/words.js";
            export { errors, remedies, rules } from "./src/rules.js";`,
        resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    write: false,
    format: "cjs",
    platform: "node",
    jsx: "automatic",
    loader: { ".css": "empty" },
    define: { "process.env.NODE_ENV": '"production"' },
});

/* The modules as they are after Cockpit has loaded the script of a language. */
function page(lang) {
    let said = {};
    const cockpit = {
        locale: o => (said = o),
        gettext: (context, message) =>
            said[message === undefined ? context : `${context}\u0004${message}`]?.[1] ?? message ?? context,
        ngettext: (one, many, n) => said[one]?.[n === 1 ? 1 : 2] ?? (n === 1 ? one : many),
        format: (template, ...values) => template.replace(/\$(\d)/g, (_all, i) => String(values[i])),
    };
    if (lang !== "en") new Function("cockpit", scriptOf(lang))(cockpit);
    globalThis.cockpit = cockpit;
    const module = { exports: {} };
    new Function("module", "exports", outputFiles[0].text)(module, module.exports);
    const { createElement, renderToStaticMarkup, ...rest } = module.exports;
    const shown = (what, props) =>
        renderToStaticMarkup(createElement(rest[what], props))
            .replace(/<svg.*?<\/svg>/g, "")
            .replace(/&#x27;/g, "'")
            .replace(/&lt;/g, "<")
            .replace(/&gt;/g, ">");
    return { ...rest, shown, gettext: cockpit.gettext };
}

const pages = Object.fromEntries(["en", ...languages()].map(lang => [lang, page(lang)]));

const same = text => text;
const GOOD = { id: "vm.machine", severity: "ok", message: "the machine type is i440fx (pc) or q35", remedy: null };
const RESTORE = {
    id: "vm.practice.restore-point",
    severity: "warning",
    message: "no restore point is taken: the undo journal brings back the layout, and not files",
    remedy: "say --restore-point auto, or have a backup of the VM that was tested",
};
const UNKNOWN = { id: "vm.xml.bus", severity: "warning", message: "hda goes from IDE to SATA", remedy: null };
const report = (...findings) => ({ vms: [{ name: "vm1", checks: { findings } }] });

test("a rule has its title above its id, and its remedy beside it, in each language", () => {
    for (const [lang, title, remedy] of [
        ["en", "A restore point is taken", "Say --restore-point auto, or have a backup of the VM that was tested"],
        [
            "de",
            "Ein Wiederherstellungspunkt wird angelegt",
            "Geben Sie --restore-point auto an, oder haben Sie eine geprüfte Sicherung der VM",
        ],
        [
            "it",
            "Viene creato un punto di ripristino",
            "Indicare --restore-point auto, oppure tenere un backup della VM che sia stato provato",
        ],
    ]) {
        const html = pages[lang].shown("Findings", { report: report(RESTORE, GOOD) });
        assert.ok(html.includes(`<div>${title}</div><code class="rule">vm.practice.restore-point</code>`), html);
        assert.ok(html.includes(`>${remedy}</td>`), html);
        assert.ok(html.includes("No restore point is taken: the undo journal"), "details are suretyd's");
    }
});

test("a remedy that is not the table's is shown as it was sent", () => {
    const html = pages.de.shown("Findings", { report: report({ ...RESTORE, remedy: `${RESTORE.remedy} twice` }) });
    assert.ok(html.includes(">Say --restore-point auto, or have a backup of the VM that was tested twice</td>"), html);
});

test("what has no row is shown by its id alone", () => {
    const html = pages.de.shown("Findings", { report: report(UNKNOWN) });
    assert.ok(html.includes('<div><code class="rule">vm.xml.bus</code></div>'), html);
    assert.ok(html.includes("</strong>: Hda goes from IDE to SATA"), html);
    assert.equal(pages.de.titleOf("constructor"), "");
});

test("of one VM: remedies, and what was good", () => {
    const html = pages.it.shown("VmFindings", { findings: [RESTORE, GOOD, UNKNOWN], name: "vm1" });
    assert.ok(html.includes("<strong>Rimedio:</strong> Indicare --restore-point auto"), html);
    assert.ok(html.includes("Il tipo di macchina è i440fx (pc) o q35 <code>vm.machine</code>"), html);
    assert.ok(html.includes("No restore point is taken: the undo journal"), html);
});

test("what MBR2GPT calls a rule stays behind it", () => {
    const { said } = pages.de;
    assert.equal(
        said("there are at most 3 primary partitions (MBR2GPT: V5, 0)"),
        "es gibt höchstens 3 primäre Partitionen (MBR2GPT: V5, 0)",
    );
    const more = "there are 4 primary partitions (MBR2GPT: V5, 7)";
    assert.equal(said(more), more);
    for (const nothing of [null, undefined, ""]) assert.equal(said(nothing), "");
});

test("a sentence begins with a capital letter in each language, unless it begins with a name", () => {
    const { sentence } = pages.en;
    for (const [from, to] of [
        ["führen Sie update-grub aus", "Führen Sie update-grub aus"],
        ["è noto", "È noto"],
        ["l’hive SYSTEM è completo", "L’hive SYSTEM è completo"],
        ["swtpm ist installiert", "swtpm ist installiert"],
        ["qemu-img ist installiert", "qemu-img ist installiert"],
        ["--reuse-esp ist möglich", "--reuse-esp ist möglich"],
    ])
        assert.equal(sentence(from), to);
    assert.equal(sentence("über ist aus", "über"), "über ist aus");
});

/* What has to be typed or found again has one form. */
test("translations keep commands, options, files, elements and numbers", () => {
    const fixed = text =>
        text.match(
            /--[a-z0-9-]+|<[^>]+>|[A-Z]:\\\w+|\/[a-z][\w/.-]*|\b[a-z]+[-_.][a-z][\w.-]*|\b[A-Z]{3,}\b|\d+/g,
        ) ?? [];
    const all = { ...pages.en.rules(same), ...pages.en.errors(same), remedies: pages.en.remedies(same) };
    for (const lang of languages())
        for (const [id, texts] of Object.entries(all))
            for (const english of Object.values(texts))
                for (const word of fixed(english)) {
                    const text = pages[lang].gettext(english);
                    assert.ok(text.includes(word), `${lang}: ${id}: ${word} is not in “${text}”`);
                }
});

test("an error is what its id is called, and suretyd's sentence; where the sentence is known, that alone", () => {
    const [id, text, remedy] = ["vm.locked", "another job works on the VM web1", "Wait until that job has ended"];
    const de = pages.de.inWords(id, text);
    assert.equal(de.title, "ein anderer Auftrag arbeitet an der VM");
    assert.equal(de.detail, text);
    assert.equal(pages.it.said(remedy), "Attendere la fine di quell’operazione");
    assert.equal(
        pages.it.lineOf({ id, title: "Conflict", detail: text, remedy }),
        `Un’altra operazione lavora sulla VM: ${text}. Attendere la fine di quell’operazione`,
    );
    assert.deepEqual(pages.en.inWords(id, text), { title: text, detail: "" });
    assert.deepEqual(pages.de.inWords("no.such", text), { title: text, detail: "" });
    assert.deepEqual(pages.de.inWords("constructor", undefined), { title: "", detail: "" });
    assert.deepEqual(pages.de.inWords("vm.machine", "the machine type is i440fx (pc) or q35"), {
        title: "der Maschinentyp ist i440fx (pc) oder q35",
        detail: "",
    });
});

test("what the page says itself is not looked up", () => {
    const own = { id: "page.access", title: "Keine Rechte", detail: "", message: "Keine Rechte" };
    assert.equal(pages.de.lineOf(own), "Keine Rechte");
});

test("a finding with values says in other languages which rule it is of", () => {
    const finding = { ...RESTORE, message: "4 restore points are there" };
    const html = pages.de.shown("VmFindings", { findings: [finding], name: "vm1" });
    assert.ok(html.includes('<span lang="en">4 restore points are there</span> (Regel: ein Wieder'), html);
    assert.ok(!pages.en.shown("VmFindings", { findings: [finding], name: "vm1" }).includes("(rule"), "not in English");
});
