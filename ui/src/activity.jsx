/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Activity: what VMs asked for and were answered, the newest first. */
import { useEffect, useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { FormSelect, FormSelectOption } from "@patternfly/react-core/dist/esm/components/FormSelect";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { _ } from "./cockpit.js";
import { time } from "./format.js";
import { useHost } from "./hooks.js";
import { list } from "./model.js";
import { Loading, Muted, Nothing, ProblemAlert } from "./parts.jsx";
import { KIND, TRANSPORT } from "./words.js";

const PAGE = 50;

function Entries({ entries }) {
    return (
        <Table variant="compact" aria-label={_("Activity")} gridBreakPoint="grid-lg">
            <Thead>
                <Tr>
                    <Th>{_("Time")}</Th>
                    <Th>{_("VM")}</Th>
                    <Th>{_("What")}</Th>
                    <Th>{_("Transport")}</Th>
                    <Th>{_("Result")}</Th>
                    <Th>{_("Asked for")}</Th>
                </Tr>
            </Thead>
            <Tbody>
                {entries.map(a => (
                    <Tr key={a.number}>
                        <Td dataLabel={_("Time")} className="nowrap">
                            {time(a.time)}
                        </Td>
                        <Td dataLabel={_("VM")}>{a.name || <code>{a.vm || a.peer}</code>}</Td>
                        <Td dataLabel={_("What")}>{KIND[a.kind] ?? a.kind}</Td>
                        <Td dataLabel={_("Transport")}>{TRANSPORT[a.transport] ?? a.transport}</Td>
                        <Td dataLabel={_("Result")}>
                            {a.result || a.status} {a.result && a.status ? <Muted>({a.status})</Muted> : null}
                        </Td>
                        <Td dataLabel={_("Asked for")}>
                            <code>{a.path}</code>
                            {a.audience && (
                                <div>
                                    <Muted>{a.audience}</Muted>
                                </div>
                            )}
                        </Td>
                    </Tr>
                ))}
            </Tbody>
        </Table>
    );
}

export function Activity({ vms }) {
    const { api } = useHost();
    const [vm, setVm] = useState("");
    const [shown, setShown] = useState({ entries: null, more: false, problem: null });

    const read = async (before, kept) => {
        const params = { max: String(PAGE), ...(vm && { vm }), ...(before && { before: String(before) }) };
        try {
            const page = list(await api.get("/v1/audit", params), "audit");
            return { entries: [...kept, ...page], more: page.length === PAGE, problem: null };
        } catch (problem) {
            return { entries: kept.length ? kept : null, more: false, problem };
        }
    };
    useEffect(() => {
        let alive = true;
        setShown({ entries: null, more: false, problem: null });
        read(0, []).then(s => alive && setShown(s));
        return () => {
            alive = false;
        };
    }, [api, vm]);
    const newest = async () => setShown(await read(0, []));
    const older = async () => setShown(await read(shown.entries.at(-1).number, shown.entries));

    return (
        <Card isFlat>
            <CardTitle component="h2">{_("Activity")}</CardTitle>
            <CardBody className="stack">
                <div className="row">
                    <FormSelect aria-label={_("VM")} value={vm} onChange={(_event, v) => setVm(v)} className="narrow">
                        <FormSelectOption value="" label={_("All VMs")} />
                        {vms.map(v => (
                            <FormSelectOption key={v.uuid} value={v.uuid} label={v.name} />
                        ))}
                    </FormSelect>
                    <Button variant="secondary" onClick={newest}>
                        {_("Look again")}
                    </Button>
                </div>
                {shown.problem && <ProblemAlert problem={shown.problem} onRetry={newest} />}
                {!shown.entries && !shown.problem && <Loading what={_("Reading the audit log…")} />}
                {shown.entries?.length === 0 && (
                    <Nothing title={_("No activity")}>{_("No VM has asked for a document yet.")}</Nothing>
                )}
                {shown.entries?.length > 0 && <Entries entries={shown.entries} />}
                {shown.more && (
                    <div>
                        <Button variant="link" onClick={older}>
                            {_("Older entries")}
                        </Button>
                    </div>
                )}
            </CardBody>
        </Card>
    );
}
