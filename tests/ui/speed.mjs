/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How soon the page shows VMs when there are 1,000 of them, and how soon Cockpit's own page of accounts shows the few
 * that there are.  Time on the clock depends on what else the machine does, so the limit is on the processor time of the
 * page's own thread; the clock's is told.  On a slow processor ours is held against Cockpit's.  TAP. */
import { openPage, report, done, SOCKET, startBrowser, startCockpit } from "./browser.mjs";
import { serve } from "../../ui/test/fake-api.mjs";

const VMS = 1000,
    RUNS = 5,
    LIMIT_MS = 1000,
    LIMIT_OWN = 3; // times Cockpit's page

const api = await serve(SOCKET, { vms: VMS });
const cockpit = await startCockpit();
const browser = await startBrowser();

/* From the navigation to the first row: processor time of the page's thread, and time on the clock, in milliseconds. */
async function once(url, shown) {
    const context = await browser.newContext(),
        page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.goto(url, { waitUntil: "commit" });
    await page.locator(shown).first().waitFor();
    const wall = await page.evaluate(() => performance.now());
    const { metrics } = await session.send("Performance.getMetrics");
    await context.close();
    return { wall, cpu: metrics.find(m => m.name === "TaskDuration").value * 1000 };
}

const median = values => Math.round(values.sort((a, b) => a - b)[values.length >> 1]);

async function several(url, shown) {
    const runs = [];
    for (let i = 0; i < RUNS; i++) runs.push(await once(url, shown));
    return { cpu: median(runs.map(r => r.cpu)), wall: median(runs.map(r => r.wall)) };
}

try {
    const own = await several(`${cockpit.url}/cockpit/@localhost/users/index.html`, "#accounts-list tbody tr");
    console.log(`# Cockpit's own page of accounts, in the same run: ${own.cpu} ms, ${own.wall} ms on the clock`);
    const limit = Math.max(LIMIT_MS, LIMIT_OWN * own.cpu);
    for (const [tab, shown] of [
        ["overview", "[data-counter=active]"],
        ["vms", "[data-vm]"],
        ["upgrade", "[data-vm]"],
    ]) {
        const { cpu, wall } = await several(`${cockpit.page}#/${tab}`, shown);
        report(cpu < limit, `${tab}: ${cpu} ms of processor time, ${wall} ms on the clock, with ${VMS} VMs`);
    }
    const page = await openPage(browser, `${cockpit.page}#/vms`);
    await page.locator("[data-vm]").first().waitFor();
    const rows = await page.locator("[data-vm]").count();
    report(rows <= 50, `${rows} of ${VMS} rows are drawn`);
    await page.context().close();
} finally {
    await browser.close();
    await cockpit.stop();
    api.close();
}
done();
process.exit();
