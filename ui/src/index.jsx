/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page "VM trust": tabs, what all of them ask of suretyd, dialogs and short messages.  Its styles: build.mjs. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { Alert, AlertActionCloseButton, AlertGroup } from "@patternfly/react-core/dist/esm/components/Alert";
import { Page, PageSection } from "@patternfly/react-core/dist/esm/components/Page";
import { Tab, Tabs, TabTitleText } from "@patternfly/react-core/dist/esm/components/Tabs";
import cockpit, { _ } from "./cockpit.js";
import { connect } from "./api.js";
import { go, HostContext, useLocation, usePolled } from "./hooks.js";
import { list, servers } from "./model.js";
import { Dialog, ProblemAlert } from "./parts.jsx";
import { followTheme } from "./theme.js";
import { Activity } from "./activity.jsx";
import { Overview } from "./overview.jsx";
import { Servers } from "./servers.jsx";
import { Upgrade } from "./upgrade.jsx";
import { Vms } from "./vms.jsx";

/* all: shown to those as well who may only see the server's state. */
const TABS = [
    { name: "overview", title: _("Overview"), View: Overview, all: true },
    { name: "servers", title: _("Servers"), View: Servers, all: true },
    { name: "vms", title: _("VMs"), View: Vms },
    { name: "upgrade", title: _("Upgrade"), View: Upgrade },
    { name: "activity", title: _("Activity"), View: Activity },
];

const OFTEN = 5000,
    SELDOM = 30000;

/* Where nobody answers, no tab has anything to show. */
const isTotal = problem => problem?.id.startsWith("page.");

/* Whether the user may manage this host: as suretyd says, which knows him; null: it has not said yet. */
const mayManage = vms => (vms.data !== undefined ? true : vms.problem ? vms.problem.status !== 403 : null);

/* What several tabs need is asked for once. */
function useAnswers(api) {
    const vms = usePolled(api, "/v1/vms", OFTEN); // first, because it takes longest
    const server = usePolled(api, "/v1/server", OFTEN);
    const many = usePolled(api, "/v1/servers", OFTEN, { optional: true });
    const legacy = usePolled(api, "/v1/legacy", 2 * OFTEN);
    const jobs = usePolled(api, "/v1/jobs", OFTEN);
    const summary = usePolled(api, "/v1/summary", 2 * OFTEN, { optional: true });
    const benefits = usePolled(api, "/v1/benefits", SELDOM, { optional: true });
    return { server, many, vms, legacy, jobs, summary, benefits };
}

/* What may be seen, and how to see the rest. */
function Limited({ problem }) {
    return (
        <Alert isInline component="p" variant="info" title={_("Limited access")} data-problem={problem.id}>
            <p>{_("You see the state of this host. VMs, upgrades, activity and all actions are for administrators.")}</p>
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

function Messages({ messages, drop }) {
    return (
        <AlertGroup isToast isLiveRegion>
            {messages.map(m => (
                <Alert
                    key={m.key}
                    component="p"
                    variant={m.variant}
                    title={m.text}
                    timeout={8000}
                    onTimeout={() => drop(m.key)}
                    actionClose={<AlertActionCloseButton title={m.text} onClose={() => drop(m.key)} />}
                />
            ))}
        </AlertGroup>
    );
}

function App({ api }) {
    const { path } = useLocation();
    const answers = useAnswers(api);
    const [dialog, setDialog] = useState(null);
    const [messages, setMessages] = useState([]);
    const tab = TABS.find(t => t.name === path[0]) ?? TABS[0];

    const drop = useCallback(key => setMessages(all => all.filter(m => m.key !== key)), []);
    const toast = useCallback(
        (text, variant = "success") =>
            setMessages(all => [...all.slice(-4), { key: `${Date.now()}-${all.length}`, text, variant }]),
        [],
    );
    const refreshers = Object.values(answers).map(a => a.refresh);
    const reload = useCallback(() => refreshers.forEach(f => f()), refreshers);
    const may = mayManage(answers.vms);
    const host = useMemo(() => ({ api, toast, reload, ask: setDialog, may }), [api, toast, reload, may]);
    const ended = useSessionEnd(api);
    useEffect(() => api.on("access", reload), [api, reload]);

    const data = {
        answers,
        hosts: servers(answers.many.data, answers.server.data),
        vms: useMemo(() => list(answers.vms.data, "vms"), [answers.vms.data]),
        jobs: list(answers.jobs.data, "jobs"),
        benefits: answers.benefits.data ? list(answers.benefits.data, "benefits") : answers.benefits.data,
        legacy: answers.legacy.data,
        summary: answers.summary.data,
    };
    const total = isTotal(answers.server.problem) && answers.server.problem;
    const View = tab.View;
    return (
        <HostContext.Provider value={host}>
            <Page>
                <PageSection variant="light" type="tabs" component="div" hasShadowBottom={false}>
                    <h1 className="screen-reader">{_("VM trust")}</h1>
                    <Tabs
                        activeKey={tab.name}
                        onSelect={(_event, name) => go([name])}
                        usePageInsets
                        aria-label={_("VM trust")}>
                        {TABS.map(t => (
                            <Tab
                                key={t.name}
                                eventKey={t.name}
                                title={<TabTitleText>{t.title}</TabTitleText>}
                                tabContentId="tab-content"
                            />
                        ))}
                    </Tabs>
                </PageSection>
                <PageSection component="div">
                    <div id="tab-content" role="tabpanel" aria-label={tab.title} className="stack">
                        {ended && <ProblemAlert problem={ended} />}
                        {total && !ended && <ProblemAlert problem={total} onRetry={reload} />}
                        {!total && may === false && <Limited problem={answers.vms.problem} />}
                        {(!total || answers.vms.data) && (may !== false || tab.all) && (
                            <div className="stack" {...(ended && { inert: "" })}>
                                <View {...data} path={path} />
                            </div>
                        )}
                    </div>
                </PageSection>
            </Page>
            {dialog && <Dialog key={dialog.title} dialog={dialog} onClose={() => setDialog(null)} />}
            <Messages messages={messages} drop={drop} />
        </HostContext.Provider>
    );
}

document.documentElement.lang = (cockpit.language ?? "en").replace("_", "-");
document.title = _("VM trust");
followTheme();
createRoot(document.getElementById("app")).render(<App api={connect()} />);
