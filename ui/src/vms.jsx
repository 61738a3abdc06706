/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs: which benefits each is entitled to and has, by which way it asks, how it boots, and what can be done. */
import { memo, useMemo, useState } from "react";
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody } from "@patternfly/react-core/dist/esm/components/Card";
import { Label } from "@patternfly/react-core/dist/esm/components/Label";
import { Pagination } from "@patternfly/react-core/dist/esm/components/Pagination";
import { SearchInput } from "@patternfly/react-core/dist/esm/components/SearchInput";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { ExpandableRowContent } from "@patternfly/react-table/dist/esm/components/Table/ExpandableRowContent";
import { _, format } from "./cockpit.js";
import { number } from "./format.js";
import { go, useHost, useLocation, useNow } from "./hooks.js";
import {
    actionsOf,
    BENEFIT_STATES,
    benefitCounts,
    chooseVms,
    eligible,
    isTrusted,
    knowsBenefits,
    pageOf,
} from "./model.js";
import { Answered, Muted, Nothing, Of, When, Word } from "./parts.jsx";
import { ACTION, BENEFIT, COUNTERS, NEXT, TRANSPORT, VM } from "./words.js";
import { VmDetails } from "./vm-details.jsx";

const PAGE_SIZE = 30;

/* The call behind a button; an older suretyd has only one of them.  Gives what the answer says of when it counts. */
async function act(api, action, vm) {
    try {
        const answer = await api.post(`/v1/vms/${encodeURIComponent(vm.uuid)}/actions`, { action });
        return answer?.next ?? "now";
    } catch (problem) {
        if (problem.status !== 404 || problem.id === "vm.none" || action !== "legacy-network") throw problem;
        await api.post("/v1/legacy/grants", { vm: vm.uuid });
        return "now";
    }
}

function actionDialog(action, vm, legacyOn, { api, toast, reload }) {
    const words = ACTION[action] ?? { here: false, title: "$0", text: action }; // one that this page does not know
    const off = action === "legacy-network" && legacyOn === false;
    const dialog = {
        title: format(words.title, vm.name),
        text: [words.text, off && _("Legacy OS support is off on this host: it is turned on first.")],
    };
    return !words.here
        ? dialog
        : {
              ...dialog,
              action: words.button,
              run: async () => {
                  if (off) await api.post("/v1/legacy/enable");
                  const next = await act(api, action, vm);
                  toast(format(NEXT[next] ?? NEXT.now, vm.name));
                  reload();
              },
          };
}

const revokeDialog = (vm, { api, toast, reload }) => ({
    title: format(_("Take $0 off the legacy network?"), vm.name),
    text: _(
        "Its network card for that is removed. Without a vsock device it gets no more documents, and its benefits end.",
    ),
    action: _("Take off"),
    danger: true,
    run: async () => {
        await api.remove(`/v1/legacy/grants/${encodeURIComponent(vm.uuid)}`);
        toast(format(_("$0 is off the legacy network"), vm.name));
        reload();
    },
});

function Firmware({ vm }) {
    if (!vm.firmware && !vm.security?.secureBoot && !vm.security?.vTpm) return <Muted>{_("unknown")}</Muted>;
    return (
        <>
            {vm.firmware && (
                <Label isCompact color={vm.firmware === "uefi" ? "blue" : "grey"}>
                    {vm.firmware === "uefi" ? "UEFI" : "BIOS"}
                </Label>
            )}
            {vm.security?.secureBoot && (
                <Label isCompact color="green">
                    {_("Secure Boot")}
                </Label>
            )}
            {vm.security?.vTpm && (
                <Label isCompact color="green">
                    vTPM
                </Label>
            )}
            {isTrusted(vm) && <span className="screen-reader">{_("Trusted Launch")}</span>}
        </>
    );
}

/* Eligible benefits with the state of each; the titles are the benefits' own. */
function Benefits({ vm, titles }) {
    const own = eligible(vm);
    if (own.length === 0)
        return <Word table={BENEFIT} word={vm.benefit_status === "unknown" ? "unknown" : "not-applicable"} />;
    return (
        <div className="row">
            {own.map(b => (
                <Word key={b.id} table={BENEFIT} word={b.status}>
                    {format(_("$0: $1"), titles.get(b.id) ?? b.id, BENEFIT[b.status]?.text ?? b.status)}
                </Word>
            ))}
        </div>
    );
}

/* Drawn anew only when something of this VM changed: a page of rows takes longer than all else. */
const VmRow = memo(function VmRow({ vm, index, withBenefits, titles, legacyOn, granted, now }) {
    const host = useHost();
    const [open, setOpen] = useState(false);
    const columns = withBenefits ? 8 : 7;
    return (
        <Tbody isExpanded={open} data-vm={vm.name}>
            <Tr>
                <Td
                    expand={{
                        rowIndex: index,
                        isExpanded: open,
                        onToggle: () => setOpen(!open),
                        expandId: "vm-details",
                    }}
                    aria-label={format(_("Details of $0"), vm.name)}
                />
                <Th scope="row" dataLabel={_("Name")}>
                    {vm.name}
                    {vm.os?.name && (
                        <div>
                            <Muted>{vm.os.name}</Muted>
                        </div>
                    )}
                </Th>
                <Td dataLabel={_("Status")}>
                    <Word table={VM} word={vm.status} />
                </Td>
                {withBenefits && (
                    <Td dataLabel={_("Benefits")}>
                        <Benefits vm={vm} titles={titles} />
                    </Td>
                )}
                <Td dataLabel={_("Transport")}>
                    {vm.transports?.length ? (
                        vm.transports.map(t => TRANSPORT[t] ?? t).join(", ")
                    ) : (
                        <Muted>{_("none")}</Muted>
                    )}
                </Td>
                <Td dataLabel={_("Firmware")}>
                    <Firmware vm={vm} />
                </Td>
                <Td dataLabel={_("Last verification")}>
                    <When at={vm.lastVerified} now={now} />
                </Td>
                <Td dataLabel={_("Actions")}>
                    <div className="row">
                        {actionsOf(vm).map(({ action }) => (
                            <Button
                                key={action}
                                variant="secondary"
                                size="sm"
                                data-action={action}
                                onClick={() =>
                                    action === "upgrade"
                                        ? go(["upgrade"], { search: vm.name })
                                        : host.ask(actionDialog(action, vm, legacyOn, host))
                                }>
                                {ACTION[action]?.button ?? action}
                                <Of name={vm.name} />
                            </Button>
                        ))}
                        {granted && (
                            <Button variant="link" size="sm" onClick={() => host.ask(revokeDialog(vm, host))}>
                                {_("Take off legacy network…")}
                                <Of name={vm.name} />
                            </Button>
                        )}
                        {!withBenefits && legacyOn && !granted && !vm.transports?.length && (
                            <Button
                                variant="secondary"
                                size="sm"
                                onClick={() => host.ask(actionDialog("legacy-network", vm, legacyOn, host))}>
                                {ACTION["legacy-network"].button}
                                <Of name={vm.name} />
                            </Button>
                        )}
                    </div>
                </Td>
            </Tr>
            {open && (
                <Tr isExpanded>
                    <Td />
                    <Td colSpan={columns - 1}>
                        <ExpandableRowContent>
                            <VmDetails vm={vm} titles={titles} now={now} />
                        </ExpandableRowContent>
                    </Td>
                </Tr>
            )}
        </Tbody>
    );
});

const COLUMNS = [
    ["name", _("Name")],
    ["status", _("Status")],
    ["benefits", _("Benefits")],
    [null, _("Transport")],
    ["firmware", _("Firmware")],
    ["verified", _("Last verification")],
    [null, _("Actions")],
];

function VmTable({ rows, withBenefits, order, setOrder, granted, ...rest }) {
    const columns = COLUMNS.filter(([key]) => withBenefits || key !== "benefits");
    const sort = (key, i) =>
        key && {
            columnIndex: i,
            sortBy: { index: columns.findIndex(c => c[0] === order.key), direction: order.down ? "desc" : "asc" },
            onSort: (_event, _index, direction) => setOrder({ key, down: direction === "desc" }),
        };
    return (
        <Table variant="compact" aria-label={_("VMs")} gridBreakPoint="grid-lg">
            <Thead>
                <Tr>
                    <Th screenReaderText={_("Details")} />
                    {columns.map(([key, title], i) => (
                        <Th key={title} modifier="wrap" sort={sort(key, i) || undefined}>
                            {title}
                        </Th>
                    ))}
                </Tr>
            </Thead>
            {rows.map((vm, i) => (
                <VmRow
                    key={vm.uuid}
                    index={i}
                    vm={vm}
                    withBenefits={withBenefits}
                    granted={granted.has(vm.uuid)}
                    {...rest}
                />
            ))}
        </Table>
    );
}

/* The counters choose what is shown. */
function Filters({ counts, state, onState }) {
    return (
        <ul className="counters">
            {BENEFIT_STATES.map(s => (
                <li key={s}>
                    <button
                        type="button"
                        className="counter"
                        aria-pressed={state === s}
                        data-counter={s}
                        onClick={() => onState(state === s ? "" : s)}>
                        <b>{number(counts[s])}</b>
                        {COUNTERS[s]}
                    </button>
                </li>
            ))}
        </ul>
    );
}

export function Vms({ answers, vms, benefits, legacy, summary }) {
    const { options } = useLocation();
    const now = useNow();
    const [order, setOrder] = useState({ key: "name", down: false });
    const [page, setPage] = useState(1);
    const search = options.search ?? "",
        state = options.state ?? "";
    const rows = useMemo(() => chooseVms(vms, { search, state, ...order }), [vms, search, state, order]);
    const titles = useMemo(() => new Map((benefits ?? []).map(b => [b.id, b.title])), [benefits]);
    const granted = useMemo(
        () => new Set((legacy?.vms ?? []).filter(v => v.state !== "none").map(v => v.uuid)),
        [legacy],
    );
    const withBenefits = knowsBenefits(vms),
        counts = benefitCounts(vms, summary);
    const last = Math.max(1, Math.ceil(rows.length / PAGE_SIZE)),
        at = Math.min(page, last);
    const choose = change => {
        setPage(1);
        go(["vms"], Object.fromEntries(Object.entries({ search, state, ...change }).filter(([, v]) => v)));
    };
    return (
        <Answered answer={answers.vms} what={_("Reading the VMs…")}>
            {counts && <Filters counts={counts} state={state} onState={s => choose({ state: s })} />}
            {vms.length > 0 && !withBenefits && (
                <Alert isInline variant="info" component="p" title={_("Benefits are not shown")}>
                    {_("suretyd on this host does not tell benefits; a newer one does.")}
                </Alert>
            )}
            <Card isFlat>
                <CardBody>
                    <h2 className="screen-reader">{_("VMs")}</h2>
                    <div className="row">
                        <SearchInput
                            aria-label={_("Find VMs by name, system or UUID")}
                            placeholder={_("Find by name, system or UUID")}
                            value={search}
                            onChange={(_event, v) => choose({ search: v })}
                            onClear={() => choose({ search: "" })}
                        />
                        <span role="status">
                            <Muted>{format(_("$0 of $1 VMs"), number(rows.length), number(vms.length))}</Muted>
                        </span>
                        {last > 1 && (
                            <Pagination
                                itemCount={rows.length}
                                perPage={PAGE_SIZE}
                                page={at}
                                isCompact
                                perPageOptions={[]}
                                onSetPage={(_event, p) => setPage(p)}
                                titles={{
                                    ofWord: _("of"),
                                    toNextPageAriaLabel: _("Next page"),
                                    toPreviousPageAriaLabel: _("Previous page"),
                                    paginationAriaLabel: _("Pages"),
                                }}
                            />
                        )}
                    </div>
                    {vms.length === 0 ? (
                        <Nothing title={_("No VMs")}>
                            {_("libvirt on this host has none, and /etc/surety/vms.d names none.")}
                        </Nothing>
                    ) : rows.length === 0 ? (
                        <Nothing
                            title={_("No VM is like that")}
                            actions={
                                <Button variant="link" onClick={() => choose({ search: "", state: "" })}>
                                    {_("Show all")}
                                </Button>
                            }
                        />
                    ) : (
                        <VmTable
                            rows={pageOf(rows, at, PAGE_SIZE)}
                            withBenefits={withBenefits}
                            order={order}
                            setOrder={setOrder}
                            titles={titles}
                            legacyOn={legacy?.enabled}
                            granted={granted}
                            now={now}
                        />
                    )}
                </CardBody>
            </Card>
        </Answered>
    );
}
