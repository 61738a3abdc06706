/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people see of the page who log in at Cockpit, one part each; `login` makes them and the host: node login.mjs
 * PART; TAP. */
import { done, is, openPage, report, shot, SOCKET, startBrowser, startCockpit, step, violations } from "./browser.mjs";
import { serve } from "../../ui/test/fake-api.mjs";

const LONG = 90000;
const { COCKPIT_URL: url, HOSTILE } = process.env;
const PASSWORD = { alice: process.env.ALICE, bob: process.env.BOB, carol: process.env.CAROL, root: process.env.ROOT };
const TABS = ["Overview", "Servers", "VMs", "Upgrade", "Activity"];
const MANAGERS = ["/v1/vms", "/v1/legacy", "/v1/jobs", "/v1/summary", "/v1/benefits", "/v1/audit"];
const browser = await startBrowser();

/* The login page, with what is complained about on the console by or about our page, and each path that is asked of
 * suretyd.  A wrong password is answered 401, which the console of Cockpit's own page tells. */
async function loginPage() {
    const page = await openPage(browser, `${url}/surety`);
    Object.assign(page, { complaints: [], asked: [] });
    page.on("console", m => {
        if (m.type() === "error" && (/\/surety\//.test(m.location().url) || /Security Policy/i.test(m.text())))
            page.complaints.push(m.text());
    });
    page.on("websocket", socket =>
        socket.on("framesent", ({ payload }) => {
            const path = /"path":"(\/v1\/[^"?]*)/.exec(payload);
            path && page.asked.push(path[1]);
        }),
    );
    await page.locator("#login-user-input").waitFor({ timeout: LONG });
    return page;
}

async function submit(page, user, password = PASSWORD[user]) {
    await page.locator("#login-user-input").fill(user);
    await page.locator("#login-password-input").fill(password);
    await page.locator("#login-button").click();
}

const frame = page => page.frameLocator('iframe[name*="surety"]');
const inside = page => page.frames().find(f => f.url().includes("/surety/"));
const tab = (page, name) => frame(page).getByRole("tab", { name });
const vm = (page, name) => frame(page).locator(`[data-vm=${JSON.stringify(name)}]`);
const limited = page => frame(page).getByText("You see the state of this host");
const seen = locator => locator.first().waitFor({ timeout: LONG });
const asked = (page, path) => page.asked.filter(p => p === path).length;

async function enter(page, user) {
    await submit(page, user);
    await step(`${user} logs in and sees the page`, () => tab(page, "Overview").waitFor({ timeout: LONG }));
    // what the login page itself does is not ours
    page.complaints.length = 0;
    return page;
}
const login = async user => enter(await loginPage(), user);

async function accessible(page, text) {
    const found = await violations(inside(page) ?? page);
    report(found === "", `${text}: axe-core finds nothing`, found);
}

function quiet(page) {
    report(page.complaints.length === 0, "nothing on the console", page.complaints.join("\n"));
}

/* As cockpit.js of our page asks it: {status, body}. */
const asks = (page, method, path) =>
    inside(page).evaluate(
        ([method, path, unix]) =>
            new Promise(resolve => {
                globalThis.cockpit
                    .http({ unix, superuser: "try" })
                    .request({ method, path, body: "", headers: {}, params: {} })
                    .then(
                        body => resolve({ status: 200, body }),
                        (error, body) => resolve({ status: error.status, body }),
                    );
            }),
        [method, path, SOCKET],
    );

const TURNS = /[\u202a-\u202e\u2066-\u2069]/;
/* HTML, a new line, letters from right to left, and a character that turns all that follows. */
const TEXT = `<img src=x onerror="alert(1)">\n<b>\u202eevil \u05d0\u05d1 ${"x".repeat(160)}`;

/* The page is no wider than its window, but for the tabs, which scroll: the last that sticks out. */
const sticksOut = page =>
    page.evaluate(() => {
        const wide = [...document.querySelectorAll("#app *")].filter(
            e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest("[role=tablist], .screen-reader"),
        );
        return wide.length ? wide.at(-1).outerHTML.slice(0, 200) : "";
    });

/* That text on every tab, in a dialog and in a job, at a width of the window. */
async function textsAt(page, api, width) {
    const theirs = { hasText: "<img src=x" };
    const plain = async where => {
        is(await sticksOut(page), "", `${width} pixels, ${where}: nothing sticks out`);
        is(await page.locator("#app img, [role=dialog] img, [onerror]").count(), 0, `${where}: no HTML of theirs`);
        is(TURNS.test(await page.locator("body").innerText()), false, `${where}: nothing turns what stands beside it`);
        await shot(page, `login-texts-${width}-${where.toLowerCase()}`);
    };
    const to = async name => {
        await page.getByRole("tab", { name }).click();
        await seen(page.locator("#tab-content h2"));
        if (["VMs", "Upgrade"].includes(name)) await seen(page.locator("[data-vm]"));
    };
    const box = filter => page.locator("[data-vm]").filter(filter).getByRole("checkbox").first();
    let dialogs = 0;
    page.on("dialog", d => {
        dialogs++;
        d.dismiss();
    });
    for (const name of TABS) {
        await to(name);
        await plain(name);
    }
    await to("VMs");
    const row = page.locator("[data-vm]").filter(theirs);
    is((await row.locator("th").innerText()).startsWith(TEXT.slice(0, 20)), true, "the name is there as it is");
    await row.getByRole("button", { name: "Details" }).first().click();
    await plain("Details");

    await to("Upgrade");
    await box(theirs).check();
    await page.getByRole("button", { name: "Upgrade…", exact: true }).click();
    await seen(page.getByRole("dialog").getByText("<img src=x"));
    await plain("Dialog");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await box(theirs).uncheck();
    await box({ hasNotText: "<img src=x" }).check();
    await page.getByRole("button", { name: "Assess" }).click();
    await step(`${width} pixels: a job`, () => seen(page.getByText(/^The job has ended/)));
    for (const v of api.world.jobs[0].vms) Object.assign(v, { outcome: "failed", text: TEXT, remedy: TEXT });
    await page.reload();
    await step("a job's error", () => seen(page.locator("td").filter(theirs)));
    await plain("Job");
    is(dialogs, 0, "nothing of it ran");
    report(page.complaints.length === 0, "nothing on the console", page.complaints.join("\n"));
    await page.context().close();
}

const parts = {
    /* What guests, disks and jobs say is text, whatever it looks like. */
    async texts() {
        const api = await serve(SOCKET, { vms: 3, state: "Expired" });
        const [vm1] = api.world.vms;
        Object.assign(vm1, { name: TEXT, problem: { id: "vm.x", text: TEXT, remedy: TEXT } });
        vm1.os = { ...vm1.os, name: TEXT };
        Object.assign(api.world.servers[0].reason, { text: TEXT, remedy: TEXT });
        const cockpit = await startCockpit();
        try {
            for (const width of [1280, 480]) {
                const viewport = { width, height: 900 };
                await textsAt(await openPage(browser, `${cockpit.page}#/vms`, { viewport }), api, width);
            }
        } finally {
            await cockpit.stop();
            api.close();
        }
    },

    /* A door that is shut. */
    async refused() {
        const page = await loginPage();
        for (const [user, password, why] of [
            ["alice", "wrong", "a wrong password"],
            ["nobody-of-that-name", "wrong", "a user who is not there"],
            ["root", PASSWORD.root, "root, whom Debian's cockpit does not let in, with the right password"],
        ]) {
            await submit(page, user, password);
            await step(`${why}: refused`, () =>
                seen(page.getByText(/Wrong user name or password|Permission denied/)),
            );
            const cookie = (await page.context().cookies()).find(c => c.name === "cockpit");
            is(cookie?.value ?? "deleted", "deleted", "no session");
            await page.reload();
            await page.locator("#login-user-input").waitFor({ timeout: LONG });
        }
    },

    /* No rights: told once, on every tab, and nothing that cannot be done is offered. */
    async limited() {
        const page = await login("bob"),
            begun = Date.now();
        for (const name of TABS) {
            await tab(page, name).click();
            await step(`${name}: what may be seen`, () => limited(page).waitFor());
            await step(`${name}: what is needed`, () =>
                frame(page).getByText("Turn on administrative access, or ask for membership in group surety").waitFor(),
            );
            const turns = frame(page).getByRole("status").filter({ hasText: "…" });
            await step(`${name}: nothing turns for long`, () => turns.first().waitFor({ state: "detached", timeout: LONG }));
            is(await frame(page).getByText("Danger alert:").count(), 0, `${name}: no error`);
            await accessible(page, name);
        }
        await tab(page, "Servers").click();
        await step("the server's state is there", () =>
            frame(page).locator('[data-server=node1] [data-word="Active"]').waitFor(),
        );
        is(await frame(page).locator("[data-server=node1]").getByRole("button").count(), 0, "and no action");
        await shot(page, "login-limited-servers");
        const before = asked(page, "/v1/servers");
        await step("the state is asked for every few seconds", async () => {
            for (let i = 0; i < 300 && asked(page, "/v1/servers") < before + 3; i++) await page.waitForTimeout(200);
            if (asked(page, "/v1/servers") < before + 3) throw Error("it is not");
        });
        // as the page opened, and once a minute
        const most = 1 + Math.ceil((Date.now() - begun) / 60000);
        for (const path of MANAGERS)
            report(asked(page, path) <= most, `${path} is asked for once a minute`, `${asked(page, path)} times`);
        for (const [method, path] of [
            ["POST", "/v1/server/sync"],
            ["DELETE", "/v1/server"],
            ["GET", "/v1/vms"],
            ["GET", "/v1/audit"],
        ]) {
            const { status, body } = await asks(page, method, path);
            is(`${status} ${JSON.parse(body).id}`, "403 api.refused", `${method} ${path} is refused by name`);
        }
        quiet(page);
    },

    /* In group surety, not root: everything. */
    async member() {
        const page = await login("alice");
        await step("the counters", () => frame(page).locator("[data-counter=running]").waitFor({ timeout: LONG }));
        is(await limited(page).count(), 0, "no word of missing rights");
        await shot(page, "login-member");
        await tab(page, "Servers").click();
        await frame(page).getByRole("button", { name: "Sync now" }).click();
        await step("Sync now", () => seen(frame(page).getByText("node1 is synced")));
        await tab(page, "VMs").click();
        await step("the VMs", () => vm(page, "web1").waitFor({ timeout: LONG }));
        await step("one with a name that is HTML shows it as text", () =>
            vm(page, HOSTILE).getByText(HOSTILE).first().waitFor(),
        );
        await accessible(page, "VMs");
        await shot(page, "login-member-vms");
        const row = vm(page, "web1");
        await row.locator('[data-action="add-vsock"]').click();
        await frame(page).getByRole("dialog").getByRole("button", { name: "Add vsock device" }).click();
        // libvirt's test driver adds no devices: `lab` has one that does
        await step("a benefit's action: what libvirt says to it is said in the dialog, by name", () =>
            frame(page).getByRole("dialog").getByText("vm.action.libvirt").waitFor({ timeout: LONG }),
        );
        await shot(page, "login-member-action");
        await frame(page).getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
        await tab(page, "Upgrade").click();
        await vm(page, "web1").getByRole("checkbox").check();
        await frame(page).getByRole("button", { name: "Assess" }).click();
        await step("an assessment, to its end", () =>
            seen(frame(page).getByText(/^The job has ended/)),
        );
        await frame(page).locator("#tab-content h2").first().waitFor();
        for (const name of ["Upgrade", "Activity"]) {
            await tab(page, name).click();
            await step(name, () => seen(frame(page).locator("#tab-content h2")));
            await shot(page, `login-member-${name.toLowerCase()}`);
            await accessible(page, name);
        }
        const csp = await inside(page).evaluate(async () =>
            (await fetch(location.href)).headers.get("content-security-policy"),
        );
        const foreign = csp.replaceAll(url, "").replaceAll(url.replace("http", "ws"), "");
        report(
            /default-src 'self'/.test(csp) && !/unsafe|:\/\/|\*/.test(foreign),
            "the Content-Security-Policy lets nothing in but what Cockpit serves",
            csp,
        );
        quiet(page);
    },

    /* Administrative access by sudo, while the page is looked at. */
    async admin() {
        const page = await login("carol");
        await limited(page).waitFor();
        await tab(page, "Servers").click();
        await inside(page).evaluate(() => {
            globalThis.sameDocument = true;
        });
        await page.getByRole("button", { name: "Limited access" }).click();
        await page.getByRole("dialog").getByLabel("Password").fill(PASSWORD.carol);
        await page.getByRole("dialog").getByRole("button", { name: "Authenticate" }).click();
        const row = frame(page).locator("[data-server=node1]");
        await step("the actions are there", () => seen(row.getByRole("button", { name: "Sync now" })));
        is(await limited(page).count(), 0, "no word of missing rights");
        is(await inside(page).evaluate(() => globalThis.sameDocument), true, "without loading the page anew");
        await shot(page, "login-admin");
        await row.getByRole("button", { name: "Sync now" }).click();
        await step("Sync now", () => seen(frame(page).getByText("node1 is synced")));
        await tab(page, "VMs").click();
        await step("the VMs", () => vm(page, "web1").waitFor({ timeout: LONG }));
        await page.locator("#super-user-indicator").getByText("Administrative access").click();
        await page.getByRole("dialog").getByRole("button", { name: "Limit access" }).click();
        await step("limited again", () => limited(page).waitFor({ timeout: LONG }));
        is(await vm(page, "web1").count(), 0, "what may not be seen any more is gone");
        is(await inside(page).evaluate(() => globalThis.sameDocument), true, "without loading the page anew");
        quiet(page);
    },

    /* One after the other in the same browser. */
    async change() {
        const page = await login("alice");
        await tab(page, "VMs").click();
        await vm(page, "web1").waitFor({ timeout: LONG });
        await page.locator("#toggle-menu").click();
        await page.locator("#logout").click();
        await page.locator("#login-user-input").waitFor({ timeout: LONG });
        is(page.frames().length, 1, "the page is gone with the session");
        await enter(page, "bob");
        await step("bob is told what he may see", () => limited(page).waitFor({ timeout: LONG }));
        for (const name of TABS) {
            await tab(page, name).click();
            is(/web1|alice/.test(await inside(page).content()), false, `${name}: nothing of alice's`);
        }
        const kept = await inside(page).evaluate(() => JSON.stringify([localStorage, sessionStorage]));
        is(/web1/.test(kept), false, "nor in what the browser keeps");
        quiet(page);
    },

    /* cockpit-ws stops: in Cockpit's frame, and in the page when it is open by itself. */
    async ended() {
        const page = await login("alice");
        const own = await page.context().newPage();
        await own.goto(`${url}/cockpit/@localhost/surety/index.html#/vms`);
        await own.locator('[data-vm="web1"]').waitFor({ timeout: LONG });
        process.kill(Number(process.env.COCKPIT_PID));
        await step("Cockpit says that it is disconnected", () =>
            seen(page.getByText(/Disconnected|Server has closed the connection|Reconnect/)),
        );
        await shot(page, "login-ended-cockpit");
        await step("the page says that the session has ended, and what to do", async () => {
            await own.getByText("The session in Cockpit has ended").waitFor({ timeout: LONG });
            await own.getByText("Log in again").first().waitFor();
        });
        report(await own.locator('[data-vm="web1"]').isVisible(), "what was known stays");
        is(await own.locator("#tab-content [inert] [data-vm=web1]").count(), 1, "and nothing of it can be pressed");
        await accessible(own, "ended");
        await shot(own, "login-ended");
    },
};

const part = process.argv[2];
try {
    await parts[part]();
} catch (error) {
    report(false, part, error.stack);
} finally {
    await browser.close();
}
done();
process.exit();
