/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs: which benefits each is entitled to and has, by which way it asks, how it boots, and what can be done, for one
 * of them or for many. */
import { memo, useMemo, useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody } from "@patternfly/react-core/dist/esm/components/Card";
import { FormSelect, FormSelectOption } from "@patternfly/react-core/dist/esm/components/FormSelect";
import { SearchInput } from "@patternfly/react-core/dist/esm/components/SearchInput";
import { _, format, ngettext } from "./cockpit.js";
import { ActionButton } from "./cures.jsx";
import { number } from "./format.js";
import { choose, go, useLocation, useNow } from "./hooks.js";
import {
    actionsOf,
    BENEFIT_STATES,
    benefitCounts,
    BULK,
    chooseVms,
    eligible,
    isTrusted,
    pageOf,
    suiting,
} from "./model.js";
import { Counter } from "./overview.jsx";
import { Answered, Label, Muted, Nothing, Pager, When, Word } from "./parts.jsx";
import { Body, Cell, CheckBox, CheckCell, Row, Table, ToggleCell, Unfolded } from "./table.jsx";
import { ACTION, BENEFIT, COUNTERS, SHOW, TRANSPORT, VM } from "./words.js";
import { VmDetails } from "./vm-details.jsx";

const PAGE_SIZE = 30;

function Firmware({ vm }) {
    if (!vm.firmware && !vm.security.secureBoot && !vm.security.vTpm) return <Muted>{_("unknown")}</Muted>;
    return (
        <span className="labels">
            {vm.firmware && (
                <Label color={vm.firmware === "uefi" ? "blue" : "grey"}>
                    {vm.firmware === "uefi" ? "UEFI" : "BIOS"}
                </Label>
            )}
            {vm.security.secureBoot && <Label color="green">{_("Secure Boot")}</Label>}
            {vm.security.vTpm && <Label color="green">vTPM</Label>}
            {isTrusted(vm) && <span className="screen-reader">{_("Trusted Launch")}</span>}
        </span>
    );
}

/* Eligible benefits with the state of each; the titles are the benefits' own. */
function Benefits({ vm, titles }) {
    const own = eligible(vm);
    if (own.length === 0)
        return <Word table={BENEFIT} word={vm.benefit_status === "unknown" ? "unknown" : "not-applicable"} />;
    return (
        <span className="labels">
            {own.map(b => (
                <Word key={b.id} table={BENEFIT} word={b.status}>
                    {format(_("$0: $1"), titles.get(b.id) ?? b.id, BENEFIT[b.status]?.text ?? b.status)}
                </Word>
            ))}
        </span>
    );
}

/* Drawn anew only when something of this VM changed: a page of rows takes longer than all else. */
const VmRow = memo(function VmRow({ vm, titles, context, now, chosen, onChoose }) {
    const [open, setOpen] = useState(false);
    const actions = actionsOf(vm);
    return (
        <Body isOpen={open} data-vm={vm.name}>
            <Row>
                <ToggleCell name={vm.name} isOpen={open} onToggle={() => setOpen(!open)} />
                <CheckCell
                    label={format(_("Choose $0"), vm.name)}
                    checked={chosen}
                    onChange={on => onChoose([vm], on)}
                />
                <Cell at={2} head>
                    {vm.name}
                    {vm.os?.name && (
                        <div>
                            <Muted>{vm.os.name}</Muted>
                        </div>
                    )}
                </Cell>
                <Cell at={3}>
                    <Word table={VM} word={vm.status} />
                </Cell>
                <Cell at={4}>
                    <Benefits vm={vm} titles={titles} />
                </Cell>
                <Cell at={5}>
                    {vm.transports.length ? (
                        vm.transports.map(t => TRANSPORT[t] ?? t).join(", ")
                    ) : (
                        <Muted>{_("none")}</Muted>
                    )}
                </Cell>
                <Cell at={6}>
                    <Firmware vm={vm} />
                </Cell>
                <Cell at={7}>
                    <When at={vm.lastVerified} now={now} />
                </Cell>
                <Cell at={8}>
                    {(actions.length > 0 || vm.legacy) && (
                        <div className="row deeds">
                            {actions.map(({ action }) => (
                                <ActionButton key={action} action={action} vms={[vm]} context={context} />
                            ))}
                            {vm.legacy && (
                                <ActionButton action="legacy-off" vms={[vm]} context={context} variant="link" />
                            )}
                        </div>
                    )}
                </Cell>
            </Row>
            {open && (
                <Unfolded>
                    <VmDetails vm={vm} titles={titles} now={now} />
                </Unfolded>
            )}
        </Body>
    );
});

const COLUMNS = [
    { title: _("Name"), sort: "name" },
    { title: _("Status"), sort: "status" },
    { title: _("Benefits"), sort: "benefits" },
    { title: _("Transport") },
    { title: _("Firmware"), sort: "firmware" },
    { title: _("Last verification"), sort: "verified" },
    { title: _("Actions") },
];

/* What is done for all that are chosen. */
function Several({ chosen, context, onNone }) {
    return (
        <div className="several row" role="group" aria-label={_("Chosen VMs")}>
            <span role="status">
                <strong>
                    {format(ngettext("$0 VM chosen", "$0 VMs chosen", chosen.length), number(chosen.length))}
                </strong>
            </span>
            <Button variant="link" size="sm" onClick={onNone}>
                {_("Choose none")}
            </Button>
            {BULK.map(action => (
                <ActionButton key={action} action={action} vms={suiting(action, chosen)} context={context} count />
            ))}
        </div>
    );
}

/* The counters choose what is shown: of the benefit that is chosen, or of all. */
function Filters({ vms, want, href }) {
    const counts = useMemo(() => benefitCounts(vms, want.benefit), [vms, want.benefit]);
    return (
        <ul className="counters">
            {BENEFIT_STATES.map(s => (
                <Counter
                    key={s}
                    name={s}
                    value={counts[s]}
                    text={want.benefit ? BENEFIT[s].text : COUNTERS[s]}
                    look={BENEFIT[s]}
                    current={want.state === s}
                    href={href({ state: want.state === s ? "" : s })}
                />
            ))}
        </ul>
    );
}

const WANTS = ["search", "benefit", "state", "show", "need"];

function Toolbar({ want, choose, benefits, shown, all, page, onPage, onAll }) {
    return (
        <div className="row toolbar">
            <SearchInput
                aria-label={_("Find VMs by name, system or UUID")}
                placeholder={_("Find by name, system or UUID")}
                value={want.search}
                onChange={(_event, search) => choose({ search })}
                onClear={() => choose({ search: "" })}
            />
            <FormSelect
                className="choice"
                aria-label={_("Benefit")}
                value={want.benefit}
                onChange={(_event, benefit) => choose({ benefit })}>
                <FormSelectOption value="" label={_("All benefits")} />
                {benefits.map(b => (
                    <FormSelectOption key={b.id} value={b.id} label={b.title} />
                ))}
            </FormSelect>
            {(want.show || want.need) && (
                <Button variant="secondary" size="sm" onClick={() => choose({ show: "", need: "" })}>
                    {format(_("Only: $0 ✕"), SHOW[want.show] ?? ACTION[want.need]?.short ?? want.show + want.need)}
                    <span className="screen-reader"> {_("show all")}</span>
                </Button>
            )}
            <span role="status">
                <Muted>{format(_("$0 of $1 VMs"), number(shown), number(all))}</Muted>
            </span>
            <Button variant="link" size="sm" className="narrow-only" onClick={onAll}>
                {format(_("Choose all VMs that are shown ($0)"), number(shown))}
            </Button>
            <Pager count={shown} size={PAGE_SIZE} page={page} onPage={onPage} />
        </div>
    );
}

export function Vms({ answers, hosts, vms, benefits }) {
    const { options } = useLocation();
    const now = useNow();
    const [order, setOrder] = useState({ key: "name", down: false });
    const [page, setPage] = useState(1);
    const [marked, setMarked] = useState(() => new Set());
    const key = WANTS.map(w => options[w] ?? "").join("\n");
    const want = useMemo(() => Object.fromEntries(WANTS.map((w, i) => [w, key.split("\n")[i]])), [key]);
    const rows = useMemo(() => chooseVms(vms, { ...want, ...order }), [vms, want, order]);
    const titles = useMemo(() => new Map(benefits.map(b => [b.id, b.title])), [benefits]);
    const server = hosts[0]?.name,
        legacyOn = hosts[0]?.legacy.enabled;
    const context = useMemo(() => ({ server, legacyOn, benefits }), [server, legacyOn, benefits]);
    const at = Math.min(page, Math.max(1, Math.ceil(rows.length / PAGE_SIZE)));
    const chosen = useMemo(() => vms.filter(vm => marked.has(vm.uuid)), [vms, marked]);
    const onChoose = useMemo(
        () => (some, on) =>
            setMarked(before => {
                const next = new Set(before);
                some.forEach(vm => (on ? next.add(vm.uuid) : next.delete(vm.uuid)));
                return next;
            }),
        [],
    );
    const optionsOf = change => Object.fromEntries(Object.entries({ ...want, ...change }).filter(([, v]) => v));
    const href = change => `#/vms?${new URLSearchParams(optionsOf(change))}`;
    const onChange = change => {
        setPage(1);
        choose(["vms"], change);
    };
    const allShown = rows.length > 0 && rows.every(vm => marked.has(vm.uuid));
    const columns = [
        { title: _("Details"), hidden: true },
        {
            title: _("Choose"),
            head: (
                <CheckBox
                    label={format(_("Choose all VMs that are shown ($0)"), number(rows.length))}
                    checked={allShown}
                    some={rows.some(vm => marked.has(vm.uuid))}
                    onChange={on => onChoose(rows, on)}
                />
            ),
        },
        ...COLUMNS,
    ];
    return (
        <Answered answer={answers.vms} what={_("Reading the VMs…")}>
            <Filters vms={vms} want={want} href={href} />
            <Card isFlat>
                <CardBody>
                    <h2 className="screen-reader">{_("VMs")}</h2>
                    <Toolbar
                        want={want}
                        choose={onChange}
                        benefits={benefits}
                        shown={rows.length}
                        all={vms.length}
                        page={at}
                        onPage={setPage}
                        onAll={() => onChoose(rows, true)}
                    />
                    {chosen.length > 0 && (
                        <Several chosen={chosen} context={context} onNone={() => setMarked(new Set())} />
                    )}
                    {vms.length === 0 ? (
                        <Nothing title={_("No VMs")}>
                            {_("libvirt on this host has none, and /etc/surety/vms.d names none.")}
                        </Nothing>
                    ) : rows.length === 0 ? (
                        <Nothing
                            title={_("No VM is like that")}
                            actions={
                                <Button variant="link" onClick={() => go(["vms"])}>
                                    {_("Show all")}
                                </Button>
                            }
                        />
                    ) : (
                        <Table label={_("VMs")} columns={columns} sort={order} onSort={setOrder} bodies>
                            {pageOf(rows, at, PAGE_SIZE).map(vm => (
                                <VmRow
                                    key={vm.uuid}
                                    vm={vm}
                                    titles={titles}
                                    context={context}
                                    now={now}
                                    chosen={marked.has(vm.uuid)}
                                    onChoose={onChoose}
                                />
                            ))}
                        </Table>
                    )}
                </CardBody>
            </Card>
        </Answered>
    );
}
