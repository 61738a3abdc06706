/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `host` does in the browser, one part each: node host.mjs PART; TAP. */
import { spawn } from "node:child_process";
import { done, openPage, report, shot, startBrowser, startCockpit, step, violations } from "./browser.mjs";

const LONG = 90000;
const cockpit = await startCockpit();
const browser = await startBrowser();
const open = tab => openPage(browser, `${cockpit.page}#/${tab}`);
const row = page => page.locator("[data-server=node1]");
const dialog = page => page.getByRole("dialog");
const vm = (page, name) => page.locator(`[data-vm="${name}"]`);

async function accessible(page) {
    const found = await violations(page);
    report(found === "", "axe-core finds nothing", found);
}

const atEnd = [];
const parts = {
    async absent() {
        const page = await open("overview");
        await step("suretyd does not run", () =>
            page.getByText("suretyd does not run on this host").first().waitFor(),
        );
        await step("the remedy", () => page.getByText("systemctl start suretyd").first().waitFor());
        await accessible(page);
    },

    async enrol() {
        const page = await open("servers");
        await row(page).locator('[data-word="Inactive"]').waitFor({ timeout: LONG });
        await row(page).getByRole("button", { name: "Enrol…" }).click();
        await dialog(page).getByLabel("Authority").fill(process.env.AUTHORITY);
        await dialog(page)
            .getByLabel("Token")
            .fill(`sut1_node1_${"0".repeat(64)}`);
        await dialog(page).getByRole("button", { name: "Enrol" }).click();
        await step("a wrong token is refused, by name", () =>
            dialog(page).getByText("server.token-refused").waitFor({ timeout: LONG }),
        );
        await accessible(page);
        await dialog(page).getByLabel("Token").fill(process.env.TOKEN);
        await dialog(page).getByRole("button", { name: "Enrol" }).click();
        await step("the right one makes it Active", () =>
            row(page).locator('[data-word="Active"]').waitFor({ timeout: LONG }),
        );
        await step("with a certificate of 30 days", () => row(page).getByText("in 29 days").first().waitFor());
        await shot(page, "host-enrolled");
    },

    async vms() {
        const page = await open("vms");
        await step("the VM of libvirt's test driver", () => vm(page, "test").waitFor({ timeout: LONG }));
        await step("the VM of vms.d, with its way to ask", () =>
            vm(page, "fc1").getByText("socket").first().waitFor(),
        );
        await step("and what it booted with", () => vm(page, "fc1").getByText("Secure Boot").waitFor());
        await accessible(page);
        await shot(page, "host-vms");
        await page.getByRole("tab", { name: "Activity" }).click();
        await step("the document that was given", () =>
            page.getByRole("row").filter({ hasText: "fc1" }).getByText("Document").first().waitFor({ timeout: LONG }),
        );
        await accessible(page);
        await shot(page, "host-activity");
    },

    async assess() {
        const page = await open("upgrade");
        await vm(page, "test").getByRole("checkbox").check();
        report((await vm(page, "fc1").count()) === 0, "a VM that is not libvirt's is not offered");
        await page.getByRole("button", { name: "Assess" }).click();
        await step("it ends", () =>
            page
                .getByText(/^The job has ended/)
                .first()
                .waitFor({ timeout: LONG }),
        );
        await step("with rules that were met or not", () =>
            page.locator("[data-rule]").first().waitFor({ timeout: LONG }),
        );
        await accessible(page);
        await shot(page, "host-assessed");
    },

    async expired() {
        const page = await open("overview");
        await step("the overview asks for attention", () =>
            page.getByRole("listitem").filter({ hasText: "node1" }).first().waitFor({ timeout: LONG }),
        );
        await shot(page, "host-expired");
        await page.getByRole("tab", { name: "Servers" }).click();
        await step("Expired", () => row(page).locator('[data-word="Expired"]').waitFor());
        await row(page).getByRole("button", { name: "Sync now" }).click();
        await step("Sync now says why it cannot", () =>
            page.locator(".pf-v5-c-alert-group").getByText("Danger alert:").first().waitFor({ timeout: LONG }),
        );
        await accessible(page);
        const authority = spawn("sh", ["-c", process.env.AUTHORITY_COMMAND], { stdio: "ignore" });
        atEnd.push(() => authority.kill());
        for (let i = 0; i < 600 && !(await fetch(`${process.env.AUTHORITY}/healthz`).catch(() => null)); i++)
            await page.waitForTimeout(100);
        await row(page).getByRole("button", { name: "Sync now" }).click();
        await step("Active", () => row(page).locator('[data-word="Active"]').waitFor({ timeout: LONG }));
        await accessible(page);
    },
};

const part = process.argv[2];
try {
    await parts[part]();
} catch (error) {
    report(false, part, error.message);
} finally {
    atEnd.forEach(run => run());
    await browser.close();
    await cockpit.stop();
}
done();
process.exit();
