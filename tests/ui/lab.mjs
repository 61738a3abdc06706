/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `lab` does in the browser: one page, never loaded anew.  A line "? COMMAND" asks `lab`'s shell, which is outside
 * the browser; its answer is a line of JSON on standard input.  TAP. */
import { createInterface } from "node:readline";
import { done, is, openPage, report, shot, startBrowser, startCockpit, step, violations } from "./browser.mjs";

const SOON = 180000, // what suretyd does at once, on a busy machine, and the page's next look
    BOOT = 900000; // guests without KVM
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/* {status, text} */
async function host(command) {
    process.stdout.write(`? ${command}\n`);
    const { value, done: ended } = await answers.next();
    if (ended) throw new Error("nobody answers");
    return JSON.parse(value);
}
const said = async command => (await host(command)).text.trim();
const api = (path, filter) => said(`api '${path}' '${filter}'`);
async function passes(text, command) {
    const { status, text: why } = await host(command);
    return report(status === 0, text, `${command}: status ${status}\n${why}`);
}
async function like(command, wanted, text) {
    const got = await said(command);
    return report(wanted.test(got), text, `${command}\n${got}\nwanted something like ${wanted}`);
}

const cockpit = await startCockpit();
const browser = await startBrowser();
const page = await openPage(browser, `${cockpit.page}#/overview`);
await page.evaluate(() => {
    globalThis.sameDocument = true;
});

const dialog = page.getByRole("dialog");
const server = page.locator("[data-server=node1]");
const vm = name => page.locator(`[data-vm="${name}"]`);
const button = (where, name) => where.getByRole("button", { name });
const tab = async name => {
    await page.getByRole("tab", { name, exact: true }).click();
    await page.locator("#tab-content h2").first().waitFor({ timeout: SOON });
};
const seen = (text, locator, timeout = SOON) => step(text, () => locator.first().waitFor({ timeout }));
const unseen = (text, locator, timeout = SOON) =>
    step(text, () => locator.first().waitFor({ state: "detached", timeout }));
const benefit = (name, text) => vm(name).getByText(text, { exact: true });

/* What somebody sees now; and what a screen reader does. */
let shots = 0;
async function stage(name) {
    const found = await violations(page);
    report(found === "", `${name}: axe-core finds nothing`, found);
    await shot(page, `lab-${String(++shots).padStart(2, "0")}-${name}`);
}

/* A button that asks first; what the dialog says is seen before it is done. */
async function confirmed(text, opener, action, { name, fill } = {}) {
    await step(text, async () => {
        await opener.first().click({ timeout: SOON });
        await dialog.waitFor();
        await fill?.();
        if (name) await stage(name);
        await button(dialog, action).click();
        await dialog.waitFor({ state: "detached", timeout: SOON });
    });
}
const act = (name, action, text) =>
    confirmed(text, vm(name).locator(`[data-action="${action}"]`), /^(Add|Look|Set up)/, { name: action });

/* The host --------------------------------------------------------------------------------------------------------- */

async function overview() {
    await seen("the overview counts three VMs", page.getByText("of 3 VMs"));
    await stage("overview");
}

const OLD_NETWORK = "virsh net-list --name; nft list tables; virsh nwfilter-list";

async function legacyOn() {
    await tab("Servers");
    await seen("the server is Active", server.locator('[data-word="Active"]'));
    await stage("server");
    await confirmed("legacy OS support is turned on", button(server, "Turn on…"), "Turn on", {
        name: "legacy-on",
        fill: () => dialog.getByLabel("Also give the existing VMs").uncheck(), // each in its turn
    });
    await seen("the page says On", button(server, "Turn off…"));
    await like("virsh net-list --name", /surety-imds/, "the network is there");
    await like("virsh net-dumpxml surety-imds", /^(?![\s\S]*<forward)[\s\S]*vbr-imds/, "without an uplink");
    await like("nft list tables", /table bridge surety\b/, "nftables has its rules");
    await like("virsh nwfilter-list", /surety-imds/, "and libvirt its filter");
    await like("ip -br addr show vbr-imds", /169\.254\.169\.254/, "the host has the metadata service's address there");
}

/* A guest's verification ------------------------------------------------------------------------------------------- */

async function granted() {
    await tab("VMs");
    await seen("a benefit is Inactive", benefit("old1", "Old updates: Inactive"));
    await act("old1", "legacy-network", "the running VM is set up for legacy networking");
    await seen("the page says by which way it asks", vm("old1").getByText("legacy network", { exact: true }));
    await like("both_xml old1", /surety-imds[\s\S]*surety-imds/, "the VM has the interface now, and will have it");
    await passes("its guest gets a card", "card");
    await passes("suretyd serves it", `within 30 api_is vms/old1 .served true`);
    await seen("and what is left is the guest's to do", vm("old1").locator("[data-action=verify]"));
    await stage("granted");
}

const VERIFY = "ask old1 'surety-guest verify' 90";

async function verified() {
    await like(VERIFY, /^verified/, "in the guest: surety-guest verify");
    await seen("the page says Active by itself", benefit("old1", "Old updates: Active"));
    await seen("of every benefit that asks for no more", benefit("old1", "Guest configuration: Active"));
    await seen("and Verified", vm("old1").locator('[data-word="Active"]').getByText("Verified"));
    is(await api("vms/old1", '.benefits[] | select(.id == "old-updates").status'), "active", "suretyd says so, too");
    await stage("verified");
}

async function expired() {
    await passes("25 hours pass, and the programs start anew", "a_day_passes");
    await seen("the page says Inactive by itself", benefit("old1", "Old updates: Inactive"));
    await stage("unverified");
}

async function sync() {
    await tab("Servers");
    const before = await api("server", '"\\(.certificate.serial) \\(.sync.last)"');
    const [serial, last] = before.split(" ");
    await seen("the server is Active", server.locator('[data-word="Active"]'));
    await step("Sync now", async () => {
        await button(server, "Sync now").click();
        await page.getByText("node1 is synced").waitFor({ timeout: SOON });
    });
    const after = await api("server", '"\\(.certificate.serial) \\(.sync.last)"');
    report(!after.startsWith(serial), "brings a new certificate", `${before} -> ${after}`);
    report(after.split(" ")[1] > last, "the last sync moved on", `${before} -> ${after}`);
    await seen("on the page, too", server.locator(`time[datetime="${after.split(" ")[1]}"]`));
    await stage("synced");
    await tab("VMs");
    await like(VERIFY, /^verified/, "in the guest: surety-guest verify, with the new certificate");
    await seen("the page says Active again", benefit("old1", "Old updates: Active"));
}

async function revoked() {
    const take = button(vm("old1"), /^Take off legacy network/);
    await confirmed("the VM is taken off the legacy network", take, "Take off", { name: "revoke" });
    await seen("the page says Inactive", benefit("old1", "Old updates: Inactive"));
    await seen("with the way back", vm("old1").locator("[data-action=legacy-network]"));
    await like("both_xml old1 | grep -c surety-imds", /^0$/, "the VM has no interface there any more");
    await like("ask old1 'ls /sys/class/net'", /^lo$/, "nor its guest a card");
    await like(VERIFY, /fetch\.(connect|timeout)/, "its guest cannot ask");
}

/* Devices ---------------------------------------------------------------------------------------------------------- */

async function devices() {
    await act("old1", "add-vsock", "a running VM gets a vsock device");
    const later = page.getByText("old1: done; it counts from the VM’s next start");
    await seen("from its next start on, the page says", later);
    await like("virsh dumpxml --inactive old1", /<vsock model='virtio'>/, "its definition has it");
    await unseen("that is said for a while", later);
    await unseen("it is not offered once more", vm("old1").locator("[data-action=add-vsock]"));
    await seen("but how to restart the VM", vm("old1").locator("[data-action=restart]"));
    const body = JSON.stringify({ action: "add-vsock" });
    const again = `curl -s --noproxy '*' --unix-socket "$SOCKET" -d '${body}' http://host/v1/vms/old1/actions`;
    await like(again, /"changed":\s*false/, "who asks suretyd once more gets no second one");
    await like("virsh dumpxml --inactive old1 | grep -c '<vsock '", /^1$/, "one is enough");
    await seen("of one that is off nothing is known", vm("spare").getByText("Key release: Unknown"));
    await act("spare", "agent-channel", "it gets the channel of the guest agent");
    await seen("the page says so", page.getByText("spare: done"));
    await like("virsh dumpxml spare", /org\.qemu\.guest_agent\.0/, "its definition has it");
    await unseen("and it is not offered any more", vm("spare").locator("[data-action=agent-channel]"));
    await act("spare", "look", "its disk is looked at");
    await seen("the page says what is on it", vm("spare").getByText(/Debian GNU\/Linux 12/), 3 * SOON);
    is(await api("vms/spare", '"\\(.os.id) \\(.os.source)"'), "debian disk", "as suretyd does");
    await seen("what it is entitled to is known now", vm("spare").getByText("Packages: Inactive"));
    await act("spare", "add-vsock", "it gets a vsock device");
    await like("virsh dumpxml spare", /<vsock model='virtio'>/, "its definition has it");
    await unseen("nothing is left to be added", vm("spare").locator("[data-action=add-vsock]"));
    await seen("a guest agent that answers told another's system", vm("web1").getByText(/Debian GNU\/Linux 12/), BOOT);
    await stage("devices");
}

/* An upgrade, and the way back ------------------------------------------------------------------------------------- */

const ended = page.getByText("The job has ended; all is well");
const firmware = async () =>
    Object.fromEntries((await said("facts web1")).split("\n").map(line => line.split(/=(.*)/s).slice(0, 2)));
async function number(label, value) {
    await page.getByLabel(label).fill(String(value));
}

async function assess() {
    await step("the VM's button leads to its upgrade", async () => {
        await vm("web1").locator("[data-action=upgrade]").click({ timeout: SOON });
        await vm("web1").getByRole("checkbox").check();
    });
    await seen("it can be assessed, and has BIOS", vm("web1").getByText("BIOS"));
    await stage("candidates");
    await button(page, "Assess").click();
    await seen("the assessment ends well", ended, BOOT);
    await seen("what was found is told by rule", page.locator("[data-rule]"));
    const job = new URL(page.url()).hash.split("/").pop();
    const rules = await page.locator("[data-rule]").evaluateAll(rows => rows.map(r => r.dataset.rule).sort().join(" "));
    const filter =
        '[.report.vms[] | (.checks_at_rest // .checks).findings[] | select(.severity != "ok").id] | unique | join(" ")';
    is(rules, await api(`jobs/${job}/report`, filter), "each that is in the report");
    await like("lab_state web1", /^running$/, "the VM goes on");
    await stage("assessed");
}

/* The steps that the page marks, in the order in which it marks them, from now on. */
const watchSteps = () =>
    page.evaluate(() => {
        globalThis.steps = [];
        const look = () => {
            const now = document.querySelector(".steps [aria-current=step]")?.textContent;
            if (now && now !== globalThis.steps.at(-1)) globalThis.steps.push(now);
        };
        new MutationObserver(look).observe(document.body, {
            subtree: true,
            childList: true,
            characterData: true,
            attributes: true,
        });
    });
const STEPS = [
    "checking",
    "shutting down",
    "taking the restore point",
    "converting the disk",
    "redefining the VM",
    "starting",
    "verifying",
    "ending",
];

async function upgrade() {
    await page.getByText("All VMs and jobs").click();
    await step("restore point and patience are chosen", async () => {
        await vm("web1").getByRole("checkbox").check();
        await page.getByLabel("Restore point").selectOption("overlay");
        await button(page, "More options").click();
        await number("Seconds to shut down", 900);
        await number("Seconds to verify", 900);
    });
    await stage("options");
    await watchSteps();
    await confirmed("the upgrade is begun", button(page, "Upgrade…"), "Upgrade", { name: "upgrade" });
    await seen("its steps are seen", page.locator(".steps [aria-current=step]"));
    await stage("upgrading");
    await seen("the guest is waited for", page.locator(".steps [aria-current=step]", { hasText: "verifying" }), BOOT);
    await like("virsh metadata web1 urn:surety:upgrade:1", /state=/, "the VM is marked meanwhile");
    await stage("verifying");
    await seen("the upgrade ends well", ended, BOOT);
    const steps = await page.evaluate(() => globalThis.steps);
    const order = steps.map(s => STEPS.indexOf(s.replace(/^✓ /, "")));
    report(
        order.length >= 3 && order.every((n, i) => n >= 0 && (i === 0 || n > order[i - 1])),
        `the page showed its steps in order: ${steps.join(", ")}`,
        `wanted at least three of ${STEPS.join(", ")}`,
    );
    await seen("with what it is now", vm("web1").getByText(/Secure Boot on, vTPM present/));
    await stage("upgraded");
}

async function trusted() {
    await tab("VMs");
    for (const word of ["UEFI", "Secure Boot", "vTPM"])
        await seen(`the page says ${word}`, vm("web1").getByText(word, { exact: true }));
    await seen("the benefit that wanted it wants less", benefit("web1", "Key release: Inactive"));
    await unseen("but no upgrade", vm("web1").locator("[data-action=upgrade]"));
    await like("virsh dumpxml web1", /secure='yes'[\s\S]*<tpm /, "the running VM has the firmware and the TPM");
    await like("virsh domblklist web1", /surety/, "its disk is an overlay, the restore point");
    const f = await firmware();
    is(`${f.firmware} ${f.pttype}`, "uefi gpt", "the guest: UEFI and GPT");
    is(`${f.secureboot} ${f.setupmode}`, "1 0", "the guest: Secure Boot is on, with keys");
    is(f.tpm, "2", "the guest: a TPM 2.0");
    is(f.failed, "", "the guest: no failed unit");
    await passes("a file is written in it", "lab_sh web1 'echo new >/root/newer && sync'");
    await stage("trusted");
}

async function rollback() {
    await tab("Upgrade");
    await seen("the VM is offered a way back", vm("web1").getByText("Upgraded", { exact: true }));
    await confirmed("the rollback is begun", button(vm("web1"), /^Roll back…/), "Roll back", {
        name: "rollback",
        fill: async () => {
            report(await button(dialog, "Roll back").isDisabled(), "not before one says that newer data may go");
            await dialog.getByLabel("I know that what was written since the upgrade is lost").check();
        },
    });
    await seen("it ends well", ended, BOOT);
    await stage("rolled-back");
    await tab("VMs");
    await seen("the page says BIOS", vm("web1").getByText("BIOS", { exact: true }));
    await unseen("and no vTPM", vm("web1").getByText("vTPM", { exact: true }));
    const f = await firmware();
    is(`${f.firmware} ${f.pttype} ${f.tpm}`, "bios dos ", "the guest: BIOS, MBR, no TPM");
    await passes("the newer file is gone", "lab_sh web1 'test ! -e /root/newer'");
    await passes("the definition is the one of before", "as_before web1");
    is(await said("lab_leftovers web1"), "", "no NVRAM and no TPM state are left");
    await seen("the upgrade is offered again", vm("web1").locator("[data-action=upgrade]"));
}

async function legacyOff() {
    await tab("Activity");
    await seen("the tab Activity has the guest's request", page.getByRole("row").filter({ hasText: "old1" }));
    await stage("activity");
    await tab("Servers");
    await confirmed("legacy OS support is turned off", button(server, "Turn off…"), "Turn off", { name: "legacy-off" });
    await seen("the page says Off", button(server, "Turn on…"));
    report(!/surety/.test(await said(OLD_NETWORK)), "nothing is left of it", await said(OLD_NETWORK));
}

/* The story -------------------------------------------------------------------------------------------------------- */

const verification = [overview, legacyOn, granted, verified, expired, sync, revoked];
for (const part of [...verification, devices, assess, upgrade, trusted, rollback, legacyOff])
    if (!(await step(`${part.name}: to its end`, part))) break;
report(await page.evaluate(() => globalThis.sameDocument === true), "the page was never loaded anew");
is(page.complaints.join("\n"), "", "nothing on the console");
await browser.close();
await cockpit.stop();
done();
process.exit();
