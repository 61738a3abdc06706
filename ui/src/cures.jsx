/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buttons and dialogs that put something right, for whatever tab tells of it. */
import { useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { _, format, ngettext } from "./cockpit.js";
import { forEach, namesOf } from "./dialog.jsx";
import { number } from "./format.js";
import { go, useHost } from "./hooks.js";
import { argumentOf, cureOf, jobOf } from "./model.js";
import { Of } from "./parts.jsx";
import { ACTION, lineOf, NEXT, NEXT_OF_SEVERAL } from "./words.js";

/* Servers ---------------------------------------------------------------------------------------------------------- */

/* done: tells it, and looks at everything again. */
export function useDone() {
    const { toast, reload } = useHost();
    return text => () => {
        toast(text);
        reload();
    };
}

export function SyncButton({ name, variant = "secondary" }) {
    const { api, toast } = useHost();
    const done = useDone();
    const [busy, setBusy] = useState(false);
    const sync = async () => {
        setBusy(true);
        try {
            await api.post("/v1/server/sync").then(done(format(_("$0 is synced"), name)));
        } catch (problem) {
            toast(lineOf(problem), "danger");
        }
        setBusy(false);
    };
    return (
        <Button variant={variant} size="sm" isLoading={busy} isAriaDisabled={busy} onClick={sync}>
            {busy ? _("Syncing…") : _("Sync now")}
            <Of name={name} />
        </Button>
    );
}

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

export function EnrolButton({ server, variant = "primary" }) {
    const { api, ask } = useHost();
    const done = useDone();
    return (
        <Button variant={variant} size="sm" onClick={() => ask(enrolDialog(server, api, done))}>
            {_("Enrol…")}
            <Of name={server.name} />
        </Button>
    );
}

/* The button that cures what suretyd says of a server, if there is one. */
export function ServerCure({ id, server }) {
    const cure = cureOf(id);
    return cure === "sync" ? (
        <SyncButton name={server.name} />
    ) : cure === "enrol" ? (
        <EnrolButton server={server} variant="secondary" />
    ) : null;
}

/* VMs -------------------------------------------------------------------------------------------------------------- */

const path = vm => encodeURIComponent(vm.uuid);

/* One action for one VM: when it counts. */
const act = (api, action, vm) =>
    action === "legacy-off"
        ? api.remove(`/v1/legacy/grants/${path(vm)}`).then(() => "now")
        : api.post(`/v1/vms/${path(vm)}/actions`, { action }).then(answer => answer.next ?? "now");

/* Begins a job, says which, and goes to it. */
export async function begin({ api, reload }, op, vms, options = {}) {
    const { id } = await api.post("/v1/jobs", jobOf(op, vms, options));
    reload();
    go(["upgrade", id]);
    return id;
}

const commands = lines => (
    <pre className="commands" tabIndex={0}>
        {lines.join("\n")}
    </pre>
);

export const buildOf = os => (os.revision ? `${os.build}.${os.revision}` : String(os.build));

/* Which builds the benefits want that wait for updates. */
function wanted(vm, benefits) {
    const waiting = vm.benefits.filter(b => b.action === "install-updates").map(b => b.id);
    return benefits
        .filter(b => waiting.includes(b.id))
        .map(b => (
            <li key={b.id}>
                <strong>{b.title}</strong>:{" "}
                {format(_("one of these builds, or later: $0"), b.require.minBuild.join(", "))}
            </li>
        ));
}

/* What has to be done in the VM, where this host cannot do it. */
const tellDialog = (action, vm, benefits) => ({
    title: format(ACTION[action].title, vm.name),
    text: ACTION[action].text,
    body: () => (
        <>
            {ACTION[action].commands && commands(ACTION[action].commands.map(c => format(c, argumentOf(vm))))}
            {action === "install-updates" && (
                <>
                    <ul>{wanted(vm, benefits)}</ul>
                    {vm.os?.build ? (
                        <p>
                            {format(_("It was seen with build $0, $1."), buildOf(vm.os), vm.os.name)}
                        </p>
                    ) : null}
                </>
            )}
            {ACTION[action].after && <p>{ACTION[action].after}</p>}
        </>
    ),
});

/* Its VMs' grants were refused, and it is on all the same. */
const nowOn = () => _("Legacy OS support was turned on for this host, and stays on.");

/* Asks for one action and one VM or several, and does it; what failed is told with its remedy. */
export function actionDialog(host, action, vms, { legacyOn, benefits }) {
    const { api, toast, reload } = host;
    const words = ACTION[action] ?? { here: false, title: "$0", text: action }; // one that this page does not know
    const [one] = vms;
    if (!words.here) return tellDialog(action, one, benefits);
    const off = action === "legacy-network" && legacyOn === false;
    const alone = vms.length === 1;
    const before = async () => off && (await api.post("/v1/legacy/enable"));
    let given = 0;
    const give = async vm => {
        const next = await act(api, action, vm);
        given++;
        return next;
    };
    const several = async (_state, control) => {
        if (action === "look") return begin(host, "look", vms);
        await before();
        const results = await forEach(
            vms,
            give,
            next => NEXT_OF_SEVERAL[next] ?? NEXT_OF_SEVERAL.now,
            control,
        );
        reload();
        return off && given === 0 ? (
            <>
                {results}
                <p>{nowOn()}</p>
            </>
        ) : (
            results
        );
    };
    const single = async () => {
        await before();
        const next = await give(one).catch(problem => {
            if (off) reload();
            throw off ? Object.assign(problem, { besides: nowOn() }) : problem;
        });
        toast(format(NEXT[next] ?? NEXT.now, one.name));
        reload();
    };
    return {
        title: alone ? format(words.title, one.name) : format(words.several(vms.length), number(vms.length)),
        text: [
            !alone && namesOf(vms),
            words.text,
            off && _("Legacy OS support is off on this host: it is turned on first."),
        ],
        action: words.confirm ?? words.button,
        danger: words.danger,
        run: alone ? single : several,
    };
}

/* A button that asks for an action; an upgrade has a tab of its own.  Who gives the legacy network is told before that
 * the host's legacy support is turned on for it, so it has to be known whether it is. */
export function ActionButton({ action, vms, context, variant = "secondary", count = false }) {
    const host = useHost();
    const words = ACTION[action];
    if (action === "sync-server") return <SyncButton name={context.server ?? ""} />;
    const press = () =>
        action === "upgrade"
            ? go(["upgrade"], vms.length === 1 ? { search: vms[0].name, vm: vms[0].uuid } : { need: "upgrade" })
            : host.ask(actionDialog(host, action, vms, context));
    return (
        <Button
            variant={variant}
            size="sm"
            isDanger={!!words?.danger && variant === "secondary"}
            isDisabled={vms.length === 0 || (action === "legacy-network" && context.legacyOn === undefined)}
            data-action={action}
            onClick={press}>
            {words?.button ?? action}
            {count ? (
                ` (${number(vms.length)})`
            ) : (
                <Of
                    name={
                        vms.length === 1
                            ? vms[0].name
                            : format(ngettext("$0 VM", "$0 VMs", vms.length), number(vms.length))
                    }
                />
            )}
        </Button>
    );
}
