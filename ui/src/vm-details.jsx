/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of one VM, below its row. */
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import {
    DescriptionList,
    DescriptionListDescription,
    DescriptionListGroup,
    DescriptionListTerm,
} from "@patternfly/react-core/dist/esm/components/DescriptionList";
import { _, format } from "./cockpit.js";
import { eligible } from "./model.js";
import { Muted, When, Word } from "./parts.jsx";
import { ACTION, BENEFIT } from "./words.js";

const SOURCE = { agent: _("told by the guest agent"), disk: _("seen on the disk") };

export function VmDetails({ vm, titles, now }) {
    const rows = [
        [_("UUID"), <code>{vm.uuid}</code>],
        [_("Defined by"), vm.source],
        [
            _("Operating system"),
            vm.os?.name && (
                <>
                    {vm.os.name}{" "}
                    <Muted>
                        {SOURCE[vm.os.source]} <When at={vm.os.at} now={now} />
                    </Muted>
                </>
            ),
        ],
        [_("vsock context"), vm.cid ? String(vm.cid) : null],
        [_("Last document"), <When at={vm.lastDocument} now={now} />],
        [_("Last result"), vm.lastResult],
        [
            _("Security"),
            vm.security?.customCommand
                ? _("The definition has QEMU options of its own: nothing is claimed about Secure Boot and vTPM")
                : vm.security?.securityType,
        ],
        [_("Last upgrade job"), vm.upgrade?.job && <a href={`#/upgrade/${vm.upgrade.job}`}>{vm.upgrade.job}</a>],
        ...eligible(vm).map(b => [
            titles.get(b.id) ?? b.id,
            <>
                <Word table={BENEFIT} word={b.status} />{" "}
                {b.action && <Muted>{format(_("to do: $0"), ACTION[b.action]?.button ?? b.action)}</Muted>}
            </>,
        ]),
    ];
    return (
        <div className="details stack">
            {vm.problem && (
                <Alert isInline component="p" variant="warning" title={vm.problem.text}>
                    <code>{vm.problem.id}</code>
                </Alert>
            )}
            <DescriptionList isHorizontal isCompact>
                {rows
                    .filter(([, value]) => value)
                    .map(([term, value]) => (
                        <DescriptionListGroup key={term}>
                            <DescriptionListTerm>{term}</DescriptionListTerm>
                            <DescriptionListDescription>{value}</DescriptionListDescription>
                        </DescriptionListGroup>
                    ))}
            </DescriptionList>
        </div>
    );
}
