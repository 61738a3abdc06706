/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables with PatternFly's styles: a caption that is heard, columns that never lose a letter of their names, rows that
 * become cards where the window is narrow. */
import table from "@patternfly/react-styles/css/components/Table/table.mjs";
import grid from "@patternfly/react-styles/css/components/Table/table-grid.mjs";
import AngleRightIcon from "@patternfly/react-icons/dist/esm/icons/angle-right-icon";
import ArrowDown from "@patternfly/react-icons/dist/esm/icons/long-arrow-alt-down-icon";
import ArrowUp from "@patternfly/react-icons/dist/esm/icons/long-arrow-alt-up-icon";
import ArrowsV from "@patternfly/react-icons/dist/esm/icons/arrows-alt-v-icon";
import { createContext, useContext } from "react";
import { _, format } from "./cockpit.js";

const classes = (...all) => all.filter(Boolean).join(" ");
const Columns = createContext([]);

/* Head of a column that sorts: sort is {key, down}. */
function Sorter({ column, sort, onSort }) {
    const on = sort.key === column.sort;
    const Arrow = !on ? ArrowsV : sort.down ? ArrowDown : ArrowUp;
    return (
        <button
            type="button"
            className={table.tableButton}
            onClick={() => onSort({ key: column.sort, down: on && !sort.down })}>
            <span className={table.tableButtonContent}>
                <span className={table.tableText}>{column.title}</span>
                <span className={table.tableSortIndicator}>
                    <Arrow />
                </span>
            </span>
        </button>
    );
}

/* columns: [{title, sort, hidden, head}]: sort names the order; hidden is a title for screen readers alone; head is
 * shown instead. bodies: the children are <tbody> of their own. */
export function Table({ label, columns, sort, onSort, bodies = false, children }) {
    const ariaSort = c => (c.sort && c.sort === sort?.key ? (sort.down ? "descending" : "ascending") : undefined);
    return (
        <Columns.Provider value={columns}>
            <table
                className={classes(table.table, table.modifiers.compact, grid.modifiers.gridLg)}
                role="grid"
                aria-label={label}>
                <thead className={table.tableThead}>
                    <tr className={table.tableTr}>
                        {columns.map(c => (
                            <th
                                key={c.title}
                                scope="col"
                                className={classes(
                                    table.tableTh,
                                    table.modifiers.wrap,
                                    c.sort && table.tableSort,
                                    c.head && table.tableCheck,
                                    ariaSort(c) && table.modifiers.selected,
                                )}
                                aria-sort={ariaSort(c)}>
                                {c.head ??
                                    (c.hidden ? (
                                        <span className="screen-reader">{c.title}</span>
                                    ) : c.sort ? (
                                        <Sorter column={c} sort={sort} onSort={onSort} />
                                    ) : (
                                        c.title
                                    ))}
                            </th>
                        ))}
                    </tr>
                </thead>
                {bodies ? children : <tbody className={table.tableTbody}>{children}</tbody>}
            </table>
        </Columns.Provider>
    );
}

export const Body = ({ isOpen, ...props }) => (
    <tbody className={classes(table.tableTbody, isOpen && table.modifiers.expanded)} {...props} />
);
export const Row = props => <tr className={table.tableTr} {...props} />;

/* at: the number of the column, whose title is told where rows are cards. head: what the row is about. */
export function Cell({ at, head = false, className, children, ...props }) {
    const Tag = head ? "th" : "td";
    return (
        <Tag
            className={classes(head ? table.tableTh : table.tableTd, head && table.modifiers.wrap, className)}
            scope={head ? "row" : undefined}
            data-label={useContext(Columns)[at].title}
            {...props}>
            {children}
        </Tag>
    );
}

export const CheckBox = ({ label, checked, some = false, onChange }) => (
    <span className={table.tableCheck}>
        <input
            type="checkbox"
            aria-label={label}
            checked={checked}
            ref={element => element && (element.indeterminate = some && !checked)}
            onChange={event => onChange(event.target.checked)}
        />
    </span>
);

export const CheckCell = props => (
    <td className={classes(table.tableTd, table.tableCheck)}>
        <CheckBox {...props} />
    </td>
);

export const ToggleCell = ({ name, isOpen, onToggle }) => (
    <td className={classes(table.tableTd, table.tableToggle)}>
        <button
            type="button"
            className={classes("pf-v5-c-button pf-m-plain", isOpen && table.modifiers.expanded)}
            aria-expanded={isOpen}
            aria-label={format(_("Details of $0"), name)}
            onClick={onToggle}>
            <span className={table.tableToggleIcon}>
                <AngleRightIcon />
            </span>
        </button>
    </td>
);

/* What belongs to the row above, over all columns. */
export function Unfolded({ children }) {
    return (
        <tr className={classes(table.tableTr, table.tableExpandableRow, table.modifiers.expanded)}>
            <td className={table.tableTd} colSpan={useContext(Columns).length}>
                <div className={table.tableExpandableRowContent}>{children}</div>
            </td>
        </tr>
    );
}
