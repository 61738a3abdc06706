/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the API's answers mean for the page: pure functions without words, so that they are tested without a browser. */

export const BENEFIT_STATES = ["active", "inactive", "unknown", "not-applicable"];

const DAY = 86400000;

/* Servers ---------------------------------------------------------------------------------------------------------- */

/* How urgent a certificate's end is: "none" (no certificate), "ended", "soon" (a week), "good". */
export function certificateState(server, now) {
    const end = Date.parse(server?.certificate?.notAfter ?? "");
    if (Number.isNaN(end)) return "none";
    return end <= now ? "ended" : end - now < 7 * DAY ? "soon" : "good";
}

/* VMs -------------------------------------------------------------------------------------------------------------- */

export const isTrusted = vm => vm.security?.securityType === "TrustedLaunch";

/* Only those that concern the VM. */
export const eligible = vm => vm.benefits.filter(b => b.status !== "not-applicable");

/* Of a VM, or of one benefit of it; a benefit that it does not have is not applicable. */
export const statusOf = (vm, benefit) =>
    benefit ? (vm.benefits.find(b => b.id === benefit)?.status ?? "not-applicable") : vm.benefit_status;

/* How many VMs have which state, of all benefits or of one. */
export function benefitCounts(vms, benefit = "") {
    const count = Object.fromEntries(BENEFIT_STATES.map(s => [s, 0]));
    for (const vm of vms) {
        const status = statusOf(vm, benefit);
        if (status in count) count[status]++;
    }
    return count;
}

/* What VMs can be shown by, besides benefits. */
export const SHOWS = {
    running: vm => vm.running,
    verified: vm => vm.status === "Active",
    trusted: isTrusted,
};

/* What libvirt does not define can neither be changed here nor looked into. */
const isLibvirts = vm => vm.source === "libvirt";

/* What is done in the VM, or for the host. */
const ANYWHERE = ["install-updates", "verify", "sync-server"];

/* What can be done for a VM here, the first first: {action, benefit}.  Each action once. */
export function actionsOf(vm) {
    const found = new Map();
    const possible = action => isLibvirts(vm) || ANYWHERE.includes(action);
    for (const b of eligible(vm))
        if (b.status !== "active" && b.action && possible(b.action) && !found.has(b.action))
            found.set(b.action, { action: b.action, benefit: b.id });
    // one benefit may be known to be inactive, and another want to know the system
    if (possible("look") && !vm.running && vm.benefits.some(b => b.status === "unknown"))
        found.set("look", { action: "look" });
    return [...found.values()];
}

/* What several VMs can be given at once: for which of them each makes sense. */
const SUITS = {
    "legacy-network": vm => !vm.legacy,
    "add-vsock": vm => !vm.vsock,
    "agent-channel": vm => !vm.agentChannel,
    look: vm => vm.os?.source !== "agent",
    "legacy-off": vm => vm.legacy,
};
export const BULK = Object.keys(SUITS);
export const suiting = (action, vms) => vms.filter(vm => isLibvirts(vm) && SUITS[action](vm));

/* VMs that turning on legacy OS support would let onto its network. */
export const withoutWay = vms => suiting("legacy-network", vms).filter(vm => !vm.vsock);

/* VMs that lack what an action gives, for one of their benefits. */
export const inNeedOf = (action, vms) =>
    vms.filter(vm => vm.benefits.some(b => b.action === action && b.status !== "active"));

/* Each of items, so many at a time: {done: [[item, answer]], failed: [[item, problem]], left: [item]}.  told(n) after
 * each; who answers it with false lets no further one begin. */
export async function inTurns(items, run, told = () => true, atATime = 3) {
    const done = [],
        failed = [],
        left = [...items];
    let going = true;
    const one = async () => {
        while (going && left.length) {
            const item = left.shift();
            try {
                done.push([item, await run(item)]);
            } catch (problem) {
                failed.push([item, problem]);
            }
            going = told(done.length + failed.length) !== false && going;
        }
    };
    await Promise.all(Array.from({ length: atATime }, one));
    return { done, failed, left };
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

/* want: {search, benefit, state, show, need, key, down}.  state: one of BENEFIT_STATES, of the benefit or of all; show:
 * one of SHOWS; need: an action that a benefit waits for; what is "" chooses nothing. */
export function chooseVms(vms, want) {
    const search = text(want.search).trim();
    const key = KEYS[want.key] ?? KEYS.name;
    const chosen = vms.filter(
        vm =>
            (!want.state || statusOf(vm, want.benefit) === want.state) &&
            (!want.need || inNeedOf(want.need, [vm]).length > 0) &&
            (!want.benefit || want.state || statusOf(vm, want.benefit) !== "not-applicable") &&
            (!SHOWS[want.show] || SHOWS[want.show](vm)) &&
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

/* What cures what suretyd says of a server: "sync", "enrol", or nothing that can be done here. */
const CURES = [
    [/^server\.(expired|sync-overdue|sync|sync-late|expires-soon|authority|clock)$/, "sync"],
    [/^server\.(not-enrolled|revoked|refused|key)$/, "enrol"],
];
export const cureOf = id => CURES.find(([ids]) => ids.test(id))?.[1] ?? null;

/* What needs attention, as /v1/summary has it, the worst first, each with its severity. */
export function attention(summary, host) {
    const isBad = a => a.id === "vm.upgrade.undoing" || (a.kind === "server" && a.id === host?.reason.id);
    const items = (summary?.needs_attention ?? []).map(a => ({ ...a, severity: isBad(a) ? "danger" : "warning" }));
    return items.sort((a, b) => (a.severity === "danger" ? 0 : 1) - (b.severity === "danger" ? 0 : 1));
}

/* Problems --------------------------------------------------------------------------------------------------------- */

/* Nobody answers: no tab has anything to show. */
export const isTotal = problem => !!problem?.id?.startsWith("page.");

/* Whether two problems are one: nobody answers for one reason, whoever asked. */
export const isSame = (a, b) =>
    !!a && !!b && ((isTotal(a) && isTotal(b)) || (a.id === b.id && a.message === b.message));

/* Of the problems of all that was asked the one that is everybody's: that nobody answers, or that several met. */
export const generalOf = problems =>
    problems.find(isTotal) ??
    problems.find((p, i) => p && p.status !== 403 && problems.some((q, j) => j > i && isSame(p, q))) ??
    null;

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
export const findingsOf = vm => (vm.checks_at_rest ?? vm.checks)?.findings ?? [];

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

export const worstFirst = findings =>
    [...findings].sort((a, b) => (WEIGHT[a.severity] ?? 3) - (WEIGHT[b.severity] ?? 3) || collate(a.id, b.id));

/* Options of a job, as src/jobs/options.c has them: only those that differ from what it does anyway are sent. */
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
    finish: false,
    "dry-run": false,
    "boot-files": "",
    "firmware-vars": "",
    "key-dir": "",
    "overlay-dir": "",
    map: "",
};

/* Which options an assessment knows. */
const ASSESS = new Set(
    ("secure-boot vtpm restore-point machine allow-unsigned batch " +
        "boot-files firmware-vars key-dir overlay-dir map").split(" "),
);

/* For the upgrade after an assessment: what was assessed, and the rest as it was chosen then. */
export const optionsAfter = (job, chosen = {}) => ({
    ...DEFAULT_OPTIONS,
    ...chosen,
    ...Object.fromEntries(Object.entries(job.options ?? {}).filter(([name]) => ASSESS.has(name))),
});

/* A VM as it stands in a command that somebody copies: by its name, when no shell and no virsh take that for more. */
export const argumentOf = vm => (/^[A-Za-z][\w.-]*$/.test(vm.name) ? vm.name : vm.uuid);

/* VMs go by their UUIDs: a name may have what cannot be written, and be another's, too. */
export function jobOf(op, vms, options) {
    const sent = {};
    for (const [name, value] of Object.entries(options))
        if (value !== DEFAULT_OPTIONS[name] && (op !== "assess" || ASSESS.has(name))) sent[name] = value;
    return { op, vms: vms.map(vm => ({ name: vm.uuid || vm.name })), options: sent };
}

/* Activity --------------------------------------------------------------------------------------------------------- */

export const AUDIT_KINDS = ["document", "verified", "request", "management"];

/* Whether what was asked for was done. */
export const wentWell = entry =>
    entry.kind === "management" ? entry.result === "ok" : entry.status < 300 && (entry.result || "ok") === "ok";

/* result: "well", "badly", or "" for all. */
export const chooseEntries = (entries, result) =>
    entries.filter(e => !result || wentWell(e) === (result === "well"));
