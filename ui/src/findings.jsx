/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checks found: by rule, since one rule often stops many VMs and one remedy cures them; and of one VM. */
import { useMemo } from "react";
import { _, format, ngettext } from "./cockpit.js";
import { number } from "./format.js";
import { findingsByRule, worstFirst } from "./model.js";
import { Muted, Nothing, Word } from "./parts.jsx";
import { Cell, Row, Table } from "./table.jsx";
import { findingInWords, said, sentence, SEVERITY, titleOf } from "./words.js";

const SHOWN = 200;

const VmMessage = ({ vm }) => (
    <>
        <strong>{vm.name}</strong>: {sentence(said(vm.message), vm.name)}
    </>
);

function Vms({ rule }) {
    if (rule.vms.length === 1) return <VmMessage vm={rule.vms[0]} />;
    return (
        <details>
            <summary>{format(ngettext("$0 VM", "$0 VMs", rule.vms.length), number(rule.vms.length))}</summary>
            <ul>
                {rule.vms.slice(0, SHOWN).map((vm, i) => (
                    <li key={i}>
                        <VmMessage vm={vm} />
                    </li>
                ))}
            </ul>
            {rule.vms.length > SHOWN && <Muted>{format(_("and $0 more"), number(rule.vms.length - SHOWN))}</Muted>}
        </details>
    );
}

const COLUMNS = [{ title: _("Severity") }, { title: _("VMs") }, { title: _("Remedy") }, { title: _("Rule") }];

export function Findings({ report }) {
    const { rules, well } = useMemo(() => findingsByRule(report), [report]);
    return (
        <>
            {rules.length === 0 ? (
                <Nothing title={_("Nothing was found that stands in the way")} />
            ) : (
                <Table label={_("What was found")} columns={COLUMNS}>
                    {rules.map(rule => (
                        <Row key={rule.id} data-rule={rule.id}>
                            <Cell at={0}>
                                <Word table={SEVERITY} word={rule.severity} />
                            </Cell>
                            <Cell at={1}>
                                <Vms rule={rule} />
                            </Cell>
                            <Cell at={2}>{sentence(said(rule.remedy))}</Cell>
                            <Cell at={3}>
                                <div>
                                    {titleOf(rule.id) && <div>{sentence(titleOf(rule.id))}</div>}
                                    <code className="rule">{rule.id}</code>
                                </div>
                            </Cell>
                        </Row>
                    ))}
                </Table>
            )}
            <Muted>{format(ngettext("$0 check was good.", "$0 checks were good.", well), number(well))}</Muted>
        </>
    );
}

function Finding({ finding, name }) {
    const { text, rule } = findingInWords(finding);
    return rule ? (
        <>
            <span lang="en">{sentence(text, name)}</span> {format(_("(rule: $0)"), rule)}
        </>
    ) : (
        sentence(text, name)
    );
}

/* All that was found of one VM, the good at the end and folded. */
export function VmFindings({ findings, name }) {
    const bad = worstFirst(findings.filter(f => f.severity !== "ok")),
        good = worstFirst(findings.filter(f => f.severity === "ok"));
    const line = f => (
        <li key={`${f.id} ${f.message}`} data-finding={f.id}>
            <Word table={SEVERITY} word={f.severity} /> <Finding finding={f} name={name} /> <code>{f.id}</code>
            {f.remedy && (
                <div>
                    <strong>{_("Remedy:")}</strong> {sentence(said(f.remedy))}
                </div>
            )}
        </li>
    );
    return (
        <>
            {bad.length > 0 && <ul className="plain stack">{bad.map(line)}</ul>}
            {good.length > 0 && (
                <details>
                    <summary>
                        {format(
                            ngettext("$0 check was good.", "$0 checks were good.", good.length),
                            number(good.length),
                        )}
                    </summary>
                    <ul className="plain">{good.map(line)}</ul>
                </details>
            )}
        </>
    );
}
