/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One job: how far each VM is, live; and when it ended, what came of it. */
import { memo, useEffect, useMemo, useState } from "react";
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { DescriptionList } from "@patternfly/react-core/dist/esm/components/DescriptionList";
import { Progress } from "@patternfly/react-core/dist/esm/components/Progress";
import { _, format, ngettext } from "./cockpit.js";
import { Findings, VmFindings } from "./findings.jsx";
import { number, seconds, time } from "./format.js";
import { useCalm, useHost, useJob, useNow } from "./hooks.js";
import {
    findingsOf,
    isEnded,
    isFinal,
    isSame,
    optionsAfter,
    pageOf,
    progressOf,
    secondsOf,
    share,
    STEPS,
    upgradeState,
} from "./model.js";
import {
    Answered,
    download,
    InWords,
    Item,
    Label,
    Loading,
    Muted,
    Of,
    Pager,
    ProblemAlert,
    Word,
} from "./parts.jsx";
import { Body, Cell, Row, Table, ToggleCell, Unfolded } from "./table.jsx";
import { AFTER, lineOf, OPERATION, OUTCOME, PROOF, said, sentence, STEP } from "./words.js";

const PAGE_SIZE = 50,
    TOLD_MS = 10000; // how often progress is read aloud

const cancelDialog = ({ api, toast }, job) => ({
    title: _("Cancel this job?"),
    text: _("No further VM begins. VMs that have begun are finished or brought back; that may take a while."),
    action: _("Cancel the job"),
    dismiss: _("Let it go on"),
    danger: true,
    run: () => api.post(`/v1/jobs/${job.id}/cancel`).then(() => toast(_("The job ends after what has begun"))),
});

/* The steps of an upgrade as a row, the one that is being done marked. */
function Steps({ vm }) {
    const at = STEPS.indexOf(vm.step);
    if (at < 0) return sentence(STEP[vm.step] ?? vm.step);
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

/* Of one VM in the report: what was found, proved, and how long each step took. */
function Found({ found, vm }) {
    const rows = found?.verified?.rows ?? [];
    const steps = Object.entries(found?.step_us ?? {});
    return (
        <div className="details stack">
            <VmFindings findings={findingsOf(found ?? {})} name={vm.name} />
            {rows.length > 0 && (
                <ul className="plain" aria-label={_("What was verified")}>
                    {rows.map(r => (
                        <li key={r.id} data-proof={r.id}>
                            <Word table={PROOF} word={r.proof} />{" "}
                            <InWords id={r.id} text={r.text} name={vm.name}>
                                <code>{r.id}</code>
                            </InWords>
                        </li>
                    ))}
                </ul>
            )}
            <DescriptionList isHorizontal isCompact>
                <Item term={_("Steps")}>
                    {steps.map(([s, us]) => `${STEP[s] ?? s} ${seconds(us / 1e6)}`).join(", ")}
                </Item>
                <Item term={_("Restore point")}>{found?.restore_point?.kind}</Item>
                <Item term={_("Log")}>{vm.log && <code>{vm.log}</code>}</Item>
            </DescriptionList>
        </div>
    );
}

const COLUMNS = [
    { title: _("Details"), hidden: true },
    { title: _("Name") },
    { title: _("State") },
    { title: _("Progress") },
    { title: _("Duration") },
    { title: _("Actions") },
];

const Line = memo(function Line({ vm, op, now, found, action }) {
    const [open, setOpen] = useState(false);
    const final = isFinal(vm),
        bad = ["failed", "stuck", "stopped"].includes(vm.outcome),
        last = STEPS.filter(s => found?.step_us?.[s]).at(-1);
    return (
        <Body isOpen={open} data-vm={vm.name} data-outcome={vm.outcome}>
            <Row>
                {final ? (
                    <ToggleCell name={vm.name} isOpen={open} onToggle={() => setOpen(!open)} />
                ) : (
                    <Cell at={0} />
                )}
                <Cell at={1} head>
                    {vm.name}
                </Cell>
                <Cell at={2}>
                    <Word table={OUTCOME} word={vm.outcome} />
                </Cell>
                <Cell at={3} className="wide">
                    {vm.outcome === "working" && (
                        <>
                            <Progress aria-label={format(_("Progress of $0"), vm.name)} size="sm" value={share(vm)} />
                            {op === "upgrade" ? <Steps vm={vm} /> : sentence(STEP[vm.step] ?? vm.step)}
                        </>
                    )}
                    {final && vm.summary && <div lang="en">{sentence(vm.summary, vm.name)}</div>}
                    {final && vm.text && (
                        <div>
                            <InWords id={vm.id} text={vm.text} name={vm.name} />
                        </div>
                    )}
                    {final && bad && AFTER[vm.outcome] && op !== "assess" && (
                        <div>
                            <Label color={vm.outcome === "stuck" ? "red" : "grey"}>{AFTER[vm.outcome]}</Label>{" "}
                            {last && format(_("Last step: $0"), STEP[last])}
                        </div>
                    )}
                    {final && vm.remedy && (
                        <div>
                            <strong>{_("Remedy:")}</strong> {sentence(said(vm.remedy), vm.name)}
                        </div>
                    )}
                    {final && bad && vm.id && <code>{vm.id}</code>}
                </Cell>
                <Cell at={4} className="nowrap">
                    {vm.startedMs ? seconds(secondsOf(vm, now)) : ""}
                </Cell>
                <Cell at={5}>{action}</Cell>
            </Row>
            {open && (
                <Unfolded>
                    <Found found={found} vm={vm} />
                </Unfolded>
            )}
        </Body>
    );
});

/* A report is there a moment after the job ended; who asks too early asks again, and who asks while nobody answers. */
function useReport(api, job) {
    const [report, setReport] = useState({ data: undefined, problem: null });
    const [again, setAgain] = useState(0);
    const ended = isEnded(job),
        id = job.id;
    useEffect(() => {
        let alive = true,
            timer = 0;
        if (ended)
            api.get(`/v1/jobs/${id}/report`).then(
                answer => alive && setReport({ data: answer, problem: null }),
                problem => {
                    const early = problem.id === "job.report" && again < 5;
                    if (!alive) return;
                    if (!early) setReport({ data: undefined, problem });
                    if (early || (!api.over() && (!problem.status || problem.status >= 500)))
                        timer = setTimeout(() => setAgain(again + 1), early ? 1000 : 5000);
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
    const { general } = useHost();
    if (!report.ended) return null;
    if (report.problem)
        return isSame(report.problem, general) ? null : <ProblemAlert problem={report.problem} variant="warning" />;
    if (!report.data) return <Loading what={_("Reading the report…")} />;
    const { path, text, report: found } = report.data;
    return (
        <Card isFlat>
            <CardTitle component="h2">{job.op === "assess" ? _("What was found, by rule") : _("Report")}</CardTitle>
            <CardBody className="stack">
                <Findings report={found} />
                <div className="row">
                    {text && (
                        <Button variant="secondary" size="sm" onClick={() => download(`${job.id}.txt`, text)}>
                            {_("Download as text")}
                        </Button>
                    )}
                    <Button
                        variant="secondary"
                        size="sm"
                        onClick={() =>
                            download(`${job.id}.json`, JSON.stringify(found, null, 2), "application/json")
                        }>
                        {_("Download as JSON")}
                    </Button>
                    <Muted>{format(_("On the host: $0"), path)}</Muted>
                </div>
                {text && (
                    <details>
                        <summary>{_("The whole report")}</summary>
                        <pre className="report" lang="en" tabIndex={0}>
                            {text}
                        </pre>
                    </details>
                )}
            </CardBody>
        </Card>
    );
}

function Ended({ job }) {
    const title =
        job.status === 0
            ? _("The job has ended; all is well")
            : job.cancelled
              ? _("The job was cancelled")
              : _("The job has ended; not every VM is where it should be");
    return (
        <Alert isInline component="p" variant={job.status === 0 ? "success" : "warning"} title={title}>
            {job.ended ? time(job.ended * 1000) : null}
        </Alert>
    );
}

function Head({ job, title, host, again, children }) {
    const progress = progressOf(job);
    const done = format(_("$0 of $1 done"), number(progress.done), number(progress.all));
    const told = useCalm(isEnded(job) ? _("The job has ended") : done, isEnded(job) ? 0 : TOLD_MS);
    return (
        <>
            <div className="row toolbar">
                <a href="#/upgrade">{_("All VMs and jobs")}</a>
                {!isEnded(job) && !job.cancelled && (
                    <Button variant="secondary" isDanger onClick={() => host.ask(cancelDialog(host, job))}>
                        {_("Cancel the job…")}
                    </Button>
                )}
                {isEnded(job) && job.vms.some(vm => ["skipped", "stuck"].includes(vm.outcome)) && (
                    <Button variant="secondary" onClick={again}>
                        {_("Run what is left")}
                    </Button>
                )}
                {children}
            </div>
            {!isEnded(job) && (
                <Progress
                    title={_("All VMs")}
                    aria-label={title}
                    value={progress.percent}
                    label={done}
                    measureLocation="top"
                />
            )}
            {isEnded(job) && <Ended job={job} />}
            {job.cancelled && !isEnded(job) && (
                <Alert isInline component="p" variant="info" title={_("The job ends after what has begun")} />
            )}
            <p role="status" className="screen-reader">
                {told}
            </p>
        </>
    );
}

function JobView({ job, vms, chosen, dialogs, refresh }) {
    const host = useHost();
    const now = useNow(isEnded(job) ? 3600000 : 1000);
    const report = useReport(host.api, job);
    const [page, setPage] = useState(1);
    const known = useMemo(() => new Map(vms.map(vm => [vm.uuid, vm])), [vms]);
    const found = useMemo(
        () => new Map((report.data?.report?.vms ?? []).map(vm => [vm.index, vm])),
        [report.data],
    );
    const title = format(_("$0 $1"), OPERATION[job.op] ?? job.op, job.id);
    const good = job.op === "assess" && isEnded(job) ? job.vms.filter(vm => vm.outcome === "ok") : [];
    const upgrade = () =>
        host.ask(
            dialogs.upgradeDialog(
                host,
                good,
                optionsAfter(job, chosen),
                good.filter(vm => known.get(vm.uuid)?.running).length,
            ),
        );
    const again = () =>
        host.api.post(`/v1/jobs/${job.id}/run`).then(
            refresh,
            problem => host.toast(lineOf(problem), "danger"),
        );
    const actionOf = vm =>
        isEnded(job) &&
        job.op === "upgrade" &&
        vm.outcome === "ok" &&
        known.get(vm.uuid) &&
        upgradeState(known.get(vm.uuid)) === "upgraded" && (
            <Button variant="secondary" size="sm" onClick={() => host.ask(dialogs.rollbackDialog(host, [vm]))}>
                {_("Roll back…")}
                <Of name={vm.name} />
            </Button>
        );
    return (
        <>
            <Card isFlat>
                <CardTitle component="h2">{title}</CardTitle>
                <CardBody className="stack">
                    <Head job={job} title={title} host={host} again={again}>
                        {good.length > 0 && (
                            <Button variant="primary" onClick={upgrade}>
                                {format(
                                    ngettext(
                                        "Upgrade $0 VM that is ready…",
                                        "Upgrade $0 VMs that are ready…",
                                        good.length,
                                    ),
                                    number(good.length),
                                )}
                            </Button>
                        )}
                        <Pager count={job.vms.length} size={PAGE_SIZE} page={page} onPage={setPage} />
                    </Head>
                    <Table label={_("VMs of this job")} columns={COLUMNS} bodies>
                        {pageOf(job.vms, page, PAGE_SIZE).map(vm => (
                            <Line
                                key={vm.index}
                                vm={vm}
                                op={job.op}
                                now={vm.outcome === "working" ? now : 0}
                                found={found.get(vm.index)}
                                action={actionOf(vm)}
                            />
                        ))}
                    </Table>
                </CardBody>
            </Card>
            <Report job={job} report={report} />
        </>
    );
}

/* chosen: the options, when it was begun here. */
export function Job({ id, vms, chosen, dialogs }) {
    const { api } = useHost();
    const answer = useJob(api, id);
    return (
        <Answered answer={answer} what={_("Reading the job…")}>
            {answer.data && (
                <JobView job={answer.data} refresh={answer.refresh} vms={vms} chosen={chosen} dialogs={dialogs} />
            )}
        </Answered>
    );
}
