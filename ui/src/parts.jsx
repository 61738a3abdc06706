/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every tab is made of. */
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import {
    DescriptionListDescription,
    DescriptionListGroup,
    DescriptionListTerm,
} from "@patternfly/react-core/dist/esm/components/DescriptionList";
import {
    EmptyState,
    EmptyStateBody,
    EmptyStateFooter,
    EmptyStateHeader,
} from "@patternfly/react-core/dist/esm/components/EmptyState";
import { Spinner } from "@patternfly/react-core/dist/esm/components/Spinner";
import label from "@patternfly/react-styles/css/components/Label/label.mjs";
import AngleLeftIcon from "@patternfly/react-icons/dist/esm/icons/angle-left-icon";
import AngleRightIcon from "@patternfly/react-icons/dist/esm/icons/angle-right-icon";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import InfoCircleIcon from "@patternfly/react-icons/dist/esm/icons/info-circle-icon";
import MinusCircleIcon from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import PendingIcon from "@patternfly/react-icons/dist/esm/icons/pending-icon";
import QuestionCircleIcon from "@patternfly/react-icons/dist/esm/icons/question-circle-icon";
import { _, format } from "./cockpit.js";
import { number, relative, time } from "./format.js";
import { useHost } from "./hooks.js";
import { isSame } from "./model.js";
import { inWords, problemInWords, said, sentence } from "./words.js";

export const ICONS = {
    ok: <CheckCircleIcon />,
    bad: <ExclamationCircleIcon />,
    warn: <ExclamationTriangleIcon />,
    info: <InfoCircleIcon />,
    off: <MinusCircleIcon />,
    unknown: <QuestionCircleIcon />,
    wait: <PendingIcon />,
};

/* PatternFly's own can be shortened, closed and edited; a table has hundreds of ours. */
export const Label = ({ color = "grey", icon, word, children }) => (
    <span className={`${label.label} ${label.modifiers.compact} ${label.modifiers[color] ?? ""}`} data-word={word}>
        <span className={label.labelContent}>
            {ICONS[icon] && <span className={label.labelIcon}>{ICONS[icon]}</span>}
            <span className={label.labelText}>{children}</span>
        </span>
    </span>
);

/* A word of a table of words.js; one that is not there is shown as it came. */
export function Word({ table, word, children }) {
    const row = table[word] ?? { text: word, color: "grey", icon: "unknown" };
    return (
        <Label color={row.color} icon={row.icon} word={word}>
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

/* A row of a description list; none where there is nothing to say. */
export const Item = ({ term, children }) =>
    children ? (
        <DescriptionListGroup>
            <DescriptionListTerm>{term}</DescriptionListTerm>
            <DescriptionListDescription>{children}</DescriptionListDescription>
        </DescriptionListGroup>
    ) : null;

/* suretyd's own sentence, below what it is called in the user's language. */
export const Original = ({ text, name }) =>
    text ? (
        <div className="original" lang="en">
            {sentence(text, name)}
        </div>
    ) : null;

/* An error or a proof: what it is called, what else stands in that line, and what suretyd says of it. */
export function InWords({ id, text, name, children }) {
    const { title, detail } = inWords(id, text);
    return (
        <>
            {sentence(title, name)} {children}
            <Original text={detail} name={name} />
        </>
    );
}

export function ProblemAlert({ problem, onRetry, variant = "danger" }) {
    const { title, detail } = problemInWords(problem);
    return (
        <Alert
            isInline
            component="p"
            role="alert"
            variant={variant}
            title={sentence(title)}
            data-problem={problem.id}
            actionLinks={
                onRetry && (
                    <Button variant="link" isInline onClick={onRetry}>
                        {_("Try again")}
                    </Button>
                )
            }>
            <Original text={detail} />
            {problem.remedy && <p>{sentence(said(problem.remedy))}</p>}
            {problem.besides && <p>{problem.besides}</p>}
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

/* An answer in its three states; a problem does not hide what was known before, and is not told twice. */
export function Answered({ answer, what, children }) {
    const { general } = useHost();
    return (
        <>
            {answer.problem && !isSame(answer.problem, general) && (
                <ProblemAlert problem={answer.problem} onRetry={answer.refresh} />
            )}
            {answer.data === undefined ? !answer.problem && <Loading what={what} /> : children}
        </>
    );
}

/* Which page of so many rows; nothing where one is enough. */
export function Pager({ count, size, page, onPage }) {
    const last = Math.ceil(count / size);
    const button = (name, icon, to) => (
        <Button variant="plain" aria-label={name} isDisabled={to < 1 || to > last} onClick={() => onPage(to)}>
            {icon}
        </Button>
    );
    return (
        last > 1 && (
            <nav className="pager" aria-label={_("Pages")}>
                {button(_("Previous page"), <AngleLeftIcon />, page - 1)}
                <span role="status">
                    {format(
                        _("$0 to $1 of $2"),
                        number((page - 1) * size + 1),
                        number(Math.min(page * size, count)),
                        number(count),
                    )}
                </span>
                {button(_("Next page"), <AngleRightIcon />, page + 1)}
            </nav>
        )
    );
}

/* A file made of text, for the browser to keep. */
export function download(name, text, type = "text/plain") {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
