/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of one VM, below its row, and the document that software in it would get. */
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { DescriptionList } from "@patternfly/react-core/dist/esm/components/DescriptionList";
import { _, format } from "./cockpit.js";
import { buildOf } from "./cures.jsx";
import { claimsOf, rowsOf } from "./document.js";
import { useHost } from "./hooks.js";
import { eligible } from "./model.js";
import { download, Item, Muted, Of, Original, When, Word } from "./parts.jsx";
import { ACTION, BENEFIT, inWords, lineOf, sentence } from "./words.js";

const SOURCE = { agent: _("told by the guest agent"), disk: _("seen on the disk") };

/* One that is inactive without an action lacks what this host cannot give the VM. */
const todo = b =>
    b.action
        ? (ACTION[b.action]?.short ?? b.action)
        : b.status === "inactive" && _("change the VM where it is defined");

const documentDialog = (vm, answer) => ({
    title: format(_("Document of $0"), vm.name),
    wide: true,
    text: [
        _(
            "This is what software in the VM gets when it asks, but for its nonce. What is shown was read, not " +
                "verified; “surety document verify FILE” verifies what was downloaded.",
        ),
    ],
    body: () => (
        <DescriptionList
            isHorizontal
            isCompact
            horizontalTermWidthModifier={{ default: "24ch" }}
            className="claims"
            tabIndex={0}
            aria-label={_("Claims")}>
            {rowsOf(claimsOf(answer.signature)).map(([name, value]) => (
                <Item key={name} term={<code>{name}</code>}>
                    <span className="value">{value}</span>
                </Item>
            ))}
        </DescriptionList>
    ),
    more: [
        <Button
            key="download"
            variant="secondary"
            onClick={() => download(`${vm.name}.document.json`, JSON.stringify(answer), "application/json")}>
            {_("Download")}
        </Button>,
    ],
});

function DocumentButton({ vm }) {
    const { api, ask, toast } = useHost();
    const show = () =>
        api
            .post(`/v1/vms/${encodeURIComponent(vm.uuid)}/document`, {})
            .then(answer => {
                claimsOf(answer.signature); // one that cannot be read is told, not shown
                ask(documentDialog(vm, answer));
            })
            .catch(problem => toast(lineOf(problem), "danger"));
    return (
        <Button variant="secondary" size="sm" isDisabled={!vm.served} onClick={show}>
            {_("Show document…")}
            <Of name={vm.name} />
        </Button>
    );
}

export function VmDetails({ vm, titles, now }) {
    const problem = inWords(vm.problem?.id, vm.problem?.text);
    return (
        <div className="details stack">
            {vm.problem && (
                <Alert isInline component="p" variant="warning" title={sentence(problem.title, vm.name)}>
                    <Original text={problem.detail} name={vm.name} />
                    <code>{vm.problem.id}</code>
                </Alert>
            )}
            <DescriptionList columnModifier={{ default: "1Col", lg: "2Col" }} isHorizontal isCompact>
                <Item term={_("UUID")}>
                    <code>{vm.uuid}</code>
                </Item>
                <Item term={_("Defined by")}>{vm.source}</Item>
                <Item term={_("Operating system")}>
                    {vm.os?.name && (
                        <>
                            {vm.os.name} {vm.os.build ? format(_("build $0"), buildOf(vm.os)) : null}{" "}
                            <Muted>
                                {SOURCE[vm.os.source]} <When at={vm.os.at} now={now} />
                            </Muted>
                        </>
                    )}
                </Item>
                <Item term={_("vsock context")}>{vm.cid ? String(vm.cid) : null}</Item>
                <Item term={_("Last document")}>
                    <When at={vm.lastDocument} now={now} />
                </Item>
                <Item term={_("Last result")}>{vm.lastResult}</Item>
                <Item term={_("Security")}>
                    {vm.security.customCommand
                        ? _("The definition has QEMU options of its own: nothing is claimed about Secure Boot and vTPM")
                        : vm.security.securityType}
                </Item>
                <Item term={_("Last upgrade job")}>
                    {vm.upgrade?.job && <a href={`#/upgrade/${vm.upgrade.job}`}>{vm.upgrade.job}</a>}
                </Item>
                {eligible(vm).map(b => (
                    <Item key={b.id} term={titles.get(b.id) ?? b.id}>
                        <Word table={BENEFIT} word={b.status} />{" "}
                        {todo(b) && <Muted>{format(_("to do: $0"), todo(b))}</Muted>}
                    </Item>
                ))}
            </DescriptionList>
            <div className="row">
                <DocumentButton vm={vm} />
                {!vm.served && <Muted>{_("It gets documents when it runs and has a way to ask.")}</Muted>}
                <a href={`#/activity?vm=${vm.uuid}`}>
                    {_("Its activity")}
                    <Of name={vm.name} />
                </a>
            </div>
        </div>
    );
}
