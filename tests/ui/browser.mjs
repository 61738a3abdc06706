/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A real cockpit-ws with a real bridge and the built page, and a browser before it; TAP.
 *
 * The page asks /run/surety/api.sock: `run` gives every suite a /run/surety of its own, so that no suretyd of this
 * machine is asked. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const WS = ["/usr/lib/cockpit/cockpit-ws", "/usr/libexec/cockpit-ws"];
export const DIST = join(HERE, "../../ui/dist");
export const SOCKET = "/run/surety/api.sock";
const SHOTS = process.env.SHOTS; // where screenshots go; none without it

let count = 0,
    failed = 0;

export function report(good, text, why = "") {
    console.log(`${good ? "ok" : "not ok"} ${++count} - ${text}`);
    if (!good) {
        failed++;
        const plain = String(why).replace(/\x1b\[\d*m/g, "");
        for (const line of plain.split("\n").slice(0, 80)) console.log(`# ${line.slice(0, 300)}`);
    }
    return good;
}

export const is = (got, wanted, text) =>
    report(got === wanted, text, `got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);

let looked = null; // the page that was opened last

/* What that page shows, for the report of a test that failed; and a picture of it. */
async function shown() {
    if (!looked || looked.isClosed()) return "";
    await shot(looked, `failed-${basename(process.argv[1], ".mjs")}-${count + 1}`).catch(() => {});
    const text = await looked.evaluate(() => document.body.innerText).catch(error => error.message);
    return [`the page ${looked.url()} shows:`, ...text.split(/\s*\n\s*/), ...looked.complaints].join("\n");
}

/* A step that throws is a test that failed; the next ones are tried all the same. */
export async function step(text, run) {
    try {
        await run();
        return report(true, text);
    } catch (error) {
        return report(false, text, `${error.message.split("\n").slice(0, 6).join("\n")}\n${await shown()}`);
    }
}

export function done() {
    console.log(`1..${count}`);
    process.exitCode = failed ? 1 : 0;
}

async function freePort() {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    return port;
}

/* Cockpit with this page and no other state than its own; stop() ends it. */
export async function startCockpit() {
    const home = mkdtempSync(join(tmpdir(), "surety-ui."));
    mkdirSync(join(home, "data/cockpit"), { recursive: true });
    mkdirSync(join(home, "run"), { mode: 0o700 });
    symlinkSync(DIST, join(home, "data/cockpit/surety"));
    const port = await freePort();
    const {
        default: { existsSync },
    } = await import("node:fs");
    const ws = spawn(
        WS.find(p => existsSync(p)) ?? WS[0],
        ["--no-tls", "--address", "127.0.0.1", "--port", String(port), "--local-session", "/usr/bin/cockpit-bridge"],
        {
            env: {
                PATH: process.env.PATH,
                HOME: home,
                LANG: "C.UTF-8",
                XDG_DATA_HOME: join(home, "data"),
                XDG_RUNTIME_DIR: join(home, "run"),
            },
            stdio: ["ignore", "ignore", "pipe"],
        },
    );
    let said = "";
    ws.stderr.on("data", part => {
        said = (said + part).slice(-4000);
    });
    const url = `http://127.0.0.1:${port}`;
    for (let i = 0; i < 1200 && ws.exitCode === null; i++) {
        if (
            await fetch(url).then(
                () => true,
                () => false,
            )
        )
            break;
        await sleep(100);
    }
    return {
        url,
        page: `${url}/cockpit/@localhost/surety/index.html`,
        said: () => said,
        stop: async () => {
            ws.kill();
            await Promise.race([once(ws, "exit"), sleep(3000)]);
            // its bridges end after it, and write there until then
            rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
        },
    };
}

export const startBrowser = () =>
    chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        // root has no sandbox, a container no /dev/shm
        args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });

/* A page that counts what must not happen: exceptions, errors on the console, forbidden resources. */
export async function openPage(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.complaints = [];
    page.on("pageerror", error => page.complaints.push(String(error)));
    page.on("console", m => m.type() === "error" && page.complaints.push(m.text()));
    looked = page;
    await page.goto(url);
    return page;
}

const AXE = readFileSync(join(HERE, "node_modules/axe-core/axe.min.js"), "utf8");

/* What axe-core says of the page as it is: "" or a line for each violation. */
export async function violations(page) {
    await page.evaluate(AXE);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    return found.violations
        .flatMap(v =>
            v.nodes
                .slice(0, 3)
                .map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary?.split("\n")[1] ?? ""}`),
        )
        .join("\n");
}

/* All of the page, also what it scrolls by itself. */
export async function shot(page, name) {
    if (!SHOTS) return;
    const size = page.viewportSize();
    const height = await page.evaluate(() =>
        Math.max(...[...document.querySelectorAll("html, main")].map(e => e.scrollHeight)),
    );
    await page.setViewportSize({ width: size.width, height: Math.min(Math.max(size.height, height + 50), 4000) });
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    await page.setViewportSize(size);
}
