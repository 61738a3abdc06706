/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Upgrade: choose VMs, assess them, upgrade them to UEFI, Secure Boot and a vTPM, take that back or make it final. */
import { useMemo, useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { Label } from "@patternfly/react-core/dist/esm/components/Label";
import { Pagination } from "@patternfly/react-core/dist/esm/components/Pagination";
import { SearchInput } from "@patternfly/react-core/dist/esm/components/SearchInput";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { _, format, ngettext } from "./cockpit.js";
import { number, time } from "./format.js";
import { go, useHost, useLocation } from "./hooks.js";
import { chooseVms, DEFAULT_OPTIONS, isEnded, jobOf, pageOf, upgradeState } from "./model.js";
import { Job } from "./job.jsx";
import { Answered, Muted, Nothing, Of, Word } from "./parts.jsx";
import { Options } from "./upgrade-options.jsx";
import { OPERATION, VM } from "./words.js";

const PAGE_SIZE = 50,
    JOBS_SHOWN = 10;

const STATE = {
    upgraded: [_("Upgraded"), "green"],
    trusted: [_("Trusted Launch"), "green"],
    busy: [_("In work"), "blue"],
    upgrade: [_("Can be assessed"), "grey"],
};

const many = (one, more, n) => format(ngettext(one, more, n), number(n));

/* Makes a job and goes to it. */
async function begin(host, op, names, options) {
    const { id } = await host.api.post("/v1/jobs", jobOf(op, names, options));
    host.reload();
    go(["upgrade", id]);
}

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

const upgradeDialog = (host, names, options, running) => ({
    title: many("Upgrade $0 VM?", "Upgrade $0 VMs?", names.length),
    text: [
        names.slice(0, 8).join(", ") + (names.length > 8 ? " …" : ""),
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
    run: () => begin(host, "upgrade", names, options),
});

const rollbackDialog = (host, names) => ({
    title: many("Roll back $0 VM?", "Roll back $0 VMs?", names.length),
    text: [
        names.join(", "),
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
    run: s => begin(host, "rollback", names, s.keep ? { "keep-data": true } : { yes: true }),
});

const commitDialog = (host, names) => ({
    title: many("Give up the restore point of $0 VM?", "Give up the restore points of $0 VMs?", names.length),
    text: [
        names.join(", "),
        _(
            "Its space becomes free. After that the VM cannot be brought back to the state before the upgrade; " +
                "only the disk’s layout still can, by the undo journal.",
        ),
    ],
    action: _("Give up"),
    danger: true,
    run: () => begin(host, "commit", names, {}),
});

function Candidates({ rows, chosen, toggle, toggleAll, host }) {
    const all = rows.length > 0 && rows.every(vm => chosen.has(vm.name));
    return (
        <Table variant="compact" aria-label={_("VMs to upgrade")} gridBreakPoint="grid-md">
            <Thead>
                <Tr>
                    <Th
                        select={{ isSelected: all, onSelect: () => toggleAll(rows, !all) }}
                        aria-label={_("Choose all VMs of this page")}
                    />
                    <Th>{_("Name")}</Th>
                    <Th>{_("Status")}</Th>
                    <Th>{_("Firmware")}</Th>
                    <Th>{_("Upgrade")}</Th>
                    <Th>{_("Actions")}</Th>
                </Tr>
            </Thead>
            <Tbody>
                {rows.map((vm, i) => {
                    const state = upgradeState(vm),
                        [text, color] = STATE[state];
                    return (
                        <Tr key={vm.uuid} data-vm={vm.name}>
                            <Td
                                select={{
                                    rowIndex: i,
                                    isSelected: chosen.has(vm.name),
                                    onSelect: () => toggle(vm.name),
                                }}
                                aria-label={format(_("Choose $0"), vm.name)}
                            />
                            <Th scope="row" dataLabel={_("Name")}>
                                {vm.name}
                            </Th>
                            <Td dataLabel={_("Status")}>
                                <Word table={VM} word={vm.status} />
                            </Td>
                            <Td dataLabel={_("Firmware")}>
                                {vm.firmware === "uefi" ? (
                                    "UEFI"
                                ) : vm.firmware === "bios" ? (
                                    "BIOS"
                                ) : (
                                    <Muted>{_("unknown")}</Muted>
                                )}
                            </Td>
                            <Td dataLabel={_("Upgrade")}>
                                <Label isCompact color={color}>
                                    {text}
                                </Label>
                                {state === "busy" && vm.upgrade.job && (
                                    <a href={`#/upgrade/${vm.upgrade.job}`}>{_("Show its job")}</a>
                                )}
                            </Td>
                            <Td dataLabel={_("Actions")}>
                                {state === "upgraded" && (
                                    <div className="row">
                                        <Button
                                            variant="secondary"
                                            size="sm"
                                            onClick={() => host.ask(rollbackDialog(host, [vm.name]))}>
                                            {_("Roll back…")}
                                            <Of name={vm.name} />
                                        </Button>
                                        {vm.upgrade.state === "done" && (
                                            <Button
                                                variant="link"
                                                size="sm"
                                                onClick={() => host.ask(commitDialog(host, [vm.name]))}>
                                                {_("Give up restore point…")}
                                                <Of name={vm.name} />
                                            </Button>
                                        )}
                                    </div>
                                )}
                            </Td>
                        </Tr>
                    );
                })}
            </Tbody>
        </Table>
    );
}

function Jobs({ jobs }) {
    return (
        <Card isFlat>
            <CardTitle component="h2">{_("Jobs")}</CardTitle>
            <CardBody>
                {jobs.length === 0 ? (
                    <Nothing title={_("No jobs")}>
                        {_("Assessments and upgrades appear here, also those begun with the command surety.")}
                    </Nothing>
                ) : (
                    <Table variant="compact" aria-label={_("Jobs")} gridBreakPoint="grid-md">
                        <Thead>
                            <Tr>
                                <Th>{_("Job")}</Th>
                                <Th>{_("What")}</Th>
                                <Th>{_("State")}</Th>
                                <Th>{_("VMs")}</Th>
                                <Th>{_("Begun")}</Th>
                            </Tr>
                        </Thead>
                        <Tbody>
                            {jobs.slice(0, JOBS_SHOWN).map(j => (
                                <Tr key={j.id}>
                                    <Th scope="row" dataLabel={_("Job")}>
                                        <a href={`#/upgrade/${j.id}`}>{j.id}</a>
                                    </Th>
                                    <Td dataLabel={_("What")}>{OPERATION[j.op] ?? j.op}</Td>
                                    <Td dataLabel={_("State")}>
                                        {isEnded(j)
                                            ? j.cancelled
                                                ? _("cancelled")
                                                : _("ended")
                                            : j.state === "running"
                                              ? _("running")
                                              : _("waiting")}
                                    </Td>
                                    <Td dataLabel={_("VMs")}>{j.count ? number(j.count) : _("all")}</Td>
                                    <Td dataLabel={_("Begun")}>{time((j.started || j.created) * 1000)}</Td>
                                </Tr>
                            ))}
                        </Tbody>
                    </Table>
                )}
            </CardBody>
        </Card>
    );
}

function Choose({ answers, vms: every, jobs }) {
    const host = useHost();
    // what libvirt does not define surety cannot redefine
    const vms = useMemo(() => every.filter(vm => vm.source === "libvirt"), [every]);
    const { options: asked } = useLocation();
    const [search, setSearch] = useState(asked.search ?? "");
    const [page, setPage] = useState(1);
    const [chosen, setChosen] = useState(new Set());
    const [options, setOptions] = useState(DEFAULT_OPTIONS);
    const rows = useMemo(() => chooseVms(vms, { search, key: "firmware" }), [vms, search]);
    const last = Math.max(1, Math.ceil(rows.length / PAGE_SIZE)),
        at = Math.min(page, last);
    const names = vms.filter(vm => chosen.has(vm.name)).map(vm => vm.name);
    const running = vms.filter(vm => chosen.has(vm.name) && vm.running).length;
    const toggle = name =>
        setChosen(s => {
            const next = new Set(s);
            next.delete(name) || next.add(name);
            return next;
        });
    const toggleAll = (some, on) =>
        setChosen(s => {
            const next = new Set(s);
            some.forEach(vm => (on ? next.add(vm.name) : next.delete(vm.name)));
            return next;
        });
    const assess = () =>
        begin(host, "assess", names, options).catch(problem =>
            host.toast(`${problem.message} ${problem.remedy ?? ""}`.trim(), "danger"),
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
                            <div className="row">
                                <SearchInput
                                    aria-label={_("Find VMs by name")}
                                    placeholder={_("Find by name")}
                                    value={search}
                                    onChange={(_event, v) => setSearch(v)}
                                    onClear={() => setSearch("")}
                                />
                                <Button variant="secondary" isDisabled={names.length === 0} onClick={assess}>
                                    {_("Assess")}
                                </Button>
                                <Button
                                    variant="primary"
                                    isDisabled={names.length === 0}
                                    onClick={() => host.ask(upgradeDialog(host, names, options, running))}>
                                    {_("Upgrade…")}
                                </Button>
                                <span role="status">
                                    <Muted>{many("$0 VM chosen", "$0 VMs chosen", names.length)}</Muted>
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
                            <Options options={options} onChange={change => setOptions(o => ({ ...o, ...change }))} />
                            <Candidates
                                rows={pageOf(rows, at, PAGE_SIZE)}
                                chosen={chosen}
                                toggle={toggle}
                                toggleAll={toggleAll}
                                host={host}
                            />
                        </>
                    )}
                </CardBody>
            </Card>
            <Jobs jobs={jobs} />
        </Answered>
    );
}

export function Upgrade(props) {
    const id = props.path[1];
    return id ? (
        <Job key={id} id={id} dialogs={{ upgradeDialog, rollbackDialog }} vms={props.vms} />
    ) : (
        <Choose {...props} />
    );
}
