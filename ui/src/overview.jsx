/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Overview: how the host is, how many VMs have what they are entitled to, and what somebody has to do. */
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import {
    DescriptionList,
    DescriptionListDescription,
    DescriptionListGroup,
    DescriptionListTerm,
} from "@patternfly/react-core/dist/esm/components/DescriptionList";
import { _, format, ngettext } from "./cockpit.js";
import { number } from "./format.js";
import { go, useHost, useNow } from "./hooks.js";
import { attention, BENEFIT_STATES, benefitCounts, runCounts } from "./model.js";
import { Answered, Muted, Nothing, Of, When, Word } from "./parts.jsx";
import { COUNTERS, SERVER } from "./words.js";

const SHOWN = 20;

function Counter({ value, text, onClick, name }) {
    return (
        <li>
            <button type="button" className="counter" onClick={onClick} data-counter={name}>
                <b>{number(value)}</b>
                {text}
            </button>
        </li>
    );
}

function Counters({ vms, summary }) {
    const benefits = benefitCounts(vms, summary),
        run = runCounts(vms);
    return (
        <Card isFlat>
            <CardTitle component="h2">{_("VMs")}</CardTitle>
            <CardBody className="stack">
                {benefits ? (
                    <ul className="counters">
                        {BENEFIT_STATES.map(s => (
                            <Counter
                                key={s}
                                name={s}
                                value={benefits[s]}
                                text={COUNTERS[s]}
                                onClick={() => go(["vms"], { state: s })}
                            />
                        ))}
                    </ul>
                ) : (
                    <Muted>{_("suretyd on this host does not tell benefits; a newer one does.")}</Muted>
                )}
                <ul className="counters">
                    <Counter
                        name="running"
                        value={run.running}
                        onClick={() => go(["vms"])}
                        text={format(ngettext("running, of $0 VM", "running, of $0 VMs", run.all), number(run.all))}
                    />
                    <Counter
                        name="verified"
                        value={run.verified}
                        text={_("verified in the last day")}
                        onClick={() => go(["vms"])}
                    />
                    <Counter
                        name="trusted"
                        value={run.trusted}
                        text={_("with Trusted Launch")}
                        onClick={() => go(["upgrade"])}
                    />
                </ul>
            </CardBody>
        </Card>
    );
}

const Item = ({ term, children }) => (
    <DescriptionListGroup>
        <DescriptionListTerm>{term}</DescriptionListTerm>
        <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
);

function HostCard({ server, legacy }) {
    const now = useNow();
    return (
        <Card isFlat>
            <CardHeader
                actions={{
                    actions: (
                        <Button variant="link" onClick={() => go(["servers"])}>
                            {_("Servers")}
                        </Button>
                    ),
                }}>
                <CardTitle component="h2">{server.name}</CardTitle>
            </CardHeader>
            <CardBody>
                <DescriptionList isHorizontal isCompact>
                    <Item term={_("State")}>
                        <Word table={SERVER} word={server.state} /> <span>{server.reason?.text}</span>
                    </Item>
                    <Item term={_("Cluster")}>{server.cluster || <Muted>{_("none")}</Muted>}</Item>
                    <Item term={_("Certificate ends")}>
                        <When at={server.certificate?.notAfter} now={now} />
                    </Item>
                    <Item term={_("Last sync")}>
                        <When at={server.sync?.last} now={now} />
                    </Item>
                    {legacy && (
                        <Item term={_("Legacy OS support")}>{legacy.enabled ? _("On") : _("Off")}</Item>
                    )}
                </DescriptionList>
            </CardBody>
        </Card>
    );
}

/* Where that can be looked at, or done. */
const WHERE = {
    vm: a => go(["vms"], { search: a.name }),
    benefit: a => (a.id === "upgrade" ? go(["upgrade"]) : go(["vms"], { state: "inactive" })),
    upgrade: a => go(a.id ? ["upgrade", a.id] : ["upgrade"]),
};

function title(a) {
    if (a.what === "upgrade" && !a.text)
        return format(_("$0: the upgrade was interrupted; run its job again"), a.name);
    return a.name ? format(_("$0: $1"), a.name, a.text) : a.text;
}

function Attention({ items }) {
    if (items.length === 0) return <Nothing title={_("Nothing needs attention")} />;
    return (
        <>
            <ul className="attention stack">
                {items.slice(0, SHOWN).map((a, i) => (
                    <li key={i}>
                        <Alert
                            isInline
                            isPlain
                            component="p"
                            variant={a.severity === "danger" ? "danger" : "warning"}
                            title={title(a)}
                            actionLinks={
                                <Button
                                    variant="link"
                                    isInline
                                    onClick={() => (WHERE[a.what] ? WHERE[a.what](a) : go(["servers"]))}>
                                    {_("Show")}
                                    <Of name={title(a)} />
                                </Button>
                            }>
                            {a.remedy}
                        </Alert>
                    </li>
                ))}
            </ul>
            {items.length > SHOWN && (
                <Muted>
                    {format(
                        ngettext("and $0 more", "and $0 more", items.length - SHOWN),
                        number(items.length - SHOWN),
                    )}
                </Muted>
            )}
        </>
    );
}

export function Overview({ answers, hosts, vms, legacy, jobs, summary }) {
    const { may } = useHost();
    return (
        <>
            <Answered answer={answers.server} what={_("Asking suretyd…")}>
                {hosts.map(s => (
                    <HostCard key={s.name} server={s} legacy={legacy} />
                ))}
            </Answered>
            {may !== false && (
                <Answered answer={answers.vms} what={_("Reading the VMs…")}>
                    <Counters vms={vms} summary={summary} />
                    <Card isFlat>
                        <CardTitle component="h2">{_("Needs attention")}</CardTitle>
                        <CardBody>
                            <Attention items={attention({ summary, hosts, legacy, vms, jobs })} />
                        </CardBody>
                    </Card>
                </Answered>
            )}
        </>
    );
}
