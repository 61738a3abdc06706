/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that are asked for again and again while somebody looks. */
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import cockpit from "./cockpit.js";
import { applyEvent } from "./model.js";

/* {api, toast(text, variant), ask(dialog), reload()} */
export const HostContext = createContext(null);
export const useHost = () => useContext(HostContext);

const EMPTY = { data: undefined, problem: null };
const ABSENT_MS = 60000;

/* GET path every so many milliseconds while the page is seen and the session lasts: {data, problem, refresh}.  data
 * stays when an answer fails, beside the problem; but not what the user may not see any more: 403.  That is asked again
 * a minute later, or when rights change.  optional: 404 makes data null, and is asked again a minute later: suretyd may
 * have been updated. */
export function usePolled(api, path, every, { optional = false } = {}) {
    const [state, setState] = useState(EMPTY);
    const run = useRef({ text: null, timer: 0, alive: true, busy: false });

    const look = useCallback(async () => {
        const r = run.current;
        if (r.busy || !r.alive || !path) return;
        r.busy = true;
        clearTimeout(r.timer);
        let wait = every;
        try {
            const text = await api.text(path);
            if (r.alive && text !== r.text) {
                // the same text renders nothing anew
                r.text = text;
                setState({ data: JSON.parse(text), problem: null });
            } else if (r.alive) {
                setState(s => (s.problem ? { ...s, problem: null } : s));
            }
        } catch (problem) {
            if (optional && problem.status === 404) {
                wait = ABSENT_MS;
                r.text = null;
                r.alive && setState(s => (s.data === null ? s : { data: null, problem: null }));
            } else if (problem.status === 403) {
                wait = ABSENT_MS;
                r.text = null;
                r.alive && setState(s => (s.problem?.status === 403 ? s : { data: undefined, problem }));
            } else if (r.alive && !api.over()) {
                setState(s =>
                    s.problem?.id === problem.id && s.problem?.message === problem.message ? s : { ...s, problem },
                );
            }
        }
        r.busy = false;
        if (r.alive && !cockpit.hidden && !api.over()) r.timer = setTimeout(look, wait);
    }, [api, path, every, optional]);

    useEffect(() => {
        const r = { text: null, timer: 0, alive: true, busy: false };
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

const WAIT_S = 20,
    AGAIN_MS = 2000;

/* One job as long as it runs: the stream of its changes, or asking for the next change where suretyd has no stream. */
export function useJob(api, id) {
    const [state, setState] = useState(EMPTY);
    useEffect(() => {
        let alive = true,
            current = null,
            timer = 0,
            stream = null;
        setState(EMPTY);
        const show = view => {
            current = view;
            alive && setState({ data: view, problem: null });
        };
        const look = async params => show(await api.get(`/v1/jobs/${id}`, params));
        const asked = async () => {
            while (alive && current.state !== "ended") await look({ since: current.change, wait: String(WAIT_S) });
        };
        const streamed = async () => {
            let known = { view: null, vms: new Map() };
            stream = api.stream(`/v1/jobs/${id}/events`, line => {
                const next = applyEvent(known, line);
                if (next !== known) show(next.view);
                known = next;
            });
            await stream;
        };
        const follow = async () => {
            try {
                await look();
                if (current.state === "ended") return;
                await streamed().catch(problem => (problem.status === 404 ? asked() : Promise.reject(problem)));
            } catch (problem) {
                alive && setState(s => ({ ...s, problem }));
            }
            if (alive && !api.over() && current?.state !== "ended") timer = setTimeout(follow, AGAIN_MS);
        };
        follow();
        return () => {
            alive = false;
            clearTimeout(timer);
            stream?.stop();
        };
    }, [api, id]);
    return state;
}
