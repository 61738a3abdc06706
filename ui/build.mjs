/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Builds dist/: what is installed as PREFIX/share/cockpit/surety.  --watch builds again at every change. */
import { build } from "esbuild";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { statSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { languages, scriptOf } from "./po.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, "dist");

/* A style of PatternFly is a module of JavaScript that imports the sheet beside it. The bundler keeps every sheet that
 * is imported anywhere, a megabyte more than what is used; so sheets are left out first, and then those go into the
 * page whose modules came into the script. */
const STYLES = /@patternfly[\\/]react-styles[\\/]css[\\/].*\.css$/;
const withoutSheets = {
    name: "without-sheets",
    setup(b) {
        b.onLoad({ filter: STYLES }, () => ({ contents: "", loader: "css" }));
    },
};

/* Components that others bring along and that the page never shows: an element that has only its children stands in
 * their place. */
const UNSEEN = ["Tooltip", "Popper", "Popover", "Menu", "MenuToggle", "Dropdown"];
const withoutUnseen = {
    name: "without-unseen",
    setup(b) {
        b.onResolve({ filter: /\/(Tooltip|helpers\/Popper\/Popper|Popover|Menu|MenuToggle|Dropdown)$/ }, args =>
            args.importer.includes("@patternfly") ? { path: "unseen", namespace: "unseen" } : undefined,
        );
        b.onLoad({ filter: /.*/, namespace: "unseen" }, () => ({
            contents: [...UNSEEN, "MenuContent", "MenuItem", "MenuList", "TooltipPosition"]
                .map(name => `export const ${name} = ({ children }) => children ?? null;`)
                .join("\n"),
        }));
    },
};

/* Sheets of what is not shown. */
const NEVER = /[\\/](table-tree-view|inline-edit|table-scrollable|label-group|tooltip|menu|menu-toggle)\.css$/;

/* Rules of a sheet as {head, body}; of @media and the like the body is rules again. */
function* rulesOf(css) {
    for (let at = 0; at < css.length;) {
        const open = css.indexOf("{", at),
            end = css.indexOf(";", at);
        if (end >= 0 && (open < 0 || end < open)) {
            // @charset, @import
            yield { head: css.slice(at, end + 1) };
            at = end + 1;
            continue;
        }
        if (open < 0) return;
        let close = open + 1;
        for (let depth = 1; depth; close++) depth += { "{": 1, "}": -1 }[css[close]] ?? 0;
        yield { head: css.slice(at, open), body: css.slice(open + 1, close - 1) };
        at = close;
    }
}

const camel = name => name.replace(/[-_]+([a-z0-9])/g, (_all, letter) => letter.toUpperCase());

/* Whether a script that says these words may ever have the class: PatternFly's modules write pf-v5-c-card__title as
 * cardTitle and pf-m-link as link, or take the word from who uses them; where it is for one width, after it. */
export function mayHave(words) {
    return selector =>
        !selector.includes("pficon") &&
        [...selector.matchAll(/\.pf-(?:v5-[clt]|m)-([\w-]+)/g)].every(([all, name]) => {
            const width = name.match(/-on-(sm|md|lg|xl|2xl|3xl)$/);
            if (width) return width[1] === "lg" && words.has(camel(name.replace(/-on-.*/, "")));
            return words.has(all.slice(1)) || words.has(camel(name)) || words.has(name);
        });
}

/* A sheet with only those selectors that may match.  Only for PatternFly's sheets, which have no braces in strings. */
export function prune(css, may) {
    let out = "";
    for (const { head, body } of rulesOf(css.replace(/\/\*[^]*?\*\//g, ""))) {
        if (body === undefined) {
            out += head;
        } else if (head.trim().startsWith("@media") || head.trim().startsWith("@supports")) {
            const inner = prune(body, may);
            out += inner.trim() && `${head}{${inner}}`;
        } else if (head.trim().startsWith("@")) {
            out += `${head}{${body}}`;
        } else {
            const kept = head.split(/,(?![^(]*\))/).filter(s => may(s.replace(/:not\([^)]*\)/g, "")));
            out += kept.length ? `${kept.join(",")}{${body}}` : "";
        }
    }
    return out;
}

/* Without variables that nothing reads, and rules that are empty then. */
export function withoutUnread(css, script) {
    for (let before = ""; before !== css; ) {
        before = css;
        const read = new Set([...`${css}${script}`.matchAll(/(?:var\(\s*|["'])(--[\w-]+)/g)].map(m => m[1]));
        css = css.replace(/(--[\w-]+)\s*:[^;{}]*(;|(?=\}))/g, (all, name) => (read.has(name) ? all : ""));
        css = css.replace(/[^{};]+\{\s*\}/g, "");
    }
    return css;
}

/* Names of variables are two thirds of what PatternFly's sheets are long: those that the script does not know get
 * short ones. */
export function withShortNames(css, script) {
    const short = new Map();
    const known = name => name.startsWith("--pf-") && !script.includes(name);
    return css.replace(/--[\w-]+/g, name => {
        if (!known(name)) return name;
        if (!short.has(name)) short.set(name, `--v${short.size.toString(36)}`);
        return short.get(name);
    });
}

/* PatternFly brings fonts; Cockpit has the same ones, and page.css names them there. */
const fontsOfCockpit = {
    name: "fonts-of-cockpit",
    setup(b) {
        b.onLoad({ filter: /react-core[\\/]dist[\\/]styles[\\/]base\.css$/ }, args => ({
            contents: readFileSync(args.path, "utf8").replace(/@font-face\s*\{[^}]*\}/g, ""),
            loader: "css",
        }));
        b.onResolve({ filter: /static\/fonts\// }, args => ({ path: args.path, external: true }));
    },
};

const common = {
    bundle: true,
    minify: true,
    target: ["es2020"],
    logLevel: "warning",
    metafile: true,
    absWorkingDir: HERE,
};

const script = {
    ...common,
    entryPoints: { index: "src/index.jsx" },
    outdir: DIST,
    format: "iife",
    jsx: "automatic",
    legalComments: "none", // licences() has them whole
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [withoutSheets, withoutUnseen],
};

/* The modules that the script has something of. */
const usedOf = metafile =>
    Object.values(metafile.outputs)
        .flatMap(o => Object.entries(o.inputs))
        .filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && existsSync(join(HERE, path)))
        .map(([path]) => path);

/* Every word of them, but for PatternFly's lists of classes. */
function wordsOf(metafile) {
    const words = new Set();
    for (const path of usedOf(metafile).filter(p => !/react-styles\//.test(p)))
        for (const word of readFileSync(join(HERE, path), "utf8").match(/[\w-]+/g) ?? []) words.add(word);
    return words;
}

/* The licences of all packages that the script has something of. */
export function licences(inputs) {
    const names = new Set(inputs.map(path => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
    const one = name => {
        const { version, license } = JSON.parse(readFileSync(join(HERE, "node_modules", name, "package.json"), "utf8"));
        const file = readdirSync(join(HERE, "node_modules", name)).find(f => /^licen[sc]e/i.test(f));
        const text = readFileSync(join(HERE, "node_modules", name, file), "utf8").trim();
        return `${name} ${version} (${license})\n\n${text}\n`;
    };
    return [
        "This page is made of these packages, each with its licence. Cockpit brings the fonts RedHatText,",
        "RedHatDisplay and RedHatMono (SIL Open Font License 1.1): they are not part of it. Icons of react-icons are",
        "PatternFly's and those of Font Awesome Free (https://fontawesome.com, CC BY 4.0).\n",
        ...[...names].sort().map(one),
    ].join("\n");
}

/* The sheets of what is in the script, in the order in which PatternFly has them: names do. */
function sheetsOf(metafile) {
    const used = usedOf(metafile)
        .filter(path => /react-styles\/css\/.*\.mjs$/.test(path))
        .map(path => path.replace(/\.mjs$/, ".css"))
        .filter(path => !NEVER.test(path) && existsSync(join(HERE, path)))
        .sort();
    return ["node_modules/@patternfly/react-core/dist/styles/base.css", ...used, "src/page.css"];
}

async function make(watching) {
    const made = await build(watching ? { ...script, minify: false, sourcemap: "inline" } : script);
    const may = mayHave(wordsOf(made.metafile));
    const sheets = {
        name: "sheets",
        setup(b) {
            b.onLoad({ filter: STYLES }, args => ({
                contents: prune(readFileSync(args.path, "utf8"), may),
                loader: "css",
            }));
        },
    };
    const { outputFiles } = await build({
        ...common,
        stdin: {
            contents: sheetsOf(made.metafile)
                .map(path => `@import "./${path}";`)
                .join("\n"),
            loader: "css",
            resolveDir: HERE,
        },
        outfile: join(DIST, "index.css"),
        write: false,
        plugins: [fontsOfCockpit, sheets],
    });
    const css = outputFiles.find(f => f.path.endsWith(".css")).text;
    writeFileSync(join(DIST, "index.js.LEGAL.txt"), licences(usedOf(made.metafile)));
    const said = readFileSync(join(DIST, "index.js"), "utf8");
    writeFileSync(join(DIST, "index.css"), withShortNames(withoutUnread(css, said), said));
    return made;
}

function still() {
    mkdirSync(DIST, { recursive: true });
    copyFileSync(join(HERE, "manifest.json"), join(DIST, "manifest.json"));
    copyFileSync(join(HERE, "src/index.html"), join(DIST, "index.html"));
    for (const lang of languages()) writeFileSync(join(DIST, `po.${lang}.js`), scriptOf(lang));
}

async function main() {
    if (process.argv.includes("--watch")) {
        const again = () =>
            make(true)
                .then(still)
                .catch(() => {}); // esbuild has said why
        await again();
        watch(join(HERE, "src"), () => {
            clearTimeout(again.timer);
            again.timer = setTimeout(again, 100);
        });
    } else {
        rmSync(DIST, { recursive: true, force: true });
        const made = await make(false);
        still();
        if (process.argv.includes("--metafile"))
            writeFileSync(join(HERE, "node_modules", "meta.json"), JSON.stringify(made.metafile));
        for (const name of ["index.js", "index.css"])
            console.log(`dist/${name}: ${Math.round(statSync(join(DIST, name)).size / 1024)} KiB`);
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
