/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dialogs: ask before something is done, show how far it is, and what came of it. */
import { isValidElement, useRef, useState } from "react";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Modal } from "@patternfly/react-core/dist/esm/components/Modal/Modal";
import { Progress } from "@patternfly/react-core/dist/esm/components/Progress";
import { _, format, ngettext } from "./cockpit.js";
import { number } from "./format.js";
import { inTurns, isTotal } from "./model.js";
import { Original, ProblemAlert } from "./parts.jsx";
import { problemInWords, said, sentence } from "./words.js";

const SHOWN = 8;

/* Names of VMs as a sentence has room for them. */
export const namesOf = vms =>
    vms.slice(0, SHOWN).map(vm => vm.name).join(", ") +
    (vms.length > SHOWN ? " " + format(_("and $0 more"), number(vms.length - SHOWN)) : "");

function Failure({ vm, problem }) {
    const { title, detail } = problemInWords(problem);
    return (
        <li data-failed={vm.name}>
            <strong>{vm.name}</strong>: {sentence(title, vm.name)}
            <Original text={detail} name={vm.name} />
            {problem.remedy && (
                <div>
                    <strong>{_("Remedy:")}</strong> {sentence(said(problem.remedy))}
                </div>
            )}
            <div>
                <code>{problem.id}</code>
            </div>
        </li>
    );
}

/* What came of work on several VMs: [[text, vms]] that went well, and [[vm, problem]]. */
export function Results({ well, failed }) {
    return (
        <div className="stack" data-results>
            {well
                .filter(([, vms]) => vms.length > 0)
                .map(([text, vms]) => (
                    <p key={text}>
                        <strong>{text}</strong> {namesOf(vms)}
                    </p>
                ))}
            {failed.length > 0 && (
                <>
                    <p>
                        <strong>
                            {format(
                                ngettext("$0 VM is as it was:", "$0 VMs are as they were:", failed.length),
                                number(failed.length),
                            )}
                        </strong>
                    </p>
                    <ul className="plain stack failures" tabIndex={0} aria-label={_("What failed")}>
                        {failed.map(([vm, problem]) => (
                            <Failure key={vm.uuid} vm={vm} problem={problem} />
                        ))}
                    </ul>
                </>
            )}
        </div>
    );
}

/* Does one thing for several VMs, a few at a time, in a dialog that was asked to: run(vm) -> answer.  group(answer)
 * tells under which words a VM is counted that went well.  Where nobody answers any more no further one begins. */
export async function forEach(vms, run, group, { tell, stopped }) {
    let gone = false;
    tell(0, vms.length);
    const one = vm =>
        run(vm).catch(problem => {
            gone ||= isTotal(problem);
            throw problem;
        });
    const { done, failed, left } = await inTurns(vms, one, n => {
        tell(n, vms.length);
        return !stopped() && !gone;
    });
    const well = new Map();
    for (const [vm, answer] of done) well.set(group(answer), [...(well.get(group(answer)) ?? []), vm]);
    if (left.length) well.set(_("Not begun:"), left);
    return <Results well={[...well]} failed={failed} />;
}

/* dialog: {title, text, action (the button), dismiss (the other, "Cancel"), danger, wide, body(state, set) with the form's own state (initial),
 * valid(state), run(state, {tell(done, all), stopped()}) -> promise}.  Without run it only tells.  An element that run
 * gives is shown until it is closed; anything else it gives is for others. */
export function Dialog({ dialog, onClose }) {
    const [state, setState] = useState(dialog.initial ?? {});
    const [busy, setBusy] = useState(false);
    const [progress, setProgress] = useState(null);
    const [stopping, setStopping] = useState(false);
    const [problem, setProblem] = useState(null);
    const [result, setResult] = useState(null);
    const stop = useRef(false);
    const set = change => setState(s => ({ ...s, ...change }));
    const run = async () => {
        setBusy(true);
        setProblem(null);
        try {
            const told = await dialog.run(state, {
                tell: (done, all) => setProgress({ done, all }),
                stopped: () => stop.current,
            });
            if (!isValidElement(told)) return onClose();
            setResult(told);
        } catch (error) {
            setProblem(error);
        }
        setProgress(null);
        setBusy(false);
    };
    const good = !dialog.valid || dialog.valid(state);
    const close = (
        <Button key="close" variant="primary" autoFocus={!!result} onClick={onClose}>
            {_("Close")}
        </Button>
    );
    const actions =
        !dialog.run || result
            ? [...(result ? [] : (dialog.more ?? [])), close]
            : [
                  <Button
                      key="run"
                      variant={dialog.danger ? "danger" : "primary"}
                      isLoading={busy}
                      isDisabled={!good}
                      isAriaDisabled={busy}
                      onClick={run}>
                      {dialog.action}
                  </Button>,
                  progress ? (
                      <Button
                          key="stop"
                          variant="link"
                          isDisabled={stopping}
                          onClick={() => setStopping((stop.current = true))}>
                          {_("Stop")}
                      </Button>
                  ) : (
                      <Button key="cancel" variant="link" isDisabled={busy} onClick={onClose}>
                          {dialog.dismiss ?? _("Cancel")}
                      </Button>
                  ),
              ];
    return (
        <Modal
            variant={dialog.wide ? "medium" : "small"}
            isOpen
            title={dialog.title}
            titleIconVariant={dialog.danger ? "warning" : undefined}
            onClose={() => busy || onClose()}
            actions={actions}
            position="top"
            id="dialog">
            <div className="stack">
                {problem && <ProblemAlert problem={problem} />}
                {!result &&
                    [dialog.text]
                        .flat()
                        .filter(Boolean)
                        .map((t, i) => <p key={i}>{t}</p>)}
                {!result && !progress && dialog.body?.(state, set)}
                {progress && (
                    <Progress
                        aria-label={dialog.title}
                        value={Math.floor((100 * progress.done) / (progress.all || 1))}
                        label={format(_("$0 of $1 done"), number(progress.done), number(progress.all))}
                        measureLocation="outside"
                    />
                )}
                <div role="status">{result}</div>
            </div>
        </Modal>
    );
}
