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
            export { sentence } from "./src/parts.jsx";
            export { said, titleOf } from "./src/words.js";
            export { rules } from "./src/rules.js";`,
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
    return { ...rest, shown };
}

const pages = Object.fromEntries(["en", ...languages()].map(lang => [lang, page(lang)]));

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
    const english = pages.en.rules(text => text);
    for (const lang of languages())
        for (const [id, rule] of Object.entries(pages[lang].rules(pages[lang].said)))
            for (const [name, text] of Object.entries(rule))
                for (const word of fixed(english[id][name]))
                    assert.ok(text.includes(word), `${lang}: ${id}: ${word} is not in “${text}”`);
});
