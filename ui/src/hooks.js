/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that are asked for again and again while somebody looks. */
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import cockpit from "./cockpit.js";
import { parsed } from "./api.js";
import { applyEvent } from "./model.js";

/* {api, may, toast(text, variant), ask(dialog), reload(), general}; may: whether the user may manage this host; null:
 * not known; general: the problem that is told above every tab. */
export const HostContext = createContext(null);
export const useHost = () => useContext(HostContext);

const EMPTY = { data: undefined, problem: null };
const ABSENT_MS = 60000,
    FAILED_MS = 5000;

/* GET path every so many milliseconds while the page is seen, the session lasts and path is not null: {data, problem,
 * refresh}.  data stays when an answer fails, beside the problem; but not what the user may not see any more: 403.
 * That is asked again a minute later, or when rights change; what failed otherwise in a few seconds. */
export function usePolled(api, path, every) {
    const [state, setState] = useState(EMPTY);
    const run = useRef({ text: null, timer: 0, alive: true, busy: false, again: false });

    const look = useCallback(async () => {
        const r = run.current;
        // an answer that is on its way may have been given before what is looked for now
        r.again = r.busy;
        if (r.busy || !r.alive || !path) return;
        r.busy = true;
        clearTimeout(r.timer);
        let wait = every;
        try {
            const text = await api.text(path);
            if (r.alive && text !== r.text) {
                // the same text renders nothing anew
                setState({ data: parsed(text), problem: null });
                r.text = text;
            } else if (r.alive) {
                setState(s => (s.problem ? { ...s, problem: null } : s));
            }
        } catch (problem) {
            if (problem.status === 403) {
                wait = ABSENT_MS;
                r.text = null;
                r.alive && setState(s => (s.problem?.status === 403 ? s : { data: undefined, problem }));
            } else if (r.alive && !api.over()) {
                wait = Math.min(every, FAILED_MS);
                setState(s =>
                    s.problem?.id === problem.id && s.problem?.message === problem.message ? s : { ...s, problem },
                );
            }
        }
        r.busy = false;
        if (r.alive && !cockpit.hidden && !api.over()) r.timer = setTimeout(look, r.again ? 0 : wait);
    }, [api, path, every]);

    useEffect(() => {
        const r = { text: null, timer: 0, alive: true, busy: false, again: false };
        run.current = r;
        const seen = () => !cockpit.hidden && look();
        look();
        cockpit.addEventListener("visibilitychange", seen);
        return () => {
            r.alive = false;
            clearTimeout(r.timer);
            cockpit.removeEventListener("visibilitychange", seen);
        };
    }, [look]);

    return { ...state, refresh: look };
}

/* Now, moved on every so many milliseconds: what is told relative to it moves too. */
export function useNow(every = 30000) {
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), every);
        return () => clearInterval(timer);
    }, [every]);
    return now;
}

/* A text that is read aloud when it changes: not more often than every so many milliseconds, then the newest. */
export function useCalm(text, every) {
    const [told, setTold] = useState(text);
    const last = useRef(0);
    useEffect(() => {
        const timer = setTimeout(
            () => {
                last.current = Date.now();
                setTold(text);
            },
            Math.max(0, last.current + every - Date.now()),
        );
        return () => clearTimeout(timer);
    }, [text, every]);
    return told;
}

/* Where the page is, as Cockpit keeps it in the address: #/vms?search=web */
export function useLocation() {
    const get = () => ({ path: cockpit.location.path, options: cockpit.location.options });
    const [location, setLocation] = useState(get);
    useEffect(() => {
        const changed = () => setLocation(get());
        cockpit.addEventListener("locationchanged", changed);
        return () => cockpit.removeEventListener("locationchanged", changed);
    }, []);
    return location;
}

export const go = (path, options = {}) => cockpit.location.go(path, options);

/* Only this of what the address asks for is changed; "" takes it away. The address is asked itself: what was drawn of it
 * is old while a click is on its way. */
export function choose(path, change) {
    const options = {};
    cockpit.location.decode(window.location.hash, options);
    go(path, Object.fromEntries(Object.entries({ ...options, ...change }).filter(([, v]) => v)));
}

const AGAIN_MS = 2000;

/* One job as long as it runs: the stream of its changes, begun again when it breaks off; refresh() begins it for a job
 * that had ended and runs again. */
export function useJob(api, id) {
    const [state, setState] = useState(EMPTY);
    const [turn, setTurn] = useState(0);
    useEffect(() => setState(EMPTY), [api, id]);
    useEffect(() => {
        let alive = true,
            view = null,
            timer = 0,
            stream = null;
        const follow = async () => {
            let known = { view: null, vms: new Map() };
            try {
                stream = api.stream(`/v1/jobs/${id}/events`, line => {
                    const next = applyEvent(known, line);
                    if (next !== known && alive) setState({ data: (view = next.view), problem: null });
                    known = next;
                });
                await stream;
            } catch (problem) {
                alive && setState(s => ({ ...s, problem }));
                if (problem.status === 404) return;
            }
            if (alive && !api.over() && view?.state !== "ended") timer = setTimeout(follow, AGAIN_MS);
        };
        follow();
        return () => {
            alive = false;
            clearTimeout(timer);
            stream?.stop();
        };
    }, [api, id, turn]);
    return { ...state, refresh: useCallback(() => setTurn(t => t + 1), []) };
}
