/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every tab is made of. */
import { useState } from "react";
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import {
    EmptyState,
    EmptyStateBody,
    EmptyStateFooter,
    EmptyStateHeader,
} from "@patternfly/react-core/dist/esm/components/EmptyState";
import { Label } from "@patternfly/react-core/dist/esm/components/Label";
import { Modal } from "@patternfly/react-core/dist/esm/components/Modal/Modal";
import { Spinner } from "@patternfly/react-core/dist/esm/components/Spinner";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import InfoCircleIcon from "@patternfly/react-icons/dist/esm/icons/info-circle-icon";
import MinusCircleIcon from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import PendingIcon from "@patternfly/react-icons/dist/esm/icons/pending-icon";
import QuestionCircleIcon from "@patternfly/react-icons/dist/esm/icons/question-circle-icon";
import { _ } from "./cockpit.js";
import { relative, time } from "./format.js";

const ICONS = {
    ok: <CheckCircleIcon />,
    bad: <ExclamationCircleIcon />,
    warn: <ExclamationTriangleIcon />,
    info: <InfoCircleIcon />,
    off: <MinusCircleIcon />,
    unknown: <QuestionCircleIcon />,
    wait: <PendingIcon />,
};

/* A word of a table of words.js; one that is not there is shown as it came. */
export function Word({ table, word, children }) {
    const row = table[word] ?? { text: word, color: "grey", icon: "unknown" };
    return (
        <Label isCompact color={row.color} icon={ICONS[row.icon]} data-word={word}>
            {children ?? row.text}
        </Label>
    );
}

export const Muted = ({ children }) => <span className="muted">{children}</span>;

/* To whom a button belongs that every row has: heard, not seen. */
export const Of = ({ name }) => <span className="screen-reader"> {name}</span>;

/* A time as people say it; the exact one beside it. */
export function When({ at, now }) {
    return at ? (
        <time dateTime={typeof at === "string" ? at : undefined} title={time(at)}>
            {relative(at, now)}
        </time>
    ) : (
        <Muted>{_("never")}</Muted>
    );
}

export function ProblemAlert({ problem, onRetry, variant = "danger" }) {
    return (
        <Alert
            isInline
            component="p"
            variant={variant}
            title={problem.title && !problem.detail ? problem.title : problem.detail || problem.message}
            data-problem={problem.id}
            actionLinks={
                onRetry && (
                    <Button variant="link" isInline onClick={onRetry}>
                        {_("Try again")}
                    </Button>
                )
            }>
            {problem.remedy && <p>{problem.remedy}</p>}
            {problem.id && <code>{problem.id}</code>}
        </Alert>
    );
}

export const Loading = ({ what }) => (
    <div className="loading" role="status">
        <Spinner size="lg" aria-hidden="true" />
        <span>{what ?? _("Loading…")}</span>
    </div>
);

export function Nothing({ title, children, actions }) {
    return (
        <EmptyState variant="sm">
            <EmptyStateHeader titleText={title} headingLevel="h3" />
            {children && <EmptyStateBody>{children}</EmptyStateBody>}
            {actions && <EmptyStateFooter>{actions}</EmptyStateFooter>}
        </EmptyState>
    );
}

/* An answer in its three states; a problem does not hide what was known before. */
export function Answered({ answer, what, children }) {
    return (
        <>
            {answer.problem && <ProblemAlert problem={answer.problem} onRetry={answer.refresh} />}
            {answer.data === undefined ? !answer.problem && <Loading what={what} /> : children}
        </>
    );
}

/* Asks before something is done, and says what.  dialog: {title, text, action (the button), danger, run() -> promise,
 * body(state, set) with the form's own state (initial), valid(state)}.  Without run it only tells. */
export function Dialog({ dialog, onClose }) {
    const [state, setState] = useState(dialog.initial ?? {});
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState(null);
    const set = change => setState(s => ({ ...s, ...change }));
    const run = async event => {
        event?.preventDefault();
        setBusy(true);
        setProblem(null);
        try {
            await dialog.run(state);
            onClose();
        } catch (error) {
            setBusy(false);
            setProblem(error);
        }
    };
    const good = !dialog.valid || dialog.valid(state);
    const actions = dialog.run
        ? [
              <Button
                  key="run"
                  variant={dialog.danger ? "danger" : "primary"}
                  isLoading={busy}
                  isDisabled={busy || !good}
                  onClick={run}>
                  {dialog.action}
              </Button>,
              <Button key="cancel" variant="link" isDisabled={busy} onClick={onClose}>
                  {_("Cancel")}
              </Button>,
          ]
        : [
              <Button key="close" variant="primary" onClick={onClose}>
                  {_("Close")}
              </Button>,
          ];
    return (
        <Modal
            variant="small"
            isOpen
            title={dialog.title}
            titleIconVariant={dialog.danger ? "warning" : undefined}
            onClose={() => busy || onClose()}
            actions={actions}
            position="top"
            id="dialog">
            <div className="stack">
                {problem && <ProblemAlert problem={problem} />}
                {[dialog.text]
                    .flat()
                    .filter(Boolean)
                    .map((t, i) => (
                        <p key={i}>{t}</p>
                    ))}
                {dialog.body?.(state, set)}
            </div>
        </Modal>
    );
}
