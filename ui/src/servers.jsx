/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers: state, certificate, sync, legacy OS support, and what can be done to them: to this host alone. */
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { _, _c, format } from "./cockpit.js";
import { EnrolButton, SyncButton, useDone } from "./cures.jsx";
import { Results } from "./dialog.jsx";
import { number, time } from "./format.js";
import { useHost, useNow } from "./hooks.js";
import { certificateState, cureOf, isSame, withoutWay } from "./model.js";
import { Answered, Muted, Of, Original, ProblemAlert, When, Word } from "./parts.jsx";
import { Body, Cell, Row, Table, Unfolded } from "./table.jsx";
import { inWords, NEXT_OF_SEVERAL, REASON, said, sentence, SERVER } from "./words.js";

/* Each of these says what it does before it does it. */
const removeDialog = (server, { api }, done) => ({
    title: format(_("Remove $0 from its authority?"), server.name),
    text: [
        _(
            "The host’s key and certificate are destroyed. VMs on it get no more documents, and what they were " +
                "granted because of them ends.",
        ),
        _("To come back, the host must be enrolled with a new token."),
    ],
    action: _("Destroy key and certificate"),
    danger: true,
    run: () => api.remove("/v1/server").then(done(format(_("$0 was removed"), server.name))),
});

const granted = (answer, next) => answer.granted.filter(vm => (next === "start") === (vm.next === "start"));

const legacyOnDialog = (server, { api, reload }, done, vms) => ({
    title: format(_("Turn on legacy OS support on $0?"), server.name),
    text: [
        _("A network inside this host is made, without any uplink. VMs that have no vsock get documents over it."),
        _("VMs that are made later must be let onto it: “Set up legacy networking” in the tab VMs."),
    ],
    action: _("Turn on"),
    initial: { grantVms: true },
    body: (s, set) => (
        <Checkbox
            id="legacy-grant"
            label={format(
                _("Also give the existing VMs that have no vsock device access ($0)"),
                number(withoutWay(vms).length),
            )}
            description={_("Each gets one more network card; some only with their next start.")}
            isChecked={s.grantVms}
            onChange={(_event, grantVms) => set({ grantVms })}
        />
    ),
    run: async s => {
        const answer = await api.post("/v1/legacy/enable", s.grantVms ? { grantVms: true } : undefined);
        if (!answer.granted?.length && !answer.failed?.length) return done(_("Legacy OS support is on"))();
        reload();
        return (
            <>
                <p>{_("Legacy OS support is on")}</p>
                <Results
                    well={["now", "start"].map(next => [NEXT_OF_SEVERAL[next], granted(answer, next)])}
                    failed={answer.failed.map(f => [f, f])}
                />
            </>
        );
    },
});

const legacyOffDialog = (server, { api }, done) => ({
    title: format(_("Turn off legacy OS support on $0?"), server.name),
    text: _("The internal network is removed. VMs that have no vsock get no more documents, and their benefits end."),
    action: _("Turn off"),
    danger: true,
    initial: { removeVms: false },
    body: (s, set) => (
        <Checkbox
            id="legacy-remove"
            label={_("Also take its network card from every VM that is on it")}
            isChecked={s.removeVms}
            onChange={(_event, removeVms) => set({ removeVms })}
        />
    ),
    run: s => api.post("/v1/legacy/disable", { removeVms: s.removeVms }).then(done(_("Legacy OS support is off"))),
});

function Certificate({ server, now }) {
    const state = certificateState(server, now);
    if (state === "none") return <Muted>{_("none")}</Muted>;
    const text = <When at={server.certificate.notAfter} now={now} />;
    return (
        <div>
            {state === "good" ? (
                text
            ) : (
                <strong>
                    {state === "ended" ? _c("certificate", "ended") : _c("certificate", "soon")}, {text}
                </strong>
            )}
            <div>
                <Muted>{time(server.certificate.notAfter)}</Muted>
            </div>
        </div>
    );
}

/* Of these suretyd says more than the page's own words. */
const DETAILED = new Set(["server.clock", "server.refused", "server.signer", "server.key"]);

/* What is wrong with a server; the button against it is in the row. */
function Notices({ server, problems }) {
    const notices = [
        ...(server.state === "Active" ? [] : [{ ...server.reason, variant: "danger" }]),
        ...server.warnings,
        ...problems.map(p => ({ ...p, text: p.message })),
    ];
    if (notices.length === 0) return null;
    return (
        <Unfolded>
            <ul className="plain stack">
                {notices.map(n => {
                    const { title, detail } = inWords(n.id, n.text);
                    const [text, remedy] = REASON[n.id] ?? [sentence(title), sentence(said(n.remedy))];
                    return (
                        <li key={n.id} data-notice={n.id}>
                            <Alert
                                isInline
                                component="p"
                                variant={n.variant ?? "warning"}
                                title={text}>
                                {remedy && <p>{remedy}</p>}
                                <Original text={REASON[n.id] ? DETAILED.has(n.id) && n.text : detail} />
                                <code>{n.id}</code>
                            </Alert>
                        </li>
                    );
                })}
            </ul>
        </Unfolded>
    );
}

const COLUMNS = [
    { title: _("Name") },
    { title: _("State") },
    { title: _("Certificate ends") },
    { title: _("Last sync") },
    { title: _("Legacy OS support") },
    { title: _("Actions") },
];

const ON_OFF = { true: _("On"), false: _("Off") };

/* here: it is the host that this suretyd is of; others are only shown.  Who turns legacy OS support on is told how many
 * VMs that is for, so they have to be known. */
function Server({ server, here, legacy, vms, vmsKnown, now }) {
    const host = useHost();
    const manages = here && host.may;
    const done = useDone();
    const enrolled = !!server.certificate || server.reason.id !== "server.not-enrolled";
    const on = server.legacy.enabled,
        cure = server.state === "Active" ? null : cureOf(server.reason.id);
    const problems = here && legacy?.enabled ? legacy.problems : [];
    return (
        <Body data-server={server.name} isOpen={server.state !== "Active" || problems.length > 0}>
            <Row>
                <Cell at={0} head>
                    {server.name}
                    <div>
                        <Muted>{server.cluster}</Muted>
                    </div>
                </Cell>
                <Cell at={1}>
                    <Word table={SERVER} word={server.state} />
                </Cell>
                <Cell at={2}>
                    <Certificate server={server} now={now} />
                </Cell>
                <Cell at={3}>
                    <When at={server.sync.last} now={now} />
                    {server.sync.next && (
                        <div>
                            <Muted>{format(_("next $0"), time(server.sync.next))}</Muted>
                        </div>
                    )}
                </Cell>
                <Cell at={4}>
                    <div className="row">
                        {ON_OFF[on] ?? <Muted>{_("not known yet")}</Muted>}
                        {manages && on !== null && (
                            <Button
                                variant="link"
                                isInline
                                isDisabled={!on && !vmsKnown}
                                onClick={() =>
                                    host.ask((on ? legacyOffDialog : legacyOnDialog)(server, host, done, vms))
                                }>
                                {on ? _("Turn off…") : _("Turn on…")}
                                <Of name={_("Legacy OS support")} />
                            </Button>
                        )}
                    </div>
                </Cell>
                <Cell at={5}>
                    {manages && (
                        <div className="row">
                            {enrolled ? (
                                <>
                                    <SyncButton
                                        name={server.name}
                                        variant={cure === "sync" ? "primary" : "secondary"}
                                    />
                                    {cure === "enrol" && <EnrolButton server={server} />}
                                    <Button
                                        variant="link"
                                        isDanger
                                        size="sm"
                                        onClick={() => host.ask(removeDialog(server, host, done))}>
                                        {_("Remove…")}
                                        <Of name={server.name} />
                                    </Button>
                                </>
                            ) : (
                                <EnrolButton server={server} />
                            )}
                        </div>
                    )}
                </Cell>
            </Row>
            <Notices server={server} problems={problems} />
        </Body>
    );
}

export function Servers({ answers, hosts, legacy, vms }) {
    const now = useNow();
    const { may, general } = useHost();
    return (
        <Answered answer={answers.servers} what={_("Asking suretyd…")}>
            {may && answers.legacy.problem && !isSame(answers.legacy.problem, general) && (
                <ProblemAlert problem={answers.legacy.problem} variant="warning" />
            )}
            <Card isFlat>
                <CardTitle component="h2">{_("Servers")}</CardTitle>
                <CardBody>
                    <Table label={_("Servers")} columns={COLUMNS} bodies>
                        {hosts.map((s, i) => (
                            <Server
                                key={s.name}
                                server={s}
                                here={i === 0}
                                legacy={legacy}
                                vms={vms}
                                vmsKnown={answers.vms.data !== undefined || answers.vms.problem !== null}
                                now={now}
                            />
                        ))}
                    </Table>
                </CardBody>
            </Card>
        </Answered>
    );
}
