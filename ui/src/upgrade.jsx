/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Upgrade: choose VMs, assess them, upgrade them to UEFI, Secure Boot and a vTPM, take that back or make it final. */
import { useMemo, useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { SearchInput } from "@patternfly/react-core/dist/esm/components/SearchInput";
import { _, format, ngettext } from "./cockpit.js";
import { number, time } from "./format.js";
import { begin } from "./cures.jsx";
import { namesOf } from "./dialog.jsx";
import { useHost, useLocation } from "./hooks.js";
import { chooseVms, DEFAULT_OPTIONS, inNeedOf, isEnded, pageOf, upgradeState } from "./model.js";
import { Job } from "./job.jsx";
import { Answered, Label, Muted, Nothing, Of, Pager, Word } from "./parts.jsx";
import { Cell, CheckBox, CheckCell, Row, Table } from "./table.jsx";
import { Options } from "./upgrade-options.jsx";
import { lineOf, OPERATION, VM } from "./words.js";

const PAGE_SIZE = 50,
    JOBS_SHOWN = 20;

const STATE = {
    upgraded: [_("Upgraded"), "green"],
    trusted: [_("Trusted Launch"), "green"],
    busy: [_("In work"), "blue"],
    upgrade: [_("Can be assessed"), "grey"],
};

const many = (one, more, n) => format(ngettext(one, more, n), number(n));

const RESTORE = {
    auto: _(
        "A restore point is taken first; if anything fails before the upgraded VM has been verified, the VM is " +
            "brought back by itself.",
    ),
    none: _(
        "NO restore point is taken: only the disk’s layout can be taken back, by the undo journal. Data that is " +
            "damaged in between is lost unless you have a backup.",
    ),
};

const planDialog = (host, vms, options) => ({
    title: many("Plan the upgrade of $0 VM?", "Plan the upgrade of $0 VMs?", vms.length),
    text: [namesOf(vms), _("The report tells what would be done. Nothing is changed, and running VMs go on.")],
    action: _("Plan"),
    run: () => begin(host, "upgrade", vms, options),
});

const upgradeDialog = (host, vms, options, running) =>
    options["dry-run"] ? planDialog(host, vms, options) : realDialog(host, vms, options, running);

const realDialog = (host, vms, options, running) => ({
    title: many("Upgrade $0 VM?", "Upgrade $0 VMs?", vms.length),
    text: [
        namesOf(vms),
        running > 0 &&
            many(
                "$0 running VM is shut down for it, and started again.",
                "$0 running VMs are shut down for it, and started again.",
                running,
            ),
        _(
            "The partition table of the boot disk is converted in place from MBR to GPT, and the VM is redefined " +
                "with UEFI firmware.",
        ),
        RESTORE[options["restore-point"]] ?? RESTORE.auto,
        options.force &&
            _("A VM that does not shut down is switched off hard: it may lose data that it has not written."),
    ],
    action: _("Upgrade"),
    danger: options["restore-point"] === "none" || options.force,
    run: () => begin(host, "upgrade", vms, options),
});

const rollbackDialog = (host, vms) => ({
    title: many("Roll back $0 VM?", "Roll back $0 VMs?", vms.length),
    text: [
        namesOf(vms),
        _(
            "The VM is shut down if it runs, and becomes what it was before the upgrade: BIOS, its old " +
                "definition, disk, firmware variables and TPM state. Files written since the upgrade are LOST with " +
                "the restore point, unless you keep them.",
        ),
    ],
    action: _("Roll back"),
    danger: true,
    initial: { keep: false, sure: false },
    valid: s => s.keep || s.sure,
    body: (s, set) => (
        <>
            <Checkbox
                id="rollback-keep"
                label={_("Keep files written since: take back the disk’s layout alone")}
                description={_("The restore point is given up by that.")}
                isChecked={s.keep}
                onChange={(_event, keep) => set({ keep })}
            />
            {!s.keep && (
                <Checkbox
                    id="rollback-sure"
                    label={_("I know that what was written since the upgrade is lost")}
                    isChecked={s.sure}
                    onChange={(_event, sure) => set({ sure })}
                />
            )}
        </>
    ),
    run: s => begin(host, "rollback", vms, s.keep ? { "keep-data": true } : { yes: true }),
});

const commitDialog = (host, vms) => ({
    title: many("Give up the restore point of $0 VM?", "Give up the restore points of $0 VMs?", vms.length),
    text: [
        namesOf(vms),
        _(
            "Its space becomes free. After that the VM cannot be brought back to the state before the upgrade; " +
                "only the disk’s layout still can, by the undo journal.",
        ),
    ],
    action: _("Give up"),
    danger: true,
    run: () => begin(host, "commit", vms, {}),
});

const COLUMNS = [
    { title: _("Name") },
    { title: _("Status") },
    { title: _("Firmware") },
    { title: _("Upgrade") },
    { title: _("Actions") },
];

function Candidate({ vm, chosen, toggle, host }) {
    const state = upgradeState(vm),
        [text, color] = STATE[state];
    return (
        <Row data-vm={vm.name}>
            <CheckCell label={format(_("Choose $0"), vm.name)} checked={chosen} onChange={() => toggle(vm.uuid)} />
            <Cell at={1} head>
                {vm.name}
            </Cell>
            <Cell at={2}>
                <Word table={VM} word={vm.status} />
            </Cell>
            <Cell at={3}>{{ uefi: "UEFI", bios: "BIOS" }[vm.firmware] ?? <Muted>{_("unknown")}</Muted>}</Cell>
            <Cell at={4}>
                <Label color={color}>{text}</Label>{" "}
                {state === "busy" && vm.upgrade.job && (
                    <a href={`#/upgrade/${vm.upgrade.job}`}>
                        {_("Show its job")}
                        <Of name={vm.name} />
                    </a>
                )}
            </Cell>
            <Cell at={5}>
                {state === "upgraded" && (
                    <div className="row">
                        <Button variant="secondary" size="sm" onClick={() => host.ask(rollbackDialog(host, [vm]))}>
                            {_("Roll back…")}
                            <Of name={vm.name} />
                        </Button>
                        <Button
                            variant="link"
                            size="sm"
                            onClick={() =>
                                begin(host, "verify", [vm]).catch(p => host.toast(lineOf(p), "danger"))
                            }>
                            {_("Verify again")}
                            <Of name={vm.name} />
                        </Button>
                        {vm.upgrade.state === "done" && (
                            <Button variant="link" size="sm" onClick={() => host.ask(commitDialog(host, [vm]))}>
                                {_("Give up restore point…")}
                                <Of name={vm.name} />
                            </Button>
                        )}
                    </div>
                )}
            </Cell>
        </Row>
    );
}

function Candidates({ rows, all, chosen, toggle, toggleAll, host }) {
    const every = all.length > 0 && all.every(vm => chosen.has(vm.uuid));
    const head = (
        <CheckBox
            label={format(_("Choose all VMs that are shown ($0)"), number(all.length))}
            checked={every}
            some={all.some(vm => chosen.has(vm.uuid))}
            onChange={on => toggleAll(all, on)}
        />
    );
    return (
        <Table label={_("VMs to upgrade")} columns={[{ title: _("Choose"), head }, ...COLUMNS]}>
            {rows.map(vm => (
                <Candidate key={vm.uuid} vm={vm} chosen={chosen.has(vm.uuid)} toggle={toggle} host={host} />
            ))}
        </Table>
    );
}

const JOB_COLUMNS = [
    { title: _("Job") },
    { title: _("What") },
    { title: _("State") },
    { title: _("VMs") },
    { title: _("Begun") },
    { title: _("Asked for by") },
];

const stateOf = j =>
    isEnded(j)
        ? j.cancelled
            ? _("Cancelled")
            : _("Ended")
        : j.state === "running"
          ? _("Running")
          : _("Waiting");

function Jobs({ answer, jobs }) {
    const [shown, setShown] = useState(JOBS_SHOWN);
    return (
        <Card isFlat>
            <CardTitle component="h2">{_("Jobs")}</CardTitle>
            <CardBody>
                <Answered answer={answer} what={_("Reading the jobs…")}>
                    {jobs.length === 0 ? (
                        <Nothing title={_("No jobs")}>
                            {_("Assessments and upgrades appear here, also those begun with the command surety.")}
                        </Nothing>
                    ) : (
                        <Table label={_("Jobs")} columns={JOB_COLUMNS}>
                            {jobs.slice(0, shown).map(j => (
                                <Row key={j.id} data-job={j.id}>
                                    <Cell at={0} head>
                                        <a href={`#/upgrade/${j.id}`}>{j.id}</a>
                                    </Cell>
                                    <Cell at={1}>{OPERATION[j.op] ?? j.op}</Cell>
                                    <Cell at={2}>{stateOf(j)}</Cell>
                                    <Cell at={3}>{j.count ? number(j.count) : _("all")}</Cell>
                                    <Cell at={4}>{time((j.started || j.created) * 1000)}</Cell>
                                    <Cell at={5}>
                                        <Muted>{j.origin}</Muted>
                                    </Cell>
                                </Row>
                            ))}
                        </Table>
                    )}
                    {jobs.length > shown && (
                        <Button variant="link" onClick={() => setShown(shown + JOBS_SHOWN)}>
                            {_("Older jobs")}
                        </Button>
                    )}
                </Answered>
            </CardBody>
        </Card>
    );
}

const NOBODY = new Set();

function Choose({ answers, vms: every, jobs, options, setOptions, setAssessed, askUpgrade }) {
    const host = useHost();
    // what libvirt does not define surety cannot redefine
    const vms = useMemo(() => every.filter(vm => vm.source === "libvirt"), [every]);
    const { options: asked } = useLocation();
    const [search, setSearch] = useState(asked.search ?? "");
    const [page, setPage] = useState(1);
    const [chosen, setChosen] = useState(null);
    // the one that is asked for, or those that a benefit waits for, are chosen until somebody chooses
    const needy = useMemo(
        () =>
            asked.vm
                ? new Set([asked.vm])
                : asked.need
                  ? new Set(inNeedOf("upgrade", vms).map(vm => vm.uuid))
                  : NOBODY,
        [vms, asked.need, asked.vm],
    );
    const marked = chosen ?? needy;
    const rows = useMemo(() => chooseVms(vms, { search, key: "firmware" }), [vms, search]);
    const last = Math.max(1, Math.ceil(rows.length / PAGE_SIZE)),
        at = Math.min(page, last);
    const those = vms.filter(vm => marked.has(vm.uuid));
    const running = those.filter(vm => vm.running).length;
    const toggle = uuid =>
        setChosen(s => {
            const next = new Set(s ?? needy);
            next.delete(uuid) || next.add(uuid);
            return next;
        });
    const toggleAll = (some, on) =>
        setChosen(s => {
            const next = new Set(s ?? needy);
            some.forEach(vm => (on ? next.add(vm.uuid) : next.delete(vm.uuid)));
            return next;
        });
    const assess = () =>
        begin(host, "assess", those, options).then(
            id => setAssessed({ id, options }),
            problem => host.toast(lineOf(problem), "danger"),
        );
    return (
        <Answered answer={answers.vms} what={_("Reading the VMs…")}>
            <Card isFlat>
                <CardTitle component="h2">{_("Upgrade VMs to Trusted Launch")}</CardTitle>
                <CardBody className="stack">
                    <p className="narrow">
                        {_(
                            "VMs that boot by BIOS get UEFI, Secure Boot and a virtual TPM. Assess them first: " +
                                "nothing is changed by that, and running VMs go on.",
                        )}
                    </p>
                    {vms.length === 0 ? (
                        <Nothing title={_("No VMs")} />
                    ) : (
                        <>
                            <div className="row toolbar">
                                <SearchInput
                                    aria-label={_("Find VMs by name")}
                                    placeholder={_("Find by name")}
                                    value={search}
                                    onChange={(_event, v) => setSearch(v)}
                                    onClear={() => setSearch("")}
                                />
                                <Button variant="secondary" isDisabled={those.length === 0} onClick={assess}>
                                    {_("Assess")}
                                </Button>
                                <Button
                                    variant="primary"
                                    isDisabled={those.length === 0}
                                    onClick={() => host.ask(askUpgrade(host, those, options, running))}>
                                    {_("Upgrade…")}
                                </Button>
                                <span role="status">
                                    <Muted>{many("$0 VM chosen", "$0 VMs chosen", those.length)}</Muted>
                                </span>
                                <Button
                                    variant="link"
                                    size="sm"
                                    className="narrow-only"
                                    onClick={() => toggleAll(rows, true)}>
                                    {format(_("Choose all VMs that are shown ($0)"), number(rows.length))}
                                </Button>
                                <Pager count={rows.length} size={PAGE_SIZE} page={at} onPage={setPage} />
                            </div>
                            <Options options={options} onChange={change => setOptions(o => ({ ...o, ...change }))} />
                            <Candidates
                                rows={pageOf(rows, at, PAGE_SIZE)}
                                all={rows}
                                chosen={marked}
                                toggle={toggle}
                                toggleAll={toggleAll}
                                host={host}
                            />
                        </>
                    )}
                </CardBody>
            </Card>
            <Jobs answer={answers.jobs} jobs={jobs} />
        </Answered>
    );
}

export function Upgrade(props) {
    const id = props.path[1];
    const [options, setOptions] = useState(DEFAULT_OPTIONS);
    const [assessed, setAssessed] = useState({}); // a job keeps only what it knows of the options
    // the options are of one upgrade: the next one does not switch VMs off hard because this one did
    const askUpgrade = (host, vms, chosen, running) => {
        const dialog = upgradeDialog(host, vms, chosen, running);
        const run = () => dialog.run().then(() => setOptions(DEFAULT_OPTIONS));
        return chosen["dry-run"] ? dialog : { ...dialog, run };
    };
    return id ? (
        <Job
            key={id}
            id={id}
            dialogs={{ upgradeDialog: askUpgrade, rollbackDialog }}
            vms={props.vms}
            chosen={assessed.id === id ? assessed.options : undefined}
        />
    ) : (
        <Choose {...props} {...{ options, setOptions, setAssessed, askUpgrade }} />
    );
}
