/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translations: what the sources say, what po/LANG.po makes of it, and the scripts that Cockpit reads.
 *
 *   node po.mjs update   po/surety.pot from the sources, and the missing messages into each po/LANG.po
 *
 * Messages are the literal arguments of _(), _c(context, ), ngettext(one, many, ) and many(one, many, ), put together
 * of several by + where they are long, and labels of manifest.json. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const STRING = String.raw`"(?:[^"\\]|\\.)*"`;
const LONG = `(${STRING}(?:\\s*\\+\\s*${STRING})*)\\s*,?\\s*`;
const CALLS = new RegExp(
    `\\b(?:_\\(\\s*${LONG}\\)|_c\\(\\s*${LONG}${LONG}\\)|(?:ngettext|many)\\(\\s*${LONG}${LONG})`,
    "g",
);
const SEPARATOR = "\u0004"; // between context and message, as gettext has it

const text = literal => JSON.parse(`"${literal}"`);
const together = literals =>
    literals && [...literals.matchAll(new RegExp(STRING, "g"))].map(m => JSON.parse(m[0])).join("");

export function languages() {
    return readdirSync(join(HERE, "po"))
        .filter(f => f.endsWith(".po"))
        .map(f => basename(f, ".po"))
        .sort();
}

/* Messages of a source text: key -> {context, one, many}. */
export function messagesOf(source, into = new Map()) {
    for (const m of source.matchAll(CALLS)) {
        const [one, context, inContext, singular, plural] = m.slice(1).map(together);
        const found =
            singular !== undefined
                ? { one: singular, many: plural }
                : context !== undefined
                  ? { context, one: inContext }
                  : { one };
        const key = found.context === undefined ? found.one : found.context + SEPARATOR + found.one;
        if (!into.get(key)?.many) into.set(key, found);
    }
    return into;
}

export function messages() {
    const found = new Map();
    for (const name of readdirSync(join(HERE, "src"))
        .filter(f => /\.jsx?$/.test(f))
        .sort())
        messagesOf(readFileSync(join(HERE, "src", name), "utf8"), found);
    for (const entry of Object.values(JSON.parse(readFileSync(join(HERE, "manifest.json"), "utf8")).menu))
        found.set(entry.label, { one: entry.label });
    return found;
}

/* Of the PO format what translators' tools write: comments, msgctxt, msgid, msgid_plural, msgstr, msgstr[N]; strings go
 * on over lines.  key -> {context, one, many, said: [..], fuzzy} */
export function parsePo(content) {
    const entries = new Map();
    let entry = {},
        last = null,
        fuzzy = false;
    const close = () => {
        if (entry.msgid !== undefined) {
            const said = Object.keys(entry)
                .filter(k => k.startsWith("msgstr"))
                .sort()
                .map(k => entry[k]);
            const key = entry.msgctxt === undefined ? entry.msgid : entry.msgctxt + SEPARATOR + entry.msgid;
            entries.set(key, { context: entry.msgctxt, one: entry.msgid, many: entry.msgid_plural, said, fuzzy });
        }
        entry = {};
        fuzzy = false;
    };
    const begins = () => (entry.msgstr ?? entry["msgstr[0]"]) !== undefined && close();
    for (const line of content.split("\n")) {
        const m = line.match(/^(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+)?"(.*)"\s*$/);
        if (m?.[1]) {
            if (!m[1].startsWith("msgstr")) begins();
            last = m[1];
            entry[last] = text(m[2]);
        } else if (m && last) {
            entry[last] += text(m[2]);
        } else if (line.startsWith("#")) {
            begins();
            fuzzy ||= /^#,.*\bfuzzy\b/.test(line);
        } else if (line.trim() === "") {
            close();
        }
    }
    close();
    return entries;
}

/* Plural-Forms is an expression of C that is one of JavaScript too; only what such an expression needs is let in. */
function pluralFunction(header) {
    const rule = header.match(/plural=([^;\n]+)/)?.[1] ?? "n != 1";
    if (!/^[n0-9\s()!=<>&|?:%+-]*$/.test(rule)) throw new Error(`no plural rule: ${rule}`);
    return `function (n) { return Number(${rule}); }`;
}

/* The script of one language; keep(key) tells which messages go there. */
export function script(lang, content, keep = () => true) {
    const entries = parsePo(content);
    const rows = [
        `"": {"plural-forms": ${pluralFunction(entries.get("")?.said[0] ?? "")}, ` +
            `"language": ${JSON.stringify(lang)}, "language-direction": "ltr"}`,
    ];
    for (const [key, e] of entries)
        if (key && !e.fuzzy && e.said.every(s => s) && keep(key))
            rows.push(`${JSON.stringify(key)}: ${JSON.stringify([null, ...e.said])}`);
    return `cockpit.locale({\n${rows.join(",\n")}\n});\n`;
}

export function scriptOf(lang) {
    const wanted = messages();
    return script(lang, readFileSync(join(HERE, "po", `${lang}.po`), "utf8"), key => wanted.has(key));
}

const quote = s => JSON.stringify(s);

function entryText(e, said) {
    const head = e.context === undefined ? "" : `msgctxt ${quote(e.context)}\n`;
    return e.many === undefined
        ? `${head}msgid ${quote(e.one)}\nmsgstr ${quote(said?.[0] ?? "")}\n`
        : `${head}msgid ${quote(e.one)}\nmsgid_plural ${quote(e.many)}\n` +
              [0, 1].map(i => `msgstr[${i}] ${quote(said?.[i] ?? "")}\n`).join("");
}

const header = lang =>
    `# SPDX-License-Identifier: GPL-3.0-or-later\nmsgid ""\nmsgstr ""\n` +
    `"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: ${lang}\\n"\n` +
    `"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n`;

function update() {
    const wanted = messages();
    for (const lang of languages()) {
        const path = join(HERE, "po", `${lang}.po`),
            have = parsePo(readFileSync(path, "utf8"));
        const rows = [...wanted].map(([key, e]) => entryText(e, have.get(key)?.said));
        writeFileSync(path, [header(lang), ...rows].join("\n"));
    }
    writeFileSync(
        join(HERE, "po", "surety.pot"),
        [header(""), ...[...wanted.values()].map(e => entryText(e))].join("\n"),
    );
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === "update") update();
