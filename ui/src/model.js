/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the API's answers mean for the page: pure functions without words, so that they are tested without a browser.
 * Answers of an older suretyd have no benefits: functions then return null, and the page says so. */

export const BENEFIT_STATES = ["active", "inactive", "unknown", "not-applicable"];

export const list = (answer, name) =>
    Array.isArray(answer) ? answer : Array.isArray(answer?.[name]) ? answer[name] : [];

const DAY = 86400000;

/* Servers ---------------------------------------------------------------------------------------------------------- */

/* GET /v1/servers, or what GET /v1/server told where that is not known. */
export const servers = (many, one) => (many ? list(many, "servers") : one ? [one] : []);

/* How urgent a certificate's end is: "none" (no certificate), "ended", "soon" (a week), "good". */
export function certificateState(server, now) {
    const end = Date.parse(server?.certificate?.notAfter ?? "");
    if (Number.isNaN(end)) return "none";
    return end <= now ? "ended" : end - now < 7 * DAY ? "soon" : "good";
}

/* VMs -------------------------------------------------------------------------------------------------------------- */

export const isTrusted = vm => vm.security?.securityType === "TrustedLaunch";

export const knowsBenefits = vms => vms.some(vm => vm.benefit_status !== undefined);

/* Only those that concern the VM. */
export const eligible = vm => (vm.benefits ?? []).filter(b => b.status !== "not-applicable");

/* How many VMs have which state; null: suretyd does not know benefits. */
export function benefitCounts(vms, summary) {
    const told = summary?.benefits ?? summary?.vms;
    if (told && BENEFIT_STATES.every(s => Number.isInteger(told[s]))) return told;
    if (!knowsBenefits(vms)) return null;
    const count = Object.fromEntries(BENEFIT_STATES.map(s => [s, 0]));
    for (const vm of vms) if (vm.benefit_status in count) count[vm.benefit_status]++;
    return count;
}

export function runCounts(vms) {
    const running = vms.filter(vm => vm.running).length;
    return {
        all: vms.length,
        running,
        verified: vms.filter(vm => vm.status === "Active").length,
        trusted: vms.filter(isTrusted).length,
    };
}

/* What can be done for a VM here, the first first: {action, benefit}.  Each action once. */
export function actionsOf(vm) {
    const found = new Map();
    for (const b of eligible(vm))
        if (b.status !== "active" && b.action && !found.has(b.action))
            found.set(b.action, { action: b.action, benefit: b.id });
    // one benefit may be known to be inactive, and another want to know the system
    if (vm.benefit_status === "unknown" || eligible(vm).some(b => b.status === "unknown")) {
        if (!found.has("agent-channel") && !vm.agentChannel) found.set("agent-channel", { action: "agent-channel" });
        if (!vm.running) found.set("look", { action: "look" });
    }
    return [...found.values()];
}

const UPGRADED = ["done", "kept"];

/* Whether an upgrade is offered: "upgrade", "upgraded" (can be taken back), "trusted", "busy" (between states). */
export function upgradeState(vm) {
    const state = vm.upgrade?.state;
    if (UPGRADED.includes(state)) return "upgraded";
    if (state && !["new", "undone"].includes(state)) return "busy";
    return isTrusted(vm) ? "trusted" : "upgrade";
}

const text = v => String(v ?? "").toLowerCase();

/* One row's place in the order that was chosen. */
const KEYS = {
    name: vm => text(vm.name),
    status: vm => text(vm.status),
    benefits: vm => String(["inactive", "unknown", "active", "not-applicable"].indexOf(vm.benefit_status)),
    firmware: vm => `${isTrusted(vm) ? 2 : vm.firmware === "uefi" ? 1 : 0}`,
    verified: vm => vm.lastVerified ?? "",
};

const collate = new Intl.Collator(undefined, { numeric: true }).compare;

/* want: {search, state, key, down}.  state: one of BENEFIT_STATES or "". */
export function chooseVms(vms, want) {
    const search = text(want.search).trim();
    const key = KEYS[want.key] ?? KEYS.name;
    const chosen = vms.filter(
        vm =>
            (!want.state || vm.benefit_status === want.state) &&
            (!search ||
                text(vm.name).includes(search) ||
                text(vm.uuid).includes(search) ||
                text(vm.os?.name).includes(search)),
    );
    const keyed = chosen.map(vm => [key(vm), vm]);
    keyed.sort((a, b) => (want.down ? -1 : 1) * collate(a[0], b[0]) || collate(a[1].name, b[1].name));
    return keyed.map(k => k[1]);
}

export const pageOf = (rows, page, size) => rows.slice((page - 1) * size, page * size);

/* What needs attention: {what, name, uuid, id, text, remedy, severity}, the worst first.  As /v1/summary says, or what
 * the other answers show. */
export function attention({ summary, hosts, legacy, vms, jobs }) {
    if (Array.isArray(summary?.needs_attention))
        return summary.needs_attention.map(a => ({
            what: a.kind ?? (a.uuid ? "vm" : "server"),
            name: a.name ?? "",
            uuid: a.uuid ?? "",
            id: a.id ?? "",
            text: a.text ?? a.message ?? "",
            remedy: a.remedy ?? "",
            severity:
                a.kind === "server" && a.id !== "" && hosts.some(s => s.reason?.id === a.id) ? "danger" : "warning",
        }));
    const found = [];
    for (const s of hosts) {
        if (s.state !== "Active") found.push({ what: "server", name: s.name, ...s.reason, severity: "danger" });
        for (const w of s.warnings ?? []) found.push({ what: "server", name: s.name, ...w, severity: "warning" });
    }
    for (const p of legacy?.enabled ? (legacy.problems ?? []) : [])
        found.push({ what: "legacy", name: "", id: p.id, text: p.message, remedy: p.remedy, severity: "warning" });
    for (const vm of vms)
        if (vm.problem) found.push({ what: "vm", name: vm.name, uuid: vm.uuid, ...vm.problem, severity: "warning" });
    for (const vm of vms)
        if (upgradeState(vm) === "busy" && !jobs.some(j => j.id === vm.upgrade.job && j.state !== "ended"))
            found.push({
                what: "upgrade",
                name: vm.name,
                uuid: vm.uuid,
                id: vm.upgrade.job,
                text: "",
                remedy: "",
                severity: "danger",
            });
    return found.sort((a, b) => (a.severity === "danger" ? 0 : 1) - (b.severity === "danger" ? 0 : 1));
}

/* Jobs ------------------------------------------------------------------------------------------------------------- */

/* One line of the stream of a job's events, put into what is known: {view, vms}.  VMs come first, and count when the
 * job's line has come: so view is never half of a change.  A new object when there is a new view, else the same. */
export function applyEvent(known, line) {
    if (line.event === "vm" && Number.isInteger(line.vm?.index)) known.vms.set(line.vm.index, line.vm);
    if (line.event !== "job" || !line.job) return known;
    const vms = [...known.vms.values()].sort((a, b) => a.index - b.index);
    return { view: { ...line.job, vms }, vms: known.vms };
}

export const isEnded = job => job?.state === "ended";

const FINAL = ["ok", "already", "stopped", "failed", "stuck", "skipped"];
export const isFinal = vm => FINAL.includes(vm.outcome);

/* Of one VM of a job, 0 to 100. */
export const share = vm => (isFinal(vm) ? 100 : vm.outcome === "working" ? Math.min(100, vm.percent ?? 0) : 0);

export function progressOf(job) {
    const vms = job?.vms ?? [];
    const done = vms.filter(isFinal).length;
    const percent = vms.length
        ? Math.floor(vms.reduce((sum, vm) => sum + share(vm), 0) / vms.length)
        : isEnded(job)
          ? 100
          : 0;
    return { done, all: vms.length, percent };
}

export const secondsOf = (vm, now) => (vm.startedMs ? Math.max(0, ((vm.endedMs || now) - vm.startedMs) / 1000) : 0);

/* The steps an upgrade goes through, as suretyd names them, and where a VM stands in them. */
export const STEPS = [
    "checking",
    "stopping",
    "saving",
    "converting",
    "redefining",
    "starting",
    "verifying",
    "ending",
];

const WEIGHT = { stop: 0, unknown: 1, warning: 2, note: 3, ok: 4 };

/* Of a VM in a report: those of the VM at rest, where it was looked at once more, count. */
const findingsOf = vm => (vm.checks_at_rest ?? vm.checks)?.findings ?? [];

/* Findings of a report by rule: [{id, severity, remedy, vms: [{name, message, remedy}]}], the worst first.  What is
 * well is counted alone. */
export function findingsByRule(report) {
    const rules = new Map();
    let well = 0;
    for (const vm of report?.vms ?? [])
        for (const f of findingsOf(vm)) {
            if (f.severity === "ok") {
                well++;
                continue;
            }
            const rule = rules.get(f.id) ?? { id: f.id, severity: f.severity, remedy: f.remedy ?? "", vms: [] };
            if ((WEIGHT[f.severity] ?? 3) < (WEIGHT[rule.severity] ?? 3)) rule.severity = f.severity;
            rule.vms.push({ name: vm.name, message: f.message ?? "", remedy: f.remedy ?? "" });
            rules.set(f.id, rule);
        }
    const rows = [...rules.values()].sort(
        (a, b) =>
            (WEIGHT[a.severity] ?? 3) - (WEIGHT[b.severity] ?? 3) ||
            b.vms.length - a.vms.length ||
            collate(a.id, b.id),
    );
    return { rules: rows, well };
}

/* Options of a job that differ from what it does anyway: only those are sent. */
export const DEFAULT_OPTIONS = {
    "secure-boot": true,
    vtpm: true,
    "restore-point": "auto",
    machine: "q35",
    batch: 5,
    canary: 0,
    "max-failures": 1,
    "keep-going": false,
    force: false,
    "no-start": false,
    "allow-unsigned": false,
    "shutdown-timeout": 300,
    "verify-timeout": 600,
};

/* Which options an assessment knows. */
const ASSESS = ["secure-boot", "vtpm", "restore-point", "machine", "allow-unsigned", "batch"];

export function jobOf(op, vms, options) {
    const sent = {};
    for (const [name, value] of Object.entries(options))
        if (value !== DEFAULT_OPTIONS[name] && (op !== "assess" || ASSESS.includes(name))) sent[name] = value;
    return { op, vms: vms.map(name => ({ name })), options: sent };
}
