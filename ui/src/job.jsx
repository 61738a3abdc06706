/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One job: how far each VM is, live; and when it ended, what came of it. */
import { useEffect, useMemo, useState } from "react";
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Pagination } from "@patternfly/react-core/dist/esm/components/Pagination";
import { Progress } from "@patternfly/react-core/dist/esm/components/Progress";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { _, format, ngettext } from "./cockpit.js";
import { number, seconds, time } from "./format.js";
import { go, useHost, useJob, useNow } from "./hooks.js";
import {
    DEFAULT_OPTIONS,
    isEnded,
    isFinal,
    pageOf,
    progressOf,
    secondsOf,
    share,
    STEPS,
    upgradeState,
} from "./model.js";
import { Answered, Loading, Muted, Of, ProblemAlert, Word } from "./parts.jsx";
import { Findings } from "./findings.jsx";
import { OPERATION, OUTCOME, STEP } from "./words.js";

const PAGE_SIZE = 50;

const cancelDialog = ({ api, toast }, job) => ({
    title: _("Stop this job?"),
    text: _("No further VM begins. VMs that have begun are finished or brought back; that may take a while."),
    action: _("Stop the job"),
    danger: true,
    run: () => api.post(`/v1/jobs/${job.id}/cancel`).then(() => toast(_("The job ends after what has begun"))),
});

/* The steps of an upgrade as a row, the one that is being done marked. */
function Steps({ vm }) {
    const at = STEPS.indexOf(vm.step);
    if (at < 0) return STEP[vm.step] ?? vm.step;
    return (
        <ol className="steps">
            {STEPS.map((s, i) => (
                <li key={s} aria-current={i === at ? "step" : undefined}>
                    {i < at && <span aria-hidden="true">✓ </span>}
                    {STEP[s]}
                </li>
            ))}
        </ol>
    );
}

function Line({ vm, job, now, rowActions }) {
    const text = vm.summary || vm.text;
    return (
        <Tr data-vm={vm.name} data-outcome={vm.outcome}>
            <Th scope="row" dataLabel={_("Name")}>
                {vm.name}
            </Th>
            <Td dataLabel={_("State")}>
                <Word table={OUTCOME} word={vm.outcome} />
            </Td>
            <Td dataLabel={_("Progress")} width={40}>
                {vm.outcome === "working" && (
                    <>
                        <Progress aria-label={format(_("Progress of $0"), vm.name)} size="sm" value={share(vm)} />
                        {job.op === "upgrade" ? <Steps vm={vm} /> : (STEP[vm.step] ?? vm.step)}
                    </>
                )}
                {text && isFinal(vm) && <div>{text}</div>}
                {vm.remedy && isFinal(vm) && (
                    <div>
                        <strong>{_("Remedy:")}</strong> {vm.remedy}
                    </div>
                )}
            </Td>
            <Td dataLabel={_("Time")} className="nowrap">
                {vm.startedMs ? seconds(secondsOf(vm, now)) : ""}
            </Td>
            <Td dataLabel={_("Actions")}>{rowActions(vm)}</Td>
        </Tr>
    );
}

/* A report is there a moment after the job ended; who asks too early asks again. */
function useReport(api, job) {
    const [report, setReport] = useState({ data: undefined, problem: null });
    const [again, setAgain] = useState(0);
    const ended = isEnded(job),
        id = job?.id;
    useEffect(() => {
        let alive = true,
            timer = 0;
        if (ended)
            api.get(`/v1/jobs/${id}/report`).then(
                answer => alive && setReport({ data: answer, problem: null }),
                problem => {
                    if (alive && problem.id === "job.report" && again < 5)
                        timer = setTimeout(() => setAgain(again + 1), 1000);
                    else if (alive) setReport({ data: undefined, problem });
                },
            );
        return () => {
            alive = false;
            clearTimeout(timer);
        };
    }, [api, ended, id, again]);
    return { ...report, ended };
}

function Report({ job, report }) {
    if (!report.ended) return null;
    if (report.problem) return <ProblemAlert problem={report.problem} variant="warning" />;
    if (!report.data) return <Loading what={_("Reading the report…")} />;
    return (
        <Card isFlat>
            <CardTitle component="h2">{job.op === "assess" ? _("What was found, by rule") : _("Report")}</CardTitle>
            <CardBody className="stack">
                <Findings report={report.data.report} />
                <Muted>{format(_("The whole report lies on the host: $0"), report.data.path)}</Muted>
            </CardBody>
        </Card>
    );
}

function Head({ job, host, again, upgradable }) {
    const progress = progressOf(job);
    const title = format(_("$0 $1"), OPERATION[job.op] ?? job.op, job.id);
    return (
        <>
            <div className="row">
                <Button variant="link" onClick={() => go(["upgrade"])}>
                    {_("All VMs and jobs")}
                </Button>
                {!isEnded(job) && !job.cancelled && (
                    <Button variant="secondary" isDanger onClick={() => host.ask(cancelDialog(host, job))}>
                        {_("Stop the job…")}
                    </Button>
                )}
                {isEnded(job) && job.vms?.some(vm => ["skipped", "stuck"].includes(vm.outcome)) && (
                    <Button variant="secondary" onClick={again}>
                        {_("Run what is left")}
                    </Button>
                )}
                {upgradable}
            </div>
            {!isEnded(job) && (
                <Progress
                    title={_("All VMs")}
                    aria-label={title}
                    value={progress.percent}
                    label={format(_("$0 of $1 done"), number(progress.done), number(progress.all))}
                    measureLocation="top"
                />
            )}
            {isEnded(job) && (
                <Alert
                    isInline
                    component="p"
                    variant={job.status === 0 ? "success" : "warning"}
                    title={
                        job.status === 0
                            ? _("The job has ended; all is well")
                            : job.cancelled
                              ? _("The job was stopped")
                              : _("The job has ended; not every VM is where it should be")
                    }>
                    {job.ended ? time(job.ended * 1000) : null}
                </Alert>
            )}
            {job.cancelled && !isEnded(job) && (
                <Alert isInline component="p" variant="info" title={_("The job ends after what has begun")} />
            )}
        </>
    );
}

function JobView({ job, vms, dialogs }) {
    const host = useHost();
    const now = useNow(isEnded(job) ? 3600000 : 1000);
    const report = useReport(host.api, job);
    const [page, setPage] = useState(1);
    const known = useMemo(() => new Map(vms.map(vm => [vm.uuid, vm])), [vms]);
    const lines = job.vms ?? [];
    const good =
        job.op === "assess" && isEnded(job) ? lines.filter(vm => vm.outcome === "ok").map(vm => vm.name) : [];
    const options = Object.fromEntries(Object.entries(job.options ?? {}).filter(([k]) => k in DEFAULT_OPTIONS));
    const running = lines.filter(vm => good.includes(vm.name) && known.get(vm.uuid)?.running).length;
    const again = () =>
        host.api.post(`/v1/jobs/${job.id}/run`).then(
            () => {
                go(["upgrade"]);
                go(["upgrade", job.id]);
            },
            problem => host.toast(problem.message, "danger"),
        );
    const rowActions = vm =>
        isEnded(job) &&
        job.op === "upgrade" &&
        vm.outcome === "ok" &&
        known.get(vm.uuid) &&
        upgradeState(known.get(vm.uuid)) === "upgraded" && (
            <Button variant="secondary" size="sm" onClick={() => host.ask(dialogs.rollbackDialog(host, [vm.name]))}>
                {_("Roll back…")}
                <Of name={vm.name} />
            </Button>
        );
    return (
        <>
            <Card isFlat>
                <CardTitle component="h2">{format(_("$0 $1"), OPERATION[job.op] ?? job.op, job.id)}</CardTitle>
                <CardBody className="stack">
                    <Head
                        job={job}
                        host={host}
                        again={again}
                        upgradable={
                            good.length > 0 && (
                                <Button
                                    variant="primary"
                                    onClick={() =>
                                        host.ask(
                                            dialogs.upgradeDialog(
                                                host,
                                                good,
                                                { ...DEFAULT_OPTIONS, ...options },
                                                running,
                                            ),
                                        )
                                    }>
                                    {format(
                                        ngettext(
                                            "Upgrade $0 VM that is ready…",
                                            "Upgrade $0 VMs that are ready…",
                                            good.length,
                                        ),
                                        number(good.length),
                                    )}
                                </Button>
                            )
                        }
                    />
                    {lines.length > PAGE_SIZE && (
                        <Pagination
                            itemCount={lines.length}
                            perPage={PAGE_SIZE}
                            page={page}
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
                    <Table variant="compact" aria-label={_("VMs of this job")} gridBreakPoint="grid-md">
                        <Thead>
                            <Tr>
                                <Th>{_("Name")}</Th>
                                <Th>{_("State")}</Th>
                                <Th>{_("Progress")}</Th>
                                <Th>{_("Time")}</Th>
                                <Th>{_("Actions")}</Th>
                            </Tr>
                        </Thead>
                        <Tbody>
                            {pageOf(lines, page, PAGE_SIZE).map(vm => (
                                <Line key={vm.index} vm={vm} job={job} now={now} rowActions={rowActions} />
                            ))}
                        </Tbody>
                    </Table>
                    <p role="status" className="screen-reader">
                        {isEnded(job) ? _("The job has ended") : ""}
                    </p>
                </CardBody>
            </Card>
            <Report job={job} report={report} />
        </>
    );
}

export function Job({ id, vms, dialogs }) {
    const { api } = useHost();
    const answer = useJob(api, id);
    return (
        <Answered answer={answer} what={_("Reading the job…")}>
            {answer.data && <JobView job={answer.data} vms={vms} dialogs={dialogs} />}
        </Answered>
    );
}
