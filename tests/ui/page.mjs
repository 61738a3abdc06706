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
const api = await serve(SOCKET, { vms: 8, state: "Expired" });
const cockpit = await startCockpit();
const browser = await startBrowser();
const open = (tab, options) => openPage(browser, `${cockpit.page}#/${tab}`, options);

async function tabs() {
    const page = await open("overview");
    await page.getByRole("tab").first().waitFor();
    is(await page.getByRole("tab").count(), TABS.length, "five tabs");
    for (const name of TABS) {
        await step(`tab ${name} opens by its name`, async () => {
            await page.locator(`#pf-tab-${name}-pf-1-${name}, [role=tab]`).nth(TABS.indexOf(name)).click();
            await page.waitForFunction(n => location.hash === `#/${n}`, name);
            await page.locator("#tab-content h2").first().waitFor();
        });
        await page.waitForTimeout(300);
        await accessible(page, `${name}: axe-core finds nothing`);
        await shot(page, name);
    }
    await step("Tab and Enter go through the tabs", async () => {
        await page.getByRole("tab").first().focus();
        await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");
        await page.waitForFunction(() => location.hash === "#/servers");
    });
    await noComplaints(page, "nothing on the console");
}

async function sync() {
    const page = await open("overview");
    await step("an expired host is told, with the remedy", async () => {
        await page.getByText("node1: the certificate ended").first().waitFor();
        await page.getByText("Run surety server sync").first().waitFor();
    });
    await page.getByRole("tab", { name: "Servers" }).click();
    const row = page.locator("[data-server=node1]");
    await step("the server is Expired", () => row.locator('[data-word="Expired"]').waitFor());
    await shot(page, "expired");
    await row.getByRole("button", { name: "Sync now" }).click();
    await step("Sync now makes it Active", () => row.locator('[data-word="Active"]').waitFor());
    await step("and says so", () => page.getByText("node1 is synced").first().waitFor());
    report(api.world.asked.includes("POST /v1/server/sync"), "by POST /v1/server/sync");

    await row.getByRole("button", { name: "Turn on…" }).click();
    await step("legacy support asks first", () => dialog(page).getByText("without any uplink").waitFor());
    await accessible(page, "a dialog: axe-core finds nothing");
    await page.keyboard.press("Escape");
    await dialog(page).waitFor({ state: "detached" });
    report(!api.world.legacy.enabled, "Escape does nothing");
    await row.getByRole("button", { name: "Turn on…" }).click();
    await dialog(page).getByRole("button", { name: "Turn on" }).click();
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
    const page = await open("vms");
    const row = name => page.locator(`[data-vm="${name}"]`);
    await row("vm2").waitFor();
    await step("benefits with their states", () =>
        row("vm2").getByText("Extended security updates: Inactive").waitFor(),
    );
    await row("vm2").getByRole("button", { name: "Set up legacy networking" }).click();
    await dialog(page).getByRole("button", { name: "Set up legacy networking" }).click();
    await step("a VM gets onto the legacy network", () =>
        row("vm2")
            .getByRole("button", { name: /legacy network/ })
            .and(page.getByText("Take off"))
            .waitFor(),
    );
    await row("vm6").getByRole("button", { name: "Add vsock device" }).click();
    await dialog(page).getByRole("button", { name: "Add vsock device" }).click();
    await step("a refusal stays in the dialog, with its remedy", async () => {
        await dialog(page).getByText("the VM is being changed by somebody else").waitFor();
        await dialog(page).getByText("Try again in a moment").waitFor();
    });
    await shot(page, "refusal");
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await step("details unfold", async () => {
        await row("vm3").getByRole("button", { name: "Details" }).first().click();
        await row("vm3").getByText("5ec0de00-0000-4000-8000-000000000003").waitFor();
    });
    await accessible(page, "details: axe-core finds nothing");
    await page.locator("[data-counter=unknown]").click();
    await step("a counter chooses its VMs", () => page.getByText("2 of 8 VMs").waitFor());
    await page.locator("[data-counter=unknown]").click();
    await page.getByRole("textbox", { name: "Find VMs" }).fill("nobody");
    await step("nothing found is said", () => page.getByText("No VM is like that").waitFor());
    await accessible(page, "nothing found: axe-core finds nothing");
    await noComplaints(page, "nothing on the console");
}

async function upgrade() {
    const page = await open("upgrade");
    const line = name => page.locator(`[data-vm="${name}"]`);
    await line("vm1").waitFor();
    for (const name of ["vm1", "vm5"]) await line(name).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Assess" }).click();
    await step("an assessment ends with findings by rule", () =>
        page.locator('[data-rule="vm.practice.restore-point"]').waitFor({ timeout: LONG }),
    );
    await step("each with its remedy", () => page.getByText("Have a backup of the VM that was tested").waitFor());
    await accessible(page, "an assessment: axe-core finds nothing");
    await shot(page, "assessment");
    await page.getByRole("button", { name: "Upgrade 2 VMs that are ready…" }).click();
    await step("an upgrade says what it does", () =>
        dialog(page).getByText("converted in place from MBR to GPT").waitFor(),
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

/* A suretyd that has no benefits, no summary and no stream of a job. */
async function old() {
    const before = await serve(SOCKET, { old: true });
    const page = await open("vms");
    await page.locator("[data-vm]").first().waitFor({ timeout: LONG });
    await step("an older suretyd: the page says why there are no benefits", () =>
        page.getByText("Benefits are not shown").waitFor(),
    );
    is(await page.getByRole("columnheader", { name: "Benefits" }).count(), 0, "and has no column of them");
    await accessible(page, "an older suretyd: axe-core finds nothing");
    await page.getByRole("tab", { name: "Upgrade" }).click();
    await page.locator('[data-vm="vm1"]').getByRole("checkbox").check();
    await page.getByRole("button", { name: "Assess" }).click();
    await step("a job is followed without a stream", () =>
        page.getByText("The job has ended; all is well").waitFor({ timeout: LONG }),
    );
    before.close();
    await page.getByRole("tab", { name: "VMs" }).click();
    await step("suretyd goes away: that is said, and what was known stays", async () => {
        await page.getByText("suretyd does not run on this host").first().waitFor({ timeout: LONG });
        await page.locator("[data-vm]").first().waitFor();
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
        const context = await browser.newContext();
        await context.addCookies([{ name: "CockpitLang", value: `${lang}-${lang}`, url: cockpit.url }]);
        const p = await context.newPage();
        await p.goto(`${cockpit.url}/surety`);
        await step(`menu in ${lang}`, () => p.getByRole("link", { name: title }).waitFor({ timeout: LONG }));
        await step(`page in ${lang}`, () =>
            p.frameLocator('iframe[name*="surety"]').getByRole("tab", { name: tab }).waitFor({ timeout: LONG }),
        );
        await shot(p, `cockpit-${lang}`);
        await context.close();
    }
}

try {
    for (const part of [tabs, sync, vms, upgrade, dark, old, inCockpit])
        await part().catch(error => report(false, part.name, error.message));
} finally {
    await browser.close();
    await cockpit.stop();
    api.close();
}
done();
process.exit();
