/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page "VM trust": tabs, what all of them ask of suretyd, dialogs and short messages.  Its styles: build.mjs. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { Alert, AlertActionCloseButton, AlertGroup } from "@patternfly/react-core/dist/esm/components/Alert";
import page from "@patternfly/react-styles/css/components/Page/page.mjs";
import tabs from "@patternfly/react-styles/css/components/Tabs/tabs.mjs";
import cockpit, { _ } from "./cockpit.js";
import { connect } from "./api.js";
import { Dialog } from "./dialog.jsx";
import { HostContext, useLocation, usePolled } from "./hooks.js";
import { generalOf, isTotal } from "./model.js";
import { ProblemAlert } from "./parts.jsx";
import { followTheme } from "./theme.js";
import { Activity } from "./activity.jsx";
import { Overview } from "./overview.jsx";
import { Servers } from "./servers.jsx";
import { Upgrade } from "./upgrade.jsx";
import { Vms } from "./vms.jsx";

/* first: the answers without which a tab has nothing to show; the others are asked for when they have come. all: shown
 * to those as well who may only see the server's state. */
const TABS = [
    { name: "overview", title: _("Overview"), View: Overview, first: ["summary", "servers"], all: true },
    { name: "servers", title: _("Servers"), View: Servers, first: ["servers", "legacy"], all: true },
    { name: "vms", title: _("VMs"), View: Vms, first: ["vms", "benefits"] },
    { name: "upgrade", title: _("Upgrade"), View: Upgrade, first: ["vms", "jobs"] },
    { name: "activity", title: _("Activity"), View: Activity, first: [] },
];

const OFTEN = 5000,
    SELDOM = 30000;
const ASKED = {
    summary: ["/v1/summary", OFTEN],
    servers: ["/v1/servers", OFTEN],
    vms: ["/v1/vms", OFTEN],
    legacy: ["/v1/legacy", 2 * OFTEN],
    jobs: ["/v1/jobs", OFTEN],
    benefits: ["/v1/benefits", SELDOM],
};

const isThere = answer => answer.data !== undefined || answer.problem !== null;

/* What several tabs need is asked for once, what the tab shows before the rest. */
function useAnswers(api, { first }) {
    const [rest, setRest] = useState(false);
    const wanted = name => (rest || first.includes(name) ? ASKED[name][0] : null);
    const answers = {};
    // eslint-disable-next-line -- the order never changes
    for (const name of Object.keys(ASKED)) answers[name] = usePolled(api, wanted(name), ASKED[name][1]);
    const ready = first.every(name => isThere(answers[name]));
    useEffect(() => {
        if (ready) setRest(true);
    }, [ready]);
    return answers;
}

function Messages({ messages, drop }) {
    return (
        <AlertGroup isToast isLiveRegion>
            {messages.map(m => (
                <Alert
                    key={m.key}
                    component="p"
                    variant={m.variant}
                    title={m.text}
                    timeout={m.variant === "danger" ? false : 8000}
                    onTimeout={() => drop(m.key)}
                    actionClose={<AlertActionCloseButton title={m.text} onClose={() => drop(m.key)} />}
                />
            ))}
        </AlertGroup>
    );
}

/* Where a key takes the focus in the list of tabs. */
const KEYS = { ArrowRight: i => i + 1, ArrowLeft: i => i - 1, Home: () => 0, End: () => TABS.length - 1 };

function TabList({ current }) {
    const list = useRef(null);
    const onKeyDown = event => {
        const to = KEYS[event.key]?.(TABS.findIndex(t => t.name === current));
        if (to === undefined) return;
        event.preventDefault();
        const links = list.current.querySelectorAll("a");
        const link = links[(to + TABS.length) % TABS.length];
        link.focus();
        link.click();
    };
    useEffect(() => {
        list.current.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }, [current]);
    return (
        <div className={`${tabs.tabs} ${tabs.modifiers.pageInsets}`}>
            {/* eslint-disable-next-line -- the links in it have the keys */}
            <ul
                className={tabs.tabsList}
                role="tablist"
                aria-label={_("VM trust")}
                ref={list}
                onKeyDown={onKeyDown}>
                {TABS.map(t => (
                    <li
                        key={t.name}
                        role="presentation"
                        className={`${tabs.tabsItem} ${t.name === current ? tabs.modifiers.current : ""}`}>
                        <a
                            id={`tab-${t.name}`}
                            role="tab"
                            className={tabs.tabsLink}
                            href={`#/${t.name}`}
                            aria-selected={t.name === current}
                            aria-controls="tab-content"
                            tabIndex={t.name === current ? 0 : -1}>
                            <span className={tabs.tabsItemText}>{t.title}</span>
                        </a>
                    </li>
                ))}
            </ul>
        </div>
    );
}

/* Whether the user may manage this host: as suretyd says, which knows him; null: it has not said yet. */
function mayManage({ servers: _everybody, ...rest }) {
    const told = Object.values(rest);
    return told.some(a => a.problem?.status === 403) ? false : told.some(a => a.data !== undefined) || null;
}

/* What may be seen, and how to see the rest. */
function Limited({ problem }) {
    return (
        <Alert isInline component="p" variant="info" title={_("Limited access")} data-problem={problem?.id}>
            <p>
                {_("You see the state of this host. VMs, upgrades, activity and all actions are for administrators.")}
            </p>
            <p>{_("Turn on administrative access, or ask for membership in group surety.")}</p>
        </Alert>
    );
}

/* The problem that the session's end is, when it has ended. */
function useSessionEnd(api) {
    const [end, setEnd] = useState(api.over());
    useEffect(() => api.on("session", () => setEnd(api.over())), [api]);
    return end;
}

/* Who closes a dialog is where it was opened; where that is no more, at the tab's content. */
function useDialog() {
    const [dialog, setDialog] = useState(null);
    const opener = useRef(null);
    const ask = useCallback(next => {
        opener.current = document.activeElement;
        setDialog(next);
    }, []);
    const close = useCallback(() => {
        setDialog(null);
        setTimeout(() => {
            const there = opener.current;
            if (!document.querySelector("[role=dialog]"))
                (there?.isConnected && there !== document.body
                    ? there
                    : document.getElementById("tab-content")
                ).focus();
        });
    }, []);
    return { dialog, ask, close };
}

/* A button may go with what it did: who pressed it is at the tab's content then, and not at the page's beginning. */
function keepFocus(root) {
    let last = null;
    root.addEventListener("focusin", event => (last = event.target));
    new MutationObserver(() => {
        if (!last || last.isConnected) return;
        last = null;
        if (document.activeElement === document.body) document.getElementById("tab-content")?.focus({ preventScroll: true });
    }).observe(root, { childList: true, subtree: true });
}

function App({ api }) {
    const { path } = useLocation();
    const tab = TABS.find(t => t.name === path[0]) ?? TABS[0];
    const answers = useAnswers(api, tab);
    const { dialog, ask, close } = useDialog();
    const [messages, setMessages] = useState([]);

    const drop = useCallback(key => setMessages(all => all.filter(m => m.key !== key)), []);
    const toast = useCallback(
        (text, variant = "success") =>
            setMessages(all => [...all.slice(-4), { key: `${Date.now()}-${all.length}`, text, variant }]),
        [],
    );
    const refreshers = Object.values(answers).map(a => a.refresh);
    const reload = useCallback(() => refreshers.forEach(f => f()), refreshers);
    const may = mayManage(answers);
    const ended = useSessionEnd(api);
    useEffect(() => api.on("access", reload), [api, reload]);

    const data = {
        answers,
        hosts: answers.servers.data?.servers ?? [],
        vms: useMemo(() => answers.vms.data?.vms ?? [], [answers.vms.data]),
        jobs: answers.jobs.data?.jobs ?? [],
        benefits: useMemo(() => answers.benefits.data?.benefits ?? [], [answers.benefits.data]),
        legacy: answers.legacy.data,
        summary: answers.summary.data,
    };
    const problems = Object.values(answers).map(a => a.problem);
    const general = ended ?? generalOf(problems),
        total = isTotal(general);
    const host = useMemo(
        () => ({ api, toast, reload, ask, may, general }),
        [api, toast, reload, ask, may, general],
    );
    const known = Object.values(answers).some(a => a.data !== undefined);
    const View = tab.View;
    return (
        <HostContext.Provider value={host}>
            <div className={page.page}>
                <main className={page.pageMain} tabIndex={-1}>
                    <div className="head">
                        <h1 className="screen-reader">{_("VM trust")}</h1>
                        <TabList current={tab.name} />
                    </div>
                    <div className={page.pageMainSection}>
                        <div
                            id="tab-content"
                            role="tabpanel"
                            aria-labelledby={`tab-${tab.name}`}
                            className="stack"
                            tabIndex={-1}>
                            {general && <ProblemAlert problem={general} onRetry={ended ? undefined : reload} />}
                            {!total && may === false && <Limited problem={problems.find(p => p?.status === 403)} />}
                            {(!total || known) && (may !== false || tab.all) && (
                                <div className="stack" {...(ended && { inert: "" })}>
                                    <View {...data} path={path} />
                                </div>
                            )}
                        </div>
                    </div>
                </main>
            </div>
            {dialog && <Dialog key={dialog.title} dialog={dialog} onClose={close} />}
            <Messages messages={messages} drop={drop} />
        </HostContext.Provider>
    );
}

document.documentElement.lang = (cockpit.language ?? "en").replace("_", "-");
document.title = _("VM trust");
followTheme();
keepFocus(document.getElementById("app"));
createRoot(document.getElementById("app")).render(<App api={connect()} />);
