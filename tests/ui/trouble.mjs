/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of page.mjs: what goes wrong, and who uses the page otherwise than by a mouse in a wide window.  Each part has a
 * stand-in of its own. */
import { is, report, shot, SOCKET, step } from "./browser.mjs";
import { serve } from "../../ui/test/fake-api.mjs";
import { problem } from "../../ui/test/fake-jobs.mjs";

const LONG = 20000;

export function troubles({ accessible, dialog, fits, inLanguage, noComplaints, open, url }) {
    const line = (page, name) => page.locator(`[data-vm="${name}"]`);
    const focused = (page, what) => page.waitForFunction(what, null, { timeout: LONG });
    const atContent = () => document.activeElement.id === "tab-content";

    /* A page with a stand-in of its own, which goes when the part has ended. */
    const withApi = (name, options, run) =>
        Object.defineProperty(
            async () => {
                const api = await serve(SOCKET, options);
                try {
                    await run(api);
                } finally {
                    api.close();
                }
            },
            "name",
            { value: name },
        );

    async function begin(page, names, button) {
        for (const name of names) await line(page, name).getByRole("checkbox").check();
        await page.getByRole("button", { name: button, exact: true }).click();
    }

    async function startUpgrade(page, names) {
        await begin(page, names, "Upgrade…");
        await dialog(page).getByRole("button", { name: "Upgrade" }).click();
        await line(page, names[0]).locator('[aria-current="step"]').waitFor({ timeout: LONG });
    }

    const cancelling = withApi("cancelling", { vms: 8 }, async api => {
        const page = await open("upgrade");
        const ask = page.getByRole("button", { name: "Cancel the job…" });
        const cancels = () => api.world.asked.filter(a => /^POST .*\/cancel$/.test(a)).length;
        await startUpgrade(page, ["vm1", "vm3", "vm5"]);
        api.world.hold = true;
        await ask.click();
        await step("cancelling a job asks first, and says what becomes of VMs that have begun", () =>
            dialog(page).getByText("VMs that have begun are finished or brought back").waitFor(),
        );
        await accessible(page, "the dialog that cancels: axe-core finds nothing");
        await dialog(page).getByRole("button", { name: "Let it go on" }).click();
        await dialog(page).waitFor({ state: "detached" });
        await step("who lets it go on is where the dialog was opened", () =>
            focused(page, () => document.activeElement.textContent === "Cancel the job…"),
        );
        await page.keyboard.press("Enter");
        await dialog(page).waitFor();
        await page.keyboard.press("Escape");
        await dialog(page).waitFor({ state: "detached" });
        is(cancels(), 0, "and by either way nothing is cancelled");
        await ask.click();
        await dialog(page).getByRole("button", { name: "Cancel the job" }).click();
        await step("a cancelled job says that it ends after what has begun", async () => {
            await dialog(page).waitFor({ state: "detached" });
            await page.getByText("The job ends after what has begun").first().waitFor();
        });
        is(cancels(), 1, "and was cancelled once");
        await step("it cannot be cancelled twice, and the focus is not lost with the button", async () => {
            await ask.waitFor({ state: "detached" });
            await focused(page, atContent);
        });
        await shot(page, "cancelling");
        api.world.hold = false;
        await step("its end is said", () => page.getByText("The job was cancelled").waitFor({ timeout: LONG }));
        await step("the VM that had begun is finished, the others say why they were skipped", async () => {
            await line(page, "vm1").locator('[data-word="ok"]').waitFor();
            for (const name of ["vm3", "vm5"]) {
                await line(page, name).locator('[data-word="skipped"]').waitFor();
                await line(page, name).getByText("The batch was cancelled before this VM's turn").waitFor();
                await line(page, name).getByText("Run this batch again to go on").waitFor();
            }
        });
        await accessible(page, "a cancelled job: axe-core finds nothing");
        await shot(page, "cancelled");
        await page.getByRole("link", { name: "All VMs and jobs" }).click();
        const [job] = api.world.jobs;
        await step("the list of jobs says it, too", () =>
            page.locator(`[data-job="${job.id}"]`).getByText("Cancelled", { exact: true }).waitFor({ timeout: LONG }),
        );
        await page.locator(`[data-job="${job.id}"]`).getByRole("link").click();
        await page.getByRole("button", { name: "Run what is left" }).click();
        await step("what is left can be run", async () => {
            await page.getByText("The job has ended; all is well").waitFor({ timeout: LONG });
            await line(page, "vm5").locator('[data-word="ok"]').waitFor();
        });

        await page.getByRole("link", { name: "All VMs and jobs" }).click();
        api.world.hold = true;
        await begin(page, ["vm0"], "Assess");
        await ask.click();
        await dialog(page).waitFor();
        api.world.hold = false;
        await step("a job that ends meanwhile", () => page.getByText("The job has ended").first().waitFor());
        await dialog(page).getByRole("button", { name: "Cancel the job" }).click();
        await step("cannot be cancelled: that is said in the dialog", () =>
            dialog(page).locator('[data-problem="job.ended"]').waitFor(),
        );
        await page.keyboard.press("Escape");
        await dialog(page).waitFor({ state: "detached" });
        await step("and the page has it as it is", () => page.getByText("The job has ended; all is well").waitFor());
        await noComplaints(page, "nothing on the console");
    });

    const refusals = withApi("refusals", { vms: 8 }, async api => {
        const page = await open("vms");
        const group = page.getByRole("group", { name: "Chosen VMs" });
        const button = group.getByRole("button", { name: "Set up legacy networking" });
        const failed = name => dialog(page).locator(`[data-failed="${name}"]`);
        const busy = name => step(`${name}: why, the remedy and the id`, async () => {
            await failed(name).getByText("The VM is being changed by somebody else").waitFor();
            await failed(name).getByText("Try again in a moment").waitFor();
            await failed(name).getByText("vm.busy", { exact: true }).waitFor();
        });
        for (const name of ["vm2", "vm3", "vm6"]) {
            api.world.busy.add(name);
            await line(page, name).getByRole("checkbox").check();
        }
        await button.click();
        await step("several grants say that legacy support is turned on first", () =>
            dialog(page).getByText("it is turned on first").waitFor(),
        );
        await dialog(page).getByRole("button", { name: "Set up legacy networking" }).click();
        await step("all refused: that is counted", () => dialog(page).getByText("3 VMs are as they were:").waitFor());
        for (const name of ["vm2", "vm3", "vm6"]) await busy(name);
        is(await dialog(page).getByText(/^Done/).count(), 0, "nothing is said to be done");
        await step("and that legacy support is on all the same", () =>
            dialog(page).getByText("Legacy OS support was turned on for this host, and stays on.").waitFor(),
        );
        await accessible(page, "all refused: axe-core finds nothing");
        await shot(page, "all-refused");
        await page.keyboard.press("Enter"); // Close has the focus
        await dialog(page).waitFor({ state: "detached" });

        for (const name of ["vm2", "vm3"]) api.world.busy.delete(name);
        await step("the same VMs are still chosen, and can be tried again", () =>
            group.getByRole("button", { name: "Set up legacy networking (3)" }).waitFor(),
        );
        await button.click();
        is(await dialog(page).getByText("it is turned on first").count(), 0, "legacy support is on by now");
        await dialog(page).getByRole("button", { name: "Set up legacy networking" }).click();
        await step("some refused: which were given access, by when it counts", async () => {
            await dialog(page).getByText("Done: vm2").waitFor();
            await dialog(page).getByText("Done; it counts from the next start of: vm3").waitFor();
        });
        await step("and which not", () => dialog(page).getByText("1 VM is as it was:").waitFor());
        await busy("vm6");
        is(await dialog(page).getByText("stays on").count(), 0, "nothing more is said of legacy support");
        await shot(page, "some-refused");
        await page.keyboard.press("Enter");
        await step("the VMs show it", async () => {
            await line(page, "vm2").locator("[data-action=legacy-off]").waitFor({ timeout: LONG });
            await group.getByRole("button", { name: "Set up legacy networking (1)" }).waitFor();
        });
        await noComplaints(page, "nothing on the console");
    });

    /* suretyd's errors, proofs and remedies by what they are called, its own sentence beneath. */
    const WORDS = {
        de: {
            locked: "Ein anderer Auftrag arbeitet an der VM",
            wait: "Warten Sie, bis dieser Auftrag beendet ist",
            imds: "surety-imds ist nicht erreichbar, daher bekommen Gäste keine Antwort",
            proof: "PCR 4 ist, wie vor dem ersten Start aus den Boot-Dateien vorhergesagt",
            skipped: "Die VM kam nicht an die Reihe: Der Auftrag wurde abgebrochen",
        },
        it: {
            locked: "Un’altra operazione lavora sulla VM",
            wait: "Attendere la fine di quell’operazione",
            imds: "surety-imds non è raggiungibile, perciò i guest non ricevono risposta",
            proof: "PCR 4 è quello previsto dai file di avvio prima del primo avvio",
            skipped: "Il turno della VM non è arrivato: l’operazione è stata annullata",
        },
    };

    async function inOneLanguage(api, lang, words, job) {
        const page = await inLanguage(lang, { viewport: { width: 1280, height: 900 } });
        await page.goto(`${url}#/vms`);
        await line(page, "vm2").locator("[data-action=add-vsock]").click();
        await dialog(page).locator("footer button").first().click();
        await step(`an error in ${lang}: what it is called, the remedy, and suretyd's own sentence`, async () => {
            await dialog(page).getByText(words.locked, { exact: false }).waitFor();
            await dialog(page).locator('[lang="en"]', { hasText: "Another job works on the VM vm2" }).waitFor();
            await dialog(page).getByText(words.wait, { exact: true }).waitFor();
        });
        await accessible(page, `an error in ${lang}: axe-core finds nothing`);
        await shot(page, `${lang}-error`);
        await page.goto(`${url}#/servers`);
        await page.reload();
        await step(`a warning in ${lang}`, () =>
            page.locator('[data-notice="server.imds"]').getByText(words.imds).waitFor(),
        );
        await page.goto(`${url}#/upgrade/${job}`);
        await page.reload();
        await step(`a VM whose turn did not come, in ${lang}`, () =>
            line(page, "vm3").getByText(words.skipped).waitFor({ timeout: LONG }),
        );
        await line(page, "vm1").getByRole("button").first().click();
        const proof = page.locator('[data-proof="verify.pcr4"]');
        await step(`a proof in ${lang}, and what was seen`, async () => {
            await proof.getByText(words.proof).waitFor({ timeout: LONG });
            await proof.locator('[lang="en"]', { hasText: "PCR 4 was not read" }).waitFor();
        });
        await shot(page, `${lang}-proofs`);
        await page.context().close();
    }

    const errorsInWords = withApi("errorsInWords", { vms: 8 }, async api => {
        const LOCKED = ["vm.locked", "another job works on the VM vm2", "Wait until that job has ended"];
        api.world.refuse = (method, path) => path.endsWith("/actions") && problem(409, ...LOCKED);
        api.world.servers[0].warnings.push({
            id: "server.imds",
            text: "surety-imds cannot be reached: guests get no answer",
            remedy: "Start it: systemctl start surety-imds; its log says why it ended",
        });
        const { id } = api.answer(
            "POST",
            "/v1/jobs",
            JSON.stringify({ op: "upgrade", vms: [{ name: "vm1" }, { name: "vm3" }] }),
        ).body;
        const job = api.world.jobs.find(j => j.id === id);
        for (; job.vms[0].outcome !== "working"; await new Promise(r => setTimeout(r, 20)));
        api.answer("POST", `/v1/jobs/${id}/cancel`);
        for (const [lang, words] of Object.entries(WORDS)) await inOneLanguage(api, lang, words, id);
        const page = await open("vms");
        await line(page, "vm2").locator("[data-action=add-vsock]").click();
        await dialog(page).getByRole("button", { name: "Add vsock device" }).click();
        await step("in English it is suretyd's sentence alone", () =>
            dialog(page).getByText("Another job works on the VM vm2").waitFor(),
        );
        is(await dialog(page).locator('[lang="en"]').count(), 0, "and not said twice");
        await page.context().close();
    });

    const problems = page => page.locator("[data-problem]");

    const restart = withApi("restart", { vms: 8 }, async api => {
        const page = await open("overview");
        await page.locator("[data-counter=active]").first().waitFor();
        await page.waitForFunction(() => document.querySelectorAll("[data-counter=verified] b").length === 1);
        api.close();
        await step("suretyd ends: that is told once, whoever asked", async () => {
            await problems(page).first().waitFor({ timeout: LONG });
            await page.getByRole("button", { name: "Try again" }).click(); // all of them ask
            await page.getByText("suretyd does not run on this host").waitFor({ timeout: LONG });
        });
        is(await problems(page).count(), 1, "by one alert");
        is(await problems(page).getAttribute("role"), "alert", "which is read aloud");
        report(await page.locator("[data-counter=active]").first().isVisible(), "what was known stays");
        await accessible(page, "suretyd is away: axe-core finds nothing");
        await shot(page, "away");
        for (const name of ["Servers", "VMs", "Upgrade", "Activity"]) {
            await page.getByRole("tab", { name }).click();
            await page.waitForTimeout(300);
            is(await problems(page).count(), 1, `${name}: one alert`);
        }
        await page.getByRole("tab", { name: "VMs" }).click();
        await line(page, "vm2").locator("[data-action=add-vsock]").focus();
        await page.keyboard.press("Enter");
        await dialog(page).getByRole("button", { name: "Add vsock device" }).focus();
        await page.keyboard.press("Enter");
        await step("what is asked for meanwhile fails in the dialog, and the focus stays at its button", async () => {
            await dialog(page).locator('[data-problem="page.not-running"]').waitFor();
            await focused(page, () => document.activeElement.textContent === "Add vsock device");
        });
        await page.keyboard.press("Escape");
        for (const name of ["vm2", "vm3", "vm6"]) await line(page, name).getByRole("checkbox").check();
        await page.getByRole("button", { name: /^Add vsock device \(3\)/ }).click();
        await dialog(page).getByRole("button", { name: "Add vsock device" }).click();
        await step("many VMs are not tried one after the other then", () =>
            dialog(page).locator("[data-failed]").first().waitFor(),
        );
        await dialog(page).getByRole("button", { name: "Close" }).last().click();
        await api.again();
        await step("suretyd is back: the alert goes by itself, soon", () =>
            problems(page).first().waitFor({ state: "detached", timeout: LONG }),
        );
        await line(page, "vm2").locator("[data-action=add-vsock]").click();
        await dialog(page).getByRole("button", { name: "Add vsock device" }).click();
        await step("and everything goes on", () => page.getByText("vm2: done").first().waitFor({ timeout: LONG }));
        await page.context().close();
    });

    const overloaded = withApi("overloaded", { vms: 8 }, async api => {
        const page = await open("servers");
        const sync = page.getByRole("button", { name: /^Sync now/ });
        await sync.waitFor();
        await page.getByRole("tab", { name: "VMs" }).click();
        await line(page, "vm2").waitFor();
        api.world.refuse = () => problem(503, "host.memory", "out of memory");
        await step("503: told once, with a way to try again, and what was known stays", async () => {
            await page.locator('[data-problem="host.memory"]').first().waitFor({ timeout: LONG });
            await page.getByRole("button", { name: "Try again" }).first().click();
            await page.waitForTimeout(500);
            is(await problems(page).count(), 1, "503: one alert");
            await line(page, "vm2").waitFor();
        });
        await page.getByRole("tab", { name: "Servers" }).click();
        await sync.focus();
        await page.keyboard.press("Enter");
        await step("a sync that is refused says why, and its button keeps the focus", async () => {
            await page.locator(".pf-v5-c-alert-group", { hasText: "Out of memory" }).first().waitFor();
            await focused(page, () => document.activeElement.textContent.startsWith("Sync now"));
        });
        api.world.refuse = () => null;
        await step("it goes by itself", () => problems(page).first().waitFor({ state: "detached", timeout: LONG }));
        await page.getByRole("tab", { name: "VMs" }).click();
        api.world.cut = "/v1/vms";
        await step("an answer that is cut short is told, and what was known stays", async () => {
            await page.locator('[data-problem="page.json"]').waitFor({ timeout: LONG });
            await line(page, "vm2").waitFor();
        });
        api.world.cut = "";
        await step("and goes with the next one", () =>
            problems(page).first().waitFor({ state: "detached", timeout: LONG }),
        );
        await page.context().close();
    });

    const brokenStream = withApi("brokenStream", { vms: 8 }, async api => {
        const page = await open("upgrade");
        await startUpgrade(page, ["vm1", "vm2"]);
        const streams = () => api.world.asked.filter(a => a.endsWith("/events")).length;
        api.world.hold = true;
        api.breakStreams();
        await step("a stream that breaks off is begun again, and the VMs stay", async () => {
            for (let i = 0; i < 600 && streams() < 2; i++) await page.waitForTimeout(100);
            await line(page, "vm2").waitFor();
        });
        is(streams(), 2, "once");
        await step("and then nothing is said of it any more", () =>
            problems(page).first().waitFor({ state: "detached", timeout: LONG }),
        );
        api.world.refuse = (_method, path) => path.endsWith("/report") && problem(503, "host.memory", "out of memory");
        api.world.hold = false;
        await step("the job's end is shown", () =>
            page.getByText("The job has ended; all is well").waitFor({ timeout: LONG }),
        );
        await step("and that its report could not be had", () => page.locator('[data-problem="host.memory"]').waitFor());
        api.world.refuse = () => null;
        await step("which comes by itself then", async () => {
            await page.getByRole("heading", { name: "Report" }).waitFor({ timeout: LONG });
            is(await problems(page).count(), 0, "and nothing else is said");
        });
        await page.context().close();
    });

    /* How often the text for screen readers changes. */
    const listen = page =>
        page.evaluate(() => {
            globalThis.told = [];
            new MutationObserver(() => {
                const text = document.querySelector("p[role=status].screen-reader")?.textContent;
                if (text && text !== globalThis.told.at(-1)) globalThis.told.push(text);
            }).observe(document.body, { childList: true, subtree: true, characterData: true });
        });

    const many = withApi("many", { vms: 1000 }, async api => {
        api.world.tick = 1;
        for (let i = 0; i < 50; i++)
            api.answer("POST", "/v1/jobs", JSON.stringify({ op: "look", vms: [{ name: `vm${i}` }] }));
        const page = await open("upgrade");
        await page.locator("[data-job]").first().waitFor();
        is(await page.locator("[data-job]").count(), 20, "of 50 jobs 20 are shown");
        const older = page.getByRole("button", { name: "Older jobs" });
        await older.focus();
        await page.keyboard.press("Enter");
        await step("older ones on request", () => page.locator("[data-job]").nth(39).waitFor());
        await page.keyboard.press("Enter");
        await step("to the last, and the focus is not lost with the button", async () => {
            await page.locator("[data-job]").nth(49).waitFor();
            await older.waitFor({ state: "detached" });
            await focused(page, atContent);
        });
        report((await page.locator("[data-vm]").count()) <= 50, "no more than 50 rows of 1,000 VMs are drawn");
        await page.getByLabel("Choose all VMs that are shown (1,000)").first().check();
        await listen(page);
        await page.getByRole("button", { name: "Assess", exact: true }).click();
        await step("1,000 VMs are assessed by one job", () =>
            page.getByText("The job has ended").first().waitFor({ timeout: 6 * LONG }),
        );
        await step("and what was found is shown by rule", () =>
            page.locator('[data-rule="vm.practice.restore-point"]').waitFor({ timeout: LONG }),
        );
        const told = await page.evaluate(() => globalThis.told);
        report(told.length <= 15, "progress is read aloud now and then, not with each VM", told.join("\n"));
        is(told.at(-1), "The job has ended", "and its end at once");
        await page.locator("[data-rule] summary").first().click();
        await step("of many VMs with one finding 200 are listed", () => page.getByText("and 800 more").waitFor());
        await accessible(page, "1,000 VMs: axe-core finds nothing");
        await noComplaints(page, "nothing on the console");
    });

    /* WCAG 1.4.10: a window 1280 wide at 400 %. */
    const reflow = withApi("reflow", { vms: 8, state: "Expired" }, async api => {
        const narrow = { viewport: { width: 320, height: 256 } };
        const page = await open("overview", narrow);
        const wide = [];
        const look = async what => {
            await page.waitForTimeout(300);
            if (!(await fits(page))) wide.push(what);
            await shot(page, `narrow-320-${what}`);
        };
        for (const name of ["overview", "servers", "vms", "upgrade", "activity"]) {
            await page.goto(`${url}#/${name}`);
            await page.locator("#tab-content h2").first().waitFor();
            await look(name);
        }
        await page.goto(`${url}#/upgrade`);
        await begin(page, ["vm1", "vm3"], "Assess");
        await page.locator('[data-rule="vm.practice.restore-point"]').waitFor({ timeout: LONG });
        await line(page, "vm1").getByRole("button", { name: "Details of vm1" }).click();
        await look("assessment");
        await page.getByRole("button", { name: /^Upgrade \d VMs? that (is|are) ready…/ }).click();
        await dialog(page).waitFor();
        await look("dialog");
        const seen = () => {
            const box = document.querySelector("[role=dialog]").getBoundingClientRect();
            return box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
        };
        report(await page.evaluate(seen), "a dialog is within a window of 320 by 256 pixels");
        const go = dialog(page).getByRole("button", { name: "Upgrade", exact: true });
        await go.scrollIntoViewIfNeeded();
        await step("and its button can be pressed", () => go.click({ timeout: LONG }));
        await page.getByRole("heading", { name: /^Upgrade \d+-/ }).waitFor({ timeout: LONG });
        await line(page, "vm1").locator('[aria-current="step"]').waitFor({ timeout: LONG });
        await look("upgrading");
        await page.getByText("The job has ended; all is well").waitFor({ timeout: LONG });
        await look("upgraded");
        is(wide.join(), "", "nothing is wider than 320 pixels");
        report(api.world.jobs.length === 2, "two jobs were begun");
        await page.context().close();
    });

    /* Tab and Enter alone, from the beginning of the page. */
    const keyboard = withApi("keyboard", { vms: 8 }, async api => {
        const page = await open("upgrade");
        await line(page, "vm1").waitFor();
        const at = () =>
            page.evaluate(() => {
                const e = document.activeElement;
                return e.getAttribute("aria-label") ?? e.textContent ?? "";
            });
        const tabTo = async (text, most = 60) => {
            const seen = [];
            for (let i = 0; i < most; i++) {
                await page.keyboard.press("Tab");
                seen.push((await at()).trim());
                if (seen.at(-1) === text) return;
            }
            throw new Error(`Tab never comes to “${text}”: ${seen.map(s => s.slice(0, 30)).join(" | ")}`);
        };
        await step("by Tab alone to a VM, and Space chooses it", async () => {
            await tabTo("Choose vm1");
            await page.keyboard.press("Space");
            await page.getByText("1 VM chosen").waitFor();
        });
        for (let i = 0; i < 60 && (await at()).trim() !== "Upgrade…"; i++) await page.keyboard.press("Shift+Tab");
        await page.keyboard.press("Enter");
        await dialog(page).waitFor();
        await step("the focus is in the dialog", () =>
            focused(page, () => !!document.activeElement.closest("[role=dialog]")),
        );
        await step("Tab stays in it", async () => {
            for (let i = 0; i < 8; i++) {
                await page.keyboard.press("Tab");
                if (!(await page.evaluate(() => !!document.activeElement.closest("[role=dialog]"))))
                    throw new Error(`it is at ${await at()}`);
            }
        });
        await page.keyboard.press("Escape");
        await step("Escape leads back to the button", () =>
            focused(page, () => document.activeElement.textContent === "Upgrade…"),
        );
        await page.keyboard.press("Enter");
        await dialog(page).waitFor();
        await tabTo("Upgrade", 8);
        await page.keyboard.press("Enter");
        await step("the job is begun, and the focus is at what is shown now", async () => {
            await page.getByRole("heading", { name: /^Upgrade \d+-/ }).waitFor({ timeout: LONG });
            await focused(page, atContent);
        });
        api.world.hold = true;
        await step("Tab goes on from there: to the job's links and buttons", () => tabTo("Cancel the job…", 4));
        api.world.hold = false;
        await page.getByText("The job has ended; all is well").waitFor({ timeout: LONG });
        await step("the focus is not lost with the button that goes", () => focused(page, atContent));
        await step("Tab and Enter unfold what was found", async () => {
            await tabTo("Details of vm1");
            await page.keyboard.press("Enter");
            await line(page, "vm1").locator("[data-proof]").first().waitFor({ timeout: LONG });
        });
        await noComplaints(page, "nothing on the console");
    });

    return [cancelling, refusals, errorsInWords, restart, overloaded, brokenStream, many, reflow, keyboard];
}
