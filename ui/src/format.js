/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times in the language that Cockpit was set to. */
import cockpit, { _, format } from "./cockpit.js";

const made = new Map();

/* Making one of these costs more than using it a thousand times. */
function formatter(Kind, options) {
    const lang = (cockpit.language ?? "en").replace("_", "-"),
        key = Kind.name + lang + JSON.stringify(options);
    if (!made.has(key)) made.set(key, new Kind(lang, options));
    return made.get(key);
}

/* t: RFC 3339, or milliseconds since 1970; "" for none. */
export function time(t) {
    const ms = typeof t === "number" ? t : Date.parse(t ?? "");
    return !ms ? "" : formatter(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short" }).format(ms);
}

const UNITS = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
];

/* "in 12 days", "3 hours ago" */
export function relative(t, now) {
    const ms = typeof t === "number" ? t : Date.parse(t ?? "");
    if (!ms) return "";
    const seconds = (ms - now) / 1000;
    const [unit, size] = UNITS.find(([, s]) => Math.abs(seconds) >= s) ?? ["second", 1];
    return formatter(Intl.RelativeTimeFormat, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

export function seconds(s) {
    const digits = { minimumFractionDigits: s < 10 ? 1 : 0, maximumFractionDigits: s < 10 ? 1 : 0 };
    return s < 60
        ? format(_("$0 s"), formatter(Intl.NumberFormat, digits).format(s))
        : format(_("$0 min $1 s"), Math.floor(s / 60), Math.floor(s % 60));
}

export const number = n => formatter(Intl.NumberFormat, {}).format(n);
