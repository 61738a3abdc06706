/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Builds dist/: what is installed as PREFIX/share/cockpit/surety.  --watch builds again at every change. */
import { build } from "esbuild";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
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

/* Components that others bring along and that the page never shows; and variants for widths that it does not ask
 * for. */
const NEVER =
    /[\\/](table-tree-view|drawer|breadcrumb|inline-edit|radio|dropdown|table-scrollable|popover|panel)\.css$/;
const VARIANT = new RegExp(
    [
        /-on-(sm|md|lg|xl|2xl|3xl)\b/,
        /pf-m-grid(-sm|-xl|-2xl)?(?![-\w])/,
        /\.pf-m-(tree-view|inset|padding|hidden|visible|width|sticky)[-\w]*/,
    ]
        .map(r => r.source)
        .join("|"),
);

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

/* Selectors that match VARIANT go, and rules that have no other.  Only of PatternFly's sheets, which have no braces in
 * strings. */
export function prune(css) {
    let out = "";
    for (const { head, body } of rulesOf(css.replace(/\/\*[^]*?\*\//g, ""))) {
        if (body === undefined) {
            out += head;
        } else if (head.trim().startsWith("@media") || head.trim().startsWith("@supports")) {
            const inner = prune(body);
            out += inner.trim() && `${head}{${inner}}`;
        } else if (head.trim().startsWith("@")) {
            out += `${head}{${body}}`;
        } else {
            const kept = head.split(/,(?![^(]*\))/).filter(s => !VARIANT.test(s));
            out += kept.length ? `${kept.join(",")}{${body}}` : "";
        }
    }
    return out;
}

const pruned = {
    name: "pruned",
    setup(b) {
        b.onLoad({ filter: STYLES }, args => ({ contents: prune(readFileSync(args.path, "utf8")), loader: "css" }));
    },
};

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
    legalComments: "linked",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [withoutSheets],
};

/* The sheets of what is in the script, in the order in which PatternFly has them: names do. */
function sheetsOf(metafile) {
    const used = Object.values(metafile.outputs)
        .flatMap(o => Object.entries(o.inputs))
        .filter(([path, { bytesInOutput }]) => /react-styles\/css\/.*\.mjs$/.test(path) && bytesInOutput > 0)
        .map(([path]) => path.replace(/\.mjs$/, ".css"))
        .filter(path => !NEVER.test(path) && existsSync(join(HERE, path)))
        .sort();
    return ["node_modules/@patternfly/react-core/dist/styles/base.css", ...used, "src/page.css"];
}

async function make(watching) {
    const made = await build(watching ? { ...script, minify: false, sourcemap: "inline" } : script);
    await build({
        ...common,
        stdin: {
            contents: sheetsOf(made.metafile)
                .map(path => `@import "./${path}";`)
                .join("\n"),
            loader: "css",
            resolveDir: HERE,
        },
        outfile: join(DIST, "index.css"),
        plugins: [fontsOfCockpit, pruned],
    });
    return made;
}

function still() {
    mkdirSync(DIST, { recursive: true });
    copyFileSync(join(HERE, "manifest.json"), join(DIST, "manifest.json"));
    copyFileSync(join(HERE, "src/index.html"), join(DIST, "index.html"));
    for (const lang of languages()) writeFileSync(join(DIST, `po.${lang}.js`), scriptOf(lang));
}

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
