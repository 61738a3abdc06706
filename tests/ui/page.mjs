/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page in Chromium before a real cockpit-ws and bridge; suretyd is the stand-in of ui/test.  TAP. */
import {
    openPage,
    is,
    report,
    done,
    shot,
    SOCKET,
    startBrowser,
    startCockpit,
    step,
    violations,
} from "./browser.mjs";
import { serve } from "../../ui/test/fake-api.mjs";
import { troubles } from "./trouble.mjs";

const TABS = ["overview", "servers", "vms", "upgrade", "activity"];
const LONG = 20000;

async function noComplaints(page, text) {
    report(page.complaints.length === 0, text, page.complaints.join("\n"));
    await page.context().close();
}

async function accessible(page, text) {
    const found = await violations(page);
    report(found === "", text, found);
}

const dialog = page => page.getByRole("dialog");
const api = await serve(SOCKET, { vms: 8, servers: 2, state: "Expired" });
const cockpit = await startCockpit();
const browser = await startBrowser();
const open = (tab, options) => openPage(browser, `${cockpit.page}#/${tab}`, options);

/* Nothing lies beyond the window's right edge. */
const fits = page =>
    page.evaluate(() => {
        const main = document.querySelector("main");
        return document.documentElement.scrollWidth <= innerWidth && main.scrollWidth <= main.clientWidth;
    });

const cutNames = page =>
    page.evaluate(() =>
        [...document.querySelectorAll("thead th")]
            .filter(h => h.scrollWidth > h.clientWidth)
            .map(h => h.innerText)
            .join(),
    );

async function tabs() {
    const page = await open("overview");
    await page.getByRole("tab").first().waitFor();
    is(await page.getByRole("tab").count(), TABS.length, "five tabs");
    for (const name of TABS) {
        await step(`tab ${name} opens by its name`, async () => {
            await page.getByRole("tab").nth(TABS.indexOf(name)).click();
            await page.waitForFunction(n => location.hash === `#/${n}`, name);
            await page.locator("#tab-content h2").first().waitFor();
        });
        await page.waitForTimeout(300);
        await accessible(page, `${name}: axe-core finds nothing`);
        is(await cutNames(page), "", `${name}: no column's name is cut off`);
        await shot(page, name);
    }
    await step("arrow keys go through the tabs", async () => {
        await page.getByRole("tab", { name: "Activity" }).focus();
        await page.keyboard.press("ArrowRight");
        await page.waitForFunction(() => location.hash === "#/overview");
        await page.keyboard.press("ArrowRight");
        await page.waitForFunction(() => location.hash === "#/servers");
        await page.waitForFunction(() => document.activeElement.getAttribute("aria-selected") === "true");
    });
    await noComplaints(page, "nothing on the console");
}

/* A VM's details are whole, and so are the names of what is in a row. */
async function details(page) {
    await page.getByRole("button", { name: "Details of vm1" }).click();
    await page.locator("tr", { hasText: "Defined by" }).first().waitFor();
    const cut = () => [...document.querySelectorAll("tr")].filter(r => r.scrollHeight > r.clientHeight + 1).length;
    is(await page.evaluate(cut), 0, "details, narrow: nothing is cut off");
    const broken = () =>
        [...document.querySelectorAll("td[data-label]")].filter(
            cell => getComputedStyle(cell, "::before").overflowWrap !== "normal",
        ).length;
    is(await page.evaluate(broken), 0, "no label is broken within a word");
    await shot(page, "narrow-360-details");
}

/* A phone's width, and a window at 200 %. */
async function narrow() {
    for (const [width, height] of [
        [360, 740],
        [640, 450],
    ])
        for (const name of TABS) {
            const page = await open(name, { viewport: { width, height } });
            await page.locator("#tab-content h2").first().waitFor();
            await page.waitForTimeout(300);
            report(await fits(page), `${name}: nothing is wider than ${width} pixels`);
            if (width === 360) await accessible(page, `${name}, narrow: axe-core finds nothing`);
            await shot(page, `narrow-${width}-${name}`);
            if (name === "vms" && width === 360) await details(page);
            await page.context().close();
        }
}

/* A page in another language: Cockpit takes that from a cookie. */
async function inLanguage(lang, options) {
    const context = await browser.newContext(options);
    await context.addCookies([{ name: "CockpitLang", value: `${lang}-${lang}`, url: cockpit.url }]);
    return context.newPage();
}

/* Words of other languages are longer. */
async function languages() {
    for (const lang of ["de", "it"])
        for (const [width, height] of [
            [1280, 900],
            [360, 740],
        ]) {
            const page = await inLanguage(lang, { viewport: { width, height } });
            const wrong = [];
            for (const name of TABS) {
                await page.goto(`${cockpit.page}#/${name}`);
                await page.reload();
                await page.locator("#tab-content h2").first().waitFor();
                await page.waitForTimeout(300);
                const cut = await cutNames(page);
                if (cut || !(await fits(page))) wrong.push(`${name} ${cut}`);
                await shot(page, `${lang}-${width}-${name}`);
            }
            is(wrong.join("; "), "", `${lang}, ${width} pixels: nothing is cut off or wider`);
            await page.context().close();
        }
}

async function sync() {
    const page = await open("overview");
    const attention = id => page.locator(`[data-attention="${id}"]`);
    await step("an expired host is told, with the remedy and the button", async () => {
        await attention("server.expired").getByText("node1: The certificate has ended").first().waitFor();
        await attention("server.expired").getByRole("button", { name: "Sync now" }).waitFor();
    });
    await step("VMs that lack something are told, with the button", () =>
        attention("legacy-network").getByRole("button", { name: "Set up legacy networking 2 VMs" }).waitFor(),
    );
    await page.locator("[data-counter=trusted]").click();
    await step("a counter leads to the VMs that it counts", () => page.getByText("2 of 8 VMs").waitFor());
    await page.getByRole("tab", { name: "Servers" }).click();
    const row = page.locator("[data-server=node1]");
    await step("the server is Expired, the reason at its row", async () => {
        await row.locator('[data-word="Expired"]').waitFor();
        await row.locator('[data-notice="server.expired"]').waitFor();
    });
    is(await page.locator("[data-server=node2]").getByRole("button").count(), 0, "another server is only shown");
    await shot(page, "expired");
    await row.getByRole("button", { name: "Sync now" }).click();
    await step("Sync now makes it Active", () => row.locator('[data-word="Active"]').waitFor());
    await step("and says so", () => page.getByText("node1 is synced").first().waitFor());
    report(api.world.asked.includes("POST /v1/server/sync"), "by POST /v1/server/sync");

    const turnOn = row.getByRole("button", { name: "Turn on…" });
    await turnOn.click();
    await step("legacy support asks first", () => dialog(page).getByText("without any uplink").waitFor());
    await accessible(page, "a dialog: axe-core finds nothing");
    await page.keyboard.press("Escape");
    await dialog(page).waitFor({ state: "detached" });
    report(!api.world.legacy.enabled, "Escape does nothing");
    await step("and the focus is where it was", () =>
        page.waitForFunction(() => document.activeElement.textContent.startsWith("Turn on…")),
    );
    await turnOn.click();
    await step("existing VMs without vsock are offered access", async () => {
        await dialog(page).getByLabel("Also give the existing VMs that have no vsock device access (4)").waitFor();
    });
    await dialog(page).getByRole("button", { name: "Turn on" }).click();
    await step("what came of it is told, of each VM", async () => {
        await dialog(page).getByText("Done; it counts from the next start of:").waitFor();
        await dialog(page).locator('[data-failed="vm6"]').getByText("Try again in a moment").waitFor();
    });
    await accessible(page, "results: axe-core finds nothing");
    await shot(page, "granted");
    await dialog(page).getByRole("button", { name: "Close" }).last().click();
    await step("legacy support is on", () => row.getByRole("button", { name: "Turn off…" }).waitFor());
    await row.getByRole("button", { name: "Remove…" }).click();
    await step("removing says what it destroys", () =>
        dialog(page).getByText("key and certificate are destroyed").waitFor(),
    );
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    report(!api.world.asked.some(a => a.startsWith("DELETE")), "Cancel destroys nothing");
    await noComplaints(page, "nothing on the console");
}

async function vms() {
    api.world.legacy.enabled = api.world.servers[0].legacy.enabled = false; // an earlier part left it on
    const page = await open("vms");
    const row = name => page.locator(`[data-vm="${name}"]`);
    await row("vm2").waitFor();
    await step("benefits with their states", () =>
        row("vm2").getByText("Extended security updates: Inactive").waitFor(),
    );
    api.world.busy.add("vm6");
    await row("vm6").getByRole("button", { name: "Set up legacy networking" }).click();
    await dialog(page).getByRole("button", { name: "Set up legacy networking" }).click();
    await step("a refusal tells that legacy support was turned on for it", () =>
        dialog(page).getByText("Legacy OS support was turned on for this host, and stays on.").waitFor(),
    );
    report(api.world.legacy.enabled, "which it was");
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    api.world.busy.delete("vm6");
    await row("vm6").getByRole("button", { name: "Set up legacy networking" }).click();
    await dialog(page).getByRole("button", { name: "Set up legacy networking" }).click();
    const takeOff = row("vm6").locator("[data-action=legacy-off]");
    await step("a VM gets onto the legacy network", () => takeOff.waitFor());
    await takeOff.click();
    await step("taking it off asks first", () => dialog(page).getByText("no more documents").waitFor());
    await dialog(page).getByRole("button", { name: "Take off" }).click();
    await step("and does it", () => takeOff.waitFor({ state: "detached" }));
    await step("the focus is not lost with its button", () =>
        page.waitForFunction(() => document.activeElement.id === "tab-content"),
    );
    await row("vm6").getByRole("button", { name: "Add vsock device" }).click();
    await dialog(page).getByRole("button", { name: "Add vsock device" }).click();
    await step("a refusal stays in the dialog, with its remedy", async () => {
        await dialog(page).getByText("The VM is being changed by somebody else").waitFor();
        await dialog(page).getByText("Try again in a moment").waitFor();
    });
    await shot(page, "refusal");
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await row("vm1").locator("[data-action=verify]").click();
    await step("what has to be done in the VM is told", () =>
        dialog(page).getByText("surety-guest verify").first().waitFor(),
    );
    await dialog(page).getByRole("button", { name: "Close" }).last().click();
    await row("vm1").locator("[data-action=install-updates]").click();
    await step("and which build is wanted", async () => {
        await dialog(page).getByText("22621.3447").waitFor();
        await dialog(page).getByText("22621.1105").waitFor();
    });
    await shot(page, "updates");
    await dialog(page).getByRole("button", { name: "Close" }).last().click();
    await step("details unfold", async () => {
        await row("vm0").getByRole("button", { name: "Details" }).first().click();
        await row("vm0").getByText("5ec0de00-0000-4000-8000-000000000000").waitFor();
    });
    await accessible(page, "details: axe-core finds nothing");
    await row("vm0").getByRole("button", { name: "Show document…" }).click();
    await step("its document's claims are shown", async () => {
        await dialog(page).getByText("timeStamp.createdOn").waitFor();
        await dialog(page).getByText("5ec0de00-0000-4000-8000-000000000000").waitFor();
    });
    await accessible(page, "a document: axe-core finds nothing");
    await shot(page, "document");
    const [got] = await Promise.all([
        page.waitForEvent("download"),
        dialog(page).getByRole("button", { name: "Download" }).click(),
    ]);
    is(got.suggestedFilename(), "vm0.document.json", "and downloaded");
    await dialog(page).getByRole("button", { name: "Close" }).last().click();
    await filters(page);
    await noComplaints(page, "nothing on the console");
}

async function filters(page) {
    await page.locator("[data-counter=unknown]").click();
    await step("a counter chooses its VMs", () => page.getByText("2 of 8 VMs").waitFor());
    // at once, before the page is drawn anew
    await page.getByLabel("Benefit", { exact: true }).evaluate(select => {
        document.querySelector("[data-counter=unknown]").click();
        select.value = "esu";
        select.dispatchEvent(new Event("change", { bubbles: true }));
    });
    await step("a benefit chooses its VMs", () => page.getByText("2 of 8 VMs").waitFor());
    await page.locator("[data-counter=not-applicable]").click();
    await step("and its states", () => page.getByText("6 of 8 VMs").waitFor());
    await page.getByLabel("Benefit", { exact: true }).selectOption("");
    await page.locator("[data-counter=not-applicable]").click();
    await page.getByRole("textbox", { name: "Find VMs" }).fill("nobody");
    await step("nothing found is said", () => page.getByText("No VM is like that").waitFor());
    await accessible(page, "nothing found: axe-core finds nothing");
}

/* One action for many VMs, by the keyboard alone. */
async function several() {
    const page = await open("vms");
    const group = page.getByRole("group", { name: "Chosen VMs" });
    const press = async (locator, key = "Enter") => {
        await locator.focus();
        await page.keyboard.press(key);
    };
    await page.locator("[data-vm=vm2]").waitFor();
    await press(page.getByLabel("Choose all VMs that are shown (8)").first(), "Space");
    await step("all that are shown are chosen", () => group.getByText("8 VMs chosen").waitFor());
    await accessible(page, "chosen VMs: axe-core finds nothing");
    await press(group.getByRole("button", { name: "Add vsock device (4)" }));
    await step("it asks, and says for how many", () =>
        page.getByRole("heading", { name: "Add a vsock device to 4 VMs?" }).waitFor(),
    );
    await shot(page, "several");
    await press(dialog(page).getByRole("button", { name: "Add vsock device" }));
    await step("what failed is told, for which VM, with its remedy", async () => {
        await dialog(page).locator('[data-failed="vm6"]').getByText("Try again in a moment").waitFor();
        await dialog(page).getByText("1 VM is as it was:").waitFor();
    });
    await step("the focus is on the way out", () =>
        page.waitForFunction(() => document.activeElement.textContent === "Close"),
    );
    await step("and what was done", () => dialog(page).getByText("Done; it counts from the next start of:").waitFor());
    await accessible(page, "results: axe-core finds nothing");
    await shot(page, "several-done");
    await page.keyboard.press("Escape");
    await step("the button counts what is left, and has the focus", async () => {
        await group.getByRole("button", { name: "Add vsock device (1)" }).waitFor({ timeout: LONG });
        await page.waitForFunction(() => document.activeElement.dataset.action === "add-vsock");
    });
    await press(group.getByRole("button", { name: "Look at the disk (2)" }));
    await press(dialog(page).getByRole("button", { name: "Look at the disk" }));
    await step("many disks are looked at by one job", () =>
        page.getByText("The job has ended; all is well").waitFor({ timeout: LONG }),
    );
    await page.getByRole("tab", { name: "Activity" }).click();
    const entries = page.locator("[data-kind=management]");
    await step("what was done is in the activity, with who did it", () =>
        entries.filter({ hasText: "vsock device added" }).filter({ hasText: "root" }).first().waitFor(),
    );
    await page.getByLabel("Result", { exact: true }).selectOption("badly");
    await step("what failed can be chosen", async () => {
        await page.locator("[data-kind]").filter({ hasText: "vm.busy" }).first().waitFor();
        await page.locator("[data-kind]").filter({ hasText: "Succeeded" }).first().waitFor({ state: "detached" });
    });
    await page.getByLabel("What", { exact: true }).selectOption("verified");
    await step("and a kind", () => entries.first().waitFor({ state: "detached" }));
    await accessible(page, "chosen activity: axe-core finds nothing");
    await page.getByLabel("What", { exact: true }).selectOption("document");
    await step("nothing of a kind is said", () => page.getByText("Nothing of that kind").first().waitFor());
    await noComplaints(page, "nothing on the console");
}

/* The same assessment in other languages: what is good, and the remedy; on a phone, too. */
async function translated(url) {
    for (const [lang, title, remedy] of [
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
        const page = await inLanguage(lang, { viewport: { width: 360, height: 740 } });
        await page.goto(url);
        const rule = page.locator('[data-rule="vm.practice.restore-point"]');
        await step(`findings in ${lang}: what is good, and the remedy`, async () => {
            await rule.getByText(title, { exact: true }).waitFor({ timeout: LONG });
            await rule.getByText(remedy, { exact: true }).waitFor();
        });
        report(await fits(page), `findings in ${lang}: nothing is wider than a phone`);
        await shot(page, `${lang}-360-assessment`);
        await page.context().close();
    }
}

async function upgrade() {
    const page = await open("upgrade");
    const line = name => page.locator(`[data-vm="${name}"]`);
    await line("vm1").waitFor();
    for (const name of ["vm1", "vm5"]) await line(name).getByRole("checkbox").check();
    await page.getByRole("button", { name: "More options" }).click();
    await page.getByLabel("Switch off VMs that do not shut down").check();
    await page.getByRole("button", { name: "Assess" }).click();
    await step("an assessment ends with findings by rule", () =>
        page.locator('[data-rule="vm.practice.restore-point"]').waitFor({ timeout: LONG }),
    );
    await step("and of each VM", async () => {
        await line("vm1").getByRole("button", { name: "Details of vm1" }).click();
        await line("vm1").locator('[data-finding="vm.practice.restore-point"]').first().waitFor();
    });
    await step("each with its remedy", () =>
        page.locator("[data-rule]").getByText("Have a backup of the VM that was tested").waitFor(),
    );
    await translated(page.url());
    await accessible(page, "an assessment: axe-core finds nothing");
    await shot(page, "assessment");
    await page.getByRole("button", { name: "Upgrade 2 VMs that are ready…" }).click();
    await step("an upgrade says what it does", () =>
        dialog(page).getByText("converted in place from MBR to GPT").waitFor(),
    );
    report(
        await dialog(page).getByText("is switched off hard").isVisible(),
        "and that an option counts that an assessment does not know",
    );
    await dialog(page).getByRole("button", { name: "Upgrade" }).click();
    await step("progress with the step that is being done", () =>
        line("vm1").locator('[aria-current="step"]').waitFor({ timeout: LONG }),
    );
    await accessible(page, "an upgrade at work: axe-core finds nothing");
    await shot(page, "upgrading");
    await step("it ends well", () => page.getByText("The job has ended; all is well").waitFor({ timeout: LONG }));
    report(
        !api.world.asked.some(a => a.startsWith("GET /v1/jobs/") && a.includes("since")),
        "by the stream of the job alone",
    );
    const [got] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download as text" }).click(),
    ]);
    report(/^[0-9-]+00aa\.txt$/.test(got.suggestedFilename()), "its report can be downloaded");
    await step("the page knows that they are upgraded", () =>
        line("vm1").getByRole("button", { name: "Roll back… vm1" }).waitFor({ timeout: LONG }),
    );
    await line("vm1").getByRole("button", { name: "Roll back… vm1" }).click();
    const go = dialog(page).getByRole("button", { name: "Roll back" });
    report(await go.isDisabled(), "a rollback waits for a yes to losing data");
    await accessible(page, "a dialog with choices: axe-core finds nothing");
    await shot(page, "rollback");
    await dialog(page).getByLabel("I know that").check();
    await go.click();
    await step("the rollback ends well", async () => {
        await page.getByRole("heading", { name: /^Rollback/ }).waitFor({ timeout: LONG });
        await page.getByText("The job has ended; all is well").waitFor({ timeout: LONG });
    });
    is(api.world.vms[1].firmware, "bios", "and the VM is as before");
    await page.getByRole("link", { name: "All VMs and jobs" }).click();
    await page.getByLabel("Restore point").selectOption("none");
    await step("no restore point warns", () => page.getByText("No restore point is taken").waitFor());
    await page.getByRole("button", { name: "More options" }).click();
    await page.getByLabel("Seconds to verify").fill("30");
    await accessible(page, "options: axe-core finds nothing");
    await shot(page, "options");
    await line("vm7").getByRole("checkbox").check();
    await page.getByRole("button", { name: "Upgrade…" }).click();
    await step("and the dialog says it again", () => dialog(page).getByText("NO restore point").waitFor());
    await dialog(page).getByRole("button", { name: "Upgrade" }).click();
    await step("a VM that failed says why, the remedy, and that it was brought back", async () => {
        await line("vm7").getByText("The guest did not come up in time").waitFor({ timeout: LONG });
        await line("vm7").getByText("Look at its console").waitFor();
        await line("vm7").getByText("Brought back: it is as before").waitFor();
        await line("vm7").getByText("Last step: converting the disk").waitFor();
    });
    const sent = api.world.jobs[0].options;
    is(JSON.stringify(sent), '{"restore-point":"none","verify-timeout":30}', "what was chosen is sent, and only that");
    await accessible(page, "a failure: axe-core finds nothing");
    await shot(page, "failed");
    await page.getByRole("link", { name: "All VMs and jobs" }).click();
    await line("vm3").getByRole("checkbox").check();
    await page.getByRole("button", { name: "Assess" }).click();
    await step("what MBR2GPT calls it is told", () =>
        page.locator('[data-rule="vm.disk.rules"]').getByText("MBR2GPT: V5, 12").waitFor({ timeout: LONG }),
    );
    await noComplaints(page, "nothing on the console");
}

async function dark() {
    const page = await open("vms", { colorScheme: "light" });
    const isDark = () => page.evaluate(() => document.documentElement.classList.contains("pf-v5-theme-dark"));
    await page.locator("[data-vm]").first().waitFor();
    is(await isDark(), false, "light as the system is");
    await page.emulateMedia({ colorScheme: "dark" });
    await step("dark when the system becomes dark", () =>
        page.waitForFunction(() => document.documentElement.classList.contains("pf-v5-theme-dark")),
    );
    for (const name of TABS) {
        await page.getByRole("tab").nth(TABS.indexOf(name)).click();
        await page.waitForTimeout(300);
        await accessible(page, `${name}, dark: axe-core finds nothing`);
        await shot(page, `dark-${name}`);
    }
    await page.evaluate(() => window.dispatchEvent(new CustomEvent("cockpit-style", { detail: { style: "light" } })));
    is(await isDark(), false, "light when Cockpit's switch says so");
    await page.evaluate(() => localStorage.setItem("shell:style", "dark"));
    await page.emulateMedia({ colorScheme: "light" });
    await page.reload();
    is(await isDark(), true, "dark as Cockpit was left");
    await noComplaints(page, "nothing on the console");
}

/* An answer that was made before something was done, and comes after it: the page asks once more, and not with its next
 * look, which never comes here. */
async function late() {
    const host = await serve(SOCKET, { vms: 1, state: "Expired" });
    const page = await open("servers");
    const row = page.locator("[data-server=node1]");
    await row.locator('[data-word="Expired"]').waitFor({ timeout: LONG });
    let answer;
    await new Promise(asked =>
        host.world.late.set("/v1/servers", () => {
            asked();
            return new Promise(resolve => (answer = resolve));
        }),
    );
    host.world.late.clear();
    await page.evaluate(() => {
        const after = setTimeout;
        globalThis.setTimeout = (run, ms, ...rest) => (ms < 4000 ? after(run, ms, ...rest) : 0);
    });
    await row.getByRole("button", { name: "Sync now" }).click();
    await page.getByText("node1 is synced").first().waitFor({ timeout: LONG });
    answer();
    await step("an answer from before a sync does not hide it", () =>
        row.locator('[data-word="Active"]').waitFor({ timeout: LONG }),
    );
    host.close();
    await noComplaints(page, "nothing on the console");
}

/* A dialog that counts VMs waits until they are known. */
async function unknown() {
    const host = await serve(SOCKET, { vms: 8 });
    let answer;
    const held = new Promise(resolve => (answer = resolve));
    host.world.late.set("/v1/vms", () => held);
    const page = await open("servers");
    const turnOn = page.locator("[data-server=node1]").getByRole("button", { name: "Turn on…" });
    await step("legacy support is not turned on before it is known for how many VMs", async () => {
        await turnOn.waitFor({ timeout: LONG });
        if (await turnOn.isEnabled()) throw Error("it is offered");
    });
    answer();
    await step("and then says it", async () => {
        await turnOn.click({ timeout: LONG });
        await dialog(page).getByText("that have no vsock device access (4)").waitFor({ timeout: LONG });
    });
    host.close();
    await noComplaints(page, "nothing on the console");
}

/* Hosts of every kind: none enrolled, no VMs, nobody there. */
async function others() {
    const empty = await serve(SOCKET, { vms: 0, state: "Inactive" });
    const page = await open("servers");
    const row = page.locator("[data-server=node1]");
    await step("a host that is not enrolled offers that", async () => {
        await row.locator('[data-word="Inactive"]').waitFor({ timeout: LONG });
        await row.getByRole("button", { name: "Enrol…" }).waitFor();
    });
    for (const [tab, text] of [
        ["VMs", "No VMs"],
        ["Upgrade", "No jobs"],
        ["Activity", "No activity"],
    ]) {
        await page.getByRole("tab", { name: tab }).click();
        await step(`${tab}: that there is nothing is said`, () => page.getByText(text).first().waitFor());
        await accessible(page, `${tab}, empty: axe-core finds nothing`);
    }
    empty.close();
    await page.getByRole("tab", { name: "Servers" }).click();
    await step("suretyd goes away: that is said, and what was known stays", async () => {
        await page.getByText("suretyd does not run on this host").first().waitFor({ timeout: LONG });
        await row.waitFor();
    });
    await page.context().close();
}

async function inCockpit() {
    const page = await openPage(browser, `${cockpit.url}/surety`);
    await step("Cockpit has the page in its menu", () =>
        page.getByRole("link", { name: "VM trust" }).waitFor({ timeout: LONG }),
    );
    const frame = page.frameLocator('iframe[name*="surety"]');
    await step("and shows it", () => frame.getByRole("tab", { name: "Overview" }).waitFor({ timeout: LONG }));
    await shot(page, "cockpit");
    await page.context().close();
    for (const [lang, title, tab] of [
        ["de", "VM-Vertrauen", "Übersicht"],
        ["it", "Attendibilità VM", "Panoramica"],
    ]) {
        const p = await inLanguage(lang);
        await p.goto(`${cockpit.url}/surety`);
        await step(`menu in ${lang}`, () => p.getByRole("link", { name: title }).waitFor({ timeout: LONG }));
        await step(`page in ${lang}`, () =>
            p.frameLocator('iframe[name*="surety"]').getByRole("tab", { name: tab }).waitFor({ timeout: LONG }),
        );
        await shot(p, `cockpit-${lang}`);
        await p.context().close();
    }
}

const PARTS = [tabs, narrow, languages, sync, vms, several, upgrade, dark, late, unknown, others, inCockpit];
const TROUBLES = troubles({ accessible, dialog, fits, inLanguage, noComplaints, open, url: cockpit.page });
const [, , ...names] = process.argv; // of parts that are run; all without any
try {
    for (const part of [...PARTS, ...TROUBLES].filter(p => names.length === 0 || names.includes(p.name)))
        await part().catch(error => report(false, part.name, error.message));
} finally {
    await browser.close();
    await cockpit.stop();
    api.close();
}
done();
process.exit();
