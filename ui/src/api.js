/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suretyd's management API, through Cockpit's bridge.  Failures are Problems: RFC 9457 as suretyd sends it, or what
 * kept us from reaching it. */
import cockpit, { _ } from "./cockpit.js";

const SOCKET = "/run/surety/api.sock";

export class Problem extends Error {
    constructor({ id = "", title = "", detail = "", remedy = "", status = 0 }) {
        super(detail || title || id);
        Object.assign(this, { id, title, detail, remedy, status });
    }
}

/* What the bridge says when there was no answer. */
function unreachable(code) {
    switch (code) {
        case "not-found":
            return new Problem({
                id: "page.not-running",
                title: _("suretyd does not run on this host"),
                remedy: _("Start it: systemctl start suretyd"),
            });
        case "access-denied":
        case "authentication-failed":
            return new Problem({
                id: "page.access",
                title: _("You may not manage VM trust"),
                remedy: _("Turn on administrative access, or be in group surety"),
            });
        case "session-ended":
            return new Problem({
                id: "page.session-ended",
                title: _("The session in Cockpit has ended"),
                remedy: _("Log in again. What is shown here is as it was before."),
            });
        case "disconnected":
        case "terminated":
        case "timeout":
            return new Problem({
                id: "page.disconnected",
                title: _("The connection to suretyd was lost"),
                remedy: _("The page tries again by itself"),
            });
        default:
            return new Problem({
                id: `page.${code || "unknown"}`,
                title: _("suretyd cannot be reached"),
                detail: code,
            });
    }
}

/* JSON without the characters that turn the direction of all that follows, beside their own text too: guests have
 * names, systems and messages of their own choice.  As they are, or as an escape of JSON. */
export const harmless = text =>
    text
        .replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd")
        .replace(/(?<!\\)((?:\\\\)*)\\u(?:202[a-e]|206[6-9])/gi, "$1\ufffd");

export function toProblem(error, body) {
    if (error instanceof Problem) return error;
    const status = error?.status ?? 0;
    if (!status) return unreachable(error?.problem ?? error?.message);
    try {
        const told = JSON.parse(harmless(body));
        return new Problem({ ...told, status });
    } catch {
        return new Problem({
            id: `http.${status}`,
            title: _("suretyd answered with an error"),
            detail: error.reason ?? String(status),
            status,
        });
    }
}

const noJson = error =>
    new Problem({ id: "page.json", title: _("suretyd sent what is no JSON"), detail: error.message });

/* An answer's value.  Text that broke off is a problem like others, not an error without an id. */
export function parsed(text) {
    try {
        return JSON.parse(text);
    } catch (error) {
        throw noJson(error);
    }
}

/* A stream of one JSON value a line; blank lines only show that it lives.  take(part) is given what arrived. */
export function lines(each) {
    let rest = "";
    return part => {
        const all = (rest + part).split("\n");
        rest = all.pop();
        for (const line of all) if (line.trim()) each(JSON.parse(harmless(line)));
    };
}

/* Lets so many run at a time, the others wait in order. */
export function gate(room) {
    const waiting = [];
    return async run => {
        if (room > 0) room--;
        else
            await new Promise(resolve => {
                waiting.push(resolve);
            });
        try {
            return await run();
        } finally {
            const next = waiting.shift();
            next ? next() : room++;
        }
    };
}

/* suretyd gives a user who is not root eight connections; a stream of a job has one of them. */
const AT_A_TIME = 4;

/* Cockpit's bridge does not tell of every connection that breaks off amid an answer: what says nothing for so long is
 * given up.  On a stream suretyd says something every second. */
const ANSWER_MS = 60000,
    SILENT_MS = 10000;

/* Calls changed() when administrative access is turned on or off.  Not by cockpit.permission(): that loads the whole
 * page anew, and what was begun on it would be lost. */
function watchAccess(changed) {
    const access = cockpit.dbus(null, { bus: "internal" }).proxy("cockpit.Superuser", "/superuser");
    let known = null;
    access.addEventListener("changed", () => {
        const now = access.Current ?? null;
        if (known !== null && now !== known) changed();
        known = now;
    });
}

/* Calls ended() when the session is over: its bridge, or the way to it, is gone for good.  Whatever is asked after that
 * gets no answer at all. */
function watchSession(ended) {
    cockpit.channel({ payload: "null" }).addEventListener("close", ended);
}

export function connect() {
    const http = cockpit.http({ unix: SOCKET, superuser: "try" });
    const inTurn = gate(AT_A_TIME);
    const watchers = { access: new Set(), session: new Set() };
    const tell = what => watchers[what].forEach(f => f());
    let over = null;
    watchAccess(() => tell("access"));
    watchSession(() => {
        over = unreachable("session-ended");
        tell("session");
    });

    /* A request that ends with the session, and when nothing of it was heard for so many milliseconds; 0: for ever. */
    const ask = (options, patience, use = () => {}) =>
        new Promise((resolve, reject) => {
            if (over) return reject(over);
            const request = http.request({ body: "", headers: {}, params: {}, ...options });
            let timer = 0;
            const heard = () => {
                clearTimeout(timer);
                if (patience)
                    timer = setTimeout(() => {
                        reject(unreachable("timeout"));
                        request.close("timeout");
                    }, patience);
            };
            heard();
            use(request, reject, heard);
            request
                .then(resolve, (error, body) => reject(over ?? toProblem(error, body)))
                .finally(() => clearTimeout(timer));
        });
    const text = async options => harmless(await inTurn(() => ask(options, options.method === "GET" ? ANSWER_MS : 0)));
    const json = async options => {
        const answer = await text(options);
        return answer.trim() ? parsed(answer) : null;
    };
    const send = (method, path, value) =>
        json({
            method,
            path,
            headers: { "Content-Type": "application/json" },
            body: value === undefined ? "" : JSON.stringify(value),
        });

    return {
        text: (path, params = {}) => text({ method: "GET", path, params }),
        get: (path, params = {}) => json({ method: "GET", path, params }),
        post: (path, value) => send("POST", path, value),
        remove: path => send("DELETE", path),
        /* on("access" or "session", f): f is called when rights change, or the session ends; gives what undoes that. */
        on(what, f) {
            watchers[what].add(f);
            return () => watchers[what].delete(f);
        },
        /* The problem that the session's end is, or null. */
        over: () => over,
        /* Resolves at the end of the stream; stop() of the promise breaks it off. */
        stream(path, each) {
            const take = lines(each);
            let current = null;
            const done = ask({ method: "GET", path }, SILENT_MS, (request, reject, heard) => {
                current = request;
                request.stream(part => {
                    heard();
                    try {
                        take(part);
                    } catch (error) {
                        request.close("protocol-error");
                        reject(noJson(error));
                    }
                });
            });
            done.stop = () => current?.close("cancelled");
            return done;
        },
    };
}
