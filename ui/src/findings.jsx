/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checks found, by rule: one rule often stops many VMs, and one remedy cures them. */
import { ExpandableSection } from "@patternfly/react-core/dist/esm/components/ExpandableSection";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { useMemo } from "react";
import { _, format, ngettext } from "./cockpit.js";
import { number } from "./format.js";
import { findingsByRule } from "./model.js";
import { Muted, Nothing, Word } from "./parts.jsx";
import { SEVERITY } from "./words.js";

const SHOWN = 200;

function Vms({ rule }) {
    if (rule.vms.length === 1)
        return (
            <>
                <strong>{rule.vms[0].name}</strong>: {rule.vms[0].message}
            </>
        );
    return (
        <ExpandableSection toggleText={format(ngettext("$0 VM", "$0 VMs", rule.vms.length), number(rule.vms.length))}>
            <ul>
                {rule.vms.slice(0, SHOWN).map((vm, i) => (
                    <li key={i}>
                        <strong>{vm.name}</strong>: {vm.message}
                    </li>
                ))}
            </ul>
            {rule.vms.length > SHOWN && <Muted>{format(_("and $0 more"), number(rule.vms.length - SHOWN))}</Muted>}
        </ExpandableSection>
    );
}

export function Findings({ report }) {
    const { rules, well } = useMemo(() => findingsByRule(report), [report]);
    if (rules.length === 0) return <Nothing title={_("Nothing was found that stands in the way")} />;
    return (
        <>
            <Table variant="compact" aria-label={_("What was found")} gridBreakPoint="grid-md">
                <Thead>
                    <Tr>
                        <Th>{_("Weight")}</Th>
                        <Th>{_("VMs")}</Th>
                        <Th>{_("Remedy")}</Th>
                        <Th>{_("Rule")}</Th>
                    </Tr>
                </Thead>
                <Tbody>
                    {rules.map(rule => (
                        <Tr key={rule.id} data-rule={rule.id}>
                            <Td dataLabel={_("Weight")}>
                                <Word table={SEVERITY} word={rule.severity} />
                            </Td>
                            <Td dataLabel={_("VMs")}>
                                <Vms rule={rule} />
                            </Td>
                            <Td dataLabel={_("Remedy")}>{rule.remedy}</Td>
                            <Td dataLabel={_("Rule")}>
                                <code>{rule.id}</code>
                            </Td>
                        </Tr>
                    ))}
                </Tbody>
            </Table>
            <Muted>{format(ngettext("$0 check was good.", "$0 checks were good.", well), number(well))}</Muted>
        </>
    );
}
