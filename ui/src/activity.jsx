/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Activity: what VMs asked for and were answered, and what was done here and by whom, the newest first. */
import { useEffect, useRef, useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { FormSelect, FormSelectOption } from "@patternfly/react-core/dist/esm/components/FormSelect";
import { _, format } from "./cockpit.js";
import { time } from "./format.js";
import { choose, useHost, useLocation } from "./hooks.js";
import { AUDIT_KINDS, chooseEntries, isSame, wentWell } from "./model.js";
import { InWords, Label, Loading, Muted, Nothing, ProblemAlert } from "./parts.jsx";
import { Cell, Row, Table } from "./table.jsx";
import { CALL, KIND, TRANSPORT } from "./words.js";

const PAGE = 50,
    AT_A_TIME = 200,
    LOOKS = 10; // pages of the log that one "Older entries" goes through for what was chosen

const COLUMNS = [
    { title: _("Time") },
    { title: _("What") },
    { title: _("VM") },
    { title: _("By") },
    { title: _("Result") },
    { title: _("Details") },
];

const RESULTS = { well: _("Succeeded"), badly: _("Failed") };

function Entry({ entry }) {
    const managed = entry.kind === "management",
        well = wentWell(entry);
    return (
        <Row data-kind={entry.kind}>
            <Cell at={0} className="nowrap">
                {time(entry.time)}
            </Cell>
            <Cell at={1}>{managed ? (CALL[entry.action] ?? entry.action) : (KIND[entry.kind] ?? entry.kind)}</Cell>
            <Cell at={2}>{entry.name || <code>{(managed ? entry.on : entry.vm || entry.peer) || ""}</code>}</Cell>
            <Cell at={3}>
                {managed
                    ? entry.user || format(_("user $0"), entry.uid)
                    : (TRANSPORT[entry.transport] ?? entry.transport)}
            </Cell>
            <Cell at={4}>
                <Label color={well ? "green" : "red"} icon={well ? "ok" : "bad"}>
                    {well ? RESULTS.well : entry.result || String(entry.status)}
                </Label>
            </Cell>
            <Cell at={5}>
                {managed ? (
                    <InWords id={entry.result} text={entry.detail} name={entry.name} />
                ) : (
                    <>
                        <code>{entry.path}</code>
                        {entry.audience && (
                            <div>
                                <Muted>{entry.audience}</Muted>
                            </div>
                        )}
                    </>
                )}
            </Cell>
        </Row>
    );
}

const Choice = ({ label, value, onChange, all, rows }) => (
    <FormSelect className="choice" aria-label={label} value={value} onChange={(_event, v) => onChange(v)}>
        <FormSelectOption value="" label={all} />
        {rows.map(([v, text]) => (
            <FormSelectOption key={v} value={v} label={text} />
        ))}
    </FormSelect>
);

const NONE = { entries: null, before: 0, more: false, problem: null };

export function Activity({ vms }) {
    const { api, general } = useHost();
    const { options } = useLocation();
    const vm = options.vm ?? "",
        kind = options.kind ?? "",
        result = options.result ?? "";
    const [shown, setShown] = useState(NONE);
    const [busy, setBusy] = useState(false);
    const turn = useRef(0); // answers to what is not asked any more are dropped

    /* A page more of what was chosen: as many pages of the log as that takes, within reason. */
    const read = async from => {
        const mine = ++turn.current;
        let { before } = from,
            entries = from.entries ?? [],
            more = true;
        setBusy(true);
        try {
            for (let i = 0; i < LOOKS && more && entries.length - (from.entries?.length ?? 0) < PAGE; i++) {
                const max = result ? AT_A_TIME : PAGE;
                const { audit } = await api.get("/v1/audit", {
                    max: String(max),
                    ...(vm && { vm }),
                    ...(kind && { kind }),
                    ...(before && { before: String(before) }),
                });
                if (turn.current !== mine) return;
                entries = [...entries, ...chooseEntries(audit, result)];
                before = audit.at(-1)?.number ?? before;
                more = audit.length === max;
            }
            setShown({ entries, before, more, problem: null });
        } catch (problem) {
            if (turn.current === mine) setShown({ ...from, problem });
        }
        if (turn.current === mine) setBusy(false);
    };
    const newest = () => read(NONE);
    useEffect(() => {
        setShown(NONE);
        newest();
        return () => {
            turn.current++;
        };
    }, [api, vm, kind, result]);
    const onChange = change => choose(["activity"], change);

    return (
        <Card isFlat>
            <CardTitle component="h2">{_("Activity")}</CardTitle>
            <CardBody className="stack">
                <div className="row toolbar">
                    <Choice
                        label={_("What")}
                        value={kind}
                        all={_("Everything")}
                        rows={AUDIT_KINDS.map(k => [k, KIND[k]])}
                        onChange={v => onChange({ kind: v })}
                    />
                    <Choice
                        label={_("VM")}
                        value={vm}
                        all={_("All VMs")}
                        rows={vms.map(v => [v.uuid, v.name])}
                        onChange={v => onChange({ vm: v })}
                    />
                    <Choice
                        label={_("Result")}
                        value={result}
                        all={_("All results")}
                        rows={Object.entries(RESULTS)}
                        onChange={v => onChange({ result: v })}
                    />
                    <Button variant="secondary" isAriaDisabled={busy} onClick={newest}>
                        {_("Look again")}
                    </Button>
                </div>
                {shown.problem && !isSame(shown.problem, general) && <ProblemAlert problem={shown.problem} onRetry={() => read(shown)} />}
                {!shown.entries && !shown.problem && <Loading what={_("Reading the audit log…")} />}
                {shown.entries?.length === 0 && !shown.more && (
                    <Nothing title={_("No activity")}>
                        {vm || kind || result
                            ? _("Nothing of that kind is in the log.")
                            : _("No VM has asked for a document yet.")}
                    </Nothing>
                )}
                {shown.entries?.length > 0 && (
                    <Table label={_("Activity")} columns={COLUMNS}>
                        {shown.entries.map(entry => (
                            <Entry key={entry.number} entry={entry} />
                        ))}
                    </Table>
                )}
                {shown.more && (
                    <div className="row">
                        <Button variant="link" isAriaDisabled={busy} isLoading={busy} onClick={() => read(shown)}>
                            {_("Older entries")}
                        </Button>
                        {shown.entries.length === 0 && (
                            <Muted>{_("Nothing of that kind was among the newest entries.")}</Muted>
                        )}
                    </div>
                )}
            </CardBody>
        </Card>
    );
}
