/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers: state, certificate, sync, legacy OS support, and what can be done to them. */
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { useState } from "react";
import { _, _c, format } from "./cockpit.js";
import { time } from "./format.js";
import { useHost, useNow } from "./hooks.js";
import { certificateState } from "./model.js";
import { Answered, Muted, When, Word } from "./parts.jsx";
import { SERVER } from "./words.js";

/* Each of these says what it does before it does it. */
const enrolDialog = (server, api, done) => ({
    title: format(_("Enrol $0"), server.name),
    text: _(
        "The host makes a key and asks the authority for a certificate. Make the token there: surety authority " +
            "token HOST. It works once.",
    ),
    action: _("Enrol"),
    initial: { authority: server.authority ?? "", token: "" },
    valid: s => s.token.trim() !== "",
    body: (s, set) => (
        <>
            <FormGroup label={_("Authority")} fieldId="enrol-authority">
                <TextInput
                    id="enrol-authority"
                    value={s.authority}
                    placeholder="http://authority.example.org:8829"
                    onChange={(_event, authority) => set({ authority })}
                />
            </FormGroup>
            <FormGroup label={_("Token")} fieldId="enrol-token" isRequired>
                <TextInput
                    id="enrol-token"
                    type="password"
                    autoComplete="off"
                    isRequired
                    value={s.token}
                    onChange={(_event, token) => set({ token })}
                />
            </FormGroup>
        </>
    ),
    run: s =>
        api
            .post("/v1/server/enrol", { authority: s.authority.trim(), token: s.token.trim() })
            .then(done(format(_("$0 is enrolled"), server.name))),
});

const removeDialog = (server, api, done) => ({
    title: format(_("Remove $0 from its authority?"), server.name),
    text: [
        _(
            "The host’s key and certificate are destroyed. VMs on it get no more documents, and what they were " +
                "granted because of them ends.",
        ),
        _("To come back, the host must be enrolled with a new token."),
    ],
    action: _("Destroy key and certificate"),
    danger: true,
    run: () => api.remove("/v1/server").then(done(format(_("$0 was removed"), server.name))),
});

const legacyOnDialog = (server, api, done) => ({
    title: format(_("Turn on legacy OS support on $0?"), server.name),
    text: [
        _("A network inside this host is made, without any uplink. VMs that have no vsock get documents over it."),
        _("Each VM must be let onto it: “Set up legacy networking” in the tab VMs."),
    ],
    action: _("Turn on"),
    run: () => api.post("/v1/legacy/enable").then(done(_("Legacy OS support is on"))),
});

const legacyOffDialog = (server, api, done) => ({
    title: format(_("Turn off legacy OS support on $0?"), server.name),
    text: _("The internal network is removed. VMs that have no vsock get no more documents, and their benefits end."),
    action: _("Turn off"),
    danger: true,
    initial: { removeVms: false },
    body: (s, set) => (
        <Checkbox
            id="legacy-remove"
            label={_("Also take its network card from every VM that is on it")}
            isChecked={s.removeVms}
            onChange={(_event, removeVms) => set({ removeVms })}
        />
    ),
    run: s => api.post("/v1/legacy/disable", { removeVms: s.removeVms }).then(done(_("Legacy OS support is off"))),
});

function SyncButton({ server, done }) {
    const { api, toast } = useHost();
    const [busy, setBusy] = useState(false);
    const sync = async () => {
        setBusy(true);
        try {
            await api.post("/v1/server/sync").then(done(format(_("$0 is synced"), server.name)));
        } catch (problem) {
            toast(`${problem.message} ${problem.remedy}`.trim(), "danger");
        }
        setBusy(false);
    };
    return (
        <Button variant="secondary" size="sm" isLoading={busy} isDisabled={busy} onClick={sync}>
            {busy ? _("Syncing…") : _("Sync now")}
        </Button>
    );
}

function CertificateCell({ server, now }) {
    const state = certificateState(server, now);
    if (state === "none") return <Muted>{_("none")}</Muted>;
    const text = <When at={server.certificate.notAfter} now={now} />;
    return (
        <>
            {state === "good" ? (
                text
            ) : (
                <strong>
                    {state === "ended" ? _c("certificate", "ended") : _c("certificate", "soon")}, {text}
                </strong>
            )}
            <div>
                <Muted>{time(server.certificate.notAfter)}</Muted>
            </div>
        </>
    );
}

/* What those have who may manage the host. */
function ManageCells({ server, legacy, done }) {
    const { api, ask } = useHost();
    const enrolled = !!server.certificate || server.reason?.id !== "server.not-enrolled";
    const open = dialog => () => ask(dialog(server, api, done));
    return (
        <>
            <Td dataLabel={_("Legacy OS support")}>
                {legacy && (
                    <div className="row">
                        {legacy.enabled ? _("On") : _("Off")}
                        <Button
                            variant="link"
                            isInline
                            onClick={open(legacy.enabled ? legacyOffDialog : legacyOnDialog)}>
                            {legacy.enabled ? _("Turn off…") : _("Turn on…")}
                        </Button>
                    </div>
                )}
            </Td>
            <Td dataLabel={_("Actions")}>
                <div className="row">
                    {enrolled && <SyncButton server={server} done={done} />}
                    {enrolled ? (
                        <Button variant="link" isDanger size="sm" onClick={open(removeDialog)}>
                            {_("Remove…")}
                        </Button>
                    ) : (
                        <Button variant="primary" size="sm" onClick={open(enrolDialog)}>
                            {_("Enrol…")}
                        </Button>
                    )}
                </div>
            </Td>
        </>
    );
}

function ServerRow({ server, legacy, now }) {
    const { toast, reload, may } = useHost();
    const done = text => () => {
        toast(text);
        reload();
    };
    return (
        <Tr data-server={server.name}>
            <Th scope="row" dataLabel={_("Name")}>
                {server.name}
                <div>
                    <Muted>{server.cluster}</Muted>
                </div>
            </Th>
            <Td dataLabel={_("State")}>
                <Word table={SERVER} word={server.state} />
            </Td>
            <Td dataLabel={_("Certificate ends")}>
                <CertificateCell server={server} now={now} />
            </Td>
            <Td dataLabel={_("Last sync")}>
                <When at={server.sync?.last} now={now} />
                {server.sync?.next && (
                    <div>
                        <Muted>{format(_("next $0"), time(server.sync.next))}</Muted>
                    </div>
                )}
            </Td>
            {may && <ManageCells server={server} legacy={legacy} done={done} />}
        </Tr>
    );
}

function Notices({ server, legacy }) {
    const notices = [
        ...(server.state === "Active" ? [] : [{ ...server.reason, variant: "danger" }]),
        ...(server.warnings ?? []),
        ...(legacy?.enabled ? (legacy.problems ?? []) : []),
    ];
    return notices.map((n, i) => (
        <Alert key={i} isInline component="p" variant={n.variant ?? "warning"} title={n.text ?? n.message}>
            {n.remedy && <p>{n.remedy}</p>}
            <code>{n.id}</code>
        </Alert>
    ));
}

export function Servers({ answers, hosts, legacy }) {
    const now = useNow();
    const { may } = useHost();
    return (
        <Answered answer={answers.server} what={_("Asking suretyd…")}>
            {hosts.map(s => (
                <Notices key={s.name} server={s} legacy={legacy} />
            ))}
            {answers.legacy.problem && may && (
                <Alert isInline component="p" variant="warning" title={answers.legacy.problem.message}>
                    {answers.legacy.problem.remedy}
                </Alert>
            )}
            <Card isFlat>
                <CardHeader>
                    <CardTitle component="h2">{_("Servers")}</CardTitle>
                </CardHeader>
                <CardBody>
                    <Table variant="compact" aria-label={_("Servers")} gridBreakPoint="grid-lg">
                        <Thead>
                            <Tr>
                                <Th>{_("Name")}</Th>
                                <Th>{_("State")}</Th>
                                <Th>{_("Certificate ends")}</Th>
                                <Th>{_("Last sync")}</Th>
                                {may && <Th>{_("Legacy OS support")}</Th>}
                                {may && <Th>{_("Actions")}</Th>}
                            </Tr>
                        </Thead>
                        <Tbody>
                            {hosts.map(s => (
                                <ServerRow key={s.name} server={s} legacy={legacy} now={now} />
                            ))}
                        </Tbody>
                    </Table>
                </CardBody>
            </Card>
        </Answered>
    );
}
