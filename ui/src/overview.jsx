/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Overview: how the host is, how many VMs have what they are entitled to, and what somebody has to do. */
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { DescriptionList } from "@patternfly/react-core/dist/esm/components/DescriptionList";
import { _, format, ngettext } from "./cockpit.js";
import { ActionButton, ServerCure, SyncButton } from "./cures.jsx";
import { number } from "./format.js";
import { useHost, useNow } from "./hooks.js";
import { attention, BENEFIT_STATES, inNeedOf, SHOWS } from "./model.js";
import { Answered, ICONS, Item, Muted, Nothing, Of, Original, When, Word } from "./parts.jsx";
import { ACTION, BENEFIT, COUNTERS, inWords, LACKS, REASON, said, sentence, SERVER } from "./words.js";

const SHOWN = 20;

/* A number that leads to the VMs it counts; its icon says whether it is good or bad. */
export function Counter({ name, value, text, look, href, current }) {
    return (
        <li>
            <a
                className={`counter ${value ? (look.color ?? "") : ""}`}
                href={href}
                data-counter={name}
                aria-current={current ? "true" : undefined}>
                <b>
                    <span className="icon" aria-hidden="true">
                        {ICONS[look.icon]}
                    </span>{" "}
                    {value === undefined ? "…" : number(value)}
                </b>
                {text}
            </a>
        </li>
    );
}

function Counters({ vms, known, summary }) {
    const shown = name => (known ? vms.filter(SHOWS[name]).length : undefined);
    return (
        <Card isFlat>
            <CardTitle component="h2">{_("VMs")}</CardTitle>
            <CardBody className="stack">
                <ul className="counters">
                    {BENEFIT_STATES.map(s => (
                        <Counter
                            key={s}
                            name={s}
                            value={summary.vms[s]}
                            text={COUNTERS[s]}
                            look={BENEFIT[s]}
                            href={`#/vms?state=${s}`}
                        />
                    ))}
                </ul>
                <ul className="counters">
                    <Counter
                        name="running"
                        value={summary.vms.running}
                        href="#/vms?show=running"
                        look={{ icon: "info" }}
                        text={format(
                            ngettext("Running, of $0 VM", "Running, of $0 VMs", summary.vms.total),
                            number(summary.vms.total),
                        )}
                    />
                    <Counter
                        name="verified"
                        value={shown("verified")}
                        href="#/vms?show=verified"
                        look={{ icon: "ok", color: "green" }}
                        text={_("Verified in the last day")}
                    />
                    <Counter
                        name="trusted"
                        value={shown("trusted")}
                        href="#/vms?show=trusted"
                        look={{ icon: "ok", color: "green" }}
                        text={_("With Trusted Launch")}
                    />
                </ul>
            </CardBody>
        </Card>
    );
}

function HostCard({ server }) {
    const now = useNow();
    return (
        <Card isFlat>
            <CardTitle component="h2">{server.name}</CardTitle>
            <CardBody>
                <DescriptionList columnModifier={{ default: "1Col", lg: "2Col" }} isHorizontal isCompact>
                    <Item term={_("State")}>
                        <Word table={SERVER} word={server.state} />{" "}
                        {REASON[server.reason.id]?.[0] ?? sentence(server.reason.text)}
                    </Item>
                    <Item term={_("Cluster")}>{server.cluster || <Muted>{_("none")}</Muted>}</Item>
                    <Item term={_("Certificate ends")}>
                        <When at={server.certificate?.notAfter} now={now} />
                    </Item>
                    <Item term={_("Last sync")}>
                        <When at={server.sync.last} now={now} />
                    </Item>
                    <Item term={_("Legacy OS support")}>
                        {{ true: _("On"), false: _("Off") }[server.legacy.enabled] ?? (
                            <Muted>{_("not known yet")}</Muted>
                        )}
                    </Item>
                </DescriptionList>
            </CardBody>
        </Card>
    );
}

/* Of many servers only how many are in which state. */
function ServersCard({ hosts }) {
    return (
        <Card isFlat>
            <CardTitle component="h2">{_("Servers")}</CardTitle>
            <CardBody>
                <ul className="counters">
                    {Object.keys(SERVER).map(s => (
                        <Counter
                            key={s}
                            name={`server-${s}`}
                            value={hosts.filter(h => h.state === s).length}
                            text={SERVER[s].text}
                            look={SERVER[s]}
                            href="#/servers"
                        />
                    ))}
                </ul>
            </CardBody>
        </Card>
    );
}

/* Where that can be looked at. */
const WHERE = {
    server: () => "#/servers",
    vm: a => `#/vms?search=${encodeURIComponent(a.name)}`,
    benefit: a => (a.id === "upgrade" ? "#/upgrade?need=upgrade" : `#/vms?need=${encodeURIComponent(a.id)}`),
};

const count = text => Number(text.match(/^\d+/)?.[0] ?? 0);

function wordsOf(a) {
    if (a.kind === "benefit" && LACKS[a.id]) return [format(LACKS[a.id](count(a.text)), number(count(a.text))), null];
    const { title, detail } = inWords(a.id, a.text);
    const [text, remedy, more] = REASON[a.id] ?? [sentence(title), sentence(said(a.remedy)), detail];
    return [a.name ? format(_("$0: $1"), a.name, text) : text, remedy, more];
}

function Cure({ item, hosts, vms, context }) {
    const server = hosts.find(s => s.name === item.name);
    if (item.id === "sync-server") return <SyncButton name={hosts[0].name} />;
    if (item.kind === "server" && server) return <ServerCure id={item.id} server={server} />;
    const needy = item.kind === "benefit" && ACTION[item.id] ? inNeedOf(item.id, vms) : [];
    const words = ACTION[item.id];
    // what is done in the VMs differs from one to the next
    return needy.length > 0 && (words.here || item.id === "upgrade") ? (
        <ActionButton action={item.id} vms={needy} context={context} />
    ) : null;
}

function Attention({ items, ...rest }) {
    if (items.length === 0) return <Nothing title={_("Nothing needs attention")} />;
    return (
        <>
            <ul className="plain stack">
                {items.slice(0, SHOWN).map(item => {
                    const [title, remedy, detail] = wordsOf(item);
                    return (
                        <li key={`${item.kind} ${item.id} ${item.name}`} data-attention={item.id}>
                            <Alert
                                isInline
                                isPlain
                                component="p"
                                variant={item.severity}
                                title={title}
                                actionLinks={
                                    <div className="row">
                                        <Cure item={item} {...rest} />
                                        <a href={WHERE[item.kind]?.(item) ?? "#/vms"}>
                                            {_("Show")}
                                            <Of name={title} />
                                        </a>
                                    </div>
                                }>
                                <Original text={detail} />
                                {remedy}
                            </Alert>
                        </li>
                    );
                })}
            </ul>
            {items.length > SHOWN && (
                <Muted>{format(_("and $0 more"), number(items.length - SHOWN))}</Muted>
            )}
        </>
    );
}

export function Overview({ answers, hosts, vms, benefits, summary }) {
    const { may } = useHost();
    const context = { legacyOn: hosts[0]?.legacy.enabled, server: hosts[0]?.name, benefits };
    return (
        <>
            <Answered answer={answers.servers} what={_("Asking suretyd…")}>
                {hosts.length > 1 ? (
                    <ServersCard hosts={hosts} />
                ) : (
                    hosts.map(s => <HostCard key={s.name} server={s} />)
                )}
            </Answered>
            {may !== false && (
                <Answered answer={answers.summary} what={_("Reading the VMs…")}>
                    {summary && <Counters vms={vms} known={!!answers.vms.data} summary={summary} />}
                    <Card isFlat>
                        <CardTitle component="h2">{_("Needs attention")}</CardTitle>
                        <CardBody>
                            <Attention items={attention(summary, hosts[0])} hosts={hosts} vms={vms} context={context} />
                        </CardBody>
                    </Card>
                </Answered>
            )}
        </>
    );
}
