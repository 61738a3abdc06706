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

export function toProblem(error, body) {
    if (error instanceof Problem) return error;
    const status = error?.status ?? 0;
    if (!status) return unreachable(error?.problem ?? error?.message);
    try {
        const told = JSON.parse(body);
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

/* A stream of one JSON value a line; blank lines only show that it lives.  take(part) is given what arrived. */
export function lines(each) {
    let rest = "";
    return part => {
        const all = (rest + part).split("\n");
        rest = all.pop();
        for (const line of all) if (line.trim()) each(JSON.parse(line));
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

export function connect() {
    const http = cockpit.http({ unix: SOCKET, superuser: "try" });
    const inTurn = gate(AT_A_TIME);

    const text = options =>
        inTurn(
            () =>
                new Promise((resolve, reject) => {
                    http.request({ body: "", headers: {}, params: {}, ...options }).then(resolve, (error, body) =>
                        reject(toProblem(error, body)),
                    );
                }),
        );
    const json = async options => {
        const answer = await text(options);
        return answer.trim() ? JSON.parse(answer) : null;
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
        /* Resolves at the end of the stream; stop() of the promise breaks it off. */
        stream(path, each) {
            const request = http.request({ method: "GET", path, body: "", headers: {}, params: {} });
            const take = lines(each);
            const done = new Promise((resolve, reject) => {
                request.stream(part => {
                    try {
                        take(part);
                    } catch (error) {
                        request.close("protocol-error");
                        reject(
                            new Problem({
                                id: "page.stream",
                                title: _("suretyd sent what is no JSON"),
                                detail: error.message,
                            }),
                        );
                    }
                });
                request.then(resolve, (error, body) => reject(toProblem(error, body)));
            });
            done.stop = () => request.close("cancelled");
            return done;
        },
    };
}
